use std::{
    collections::{BTreeMap, HashMap},
    iter::Peekable,
    sync::Arc,
};

use lineal_core::{Batch, Digest, FilePath, PathClash, PutHints};

use super::{
    node::{Item, Link, Node, link_to},
    nodes::malformed,
    read::Tree,
    split::Splitter,
};
use crate::{Error, FileEntry, TREE_MEDIA_TYPE, error::FormatFlaw, path_order, path_order::PathKey};

/// What becomes of paths: a file, or nothing.
pub(crate) type Changes = BTreeMap<FilePath, Option<FileEntry>>;

/// What becomes of the items of one level.
type Edits = BTreeMap<PathKey, Option<Item>>;

impl Tree {
    /// Puts the nodes of the tree after `changes` into `batch`, and returns its root; it can be read once the batch is
    /// committed.
    ///
    /// Reads and writes the nodes around the changes, at every level about one for each run of neighbours.
    pub(crate) async fn apply(&self, changes: &Changes, batch: &dyn Batch) -> Result<Digest, Error> {
        let mut edits = Edits::new();
        for (path, entry) in changes {
            let key = PathKey::of(path);
            // One file may take the place of another one that differs from it in case.
            let Some(entry) = entry else {
                edits.entry(key).or_insert(None);
                continue;
            };
            if let Some(Some(taken)) = edits.insert(key, Some(Item::File(entry.clone()))) {
                return Err(PathClash::new(path, taken.path()).into());
            }
        }
        let mut editor = Editor { tree: self, batch, made: HashMap::new() };
        editor.run(edits, changes).await
    }
}

struct Editor<'a> {
    tree: &'a Tree,
    batch: &'a dyn Batch,
    /// New nodes, and of those with a single link, the link: a tree never begins with one.
    made: HashMap<Digest, Option<Link>>,
}

/// A node of the tree as it was, found from the top.
struct Found {
    node: Arc<Node>,
    /// Its key as the nodes above know it.
    key: PathKey,
    /// The last path of the node before it.
    before: Option<FilePath>,
    /// Whether it is the last of its level.
    is_last: bool,
}

