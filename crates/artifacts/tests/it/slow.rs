//! Stores that are far away or drop an upload: how often is waited for them, and what is sent again.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{StreamExt, stream};
use lineal_artifacts::{PackBlobs, PackSettings};
use lineal_core::{
    BlobStore, BlobStoreExt, PutHints, Store,
    object_store::{
        memory::InMemory,
        throttle::{ThrottleConfig, ThrottledStore},
    },
};
use lineal_testkit::{FaultStore, Faults, SimDisk};
use tokio::time::Instant;

use crate::support::noise;

const ROUND_TRIP: Duration = Duration::from_millis(30);

fn far_away() -> Store {
    let wait = ThrottleConfig {
        wait_delete_per_call: ROUND_TRIP,
        wait_get_per_call: ROUND_TRIP,
        wait_list_per_call: ROUND_TRIP,
        wait_list_with_delimiter_per_call: ROUND_TRIP,
        wait_put_per_call: ROUND_TRIP,
        ..ThrottleConfig::default()
    };
    Store::new(Arc::new(ThrottledStore::new(InMemory::new(), wait)), "far away")
}

/// Time stands still but for the waits of the store, so this counts round trips, whatever the machine.
#[tokio::test(start_paused = true)]
async fn ten_thousand_small_blobs_wait_for_a_few_round_trips() {
    let store = far_away();
    let begun = Instant::now();
    let blobs = PackBlobs::open(&store, "blobs").await.unwrap();
    let opened = begun.elapsed();
    let batch = blobs.begin().await.unwrap();
    for at in 0..10_000 {
        batch.put(noise(at, 10_000).into(), PutHints::default()).await.unwrap();
    }
    let receipt = batch.commit().await.unwrap();
    let put = begun.elapsed();
    assert!(put < Duration::from_secs(5), "{put:?}");
    assert!(put - opened <= 20 * ROUND_TRIP, "{opened:?} to open, {put:?} in all");
    let begun = Instant::now();
    assert_eq!(blobs.read_many(receipt.digests()).await.unwrap().len(), 10_000);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

fn in_parts() -> PackSettings {
    PackSettings::default().with_pack_bytes(6 << 20).with_part_bytes(5 << 20)
}

#[tokio::test]
async fn an_upload_in_parts_that_breaks_off_sends_one_pack_again() {
    let disk = SimDisk::new();
    let store = Store::new(Arc::new(disk.clone()), "disk");
    let blobs = PackBlobs::open(&store, "blobs").await.unwrap().with_settings(in_parts());
    let content = Bytes::from(noise(5, 40 << 20));
    let torn = stream::iter([Ok(content.slice(..34 << 20)), Err(std::io::Error::other("the disk went away"))]);
    let batch = blobs.begin().await.unwrap();
    batch.put_stream(torn.boxed(), PutHints::default()).await.unwrap_err();
    drop(batch);
    let receipt = blobs.put_one(content.clone()).await.unwrap();
    let stored: usize = disk.paths().iter().filter_map(|path| disk.read(path)).map(|bytes| bytes.len()).sum();
    let twice = stored.saturating_sub(content.len());
    assert!(twice < (6 << 20) + 256 * 1024, "{twice} bytes more than the blob are stored");
    assert!(blobs.read_all(&receipt.digests()[0]).await.unwrap() == content);
}

#[tokio::test]
async fn a_store_that_drops_uploads_gets_packs_whole() {
    let disk = SimDisk::new();
    let quiet = Store::new(Arc::new(disk.clone()), "disk");
    quiet.ensure_writable().await.unwrap();
    for seed in 0..4 {
        // Some parts and completions fail; every write that is repeated goes through in the end.
        let faults = Faults { fail_before: 0.2, fail_after: 0.1, ..Faults::none() };
        let store = Store::new(Arc::new(FaultStore::new(Arc::new(disk.clone()), faults, seed)), "rough");
        let Ok(blobs) = PackBlobs::open(&store, "blobs").await else { continue };
        let blobs = blobs.with_settings(in_parts());
        let content = Bytes::from(noise(100 + seed, 22 << 20));
        let receipt = blobs.put_one(content.clone()).await.unwrap();
        let blobs = PackBlobs::open(&quiet, "blobs").await.unwrap();
        assert!(blobs.read_all(&receipt.digests()[0]).await.unwrap() == content, "seed {seed}");
    }
}
