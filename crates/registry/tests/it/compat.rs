//! A registry that an earlier release wrote, byte for byte, is read by every later one.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use lineal_core::{At, LooseBlobs, Store, object_store::local::LocalFileSystem};
use lineal_registry::Bundle;

use crate::support::{BO, CI, World, actor, champion, model, open, ring, signer, time};

fn stored() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compat/v1")
}

#[tokio::test]
async fn the_registry_of_format_1_is_read() {
    // A copy: reading writes nothing, but nothing in the project should depend on that.
    let copy = tempfile::tempdir().unwrap();
    copy_all(&stored().join("store"), copy.path());
    let store = Store::open(&format!("file://{}", copy.path().display())).unwrap();
    let blobs = LooseBlobs::open(&store, "blobs").await.unwrap();
    let registry = open(&store, &blobs.into(), ring()).await.unwrap();
    registry.journal().verify().await.unwrap();
    let loaded = registry.load(&champion()).await.unwrap();
    assert_eq!(loaded.file("weights.json").unwrap(), "[1]");
    assert_eq!(loaded.version().digest.to_string(), VERSION);
    let history: Vec<u64> = registry.history(&champion()).await.unwrap().iter().map(|held| held.version).collect();
    assert_eq!(history, [1, 2, 1]);
    let then = registry.as_of(At::Time(time("2013-05-20T00:00:00Z"))).await.unwrap();
    assert_eq!(then[0].version, 2);
    for version in registry.versions(&model()).await.unwrap() {
        for decision in registry.lineage(&model(), version.model.version).await.unwrap().decisions {
            assert_eq!(registry.recheck(&decision.digest()).await.unwrap(), decision.verdict);
        }
    }
    let bundle = std::fs::read(stored().join("late15-1.bundle")).unwrap();
    let bundle = Bundle::open(bundle.as_slice(), 1 << 20, &ring()).unwrap();
    assert_eq!(bundle.model().version().digest.to_string(), VERSION);
}

/// Writes the stored registry. Run by hand, once for each format: what is stored stays.
#[tokio::test]
#[ignore = "writes the files that the test above reads"]
async fn write_format_1() {
    let root = stored().join("store");
    assert!(!root.exists(), "what is stored stays");
    std::fs::create_dir_all(&root).unwrap();
    let files = LocalFileSystem::new_with_prefix(&root).unwrap().with_fsync(true);
    let world = World::on(Store::new(Arc::new(files), "compat")).await;
    world.crown(1).await;
    world.clock.set(time("2013-05-10T00:00:00Z"));
    world.trained("[2]", 0.8).await;
    assert!(!world.promote(2, Some(1)).await.unwrap().approved());
    world.approve(2, BO).await;
    assert!(world.promote(2, Some(1)).await.unwrap().approved());
    world.clock.set(time("2013-06-01T00:00:00Z"));
    world.registry.rollback(&champion(), 2, "loss of May", &actor(BO)).await.unwrap();
    world.registry.revoke(&model(), 2, "loss of May", &actor(BO)).await.unwrap();
    let environment = champion().environment;
    let stream = world.registry.export_bundle(&model(), 1, Some(&environment), &signer(CI)).await.unwrap();
    let pieces: Vec<bytes::Bytes> = futures::TryStreamExt::try_collect(stream).await.unwrap();
    std::fs::write(stored().join("late15-1.bundle"), pieces.concat()).unwrap();
}

fn copy_all(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy_all(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

const VERSION: &str = "572c73e8c1d1b5bfb79e3094cb829ba61b0179ef922a4bc2a489ff46cfce3656";
