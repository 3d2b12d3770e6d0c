use std::{
    ops::Range,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use bytes::Bytes;
use lineal_core::{
    Batch, BlobInfo, BlobStore, ByteStream, Digest, Enrolment, Envelope, EvidenceKind, LooseBlobs, Name, StoreId,
};
use lineal_registry::{Error, Policy, Registry, Rule};

use crate::support::{BO, CY, World, actor, champion, model, promote};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_promotions_at_once_exactly_one_wins() {
    for round in 0..8 {
        let world = World::with_champions(1).await;
        for weights in ["[2]", "[3]"] {
            let version = world.trained(weights, 0.8).await;
            world.approve(version.version, BO).await;
        }
        let (left, right) = (world.again().await, world.again().await);
        let left = tokio::spawn(async move { promote(&left, 2, Some(1)).await });
        let right = tokio::spawn(async move { promote(&right, 3, Some(1)).await });
        let results = [left.await.unwrap(), right.await.unwrap()];
        let won: Vec<u64> = results.iter().flatten().map(|decision| decision.basis.version).collect();
        assert_eq!(won.len(), 1, "round {round}: {results:?}");
        let lost = results.iter().find_map(|result| result.as_ref().err()).unwrap();
        assert!(matches!(lost, Error::AliasMoved { expected: Some(1), found: Some(_), .. }), "{lost}");
        let holder = world.registry.live().await.unwrap();
        assert_eq!(holder[0].version, won[0]);
        assert_eq!(world.registry.history(&champion()).await.unwrap().len(), 2);
        world.registry.load(&champion()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_are_dense_whoever_registers() {
    let world = World::memory().await;
    let mut tasks = Vec::new();
    for writer in 0..8 {
        let registry = world.again().await;
        let version = world.version(&format!("[{writer}]")).await;
        tasks.push(tokio::spawn(async move {
            registry.register(version, &crate::support::signer(0)).await.unwrap().version
        }));
    }
    let mut numbers = Vec::new();
    for task in tasks {
        numbers.push(task.await.unwrap());
    }
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8]);
}

/// Blobs among whose reads somebody else attaches a statement, once.
#[derive(Debug)]
struct Meddler {
    blobs: Arc<LooseBlobs>,
    statement: Mutex<Option<(Registry, Envelope)>>,
}

#[async_trait]
impl BlobStore for Meddler {
    fn id(&self) -> StoreId {
        self.blobs.id()
    }

    async fn begin(&self) -> Result<Box<dyn Batch>, lineal_core::Error> {
        self.blobs.begin().await
    }

    async fn stat(&self, digests: &[Digest]) -> Result<Vec<Option<BlobInfo>>, lineal_core::Error> {
        self.blobs.stat(digests).await
    }

    async fn read(&self, digest: &Digest, range: Option<Range<u64>>) -> Result<Bytes, lineal_core::Error> {
        self.blobs.read(digest, range).await
    }

    async fn stream(&self, digest: &Digest) -> Result<ByteStream, lineal_core::Error> {
        let statement = self.statement.lock().unwrap().take();
        if let Some((registry, envelope)) = statement {
            registry.attach(envelope).await.unwrap();
        }
        self.blobs.stream(digest).await
    }

    async fn enrol(&self, enrolment: &Enrolment) -> Result<u64, lineal_core::Error> {
        self.blobs.enrol(enrolment).await
    }

    async fn condemned(&self, since: u64, upto: u64, digests: &[Digest]) -> Result<Vec<Digest>, lineal_core::Error> {
        self.blobs.condemned(since, upto, digests).await
    }
}

#[tokio::test]
async fn a_decision_rests_on_what_is_recorded_when_it_is() {
    let world = World::memory().await;
    world.set_policy(&Policy::new(Rule::approvals(1)).unwrap()).await;
    let version = world.trained("[1]", 0.8).await;
    world.approve(1, BO).await;
    // While the version is judged, it turns out that the approver trained it.
    let statement = world.envelope(EvidenceKind::Provenance, version.manifest, &"how", BO);
    let statement = Mutex::new(Some((world.again().await, statement)));
    let blobs: Arc<dyn BlobStore> = Arc::new(Meddler { blobs: world.blobs.clone(), statement });
    let name = Name::new("main").unwrap();
    let registry = Registry::open(&world.store, name, blobs, Arc::new(world.ring.clone())).await.unwrap();
    let target = champion();
    let promotion = registry.promote(&model(), 1, &target.environment).alias(&target.alias, None);
    let decision = promotion.commit(&actor(CY)).await.unwrap();
    assert!(!decision.approved(), "{}", decision.verdict);
    assert_eq!(registry.recheck(&decision.digest()).await.unwrap(), decision.verdict);
    assert!(registry.live().await.unwrap().is_empty());
}
