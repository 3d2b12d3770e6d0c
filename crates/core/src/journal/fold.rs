use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::entry::{Adds, CheckpointRef, Entry, KnownEvent, Payload, SystemEvent};
use crate::{Actor, Digest, JournalId, StoreId, Timestamp, TxnId};

/// What a domain makes of its events: a fold, and the only way its state changes.
///
/// # Contract
/// - `apply` is pure and total: it depends on its arguments alone and accepts every event that was ever stored, so the
///   same journal gives the same state on every machine and in every release.
/// - The state has a canonical encoding (no raw floats, ordered maps), because checkpoints are made of it.
/// - `clone` is called when appenders overlap or a race is lost: keep large parts behind `Arc`.
pub trait State: Clone + Default + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// What happens in the domain. Its encoding is a stored format.
    type Event: Clone + Serialize + DeserializeOwned + Send + Sync + 'static;

    /// Names the kind of journal; stored in every entry, with the rules of [`Name`](crate::Name).
    const KIND: &'static str;

    /// Version of the state's encoding: raise it with every change, then older checkpoints are passed over.
    const CHECKPOINT_VERSION: u32 = 1;

    /// Takes in one event.
    fn apply(&mut self, event: &Self::Event, stamp: &Stamp);
}

/// Where, when and by whom an event was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stamp {
    /// Number of the entry.
    pub seq: u64,
    /// Time of the entry; never decreases from entry to entry.
    pub time: Timestamp,
    /// The transaction.
    pub txn: TxnId,
    /// Who acted.
    pub actor: Actor,
}

impl Stamp {
    /// Makes a stamp, for tests of a state's fold.
    #[must_use]
    pub fn new(seq: u64, time: Timestamp, txn: TxnId, actor: Actor) -> Self {
        Self { seq, time, txn, actor }
    }
}

/// The end of a journal as somebody has read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Head {
    /// SHA-256 of the last entry's header: anchor it elsewhere to prove later that nothing before it changed.
    pub digest: Digest,
    /// Identity of the journal.
    pub journal: JournalId,
    /// Number of the last entry.
    pub seq: u64,
    /// Its time.
    pub time: Timestamp,
}

/// A state and the entry it is the state after; `None` for a journal without entries.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Snapshot<S> {
    /// The entry.
    pub head: Option<Head>,
    /// The state.
    pub state: S,
}

/// What the journal itself must remember from its entries, beside the domain's state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ledger {
    /// Latest barrier or enrolment epoch of each blob store seen.
    pub(super) barriers: BTreeMap<StoreId, u64>,
    /// Blob stores whose collection knows this journal.
    pub(super) enrolled: BTreeSet<StoreId>,
    /// Where each caller-keyed transaction landed.
    pub(super) keyed: BTreeMap<TxnId, (u64, Timestamp)>,
}

impl Ledger {
    pub(super) fn apply_system(&mut self, event: &SystemEvent) {
        let (epoch, store) = match event {
            SystemEvent::Known(KnownEvent::Barrier { epoch, store }) => (*epoch, *store),
            SystemEvent::Known(KnownEvent::Enrol { epoch, store }) => {
                self.enrolled.insert(*store);
                (*epoch, *store)
            }
            SystemEvent::Known(KnownEvent::Noop) | SystemEvent::Unknown(_) => return,
        };
        let latest = self.barriers.entry(store).or_default();
        *latest = (*latest).max(epoch);
    }

    pub(super) fn apply_txn(&mut self, id: TxnId, keyed: bool, seq: u64, time: Timestamp) {
        if keyed {
            self.keyed.entry(id).or_insert((seq, time));
        }
    }

    /// Returns the barrier that a receipt of `store` from `epoch` has to answer to, if there is a newer one.
    pub(super) fn barrier_after(&self, store: StoreId, epoch: u64) -> Option<u64> {
        self.barriers.get(&store).copied().filter(|barrier| *barrier > epoch)
    }
}

/// A folded prefix of the journal.
#[derive(Debug, Clone)]
pub(super) struct Fold<S> {
    pub(super) head: Option<Head>,
    pub(super) checkpoint: Option<CheckpointRef>,
    pub(super) ledger: Ledger,
    pub(super) state: S,
    /// Bytes and entries folded since `checkpoint` was named.
    pub(super) since_checkpoint: Tail,
    /// Size of the last checkpoint that was named, written or loaded.
    pub(super) checkpoint_bytes: u64,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tail {
    pub(super) bytes: u64,
    pub(super) entries: u64,
}

/// Checks the links between an entry and the head before it.
pub(super) fn continues(
    head: Option<&Head>,
    checkpoint: Option<CheckpointRef>,
    entry: &Entry,
) -> Result<(), &'static str> {
    let header = &entry.header;
    if header.seq != head.map_or(0, |head| head.seq + 1) {
        return Err("it is not the next number");
    }
    if header.prev != head.map(|head| head.digest) {
        return Err("it does not continue the entry before it");
    }
    if head.is_some_and(|head| head.journal != header.journal) {
        return Err("it belongs to another journal");
    }
    if head.is_some_and(|head| head.time > header.time) {
        return Err("its time is before that of the entry before it");
    }
    if header.checkpoint.is_some_and(|at| at.seq >= header.seq) {
        return Err("it names a checkpoint of the future");
    }
    if checkpoint.is_some_and(|old| header.checkpoint.is_none_or(|new| new.seq < old.seq)) {
        return Err("it names an older checkpoint than the entry before it");
    }
    Ok(())
}

