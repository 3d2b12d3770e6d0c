use std::{
    io,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use lineal_core::object_store::Error as StorageError;
use lineal_core::{Error, Timestamp};

use super::{PackName, blobs::Inner};
use crate::blocking::blocking;

/// A file into which a pack was being written on a local disk: `<pack>#<number>` beside its place. Listings hide it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Staged {
    pub(crate) pack: PackName,
    pub(crate) path: PathBuf,
    /// When it was last written to, by the clock of the file system.
    pub(crate) modified: Timestamp,
}

impl Inner {
    /// Finds the staging files of packs; none on anything but a local disk.
    pub(crate) async fn staged(&self) -> Result<Vec<Staged>, Error> {
        let key = self.store.key(&format!("{}/pack", self.prefix))?;
        let Some(root) = self.store.local_path(&key) else { return Ok(Vec::new()) };
        self.on_disk("list", move || find(&root)).await
    }

    /// Removes a staging file; it may be gone.
    pub(crate) async fn remove_staged(&self, file: Staged) -> Result<(), Error> {
        self.on_disk("delete", move || match std::fs::remove_file(&file.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        })
        .await
    }

    async fn on_disk<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let done = blocking(move || Ok(work())).await.map_err(|_| Error::WorkerPanicked)?;
        done.map_err(|source| Error::Storage {
            operation,
            key: format!("{}/pack", self.prefix),
            source: Box::new(StorageError::Generic { store: "lineal", source: source.into() }),
        })
    }
}

/// Looks into the directories of `root`, and no deeper. Neither it nor what is in them is followed if it is a link.
fn find(root: &Path) -> io::Result<Vec<Staged>> {
    let mut found = Vec::new();
    match std::fs::symlink_metadata(root) {
        Ok(meta) if meta.is_dir() => {}
        Ok(_) => return Ok(found),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(error),
    }
    for shard in std::fs::read_dir(root)? {
        let shard = shard?;
        if !shard.file_type()?.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(shard.path())? {
            let file = file?;
            let Some(pack) = file.file_name().to_str().and_then(staged_pack) else { continue };
            // Of the entry itself, not of what it may point to. A writer may have ended meanwhile.
            let Ok(meta) = file.metadata() else { continue };
            if meta.is_file() {
                found.push(Staged { pack, path: file.path(), modified: modified(&meta)? });
            }
        }
    }
    found.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    Ok(found)
}

/// Returns the pack for which a file of this name was staged.
fn staged_pack(name: &str) -> Option<PackName> {
    let (pack, number) = name.split_once('#')?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| pack.parse().ok()).flatten()
}

fn modified(meta: &std::fs::Metadata) -> io::Result<Timestamp> {
    let since = meta.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)))
}
