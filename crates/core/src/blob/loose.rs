use std::{
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::{
    StreamExt, TryStreamExt, stream,
    stream::{BoxStream, FuturesUnordered},
};
use object_store::{MultipartUpload, ObjectStoreExt, UploadPart, path::Path};

use super::{Batch, BlobInfo, BlobStore, ByteStream, CollectionJournal, Enrolment, PutHints, Receipt};
use crate::{
    Digest, Hasher, StoreId,
    store::{Error, StorageErrorExt, Store, is_absent, on_cpu},
};

/// A blob store that keeps one object per blob, so that any single crate works alone.
///
/// Right for up to some hundred thousand blobs of kilobytes to megabytes; `lineal-artifacts` is the engine for more and
/// for bigger ones. A range read fetches and verifies the whole blob. Keys: `<prefix>/<2 hex>/<64 hex>`, and
/// `<64 hex>.<n>` for a blob put again after its `n`-th condemnation, so that a physical name is never used twice and
/// a late sweep deletes nothing new.
///
/// ```
/// use lineal_core::{BlobStore, BlobStoreExt, Digest, LooseBlobs, Store};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), lineal_core::Error> {
/// let blobs = LooseBlobs::open(&Store::open("memory:///")?, "blobs").await?;
/// let receipt = blobs.put_one("some bytes".into()).await?;
/// let digest = Digest::of(b"some bytes");
/// assert_eq!(receipt.digests(), [digest]);
/// assert_eq!(blobs.read_all(&digest).await?, "some bytes");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct LooseBlobs {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    prefix: String,
    id: StoreId,
    collection: CollectionJournal,
}

impl LooseBlobs {
    /// Opens the blob store at `prefix` of `store`; makes sure first that the store can be written safely.
    ///
    /// # Errors
    /// As [`Store::ensure_writable`] and opening a journal.
    pub async fn open(store: &Store, prefix: &str) -> Result<Self, Error> {
        let prefix = prefix.trim_matches('/').to_owned();
        let root = match store.id().await? {
            Some(id) => id,
            None => store.ensure_writable().await?,
        };
        let digest = Digest::of(format!("lineal-blobs\0{root}\0{prefix}").as_bytes());
        let id = StoreId::from_bytes(std::array::from_fn(|at| digest.as_bytes()[at]));
        let collection = CollectionJournal::open(store, &format!("{prefix}/collection")).await?;
        Ok(Self { inner: Arc::new(Inner { store: store.clone(), prefix, id, collection }) })
    }

    /// Returns the store's own journal: enrolments, epochs, condemned sets.
    #[must_use]
    pub fn collection(&self) -> &CollectionJournal {
        &self.inner.collection
    }

    /// Lists every stored blob with its generation, in no order. For collectors.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn list(&self) -> Result<Vec<(Digest, u64)>, Error> {
        let root = self.inner.store.key(&self.inner.prefix)?;
        let objects = self.inner.store.list(&root).await?;
        Ok(objects.iter().filter_map(|object| parse_key(&object.location)).collect())
    }

    /// Deletes a blob as far as it was stored before its condemnation in the open epoch. For collectors.
    ///
    /// Bytes put again since then have another name and stay.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn delete_condemned(&self, digest: &Digest) -> Result<(), Error> {
        let newest = self.inner.generation(digest).await?;
        for generation in 0..newest {
            self.inner.store.delete(&self.inner.key(digest, generation)?).await?;
        }
        Ok(())
    }
}

impl Inner {
    fn key(&self, digest: &Digest, generation: u64) -> Result<Path, Error> {
        let hex = digest.to_string();
        let shard = hex.get(..2).unwrap_or_default();
        match generation {
            0 => self.store.key(&format!("{}/{shard}/{hex}", self.prefix)),
            n => self.store.key(&format!("{}/{shard}/{hex}.{n}", self.prefix)),
        }
    }

    /// Returns how often the blob was condemned, as far as this handle has read.
    async fn generation(&self, digest: &Digest) -> Result<u64, Error> {
        let mut count = 0;
        for epoch in 1..=self.collection.peek().epoch() {
            count += u64::from(self.collection.list(epoch).await?.binary_search(digest).is_ok());
        }
        Ok(count)
    }

    /// Runs `look` on the keys the blob may have, newest first, until one answers; refreshes once before giving up.
    async fn find<T: Send, F>(
        &self,
        digest: &Digest,
        look: impl Fn(Path) -> F + Send + Sync,
    ) -> Result<Option<T>, Error>
    where
        F: Future<Output = Result<Option<T>, Error>> + Send,
    {
        let mut seen = None;
        loop {
            let newest = self.generation(digest).await?;
            if seen == Some(newest) {
                return Ok(None);
            }
            for generation in (0..=newest).rev() {
                if let Some(found) = look(self.key(digest, generation)?).await? {
                    return Ok(Some(found));
                }
            }
            seen = Some(newest);
            self.collection.state().await?;
        }
    }

    async fn stat_one(&self, digest: &Digest) -> Result<Option<BlobInfo>, Error> {
        let found = self.find(digest, |key| async move { self.store.stat(&key).await }).await?;
        Ok(found.map(|meta| BlobInfo::new(meta.size)))
    }
}

