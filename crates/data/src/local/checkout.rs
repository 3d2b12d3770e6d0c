use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt, stream, stream::BoxStream};
use lineal_core::{BlobStore, Digest, FilePath, Progress, ProgressEvent};
use tokio::sync::OwnedMutexGuard;

use super::{
    FileKind, Found, Hashed, Stamp, Wanted, blocking::blocking, part::Part, pool::FilePool, scan::has_vanished,
};
use crate::{
    Error,
    bounded::read_bounded,
    groups::{Greatest, SMALL, groups},
    link_target,
    reference::{InPlace, Sources},
};

/// What a checkout did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckedOut {
    /// Files written.
    pub written: u64,
    /// Files that lay there already as they were wanted.
    pub kept: u64,
    /// Files of the version before that were taken away.
    pub removed: u64,
    /// Bytes written.
    pub size_bytes: u64,
}

/// A file to write, and what it replaces.
pub(crate) type Write = (Wanted, Option<Found>);

/// Writes files into a directory.
pub(crate) struct Writer<'a> {
    pub(crate) blobs: &'a dyn BlobStore,
    pub(crate) sources: &'a Sources,
    pub(crate) pool: Option<FilePool>,
    pub(crate) root: &'a Path,
    pub(crate) force: bool,
    pub(crate) progress: &'a dyn Progress,
    pub(crate) task: &'a str,
    pub(crate) turn: Turn,
}

/// The right to write, held by all that does so until it has ended, even if nobody waits for it any more.
pub(crate) type Turn = Arc<OwnedMutexGuard<()>>;