impl Editor<'_> {
    async fn run(&mut self, edits: Edits, changes: &Changes) -> Result<Digest, Error> {
        let top = self.tree.top().await?;
        let root = self.tree.root.and_then(|root| top.link(root));
        let mut edits = edits;
        if root.is_some() {
            for level in 0..=top.level() {
                edits = self.edit_level(level, edits, changes).await?;
            }
        } else {
            edits = self.build_level(0, edits.into_values().flatten().collect(), changes).await?;
        }
        let mut level = top.level();
        let old = root.map(|link| (PathKey::of(&link.last), Some(Item::Link(link))));
        // What the top was replaced by, and the top itself if it was not.
        let mut links: Edits = old.into_iter().collect();
        links.extend(edits);
        loop {
            let items: Vec<Item> = links.into_values().flatten().collect();
            match items.as_slice() {
                [] => return self.put(0, &[]).await,
                [Item::Link(link)] => return self.skip_sole(level, link.clone()).await,
                _ => {
                    level = level.saturating_add(1);
                    links = self.build_level(level, items, changes).await?;
                }
            }
        }
    }

    /// Replaces nodes of a level of the tree; returns what that means for the level above.
    async fn edit_level(&mut self, level: u8, edits: Edits, changes: &Changes) -> Result<Edits, Error> {
        let mut above = Edits::new();
        let mut edits = edits.into_iter().peekable();
        let mut left: Option<(PathKey, Option<FilePath>)> = None;
        while let Some((key, _)) = edits.peek() {
            let mut found = self.find(level, key).await?;
            let before = match left.take() {
                // What the region before ended with may have another name now.
                Some((end, last)) if found.before.as_ref().is_some_and(|before| PathKey::of(before) == end) => last,
                _ => found.before.take(),
            };
            let mut region = Region::new(level, before, changes);
            loop {
                above.entry(found.key.clone()).or_insert(None);
                let limit = if found.is_last { None } else { Some(&found.key) };
                for item in merged(found.node.items(), &mut edits, limit, changes)? {
                    if let Some(items) = region.push(item)? {
                        self.emit(level, &items, &mut above).await?;
                    }
                }
                if found.is_last {
                    if let Some(items) = region.splitter.finish() {
                        self.emit(level, &items, &mut above).await?;
                    }
                    break;
                }
                // Here the nodes as they were and as they will be end at the same place: what follows is as it was.
                if region.splitter.is_at_end() {
                    self.check_end(level, &found, &region, edits.peek().map(|(key, _)| key)).await?;
                    left = Some((found.key, region.before));
                    break;
                }
                found = self.after(level, &found.key).await?;
            }
        }
        Ok(above)
    }

    /// Makes all nodes of a new level.
    async fn build_level(&mut self, level: u8, items: Vec<Item>, changes: &Changes) -> Result<Edits, Error> {
        let mut above = Edits::new();
        let mut region = Region::new(level, None, changes);
        for item in items {
            if let Some(items) = region.push(item)? {
                self.emit(level, &items, &mut above).await?;
            }
        }
        if let Some(items) = region.splitter.finish() {
            self.emit(level, &items, &mut above).await?;
        }
        Ok(above)
    }

    async fn emit(&mut self, level: u8, items: &[Item], above: &mut Edits) -> Result<(), Error> {
        let digest = self.put(level, items).await?;
        let sole = if let [Item::Link(link)] = items { Some(link.clone()) } else { None };
        self.made.insert(digest, sole);
        if let Some(link) = link_to(digest, items) {
            above.insert(PathKey::of(&link.last), Some(Item::Link(link)));
        }
        Ok(())
    }

    async fn put(&self, level: u8, items: &[Item]) -> Result<Digest, Error> {
        let bytes = Node::encode(level, items).map_err(|flaw| malformed(Digest::of(b""), flaw))?;
        let digest = self.batch.put(bytes, PutHints::default().with_media_type(TREE_MEDIA_TYPE)).await?;
        if self.tree.nodes.blob_of(digest) != digest {
            // With the bytes that were purged from it: nobody could read them.
            return Err(lineal_core::Error::BlobPurged { digest }.into());
        }
        Ok(digest)
    }

    /// Goes down from the only node of a level, as long as that has a single link.
    async fn skip_sole(&self, mut level: u8, mut link: Link) -> Result<Digest, Error> {
        while level > 0 {
            let sole = match self.made.get(&link.digest) {
                Some(sole) => sole.clone(),
                None => match self.tree.nodes.below(level.saturating_add(1), &link).await?.as_ref() {
                    Node::Branch(_, links) if links.len() == 1 => links.first().cloned(),
                    _ => None,
                },
            };
            let Some(sole) = sole else { break };
            (level, link) = (level.saturating_sub(1), sole);
        }
        Ok(link.digest)
    }

    /// Finds the node of `level` in which `key` lies, or would: the last one for a key behind all.
    async fn find(&self, level: u8, key: &PathKey) -> Result<Found, Error> {
        self.walk(level, |links| {
            let at = links.partition_point(|link| PathKey::of(&link.last) < *key);
            at.min(links.len().saturating_sub(1))
        })
        .await
    }

    /// Finds the node of `level` behind the one that ends with `key`, which is not the last.
    async fn after(&self, level: u8, key: &PathKey) -> Result<Found, Error> {
        self.walk(level, |links| {
            let at = links.partition_point(|link| PathKey::of(&link.last) <= *key);
            at.min(links.len().saturating_sub(1))
        })
        .await
    }

    async fn walk(&self, level: u8, choose: impl Fn(&[Link]) -> usize + Send) -> Result<Found, Error> {
        let mut node = self.tree.top().await?;
        let (mut before, mut last, mut is_last) = (None, None, true);
        while node.level() > level {
            let Node::Branch(above, links) = node.as_ref() else { break };
            let at = choose(links);
            let Some(link) = links.get(at) else { break };
            is_last = is_last && at + 1 == links.len();
            if let Some(sibling) = at.checked_sub(1).and_then(|at| links.get(at)) {
                before = Some(sibling.last.clone());
            }
            last = Some(PathKey::of(&link.last));
            node = self.tree.nodes.below(*above, link).await?;
        }
        let own = || node.items().last().map(Item::key).unwrap_or_else(|| PathKey::prefix(""));
        let key = last.unwrap_or_else(own);
        Ok(Found { node, key, before, is_last })
    }

    /// Checks what a region ends with against the file behind it, if the region ends with another one than it did.
    async fn check_end(
        &self,
        level: u8,
        found: &Found,
        region: &Region<'_>,
        edit: Option<&PathKey>,
    ) -> Result<(), Error> {
        let was = found.node.files().last().map(|file| &file.path);
        let Some(last) = region.before.as_ref().filter(|last| level == 0 && Some(*last) != was) else {
            return Ok(());
        };
        let next = self.after(0, &found.key).await?;
        if edit.is_some_and(|edit| next.is_last || *edit <= next.key) {
            // It is made anew, too, and checked then.
            return Ok(());
        }
        match next.node.as_ref() {
            Node::Leaf(files) => match files.first() {
                Some(first) => Ok(path_order::check_neighbours(last, &first.path)?),
                None => Ok(()),
            },
            Node::Branch(..) => Err(malformed(Digest::of(b""), FormatFlaw::Content("it has no leaves".to_owned()))),
        }
    }
}

