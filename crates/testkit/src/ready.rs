use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::Wake;
use std::time::Duration;

use crate::dice::Dice;
use crate::lock;

/// Tasks that were woken, each at most once.
#[derive(Debug, Default)]
pub(crate) struct ReadyList {
    tasks: Mutex<Vec<Arc<TaskWaker>>>,
    woken: Condvar,
    /// The world waits for a wake from outside; without it a wake is no system call.
    waited_for: AtomicBool,
}

impl ReadyList {
    /// Takes one at random.
    pub(crate) fn take(&self, dice: &mut Dice) -> Option<usize> {
        let mut tasks = lock(&self.tasks);
        if tasks.is_empty() {
            return None;
        }
        let picked = dice.index(tasks.len());
        let task = tasks.swap_remove(picked);
        task.queued.store(false, Ordering::Relaxed);
        Some(task.id)
    }

    /// Waits in real time for a wake from outside the world, such as a thread that computes; false if none came.
    pub(crate) fn wait(&self, patience: Duration) -> bool {
        let tasks = lock(&self.tasks);
        self.waited_for.store(true, Ordering::Relaxed);
        let waited = self.woken.wait_timeout_while(tasks, patience, |tasks| tasks.is_empty());
        !waited.unwrap_or_else(PoisonError::into_inner).0.is_empty()
    }
}

/// Puts its task on the ready list when woken.
#[derive(Debug)]
pub(crate) struct TaskWaker {
    id: usize,
    queued: AtomicBool,
    ready: Arc<ReadyList>,
}

impl TaskWaker {
    pub(crate) fn new(id: usize, ready: Arc<ReadyList>) -> Arc<Self> {
        Arc::new(Self { id, queued: AtomicBool::new(false), ready })
    }

    pub(crate) fn queue(this: &Arc<Self>) {
        if !this.queued.swap(true, Ordering::Relaxed) {
            let mut tasks = lock(&this.ready.tasks);
            tasks.push(Arc::clone(this));
            if this.ready.waited_for.load(Ordering::Relaxed) {
                this.ready.woken.notify_one();
            }
        }
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        Self::queue(&self);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        Self::queue(self);
    }
}
