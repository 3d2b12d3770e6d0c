use std::{
    collections::{BTreeSet, BinaryHeap},
    sync::Arc,
};

use futures::{StreamExt, future::try_join_all, stream, stream::BoxStream};
use lineal_core::{BlobStore, Timestamp};

use crate::{Commit, CommitId, Error};

/// Streams `start` and everything before it, newest first.
pub(crate) fn log(blobs: Arc<dyn BlobStore>, start: Commit) -> BoxStream<'static, Result<Commit, Error>> {
    walk(blobs, vec![start])
}

/// Loads commits, some at once.
pub(crate) async fn load_all(blobs: &dyn BlobStore, ids: Vec<CommitId>) -> Result<Vec<Commit>, Error> {
    let mut commits = Vec::with_capacity(ids.len());
    for some in ids.chunks(AT_ONCE) {
        commits.extend(try_join_all(some.iter().map(|id| Commit::load(blobs, *id))).await?);
    }
    Ok(commits)
}

/// Streams different commits and everything before them, newest first, each once.
///
/// A commit is never older than its parents, so a child always comes before them; ties are broken by id.
pub(crate) fn walk(blobs: Arc<dyn BlobStore>, starts: Vec<Commit>) -> BoxStream<'static, Result<Commit, Error>> {
    let seen = starts.iter().map(Commit::id).collect();
    let walk = Walk { blobs, waiting: starts.into_iter().map(Waiting).collect(), seen };
    stream::try_unfold(walk, |mut walk| async move {
        let Some(Waiting(commit)) = walk.waiting.pop() else {
            return Ok(None);
        };
        for parent in commit.parents() {
            if walk.seen.insert(*parent) {
                let parent = Commit::load(walk.blobs.as_ref(), *parent).await?;
                walk.waiting.push(Waiting(parent));
            }
        }
        Ok(Some((commit, walk)))
    })
    .boxed()
}

struct Walk {
    blobs: Arc<dyn BlobStore>,
    waiting: BinaryHeap<Waiting>,
    seen: BTreeSet<CommitId>,
}

/// A commit in the order of time, then of id.
pub(crate) struct Waiting(pub(crate) Commit);

impl Waiting {
    fn key(&self) -> (Timestamp, CommitId) {
        (self.0.time(), self.0.id())
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

/// Commits loaded at once.
const AT_ONCE: usize = 32;
