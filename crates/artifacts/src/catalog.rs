use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
};

use async_trait::async_trait;
use lineal_core::{Actor, At, Digest, Head, Journal, Name, Roots, Stamp, State, Store, Timestamp, TransactError, Txn};
use serde::{Deserialize, Serialize};

use crate::{Error, MANIFEST_MEDIA_TYPE, Stored};

/// Gives artifacts names, and numbers what a name meant over time.
///
/// Cheap to clone; any number of processes may use one catalog. A version keeps its artifact alive until it is removed, and
/// its number is never used again. The journal is specified in `docs/format/catalog.md`.
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

/// One version of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CatalogVersion {
    /// Its number, from 1.
    pub version: u64,
    /// The artifact: digest of its manifest.
    pub artifact: Digest,
    /// Who named it.
    pub actor: Actor,
    /// When it was named.
    pub time: Timestamp,
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
                return Vec::new();
            }
            number = state.next(name);
            vec![CatalogEvent::Named { artifact, name: name.clone(), version: number }]
        };
        self.record(&txn, decide).await?;
        Ok(number)
    }

    /// Releases one version of `name`: it is no longer found, and keeps its artifact alive no longer. Tells whether there
    /// was one.
    ///
    /// # Errors
    /// [`Error::Store`] if the journal cannot be written.
    pub async fn remove(&self, name: &Name, version: u64, actor: &Actor) -> Result<bool, Error> {
        let mut found = false;
        let decide = |state: &CatalogState| {
            found = state.version(name, version).is_some();
            if found { vec![CatalogEvent::Removed { name: name.clone(), version }] } else { Vec::new() }
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

    async fn record(
        &self,
        txn: &Txn,
        mut decide: impl FnMut(&CatalogState) -> Vec<CatalogEvent> + Send,
    ) -> Result<(), Error> {
        match self.journal.transact(txn, |state| Ok::<_, Infallible>(decide(state))).await {
            Ok(_) => Ok(()),
            Err(TransactError::Refused(never)) => match never {},
            Err(TransactError::Journal(error)) => Err(error.into()),
            Err(error) => {
                let rule = "is not known to this release";
                Err(Error::invalid("outcome of a transaction", &error.to_string(), rule))
            }
        }
    }
}

/// What happens in a catalog; a stored format, see `docs/format/catalog.md`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum CatalogEvent {
    /// An artifact became the next version of a name.
    Named {
        /// The artifact: digest of its manifest.
        artifact: Digest,
        /// The name.
        name: Name,
        /// The number, dense from 1 in each name.
        version: u64,
    },
    /// A version was released.
    Removed {
        /// The name.
        name: Name,
        /// The number.
        version: u64,
    },
}

/// What the names of a catalog mean.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogState {
    names: BTreeMap<Name, Line>,
}

/// The versions of one name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    /// The highest number ever given.
    last: u64,
    versions: BTreeMap<u64, Record>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    actor: Actor,
    artifact: Digest,
    time: Timestamp,
}

impl CatalogState {
    /// Returns the names that have a version.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        self.names.iter().filter(|(_, line)| !line.versions.is_empty()).map(|(name, _)| name)
    }

    /// Returns the version of `name` with the highest number.
    #[must_use]
    pub fn latest(&self, name: &Name) -> Option<CatalogVersion> {
        let (version, record) = self.names.get(name)?.versions.last_key_value()?;
        Some(record.numbered(*version))
    }

    /// Returns a version of `name` that was not removed.
    #[must_use]
    pub fn version(&self, name: &Name, version: u64) -> Option<CatalogVersion> {
        Some(self.names.get(name)?.versions.get(&version)?.numbered(version))
    }

    /// Returns the versions of `name` that were not removed, by number.
    pub fn versions(&self, name: &Name) -> impl Iterator<Item = CatalogVersion> + '_ {
        let versions = self.names.get(name).into_iter().flat_map(|line| &line.versions);
        versions.map(|(version, record)| record.numbered(*version))
    }

    /// Returns the artifacts that have a name.
    pub fn artifacts(&self) -> impl Iterator<Item = Digest> + '_ {
        self.names.values().flat_map(|line| line.versions.values()).map(|record| record.artifact)
    }

    fn next(&self, name: &Name) -> u64 {
        self.names.get(name).map_or(1, |line| line.last + 1)
    }
}

