use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    mem,
};

use futures::{StreamExt, TryStreamExt};
use lineal_core::{Actor, Batch, BlobStoreExt, Digest, FilePath, Progress, ProgressEvent, Receipt, TransactError, Txn};

use crate::{
    BranchName, COMMIT_MEDIA_TYPE, Change, Commit, CommitId, DataEvent, Error, Repository, RepositoryState,
    TREE_MEDIA_TYPE, ancestry, hook, publish,
    repository::unknown,
    sending::{self, Outgoing},
    tree::{self, Tree},
};

/// What a push or pull did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transferred {
    /// Where the branch is now.
    pub tip: CommitId,
    /// Commits that were not there.
    pub commits: u64,
    /// Blobs that were sent: commits, nodes of trees, files.
    pub blobs: u64,
    /// Blobs that were needed and lay there already.
    pub kept: u64,
}

impl Repository {
    /// Brings a branch of `remote` up to the one here; only what is missing over there is sent.
    ///
    /// The branch over there begins, or moves forward. What was sent before an interruption is not sent again. Hooks,
    /// protections and locks of `remote` are asked. Reads of the trees what differs between versions; memory is bounded by
    /// the paths that differ.
    ///
    /// # Errors
    /// [`Error::Diverged`] if the branch over there has commits that are not here: pull, merge, push again.
    /// [`Error::NoSuchBranch`], [`Error::Refused`], [`Error::Protected`], [`Error::Locked`]; [`Error::Store`].
    pub async fn push(
        &self,
        remote: &Self,
        branch: &str,
        progress: &dyn Progress,
        actor: &Actor,
    ) -> Result<Transferred, Error> {
        let branch = BranchName::new(branch)?;
        progress.report(ProgressEvent::Started { task: TASK, total: None, unit: "blobs" });
        let sent = Push::new(self, remote, &branch, progress, actor).run().await;
        progress.report(ProgressEvent::Finished { task: TASK });
        sent
    }

    /// Brings a branch here up to the one of `remote`, as [`Repository::push`] does the other way round.
    ///
    /// # Errors
    /// As there; [`Error::Diverged`] if the branch here has commits that are not over there: pull it under another name, by
    /// creating a branch over there, and merge.
    pub async fn pull(
        &self,
        remote: &Self,
        branch: &str,
        progress: &dyn Progress,
        actor: &Actor,
    ) -> Result<Transferred, Error> {
        remote.push(self, branch, progress, actor).await
    }

    /// Brings all branches and tags of `remote` here, into a new repository or one that is behind.
    ///
    /// # Errors
    /// As [`Repository::pull`]; [`Error::Taken`] if a tag names another commit here.
    pub async fn pull_all(&self, remote: &Self, progress: &dyn Progress, actor: &Actor) -> Result<(), Error> {
        let there = remote.now().await?;
        for branch in there.branches().keys() {
            self.pull(remote, branch.as_str(), progress, actor).await?;
        }
        let known: BTreeSet<CommitId> = self.now().await?.branches().values().copied().collect();
        for (tag, commit) in there.tags() {
            let reached = publish::reaches(self, &known, *commit).await?;
            if reached {
                self.tag(tag.as_str(), &commit.to_string(), actor).await?;
            }
        }
        Ok(())
    }
}

/// One push under way.
struct Push<'a> {
    from: &'a Repository,
    to: &'a Repository,
    branch: &'a BranchName,
    progress: &'a dyn Progress,
    actor: &'a Actor,
    receipts: Vec<Receipt>,
    batch: Option<Box<dyn Batch>>,
    /// Blobs in the batch.
    open: usize,
    /// Blobs that are over there by now.
    done: HashSet<Digest>,
    /// What is read in place of nodes that were purged here, and not over there.
    substitutes: BTreeMap<Digest, Digest>,
    blobs: u64,
    kept: u64,
}

impl<'a> Push<'a> {
    fn new(
        from: &'a Repository,
        to: &'a Repository,
        branch: &'a BranchName,
        progress: &'a dyn Progress,
        actor: &'a Actor,
    ) -> Self {
        let (receipts, done) = (Vec::new(), HashSet::new());
        let substitutes = BTreeMap::new();
        Self { from, to, branch, progress, actor, receipts, batch: None, open: 0, done, substitutes, blobs: 0, kept: 0 }
    }

