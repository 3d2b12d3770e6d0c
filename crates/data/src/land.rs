use std::time::Duration;

use lineal_core::{Actor, PutHints, Receipt, TransactError, Txn};

use crate::{
    BranchName, COMMIT_MEDIA_TYPE, Change, Commit, CommitId, DataEvent, Error, Repository, RepositoryState,
    commit::Description,
    hook, publish,
    repository::unknown,
    tree::{Changes, Tree},
};

/// A commit that is ready to be put on a branch: the bytes of all its files are durable.
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

/// Puts a commit on its branch; `None` if the branch is elsewhere by now.
pub(crate) async fn land(
    repository: &Repository,
    landing: &Landing<'_>,
    actor: &Actor,
) -> Result<Option<Commit>, Error> {
    let blobs = repository.blobs.as_ref();
    let (branch, tip) = (landing.branch, landing.tip);
    let changes = effects(landing.below, landing.changes).await?;
    if changes.is_empty() && landing.others.is_empty() {
        return Err(Error::Unchanged { branch: branch.clone() });
    }
    let mut parents = Vec::new();
    for id in tip.iter().chain(&landing.others) {
        parents.push(Commit::load(blobs, *id).await?);
    }
    hook::ask(repository, branch, parents.first(), landing.description, actor, &changes).await?;

    let batch = blobs.begin().await?;
    let tree = landing.below.apply(landing.changes, batch.as_ref()).await?;
    let now = repository.journal.store().host().clock.now();
    // Later than its parents, whatever the clock says: so the order of time is an order of descent.
    let after = |parent: &Commit| parent.time().saturating_add(Duration::from_nanos(1));
    let time = parents.iter().map(after).fold(now, Ord::max);
    let ids = parents.iter().map(Commit::id).collect();
    let (commit, bytes) = Commit::new(actor.clone(), landing.description.clone(), ids, time, tree)?;
    batch.put(bytes, PutHints::default().with_media_type(COMMIT_MEDIA_TYPE)).await?;
    let receipt = batch.commit().await?;

    let receipts = landing.receipts.iter().cloned().chain([receipt]);
    let mut txn = receipts.fold(Txn::by(actor.clone()), Txn::with_receipt);
    if let Some(key) = landing.key {
        txn = txn.with_key(key);
    }
    let id = commit.id();
    let decide = |state: &RepositoryState| {
        if state.branches().get(branch).copied() != tip || !may_begin(state, tip) {
            return Err(None);
        }
        state.check_writer(branch, actor).map_err(Some)?;
        changes.iter().try_for_each(|change| state.check_unlocked(change.path(), actor)).map_err(Some)?;
        Ok(vec![DataEvent::Committed { branch: branch.clone(), commit: id }])
    };
    match repository.journal.transact(&txn, decide).await {
        Ok(done) if done.replayed => publish::find_in_entry(repository, done.seq, done.txn).await,
        Ok(_) => Ok(Some(commit)),
        Err(TransactError::Refused(None)) => Ok(None),
        Err(TransactError::Refused(Some(error))) => Err(error),
        Err(TransactError::Journal(error)) => Err(error.into()),
        Err(error) => Err(unknown(&error)),
    }
}

/// A commit without a parent may only be the first of the repository.
fn may_begin(state: &RepositoryState, tip: Option<CommitId>) -> bool {
    tip.is_some() || state.kept().next().is_none()
}

/// Returns what the changes do to a tree, leaving out what is so already.
async fn effects(below: &Tree, changes: &Changes) -> Result<Vec<Change>, Error> {
    let mut effects = Vec::new();
    for (path, new) in changes {
        let old = below.get(path).await?;
        effects.extend(Change::between(old.as_ref(), new.as_ref()));
    }
    Ok(effects)
}
