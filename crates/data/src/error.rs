use std::{error::Error as StdError, fmt::Display, io, path::PathBuf};

use lineal_core::{
    Actor, CanonicalError, Digest, ErrorKind, FilePath, InvalidName, InvalidPath, PathClash, object_store,
};

use crate::{BranchName, CommitId, MergeConflict, Refusal, SchemaMismatch, local::UnfitFile};

/// What can go wrong with a repository.
///
/// [`Error::kind`] says what to do about it; the cause, where there is one, is in `source`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The name of a repository, branch or tag breaks a rule. Choose another one.
    #[error("name cannot be used")]
    Name {
        /// The rule that is broken.
        #[from]
        source: InvalidName,
    },

    /// A file's name cannot be written out on every system. Rename the file.
    #[error("file cannot be part of a dataset")]
    Path {
        /// The rule that is broken.
        #[from]
        source: InvalidPath,
    },

    /// Two files of a version cannot lie in one directory. Rename one of them.
    #[error("files of the version clash")]
    Clash {
        /// Which.
        #[from]
        source: PathClash,
    },

    /// A value of the request breaks a rule. Correct it.
    #[error("{what} {value:?}: {rule}")]
    Invalid {
        /// What kind of value it is.
        what: &'static str,
        /// The value, cut to a length fit for a message.
        value: String,
        /// The rule.
        rule: &'static str,
    },

    /// No branch, tag or commit answers to this name, or the history does not reach back so far.
    #[error("repository has no revision {revision:?}")]
    NoSuchRevision {
        /// The name asked for.
        revision: String,
    },

    /// There is no such branch. Create it, or check the spelling.
    #[error("repository has no branch {branch}")]
    NoSuchBranch {
        /// The name asked for.
        branch: BranchName,
    },

    /// The version has no file of this name.
    #[error("{} has no file {path:?}", version(*commit))]
    NoSuchPath {
        /// The version; `None` before the first commit.
        commit: Option<CommitId>,
        /// The path asked for.
        path: String,
    },

    /// The name is taken by a branch or a tag. Choose another one, or move the tag by force.
    #[error("name {name} is taken by a {by}")]
    Taken {
        /// The name.
        name: String,
        /// `branch` or `tag`.
        by: &'static str,
    },

    /// Another commit changed the same files since the base of this one. Read the new version, decide, commit again.
    #[error("branch {branch}: {count} of the files changed since the base of this commit, first {first}")]
    Conflict {
        /// The branch.
        branch: BranchName,
        /// How many paths overlap.
        count: usize,
        /// One of them.
        first: Box<FilePath>,
        /// The commit that the branch is at.
        tip: CommitId,
    },

    /// The branch over there has commits that are not in the history of the one that was pushed. Pull and merge first.
    #[error("branch {branch} has commits over there that are not here")]
    Diverged {
        /// The branch.
        branch: BranchName,
    },

    /// Both sides of a merge changed these files, each in another way; nothing was recorded. Say which side counts, by a
    /// [`Resolve`](crate::Resolve), or change one of them first.
    #[error("branch {branch}: {} of the files changed on both sides, first {}", conflicts.len(), first(conflicts))]
    Conflicts {
        /// The branch.
        branch: BranchName,
        /// All of them, in the order of the tree.
        conflicts: Vec<MergeConflict>,
    },

    /// Somebody else locked the file, or a directory above it. Ask them, or break the lock.
    #[error("{path} is locked by {by}")]
    Locked {
        /// What is locked.
        path: Box<FilePath>,
        /// By whom.
        by: Actor,
    },

    /// The branch is protected: it is not moved or deleted, and others may commit to it. Use a branch of your own.
    #[error("branch {branch} is protected")]
    Protected {
        /// The branch.
        branch: BranchName,
    },

    /// The branch is no longer where the caller said. Look again.
    #[error("branch {branch} has moved")]
    Moved {
        /// The branch.
        branch: BranchName,
    },

    /// The commit would change nothing; nothing was recorded.
    #[error("branch {branch}: the commit would change nothing")]
    Unchanged {
        /// The branch.
        branch: BranchName,
    },

    /// A hook refused the commit; nothing was recorded.
    #[error("branch {branch}: commit refused")]
    Refused {
        /// The branch.
        branch: BranchName,
        /// By which hook and why.
        source: Box<Refusal>,
    },

    /// Batches do not have the schema of the table, or of each other.
    #[error("table {path}: schema differs")]
    Schema {
        /// The table.
        path: FilePath,
        /// How.
        source: Box<SchemaMismatch>,
    },

    /// A column has a type without a frozen name here, or one that this operation cannot handle. Convert the column.
    #[error("column {column:?}: type {found} is not supported")]
    UnsupportedType {
        /// The column.
        column: String,
        /// Its type.
        found: String,
    },

    /// The table or batch has no such column.
    #[error("{place} has no column {column:?}")]
    NoSuchColumn {
        /// The table, or `batch`.
        place: String,
        /// The column asked for.
        column: String,
    },

    /// A table may not change its columns in this way. Write it anew under another path, or choose another change.
    #[error("table {path}: column {column:?} {rule}")]
    Evolution {
        /// The table.
        path: FilePath,
        /// The column.
        column: String,
        /// The rule that is broken.
        rule: &'static str,
    },

    /// Two rows have the same key. Choose a key that tells all rows apart, or take one of them away.
    #[error("table {path}: key {key:?} occurs twice in the {place}")]
    DuplicateKey {
        /// The table.
        path: FilePath,
        /// `table` or `update`.
        place: &'static str,
        /// The values of the key columns, cut to a length fit for a message.
        key: String,
    },

    /// The file is not a table that can be read: not Parquet, damaged before it was committed, or of an unknown kind.
    #[error("table {path} cannot be read")]
    NotATable {
        /// The file.
        path: FilePath,
        /// What the reader said.
        source: Box<dyn StdError + Send + Sync>,
    },

    /// Batches could not be written as Parquet.
    #[error("table {path} cannot be written")]
    WriteTable {
        /// The table.
        path: FilePath,
        /// What the writer said.
        source: Box<dyn StdError + Send + Sync>,
    },

    /// A stored commit, tree, schema or page table is not what this release can read, or a file not what is said of it. Upgrade,
    /// or restore the blob.
    #[error("{what} {digest} cannot be read")]
    Format {
        /// `commit`, `tree`, `schema`, `page table`, or `file` if it is larger than stated.
        what: &'static str,
        /// The blob.
        digest: Digest,
        /// What is wrong.
        source: Box<FormatFlaw>,
    },

    /// Something has no canonical encoding, for instance a file of 2^53 bytes or more.
    #[error("cannot encode the {what}")]
    Encode {
        /// `commit`, `tree` or `schema`.
        what: &'static str,
        /// Why.
        source: Box<CanonicalError>,
    },

    /// Files of a directory cannot be part of a dataset. Rename them, remove them, or have them ignored.
    #[error("directory {}: {count} files cannot be part of a dataset: {}", root.display(), some(files, *count))]
    Unfit {
        /// The directory.
        root: PathBuf,
        /// How many files.
        count: usize,
        /// The first of them, and why.
        files: Vec<UnfitFile>,
    },

    /// Files of the directory were changed since they were checked out, and would be lost; they are as they were. Commit
    /// them, move them away, or force it.
    #[error("directory {}: {count} files have local changes: {}", root.display(), some(files, *count))]
    LocalChanges {
        /// The directory.
        root: PathBuf,
        /// How many files.
        count: usize,
        /// The first of them.
        files: Vec<FilePath>,
    },

    /// A local file was changed while it was being read or replaced, again and again. Try again when it rests.
    #[error("file {} changes all the time", path.display())]
    Restless {
        /// The file.
        path: PathBuf,
    },

    /// A local file could not be read or written.
    #[error("cannot {operation} {}", path.display())]
    Local {
        /// What was tried: `read`, `write`, `make`, …
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// The bytes of the file were purged from all versions. There is nothing to be done.
    #[error("file {path} was purged")]
    Purged {
        /// The file.
        path: FilePath,
    },

    /// A file lies elsewhere, and nobody said how to get there. Open the repository with a source for its address.
    #[error("file {path} lies at {url}, for which there is no source")]
    NoSource {
        /// The file.
        path: FilePath,
        /// Where its bytes are.
        url: String,
    },

    /// A file that lies elsewhere is not what it was when it was committed. Restore it there, or commit it as it is now.
    #[error("file {path}: {url} was changed")]
    SourceChanged {
        /// The file.
        path: FilePath,
        /// Where its bytes are.
        url: String,
    },

    /// A file that lies elsewhere could not be read there.
    #[error("file {path}: {url} cannot be read")]
    Source {
        /// The file.
        path: FilePath,
        /// Where its bytes are.
        url: String,
        /// What the object store said.
        source: Box<object_store::Error>,
    },

    /// The journal or the blob store could not do it, or its bytes are missing or damaged.
    #[error(transparent)]
    Store(#[from] lineal_core::Error),
}

/// What keeps a stored commit, tree or schema from being read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormatFlaw {
    /// It is not canonical JSON of the right shape.
    #[error(transparent)]
    Encoding(CanonicalError),
    /// It states another format.
    #[error("its format is {0:?}")]
    Version(String),
    /// It is larger than any of its kind may be.
    #[error("it has {0} bytes")]
    Size(u64),
    /// Its contents break a rule that every writer keeps.
    #[error("{0}")]
    Content(String),
}

