use std::sync::Arc;

use super::{node::Node, read::Tree};
use crate::{Error, FileEntry, path_order::PathKey};

/// What lies directly in a directory.
#[derive(Debug, Default)]
pub(crate) struct Children {
    /// Files, in the order of the tree.
    pub(crate) files: Vec<FileEntry>,
    /// Paths of directories that have files, in the order of the tree.
    pub(crate) directories: Vec<String>,
}

impl Tree {
    /// Lists a directory: `prefix` is `""` or ends in `/`. What lies in the directories in it is jumped over.
    pub(crate) async fn children(&self, prefix: &str) -> Result<Children, Error> {
        let mut found = Children::default();
        let begin = PathKey::prefix(prefix);
        let mut from = begin.clone();
        while let Some(leaf) = self.leaf_from(&from).await? {
            let Node::Leaf(files) = leaf.as_ref() else { break };
            for file in files.iter().skip(files.partition_point(|file| PathKey::of(&file.path) < from)) {
                let key = PathKey::of(&file.path);
                if !key.starts_with(&begin) {
                    return Ok(found);
                }
                if key < from {
                    continue;
                }
                // Another spelling of the directory cannot be beside it in one tree.
                let Some(rest) = file.path.as_str().strip_prefix(prefix) else { return Ok(found) };
                match rest.split_once('/') {
                    Some((name, _)) => {
                        let directory = format!("{prefix}{name}");
                        from = PathKey::behind(&directory);
                        found.directories.push(directory);
                    }
                    None => found.files.push(file.clone()),
                }
            }
            let Some(last) = files.last() else { break };
            from = from.max(PathKey::behind(last.path.as_str()));
        }
        Ok(found)
    }

    /// Finds the leaf with the first file whose key is `key` or behind it; none behind the last file.
    async fn leaf_from(&self, key: &PathKey) -> Result<Option<Arc<Node>>, Error> {
        let mut node = self.top().await?;
        while let Node::Branch(level, links) = node.as_ref() {
            let at = links.partition_point(|link| PathKey::of(&link.last) < *key);
            let Some(link) = links.get(at) else { return Ok(None) };
            node = self.nodes.below(*level, link).await?;
        }
        let reached = |files: &[FileEntry]| files.last().is_some_and(|file| PathKey::of(&file.path) >= *key);
        Ok(match node.as_ref() {
            Node::Leaf(files) if reached(files) => Some(node),
            _ => None,
        })
    }
}
