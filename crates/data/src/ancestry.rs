use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use lineal_core::BlobStore;

use crate::{
    Commit, CommitId, Error,
    history::{Waiting, load_all},
};

/// Finds the newest commit from which both descend; none if they have no history in common.
///
/// A commit is newer than its parents, so the first one that is met from both sides, going back in time, has no descendant
/// that both share. Of several such commits, after branches were merged crosswise, it is the newest. Reads the history
/// back to there.
pub(crate) async fn merge_base(blobs: &dyn BlobStore, one: CommitId, two: CommitId) -> Result<Option<CommitId>, Error> {
    let mut sides: BTreeMap<CommitId, u8> = BTreeMap::new();
    let mut waiting = BinaryHeap::new();
    let mut queued = BTreeSet::new();
    for (id, side) in [(one, ONE), (two, TWO)] {
        *sides.entry(id).or_default() |= side;
        if queued.insert(id) {
            waiting.push(Waiting(Commit::load(blobs, id).await?));
        }
    }
    while let Some(Waiting(commit)) = waiting.pop() {
        let from = sides.get(&commit.id()).copied().unwrap_or_default();
        if from == ONE | TWO {
            return Ok(Some(commit.id()));
        }
        for parent in commit.parents() {
            *sides.entry(*parent).or_default() |= from;
            if queued.insert(*parent) {
                waiting.push(Waiting(Commit::load(blobs, *parent).await?));
            }
        }
    }
    Ok(None)
}

const ONE: u8 = 1;
const TWO: u8 = 2;

/// What one repository has of some history, and another has not.
#[derive(Debug, Default)]
pub(crate) struct Missing {
    /// The commits, newest first.
    pub(crate) commits: Vec<Commit>,
    /// Whether the walk came by the commit that was looked for.
    pub(crate) met: bool,
}

/// Finds the commits from `tips` back, in the store `from`, that are neither among those `known` in the store `to` nor in their
/// history. Also tells whether the walk came by `wanted`.
///
/// A step forward reads little more than the commits that are missing. Others take all of the `known` commits, and go back until
/// both sides meet.
pub(crate) async fn missing(
    (from, to): (&dyn BlobStore, &dyn BlobStore),
    tips: &BTreeSet<CommitId>,
    known: &BTreeSet<CommitId>,
    wanted: Option<CommitId>,
) -> Result<Missing, Error> {
    if let Some(near) = walk((from, to), tips, known, Vec::new(), SHORT, wanted).await?
        && (known.is_empty() || near.commits.iter().all(|commit| !commit.parents().is_empty()))
    {
        return Ok(near);
    }
    let starts = load_all(to, known.iter().copied().collect()).await?;
    Ok(walk((from, to), tips, known, starts, usize::MAX, wanted).await?.unwrap_or_default())
}

/// Walks back from both sides; nothing if more commits than `most` are missing.
///
/// A commit is newer than its parents, so all ways to it were gone before it is looked at.
async fn walk(
    (from, to): (&dyn BlobStore, &dyn BlobStore),
    tips: &BTreeSet<CommitId>,
    known: &BTreeSet<CommitId>,
    starts: Vec<Commit>,
    most: usize,
    wanted: Option<CommitId>,
) -> Result<Option<Missing>, Error> {
    let (mut ours, mut theirs) = (tips.clone(), known.clone());
    let mut queued: BTreeSet<CommitId> = starts.iter().map(Commit::id).collect();
    let mut waiting: BinaryHeap<Waiting> = starts.into_iter().map(Waiting).collect();
    for tip in tips {
        if queued.insert(*tip) {
            waiting.push(Waiting(Commit::load(from, *tip).await?));
        }
    }
    // How many waiting commits are missing, as far as is known.
    let mut open = tips.difference(known).count();
    let mut missing = Missing::default();
    while open > 0 {
        let Some(Waiting(commit)) = waiting.pop() else { break };
        let (is_ours, is_theirs) = (ours.contains(&commit.id()), theirs.contains(&commit.id()));
        for parent in commit.parents() {
            let counted = queued.contains(parent) && ours.contains(parent) && !theirs.contains(parent);
            if is_ours {
                ours.insert(*parent);
            }
            if is_theirs {
                theirs.insert(*parent);
            }
            let counts = ours.contains(parent) && !theirs.contains(parent);
            open = (open + usize::from(counts)).saturating_sub(usize::from(counted));
            if queued.insert(*parent) {
                waiting.push(Waiting(Commit::load(if is_ours { from } else { to }, *parent).await?));
            }
        }
        if is_ours && !is_theirs {
            open = open.saturating_sub(1);
            missing.commits.push(commit);
            if missing.commits.len() > most {
                return Ok(None);
            }
        }
    }
    missing.met = wanted.is_some_and(|wanted| ours.contains(&wanted));
    Ok(Some(missing))
}

/// Commits that are walked over before it is looked at what else is known.
const SHORT: usize = 64;
