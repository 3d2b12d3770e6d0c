use crate::Error;

/// Starts work on local files on the blocking pool, at once; the future waits for its end.
pub(crate) fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> impl Future<Output = Result<T, Error>> + Send {
    let started = tokio::task::spawn_blocking(work);
    async move {
        match started.await {
            Ok(outcome) => outcome,
            Err(_) => Err(lineal_core::Error::WorkerPanicked.into()),
        }
    }
}
