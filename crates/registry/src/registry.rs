//! The registry as users hold it: registering, attaching, approving, setting policies.

use std::{collections::BTreeMap, sync::Arc};

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt, future::BoxFuture, stream};
use lineal_core::{
    Actor, BlobStore, Digest, Envelope, EvidenceKind, Journal, ModelRef, Name, SignError, Signer, Statement, Store,
    Subject, Timestamp, TransactError, Txn, on_cpu,
};
use serde::Serialize;

use crate::{
    ApprovalClaim, Environment, Error, NewVersion, Policy, RegistryEvent, RegistryState,
    case::Papers,
    claims::{EndorsementClaim, RegistrationClaim, policy_kind, registration_kind},
    documents::{Documents, ENVELOPE},
    state::{PolicyRecord, Version},
    trust::Trust,
};

/// A registry of models: immutable versions, evidence about them, policies, decisions, and aliases that move.
///
/// Cheap to clone. Everything is an event in one journal, every document a blob; any number of processes may hold the same
/// registry. What it believes, it believes for signatures that its [`Trust`] verifies.
///
#[cfg_attr(feature = "ed25519", doc = "```")]
#[cfg_attr(not(feature = "ed25519"), doc = "```ignore")]
/// use std::sync::Arc;
/// use lineal_core::*;
/// use lineal_registry::*;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // Two people: who trains does not approve.
/// let (ana, bo) = (Actor::new("ana@example.org")?, Actor::new("bo@example.org")?);
/// let ana_key: Arc<dyn Signer> = Arc::new(Ed25519Key::from_seed(&[1; 32]));
/// let bo_key: Arc<dyn Signer> = Arc::new(Ed25519Key::from_seed(&[2; 32]));
/// let mut ring = KeyRing::default();
/// ring.add(Ed25519Key::from_seed(&[1; 32]).public(), ana)?;
/// ring.add(Ed25519Key::from_seed(&[2; 32]).public(), bo.clone())?;
///
/// let store = Store::open("memory:///")?;
/// let blobs = Arc::new(LooseBlobs::open(&store, "blobs").await?);
/// let registry = Registry::open(&store, Name::new("main")?, blobs.clone(), Arc::new(ring)).await?;
///
/// // A version is files, a schema and where it comes from.
/// let weights = blobs.put_one("[0.5]".into()).await?;
/// let files = vec![ModelFile::new("weights.json", Digest::of(b"[0.5]"), 5, "application/json")];
/// let schema = IoSchema::new(vec![], vec![IoField::new("late15", IoType::Float64)])?;
/// let version = NewVersion::new(Name::new("late15")?, Manifest::new(files)?, schema).with_receipt(weights);
/// let v1 = registry.register(version, &ana_key).await?;
///
/// // Signed evidence about it; whoever signs the provenance is its trainer.
/// let auc = MetricsClaim::default().with("auc", 0.71);
/// registry.attest(EvidenceKind::Provenance, &v1, &"what the runner recorded", &ana_key).await?;
/// registry.attest(EvidenceKind::Metrics, &v1, &auc, &ana_key).await?;
///
/// // The policy of an environment, an approval that it demands, and the decision.
/// let champion = AliasRef::new("late15", "prod", "champion")?;
/// let rule = Rule::All(vec![Rule::metric("auc", Op::AtLeast, 0.7), Rule::approvals(1)]);
/// registry.set_policy(&champion.environment, &Policy::new(rule)?, &bo_key).await?;
/// let refused = registry.promote(&v1.model, 1, &champion.environment).commit(&bo).await?;
/// assert!(!refused.approved(), "{}", refused.verdict);
/// registry.approve(&v1.model, 1, &champion.environment, Timestamp::MAX, "fit for use", &bo_key).await?;
/// let decision =
///     registry.promote(&v1.model, 1, &champion.environment).alias(&champion.alias, None).commit(&bo).await?;
/// assert!(decision.approved(), "{}", decision.verdict);
///
/// // Loading verifies all of it again, and every byte.
/// let model = registry.load(&champion).await?;
/// assert_eq!(model.file("weights.json")?, "[0.5]");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Registry {
    pub(crate) name: Name,
    pub(crate) journal: Journal<RegistryState>,
    pub(crate) blobs: Arc<dyn BlobStore>,
    pub(crate) trust: Arc<dyn Trust>,
}

impl Registry {
    /// Opens a registry with what most need.
    ///
    /// # Errors
    /// As [`RegistryBuilder::open`](crate::RegistryBuilder::open).
    pub async fn open(
        store: &Store,
        name: Name,
        blobs: Arc<dyn BlobStore>,
        trust: Arc<dyn Trust>,
    ) -> Result<Self, Error> {
        Self::builder(store, name, blobs, trust).open().await
    }

