use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::stream::BoxStream;

use super::{
    At, Commit, Entry, Head, InDoubt, KnownEvent, Snapshot, State, SystemEvent, TransactError, Txn, Verified,
    checkpoint::UNTYPED,
    entry::{Adds, EncodedTxn},
    fold::{Fold, LiveTxn, TxnOut},
    history,
    log::{Log, MAX_PAYLOAD},
    pipeline::{Answer, Joined, Pipeline, Work},
    publish::{self, Failure, Place, Resolution},
    verify,
};
use crate::{
    JournalId, Name, Signer, StoreId, TxnId, Verifier,
    blob::Enrolment,
    store::{Error, Store},
};

/// An append-only, dense, hash-chained line of events, folded to a state.
///
/// Cheap to clone; clones share one state and write as one. Any number of processes may hold the same journal: the
/// object store's create-if-absent arbitrates. Changes go through [`Journal::transact`] alone.
///
/// ```
/// use lineal_core::{Actor, Journal, Stamp, State, Store, Txn};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Clone, Default, Serialize, Deserialize)]
/// struct Counter { total: u64 }
/// #[derive(Clone, Serialize, Deserialize)]
/// struct Added { by: u64 }
/// impl State for Counter {
///     type Event = Added;
///     const KIND: &'static str = "counter";
///     fn apply(&mut self, event: &Added, _: &Stamp) { self.total += event.by; }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = Store::open("memory:///")?;
/// let journal = Journal::<Counter>::builder(&store, "counters/visits").open().await?;
/// let txn = || Ok::<_, lineal_core::InvalidName>(Txn::by(Actor::new("ana@example.org")?));
/// journal.transact(&txn()?, |_| Ok::<_, ()>(vec![Added { by: 2 }])).await.map_err(|e| format!("{e:?}"))?;
/// // A refusal is typed and is only given on the newest state.
/// let refused = journal.transact(&txn()?, |counter| if counter.total > 1 { Err("enough") } else { Ok(vec![]) }).await;
/// assert!(matches!(refused, Err(lineal_core::TransactError::Refused("enough"))));
/// assert_eq!(journal.read(|counter| counter.total).await?, 2);
/// assert_eq!(journal.verify().await?.entries, 1);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Journal<S: State> {
    pipeline: Arc<Pipeline<S>>,
    log: Arc<Log>,
}

/// Settings of a journal handle: plain data, all optional.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct JournalSettings {
    /// Entries between checkpoints; fewer if they are large, more while the state is. 0 writes none. Default 256.
    ///
    /// A cold open reads the newest checkpoint and at most about this many entries, 64 at a time.
    pub checkpoint_every: u64,
    /// Entries between hints; a hint saves a cold open a few probes. 0 writes none. Default 64.
    pub hint_every: u64,
    /// How long [`Journal::follow`] waits before it looks again. Default 500 ms.
    pub poll: Duration,
}

impl Default for JournalSettings {
    fn default() -> Self {
        Self { checkpoint_every: 256, hint_every: 64, poll: Duration::from_millis(500) }
    }
}

impl JournalSettings {
    /// Sets the entries between checkpoints; 0 writes none.
    #[must_use]
    pub fn with_checkpoint_every(mut self, entries: u64) -> Self {
        self.checkpoint_every = entries;
        self
    }

    /// Sets the entries between hints; 0 writes none.
    #[must_use]
    pub fn with_hint_every(mut self, entries: u64) -> Self {
        self.hint_every = entries;
        self
    }

    /// Sets the wait between two looks of [`Journal::follow`].
    #[must_use]
    pub fn with_poll(mut self, poll: Duration) -> Self {
        self.poll = poll;
        self
    }
}

/// Collects what a journal is opened with.
#[derive(Debug)]
pub struct JournalBuilder<S> {
    store: Store,
    prefix: String,
    kind: Option<Name>,
    signer: Option<Arc<dyn Signer>>,
    verifier: Option<Arc<dyn Verifier>>,
    settings: JournalSettings,
    state: std::marker::PhantomData<fn() -> S>,
}

impl<S: State> JournalBuilder<S> {
    /// Signs every entry written through the handle.
    #[must_use]
    pub fn with_signer(mut self, signer: Arc<dyn Signer>) -> Self {
        self.signer = Some(signer);
        self
    }

    /// Demands that every entry read is signed by a key that `verifier` knows.
    ///
    /// A cold open trusts the newest checkpoint for what lies before it; [`Journal::verify`] checks every entry.
    #[must_use]
    pub fn with_verifier(mut self, verifier: Arc<dyn Verifier>) -> Self {
        self.verifier = Some(verifier);
        self
    }

