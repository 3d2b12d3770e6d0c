use std::sync::Arc;

use lineal_artifacts::{Artifacts, Content, Draft};
use lineal_core::{LooseBlobs, Store};
use tempfile::TempDir;

/// Artifacts on a local directory, which lives as long as the guard.
pub(crate) async fn local() -> (Artifacts, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&format!("file://{}", directory.path().display())).unwrap();
    (on(&store).await, directory)
}

pub(crate) async fn memory() -> Artifacts {
    on(&Store::open("memory:///").unwrap()).await
}

async fn on(store: &Store) -> Artifacts {
    Artifacts::new(Arc::new(LooseBlobs::open(store, "blobs").await.unwrap()))
}

pub(crate) fn model() -> Draft {
    Draft::new("application/vnd.example.model")
        .with_file("weights/a.bin", Content::bytes(vec![7; 3_000_000]))
        .with_file("weights/b.bin", Content::bytes(vec![]))
        .with_file("card.md", Content::bytes("# Late flights").with_media_type("text/markdown"))
}

/// Bytes that do not compress, the same for the same seed.
pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut dice = lineal_testkit::Dice::new(seed);
    let mut bytes: Vec<u8> = (0..len.div_ceil(8)).flat_map(|_| dice.next_u64().to_le_bytes()).collect();
    bytes.truncate(len);
    bytes
}