    /// Returns the registry's name.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Returns the journal, to verify, anchor or follow it.
    #[must_use]
    pub fn journal(&self) -> &Journal<RegistryState> {
        &self.journal
    }

    /// Registers a version under the next number of its model, handed in by the owner of `signer`.
    ///
    /// Stores manifest, schema, card and a signed registration. Registering the same again, by anybody, gives the
    /// version there is.
    ///
    /// # Errors
    /// [`Error::Unreadable`] or [`Error::FileSize`] for a file that is not in the blob store as stated,
    /// [`Error::UnknownSigner`], [`Error::BadLineage`], [`Error::Signature`], [`Error::Store`].
    pub async fn register(&self, new: NewVersion, signer: &Arc<dyn Signer>) -> Result<ModelRef, Error> {
        let actor = self.actor_of(signer)?;
        let mut batch = Documents::begin(&self.blobs).await?;
        self.check_files(&new).await?;
        batch.keep_files(&new).await?;
        let record = batch.put_version(&self.name, &new).await?;
        let digest = record.digest();
        let subjects = vec![Subject::new(new.model.as_str(), digest), Subject::new("manifest", record.manifest)];
        let claim = RegistrationClaim { model: new.model.clone(), registry: self.name.clone() };
        let envelope = self.sign(registration_kind(), subjects, &claim, signer).await?;
        let evidence = self.verified(&envelope)?;
        batch.put(to_bytes(&envelope)?, ENVELOPE).await?;
        let mut txn = Txn::by(actor).with_receipt(batch.commit().await?);
        for receipt in new.receipts {
            txn = txn.with_receipt(receipt);
        }
        self.transact(&txn, |state| {
            let mut events = Vec::new();
            if !state.contents.contains_key(&digest) {
                let version = state.next_version(&record.model);
                events.push(RegistryEvent::VersionRegistered { record: record.clone(), version });
                events.push(RegistryEvent::EvidenceAttached { evidence: evidence.clone() });
            }
            Ok(events)
        })
        .await?;
        let known = self.journal.peek(|state| state.contents.get(&digest).map(|(_, number)| *number));
        let version = known.ok_or(Error::Incomplete { digest })?;
        Ok(ModelRef { registry: self.name.clone(), model: record.model, version, manifest: record.manifest })
    }

    /// Attaches a signed statement to what it is about, and returns the digest it is stored under.
    ///
    /// Subjects that count for a version are its digest and that of its manifest. Attaching it again changes nothing.
    ///
    /// # Errors
    /// [`Error::Signature`] if nobody trusted has signed it, [`Error::Store`].
    pub async fn attach(&self, envelope: Envelope) -> Result<Digest, Error> {
        let evidence = self.verified(&envelope)?;
        let unsigned = || Error::Signature { what: "evidence", source: Box::new(SignError::Unsigned) };
        let actor = evidence.signers.iter().find_map(|key| self.trust.actor_of(key)).ok_or_else(unsigned)?;
        let mut batch = Documents::begin(&self.blobs).await?;
        batch.put(to_bytes(&envelope)?, ENVELOPE).await?;
        let txn = Txn::by(actor).with_receipt(batch.commit().await?);
        let digest = evidence.digest;
        self.transact(&txn, |state| {
            let is_known = evidence.subjects.iter().all(|subject| {
                state.evidence.get(subject).is_some_and(|list| list.iter().any(|known| known.digest == digest))
            });
            Ok(if is_known { vec![] } else { vec![RegistryEvent::EvidenceAttached { evidence: evidence.clone() }] })
        })
        .await?;
        Ok(digest)
    }

    /// States a claim about the files of a version in the name of the signer's owner, signs and attaches it.
    ///
    /// The subject is the version's manifest. What claims must look like to be read by policies is in
    /// `docs/format/evidence.md`; the types of this crate that end in `Claim` do.
    ///
    /// # Errors
    /// [`Error::UnknownSigner`], [`Error::Statement`] for a claim that has no canonical form, [`Error::Signature`],
    /// [`Error::Store`].
    pub async fn attest(
        &self,
        kind: EvidenceKind,
        about: &ModelRef,
        claim: &(impl Serialize + Sync),
        signer: &Arc<dyn Signer>,
    ) -> Result<Digest, Error> {
        let subjects = vec![Subject::new(format!("{} version {}", about.model, about.version), about.manifest)];
        self.attach(self.sign(kind, subjects, claim, signer).await?).await
    }

