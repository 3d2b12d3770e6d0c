//! Questions to a registry: what there is, what is live, what was, and lines of descent both ways.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use lineal_core::{Actor, At, Digest, EvidenceKind, KeyId, ModelRef, Name, Statement, Timestamp};

use crate::{
    AliasRef, Error, Registry, RegistryState, VersionRecord,
    case::{self, Papers},
    decision::{Decision, SeenSigner},
    registry::find,
    state::{Held, Version},
};

/// A registered version.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RegisteredVersion {
    /// When it was registered.
    pub at: Timestamp,
    /// Who registered it.
    pub by: Actor,
    /// Its digest: what approvals are about.
    pub digest: Digest,
    /// The reference to it.
    pub model: ModelRef,
    /// All that it is.
    pub record: Arc<VersionRecord>,
    /// Why it was revoked, if it was.
    pub revoked: Option<String>,
}

/// An alias and the version it names, or named.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holder {
    /// The alias.
    pub alias: AliasRef,
    /// The decision that let the version in.
    pub decision: Digest,
    /// Since when.
    pub since: Timestamp,
    /// The version.
    pub version: u64,
}

/// A statement that was attached.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AttachedEvidence {
    /// The blob with its envelope.
    pub digest: Digest,
    /// What it is evidence of.
    pub kind: EvidenceKind,
    /// The keys that had signed it when it was attached.
    pub signers: Vec<KeyId>,
}

/// What stands behind a version.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Descent {
    /// The versions it comes from, nearest first, as far as this registry knows them.
    pub ancestors: Vec<ModelRef>,
    /// The decisions on it, in order.
    pub decisions: Vec<Decision>,
    /// The statements about it, in order.
    pub evidence: Vec<AttachedEvidence>,
    /// The version, with its data, code, run and environment.
    pub version: RegisteredVersion,
}

impl Registry {
    /// Lists the models.
    ///
    /// # Errors
    /// [`Error::Store`], as all queries.
    pub async fn models(&self) -> Result<Vec<Name>, Error> {
        Ok(self.journal.read(|state| state.models.keys().cloned().collect()).await?)
    }

    /// Lists the versions of a model, from 1 on; none for a model that is not known.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn versions(&self, model: &Name) -> Result<Vec<RegisteredVersion>, Error> {
        let list = |state: &RegistryState| {
            let versions = state.models.get(model).map(|model| model.versions.as_slice()).unwrap_or_default();
            (1..).zip(versions).map(|(number, version)| registered(number, version)).collect()
        };
        Ok(self.journal.read(list).await?)
    }

    /// Lists every alias with the version it names now.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn live(&self) -> Result<Vec<Holder>, Error> {
        Ok(self.journal.read(holders).await?)
    }

    /// Lists every alias with the version it named at a point in the past: "what was production that day".
    ///
    /// Empty before the first entry.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn as_of(&self, at: At) -> Result<Vec<Holder>, Error> {
        match self.journal.as_of(at).await {
            Ok(snapshot) => Ok(holders(&snapshot.state)),
            Err(lineal_core::Error::NoSuchEntry { .. }) if matches!(at, At::Time(_)) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }

    /// Lists every version that an alias named, in order; the last one it names now.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn history(&self, alias: &AliasRef) -> Result<Vec<Holder>, Error> {
        let list = |state: &RegistryState| {
            let held = state.line(alias).map(|line| line.held.as_slice()).unwrap_or_default();
            held.iter().map(|held| holder(alias.clone(), held)).collect()
        };
        Ok(self.journal.read(list).await?)
    }

    /// Lists the versions that were trained on a dataset version, or made from one that was; in order of model and number.
    ///
    /// O(versions found).
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn versions_trained_on(&self, commit: &Digest) -> Result<Vec<ModelRef>, Error> {
        let list = |state: &RegistryState| {
            let mut found = state.trained_on.get(commit).cloned().unwrap_or_default();
            let mut open: VecDeque<(Name, u64)> = found.iter().cloned().collect();
            while let Some((model, number)) = open.pop_front() {
                let children = state.version(&model, number).map(|version| version.children.as_slice());
                for child in children.unwrap_or_default() {
                    if found.insert(child.clone()) {
                        open.push_back(child.clone());
                    }
                }
            }
            let named = |(model, number): &(Name, u64)| Some(reference(*number, state.version(model, *number)?));
            found.iter().filter_map(named).collect()
        };
        Ok(self.journal.read(list).await?)
    }

    /// Returns what stands behind a version: its lineage, ancestors, evidence and decisions.
    ///
    /// # Errors
    /// [`Error::NoSuchVersion`], [`Error::Store`].
    pub async fn lineage(&self, model: &Name, version: u64) -> Result<Descent, Error> {
        self.journal.read(|state| descent(state, model, version)).await?
    }

    /// Returns a recorded decision.
    ///
    /// # Errors
    /// [`Error::NoSuchDecision`], [`Error::Store`].
    pub async fn decision(&self, digest: &Digest) -> Result<Decision, Error> {
        let found = self.journal.read(|state| state.decisions.get(digest).cloned()).await?;
        found.map(|decided| decided.decision.clone()).ok_or(Error::NoSuchDecision { digest: *digest })
    }

    /// Reads an attached statement, with those of its signers that are trusted now.
    ///
    /// # Errors
    /// [`Error::Unreadable`], [`Error::Malformed`].
    pub async fn statement(&self, evidence: &Digest) -> Result<(Statement, Vec<SeenSigner>), Error> {
        let papers = Papers::from([(*evidence, self.paper("evidence", evidence).await?)]);
        let envelope = case::envelope(&papers, evidence)?;
        let statement = envelope.statement().map_err(|source| Error::Malformed {
            what: "evidence".to_owned(),
            digest: *evidence,
            source: Box::new(source),
        })?;
        Ok((statement, case::signers(&envelope, &*self.trust)))
    }
}