impl Writer<'_> {
    /// Writes all files: small ones in groups, each fetched in one go and written in one go, then large ones.
    ///
    /// Returns what was written, and the first error. Nothing is under way any more then.
    pub(crate) async fn write_all(&self, writes: Vec<Write>) -> (Vec<Hashed>, Option<Error>) {
        let stop = Stop::default();
        let is_small = |(wanted, _): &Write| wanted.size_bytes <= SMALL && wanted.reference.is_none();
        let (small, large): (Vec<_>, Vec<_>) = writes.into_iter().partition(is_small);
        let (mut done, mut failed) = (Vec::with_capacity(small.len() + large.len()), None);
        let groups = groups(small, GROUP, |(wanted, _)| wanted.size_bytes);
        let groups = stream::iter(groups).map(|group| self.write_group(group, &stop)).buffered(GROUPS);
        self.collect(groups, &stop, &mut done, &mut failed).await;
        let large = stream::iter(large).map(|write| self.write_large(write, &stop)).buffered(LARGE);
        self.collect(large, &stop, &mut done, &mut failed).await;
        (done, failed)
    }

    async fn collect(
        &self,
        outcomes: impl Stream<Item = Outcome>,
        stop: &Stop,
        done: &mut Vec<Hashed>,
        failed: &mut Option<Error>,
    ) {
        let mut outcomes = std::pin::pin!(outcomes);
        while let Some((written, error)) = outcomes.next().await {
            let by = written.iter().map(|file| file.found.size_bytes).sum();
            self.progress.report(ProgressEvent::Advanced { task: self.task, by });
            done.extend(written);
            if let Some(error) = error {
                // What is under way ends by itself, so that no temporary file is left.
                stop.set();
                failed.get_or_insert(error);
            }
        }
    }

    async fn write_group(&self, group: Vec<Write>, stop: &Stop) -> Outcome {
        if stop.is_set() {
            return (Vec::new(), None);
        }
        let fetched = match self.fetch(&group).await {
            Ok(fetched) => fetched,
            Err(error) => return (Vec::new(), Some(error)),
        };
        let (mut way, stop) = (Way::new(self.root, self.force), stop.flag());
        let write = move || {
            let mut done = Vec::with_capacity(group.len());
            for ((wanted, over), bytes) in group.into_iter().zip(fetched) {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                match way.write(&wanted, over.as_ref(), &bytes) {
                    Ok(found) => done.push(Hashed { found, digest: wanted.digest }),
                    Err(error) => return Ok((done, Some(error))),
                }
            }
            Ok((done, None))
        };
        self.blocking(write).await.unwrap_or_else(|error| (Vec::new(), Some(error)))
    }

    /// Does work on files, in its turn.
    fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> impl Future<Output = Result<T, Error>> + Send {
        let turn = Arc::clone(&self.turn);
        blocking(move || in_turn(turn, work))
    }

    /// Returns the bytes of small files.
    async fn fetch(&self, group: &[Write]) -> Result<Vec<Bytes>, Error> {
        let is_fetched = |wanted: &Wanted| wanted.bytes.is_none() && wanted.kind != FileKind::Directory;
        let missing = group.iter().filter(|(wanted, _)| is_fetched(wanted));
        let missing: Vec<(Digest, u64)> = missing.map(|(wanted, _)| (wanted.digest, wanted.size_bytes)).collect();
        let mut fetched = match missing.is_empty() {
            true => Vec::new(),
            false => read_bounded(self.blobs, "file", &missing).await?,
        }
        .into_iter();
        let bytes = |(wanted, _): &Write| match is_fetched(wanted) {
            false => Ok(wanted.bytes.clone().unwrap_or_default()),
            true => fetched.next().ok_or_else(|| lineal_core::Error::BlobMissing { digest: wanted.digest }.into()),
        };
        group.iter().map(bytes).collect()
    }

    async fn write_large(&self, (wanted, over): Write, stop: &Stop) -> Outcome {
        if stop.is_set() {
            return (Vec::new(), None);
        }
        let written = match &self.pool {
            _ if wanted.kind == FileKind::Symlink => {
                Err(link_error(&wanted, "link must lead to a path of at most 1024 bytes"))
            }
            Some(pool) => self.share(pool, &wanted, over).await,
            None => self.stream(&wanted, over).await,
        };
        match written {
            Ok(found) => (vec![Hashed { found, digest: wanted.digest }], None),
            Err(error) => (Vec::new(), Some(error)),
        }
    }

    async fn pieces(&self, wanted: &Wanted) -> Result<BoxStream<'static, Result<Bytes, Error>>, Error> {
        let Wanted { path, digest, size_bytes, .. } = wanted;
        match (&wanted.bytes, &wanted.reference) {
            (Some(bytes), _) => Ok(stream::iter([Ok(bytes.clone())]).boxed()),
            (None, None) => Ok(self.blobs.stream(digest).await?.map_err(Error::from).boxed()),
            (None, Some(reference)) => {
                self.sources.stream(InPlace { path, reference, digest: *digest, size_bytes: *size_bytes }).await
            }
        }
    }

    /// Writes a file as its bytes arrive.
    async fn stream(&self, wanted: &Wanted, over: Option<Found>) -> Result<Found, Error> {
        let (mut way, path) = (Way::new(self.root, self.force), wanted.path.clone());
        let (way, target) = self.blocking(move || way.make(&path).map(|target| (way, target))).await?;
        let (place, kind) = (target.clone(), wanted.kind);
        let part = self.fill(wanted, &target, move || Part::create(&place, kind)).await?;
        let path = wanted.path.clone();
        self.blocking(move || way.publish(path, target, part, over.as_ref())).await
    }

    /// Writes the bytes of a file as they arrive, under a name that nobody reads.
    async fn fill<O>(&self, wanted: &Wanted, target: &Path, open: O) -> Result<Part, Error>
    where
        O: Fn() -> Result<Part, Error> + Clone + Send + 'static,
    {
        if wanted.bytes.is_none() && wanted.reference.is_none() {
            let pieces = self.blobs.stream_to_end(&wanted.digest).await?.map_err(Error::from).boxed();
            let part = self.blocking(open.clone()).await?;
            match self.write_pieces(pieces, part, target).await {
                // Piece by piece it is said what is damaged, or a sound copy is found.
                Err(Error::Store(lineal_core::Error::BlobCorrupt { .. })) => {}
                written => return written,
            }
        }
        let part = self.blocking(open).await?;
        self.write_pieces(self.pieces(wanted).await?, part, target).await
    }

    async fn write_pieces(
        &self,
        pieces: BoxStream<'static, Result<Bytes, Error>>,
        mut part: Part,
        target: &Path,
    ) -> Result<Part, Error> {
        let mut pieces = pieces.ready_chunks(STRETCH);
        while let Some(stretch) = pieces.next().await {
            let stretch: Vec<Bytes> = stretch.into_iter().collect::<Result<_, _>>()?;
            let place = target.to_owned();
            let write = move || {
                stretch.iter().try_for_each(|piece| part.write(piece, &place))?;
                Ok(part)
            };
            part = self.blocking(write).await?;
        }
        Ok(part)
    }

    /// Takes a file from the pool, after bringing it there if need be.
    async fn share(&self, pool: &FilePool, wanted: &Wanted, over: Option<Found>) -> Result<Found, Error> {
        let (there, file) = (pool.clone(), wanted.clone());
        if !self.blocking(move || Ok(there.holds(&file))).await? {
            let (there, file) = (pool.clone(), wanted.clone());
            let part = self.fill(wanted, &pool.place(wanted), move || there.open(&file)).await?;
            let (there, file) = (pool.clone(), wanted.clone());
            self.blocking(move || there.seal(part, &file)).await?;
        }
        let (there, file, mut way) = (pool.clone(), wanted.clone(), Way::new(self.root, self.force));
        let take = move || {
            let target = way.make(&file.path)?;
            let part = there.take(&file, &target)?;
            way.publish(file.path, target, part, over.as_ref())
        };
        self.blocking(take).await
    }
}

