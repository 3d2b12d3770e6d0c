use std::sync::Arc;

use super::BlobStore;
use crate::{Digest, StoreId};

/// States that blobs were durable in a collection epoch; a transaction that names them takes it along.
///
/// Valid until a collection condemns one of them: the journal finds out by itself and refuses then.
#[derive(Debug, Clone)]
pub struct Receipt {
    blobs: Arc<dyn BlobStore>,
    digests: Arc<[Digest]>,
    holds: Arc<[Digest]>,
    epoch: u64,
}

impl Receipt {
    /// Issues a receipt; for implementers of [`BlobStore`].
    ///
    /// `epoch` is the one in which the batch began: read before any of the blobs was looked up or written.
    #[must_use]
    pub fn new(blobs: Arc<dyn BlobStore>, mut digests: Vec<Digest>, epoch: u64) -> Self {
        digests.sort_unstable();
        digests.dedup();
        let digests: Arc<[Digest]> = digests.into();
        Self { blobs, holds: Arc::clone(&digests), digests, epoch }
    }

    /// States what the blobs rest on, for an engine that does not condemn single blobs: the digests by which
    /// [`BlobStore::condemned`] knows the units it keeps them in. They go into the journal in the place of the blobs'.
    #[must_use]
    pub fn with_holds(mut self, mut holds: Vec<Digest>) -> Self {
        holds.sort_unstable();
        holds.dedup();
        self.holds = holds.into();
        self
    }

    /// Returns the identity of the blob store.
    #[must_use]
    pub fn store(&self) -> StoreId {
        self.blobs.id()
    }

    /// Returns the blobs, sorted.
    #[must_use]
    pub fn digests(&self) -> &[Digest] {
        &self.digests
    }

    /// Returns what a collection must not have condemned since, sorted: the blobs, unless the engine stated otherwise.
    #[must_use]
    pub fn holds(&self) -> &[Digest] {
        &self.holds
    }

    /// Returns the collection epoch in which they were durable.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Returns the blob store that answers for the receipt.
    #[must_use]
    pub fn blobs(&self) -> &Arc<dyn BlobStore> {
        &self.blobs
    }
}
