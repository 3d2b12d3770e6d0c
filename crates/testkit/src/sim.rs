use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Waker};
use std::time::Duration;

use futures::future::BoxFuture;

use crate::dice::{Dice, mix};
use crate::kinds::Fault;
use crate::lock;
use crate::log::Log;
use crate::ready::{ReadyList, TaskWaker};
use crate::task::Task;

/// Handle on a simulated world, for use inside its tasks: spawn, wait, cancel.
///
/// Cheap to clone. The [`World`](crate::World) owns the tasks and runs them.
#[derive(Clone)]
pub struct Sim {
    shared: Arc<Shared>,
}

struct Shared {
    seed: u64,
    log: Log,
    ready: Arc<ReadyList>,
    state: Mutex<State>,
}

struct State {
    now_nanos: u64,
    steps: u64,
    schedule: u64,
    dice: Dice,
    streams: u64,
    slots: Vec<Slot>,
    live: usize,
    current: Arc<str>,
    timers: BTreeMap<(u64, u64), Waker>,
    next_timer: u64,
}

struct Slot {
    name: Arc<str>,
    future: Option<BoxFuture<'static, ()>>,
    waker: Waker,
    background: bool,
    polls_left: Option<u32>,
    ended: bool,
}

/// What became of an attempt to go on by one step.
pub(crate) enum Step {
    Ran,
    /// Nothing is ready and no timer is set.
    Idle,
}

impl Sim {
    pub(crate) fn new(seed: u64) -> Self {
        let dice = Dice::new(seed);
        let state = State {
            now_nanos: 0,
            steps: 0,
            schedule: 0,
            dice: dice.fork("schedule"),
            streams: 0,
            slots: Vec::new(),
            live: 0,
            current: "".into(),
            timers: BTreeMap::new(),
            next_timer: 0,
        };
        let shared = Shared { seed, log: Log::default(), ready: Arc::default(), state: Mutex::new(state) };
        Self { shared: Arc::new(shared) }
    }