    async fn run(mut self) -> Result<Transferred, Error> {
        let source = self.from.now().await?;
        let tip = source.tip(self.branch).ok_or_else(|| Error::NoSuchBranch { branch: self.branch.clone() })?;
        let mut commits = 0;
        loop {
            let there = self.to.now().await?;
            let old = there.tip(self.branch);
            if old == Some(tip) {
                return Ok(Transferred { tip, commits, blobs: self.blobs, kept: self.kept });
            }
            let known: BTreeSet<CommitId> = self.to.journal.read(|state| state.kept().collect()).await?;
            let missing = self.missing(tip, &known, old).await?;
            commits = missing.len() as u64;
            for commit in &missing {
                self.send(commit).await?;
            }
            self.close().await?;
            self.to.trees.substitute(&self.substitutes);
            self.check(old, tip).await?;
            if self.record(old, tip).await? {
                return Ok(Transferred { tip, commits, blobs: self.blobs, kept: self.kept });
            }
        }
    }

    /// Returns the commits that are not in the history over there, parents first.
    async fn missing(
        &self,
        tip: CommitId,
        known: &BTreeSet<CommitId>,
        old: Option<CommitId>,
    ) -> Result<Vec<Commit>, Error> {
        let (mut missing, met) = ancestry::missing(self.from.blobs.as_ref(), tip, known, old).await?;
        let met = met || old.is_none();
        // The branch over there may lie behind another commit that is known there.
        if !met && !publish::reaches(self.from, &BTreeSet::from([tip]), old.unwrap_or(tip)).await? {
            return Err(Error::Diverged { branch: self.branch.clone() });
        }
        missing.reverse();
        Ok(missing)
    }

    /// Sends a commit whose parents are over there.
    async fn send(&mut self, commit: &Commit) -> Result<(), Error> {
        let before = publish::load_tree(self.from, commit.parents().first().copied()).await?;
        let after = self.from.trees.at(Some(commit.tree()));
        let nodes = tree::unshared(&before, &after).await?.nodes;
        self.send_files(&before, &after).await?;
        // The tree without files is a node, too.
        let nodes = if nodes.is_empty() { vec![commit.tree()] } else { nodes };
        let nodes = self.send_substitutes(nodes).await?;
        self.send_blobs(nodes.into_iter().map(|node| Outgoing::new(node, TREE_MEDIA_TYPE))).await?;
        let diff = commit.derived_from().code.as_ref().and_then(|code| code.diff);
        self.send_blobs(diff.into_iter().map(|diff| Outgoing::new(diff, ANY_BYTES))).await?;
        self.send_blobs([Outgoing::new(commit.id().digest(), COMMIT_MEDIA_TYPE)]).await
    }

    async fn send_files(&mut self, before: &Tree, after: &Tree) -> Result<(), Error> {
        let mut groups = before.diff(after).ready_chunks(GROUP);
        while let Some(changes) = groups.next().await {
            let changes = changes.into_iter().collect::<Result<Vec<Change>, Error>>()?;
            let new = changes.iter().filter_map(Change::new_entry);
            self.send_blobs(new.flat_map(Outgoing::of_file)).await?;
        }
        Ok(())
    }

    /// Sends what is read in place of nodes, with all that it names; returns the nodes that are read themselves.
    async fn send_substitutes(&mut self, nodes: Vec<Digest>) -> Result<Vec<Digest>, Error> {
        let known: BTreeMap<Digest, Digest> = self.from.journal.read(|state| state.substitutes().clone()).await?;
        let (purged, mut whole): (Vec<_>, Vec<_>) = nodes.into_iter().partition(|node| known.contains_key(node));
        for (node, by) in purged.iter().filter_map(|node| known.get_key_value(node)) {
            // What was pushed before the purge is over there, and stays readable until it is purged there.
            if self.to.blobs.contains(node).await? {
                whole.push(*node);
                continue;
            }
            let tree = self.from.trees.at(Some(*by));
            let mut files: Vec<Outgoing> = Vec::new();
            let leaves = tree.unseen_leaves(None, &mut HashSet::new()).await?;
            tree.visit_leaves(&leaves, |_, leaf| files.extend(leaf.files().iter().flat_map(Outgoing::of_file))).await?;
            self.send_blobs(files).await?;
            self.send_blobs([Outgoing::new(*by, TREE_MEDIA_TYPE)]).await?;
            self.substitutes.insert(*node, *by);
        }
        Ok(whole)
    }

