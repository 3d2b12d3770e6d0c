use std::{fmt::Debug, time::Duration};

use futures::future::BoxFuture;

/// Waits; the seam that lets a simulated world skip time.
///
/// # Contract
/// The returned future completes no earlier than `duration` from its first poll and may be dropped at any time.
pub trait Timer: Debug + Send + Sync {
    /// Returns a future that completes after `duration`.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// Waits on the timer of the Tokio runtime that polls the future.
#[derive(Debug, Clone, Copy, Default)]
pub struct TokioTimer;

impl Timer for TokioTimer {
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(async move { tokio::time::sleep(duration).await })
    }
}
