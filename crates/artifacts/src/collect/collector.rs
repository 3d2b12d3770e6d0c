use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use futures::TryStreamExt;
use lineal_core::{BlobStore, Digest, Error, Journal, Links, Mark, Roots, Timestamp, Untyped};

use super::{
    Fate, PackFate, Plan,
    mark::{Live, refused},
    purge::{Purge, Residue},
};
use crate::{PackBlobs, PackEvent, PackName, PackState, SessionId, StoreEvent};

/// Frees what no journal names any longer, while writers go on.
///
/// It needs [`Roots`] for every kind of journal that names blobs, and [`Links`] for every media type that they reach; it
/// condemns nothing while one is missing. Any number of collectors may run, be stopped anywhere, and be started again.
///
/// ```
/// use lineal_artifacts::{Collector, PackBlobs};
/// use lineal_core::{BlobStoreExt, Store};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), lineal_core::Error> {
/// let blobs = PackBlobs::open(&Store::open("memory:///")?, "blobs").await?;
/// blobs.put_one("nobody will ever name this".into()).await?;
/// let collector = Collector::new(&blobs);
/// collector.collect().await?; // too young: what names it may be on its way
/// assert_eq!(collector.collect().await?.removed, 1);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Collector {
    pub(super) blobs: PackBlobs,
    pub(super) roots: Vec<Arc<dyn Roots>>,
    pub(super) links: Vec<Arc<dyn Links>>,
    settings: CollectSettings,
}

/// When a collection acts; plain data, all optional. Nothing here can make it unsafe.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct CollectSettings {
    /// Packs of which less than this share is alive are rewritten, `0.0..=1.0`. Default 0.6.
    pub sparse_below_fraction: f64,
    /// How long a batch may be silent before it is taken for dead. Default 7 days.
    ///
    /// A batch that was only slow is told so, and has to put its blobs again.
    pub fence_after: Duration,
}

impl Default for CollectSettings {
    fn default() -> Self {
        Self { sparse_below_fraction: 0.6, fence_after: Duration::from_secs(7 * 86_400) }
    }
}

impl CollectSettings {
    /// Sets below which share of live bytes a pack is rewritten; 1 frees all garbage and rewrites the most.
    #[must_use]
    pub fn with_sparse_below(mut self, fraction: f64) -> Self {
        self.sparse_below_fraction = fraction;
        self
    }

    /// Sets how long a batch may be silent.
    #[must_use]
    pub fn with_fence_after(mut self, silence: Duration) -> Self {
        self.fence_after = silence;
        self
    }
}

/// What a round did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Collected {
    /// The epoch it opened or ended, if any.
    pub epoch: Option<u64>,
    /// Packs condemned that were deleted.
    pub removed: u64,
    /// Packs condemned that somebody had named meanwhile.
    pub rescued: u64,
    /// Sparse packs whose live records were written anew.
    pub rewritten: u64,
    /// Bytes of deleted packs.
    pub removed_bytes: u64,
    /// Unrecorded packs of dead batches that were deleted.
    pub litter: u64,
    /// Files that interrupted writes of packs left on a local disk, removed.
    pub staged: u64,
    /// Batches given up.
    pub fenced: u64,
}

/// What journals came to depend on between the mark and the barrier.
enum Named {
    Packs(BTreeSet<Digest>),
    /// An entry in between was purged.
    Unknown,
}

impl Collector {
    /// Makes a collector of `blobs`.
    #[must_use]
    pub fn new(blobs: &PackBlobs) -> Self {
        Self { blobs: blobs.clone(), roots: Vec::new(), links: Vec::new(), settings: CollectSettings::default() }
    }

    /// Adds what tells the roots of one kind of journal.
    #[must_use]
    pub fn with_roots(mut self, roots: Arc<dyn Roots>) -> Self {
        self.roots.push(roots);
        self
    }

    /// Adds what tells the children of blobs of one media type.
    #[must_use]
    pub fn with_links(mut self, links: Arc<dyn Links>) -> Self {
        self.links.push(links);
        self
    }

    /// Replaces the settings.
    #[must_use]
    pub fn with_settings(mut self, settings: CollectSettings) -> Self {
        self.settings = settings;
        self
    }

    pub(super) fn leaves_no_garbage(&self) -> bool {
        self.settings.sparse_below_fraction >= 1.0
    }