    /// Sends those of some blobs that do not lie over there.
    async fn send_blobs(&mut self, blobs: impl IntoIterator<Item = Outgoing>) -> Result<(), Error> {
        let wanted: Vec<Outgoing> = blobs.into_iter().filter(|blob| self.done.insert(blob.digest)).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let batch = match &self.batch {
            Some(batch) => batch,
            None => self.batch.insert(self.to.blobs.begin().await?),
        };
        let count = wanted.len();
        let kept = batch.keep(&wanted.iter().map(|blob| blob.digest).collect::<Vec<_>>()).await?;
        let missing = wanted.into_iter().zip(kept).filter(|(_, kept)| !kept).map(|(blob, _)| blob);
        let missing: Vec<Outgoing> = missing.collect();
        sending::send(self.from.blobs.as_ref(), batch.as_ref(), &missing).await?;
        self.blobs += missing.len() as u64;
        self.kept += (count - missing.len()) as u64;
        self.open += count;
        self.progress.report(ProgressEvent::Advanced { task: TASK, by: count as u64 });
        if self.open >= BATCH { self.close().await } else { Ok(()) }
    }

    /// Makes durable what was sent so far: it need not be sent again after an interruption.
    async fn close(&mut self) -> Result<(), Error> {
        self.open = 0;
        if let Some(batch) = mem::take(&mut self.batch) {
            self.receipts.push(batch.commit().await?);
        }
        Ok(())
    }

    /// Asks the hooks over there.
    async fn check(&self, old: Option<CommitId>, tip: CommitId) -> Result<(), Error> {
        let (before, after) = (publish::load_tree(self.to, old).await?, publish::load_tree(self.to, Some(tip)).await?);
        let changes = self.changes(&before, &after).await?;
        let parent = match old {
            Some(old) => Some(Commit::load(self.to.blobs.as_ref(), old).await?),
            None => None,
        };
        let description = Commit::load(self.to.blobs.as_ref(), tip).await?.description();
        hook::ask(self.to, self.branch, parent.as_ref(), &description, self.actor, &changes).await
    }

    /// Returns what changes over there, for those who look at it: hooks.
    async fn changes(&self, before: &Tree, after: &Tree) -> Result<Vec<Change>, Error> {
        if self.to.hooks.is_empty() { Ok(Vec::new()) } else { before.diff(after).try_collect().await }
    }

    /// Moves the branch over there; false if it is elsewhere by now.
    async fn record(&self, old: Option<CommitId>, tip: CommitId) -> Result<bool, Error> {
        let locked = self.to.journal.read(|state| !state.locks().is_empty()).await?;
        let changes: Vec<Change> = match locked {
            true => {
                let before = publish::load_tree(self.to, old).await?;
                before.diff(&publish::load_tree(self.to, Some(tip)).await?).try_collect().await?
            }
            false => Vec::new(),
        };
        let txn = self.receipts.iter().cloned().fold(Txn::by(self.actor.clone()), Txn::with_receipt);
        let branch = self.branch.clone();
        let paths = self.from.journal.read(|state| state.purges().keys().cloned().collect()).await?;
        let decide = |state: &RepositoryState| {
            if state.branches().get(&branch).copied() != old || (!locked && !state.locks().is_empty()) {
                return Err(None);
            }
            state.check_writer(&branch, self.actor).map_err(Some)?;
            changes.iter().try_for_each(|change| state.check_unlocked(change.path(), self.actor)).map_err(Some)?;
            let first = state.kept().next().is_none();
            let moved = match old {
                None if !first => DataEvent::BranchCreated { branch: branch.clone(), commit: tip },
                _ => DataEvent::Committed { branch: branch.clone(), commit: tip },
            };
            Ok(self.purge(&paths).into_iter().chain([moved]).collect())
        };
        match self.to.journal.transact(&txn, decide).await {
            Ok(_) => Ok(true),
            Err(TransactError::Refused(None)) => Ok(false),
            Err(TransactError::Refused(Some(error))) => Err(error),
            Err(TransactError::Journal(error)) => Err(error.into()),
            Err(error) => Err(unknown(&error)),
        }
    }

    /// Says over there what was purged here of what is sent: its bytes do not come.
    fn purge(&self, paths: &BTreeSet<FilePath>) -> Option<DataEvent> {
        let (paths, substitutes) = (paths.clone(), self.substitutes.clone());
        let reason = "purged where it comes from".to_owned();
        (!substitutes.is_empty()).then(|| DataEvent::Purged { blobs: BTreeSet::new(), paths, reason, substitutes })
    }
}

const TASK: &str = "push";
const ANY_BYTES: &str = "application/octet-stream";
/// Changes looked at in one go.
const GROUP: usize = 8192;
/// Blobs after which what was sent is made durable.
const BATCH: usize = 10_000;
