//! The index on disk: a cache that saves requests and memory, and that nothing rests on.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use lineal_artifacts::{FsckLevel, PackBlobs, PackSettings};
use lineal_core::{
    BlobStore, BlobStoreExt, Digest, Error, Host, NoProgress, PutHints, Retry, SeededIds, Store,
    object_store::{ObjectStore, path::Path},
};
use lineal_testkit::{CrashPoints, Durability, FaultStore, Faults, Sim, SimDisk};

use crate::{
    support::noise,
    toy::{self, Move, collector, content, hold, machine, put_one, shelf, txn},
};

const ALL: FsckLevel = FsckLevel::Hash { part: 0, of: 1 };

fn on(disk: &SimDisk) -> Store {
    Store::new(Arc::new(disk.clone()), "disk").with_retry(Retry::default().with_attempts(2))
}

fn segments(disk: &SimDisk) -> Vec<Path> {
    disk.paths().into_iter().filter(|path| path.as_ref().starts_with("blobs/index/")).collect()
}

/// Opens the store on a wire that counts.
async fn counted(disk: &SimDisk) -> (PackBlobs, FaultStore) {
    let wire = FaultStore::new(Arc::new(disk.clone()), Faults::none(), 1);
    let blobs = toy::open(&Store::new(Arc::new(wire.clone()), "disk")).await.unwrap();
    (blobs, wire)
}

/// Counts requests for objects below a prefix.
fn requests(wire: &FaultStore, prefix: &str) -> usize {
    wire.log().lines().iter().filter(|line| line.location.contains(prefix)).count()
}

/// Twenty large blobs of six chunks, a hundred small ones, and their store with its index.
async fn filled() -> (SimDisk, Vec<(Digest, Bytes)>) {
    let disk = SimDisk::new();
    let blobs = toy::open(&on(&disk)).await.unwrap();
    let mut contents: Vec<Bytes> = (0..20).map(|at| noise(at, 300_000 + at as usize).into()).collect();
    contents.extend((0..100).map(|at| Bytes::from(noise(1000 + at, 900))));
    for group in contents.chunks(15) {
        let batch = blobs.begin().await.unwrap();
        for content in group {
            batch.put(content.clone(), cut()).await.unwrap();
        }
        batch.commit().await.unwrap();
    }
    let done = blobs.index_packs().await.unwrap();
    assert!(done.packs > 50 && done.segments == 1 && done.removed == 0, "{done:?}");
    assert_eq!(blobs.index_packs().await.unwrap(), Default::default(), "nothing is left to be done");
    (disk, contents.into_iter().map(|content| (Digest::of(&content), content)).collect())
}

fn cut() -> PutHints {
    PutHints::default().with_cut_points((1..8).map(|at| at * 50_000).collect())
}

async fn assert_whole(blobs: &PackBlobs, contents: &[(Digest, Bytes)]) {
    for (digest, content) in contents {
        assert!(blobs.read_all(digest).await.unwrap() == *content);
    }
    let absent = Digest::of(b"never put");
    assert!(!blobs.contains(&absent).await.unwrap());
    assert!(matches!(blobs.read_all(&absent).await, Err(Error::BlobMissing { .. })));
}

#[tokio::test]
async fn opening_reads_segments_and_no_pack_that_they_cover() {
    let (disk, contents) = filled().await;
    let (blobs, wire) = counted(&disk).await;
    assert_eq!((requests(&wire, "blobs/pack/"), requests(&wire, "blobs/index/")), (0, 1));
    assert_whole(&blobs, &contents).await;
    let before = requests(&wire, "blobs/index/");
    assert!(before <= 5, "{before} requests of the index: its blocks are kept");

    // What is stored is found, and stored no second time.
    let stored = disk.paths().len();
    let batch = blobs.begin().await.unwrap();
    for (_, content) in &contents {
        batch.put(content.clone(), cut()).await.unwrap();
    }
    let kept: Vec<Digest> = contents.iter().map(|(digest, _)| *digest).collect();
    assert!(batch.keep(&kept).await.unwrap().into_iter().all(|kept| kept));
    let receipt = batch.commit().await.unwrap();
    assert_eq!(receipt.digests().len(), contents.len());
    assert_eq!(disk.paths().len(), stored, "not even an entry");

    // A pack that is new is read itself.
    blobs.put_one("a late one".into()).await.unwrap();
    let (late, wire) = counted(&disk).await;
    assert!(requests(&wire, "blobs/pack/") > 0);
    assert_eq!(late.read_all(&Digest::of(b"a late one")).await.unwrap(), "a late one");
    let checked = late.fsck(ALL, &NoProgress).await.unwrap();
    assert!(checked.is_clean() && checked.segments == 1, "{checked:?}");
}