/// Does work that nobody else's work may be mixed with.
pub(crate) fn in_turn<T>(turn: Turn, work: impl FnOnce() -> T) -> T {
    let done = work();
    drop(turn);
    done
}

/// Files written, and what ended the work.
type Outcome = (Vec<Hashed>, Option<Error>);

/// Says that the work is given up: set by an error, or when the owner is dropped.
#[derive(Default)]
struct Stop(Arc<AtomicBool>);

impl Stop {
    fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Returns what the threads look at.
    fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        self.set();
    }
}

/// Takes files away, unless they changed since they were found, and directories that become empty by that.
///
/// Returns how many files are gone.
pub(crate) fn remove_all(root: &Path, removals: &[Found], force: bool) -> Result<u64, Error> {
    let way = Way::new(root, force);
    let mut removed = 0;
    // What lies in a directory follows it, so from the end it is empty when its turn comes.
    for found in removals.iter().rev() {
        let target = found.path.below(root);
        if !way.is_real(&found.path) {
            continue;
        }
        if found.kind == FileKind::Directory {
            // One that is no longer empty stays.
            drop(fs::remove_dir(&target));
        } else {
            way.clear(&found.path, &target, Some(found))?;
            remove_file(&target)?;
            removed += 1;
        }
        prune(root, &target);
    }
    Ok(removed)
}

/// Removes a file, unless it is gone already.
fn remove_file(target: &Path) -> Result<(), Error> {
    match fs::remove_file(target) {
        Err(error) if !has_vanished(&error) => Err(Error::local("remove", target)(error)),
        _ => Ok(()),
    }
}

/// Removes the directories above a file that are empty.
fn prune(root: &Path, target: &Path) {
    for directory in target.ancestors().skip(1).take_while(|directory| *directory != root) {
        // Those with files in them stay, as does whatever cannot be removed.
        if fs::remove_dir(directory).is_err() {
            break;
        }
    }
}

/// Makes the directories on the way to files, each a real one and no link, and puts the files there.
struct Way {
    root: PathBuf,
    force: bool,
    /// The directory last made sure of.
    last: Option<String>,
}

impl Way {
    fn new(root: &Path, force: bool) -> Self {
        Self { root: root.to_owned(), force, last: None }
    }

    /// Writes a small file, and states it as it then is.
    fn write(&mut self, wanted: &Wanted, over: Option<&Found>, bytes: &[u8]) -> Result<Found, Error> {
        let target = self.make(&wanted.path)?;
        match wanted.kind {
            FileKind::Directory => {
                self.clear(&wanted.path, &target, over)?;
                if over.is_some_and(|over| over.kind != FileKind::Directory) {
                    remove_file(&target)?;
                }
                make_directory(&target)?;
                let path = wanted.path.clone();
                return Ok(Found { path, kind: wanted.kind, size_bytes: 0, stamp: Stamp::default() });
            }
            FileKind::Symlink => {
                link_target::check(&wanted.path, bytes).map_err(|rule| link_error(wanted, rule))?;
                let to = str::from_utf8(bytes).map_err(|_| link_error(wanted, "must be UTF-8"))?;
                let part = Part::link(&target, to)?;
                self.clear(&wanted.path, &target, over)?;
                part.publish(&target)?;
            }
            kind => {
                let mut part = Part::create(&target, kind)?;
                part.write(bytes, &target)?;
                self.clear(&wanted.path, &target, over)?;
                part.publish(&target)?;
            }
        }
        state(wanted.path.clone(), &target)
    }

