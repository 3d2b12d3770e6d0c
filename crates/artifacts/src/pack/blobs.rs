use std::{
    fmt,
    ops::Range,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, atomic::AtomicBool},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use lineal_core::object_store::{ObjectMeta, path::Path};
use lineal_core::{
    Actor, Batch, BlobInfo, BlobStore, ByteStream, CondemnedLists, Digest, Enrolment, Error, Journal, NoProgress,
    Progress, Store, StoreId, TransactError, Txn,
};

use super::{
    PackInfo, PackName, PackSettings, PackState, SegmentId, SessionId, StoreEvent,
    batch::PackBatch,
    cache::{CacheSlot, ReadCache},
    format,
    index::{Change, Index, LoadedPack, Pack},
    read::Proof,
    segments::{RecentRows, Sizes},
};

/// A blob store that keeps chunks in packs: the place of datasets, checkpoints and models, on disk or on a bucket.
///
/// Large blobs are cut by their content, so that versions share what they have in common; small ones lie whole, in the
/// order in which they were put. Every chunk is compressed if that pays, stored once, and verified at every read. Packs
/// are immutable objects of about 64 MiB with an index at their end; a journal says which there are, and nothing is
/// visible before it does. Handles are cheap to clone; any number of processes may use one store.
///
/// Opening reads the indexes of packs into memory: about 200 bytes a chunk, and one request a pack. For packs that are in
/// segments of the index on disk it is about 2 bytes a chunk, and one request a segment. A handle writes such segments by
/// itself before it has more than a million chunks in memory (unless it may only read), a collector now and then, and
/// [`index_packs`](Self::index_packs) at once.
///
/// ```
/// use lineal_artifacts::PackBlobs;
/// use lineal_core::{BlobStore, BlobStoreExt, Digest, PutHints, Store};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), lineal_core::Error> {
/// let blobs = PackBlobs::open(&Store::open("memory:///")?, "blobs").await?;
/// let batch = blobs.begin().await?;
/// for text in ["one", "two"] {
///     batch.put(text.into(), PutHints::default()).await?;
/// }
/// let receipt = batch.commit().await?; // hand it to the transaction that names the blobs
/// assert_eq!(receipt.digests().len(), 2);
/// assert_eq!(blobs.read_all(&Digest::of(b"two")).await?, "two");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct PackBlobs {
    pub(crate) inner: Arc<Inner>,
    settings: PackSettings,
    progress: Arc<dyn Progress>,
}

pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) journal: Journal<PackState>,
    pub(crate) lists: CondemnedLists,
    pub(super) prefix: String,
    pub(crate) id: StoreId,
    index: RwLock<Index>,
    pub(super) cache: CacheSlot,
    pub(super) recent_rows: RecentRows,
    /// How much of the index is in memory, and how large its parts on disk are.
    pub(super) sizes: Sizes,
    /// Whether the store refused to let this handle write segments: not asked again, as each try reads half a million rows.
    pub(super) index_denied: AtomicBool,
}

impl fmt::Debug for PackBlobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { store, prefix, id, .. } = self.inner.as_ref();
        f.debug_struct("PackBlobs")
            .field("store", store)
            .field("prefix", prefix)
            .field("id", id)
            .finish_non_exhaustive()
    }
}

impl PackBlobs {
    /// Opens the pack store at `prefix` of `store`; makes sure first that the store can be written safely.
    ///
    /// # Errors
    /// As [`Store::ensure_writable`] and opening a journal. A pack whose index is damaged is no error here, but at the
    /// reads that need it.
    pub async fn open(store: &Store, prefix: &str) -> Result<Self, Error> {
        Self::open_with(store, prefix, Sizes::default()).await
    }

    /// Opens the pack store with an index of other sizes.
    pub(super) async fn open_with(store: &Store, prefix: &str, sizes: Sizes) -> Result<Self, Error> {
        let prefix = prefix.trim_matches('/').to_owned();
        let root = match store.id().await? {
            Some(id) => id,
            None => store.ensure_writable().await?,
        };
        let digest = Digest::of(format!("lineal-packs\0{root}\0{prefix}").as_bytes());
        let id = StoreId::from_bytes(std::array::from_fn(|at| digest.as_bytes()[at]));
        let own = format!("{prefix}/journal");
        let journal = Journal::builder(store, &own).open().await?;
        let lists = CondemnedLists::new(store, &own);
        let inner = Inner {
            store: store.clone(),
            journal,
            lists,
            prefix,
            id,
            index: RwLock::default(),
            cache: CacheSlot::default(),
            recent_rows: RecentRows::default(),
            sizes,
            index_denied: AtomicBool::new(false),
        };
        inner.load_index().await?;
        Ok(Self { inner: Arc::new(inner), settings: PackSettings::default(), progress: Arc::new(NoProgress) })
    }

