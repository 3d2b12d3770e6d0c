use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use object_store::ObjectStore;

use crate::faults::Faults;
use crate::sim::{Sim, Step};
use crate::store::FaultStore;

/// A seeded, single-threaded world: tasks, a clock, timers, and requests on their way to stores.
///
/// At each step one ready task is picked at random and polled; when none is ready the clock moves to the next
/// timer. Everything is drawn from the seed, so a seed replays its run exactly, as long as nothing outside
/// (another thread, a runtime, the wall clock) wakes a task; such a wake is waited for, but its moment is not replayed. There is no Tokio runtime here:
/// what spawns onto one (`tokio::spawn`, `object_store::WriteMultipart`) panics. Handles for use inside tasks: [`Sim`], which a
/// world dereferences to.
///
/// ```
/// use std::sync::Arc;
/// use lineal_testkit::{Faults, SimDisk, World};
/// use object_store::{ObjectStoreExt, path::Path};
///
/// let world = World::new(17);
/// let store = world.store(Arc::new(SimDisk::new()), Faults { delay: 1.0, ..Faults::none() });
/// let bytes = world.block_on(async move {
///     store.put(&Path::from("a"), "hello".into()).await?;
///     store.get(&Path::from("a")).await?.bytes().await
/// });
/// assert_eq!(bytes?, "hello");
/// # Ok::<(), object_store::Error>(())
/// ```
#[derive(Debug)]
pub struct World {
    sim: Sim,
    step_limit: u64,
}

impl World {
    /// Creates the world of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { sim: Sim::new(seed), step_limit: DEFAULT_STEP_LIMIT }
    }

    /// Sets after how many polls in all the world panics, because something never ends; a million by default.
    #[must_use]
    pub fn with_step_limit(mut self, step_limit: u64) -> Self {
        self.step_limit = step_limit;
        self
    }

    /// Returns a handle for use inside tasks.
    #[must_use]
    pub fn sim(&self) -> Sim {
        self.sim.clone()
    }

    /// Puts faults between a caller and this store. Each writer may have its own over one disk.
    #[must_use]
    pub fn store(&self, inner: Arc<dyn ObjectStore>, faults: Faults) -> Arc<FaultStore> {
        Arc::new(FaultStore::in_world(&self.sim, inner, faults))
    }

    /// Runs until every task but the background ones has ended and every request on the wire has arrived.
    ///
    /// # Panics
    /// If tasks wait for something that never comes, or at the step limit; the message names the seed.
    pub fn run(&self) {
        while self.sim.live() > 0 {
            self.step();
        }
    }

    /// Runs until this future has ended. Other tasks run meanwhile and may be left unfinished.
    ///
    /// # Panics
    /// As [`World::run`].
    pub fn block_on<T, F>(&self, future: F) -> T
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let mut task = self.sim.spawn("main", future);
        loop {
            if let Some(result) = task.take() {
                return result;
            }
            self.step();
        }
    }

    #[expect(clippy::panic, reason = "a world that cannot go on is a failed test")]
    fn step(&self) {
        let seed = self.sim.seed();
        match self.sim.step() {
            Step::Ran if self.sim.steps() <= self.step_limit => {}
            Step::Ran => panic!("seed {seed}: no end after {} steps\n{}", self.step_limit, self.tail()),
            Step::Idle if self.sim.wait_outside(PATIENCE) => {}
            Step::Idle => {
                panic!("seed {seed}: deadlock, waiting for ever: {:?}\n{}", self.sim.live_names(), self.tail())
            }
        }
    }

    fn tail(&self) -> String {
        let lines = self.sim.log().lines();
        let last = lines.iter().skip(lines.len().saturating_sub(SHOWN_LINES));
        last.map(|line| format!("{line}\n")).collect()
    }
}

impl Deref for World {
    type Target = Sim;

    fn deref(&self) -> &Sim {
        &self.sim
    }
}

impl Drop for World {
    // tasks hold handles on the world: without this they would keep each other alive
    fn drop(&mut self) {
        self.sim.clear();
    }
}

const DEFAULT_STEP_LIMIT: u64 = 1_000_000;
/// Real time given to a thread outside before a world without any ready task counts as dead: much, as a busy machine may not
/// let it run for seconds.
const PATIENCE: Duration = Duration::from_secs(60);
const SHOWN_LINES: usize = 40;