impl Record {
    fn numbered(&self, version: u64) -> CatalogVersion {
        let Self { actor, artifact, time } = self;
        CatalogVersion { version, artifact: *artifact, actor: actor.clone(), time: *time }
    }
}

impl State for CatalogState {
    type Event = CatalogEvent;
    const KIND: &'static str = "lineal.artifacts";

    fn apply(&mut self, event: &CatalogEvent, stamp: &Stamp) {
        match event {
            CatalogEvent::Named { artifact, name, version } => {
                let line = self.names.entry(name.clone()).or_default();
                line.last = line.last.max(*version);
                let record = Record { actor: stamp.actor.clone(), artifact: *artifact, time: stamp.time };
                line.versions.insert(*version, record);
            }
            CatalogEvent::Removed { name, version } => {
                if let Some(line) = self.names.get_mut(name) {
                    line.versions.remove(version);
                }
            }
        }
    }
}

/// Tells collectors which artifacts a catalog keeps alive: those named and not removed.
///
/// With [`ManifestLinks`](crate::ManifestLinks), and [`NoLinks`](lineal_core::NoLinks) for `application/octet-stream`, a
/// collector finds all their files.
#[derive(Debug, Clone, Copy, Default)]
#[allow(clippy::exhaustive_structs, reason = "it has nothing to set")]
pub struct CatalogRoots;

#[async_trait]
impl Roots for CatalogRoots {
    #[expect(clippy::expect_used, reason = "the kind is a constant that a test checks")]
    fn kind(&self) -> Name {
        Name::new(CatalogState::KIND).expect("the kind is a valid name")
    }

    async fn live(
        &self,
        store: &Store,
        prefix: &str,
        upto: Head,
    ) -> Result<BTreeMap<Digest, String>, lineal_core::Error> {
        let journal = Journal::<CatalogState>::builder(store, prefix).open().await?;
        let past = journal.as_of(At::Seq(upto.seq)).await?;
        if past.head.map(|head| head.digest) != Some(upto.digest) {
            let reason = format!("journal {prefix} has another entry {}", upto.seq);
            return Err(lineal_core::Error::Collection { reason });
        }
        Ok(past.state.artifacts().map(|artifact| (artifact, MANIFEST_MEDIA_TYPE.to_owned())).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use lineal_core::{NoProgress, to_canonical};

    use super::*;
    use crate::{Artifacts, Content, Draft, PackBlobs};

    #[test]
    fn the_stored_events_are_pinned() {
        let name = Name::new("late").unwrap();
        let artifact = Digest::of(b"manifest");
        let events = [
            CatalogEvent::Named { artifact, name: name.clone(), version: 1 },
            CatalogEvent::Removed { name, version: 1 },
        ];
        let lines: Vec<_> =
            events.iter().map(|event| String::from_utf8(to_canonical(event).unwrap()).unwrap()).collect();
        insta::assert_snapshot!(lines.join("\n"));
    }

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

    #[tokio::test]
    async fn what_is_named_and_not_removed_is_alive() {
        let store = Store::open("memory:///").unwrap();
        let artifacts = Artifacts::new(Arc::new(PackBlobs::open(&store, "blobs").await.unwrap()));
        let catalog = Catalog::open(&store, "artifacts").await.unwrap();
        let ana = Actor::new("ana").unwrap();
        let stored = artifacts.put(Draft::new("text/plain"), &NoProgress).await.unwrap();
        let late = Name::new("late").unwrap();
        catalog.name(&late, &stored, &ana).await.unwrap();
        let named = catalog.journal().head().unwrap();
        catalog.remove(&late, 1, &ana).await.unwrap();
        let removed = catalog.journal().head().unwrap();

        let live = CatalogRoots.live(&store, "artifacts", named).await.unwrap();
        assert_eq!(live, BTreeMap::from([(stored.digest, MANIFEST_MEDIA_TYPE.to_owned())]));
        assert!(CatalogRoots.live(&store, "artifacts", removed).await.unwrap().is_empty());
        assert_eq!(CatalogRoots.kind().as_str(), "lineal.artifacts");
    }
}