#[async_trait]
impl BlobStore for LooseBlobs {
    fn id(&self) -> StoreId {
        self.inner.id
    }

    async fn begin(&self) -> Result<Box<dyn Batch>, Error> {
        self.inner.store.ensure_writable().await?;
        let epoch = self.inner.collection.state().await?.epoch();
        Ok(Box::new(LooseBatch { blobs: self.clone(), epoch, put: Mutex::default() }))
    }

    async fn stat(&self, digests: &[Digest]) -> Result<Vec<Option<BlobInfo>>, Error> {
        let look_up = |digest: Digest| async move { self.inner.stat_one(&digest).await };
        stream::iter(digests.to_vec()).map(look_up).buffered(CONCURRENCY).try_collect().await
    }

    async fn read(&self, digest: &Digest, range: Option<Range<u64>>) -> Result<Bytes, Error> {
        let inner = &self.inner;
        let look = |key: Path| async move { inner.store.read(&key, WHOLE_LIMIT).await };
        let found = inner.find(digest, look).await?;
        let bytes = found.ok_or(Error::BlobMissing { digest: *digest })?;
        let bytes = verify(*digest, bytes).await?;
        let Some(Range { start, end }) = range else { return Ok(bytes) };
        let size = bytes.len() as u64;
        if start > end || end > size {
            return Err(Error::BadRange { digest: *digest, start, end, size });
        }
        // Both ends are at most the length, which is a usize.
        Ok(bytes.slice(start as usize..end as usize))
    }

    async fn stream(&self, digest: &Digest) -> Result<ByteStream, Error> {
        let inner = &self.inner;
        let look = |key: Path| async move {
            match inner.store.objects().get(&key).await {
                Ok(answer) => Ok(Some((key, answer))),
                Err(error) if is_absent(&error) => Ok(None),
                Err(error) => Err(error.on("read", &key)),
            }
        };
        let found = inner.find(digest, look).await?;
        let (key, answer) = found.ok_or(Error::BlobMissing { digest: *digest })?;
        let pieces = answer.into_stream().map_err(move |error| error.on("read", &key));
        Ok(hold_back(*digest, pieces.boxed()))
    }

    async fn enrol(&self, enrolment: &Enrolment) -> Result<u64, Error> {
        self.inner.collection.enrol(enrolment).await
    }

    async fn condemned(&self, since: u64, upto: u64, digests: &[Digest]) -> Result<Vec<Digest>, Error> {
        self.inner.collection.condemned(since, upto, digests).await
    }
}

#[derive(Debug)]
struct LooseBatch {
    blobs: LooseBlobs,
    epoch: u64,
    put: Mutex<Vec<Digest>>,
}

impl LooseBatch {
    fn note(&self, digest: Digest) -> Digest {
        self.put.lock().unwrap_or_else(PoisonError::into_inner).push(digest);
        digest
    }

    /// Returns the key to write, or `None` if the blob stands there already.
    ///
    /// Only the newest generation counts: an older one is condemned and may be gone any moment.
    async fn missing_key(&self, digest: &Digest, size: u64) -> Result<Option<Path>, Error> {
        let inner = &self.blobs.inner;
        let key = inner.key(digest, inner.generation(digest).await?)?;
        let stored = inner.store.stat(&key).await?;
        Ok(if stored.is_some_and(|meta| meta.size == size) { None } else { Some(key) })
    }
}

#[async_trait]
impl Batch for LooseBatch {
    async fn put(&self, bytes: Bytes, _: PutHints) -> Result<Digest, Error> {
        let digest = hash(bytes.clone()).await?;
        if let Some(key) = self.missing_key(&digest, bytes.len() as u64).await? {
            self.blobs.inner.store.overwrite(&key, bytes).await?;
        }
        Ok(self.note(digest))
    }

    async fn put_stream(
        &self,
        mut bytes: BoxStream<'static, std::io::Result<Bytes>>,
        hints: PutHints,
    ) -> Result<Digest, Error> {
        let mut head = BytesMut::new();
        while head.len() < IN_MEMORY {
            match bytes.next().await.transpose().map_err(Error::of_stream)? {
                Some(piece) => head.extend_from_slice(&piece),
                None => return self.put(head.freeze(), hints).await,
            }
        }
        self.put_staged(head.freeze(), bytes).await
    }

    async fn keep(&self, digests: &[Digest]) -> Result<Vec<bool>, Error> {
        let keep_one = |digest: Digest| async move {
            // The size does not matter: what lies under the newest name the blob can have is kept.
            let key = self.blobs.inner.key(&digest, self.blobs.inner.generation(&digest).await?)?;
            Ok(self.blobs.inner.store.stat(&key).await?.map(|_| self.note(digest)).is_some())
        };
        stream::iter(digests.to_vec()).map(keep_one).buffered(CONCURRENCY).try_collect().await
    }

    async fn commit(self: Box<Self>) -> Result<Receipt, Error> {
        let put = self.put.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(Receipt::new(Arc::new(self.blobs), put, self.epoch))
    }
}