    /// Replaces the settings.
    #[must_use]
    pub fn with_settings(mut self, settings: JournalSettings) -> Self {
        self.settings = settings;
        self
    }

    /// States the kind for a reader of any kind ([`Untyped`](super::Untyped)), which could not begin an empty journal
    /// otherwise: a collector sets its barrier also where nothing was recorded yet.
    #[must_use]
    pub fn with_kind(mut self, kind: Name) -> Self {
        self.kind = Some(kind);
        self
    }

    /// Opens the journal at its present end. Never writes; a journal without entries is empty, not an error.
    ///
    /// Costs a handful of requests: hint, a few probes, the newest checkpoint, the entries since.
    ///
    /// # Errors
    /// [`Error::Broken`], [`Error::WrongKind`], [`Error::UnknownFormat`], [`Error::Purged`], [`Error::Signature`] for
    /// what is stored; [`Error::Storage`] if the store cannot be read.
    pub async fn open(self) -> Result<Journal<S>, Error> {
        let kind = match self.kind {
            Some(kind) => Some(kind),
            None if S::KIND == UNTYPED => None,
            None => Some(
                Name::new(S::KIND)
                    .map_err(|error| Error::BadUrl { url: self.prefix.clone(), reason: error.to_string() })?,
            ),
        };
        let mut log = Log { store: self.store, prefix: self.prefix.into(), kind, verifier: self.verifier };
        let fold = history::fold_all::<S>(&log).await?;
        if let (None, Some(head)) = (&log.kind, fold.head) {
            // What an untyped handle writes continues the kind that is there.
            log.kind = log.read(head.seq).await?.map(|(entry, _)| entry.header.kind);
        }
        let pipeline = Pipeline::new(log.clone(), self.signer, self.settings, fold);
        Ok(Journal { pipeline: Arc::new(pipeline), log: Arc::new(log) })
    }
}

impl<S: State> Journal<S> {
    /// Starts opening the journal at `prefix` of `store`.
    #[must_use]
    pub fn builder(store: &Store, prefix: &str) -> JournalBuilder<S> {
        JournalBuilder {
            store: store.clone(),
            prefix: prefix.trim_matches('/').to_owned(),
            kind: None,
            signer: None,
            verifier: None,
            settings: JournalSettings::default(),
            state: std::marker::PhantomData,
        }
    }

