use std::{
    fmt,
    future::ready,
    ops::Range,
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream, stream::BoxStream};
use lineal_core::{
    FilePath, Timestamp,
    object_store::{
        CopyOptions, Error as StorageError, GetOptions, GetRange, GetResult, GetResultPayload, ListResult,
        MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
        path::{Path, PathPart},
    },
};

use crate::{Error, FileEntry, FileKind, Stored, Version, read_ahead::ReadAhead};

/// One version as a read-only [`ObjectStore`]: unmodified readers of Parquet and query engines work on it without a checkout.
///
/// Every byte is verified before it is handed out; parts of files that lie elsewhere as far as their entity tag tells. The names of objects are the paths of files, as
/// [`Path::parse`](lineal_core::object_store::path::Path::parse) takes them; links, empty directories and purged files are not shown. All
/// objects have the time of the commit, and their digest as entity tag. Whatever writes is refused with `NotImplemented`.
///
/// A reader that goes through a file by [`get_ranges`](lineal_core::object_store::ObjectStore::get_ranges), as those of Parquet do with whole row groups, is read ahead for on its runtime:
/// by as much as it asked for last, up to 16 MiB.
///
/// ```
/// # use std::sync::Arc;
/// # use lineal_core::{Actor, LooseBlobs, Store};
/// # use lineal_data::Repository;
/// use lineal_core::object_store::{ObjectStoreExt, path::Path};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let store = Store::open("memory:///")?;
/// # let blobs = Arc::new(LooseBlobs::open(&store, "blobs").await?);
/// # let repository = Repository::open(&store, "flights", blobs).await?;
/// # let ana = Actor::new("ana@example.org")?;
/// repository.commit("main").put("raw/01.csv", "a,b").commit(&ana).await?;
/// let objects = repository.at("main").await?.object_store();
/// assert_eq!(objects.get_range(&Path::parse("raw/01.csv")?, 2..3).await?, "b");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct VersionStore {
    version: Version,
    ahead: Arc<ReadAhead>,
}

impl Version {
    /// Shows the version as an object store.
    #[must_use]
    pub fn object_store(&self) -> VersionStore {
        VersionStore { version: self.clone(), ahead: Arc::default() }
    }
}

impl fmt::Display for VersionStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "version {} of {}", self.version.commit().id(), self.version.repository())
    }
}

impl VersionStore {
    async fn entry(&self, location: &Path) -> Result<FileEntry> {
        let entry = self.version.file(location.as_ref()).await.map_err(|error| storage(location, error))?;
        match is_object(&entry) {
            true => Ok(entry),
            false => {
                let commit = Some(self.version.commit().id());
                Err(storage(location, Error::NoSuchPath { commit, path: location.to_string() }))
            }
        }
    }

    fn meta(&self, entry: &FileEntry) -> Result<ObjectMeta> {
        let location = Path::parse(entry.path.as_str())?;
        let last_modified = system_time(self.version.commit().time()).into();
        let e_tag = Some(format!("\"{}\"", entry.digest));
        Ok(ObjectMeta { location, last_modified, size: entry.size_bytes, e_tag, version: None })
    }

    /// Streams part of a file: in pieces, so that memory is bounded.
    fn body(&self, entry: FileEntry, range: Range<u64>) -> BoxStream<'static, Result<Bytes>> {
        let version = self.version.clone();
        if range == (0..entry.size_bytes) && entry.size_bytes > PIECE {
            let whole = async move {
                let place = location(&entry.path);
                let pieces = version.stream(entry.path.as_str()).await.map_err(|error| storage(&place, error))?;
                Ok::<_, StorageError>(pieces.map_err(move |error| storage(&place, error)))
            };
            return stream::once(whole).try_flatten().boxed();
        }
        let starts = range.clone().step_by(PIECE as usize);
        let read = move |start: u64| {
            let (version, entry) = (version.clone(), entry.clone());
            let piece = start..start.saturating_add(PIECE).min(range.end);
            async move { read(&version, &entry, piece).await }
        };
        stream::iter(starts).map(read).buffered(READ_AHEAD).boxed()
    }
}

/// Reads a range of a file that is known to be there.
async fn read(version: &Version, entry: &FileEntry, range: Range<u64>) -> Result<Bytes> {
    version.read_entry(entry, range).await.map_err(|error| storage(&location(&entry.path), error))
}

