use std::collections::{BTreeMap, BTreeSet, HashSet};

use lineal_core::{Actor, Digest, FilePath, Stamp, State};
use serde::{Deserialize, Serialize};

use crate::{BranchName, CommitId, Error, FileEntry, TagName, tree::Changes};

/// What happens to a repository; a stored format, see `docs/format/data.md`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum DataEvent {
    /// A commit was made on a branch; the first one of a repository begins its branch.
    Committed {
        /// The branch.
        branch: BranchName,
        /// The commit, now the tip of the branch.
        commit: CommitId,
    },
    /// A branch was begun at a commit.
    BranchCreated {
        /// The branch.
        branch: BranchName,
        /// Where.
        commit: CommitId,
    },
    /// A branch was set to another commit.
    BranchMoved {
        /// The branch.
        branch: BranchName,
        /// To where.
        commit: CommitId,
    },
    /// A branch was deleted; its commits stay.
    BranchDeleted {
        /// The branch.
        branch: BranchName,
    },
    /// A path was locked, by the actor of the transaction.
    Locked {
        /// The file or directory.
        path: FilePath,
    },
    /// Files were made unreadable in all versions.
    Purged {
        /// What the store is to purge.
        blobs: BTreeSet<Digest>,
        /// The files, or directories with all in them.
        paths: BTreeSet<FilePath>,
        /// Why.
        reason: String,
        /// Nodes of trees, and what is read in their place.
        substitutes: BTreeMap<Digest, Digest>,
    },
    /// A branch was protected.
    Protected {
        /// The branch.
        branch: BranchName,
        /// Who may commit to it; anyone if empty.
        writers: BTreeSet<Actor>,
    },
    /// A path was unlocked, perhaps by another actor.
    Unlocked {
        /// The file or directory.
        path: FilePath,
    },
    /// The protection of a branch was ended.
    Unprotected {
        /// The branch.
        branch: BranchName,
    },
    /// A tag was set, or moved by force.
    Tagged {
        /// The commit.
        commit: CommitId,
        /// The tag.
        tag: TagName,
    },
    /// A tag was deleted; its commit stays.
    TagDeleted {
        /// The tag.
        tag: TagName,
    },
}

/// Where branches and tags of a repository are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RepositoryState {
    branches: BTreeMap<BranchName, CommitId>,
    /// Paths that only one actor changes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    locks: BTreeMap<FilePath, Actor>,
    /// Paths that were purged, and the blobs with their bytes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    purges: BTreeMap<FilePath, BTreeSet<Digest>>,
    /// Branches that are not moved or deleted, and who commits to them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    protections: BTreeMap<BranchName, BTreeSet<Actor>>,
    /// Commits that a branch or tag left behind when it was moved or deleted: they stay alive.
    retired: BTreeSet<CommitId>,
    /// What is read in place of nodes of trees with bytes of purged files.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    substitutes: BTreeMap<Digest, Digest>,
    tags: BTreeMap<TagName, CommitId>,
}

impl RepositoryState {
    /// Returns the branches and their tips.
    #[must_use]
    pub fn branches(&self) -> &BTreeMap<BranchName, CommitId> {
        &self.branches
    }

    /// Returns the tags and what they name.
    #[must_use]
    pub fn tags(&self) -> &BTreeMap<TagName, CommitId> {
        &self.tags
    }

    /// Returns the locked files and directories, and who locked them.
    #[must_use]
    pub fn locks(&self) -> &BTreeMap<FilePath, Actor> {
        &self.locks
    }

    /// Returns the protected branches, and who may commit to each; anyone if none are named.
    #[must_use]
    pub fn protections(&self) -> &BTreeMap<BranchName, BTreeSet<Actor>> {
        &self.protections
    }

    /// Returns the files and directories that were purged, and the blobs with their bytes.
    #[must_use]
    pub fn purges(&self) -> &BTreeMap<FilePath, BTreeSet<Digest>> {
        &self.purges
    }

    /// Returns the blobs of some purged paths.
    pub(crate) fn purges_of(&self, paths: &BTreeSet<FilePath>) -> BTreeSet<Digest> {
        paths.iter().filter_map(|path| self.purges.get(path)).flatten().copied().collect()
    }

