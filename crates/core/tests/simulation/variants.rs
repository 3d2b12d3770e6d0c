use std::{collections::BTreeSet, sync::Arc, time::Duration};

use bytes::Bytes;
use lineal_testkit::{Dice, Faults, Sim, SimDisk, World, find_seed};
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, path::Path};

use crate::audit::{Audit, Stored};

/// The append protocol in its smallest form, sound or with one rule left out.
///
/// An entry is `line;before`: the line, and how many lines its writer saw. Each broken form is one that a store in
/// production has had; the audit must find each within a few thousand seeds, or it proves nothing about the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Variant {
    Sound,
    /// Takes `AlreadyExists` for a lost race and any other error for a failure, without reading back.
    NoReadBack,
    /// Goes on to the next number when an answer is missing, though nothing stands at this one.
    PastUnoccupied,
    /// Deletes old numbers behind a start marker, and so lets a slow writer create one of them anew.
    ReusesDeleted,
    /// Tells its caller that an append is given up without occupying the number.
    NoNoop,
    /// Takes the overwritable hint for the end of the log.
    TrustsHint,
}

/// Runs every broken form until the audit catches it; returns those that were caught.
pub(crate) fn caught(seeds: u64) -> BTreeSet<Variant> {
    let broken =
        [Variant::NoReadBack, Variant::PastUnoccupied, Variant::ReusesDeleted, Variant::NoNoop, Variant::TrustsHint];
    let mut caught = BTreeSet::new();
    for variant in broken {
        if let Some((seed, fault)) = find_seed(seeds, |seed| run(seed, variant)) {
            println!("caught {variant:?} at seed {seed}: {fault}");
            caught.insert(variant);
        }
    }
    caught
}

/// Runs one world of the little protocol and audits it.
pub(crate) fn run(seed: u64, variant: Variant) -> Result<(), String> {
    let world = World::new(seed);
    let disk = SimDisk::new();
    let audit = Audit::default();
    let dice = world.dice();
    for writer in 0..3 {
        let objects: Arc<dyn ObjectStore> = world.store(Arc::new(disk.clone()), Faults::rough());
        let writer = Writer { sim: world.sim(), objects, variant, writer, dice: dice.fork(&format!("{writer}")) };
        world.spawn(&format!("writer {}", writer.writer), writer.live(audit.clone()));
    }
    // Deleted numbers are kept here: history does not end where a collector cut it.
    let archive = SimDisk::new();
    if variant == Variant::ReusesDeleted {
        let (disk, archive, sim) = (disk.clone(), archive.clone(), world.sim());
        let mut dice = dice.fork("trim");
        world.spawn("trimmer", async move {
            for _ in 0..6 {
                sim.timer().sleep(dice.duration(Duration::from_secs(4))).await;
                trim(&disk, &archive).await;
            }
        });
    }
    world.run();
    audit.check(&history(&disk, &archive)?, &Default::default())
}

/// Moves the start marker to the newest entry and deletes what is before it.
async fn trim(disk: &SimDisk, archive: &SimDisk) {
    let numbers = occupied(disk);
    let Some(last) = numbers.last().copied() else { return };
    let start = Bytes::from(last.to_string());
    if disk.put(&Path::from("start"), start.into()).await.is_err() {
        return;
    }
    for seq in numbers.into_iter().filter(|seq| *seq < last) {
        let Some(bytes) = disk.read(&key(seq)) else { continue };
        // What was folded once stays history; a number created anew behind the marker is read by nobody.
        if archive.read(&key(seq)).is_none() {
            archive.put(&key(seq), bytes.into()).await.ok();
        }
        disk.remove(&key(seq));
    }
}

fn occupied(disk: &SimDisk) -> Vec<u64> {
    let numbers = disk.paths().into_iter().filter_map(|path| path.as_ref().strip_prefix("log/")?.parse().ok());
    let mut numbers: Vec<u64> = numbers.collect();
    numbers.sort_unstable();
    numbers
}

/// Reads what any reader would make of the disk at the end: dense from 0, the archived part first.
fn history(disk: &SimDisk, archive: &SimDisk) -> Result<Vec<Stored>, String> {
    let start = disk.read(&Path::from("start")).map_or(0, |bytes| parse_number(&bytes));
    let last = occupied(disk).last().map_or(0, |last| last + 1);
    let mut lines = Vec::new();
    for seq in 0..last {
        let source = if seq < start { archive } else { disk };
        let bytes = source.read(&key(seq)).ok_or_else(|| format!("number {seq} is a gap"))?;
        if let Some((text, before)) = parse(&bytes) {
            lines.push(Stored { text, before, seq });
        }
    }
    Ok(lines)
}

struct Writer {
    sim: Sim,
    objects: Arc<dyn ObjectStore>,
    variant: Variant,
    writer: u64,
    dice: Dice,
}

/// What a writer has folded: the next number, and how many lines lie before it.
#[derive(Clone, Copy, Default)]
struct View {
    next: u64,
    lines: u64,
}

enum Told {
    Committed(u64),
    Aborted,
    /// The store stayed away too long to know; nothing is claimed.
    Unknown,
}

