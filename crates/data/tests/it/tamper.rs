use std::path::{Path, PathBuf};

use lineal_core::{ErrorKind, NoProgress};
use lineal_data::{Level, Verification};
use tempfile::TempDir;

use crate::support::{World, ana, flights};

/// A repository with every kind of object.
async fn world() -> (World, TempDir) {
    let (world, guard) = World::local().await;
    // Too long for the tree itself.
    world.put("readme.md", &"# Flights\n".repeat(40)).await;
    world.repository.commit("main").put_table("2013.parquet", &[flights(0, 100)]).commit(&ana()).await.unwrap();
    world.repository.tag("v1", "main", &ana()).await.unwrap();
    (world, guard)
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn blob(guard: &TempDir, digest: &str) -> PathBuf {
    guard.path().join("blobs").join(&digest[..2]).join(digest)
}

/// Flips a bit in the middle and returns what was there.
fn flip(path: &Path) -> Vec<u8> {
    let whole = std::fs::read(path).unwrap();
    let mut bytes = whole.clone();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).unwrap();
    whole
}

fn named(found: &Verification) -> Vec<String> {
    found.damage.iter().map(|damage| damage.digest.to_string()).collect()
}

#[tokio::test]
async fn a_flipped_bit_in_any_blob_is_found_and_named() {
    let (world, guard) = world().await;
    let intact = world.repository.verify(Level::Rehash, &NoProgress).await.unwrap();
    assert!(intact.is_intact());
    assert_eq!((intact.commits, intact.trees, intact.files), (2, 2, 3), "two files and a page table");
    let mut checked = 0;
    for path in files_below(&guard.path().join("blobs")) {
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.len() != 64 {
            continue;
        }
        let whole = flip(&path);
        let found = world.repository.verify(Level::Rehash, &NoProgress).await.unwrap();
        assert_eq!(named(&found), [name], "{found:?}");
        std::fs::write(&path, whole).unwrap();
        checked += 1;
    }
    assert_eq!(checked, 8, "two commits, two trees, a schema, a page table, two files");
    assert!(world.repository.verify(Level::Rehash, &NoProgress).await.unwrap().is_intact());
}

#[tokio::test]
async fn a_missing_blob_is_found_without_reading_the_rest() {
    let (world, guard) = world().await;
    let digest = world.repository.at("main").await.unwrap().file("readme.md").await.unwrap().digest.to_string();
    std::fs::remove_file(blob(&guard, &digest)).unwrap();
    assert!(world.repository.verify(Level::Chain, &NoProgress).await.unwrap().is_intact());
    let found = world.repository.verify(Level::Closure, &NoProgress).await.unwrap();
    assert_eq!(named(&found), [digest]);
    assert_eq!(found.damage[0].what, "readme.md");
}

#[tokio::test]
async fn a_flipped_bit_in_any_entry_breaks_the_chain() {
    let (world, guard) = world().await;
    let entries = files_below(&guard.path().join("data/flights/log"));
    assert_eq!(entries.len(), 4, "an enrolment, two commits, a tag");
    for (seq, path) in entries.iter().enumerate() {
        let whole = flip(path);
        let error = world.repository.verify(Level::Chain, &NoProgress).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().contains(&format!("entry {seq} ")), "{error}");
        std::fs::write(path, whole).unwrap();
    }
    assert!(world.repository.verify(Level::Chain, &NoProgress).await.unwrap().is_intact());
}

#[tokio::test]
async fn damaged_bytes_are_never_handed_out() {
    let (world, guard) = world().await;
    let version = world.repository.at("main").await.unwrap();
    flip(&blob(&guard, &version.file("readme.md").await.unwrap().digest.to_string()));
    assert_eq!(version.read("readme.md").await.unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(version.read_range("readme.md", 0..1).await.unwrap_err().kind(), ErrorKind::Corrupt);
    flip(&blob(&guard, &version.commit().id().to_string()));
    assert_eq!(world.repository.at("main").await.unwrap_err().kind(), ErrorKind::Corrupt);
}