    /// Approves a version for an environment under the policy in force there, until `expires`, and attaches that.
    ///
    /// Whether it counts is for the policy to say. It binds the version, the environment and the policy: when one of them
    /// changes, it is void.
    ///
    /// # Errors
    /// [`Error::NoSuchVersion`], [`Error::NoPolicy`], [`Error::UnknownSigner`], [`Error::Signature`], [`Error::Store`].
    pub async fn approve(
        &self,
        model: &Name,
        version: u64,
        environment: &Environment,
        expires: Timestamp,
        comment: &str,
        signer: &Arc<dyn Signer>,
    ) -> Result<Digest, Error> {
        let state = self.journal.snapshot().await?.state;
        let digest = find(&state, model, version)?.digest;
        let policy = state.policies_of(environment, u64::MAX).last();
        let policy = policy.ok_or_else(|| Error::NoPolicy { environment: environment.clone() })?.policy;
        let claim = ApprovalClaim { comment: comment.to_owned(), environment: environment.clone(), expires, policy };
        let subjects = vec![Subject::new(format!("{model} version {version}"), digest)];
        let envelope = self.sign(EvidenceKind::Approval, subjects, &claim, signer).await?;
        self.attach(envelope).await
    }

    /// Puts a policy in force, signed by `signer`; returns its digest.
    ///
    /// The first policy of an environment may be set by every trusted key, a later one by those that the policy before it
    /// names. Approvals under the policy before are void. Setting the one that is in force changes nothing.
    ///
    /// # Errors
    /// [`Error::BadPolicy`], [`Error::MayNotAmend`], [`Error::UnknownSigner`], [`Error::Contended`] if somebody else set
    /// one meanwhile, [`Error::Store`].
    pub async fn set_policy(
        &self,
        environment: &Environment,
        policy: &Policy,
        signer: &Arc<dyn Signer>,
    ) -> Result<Digest, Error> {
        policy.check()?;
        let actor = self.actor_of(signer)?;
        let state = self.journal.snapshot().await?.state;
        let before = state.policies_of(environment, u64::MAX);
        let previous = before.last().map(|record| record.policy);
        let number = count(before) + 1;
        if let Some(previous) = previous {
            if previous == policy.digest() {
                return Ok(previous);
            }
            let old = Policy::from_bytes(&self.paper("policy", &previous).await?)?;
            if !old.may_amend(signer.key_id()) {
                return Err(Error::MayNotAmend { key: *signer.key_id(), environment: environment.clone() });
            }
        }
        let claim =
            EndorsementClaim { environment: environment.clone(), number, previous, registry: self.name.clone() };
        let subjects = vec![Subject::new("policy", policy.digest())];
        let envelope = self.sign(policy_kind(), subjects, &claim, signer).await?;
        let mut batch = Documents::begin(&self.blobs).await?;
        let digest = batch.put(policy.to_bytes(), Policy::MEDIA_TYPE).await?;
        let endorsement = batch.put(to_bytes(&envelope)?, ENVELOPE).await?;
        let txn = Txn::by(actor).with_receipt(batch.commit().await?);
        self.transact(&txn, |state| {
            if count(state.policies_of(environment, u64::MAX)) + 1 != number {
                return Err(Error::Contended { what: format!("the policy of {environment}") });
            }
            let (environment, signer) = (environment.clone(), *signer.key_id());
            Ok(vec![RegistryEvent::PolicySet { endorsement, environment, policy: digest, signer }])
        })
        .await?;
        Ok(digest)
    }

    /// Runs a transaction whose refusals are errors of this crate.
    pub(crate) async fn transact(
        &self,
        txn: &Txn,
        decide: impl FnMut(&RegistryState) -> Result<Vec<RegistryEvent>, Error> + Send,
    ) -> Result<(), Error> {
        match self.journal.transact(txn, decide).await {
            Ok(_) => Ok(()),
            Err(TransactError::Refused(error)) => Err(error),
            Err(TransactError::Journal(error)) => Err(error.into()),
            Err(_) => Err(Error::Contended { what: "a transaction".to_owned() }),
        }
    }

    /// Returns whose the signer's key is.
    fn actor_of(&self, signer: &Arc<dyn Signer>) -> Result<Actor, Error> {
        let key = *signer.key_id();
        self.trust.actor_of(&key).ok_or(Error::UnknownSigner { key })
    }

