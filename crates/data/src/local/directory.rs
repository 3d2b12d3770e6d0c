use std::{
    fmt::Debug,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use futures::{StreamExt, TryStreamExt, stream};
use lineal_core::{BlobStore, Clock, FilePath, Progress, ProgressEvent, Timestamp, on_cpu};
use rayon::prelude::*;
use tokio::sync::Mutex;

use super::{
    CheckedOut, FileKind, FilePool, Found, Hashed, Selection, Stamp, StatCache, Status, Wanted,
    blocking::blocking,
    checkout::{Turn, Write, Writer, in_turn, remove_all},
    hash::{Open, hash_all},
    listing::Listing,
    plan::{Order, Plan, survey},
    scan::{Purpose, Survey},
    stat_cache::{CacheWriter, Known, pair},
    status::status,
};
use crate::{
    Error,
    groups::{Greatest, groups},
    path_order::compare_text,
    reference::Sources,
};

/// A directory that versions are made of, and checked out to.
///
/// ```no_run
/// # async fn run(wanted: Vec<lineal_data::local::Wanted>) -> Result<(), lineal_data::Error> {
/// use std::sync::Arc;
/// use lineal_core::{NoProgress, SystemClock};
/// use lineal_data::local::Directory;
///
/// let directory = Directory::new("flights", Arc::new(SystemClock)).with_cache("state/flights.stats")?;
/// let status = directory.status(wanted, &NoProgress).await?;
/// assert!(status.differences.is_empty());
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Directory {
    root: PathBuf,
    cache: Option<PathBuf>,
    clock: Arc<dyn Clock>,
    /// Held by the one checkout that runs.
    turn: Arc<Mutex<()>>,
}

/// What a checkout writes, and over what.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct CheckoutSettings {
    /// The part of the version to write; the rest of the directory stays as it is.
    pub selection: Selection,
    /// Whether files with local changes may be overwritten and removed.
    pub force: bool,
    /// Where large files come from and stay for other checkouts; without, each is a copy of its own.
    pub pool: Option<FilePool>,
}

impl CheckoutSettings {
    /// Sets the part of the version to write.
    #[must_use]
    pub fn with_selection(mut self, selection: Selection) -> Self {
        self.selection = selection;
        self
    }

    /// Lets checkouts have large files in common.
    #[must_use]
    pub fn with_pool(mut self, pool: FilePool) -> Self {
        self.pool = Some(pool);
        self
    }

    /// Lets local changes be lost.
    #[must_use]
    pub fn with_force(mut self, force: bool) -> Self {
        self.force = force;
        self
    }
}

