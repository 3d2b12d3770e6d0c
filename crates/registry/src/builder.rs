//! Opening a registry.

use std::sync::Arc;

use lineal_core::{BlobStore, Journal, Name, Signer, Store, Verifier};

use crate::{Error, Registry, trust::Trust};

/// Collects what a registry is opened with.
#[derive(Debug)]
pub struct RegistryBuilder {
    name: Name,
    store: Store,
    blobs: Arc<dyn BlobStore>,
    trust: Arc<dyn Trust>,
    signer: Option<Arc<dyn Signer>>,
    signed_only: bool,
}

impl RegistryBuilder {
    /// Signs every journal entry written through the handle.
    #[must_use]
    pub fn with_signer(mut self, signer: Arc<dyn Signer>) -> Self {
        self.signer = Some(signer);
        self
    }

    /// Demands that every journal entry read is signed by a trusted key.
    ///
    /// Without it, somebody who can write to the store but has no key cannot make an unapproved version load, but can move
    /// an alias to a version that was approved for it before, or hide the latest entries.
    #[must_use]
    pub fn require_signed_entries(mut self) -> Self {
        self.signed_only = true;
        self
    }

    /// Opens the registry as it stands now. Never writes.
    ///
    /// # Errors
    /// [`Error::Store`] as opening a journal.
    pub async fn open(self) -> Result<Registry, Error> {
        let mut journal = Journal::builder(&self.store, &format!("registries/{}", self.name));
        if let Some(signer) = self.signer {
            journal = journal.with_signer(signer);
        }
        if self.signed_only {
            let trust: Arc<dyn Trust> = Arc::clone(&self.trust);
            journal = journal.with_verifier(trust as Arc<dyn Verifier>);
        }
        let journal = journal.open().await?;
        Ok(Registry { name: self.name, journal, blobs: self.blobs, trust: self.trust })
    }
}

impl Registry {
    /// Starts opening the registry `name` of `store`; its journal lies at `registries/<name>`.
    #[must_use]
    pub fn builder(store: &Store, name: Name, blobs: Arc<dyn BlobStore>, trust: Arc<dyn Trust>) -> RegistryBuilder {
        RegistryBuilder { name, store: store.clone(), blobs, trust, signer: None, signed_only: false }
    }
}
