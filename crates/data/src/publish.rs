use std::{collections::BTreeSet, sync::Arc};

use futures::TryStreamExt;
use lineal_core::{Actor, Batch, BlobStore, BlobStoreExt, FilePath, ProgressEvent, Receipt, TransactError, Txn, TxnId};

use crate::{
    BranchName, Commit, CommitBuilder, CommitId, DataEvent, Error, Repository, View,
    commit::Description,
    content,
    draft::Edit,
    history, import,
    land::{self, Landed, Landing},
    local::Directory,
    repository::{check_not_a_digest, unknown},
    stage::{Stage, TASK},
    tree::{Changes, Tree},
};

/// What is ready to be published.
struct Staged {
    branch: BranchName,
    base: Tree,
    changes: Changes,
    receipts: Vec<Receipt>,
    description: Description,
    key: Option<String>,
}

pub(crate) async fn commit(draft: CommitBuilder<'_>, actor: &Actor) -> Result<Commit, Error> {
    let branch = BranchName::new(draft.branch.as_str())?;
    check_not_a_digest("branch", branch.as_str())?;
    let repository = draft.repository;
    if let Some(key) = &draft.key
        && let Some(done) = find_keyed(repository, actor, key).await?
    {
        return Ok(done);
    }
    let (mut staged, mut batch) = stage(draft, branch).await?;
    loop {
        match attempt(repository, &staged, batch, actor).await? {
            Landed::Done(commit) => return Ok(*commit),
            Landed::Overtaken(receipt) => staged.receipts.push(receipt),
        }
        batch = repository.blobs.begin().await?;
    }
}

/// Puts the files of a draft into a batch, in which its nodes have room, too.
async fn stage(draft: CommitBuilder<'_>, branch: BranchName) -> Result<(Staged, Box<dyn Batch>), Error> {
    let repository = draft.repository;
    let blobs = repository.blobs.as_ref();
    let base_id = match draft.base {
        Some(base) => Some(base),
        None => tip(&repository.now().await?, &branch)?,
    };
    let base = load_tree(repository, base_id).await?;
    let edits = content::in_order(draft.edits)?;
    check_stored(blobs, &draft.description).await?;
    let mut batch = blobs.begin().await?;
    let progress = draft.progress;
    progress.report(ProgressEvent::Started { task: TASK, total: None, unit: "bytes" });
    let stage = Stage { blobs, batch: batch.as_ref(), sources: &repository.sources, progress };
    let changes = changes(&stage, &base, base_id, draft.import.as_ref(), edits).await;
    progress.report(ProgressEvent::Finished { task: TASK });
    let mut changes = changes?;
    // What is as it was is no change, and nobody else's change of it is a conflict.
    for path in changes.keys().cloned().collect::<Vec<_>>() {
        if base.get(&path).await?.as_ref() == changes.get(&path).and_then(Option::as_ref) {
            changes.remove(&path);
        }
    }
    let CommitBuilder { mut receipts, description, key, .. } = draft;
    batch = close_for_hooks(repository, batch, &mut receipts).await?;
    Ok((Staged { branch, base, changes, receipts, description, key }, batch))
}

/// Returns what becomes of the files of a version: what a directory makes of them, and edits on top of that.
async fn changes(
    stage: &Stage<'_>,
    base: &Tree,
    base_id: Option<CommitId>,
    import: Option<&Directory>,
    edits: Vec<(FilePath, Edit)>,
) -> Result<Changes, Error> {
    let mut changes = match import {
        Some(directory) => import::import(stage, directory, base).await?,
        None => Changes::new(),
    };
    let contents = content::plan(base, base_id, &changes, edits).await?;
    changes.extend(stage.store(contents).await?);
    Ok(changes)
}

/// Closes a batch if hooks will be asked, and begins another: they are shown schemas and statistics of new tables, which are
/// read from the store.
pub(crate) async fn close_for_hooks(
    repository: &Repository,
    batch: Box<dyn Batch>,
    receipts: &mut Vec<Receipt>,
) -> Result<Box<dyn Batch>, Error> {
    if repository.hooks.is_empty() {
        return Ok(batch);
    }
    receipts.push(batch.commit().await?);
    Ok(repository.blobs.begin().await?)
}

/// Checks that the blob which the description names is there: a commit names nothing that was not durable before.
async fn check_stored(blobs: &dyn BlobStore, description: &Description) -> Result<(), Error> {
    let Some(digest) = description.derived_from.code.as_ref().and_then(|code| code.diff) else { return Ok(()) };
    match blobs.contains(&digest).await? {
        true => Ok(()),
        false => Err(lineal_core::Error::BlobMissing { digest }.into()),
    }
}

