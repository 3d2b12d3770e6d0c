//! The files of a commit, in the first version of the format: one sorted list, read and written whole.
//!
//! A commit states the media type of its tree, so that a tree of nodes, which writes and reads only what changed, takes
//! this one's place behind the same functions; what is stored in lists stays readable.

use std::{cmp::Ordering, collections::BTreeMap};

use bytes::Bytes;
use lineal_core::{BlobStore, Digest, FilePath, PathSet, from_canonical, to_canonical};
use serde::{Deserialize, Serialize};

use crate::{
    Change, Error, FileEntry,
    error::{FormatFlaw, excerpt},
};

/// The files of a version, sorted by path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tree {
    entries: Vec<FileEntry>,
}

/// What becomes of paths: an entry, or nothing.
pub(crate) type Changes = BTreeMap<FilePath, Option<FileEntry>>;

#[derive(Serialize)]
struct Stored<'a> {
    entries: &'a [FileEntry],
    format: &'a str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Loaded {
    entries: Vec<FileEntry>,
    format: String,
}

impl Tree {
    /// Reads the tree `digest`; it is verified by the store, and checked here as if it came from an enemy.
    pub(crate) async fn load(blobs: &dyn BlobStore, digest: Digest) -> Result<Self, Error> {
        let flaw = |flaw| Error::Format { what: "tree", digest, source: Box::new(flaw) };
        let stat = blobs.stat(&[digest]).await?;
        if let Some(info) = stat.first().copied().flatten().filter(|info| info.size_bytes > MAX_BYTES) {
            return Err(flaw(FormatFlaw::Size(info.size_bytes)));
        }
        let bytes = blobs.read(&digest, None).await?;
        let tree = if bytes.len() < OFF_THREAD {
            Self::decode(&bytes)
        } else {
            lineal_core::on_cpu(move || Self::decode(&bytes)).await?
        };
        tree.map_err(flaw)
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, FormatFlaw> {
        let loaded: Loaded = from_canonical(bytes).map_err(FormatFlaw::Encoding)?;
        if loaded.format != FORMAT {
            return Err(FormatFlaw::Version(excerpt(&loaded.format)));
        }
        let sorted = loaded.entries.is_sorted_by(|one, two| one.path < two.path);
        if !sorted {
            return Err(FormatFlaw::Content("its paths are not in order".to_owned()));
        }
        let tree = Self { entries: loaded.entries };
        tree.check_paths().map_err(|clash| FormatFlaw::Content(clash.to_string()))?;
        Ok(tree)
    }

    pub(crate) fn encode(&self) -> Result<Bytes, Error> {
        let stored = Stored { entries: &self.entries, format: FORMAT };
        let bytes = to_canonical(&stored).map_err(|source| Error::Encode { what: "tree", source: Box::new(source) })?;
        if bytes.len() as u64 > MAX_BYTES {
            let files = format!("{} files", self.entries.len());
            return Err(Error::invalid("tree of", &files, "must have at most 1 GiB as a list"));
        }
        Ok(bytes.into())
    }

    /// Checks that all files can lie in one directory.
    pub(crate) fn check_paths(&self) -> Result<(), lineal_core::PathClash> {
        let mut paths = PathSet::default();
        self.entries.iter().try_for_each(|entry| paths.insert(&entry.path))
    }

    pub(crate) fn get(&self, path: &FilePath) -> Option<&FileEntry> {
        let at = self.entries.binary_search_by(|entry| entry.path.cmp(path)).ok()?;
        self.entries.get(at)
    }

    pub(crate) fn entries(&self) -> &[FileEntry] {
        &self.entries
    }

    /// Returns the tree after `changes`.
    pub(crate) fn apply(&self, changes: &Changes) -> Self {
        let kept = self.entries.iter().filter(|entry| !changes.contains_key(&entry.path));
        let mut entries: Vec<_> = kept.chain(changes.values().flatten()).cloned().collect();
        entries.sort_by(|one, two| one.path.cmp(&two.path));
        Self { entries }
    }

    /// Returns what differs from `self` to `other`, by path.
    pub(crate) fn diff(&self, other: &Self) -> Vec<Change> {
        let (mut old, mut new) = (self.entries.iter().peekable(), other.entries.iter().peekable());
        let mut changes = Vec::new();
        loop {
            let order = match (old.peek(), new.peek()) {
                (Some(old), Some(new)) => old.path.cmp(&new.path),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => return changes,
            };
            let removed = if order.is_le() { old.next() } else { None };
            let added = if order.is_ge() { new.next() } else { None };
            changes.extend(Change::between(removed, added));
        }
    }
}

const FORMAT: &str = "lineal-tree 1";
/// From this size on, decoding leaves the async thread.
const OFF_THREAD: usize = 64 * 1024;
/// Largest tree that is written or read.
const MAX_BYTES: u64 = 1024 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::TableFacts;

