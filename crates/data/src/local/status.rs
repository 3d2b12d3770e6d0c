use std::cmp::Ordering;

use lineal_core::FilePath;

use super::{FileKind, Hashed, Wanted};
use crate::path_order::compare;

/// How a directory differs from a version.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// What differs, in the order of a tree.
    pub differences: Vec<Difference>,
    /// How many files do not.
    pub unchanged: u64,
}

/// How one file of a directory differs from a version.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Difference {
    /// The directory has it, the version does not.
    Added(FilePath),
    /// The version has it, the directory does not.
    Removed(FilePath),
    /// Both have it.
    #[non_exhaustive]
    Changed {
        /// The file.
        path: FilePath,
        /// Whether its bytes differ.
        bytes: bool,
        /// Whether it is another kind of file, such as executable.
        kind: bool,
    },
}

impl Difference {
    /// Returns the file.
    #[must_use]
    pub fn path(&self) -> &FilePath {
        match self {
            Self::Added(path) | Self::Removed(path) | Self::Changed { path, .. } => path,
        }
    }
}

/// Compares a version with what a directory has; both are in the order of a tree.
///
/// Linear; memory grows with the number of differences.
#[must_use]
pub fn status(wanted: impl IntoIterator<Item = Wanted>, found: &[Hashed]) -> Status {
    let mut status = Status::default();
    let mut found = found.iter().peekable();
    for wanted in wanted {
        let mut order = Ordering::Greater;
        while let Some(next) = found.peek() {
            order = compare(&next.found.path, &wanted.path);
            if order != Ordering::Less {
                break;
            }
            status.differences.extend(found.next().map(|file| Difference::Added(file.found.path.clone())));
        }
        match found.next_if(|_| order == Ordering::Equal) {
            None => status.differences.push(Difference::Removed(wanted.path)),
            Some(file) => match difference(wanted, file) {
                None => status.unchanged += 1,
                Some(difference) => status.differences.push(difference),
            },
        }
    }
    status.differences.extend(found.map(|file| Difference::Added(file.found.path.clone())));
    status
}

fn difference(wanted: Wanted, file: &Hashed) -> Option<Difference> {
    let kind = !wanted.kind.is_met_by(file.found.kind);
    let is_directory = |kind| kind == FileKind::Directory;
    let bytes = match (is_directory(wanted.kind), is_directory(file.found.kind)) {
        (true, true) => false,
        (false, false) => wanted.digest != file.digest,
        _ => true,
    };
    (bytes || kind).then_some(Difference::Changed { path: wanted.path, bytes, kind })
}
