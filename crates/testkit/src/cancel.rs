use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::future::BoxFuture;

use crate::kinds::Fault;
use crate::sim::Sim;

impl Sim {
    /// Runs the future, or drops it at one of its awaits with this probability; `None` then.
    ///
    /// Half of the dropped ones go when something they wait for has come, the others in the middle of
    /// waiting. One that ends before its number of polls is up gives its result.
    pub async fn maybe_cancel<F>(&self, probability: f64, future: F) -> Option<F::Output>
    where
        F: Future + Send,
    {
        if !self.draw_chance(probability) {
            return Some(future.await);
        }
        let impatient = self.draw_chance(0.5);
        let polls_left = 1 + self.draw_below(MAX_POLLS);
        let future = Some(Box::pin(future) as BoxFuture<'_, F::Output>);
        let output = Doomed { future, polls_left, impatient }.await;
        if output.is_none() {
            self.log().count(Fault::Cancelled);
        }
        output
    }
}

struct Doomed<'a, T> {
    future: Option<BoxFuture<'a, T>>,
    polls_left: u64,
    impatient: bool,
}

impl<T> Future for Doomed<'_, T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let (left, impatient) = (self.polls_left, self.impatient);
        let Some(future) = self.future.as_mut().filter(|_| left > 0) else {
            self.future = None;
            return Poll::Ready(None);
        };
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        self.polls_left -= 1;
        if self.polls_left == 0 || impatient {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

/// An append takes some 5 to 20 polls, so that most awaits are met.
const MAX_POLLS: u64 = 16;
