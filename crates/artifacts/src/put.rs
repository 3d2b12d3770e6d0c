//! The files of a draft on their way into a batch: in the order of their names, read ahead.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use lineal_core::{Batch, Digest, FilePath, Progress, ProgressEvent, PutHints};

use crate::{Content, Error, FileEntry, blocking::blocking, draft::Source};

/// Puts all files in the order of their names, so that the small ones of a directory lie side by side.
pub(crate) async fn put_files(
    batch: &dyn Batch,
    mut files: Vec<(FilePath, Content)>,
    progress: &dyn Progress,
    task: &str,
) -> Result<BTreeMap<FilePath, FileEntry>, Error> {
    files.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    // Reading starts when a group is taken up, not when it is waited for.
    let mut ready = stream::iter(groups(files).await?).map(start_reading).buffered(1 + READ_AHEAD);
    let mut stored = BTreeMap::new();
    while let Some(group) = ready.try_next().await? {
        for Opened { path, content, bytes } in group {
            let entry = put_one(batch, content, bytes, progress, task).await?;
            stored.insert(path, entry);
        }
    }
    Ok(stored)
}

/// A file with its bytes, if they were read ahead.
struct Opened {
    path: FilePath,
    content: Content,
    bytes: Option<Bytes>,
}

/// Cuts the files into groups whose small local files are read at once; every other file is a group of its own.
async fn groups(files: Vec<(FilePath, Content)>) -> Result<Vec<Vec<Planned>>, Error> {
    let cut = move || {
        let (mut groups, mut open, mut size) = (Vec::new(), Vec::new(), 0);
        for (path, content) in files {
            let small = content.path().and_then(small_size);
            if small.is_none() || open.len() >= GROUP_FILES || size + small.unwrap_or_default() > GROUP_BYTES {
                groups.push(std::mem::take(&mut open));
                size = 0;
            }
            size += small.unwrap_or_default();
            open.push(Planned { path, content, ahead: small.is_some() });
            if small.is_none() {
                groups.push(std::mem::take(&mut open));
            }
        }
        groups.push(open);
        groups.retain(|group| !group.is_empty());
        Ok(groups)
    };
    blocking(cut).await
}

struct Planned {
    path: FilePath,
    content: Content,
    ahead: bool,
}

/// Returns the size of a regular file that is small; what is wrong with any other is told when it is read.
fn small_size(path: &Path) -> Option<u64> {
    let found = fs::metadata(path).ok()?;
    (found.is_file() && found.len() <= SMALL).then_some(found.len())
}

fn start_reading(group: Vec<Planned>) -> impl Future<Output = Result<Vec<Opened>, Error>> {
    let read_one = |Planned { path, content, ahead }| {
        let bytes = match content.path().filter(|_| ahead) {
            Some(local) => read_small(local).map_err(Error::local("read", local))?,
            None => None,
        };
        Ok(Opened { path, content, bytes })
    };
    blocking(move || group.into_iter().map(read_one).collect())
}

/// Reads a file unless it has grown since its size was looked up.
fn read_small(path: &Path) -> io::Result<Option<Bytes>> {
    let file = File::open(path)?;
    let size = file.metadata()?.len().min(SMALL);
    let mut bytes = Vec::with_capacity(size as usize + 1);
    file.take(SMALL + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= SMALL).then(|| bytes.into()))
}

async fn put_one(
    batch: &dyn Batch,
    content: Content,
    ahead: Option<Bytes>,
    progress: &dyn Progress,
    task: &str,
) -> Result<FileEntry, Error> {
    let Content { source, media_type } = content;
    let hints = PutHints::default().with_media_type(media_type.as_str());
    let (digest, size_bytes) = match (ahead, source) {
        (Some(bytes), _) | (None, Source::Bytes(bytes)) => {
            let size_bytes = bytes.len() as u64;
            (batch.put(bytes, hints).await?, size_bytes)
        }
        (None, source) => put_stream(batch, source, hints).await?,
    };
    progress.report(ProgressEvent::Advanced { task, by: size_bytes });
    Ok(FileEntry { digest, media_type, size_bytes })
}

/// Puts one stream and counts its bytes as they go by.
async fn put_stream(batch: &dyn Batch, source: Source, hints: PutHints) -> Result<(Digest, u64), Error> {
    let local: Option<PathBuf> = source.path().map(ToOwned::to_owned);
    let size = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&size);
    let bytes = source.into_stream().inspect_ok(move |piece| {
        counter.fetch_add(piece.len() as u64, Ordering::Relaxed);
    });
    let digest = batch.put_stream(bytes.boxed(), hints).await.map_err(|error| match (error, local) {
        (lineal_core::Error::Input { source }, Some(path)) => Error::Local { operation: "read", path, source },
        (error, _) => error.into(),
    })?;
    Ok((digest, size.load(Ordering::Relaxed)))
}

/// Local files up to this size are read whole, and ahead of time.
const SMALL: u64 = 256 * 1024;
/// Files read in one go.
const GROUP_FILES: usize = 64;
/// Bytes read in one go.
const GROUP_BYTES: u64 = 4 * 1024 * 1024;
/// Groups read while the one before is put.
const READ_AHEAD: usize = 2;
