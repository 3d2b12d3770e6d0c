//! The conformance suites against every back end at hand.
//!
//! Memory and local disk always. Others are named by `LINEAL_TEST_STORES`: lines of `good|liar URL key=value …`, the pairs
//! being options of the back end; `liar` is a server that ignores create-if-absent and must be refused. The gate
//! starts such servers and needs feature `cloud`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "what is allowed in tests is allowed to their helpers"
)]

use std::sync::Arc;

use lineal_core::{
    BlobStore, Error, IdSource, LooseBlobs, OpenOptions, OsIds, Store, StoreId,
    test_util::{back_end_suite, blob_store_suite},
    verify_backend,
};

#[tokio::test]
async fn memory_conforms() {
    back_end_suite(&Store::open("memory:///").unwrap(), "suite").await;
}

#[tokio::test]
async fn local_disk_conforms() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("file://{}", dir.path().display());
    back_end_suite(&Store::open(&url).unwrap(), "suite").await;
}

#[tokio::test]
async fn loose_blobs_conform() {
    let store = Store::open("memory:///").unwrap();
    let blobs: Arc<dyn BlobStore> = Arc::new(LooseBlobs::open(&store, "blobs").await.unwrap());
    blob_store_suite(blobs).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn named_back_ends_conform_or_are_refused() {
    let named = std::env::var("LINEAL_TEST_STORES").unwrap_or_default();
    let lines: Vec<&str> = named.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() {
        println!("SKIPPED: LINEAL_TEST_STORES names no back ends");
    }
    for line in lines {
        let mut words = line.split_whitespace();
        let (kind, url) = (words.next().unwrap(), words.next().unwrap());
        let options = words.fold(OpenOptions::default(), |options, pair| {
            let (key, value) = pair.split_once('=').unwrap();
            options.with(key, value)
        });
        let store = Store::open_with(url, &options).unwrap();
        let prefix = format!("lineal-{}", StoreId::from_bytes(OsIds.next_id()));
        match kind {
            "good" => back_end_suite(&store, &prefix).await,
            "liar" => is_refused(&store.at(&prefix).unwrap()).await,
            other => panic!("unknown kind {other}"),
        }
        println!("{kind} {}: as expected", url);
    }
}

/// A store that ignores the condition is refused at the first write, with an error that names the problem.
async fn is_refused(store: &Store) {
    let refused = store.ensure_writable().await;
    assert!(matches!(refused, Err(Error::UnsafeStore { .. })), "{refused:?}");
    let message = refused.unwrap_err().to_string();
    assert!(message.contains("create-if-absent"), "{message}");
    println!("refused: {message}");
    let raced = verify_backend(store, 3).await;
    assert!(matches!(raced, Err(Error::UnsafeStore { .. })), "{raced:?}");
    assert!(store.id().await.unwrap().is_none(), "nothing but the probe was written");
    let blobs = LooseBlobs::open(store, "blobs").await;
    assert!(matches!(blobs.map(drop), Err(Error::UnsafeStore { .. })));
}
