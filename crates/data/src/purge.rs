use std::collections::{BTreeMap, BTreeSet, HashSet};

use futures::TryStreamExt;
use lineal_core::{Actor, Digest, FilePath, PutHints, Receipt, TransactError, Txn};

use crate::{
    Commit, CommitId, DataEvent, Error, FileEntry, FileKind, Repository, RepositoryState, Stored, TREE_MEDIA_TYPE,
    View,
    path_order::PathKey,
    repository::unknown,
    tree::{Link, NODES_AT_ONCE, Node, Tree},
};

/// What a purge of paths leaves for the store to do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PurgedPaths {
    /// The blobs with bytes of the files: their own, their page tables, and nodes of trees. No version reads them any more, and
    /// the bytes are gone when the store has purged them.
    pub blobs: Vec<Digest>,
    /// Blobs that files of other paths are made of, too: they are not among them.
    pub shared: u64,
}

impl Repository {
    /// Makes files unreadable in every version that ever had them, for ever.
    ///
    /// `paths` are files, or directories with all in them. Their names, sizes and digests stay in the versions, so these are still what their
    /// ids say, and whoever guesses the bytes of a file can tell that he is right. Their bytes are refused as soon as this
    /// returns. They are gone from the store when it has purged [`PurgedPaths::blobs`], which is its own affair: `Collector::purge`
    /// of `lineal-artifacts` does so and certifies it. Other repositories of the store with the same bytes lose them then. What was pushed or copied
    /// elsewhere must be purged there. Few bytes may also lie in nodes that no version names, of commits that came too late or were
    /// broken off: a collector that frees all garbage (`with_sparse_below(1.0)`) takes them with its purge.
    ///
    /// If it is repeated, it returns the same blobs. Reads the nodes of all versions; writes a node for each that has one of the paths.
    /// It works in rounds of 256 such nodes (some 16 MiB, so a single file seldom needs a second one), each of which reads the nodes
    /// of all versions once to see what is shared. If it is stopped, what its rounds did stays done, and a repetition does the rest.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use lineal_core::{Actor, LooseBlobs, Store};
    /// # use lineal_data::{Error, Repository};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let store = Store::open("memory:///")?;
    /// # let blobs = Arc::new(LooseBlobs::open(&store, "blobs").await?);
    /// # let repository = Repository::open(&store, "people", blobs).await?;
    /// # let ana = Actor::new("ana@example.org")?;
    /// let first = repository.commit("main").put("bob.csv", "Bob, 1985").put("eve.csv", "Eve, 1990").commit(&ana).await?;
    /// repository.commit("main").remove("bob.csv").commit(&ana).await?;
    /// let purged = repository.purge(&["bob.csv"], "request 17", &ana).await?;
    /// assert_eq!(purged.blobs.len(), 1, "few bytes lie in a node, which is to be purged");
    /// let version = repository.at(&first.id().to_string()).await?;
    /// assert!(matches!(version.read("bob.csv").await, Err(Error::Purged { .. })));
    /// assert_eq!(version.read("eve.csv").await?, "Eve, 1990");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] for a path that the tip of a branch has: remove it there first; for one that no version ever had; for no
    /// path, or a reason of more than 1000 bytes. [`Error::Store`], [`Error::Format`].
    pub async fn purge(&self, paths: &[&str], reason: &str, actor: &Actor) -> Result<PurgedPaths, Error> {
        if paths.is_empty() || reason.len() > MOST_REASON_BYTES {
            return Err(Error::invalid("purge", reason, "must name paths, and a reason of at most 1000 bytes"));
        }
        let paths = paths.iter().map(|path| FilePath::new(*path)).collect::<Result<BTreeSet<_>, _>>()?;
        self.purge_in_rounds(paths, reason, actor, LEAVES_A_ROUND).await
    }

    async fn purge_in_rounds(
        &self,
        paths: BTreeSet<FilePath>,
        reason: &str,
        actor: &Actor,
        leaves: usize,
    ) -> Result<PurgedPaths, Error> {
        let mut purge = Purge::new(&paths, &BTreeMap::new());
        loop {
            let view = self.now().await?;
            if view.state().substitutes() != &purge.before {
                purge = Purge::new(&paths, view.state().substitutes());
            }
            purge.search(self, &view, leaves).await?;
            if purge.leaves.is_empty() {
                let known = |path: &&FilePath| view.state().purges().contains_key(*path);
                if let Some(unknown) = paths.iter().find(|path| !known(path)) {
                    return Err(Error::invalid("path", unknown.as_str(), "is in no version"));
                }
                let blobs = view.state().purges_of(&paths).into_iter().collect();
                return Ok(PurgedPaths { blobs, shared: purge.shared.len() as u64 });
            }
            purge.store(self).await?;
            if purge.record(self, &view, reason, actor).await? {
                purge = purge.next_round();
            }
            // Commits may have come meanwhile: the next search looks at these, and at what is left.
        }
    }
}

