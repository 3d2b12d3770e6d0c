use lineal_core::FilePath;

use crate::FileEntry;

/// What became of one file between two versions.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "changes are looked at and dropped: a box for each would cost more")]
pub enum Change {
    /// It is only in the new version.
    Added {
        /// The file there.
        new: FileEntry,
    },
    /// It is only in the old version.
    Removed {
        /// The file there.
        old: FileEntry,
    },
    /// It is in both, with other bytes or another media type.
    Changed {
        /// The file in the old version.
        old: FileEntry,
        /// The file in the new version.
        new: FileEntry,
    },
}

impl Change {
    pub(crate) fn between(old: Option<&FileEntry>, new: Option<&FileEntry>) -> Option<Self> {
        match (old.cloned(), new.cloned()) {
            (None, Some(new)) => Some(Self::Added { new }),
            (Some(old), None) => Some(Self::Removed { old }),
            (Some(old), Some(new)) if old != new => Some(Self::Changed { old, new }),
            _ => None,
        }
    }

    /// Returns the path.
    #[must_use]
    pub fn path(&self) -> &FilePath {
        match self {
            Self::Added { new } | Self::Changed { new, .. } => &new.path,
            Self::Removed { old } => &old.path,
        }
    }

    /// Returns the file as it was, if it was.
    #[must_use]
    pub fn old_entry(&self) -> Option<&FileEntry> {
        match self {
            Self::Added { .. } => None,
            Self::Removed { old } | Self::Changed { old, .. } => Some(old),
        }
    }

    /// Returns the file as it is, if it is.
    #[must_use]
    pub fn new_entry(&self) -> Option<&FileEntry> {
        match self {
            Self::Removed { .. } => None,
            Self::Added { new } | Self::Changed { new, .. } => Some(new),
        }
    }

    /// Returns by how many rows a table grew; negative if it shrank. `None` if neither side is known as a table.
    #[must_use]
    pub fn rows_added(&self) -> Option<i64> {
        let rows = |entry: Option<&FileEntry>| entry.and_then(FileEntry::rows);
        let (old, new) = (rows(self.old_entry()), rows(self.new_entry()));
        if old.is_none() && new.is_none() {
            return None;
        }
        i64::try_from(i128::from(new.unwrap_or(0)) - i128::from(old.unwrap_or(0))).ok()
    }
}