    /// Says what a round would do now, and why; changes nothing.
    ///
    /// # Errors
    /// As [`Collector::collect`].
    pub async fn plan(&self) -> Result<Plan, Error> {
        let mark = self.begin().await?;
        Ok(self.judge(&mark, &self.mark(&mark.journals).await?))
    }

    /// Does one round: ends an epoch that was left open, or marks, rewrites, condemns and sweeps.
    ///
    /// Garbage is gone after two rounds: the first opens an epoch, so that the second can tell what is old. At the end the index
    /// on disk is brought up to date if it is time, as by [`PackBlobs::index_packs`].
    ///
    /// # Errors
    /// [`Error::Collection`] if something is missing that it must know, if a pack is damaged, or if another collector was
    /// faster; nothing was condemned then. Otherwise those of reading and writing; the next round goes on from there.
    pub async fn collect(&self) -> Result<Collected, Error> {
        let done = self.round(None).await?.0;
        self.blobs.inner.tend_index().await?;
        Ok(done)
    }

    /// Does a round that also empties packs of what a purge wants gone; with what of that it found, if it marked.
    pub(super) async fn round(&self, purge: Option<&Purge>) -> Result<(Collected, Option<Residue>), Error> {
        self.blobs.inner.refresh().await?;
        let open = self.blobs.inner.journal.peek(|state| state.collection().open_epoch());
        if let Some(epoch) = open {
            // Somebody's collector died, or is about to end it.
            return Ok((self.finish(epoch, Collected::default()).await?, None));
        }
        let fenced = self.fence().await?;
        let mark = self.begin().await?;
        let mut live = self.mark(&mark.journals).await?;
        let residue = match purge {
            Some(purge) => Some(self.residue(purge, &live).await?),
            None => None,
        };
        live.purged.extend(residue.iter().flat_map(|residue| &residue.packs));
        let plan = self.judge(&mark, &live);
        let litter = self.remove_litter().await?;
        let staged = self.remove_staged().await?;
        let done = Collected { fenced, litter, staged, ..Collected::default() };
        let condemned: BTreeSet<PackName> = plan.condemned().map(|pack| pack.name).collect();
        // What is young stays so until another epoch is opened.
        let is_wanted_gone = residue.as_ref().is_some_and(|residue| !residue.garbage.is_empty());
        if condemned.is_empty() && !plan.has_young_garbage() && !is_wanted_gone {
            return Ok((done, residue));
        }
        let rewritten = self.rewrite(&plan, &live).await?;
        let epoch = self.condemn(&mark, live.heads, &condemned).await?;
        Ok((self.finish(epoch, Collected { rewritten, ..done }).await?, residue))
    }

    async fn begin(&self) -> Result<Mark, Error> {
        self.blobs.inner.refresh().await?;
        if let Some((name, why)) = self.blobs.inner.index().first_damaged() {
            return Err(refused(format!("pack {name} is damaged ({why}): repair the store first")));
        }
        let (state, head) =
            (self.blobs.inner.journal.peek(|state| state.collection().clone()), self.blobs.inner.journal.head());
        state.mark(head)
    }

    fn judge(&self, mark: &Mark, live: &Live) -> Plan {
        let fate = |name: &PackName, closed: Option<u64>, live_bytes: u64, records_bytes: u64| match closed {
            None => Fate::Open,
            Some(epoch) if epoch >= mark.epoch => Fate::Young,
            Some(_) if !live.any(name) => Fate::Dead,
            Some(_) if live.purged.contains(name) => Fate::Sparse,
            Some(_) if (live_bytes as f64) < self.settings.sparse_below_fraction * records_bytes as f64 => Fate::Sparse,
            Some(_) => Fate::Live,
        };
        let judge = |state: &PackState| {
            let packs = state.packs().iter().map(|(name, pack)| {
                let (size_bytes, live_bytes) = (pack.info.size_bytes, live.bytes(name));
                // At once, also of a batch that is open: it can commit no more, and until this is condemned there is no
                // refusing receipts that hold it.
                let fate = match pack.damaged {
                    true => Fate::Damaged,
                    false => fate(name, pack.closed, live_bytes, pack.info.records_bytes()),
                };
                PackFate { name: *name, size_bytes, live_bytes, purged: live.purged.contains(name), fate }
            });
            packs.collect()
        };
        Plan { epoch: mark.epoch, packs: self.blobs.inner.journal.peek(judge) }
    }

