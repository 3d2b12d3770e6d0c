use std::{collections::BTreeSet, time::Duration};

use lineal_core::{Actor, Batch, Digest, FilePath, PutHints, Receipt, TransactError, Txn};

use crate::{
    BranchName, COMMIT_MEDIA_TYPE, Change, Commit, CommitId, DataEvent, Error, FileKind, Repository, RepositoryState,
    commit::Description,
    hook, publish,
    repository::unknown,
    tree::{Changes, Tree},
};

/// A commit that is ready to be put on a branch.
pub(crate) struct Landing<'a> {
    pub(crate) branch: &'a BranchName,
    /// Where the branch was when it was looked at: the first parent.
    pub(crate) tip: Option<CommitId>,
    /// Further parents.
    pub(crate) others: Vec<CommitId>,
    /// The tree there.
    pub(crate) below: &'a Tree,
    /// What the commit does to it.
    pub(crate) changes: &'a Changes,
    pub(crate) description: &'a Description,
    pub(crate) receipts: &'a [Receipt],
    pub(crate) key: Option<&'a str>,
}

/// What became of an attempt to put a commit on its branch.
pub(crate) enum Landed {
    Done(Box<Commit>),
    /// The branch is elsewhere by now. What was stored is covered by the receipt.
    Overtaken(Receipt),
}

/// Puts a commit on its branch, with its nodes in `batch`, which may have its files already: a small commit is then one pack.
pub(crate) async fn land(
    repository: &Repository,
    landing: &Landing<'_>,
    batch: Box<dyn Batch>,
    actor: &Actor,
) -> Result<Landed, Error> {
    let blobs = repository.blobs.as_ref();
    let (branch, tip) = (landing.branch, landing.tip);
    let (paths, changes) = effects(landing, !repository.hooks.is_empty()).await?;
    if paths.is_empty() && landing.others.is_empty() {
        return Err(Error::Unchanged { branch: branch.clone() });
    }
    let mut parents = Vec::new();
    for id in tip.iter().chain(&landing.others) {
        parents.push(Commit::load(blobs, *id).await?);
    }
    hook::ask(repository, branch, parents.first(), landing.description, actor, &changes).await?;
    drop(changes);

    let substitutes = repository.journal.peek(|state| state.substitutes().clone());
    landing.below.substitute(&substitutes);
    let tree = apply(landing, batch.as_ref()).await?;
    let now = repository.journal.store().host().clock.now();
    // Later than its parents, whatever the clock says: so the order of time is an order of descent.
    let after = |parent: &Commit| parent.time().saturating_add(Duration::from_nanos(1));
    let time = parents.iter().map(after).fold(now, Ord::max);
    let ids = parents.iter().map(Commit::id).collect();
    let (commit, bytes) = Commit::new(actor.clone(), landing.description.clone(), ids, time, tree)?;
    batch.put(bytes, PutHints::default().with_media_type(COMMIT_MEDIA_TYPE)).await?;
    let receipt = batch.commit().await?;

    let receipts = landing.receipts.iter().cloned().chain([receipt.clone()]);
    let mut txn = receipts.fold(Txn::by(actor.clone()), Txn::with_receipt);
    if let Some(key) = landing.key {
        txn = txn.with_key(key);
    }
    let id = commit.id();
    let decide = |state: &RepositoryState| {
        if state.branches().get(branch).copied() != tip || !may_begin(state, tip) {
            return Err(None);
        }
        if *state.substitutes() != substitutes {
            return Err(None);
        }
        state.check_writer(branch, actor).map_err(Some)?;
        state.check_not_purged(landing.changes).map_err(Some)?;
        paths.iter().try_for_each(|path| state.check_unlocked(path, actor)).map_err(Some)?;
        Ok(vec![DataEvent::Committed { branch: branch.clone(), commit: id }])
    };
    match repository.journal.transact(&txn, decide).await {
        Ok(done) if done.replayed => Ok(match publish::find_in_entry(repository, done.seq, done.txn).await? {
            Some(earlier) => Landed::Done(Box::new(earlier)),
            None => Landed::Overtaken(receipt),
        }),
        Ok(_) => Ok(Landed::Done(Box::new(commit))),
        Err(TransactError::Refused(None)) => Ok(Landed::Overtaken(receipt)),
        Err(TransactError::Refused(Some(error))) => Err(error),
        Err(TransactError::Journal(error)) => Err(error.into()),
        Err(error) => Err(unknown(&error)),
    }
}

/// Makes the tree after the changes. An empty directory is not stated any more when something is put into it.
async fn apply(landing: &Landing<'_>, batch: &dyn Batch) -> Result<Digest, Error> {
    let applied = landing.below.apply(landing.changes, batch).await;
    let Err(Error::Clash { .. }) = &applied else { return applied };
    let (mut changes, mut stated) = (landing.changes.clone(), false);
    let put = landing.changes.iter().filter(|(_, entry)| entry.is_some()).map(|(path, _)| path.as_str());
    let above = |path: &'_ str| path.match_indices('/').map(|(at, _)| at).collect::<Vec<_>>();
    let above: BTreeSet<&str> = put.flat_map(|path| above(path).into_iter().filter_map(|at| path.get(..at))).collect();
    for directory in above {
        let directory = FilePath::new(directory)?;
        let entry = match landing.changes.get(&directory) {
            Some(entry) => entry.clone(),
            None => landing.below.get(&directory).await?,
        };
        if entry.is_some_and(|entry| entry.kind == FileKind::Directory) {
            changes.insert(directory, None);
            stated = true;
        }
    }
    if stated { landing.below.apply(&changes, batch).await } else { applied }
}

/// A commit without a parent may only be the first of the repository.
fn may_begin(state: &RepositoryState, tip: Option<CommitId>) -> bool {
    tip.is_some() || state.kept().next().is_none()
}

/// Returns the paths at which the tree becomes another, leaving out what is so already, and for hooks what becomes of them:
/// without any, that need not be in memory for all files at once.
async fn effects<'a>(landing: &Landing<'a>, for_hooks: bool) -> Result<(Vec<&'a FilePath>, Vec<Change>), Error> {
    let (mut paths, mut effects) = (Vec::new(), Vec::new());
    for (path, new) in landing.changes {
        let old = landing.below.get(path).await?;
        if old.as_ref() != new.as_ref() {
            paths.push(path);
            effects.extend(Change::between(old.as_ref(), new.as_ref()).filter(|_| for_hooks));
        }
    }
    Ok((paths, effects))
}