#[tokio::test]
async fn a_run_of_chunks_costs_the_index_a_few_requests() {
    let disk = SimDisk::new();
    let settings = PackSettings::default().with_pack_bytes(1 << 20);
    let blobs = PackBlobs::open(&on(&disk), "blobs").await.unwrap().with_settings(settings);
    // Four packs of a thousand small blobs each: their rows lie in many blocks.
    let contents: Vec<Bytes> = (0..4_000).map(|at| Bytes::from(noise(at, 900))).collect();
    let batch = blobs.begin().await.unwrap();
    for content in &contents {
        batch.put(content.clone(), PutHints::default()).await.unwrap();
    }
    batch.commit().await.unwrap();
    blobs.index_packs().await.unwrap();
    let (cold, wire) = counted(&disk).await;
    let digests: Vec<Digest> = contents.iter().map(|content| Digest::of(content)).collect();
    for digest in &digests[..500] {
        assert!(cold.contains(digest).await.unwrap());
    }
    let asked = requests(&wire, "blobs/index/") + requests(&wire, "blobs/pack/");
    assert!(asked <= 1 + 2 + 2, "{asked} requests for 500 neighbours: directory, two hits, trailer");
    assert_eq!(cold.read_many(&digests).await.unwrap(), contents);
}

#[tokio::test]
async fn a_damaged_or_missing_segment_is_left_aside() {
    let (whole, contents) = filled().await;
    let [path] = segments(&whole).try_into().unwrap();
    let len = whole.read(&path).unwrap().len();
    type Change = Box<dyn Fn(&SimDisk)>;
    let flip = |at: usize| -> Change {
        let path = path.clone();
        Box::new(move |disk| assert!(disk.tamper(&path, |bytes| bytes[at] ^= 1)))
    };
    let (gone, short) = (path.clone(), path.clone());
    let damages: Vec<(&str, Change)> = vec![
        ("gone", Box::new(move |disk| assert!(disk.remove(&gone)))),
        ("short", Box::new(move |disk| assert!(disk.tamper(&short, |bytes| bytes.truncate(len - 100))))),
        ("directory", flip(len - 200)),
        ("footer", flip(len - 20)),
        ("block of records", flip(100)),
    ];
    for (what, damage) in damages {
        // Before a handle opens, and under a handle that has opened.
        for late in [false, true] {
            let disk = whole.fork();
            let open = toy::open(&on(&disk)).await.unwrap();
            damage(&disk);
            let blobs = if late { open } else { toy::open(&on(&disk)).await.unwrap() };
            assert_whole(&blobs, &contents).await;
            blobs.put_one("the store goes on".into()).await.unwrap();
            let checked = blobs.fsck(ALL, &NoProgress).await.unwrap();
            assert!(checked.problems.is_empty() && checked.index_problems.len() == 1, "{what}: {checked:?}");
            collector(&blobs).collect().await.unwrap();

            let fresh = toy::open(&on(&disk)).await.unwrap();
            let done = if what == "block of records" { fresh.rebuild_index().await } else { fresh.index_packs().await };
            assert!(done.unwrap().segments > 0);
            assert!(fresh.fsck(ALL, &NoProgress).await.unwrap().is_clean(), "{what}");
            assert_whole(&toy::open(&on(&disk)).await.unwrap(), &contents).await;
            assert!(!segments(&disk).contains(&path), "{what}: what was replaced is deleted");
        }
    }
}

#[tokio::test]
async fn many_small_segments_are_merged_and_litter_is_removed() {
    let disk = SimDisk::new();
    let blobs = toy::open(&on(&disk)).await.unwrap();
    let reader = toy::open(&on(&disk)).await.unwrap();
    let mut contents = Vec::new();
    for at in 0..30 {
        let content = Bytes::from(noise(at, 2_000));
        blobs.put_one(content.clone()).await.unwrap();
        blobs.index_packs().await.unwrap();
        contents.push((Digest::of(&content), content));
    }
    assert!(segments(&disk).len() < 8, "{:?}", segments(&disk));
    assert_eq!(blobs.journal().peek(|state| state.segments().len()), segments(&disk).len());
    // A handle that has seen none of it, one that saw the beginning, and the one that did it.
    assert_whole(&reader, &contents).await;
    assert_whole(&toy::open(&on(&disk)).await.unwrap(), &contents).await;
    assert_whole(&blobs, &contents).await;

    let litter = Path::from("blobs/index/00112233445566778899aabbccddeeff");
    on(&disk).write(&litter, "half a segment".into()).await.unwrap();
    assert_eq!(blobs.index_packs().await.unwrap().removed, 1);
    assert!(disk.read(&litter).is_none());
    let before = segments(&disk);
    let done = blobs.rebuild_index().await.unwrap();
    assert_eq!((done.packs, segments(&disk).len()), (30, 1));
    assert!(!before.contains(&segments(&disk)[0]));
    assert_whole(&toy::open(&on(&disk)).await.unwrap(), &contents).await;
}