    /// Opens the next epoch.
    async fn condemn(
        &self,
        mark: &Mark,
        heads: BTreeMap<String, u64>,
        packs: &BTreeSet<PackName>,
    ) -> Result<u64, Error> {
        let inner = &self.blobs.inner;
        let digests = inner.journal.peek(|state| {
            let known = state.packs().iter().filter(|(name, _)| packs.contains(name));
            known.map(|(_, pack)| pack.info.digest).collect::<Vec<Digest>>()
        });
        let epoch = mark.epoch + 1;
        let (count, list) = inner.lists.write(epoch, digests).await?;
        let decide = |state: &PackState| {
            // What a repair saved may be condemned now, so what it set aside must not be condemned later than that.
            if let Some((name, _)) = state.set_aside().find(|(name, _)| !packs.contains(name)) {
                return Err(format!("pack {name} was set aside as damaged since"));
            }
            let events = state.collection().condemn(mark, count, list)?;
            let marked = StoreEvent::Pack(PackEvent::Marked { heads: heads.clone() });
            Ok::<_, String>(std::iter::once(marked).chain(events.into_iter().map(StoreEvent::Collection)).collect())
        };
        inner.transact(decide).await?.map_err(refused)?;
        Ok(epoch)
    }

    /// Barriers, rescue, sweep; repeatable from anywhere in the middle.
    ///
    /// Whoever does it finds the same packs rescued: those named between the marked heads and the first barriers. After a
    /// barrier nothing can newly depend on a condemned pack, so a later barrier of the epoch adds none.
    pub(super) async fn finish(&self, epoch: u64, done: Collected) -> Result<Collected, Error> {
        let inner = &self.blobs.inner;
        let heads = inner.journal.peek(|state| state.marked().clone());
        let named = self.named_since(epoch, &heads).await?;
        let list = inner.journal.read(|state| state.collection().condemned_list(epoch)).await?;
        let list = list.ok_or_else(|| refused(format!("there is no epoch {epoch}")))?;
        let list = inner.lists.read(epoch, list).await?;
        // Whoever named a pack that is set aside rests on what was saved out of it, wherever that lies: all is spared.
        let is_set_aside = |named: &BTreeSet<Digest>| {
            let condemned = |digest: &Digest| named.contains(digest) && list.binary_search(digest).is_ok();
            inner.journal.peek(|state| state.set_aside().any(|(_, pack)| condemned(&pack.info.digest)))
        };
        let rescued = match named {
            Named::Packs(named) if !is_set_aside(&named) => named,
            Named::Packs(_) | Named::Unknown => self.still_there(&list).await?,
        };
        let doomed = self.known(|digest| list.binary_search(digest).is_ok() && !rescued.contains(digest));
        for (name, _) in &doomed {
            inner.delete(&inner.pack_key(name)?).await?;
        }
        let (removed, spared) =
            (doomed.len() as u64, list.iter().filter(|digest| rescued.contains(digest)).count() as u64);
        let names: Vec<PackName> = doomed.iter().map(|(name, _)| *name).collect();
        let decide = |state: &PackState| {
            let events = state.collection().sweep(epoch, removed, spared)?;
            let mut events: Vec<StoreEvent> = events.into_iter().map(StoreEvent::Collection).collect();
            if !events.is_empty() && !names.is_empty() {
                events.push(StoreEvent::Pack(PackEvent::Removed { packs: names.clone() }));
            }
            Ok::<_, String>(events)
        };
        inner.transact(decide).await?.map_err(refused)?;
        inner.refresh().await?;
        let removed_bytes = doomed.iter().fold(0, |sum, (_, bytes)| sum + bytes);
        Ok(Collected { epoch: Some(epoch), removed, rescued: spared, removed_bytes, ..done })
    }

    /// Returns the recorded packs whose digests are `wanted`, with their sizes.
    fn known(&self, wanted: impl Fn(&Digest) -> bool) -> Vec<(PackName, u64)> {
        self.blobs.inner.journal.peek(|state| {
            let packs = state.packs().iter().filter(|(_, pack)| wanted(&pack.info.digest));
            packs.map(|(name, pack)| (*name, pack.info.size_bytes)).collect()
        })
    }

