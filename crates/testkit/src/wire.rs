use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;

use crate::dice::Dice;
use crate::lock;
use crate::log::Log;
use crate::sim::Sim;
use crate::timer::give_way;

/// What lies between a caller and a store: it delays, and it carries requests that nobody waits for any more.
#[derive(Clone)]
pub(crate) enum Wire {
    World(Sim),
    /// Without a world: a late request arrives before one of the next operations.
    Alone(Arc<Alone>),
}

#[derive(Default)]
pub(crate) struct Alone {
    log: Log,
    operations: AtomicU64,
    late: Mutex<Vec<Late>>,
}

struct Late {
    due: u64,
    request: BoxFuture<'static, ()>,
}

impl Wire {
    pub(crate) fn alone() -> Self {
        Self::Alone(Arc::default())
    }

    pub(crate) fn log(&self) -> &Log {
        match self {
            Self::World(sim) => sim.log(),
            Self::Alone(alone) => &alone.log,
        }
    }

    /// Returns the step and the task, for the trace.
    pub(crate) fn place(&self) -> (u64, Arc<str>) {
        match self {
            Self::World(sim) => (sim.steps(), sim.current_task()),
            Self::Alone(alone) => (alone.operations.load(Ordering::Relaxed), "".into()),
        }
    }

    pub(crate) async fn sleep(&self, duration: Duration) {
        match self {
            Self::World(sim) => sim.sleep(duration).await,
            Self::Alone(_) => give_way(1).await,
        }
    }

    /// True if requests can travel without their caller.
    pub(crate) fn carries(&self) -> Option<&Sim> {
        match self {
            Self::World(sim) => Some(sim),
            Self::Alone(_) => None,
        }
    }

    /// Sends a request that arrives later, whoever waits for it.
    pub(crate) fn send_late(&self, after: Duration, dice: &mut Dice, request: BoxFuture<'static, ()>) {
        match self {
            Self::World(sim) => {
                let sleep = sim.sleep(after);
                sim.detach(Box::pin(async move {
                    sleep.await;
                    request.await;
                }));
            }
            Self::Alone(alone) => {
                let due = alone.operations.load(Ordering::Relaxed) + 1 + dice.below(MAX_OPERATIONS_LATE);
                lock(&alone.late).push(Late { due, request });
            }
        }
    }

    /// Starts an operation: without a world, late requests that are due arrive now.
    pub(crate) async fn arrive(&self) {
        if let Self::Alone(alone) = self {
            let now = alone.operations.fetch_add(1, Ordering::Relaxed) + 1;
            alone.deliver(now).await;
        }
    }

    /// Lets every late request arrive; in a world, [`World::run`](crate::World::run) does that.
    pub(crate) async fn settle(&self) {
        if let Self::Alone(alone) = self {
            alone.deliver(u64::MAX).await;
        }
    }
}

impl Alone {
    async fn deliver(&self, now: u64) {
        let due: Vec<Late> = lock(&self.late).extract_if(.., |late| late.due <= now).collect();
        for late in due {
            late.request.await;
        }
    }
}

const MAX_OPERATIONS_LATE: u64 = 8;