/// A run of nodes that are made anew.
struct Region<'a> {
    splitter: Splitter,
    level: u8,
    /// The path before the next item.
    before: Option<FilePath>,
    changes: &'a Changes,
}

impl<'a> Region<'a> {
    fn new(level: u8, before: Option<FilePath>, changes: &'a Changes) -> Self {
        Self { splitter: Splitter::new(level), level, before, changes }
    }

    /// Takes an item; returns those of a node that it ends.
    fn push(&mut self, item: Item) -> Result<Option<Vec<Item>>, Error> {
        if self.level == 0 {
            let path = item.path();
            let checked = self.before.as_ref().map_or(Ok(()), |before| path_order::check_neighbours(before, path));
            if let (Err(clash), Some(before)) = (checked, &self.before) {
                // The one that is new is the one to be renamed.
                let old = !self.changes.contains_key(path);
                return Err(if old { PathClash::new(before, path) } else { clash }.into());
            }
            self.before = Some(path.clone());
        }
        self.splitter.push(item).map_err(|flaw| malformed(Digest::of(b""), flaw))
    }
}

/// Merges the items of a node with the edits up to `limit`, or all that are left.
fn merged<I: Iterator<Item = (PathKey, Option<Item>)>>(
    items: Vec<Item>,
    edits: &mut Peekable<I>,
    limit: Option<&PathKey>,
    changes: &Changes,
) -> Result<Vec<Item>, PathClash> {
    let mut out = Vec::with_capacity(items.len());
    for item in items {
        let key = item.key();
        while let Some((_, edit)) = edits.next_if(|(edit, _)| *edit < key) {
            out.extend(edit);
        }
        let edit = edits.next_if(|(edit, _)| *edit == key).map(|(_, edit)| edit);
        // A path that differs in case has the same key, but is another file.
        let meant = matches!(item, Item::Link(_)) || changes.contains_key(item.path());
        match edit {
            Some(Some(new)) if !meant => return Err(PathClash::new(new.path(), item.path())),
            Some(edit) if meant => out.extend(edit),
            _ => out.push(item),
        }
    }
    while let Some((_, edit)) = edits.next_if(|(key, _)| limit.is_none_or(|limit| key <= limit)) {
        out.extend(edit);
    }
    Ok(out)
}
