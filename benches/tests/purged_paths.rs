//! A file is purged from all versions of a repository in packs, and its bytes from the store, with a certificate.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;

use lineal_artifacts::{Collector, FsckLevel, PackBlobs, PurgeOrder};
use lineal_core::{Actor, Ed25519Key, NoLinks, NoProgress, Signer, Store};
use lineal_data::{CommitLinks, DataRoots, Error, Level, Repository, TreeLinks};
use lineal_testkit::SimDisk;

fn collector(blobs: &PackBlobs) -> Collector {
    Collector::new(blobs)
        .with_roots(Arc::new(DataRoots))
        .with_links(Arc::new(CommitLinks))
        .with_links(Arc::new(TreeLinks))
        .with_links(Arc::new(NoLinks::new("application/octet-stream")))
}

fn ana() -> Actor {
    Actor::new("ana@example.org").unwrap()
}

/// Bytes that no compression makes others.
fn noise(seed: u8, length: u32) -> Vec<u8> {
    let digest = |at: u32| *lineal_core::Digest::of(&[&[seed][..], &at.to_le_bytes()].concat()).as_bytes();
    (0..length.div_ceil(32)).flat_map(digest).take(length as usize).collect()
}

/// Tells whether any object of the store contains these bytes, as they are.
fn is_anywhere(disk: &SimDisk, bytes: &[u8]) -> bool {
    disk.paths().iter().any(|path| disk.read(path).unwrap().windows(bytes.len()).any(|window| window == bytes))
}

#[tokio::test]
async fn no_byte_of_a_purged_file_is_left() {
    let disk = SimDisk::new();
    let store = Store::new(Arc::new(disk.clone()), "disk");
    let blobs = PackBlobs::open(&store, "blobs").await.unwrap();
    let open = async || Repository::open(&store, "people", Arc::new(blobs.clone())).await.unwrap();
    let repository = open().await;
    let (few, many, other) = (noise(1, 200), noise(2, 400_000), noise(3, 200));
    let main = || repository.commit("main");
    let first = main().put("bob", few.clone()).put("eve", other.clone()).commit(&ana()).await.unwrap();
    let second = main().put("bob", many.clone()).commit(&ana()).await.unwrap();
    main().remove("bob").commit(&ana()).await.unwrap();
    assert!(is_anywhere(&disk, &few) && is_anywhere(&disk, &many[1000..1100]), "the test can see them");

    let purged = repository.purge(&["bob"], "request 17", &ana()).await.unwrap();
    // A collection in between, as it may come.
    collector(&blobs).collect().await.unwrap();
    let key: Arc<dyn Signer> = Arc::new(Ed25519Key::from_seed(&[7; 32]));
    let order = PurgeOrder::new(ana(), "request 17");
    let certificate = collector(&blobs).purge(&purged.blobs, &order, &key, &NoProgress).await.unwrap();
    assert!(certificate.proof.packs > 0);

    assert!(!is_anywhere(&disk, &few), "few bytes lay in a node");
    for at in (0..many.len() - 32).step_by(1000) {
        assert!(!is_anywhere(&disk, &many[at..at + 32]), "byte {at}");
    }
    for repository in [repository.clone(), open().await] {
        for commit in [&first, &second] {
            let version = repository.at(&commit.id().to_string()).await.unwrap();
            assert!(matches!(version.read("bob").await, Err(Error::Purged { .. })));
            assert_eq!(version.read("eve").await.unwrap(), other);
        }
        assert!(repository.verify(Level::Rehash, &NoProgress).await.unwrap().is_intact());
    }
    for _ in 0..3 {
        collector(&blobs).collect().await.unwrap();
    }
    assert_eq!(open().await.at(&first.id().to_string()).await.unwrap().read("eve").await.unwrap(), other);
    let found = blobs.fsck(FsckLevel::Hash { part: 0, of: 1 }, &NoProgress).await.unwrap();
    assert!(found.is_clean(), "{found:?}");
}