#[async_trait]
impl ObjectStore for VersionStore {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let entry = self.entry(location).await?;
        let meta = self.meta(&entry)?;
        options.check_preconditions(&meta)?;
        let range = match &options.range {
            Some(range) => bounds(range, meta.size)?,
            None => 0..meta.size,
        };
        let body = if options.head { stream::empty().boxed() } else { self.body(entry, range.clone()) };
        let payload = GetResultPayload::Stream(body);
        Ok(GetResult { payload, meta, range, attributes: Default::default(), extensions: Default::default() })
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let entry = &self.entry(location).await?;
        let ahead = self.ahead.read(&self.version, entry, ranges).await;
        if let Some(found) = ahead.map_err(|error| storage(location, error))? {
            return Ok(found);
        }
        let read = |range: Range<u64>| async move {
            let range = bounds(&GetRange::Bounded(range), entry.size_bytes)?;
            read(&self.version, entry, range).await
        };
        lineal_core::object_store::coalesce_ranges(ranges, read, GAP).await
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (store, prefix) = (self.clone(), below(prefix));
        let place = Path::from(prefix.as_str());
        let files = self.version.list(&prefix).map_err(move |error| storage(&place, error));
        files.try_filter(|entry| ready(is_object(entry))).and_then(move |entry| ready(store.meta(&entry))).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let prefix = below(prefix);
        let place = Path::from(prefix.as_str());
        let children = self.version.children(&prefix).await.map_err(|error| storage(&place, error))?;
        let directories = children.directories.iter().map(Path::parse);
        let common_prefixes = directories.collect::<std::result::Result<_, _>>()?;
        let objects = children.files.iter().filter(|entry| is_object(entry)).map(|entry| self.meta(entry));
        let objects = objects.collect::<Result<_>>()?;
        Ok(ListResult { common_prefixes, objects, extensions: Default::default() })
    }

    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        Err(read_only("put"))
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(read_only("put_multipart"))
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        locations.map(|location| location.and_then(|_| Err(read_only("delete")))).boxed()
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(read_only("copy"))
    }
}

/// Links, empty directories and what was purged have no place in an object store.
fn is_object(entry: &FileEntry) -> bool {
    matches!(entry.kind, FileKind::Regular | FileKind::Executable) && entry.stored != Stored::Purged
}

fn location(path: &FilePath) -> Path {
    path.components().map(PathPart::from).collect()
}

/// Returns the prefix of the paths of what lies in a directory.
fn below(prefix: Option<&Path>) -> String {
    match prefix {
        Some(prefix) if !prefix.as_ref().is_empty() => format!("{prefix}/"),
        _ => String::new(),
    }
}

/// Cuts a range to the size of an object, as object stores do; one that begins behind the end is an error.
fn bounds(range: &GetRange, size: u64) -> Result<Range<u64>> {
    let wrong = |what: &str| {
        let source = format!("range {range:?} {what} of {size} bytes").into();
        Err(StorageError::Generic { store: STORE, source })
    };
    match range {
        GetRange::Bounded(range) if range.start >= range.end => wrong("is empty, of an object"),
        GetRange::Bounded(range) if range.start < size => Ok(range.start..range.end.min(size)),
        GetRange::Offset(start) if *start < size => Ok(*start..size),
        GetRange::Suffix(count) => Ok(size.saturating_sub(*count)..size),
        _ => wrong("begins behind the end of an object"),
    }
}

fn system_time(time: Timestamp) -> SystemTime {
    let nanos = time.as_nanos();
    let distance = Duration::from_nanos(nanos.unsigned_abs());
    let moved = match nanos < 0 {
        true => SystemTime::UNIX_EPOCH.checked_sub(distance),
        false => SystemTime::UNIX_EPOCH.checked_add(distance),
    };
    moved.unwrap_or(SystemTime::UNIX_EPOCH)
}

fn storage(location: &Path, error: Error) -> StorageError {
    let path = location.to_string();
    match error.kind() {
        lineal_core::ErrorKind::NotFound => StorageError::NotFound { path, source: Box::new(error) },
        _ => StorageError::Generic { store: STORE, source: Box::new(error) },
    }
}

fn read_only(operation: &str) -> StorageError {
    StorageError::NotImplemented {
        operation: operation.to_owned(),
        implementer: "a version, which is read-only".to_owned(),
    }
}

const STORE: &str = "lineal-data";
/// Bytes read at a time.
const PIECE: u64 = 8 * 1024 * 1024;
/// Pieces read ahead.
const READ_AHEAD: usize = 2;
/// Ranges that are closer to each other are read together.
const GAP: u64 = 1024 * 1024;
