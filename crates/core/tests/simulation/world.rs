use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::TryStreamExt;
use lineal_core::{
    Actor, Digest, Error, Head, Host, Journal, JournalSettings, KnownEvent, Resolution, Retry, SeededIds, Stamp, State,
    Store, SystemEvent, TransactError, Txn,
};
use lineal_testkit::{Counts, Dice, Faults, Sim, SimDisk, World};
use object_store::ObjectStore;
use serde::{Deserialize, Serialize};

use crate::audit::{Audit, Stored, Tally};

/// What one seed did.
pub(crate) struct Run {
    pub(crate) schedule: u64,
    pub(crate) counts: Counts,
    pub(crate) tally: Tally,
}

/// Runs the world of one seed and audits it; panics with what is wrong.
pub(crate) fn run(seed: u64) -> Run {
    let world = World::new(seed);
    let disk = SimDisk::new();
    let audit = Audit::default();
    let mut dice = world.dice();
    let writers = 2 + dice.below(7);
    let appends = 2 + dice.below(5);
    for writer in 0..writers {
        let machine = Machine::new(&world, &disk, &mut dice, writer);
        let task = world.spawn(&format!("writer {writer}"), machine.live(audit.clone(), appends, 0));
        if dice.chance(0.3) {
            task.crash_within(200);
            // What restarts after a crash knows nothing but the store.
            let again = Machine::new(&world, &disk, &mut dice, writer + 100);
            let sim = world.sim();
            let (audit, pause) = (audit.clone(), dice.duration(Duration::from_secs(10)));
            world.spawn(&format!("writer {writer} again"), async move {
                sim.timer().sleep(pause).await;
                again.live(audit, appends, 1_000).await;
            });
        }
    }
    world.run();
    let (schedule, counts) = (world.schedule(), world.log().counts());
    let mut tally = audit.tally();
    if let Err(fault) = settle(&world, &disk, &audit, &mut tally) {
        panic!("seed {seed}: {fault}\n{}", world.log());
    }
    Run { schedule, counts, tally }
}

/// Resolves what is in doubt on a quiet store, then reads everything and audits it.
fn settle(world: &World, disk: &SimDisk, audit: &Audit, tally: &mut Tally) -> Result<(), String> {
    let host = host(&world.sim(), &mut Dice::new(world.seed()), 999);
    let store = Store::new(Arc::new(disk.clone()), "disk").with_host(host);
    let (doubts, audit) = (audit.doubts(), audit.clone());
    let settled = world.block_on(async move {
        let journal = open(&store).await?;
        let mut resolved = Vec::new();
        for (line, doubt) in doubts {
            resolved.push((line, journal.resolve(&doubt).await?));
        }
        // A second answer is the same as the first, from another handle.
        let journal = open(&store).await?;
        let verified = journal.verify().await?;
        let entries: Vec<_> = match verified.head {
            Some(Head { seq, .. }) => journal.entries(0, seq).try_collect().await?,
            None => Vec::new(),
        };
        Ok::<_, Error>((resolved, entries, journal.peek(Clone::clone)))
    });
    let (resolved, entries, state) = settled.map_err(|error| format!("the journal cannot be read: {error}"))?;
    let mut lines = Vec::new();
    let mut digests: BTreeMap<u64, Digest> = BTreeMap::new();
    for entry in &entries {
        let payload = entry.payload.as_ref().ok_or("a payload is missing")?;
        digests.insert(entry.header.seq, entry.digest);
        tally.entries += 1;
        tally.shared_entries += u64::from(payload.txns.len() > 1);
        tally.noops += u64::from(payload.system.contains(&SystemEvent::Known(KnownEvent::Noop)));
        for txn in &payload.txns {
            for event in &txn.events {
                let line = Line::deserialize(event).map_err(|error| error.to_string())?;
                lines.push(Stored { text: line.text, before: line.before, seq: entry.header.seq });
            }
        }
    }
    if state.lines != lines.len() as u64 {
        return Err(format!("the fold has {} lines, the log {}", state.lines, lines.len()));
    }
    for (line, resolution) in resolved {
        let there = lines.iter().find(|stored| stored.text == line).map(|stored| stored.seq);
        match (resolution, there) {
            (Resolution::Committed(seq), Some(stored)) if seq == stored => {}
            (Resolution::Aborted, None) => {}
            (resolution, there) => return Err(format!("{line} was resolved as {resolution:?} and is at {there:?}")),
        }
    }
    let numbers = disk.paths().iter().filter(|path| path.as_ref().starts_with("sim/log/")).count();
    if numbers != entries.len() {
        return Err(format!("{numbers} numbers are occupied, {} entries chain", entries.len()));
    }
    audit.check(&lines, &digests)
}

/// Counts lines; each event says how many there were when it was decided, so a stale decision shows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Page {
    lines: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Line {
    before: u64,
    text: String,
}

impl State for Page {
    type Event = Line;
    const KIND: &'static str = "sim.page";