/// What there is of some paths in all versions, as far as they were searched.
struct Purge {
    paths: BTreeSet<FilePath>,
    /// What was read in place of which node before.
    before: BTreeMap<Digest, Digest>,
    /// What comes in place of leaves, by their digests.
    leaves: BTreeMap<Digest, Vec<FileEntry>>,
    /// Where that is stored, as far as it is.
    substitutes: BTreeMap<Digest, Digest>,
    receipts: Vec<Receipt>,
    /// Nodes with bytes of the files.
    nodes: BTreeSet<Digest>,
    /// Blobs of the files.
    files: BTreeSet<Digest>,
    /// Those of them that other files have, too.
    shared: BTreeSet<Digest>,
    /// Commits, and for each path nodes, that were searched, but for some leaves.
    commits: BTreeSet<CommitId>,
    trees: Vec<Digest>,
    searched: BTreeMap<FilePath, HashSet<Digest>>,
    waiting: Vec<Link>,
    /// How many blobs of the files were looked for in other files, and the nodes in which they were.
    compared: (usize, HashSet<Digest>),
}

impl Purge {
    fn new(paths: &BTreeSet<FilePath>, before: &BTreeMap<Digest, Digest>) -> Self {
        Self {
            paths: paths.clone(),
            before: before.clone(),
            leaves: BTreeMap::new(),
            substitutes: BTreeMap::new(),
            receipts: Vec::new(),
            nodes: BTreeSet::new(),
            files: BTreeSet::new(),
            shared: BTreeSet::new(),
            commits: BTreeSet::new(),
            trees: Vec::new(),
            searched: BTreeMap::new(),
            waiting: Vec::new(),
            compared: Default::default(),
        }
    }

    /// Returns the search as it goes on when what it found is recorded.
    fn next_round(mut self) -> Self {
        let mut next = Self::new(&self.paths, &BTreeMap::new());
        self.before.append(&mut self.substitutes);
        next.before = self.before;
        next.shared = self.shared;
        (next.commits, next.trees) = (self.commits, self.trees);
        (next.searched, next.waiting) = (self.searched, self.waiting);
        next
    }

    /// Searches the versions that were not searched yet, until about so many leaves are found.
    async fn search(&mut self, repository: &Repository, view: &View, leaves: usize) -> Result<(), Error> {
        for tip in view.branches().values() {
            self.check_tip(&repository.trees, &Commit::load(repository.blobs.as_ref(), *tip).await?).await?;
        }
        self.find_trees(repository, view).await?;
        for path in self.paths.clone() {
            let (key, mut seen) = (PathKey::prefix(path.as_str()), self.searched.remove(&path).unwrap_or_default());
            for tree in self.trees.clone() {
                let found = repository.trees.at(Some(tree)).unseen_leaves(Some(&key), &mut seen).await?;
                self.waiting.extend(found);
            }
            self.searched.insert(path, seen);
        }
        while !self.waiting.is_empty() && self.leaves.len() < leaves && self.files.len() < BLOBS_A_ROUND {
            let some = self.waiting.split_off(self.waiting.len().saturating_sub(NODES_AT_ONCE));
            repository.trees.visit_leaves(&some, |digest, node| self.take(digest, node)).await?;
        }
        self.compare(repository).await
    }

    /// Looks for blobs of the files in others.
    async fn compare(&mut self, repository: &Repository) -> Result<(), Error> {
        let (looked_for, mut seen) = std::mem::take(&mut self.compared);
        if looked_for != self.files.len() {
            seen.clear();
        }
        let trees = if self.files.is_empty() { Vec::new() } else { self.trees.clone() };
        for tree in trees {
            let leaves = repository.trees.at(Some(tree)).unseen_leaves(None, &mut seen).await?;
            repository.trees.visit_leaves(&leaves, |_, node| self.share(node)).await?;
        }
        self.compared = (self.files.len(), seen);
        Ok(())
    }

    /// Finds the trees of all commits that are kept.
    async fn find_trees(&mut self, repository: &Repository, view: &View) -> Result<(), Error> {
        let mut waiting: Vec<CommitId> = view.state().kept().collect();
        while let Some(id) = waiting.pop() {
            if self.commits.insert(id) {
                let commit = Commit::load(repository.blobs.as_ref(), id).await?;
                self.trees.push(commit.tree());
                waiting.extend(commit.parents());
            }
        }
        Ok(())
    }

    async fn check_tip(&self, trees: &Tree, tip: &Commit) -> Result<(), Error> {
        let tree = trees.at(Some(tip.tree()));
        for path in &self.paths {
            let mut files = tree.list(path.as_str());
            while let Some(entry) = files.try_next().await? {
                if self.wants(&entry) {
                    return Err(Error::invalid("path", entry.path.as_str(), "is on a branch: remove it there first"));
                }
            }
        }
        Ok(())
    }

