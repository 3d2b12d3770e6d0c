//! Loading: everything is verified where the model is used, so that write access to the store is no way in.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use lineal_core::{BlobStore, BlobStoreExt, ByteStream, Digest, IoSchema, ModelRef, Name, from_canonical};
use serde_json::Value;

use crate::{
    AliasRef, Environment, Error, Manifest, ModelFile, Registry, RegistryState, VersionRecord, decision::Decision,
    registry::find, state::Version,
};

/// A version whose documents were read and verified.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct VerifiedVersion {
    /// The model card.
    pub card: Option<Value>,
    /// The decision that let it in; `None` for a candidate.
    pub decision: Option<Decision>,
    /// The version's digest.
    pub digest: Digest,
    /// Its files.
    pub manifest: Manifest,
    /// The reference to it.
    pub model: ModelRef,
    /// All that it is.
    pub record: VersionRecord,
    /// Its schema: what it takes and gives.
    pub schema: IoSchema,
}

/// A version that may be used, with its files still in the store; each is verified as it is read.
#[derive(Debug, Clone)]
pub struct Release {
    blobs: Arc<dyn BlobStore>,
    version: VerifiedVersion,
}

/// A version in memory, every byte of it verified.
#[derive(Debug, Clone)]
pub struct LoadedModel {
    pub(crate) files: BTreeMap<String, Bytes>,
    pub(crate) version: VerifiedVersion,
}

impl Registry {
    /// Loads the version that an alias names.
    ///
    /// Verified, each time: the version was not revoked; a decision let it into this environment for this alias; that
    /// decision holds when it is judged again from storage, policy, signatures and approvals included; manifest,
    /// schema and card are what their digests say; and so is every byte of every file. Holds all files in memory;
    /// [`Registry::release`] does not.
    ///
    /// # Errors
    /// Names what fails: [`Error::NoSuchAlias`], [`Error::Revoked`], [`Error::NotApproved`], those of
    /// [`Registry::recheck`], [`Error::Unreadable`] with the object, [`Error::Store`].
    pub async fn load(&self, alias: &AliasRef) -> Result<LoadedModel, Error> {
        self.release(alias).await?.load().await
    }

    /// Verifies like [`Registry::load`], all but the files, and returns a handle to read those one by one.
    ///
    /// # Errors
    /// As [`Registry::load`].
    pub async fn release(&self, alias: &AliasRef) -> Result<Release, Error> {
        let state = self.journal.snapshot().await?.state;
        let held = state.holder(alias).ok_or_else(|| Error::NoSuchAlias { alias: Box::new(alias.clone()) })?;
        let version = usable(&state, &alias.model, held.version)?;
        let (decision, _) = self.verify_decision(&state, &held.decision).await?;
        let basis = &decision.basis;
        let fits =
            basis.model == alias.model && basis.version == held.version && basis.environment == alias.environment;
        if !(fits && decision.approved() && decision.aliases.contains(&alias.alias)) {
            return Err(not_approved(&alias.model, held.version, &alias.environment));
        }
        self.open_version(version, held.version, Some(decision)).await
    }

    /// Returns a version that was let into an environment, whatever the aliases name now.
    ///
    /// # Errors
    /// As [`Registry::load`]; [`Error::NotApproved`] if the last decision on it there was not an approval.
    pub async fn release_version(
        &self,
        model: &Name,
        number: u64,
        environment: &Environment,
    ) -> Result<Release, Error> {
        let state = self.journal.snapshot().await?.state;
        let version = usable(&state, model, number)?;
        let decisions = state.decisions.iter().filter(|(_, decided)| {
            let basis = &decided.decision.basis;
            basis.model == *model && basis.version == number && basis.environment == *environment
        });
        let last = decisions.max_by_key(|(_, decided)| decided.tick);
        let (digest, _) = last
            .filter(|(_, decided)| decided.decision.approved())
            .ok_or_else(|| not_approved(model, number, environment))?;
        let (decision, _) = self.verify_decision(&state, digest).await?;
        self.open_version(version, number, Some(decision)).await
    }

    /// Returns a version that nobody may have let in anywhere, to measure, test or package it. Not for use.
    ///
    /// # Errors
    /// [`Error::NoSuchVersion`], [`Error::Revoked`], [`Error::Unreadable`], [`Error::Malformed`], [`Error::Store`].
    pub async fn candidate(&self, model: &Name, number: u64) -> Result<Release, Error> {
        let state = self.journal.snapshot().await?.state;
        let version = usable(&state, model, number)?;
        self.open_version(version, number, None).await
    }

    async fn open_version(&self, version: &Version, number: u64, decision: Option<Decision>) -> Result<Release, Error> {
        let record = (*version.record).clone();
        let manifest = self.paper("manifest", &record.manifest).await?;
        let schema = self.paper("schema", &record.schema).await?;
        let card = match &record.card {
            Some(digest) => Some(self.paper("model card", digest).await?),
            None => None,
        };
        let version = VerifiedVersion::assemble(record, number, decision, &manifest, &schema, card.as_deref())?;
        Ok(Release { blobs: Arc::clone(&self.blobs), version })
    }
}