    /// States a claim in the name of the signer's owner, and signs it off the async threads.
    pub(crate) async fn sign(
        &self,
        kind: EvidenceKind,
        subjects: Vec<Subject>,
        claim: &(impl Serialize + Sync),
        signer: &Arc<dyn Signer>,
    ) -> Result<Envelope, Error> {
        self.sign_at(kind, subjects, claim, signer, self.now()).await
    }

    /// States a claim with a time of its own, and signs it.
    pub(crate) async fn sign_at(
        &self,
        kind: EvidenceKind,
        subjects: Vec<Subject>,
        claim: &(impl Serialize + Sync),
        signer: &Arc<dyn Signer>,
        at: Timestamp,
    ) -> Result<Envelope, Error> {
        let by = self.actor_of(signer)?;
        let statement = Statement::new(kind, subjects, claim, by, at)
            .map_err(|source| Error::Statement { what: "claim", source: Box::new(source) })?;
        let signer = Arc::clone(signer);
        let failed = |source| Error::Signature { what: "claim", source: Box::new(source) };
        let envelope = Envelope::unsigned(&statement).map_err(failed)?;
        on_cpu(move || envelope.sign(&*signer)).await?.map_err(failed)
    }

    /// Returns the reference to an envelope that somebody trusted has signed.
    fn verified(&self, envelope: &Envelope) -> Result<lineal_core::Evidence, Error> {
        let failed = |source| Error::Signature { what: "evidence", source: Box::new(source) };
        let mut keys = envelope.verify(&*self.trust).map_err(failed)?;
        keys.sort_unstable();
        envelope.evidence(keys).map_err(failed)
    }

    /// Returns the time to stamp decisions with: never before what is recorded.
    pub(crate) fn now(&self) -> Timestamp {
        let now = self.journal.store().host().clock.now();
        self.journal.head().map_or(now, |head| head.time.max(now))
    }

    /// Reads a stored document, in bounded memory whatever is stored.
    pub(crate) async fn paper(&self, what: &str, digest: &Digest) -> Result<Bytes, Error> {
        let unreadable =
            |source| Error::Unreadable { what: what.to_owned(), digest: *digest, source: Box::new(source) };
        let mut pieces = self.blobs.stream(digest).await.map_err(unreadable)?;
        let mut bytes = BytesMut::new();
        while let Some(piece) = pieces.try_next().await.map_err(unreadable)? {
            if bytes.len() + piece.len() > MAX_DOCUMENT {
                let source = "a document has at most 64 MiB".into();
                return Err(Error::Malformed { what: what.to_owned(), digest: *digest, source });
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes.freeze())
    }

    /// Reads stored documents, some at a time.
    pub(crate) async fn papers(&self, wanted: BTreeMap<Digest, &'static str>) -> Result<Papers, Error> {
        let mut reads: Vec<BoxFuture<'_, Result<(Digest, Bytes), Error>>> = Vec::with_capacity(wanted.len());
        for (digest, what) in wanted {
            reads.push(Box::pin(async move { Ok((digest, self.paper(what, &digest).await?)) }));
        }
        stream::iter(reads).buffer_unordered(READS_AT_ONCE).try_collect().await
    }

    /// Checks that every file of a new version is stored with the size stated.
    async fn check_files(&self, new: &NewVersion) -> Result<(), Error> {
        let digests: Vec<Digest> = new.manifest.files().iter().map(|file| file.digest).collect();
        let found = self.blobs.stat(&digests).await?;
        for (file, info) in new.manifest.files().iter().zip(found) {
            let name = file.name.clone();
            let info = info.ok_or_else(|| Error::Unreadable {
                what: format!("file {name}"),
                digest: file.digest,
                source: Box::new(lineal_core::Error::BlobMissing { digest: file.digest }),
            })?;
            if info.size_bytes != file.size {
                return Err(Error::FileSize { name, stated: file.size, found: info.size_bytes });
            }
        }
        Ok(())
    }
}

/// Counts the policies that an environment has had.
pub(crate) fn count(policies: &[PolicyRecord]) -> u64 {
    u64::try_from(policies.len()).unwrap_or(u64::MAX)
}

/// Finds a version.
pub(crate) fn find<'a>(state: &'a RegistryState, model: &Name, version: u64) -> Result<&'a Version, Error> {
    state.version(model, version).ok_or_else(|| Error::NoSuchVersion { model: model.clone(), version })
}

fn to_bytes(envelope: &Envelope) -> Result<Vec<u8>, Error> {
    envelope.to_bytes().map_err(|source| Error::Signature { what: "evidence", source: Box::new(source) })
}

const MAX_DOCUMENT: usize = 64 * 1024 * 1024;
const READS_AT_ONCE: usize = 16;
