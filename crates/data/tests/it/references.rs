use std::sync::Arc;

use futures::TryStreamExt;
use lineal_core::{
    BlobStoreExt, Digest, ErrorKind, NoProgress,
    object_store::{ObjectStore, ObjectStoreExt, local::LocalFileSystem, memory::InMemory, path::Path},
};
use lineal_data::{
    Error, Level, Repository, Scan, Stored,
    arrow::array::RecordBatch,
    local::{CheckoutSettings, Directory},
};

use crate::support::{World, ana, chain, flights};

/// A repository that reads `s3://lake/` from memory.
async fn world() -> (World, Arc<InMemory>, Repository) {
    let (world, lake) = (World::memory().await, Arc::new(InMemory::new()));
    let repository = world.another().await.with_source("s3://lake", Arc::<InMemory>::clone(&lake)).unwrap();
    (world, lake, repository)
}

async fn put(lake: &dyn ObjectStore, path: &str, bytes: Vec<u8>) {
    lake.put(&Path::parse(path).unwrap(), bytes.into()).await.unwrap();
}

fn scan_bytes() -> Vec<u8> {
    (0..100_000_u32).map(|at| (at * 7 / 3) as u8).collect()
}

#[tokio::test]
async fn a_file_elsewhere_is_read_in_place_by_every_way_there_is() {
    let (world, lake, repository) = world().await;
    put(lake.as_ref(), "2013/scan.tif", scan_bytes()).await;
    repository.commit("main").put_reference("raw/scan.tif", "s3://lake/2013/scan.tif").commit(&ana()).await.unwrap();
    let version = repository.at("main").await.unwrap();
    let entry = version.file("raw/scan.tif").await.unwrap();
    let Stored::Elsewhere(reference) = &entry.stored else { panic!("{entry:?}") };
    assert_eq!(reference.url, "s3://lake/2013/scan.tif");
    assert_eq!((entry.digest, entry.blob()), (Digest::of(&scan_bytes()), None));
    assert!(!world.blobs.contains(&entry.digest).await.unwrap(), "nothing is copied");
    assert_eq!(version.read("raw/scan.tif").await.unwrap(), scan_bytes());
    assert_eq!(version.read_range("raw/scan.tif", 10..20).await.unwrap(), scan_bytes()[10..20]);
    assert_eq!(version.read_range("raw/scan.tif", 7..7).await.unwrap(), "");
    assert_eq!(version.read_range("raw/scan.tif", 99_999..100_001).await.unwrap_err().kind(), ErrorKind::Invalid);
    let pieces: Vec<_> = version.stream("raw/scan.tif").await.unwrap().try_collect().await.unwrap();
    assert_eq!(pieces.concat(), scan_bytes());
    let objects = version.object_store();
    let path = Path::parse("raw/scan.tif").unwrap();
    assert_eq!(objects.get(&path).await.unwrap().bytes().await.unwrap(), scan_bytes());
    let directory = tempfile::tempdir().unwrap();
    let there = Directory::new(directory.path(), world.clock.clone());
    version.checkout(&there, None, &CheckoutSettings::default(), &NoProgress).await.unwrap();
    assert_eq!(std::fs::read(directory.path().join("raw/scan.tif")).unwrap(), scan_bytes());
    assert!(version.status(&there, &NoProgress).await.unwrap().differences.is_empty());
    let found = repository.verify(Level::Rehash, &NoProgress).await.unwrap();
    assert!(found.is_intact() && found.size_bytes == 100_000, "{found:?}");
    // What is committed again from the directory as it was stays where it is.
    repository.commit("main").put("b", "1").commit(&ana()).await.unwrap();
    std::fs::write(directory.path().join("b"), "2").unwrap();
    repository.commit("main").import(&there).commit(&ana()).await.unwrap();
    assert_eq!(repository.at("main").await.unwrap().file("raw/scan.tif").await.unwrap(), entry);
}

#[tokio::test]
async fn a_table_elsewhere_is_scanned_in_place() {
    let (world, lake, repository) = world().await;
    world.repository.commit("main").put_table("t", &[flights(0, 300_000)]).commit(&ana()).await.unwrap();
    let bytes = world.repository.at("main").await.unwrap().read("t").await.unwrap();
    put(lake.as_ref(), "t.parquet", bytes.to_vec()).await;
    repository.commit("main").put_reference("u.parquet", "s3://lake/t.parquet").commit(&ana()).await.unwrap();
    let version = repository.at("main").await.unwrap();
    let batches: Vec<RecordBatch> =
        version.scan("u.parquet", &Scan::default()).await.unwrap().try_collect().await.unwrap();
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 300_000);
}