impl Writer {
    async fn live(mut self, audit: Audit) {
        let mut view = View::default();
        for at in 0..4 {
            let line = format!("{}/{at}", self.writer);
            let pause = self.dice.duration(Duration::from_secs(3));
            self.sim.timer().sleep(pause).await;
            match self.append(&mut view, &line).await {
                Told::Committed(seq) => {
                    audit.acknowledged(&line, seq);
                    self.reopen(&audit, &mut view, seq).await;
                }
                Told::Aborted => audit.aborted(&line),
                Told::Unknown => return,
            }
        }
    }

    /// Opens the log anew, as a restarted process would; it must not end before what was acknowledged.
    async fn reopen(&mut self, audit: &Audit, view: &mut View, acknowledged: u64) {
        if !self.dice.chance(0.3) {
            return;
        }
        let end =
            if self.variant == Variant::TrustsHint { self.read_hint().await } else { self.probe(view.next).await };
        let Some(end) = end else { return };
        if end <= acknowledged {
            audit.fault(format!("{} is acknowledged, and a new reader ends before {end}", acknowledged));
        }
    }

    async fn append(&mut self, view: &mut View, line: &str) -> Told {
        let mut failed = 0;
        loop {
            let entry = Bytes::from(format!("{line};{}", view.lines));
            match self.objects.put_opts(&key(view.next), entry.into(), PutMode::Create.into()).await {
                Ok(_) => return self.committed(view).await,
                Err(Error::AlreadyExists { .. }) if self.variant == Variant::NoReadBack => {
                    if !self.fold(view).await {
                        view.next += 1;
                    }
                    continue;
                }
                Err(_) if self.variant == Variant::NoReadBack => {}
                Err(_) => match self.read(view.next).await {
                    Some(Some(stored)) if stored.0 == line => return self.committed(view).await,
                    Some(Some(_)) => {
                        self.fold(view).await;
                        continue;
                    }
                    Some(None) if self.variant == Variant::PastUnoccupied => {
                        view.next += 1;
                        continue;
                    }
                    _ => {}
                },
            }
            failed += 1;
            if failed >= 3 {
                return self.give_up(view, line).await;
            }
            self.sim.timer().sleep(self.dice.duration(Duration::from_millis(200))).await;
        }
    }

    async fn committed(&self, view: &mut View) -> Told {
        let seq = view.next;
        *view = View { next: seq + 1, lines: view.lines + 1 };
        // A hint, best effort: it may be lost, late, or overtaken by an older one.
        self.objects.put(&Path::from("hint"), seq.to_string().into()).await.ok();
        Told::Committed(seq)
    }

    async fn give_up(&mut self, view: &mut View, line: &str) -> Told {
        if matches!(self.variant, Variant::NoNoop | Variant::NoReadBack) {
            return Told::Aborted;
        }
        for _ in 0..50 {
            self.objects.put_opts(&key(view.next), "noop".into(), PutMode::Create.into()).await.ok();
            match self.read(view.next).await {
                Some(Some(stored)) if stored.0 == line => return self.committed(view).await,
                Some(Some(_)) => {
                    self.fold(view).await;
                    return Told::Aborted;
                }
                _ => self.sim.timer().sleep(self.dice.duration(Duration::from_secs(1))).await,
            }
        }
        Told::Unknown
    }

    /// Takes in the entry at the next number; false if it cannot be read.
    async fn fold(&self, view: &mut View) -> bool {
        for _ in 0..50 {
            if let Some(Some((_, is_line))) = self.read(view.next).await {
                *view = View { next: view.next + 1, lines: view.lines + u64::from(is_line) };
                return true;
            }
            self.sim.timer().sleep(Duration::from_millis(100)).await;
        }
        false
    }

    /// Reads an entry: `None` if the store did not answer well, `Some(None)` if the number is free.
    async fn read(&self, seq: u64) -> Option<Option<(String, bool)>> {
        match self.objects.get(&key(seq)).await {
            Ok(answer) => {
                let size = answer.meta.size;
                let bytes = answer.bytes().await.ok().filter(|bytes| bytes.len() as u64 == size)?;
                Some(Some(parse(&bytes).map_or(("noop".to_owned(), false), |(text, _)| (text, true))))
            }
            Err(Error::NotFound { .. }) => Some(None),
            Err(_) => None,
        }
    }

    async fn read_hint(&self) -> Option<u64> {
        let bytes = self.objects.get(&Path::from("hint")).await.ok()?.bytes().await.ok()?;
        Some(parse_number(&bytes) + 1)
    }

    /// Finds the end of the log by probing from a number that existed.
    async fn probe(&self, known: u64) -> Option<u64> {
        let mut next = known;
        loop {
            match self.read(next).await {
                Some(Some(_)) => next += 1,
                Some(None) => return Some(next),
                None => return None,
            }
        }
    }
}

fn key(seq: u64) -> Path {
    Path::from(format!("log/{seq:020}"))
}

fn parse(bytes: &[u8]) -> Option<(String, u64)> {
    let (text, before) = std::str::from_utf8(bytes).ok()?.split_once(';')?;
    Some((text.to_owned(), before.parse().ok()?))
}

fn parse_number(bytes: &[u8]) -> u64 {
    std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok()).unwrap_or_default()
}
