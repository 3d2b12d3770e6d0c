use std::{
    fs::{self, File, FileTimes, Metadata},
    io,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use super::{FileKind, Wanted, part::Part};
use crate::Error;

/// A local directory of whole files by digest, which checkouts of one machine have in common: a large file is brought there once,
/// and each checkout gets it from there.
///
/// Applies to files above 256 KiB. Files of the pool are verified when they are brought, synced, read-only, and of one fixed time, by which a write
/// to one is noticed: it is brought anew then. Nothing refers to the pool, so it may be deleted at any time, as a whole or file by file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePool {
    directory: PathBuf,
    share: Share,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Share {
    HardLink,
    Clone,
}

impl FilePool {
    /// Hard links: a checkout takes neither time nor space. Its large files are read-only, and whoever writes to one in spite of
    /// that changes it in all checkouts. The directory must lie on the file system of these.
    ///
    /// A link changes the change time of its file, so the caches of other checkouts do not vouch for it any more, and their next
    /// `status` reads it.
    #[must_use]
    pub fn hard_links(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), share: Share::HardLink }
    }

    /// Copies that share their blocks until one of them is written to, where the file system can (Btrfs, XFS); plain copies elsewhere.
    #[must_use]
    pub fn clones(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), share: Share::Clone }
    }

    /// Returns the file's place in the pool, whether it is there or not.
    pub(super) fn place(&self, wanted: &Wanted) -> PathBuf {
        let digest = wanted.digest.to_string();
        // Whether it may be executed is a property of the file that all links share.
        let suffix = if wanted.kind == FileKind::Executable { "-x" } else { "" };
        let shard = digest.get(..2).unwrap_or_default();
        self.directory.join(shard).join(format!("{digest}{suffix}"))
    }

    /// Tells whether the file is there, as it was brought.
    pub(super) fn holds(&self, wanted: &Wanted) -> bool {
        let is_sealed = |file: &Metadata| {
            file.is_file() && file.len() == wanted.size_bytes && file.modified().is_ok_and(|time| time == sealed_time())
        };
        fs::symlink_metadata(self.place(wanted)).is_ok_and(|file| is_sealed(&file))
    }

    /// Begins to bring a file.
    pub(super) fn open(&self, wanted: &Wanted) -> Result<Part, Error> {
        let place = self.place(wanted);
        if let Some(shard) = place.parent() {
            fs::create_dir_all(shard).map_err(Error::local("make", shard))?;
        }
        Part::create(&place, wanted.kind)
    }

    /// Makes the file one of the pool, now that all its bytes were written.
    pub(super) fn seal(&self, part: Part, wanted: &Wanted) -> Result<(), Error> {
        let place = self.place(wanted);
        part.with_file(seal).map_err(Error::local("write", &place))?;
        part.publish(&place)
    }

    /// Gives a checkout the file under a temporary name beside `target`.
    pub(super) fn take(&self, wanted: &Wanted, target: &std::path::Path) -> Result<Part, Error> {
        let place = self.place(wanted);
        match self.share {
            Share::HardLink => Part::hard_link(target, &place),
            Share::Clone => {
                let mut from = File::open(&place).map_err(Error::local("read", &place))?;
                let part = Part::create(target, wanted.kind)?;
                // Where the system can, it copies no byte.
                part.with_file(|mut to| io::copy(&mut from, &mut to)).map_err(Error::local("write", target))?;
                Ok(part)
            }
        }
    }
}

fn seal(file: &File) -> io::Result<()> {
    file.sync_all()?;
    file.set_times(FileTimes::new().set_modified(sealed_time()))?;
    let mut permissions = file.metadata()?.permissions();
    permissions.set_readonly(true);
    file.set_permissions(permissions)
}

/// 2000-01-01: a time that no write leaves.
fn sealed_time() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(946_684_800)
}
