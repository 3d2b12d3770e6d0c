use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

use super::Receipt;
use crate::{Digest, store::Error};

/// What the caller knows about a blob; hints change how it is stored, never what it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PutHints {
    /// Size in bytes, if known before the stream ends.
    pub size_bytes: Option<u64>,
    /// Offsets at which an engine that stores pieces should cut, ascending.
    pub cut_points: Vec<u64>,
    /// Media type, e.g. `application/vnd.apache.parquet`.
    pub media_type: Option<String>,
}

impl PutHints {
    /// States the size.
    #[must_use]
    pub fn with_size(mut self, bytes: u64) -> Self {
        self.size_bytes = Some(bytes);
        self
    }

    /// States where to cut.
    #[must_use]
    pub fn with_cut_points(mut self, offsets: Vec<u64>) -> Self {
        self.cut_points = offsets;
        self
    }

    /// States the media type.
    #[must_use]
    pub fn with_media_type(mut self, media_type: impl Into<String>) -> Self {
        self.media_type = Some(media_type.into());
        self
    }
}

/// Blobs that become durable together.
///
/// # Contract
/// Puts may run concurrently. `commit` waits for all of them, then for durability. A batch that is dropped leaves at most
/// unreferenced blobs behind, for the collection.
#[async_trait]
pub trait Batch: Send + Sync {
    /// Puts bytes and returns their digest.
    ///
    /// # Errors
    /// [`Error::Storage`] if they could not be stored.
    async fn put(&self, bytes: Bytes, hints: PutHints) -> Result<Digest, Error>;

    /// Puts many blobs that are in memory; one digest for each, in order.
    ///
    /// For small ones by the thousand: an engine may hash and compress them side by side. One after the other by default.
    ///
    /// # Errors
    /// As [`put`](Self::put); then none of them is promised to be in the batch.
    async fn put_many(&self, blobs: Vec<(Bytes, PutHints)>) -> Result<Vec<Digest>, Error> {
        let mut digests = Vec::with_capacity(blobs.len());
        for (bytes, hints) in blobs {
            digests.push(self.put(bytes, hints).await?);
        }
        Ok(digests)
    }

    /// Puts a stream of bytes, in bounded memory where the back end can take parts.
    ///
    /// # Errors
    /// [`Error::of_stream`] of the failure if the stream fails; [`Error::Storage`] if its bytes could not be stored.
    async fn put_stream(
        &self,
        bytes: BoxStream<'static, std::io::Result<Bytes>>,
        hints: PutHints,
    ) -> Result<Digest, Error>;

    /// Takes blobs into the batch that are stored already, without their bytes: one answer for each digest, in order,
    /// false for one that is not stored.
    ///
    /// For what an earlier transaction named and a new one names again, and for transfers that send only what is missing.
    ///
    /// # Errors
    /// [`Error::Storage`] if the store cannot be read.
    async fn keep(&self, digests: &[Digest]) -> Result<Vec<bool>, Error>;

    /// Makes everything put durable and readable, and returns the receipt to hand to a transaction.
    ///
    /// # Errors
    /// [`Error::Storage`]; then nothing of the batch is promised.
    async fn commit(self: Box<Self>) -> Result<Receipt, Error>;
}
