use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path as FilePath, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use futures::FutureExt;
use object_store::{
    Error, MultipartUpload, ObjectStoreExt, PutPayload, PutResult, Result, UploadPart, local::LocalFileSystem,
    path::Path,
};
use tokio::runtime::Handle;

/// An upload in parts that goes past the page cache: to a staging file, which gets its name when it is complete.
///
/// The staging file is named as those of [`LocalFileSystem`], which does not list them.
#[derive(Debug)]
pub(super) struct DirectUpload {
    files: Arc<LocalFileSystem>,
    key: Path,
    target: PathBuf,
    /// None once it is complete or aborted.
    staged: Option<PathBuf>,
    writer: Arc<Mutex<Writer>>,
    /// Bytes of the parts so far.
    size_bytes: u64,
}

impl DirectUpload {
    pub(super) async fn begin(files: Arc<LocalFileSystem>, key: &Path) -> Result<Self> {
        let target = files.path_to_filesystem(key)?;
        let create = {
            let target = target.clone();
            move || create_beside(&target)
        };
        let (file, staged) = blocking(create).await?;
        let writer = Arc::new(Mutex::new(Writer::new(file, &staged)));
        Ok(Self { files, key: key.clone(), target, staged: Some(staged), writer, size_bytes: 0 })
    }
}

#[async_trait]
impl MultipartUpload for DirectUpload {
    fn put_part(&mut self, part: PutPayload) -> UploadPart {
        let (offset, writer) = (self.size_bytes, Arc::clone(&self.writer));
        self.size_bytes += part.content_length() as u64;
        blocking(move || writer.lock().unwrap_or_else(PoisonError::into_inner).write(offset, &part)).boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let staged = self.staged.clone().ok_or_else(over)?;
        let (writer, target) = (Arc::clone(&self.writer), self.target.clone());
        blocking(move || {
            writer.lock().unwrap_or_else(PoisonError::into_inner).cached.sync_all()?;
            fs::rename(staged, &target)?;
            sync_parent(&target)
        })
        .await?;
        self.staged = None;
        let e_tag = self.files.head(&self.key).await.ok().and_then(|meta| meta.e_tag);
        Ok(PutResult { e_tag, version: None, extensions: Default::default() })
    }

    async fn abort(&mut self) -> Result<()> {
        let staged = self.staged.take().ok_or_else(over)?;
        blocking(move || fs::remove_file(staged)).await
    }
}

impl Drop for DirectUpload {
    fn drop(&mut self) {
        if let Some(staged) = self.staged.take() {
            // What cannot be removed is found by who looks for staging files.
            blocking(move || fs::remove_file(staged)).now_or_never();
        }
    }
}

/// A file that is written in whole blocks by the disk itself, as far as they begin and end at blocks.
#[derive(Debug)]
struct Writer {
    cached: File,
    /// The same file past the page cache; none where the file system cannot do that.
    direct: Option<File>,
    buffer: Vec<u8>,
}

impl Writer {
    fn new(file: File, path: &FilePath) -> Self {
        let direct = OpenOptions::new().write(true).custom_flags(libc::O_DIRECT).open(path).ok();
        Self { cached: file, direct, buffer: Vec::new() }
    }

    fn write(&mut self, offset: u64, part: &PutPayload) -> io::Result<()> {
        if self.buffer.is_empty() {
            self.buffer = vec![0; ROOM + BLOCK];
        }
        let start = self.buffer.as_ptr().align_offset(BLOCK);
        let room = self.buffer.get_mut(start..).and_then(|aligned| aligned.get_mut(..ROOM)).unwrap_or_default();
        let (mut at, mut filled) = (offset, 0);
        for piece in part {
            let mut piece = piece.as_ref();
            while let Some(free) = room.get_mut(filled..).filter(|_| !piece.is_empty()) {
                let (some, rest) = piece.split_at(piece.len().min(free.len()));
                free.get_mut(..some.len()).unwrap_or_default().copy_from_slice(some);
                filled += some.len();
                piece = rest;
                if filled == ROOM {
                    write_at(&self.cached, &mut self.direct, room, at)?;
                    at += ROOM as u64;
                    filled = 0;
                }
            }
        }
        write_at(&self.cached, &mut self.direct, room.get(..filled).unwrap_or_default(), at)
    }
}

/// Writes whole blocks past the cache, the rest through it. A block is never written both ways: what begins within one
/// goes through the cache to its end.
fn write_at(cached: &File, direct: &mut Option<File>, bytes: &[u8], at: u64) -> io::Result<()> {
    let whole = if at.is_multiple_of(BLOCK as u64) { bytes.len() - bytes.len() % BLOCK } else { 0 };
    let (blocks, rest) = bytes.split_at(whole);
    if let Some(file) = direct {
        match file.write_all_at(blocks, at) {
            Ok(()) => return cached.write_all_at(rest, at + whole as u64),
            // A file system with other rules of alignment, or none of its own.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => *direct = None,
            Err(error) => return Err(error),
        }
    }
    cached.write_all_at(bytes, at)
}

