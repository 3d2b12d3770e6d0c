use std::sync::Arc;

use lineal_core::{
    Actor, BlobStoreExt, Digest, Ed25519Key, Envelope, EvidenceKind, Host, IoField, IoSchema, IoType, KeyId, KeyRing,
    LooseBlobs, ManualClock, ModelRef, Name, SeededIds, Signer, Statement, Store, Subject, Timestamp,
};
use lineal_registry::{
    AliasRef, Decision, Manifest, MetricsClaim, ModelFile, NewVersion, Op, Party, Policy, Registry, Rule,
};
use serde::Serialize;

pub(crate) const PEOPLE: [&str; 4] = ["ana@example.org", "bo@example.org", "cy@example.org", "ci/nightly"];
pub(crate) const ANA: usize = 0;
pub(crate) const BO: usize = 1;
pub(crate) const CY: usize = 2;
pub(crate) const CI: usize = 3;

/// A registry in a store, with four people who have keys.
pub(crate) struct World {
    pub(crate) blobs: Arc<LooseBlobs>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) registry: Registry,
    pub(crate) ring: KeyRing,
    pub(crate) store: Store,
}

pub(crate) fn signer(person: usize) -> Arc<dyn Signer> {
    Arc::new(secret(person))
}

pub(crate) fn key(person: usize) -> KeyId {
    *secret(person).key_id()
}

fn secret(person: usize) -> Ed25519Key {
    Ed25519Key::from_seed(&[u8::try_from(person).unwrap() + 1; 32])
}

pub(crate) fn actor(person: usize) -> Actor {
    Actor::new(PEOPLE[person]).unwrap()
}

pub(crate) fn ring() -> KeyRing {
    let mut ring = KeyRing::default();
    for person in 0..PEOPLE.len() {
        ring.add(secret(person).public(), actor(person)).unwrap();
    }
    ring
}

pub(crate) fn model() -> Name {
    Name::new("late15").unwrap()
}

pub(crate) fn champion() -> AliasRef {
    AliasRef::new("late15", "prod", "champion").unwrap()
}

pub(crate) fn schema() -> IoSchema {
    let outputs = vec![IoField::new("late15", IoType::Float64).with_range(0.0, 1.0)];
    IoSchema::new(vec![IoField::new("distance", IoType::Float64)], outputs).unwrap()
}

pub(crate) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// AUC of 0.7 and one approval by somebody who neither trained nor submitted.
pub(crate) fn policy() -> Policy {
    let not = vec![Party::Trainer, Party::Submitter];
    let approvals = Rule::Approvals { by: vec![], n: 1, not };
    Policy::new(Rule::All(vec![Rule::metric("auc", Op::AtLeast, 0.7), approvals])).unwrap()
}

impl World {
    pub(crate) async fn memory() -> Self {
        Self::at("memory:///").await
    }

    pub(crate) async fn at(url: &str) -> Self {
        Self::on(Store::open(url).unwrap()).await
    }

    pub(crate) async fn on(store: Store) -> Self {
        let clock = Arc::new(ManualClock::new(time("2013-05-01T00:00:00Z")));
        let host = Host::system().with_clock(clock.clone()).with_ids(Arc::new(SeededIds::new(7)));
        let store = store.with_host(host);
        let blobs = Arc::new(LooseBlobs::open(&store, "blobs").await.unwrap());
        let registry = open(&store, &blobs, ring()).await.unwrap();
        Self { blobs, clock, registry, ring: ring(), store }
    }

    /// Another handle, as another process would have it.
    pub(crate) async fn again(&self) -> Registry {
        open(&self.store, &self.blobs, self.ring.clone()).await.unwrap()
    }

    /// A version with one file of these weights.
    pub(crate) async fn version(&self, weights: &str) -> NewVersion {
        let receipt = self.blobs.put_one(weights.to_owned().into()).await.unwrap();
        let size = u64::try_from(weights.len()).unwrap();
        let file = ModelFile::new("weights.json", Digest::of(weights.as_bytes()), size, "application/json");
        NewVersion::new(model(), Manifest::new(vec![file]).unwrap(), schema()).with_receipt(receipt)
    }

    /// Registers a version, submitted by the nightly build and trained by Ana, with an AUC.
    pub(crate) async fn trained(&self, weights: &str, auc: f64) -> ModelRef {
        let version = self.registry.register(self.version(weights).await, &signer(CI)).await.unwrap();
        self.state(EvidenceKind::Provenance, version.manifest, &serde_json::json!({"seed": 7}), ANA).await;
        self.state(EvidenceKind::Metrics, version.manifest, &MetricsClaim::default().with("auc", auc), ANA).await;
        version
    }

    pub(crate) async fn state(&self, kind: EvidenceKind, subject: Digest, claim: &impl Serialize, by: usize) -> Digest {
        self.registry.attach(self.envelope(kind, subject, claim, by)).await.unwrap()
    }

    pub(crate) fn envelope(&self, kind: EvidenceKind, subject: Digest, claim: &impl Serialize, by: usize) -> Envelope {
        let subjects = vec![Subject::new("subject", subject)];
        let statement = Statement::new(kind, subjects, claim, actor(by), self.store.host().clock.now()).unwrap();
        Envelope::unsigned(&statement).unwrap().sign(&*signer(by)).unwrap()
    }

    pub(crate) async fn approve(&self, version: u64, by: usize) -> Digest {
        let environment = champion().environment;
        let comment = "fit for use";
        self.registry.approve(&model(), version, &environment, Timestamp::MAX, comment, &signer(by)).await.unwrap()
    }

    pub(crate) async fn set_policy(&self, policy: &Policy) -> Digest {
        self.registry.set_policy(&champion().environment, policy, &signer(CY)).await.unwrap()
    }

    /// Promotes a version to champion from what it expects.
    pub(crate) async fn promote(
        &self,
        version: u64,
        expected: Option<u64>,
    ) -> Result<Decision, lineal_registry::Error> {
        promote(&self.registry, version, expected).await
    }

    /// Registers, approves and promotes one version after the other.
    pub(crate) async fn with_champions(count: u64) -> Self {
        let world = Self::memory().await;
        world.crown(count).await;
        world
    }

    pub(crate) async fn crown(&self, count: u64) {
        self.set_policy(&policy()).await;
        for version in 1..=count {
            self.trained(&format!("[{version}]"), 0.75).await;
            self.approve(version, BO).await;
            let decision = self.promote(version, version.checked_sub(1).filter(|before| *before > 0)).await.unwrap();
            assert!(decision.approved(), "{}", decision.verdict);
        }
    }
}

pub(crate) async fn promote(
    registry: &Registry,
    version: u64,
    expected: Option<u64>,
) -> Result<Decision, lineal_registry::Error> {
    let target = champion();
    registry.promote(&model(), version, &target.environment).alias(&target.alias, expected).commit(&actor(CY)).await
}

pub(crate) async fn open(
    store: &Store,
    blobs: &Arc<LooseBlobs>,
    ring: KeyRing,
) -> Result<Registry, lineal_registry::Error> {
    Registry::open(store, Name::new("main").unwrap(), blobs.clone(), Arc::new(ring)).await
}

/// The message and those of all causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