    /// Refuses files whose bytes were purged: the store is to forget them, whoever has them.
    pub(crate) fn check_not_purged(&self, changes: &Changes) -> Result<(), Error> {
        if self.purges.is_empty() {
            return Ok(());
        }
        let purged: HashSet<&Digest> = self.purges.values().flatten().collect();
        let named = changes.values().flatten().flat_map(FileEntry::references).find(|digest| purged.contains(digest));
        named.map_or(Ok(()), |digest| Err(lineal_core::Error::BlobPurged { digest }.into()))
    }

    /// Returns what is read in place of nodes of trees.
    pub(crate) fn substitutes(&self) -> &BTreeMap<Digest, Digest> {
        &self.substitutes
    }

    /// Returns every commit that is kept together with its history.
    pub fn kept(&self) -> impl Iterator<Item = CommitId> + '_ {
        self.branches.values().chain(self.tags.values()).chain(&self.retired).copied()
    }
}

impl State for RepositoryState {
    type Event = DataEvent;
    const KIND: &'static str = "lineal.data";

    fn apply(&mut self, event: &DataEvent, stamp: &Stamp) {
        let left = match event {
            DataEvent::Committed { branch, commit } => {
                self.branches.insert(branch.clone(), *commit);
                // The old tip is a parent of the new one.
                None
            }
            DataEvent::BranchCreated { branch, commit } | DataEvent::BranchMoved { branch, commit } => {
                self.branches.insert(branch.clone(), *commit)
            }
            DataEvent::BranchDeleted { branch } => self.branches.remove(branch),
            DataEvent::Locked { path } => {
                self.locks.insert(path.clone(), stamp.actor.clone());
                None
            }
            DataEvent::Unlocked { path } => {
                self.locks.remove(path);
                None
            }
            DataEvent::Protected { branch, writers } => {
                self.protections.insert(branch.clone(), writers.clone());
                None
            }
            DataEvent::Unprotected { branch } => {
                self.protections.remove(branch);
                None
            }
            DataEvent::Purged { blobs, paths, substitutes, .. } => {
                for path in paths {
                    self.purges.entry(path.clone()).or_default().extend(blobs);
                }
                self.substitutes.extend(substitutes);
                None
            }
            DataEvent::Tagged { commit, tag } => self.tags.insert(tag.clone(), *commit),
            DataEvent::TagDeleted { tag } => self.tags.remove(tag),
        };
        self.retired.extend(left);
    }
}

#[cfg(test)]
mod tests {
    use lineal_core::{Digest, to_canonical};

    use super::*;

    #[test]
    fn the_stored_events_are_pinned() {
        let branch = BranchName::new("main").unwrap();
        let tag = TagName::new("v1").unwrap();
        let commit = CommitId::from(Digest::of(b"commit"));
        let (actor, path) = (Actor::new("ana@example.org").unwrap(), FilePath::new("raw/big.bin").unwrap());
        let events = [
            DataEvent::Committed { branch: branch.clone(), commit },
            DataEvent::BranchCreated { branch: branch.clone(), commit },
            DataEvent::BranchMoved { branch: branch.clone(), commit },
            DataEvent::BranchDeleted { branch },
            DataEvent::Tagged { commit, tag: tag.clone() },
            DataEvent::TagDeleted { tag },
            DataEvent::Protected { branch: BranchName::new("main").unwrap(), writers: BTreeSet::from([actor]) },
            DataEvent::Unprotected { branch: BranchName::new("main").unwrap() },
            DataEvent::Locked { path: path.clone() },
            DataEvent::Unlocked { path: path.clone() },
            DataEvent::Purged {
                blobs: BTreeSet::from([Digest::of(b"file")]),
                paths: BTreeSet::from([path]),
                reason: "request 17".to_owned(),
                substitutes: BTreeMap::from([(Digest::of(b"node"), Digest::of(b"other"))]),
            },
        ];
        let lines: Vec<_> =
            events.iter().map(|event| String::from_utf8(to_canonical(event).unwrap()).unwrap()).collect();
        insta::assert_snapshot!(lines.join("\n"));
    }
}
