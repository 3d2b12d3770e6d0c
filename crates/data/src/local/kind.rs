use std::fs::Metadata;

use crate::FileKind;

impl FileKind {
    /// Returns what metadata of a file that is not a link says; `None` for a pipe, a socket or a device.
    pub(crate) fn of(metadata: &Metadata) -> Option<Self> {
        if metadata.is_symlink() {
            return Some(Self::Symlink);
        }
        if metadata.is_dir() {
            return Some(Self::Directory);
        }
        metadata.is_file().then(|| if is_executable(metadata) { Self::Executable } else { Self::Regular })
    }

    /// Tells whether a file of kind `found` on this system can be what is wanted.
    pub(crate) fn is_met_by(self, found: Self) -> bool {
        self == found || (!cfg!(unix) && self == Self::Executable && found == Self::Regular)
    }

    /// Returns the number of the kind in stored forms.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Regular => 0,
            Self::Executable => 1,
            Self::Symlink => 2,
            Self::Directory => 3,
        }
    }

    pub(crate) fn from_code(code: u8) -> Option<Self> {
        [Self::Regular, Self::Executable, Self::Symlink, Self::Directory].into_iter().find(|kind| kind.code() == code)
    }
}

#[cfg(unix)]
fn is_executable(metadata: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    metadata.mode() & 0o100 != 0
}

#[cfg(not(unix))]
fn is_executable(_metadata: &Metadata) -> bool {
    false
}