    /// Returns the prefix within the store.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.log.prefix
    }

    /// Returns the store.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.log.store
    }

    /// Decides on the newest state and records the events, exactly once.
    ///
    /// `decide` is pure: it is run again whenever another writer got in between, and its last answer counts. It sees
    /// the state with everything this process has under way; a refusal or an empty answer is given to the caller only
    /// after `decide` repeated it on the newest confirmed state. Concurrent calls share entries (group commit).
    ///
    /// Dropping the future is safe: the transaction then either stands in the journal or not, as after a crash.
    ///
    /// # Errors
    /// [`TransactError::Refused`] with the caller's own reason. Otherwise [`Error::Aborted`] (nothing was written, try
    /// again), [`Error::InDoubt`] (the store went away: [`Journal::resolve`] tells, later), [`Error::Condemned`] (put the
    /// blobs again), [`Error::UnsafeStore`], [`Error::TooLarge`], [`Error::Encode`], [`Error::Storage`] when the back end
    /// refuses the request outright.
    pub async fn transact<R>(
        &self,
        txn: &Txn,
        mut decide: impl FnMut(&S) -> Result<Vec<S::Event>, R> + Send,
    ) -> Result<Commit, TransactError<R>>
    where
        R: Send,
    {
        self.store().ensure_writable().await?;
        let id = txn.key.unwrap_or_else(|| TxnId::generate(self.store().host().ids.as_ref()));
        let adds = merge_receipts(txn);
        let mut cleared = BTreeMap::new();
        loop {
            let joined = self.pipeline.join(|fold| self.prepare(fold, txn, id, &adds, &cleared, &mut decide));
            let answer = match joined {
                Ok(Joined::Waiting(ticket)) => self.pipeline.wait(ticket).await,
                Ok(Joined::Full) => {
                    self.pipeline.flush().await;
                    continue;
                }
                Err(Hurdle::Error(error)) => return Err(error.into()),
                Err(Hurdle::NotEnrolled(store)) => {
                    self.enrol(txn, store).await?;
                    continue;
                }
                Err(Hurdle::Barrier(store, epoch)) => {
                    self.check_condemned(txn, store, epoch).await?;
                    cleared.insert(store, epoch);
                    continue;
                }
                Err(Hurdle::NothingToDo) => {
                    self.pipeline.refresh().await?;
                    match self.decide_on_confirmed(id, &mut decide) {
                        Some(answer) => return answer,
                        None => continue,
                    }
                }
            };
            match answer {
                Answer::Committed(commit) => return Ok(commit),
                Answer::Again => {}
                Answer::Failed(error) => return Err(error.into()),
            }
        }
    }

    /// Decides on `fold` and encodes the result, or says what has to happen first.
    fn prepare<R>(
        &self,
        fold: &Fold<S>,
        txn: &Txn,
        id: TxnId,
        adds: &[Adds],
        cleared: &BTreeMap<StoreId, u64>,
        decide: &mut (impl FnMut(&S) -> Result<Vec<S::Event>, R> + Send),
    ) -> Result<Work<S::Event>, Hurdle> {
        if fold.ledger.keyed.contains_key(&id) {
            return Err(Hurdle::NothingToDo);
        }
        for add in adds {
            if !fold.ledger.enrolled.contains(&add.store) {
                return Err(Hurdle::NotEnrolled(add.store));
            }
            let since = cleared.get(&add.store).copied().unwrap_or(add.epoch).max(add.epoch);
            if let Some(epoch) = fold.ledger.barrier_after(add.store, since) {
                return Err(Hurdle::Barrier(add.store, epoch));
            }
        }
        let events = match decide(&fold.state) {
            Ok(events) if !events.is_empty() => events,
            _ => return Err(Hurdle::NothingToDo),
        };
        let keyed = txn.key.is_some();
        let record = TxnOut { actor: &txn.actor, adds, events: &events, id, keyed };
        let encoded = EncodedTxn::new(&record)
            .map_err(|source| Hurdle::Error(Error::Encode { what: "event", source: Box::new(source) }))?;
        if encoded.len() > MAX_TXN {
            let journal = self.prefix().to_owned();
            return Err(Hurdle::Error(Error::TooLarge { journal, bytes: encoded.len(), limit: MAX_TXN }));
        }
        Ok(Work::Txn(LiveTxn { id, keyed, actor: txn.actor.clone(), events }, encoded))
    }

    /// Gives the final answer of a transaction that has nothing to record, or `None` if by now it has.
    fn decide_on_confirmed<R>(
        &self,
        id: TxnId,
        decide: &mut (impl FnMut(&S) -> Result<Vec<S::Event>, R> + Send),
    ) -> Option<Result<Commit, TransactError<R>>> {
        self.pipeline.confirmed(|fold| {
            if let Some((seq, time)) = fold.ledger.keyed.get(&id) {
                return Some(Ok(Commit { txn: id, seq: Some(*seq), time: Some(*time), replayed: true }));
            }
            match decide(&fold.state) {
                Err(refusal) => Some(Err(TransactError::Refused(refusal))),
                Ok(events) if events.is_empty() => {
                    let (seq, time) = fold.head.map(|head| (head.seq, head.time)).unzip();
                    Some(Ok(Commit { txn: id, seq, time, replayed: false }))
                }
                Ok(_) => None,
            }
        })
    }

    /// Makes this journal known to the collection of `store`, and records that it is.
    async fn enrol(&self, txn: &Txn, store: StoreId) -> Result<(), Error> {
        let Some(receipt) = txn.receipts.iter().find(|receipt| receipt.store() == store) else { return Ok(()) };
        let kind = self.log.kind.clone().ok_or_else(|| self.log.broken(0, "an untyped handle cannot enrol"))?;
        let enrolment = Enrolment { prefix: self.prefix().to_owned(), kind };
        let epoch = receipt.blobs().enrol(&enrolment).await?;
        self.record(SystemEvent::Known(KnownEvent::Enrol { epoch, store })).await.map(drop)
    }

    /// Refuses if a collection up to `epoch` condemned a blob of the transaction's receipts.
    async fn check_condemned(&self, txn: &Txn, store: StoreId, epoch: u64) -> Result<(), Error> {
        for receipt in txn.receipts.iter().filter(|receipt| receipt.store() == store && receipt.epoch() < epoch) {
            let condemned = receipt.blobs().condemned(receipt.epoch(), epoch, receipt.holds()).await?;
            if let Some(first) = condemned.first() {
                return Err(Error::Condemned { count: condemned.len(), first: *first });
            }
        }
        Ok(())
    }

    /// Records the barrier of a collection: from the returned number on, nothing here can newly depend on a blob that
    /// `store` condemned in an epoch up to `epoch`. For collectors; repeating it is harmless.
    ///
    /// # Errors
    /// Those of [`Journal::transact`], without refusals.
    pub async fn record_barrier(&self, store: StoreId, epoch: u64) -> Result<u64, Error> {
        self.store().ensure_writable().await?;
        self.record(SystemEvent::Known(KnownEvent::Barrier { epoch, store })).await
    }

    async fn record(&self, event: SystemEvent) -> Result<u64, Error> {
        let id = TxnId::generate(self.store().host().ids.as_ref());
        loop {
            let joined = self.pipeline.join(|_| Ok::<_, std::convert::Infallible>(Work::System(id, event.clone())));
            let answer = match joined {
                Ok(Joined::Waiting(ticket)) => self.pipeline.wait(ticket).await,
                Ok(Joined::Full) => {
                    self.pipeline.flush().await;
                    continue;
                }
                Err(never) => match never {},
            };
            match answer {
                Answer::Committed(commit) => return Ok(commit.seq.unwrap_or_default()),
                Answer::Again => {}
                Answer::Failed(error) => return Err(error),
            }
        }
    }

    /// Learns what became of a transaction in doubt, for ever, from this or any later process.
    ///
    /// Occupies its number if nothing stands there, so that the answer cannot change afterwards.
    ///
    /// # Errors
    /// [`Error::InDoubt`] again while the store cannot be reached; [`Error::Purged`] if what stood there was removed
    /// since, so that nobody can say.
    pub async fn resolve(&self, doubt: &InDoubt) -> Result<Resolution, Error> {
        self.pipeline.refresh().await?;
        let known = self.head().map(|head| head.journal);
        if doubt.journal_id.is_some_and(|asked| known.is_some_and(|known| asked != known)) {
            // Another journal stands at this prefix now; it says nothing about the transaction.
            return Err(Error::NoSuchEntry { journal: self.prefix().to_owned(), at: doubt.seq.to_string() });
        }
        if let Some(resolution) = self.resolve_by_log(doubt).await? {
            return Ok(resolution);
        }
        self.store().ensure_writable().await?;
        let place = self.pipeline.confirmed(|fold| Place {
            journal: fold
                .head
                .map_or_else(|| JournalId::generate(self.store().host().ids.as_ref()), |head| head.journal),
            prev: fold.head.map(|head| head.digest),
            seq: fold.next_seq(),
            time: fold
                .head
                .map_or_else(|| self.store().host().clock.now(), |head| head.time.max(self.store().host().clock.now())),
            checkpoint: fold.checkpoint,
        });
        if place.seq < doubt.seq {
            // Numbers before it were occupied when it was sent, so this is not the journal the doubt speaks of.
            return Err(Error::NoSuchEntry { journal: self.prefix().to_owned(), at: doubt.seq.to_string() });
        }
        let nonce = TxnId::generate(self.store().host().ids.as_ref());
        let signer = self.pipeline.signer.as_deref();
        let noop = publish::seal(&self.log, signer, place, nonce, &publish::noop_event(), &[])?;
        match publish::occupy(&self.log, &noop).await {
            Ok((entry, _)) => self.resolve_by_entry(doubt, &entry),
            Err(Failure::Doubt) => Err(Error::InDoubt(Box::new(doubt.clone()))),
            Err(Failure::Known(error)) => Err(error),
        }
    }

    async fn resolve_by_log(&self, doubt: &InDoubt) -> Result<Option<Resolution>, Error> {
        let found = self.log.read(doubt.seq).await?;
        found.map(|(entry, _)| self.resolve_by_entry(doubt, &entry)).transpose()
    }

    fn resolve_by_entry(&self, doubt: &InDoubt, entry: &Entry) -> Result<Resolution, Error> {
        let purged = || Error::Purged { journal: self.prefix().to_owned(), seq: doubt.seq };
        publish::resolution(doubt, entry).ok_or_else(purged)
    }

    /// Brings the handle up to date and runs `read` on the state.
    ///
    /// # Errors
    /// As [`JournalBuilder::open`].
    pub async fn read<T>(&self, read: impl FnOnce(&S) -> T + Send) -> Result<T, Error> {
        self.pipeline.refresh().await?;
        Ok(self.peek(read))
    }

    /// Runs `read` on the state as this handle last saw it, without a request.
    pub fn peek<T>(&self, read: impl FnOnce(&S) -> T) -> T {
        self.pipeline.confirmed(|fold| read(&fold.state))
    }

    /// Brings the handle up to date and returns a copy of the state with the head it belongs to.
    ///
    /// # Errors
    /// As [`JournalBuilder::open`].
    pub async fn snapshot(&self) -> Result<Snapshot<S>, Error> {
        self.pipeline.refresh().await?;
        Ok(self.pipeline.confirmed(Fold::snapshot))
    }

    /// Returns the head as this handle last saw it, without a request.
    #[must_use]
    pub fn head(&self) -> Option<Head> {
        self.pipeline.confirmed(|fold| fold.head)
    }

    /// Brings the handle up to date and returns the head: its digest, anchored elsewhere, later proves the past.
    ///
    /// # Errors
    /// As [`JournalBuilder::open`].
    pub async fn head_digest(&self) -> Result<Option<Head>, Error> {
        self.pipeline.refresh().await?;
        Ok(self.head())
    }

    /// Returns the state as it was at `at`: after an entry, or at a time.
    ///
    /// Reads from the newest checkpoint before it; `O(log n)` reads more for a time.
    ///
    /// # Errors
    /// [`Error::NoSuchEntry`] if the journal had no entry yet, or has none of that number; otherwise as
    /// [`JournalBuilder::open`].
    pub async fn as_of(&self, at: At) -> Result<Snapshot<S>, Error> {
        let known = self.head().map(|head| head.seq);
        let last = history::locate(&self.log, at, known).await?;
        Ok(history::fold_to::<S>(&self.log, last).await?.snapshot())
    }

    /// Streams the entries `from..=last` in order, each checked against the one before it.
    #[must_use]
    pub fn entries(&self, from: u64, last: u64) -> BoxStream<'static, Result<Entry, Error>> {
        history::entries(&self.log, from, last)
    }

    /// Streams entries from number `from` on and waits for those to come; it ends by being dropped, or with an error.
    #[must_use]
    pub fn follow(&self, from: u64) -> BoxStream<'static, Result<Entry, Error>> {
        history::follow(self, from)
    }

    /// Walks the whole chain: numbers, links, digests, times, signatures if demanded, and every checkpoint.
    ///
    /// Reads everything twice where there are checkpoints. Detects every edit by itself; truncation and a rewrite of
    /// the whole chain only against a head digest that was anchored elsewhere.
    ///
    /// # Errors
    /// [`Error::Broken`] with the number of the first entry that does not hold.
    pub async fn verify(&self) -> Result<Verified, Error> {
        verify::verify::<S>(&self.log).await
    }

    /// Removes the payload of entry `seq` for ever; its header stays, so the chain still verifies.
    ///
    /// The state can then be folded only from a checkpoint after it, so one must exist: otherwise nothing is done.
    ///
    /// # Errors
    /// [`Error::NoSuchEntry`] if there is no such entry or no checkpoint after it.
    pub async fn purge(&self, seq: u64) -> Result<(), Error> {
        self.pipeline.refresh().await?;
        let missing = || Error::NoSuchEntry { journal: self.prefix().to_owned(), at: seq.to_string() };
        let covering = self.pipeline.confirmed(|fold| fold.checkpoint).filter(|at| at.seq >= seq);
        let covering = covering.ok_or_else(missing)?;
        super::checkpoint::load_at::<S>(&self.log, covering).await?.ok_or_else(missing)?;
        let (entry, _) = self.log.read(seq).await?.ok_or_else(missing)?;
        let bytes = entry
            .encode_purged()
            .map_err(|source| Error::Encode { what: "journal entry", source: Box::new(source) })?;
        self.store().overwrite(&self.log.key(seq)?, bytes).await
    }

    pub(super) fn shared_log(&self) -> Arc<Log> {
        Arc::clone(&self.log)
    }

    pub(super) fn settings(&self) -> &JournalSettings {
        &self.pipeline.settings
    }
}

/// What stands between a transaction and its group.
enum Hurdle {
    Error(Error),
    NotEnrolled(StoreId),
    Barrier(StoreId, u64),
    /// Refused, empty, or its key was seen: to be confirmed on the newest state.
    NothingToDo,
}

/// Joins the receipts of one store: all their blobs, from the oldest of their epochs.
fn merge_receipts(txn: &Txn) -> Vec<Adds> {
    let mut adds: BTreeMap<StoreId, Adds> = BTreeMap::new();
    for receipt in &txn.receipts {
        let add = adds.entry(receipt.store()).or_insert_with(|| Adds {
            blobs: Vec::new(),
            epoch: receipt.epoch(),
            store: receipt.store(),
        });
        add.epoch = add.epoch.min(receipt.epoch());
        add.blobs.extend_from_slice(receipt.holds());
    }
    for add in adds.values_mut() {
        add.blobs.sort_unstable();
        add.blobs.dedup();
    }
    adds.into_values().collect()
}

/// Largest single transaction, so that a full group plus one still fits an entry.
const MAX_TXN: usize = MAX_PAYLOAD - 2 * 1024 * 1024;
