//! Group commit: many appenders of one process share one entry.
//!
//! Each appender decides for itself, on the state that will hold once everything before it has landed, and joins the
//! open group. While one entry is under way the next group collects; whoever gets the driver's seat seals it and brings
//! it to an end. The seat is a fair lock, so a dropped future passes it on, and the entry under way is kept in shared
//! memory, so the next driver finishes it with the same bytes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::{StreamExt, future::Either, stream};
use tokio::sync::oneshot;

use super::{
    CheckpointRef, Commit, InDoubt, SystemEvent, checkpoint,
    entry::{EncodedTxn, Entry},
    fold::{Fold, LiveTxn, State},
    handle::JournalSettings,
    head,
    log::Log,
    publish::{self, Failure, Outcome, Place, Sealed},
};
use crate::{JournalId, Signer, Timestamp, TxnId, store::Error};

/// What a journal handle shares between its clones.
#[derive(Debug)]
pub(super) struct Pipeline<S: State> {
    pub(super) log: Log,
    pub(super) signer: Option<Arc<dyn Signer>>,
    pub(super) settings: JournalSettings,
    shared: Mutex<Shared<S>>,
    driver: tokio::sync::Mutex<()>,
}

struct Shared<S: State> {
    /// What is in the log, as far as it was read.
    confirmed: Fold<S>,
    /// `confirmed` with everything under way applied; `None` while nobody needed it.
    tip: Option<Fold<S>>,
    /// The entry being written; stays here if its driver is dropped.
    flight: Option<Flight<S::Event>>,
    /// The group that the next entry will hold.
    open: Option<Group<S::Event>>,
    /// A checkpoint written but not yet named by an entry.
    fresh_checkpoint: Option<CheckpointRef>,
}

impl<S: State> std::fmt::Debug for Shared<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("head", &self.confirmed.head).finish_non_exhaustive()
    }
}

struct Flight<E> {
    group: Group<E>,
    place: Place,
    sealed: Sealed,
    /// Nonce of the noop that takes the number if the entry has to be given up.
    noop: TxnId,
    /// True once an attempt may be under way.
    sent: bool,
}

/// What a driver needs of a flight.
struct Departure {
    sealed: Sealed,
    place: Place,
    noop: TxnId,
    fresh: bool,
}

struct Group<E> {
    seq: u64,
    time: Timestamp,
    bytes: usize,
    members: Vec<Member<E>>,
}

struct Member<E> {
    work: Work<E>,
    answer: oneshot::Sender<Answer>,
}

pub(super) enum Work<E> {
    Txn(LiveTxn<E>, EncodedTxn),
    /// An event of the journal itself, with an id of its own for the caller's bookkeeping.
    System(TxnId, SystemEvent),
}

/// What an appender learns of its work.
#[derive(Debug)]
pub(super) enum Answer {
    Committed(Commit),
    /// Somebody else got in between, or the entry before failed: decide again.
    Again,
    Failed(Error),
}

pub(super) type Ticket = oneshot::Receiver<Answer>;

