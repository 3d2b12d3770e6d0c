use std::{fmt, fs::Metadata};

use bytes::Bytes;
use lineal_core::{Digest, FilePath};

use super::FileKind;
use crate::{FileEntry, Reference, Stored};

/// One file that a version has, and a directory should have.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wanted {
    /// Where it lies.
    pub path: FilePath,
    /// What it is.
    pub kind: FileKind,
    /// SHA-256 of its bytes: of the target, for a link; of no bytes, for a directory.
    pub digest: Digest,
    /// Size of its bytes.
    pub size_bytes: u64,
    /// Its bytes, if they are at hand; otherwise they are in a blob, or where `reference` says.
    pub bytes: Option<Bytes>,
    /// Where its bytes are read, if that is not a blob.
    pub reference: Option<Box<Reference>>,
}

impl From<FileEntry> for Wanted {
    fn from(entry: FileEntry) -> Self {
        let FileEntry { path, kind, digest, size_bytes, stored, .. } = entry;
        let (bytes, reference) = match stored {
            Stored::Inline(bytes) => (Some(bytes), None),
            Stored::Blob | Stored::Purged => (None, None),
            Stored::Elsewhere(reference) => (None, Some(reference)),
        };
        Self { path, kind, digest, size_bytes, bytes, reference }
    }
}

impl Wanted {
    /// States a file whose bytes are in a blob.
    #[must_use]
    pub fn new(path: FilePath, kind: FileKind, digest: Digest, size_bytes: u64) -> Self {
        Self { path, kind, digest, size_bytes, bytes: None, reference: None }
    }

    /// Gives it its bytes. They must be those of the digest: that is not checked.
    #[must_use]
    pub fn with_bytes(mut self, bytes: Bytes) -> Self {
        self.bytes = Some(bytes);
        self
    }

    /// Tells whether a file found with this kind and digest is the one wanted.
    pub(crate) fn is_met_by(&self, kind: FileKind, digest: Digest) -> bool {
        self.kind.is_met_by(kind) && (kind == FileKind::Directory || self.digest == digest)
    }
}

/// One file that lies in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Found {
    /// Where it lies.
    pub path: FilePath,
    /// What it is.
    pub kind: FileKind,
    /// Size of its bytes; of the target for a link, 0 for a directory.
    pub size_bytes: u64,
    /// What changes whenever the file does.
    pub stamp: Stamp,
}

/// A file found, with the digest of its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hashed {
    /// The file.
    pub found: Found,
    /// SHA-256 of its bytes; of no bytes, for a directory.
    pub digest: Digest,
}

/// What the system says of a file that changes when its bytes do, by and large: two writes within one tick of the
/// system's clock may leave it as it is. All zero for a directory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stamp {
    /// When its bytes were last changed, in nanoseconds since 1970.
    pub modified_ns: i64,
    /// When anything of it was last changed, in nanoseconds since 1970; 0 where the system does not tell.
    pub changed_ns: i64,
    /// The device it is on; 0 where the system does not tell.
    pub device: u64,
    /// Its number there; 0 where the system does not tell.
    pub inode: u64,
}

impl Stamp {
    #[cfg(unix)]
    pub(crate) fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        let nanos = |secs: i64, nanos: i64| secs.saturating_mul(NANOS_PER_SEC).saturating_add(nanos);
        Self {
            modified_ns: nanos(metadata.mtime(), metadata.mtime_nsec()),
            changed_ns: nanos(metadata.ctime(), metadata.ctime_nsec()),
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }

    #[cfg(not(unix))]
    pub(crate) fn of(metadata: &Metadata) -> Self {
        let since = metadata.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        let nanos = since.and_then(|since| i64::try_from(since.as_nanos()).ok());
        // A time that cannot be told is in the future, and so never trusted.
        Self { modified_ns: nanos.unwrap_or(i64::MAX), ..Self::default() }
    }
}

/// A file that cannot be part of a dataset, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnfitFile {
    /// Its path in the directory, escaped where it cannot be shown.
    pub path: String,
    /// The rule it breaks, as a phrase for people.
    pub rule: &'static str,
}

impl UnfitFile {
    pub(crate) fn new(path: &str, rule: &'static str) -> Self {
        let path = path.chars().take(SHOWN_CHARS).flat_map(char::escape_debug).collect();
        Self { path, rule }
    }
}

impl fmt::Display for UnfitFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" ({})", self.path, self.rule)
    }
}

#[cfg(unix)]
const NANOS_PER_SEC: i64 = 1_000_000_000;
const SHOWN_CHARS: usize = 200;
