use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    future::ready,
    mem,
};

use futures::{StreamExt, TryStreamExt};
use lineal_core::{Batch, BlobStoreExt, Digest, FilePath, Progress, ProgressEvent, Receipt};

use crate::{
    COMMIT_MEDIA_TYPE, Change, Commit, DataEvent, Error, FileEntry, Repository, RepositoryState, Stored,
    TREE_MEDIA_TYPE,
    groups::{Greatest, groups},
    publish,
    sending::{self, Outgoing},
    tree::{self, Tree, Unshared},
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
    /// Bytes and blobs that were sent in the batch.
    open: (u64, usize),
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
    /// Blobs that were purged over there.
    purged_there: HashSet<Digest>,
    /// Files that were purged over there, by path and hash: few bytes have no blob.
    purged_files: HashSet<(FilePath, Digest)>,
    /// The leaves in which that was found: a second purge may put another one in the place of one.
    leaves_there: HashSet<Digest>,
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
        let read = |state: &RepositoryState| {
            (state.substitutes().clone(), state.purges().keys().cloned().collect::<BTreeSet<_>>())
        };
        let (substituted, purged) = from.journal.read(read).await?;
        Ok(Self {
            from,
            to,
            progress,
            batch: None,
            receipts: Vec::new(),
            open: (0, 0),
            waiting: Vec::new(),
            done: HashSet::new(),
            substituted,
            substitutes: BTreeMap::new(),
            nodes_there: None,
            purged,
            purged_there: HashSet::new(),
            purged_files: HashSet::new(),
            leaves_there: HashSet::new(),
            blobs: 0,
            kept: 0,
        })
    }

    /// Sends commits, each after its parents; refuses what was purged over there.
    pub(crate) async fn send(&mut self, commits: &[Commit]) -> Result<(), Error> {
        self.look_there().await?;
        for commit in commits {
            self.send_commit(commit).await?;
        }
        self.flush().await?;
        self.close().await?;
        self.to.trees.substitute(&self.substitutes);
        Ok(())
    }

    /// Tells whether what was purged over there is still what it was when the commits were sent.
    pub(crate) fn is_current(&self, state: &RepositoryState) -> bool {
        state.purges().values().flatten().all(|blob| self.purged_there.contains(blob))
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
        let unshared = tree::unshared(&before, &after).await?;
        self.check_leaves(&after, &unshared).await?;
        let nodes = unshared.nodes;
        self.send_files(&before, &after).await?;
        // The tree without files is a node, too.
        let nodes = if nodes.is_empty() { vec![commit.tree()] } else { nodes };
        let nodes = self.send_substitutes(nodes).await?;
        self.queue(nodes.into_iter().map(|node| Outgoing::new(node, TREE_MEDIA_TYPE))).await?;
        let diff = commit.derived_from().code.as_ref().and_then(|code| code.diff);
        self.queue(diff.into_iter().map(|diff| Outgoing::new(diff, ANY_BYTES))).await?;
        self.queue([Outgoing::new(commit.id().digest(), COMMIT_MEDIA_TYPE)]).await
    }

    /// Refuses new leaves with what was purged over there: it would come back in them, though no commit that is sent put it there.
    async fn check_leaves(&mut self, tree: &Tree, unshared: &Unshared) -> Result<(), Error> {
        if self.purged_files.is_empty() && self.purged_there.is_empty() {
            return Ok(());
        }
        let mut found = None;
        let is_purged = |file: &FileEntry| {
            let named = file.references().any(|blob| self.purged_there.contains(&blob));
            let known = || self.purged_files.contains(&(file.path.clone(), file.digest));
            file.stored != Stored::Purged && (named || known())
        };
        tree.visit_leaves(unshared.new_leaves(), |_, leaf| {
            found = found.take().or_else(|| leaf.files().iter().find(|file| is_purged(file)).cloned());
        })
        .await?;
        found.map_or(Ok(()), |file| Err(Error::Purged { path: file.path }))
    }

    /// Learns what was purged over there.
    async fn look_there(&mut self) -> Result<(), Error> {
        let read = |state: &RepositoryState| {
            let blobs: HashSet<Digest> = state.purges().values().flatten().copied().collect();
            (blobs, state.substitutes().values().copied().collect::<Vec<_>>())
        };
        let (blobs, leaves) = self.to.journal.read(read).await?;
        for leaf in leaves {
            if self.leaves_there.insert(leaf) {
                let files = self.to.trees.at(Some(leaf)).list("");
                let purged = files.try_filter(|file| ready(file.stored == Stored::Purged));
                let purged: Vec<FileEntry> = purged.try_collect().await?;
                self.purged_files.extend(purged.into_iter().map(|file| (file.path, file.digest)));
            }
        }
        self.purged_there = blobs;
        Ok(())
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
            if self.purged_there.contains(&blob.digest) {
                return Err(lineal_core::Error::BlobPurged { digest: blob.digest }.into());
            }
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
        let count = wanted.len();
        let digests: Vec<Digest> = wanted.iter().map(|blob| blob.digest).collect();
        let kept = self.batch().await?.keep(&digests).await?;
        let missing = wanted.into_iter().zip(kept).filter(|(_, kept)| !kept).map(|(blob, _)| blob);
        let missing = sending::sized(self.from.blobs.as_ref(), missing.collect()).await?;
        let kept = (count - missing.len()) as u64;
        self.kept += kept;
        self.progress.report(ProgressEvent::Advanced { task: TASK, by: kept });
        for group in groups(missing, BATCH, |(_, size)| *size) {
            let from = self.from.blobs.as_ref();
            sending::send(from, self.batch().await?, &group).await?;
            self.blobs += group.len() as u64;
            self.open.0 += group.iter().fold(0, |sum: u64, (_, size)| sum.saturating_add(*size));
            self.open.1 += group.len();
            self.progress.report(ProgressEvent::Advanced { task: TASK, by: group.len() as u64 });
            if self.open.0 >= BATCH.bytes || self.open.1 >= BATCH.count {
                self.close().await?;
            }
        }
        Ok(())
    }

    async fn batch(&mut self) -> Result<&dyn Batch, Error> {
        let batch = match self.batch.take() {
            Some(batch) => batch,
            None => self.to.blobs.begin().await?,
        };
        let batch = &*self.batch.insert(batch);
        Ok(&**batch)
    }

    /// Makes durable what was sent so far: it need not be sent again after an interruption.
    async fn close(&mut self) -> Result<(), Error> {
        self.open = (0, 0);
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
/// What is sent before it is made durable, about: a gigabyte, or many small blobs; in tests little.
const BATCH: Greatest = Greatest { bytes: if cfg!(test) { 1_000_000 } else { 1 << 30 }, count: 10_000 };

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use lineal_core::{Actor, LooseBlobs, NoProgress, Store};

    use super::*;

    async fn open(store: &Store) -> Repository {
        let blobs = Arc::new(LooseBlobs::open(store, "blobs").await.unwrap());
        Repository::open(store, "r", blobs).await.unwrap()
    }

    #[tokio::test]
    async fn what_was_sent_before_an_interruption_is_not_sent_again() {
        let guard = tempfile::tempdir().unwrap();
        let here = open(&Store::open(&format!("file://{}", guard.path().display())).unwrap()).await;
        let there = open(&Store::open("memory:///").unwrap()).await;
        let ana = Actor::new("ana@example.org").unwrap();
        let draft = (0..50_u8).fold(here.commit("main"), |draft, number| {
            draft.put(&format!("{number:02}"), vec![number; if number % 2 == 0 { 300_000 } else { 100_000 }])
        });
        draft.commit(&ana).await.unwrap();
        let last = here.at("main").await.unwrap().file("48").await.unwrap().digest.to_string();
        let place = guard.path().join("blobs").join(&last[..2]).join(&last);
        let bytes = std::fs::read(&place).unwrap();
        std::fs::write(&place, b"damaged").unwrap();
        here.push(&there, "main", &NoProgress, &ana).await.unwrap_err();
        std::fs::write(&place, bytes).unwrap();
        let sent = here.push(&there, "main", &NoProgress, &ana).await.unwrap();
        assert_eq!(sent.blobs + sent.kept, 52, "files, a node and a commit");
        assert!(sent.blobs <= 10, "{sent:?}");
    }
}
