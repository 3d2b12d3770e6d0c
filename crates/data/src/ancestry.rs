use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use lineal_core::BlobStore;

use crate::{Commit, CommitId, Error, history::Waiting};

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

/// Finds the commits from `tip` back that are neither among `known` nor in their history; newest first. Also tells whether
/// the walk came by `wanted`.
///
/// A commit is newer than its parents, so all ways to it were gone before it is looked at.
pub(crate) async fn missing(
    blobs: &dyn BlobStore,
    tip: CommitId,
    known: &BTreeSet<CommitId>,
    wanted: Option<CommitId>,
) -> Result<(Vec<Commit>, bool), Error> {
    let (mut missing, mut met) = (Vec::new(), false);
    let mut below_known = known.clone();
    let mut queued = BTreeSet::from([tip]);
    let mut unknown = usize::from(!below_known.contains(&tip));
    let mut waiting = BinaryHeap::from([Waiting(Commit::load(blobs, tip).await?)]);
    while let Some(Waiting(commit)) = waiting.pop() {
        met |= wanted == Some(commit.id());
        let is_known = below_known.contains(&commit.id());
        for parent in commit.parents() {
            let new = queued.insert(*parent);
            let was_known = below_known.contains(parent);
            if is_known && below_known.insert(*parent) && !new {
                unknown = unknown.saturating_sub(1);
            }
            if new {
                unknown += usize::from(!is_known && !was_known);
                waiting.push(Waiting(Commit::load(blobs, *parent).await?));
            }
        }
        if !is_known {
            unknown = unknown.saturating_sub(1);
            missing.push(commit);
        }
        if unknown == 0 {
            met |= waiting.iter().any(|Waiting(commit)| wanted == Some(commit.id()));
            break;
        }
    }
    Ok((missing, met))
}