    /// Gives a large file its name, and states it as it then is.
    fn publish(&self, path: FilePath, target: PathBuf, part: Part, over: Option<&Found>) -> Result<Found, Error> {
        // Its bytes may have taken long to arrive.
        if !self.is_real(&path) {
            return Err(Error::Restless { path: target });
        }
        self.clear(&path, &target, over)?;
        part.publish(&target)?;
        state(path, &target)
    }

    /// Makes the directories down to a file, and returns the file's place.
    fn make(&mut self, path: &FilePath) -> Result<PathBuf, Error> {
        let directory = path.as_str().rsplit_once('/').map_or("", |(directory, _)| directory);
        if self.last.as_deref() != Some(directory) {
            let mut place = self.root.clone();
            for component in directory.split('/').filter(|component| !component.is_empty()) {
                place.push(component);
                make_directory(&place)?;
            }
            self.last = Some(directory.to_owned());
        }
        Ok(path.below(&self.root))
    }

    /// Tells whether the directories down to a file are real ones.
    fn is_real(&self, path: &FilePath) -> bool {
        let mut place = self.root.clone();
        let directory = path.as_str().rsplit_once('/').map_or("", |(directory, _)| directory);
        directory.split('/').filter(|component| !component.is_empty()).all(|component| {
            place.push(component);
            fs::symlink_metadata(&place).is_ok_and(|metadata| metadata.is_dir())
        })
    }

    /// Checks that at a place lies what was found there, or nothing, and removes it if it is a directory.
    fn clear(&self, path: &FilePath, target: &Path, over: Option<&Found>) -> Result<(), Error> {
        let now = match fs::symlink_metadata(target) {
            Ok(now) => now,
            Err(error) if has_vanished(&error) => return Ok(()),
            Err(error) => return Err(Error::local("look at", target)(error)),
        };
        if now.is_dir() {
            let is_known = over.is_some_and(|over| over.kind == FileKind::Directory);
            return match fs::remove_dir(target) {
                // One with files in it may be what is wanted; if not, writing over it says so.
                Err(error) if !is_known && error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
                removed => removed.map_err(Error::local("remove", target)),
            };
        }
        let is_same = |over: &Found| over.stamp == Stamp::of(&now) && FileKind::of(&now) == Some(over.kind);
        if self.force || over.is_some_and(is_same) {
            return Ok(());
        }
        Err(Error::LocalChanges { root: self.root.clone(), count: 1, files: vec![path.clone()] })
    }
}

/// Makes a directory, or makes sure that there is a real one.
fn make_directory(place: &Path) -> Result<(), Error> {
    match fs::create_dir(place) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(Error::local("make", place)(error)),
        Err(error) => match fs::symlink_metadata(place).map_err(Error::local("look at", place))?.is_dir() {
            true => Ok(()),
            false => Err(Error::local("make", place)(error)),
        },
        Ok(()) => Ok(()),
    }
}

/// States a file that was just written.
fn state(path: FilePath, target: &Path) -> Result<Found, Error> {
    let now = fs::symlink_metadata(target).map_err(Error::local("look at", target))?;
    let restless = || Error::Restless { path: target.to_owned() };
    let kind = FileKind::of(&now).ok_or_else(restless)?;
    Ok(Found { path, kind, size_bytes: now.len(), stamp: Stamp::of(&now) })
}

fn link_error(wanted: &Wanted, rule: &'static str) -> Error {
    Error::invalid("link", wanted.path.as_str(), rule)
}

/// Files fetched and written in one go; in tests few, so that there are several groups.
const GROUP: Greatest = Greatest { bytes: 8 * 1024 * 1024, count: if cfg!(test) { 32 } else { 1024 } };
/// Groups under way at once.
const GROUPS: usize = 4;
/// Large files under way at once.
const LARGE: usize = 2;
/// Pieces of a large file written in one go, at most.
const STRETCH: usize = 64;