    /// Returns those of the condemned packs that no collector has deleted yet.
    async fn still_there(&self, list: &[Digest]) -> Result<BTreeSet<Digest>, Error> {
        let inner = &self.blobs.inner;
        let mut there = BTreeSet::new();
        for digest in list {
            for (name, _) in self.known(|known| known == digest) {
                if inner.store.stat(&inner.pack_key(&name)?).await?.is_some() {
                    there.insert(*digest);
                }
            }
        }
        Ok(there)
    }

    /// Sets the barrier in every journal and returns what they came to depend on before it.
    async fn named_since(&self, epoch: u64, heads: &BTreeMap<String, u64>) -> Result<Named, Error> {
        let inner = &self.blobs.inner;
        let journals: Vec<_> = inner.journal.read(|state| state.collection().enrolled().collect()).await?;
        let mut rescued = BTreeSet::new();
        for enrolment in journals {
            // An enrolled journal without entries gets one: whoever is about to begin it may rest on what is condemned.
            let journal = Journal::<Untyped>::builder(&inner.store, &enrolment.prefix).with_kind(enrolment.kind);
            let journal = journal.open().await?;
            let barrier = journal.record_barrier(self.blobs.id(), epoch).await?;
            let from = heads.get(&enrolment.prefix).map_or(0, |seq| seq + 1);
            let mut entries = journal.entries(from, barrier);
            while let Some(entry) = entries.try_next().await? {
                // What a purged entry depended on is not known any more: everything is spared then.
                let Some(payload) = entry.payload else { return Ok(Named::Unknown) };
                let adds =
                    payload.txns.into_iter().flat_map(|txn| txn.adds).filter(|adds| adds.store == self.blobs.id());
                rescued.extend(adds.flat_map(|adds| adds.blobs));
            }
        }
        Ok(Named::Packs(rescued))
    }

    /// Tells of a time whether it lies too long ago for a batch that is still alive.
    fn silent(&self) -> impl Fn(Timestamp) -> bool + use<> {
        let now = self.blobs.inner.store.host().clock.now();
        let limit = i64::try_from(self.settings.fence_after.as_nanos()).unwrap_or(i64::MAX);
        move |since| now.as_nanos().saturating_sub(since.as_nanos()) > limit
    }

    /// Removes files of interrupted writes that are old and whose batch is not open.
    ///
    /// If a writer was only slow, its write fails, and it writes the same bytes under the same name again.
    async fn remove_staged(&self) -> Result<u64, Error> {
        let inner = &self.blobs.inner;
        let silent = self.silent();
        let mut removed = 0;
        for file in inner.staged().await? {
            let open = inner.journal.peek(|state| state.open_sessions().contains_key(&file.pack.session));
            if !open && silent(file.modified) {
                inner.remove_staged(file).await?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Gives up batches that were silent for too long; returns how many with recorded packs.
    async fn fence(&self) -> Result<u64, Error> {
        let inner = &self.blobs.inner;
        let silent = self.silent();
        let mut fenced = 0;
        let decide = |state: &PackState| {
            let dead = state.open_sessions().iter().filter(|(_, session)| silent(session.seen));
            let sessions: Vec<SessionId> = dead.map(|(id, _)| *id).collect();
            let below = state.ended_epochs().take_while(|ended| silent(*ended)).count() as u64;
            fenced = sessions.len() as u64;
            let news = !sessions.is_empty() || below > state.fenced_below();
            Ok::<_, std::convert::Infallible>(match news {
                true => vec![StoreEvent::Pack(PackEvent::Fenced { below, sessions })],
                false => Vec::new(),
            })
        };
        match inner.transact(decide).await? {
            Ok(()) => Ok(fenced),
            Err(never) => match never {},
        }
    }

    /// Deletes packs that no batch can record any more: those that began in epochs that are fenced off.
    async fn remove_litter(&self) -> Result<u64, Error> {
        let inner = &self.blobs.inner;
        let fenced_below = inner.journal.peek(PackState::fenced_below);
        if fenced_below == 0 {
            return Ok(0);
        }
        let mut removed = 0;
        for (name, meta) in inner.list_packs().await? {
            // Asked of the newest state for each: it may have been recorded since the list was made.
            let recordable = inner
                .journal
                .read(|state| state.packs().contains_key(&name) || state.open_sessions().contains_key(&name.session))
                .await?;
            if !recordable && inner.epoch_of(&name, &meta).await?.is_some_and(|epoch| epoch < fenced_below) {
                inner.delete(&meta.location).await?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}
