use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;

use crate::sim::Sim;

/// Timer of a world: waiting costs simulated time only.
#[derive(Clone, Debug)]
pub struct SimTimer {
    sim: Sim,
}

impl SimTimer {
    /// Waits until this much simulated time has passed.
    #[must_use]
    pub fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(self.sim.sleep(duration))
    }
}

impl Sim {
    /// Returns the timer of the world.
    #[must_use]
    pub fn timer(&self) -> SimTimer {
        SimTimer { sim: self.clone() }
    }

    /// Waits until this much simulated time has passed; counted from this call.
    pub(crate) fn sleep(&self, duration: Duration) -> Sleep {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let due_nanos = self.now_nanos().saturating_add(nanos);
        Sleep { sim: self.clone(), due_nanos, key: None }
    }
}

pub(crate) struct Sleep {
    sim: Sim,
    due_nanos: u64,
    key: Option<(u64, u64)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.sim.now_nanos() >= self.due_nanos {
            return Poll::Ready(());
        }
        match self.key {
            Some(key) => self.sim.reset_timer(key, cx.waker()),
            None => self.key = Some(self.sim.set_timer(self.due_nanos, cx.waker().clone())),
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    // a timer nobody waits for must not move the clock
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.sim.drop_timer(key);
        }
    }
}

/// Gives way to the other tasks this many times.
pub(crate) async fn give_way(times: u64) {
    for _ in 0..times {
        GiveWay { gave: false }.await;
    }
}

struct GiveWay {
    gave: bool,
}

impl Future for GiveWay {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.gave {
            return Poll::Ready(());
        }
        self.gave = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl lineal_core::Timer for SimTimer {
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Self::sleep(self, duration)
    }
}
