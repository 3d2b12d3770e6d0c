//! Commits among faults, crashes and other writers: what was acknowledged is there, once, and whole.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::TryStreamExt;
use lineal_core::{Host, LooseBlobs, NoProgress, Retry, SeededIds, Store, object_store::ObjectStore};
use lineal_data::{Commit, CommitId, Error, Level, Repository};
use lineal_testkit::{CrashPoints, Durability, Faults, Sim, SimDisk, World, for_each_seed};

use crate::support::{ana, files};

/// Opens the repository as a machine with skewed clock would.
async fn open(sim: &Sim, objects: Arc<dyn ObjectStore>, ids: u64) -> Result<Repository, Error> {
    let clock = Arc::new(sim.skewed_clock(Duration::from_secs(30 * 86_400)));
    let host = Host::system().with_clock(clock).with_ids(Arc::new(SeededIds::new(ids)));
    let retry = Retry::default().with_attempts(3);
    let host = host.with_timer(Arc::new(sim.timer()));
    let store = Store::new(objects, "disk").with_host(host).with_retry(retry);
    let blobs = LooseBlobs::open(&store, "blobs").await?;
    Repository::open(&store, "flights", Arc::new(blobs)).await
}

/// A store that goes away often enough that outcomes stay unknown.
fn outages() -> Faults {
    Faults { fail_before: 0.12, fail_after: 0.1, lost_answer: 0.1, ..Faults::rough() }
}

/// Paths that each acknowledged commit added.
type Acknowledged = Arc<Mutex<BTreeMap<String, CommitId>>>;

/// Commits files of its own until each is acknowledged, opening anew after every failure.
async fn write(sim: Sim, objects: Arc<dyn ObjectStore>, writer: u64, acknowledged: Acknowledged) {
    for number in 0..3 {
        let path = format!("{writer}/{number}");
        for attempt in 0..200 {
            if let Ok(made) = write_one(&sim, Arc::clone(&objects), writer * 1000 + number * 200 + attempt, &path).await
            {
                acknowledged.lock().unwrap().insert(path, made.id());
                break;
            }
            assert!(attempt < 199, "a writer never got through");
        }
    }
}

async fn write_one(sim: &Sim, objects: Arc<dyn ObjectStore>, ids: u64, path: &str) -> Result<Commit, Error> {
    let repository = open(sim, objects, ids).await?;
    repository.commit("main").put(path, path.to_owned()).with_key(path).message(path).commit(&ana()).await
}

/// Reads everything on a quiet store and compares it with what was acknowledged.
async fn audit(sim: Sim, disk: SimDisk, acknowledged: BTreeMap<String, CommitId>) {
    let repository = open(&sim, Arc::new(disk), 999_999).await.unwrap();
    let verified = repository.verify(Level::Rehash, &NoProgress).await.unwrap();
    assert!(verified.is_intact(), "{verified:?}");
    if repository.branches().await.unwrap().is_empty() {
        assert!(acknowledged.is_empty());
        return;
    }
    let log: Vec<Commit> = repository.log("main").await.unwrap().try_collect().await.unwrap();
    let mut by_message = BTreeMap::new();
    for commit in &log {
        assert!(by_message.insert(commit.message(), commit.id()).is_none(), "{} landed twice", commit.message());
    }
    let version = repository.at("main").await.unwrap();
    assert_eq!(
        files(&version, "").await.len(),
        log.len(),
        "every commit added one file, and none was lost in a rebase"
    );
    for (path, id) in &acknowledged {
        assert_eq!(by_message.get(path.as_str()), Some(id), "{path}");
        assert_eq!(version.read(path).await.unwrap(), *path);
    }
}

#[test]
fn what_is_acknowledged_among_faults_is_there_once() {
    for_each_seed(24, |seed| {
        let (world, disk) = (World::new(seed), SimDisk::new());
        let acknowledged = Acknowledged::default();
        for writer in 0..3 {
            let faults = if writer == 0 { outages() } else { Faults::rough() };
            let objects = world.store(Arc::new(disk.clone()), faults);
            let task = world.spawn("writer", write(world.sim(), objects, writer, Arc::clone(&acknowledged)));
            if writer == 2 {
                task.crash_within(300);
            }
        }
        world.run();
        let acknowledged = acknowledged.lock().unwrap().clone();
        assert!(acknowledged.len() >= 6, "the writers that lived got through");
        world.block_on(audit(world.sim(), disk, acknowledged));
    });
}

#[test]
fn a_crash_at_any_write_leaves_the_old_or_the_new_version() {
    for durability in [Durability::AtOnce, Durability::DeletesUntilSync] {
        let points = CrashPoints::new().with_durability(durability).run(
            |sim, objects, acknowledged: Arc<Acknowledged>| async move {
                for path in ["a", "b"] {
                    if let Ok(made) = write_one(&sim, Arc::clone(&objects), u64::from(path.as_bytes()[0]), path).await {
                        acknowledged.lock().unwrap().insert(path.to_owned(), made.id());
                    }
                }
            },
            |_, disk, acknowledged| async move {
                let world = World::new(1);
                let acknowledged = acknowledged.lock().unwrap().clone();
                audit(world.sim(), disk.clone(), acknowledged.clone()).await;
                // Whatever happened, the next process can do the same again and finds its way.
                let mut all = BTreeMap::new();
                for (ids, path) in ["a", "b", "c"].into_iter().enumerate() {
                    let objects = Arc::new(disk.clone());
                    let made = write_one(&world.sim(), objects, ids as u64, path).await.unwrap();
                    all.insert(path.to_owned(), made.id());
                }
                assert!(acknowledged.iter().all(|(path, id)| all.get(path) == Some(id)));
                audit(world.sim(), disk, all).await;
            },
        );
        assert!(points > 30, "{points}");
    }
}