impl LooseBatch {
    /// Uploads in parts to a name of its own while hashing, then renames to the name that the hash gives.
    async fn put_staged(
        &self,
        head: Bytes,
        mut rest: BoxStream<'static, std::io::Result<Bytes>>,
    ) -> Result<Digest, Error> {
        let inner = &self.blobs.inner;
        let store = &inner.store;
        let name = StoreId::generate(store.host().ids.as_ref());
        let staged = store.key(&format!("{}/staging/{name}", inner.prefix))?;
        let failed = |error: object_store::Error| error.on("write", &staged);
        let upload = store.objects().put_multipart(&staged).await.map_err(failed)?;
        let mut parts = Parts { upload, under_way: FuturesUnordered::new(), pending: BytesMut::from(head) };
        let (mut hasher, mut size) = (Hasher::new(), parts.pending.len() as u64);
        hasher.update(&parts.pending);
        loop {
            match rest.next().await {
                Some(Ok(piece)) => {
                    hasher.update(&piece);
                    size += piece.len() as u64;
                    parts.add(&piece).await.map_err(failed)?;
                }
                Some(Err(source)) => {
                    // What an aborted upload leaves behind is litter for maintenance, not an error of its own.
                    parts.upload.abort().await.ok();
                    return Err(Error::of_stream(source));
                }
                None => break,
            }
        }
        parts.finish().await.map_err(failed)?;
        let digest = hasher.finish();
        match self.missing_key(&digest, size).await? {
            Some(key) => store.objects().rename(&staged, &key).await.map_err(|error| error.on("write", &key))?,
            None => store.delete(&staged).await?,
        }
        Ok(self.note(digest))
    }
}

/// A multipart upload with a few parts under way, polled by whoever adds to it.
struct Parts {
    upload: Box<dyn MultipartUpload>,
    under_way: FuturesUnordered<UploadPart>,
    pending: BytesMut,
}

impl Parts {
    async fn add(&mut self, piece: &[u8]) -> object_store::Result<()> {
        self.pending.extend_from_slice(piece);
        while self.pending.len() >= IN_MEMORY {
            let part = self.pending.split_to(IN_MEMORY).freeze();
            self.under_way.push(self.upload.put_part(part.into()));
            if self.under_way.len() >= PARTS_UNDER_WAY {
                self.under_way.try_next().await?;
            }
        }
        Ok(())
    }

    async fn finish(mut self) -> object_store::Result<()> {
        if !self.pending.is_empty() {
            self.under_way.push(self.upload.put_part(self.pending.freeze().into()));
        }
        while self.under_way.try_next().await?.is_some() {}
        self.upload.complete().await.map(drop)
    }
}

async fn hash(bytes: Bytes) -> Result<Digest, Error> {
    if bytes.len() < OFF_THREAD { Ok(Digest::of(&bytes)) } else { on_cpu(move || Digest::of(&bytes)).await }
}

async fn verify(expected: Digest, bytes: Bytes) -> Result<Bytes, Error> {
    let actual = hash(bytes.clone()).await?;
    if actual == expected { Ok(bytes) } else { Err(Error::BlobCorrupt { expected, actual }) }
}

/// Passes pieces on one behind, so that the last one leaves only after the whole has verified.
fn hold_back(expected: Digest, pieces: ByteStream) -> ByteStream {
    struct Held {
        pieces: ByteStream,
        hasher: Option<Hasher>,
        last: Option<Bytes>,
    }
    let start = Held { pieces, hasher: Some(Hasher::new()), last: None };
    stream::try_unfold(start, move |mut held| async move {
        loop {
            match held.pieces.try_next().await? {
                Some(piece) => {
                    if let Some(hasher) = &mut held.hasher {
                        hasher.update(&piece);
                    }
                    if let Some(before) = held.last.replace(piece) {
                        return Ok(Some((before, held)));
                    }
                }
                None => {
                    let Some(hasher) = held.hasher.take() else { return Ok(None) };
                    let actual = hasher.finish();
                    if actual != expected {
                        return Err(Error::BlobCorrupt { expected, actual });
                    }
                    return Ok(held.last.take().map(|last| (last, held)));
                }
            }
        }
    })
    .boxed()
}

/// Reads digest and generation from a key of ours; `None` for anything else that lies there.
fn parse_key(key: &Path) -> Option<(Digest, u64)> {
    let name = key.filename()?;
    let (hex, generation) = match name.split_once('.') {
        Some((hex, generation)) => (hex, generation.parse().ok()?),
        None => (name, 0),
    };
    Some((hex.parse().ok()?, generation))
}

/// Lookups under way at once.
const CONCURRENCY: usize = 16;
/// Blobs up to this size are put in one request; larger ones in parts of it.
const IN_MEMORY: usize = 8 * 1024 * 1024;
/// Parts of one upload under way at once.
const PARTS_UNDER_WAY: usize = 4;
/// From this size on, hashing leaves the async thread.
const OFF_THREAD: usize = 256 * 1024;
/// Largest blob that is read into memory; larger ones are for `stream`.
const WHOLE_LIMIT: u64 = 4 * 1024 * 1024 * 1024;
