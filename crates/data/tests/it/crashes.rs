//! Merges, pushes and purges that stop at any write: the old version or the new one, and the next try gets through.

use std::sync::Arc;

use lineal_core::{Host, LooseBlobs, NoProgress, SeededIds, Store, object_store::ObjectStore};
use lineal_data::{
    Error, Level, Repository, Resolve, RowMerge,
    arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch},
    arrow::datatypes::{Float64Type, Int64Type},
};
use lineal_testkit::{CrashPoints, Durability, Sim, SimDisk, World};

use crate::support::{World as Quiet, ana, flights};

async fn open(sim: &Sim, objects: Arc<dyn ObjectStore>, ids: u64) -> Result<Repository, Error> {
    let host = Host::system().with_clock(Arc::new(sim.clock())).with_ids(Arc::new(SeededIds::new(ids)));
    let store = Store::new(objects, "disk").with_host(host.with_timer(Arc::new(sim.timer())));
    let blobs = LooseBlobs::open(&store, "blobs").await?;
    Repository::open(&store, "flights", Arc::new(blobs)).await
}

/// Opens what a crash left, and checks all of it.
async fn reopen(disk: &SimDisk, ids: u64) -> Repository {
    let world = World::new(1);
    let repository = open(&world.sim(), Arc::new(disk.clone()), ids).await.unwrap();
    let verified = repository.verify(Level::Rehash, &NoProgress).await.unwrap();
    assert!(verified.is_intact(), "{verified:?}");
    repository
}