impl<S: State> Pipeline<S> {
    pub(super) fn new(
        log: Log,
        signer: Option<Arc<dyn Signer>>,
        settings: JournalSettings,
        confirmed: Fold<S>,
    ) -> Self {
        let shared = Shared { confirmed, tip: None, flight: None, open: None, fresh_checkpoint: None };
        Self { log, signer, settings, shared: Mutex::new(shared), driver: tokio::sync::Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Shared<S>> {
        // A panic of a user's `decide` or `apply` under the lock leaves the fold of confirmed entries whole.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `read` on what is confirmed.
    pub(super) fn confirmed<T>(&self, read: impl FnOnce(&Fold<S>) -> T) -> T {
        read(&self.lock().confirmed)
    }

    /// Lets `decide` look at the newest state, unconfirmed work included, and joins what it returns to the open group.
    pub(super) fn join<T>(&self, decide: impl FnOnce(&Fold<S>) -> Result<Work<S::Event>, T>) -> Result<Joined, T> {
        let shared = &mut *self.lock();
        if shared.open.as_ref().is_some_and(|group| group.bytes >= GROUP_BYTES) {
            return Ok(Joined::Full);
        }
        let work = decide(shared.basis())?;
        let now = self.log.store.host().clock.now();
        Ok(Joined::Waiting(shared.admit(work, now)))
    }

    /// Waits for the answer, driving entries to their end whenever the seat is free.
    pub(super) async fn wait(&self, mut ticket: Ticket) -> Answer {
        loop {
            let seat = Box::pin(self.driver.lock());
            match futures::future::select(&mut ticket, seat).await {
                Either::Left((answer, _)) => return answer.unwrap_or(Answer::Again),
                Either::Right((_seat, _)) => match ticket.try_recv() {
                    Ok(answer) => return answer,
                    Err(oneshot::error::TryRecvError::Closed) => return Answer::Again,
                    Err(oneshot::error::TryRecvError::Empty) => self.drive().await,
                },
            }
        }
    }

    /// Brings whatever is under way to its end, and the open group after it.
    pub(super) async fn flush(&self) {
        let _seat = self.driver.lock().await;
        self.drive().await;
    }

    /// Reads all entries that others wrote since.
    pub(super) async fn refresh(&self) -> Result<(), Error> {
        let _seat = self.driver.lock().await;
        if self.lock().flight.is_some() {
            self.drive().await;
        }
        self.catch_up().await
    }

    /// Settles one entry: the one left under way, or the open group. Outcomes go to the members. Needs the seat.
    async fn drive(&self) {
        let Some(Departure { sealed, place, noop, fresh }) = self.take_off() else { return };
        let outcome = publish::publish(&self.log, &sealed, || self.seal_noop(place, noop), fresh).await;
        let lost = self.land(outcome);
        if lost {
            // Best effort: what cannot be read now shows at the next attempt.
            self.catch_up().await.ok();
        } else {
            self.leave_marks(sealed.seq).await;
        }
    }

    fn seal_noop(&self, place: Place, nonce: TxnId) -> Result<Sealed, Error> {
        publish::seal(&self.log, self.signer.as_deref(), place, nonce, &publish::noop_event(), &[])
    }

    /// Returns the entry to write: the one left under way, or the open group sealed.
    fn take_off(&self) -> Option<Departure> {
        let shared = &mut *self.lock();
        if shared.flight.is_none() {
            let group = shared.open.take()?;
            match self.seal_group(shared, &group) {
                Ok((sealed, place)) => {
                    let noop = TxnId::generate(self.log.store.host().ids.as_ref());
                    shared.flight = Some(Flight { group, place, sealed, noop, sent: false });
                }
                Err(error) => {
                    shared.tip = None;
                    dismiss(group.members, Some(error));
                    return None;
                }
            }
        }
        let flight = shared.flight.as_mut()?;
        let fresh = !std::mem::replace(&mut flight.sent, true);
        Some(Departure { sealed: flight.sealed.clone(), place: flight.place, noop: flight.noop, fresh })
    }

    fn seal_group(&self, shared: &Shared<S>, group: &Group<S::Event>) -> Result<(Sealed, Place), Error> {
        let place = shared.place(self, Some(group.time));
        let (mut system, mut txns) = (Vec::new(), Vec::new());
        for member in &group.members {
            match &member.work {
                Work::Txn(_, encoded) => txns.push(encoded.clone()),
                Work::System(_, event) => system.push(event.clone()),
            }
        }
        let nonce = TxnId::generate(self.log.store.host().ids.as_ref());
        let sealed = publish::seal(&self.log, self.signer.as_deref(), place, nonce, &system, &txns)?;
        Ok((sealed, place))
    }

    /// Takes in what stands at the number of the flight and answers its members. True if it is not ours.
    fn land(&self, outcome: Result<Outcome, Failure>) -> bool {
        let shared = &mut *self.lock();
        let Some(flight) = shared.flight.take() else { return false };
        let journal = &self.log.prefix;
        match outcome {
            Ok(Outcome::Ours) => {
                shared.confirm(flight);
                return false;
            }
            Ok(Outcome::Other(entry, bytes)) => match shared.take_in(&self.log, &entry, bytes) {
                Ok(()) => answer_by_entry(flight.group.members, &entry, |_| Answer::Again),
                Err(error) => dismiss(flight.group.members, Some(error)),
            },
            Ok(Outcome::GivenUp(entry, bytes, mut source)) => match shared.take_in(&self.log, &entry, bytes) {
                Ok(()) => answer_by_entry(flight.group.members, &entry, |txn| {
                    Answer::Failed(Error::Aborted { journal: journal.to_string(), txn, source: source.take() })
                }),
                Err(error) => dismiss(flight.group.members, Some(error)),
            },
            Ok(Outcome::Refused(source)) => {
                let key = format!("{journal}/log/{:020}", flight.sealed.seq);
                dismiss(flight.group.members, Some(Error::Storage { operation: "write", key, source }));
            }
            Err(Failure::Known(error)) => dismiss(flight.group.members, Some(error)),
            Err(Failure::Doubt) => {
                // The next entry goes to the same number and so settles what stands there.
                let journal_id = shared.confirmed.head.map(|head| head.journal);
                for member in flight.group.members {
                    let doubt = InDoubt {
                        journal: journal.to_string(),
                        journal_id,
                        txn: member.work.txn_id(),
                        seq: flight.sealed.seq,
                    };
                    drop(member.answer.send(Answer::Failed(Error::InDoubt(Box::new(doubt)))));
                }
            }
        }
        // What was decided on top of the lost entry is void.
        shared.tip = None;
        shared.dismiss_open_again();
        true
    }

    /// Reads and takes in entries until there are no more, ever more at a time. Needs the seat.
    async fn catch_up(&self) -> Result<(), Error> {
        let mut width = 1;
        loop {
            let next = self.lock().confirmed.next_seq();
            let mut entries =
                stream::iter(next..next.saturating_add(width)).map(|seq| self.log.read(seq)).buffered(width as usize);
            while let Some(found) = entries.next().await {
                let Some((entry, bytes)) = found? else { return Ok(()) };
                let shared = &mut *self.lock();
                shared.take_in(&self.log, &entry, bytes)?;
            }
            width = (width * 2).min(READ_AHEAD);
        }
    }

    /// Writes a checkpoint if one is due, and now and then a hint. Failures cost later openers requests, nothing else.
    async fn leave_marks(&self, seq: u64) {
        let due = {
            let shared = self.lock();
            let due = shared.fresh_checkpoint.is_none()
                && checkpoint::is_due(&shared.confirmed, self.settings.checkpoint_every);
            if due { checkpoint::encode(&shared.confirmed).ok().flatten() } else { None }
        };
        if let Some((at, bytes)) = due {
            let size = bytes.len() as u64;
            if checkpoint::write(&self.log, at, bytes).await.is_ok() {
                let shared = &mut *self.lock();
                shared.fresh_checkpoint = Some(at);
                shared.confirmed.checkpoint_bytes = size;
            }
        }
        if self.settings.hint_every > 0 && seq % self.settings.hint_every == self.settings.hint_every - 1 {
            head::write_hint(&self.log, seq).await;
        }
    }
}

impl<S: State> Shared<S> {
    /// Returns what the next appender decides on.
    fn basis(&mut self) -> &Fold<S> {
        if self.flight.is_none() && self.open.is_none() {
            return &self.confirmed;
        }
        self.tip()
    }

    /// Returns the confirmed state with everything under way applied, building it if need be.
    fn tip(&mut self) -> &mut Fold<S> {
        let Self { confirmed, tip, flight, open, .. } = self;
        tip.get_or_insert_with(|| {
            let mut tip = confirmed.clone();
            for group in flight.iter().map(|flight| &flight.group).chain(open.iter()) {
                group.members.iter().for_each(|member| apply(&mut tip, &member.work, group.seq, group.time));
            }
            tip
        })
    }

    /// Adds `work` to the open group.
    fn admit(&mut self, work: Work<S::Event>, now: Timestamp) -> Ticket {
        let (answer, ticket) = oneshot::channel();
        let last = self.flight.as_ref().map(|flight| flight.group.time).or(self.confirmed.head.map(|head| head.time));
        let seq = self.confirmed.next_seq() + u64::from(self.flight.is_some());
        let time = last.map_or(now, |last| last.max(now));
        let group = self.open.get_or_insert_with(|| Group { seq, time, bytes: 0, members: Vec::new() });
        group.bytes += work.len();
        if let Some(tip) = &mut self.tip {
            apply(tip, &work, group.seq, group.time);
        }
        group.members.push(Member { work, answer });
        ticket
    }

    /// Returns where the next entry goes.
    fn place(&self, pipeline: &Pipeline<S>, time: Option<Timestamp>) -> Place {
        let host = pipeline.log.store.host();
        let head = self.confirmed.head;
        let now = time.unwrap_or_else(|| host.clock.now());
        Place {
            journal: head.map_or_else(|| JournalId::generate(host.ids.as_ref()), |head| head.journal),
            prev: head.map(|head| head.digest),
            seq: self.confirmed.next_seq(),
            time: head.map_or(now, |head| head.time.max(now)),
            checkpoint: self.fresh_checkpoint.or(self.confirmed.checkpoint),
        }
    }

    /// Takes in an entry read from the log, which voids everything decided without it.
    fn take_in(&mut self, log: &Log, entry: &Entry, bytes: u64) -> Result<(), Error> {
        let seq = entry.header.seq;
        self.tip = None;
        self.dismiss_open_again();
        self.confirmed.check_next(entry).map_err(|why| log.broken(seq, why))?;
        super::history::fold(log, &mut self.confirmed, entry, bytes)?;
        self.forget_stale_checkpoint();
        Ok(())
    }

    /// Takes in our own entry, without decoding it, and answers its members.
    fn confirm(&mut self, flight: Flight<S::Event>) {
        let Flight { group, place, sealed, .. } = flight;
        for member in &group.members {
            apply(&mut self.confirmed, &member.work, group.seq, group.time);
        }
        let bytes = sealed.bytes.len() as u64;
        self.confirmed.advance(place.journal, sealed.digest, sealed.seq, group.time, place.checkpoint, bytes);
        self.forget_stale_checkpoint();
        for member in group.members {
            let commit =
                Commit { txn: member.work.txn_id(), seq: Some(sealed.seq), time: Some(group.time), replayed: false };
            drop(member.answer.send(Answer::Committed(commit)));
        }
    }

    /// Drops the fresh checkpoint once an entry names it or a newer one.
    fn forget_stale_checkpoint(&mut self) {
        let named = self.confirmed.checkpoint.map(|at| at.seq);
        if self.fresh_checkpoint.is_some_and(|fresh| named.is_some_and(|named| named >= fresh.seq)) {
            self.fresh_checkpoint = None;
        }
    }

    fn dismiss_open_again(&mut self) {
        if let Some(group) = self.open.take() {
            dismiss(group.members, None);
        }
    }
}

impl<E> Work<E> {
    fn len(&self) -> usize {
        match self {
            Self::Txn(_, encoded) => encoded.len(),
            Self::System(..) => SYSTEM_BYTES,
        }
    }

    fn txn_id(&self) -> TxnId {
        match self {
            Self::Txn(txn, _) => txn.id,
            Self::System(id, _) => *id,
        }
    }
}

fn apply<S: State>(fold: &mut Fold<S>, work: &Work<S::Event>, seq: u64, time: Timestamp) {
    match work {
        Work::Txn(txn, _) => fold.apply_txn(txn, seq, time),
        Work::System(_, event) => fold.ledger.apply_system(event),
    }
}

/// Tells the first member `error`, if there is one, and the others to decide again; they meet it themselves.
fn dismiss<E>(members: Vec<Member<E>>, error: Option<Error>) {
    let mut error = error;
    for member in members {
        // A receiver that is gone was dropped by its caller, who no longer asks.
        drop(member.answer.send(error.take().map_or(Answer::Again, Answer::Failed)));
    }
}

/// Answers each member by whether somebody's `entry` holds its transaction.
fn answer_by_entry<E>(members: Vec<Member<E>>, entry: &Entry, mut otherwise: impl FnMut(TxnId) -> Answer) {
    for member in members {
        let txn = member.work.txn_id();
        let answer = if entry.holds(txn) {
            let (seq, time) = (Some(entry.header.seq), Some(entry.header.time));
            Answer::Committed(Commit { txn, seq, time, replayed: true })
        } else {
            otherwise(txn)
        };
        drop(member.answer.send(answer));
    }
}

/// What came of joining the open group.
#[derive(Debug)]
pub(super) enum Joined {
    /// In the group: wait for the answer.
    Waiting(Ticket),
    /// The group is full: let it leave first.
    Full,
}

/// Size of a group's transactions after which it admits no more.
const GROUP_BYTES: usize = 1024 * 1024;
/// Room a system event takes, for the bound on groups.
const SYSTEM_BYTES: usize = 256;
/// Entries read at once when catching up.
const READ_AHEAD: u64 = 64;