    /// Replaces the settings of this handle and of batches begun through it.
    #[must_use]
    pub fn with_settings(mut self, settings: PackSettings) -> Self {
        self.settings = settings;
        self
    }

    /// Lets batches begun through this handle report how many bytes they took in, as the task `"put blobs"`: from the
    /// beginning of the batch until it is committed or given up, stored before or not.
    #[must_use]
    pub fn with_progress(mut self, progress: Arc<dyn Progress>) -> Self {
        self.progress = progress;
        self
    }

    pub(super) fn progress(&self) -> &Arc<dyn Progress> {
        &self.progress
    }

    /// Reads through `cache` from now on: this handle, its clones, and the batches of both.
    #[must_use]
    pub fn with_cache(self, cache: ReadCache) -> Self {
        self.inner.cache.set(cache);
        self
    }

    /// Returns the settings.
    #[must_use]
    pub fn settings(&self) -> &PackSettings {
        &self.settings
    }

    /// Returns the journal of the packs, for auditors and collectors.
    #[must_use]
    pub fn journal(&self) -> &Journal<PackState> {
        &self.inner.journal
    }

    /// Begins a batch that rests on none of `condemned` and copies what was found alive when so many blobs were `purged`.
    pub(crate) async fn begin_avoiding(&self, condemned: Arc<[Digest]>, purged: usize) -> Result<PackBatch, Error> {
        let epoch = self.inner.journal.read(|state| state.collection().epoch()).await?;
        let session = SessionId::generate(self.inner.store.host().ids.as_ref());
        Ok(PackBatch::new(self.clone(), session, epoch, condemned).copying(purged))
    }

    /// Returns the key of a pack's object.
    ///
    /// # Errors
    /// [`Error::BadUrl`] if the prefix of the store is not a valid key.
    pub fn pack_key(&self, name: &PackName) -> Result<Path, Error> {
        self.inner.pack_key(name)
    }
}

