use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    mem,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use futures::{
    StreamExt, TryStreamExt,
    future::join,
    stream::{self, BoxStream, ReadyChunks},
};
use lineal_core::{BlobStore, Digest, FilePath, Hasher, Progress, ProgressEvent};

use crate::{Error, FileEntry, Manifest, blocking::blocking};

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

/// Writes all files in the order of their names: large ones one after another, small ones that follow each other in groups,
/// each of which is fetched in one go and written in one go.
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
    let mut advance = |file: &FileEntry, written: bool| {
        done.written += u64::from(written);
        done.kept += u64::from(!written);
        done.size_bytes += if written { file.size_bytes } else { 0 };
        progress.report(ProgressEvent::Advanced { task, by: file.size_bytes });
    };
    let files: Vec<_> = manifest.files().iter().collect();
    for run in files.chunk_by(|(_, a), (_, b)| is_small(a) == is_small(b)) {
        if run.iter().any(|(_, file)| is_small(file)) {
            let groups = groups(run).into_iter().map(|group| write_group(blobs, group, directory));
            let mut groups = stream::iter(groups).buffered(GROUPS);
            while let Some(group) = groups.try_next().await? {
                group.iter().for_each(|(file, written)| advance(file, *written));
            }
            continue;
        }
        for (name, file) in run {
            let written = write_large(blobs, name, file, directory).await?;
            advance(file, written);
        }
    }
    Ok(done)
}

type Group = Vec<(FilePath, FileEntry)>;

fn is_small(file: &FileEntry) -> bool {
    file.size_bytes <= SMALL
}

/// Cuts small files into groups that fit in memory.
fn groups(files: &[(&FilePath, &FileEntry)]) -> Vec<Group> {
    let (mut groups, mut open, mut size) = (Vec::new(), Vec::new(), 0);
    for (name, file) in files {
        if size + file.size_bytes > GROUP_BYTES || open.len() >= GROUP_FILES {
            groups.push(mem::take(&mut open));
            size = 0;
        }
        size += file.size_bytes;
        open.push(((*name).clone(), (*file).clone()));
    }
    groups.push(open);
    groups.retain(|group| !group.is_empty());
    groups
}

/// Writes the files of a group that are not there yet; tells of each whether it was written.
async fn write_group(blobs: &dyn BlobStore, group: Group, root: &Path) -> Result<Vec<(FileEntry, bool)>, Error> {
    let root = root.to_owned();
    let look = move || {
        let look = |(name, file): (FilePath, FileEntry)| Ok((missing(&root, &name, &file)?, file));
        group.into_iter().map(look).collect::<Result<Vec<_>, Error>>()
    };
    let looked = blocking(look).await?;
    let wanted: Vec<Digest> =
        looked.iter().filter(|(target, _)| target.is_some()).map(|(_, file)| file.digest).collect();
    if wanted.is_empty() {
        return Ok(looked.into_iter().map(|(_, file)| (file, false)).collect());
    }
    let mut fetched = blobs.read_many(&wanted).await?.into_iter();
    let write = move || {
        let write = |(target, file): (Option<PathBuf>, FileEntry)| {
            let written = target.is_some();
            if let Some(target) = target {
                let bytes = fetched.next().ok_or(lineal_core::Error::BlobMissing { digest: file.digest })?;
                Part::create(&target)?.append(&[bytes])?.publish(&target)?;
            }
            Ok((file, written))
        };
        looked.into_iter().map(write).collect()
    };
    blocking(write).await
}

/// Makes the way to a file, and returns its place unless the file lies there already; anything else there is an error.
fn missing(root: &Path, name: &FilePath, file: &FileEntry) -> Result<Option<PathBuf>, Error> {
    let target = make_way(root, name)?;
    Ok(if holds_now(&target, file)? { None } else { Some(target) })
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
    let (target, file) = (target.to_owned(), file.clone());
    blocking(move || holds_now(&target, &file)).await
}

fn holds_now(target: &Path, file: &FileEntry) -> Result<bool, Error> {
    let found = match fs::symlink_metadata(target) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(Error::local("look at", target)(error)),
    };
    let occupied = |found| Err(Error::Occupied { path: target.to_owned(), found });
    if !found.is_file() {
        return occupied("not a regular file");
    }
    if found.len() != file.size_bytes || hash(target).map_err(Error::local("read", target))? != file.digest {
        return occupied("a file with other bytes");
    }
    Ok(true)
}

fn hash(path: &Path) -> io::Result<Digest> {
    let mut file = File::open(path)?;
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let len = file.read(&mut buffer)?;
        if len == 0 {
            return Ok(hasher.finish());
        }
        hasher.update(buffer.get(..len).unwrap_or_default());
    }
}