    fn apply(&mut self, _: &Line, _: &Stamp) {
        self.lines += 1;
    }
}

/// One process: its own store handle, clock and ids.
struct Machine {
    sim: Sim,
    store: Store,
    writer: u64,
    impatience: f64,
    dice: Dice,
}

impl Machine {
    fn new(world: &World, disk: &SimDisk, dice: &mut Dice, writer: u64) -> Self {
        let sim = world.sim();
        let faults = if dice.chance(0.8) { Faults { denied: 0.02, ..Faults::rough() } } else { outages() };
        let objects: Arc<dyn ObjectStore> = world.store(Arc::new(disk.clone()), faults);
        let retry = Retry::default().with_attempts(3).with_waits(Duration::from_millis(20), Duration::from_secs(1));
        let store = Store::new(objects, "disk").with_host(host(&sim, dice, writer)).with_retry(retry);
        let impatience = if dice.chance(0.5) { 0.2 } else { 0.0 };
        Self { sim, store, writer, impatience, dice: dice.fork(&format!("machine {writer}")) }
    }

    /// Appends from two tasks that share one handle, and now and then opens another.
    async fn live(mut self, audit: Audit, appends: u64, first: u64) {
        let Some(journal) = self.open_patiently().await else { return };
        let half = appends.div_ceil(2);
        let left = self.append_all(&journal, &audit, first, first + half, self.dice.fork("left"));
        let right = self.append_all(&journal, &audit, first + half, first + appends, self.dice.fork("right"));
        futures::future::join(left, right).await;
        if let Some(head) = journal.head() {
            audit.saw_head(head.seq, head.digest);
        }
        let reopened = self.open_patiently().await;
        if let (Some(before), Some(after)) = (journal.head(), reopened.and_then(|journal| journal.head())) {
            audit.saw_head(after.seq, after.digest);
            if after.seq < before.seq {
                audit.fault(format!(
                    "writer {}: a new handle ends at {}, an old one at {}",
                    self.writer, after.seq, before.seq
                ));
            }
        }
        self.dice.next_u64();
    }

    async fn append_all(&self, journal: &Journal<Page>, audit: &Audit, from: u64, to: u64, mut dice: Dice) {
        for at in from..to {
            let text = format!("{}/{at}", self.writer);
            let keyed = dice.chance(0.3);
            let mut txn = Txn::by(Actor::new("sim").unwrap());
            if keyed {
                txn = txn.with_key(&text);
            }
            let decide = |page: &Page| Ok::<_, ()>(vec![Line { before: page.lines, text: text.clone() }]);
            let append = journal.transact(&txn, decide);
            let Some(told) = self.sim.maybe_cancel(self.impatience, append).await else { continue };
            match told {
                Ok(commit) => audit.acknowledged(&text, commit.seq.unwrap_or(u64::MAX)),
                Err(TransactError::Journal(Error::InDoubt(doubt))) => audit.in_doubt(&text, *doubt),
                Err(TransactError::Journal(
                    error @ (Error::Broken { .. } | Error::UnknownFormat { .. } | Error::UnsafeStore { .. }),
                )) => audit.fault(format!("{text}: {error}")),
                Err(_) if keyed => self.repeat(journal, audit, &txn, &text).await,
                Err(_) => audit.aborted(&text),
            }
        }
    }

    /// Sends a keyed transaction once more: the key makes sure that it happens once.
    async fn repeat(&self, journal: &Journal<Page>, audit: &Audit, txn: &Txn, text: &str) {
        let decide = |page: &Page| Ok::<_, ()>(vec![Line { before: page.lines, text: text.to_owned() }]);
        match journal.transact(txn, decide).await {
            Ok(commit) => audit.acknowledged(text, commit.seq.unwrap_or(u64::MAX)),
            Err(TransactError::Journal(Error::InDoubt(doubt))) => audit.in_doubt(text, *doubt),
            Err(_) => audit.aborted(text),
        }
    }

    async fn open_patiently(&self) -> Option<Journal<Page>> {
        for _ in 0..20 {
            match open(&self.store).await {
                Ok(journal) => return Some(journal),
                Err(_) => self.sim.timer().sleep(Duration::from_secs(1)).await,
            }
        }
        None
    }
}

async fn open(store: &Store) -> Result<Journal<Page>, Error> {
    let settings = JournalSettings::default().with_checkpoint_every(3).with_hint_every(2);
    Journal::builder(store, "sim").with_settings(settings).open().await
}

fn host(sim: &Sim, dice: &mut Dice, writer: u64) -> Host {
    let ids = SeededIds::new(dice.next_u64() ^ writer);
    let clock = sim.skewed_clock(Duration::from_secs(30 * 86_400));
    Host::system().with_clock(Arc::new(clock)).with_ids(Arc::new(ids)).with_timer(Arc::new(sim.timer()))
}

/// A store that goes away often enough that writers give up.
fn outages() -> Faults {
    Faults { fail_before: 0.35, fail_after: 0.1, lost_answer: 0.1, ..Faults::rough() }
}