/// Creates a staging file beside `target`, and the directories above it if need be.
fn create_beside(target: &FilePath) -> io::Result<(File, PathBuf)> {
    let mut number = 1_u64;
    loop {
        let mut name = OsString::from(target);
        name.push(format!("#{number}"));
        match OpenOptions::new().write(true).create_new(true).open(&name) {
            Ok(file) => return Ok((file, name.into())),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(error) if error.kind() == io::ErrorKind::NotFound => match target.parent() {
                Some(parent) => create_durably(parent)?,
                None => return Err(error),
            },
            Err(error) => return Err(error),
        }
    }
}

/// Creates a directory and those above it; what another writer creates at the same time is made durable, too.
fn create_durably(dir: &FilePath) -> io::Result<()> {
    match fs::create_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => match dir.parent() {
            Some(parent) => {
                create_durably(parent)?;
                create_durably(dir)
            }
            None => Err(error),
        },
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => sync_parent(dir),
    }
}

fn sync_parent(path: &FilePath) -> io::Result<()> {
    path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

/// Runs what waits for the disk: on the blocking pool, if there is one.
fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> impl Future<Output = Result<T>> + Send + 'static {
    let running = match Handle::try_current() {
        Ok(runtime) => runtime.spawn_blocking(work).boxed(),
        Err(_) => async { Ok(work()) }.boxed(),
    };
    running.map(|done| done?.map_err(|error| Error::Generic { store: "LocalFileSystem", source: error.into() }))
}

fn over() -> Error {
    Error::Generic { store: "LocalFileSystem", source: "the upload is complete or aborted already".into() }
}

/// Alignment of memory and offsets that every file system and disk in use is content with.
const BLOCK: usize = 4096;
/// Bytes written at once.
const ROOM: usize = 4 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures::TryStreamExt;
    use object_store::{ObjectStore, PutMultipartOptions};
    use proptest::prelude::*;

    use super::{super::local::Local, *};

    /// Outside a runtime nothing is left for later.
    fn now<T>(work: impl Future<Output = T>) -> T {
        work.now_or_never().unwrap()
    }

    /// Bytes that tell where they belong.
    fn bytes(from: usize, len: usize) -> Bytes {
        (from..from + len).map(|at| (at / 7 % 251) as u8).collect()
    }

    fn begin(dir: &FilePath, key: &str) -> (Local, Path, Box<dyn MultipartUpload>) {
        let (store, key) = (Local::new(dir).unwrap(), Path::from(key));
        let upload = now(store.put_multipart_opts(&key, PutMultipartOptions::default())).unwrap();
        (store, key, upload)
    }

    fn names(dir: &FilePath) -> Vec<String> {
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn what_is_not_complete_is_not_there_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        for abort in [true, false] {
            let (store, key, mut upload) = begin(dir.path(), "a/b/pack");
            now(upload.put_part(bytes(0, 10_000).into())).unwrap();
            assert_eq!(names(&dir.path().join("a/b")), ["pack#1"]);
            assert!(matches!(now(store.head(&key)), Err(Error::NotFound { .. })));
            assert!(now(store.list(None).try_collect::<Vec<_>>()).unwrap().is_empty());
            if abort {
                now(upload.abort()).unwrap();
                assert!(now(upload.complete()).is_err());
            }
            drop(upload);
            assert!(names(&dir.path().join("a/b")).is_empty());
        }
    }

    #[test]
    fn two_uploads_of_one_key_do_not_meet_and_the_last_one_stays() {
        let dir = tempfile::tempdir().unwrap();
        let (store, key, mut one) = begin(dir.path(), "pack");
        let (_, _, mut other) = begin(dir.path(), "pack");
        now(one.put_part(bytes(0, 9_000).into())).unwrap();
        now(other.put_part(bytes(5, 5_000).into())).unwrap();
        now(one.complete()).unwrap();
        let put = now(other.complete()).unwrap();
        assert_eq!(now(async { store.get(&key).await?.bytes().await }).unwrap(), bytes(5, 5_000));
        assert_eq!(put.e_tag, now(store.head(&key)).unwrap().e_tag);
        assert_eq!(names(dir.path()), ["pack"]);
    }

    #[tokio::test]
    async fn a_directory_that_is_a_file_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a"), b"").unwrap();
        let store = Local::new(dir.path()).unwrap();
        assert!(store.put_multipart_opts(&Path::from("a/pack"), PutMultipartOptions::default()).await.is_err());
    }

    fn part() -> impl Strategy<Value = Vec<usize>> {
        let piece = prop_oneof![0..3 * BLOCK, (0..4_usize).prop_map(|blocks| blocks * BLOCK), ROOM - 1..ROOM + 2];
        prop::collection::vec(piece, 0..4)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_file_is_its_parts_whatever_their_sizes(parts in prop::collection::vec(part(), 0..5), cached: bool) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("file");
            let mut writer = Writer::new(File::create(&path).unwrap(), &path);
            if cached {
                writer.direct = None;
            }
            let mut size = 0;
            for part in &parts {
                let begun = size;
                let mut payload = Vec::new();
                for len in part {
                    payload.push(bytes(size, *len));
                    size += len;
                }
                writer.write(begun as u64, &payload.into_iter().collect()).unwrap();
            }
            prop_assert!(fs::read(&path).unwrap() == bytes(0, size));
        }
    }
}