/// Makes the commit on top of the branch as it is now, unless somebody else is faster.
async fn attempt(
    repository: &Repository,
    staged: &Staged,
    batch: Box<dyn Batch>,
    actor: &Actor,
) -> Result<Landed, Error> {
    let tip = tip(&repository.now().await?, &staged.branch)?;
    let below = load_tree(repository, tip).await?;
    check_overlap(staged, &below, tip).await?;
    let landing = Landing {
        branch: &staged.branch,
        tip,
        others: Vec::new(),
        below: &below,
        changes: &staged.changes,
        description: &staged.description,
        receipts: &staged.receipts,
        key: staged.key.as_deref(),
    };
    land::land(repository, &landing, batch, actor).await
}

/// Refuses if a path to be changed was changed on the branch since the base, and not to the same thing.
async fn check_overlap(staged: &Staged, below: &Tree, tip: Option<CommitId>) -> Result<(), Error> {
    let mut theirs = staged.base.diff(below);
    let (mut count, mut first) = (0, None);
    while let Some(change) = theirs.try_next().await? {
        let ours = staged.changes.get(change.path());
        if ours.is_some_and(|entry| entry.as_ref() != change.new_entry()) {
            count += 1;
            first.get_or_insert_with(|| change.path().clone());
        }
    }
    match (first, tip) {
        (Some(first), Some(tip)) => {
            Err(Error::Conflict { branch: staged.branch.clone(), count, first: Box::new(first), tip })
        }
        _ => Ok(()),
    }
}

/// Returns where the branch is; only the first commit of a repository may be made on one that is not there.
pub(crate) fn tip(view: &View, branch: &BranchName) -> Result<Option<CommitId>, Error> {
    match view.tip(branch) {
        None if !view.is_new() => Err(Error::NoSuchBranch { branch: branch.clone() }),
        tip => Ok(tip),
    }
}

pub(crate) async fn load_tree(repository: &Repository, commit: Option<CommitId>) -> Result<Tree, Error> {
    match commit {
        Some(commit) => {
            let commit = Commit::load(repository.blobs.as_ref(), commit).await?;
            Ok(repository.trees.at(Some(commit.tree())))
        }
        None => Ok(repository.trees.clone()),
    }
}

/// Finds the commit that an earlier transaction with this key made.
async fn find_keyed(repository: &Repository, actor: &Actor, key: &str) -> Result<Option<Commit>, Error> {
    let nothing = |_: &_| Ok::<_, std::convert::Infallible>(Vec::new());
    let txn = Txn::by(actor.clone()).with_key(key);
    match repository.journal.transact(&txn, nothing).await {
        Ok(done) if done.replayed => find_in_entry(repository, done.seq, done.txn).await,
        Ok(_) => Ok(None),
        Err(TransactError::Journal(error)) => Err(error.into()),
        Err(error) => Err(unknown(&error)),
    }
}

/// Reads the commit of transaction `txn` from entry `seq`.
pub(crate) async fn find_in_entry(
    repository: &Repository,
    seq: Option<u64>,
    txn: TxnId,
) -> Result<Option<Commit>, Error> {
    let Some(seq) = seq else { return Ok(None) };
    let entry = repository.journal.entries(seq, seq).try_next().await?;
    let payload = entry.and_then(|entry| entry.payload);
    let record = payload.and_then(|payload| payload.txns.into_iter().find(|record| record.id == txn));
    let events = record.map(|record| record.events).unwrap_or_default();
    let committed = events.into_iter().find_map(|event| match serde_json::from_value(event) {
        Ok(DataEvent::Committed { commit, .. }) => Some(commit),
        _ => None,
    });
    match committed {
        Some(commit) => Ok(Some(Commit::load(repository.blobs.as_ref(), commit).await?)),
        None => Err(Error::invalid("key of", &txn.to_string(), "was used for something that is not a commit")),
    }
}

/// Tells whether `commit` is one of `tips`, or lies in their history.
pub(crate) async fn reaches(
    repository: &Repository,
    tips: &BTreeSet<CommitId>,
    commit: CommitId,
) -> Result<bool, Error> {
    for tip in tips {
        let start = Commit::load(repository.blobs.as_ref(), *tip).await?;
        let mut log = history::log(Arc::clone(&repository.blobs), start);
        while let Some(found) = log.try_next().await? {
            if found.id() == commit {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
