//! What long work tells the one who waits.

use std::{fmt::Debug, sync::Arc};

/// One step of a long task.
///
/// Tasks are told apart by their text; what it says is for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProgressEvent<'a> {
    /// The task begins.
    Started {
        /// The task, in words.
        task: &'a str,
        /// How many units there are to do, if that is known.
        total: Option<u64>,
        /// The unit, in the plural: `"bytes"`, `"rows"`, `"trials"`.
        unit: &'a str,
    },
    /// Some units more are done.
    Advanced {
        /// The task, as it was started.
        task: &'a str,
        /// The units done since the last event.
        by: u64,
    },
    /// The task is over, well or not; the result of the call says which.
    Finished {
        /// The task, as it was started.
        task: &'a str,
    },
}

/// Listens to long work.
///
/// # Contract
/// Called from any thread, often; it returns at once and never panics. What it does cannot change the work.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use lineal_core::{Progress, ProgressEvent};
///
/// #[derive(Debug, Default)]
/// struct Count(AtomicU64);
///
/// impl Progress for Count {
///     fn report(&self, event: ProgressEvent<'_>) {
///         if let ProgressEvent::Advanced { by, .. } = event {
///             self.0.fetch_add(by, Ordering::Relaxed);
///         }
///     }
/// }
///
/// let count = Count::default();
/// count.report(ProgressEvent::Started { task: "import", total: Some(3), unit: "files" });
/// count.report(ProgressEvent::Advanced { task: "import", by: 3 });
/// count.report(ProgressEvent::Finished { task: "import" });
/// assert_eq!(count.0.load(Ordering::Relaxed), 3);
/// ```
pub trait Progress: Debug + Send + Sync {
    /// Takes note of one event.
    fn report(&self, event: ProgressEvent<'_>);
}

/// Listens to nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn report(&self, _event: ProgressEvent<'_>) {}
}

impl<T: Progress + ?Sized> Progress for Arc<T> {
    fn report(&self, event: ProgressEvent<'_>) {
        (**self).report(event);
    }
}

impl<T: Progress + ?Sized> Progress for &T {
    fn report(&self, event: ProgressEvent<'_>) {
        (**self).report(event);
    }
}