/// Writes a file unless it is there already; tells whether it was written.
async fn write_large(blobs: &dyn BlobStore, name: &FilePath, file: &FileEntry, root: &Path) -> Result<bool, Error> {
    let (root, name, wanted) = (root.to_owned(), name.clone(), file.clone());
    let Some(target) = blocking(move || missing(&root, &name, &wanted)).await? else { return Ok(false) };
    // Nobody sees a byte before the whole has verified: it has another name until then.
    let pieces = blobs.stream_to_end(&file.digest).await?.err_into().boxed();
    match write_pieces(pieces, &target, &target).await {
        // Piece by piece it is said what is damaged, or a sound copy is found.
        Err(Error::Store(lineal_core::Error::BlobCorrupt { .. })) => {
            write_pieces(blobs.stream(&file.digest).await?.err_into().boxed(), &target, &target).await?;
        }
        written => written?,
    }
    Ok(true)
}

/// Writes bytes under a temporary name beside `beside` and renames them to `target`; on an error nothing is left.
///
/// While one stretch is written, the next is fetched.
pub(crate) async fn write_pieces(
    pieces: BoxStream<'static, Result<Bytes, Error>>,
    beside: &Path,
    target: &Path,
) -> Result<(), Error> {
    let place = beside.to_owned();
    let mut part = blocking(move || Part::create(&place)).await?;
    // What is there already is written in one go; asking for more is what starts the work on the stretch behind it.
    let mut stretches = pieces.ready_chunks(STRETCH);
    let mut next = next_stretch(&mut stretches).await?;
    while let Some(stretch) = next {
        let write = blocking(move || part.append(&stretch));
        // Both are waited for, so that after a failed fetch no temporary file is left.
        let (written, fetched) = join(write, next_stretch(&mut stretches)).await;
        part = written?;
        next = fetched?;
    }
    let target = target.to_owned();
    blocking(move || part.publish(&target)).await
}

async fn next_stretch(
    stretches: &mut ReadyChunks<BoxStream<'static, Result<Bytes, Error>>>,
) -> Result<Option<Vec<Bytes>>, Error> {
    stretches.next().await.map(|pieces| pieces.into_iter().collect()).transpose()
}

/// A file that is being written under a temporary name; dropped before it is published, it is taken away.
struct Part {
    // Closed before it is removed.
    file: File,
    temporary: Temporary,
}

impl Part {
    /// Creates a file that nobody else has, beside `target`.
    fn create(target: &Path) -> Result<Self, Error> {
        let name = Digest::of(target.file_name().unwrap_or_default().as_encoded_bytes()).short();
        for attempt in 0..MAX_ATTEMPTS {
            let path = target.with_file_name(format!(".lineal-{name}-{attempt}.part"));
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => return Ok(Self { file, temporary: Temporary { path, renamed: false } }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => {
                    return Err(Error::Local { operation: "make", path, source });
                }
            }
        }
        let path = target.with_file_name(format!(".lineal-{name}-0.part"));
        Err(Error::Occupied { path, found: "so are its siblings: remove what interrupted exports left behind" })
    }

    fn append(mut self, pieces: &[Bytes]) -> Result<Self, Error> {
        let written = pieces.iter().try_for_each(|piece| self.file.write_all(piece));
        written.map_err(Error::local("write", &self.temporary.path))?;
        Ok(self)
    }

    fn publish(self, target: &Path) -> Result<(), Error> {
        let Self { file, mut temporary } = self;
        drop(file);
        fs::rename(&temporary.path, target).map_err(Error::local("write", target))?;
        temporary.renamed = true;
        Ok(())
    }
}

/// A temporary name, removed unless the file was renamed.
struct Temporary {
    path: PathBuf,
    renamed: bool,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.renamed {
            // If it cannot be removed, it is litter that no reader takes for a file.
            drop(fs::remove_file(&self.path));
        }
    }
}

/// Files up to this size are fetched and written in groups.
const SMALL: u64 = 256 * 1024;
/// Bytes of a group.
const GROUP_BYTES: u64 = 8 * 1024 * 1024;
/// Files of a group.
const GROUP_FILES: usize = 1024;
/// Groups under way at once.
const GROUPS: usize = 2;
/// Pieces of a large file written in one go, at most.
const STRETCH: usize = 1024;
/// Bytes of an existing file hashed at a time.
const READ_BYTES: usize = 1024 * 1024;
/// Temporary names tried for one file.
const MAX_ATTEMPTS: u32 = 1000;
