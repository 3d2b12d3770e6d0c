use std::future::Future;
use std::pin::pin;
use std::sync::Arc;

use futures::future::select;
use object_store::ObjectStore;

use crate::crash_store::{CrashStore, Stop};
use crate::disk::{Durability, SimDisk};
use crate::sim::Sim;
use crate::world::World;

/// Runs a scenario once for every point at which it can crash, and checks what is left on the disk.
///
/// First the scenario runs undisturbed and its operations are counted. Then, for each operation in turn, it runs
/// again on an empty disk and the store stops there: the operation has had its effect or not, and the process is gone
/// with it (its future is dropped) or goes on and sees nothing but errors. Four runs for each operation, each in a
/// world of its own, so keep scenarios short, and deterministic: ids from seeds, time from the world.
///
/// ```
/// use lineal_testkit::CrashPoints;
/// use object_store::{ObjectStoreExt, path::Path};
/// use std::sync::{Arc, Mutex};
///
/// let points = CrashPoints::new().run(
///     |_sim, store, acknowledged: Arc<Mutex<Vec<Path>>>| async move {
///         for name in ["a", "b"] {
///             let path = Path::from(name);
///             if store.put(&path, "bytes".into()).await.is_ok() {
///                 acknowledged.lock().unwrap().push(path);
///             }
///         }
///     },
///     |point, disk, acknowledged| async move {
///         for path in acknowledged.lock().unwrap().iter() {
///             assert!(disk.read(path).is_some(), "{point:?}: {path} is lost");
///         }
///     },
/// );
/// assert_eq!(points, 8);
/// ```
#[derive(Clone, Debug, Default)]
pub struct CrashPoints {
    durability: Durability,
    reads_too: bool,
}

/// Where and how a scenario was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrashPoint {
    /// Number of the operation at which the store stopped, from 1.
    pub operation: usize,
    /// True if that operation still had its effect.
    pub landed: bool,
    /// True if the process went on and saw errors; false if it was gone with the operation.
    pub lived_on: bool,
}

impl CrashPoints {
    /// Counts writes and deletes only, on a disk on which every change is durable at once.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what the crash does to unsynced changes: with anything but [`Durability::AtOnce`] the disk loses power, too.
    #[must_use]
    pub fn with_durability(self, durability: Durability) -> Self {
        Self { durability, ..self }
    }

    /// Stops at reads, too.
    #[must_use]
    pub fn with_reads(self) -> Self {
        Self { reads_too: true, ..self }
    }

    /// Runs the scenario to its end and then to every crash point; returns the number of crash points.
    ///
    /// `notes` are what the world outside remembers of a run, such as what was acknowledged. `check` gets the disk
    /// that is left; it panics if something is wrong, and may reopen the disk, go on writing, and so on. It is also
    /// called for the undisturbed run, with the number after the last operation.
    pub fn run<N, S, C>(
        &self,
        scenario: impl Fn(Sim, Arc<dyn ObjectStore>, Arc<N>) -> S,
        check: impl Fn(CrashPoint, SimDisk, Arc<N>) -> C,
    ) -> usize
    where
        N: Default + Send + Sync + 'static,
        S: Future<Output = ()> + Send + 'static,
        C: Future<Output = ()> + Send + 'static,
    {
        let attempt = |point: Option<CrashPoint>| {
            let world = World::new(point.map_or(0, |point| point.operation as u64));
            let disk = SimDisk::new().with_durability(self.durability);
            let (notes, stop) = (Arc::new(N::default()), Arc::new(Stop::new(point, self.reads_too)));
            let store = Arc::new(CrashStore::new(Arc::new(disk.clone()), Arc::clone(&stop)));
            let running = scenario(world.sim(), store, Arc::clone(&notes));
            let stopping = Arc::clone(&stop);
            world.block_on(async move {
                select(pin!(running), pin!(stopping.process_gone())).await;
            });
            if point.is_some() {
                disk.lose_power(&mut world.dice());
            }
            let operations = stop.operations();
            let point = point.unwrap_or(CrashPoint { operation: operations + 1, landed: false, lived_on: true });
            world.block_on(check(point, disk, notes));
            operations
        };
        let operations = attempt(None);
        for operation in 1..=operations {
            for (landed, lived_on) in [(false, false), (true, false), (false, true), (true, true)] {
                attempt(Some(CrashPoint { operation, landed, lived_on }));
            }
        }
        operations * 4
    }
}
