use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use object_store::Error as StorageError;

use super::{Error, Store};
use crate::StoreId;

/// What [`verify_backend`] saw.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackendReport {
    /// Rounds raced.
    pub rounds: u32,
    /// Writers that raced in each round.
    pub writers: u32,
    /// Rounds with exactly one winner, whose content stayed.
    pub clean_rounds: u32,
    /// Rounds in which more than one writer was told that it had won.
    pub double_wins: u32,
    /// Rounds in which the stored content was not that of a writer told it had won.
    pub lost_wins: u32,
    /// Rounds that faults of the network left without a verdict.
    pub inconclusive: u32,
}

impl BackendReport {
    /// Tells whether the back end kept its promise in every round that gave a verdict, and at least one did.
    #[must_use]
    pub fn is_safe(&self) -> bool {
        self.double_wins == 0 && self.lost_wins == 0 && self.clean_rounds > 0
    }
}

/// Races 16 writers for one key, `rounds` times, and reports who was told to have won.
///
/// Some servers honour create-if-absent only while nobody races; the probe at open cannot see that, this can. Costs
/// about 18 requests a round and leaves nothing behind. Run it once against a new kind of server.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), lineal_core::Error> {
/// let store = lineal_core::Store::open("memory:///")?;
/// assert!(lineal_core::verify_backend(&store, 5).await?.is_safe());
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::UnsafeStore`] if any round had two winners or lost the winner's content.
pub async fn verify_backend(store: &Store, rounds: u32) -> Result<BackendReport, Error> {
    let mut report =
        BackendReport { rounds, writers: WRITERS, clean_rounds: 0, double_wins: 0, lost_wins: 0, inconclusive: 0 };
    for _ in 0..rounds {
        race(store, &mut report).await?;
    }
    if report.double_wins + report.lost_wins > 0 {
        let found = "of 16 racing creates of one key more than one was told that it had won";
        return Err(Error::UnsafeStore { store: store.name().to_owned(), found });
    }
    Ok(report)
}

async fn race(store: &Store, report: &mut BackendReport) -> Result<(), Error> {
    let key = store.key(&format!("probe/{}", StoreId::generate(store.host().ids.as_ref())))?;
    let contents: Vec<Bytes> = (0..WRITERS).map(|writer| Bytes::from(format!("writer {writer}"))).collect();
    let answers = join_all(contents.iter().map(|content| {
        let key = key.clone();
        async move { within(store, store.create_once(&key, content.clone())).await }
    }))
    .await;
    let stored = store.read(&key, 1024).await?;
    store.delete(&key).await.ok();
    let winners: Vec<&Bytes> =
        answers.iter().zip(&contents).filter(|(answer, _)| matches!(answer, Some(Ok(())))).map(|(_, c)| c).collect();
    let refused = |answer: &Option<Result<(), StorageError>>| {
        matches!(answer, Some(Err(StorageError::AlreadyExists { .. } | StorageError::Precondition { .. })))
    };
    let unclear = answers.iter().filter(|answer| !matches!(answer, Some(Ok(()))) && !refused(answer)).count();
    match (winners.as_slice(), stored) {
        ([_, _, ..], _) => report.double_wins += 1,
        ([winner], Some(stored)) if **winner == stored => report.clean_rounds += 1,
        ([_], _) => report.lost_wins += 1,
        // A client's own hidden retry may turn the winner's reply into a refusal: no verdict, and no harm.
        ([], _) if unclear > 0 || answers.iter().all(refused) => report.inconclusive += 1,
        ([], _) => report.lost_wins += 1,
    }
    Ok(())
}

/// Gives up on an answer that takes longer than any sane server needs.
async fn within<T>(store: &Store, request: impl Future<Output = T>) -> Option<T> {
    let deadline = store.host().timer.sleep(Duration::from_secs(60));
    match futures::future::select(Box::pin(request), deadline).await {
        futures::future::Either::Left((answer, _)) => Some(answer),
        futures::future::Either::Right(_) => None,
    }
}

const WRITERS: u32 = 16;