fn descent(state: &RegistryState, model: &Name, number: u64) -> Result<Descent, Error> {
    let version = find(state, model, number)?;
    let about = |decision: &Decision| decision.basis.model == *model && decision.basis.version == number;
    let mut decided: Vec<_> = state.decisions.values().filter(|decided| about(&decided.decision)).collect();
    decided.sort_by_key(|decided| decided.tick);
    let evidence = state.evidence_of(version, u64::MAX).into_iter().map(|seen| AttachedEvidence {
        digest: seen.digest,
        kind: seen.kind.clone(),
        signers: seen.signers.clone(),
    });
    Ok(Descent {
        ancestors: ancestors(state, version),
        decisions: decided.into_iter().map(|decided| decided.decision.clone()).collect(),
        evidence: evidence.collect(),
        version: registered(number, version),
    })
}

fn ancestors(state: &RegistryState, version: &Version) -> Vec<ModelRef> {
    let mut open: VecDeque<ModelRef> = version.record.lineage.parents.iter().cloned().collect();
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    while let Some(parent) = open.pop_front() {
        if !seen.insert((parent.registry.clone(), parent.model.clone(), parent.version)) {
            continue;
        }
        let known = state.version(&parent.model, parent.version);
        if let Some(known) = known.filter(|known| known.record.manifest == parent.manifest) {
            open.extend(known.record.lineage.parents.iter().cloned());
        }
        found.push(parent);
    }
    found
}

fn holders(state: &RegistryState) -> Vec<Holder> {
    state.holders().map(|(alias, held)| holder(alias, held)).collect()
}

fn holder(alias: AliasRef, held: &Held) -> Holder {
    Holder { alias, decision: held.decision, since: held.at, version: held.version }
}

fn registered(number: u64, version: &Version) -> RegisteredVersion {
    RegisteredVersion {
        at: version.at,
        by: version.by.clone(),
        digest: version.digest,
        model: reference(number, version),
        record: Arc::clone(&version.record),
        revoked: version.revoked.clone(),
    }
}

fn reference(number: u64, version: &Version) -> ModelRef {
    ModelRef {
        registry: version.record.registry.clone(),
        model: version.record.model.clone(),
        version: number,
        manifest: version.record.manifest,
    }
}