/// A transaction whose events are in memory already.
#[derive(Debug, Clone)]
pub(super) struct LiveTxn<E> {
    pub(super) id: TxnId,
    pub(super) keyed: bool,
    pub(super) actor: Actor,
    pub(super) events: Vec<E>,
}

impl<S: State> Fold<S> {
    pub(super) fn empty() -> Self {
        Self {
            head: None,
            checkpoint: None,
            ledger: Ledger::default(),
            state: S::default(),
            since_checkpoint: Tail::default(),
            checkpoint_bytes: 0,
        }
    }

    /// Checks that `entry` continues the chain where this fold ends.
    pub(super) fn check_next(&self, entry: &Entry) -> Result<(), &'static str> {
        continues(self.head.as_ref(), self.checkpoint, entry)
    }

    /// Returns the number of the next entry.
    pub(super) fn next_seq(&self) -> u64 {
        self.head.map_or(0, |head| head.seq + 1)
    }

    /// Takes in a stored entry that is known to continue the chain.
    ///
    /// Fails with the text of what is wrong, leaving the fold as it was, if an event cannot be read.
    pub(super) fn apply_entry(&mut self, entry: &Entry, bytes: u64) -> Result<(), FoldFlaw> {
        let payload = entry.payload.as_ref().ok_or(FoldFlaw::Purged)?;
        let txns = decode_txns::<S>(payload)?;
        let (seq, time) = (entry.header.seq, entry.header.time);
        payload.system.iter().for_each(|event| self.ledger.apply_system(event));
        txns.iter().for_each(|txn| self.apply_txn(txn, seq, time));
        self.advance(entry.header.journal, entry.digest, seq, time, entry.header.checkpoint, bytes);
        Ok(())
    }

    /// Takes in one transaction of the entry `seq`.
    pub(super) fn apply_txn(&mut self, txn: &LiveTxn<S::Event>, seq: u64, time: Timestamp) {
        self.ledger.apply_txn(txn.id, txn.keyed, seq, time);
        let stamp = Stamp { seq, time, txn: txn.id, actor: txn.actor.clone() };
        txn.events.iter().for_each(|event| self.state.apply(event, &stamp));
    }

    /// Moves the head to an entry whose transactions were taken in.
    pub(super) fn advance(
        &mut self,
        journal: JournalId,
        digest: Digest,
        seq: u64,
        time: Timestamp,
        checkpoint: Option<CheckpointRef>,
        bytes: u64,
    ) {
        self.head = Some(Head { digest, journal, seq, time });
        self.since_checkpoint.bytes += bytes;
        self.since_checkpoint.entries += 1;
        if checkpoint != self.checkpoint {
            self.checkpoint = checkpoint;
            self.checkpoint_bytes = checkpoint.map_or(0, |at| at.size_bytes);
            // The checkpoint was made a little before this entry; what lies between is small and counted again later.
            self.since_checkpoint = Tail::default();
        }
    }

    pub(super) fn snapshot(&self) -> Snapshot<S> {
        Snapshot { head: self.head, state: self.state.clone() }
    }
}

/// Why an entry cannot be folded.
#[derive(Debug, thiserror::Error)]
pub(super) enum FoldFlaw {
    #[error("its payload was purged")]
    Purged,
    #[error("an event of it cannot be read by this release: {0}")]
    Event(serde_json::Error),
}

fn decode_txns<S: State>(payload: &Payload) -> Result<Vec<LiveTxn<S::Event>>, FoldFlaw> {
    let decode = |value: &serde_json::Value| S::Event::deserialize(value).map_err(FoldFlaw::Event);
    payload
        .txns
        .iter()
        .map(|txn| {
            let events = txn.events.iter().map(decode).collect::<Result<_, _>>()?;
            Ok(LiveTxn { id: txn.id, keyed: txn.keyed, actor: txn.actor.clone(), events })
        })
        .collect()
}

/// Borrowed form of [`TxnRecord`](super::TxnRecord), for encoding.
#[derive(Serialize)]
pub(super) struct TxnOut<'a, E> {
    pub(super) actor: &'a Actor,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) adds: &'a [Adds],
    pub(super) events: &'a [E],
    pub(super) id: TxnId,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) keyed: bool,
}