#[tokio::test]
async fn a_change_elsewhere_is_an_error_for_whoever_reads_it() {
    let (_world, lake, repository) = world().await;
    put(lake.as_ref(), "scan", scan_bytes()).await;
    repository.commit("main").put_reference("scan", "s3://lake/scan").commit(&ana()).await.unwrap();
    let version = repository.at("main").await.unwrap();
    let mut bytes = scan_bytes();
    bytes[50_000] ^= 1;
    put(lake.as_ref(), "scan", bytes).await;
    let errors = [
        version.read("scan").await.unwrap_err(),
        version.read_range("scan", 0..1).await.unwrap_err(),
        version.stream("scan").await.err().unwrap(),
    ];
    assert!(errors.iter().all(|error| matches!(error, Error::SourceChanged { .. })), "{errors:?}");
    let found = repository.verify(Level::Rehash, &NoProgress).await.unwrap();
    assert_eq!((found.damage.len(), found.damage[0].what.as_str()), (1, "scan"));
    assert!(repository.verify(Level::Closure, &NoProgress).await.unwrap().is_intact(), "it reads no files");
}

/// The same length, and the same entity tag: only the hash can tell.
#[tokio::test]
async fn a_source_that_lies_is_found_out_by_the_hash() {
    let (world, _, _) = world().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("scan");
    std::fs::write(&file, scan_bytes()).unwrap();
    let time = std::fs::metadata(&file).unwrap().modified().unwrap();
    let objects = Arc::new(LocalFileSystem::new_with_prefix(directory.path()).unwrap());
    let repository = world.another().await.with_source("file:///data/", objects).unwrap();
    repository.commit("main").put_reference("scan", "file:///data/scan").commit(&ana()).await.unwrap();
    let mut bytes = scan_bytes();
    bytes[99_999] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    std::fs::File::options().write(true).open(&file).unwrap().set_modified(time).unwrap();
    let version = repository.at("main").await.unwrap();
    assert!(matches!(version.read("scan").await, Err(Error::SourceChanged { .. })));
    let mut pieces = version.stream("scan").await.unwrap();
    let mut length = 0;
    let error = loop {
        match pieces.try_next().await {
            Ok(piece) => length += piece.expect("it does not end well").len(),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::SourceChanged { .. }) && length < 100_000, "{length} bytes, then {error}");
}

#[tokio::test]
async fn few_bytes_are_copied() {
    let (_world, lake, repository) = world().await;
    put(lake.as_ref(), "few", vec![7; 256]).await;
    put(lake.as_ref(), "none", Vec::new()).await;
    let draft = repository.commit("main").put_reference("few", "s3://lake/few").put_reference("none", "s3://lake/none");
    draft.commit(&ana()).await.unwrap();
    lake.delete(&Path::parse("few").unwrap()).await.unwrap();
    let version = repository.at("main").await.unwrap();
    assert_eq!(version.read("few").await.unwrap(), vec![7; 256]);
    assert_eq!(version.read("none").await.unwrap(), "");
}

#[tokio::test]
async fn errors_of_references_say_what_to_do() {
    let (world, lake, repository) = world().await;
    put(lake.as_ref(), "scan", scan_bytes()).await;
    repository.commit("main").put_reference("scan", "s3://lake/scan").commit(&ana()).await.unwrap();
    let refused = async |url: &str| repository.commit("main").put_reference("x", url).commit(&ana()).await.unwrap_err();
    let elsewhere = world.another().await;
    let mut errors = vec![
        refused("lake/scan").await,
        refused("s3://key:secret@lake/scan").await,
        refused("https://lake/scan?signature=1").await,
        refused("s3://other/scan").await,
        refused("s3://lake/nothing").await,
        refused("s3://lake/a//b").await,
        elsewhere.at("main").await.unwrap().read("scan").await.unwrap_err(),
        repository.clone().with_source("lake", Arc::<InMemory>::clone(&lake)).unwrap_err(),
    ];
    lake.delete(&Path::parse("scan").unwrap()).await.unwrap();
    errors.push(repository.at("main").await.unwrap().read("scan").await.unwrap_err());
    let shown: Vec<String> = errors.iter().map(chain).collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[tokio::test]
async fn a_push_sends_the_reference_and_not_the_file() {
    let (_world, lake, repository) = world().await;
    put(lake.as_ref(), "scan", scan_bytes()).await;
    repository.commit("main").put_reference("scan", "s3://lake/scan").commit(&ana()).await.unwrap();
    let there = World::memory().await;
    let sent = repository.push(&there.repository, "main", &NoProgress, &ana()).await.unwrap();
    assert_eq!(sent.blobs, 2, "a node and a commit");
    let there = there.another().await.with_source("s3://lake/", lake).unwrap();
    assert_eq!(there.at("main").await.unwrap().read("scan").await.unwrap(), scan_bytes());
}

/// Of two sources that an address lies below, the nearer one.
#[tokio::test]
async fn the_longest_address_counts() {
    let (_world, lake, repository) = world().await;
    put(lake.as_ref(), "raw/x", vec![1; 300]).await;
    let raw = Arc::new(InMemory::new());
    put(raw.as_ref(), "x", vec![2; 300]).await;
    let repository = repository.with_source("s3://lake/raw/", raw).unwrap();
    repository.commit("main").put_reference("x", "s3://lake/raw/x").commit(&ana()).await.unwrap();
    assert_eq!(repository.at("main").await.unwrap().read("x").await.unwrap(), vec![2; 300]);
}
