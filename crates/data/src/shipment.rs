use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    mem,
};

use futures::{StreamExt, TryStreamExt};
use lineal_core::{Batch, BlobStoreExt, Digest, FilePath, Progress, ProgressEvent, Receipt};

use crate::{
    COMMIT_MEDIA_TYPE, Change, Commit, DataEvent, Error, Repository, TREE_MEDIA_TYPE, publish,
    sending::{self, Outgoing},
    tree::{self, Tree},
};

/// Commits on their way to another repository, with all that is missing there.
///
/// What they need is gathered over many commits before the other store is asked for it, so small commits share requests.
pub(crate) struct Shipment<'a> {
    from: &'a Repository,
    to: &'a Repository,
    progress: &'a dyn Progress,
    batch: Option<Box<dyn Batch>>,
    receipts: Vec<Receipt>,
    /// Blobs in the batch.
    open: usize,
    waiting: Vec<Outgoing>,
    /// Blobs that are over there by now, or are waiting.
    done: HashSet<Digest>,
    /// What is read here in place of nodes that were purged.
    substituted: BTreeMap<Digest, Digest>,
    /// Those of them that were not purged over there.
    substitutes: BTreeMap<Digest, Digest>,
    /// All nodes of versions over there, once something was purged here that lies there.
    nodes_there: Option<HashSet<Digest>>,
    /// What was purged here.
    purged: BTreeSet<FilePath>,
    /// Blobs sent.
    pub(crate) blobs: u64,
    /// Blobs that lay there.
    pub(crate) kept: u64,
}

impl<'a> Shipment<'a> {
    pub(crate) async fn new(
        from: &'a Repository,
        to: &'a Repository,
        progress: &'a dyn Progress,
    ) -> Result<Self, Error> {
        let read = |state: &crate::RepositoryState| {
            (state.substitutes().clone(), state.purges().keys().cloned().collect::<BTreeSet<_>>())
        };
        let (substituted, purged) = from.journal.read(read).await?;
        Ok(Self {
            from,
            to,
            progress,
            batch: None,
            receipts: Vec::new(),
            open: 0,
            waiting: Vec::new(),
            done: HashSet::new(),
            substituted,
            substitutes: BTreeMap::new(),
            nodes_there: None,
            purged,
            blobs: 0,
            kept: 0,
        })
    }

    /// Sends commits, each after its parents.
    pub(crate) async fn send(&mut self, commits: &[Commit]) -> Result<(), Error> {
        for commit in commits {
            self.send_commit(commit).await?;
        }
        self.flush().await?;
        self.close().await?;
        self.to.trees.substitute(&self.substitutes);
        Ok(())
    }

    /// Returns what covers all that was sent.
    pub(crate) fn receipts(&self) -> impl Iterator<Item = Receipt> + '_ {
        self.receipts.iter().cloned()
    }

    /// Says over there what was purged here of what is sent: its bytes do not come.
    pub(crate) fn purge(&self) -> Option<DataEvent> {
        let (paths, substitutes) = (self.purged.clone(), self.substitutes.clone());
        let reason = "purged where it comes from".to_owned();
        (!substitutes.is_empty()).then(|| DataEvent::Purged { blobs: BTreeSet::new(), paths, reason, substitutes })
    }

    async fn send_commit(&mut self, commit: &Commit) -> Result<(), Error> {
        let before = publish::load_tree(self.from, commit.parents().first().copied()).await?;
        let after = self.from.trees.at(Some(commit.tree()));
        let nodes = tree::unshared(&before, &after).await?.nodes;
        self.send_files(&before, &after).await?;
        // The tree without files is a node, too.
        let nodes = if nodes.is_empty() { vec![commit.tree()] } else { nodes };
        let nodes = self.send_substitutes(nodes).await?;
        self.queue(nodes.into_iter().map(|node| Outgoing::new(node, TREE_MEDIA_TYPE))).await?;
        let diff = commit.derived_from().code.as_ref().and_then(|code| code.diff);
        self.queue(diff.into_iter().map(|diff| Outgoing::new(diff, ANY_BYTES))).await?;
        self.queue([Outgoing::new(commit.id().digest(), COMMIT_MEDIA_TYPE)]).await
    }

    async fn send_files(&mut self, before: &Tree, after: &Tree) -> Result<(), Error> {
        let mut groups = before.diff(after).ready_chunks(GROUP);
        while let Some(changes) = groups.next().await {
            let changes = changes.into_iter().collect::<Result<Vec<Change>, Error>>()?;
            let new = changes.iter().filter_map(Change::new_entry);
            self.queue(new.flat_map(Outgoing::of_file)).await?;
        }
        Ok(())
    }

    /// Sends what is read in place of nodes, with all that it names; returns the nodes that are read themselves.
    async fn send_substitutes(&mut self, nodes: Vec<Digest>) -> Result<Vec<Digest>, Error> {
        let (purged, mut whole): (Vec<_>, Vec<_>) =
            nodes.into_iter().partition(|node| self.substituted.contains_key(node));
        for node in purged {
            let Some(by) = self.substituted.get(&node).copied() else { continue };
            // What was pushed before the purge is over there, and stays readable until it is purged there.
            if self.is_kept_there(node).await? {
                whole.push(node);
                continue;
            }
            let tree = self.from.trees.at(Some(by));
            let mut files: Vec<Outgoing> = Vec::new();
            let leaves = tree.unseen_leaves(None, &mut HashSet::new()).await?;
            tree.visit_leaves(&leaves, |_, leaf| files.extend(leaf.files().iter().flat_map(Outgoing::of_file))).await?;
            self.queue(files).await?;
            self.queue([Outgoing::new(by, TREE_MEDIA_TYPE)]).await?;
            self.substitutes.insert(node, by);
        }
        Ok(whole)
    }

    /// Tells whether a node is part of a version that the other repository keeps; that its bytes lie there says nothing.
    async fn is_kept_there(&mut self, node: Digest) -> Result<bool, Error> {
        if !self.to.blobs.contains(&node).await? {
            return Ok(false);
        }
        let nodes = match self.nodes_there.take() {
            Some(nodes) => nodes,
            None => {
                let (view, mut nodes) = (self.to.now().await?, HashSet::new());
                let mut commits = view.all_commits(|_| true);
                while let Some(commit) = commits.try_next().await? {
                    self.to.trees.at(Some(commit.tree())).unseen_leaves(None, &mut nodes).await?;
                }
                nodes
            }
        };
        Ok(self.nodes_there.insert(nodes).contains(&node))
    }

    /// Takes blobs with it, unless they are on the way already.
    async fn queue(&mut self, blobs: impl IntoIterator<Item = Outgoing>) -> Result<(), Error> {
        for blob in blobs {
            if self.done.insert(blob.digest) {
                self.waiting.push(blob);
            }
        }
        if self.waiting.len() >= GROUP { self.flush().await } else { Ok(()) }
    }

    /// Sends those of the waiting blobs that do not lie over there.
    async fn flush(&mut self) -> Result<(), Error> {
        let wanted = mem::take(&mut self.waiting);
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
}

/// What a push is called where it reports its progress.
pub(crate) const TASK: &str = "push";
const ANY_BYTES: &str = "application/octet-stream";
/// Blobs and changes looked at in one go.
const GROUP: usize = 8192;
/// Blobs after which what was sent is made durable.
const BATCH: usize = 10_000;
