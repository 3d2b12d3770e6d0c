use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use lineal_core::{At, Digest, Error, Head, Journal, Links, Name, Roots, State, Store};

use crate::{FileEntry, RepositoryState, commit::StoredCommit, error::FormatFlaw, tree::Node};

/// The media type of a commit.
pub const COMMIT_MEDIA_TYPE: &str = "application/vnd.lineal.commit.v1+json";
/// The media type of a node of a tree.
pub const TREE_MEDIA_TYPE: &str = "application/vnd.lineal.tree.v2";
/// The media type of the schema of a table.
pub const SCHEMA_MEDIA_TYPE: &str = "application/vnd.lineal.schema.v1+json";
/// The media type of a table.
pub(crate) const PARQUET_MEDIA_TYPE: &str = "application/vnd.apache.parquet";
/// The media type of the page table of a table.
pub(crate) const PAGE_TABLE_MEDIA_TYPE: &str = "application/vnd.lineal.table.v1";
/// What collectors are told that files are, whatever their media type: bytes that name no others.
const LEAF: &str = "application/octet-stream";

/// Tells collectors which commits a repository keeps alive: those that a branch or tag names, or ever left behind; and the nodes
/// that are read in place of purged ones.
///
/// Nothing that was ever committed is released in this release. With [`CommitLinks`] and [`TreeLinks`], and
/// [`NoLinks`](lineal_core::NoLinks) for `application/octet-stream`, a collector finds all blobs of a repository.
#[derive(Debug, Clone, Copy, Default)]
pub struct DataRoots;

#[async_trait]
impl Roots for DataRoots {
    #[expect(clippy::expect_used, reason = "the kind is a constant that a test checks")]
    fn kind(&self) -> Name {
        Name::new(RepositoryState::KIND).expect("the kind is a valid name")
    }

    async fn live(&self, store: &Store, prefix: &str, upto: Head) -> Result<BTreeMap<Digest, String>, Error> {
        let state = state_at(store, prefix, upto).await?;
        let commits = state.kept().map(|commit| (commit.digest(), COMMIT_MEDIA_TYPE.to_owned()));
        let nodes = state.substitutes().values().map(|node| (*node, TREE_MEDIA_TYPE.to_owned()));
        Ok(commits.chain(nodes).collect())
    }

    async fn absent(&self, store: &Store, prefix: &str, upto: Head) -> Result<BTreeSet<Digest>, Error> {
        Ok(state_at(store, prefix, upto).await?.substitutes().keys().copied().collect())
    }
}

async fn state_at(store: &Store, prefix: &str, upto: Head) -> Result<RepositoryState, Error> {
    let journal = Journal::<RepositoryState>::builder(store, prefix).open().await?;
    let past = journal.as_of(At::Seq(upto.seq)).await?;
    match past.head.map(|head| head.digest) == Some(upto.digest) {
        true => Ok(past.state),
        false => Err(Error::Collection { reason: format!("journal {prefix} has another entry {}", upto.seq) }),
    }
}

/// Tells collectors what a commit keeps alive: its parents, its tree, and the difference of the code it was made by.
///
/// Data of other repositories that it was derived from is kept by those.
#[derive(Debug, Clone, Copy, Default)]
pub struct CommitLinks;

impl Links for CommitLinks {
    fn media_type(&self) -> &str {
        COMMIT_MEDIA_TYPE
    }

    fn children(&self, bytes: &[u8]) -> Result<Vec<(Digest, String)>, Error> {
        let commit = StoredCommit::decode(bytes).map_err(|flaw| unknown("commit", bytes, &flaw))?;
        let parents = commit.parents.iter().map(|parent| (parent.digest(), COMMIT_MEDIA_TYPE.to_owned()));
        let code = commit.derived_from.code.and_then(|code| code.diff).map(|diff| (diff, LEAF.to_owned()));
        let tree = (commit.tree.digest, commit.tree.media_type);
        Ok(parents.chain([tree]).chain(code).collect())
    }
}

/// Tells collectors what a node of a tree keeps alive: the nodes below it, or its files, and the schemas and page tables of
/// its tables.
#[derive(Debug, Clone, Copy, Default)]
pub struct TreeLinks;

impl Links for TreeLinks {
    fn media_type(&self) -> &str {
        TREE_MEDIA_TYPE
    }

    fn children(&self, bytes: &[u8]) -> Result<Vec<(Digest, String)>, Error> {
        match Node::decode(bytes).map_err(|flaw| unknown("tree", bytes, &flaw))? {
            Node::Leaf(files) => {
                Ok(files.iter().flat_map(FileEntry::references).map(|digest| (digest, LEAF.to_owned())).collect())
            }
            Node::Branch(_, links) => {
                Ok(links.into_iter().map(|link| (link.digest, TREE_MEDIA_TYPE.to_owned())).collect())
            }
        }
    }
}

fn unknown(what: &str, bytes: &[u8], flaw: &FormatFlaw) -> Error {
    Error::UnknownFormat { what: format!("{what} {}", Digest::of(bytes)), found: flaw.to_string() }
}
