use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::channel::oneshot;

use crate::sim::Sim;

/// A task of a world: awaits its result, or crashes it.
///
/// Awaiting gives `None` if the task was crashed. Dropping the handle does not stop the task.
#[derive(Debug)]
pub struct Task<T> {
    id: usize,
    sim: Sim,
    result: oneshot::Receiver<T>,
}

impl<T> Task<T> {
    pub(crate) fn new(id: usize, sim: Sim, result: oneshot::Receiver<T>) -> Self {
        Self { id, sim, result }
    }

    /// Takes the result if the task has ended; `None` if it still runs, was crashed, or was asked before.
    pub fn take(&mut self) -> Option<T> {
        self.result.try_recv().ok().flatten()
    }

    /// Crashes the task: its future is dropped where it stands. Requests on the wire go on.
    pub fn crash(&self) {
        self.sim.crash(self.id, 0);
    }

    /// Crashes the task after a random number of further polls, `1..=polls`, if it has not ended by then.
    pub fn crash_within(&self, polls: u32) {
        let polls = 1 + self.sim.draw_below(u64::from(polls.max(1))) as u32;
        self.sim.crash(self.id, polls);
    }
}

impl<T> Future for Task<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        Pin::new(&mut self.result).poll(cx).map(Result::ok)
    }
}