fn delayed(flight: i64) -> RecordBatch {
    let (flight, delay) = (Arc::new(Int64Array::from(vec![flight])), Arc::new(Float64Array::from(vec![-1.0])));
    let columns: [(&str, ArrayRef, bool); 2] = [("flight", flight, false), ("delay", delay, true)];
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

/// Two branches that change rows of one table, and their merge; again, it changes nothing.
async fn merging(repository: &Repository) -> Result<(), Error> {
    let draft = |branch: &str, key: &str| repository.commit(branch).with_key(key);
    draft("main", "base").put_table("t", &[flights(0, 20)]).commit(&ana()).await?;
    match repository.create_branch("side", "main", &ana()).await {
        Ok(_) | Err(Error::Taken { .. }) => {}
        Err(error) => return Err(error),
    }
    draft("side", "theirs").update_rows("t", &["flight"], &[delayed(3)]).put("b", "2").commit(&ana()).await?;
    draft("main", "ours").update_rows("t", &["flight"], &[delayed(5)]).commit(&ana()).await?;
    let merge = repository.merge("main", "side").resolve(Resolve::Rows(RowMerge::by(&["flight"])));
    match merge.commit(&ana()).await {
        Ok(_) | Err(Error::Unchanged { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The flights of `main` that were changed, and whether it has the other side's file.
async fn state(repository: &Repository) -> Option<(Vec<i64>, bool)> {
    let version = match repository.at("main").await {
        Ok(version) => version,
        Err(Error::NoSuchRevision { .. }) => return None,
        Err(error) => panic!("{error}"),
    };
    let mut changed = Vec::new();
    for batch in version.read_table("t").await.unwrap() {
        let (ids, delays) =
            (batch.column(0).as_primitive::<Int64Type>(), batch.column(1).as_primitive::<Float64Type>());
        let is_changed = |row: &usize| !delays.is_null(*row) && delays.value(*row) < 0.0;
        changed.extend((0..batch.num_rows()).filter(is_changed).map(|row| ids.value(row)));
    }
    Some((changed, version.file("b").await.is_ok()))
}

#[test]
fn a_merge_can_stop_at_every_write() {
    for durability in [Durability::AtOnce, Durability::DeletesUntilSync] {
        let scenario = |sim: Sim, objects: Arc<dyn ObjectStore>, _: Arc<()>| async move {
            // What it ran into is not known to anybody after the crash.
            let Ok(repository) = open(&sim, objects, 1).await else { return };
            merging(&repository).await.ok();
        };
        let points = CrashPoints::new().with_durability(durability).run(scenario, |point, disk, _| async move {
            let repository = reopen(&disk, 2).await;
            let steps = [None, Some((vec![], false)), Some((vec![5], false)), Some((vec![3, 5], true))];
            let found = state(&repository).await;
            assert!(steps.contains(&found), "{point:?}: {found:?}");
            merging(&repository).await.unwrap_or_else(|error| panic!("{point:?}: {error}"));
            assert_eq!(state(&reopen(&disk, 3).await).await, steps[3], "{point:?}");
        });
        assert!(points > 60, "{points}");
    }
}

/// Two versions, pushed one after the other.
async fn pushing(remote: &Repository) -> Result<Vec<String>, Error> {
    let source = Quiet::memory().await;
    let mut tips = Vec::new();
    for number in 0..2 {
        let draft = source.repository.commit("main").put("big", vec![number; 5000]);
        draft.append_table("t", &[flights(0, 9)]).commit(&ana()).await.unwrap();
        tips.push(source.repository.resolve("main").await.unwrap().to_string());
        match source.repository.push(remote, "main", &NoProgress, &ana()).await {
            // What is there already is ahead of the first version.
            Ok(_) | Err(Error::Diverged { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(tips)
}

#[test]
fn a_push_can_stop_at_every_write() {
    for durability in [Durability::AtOnce, Durability::DeletesUntilSync] {
        let scenario = |sim: Sim, objects: Arc<dyn ObjectStore>, _: Arc<()>| async move {
            let Ok(remote) = open(&sim, objects, 1).await else { return };
            pushing(&remote).await.ok();
        };
        let points = CrashPoints::new().with_durability(durability).run(scenario, |point, disk, _| async move {
            let remote = reopen(&disk, 2).await;
            let before = remote.branches().await.unwrap().into_values().next().map(|tip| tip.to_string());
            let tips = pushing(&remote).await.unwrap_or_else(|error| panic!("{point:?}: {error}"));
            assert!(before.is_none_or(|tip| tips.contains(&tip)), "{point:?}: neither the old nor the new version");
            let remote = reopen(&disk, 3).await;
            assert_eq!(remote.resolve("main").await.unwrap().to_string(), tips[1], "{point:?}");
            assert_eq!(remote.at("main").await.unwrap().read("big").await.unwrap(), vec![1; 5000]);
        });
        assert!(points > 40, "{points}");
    }
}

/// A file that is in two versions, and purged from both.
async fn purging(repository: &Repository) -> Result<usize, Error> {
    let draft = |key: &str| repository.commit("main").with_key(key);
    draft("first").put("bob", "Bob").put("eve", "Eve").commit(&ana()).await?;
    draft("second").put("bob", vec![1; 5000]).commit(&ana()).await?;
    draft("third").remove("bob").commit(&ana()).await?;
    Ok(repository.purge(&["bob"], "request 17", &ana()).await?.blobs.len())
}

#[test]
fn a_purge_can_stop_at_every_write() {
    for durability in [Durability::AtOnce, Durability::DeletesUntilSync] {
        let scenario = |sim: Sim, objects: Arc<dyn ObjectStore>, _: Arc<()>| async move {
            let Ok(repository) = open(&sim, objects, 1).await else { return };
            purging(&repository).await.ok();
        };
        let points = CrashPoints::new().with_durability(durability).run(scenario, |point, disk, _| async move {
            let repository = reopen(&disk, 2).await;
            for back in ["main~1", "main~2"] {
                let Ok(version) = repository.at(back).await else { continue };
                match version.read("bob").await {
                    Ok(_) | Err(Error::Purged { .. } | Error::NoSuchPath { .. }) => {}
                    Err(error) => panic!("{point:?}: {error}"),
                }
            }
            let blobs = purging(&repository).await.unwrap_or_else(|error| panic!("{point:?}: {error}"));
            assert_eq!(blobs, 2, "{point:?}: a node and a file");
            let repository = reopen(&disk, 3).await;
            let version = repository.at("main~2").await.unwrap();
            assert!(matches!(version.read("bob").await, Err(Error::Purged { .. })), "{point:?}");
            assert_eq!(version.read("eve").await.unwrap(), "Eve", "{point:?}");
        });
        assert!(points > 40, "{points}");
    }
}
