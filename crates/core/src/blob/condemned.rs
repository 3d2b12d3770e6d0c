use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    Digest,
    store::{Error, Store},
};

/// The lists of what was condemned, one object for each epoch, below the prefix of the journal that names them.
///
/// For engines. What the digests stand for is the engine's own affair: blobs, or the larger units it keeps them in.
#[derive(Debug)]
pub struct CondemnedLists {
    store: Store,
    prefix: String,
    read: Mutex<BTreeMap<u64, Arc<[Digest]>>>,
}

impl CondemnedLists {
    /// Addresses the lists that belong to the journal at `prefix`; no request is made.
    #[must_use]
    pub fn new(store: &Store, prefix: &str) -> Self {
        Self { store: store.clone(), prefix: prefix.trim_matches('/').to_owned(), read: Mutex::default() }
    }

    /// Writes the list of `epoch`; returns the number of its digests and its own digest, for the event that names it.
    ///
    /// # Errors
    /// [`Error::Storage`], or [`Error::UnsafeStore`] if the store cannot be written.
    pub async fn write(&self, epoch: u64, mut digests: Vec<Digest>) -> Result<(u64, Digest), Error> {
        digests.sort_unstable();
        digests.dedup();
        let bytes: Vec<u8> = digests.iter().flat_map(|digest| *digest.as_bytes()).collect();
        let list = Digest::of(&bytes);
        self.store.ensure_writable().await?;
        self.store.overwrite(&self.key(epoch, list)?, bytes.into()).await?;
        Ok((digests.len() as u64, list))
    }

    /// Returns the list of `epoch`, sorted, which must have the digest `list`; read once and kept.
    ///
    /// # Errors
    /// [`Error::BlobMissing`], [`Error::BlobCorrupt`] or [`Error::UnknownFormat`] if it is not such a list.
    pub async fn read(&self, epoch: u64, list: Digest) -> Result<Arc<[Digest]>, Error> {
        let known = self.read.lock().unwrap_or_else(PoisonError::into_inner).get(&epoch).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let bytes = self.store.read(&self.key(epoch, list)?, LIMIT).await?;
        let bytes = bytes.ok_or(Error::BlobMissing { digest: list })?;
        let actual = Digest::of(&bytes);
        if actual != list {
            return Err(Error::BlobCorrupt { expected: list, actual });
        }
        let (chunks, rest) = bytes.as_chunks::<32>();
        let digests: Arc<[Digest]> = chunks.iter().map(|chunk| Digest::from_bytes(*chunk)).collect();
        if !rest.is_empty() || !digests.is_sorted_by(|one, next| one < next) {
            let what = format!("condemned list of epoch {epoch}");
            return Err(Error::UnknownFormat { what, found: "something else than sorted digests".to_owned() });
        }
        self.read.lock().unwrap_or_else(PoisonError::into_inner).insert(epoch, Arc::clone(&digests));
        Ok(digests)
    }

    fn key(&self, epoch: u64, list: Digest) -> Result<object_store::path::Path, Error> {
        self.store.key(&format!("{}/condemned/{epoch:020}-{list}", self.prefix))
    }
}

/// Largest list that is read: room for over a hundred million digests.
const LIMIT: u64 = 4 * 1024 * 1024 * 1024;
