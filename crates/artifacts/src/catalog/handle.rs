use std::collections::BTreeSet;

use lineal_core::{Actor, Journal, Name, Store, TransactError, Txn};

use super::{CatalogEvent, CatalogState, CatalogVersion, keep};
use crate::{Error, Stored};

/// Gives artifacts names, and numbers what a name meant over time.
///
/// Cheap to clone; any number of processes may use one catalog. A version keeps its artifact alive until it is removed, and
/// its number is never used again. Pins and holds keep versions, and [`Retention`](crate::Retention) lets go of those
/// that are not worth keeping. The journal is specified in `docs/format/catalog.md`.
///
/// ```
/// use std::sync::Arc;
/// use lineal_artifacts::{Artifacts, Catalog, Content, Draft, PackBlobs};
/// use lineal_core::{Actor, Name, NoProgress, Store};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = Store::open("memory:///")?;
/// let artifacts = Artifacts::new(Arc::new(PackBlobs::open(&store, "blobs").await?));
/// let catalog = Catalog::open(&store, "artifacts").await?;
///
/// let draft = Draft::new("application/vnd.example.model").with_file("weights.bin", Content::bytes(vec![1, 2, 3]));
/// let stored = artifacts.put(draft, &NoProgress).await?;
/// let late = Name::new("late")?;
/// assert_eq!(catalog.name(&late, &stored, &Actor::new("ana@example.org")?).await?, 1);
///
/// let latest = catalog.latest(&late).await?.ok_or("nothing has that name")?;
/// assert_eq!(artifacts.get(&latest.artifact).await?.read("weights.bin").await?, vec![1, 2, 3]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Catalog {
    journal: Journal<CatalogState>,
}

impl Catalog {
    /// Opens the catalog whose journal lies at `prefix` of `store`. Never writes; a new one is empty.
    ///
    /// # Errors
    /// [`Error::Store`] if the journal cannot be read, or is of another kind.
    pub async fn open(store: &Store, prefix: &str) -> Result<Self, Error> {
        Ok(Self { journal: Journal::builder(store, prefix).open().await? })
    }

    /// Returns the journal, for those who anchor its head, follow it or collect garbage.
    #[must_use]
    pub fn journal(&self) -> &Journal<CatalogState> {
        &self.journal
    }

    /// Makes a stored artifact the next version of `name` and returns its number.
    ///
    /// If it is the latest version already, that one's number is returned and nothing is recorded; so repeating the call
    /// is safe.
    ///
    /// # Errors
    /// [`Error::Store`] if the journal cannot be written, or a collection has overtaken the receipt: put again then.
    pub async fn name(&self, name: &Name, stored: &Stored, actor: &Actor) -> Result<u64, Error> {
        let txn = Txn::by(actor.clone()).with_receipt(stored.receipt.clone());
        let artifact = stored.digest;
        let mut number = 0;
        let decide = |state: &CatalogState| {
            if let Some(latest) = state.latest(name).filter(|latest| latest.artifact == artifact) {
                number = latest.version;
                return Ok(Vec::new());
            }
            number = state.next(name);
            Ok(vec![CatalogEvent::Named { artifact, name: name.clone(), version: number }])
        };
        self.record(&txn, decide).await?;
        Ok(number)
    }

    /// Removes one version of `name`: it is no longer found, and keeps its artifact alive no longer. Tells whether there
    /// was one.
    ///
    /// # Errors
    /// [`Error::Held`] if the version is held: have the hold [released](Catalog::release) first. [`Error::Store`] if the
    /// journal cannot be written.
    pub async fn remove(&self, name: &Name, version: u64, actor: &Actor) -> Result<bool, Error> {
        let mut found = false;
        let decide = |state: &CatalogState| {
            let record = state.version(name, version);
            if let Some((label, hold)) = record.as_ref().and_then(|record| record.holds.first_key_value()) {
                return Err(keep::held(name, version, label, hold));
            }
            found = record.is_some();
            Ok(found.then(|| CatalogEvent::Removed { name: name.clone(), version }).into_iter().collect())
        };
        self.record(&Txn::by(actor.clone()), decide).await?;
        Ok(found)
    }

