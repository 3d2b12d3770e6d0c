use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;

use super::Error;

/// Runs `work` on rayon's pool and waits for it without blocking the async runtime.
///
/// For hashing, chunking and decoding that take longer than about a millisecond. Dropping the future does not stop
/// the work, so long loops should check a flag of their own.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), lineal_core::Error> {
/// let sum = lineal_core::on_cpu(|| (1..=1_000_u64).sum::<u64>()).await?;
/// assert_eq!(sum, 500_500);
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::WorkerPanicked`] if `work` panicked; the panic does not reach the pool.
pub async fn on_cpu<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    let (answer, result) = oneshot::channel();
    rayon::spawn(move || {
        // The receiver may be gone: nobody wants the result any more.
        drop(answer.send(catch_unwind(AssertUnwindSafe(work))));
    });
    match result.await {
        Ok(Ok(value)) => Ok(value),
        _ => Err(Error::WorkerPanicked),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_not_an_abort() {
        assert!(matches!(on_cpu(|| panic!("boom")).await, Err(Error::WorkerPanicked)));
    }
}
