use std::collections::{BTreeMap, BTreeSet, HashSet};

use futures::TryStreamExt;
use lineal_core::{Actor, Digest, FilePath, PutHints, Receipt, TransactError, Txn};

use crate::{
    Commit, DataEvent, Error, FileEntry, FileKind, Repository, RepositoryState, Stored, TREE_MEDIA_TYPE, View, history,
    path_order::PathKey,
    repository::unknown,
    tree::{Node, Tree},
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
    /// elsewhere must be purged there.
    ///
    /// If it is repeated, it returns the same blobs. Reads the nodes of all versions; writes a node for each that has one of the paths.
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
        loop {
            let view = self.now().await?;
            let purge = Purge::plan(self, &view, &paths).await?;
            if purge.substitutes.is_empty() {
                let blobs = view.state().purges_of(&paths);
                return match blobs.is_empty() {
                    true => Err(Error::invalid("path", paths.first().map_or("", FilePath::as_str), "is in no version")),
                    false => Ok(PurgedPaths { blobs: blobs.into_iter().collect(), shared: 0 }),
                };
            }
            let (substitutes, receipt) = purge.store(self).await?;
            let blobs = purge.blobs();
            let event = DataEvent::Purged { blobs, paths: paths.clone(), reason: reason.to_owned(), substitutes };
            let decide = |state: &RepositoryState| match state == view.state() {
                true => Ok(vec![event.clone()]),
                // A version that came meanwhile may have the paths.
                false => Err(()),
            };
            match self.journal.transact(&Txn::by(actor.clone()).with_receipt(receipt), decide).await {
                Ok(_) => {}
                Err(TransactError::Refused(())) => continue,
                Err(TransactError::Journal(error)) => return Err(error.into()),
                Err(error) => return Err(unknown(&error)),
            }
            let blobs = self.now().await?.state().purges_of(&paths).into_iter().collect();
            return Ok(PurgedPaths { blobs, shared: purge.shared.len() as u64 });
        }
    }
}

/// What there is of some paths in all versions.
#[derive(Default)]
struct Purge {
    paths: BTreeSet<FilePath>,
    /// What comes in place of leaves, by their digests.
    substitutes: BTreeMap<Digest, Vec<FileEntry>>,
    /// Nodes with bytes of the files.
    nodes: BTreeSet<Digest>,
    /// Blobs of the files.
    files: BTreeSet<Digest>,
    /// Those of them that other files have, too.
    shared: BTreeSet<Digest>,
}

impl Purge {
    async fn plan(repository: &Repository, view: &View, paths: &BTreeSet<FilePath>) -> Result<Self, Error> {
        let mut purge = Self { paths: paths.clone(), ..Self::default() };
        for tip in view.branches().values() {
            purge.check_tip(&repository.trees, &Commit::load(repository.blobs.as_ref(), *tip).await?).await?;
        }
        let trees = all_trees(repository, view).await?;
        let before = view.state().substitutes();
        for path in paths {
            let (key, mut seen) = (PathKey::prefix(path.as_str()), HashSet::new());
            for tree in &trees {
                let visit = |digest, node: &Node| purge.take(digest, node, before);
                repository.trees.at(Some(*tree)).visit_leaves(Some(&key), &mut seen, visit).await?;
            }
        }
        if !purge.files.is_empty() {
            let mut seen = HashSet::new();
            for tree in &trees {
                repository.trees.at(Some(*tree)).visit_leaves(None, &mut seen, |_, node| purge.share(node)).await?;
            }
        }
        Ok(purge)
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
    fn take(&mut self, digest: Digest, node: &Node, before: &BTreeMap<Digest, Digest>) {
        let Node::Leaf(files) = node else { return };
        let wanted: Vec<&FileEntry> = files.iter().filter(|entry| self.wants(entry)).collect();
        if wanted.is_empty() {
            return;
        }
        if wanted.iter().any(|entry| entry.stored != Stored::Blob) {
            self.nodes.insert(digest);
            self.nodes.extend(before.get(&digest));
        }
        // A schema has names of columns, and is shared by many tables.
        let own = |entry: &&FileEntry| entry.blob().into_iter().chain(entry.table.and_then(|facts| facts.pages));
        self.files.extend(wanted.iter().flat_map(own));
        let purged = |entry: &FileEntry| match self.wants(entry) {
            true => FileEntry { stored: Stored::Purged, table: None, ..entry.clone() },
            false => entry.clone(),
        };
        self.substitutes.insert(digest, files.iter().map(purged).collect());
    }

    fn share(&mut self, node: &Node) {
        let Node::Leaf(files) = node else { return };
        let others = files.iter().filter(|entry| !self.wants(entry)).flat_map(FileEntry::references);
        let shared: Vec<Digest> = others.filter(|digest| self.files.contains(digest)).collect();
        self.shared.extend(shared);
    }

    fn blobs(&self) -> BTreeSet<Digest> {
        self.nodes.iter().chain(self.files.difference(&self.shared)).copied().collect()
    }

    /// Stores the nodes that come in place of others.
    async fn store(&self, repository: &Repository) -> Result<(BTreeMap<Digest, Digest>, Receipt), Error> {
        let batch = repository.blobs.begin().await?;
        let mut stored = BTreeMap::new();
        for (digest, files) in &self.substitutes {
            let bytes = Node::encode_leaf(files)?;
            let hints = PutHints::default().with_media_type(TREE_MEDIA_TYPE);
            stored.insert(*digest, batch.put(bytes, hints).await?);
        }
        Ok((stored, batch.commit().await?))
    }
}

/// Returns the trees of all commits that are kept.
async fn all_trees(repository: &Repository, view: &View) -> Result<Vec<Digest>, Error> {
    let mut starts = Vec::new();
    for id in view.state().kept().collect::<BTreeSet<_>>() {
        starts.push(Commit::load(repository.blobs.as_ref(), id).await?);
    }
    let commits = history::walk(std::sync::Arc::clone(&repository.blobs), starts);
    commits.map_ok(|commit| commit.tree()).try_collect().await
}

const MOST_REASON_BYTES: usize = 1000;
