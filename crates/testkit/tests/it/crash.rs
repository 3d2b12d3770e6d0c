//! Crash points: each operation, each way, and a protocol that is wrong is found.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use lineal_testkit::{CrashPoint, CrashPoints, Durability};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

fn path(name: &str) -> Path {
    Path::from(name)
}

type Seen = Arc<Mutex<Vec<(CrashPoint, Vec<Path>)>>>;

#[test]
fn every_operation_is_a_crash_point_in_four_ways() {
    let seen = Seen::default();
    let points = CrashPoints::new().run(
        |sim, store: Arc<dyn ObjectStore>, _: Arc<()>| async move {
            for name in ["a", "b"] {
                drop(store.put(&path(name), "x".into()).await);
                drop(store.get(&path(name)).await);
                sim.timer().sleep(Duration::from_secs(1)).await;
            }
            drop(store.delete(&path("a")).await);
        },
        |point, disk, _| {
            let seen = Arc::clone(&seen);
            async move { seen.lock().unwrap().push((point, disk.paths())) }
        },
    );
    assert_eq!(points, 12);
    let expected: [&[&str]; 7] = [&["b"], &[], &["a"], &["a"], &["a", "b"], &["a", "b"], &["b"]];
    let names = |index: usize| expected[index].iter().map(|name| path(name)).collect::<Vec<_>>();
    let seen = seen.lock().unwrap();
    assert_eq!(seen[0], (CrashPoint { operation: 4, landed: false, lived_on: true }, names(0)));
    for (point, left) in &seen[1..] {
        assert_eq!(*left, names(point.operation * 2 - 1 + usize::from(point.landed)), "{point:?}");
    }
}

#[test]
fn reads_are_crash_points_on_demand_and_a_gone_process_does_nothing_more() {
    let count = |points: CrashPoints| {
        points.run(
            |_, store: Arc<dyn ObjectStore>, after: Arc<Mutex<bool>>| async move {
                drop(store.head(&path("a")).await);
                drop(store.put(&path("a"), "x".into()).await);
                *after.lock().unwrap() = true;
            },
            |point, _, after| async move {
                assert_eq!(*after.lock().unwrap(), point.lived_on, "{point:?}");
            },
        )
    };
    assert_eq!((count(CrashPoints::new()), count(CrashPoints::new().with_reads())), (4, 8));
}

#[test]
fn a_scenario_that_names_before_it_writes_is_found() {
    let dangling = Arc::new(Mutex::new(0));
    CrashPoints::new().run(
        |_, store: Arc<dyn ObjectStore>, _: Arc<()>| async move {
            drop(store.put(&path("name"), "blob".into()).await);
            drop(store.put(&path("blob"), "x".into()).await);
        },
        |_, disk, _| {
            let dangling = Arc::clone(&dangling);
            async move {
                *dangling.lock().unwrap() +=
                    usize::from(disk.read(&path("name")).is_some() && disk.read(&path("blob")).is_none());
            }
        },
    );
    assert!(*dangling.lock().unwrap() > 0);
}

#[test]
fn unsynced_writes_are_at_risk() {
    let lost = Arc::new(Mutex::new(0));
    CrashPoints::new().with_durability(Durability::UntilSync).run(
        |_, store: Arc<dyn ObjectStore>, acknowledged: Arc<Mutex<Vec<Path>>>| async move {
            for n in 0..10 {
                let name = path(&n.to_string());
                if store.put(&name, "x".into()).await.is_ok() {
                    acknowledged.lock().unwrap().push(name);
                }
            }
        },
        |_, disk, acknowledged| {
            let lost = Arc::clone(&lost);
            async move {
                let acknowledged = acknowledged.lock().unwrap();
                *lost.lock().unwrap() += acknowledged.iter().filter(|name| disk.read(name).is_none()).count();
            }
        },
    );
    assert!(*lost.lock().unwrap() > 0);
}