    fn wants(&self, entry: &FileEntry) -> bool {
        let path = entry.path.as_str();
        let covers = |above: &FilePath| {
            path.strip_prefix(above.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        entry.kind != FileKind::Directory && entry.stored != Stored::Purged && self.paths.iter().any(covers)
    }

    /// Notes what a leaf has of the paths, and what comes in its place.
    fn take(&mut self, digest: Digest, node: &Node) {
        let Node::Leaf(files) = node else { return };
        let wanted: Vec<&FileEntry> = files.iter().filter(|entry| self.wants(entry)).collect();
        if wanted.is_empty() {
            return;
        }
        if wanted.iter().any(|entry| entry.stored != Stored::Blob) {
            self.nodes.insert(digest);
            self.nodes.extend(self.before.get(&digest));
        }
        // A schema has names of columns, and is shared by many tables.
        let own = |entry: &&FileEntry| entry.blob().into_iter().chain(entry.table.and_then(|facts| facts.pages));
        self.files.extend(wanted.iter().flat_map(own));
        let purged = |entry: &FileEntry| match self.wants(entry) {
            true => FileEntry { stored: Stored::Purged, table: None, ..entry.clone() },
            false => entry.clone(),
        };
        self.leaves.insert(digest, files.iter().map(purged).collect());
    }

    fn share(&mut self, node: &Node) {
        let Node::Leaf(files) = node else { return };
        let others = files.iter().filter(|entry| !self.wants(entry)).flat_map(FileEntry::references);
        let shared: Vec<Digest> = others.filter(|digest| self.files.contains(digest)).collect();
        self.shared.extend(shared);
    }

    /// Stores the nodes that come in place of others.
    async fn store(&mut self, repository: &Repository) -> Result<(), Error> {
        let batch = repository.blobs.begin().await?;
        for (digest, files) in &self.leaves {
            if !self.substitutes.contains_key(digest) {
                let hints = PutHints::default().with_media_type(TREE_MEDIA_TYPE);
                self.substitutes.insert(*digest, batch.put(Node::encode_leaf(files)?, hints).await?);
            }
        }
        self.receipts.push(batch.commit().await?);
        Ok(())
    }

    /// Records the purge; false if the repository is not any more as it was searched.
    async fn record(&self, repository: &Repository, view: &View, reason: &str, actor: &Actor) -> Result<bool, Error> {
        let event = DataEvent::Purged {
            blobs: self.nodes.iter().chain(self.files.difference(&self.shared)).copied().collect(),
            paths: self.paths.clone(),
            reason: reason.to_owned(),
            substitutes: self.substitutes.clone(),
        };
        let txn = self.receipts.iter().cloned().fold(Txn::by(actor.clone()), Txn::with_receipt);
        let decide = |state: &RepositoryState| match state == view.state() {
            true => Ok(vec![event.clone()]),
            false => Err(()),
        };
        match repository.journal.transact(&txn, decide).await {
            Ok(_) => Ok(true),
            Err(TransactError::Refused(())) => Ok(false),
            Err(TransactError::Journal(error)) => Err(error.into()),
            Err(error) => Err(unknown(&error)),
        }
    }
}

const MOST_REASON_BYTES: usize = 1000;
/// Leaves found in a round, and a few more: their files are in memory.
const LEAVES_A_ROUND: usize = 256;
/// Blobs found in a round, and a few more: all are in one event.
const BLOBS_A_ROUND: usize = 32_768;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use lineal_core::{LooseBlobs, Store};

    use super::*;

    #[tokio::test]
    async fn rounds_find_what_one_round_finds() {
        let store = Store::open("memory:///").unwrap();
        let blobs = Arc::new(LooseBlobs::open(&store, "blobs").await.unwrap());
        let ana = Actor::new("ana@example.org").unwrap();
        let mut found = Vec::new();
        for (name, leaves) in [("one", usize::MAX), ("many", 1)] {
            let repository = Repository::open(&store, name, Arc::<LooseBlobs>::clone(&blobs)).await.unwrap();
            let path = |number: u32| format!("people/{number:05}.csv");
            for (version, first) in [("a", 0), ("b", 500)] {
                let draft = (first..first + 4000).fold(repository.commit("main"), |draft, number| {
                    draft.put(&path(number), format!("{number} {version}").repeat(40))
                });
                draft.commit(&ana).await.unwrap();
            }
            let draft = repository.commit("main").put("kept", "0 a".repeat(40)).put("large", "x".repeat(100_000));
            let draft = (0..4500).fold(draft, |draft, number| draft.remove(&path(number)));
            draft.commit(&ana).await.unwrap();
            let paths = BTreeSet::from([FilePath::new("people").unwrap()]);
            let purged = repository.purge_in_rounds(paths.clone(), "request 17", &ana, leaves).await.unwrap();
            let view = repository.now().await.unwrap();
            assert!(view.state().substitutes().len() > 2 * NODES_AT_ONCE, "there is work for more than one round");
            found.push((purged.blobs, purged.shared, view.state().substitutes().clone()));
            let again = repository.purge_in_rounds(paths, "request 17", &ana, leaves).await.unwrap();
            assert_eq!(again.blobs, found[0].0);
        }
        assert_eq!(found[0], found[1]);
    }
}