    /// Returns the version of `name` with the highest number, if there is any.
    ///
    /// # Errors
    /// [`Error::Store`] if the journal cannot be read.
    pub async fn latest(&self, name: &Name) -> Result<Option<CatalogVersion>, Error> {
        Ok(self.journal.read(|state| state.latest(name)).await?)
    }

    /// Returns version `version` of `name`, unless it was removed or never was.
    ///
    /// # Errors
    /// [`Error::Store`] if the journal cannot be read.
    pub async fn version(&self, name: &Name, version: u64) -> Result<Option<CatalogVersion>, Error> {
        Ok(self.journal.read(|state| state.version(name, version)).await?)
    }

    /// Returns all versions of `name` that were not removed, by number.
    ///
    /// # Errors
    /// [`Error::Store`] if the journal cannot be read.
    pub async fn versions(&self, name: &Name) -> Result<Vec<CatalogVersion>, Error> {
        Ok(self.journal.read(|state| state.versions(name).collect()).await?)
    }

    /// Returns the names that have a version.
    ///
    /// # Errors
    /// [`Error::Store`] if the journal cannot be read.
    pub async fn names(&self) -> Result<BTreeSet<Name>, Error> {
        Ok(self.journal.read(|state| state.names().cloned().collect()).await?)
    }

    /// Records what `decide` answers, unless it refuses.
    pub(super) async fn record(
        &self,
        txn: &Txn,
        decide: impl FnMut(&CatalogState) -> Result<Vec<CatalogEvent>, Error> + Send,
    ) -> Result<(), Error> {
        match self.journal.transact(txn, decide).await {
            Ok(_) => Ok(()),
            Err(TransactError::Refused(refusal)) => Err(refusal),
            Err(TransactError::Journal(error)) => Err(error.into()),
            Err(error) => {
                let rule = "is not known to this release";
                Err(Error::invalid("outcome of a transaction", &error.to_string(), rule))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use lineal_core::NoProgress;

    use super::*;
    use crate::{Artifacts, Content, Draft, PackBlobs};

    #[tokio::test]
    async fn versions_are_numbered_and_never_again() {
        let store = Store::open("memory:///").unwrap();
        let artifacts = Artifacts::new(Arc::new(PackBlobs::open(&store, "blobs").await.unwrap()));
        let catalog = Catalog::open(&store, "artifacts").await.unwrap();
        let (late, ana) = (Name::new("late").unwrap(), Actor::new("ana").unwrap());
        let mut stored = Vec::new();
        for text in ["one", "two"] {
            let draft = Draft::new("text/plain").with_file("text", Content::bytes(text));
            stored.push(artifacts.put(draft, &NoProgress).await.unwrap());
        }
        assert_eq!(catalog.latest(&late).await.unwrap(), None);
        for (version, stored) in [(1, &stored[0]), (1, &stored[0]), (2, &stored[1]), (3, &stored[0])] {
            assert_eq!(catalog.name(&late, stored, &ana).await.unwrap(), version);
        }
        assert!(catalog.remove(&late, 3, &ana).await.unwrap());
        assert!(!catalog.remove(&late, 3, &ana).await.unwrap());

        let other = Catalog::open(&store, "artifacts").await.unwrap();
        let numbers: Vec<_> = other.versions(&late).await.unwrap().iter().map(|found| found.version).collect();
        assert_eq!(numbers, [1, 2]);
        assert_eq!(other.latest(&late).await.unwrap().unwrap().artifact, stored[1].digest);
        assert_eq!(other.version(&late, 3).await.unwrap(), None);
        assert_eq!(other.name(&late, &stored[0], &ana).await.unwrap(), 4, "a number is not given twice");
        assert_eq!(other.names().await.unwrap(), BTreeSet::from([late]));
    }
}
