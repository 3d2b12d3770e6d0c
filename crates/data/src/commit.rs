use std::{collections::BTreeMap, fmt, str::FromStr};

use bytes::Bytes;
use lineal_core::{Actor, BlobStore, CodeRef, DataRef, Digest, ParseError, Timestamp, from_canonical, to_canonical};
use serde::{Deserialize, Serialize};

use crate::{
    Error, TREE_MEDIA_TYPE,
    bounded::read_one_bounded,
    error::{FormatFlaw, excerpt},
};

/// Names a commit: the SHA-256 of its stored form, and through it of everything in the version and before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommitId(Digest);

impl CommitId {
    /// Returns the digest.
    #[must_use]
    pub const fn digest(self) -> Digest {
        self.0
    }
}

impl From<Digest> for CommitId {
    fn from(digest: Digest) -> Self {
        Self(digest)
    }
}

impl From<CommitId> for Digest {
    fn from(commit: CommitId) -> Self {
        commit.0
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for CommitId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        text.parse().map(Self)
    }
}

/// An immutable version of a dataset, with where it came from, by whom, when and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    id: CommitId,
    stored: StoredCommit,
}

/// What a commit was made from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Origins {
    /// The code that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<CodeRef>,
    /// The data it was made of, of this or of other repositories.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<DataRef>,
}

impl Origins {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A commit as it is stored; see `docs/format/data.md`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoredCommit {
    pub(crate) author: Actor,
    #[serde(default, skip_serializing_if = "Origins::is_empty")]
    pub(crate) derived_from: Origins,
    format: String,
    pub(crate) message: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) parents: Vec<CommitId>,
    pub(crate) time: Timestamp,
    pub(crate) tree: TreeRef,
}

/// The tree of a commit and how it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TreeRef {
    pub(crate) digest: Digest,
    pub(crate) media_type: String,
}

/// What the author says about a commit.
#[derive(Debug, Clone, Default)]
pub(crate) struct Description {
    pub(crate) message: String,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) derived_from: Origins,
}

impl Commit {
    pub(crate) fn new(
        author: Actor,
        description: Description,
        parents: Vec<CommitId>,
        time: Timestamp,
        tree: Digest,
    ) -> Result<(Self, Bytes), Error> {
        let stored = StoredCommit {
            author,
            derived_from: description.derived_from,
            format: FORMAT.to_owned(),
            message: description.message,
            metadata: description.metadata,
            parents,
            time,
            tree: TreeRef { digest: tree, media_type: TREE_MEDIA_TYPE.to_owned() },
        };
        let bytes =
            to_canonical(&stored).map_err(|source| Error::Encode { what: "commit", source: Box::new(source) })?;
        if bytes.len() as u64 > MAX_BYTES {
            let size = format!("{} bytes", bytes.len());
            return Err(Error::invalid("commit of", &size, "must have at most 1 MiB: put what is long into a file"));
        }
        Ok((Self { id: Digest::of(&bytes).into(), stored }, bytes.into()))
    }

    /// Returns what its author said of it.
    pub(crate) fn description(&self) -> Description {
        let StoredCommit { message, metadata, derived_from, .. } = self.stored.clone();
        Description { message, metadata, derived_from }
    }

    pub(crate) async fn load(blobs: &dyn BlobStore, id: CommitId) -> Result<Self, Error> {
        let digest = id.digest();
        let flaw = |flaw| Error::Format { what: "commit", digest, source: Box::new(flaw) };
        let bytes = read_one_bounded(blobs, "commit", digest, MAX_BYTES).await?;
        let stored = StoredCommit::decode(&bytes).map_err(flaw)?;
        if stored.tree.media_type != TREE_MEDIA_TYPE {
            return Err(flaw(FormatFlaw::Version(excerpt(&stored.tree.media_type))));
        }
        Ok(Self { id, stored })
    }

    /// Returns the id.
    #[must_use]
    pub fn id(&self) -> CommitId {
        self.id
    }

    /// Returns who made it.
    #[must_use]
    pub fn author(&self) -> &Actor {
        &self.stored.author
    }

    /// Returns when it was made: not before its parents, whatever the clock said.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        self.stored.time
    }

    /// Returns the message; may be empty.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.stored.message
    }

    /// Returns the metadata.
    #[must_use]
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.stored.metadata
    }

    /// Returns the commits it was made on top of; none for the first one.
    #[must_use]
    pub fn parents(&self) -> &[CommitId] {
        &self.stored.parents
    }

    /// Returns what it was made from.
    #[must_use]
    pub fn derived_from(&self) -> &Origins {
        &self.stored.derived_from
    }

    /// Returns the digest of its tree: equal files have equal trees.
    #[must_use]
    pub fn tree(&self) -> Digest {
        self.stored.tree.digest
    }
}

impl StoredCommit {
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, FormatFlaw> {
        #[derive(Deserialize)]
        struct Stated {
            format: String,
        }
        let stated: Stated = from_canonical(bytes).map_err(FormatFlaw::Encoding)?;
        if stated.format != FORMAT {
            return Err(FormatFlaw::Version(excerpt(&stated.format)));
        }
        from_canonical(bytes).map_err(FormatFlaw::Encoding)
    }
}

const FORMAT: &str = "lineal-commit 1";
/// Largest commit that is written or read.
const MAX_BYTES: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use lineal_core::Name;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_stored_form_is_pinned() {
        let january = DataRef {
            repository: Name::new("flights").unwrap(),
            commit: Digest::of(b"january"),
            path: Some("2013/01.parquet".into()),
            rows: Some(27_004),
        };
        let code = CodeRef { repository: None, commit: "6cfaa1b".into(), dirty: true, diff: Some(Digest::of(b"diff")) };
        let description = Description {
            message: "January, cleaned".into(),
            metadata: BTreeMap::from([("source".into(), "bts".into())]),
            derived_from: Origins { code: Some(code), data: vec![january] },
        };
        let author = Actor::new("ana@example.org").unwrap();
        let parents = vec![Digest::of(b"parent").into()];
        let tree = Digest::of(b"tree");
        let (commit, bytes) = Commit::new(author.clone(), description, parents, Timestamp::EPOCH, tree).unwrap();
        insta::assert_snapshot!(std::str::from_utf8(&bytes).unwrap());
        assert_eq!(StoredCommit::decode(&bytes).unwrap(), commit.stored);

        let (_, bytes) = Commit::new(author, Description::default(), vec![], Timestamp::EPOCH, tree).unwrap();
        insta::assert_snapshot!(std::str::from_utf8(&bytes).unwrap());
        let newer = String::from_utf8(bytes.to_vec()).unwrap().replace("lineal-commit 1", "lineal-commit 2");
        assert!(matches!(StoredCommit::decode(newer.as_bytes()), Err(FormatFlaw::Version(_))));
    }
    proptest! {
        #[test]
        fn any_bytes_give_a_commit_or_an_error(at in 0_usize..260, byte: u8) {
            let author = Actor::new("ana@example.org").unwrap();
            let tree = Digest::of(b"tree");
            let (_, bytes) = Commit::new(author, Description::default(), vec![], Timestamp::EPOCH, tree).unwrap();
            let mut bytes = bytes.to_vec();
            if let Some(found) = bytes.get_mut(at) {
                *found = byte;
            }
            if let Ok(stored) = StoredCommit::decode(&bytes) {
                prop_assert_eq!(to_canonical(&stored).unwrap(), bytes);
            }
        }
    }
}
