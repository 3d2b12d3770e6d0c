//! Commits, merges and pushes in packs that stop at any operation of the store, reads included: the old version or the new one,
//! a store that its own check finds clean, and a next try that gets through.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use futures::TryStreamExt;
use lineal_artifacts::{FsckLevel, PackBlobs};
use lineal_core::{Actor, Host, ManualClock, NoProgress, SeededIds, Store, Timestamp, object_store::ObjectStore};
use lineal_data::{Error, Level, Repository, Resolve};
use lineal_testkit::{CrashPoints, Durability, Sim, SimDisk, World};

/// The files of `main` and their lengths; none before there is a branch.
type Files = Option<BTreeMap<String, u64>>;

async fn open(sim: &Sim, objects: Arc<dyn ObjectStore>, ids: u64) -> Result<(PackBlobs, Repository), Error> {
    let host = Host::system().with_clock(Arc::new(sim.clock())).with_ids(Arc::new(SeededIds::new(ids)));
    let store = Store::new(objects, "disk").with_host(host.with_timer(Arc::new(sim.timer())));
    let blobs = PackBlobs::open(&store, "blobs").await?;
    let repository = Repository::open(&store, "files", Arc::new(blobs.clone())).await?;
    Ok((blobs, repository))
}

/// Opens what a crash left, and checks all of it.
async fn reopen(disk: &SimDisk, ids: u64) -> Repository {
    let (blobs, repository) = open(&World::new(1).sim(), Arc::new(disk.clone()), ids).await.unwrap();
    let found = blobs.fsck(FsckLevel::Hash { part: 0, of: 1 }, &NoProgress).await.unwrap();
    assert!(found.is_clean(), "{found:?}");
    let verified = repository.verify(Level::Rehash, &NoProgress).await.unwrap();
    assert!(verified.is_intact(), "{verified:?}");
    repository
}