    /// Returns the seed of the world.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.shared.seed
    }

    /// Returns the record of what happened in the world.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.shared.log
    }

    /// Returns the simulated time since the start of the world.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.state().now_nanos)
    }

    /// Returns the number of polls so far.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.state().steps
    }

    /// Returns a digest of which task was picked at each step: two worlds with different values ran different schedules.
    #[must_use]
    pub fn schedule(&self) -> u64 {
        self.state().schedule
    }

    /// Starts a random stream of its own; the n-th call of equal worlds gives equal streams.
    #[must_use]
    pub fn dice(&self) -> Dice {
        let mut state = self.state();
        state.streams += 1;
        Dice::new(self.shared.seed).fork(&format!("stream {}", state.streams))
    }

    /// Spawns a task that the world runs to its end.
    pub fn spawn<T, F>(&self, name: &str, future: F) -> Task<T>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        self.spawn_slot(name.into(), false, future)
    }

    /// Spawns a task that runs beside the others and does not keep the world going.
    pub fn spawn_background<T, F>(&self, name: &str, future: F) -> Task<T>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        self.spawn_slot(name.into(), true, future)
    }

    fn spawn_slot<T, F>(&self, name: Arc<str>, background: bool, future: F) -> Task<T>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let (sender, receiver) = futures::channel::oneshot::channel();
        let future = async move { drop(sender.send(future.await)) };
        let id = self.insert(name, background, Box::pin(future));
        Task::new(id, self.clone(), receiver)
    }

    /// Runs a future that nobody waits for, under the name of the wire.
    pub(crate) fn detach(&self, future: BoxFuture<'static, ()>) {
        self.insert("wire".into(), false, future);
    }

    fn insert(&self, name: Arc<str>, background: bool, future: BoxFuture<'static, ()>) -> usize {
        let mut state = self.state();
        let id = state.slots.len();
        let waker = TaskWaker::new(id, Arc::clone(&self.shared.ready));
        TaskWaker::queue(&waker);
        let waker = Waker::from(waker);
        state.live += usize::from(!background);
        let future = Some(future);
        state.slots.push(Slot { name, future, waker, background, polls_left: None, ended: false });
        id
    }

    /// Drops the task's future after this many more polls, or at once for 0.
    pub(crate) fn crash(&self, id: usize, polls: u32) {
        let dropped = {
            let mut state = self.state();
            let slot = &mut state.slots[id];
            if slot.ended {
                return;
            }
            slot.polls_left = Some(polls);
            // a task that is being polled is dropped when its poll returns
            if polls > 0 || slot.future.is_none() { None } else { state.end(id) }
        };
        if dropped.is_some() {
            self.shared.log.count(Fault::Crashed);
        }
    }

    pub(crate) fn draw_below(&self, limit: u64) -> u64 {
        self.state().dice.below(limit)
    }

    pub(crate) fn draw_chance(&self, probability: f64) -> bool {
        self.state().dice.chance(probability)
    }

    pub(crate) fn current_task(&self) -> Arc<str> {
        Arc::clone(&self.state().current)
    }

    pub(crate) fn live(&self) -> usize {
        self.state().live
    }

    pub(crate) fn live_names(&self) -> Vec<Arc<str>> {
        let state = self.state();
        let live = state.slots.iter().filter(|slot| !slot.ended && !slot.background);
        live.map(|slot| Arc::clone(&slot.name)).collect()
    }

    /// Drops every task; the world ends.
    pub(crate) fn clear(&self) {
        let slots = std::mem::take(&mut self.state().slots);
        drop(slots);
    }

    /// Polls one ready task, picked at random; moves the clock to the next timer when none is ready.
    pub(crate) fn step(&self) -> Step {
        self.state().now_nanos += NANOS_PER_STEP;
        self.fire_due();
        loop {
            while let Some(id) = self.pick() {
                if self.poll(id) {
                    return Step::Ran;
                }
            }
            if !self.skip_to_next_timer() {
                return Step::Idle;
            }
        }
    }

    fn pick(&self) -> Option<usize> {
        let mut state = self.state();
        let id = self.shared.ready.take(&mut state.dice)?;
        state.schedule = mix(state.schedule ^ (id as u64 + 1));
        Some(id)
    }

    /// Polls the task once; false if it had ended before.
    fn poll(&self, id: usize) -> bool {
        let (mut future, waker) = {
            let mut state = self.state();
            let Some(slot) = state.slots.get_mut(id) else {
                return false;
            };
            let Some(future) = slot.future.take() else {
                return false;
            };
            let (name, waker) = (Arc::clone(&slot.name), slot.waker.clone());
            if let Some(left) = &mut slot.polls_left {
                *left = left.saturating_sub(1);
            }
            state.current = name;
            state.steps += 1;
            (future, waker)
        };
        let ready = Pin::new(&mut future).poll(&mut Context::from_waker(&waker)).is_ready();
        let mut state = self.state();
        // the world was dropped from inside a task
        let Some(slot) = state.slots.get_mut(id) else {
            return true;
        };
        slot.future = Some(future);
        let crashed = slot.polls_left == Some(0) && !ready;
        if ready || crashed {
            let ended = state.end(id);
            drop(state);
            drop(ended);
            if crashed {
                self.shared.log.count(Fault::Crashed);
            }
        }
        true
    }

    /// Waits for a wake from outside the world; false if none came.
    pub(crate) fn wait_outside(&self, patience: Duration) -> bool {
        self.shared.ready.wait(patience)
    }

    pub(crate) fn set_timer(&self, due_nanos: u64, waker: Waker) -> (u64, u64) {
        let mut state = self.state();
        state.next_timer += 1;
        let key = (due_nanos, state.next_timer);
        state.timers.insert(key, waker);
        key
    }

    pub(crate) fn reset_timer(&self, key: (u64, u64), waker: &Waker) {
        if let Some(slot) = self.state().timers.get_mut(&key) {
            slot.clone_from(waker);
        }
    }

    pub(crate) fn drop_timer(&self, key: (u64, u64)) {
        let waker = self.state().timers.remove(&key);
        drop(waker);
    }

    pub(crate) fn now_nanos(&self) -> u64 {
        self.state().now_nanos
    }

    fn fire_due(&self) {
        while let Some(waker) = self.take_due() {
            waker.wake();
        }
    }

    fn take_due(&self) -> Option<Waker> {
        let mut state = self.state();
        let now = state.now_nanos;
        let first = state.timers.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    fn skip_to_next_timer(&self) -> bool {
        {
            let mut state = self.state();
            let Some((&(due, _), _)) = state.timers.first_key_value() else {
                return false;
            };
            state.now_nanos = state.now_nanos.max(due);
        }
        self.fire_due();
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.shared.state)
    }
}

impl State {
    /// Ends the task; its future is handed out, to be dropped without the lock.
    fn end(&mut self, id: usize) -> Option<BoxFuture<'static, ()>> {
        let slot = self.slots.get_mut(id)?;
        if slot.ended {
            return None;
        }
        slot.ended = true;
        self.live -= usize::from(!slot.background);
        slot.future.take()
    }
}

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Sim")
            .field("seed", &self.shared.seed)
            .field("steps", &state.steps)
            .field("live", &state.live)
            .finish_non_exhaustive()
    }
}

/// A poll takes a little time, so that two events seldom share a timestamp.
const NANOS_PER_STEP: u64 = 1_000;
