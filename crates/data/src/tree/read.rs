use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use futures::{StreamExt, TryStreamExt, stream, stream::BoxStream};
use lineal_core::{BlobStore, Digest, FilePath};

use super::{
    node::{Link, Node},
    nodes::Nodes,
};
use crate::{
    Error, FileEntry,
    path_order::{self, PathKey},
};

/// The files of a version.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    pub(super) nodes: Arc<Nodes>,
    /// None for the tree without files that is before the first commit.
    pub(super) root: Option<Digest>,
}

/// Nodes of one level, in order, as nodes of the level above name them.
pub(super) struct Level {
    /// Of the nodes that name them.
    pub(super) above: u8,
    pub(super) links: Vec<Link>,
}

impl Tree {
    pub(crate) fn new(blobs: Arc<dyn BlobStore>, root: Option<Digest>) -> Self {
        Self { nodes: Arc::new(Nodes::new(blobs)), root }
    }

    /// Returns another tree of the same store, whose nodes are kept together with those of this one.
    pub(crate) fn at(&self, root: Option<Digest>) -> Self {
        Self { nodes: Arc::clone(&self.nodes), root }
    }

    /// Reads other nodes in place of some, in this tree and in all whose nodes are kept together with its own.
    pub(crate) fn substitute(&self, substitutes: &BTreeMap<Digest, Digest>) {
        self.nodes.substitute(substitutes);
    }

    /// Tells whether other nodes are read in place of some.
    pub(crate) fn is_purged(&self) -> bool {
        self.nodes.has_substitutes()
    }

    /// Returns the links to all leaves that may have paths which begin with `prefix`, but for those below nodes that were `seen`.
    pub(crate) async fn unseen_leaves(
        &self,
        prefix: Option<&PathKey>,
        seen: &mut HashSet<Digest>,
    ) -> Result<Vec<Link>, Error> {
        if self.root.is_none_or(|root| seen.contains(&root)) {
            return Ok(Vec::new());
        }
        let top = self.top().await?;
        let links: Vec<Link> = self.root.and_then(|root| top.link(root)).into_iter().collect();
        let mut level = Level { above: top.level().saturating_add(1), links };
        loop {
            level.links.retain(|link| seen.insert(link.digest));
            if level.above <= 1 {
                return Ok(level.links);
            }
            level = self.descend(level, prefix).await?;
        }
    }

    /// Shows leaves.
    pub(crate) async fn visit_leaves(
        &self,
        links: &[Link],
        mut visit: impl FnMut(Digest, &Node) + Send,
    ) -> Result<(), Error> {
        for some in links.chunks(NODES_AT_ONCE) {
            let leaves = self.nodes.all_below(1, some).await?;
            some.iter().zip(leaves).for_each(|(link, leaf)| visit(link.digest, &leaf));
        }
        Ok(())
    }

    /// Reads the node at the top.
    pub(super) async fn top(&self) -> Result<Arc<Node>, Error> {
        match self.root {
            Some(root) => self.nodes.root(root).await,
            None => Ok(Arc::new(Node::Leaf(Vec::new()))),
        }
    }

    /// Returns how many files there are, and how many bytes they have.
    pub(crate) async fn totals(&self) -> Result<(u64, u64), Error> {
        let link = self.top().await?.link(Digest::of(b""));
        Ok(link.map_or((0, 0), |link| (link.files, link.size_bytes)))
    }

    /// Finds one file; reads one node of each level.
    pub(crate) async fn get(&self, path: &FilePath) -> Result<Option<FileEntry>, Error> {
        let mut node = self.top().await?;
        loop {
            node = match node.as_ref() {
                Node::Leaf(files) => {
                    let at = files.partition_point(|file| path_order::compare(&file.path, path).is_lt());
                    return Ok(files.get(at).filter(|file| file.path == *path).cloned());
                }
                Node::Branch(level, links) => {
                    let at = links.partition_point(|link| path_order::compare(&link.last, path).is_lt());
                    let Some(link) = links.get(at) else { return Ok(None) };
                    self.nodes.below(*level, link).await?
                }
            };
        }
    }

    /// Streams the files whose path begins with `prefix`, in the order of the tree; all of them for `""`.
    pub(crate) fn list(&self, prefix: &str) -> BoxStream<'static, Result<FileEntry, Error>> {
        let (tree, text) = (self.clone(), prefix.to_owned());
        let key = PathKey::prefix(prefix);
        let files = async move {
            let leaves = tree.leaves(Some(&key)).await?;
            let wanted = move |file: &FileEntry| file.path.as_str().starts_with(&text);
            let files = tree.files(leaves).try_filter(move |file| std::future::ready(wanted(file)));
            Ok::<_, Error>(files)
        };
        stream::once(files).try_flatten().boxed()
    }

    /// Returns the links to leaves; with a prefix, only those that may have paths which begin with it.
    async fn leaves(&self, prefix: Option<&PathKey>) -> Result<Level, Error> {
        let top = self.top().await?;
        let Some(link) = self.root.and_then(|root| top.link(root)) else {
            return Ok(Level { above: 1, links: Vec::new() });
        };
        let mut level = Level { above: top.level().saturating_add(1), links: vec![link] };
        while level.above > 1 {
            level = self.descend(level, prefix).await?;
        }
        Ok(level)
    }

    /// Goes one level down.
    pub(super) async fn descend(&self, level: Level, prefix: Option<&PathKey>) -> Result<Level, Error> {
        let above = level.above.saturating_sub(1);
        let mut links = Vec::new();
        for some in level.links.chunks(NODES_AT_ONCE) {
            for node in self.nodes.all_below(level.above, some).await? {
                if let Node::Branch(_, below) = node.as_ref() {
                    links.extend(below.iter().cloned());
                }
            }
        }
        if let Some(prefix) = prefix {
            narrow(&mut links, prefix);
        }
        Ok(Level { above, links })
    }

    /// Streams the files of leaves, some leaves ahead.
    pub(super) fn files(&self, leaves: Level) -> BoxStream<'static, Result<FileEntry, Error>> {
        let nodes = Arc::clone(&self.nodes);
        let groups: Vec<Vec<Link>> = leaves.links.chunks(NODES_AT_ONCE).map(<[_]>::to_vec).collect();
        let read = move |links: Vec<Link>| {
            let nodes = Arc::clone(&nodes);
            async move {
                let mut files = Vec::new();
                for leaf in nodes.all_below(leaves.above, &links).await? {
                    if let Node::Leaf(some) = leaf.as_ref() {
                        files.extend(some.iter().cloned().map(Ok));
                    }
                }
                Ok::<_, Error>(stream::iter(files))
            }
        };
        stream::iter(groups).map(read).buffered(GROUPS_AHEAD).try_flatten().boxed()
    }
}

/// Keeps the links to nodes that may have keys which begin with `prefix`.
fn narrow(links: &mut Vec<Link>, prefix: &PathKey) {
    let begins = links.partition_point(|link| PathKey::of(&link.last) < *prefix);
    // The first node that ends behind all such keys may still begin with some.
    let ends = links.partition_point(|link| {
        let last = PathKey::of(&link.last);
        last < *prefix || last.starts_with(prefix)
    });
    links.truncate(ends.saturating_add(1));
    links.drain(..begins.min(links.len()));
}

/// Nodes read in one go.
pub(crate) const NODES_AT_ONCE: usize = 16;
/// Such groups read ahead.
const GROUPS_AHEAD: usize = 2;