impl Error {
    /// Returns what the caller must do about the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Name { .. }
            | Self::Path { .. }
            | Self::Clash { .. }
            | Self::Invalid { .. }
            | Self::Unchanged { .. }
            | Self::Schema { .. }
            | Self::Evolution { .. }
            | Self::DuplicateKey { .. }
            | Self::NotATable { .. }
            | Self::WriteTable { .. }
            | Self::Encode { .. }
            | Self::Unfit { .. } => ErrorKind::Invalid,
            Self::NoSuchRevision { .. }
            | Self::NoSuchBranch { .. }
            | Self::NoSuchPath { .. }
            | Self::NoSuchColumn { .. } => ErrorKind::NotFound,
            Self::Taken { .. }
            | Self::Conflict { .. }
            | Self::Conflicts { .. }
            | Self::Diverged { .. }
            | Self::Moved { .. }
            | Self::LocalChanges { .. } => ErrorKind::Conflict,
            Self::Restless { .. } => ErrorKind::Unavailable,
            Self::Refused { .. } | Self::Locked { .. } | Self::Protected { .. } => ErrorKind::Denied,
            Self::UnsupportedType { .. } => ErrorKind::Unsupported,
            Self::Format { source, .. } => match **source {
                FormatFlaw::Version(_) => ErrorKind::Unsupported,
                _ => ErrorKind::Corrupt,
            },
            Self::NoSource { .. } | Self::Purged { .. } => ErrorKind::NotFound,
            Self::SourceChanged { .. } => ErrorKind::Corrupt,
            Self::Source { source, .. } => match **source {
                object_store::Error::NotFound { .. } => ErrorKind::NotFound,
                object_store::Error::InvalidPath { .. } => ErrorKind::Invalid,
                object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
                    ErrorKind::Denied
                }
                _ => ErrorKind::Unavailable,
            },
            Self::Local { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => ErrorKind::NotFound,
                io::ErrorKind::PermissionDenied => ErrorKind::Denied,
                _ => ErrorKind::Unavailable,
            },
            Self::Store(error) => error.kind(),
        }
    }

    pub(crate) fn invalid(what: &'static str, value: &str, rule: &'static str) -> Self {
        Self::Invalid { what, value: excerpt(value), rule }
    }

    /// Makes of a system's error one that names the local file and what was tried.
    pub(crate) fn local(operation: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Local { operation, path: path.into(), source }
    }
}

/// Cuts text to a length fit for a message.
pub(crate) fn excerpt(text: &str) -> String {
    text.chars().take(SHOWN_CHARS).collect()
}

/// Shows those of `count` things that are at hand.
fn some<T: Display>(shown: &[T], count: usize) -> String {
    let more = if shown.len() < count { ", …" } else { "" };
    let shown: Vec<String> = shown.iter().map(T::to_string).collect();
    shown.join(", ") + more
}

fn version(commit: Option<CommitId>) -> String {
    commit.map_or_else(|| "the empty version".to_owned(), |commit| format!("version {commit}"))
}

fn first(conflicts: &[MergeConflict]) -> String {
    conflicts.first().map(|conflict| conflict.path.to_string()).unwrap_or_default()
}

const SHOWN_CHARS: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_fits_in_128_bytes() {
        assert!(size_of::<Error>() <= 128, "{}", size_of::<Error>());
    }
}
