use std::{fmt::Debug, ops::Range, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

use super::{Batch, Enrolment, PutHints, Receipt};
use crate::{Digest, StoreId, store::Error};

/// Bytes that arrive in pieces.
pub type ByteStream = BoxStream<'static, Result<Bytes, Error>>;

/// What a blob store knows about a blob without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlobInfo {
    /// Size in bytes.
    pub size_bytes: u64,
}

impl BlobInfo {
    /// Describes a blob of `size_bytes`.
    #[must_use]
    pub fn new(size_bytes: u64) -> Self {
        Self { size_bytes }
    }
}

/// Keeps immutable bytes under their SHA-256; the one place of everything big.
///
/// # Contract
/// - **Identity** is the digest of the raw bytes, always. Putting the same bytes twice gives the same digest and stores
///   them once, as far as the store can tell.
/// - **Visibility**: before [`Batch::commit`] returns `Ok` nothing is promised; after it, every blob of the batch is
///   durable and readable by everybody. A blob seen early is harmless: it is its own hash.
/// - **Verification**: no byte is handed out that was not checked against the digest; see [`BlobStore::stream`] and
///   [`BlobStore::stream_to_end`] for when.
/// - **Collection**: a blob that no root reaches may disappear, but never one that a receipt of the present epoch or a
///   journal entry names. [`BlobStore::condemned`] answers for all epochs, for ever.
/// - Methods may be called concurrently, and their futures dropped at any await.
#[async_trait]
pub trait BlobStore: Debug + Send + Sync {
    /// Returns the identity of the store: stable for its life, different from that of any other store.
    fn id(&self) -> StoreId;

    /// Starts a batch of puts in the present collection epoch.
    ///
    /// # Errors
    /// [`Error::UnsafeStore`] or [`Error::Storage`] if the store cannot be written.
    async fn begin(&self) -> Result<Box<dyn Batch>, Error>;

    /// Looks up blobs: one answer for each digest, in order, `None` for one that is not stored.
    ///
    /// # Errors
    /// [`Error::Storage`] if the store cannot be read.
    async fn stat(&self, digests: &[Digest]) -> Result<Vec<Option<BlobInfo>>, Error>;

    /// Reads a whole blob, or the bytes of `range`, verified before they are returned.
    ///
    /// # Errors
    /// [`Error::BlobMissing`], [`Error::BlobCorrupt`], [`Error::BadRange`], [`Error::Storage`].
    async fn read(&self, digest: &Digest, range: Option<Range<u64>>) -> Result<Bytes, Error>;

    /// Reads several whole blobs, in order; engines fetch what lies side by side in one request.
    ///
    /// All of them are in memory at once: ask for a few megabytes at a time.
    ///
    /// # Errors
    /// As [`BlobStore::read`], for the first that fails.
    async fn read_many(&self, digests: &[Digest]) -> Result<Vec<Bytes>, Error> {
        let mut read = Vec::with_capacity(digests.len());
        for digest in digests {
            read.push(self.read(digest, None).await?);
        }
        Ok(read)
    }

    /// Streams a whole blob in bounded memory.
    ///
    /// Each piece is verified before it is handed out if the store keeps digests of pieces; otherwise the last piece is
    /// held back until the whole has verified, so a reader that meets an error has never seen the complete blob.
    ///
    /// # Errors
    /// As [`BlobStore::read`], also as items of the stream.
    async fn stream(&self, digest: &Digest) -> Result<ByteStream, Error>;

    /// Streams a whole blob to a reader that keeps what it gets out of sight until the stream has ended, as under a
    /// temporary name: pieces may be verified only by the hash of the whole, and then not each by its own first.
    ///
    /// Up to half the work of [`BlobStore::stream`]. The last piece is held back until the whole has verified. Damage is told
    /// without its place, and no sound copy of a damaged piece is looked for: after [`Error::BlobCorrupt`], `stream` does both.
    ///
    /// # Errors
    /// As [`BlobStore::stream`].
    async fn stream_to_end(&self, digest: &Digest) -> Result<ByteStream, Error> {
        self.stream(digest).await
    }

    /// Makes a journal known to the collection of this store and returns the present epoch. Idempotent.
    ///
    /// Called by the journal itself before its first reference; embedders need not.
    ///
    /// # Errors
    /// [`Error::Storage`] and those of a journal.
    async fn enrol(&self, enrolment: &Enrolment) -> Result<u64, Error>;

    /// Returns which of `digests` were condemned by a collection in an epoch after `since` and up to `upto`.
    ///
    /// # Errors
    /// [`Error::Storage`] if the record of those epochs cannot be read.
    async fn condemned(&self, since: u64, upto: u64, digests: &[Digest]) -> Result<Vec<Digest>, Error>;
}

/// Conveniences over any [`BlobStore`].
#[async_trait]
pub trait BlobStoreExt: BlobStore {
    /// Puts one blob as a batch of its own.
    ///
    /// # Errors
    /// As [`Batch::put`] and [`Batch::commit`].
    async fn put_one(&self, bytes: Bytes) -> Result<Receipt, Error> {
        let batch = self.begin().await?;
        batch.put(bytes, PutHints::default()).await?;
        batch.commit().await
    }

    /// Reads a whole blob.
    ///
    /// # Errors
    /// As [`BlobStore::read`].
    async fn read_all(&self, digest: &Digest) -> Result<Bytes, Error> {
        self.read(digest, None).await
    }

    /// Tells whether a blob is stored.
    ///
    /// # Errors
    /// As [`BlobStore::stat`].
    async fn contains(&self, digest: &Digest) -> Result<bool, Error> {
        Ok(self.stat(std::slice::from_ref(digest)).await?.iter().any(Option::is_some))
    }
}

impl<T: BlobStore + ?Sized> BlobStoreExt for T {}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: BlobStore + ?Sized> BlobStore for Arc<T> {
    fn id(&self) -> StoreId {
        (**self).id()
    }

    async fn begin(&self) -> Result<Box<dyn Batch>, Error> {
        (**self).begin().await
    }

    async fn stat(&self, digests: &[Digest]) -> Result<Vec<Option<BlobInfo>>, Error> {
        (**self).stat(digests).await
    }

    async fn read(&self, digest: &Digest, range: Option<Range<u64>>) -> Result<Bytes, Error> {
        (**self).read(digest, range).await
    }

    async fn read_many(&self, digests: &[Digest]) -> Result<Vec<Bytes>, Error> {
        (**self).read_many(digests).await
    }

    async fn stream(&self, digest: &Digest) -> Result<ByteStream, Error> {
        (**self).stream(digest).await
    }

    async fn stream_to_end(&self, digest: &Digest) -> Result<ByteStream, Error> {
        (**self).stream_to_end(digest).await
    }

    async fn enrol(&self, enrolment: &Enrolment) -> Result<u64, Error> {
        (**self).enrol(enrolment).await
    }

    async fn condemned(&self, since: u64, upto: u64, digests: &[Digest]) -> Result<Vec<Digest>, Error> {
        (**self).condemned(since, upto, digests).await
    }
}
