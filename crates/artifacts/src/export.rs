use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt, stream::BoxStream};
use lineal_core::{BlobStore, Digest, FilePath, Hasher, Progress, ProgressEvent, file_stream};

use crate::{Error, FileEntry, Manifest};

/// What an export did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exported {
    /// Files written.
    pub written: u64,
    /// Files that lay there already with the right bytes.
    pub kept: u64,
    /// Bytes written.
    pub size_bytes: u64,
}

pub(crate) async fn export(
    blobs: &dyn BlobStore,
    manifest: &Manifest,
    directory: &Path,
    progress: &dyn Progress,
) -> Result<Exported, Error> {
    let task = format!("export to {}", directory.display());
    progress.report(ProgressEvent::Started { task: &task, total: Some(manifest.size_bytes()), unit: "bytes" });
    let outcome = export_all(blobs, manifest, directory, progress, &task).await;
    progress.report(ProgressEvent::Finished { task: &task });
    outcome
}

async fn export_all(
    blobs: &dyn BlobStore,
    manifest: &Manifest,
    directory: &Path,
    progress: &dyn Progress,
    task: &str,
) -> Result<Exported, Error> {
    let mut done = Exported::default();
    let root = directory.to_owned();
    blocking(move || fs::create_dir_all(&root).map_err(Error::local("make", root))).await?;
    for (name, file) in manifest.files() {
        let (root, below) = (directory.to_owned(), name.clone());
        let target = blocking(move || make_way(&root, &below)).await?;
        if holds(&target, file).await? {
            done.kept += 1;
        } else {
            write_pieces(blobs.stream(&file.digest).await?.err_into().boxed(), &target, &target).await?;
            done.written += 1;
            done.size_bytes += file.size_bytes;
        }
        progress.report(ProgressEvent::Advanced { task, by: file.size_bytes });
    }
    Ok(done)
}

/// Makes the directories down to a file, each a real one, and returns the file's place.
fn make_way(root: &Path, name: &FilePath) -> Result<PathBuf, Error> {
    let mut path = root.to_owned();
    let mut components = name.components().peekable();
    while let Some(component) = components.next() {
        path.push(component);
        if components.peek().is_none() {
            break;
        }
        match fs::create_dir(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let found = fs::symlink_metadata(&path).map_err(Error::local("look at", &path))?;
                if !found.is_dir() {
                    return Err(Error::Occupied { path, found: "not a directory" });
                }
            }
            Err(source) => {
                return Err(Error::Local { operation: "make", path, source });
            }
        }
    }
    Ok(path)
}

/// Tells whether the file lies at `target` already; anything else there is an error.
pub(crate) async fn holds(target: &Path, file: &FileEntry) -> Result<bool, Error> {
    let path = target.to_owned();
    let look = move || match fs::symlink_metadata(&path) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::local("look at", path)(error)),
    };
    let Some(found) = blocking(look).await? else {
        return Ok(false);
    };
    let occupied = |found| Error::Occupied { path: target.to_owned(), found };
    if !found.is_file() {
        return Err(occupied("not a regular file"));
    }
    if found.len() != file.size_bytes || hash(target).await? != file.digest {
        return Err(occupied("a file with other bytes"));
    }
    Ok(true)
}

async fn hash(path: &Path) -> Result<Digest, Error> {
    let mut pieces = file_stream(path);
    let mut hasher = Hasher::new();
    while let Some(piece) = pieces.try_next().await.map_err(Error::local("read", path))? {
        hasher = blocking(move || {
            hasher.update(&piece);
            Ok(hasher)
        })
        .await?;
    }
    Ok(hasher.finish())
}

/// Writes bytes under a temporary name beside `beside` and renames them to `target`; on an error nothing is left.
pub(crate) async fn write_pieces(
    mut pieces: BoxStream<'static, Result<Bytes, Error>>,
    beside: &Path,
    target: &Path,
) -> Result<(), Error> {
    let place = beside.to_owned();
    let (mut part, temporary) = blocking(move || create_temporary(&place)).await?;
    let guard = RemoveOnDrop(temporary);
    let mut buffer = BytesMut::new();
    loop {
        let piece = pieces.try_next().await?;
        let last = piece.is_none();
        buffer.extend_from_slice(&piece.unwrap_or_default());
        if buffer.len() >= WRITE_BYTES || last {
            let (bytes, path) = (buffer.split().freeze(), guard.0.clone());
            let write = move || {
                part.write_all(&bytes).map_err(Error::local("write", path))?;
                Ok(part)
            };
            part = blocking(write).await?;
        }
        if last {
            break;
        }
    }
    let (from, to) = (guard.0.clone(), target.to_owned());
    let publish = move || {
        drop(part);
        fs::rename(from, &to).map_err(Error::local("write", to))
    };
    blocking(publish).await
}

/// Creates a file that nobody else has, beside `target`.
fn create_temporary(target: &Path) -> Result<(File, PathBuf), Error> {
    let name = Digest::of(target.file_name().unwrap_or_default().as_encoded_bytes()).short();
    for attempt in 0..MAX_ATTEMPTS {
        let path = target.with_file_name(format!(".lineal-{name}-{attempt}.part"));
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => return Ok((file, path)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => {
                return Err(Error::Local { operation: "make", path, source });
            }
        }
    }
    let path = target.with_file_name(format!(".lineal-{name}-0.part"));
    Err(Error::Occupied { path, found: "so are its siblings: remove what interrupted exports left behind" })
}

/// Takes a temporary file away unless it was renamed.
struct RemoveOnDrop(PathBuf);

impl Drop for RemoveOnDrop {
    fn drop(&mut self) {
        // After the rename it is gone; if it cannot be removed, it is litter that no reader takes for a file.
        drop(fs::remove_file(&self.0));
    }
}

pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(_) => Err(lineal_core::Error::WorkerPanicked.into()),
    }
}

/// Bytes gathered for one write.
const WRITE_BYTES: usize = 1024 * 1024;
/// Temporary names tried for one file.
const MAX_ATTEMPTS: u32 = 1000;