    fn entry(path: &str, content: &str) -> FileEntry {
        FileEntry {
            digest: Digest::of(content.as_bytes()),
            media_type: "text/plain".into(),
            path: FilePath::new(path).unwrap(),
            size_bytes: content.len() as u64,
            table: None,
        }
    }

    fn tree(files: &BTreeMap<String, String>) -> Tree {
        Tree { entries: files.iter().map(|(path, content)| entry(path, content)).collect() }
    }

    #[test]
    fn the_stored_form_is_pinned() {
        let mut table = entry("2013/01.parquet", "rows");
        table.table = Some(TableFacts { pages: None, rows: 27_004, schema: Digest::of(b"schema") });
        let tree = Tree { entries: vec![table, entry("readme.md", "# Flights")] };
        let bytes = tree.encode().unwrap();
        insta::assert_snapshot!(std::str::from_utf8(&bytes).unwrap());
        assert_eq!(Tree::decode(&bytes).unwrap(), tree);
        assert_eq!(Tree::decode(&Tree::default().encode().unwrap()).unwrap(), Tree::default());
    }

    #[test]
    fn crafted_trees_are_refused() {
        let text = |entries: Vec<FileEntry>| String::from_utf8(Tree { entries }.encode().unwrap().to_vec()).unwrap();
        let good = text(vec![entry("a", "1"), entry("b", "2")]);
        for crafted in [
            text(vec![entry("b", "1"), entry("a", "2")]),
            text(vec![entry("a", "1"), entry("a", "2")]),
            text(vec![entry("A", "1"), entry("a", "2")]),
            text(vec![entry("a", "1"), entry("a/b", "2")]),
            good.replace("\"path\":\"a\"", "\"path\":\"../a\""),
            good.replace("\"size\":1", "\"size\":-1"),
            good.replace("\"size\":1", "\"size\":9007199254740992"),
            good.replace("lineal-tree 1", "lineal-tree 2"),
            good.replace("\"entries\"", "\"extra\":1,\"entries\""),
            String::new(),
        ] {
            assert!(Tree::decode(crafted.as_bytes()).is_err(), "{crafted}");
        }
    }

    fn files() -> impl Strategy<Value = BTreeMap<String, String>> {
        proptest::collection::btree_map("[a-e]{1,2}", "[xyz]{0,2}", 0..8)
    }

    proptest! {
        #[test]
        fn a_diff_is_what_the_model_says_and_applies(one in files(), two in files()) {
            let (old, new) = (tree(&one), tree(&two));
            let changes = old.diff(&new);
            let paths: Vec<_> = changes.iter().map(|change| change.path().as_str()).collect();
            let mut expected: Vec<_> = one.keys().chain(two.keys()).filter(|path| one.get(*path) != two.get(*path)).collect();
            expected.sort();
            expected.dedup();
            prop_assert_eq!(paths, expected);
            let applied: Changes = changes.iter().map(|change| (change.path().clone(), change.new_entry().cloned())).collect();
            prop_assert_eq!(old.apply(&applied), new);
        }

        #[test]
        fn any_bytes_give_a_tree_or_an_error(files in files(), at in 0_usize..300, byte: u8) {
            let mut bytes = tree(&files).encode().unwrap().to_vec();
            if let Some(found) = bytes.get_mut(at) {
                *found = byte;
            }
            if let Ok(tree) = Tree::decode(&bytes) {
                prop_assert_eq!(tree.encode().unwrap(), bytes);
            }
        }
    }
}
