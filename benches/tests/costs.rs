//! What a small change costs in storage requests, where crates work together: counted, not timed.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{collections::BTreeSet, sync::Arc};

use lineal_artifacts::PackBlobs;
use lineal_core::{Actor, Store, object_store::path::Path};
use lineal_data::Repository;
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
