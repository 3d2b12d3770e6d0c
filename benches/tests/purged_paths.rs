//! A file is purged from all versions of a repository in packs, and its bytes from the store, with a certificate.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};

use lineal_artifacts::{CollectSettings, Collector, FsckLevel, PackBlobs, PurgeOrder};
use lineal_core::{Actor, Ed25519Key, NoLinks, NoProgress, Signer, Store};
use lineal_data::{CommitHook, CommitLinks, DataRoots, Error, Level, Proposal, Refusal, Repository, TreeLinks};
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

/// What was purged before it was pushed never comes to the other store, which collects all the same.
#[tokio::test]
async fn the_other_store_of_a_push_is_collected() {
    let (here, there) = (SimDisk::new(), SimDisk::new());
    let open = async |disk: &SimDisk| {
        let store = Store::new(Arc::new(disk.clone()), "disk");
        let blobs = PackBlobs::open(&store, "blobs").await.unwrap();
        let repository = Repository::open(&store, "people", Arc::new(blobs.clone())).await.unwrap();
        (blobs, repository)
    };
    let (blobs, source) = open(&here).await;
    let (few, many, other) = (noise(1, 200), noise(2, 40_000), noise(3, 200));
    let main = || source.commit("main");
    let first = main().put("bob", few.clone()).put("eve", other.clone()).commit(&ana()).await.unwrap();
    main().put("bob", many.clone()).commit(&ana()).await.unwrap();
    main().remove("bob").commit(&ana()).await.unwrap();
    let purged = source.purge(&["bob"], "request 17", &ana()).await.unwrap();
    for bytes_are_gone in [false, true] {
        if bytes_are_gone {
            let key: Arc<dyn Signer> = Arc::new(Ed25519Key::from_seed(&[7; 32]));
            let order = PurgeOrder::new(ana(), "request 17");
            collector(&blobs).purge(&purged.blobs, &order, &key, &NoProgress).await.unwrap();
        }
        main().put(if bytes_are_gone { "two" } else { "one" }, noise(4, 300)).commit(&ana()).await.unwrap();
        let (_, target) = open(&there).await;
        source.push(&target, "main", &NoProgress, &ana()).await.unwrap();
        let (blobs, target) = open(&there).await;
        for _ in 0..3 {
            collector(&blobs).collect().await.unwrap();
        }
        assert!(target.verify(Level::Rehash, &NoProgress).await.unwrap().is_intact());
        let version = target.at(&first.id().to_string()).await.unwrap();
        assert!(matches!(version.read("bob").await, Err(Error::Purged { .. })));
        assert_eq!(version.read("eve").await.unwrap(), other);
        assert!(!is_anywhere(&there, &few) && !is_anywhere(&there, &many[1000..1100]));
    }
}

/// Lets another commit be first.
#[derive(Debug)]
struct Overtake(Mutex<Option<Repository>>);

impl CommitHook for Overtake {
    fn check(&self, _: &Proposal<'_>) -> Result<(), Refusal> {
        let Some(repository) = self.0.lock().unwrap().take() else { return Ok(()) };
        let commit = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(repository.commit("main").put("first", noise(5, 100)).commit(&ana())).unwrap();
        };
        std::thread::spawn(commit).join().unwrap();
        Ok(())
    }
}

/// A node of a commit that came too late is in no version; a purge that leaves no garbage takes it.
#[tokio::test]
async fn bytes_in_nodes_that_nothing_names_go_with_the_garbage() {
    let disk = SimDisk::new();
    let store = Store::new(Arc::new(disk.clone()), "disk");
    let blobs = PackBlobs::open(&store, "blobs").await.unwrap();
    let open = async || Repository::open(&store, "people", Arc::new(blobs.clone())).await.unwrap();
    let one = open().await;
    let (ana, few) = (ana(), noise(1, 200));
    one.commit("main").put("bob", few.clone()).commit(&ana).await.unwrap();
    let overtaken = one.clone().with_hook(Arc::new(Overtake(Mutex::new(Some(open().await)))));
    // Most of its nodes serve the second attempt as well, and keep their pack alive.
    let draft = (0..3000_u32).fold(overtaken.commit("main"), |draft, at| {
        draft.put(&format!("n/{at:05}"), [&at.to_le_bytes()[..], &noise(4, 190)].concat())
    });
    draft.commit(&ana).await.unwrap();
    assert!(one.at("main").await.unwrap().file("first").await.is_ok());
    one.commit("main").remove("bob").commit(&ana).await.unwrap();
    let purged = one.purge(&["bob"], "request 17", &ana).await.unwrap();
    let key: Arc<dyn Signer> = Arc::new(Ed25519Key::from_seed(&[7; 32]));
    let order = PurgeOrder::new(ana, "request 17");
    collector(&blobs).purge(&purged.blobs, &order, &key, &NoProgress).await.unwrap();
    assert!(is_anywhere(&disk, &few), "in a node of a commit that was overtaken");
    let thorough = collector(&blobs).with_settings(CollectSettings::default().with_sparse_below(1.0));
    thorough.purge(&purged.blobs, &order, &key, &NoProgress).await.unwrap();
    assert!(!is_anywhere(&disk, &few));
    assert!(open().await.verify(Level::Rehash, &NoProgress).await.unwrap().is_intact());
}