impl Directory {
    /// Names a directory, which need not exist yet. The clock tells which stamps of files can be relied on.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>, clock: Arc<dyn Clock>) -> Self {
        Self { root: root.into(), cache: None, clock, turn: Arc::default() }
    }

    /// Keeps digests in a file, so that only files that changed are read again; and beside it, in one whose name ends in `.listing`, the
    /// files of the version last compared, so that a status asks the store only for what differs from that.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the file would lie in the directory itself.
    pub fn with_cache(mut self, file: impl Into<PathBuf>) -> Result<Self, Error> {
        let file = file.into();
        let is_inside = |file: &Path| whole(file).starts_with(whole(&self.root));
        if is_inside(&file) || is_inside(&Listing::beside(&file)) {
            let shown = file.display().to_string();
            return Err(Error::invalid("stat cache", &shown, "must lie outside the directory"));
        }
        self.cache = Some(file);
        Ok(self)
    }

    /// Returns where the files of a version are listed, if there is a cache.
    pub(crate) fn listing(&self) -> Option<PathBuf> {
        self.cache.as_deref().map(Listing::beside)
    }

    /// Returns the directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the files of the directory with their digests, in the order of a tree; see [`scan`](super::scan) for what is
    /// left out.
    ///
    /// Reads the files that the cache does not vouch for, once and in parallel, and updates the cache. Their bytes are what `progress`
    /// is told.
    ///
    /// # Errors
    /// As [`scan`](super::scan), [`Error::Restless`] if a file is being written, and [`Error::Local`] if a file cannot be
    /// read or the cache cannot be written.
    pub async fn files(&self, progress: &dyn Progress) -> Result<Vec<Hashed>, Error> {
        let place = self.clone();
        let Looked { at, cache, open } = on_cpu(move || place.look()).await??;
        let unread = |(found, digest): &Open| match digest {
            None if found.kind != FileKind::Directory => Some(found.size_bytes),
            _ => None,
        };
        let is_read = open.iter().any(|file| unread(file).is_some());
        let total = open.iter().filter_map(unread).fold(0, u64::saturating_add);
        progress.report(ProgressEvent::Started { task: TASK, total: Some(total), unit: "bytes" });
        let files = self.hash(open, progress, &unread).await;
        progress.report(ProgressEvent::Finished { task: TASK });
        let (place, files) = (self.clone(), files?);
        let remember = move || {
            let kept = files.iter().filter(|file| file.found.kind != FileKind::Directory).count();
            if is_read || kept != cache.len() {
                place.remember(files.iter().map(|file| (file, at)), &cache)?;
            }
            Ok(files)
        };
        on_cpu(remember).await?
    }

    /// Hashes files group by group, each of them in parallel.
    async fn hash(
        &self,
        open: Vec<Open>,
        progress: &dyn Progress,
        unread: &(impl Fn(&Open) -> Option<u64> + Sync),
    ) -> Result<Vec<Hashed>, Error> {
        let mut files = Vec::with_capacity(open.len());
        let groups = groups(open, GROUP, |file| unread(file).map_or(0, |size| size.saturating_add(4096)));
        let hash = |group: Vec<Open>| async {
            let (root, by) = (self.root.clone(), group.iter().filter_map(unread).fold(0, u64::saturating_add));
            Ok::<_, Error>((on_cpu(move || hash_all(&root, group)).await??, by))
        };
        let mut hashed = stream::iter(groups).map(hash).buffered(GROUPS);
        while let Some((group, by)) = hashed.try_next().await? {
            files.extend(group);
            progress.report(ProgressEvent::Advanced { task: TASK, by });
        }
        Ok(files)
    }

    /// Compares a version, its files in the order of a tree, with the directory.
    ///
    /// # Errors
    /// As [`Directory::files`].
    pub async fn status<W>(&self, wanted: W, progress: &dyn Progress) -> Result<Status, Error>
    where
        W: IntoIterator<Item = Wanted> + Send + 'static,
    {
        let found = self.files(progress).await?;
        Ok(on_cpu(move || status(wanted, &found)).await?)
    }

    /// Makes the files of the directory those of a version: `wanted`, in the order of a tree.
    ///
    /// `previous` are the files of the version that was checked out there before: a file that still is as it was there is
    /// replaced, and removed if it is not wanted any more. So is one that an interrupted checkout wrote, if there is a cache.
    /// All others that differ are local changes. Files that neither version has stay, unless they are in the way.
    ///
    /// Each file is written under a temporary name and renamed, without a sync: after a kill or a dropped future every file
    /// is the old or the new one, and the next checkout goes on and removes temporary files. In memory are the lists
    /// of files and 32 MiB.
    ///
    /// # Errors
    /// [`Error::LocalChanges`] before anything is written, or when a file changes meanwhile. [`Error::Local`] names the file
    /// that cannot be written; [`Error::Store`] if its bytes cannot be had. Then some files are new and some old: do it again.
    /// [`Error::Invalid`] and [`Error::Clash`] for files that cannot be written out at all. [`Error::NoSource`] for a file that
    /// lies elsewhere: [`Version::checkout`](crate::Version::checkout) knows the sources of its repository.
    pub async fn checkout(
        &self,
        blobs: &dyn BlobStore,
        wanted: Vec<Wanted>,
        previous: Vec<Wanted>,
        settings: &CheckoutSettings,
        progress: &dyn Progress,
    ) -> Result<CheckedOut, Error> {
        self.checkout_from(blobs, &Sources::default(), wanted, previous, settings, progress).await
    }

    /// Checks out files of which some lie elsewhere.
    pub(crate) async fn checkout_from(
        &self,
        blobs: &dyn BlobStore,
        sources: &Sources,
        wanted: Vec<Wanted>,
        previous: Vec<Wanted>,
        settings: &CheckoutSettings,
        progress: &dyn Progress,
    ) -> Result<CheckedOut, Error> {
        let task = format!("checkout to {}", self.root.display());
        let CheckoutSettings { selection, force, pool } = settings.clone();
        let selected = wanted.iter().filter(|file| selection.contains(&file.path));
        let total = Some(selected.map(|file| file.size_bytes).sum());
        progress.report(ProgressEvent::Started { task: &task, total, unit: "bytes" });
        let order = Order { wanted, previous, selection, force };
        let turn = self.turn().await;
        let writer = Writer { blobs, sources, pool, root: &self.root, force, progress, task: &task, turn };
        let outcome = self.carry_out(order, &writer).await;
        progress.report(ProgressEvent::Finished { task: &task });
        outcome
    }

    /// Waits until no other checkout runs, nor what is left of one that was dropped.
    pub(super) async fn turn(&self) -> Turn {
        Arc::new(Arc::clone(&self.turn).lock_owned().await)
    }

    async fn carry_out(&self, order: Order, writer: &Writer<'_>) -> Result<CheckedOut, Error> {
        let (this, turn, force) = (self.clone(), Arc::clone(&writer.turn), order.force);
        let prepared = on_cpu(move || in_turn(turn, || this.prepare(order))).await??;
        let Prepared { mut plan, cache, at } = prepared;
        let mut done = CheckedOut { kept: plan.kept.len() as u64, ..CheckedOut::default() };
        let by = plan.kept.iter().map(|file| file.found.size_bytes).sum();
        writer.progress.report(ProgressEvent::Advanced { task: writer.task, by });
        let (root, removals) = (self.root.clone(), std::mem::take(&mut plan.removals));
        let turn = Arc::clone(&writer.turn);
        done.removed = blocking(move || in_turn(turn, || remove_all(&root, &removals, force))).await?;
        let writes = std::mem::take(&mut plan.writes);
        let pending: Vec<Hashed> = writes.iter().map(pending).collect();
        let (written, failed) = writer.write_all(writes).await;
        done.written = written.len() as u64;
        done.size_bytes = written.iter().map(|file| file.found.size_bytes).sum();
        let (this, turn) = (self.clone(), Arc::clone(&writer.turn));
        let save = move || {
            // Those that were not written are kept in mind, as another checkout may have written them.
            let unwritten = if written.len() < pending.len() { pending } else { Vec::new() };
            // Nobody else knows the files written, so their stamps count from now.
            let now = this.clock.now();
            this.save(&plan, &cache, at, &[(unwritten, now), (written, now)])
        };
        let saved = on_cpu(move || in_turn(turn, save)).await?;
        match failed {
            Some(error) => Err(error),
            None => saved.map(|()| done),
        }
    }

    /// Looks at everything, and makes ready for a checkout without losing anything.
    fn prepare(&self, order: Order) -> Result<Prepared, Error> {
        let at = self.clock.now();
        fs::create_dir_all(&self.root).map_err(Error::local("make", &self.root))?;
        let mut survey = survey(&self.root)?;
        let leftovers = std::mem::take(&mut survey.leftovers);
        let cache = self.load();
        let plan = Plan::make(&self.root, survey, order, &cache)?;
        // A checkout that is killed leaves files that neither version before it had: the cache says that they are kept.
        let pending: Vec<Hashed> = plan.writes.iter().map(pending).collect();
        if !pending.is_empty() {
            self.save(&plan, &cache, at, &[(pending, at)])?;
        }
        for leftover in leftovers {
            fs::remove_file(&leftover).map_err(Error::local("remove", leftover))?;
        }
        Ok(Prepared { plan, cache, at })
    }

    /// Walks the directory, and says what is known of its files without reading them.
    pub(crate) fn look(&self) -> Result<Looked, Error> {
        let at = self.clock.now();
        let survey = Survey::take(&self.root, Purpose::Import)?;
        survey.unfit.check(&self.root)?;
        let cache = self.load();
        let vouched = |(found, known): (Found, Option<Known<'_>>)| {
            let digest = known.filter(|known| known.vouches_for(&found)).map(|known| known.digest);
            (found, digest)
        };
        let open = pair(survey.found, |found| &found.path, &cache).map(vouched).collect();
        Ok(Looked { at, cache, open })
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Writes the cache, if there is one: files in the order of a tree, each with a time before it was read.
    pub(crate) fn remember<'f>(
        &self,
        files: impl ExactSizeIterator<Item = (&'f Hashed, Timestamp)>,
        cache: &StatCache,
    ) -> Result<(), Error> {
        let Some(place) = &self.cache else { return Ok(()) };
        let mut writer = CacheWriter::with_capacity(files.len());
        for ((file, at), known) in pair(files, |(file, _)| &file.found.path, cache) {
            let checked_out = known.is_some_and(|known| known.was_checked_out(file.found.kind, file.digest));
            writer.push(Known::new(file, at, checked_out));
        }
        writer.save(place, &self.root)?;
        Ok(())
    }

    fn load(&self) -> StatCache {
        self.cache.as_deref().map(|file| StatCache::load(file, &self.root)).unwrap_or_default()
    }

    /// Writes the cache: what stays as it was known, what is kept, and what is written; of equal paths the last one.
    fn save(&self, plan: &Plan, cache: &StatCache, at: Timestamp, written: &[Written]) -> Result<(), Error> {
        let Some(place) = &self.cache else { return Ok(()) };
        let others = pair(&plan.others, |found| &found.path, cache).filter_map(|(_, known)| known);
        let mut files: Vec<Known<'_>> = others.chain(plan.kept.iter().map(|file| Known::new(file, at, true))).collect();
        for (written, at) in written {
            files.extend(written.iter().map(|file| Known::new(file, *at, true)));
        }
        files.par_sort_by(|one, two| compare_text(one.path, two.path));
        let mut writer = CacheWriter::with_capacity(files.len());
        for same in files.chunk_by(|one, two| one.path == two.path) {
            same.last().into_iter().for_each(|file| writer.push(*file));
        }
        writer.save(place, &self.root)?;
        Ok(())
    }
}