impl VerifiedVersion {
    /// Reads documents that were verified against the digests in the record.
    pub(crate) fn assemble(
        record: VersionRecord,
        number: u64,
        decision: Option<Decision>,
        manifest: &[u8],
        schema: &[u8],
        card: Option<&[u8]>,
    ) -> Result<Self, Error> {
        let malformed = |what: &str, digest: Digest, source| Error::Malformed {
            what: what.to_owned(),
            digest,
            source: Box::new(source),
        };
        let schema: IoSchema = from_canonical(schema).map_err(|source| malformed("schema", record.schema, source))?;
        let card = card.map(from_canonical).transpose();
        let card = card.map_err(|source| malformed("model card", record.card.unwrap_or(record.manifest), source))?;
        let model = ModelRef {
            registry: record.registry.clone(),
            model: record.model.clone(),
            version: number,
            manifest: record.manifest,
        };
        let manifest = Manifest::from_bytes(manifest)?;
        Ok(Self { card, decision, digest: record.digest(), manifest, model, record, schema })
    }
}

impl Release {
    /// Returns the version.
    #[must_use]
    pub fn version(&self) -> &VerifiedVersion {
        &self.version
    }

    /// Reads a whole file, verified.
    ///
    /// # Errors
    /// [`Error::NoSuchFile`], [`Error::Unreadable`] with the file's name, [`Error::FileSize`].
    pub async fn read(&self, name: &str) -> Result<Bytes, Error> {
        let file = self.file(name)?;
        let bytes = self.blobs.read_all(&file.digest).await.map_err(|source| unreadable(file, source))?;
        check_size(file, bytes.len())?;
        Ok(bytes)
    }

    /// Streams a file, verified as [`BlobStore::stream`] says.
    ///
    /// # Errors
    /// [`Error::NoSuchFile`], [`Error::Unreadable`] with the file's name.
    pub async fn stream(&self, name: &str) -> Result<ByteStream, Error> {
        let file = self.file(name)?;
        self.blobs.stream(&file.digest).await.map_err(|source| unreadable(file, source))
    }

    /// Reads all files into memory.
    ///
    /// # Errors
    /// As [`Release::read`].
    pub async fn load(self) -> Result<LoadedModel, Error> {
        let names: Vec<String> = self.version.manifest.files().iter().map(|file| file.name.clone()).collect();
        let reads = names.into_iter().map(|name| async {
            let bytes = self.read(&name).await?;
            Ok::<_, Error>((name, bytes))
        });
        let files = stream::iter(reads).buffer_unordered(FILES_AT_ONCE).try_collect().await?;
        Ok(LoadedModel { files, version: self.version })
    }

    fn file(&self, name: &str) -> Result<&ModelFile, Error> {
        self.version.manifest.file(name).ok_or_else(|| Error::NoSuchFile { name: name.to_owned() })
    }
}

impl LoadedModel {
    /// Returns the version.
    #[must_use]
    pub fn version(&self) -> &VerifiedVersion {
        &self.version
    }

    /// Returns the bytes of a file.
    ///
    /// # Errors
    /// [`Error::NoSuchFile`].
    pub fn file(&self, name: &str) -> Result<&Bytes, Error> {
        self.files.get(name).ok_or_else(|| Error::NoSuchFile { name: name.to_owned() })
    }

    /// Returns all files by name.
    pub fn files(&self) -> impl Iterator<Item = (&str, &Bytes)> {
        self.files.iter().map(|(name, bytes)| (name.as_str(), bytes))
    }
}

pub(crate) fn check_size(file: &ModelFile, found: usize) -> Result<(), Error> {
    match u64::try_from(found) {
        Ok(found) if found == file.size => Ok(()),
        found => {
            let found = found.unwrap_or(u64::MAX);
            Err(Error::FileSize { name: file.name.clone(), stated: file.size, found })
        }
    }
}

fn usable<'a>(state: &'a RegistryState, model: &Name, number: u64) -> Result<&'a Version, Error> {
    let version = find(state, model, number)?;
    match &version.revoked {
        None => Ok(version),
        Some(reason) => Err(Error::Revoked { model: model.clone(), version: number, reason: reason.clone() }),
    }
}

fn not_approved(model: &Name, version: u64, environment: &Environment) -> Error {
    Error::NotApproved { model: model.clone(), version, environment: environment.clone() }
}

fn unreadable(file: &ModelFile, source: lineal_core::Error) -> Error {
    Error::Unreadable { what: format!("file {}", file.name), digest: file.digest, source: Box::new(source) }
}

const FILES_AT_ONCE: usize = 4;
