//! What a small change costs in storage requests, where crates work together: counted, not timed.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{collections::BTreeSet, sync::Arc};

use lineal_artifacts::PackBlobs;
use lineal_core::{Actor, Digest, NoProgress, Store, SystemClock, object_store::path::Path};
use lineal_data::{
    Level, Repository,
    arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray},
    local::Directory,
};
use lineal_testkit::{FaultStore, Faults, Log, Op, SimDisk};

/// Fresh handles, as of a new process, and the log of their requests.
async fn open(disk: &SimDisk) -> (Repository, Log) {
    let counting = FaultStore::new(Arc::new(disk.clone()), Faults::none(), 0);
    let log = counting.log().clone();
    let store = Store::new(Arc::new(counting), "disk");
    let blobs = Arc::new(PackBlobs::open(&store, "blobs").await.unwrap());
    (Repository::open(&store, "many", blobs).await.unwrap(), log)
}

#[tokio::test]
async fn one_changed_file_among_many_is_three_writes() {
    let disk = SimDisk::new();
    let ana = Actor::new("ana@example.org").unwrap();
    let (repository, _) = open(&disk).await;
    let mut draft = repository.commit("main");
    for at in 0..20_000 {
        draft = draft.put(&format!("{:03}/{at:05}.json", at % 200), format!("{{\"label\": {at}}}"));
    }
    draft.commit(&ana).await.unwrap();

    let (repository, log) = open(&disk).await;
    let before = log.lines().len();
    repository.commit("main").put("100/07300.json", "{\"label\": 1}").commit(&ana).await.unwrap();
    let (mut written, mut bytes, mut read) = (Vec::new(), 0, BTreeSet::new());
    for line in log.lines().into_iter().skip(before) {
        match line.op {
            Op::Put | Op::Multipart => {
                bytes += disk.read(&Path::from(line.location.as_str())).map_or(0, |object| object.len());
                written.push(line.location);
            }
            Op::Get | Op::Ranges if line.outcome == "ok" => drop(read.insert(line.location)),
            _ => {}
        }
    }
    assert!(written.len() <= 3, "{written:#?}");
    assert!(bytes <= 256 * 1024, "{bytes} bytes: {written:#?}");
    assert!(read.len() <= 6, "{read:#?}");
}

/// A table of rows of which nothing is like another.
fn rows(from: i64, to: i64, salt: u8) -> RecordBatch {
    let text = |id: i64| Digest::of(&[&[salt][..], &id.to_le_bytes()].concat()).to_string();
    let columns: [(&str, ArrayRef); 2] = [
        ("id", Arc::new(Int64Array::from_iter_values(from..to))),
        ("text", Arc::new(StringArray::from_iter_values((from..to).map(text)))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn size(disk: &SimDisk) -> usize {
    disk.paths().iter().map(|path| disk.read(path).map_or(0, |object| object.len())).sum()
}

#[tokio::test]
async fn small_files_travel_together_and_a_push_stores_there_what_was_stored_here() {
    let (disk, there) = (SimDisk::new(), SimDisk::new());
    let ana = Actor::new("ana@example.org").unwrap();
    let (repository, log) = open(&disk).await;
    let mut draft = repository.commit("main").put_table("t.parquet", &[rows(0, 100_000, 0)]);
    for at in 0..5_000_u32 {
        draft = draft.put(&format!("{:03}/{at:05}", at % 50), at.to_string().repeat(100));
    }
    draft.commit(&ana).await.unwrap();
    let (remote, log_there) = open(&there).await;
    let before = (log.lines().len(), log_there.lines().len());
    repository.push(&remote, "main", &NoProgress, &ana).await.unwrap();
    let read = log.lines().len() - before.0;
    let written = log_there.lines().len() - before.1;
    assert!(read <= 40 && written <= 30, "{read} requests here, {written} over there");

    let before = log_there.lines().len();
    assert!(remote.verify(Level::Rehash, &NoProgress).await.unwrap().is_intact());
    let read = log_there.lines().len() - before;
    assert!(read <= 60, "{read} requests to verify 5,000 files");

    let (here_before, there_before) = (size(&disk), size(&there));
    let update = repository.commit("main").update_rows("t.parquet", &["id"], &[rows(50_000, 50_500, 1)]);
    update.commit(&ana).await.unwrap();
    repository.push(&remote, "main", &NoProgress, &ana).await.unwrap();
    let (here, there) = (size(&disk) - here_before, size(&there) - there_before);
    assert!(here < here_before / 20 && there < here + here / 10 + 10_000, "{here} bytes here, {there} over there");
}

/// Many small commits share the requests that bring them to another store.
#[tokio::test]
async fn commits_travel_together() {
    let (disk, there) = (SimDisk::new(), SimDisk::new());
    let ana = Actor::new("ana@example.org").unwrap();
    let (repository, log) = open(&disk).await;
    for at in 0..200 {
        repository.commit("main").put(&format!("{at:03}"), at.to_string().repeat(300)).commit(&ana).await.unwrap();
    }
    let (remote, log_there) = open(&there).await;
    let before = (log.lines().len(), log_there.lines().len());
    let sent = repository.push(&remote, "main", &NoProgress, &ana).await.unwrap();
    let (read, written) = (log.lines().len() - before.0, log_there.lines().len() - before.1);
    assert_eq!((sent.commits, sent.blobs), (200, 600), "a commit, a node and a file of each");
    assert!(written <= 40, "{written} requests over there for 200 commits, {read} here");
}

#[tokio::test]
async fn a_status_reads_what_differs_from_the_version_before() {
    let (disk, guard) = (SimDisk::new(), tempfile::tempdir().unwrap());
    let ana = Actor::new("ana@example.org").unwrap();
    let root = guard.path().join("work");
    std::fs::create_dir(&root).unwrap();
    let directory = Directory::new(&root, Arc::new(SystemClock)).with_cache(guard.path().join("stats")).unwrap();
    let (repository, _) = open(&disk).await;
    let mut draft = repository.commit("main");
    for at in 0..20_000 {
        draft = draft.put(&format!("{:03}/{at:05}.json", at % 200), format!("{{\"label\": {at}}}"));
    }
    draft.commit(&ana).await.unwrap();
    let bytes = async |revision: &str| {
        let (repository, log) = open(&disk).await;
        let version = repository.at(revision).await.unwrap();
        let before = log.counts();
        assert_eq!(version.status(&directory, &NoProgress).await.unwrap().differences.len(), 20_000);
        let after = log.counts();
        [Op::Get, Op::Ranges].map(|op| after.op(op) - before.op(op)).iter().sum::<u64>()
    };
    let whole = bytes("main").await;
    assert_eq!(bytes("main").await, 0, "the same version");
    repository.commit("main").put("100/07300.json", "{\"label\": 1}").commit(&ana).await.unwrap();
    let changed = bytes("main").await;
    assert!(changed > 0 && changed <= 8 && whole > 0, "{changed} reads, {whole} of the whole");
}
