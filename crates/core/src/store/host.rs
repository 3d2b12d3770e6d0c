use std::sync::Arc;

use super::{Timer, TokioTimer};
use crate::{Clock, IdSource, OsIds, SystemClock};

/// What a program lends to its stores: a clock, a source of ids, a timer.
///
/// [`Host::system`] is right for every program; tests and replays bring their own parts.
#[derive(Debug, Clone)]
pub struct Host {
    /// Tells the time that entries are stamped with.
    pub clock: Arc<dyn Clock>,
    /// Makes transaction ids, nonces and journal ids.
    pub ids: Arc<dyn IdSource>,
    /// Waits between retries and polls.
    pub timer: Arc<dyn Timer>,
}

impl Host {
    /// Returns the operating system's clock and randomness, and Tokio's timer.
    #[must_use]
    pub fn system() -> Self {
        Self { clock: Arc::new(SystemClock), ids: Arc::new(OsIds), timer: Arc::new(TokioTimer) }
    }

    /// Replaces the clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Replaces the source of ids.
    #[must_use]
    pub fn with_ids(mut self, ids: Arc<dyn IdSource>) -> Self {
        self.ids = ids;
        self
    }

    /// Replaces the timer.
    #[must_use]
    pub fn with_timer(mut self, timer: Arc<dyn Timer>) -> Self {
        self.timer = timer;
        self
    }
}

impl Default for Host {
    fn default() -> Self {
        Self::system()
    }
}
