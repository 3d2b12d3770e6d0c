//! The simulated world in which the stores of Lineal are tested.
//!
//! A [`World`] is drawn from one seed: which task runs next, what each storage operation meets, when a writer dies.
//! Writers reach a [`SimDisk`] through [`FaultStore`]s, whose [`Faults`] are those of real object stores: answers that
//! lie, requests that arrive late or twice, bodies that end early. Everything that happens is counted and traced in a
//! [`Log`], and a seed replays its run to the bit. [`CrashPoints`] stops a scenario after every storage operation in turn.
//! Guarantees hold as long as nothing outside the world wakes a task: no threads, no runtime, no wall clock.
//!
//! ```
//! use std::sync::Arc;
//! use lineal_testkit::{Faults, SimDisk, World, for_each_seed};
//! use object_store::{ObjectStore, PutMode, path::Path};
//!
//! for_each_seed(16, |seed| {
//!     let (world, disk) = (World::new(seed), SimDisk::new());
//!     for writer in ["one", "two"] {
//!         let store = world.store(Arc::new(disk.clone()), Faults::rough());
//!         let create = async move { store.put_opts(&Path::from("log/0"), writer.into(), PutMode::Create.into()).await };
//!         world.spawn(writer, create).crash_within(30);
//!     }
//!     world.run();
//!     assert!(disk.paths().len() <= 1);
//! });
//! ```

// the world
mod cancel; // futures dropped at any await
mod clock; // the time a machine believes
mod dice; // seeded decisions
mod ready; // tasks that were woken
mod sim; // tasks, timers and the clock; one step at a time
mod task; // handle on a task: await it, crash it
mod timer; // waiting in simulated time
mod world; // owns the tasks and runs them

// the stores
mod crash; // stop after every operation in turn
mod crash_store; // a store that stops
mod disk; // objects, and what survives a power loss
mod disk_store; // the disk as an honest store
mod fault_store; // the trait, method by method, through the faults
mod faults; // settings: what may go wrong, how often
mod plan; // what one operation will meet
mod request; // a write on its way
mod store; // how a fault happens
mod upload; // multipart through the faults
mod wire; // what lies between a caller and a store

// the record
mod kinds; // kinds of operations and faults
mod log; // counts, trace, digest
mod seeds; // which seeds to run, and how to replay one

pub use self::{
    clock::SimClock,
    crash::{CrashPoint, CrashPoints},
    dice::Dice,
    disk::{Durability, SimDisk},
    faults::Faults,
    kinds::{Fault, Op},
    log::{Counts, Line, Log},
    seeds::{find_seed, for_each_seed, seeds},
    sim::Sim,
    store::FaultStore,
    task::Task,
    timer::SimTimer,
    world::World,
};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks; a task that panicked with the lock held has failed its test already.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
