use std::{
    ffi::OsString,
    fs, io,
    io::{Read, Write},
    ops::Range,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use lineal_core::Timestamp;

use super::{
    Moment,
    block::{self, BlockName, HEADER_BYTES},
};

/// A subdirectory, which keeps to its share of the bound by itself.
///
/// Two processes that trim it at once choose the same files, so they need no lock; one that another has deleted is gone
/// as well.
#[derive(Debug)]
pub(super) struct Shard {
    path: PathBuf,
    ways: usize,
}

impl Shard {
    pub(super) fn new(root: &Path, index: u64, ways: usize) -> Self {
        Self { path: root.join(format!("{index:02x}")), ways }
    }

    /// Returns the bytes of a block that covers `range` of its pack, and notes that it was used.
    pub(super) fn read(&self, name: &BlockName, range: Range<u64>, now: Timestamp) -> Option<Bytes> {
        if !is_directory(&self.path) {
            return None;
        }
        let path = self.path.join(name.to_string());
        let size = range.end.checked_sub(range.start)? + HEADER_BYTES as u64;
        let meta = fs::symlink_metadata(&path).ok()?;
        let read = (meta.is_file() && meta.len() == size).then(|| read_file(&path, size, now));
        let block = match read {
            // A file that cannot be read now may be readable the next time.
            Some(Err(_)) => return None,
            Some(Ok(bytes)) => name.unseal(bytes),
            None => None,
        };
        if block.is_none() {
            self.remove(name);
        }
        block
    }

    /// Writes a block, unless it is there, and makes room for it before.
    pub(super) fn write(&self, name: &BlockName, bytes: &[u8], moment: Moment) -> io::Result<()> {
        self.make()?;
        let path = self.path.join(name.to_string());
        if fs::symlink_metadata(&path).is_ok() {
            return Ok(());
        }
        self.trim(self.ways.saturating_sub(1))?;
        let unfinished = self.path.join(name.unfinished(moment.id));
        let written = write_file(&unfinished, &name.seal(bytes), moment.now);
        let written = written.and_then(|()| fs::rename(&unfinished, &path));
        if written.is_err() {
            fs::remove_file(&unfinished).ok();
        }
        // Others may have made room for their blocks at the same time: whoever comes last sees all of them.
        written.and(self.trim(self.ways))
    }

    pub(super) fn remove(&self, name: &BlockName) {
        if is_directory(&self.path) {
            // What cannot be removed is not believed either.
            fs::remove_file(self.path.join(name.to_string())).ok();
        }
    }

    /// Deletes what was not used for the longest time until at most `keep` files are left, and a few more, so that it is
    /// not done for each block.
    ///
    /// # Errors
    /// If there are more still: nothing may be written then.
    pub(super) fn trim(&self, keep: usize) -> io::Result<()> {
        if !is_directory(&self.path) {
            return Ok(());
        }
        let own = own_files(&self.path)?;
        if own.len() <= keep {
            return Ok(());
        }
        let excess = own.len() - (keep - keep / 16);
        for path in oldest_first(own).into_iter().take(excess) {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Makes the directory, but not the one above: if that is gone, it was taken away.
    fn make(&self) -> io::Result<()> {
        match make_private(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_directory(&self.path) => Ok(()),
            made => made,
        }
    }
}

fn make_private(path: &Path) -> io::Result<()> {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "only Unix has modes"))]
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Tells whether there is a directory, and not a link to one.
fn is_directory(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir())
}

fn own_files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut own = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let is_own = |name: OsString| name.to_str().is_some_and(block::is_own);
        if is_own(entry.file_name()) && entry.file_type().is_ok_and(|kind| !kind.is_dir()) {
            own.push(entry.path());
        }
    }
    Ok(own)
}

fn oldest_first(files: Vec<PathBuf>) -> Vec<PathBuf> {
    let used = |path: PathBuf| {
        let used = fs::symlink_metadata(&path).and_then(|meta| meta.modified());
        (used.unwrap_or(SystemTime::UNIX_EPOCH), path)
    };
    let mut files: Vec<(SystemTime, PathBuf)> = files.into_iter().map(used).collect();
    files.sort_unstable();
    files.into_iter().map(|(_, path)| path).collect()
}

/// Reads a file of a known size, and marks it as used if the mark is old.
fn read_file(path: &Path, size: u64, now: Timestamp) -> io::Result<Vec<u8>> {
    let file = fs::File::open(path)?;
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    // One byte more shows that it has grown; the checksum refuses it then.
    (&file).take(size + 1).read_to_end(&mut bytes)?;
    let now = system_time(now);
    let marked = file.metadata().and_then(|meta| meta.modified()).ok();
    let recent = marked.is_some_and(|marked| now.duration_since(marked).is_ok_and(|age| age < MARK_EVERY));
    if !recent {
        // Without the mark it is only deleted sooner.
        file.set_modified(now).ok();
    }
    Ok(bytes)
}

/// Writes a file that must not be there yet. Nothing is synced: the checksum finds what a crash left torn.
fn write_file(path: &Path, bytes: &[u8], now: Timestamp) -> io::Result<()> {
    let mut file = fs::File::create_new(path)?;
    file.write_all(bytes)?;
    file.set_modified(system_time(now))
}

fn system_time(time: Timestamp) -> SystemTime {
    let nanos = Duration::from_nanos(time.as_nanos().unsigned_abs());
    let moved = match time < Timestamp::EPOCH {
        true => SystemTime::UNIX_EPOCH.checked_sub(nanos),
        false => SystemTime::UNIX_EPOCH.checked_add(nanos),
    };
    moved.unwrap_or(SystemTime::UNIX_EPOCH)
}

/// How old a mark of use gets before it is renewed.
const MARK_EVERY: Duration = Duration::from_secs(600);
