//! The pack store on every back end at hand: memory and local disk always, those that `LINEAL_TEST_STORES` names with feature
//! `cloud`. Its form is that of core's own test of back ends, `crates/core/tests/stores.rs`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "what is allowed in tests is allowed to their helpers"
)]

use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt;
use lineal_artifacts::{Artifacts, Collector, Content, Draft, Fsck, FsckLevel, ManifestLinks, PackBlobs, PackSettings};
use lineal_core::{
    BlobStore, BlobStoreExt, Digest, IdSource, NoProgress, OpenOptions, OsIds, PutHints, Store, StoreId,
    test_util::blob_store_suite,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_and_local_disk_carry_packs() {
    packs_suite(&Store::open("memory:///").unwrap()).await;
    let directory = tempfile::tempdir().unwrap();
    packs_suite(&Store::open(&format!("file://{}", directory.path().display())).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn named_back_ends_carry_packs() {
    let named = std::env::var("LINEAL_TEST_STORES").unwrap_or_default();
    let lines: Vec<&str> = named.lines().map(str::trim).filter(|line| line.starts_with("good ")).collect();
    if lines.is_empty() {
        println!("SKIPPED: LINEAL_TEST_STORES names no back ends");
    }
    for line in lines {
        let mut words = line.split_whitespace().skip(1);
        let url = words.next().unwrap();
        let options = words.fold(OpenOptions::default(), |options, pair| {
            let (key, value) = pair.split_once('=').unwrap();
            options.with(key, value)
        });
        let prefix = format!("packs-{}", StoreId::from_bytes(OsIds.next_id()));
        packs_suite(&Store::open_with(url, &options).unwrap().at(&prefix).unwrap()).await;
        println!("packs on {url}: as expected");
    }
}

async fn packs_suite(store: &Store) {
    let blobs = PackBlobs::open(store, "suite").await.unwrap();
    blob_store_suite(Arc::new(blobs.clone().with_settings(PackSettings::low_memory()))).await;
    parts_make_up_a_pack(store).await;
    garbage_is_collected(store).await;
    let Fsck { problems, packs, .. } = blobs.fsck(FsckLevel::Hash { part: 0, of: 1 }, &NoProgress).await.unwrap();
    assert!(problems.is_empty() && packs > 0, "{problems:?}");
}

async fn parts_make_up_a_pack(store: &Store) {
    // From the third pack on, 5 MiB go on their way while the pack fills up to 8 MiB.
    let settings = PackSettings::low_memory().with_part_bytes(5 << 20);
    let blobs = PackBlobs::open(store, "parts").await.unwrap().with_settings(settings);
    let mut dice = lineal_testkit::Dice::new(1);
    let content: Bytes = (0..28 << 17).flat_map(|_| dice.next_u64().to_le_bytes()).collect();
    let batch = blobs.begin().await.unwrap();
    let digest = batch.put(content.clone(), PutHints::default()).await.unwrap();
    batch.commit().await.unwrap();
    blobs.index_packs().await.unwrap();
    let cold = PackBlobs::open(store, "parts").await.unwrap();
    let pieces: Vec<Bytes> = cold.stream(&digest).await.unwrap().try_collect().await.unwrap();
    assert!(pieces.concat() == content, "packs in parts read back");
}

async fn garbage_is_collected(store: &Store) {
    let blobs = PackBlobs::open(store, "collected").await.unwrap();
    let artifacts = Artifacts::new(Arc::new(blobs.clone()));
    let draft = Draft::new("application/x-test").with_file("a", Content::bytes("nobody names the artifact"));
    artifacts.put(draft, &NoProgress).await.unwrap();
    let collector = Collector::new(&blobs).with_links(Arc::new(ManifestLinks));
    collector.collect().await.unwrap();
    assert_eq!(collector.collect().await.unwrap().removed, 1);
    assert!(!blobs.contains(&Digest::of(b"nobody names the artifact")).await.unwrap());
}