#[tokio::test]
async fn collections_go_on_over_an_index() {
    let store = Store::open("memory:///").unwrap();
    let blobs = toy::open(&store).await.unwrap();
    let shelf = shelf(&store).await.unwrap();
    let batch = blobs.begin().await.unwrap();
    let kept = toy::put(batch.as_ref(), 0b00_0011).await.unwrap();
    let gone = toy::put(batch.as_ref(), 0b11_1100).await.unwrap();
    hold(&shelf, batch.commit().await.unwrap()).await.unwrap();
    let whole = hold(&shelf, put_one(&blobs, 0b11_0000).await.unwrap()).await.unwrap()[0];
    shelf.transact(&txn(), |_| Ok::<_, ()>(vec![Move::Forget(gone)])).await.unwrap();
    blobs.index_packs().await.unwrap();
    let collecting = toy::open(&store).await.unwrap();
    collector(&collecting).collect().await.unwrap();
    let done = collector(&collecting).collect().await.unwrap();
    assert!(done.rewritten > 0 && done.removed > 0, "{done:?}");
    blobs.index_packs().await.unwrap();
    for handle in [&blobs, &collecting, &toy::open(&store).await.unwrap()] {
        assert_eq!(handle.read_all(&kept).await.unwrap(), content(0b00_0011));
        assert_eq!(handle.read_all(&whole).await.unwrap(), content(0b11_0000));
        assert!(!handle.contains(&gone).await.unwrap());
    }
    assert_eq!(collector(&collecting).plan().await.unwrap().freed_bytes(), 0);
}

/// Puts, indexes, forgets, collects, merges and rebuilds.
async fn program(store: &Store, told: &Mutex<Vec<Digest>>) -> Result<(), Error> {
    let blobs = toy::open(store).await?;
    let journal = shelf(store).await?;
    for number in [0b00_0111, 0b11_1000] {
        let Ok(held) = hold(&journal, put_one(&blobs, number).await?).await else { return Ok(()) };
        told.lock().unwrap().extend(held);
        blobs.index_packs().await?;
    }
    let gone = told.lock().unwrap().remove(0);
    journal.transact(&txn(), |_| Ok::<_, ()>(vec![Move::Forget(gone)])).await.ok();
    collector(&blobs).collect().await?;
    collector(&blobs).collect().await?;
    blobs.index_packs().await?;
    blobs.rebuild_index().await.map(drop)
}

#[test]
fn indexing_can_stop_at_every_operation() {
    for durability in [Durability::AtOnce, Durability::DeletesUntilSync] {
        let scenario = |sim: Sim, objects: Arc<dyn ObjectStore>, told: Arc<Mutex<Vec<Digest>>>| async move {
            // What it ran into is not known to anybody after the crash.
            program(&machine(&sim, objects, 1), &told).await.ok();
        };
        let points = CrashPoints::new().with_durability(durability).run(scenario, |point, disk, told| async move {
            let ids = Arc::new(SeededIds::new(1_000 + point.operation as u64));
            let again = Store::new(Arc::new(disk.clone()), "disk").with_host(Host::system().with_ids(ids));
            let blobs = toy::open(&again).await.unwrap_or_else(|error| panic!("{point:?}: {error}"));
            let told = told.lock().unwrap().clone();
            for digest in &told {
                blobs.read_all(digest).await.unwrap_or_else(|error| panic!("{point:?}: {digest}: {error}"));
            }
            blobs.index_packs().await.unwrap_or_else(|error| panic!("{point:?}: {error}"));
            let recorded = blobs.journal().peek(|state| state.segments().len());
            assert_eq!(segments(&disk).len(), recorded, "{point:?}: no litter, nothing missing");
            for digest in &told {
                blobs.read_all(digest).await.unwrap_or_else(|error| panic!("{point:?}: {digest}: {error}"));
            }
            let checked = blobs.fsck(ALL, &NoProgress).await.unwrap_or_else(|error| panic!("{point:?}: {error}"));
            let open = blobs.journal().peek(|state| state.collection().open_epoch());
            assert!(checked.is_clean() || open.is_some(), "{point:?}: {checked:?}");
            if point.operation % 5 != 0 {
                return;
            }
            // And the same program runs to its end.
            let rest = Mutex::default();
            program(&again, &rest).await.unwrap_or_else(|error| panic!("{point:?}: {error}"));
        });
        assert!(points > 60, "{points} crash points");
    }
}

#[tokio::test]
async fn failing_storage_is_an_error_and_no_damage() {
    let (disk, contents) = filled().await;
    let wire = FaultStore::new(Arc::new(disk.clone()), Faults::none(), 3);
    let retry = Retry::default().with_attempts(2).with_waits(Duration::ZERO, Duration::ZERO);
    let blobs = toy::open(&Store::new(Arc::new(wire.clone()), "disk").with_retry(retry)).await.unwrap();
    wire.set_faults(Faults::unreachable());
    assert!(matches!(blobs.contains(&contents[0].0).await, Err(Error::Storage { .. })));
    wire.set_faults(Faults::none());
    assert_whole(&blobs, &contents).await;
    assert_eq!(requests(&wire, "blobs/pack/").min(1), 1);
}