impl Inner {
    pub(crate) fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn index_mut(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn pack_key(&self, name: &PackName) -> Result<Path, Error> {
        let text = name.to_string();
        let shard = text.get(..2).unwrap_or_default();
        self.store.key(&format!("{}/pack/{shard}/{text}", self.prefix))
    }

    /// Reads what others recorded and brings the index up to date.
    pub(crate) async fn refresh(&self) -> Result<(), Error> {
        self.journal.read(|_| ()).await?;
        self.load_index().await
    }

    /// Returns the key of a segment's object.
    pub(super) fn segment_key(&self, name: &SegmentId) -> Result<Path, Error> {
        self.store.key(&format!("{}/index/{name}", self.prefix))
    }

    /// Lists the objects that have the name of a segment, recorded or not.
    pub(super) async fn list_segments(&self) -> Result<Vec<(SegmentId, ObjectMeta)>, Error> {
        let found = self.store.list(&self.store.key(&format!("{}/index", self.prefix))?).await?;
        let named = |meta: ObjectMeta| Some((meta.location.filename()?.parse().ok()?, meta));
        Ok(found.into_iter().filter_map(named).collect())
    }

    /// Brings the index up to the journal's state as last read: what is new is there before what is old goes.
    ///
    /// If that were too much for memory, it is put into segments before.
    async fn load_index(&self) -> Result<(), Error> {
        self.load_segments().await?;
        let mut change = self.compare();
        if self.is_too_much(&change) && self.relieve().await? {
            change = self.compare();
        }
        self.load_packs(std::mem::take(&mut change.load)).await?;
        self.adopt(change);
        Ok(())
    }

    /// Leaves packs to segments that were recorded since; loads no trailer.
    pub(super) async fn load_segments_only(&self) -> Result<(), Error> {
        self.load_segments().await?;
        self.adopt(self.compare());
        Ok(())
    }

    fn compare(&self) -> Change {
        self.journal.peek(|state| self.index().compare(state))
    }

    fn is_too_much(&self, change: &Change) -> bool {
        let new = change.load.iter().fold(0, |sum: u64, (_, info)| sum.saturating_add(info.most_rows()));
        new.saturating_add(self.index().loaded_rows()) > self.sizes.resident
    }

    /// Takes in the rows of a pack that was recorded just now.
    pub(super) async fn insert(&self, pack: LoadedPack) {
        self.index_mut().insert(pack);
        let rows = self.index().loaded_rows();
        if rows > self.sizes.resident {
            // The pack is recorded whatever becomes of the index; if this fails, the next look at the store tries again.
            self.relieve().await.ok();
        }
    }

    async fn load_packs(&self, packs: Vec<(PackName, PackInfo)>) -> Result<(), Error> {
        let load = |(name, info)| async move { Ok::<_, Error>((name, self.load_pack(name, info).await?)) };
        let mut loading = stream::iter(packs).map(load).buffer_unordered(CONCURRENCY);
        while let Some((name, loaded)) = loading.try_next().await? {
            self.update_index(|state, index| match loaded {
                // It may have been removed while its trailer was read.
                _ if !state.is_readable(&name) => {}
                Ok(loaded) => index.insert(loaded),
                Err(why) => index.insert_damaged(name, why),
            });
        }
        Ok(())
    }

    /// Takes over what needs no request: packs that segments cover, and what is gone.
    fn adopt(&self, change: Change) {
        self.update_index(|state, index| {
            let there = change.cover.into_iter().filter(|(name, ..)| state.is_readable(name));
            there.for_each(|(name, info, by)| index.cover(name, info, by));
            change.gone.iter().for_each(|name| index.remove(name));
            change.gone_segments.iter().for_each(|name| index.remove_segment(name));
        });
    }

    /// Changes the index by the journal's state as last read, so that what a later state removed never comes back.
    fn update_index(&self, change: impl FnOnce(&PackState, &mut Index)) {
        self.journal.peek(|state| change(state, &mut self.index_mut()));
    }

    /// Reads the trailer of a pack; the inner error says in words why it is not what the journal says.
    pub(super) async fn load_pack(&self, name: PackName, info: PackInfo) -> Result<Result<LoadedPack, String>, Error> {
        let tail_bytes = info.tail_bytes.min(u64::from(format::MAX_TRAILER) + format::FOOTER_LEN as u64);
        let range = info.size_bytes.saturating_sub(tail_bytes)..info.size_bytes;
        let tail = match self.store.read_range(&self.pack_key(&name)?, range).await {
            Ok(Some(tail)) => tail,
            Ok(None) => return Ok(Err("it is gone".to_owned())),
            // A pack that is shorter than recorded looks like any failed read: ask how large it is.
            Err(error) => match self.store.stat(&self.pack_key(&name)?).await? {
                Some(meta) if meta.size != info.size_bytes => {
                    return Ok(Err(format!("it has {} of its {} bytes", meta.size, info.size_bytes)));
                }
                _ => return Err(error),
            },
        };
        Ok(match format::decode_tail(&tail, info.size_bytes) {
            Ok((trailer, footer)) if footer.digest == info.digest && trailer.name == name => {
                Ok(LoadedPack { pack: Arc::new(Pack { name, info }), trailer })
            }
            Ok(_) => Err("its index is not the one that was recorded".to_owned()),
            Err(flaw) => Err(flaw.to_string()),
        })
    }

    /// Deletes an object; repeats.
    pub(crate) async fn delete(&self, key: &Path) -> Result<(), Error> {
        let mut failed = 0;
        loop {
            let Err(error) = self.store.delete(key).await else { return Ok(()) };
            failed += 1;
            if failed >= self.store.retry().attempts {
                return Err(error);
            }
            self.store.pause(failed).await;
        }
    }

    /// Lists the objects that have the name of a pack, recorded or not.
    pub(crate) async fn list_packs(&self) -> Result<Vec<(PackName, ObjectMeta)>, Error> {
        let found = self.store.list(&self.store.key(&format!("{}/pack", self.prefix))?).await?;
        let named = |meta: ObjectMeta| Some((meta.location.filename()?.parse().ok()?, meta));
        Ok(found.into_iter().filter_map(named).collect())
    }

    /// Returns the epoch in which the batch of a pack began, as its trailer says; `None` for what is no sound pack.
    pub(crate) async fn epoch_of(&self, name: &PackName, meta: &ObjectMeta) -> Result<Option<u64>, Error> {
        let least = meta.size.min(format::FOOTER_LEN as u64);
        let footer = self.store.read_range(&meta.location, meta.size - least..meta.size).await?;
        let footer = footer.and_then(|bytes| Some(*bytes.first_chunk::<{ format::FOOTER_LEN }>()?));
        let Some(Ok(footer)) = footer.map(|bytes| format::Footer::decode(&bytes, meta.size)) else { return Ok(None) };
        let tail = self.store.read_range(&meta.location, footer.trailer_offset..meta.size).await?;
        let trailer = tail.and_then(|tail| format::decode_tail(&tail, meta.size).ok());
        Ok(trailer.filter(|(trailer, _)| trailer.name == *name).map(|(trailer, _)| trailer.epoch))
    }

    /// Returns what was condemned in an epoch after `since` and up to `upto`, among `holds`.
    pub(super) async fn condemned(&self, since: u64, upto: u64, holds: &[Digest]) -> Result<Vec<Digest>, Error> {
        let mut found = Vec::new();
        for epoch in since.saturating_add(1)..=upto {
            let find = |state: &PackState| state.collection().condemned_list(epoch);
            let list = match self.journal.peek(find) {
                Some(list) => Some(list),
                None => self.journal.read(find).await?,
            };
            let list = list.ok_or_else(|| Error::Collection { reason: format!("there is no epoch {epoch}") })?;
            let list = self.lists.read(epoch, list).await?;
            found.extend(holds.iter().filter(|hold| list.binary_search(hold).is_ok()));
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// Records what `decide` answers; the inner error is its refusal.
    pub(crate) async fn transact<R: Send>(
        &self,
        decide: impl FnMut(&PackState) -> Result<Vec<StoreEvent>, R> + Send,
    ) -> Result<Result<(), R>, Error> {
        self.transact_by(Actor::new("lineal/packs").expect("a valid name"), decide).await
    }

    /// As [`Inner::transact`], in somebody's name.
    pub(crate) async fn transact_by<R: Send>(
        &self,
        actor: Actor,
        decide: impl FnMut(&PackState) -> Result<Vec<StoreEvent>, R> + Send,
    ) -> Result<Result<(), R>, Error> {
        match self.journal.transact(&Txn::by(actor), decide).await {
            Ok(_) => Ok(Ok(())),
            Err(TransactError::Refused(refusal)) => Ok(Err(refusal)),
            Err(TransactError::Journal(error)) => Err(error),
            Err(error) => Err(Error::Collection { reason: error.to_string() }),
        }
    }
}

#[async_trait]
impl BlobStore for PackBlobs {
    fn id(&self) -> StoreId {
        self.inner.id
    }

    async fn begin(&self) -> Result<Box<dyn Batch>, Error> {
        self.inner.store.ensure_writable().await?;
        self.inner.refresh().await?;
        let collection = self.inner.journal.peek(|state| state.collection().clone());
        // What the open epoch condemned may be gone tomorrow; older epochs are done with.
        let condemned = match collection.open_epoch().and_then(|epoch| collection.condemned_list(epoch)) {
            Some(list) => self.inner.lists.read(collection.epoch(), list).await?,
            None => Arc::default(),
        };
        let session = SessionId::generate(self.inner.store.host().ids.as_ref());
        Ok(Box::new(PackBatch::new(self.clone(), session, collection.epoch(), condemned)))
    }

    async fn stat(&self, digests: &[Digest]) -> Result<Vec<Option<BlobInfo>>, Error> {
        let shape = |digest: Digest| async move { self.inner.shape(&digest).await };
        let mut found: Vec<_> = stream::iter(digests.to_vec()).map(shape).buffered(CONCURRENCY).try_collect().await?;
        if found.iter().any(Option::is_none) {
            self.inner.refresh().await?;
            for (digest, found) in digests.iter().zip(&mut found).filter(|(_, found)| found.is_none()) {
                *found = self.inner.shape(digest).await?;
            }
        }
        Ok(found.into_iter().map(|shape| shape.map(|shape| BlobInfo::new(shape.size_bytes()))).collect())
    }

    async fn read(&self, digest: &Digest, range: Option<Range<u64>>) -> Result<Bytes, Error> {
        self.inner.read(digest, range).await
    }

    async fn read_many(&self, digests: &[Digest]) -> Result<Vec<Bytes>, Error> {
        self.inner.read_many(digests).await
    }

    async fn stream(&self, digest: &Digest) -> Result<ByteStream, Error> {
        Inner::stream(&self.inner, digest, Proof::Chunks).await
    }

    async fn stream_to_end(&self, digest: &Digest) -> Result<ByteStream, Error> {
        Inner::stream(&self.inner, digest, Proof::Whole).await
    }

    async fn enrol(&self, enrolment: &Enrolment) -> Result<u64, Error> {
        let mut epoch = 0;
        let decide = |state: &PackState| {
            epoch = state.collection().epoch();
            let events = state.collection().enrol(enrolment);
            Ok::<_, std::convert::Infallible>(events.into_iter().map(StoreEvent::Collection).collect())
        };
        match self.inner.transact(decide).await? {
            Ok(()) => Ok(epoch),
            Err(never) => match never {},
        }
    }

    async fn condemned(&self, since: u64, upto: u64, digests: &[Digest]) -> Result<Vec<Digest>, Error> {
        self.inner.condemned(since, upto, digests).await
    }
}

/// Requests under way at once.
pub(super) const CONCURRENCY: usize = 16;
