//! Commits, merges and collections on one repository in packs, all at once, among faults and crashes: whatever was acknowledged
//! is there once, and reads back.
//!
//! Seeds by `LINEAL_SIM_SEEDS`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::TryStreamExt;
use lineal_artifacts::{Collector, PackBlobs};
use lineal_core::{Actor, Host, NoLinks, NoProgress, Retry, SeededIds, Store, object_store::ObjectStore};
use lineal_data::{Commit, CommitLinks, DataRoots, Error, Level, Repository, Resolve, TreeLinks};
use lineal_testkit::{Dice, Faults, Sim, SimDisk, World, for_each_seed};

/// What each acknowledged commit put, by path.
type Acknowledged = Arc<Mutex<BTreeMap<String, String>>>;

fn machine(sim: &Sim, objects: Arc<dyn ObjectStore>, ids: u64) -> Store {
    let clock = Arc::new(sim.skewed_clock(Duration::from_secs(30 * 86_400)));
    let host = Host::system().with_clock(clock).with_ids(Arc::new(SeededIds::new(ids)));
    Store::new(objects, "disk").with_host(host.with_timer(Arc::new(sim.timer()))).with_retry(Retry::default())
}

async fn open(store: &Store) -> Result<(PackBlobs, Repository), Error> {
    let blobs = PackBlobs::open(store, "blobs").await?;
    let repository = Repository::open(store, "shared", Arc::new(blobs.clone())).await?;
    Ok((blobs, repository))
}

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

/// Content that is too long for the tree.
fn content(path: &str) -> String {
    path.repeat(100)
}

/// Commits files of its own to `branch`, opening anew after every failure.
async fn write(sim: Sim, store: Store, branch: &str, writer: u64, mut dice: Dice, done: Acknowledged) {
    for number in 0..3 {
        let path = format!("{branch}/{writer}-{number}.txt");
        for attempt in 0.. {
            assert!(attempt < 100, "a writer never got through");
            sim.timer().sleep(dice.duration(Duration::from_secs(6))).await;
            let Ok((_, repository)) = open(&store).await else { continue };
            let draft = repository.commit(branch).with_key(&path).put(&path, content(&path)).message(&path);
            if draft.commit(&ana()).await.is_ok() {
                done.lock().unwrap().insert(path.clone(), content(&path));
                break;
            }
        }
    }
}

/// Merges the other branch again and again.
async fn merge(sim: Sim, store: Store, mut dice: Dice) {
    for _ in 0..6 {
        sim.timer().sleep(dice.duration(Duration::from_secs(12))).await;
        let Ok((_, repository)) = open(&store).await else { continue };
        repository.merge("main", "side").resolve(Resolve::Ours).commit(&ana()).await.ok();
    }
}

async fn collect(sim: Sim, store: Store, mut dice: Dice, removed: Arc<Mutex<u64>>) {
    let Ok((blobs, _)) = open(&store).await else { return };
    for _ in 0..14 {
        if let Ok(done) = collector(&blobs).collect().await {
            *removed.lock().unwrap() += done.removed;
        }
        sim.timer().sleep(dice.duration(Duration::from_secs(8))).await;
    }
}

/// Collects in peace, then reads everything.
async fn audit(store: Store, acknowledged: BTreeMap<String, String>) -> u64 {
    let (blobs, repository) = open(&store).await.unwrap();
    let mut removed = 0;
    for _ in 0..3 {
        removed += collector(&blobs).collect().await.unwrap().removed;
    }
    repository.merge("main", "side").commit(&ana()).await.ok();
    let verified = repository.verify(Level::Rehash, &NoProgress).await.unwrap();
    assert!(verified.is_intact(), "{verified:?}");
    let version = repository.at("main").await.unwrap();
    for (path, text) in &acknowledged {
        assert_eq!(version.read(path).await.unwrap(), *text, "{path}");
    }
    let log: Vec<Commit> = repository.log("main").await.unwrap().try_collect().await.unwrap();
    for path in acknowledged.keys() {
        assert_eq!(log.iter().filter(|commit| commit.message() == path).count(), 1, "{path} landed once");
    }
    removed
}

#[test]
fn nothing_acknowledged_is_collected() {
    let done = for_each_seed(12, |seed| {
        let (world, disk) = (World::new(seed).with_step_limit(20_000_000), SimDisk::new());
        let (acknowledged, removed) = (Acknowledged::default(), Arc::new(Mutex::new(0)));
        let begin = machine(&world.sim(), Arc::new(disk.clone()), 1);
        world.block_on(async move {
            let (_, repository) = open(&begin).await.unwrap();
            repository.commit("main").put("readme", "begun").commit(&ana()).await.unwrap();
            repository.create_branch("side", "main", &ana()).await.unwrap();
        });
        let mut dice = world.dice();
        let faults = Faults { broken_list: 0.0, ..Faults::rough() };
        let mut on_wire = |ids: u64| {
            machine(&world.sim(), world.store(Arc::new(disk.clone()), faults.clone()), dice.next_u64() ^ ids)
        };
        let stores: Vec<Store> = (0..6).map(&mut on_wire).collect();
        let own = |name: &str| dice.fork(name);
        for (number, store) in stores.into_iter().enumerate() {
            let (sim, ids) = (world.sim(), number as u64);
            let task = match number {
                0..=2 => {
                    let branch = if number == 2 { "side" } else { "main" };
                    let (dice, done) = (own("writer"), Arc::clone(&acknowledged));
                    world.spawn("writer", async move { write(sim, store, branch, ids, dice, done).await })
                }
                3 => world.spawn("merger", merge(sim, store, own("merger"))),
                _ => world.spawn("collector", collect(sim, store, own("collector"), Arc::clone(&removed))),
            };
            if number == 5 && seed % 3 == 0 {
                task.crash_within(400);
            }
        }
        world.run();
        let acknowledged = acknowledged.lock().unwrap().clone();
        assert_eq!(acknowledged.len(), 9, "all writers got through");
        let quiet = machine(&world.sim(), Arc::new(disk), 99);
        let while_quiet = world.block_on(audit(quiet, acknowledged));
        let among_others = *removed.lock().unwrap();
        (among_others, while_quiet)
    });
    let (busy, quiet) = done.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    println!("seeds {}: {busy} packs removed beside commits and merges, {quiet} afterwards", done.len());
    assert!(busy > 0, "no collection had anything to do");
}