async fn files(repository: &Repository) -> Result<Files, Error> {
    let version = match repository.at("main").await {
        Ok(version) => version,
        Err(Error::NoSuchRevision { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let files = version.list("").map_ok(|file| (file.path.to_string(), file.size_bytes));
    Ok(Some(files.try_collect().await?))
}

fn ana() -> Actor {
    Actor::new("ana@example.org").unwrap()
}

/// Bytes for the tree, for a small blob, and for one that is cut.
fn content(seed: u8, length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8 ^ seed).collect()
}

/// Steps that change `main`.
#[derive(Debug, Clone, Copy)]
enum Work {
    Commits,
    Merges,
    Pushes,
}

impl Work {
    /// Does the steps; notes what `main` has when each of them is done.
    async fn run(self, repository: &Repository, seen: &Mutex<Vec<Files>>) -> Result<(), Error> {
        match self {
            Self::Commits => commit(repository, seen).await,
            Self::Merges => merge(repository, seen).await,
            Self::Pushes => push(repository, seen).await,
        }
    }
}

async fn done(repository: &Repository, seen: &Mutex<Vec<Files>>) -> Result<(), Error> {
    let files = files(repository).await?;
    seen.lock().unwrap().push(files);
    Ok(())
}

async fn commit(repository: &Repository, seen: &Mutex<Vec<Files>>) -> Result<(), Error> {
    let draft = |key: &str| repository.commit("main").with_key(key);
    draft("one").put("tiny", content(1, 10)).put("small", content(2, 3000)).commit(&ana()).await?;
    done(repository, seen).await?;
    draft("two").put("large", content(3, 300_000)).remove("tiny").commit(&ana()).await?;
    done(repository, seen).await?;
    Ok(())
}

async fn merge(repository: &Repository, seen: &Mutex<Vec<Files>>) -> Result<(), Error> {
    let draft = |branch: &str, key: &str| repository.commit(branch).with_key(key);
    draft("main", "base").put("a", content(1, 3000)).commit(&ana()).await?;
    done(repository, seen).await?;
    for side in ["ahead", "beside"] {
        match repository.create_branch(side, "main", &ana()).await {
            Ok(_) | Err(Error::Taken { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    draft("ahead", "ahead").put("b", content(2, 2000)).commit(&ana()).await?;
    // The branch moves; later it is put on top of what came meanwhile.
    for side in ["ahead", "beside"] {
        draft("beside", "beside").put("a", content(3, 2500)).put("c", content(4, 20)).commit(&ana()).await?;
        match repository.merge("main", side).resolve(Resolve::Theirs).commit(&ana()).await {
            Ok(_) | Err(Error::Unchanged { .. }) => done(repository, seen).await?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn push(remote: &Repository, seen: &Mutex<Vec<Files>>) -> Result<(), Error> {
    let clock = ManualClock::new(Timestamp::from_unix_secs(1_357_000_000).unwrap());
    let host = Host::system().with_clock(Arc::new(clock)).with_ids(Arc::new(SeededIds::new(7)));
    let store = Store::open("memory:///").unwrap().with_host(host);
    let blobs = Arc::new(PackBlobs::open(&store, "blobs").await.unwrap());
    let source = Repository::open(&store, "files", blobs).await.unwrap();
    for number in 0..2 {
        let name = format!("large{number}");
        let draft = source.commit("main").put("small", content(number, 3000)).put(&name, content(number, 300_000));
        draft.commit(&ana()).await.unwrap();
        match source.push(remote, "main", &NoProgress, &ana()).await {
            // After a crash the other side may be ahead of the first version.
            Ok(_) | Err(Error::Diverged { .. }) => done(remote, seen).await?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn may_stop_anywhere(work: Work) {
    let steps = {
        let (world, seen) = (World::new(1), Arc::new(Mutex::new(vec![None])));
        let (sim, noted) = (world.sim(), Arc::clone(&seen));
        world.block_on(async move {
            let (_, repository) = open(&sim, Arc::new(SimDisk::new()), 1).await.unwrap();
            work.run(&repository, &noted).await.unwrap();
        });
        Arc::new(seen.lock().unwrap().clone())
    };
    assert!(steps.len() > 2 && steps.is_sorted_by(|one, two| one != two));
    for durability in [Durability::AtOnce, Durability::DeletesUntilSync] {
        let scenario = |sim: Sim, objects: Arc<dyn ObjectStore>, seen: Arc<Mutex<Vec<Files>>>| async move {
            // What it ran into is not known to anybody after the crash.
            let Ok((_, repository)) = open(&sim, objects, 1).await else { return };
            work.run(&repository, &seen).await.ok();
        };
        let points = CrashPoints::new().with_reads().with_durability(durability).run(scenario, |point, disk, seen| {
            let steps = Arc::clone(&steps);
            async move {
                let found = files(&reopen(&disk, 2).await).await.unwrap();
                let acknowledged = seen.lock().unwrap().last().cloned().flatten();
                let at = |files: &Files| steps.iter().rposition(|step| step == files);
                let now = at(&found).unwrap_or_else(|| panic!("{point:?}: between versions: {found:?}"));
                assert!(Some(now) >= at(&acknowledged), "{point:?}: what was done is gone");
                let (_, again) = open(&World::new(1).sim(), Arc::new(disk.clone()), 3).await.unwrap();
                work.run(&again, &seen).await.unwrap_or_else(|error| panic!("{point:?}: {error}"));
                assert_eq!(Some(&files(&reopen(&disk, 4).await).await.unwrap()), steps.last(), "{point:?}");
            }
        });
        assert!(points > 120, "{points}");
    }
}

#[test]
fn a_commit_may_stop_at_any_operation() {
    may_stop_anywhere(Work::Commits);
}

#[test]
fn a_merge_may_stop_at_any_operation() {
    may_stop_anywhere(Work::Merges);
}

#[test]
fn a_push_may_stop_at_any_operation() {
    may_stop_anywhere(Work::Pushes);
}
