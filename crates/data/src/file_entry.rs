use bytes::Bytes;
use lineal_core::{Digest, FilePath};
use serde::{Deserialize, Serialize};

use crate::{Reference, reference::InPlace};

/// One file of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileEntry {
    /// SHA-256 of its bytes; of a symbolic link, of its target.
    pub digest: Digest,
    /// What a checkout makes of it.
    pub kind: FileKind,
    /// What its bytes are, e.g. `application/vnd.apache.parquet`.
    pub media_type: String,
    /// Where it lies.
    pub path: FilePath,
    /// Size in bytes.
    pub size_bytes: u64,
    /// Where its bytes are.
    pub stored: Stored,
    /// What is known of it as a table; `None` for a file that was not written as one.
    pub table: Option<TableFacts>,
}

/// What a checkout makes of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FileKind {
    /// A regular file.
    #[default]
    Regular,
    /// A regular file that may be executed.
    Executable,
    /// A symbolic link; its bytes are its target, a relative path that stays within the version.
    Symlink,
    /// A directory without files, which has no bytes. One with files is not stated.
    Directory,
}

/// Where the bytes of a file are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stored {
    /// In the blob of its digest.
    #[default]
    Blob,
    /// In the tree itself: few bytes.
    Inline(Bytes),
    /// In an object of somebody else, which is read in place.
    Elsewhere(Box<Reference>),
    /// Nowhere any more: see [`Repository::purge`](crate::Repository::purge).
    Purged,
}

/// Where to read the bytes of a file.
pub(crate) enum Contents<'a> {
    Blob(Digest),
    Bytes(&'a Bytes),
    Elsewhere(InPlace<'a>),
    Purged,
}

/// What a version knows of a table without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TableFacts {
    /// The blob with its page table; `None` for a table of a release that had none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pages: Option<Digest>,
    /// How many rows.
    pub rows: u64,
    /// The blob with its [`TableSchema`](crate::TableSchema): equal schemas have equal digests.
    pub schema: Digest,
}

impl FileEntry {
    /// Describes a regular file whose bytes are in a blob.
    pub(crate) fn new(path: FilePath, digest: Digest, size_bytes: u64, media_type: String) -> Self {
        let (kind, stored) = (FileKind::Regular, Stored::Blob);
        Self { digest, kind, media_type, path, size_bytes, stored, table: None }
    }

    /// Describes a file with these bytes; few of them go into the tree.
    pub(crate) fn of_bytes(path: FilePath, kind: FileKind, bytes: &Bytes, media_type: String) -> Self {
        let size_bytes = bytes.len() as u64;
        let stored = if is_inline(kind, size_bytes) { Stored::Inline(bytes.clone()) } else { Stored::Blob };
        Self { kind, stored, ..Self::new(path, Digest::of(bytes), size_bytes, media_type) }
    }

    /// Returns the blob that holds its bytes; none for one whose bytes are in the tree or elsewhere, or that has none.
    #[must_use]
    pub fn blob(&self) -> Option<Digest> {
        match self.stored {
            Stored::Blob if self.kind != FileKind::Directory => Some(self.digest),
            _ => None,
        }
    }

    /// Returns the blobs that are needed to read it: its bytes, and what is known of it as a table.
    pub(crate) fn references(&self) -> impl Iterator<Item = Digest> + '_ {
        let facts = self.table.into_iter();
        self.blob().into_iter().chain(facts.flat_map(|facts| [Some(facts.schema), facts.pages]).flatten())
    }

    /// Returns the blob that holds its bytes, or its bytes, or where they are.
    pub(crate) fn contents(&self) -> Contents<'_> {
        static NONE: Bytes = Bytes::new();
        match &self.stored {
            Stored::Blob if self.kind == FileKind::Directory => Contents::Bytes(&NONE),
            Stored::Blob => Contents::Blob(self.digest),
            Stored::Inline(bytes) => Contents::Bytes(bytes),
            Stored::Elsewhere(reference) => Contents::Elsewhere(InPlace::of(self, reference)),
            Stored::Purged => Contents::Purged,
        }
    }

    /// Returns the number of rows, for a table.
    #[must_use]
    pub fn rows(&self) -> Option<u64> {
        self.table.map(|table| table.rows)
    }
}

/// Tells whether the bytes of a file lie in the tree itself.
///
/// A rule and not a choice: equal files give equal trees. Of what is read elsewhere, too: so few bytes are copied.
pub(crate) fn is_inline(kind: FileKind, size_bytes: u64) -> bool {
    match kind {
        FileKind::Regular | FileKind::Executable => size_bytes <= INLINE_BYTES,
        FileKind::Symlink => true,
        FileKind::Directory => false,
    }
}

/// Files up to this size have their bytes in the tree: a blob of its own would cost more than it holds.
pub(crate) const INLINE_BYTES: u64 = 256;