/// A directory as it was found.
#[derive(Debug)]
pub(crate) struct Looked {
    /// When.
    pub(crate) at: Timestamp,
    pub(crate) cache: StatCache,
    /// In the order of a tree.
    pub(crate) open: Vec<Open>,
}

/// Files written, and the moment from which their stamps count.
type Written = (Vec<Hashed>, Timestamp);

/// What is known before a checkout writes.
struct Prepared {
    plan: Plan,
    cache: StatCache,
    at: Timestamp,
}

/// States a file that is about to be written, with a stamp that vouches for nothing.
fn pending((wanted, _): &Write) -> Hashed {
    let Wanted { path, kind, digest, size_bytes, .. } = wanted;
    let stamp = Stamp { modified_ns: i64::MAX, ..Stamp::default() };
    let found = Found { path: FilePath::clone(path), kind: *kind, size_bytes: *size_bytes, stamp };
    Hashed { found, digest: *digest }
}

/// What progress of a status is reported as.
const TASK: &str = "status";
/// Files hashed between two reports of progress.
const GROUP: Greatest = Greatest { bytes: 256 * 1024 * 1024, count: usize::MAX };
/// Groups under way at once: large files are hashed side by side, as many as there are threads.
const GROUPS: usize = 64;

/// Returns a path without links, as far as it exists.
fn whole(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let real = |above: &Path| {
        let rest = path.strip_prefix(above).ok()?;
        Some(fs::canonicalize(above).ok()?.join(rest))
    };
    path.ancestors().find_map(real).unwrap_or_else(|| path.clone())
}
