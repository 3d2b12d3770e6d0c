use std::{
    collections::BTreeMap,
    fs,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use lineal_core::{
    Batch, BlobInfo, BlobStore, BlobStoreExt, ByteStream, Clock, Digest, Enrolment, ErrorKind, FilePath, LooseBlobs,
    ManualClock, NoProgress, PathSet, Progress, ProgressEvent, Store, StoreId, SystemClock, Timestamp,
};
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::{
    Error,
    path_order::{check_neighbours, compare},
};

mod pool; // files in common

/// The files of a directory by path: what each is, and its bytes.
type Model = BTreeMap<String, (FileKind, Vec<u8>)>;

fn model(files: &[(&str, &str)]) -> Model {
    files.iter().map(|(path, text)| ((*path).to_owned(), (FileKind::Regular, text.as_bytes().to_vec()))).collect()
}

fn path(text: &str) -> FilePath {
    FilePath::new(text).unwrap()
}

fn wanted(model: &Model) -> Vec<Wanted> {
    let wanted = |(name, (kind, bytes)): (&String, &(FileKind, Vec<u8>))| {
        Wanted::new(path(name), *kind, Digest::of(bytes), bytes.len() as u64)
    };
    let mut files: Vec<_> = model.iter().map(wanted).collect();
    files.sort_by(|one, two| compare(&one.path, &two.path));
    files
}

async fn blobs(models: &[&Model]) -> LooseBlobs {
    let store = Store::open("memory:///").unwrap();
    let blobs = LooseBlobs::open(&store, "blobs").await.unwrap();
    for (_, bytes) in models.iter().flat_map(|model| model.values()) {
        blobs.put_one(Bytes::from(bytes.clone())).await.unwrap();
    }
    blobs
}

/// Writes a directory without the code under test.
fn lay(root: &Path, model: &Model) {
    for (name, (kind, bytes)) in model {
        let place = root.join(name);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        match kind {
            FileKind::Directory => fs::create_dir_all(&place).unwrap(),
            FileKind::Symlink => std::os::unix::fs::symlink(str::from_utf8(bytes).unwrap(), &place).unwrap(),
            kind => {
                fs::write(&place, bytes).unwrap();
                let mode = if *kind == FileKind::Executable { 0o755 } else { 0o644 };
                fs::set_permissions(&place, fs::Permissions::from_mode(mode)).unwrap();
            }
        }
    }
}

/// Reads a directory without the code under test.
fn see(root: &Path) -> Model {
    let mut model = Model::new();
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        let entries: Vec<_> = fs::read_dir(&directory).unwrap().map(Result::unwrap).collect();
        let name = |place: &Path| place.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        if entries.is_empty() && directory != root {
            model.insert(name(&directory), (FileKind::Directory, Vec::new()));
        }
        for entry in entries {
            let (place, metadata) = (entry.path(), entry.metadata().unwrap());
            if metadata.is_dir() {
                open.push(place);
            } else if metadata.is_symlink() {
                let target = fs::read_link(&place).unwrap().as_os_str().as_bytes().to_vec();
                model.insert(name(&place), (FileKind::Symlink, target));
            } else if metadata.is_file() {
                let run = metadata.permissions().mode() & 0o100 != 0;
                let kind = if run { FileKind::Executable } else { FileKind::Regular };
                model.insert(name(&place), (kind, fs::read(&place).unwrap()));
            }
        }
    }
    model
}

/// A directory with a cache beside it.
struct World {
    guard: TempDir,
    directory: Directory,
    root: PathBuf,
    clock: Arc<ManualClock>,
}

impl World {
    /// The clock is an hour ahead, so that all stamps are settled.
    fn new() -> Self {
        let guard = tempfile::tempdir().unwrap();
        let root = guard.path().join("root");
        fs::create_dir(&root).unwrap();
        let clock = Arc::new(ManualClock::new(SystemClock.now().saturating_add(Duration::from_secs(3600))));
        let directory = Directory::new(&root, Arc::<ManualClock>::clone(&clock))
            .with_cache(guard.path().join("state/stats"))
            .unwrap();
        Self { guard, directory, root, clock }
    }

    fn without_cache() -> Self {
        let mut world = Self::new();
        world.directory = Directory::new(&world.root, Arc::<ManualClock>::clone(&world.clock));
        world
    }

    async fn checkout(&self, blobs: &dyn BlobStore, new: &Model, old: &Model) -> Result<CheckedOut, Error> {
        self.checkout_with(blobs, new, old, CheckoutSettings::default()).await
    }

    async fn checkout_with(
        &self,
        blobs: &dyn BlobStore,
        new: &Model,
        old: &Model,
        settings: CheckoutSettings,
    ) -> Result<CheckedOut, Error> {
        self.directory.checkout(blobs, wanted(new), wanted(old), &settings, &NoProgress).await
    }

    async fn status(&self, model: &Model) -> Status {
        self.directory.status(wanted(model), &NoProgress).await.unwrap()
    }
}

fn changed(outcome: Result<CheckedOut, Error>) -> Vec<String> {
    match outcome {
        Err(Error::LocalChanges { count, files, .. }) => {
            assert_eq!(count, files.len());
            files.iter().map(FilePath::to_string).collect()
        }
        other => panic!("{other:?}"),
    }
}

fn unfit(outcome: &Result<Scan, Error>) -> (usize, Vec<&str>) {
    match outcome {
        Err(Error::Unfit { count, files, .. }) => (*count, files.iter().map(|file| file.path.as_str()).collect()),
        other => panic!("{other:?}"),
    }
}

/// Trees of a few files of all kinds, whose paths often need each other as directories in the next tree.
fn trees() -> impl Strategy<Value = Model> {
    let kind = prop_oneof![Just(FileKind::Regular), Just(FileKind::Executable), Just(FileKind::Directory)];
    let file = ("[a-cA](/[ab-]){0,2}", kind, "[xy]{0,2}");
    let link = ("[a-cA](/[ab-]){0,2}", Just(FileKind::Symlink), "[abc]|[abc]/b");
    proptest::collection::vec(prop_oneof![4 => file, 1 => link], 0..7).prop_map(|files| {
        let (mut model, mut paths) = (Model::new(), PathSet::default());
        for (name, kind, text) in files {
            if paths.insert(&path(&name)).is_ok() {
                let bytes = if kind == FileKind::Directory { Vec::new() } else { text.into_bytes() };
                model.insert(name, (kind, bytes));
            }
        }
        model
    })
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_is_checked_out_is_scanned(one in trees(), two in trees(), with_cache: bool) {
        run(async {
            let world = if with_cache { World::new() } else { World::without_cache() };
            let blobs = blobs(&[&one, &two]).await;
            for (new, old) in [(&one, &Model::new()), (&two, &one), (&two, &two), (&one, &two)] {
                let done = world.checkout(&blobs, new, old).await.unwrap();
                assert_eq!(done.written + done.kept, new.len() as u64);
                assert_eq!(&see(&world.root), new);
                let scanned = scan(&world.root, world.clock.now()).await.unwrap().found;
                let wanted = wanted(new);
                let stated = wanted.iter().map(|file| (&file.path, file.kind, file.size_bytes));
                assert!(scanned.iter().map(|file| (&file.path, file.kind, file.size_bytes)).eq(stated));
                let status = world.status(new).await;
                assert_eq!((status.differences.len(), status.unchanged), (0, new.len() as u64));
            }
        });
    }

    #[test]
    fn status_tells_what_a_model_tells(one in trees(), two in trees()) {
        run(async {
            let world = World::new();
            lay(&world.root, &two);
            let status = world.status(&one).await;
            let mut expected = BTreeMap::new();
            for name in one.keys().chain(two.keys()) {
                let difference = match (one.get(name), two.get(name)) {
                    (None, _) => Difference::Added(path(name)),
                    (_, None) => Difference::Removed(path(name)),
                    (Some(one), Some(two)) if one == two => continue,
                    (Some(one), Some(two)) => {
                        let is_directory = |file: &(FileKind, _)| file.0 == FileKind::Directory;
                        let bytes = one.1 != two.1 || is_directory(one) != is_directory(two);
                        Difference::Changed { path: path(name), bytes, kind: one.0 != two.0 }
                    }
                };
                expected.insert(name.clone(), difference);
            }
            let unchanged = one.keys().filter(|name| two.contains_key(*name) && !expected.contains_key(*name)).count();
            assert_eq!(status.unchanged, unchanged as u64);
            assert!(status.differences.is_sorted_by(|one, two| compare(one.path(), two.path()).is_lt()));
            let found: BTreeMap<_, _> = status.differences.into_iter().map(|diff| (diff.path().to_string(), diff)).collect();
            assert_eq!(found, expected);
        });
    }

    /// Whatever lies there: without force no byte of it is lost, with force the version is there in the end.
    #[test]
    fn local_changes_are_never_lost(local in trees(), old in trees(), new in trees()) {
        run(async {
            let blobs = blobs(&[&new]).await;
            let world = World::without_cache();
            lay(&world.root, &local);
            let outcome = world.checkout(&blobs, &new, &old).await;
            let after = see(&world.root);
            let is_lost = |(name, file): &(&String, &(FileKind, Vec<u8>))| {
                let kept_elsewhere = old.get(*name) == Some(file) || new.get(*name) == Some(file);
                file.0 != FileKind::Directory && !kept_elsewhere && after.get(*name) != Some(file)
            };
            assert_eq!(local.iter().find(is_lost), None);
            if outcome.is_err() {
                changed(outcome);
                assert_eq!(after, local);
                world.checkout_with(&blobs, &new, &old, CheckoutSettings::default().with_force(true)).await.unwrap();
            }
            let after = see(&world.root);
            let is_there = |(name, file): (&String, &(FileKind, Vec<u8>))| match file.0 {
                FileKind::Directory => world.root.join(name).is_dir(),
                _ => after.get(name) == Some(file),
            };
            assert!(new.iter().all(is_there), "{after:?}");
        });
    }
}

#[tokio::test]
async fn a_directory_is_scanned_in_the_order_of_a_tree() {
    let world = World::new();
    let names = ["a-b", "a/b", "a/c/d", "B", "z/y/x", "é", "0"];
    lay(&world.root, &names.iter().map(|name| ((*name).to_owned(), (FileKind::Regular, Vec::new()))).collect());
    let found = scan(&world.root, world.clock.now()).await.unwrap().found;
    assert_eq!(found.len(), names.len());
    assert!(found.windows(2).all(|pair| check_neighbours(&pair[0].path, &pair[1].path).is_ok()));
    assert!(found.is_sorted_by(|one, two| compare(&one.path, &two.path).is_lt()));
}

#[tokio::test]
async fn hostile_directories_are_refused_with_all_their_files() {
    let world = World::new();
    let root = &world.root;
    lay(
        root,
        &model(&[("fine", "1"), ("d/a:b", "1"), ("con", "1"), ("x", "1"), ("X", "1"), ("e/q", "1"), ("E/r", "1")]),
    );
    fs::write(root.join(std::ffi::OsStr::from_bytes(b"d/not\xffutf8")), "1").unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
    for (name, target) in [("l1", "/etc/passwd"), ("l2", "../x"), ("d/l3", "../../x"), ("l4", "fine/../../x")] {
        std::os::unix::fs::symlink(target, root.join(name)).unwrap();
    }
    let outcome = scan(root, world.clock.now()).await;
    let (count, mut files) = unfit(&outcome);
    files.sort_unstable();
    assert_eq!(files, ["con", "d/a:b", "d/l3", "d/not\u{fffd}utf8", "e", "l1", "l2", "l4", "socket", "x"]);
    assert_eq!(count, files.len());
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("\"d/a:b\" (must not contain any of"), "{error}");

    for n in 0..50 {
        fs::write(root.join(format!("{n}?")), "1").unwrap();
    }
    let outcome = scan(root, world.clock.now()).await;
    let (count, files) = unfit(&outcome);
    assert_eq!((count, files.len()), (60, 20));
    assert!(outcome.unwrap_err().to_string().ends_with(", …"));
    assert!(scan(&root.join("none"), world.clock.now()).await.is_err());
}

#[tokio::test]
async fn links_are_not_followed_and_deep_trees_end() {
    let world = World::new();
    std::os::unix::fs::symlink(".", world.root.join("loop")).unwrap();
    fs::create_dir_all(world.root.join("d/".repeat(511))).unwrap();
    let found = scan(&world.root, world.clock.now()).await.unwrap().found;
    let kinds: Vec<_> = found.iter().map(|file| file.kind).collect();
    assert_eq!(kinds, [FileKind::Directory, FileKind::Symlink]);
    fs::create_dir_all(world.root.join("d/".repeat(600))).unwrap();
    assert_eq!(unfit(&scan(&world.root, world.clock.now()).await).0, 1);
}

#[tokio::test]
async fn ignored_files_are_left_out() {
    let world = World::new();
    let mut files = model(&[
        (".linealignore", "# logs\n*.log\n/build/\n!keep.log\nsocket\n"),
        ("a.log", ""),
        ("keep.log", ""),
        ("build/a:b", ""),
        ("d/build/x", ""),
        ("d/.linealignore", "!b.log\nsecret\n"),
        ("d/a.log", ""),
        ("d/b.log", ""),
        ("d/secret/x", ""),
        ("e/x.log", ""),
        ("secret", ""),
        (".lineal-0123456789ab-3.part", ""),
    ]);
    files.insert("d/.linealignore".to_owned(), (FileKind::Regular, b"!b.log\nsecret\n".to_vec()));
    lay(&world.root, &files);
    let _socket = std::os::unix::net::UnixListener::bind(world.root.join("socket")).unwrap();
    let found = scan(&world.root, world.clock.now()).await.unwrap().found;
    let names: Vec<_> = found.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(names, [".linealignore", "d/.linealignore", "d/b.log", "d/build/x", "e", "keep.log", "secret"]);
    fs::write(world.root.join(".linealignore"), "a{").unwrap();
    let outcome = scan(&world.root, world.clock.now()).await;
    assert!(matches!(outcome, Err(Error::Invalid { what: "ignore rule", .. })), "{outcome:?}");
}

#[tokio::test]
async fn only_what_changed_is_read_again() {
    let world = World::new();
    lay(&world.root, &model(&[("a", "1"), ("b", "2")]));
    let first = world.directory.files(&NoProgress).await.unwrap();
    // A cache that states another digest shows what is not read.
    let place = world.guard.path().join("state/stats");
    let lie = |at: Timestamp| {
        let mut writer = stat_cache::CacheWriter::with_capacity(2);
        for file in &first {
            let lie = Hashed { found: file.found.clone(), digest: Digest::of(b"lie") };
            writer.push(stat_cache::Known::new(&lie, at, false));
        }
        writer.save(&place, &world.root).unwrap();
    };
    let read =
        async || world.directory.files(&NoProgress).await.unwrap().iter().map(|file| file.digest).collect::<Vec<_>>();
    lie(world.clock.now());
    fs::write(world.root.join("b"), "3").unwrap();
    assert_eq!(read().await, [Digest::of(b"lie"), Digest::of(b"3")]);
    assert_eq!(StatCache::load(&place, &world.root).len(), 2);
    // One that was written when the files were new is not believed.
    lie(SystemClock.now());
    assert_eq!(read().await, [Digest::of(b"1"), Digest::of(b"3")]);
    // Nor is one of another directory, or none.
    lie(world.clock.now());
    assert!(StatCache::load(&place, world.guard.path()).is_empty());
    fs::write(&place, "lineal-stats 1\r\n").unwrap();
    assert_eq!(read().await, [Digest::of(b"1"), Digest::of(b"3")]);
    fs::remove_file(&place).unwrap();
    assert_eq!(read().await, [Digest::of(b"1"), Digest::of(b"3")]);
}

#[tokio::test]
async fn a_cache_lies_outside_its_directory() {
    let guard = tempfile::tempdir().unwrap();
    let root = guard.path().join("work");
    fs::create_dir(&root).unwrap();
    std::os::unix::fs::symlink("work", guard.path().join("link")).unwrap();
    for inside in ["work/stats", "work/new/stats", "link/stats", "work/../work/stats", "work"] {
        let directory = Directory::new(&root, Arc::new(SystemClock));
        assert!(directory.with_cache(guard.path().join(inside)).is_err(), "{inside}");
    }
    for outside in ["stats", "work-stats", "new/stats"] {
        let directory = Directory::new(&root, Arc::new(SystemClock));
        assert!(directory.with_cache(guard.path().join(outside)).is_ok(), "{outside}");
    }
}

#[tokio::test]
async fn a_checkout_leaves_what_it_does_not_know() {
    let world = World::new();
    let one = model(&[("gone", "1"), ("kept", "1"), ("edited", "1"), ("d/gone", "1")]);
    let two = model(&[("kept", "1"), ("new", "2")]);
    let blobs = blobs(&[&one, &two]).await;
    world.checkout(&blobs, &one, &Model::new()).await.unwrap();
    lay(&world.root, &model(&[("edited", "mine"), ("mine", "mine")]));
    let done = world.checkout(&blobs, &two, &one).await.unwrap();
    assert_eq!((done.written, done.kept, done.removed, done.size_bytes), (1, 1, 2, 1));
    assert_eq!(see(&world.root), model(&[("edited", "mine"), ("kept", "1"), ("mine", "mine"), ("new", "2")]));
}

#[tokio::test]
async fn local_changes_are_named_before_anything_is_written() {
    let world = World::new();
    let one = model(&[("a", "1"), ("b", "1"), ("c/d", "1")]);
    let two = model(&[("a", "2"), ("b", "2"), ("c", "2"), ("new", "2"), ("way/x", "2")]);
    let blobs = blobs(&[&one, &two]).await;
    world.checkout(&blobs, &one, &Model::new()).await.unwrap();
    lay(&world.root, &model(&[("b", "mine"), ("c/mine", "mine"), ("way", "mine"), ("NEW", "mine")]));
    let before = see(&world.root);
    assert_eq!(changed(world.checkout(&blobs, &two, &one).await), ["b", "c/mine", "NEW", "way"]);
    assert_eq!(see(&world.root), before);
    let error = world.checkout(&blobs, &two, &one).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().ends_with("4 files have local changes: b, c/mine, NEW, way"), "{error}");
    let force = CheckoutSettings::default().with_force(true);
    world.checkout_with(&blobs, &two, &one, force).await.unwrap();
    assert_eq!(see(&world.root), two);
}

#[tokio::test]
async fn nothing_is_written_or_removed_through_a_link() {
    let world = World::new();
    let one = model(&[("d/x", "1"), ("d/y", "1")]);
    let two = model(&[("d/x", "2")]);
    let blobs = blobs(&[&one, &two]).await;
    let outside = world.guard.path().join("outside");
    lay(&outside, &model(&[("x", "1"), ("y", "1")]));
    std::os::unix::fs::symlink(&outside, world.root.join("d")).unwrap();
    assert_eq!(changed(world.checkout(&blobs, &two, &one).await), ["d"]);
    let force = CheckoutSettings::default().with_force(true);
    world.checkout_with(&blobs, &two, &one, force).await.unwrap();
    assert_eq!(see(&world.root), two);
    assert_eq!(see(&outside), model(&[("x", "1"), ("y", "1")]));
}

#[tokio::test]
async fn a_version_that_cannot_be_written_out_is_refused() {
    let world = World::new();
    let blobs = blobs(&[]).await;
    let refused = async |files: &[(&str, FileKind, &str)]| {
        let wanted = files.iter().map(|(name, kind, text)| {
            let bytes = Bytes::copy_from_slice(text.as_bytes());
            Wanted::new(path(name), *kind, Digest::of(&bytes), bytes.len() as u64).with_bytes(bytes)
        });
        let settings = CheckoutSettings::default();
        let error = world.directory.checkout(&blobs, wanted.collect(), Vec::new(), &settings, &NoProgress).await;
        assert!(see(&world.root).is_empty());
        error.unwrap_err()
    };
    let file = FileKind::Regular;
    assert!(matches!(refused(&[("a", file, ""), ("a/b", file, "")]).await, Error::Clash { .. }));
    assert!(matches!(refused(&[("a", file, ""), ("A", file, "")]).await, Error::Clash { .. } | Error::Invalid { .. }));
    assert!(matches!(refused(&[("b", file, ""), ("a", file, "")]).await, Error::Invalid { .. }));
    assert!(matches!(refused(&[("d/.lineal-0123456789ab-0.part", file, "")]).await, Error::Invalid { .. }));
    for target in ["/etc", "../x", "", "a\0b"] {
        assert!(matches!(refused(&[("a", FileKind::Symlink, target)]).await, Error::Invalid { .. }), "{target:?}");
    }
    let long = "x".repeat(300_000);
    assert!(matches!(refused(&[("a", FileKind::Symlink, &long)]).await, Error::Invalid { .. }));
}

#[tokio::test]
async fn a_part_of_a_version_is_checked_out() {
    let world = World::new();
    let one = model(&[("a/x.md", "1"), ("a/y", "1"), ("ab", "1"), ("b/c/z.md", "1"), ("b/w", "1")]);
    let two = model(&[("a/x.md", "2"), ("a/n/y", "2"), ("ab", "2"), ("b/c/z.md", "2"), ("b/w", "2")]);
    let blobs = blobs(&[&one, &two]).await;
    world.checkout(&blobs, &one, &Model::new()).await.unwrap();
    let settings = |selection| CheckoutSettings::default().with_selection(selection);
    let prefix = Selection::all().with_prefix(path("a"));
    world.checkout_with(&blobs, &two, &one, settings(prefix)).await.unwrap();
    let mut expected = model(&[("a/x.md", "2"), ("a/n/y", "2"), ("ab", "1"), ("b/c/z.md", "1"), ("b/w", "1")]);
    assert_eq!(see(&world.root), expected);
    let glob = Selection::all().with_glob("b/**/*.md").unwrap();
    world.checkout_with(&blobs, &two, &one, settings(glob)).await.unwrap();
    expected.insert("b/c/z.md".to_owned(), (FileKind::Regular, b"2".to_vec()));
    assert_eq!(see(&world.root), expected);
    assert!(Selection::all().with_glob("a{").is_err());
}

#[tokio::test]
async fn large_files_are_streamed_over_what_was_there() {
    let world = World::new();
    let big = |byte: u8| (FileKind::Executable, vec![byte; 3_000_000]);
    let one: Model = [("d/big".to_owned(), big(1)), ("other".to_owned(), big(3))].into();
    let two: Model = [("d/big".to_owned(), big(2)), ("small".to_owned(), (FileKind::Regular, Vec::new()))].into();
    let blobs = blobs(&[&one, &two]).await;
    world.checkout(&blobs, &one, &Model::new()).await.unwrap();
    assert_eq!(see(&world.root), one);
    let done = world.checkout(&blobs, &two, &one).await.unwrap();
    assert_eq!((done.written, done.removed, done.size_bytes), (2, 1, 3_000_000));
    assert_eq!(see(&world.root), two);
    fs::write(world.root.join("d/big"), "mine").unwrap();
    assert_eq!(changed(world.checkout(&blobs, &one, &two).await), ["d/big"]);
}

#[tokio::test]
async fn an_error_names_the_file_and_leaves_nothing_half_done() {
    let world = World::new();
    let files: Model = (0..30).map(|n| (format!("{n}/x"), (FileKind::Regular, vec![n]))).collect();
    let full = blobs(&[&files]).await;
    let _socket = std::os::unix::net::UnixListener::bind(world.root.join("7")).unwrap();
    let error = world.checkout(&full, &files, &Model::new()).await.unwrap_err();
    assert!(matches!(&error, Error::Local { path, .. } if path.ends_with("7")), "{error:?}");
    assert!(scan_names(&world.root).iter().all(|name| !part::is_temporary(name)));
    fs::remove_file(world.root.join("7")).unwrap();
    world.checkout(&full, &files, &Model::new()).await.unwrap();
    assert_eq!(see(&world.root), files);

    let more = model(&[("new", "1")]);
    let error = world.checkout(&full, &more, &files).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
}

#[tokio::test]
async fn a_file_that_is_larger_than_it_is_said_to_be_is_not_taken_into_memory() {
    let world = World::new();
    let bytes = vec![7; 300_000];
    let blobs = blobs(&[&Model::from([("a".to_owned(), (FileKind::Regular, bytes.clone()))])]).await;
    let lie = vec![Wanted::new(path("a"), FileKind::Regular, Digest::of(&bytes), 10)];
    let outcome =
        world.directory.checkout(&blobs, lie, Vec::new(), &CheckoutSettings::default(), &NoProgress).await.unwrap_err();
    assert!(matches!(&outcome, Error::Format { what: "file", .. }), "{outcome:?}");
    assert_eq!(see(&world.root), Model::new());
}

/// Names of all that lies in a directory, temporary files too.
fn scan_names(root: &Path) -> Vec<String> {
    see(root).keys().filter_map(|name| name.rsplit('/').next().map(str::to_owned)).collect()
}

/// A blob store that lets others run before each answer, and stops answering after some.
#[derive(Debug)]
struct Stalling(LooseBlobs, AtomicUsize);

impl Stalling {
    async fn step(&self) {
        if self.1.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[async_trait::async_trait]
impl BlobStore for Stalling {
    fn id(&self) -> StoreId {
        self.0.id()
    }

    async fn begin(&self) -> Result<Box<dyn Batch>, lineal_core::Error> {
        self.0.begin().await
    }

    async fn stat(&self, digests: &[Digest]) -> Result<Vec<Option<BlobInfo>>, lineal_core::Error> {
        self.0.stat(digests).await
    }

    async fn read(&self, digest: &Digest, range: Option<std::ops::Range<u64>>) -> Result<Bytes, lineal_core::Error> {
        self.step().await;
        self.0.read(digest, range).await
    }

    async fn stream(&self, digest: &Digest) -> Result<ByteStream, lineal_core::Error> {
        self.step().await;
        self.0.stream(digest).await
    }

    async fn enrol(&self, enrolment: &Enrolment) -> Result<u64, lineal_core::Error> {
        self.0.enrol(enrolment).await
    }

    async fn condemned(&self, since: u64, upto: u64, of: &[Digest]) -> Result<Vec<Digest>, lineal_core::Error> {
        self.0.condemned(since, upto, of).await
    }
}

/// Two versions of 180 small files and 4 large ones.
fn two_versions() -> (Model, Model) {
    let version = |seed: usize| -> Model {
        let mut files: Model = (0..210)
            .filter(|n| n % 7 != seed)
            .map(|n| (format!("{}/{n}", n % 13), (FileKind::Regular, format!("{n} {seed}").into_bytes())))
            .collect();
        for n in 0..4 {
            files.insert(format!("large/{n}"), (FileKind::Regular, vec![seed as u8; 400_000 + n]));
        }
        files
    };
    (version(1), version(2))
}

/// Checks that every file is the old or the new one.
fn check_no_half_files(root: &Path, old: &Model, new: &Model) {
    for (name, file) in see(root) {
        let is_temporary = name.rsplit('/').next().is_some_and(part::is_temporary);
        let is_whole = old.get(&name) == Some(&file) || new.get(&name) == Some(&file);
        assert!(is_temporary || is_whole || file.0 == FileKind::Directory, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_checkout_is_finished_by_the_next() {
    let (one, two) = two_versions();
    let blobs = blobs(&[&one, &two]).await;
    let world = World::new();
    world.checkout(&blobs, &one, &Model::new()).await.unwrap();
    let (mut old, mut new) = (&one, &two);
    for answers in [0, 1, 50, 130, 180, 182, 184] {
        let stalling = Stalling(blobs.clone(), AtomicUsize::new(answers));
        let dropped = tokio::time::timeout(Duration::from_millis(150), world.checkout(&stalling, new, old)).await;
        assert!(dropped.is_err() || answers == 184, "{answers}: {dropped:?}");
        drop(world.directory.turn().await);
        check_no_half_files(&world.root, old, new);
        world.checkout(&blobs, new, old).await.unwrap();
        assert_eq!(&see(&world.root), new);
        (old, new) = (new, old);
    }
}

#[tokio::test]
async fn a_checkout_dropped_at_any_poll_is_finished_by_the_next() {
    let (one, two) = (model(&[("a", "1"), ("b/c", "1"), ("d", "1")]), model(&[("a", "2"), ("b", "2"), ("e/f", "2")]));
    let blobs = blobs(&[&one, &two]).await;
    for polls in 0..12 {
        let world = World::new();
        world.checkout(&blobs, &one, &Model::new()).await.unwrap();
        {
            let mut checkout = Box::pin(world.checkout(&blobs, &two, &one));
            for _ in 0..polls {
                if let Poll::Ready(done) = checkout.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                    done.unwrap();
                    break;
                }
                tokio::time::sleep(Duration::from_millis(3)).await;
            }
        }
        drop(world.directory.turn().await);
        check_no_half_files(&world.root, &one, &two);
        world.checkout(&blobs, &two, &one).await.unwrap();
        assert_eq!(see(&world.root), two);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_interrupted_checkout_wrote_is_no_local_change() {
    let (one, two) = two_versions();
    let three: Model = two.keys().map(|name| (name.clone(), (FileKind::Regular, b"3".to_vec()))).collect();
    let blobs = blobs(&[&one, &two, &three]).await;
    let world = World::new();
    world.checkout(&blobs, &one, &Model::new()).await.unwrap();
    let stalling = Stalling(blobs.clone(), AtomicUsize::new(150));
    let dropped = tokio::time::timeout(Duration::from_millis(300), world.checkout(&stalling, &two, &one)).await;
    assert!(dropped.is_err());
    assert_ne!(see(&world.root), one);
    world.checkout(&blobs, &three, &one).await.unwrap();
    assert_eq!(see(&world.root), three);
}

/// Adds up what it is told.
#[derive(Debug, Default)]
struct Sum(AtomicUsize);

impl Progress for Sum {
    fn report(&self, event: ProgressEvent<'_>) {
        match event {
            ProgressEvent::Started { total, .. } => assert_eq!(total, Some(6)),
            ProgressEvent::Advanced { by, .. } => drop(self.0.fetch_add(by as usize, Ordering::SeqCst)),
            _ => assert_eq!(self.0.load(Ordering::SeqCst), 6),
        }
    }
}

#[tokio::test]
async fn progress_counts_the_bytes_of_the_version() {
    let world = World::new();
    let files = model(&[("a", "12"), ("b", "3456")]);
    let blobs = blobs(&[&files]).await;
    lay(&world.root, &model(&[("a", "12")]));
    let (progress, settings) = (Sum::default(), CheckoutSettings::default());
    world.directory.checkout(&blobs, wanted(&files), Vec::new(), &settings, &progress).await.unwrap();
    assert_eq!(progress.0.load(Ordering::SeqCst), 6);
}

#[tokio::test]
async fn temporary_files_are_swept() {
    let world = World::new();
    let files = model(&[("d/a", "1")]);
    let blobs = blobs(&[&files]).await;
    lay(&world.root, &model(&[("d/.lineal-0123456789ab-0.part", "half"), ("e/.lineal-0123456789ab-7.part", "half")]));
    world.checkout(&blobs, &files, &Model::new()).await.unwrap();
    let mut expected = files.clone();
    expected.insert("e".to_owned(), (FileKind::Directory, Vec::new()));
    assert_eq!(see(&world.root), expected);
}

/// What a checkout that is killed has beside the directory.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Beside {
    Nothing,
    Cache,
    CacheAndPool,
}

impl Beside {
    fn directory(self, root: &Path, clock: Arc<dyn Clock>) -> Directory {
        let directory = Directory::new(root, clock);
        let stats = root.parent().unwrap().join("state/stats");
        if self == Self::Nothing { directory } else { directory.with_cache(stats).unwrap() }
    }

    fn settings(self, root: &Path) -> CheckoutSettings {
        let settings = CheckoutSettings::default();
        let pool = || FilePool::hard_links(root.parent().unwrap().join("pool"));
        if self == Self::CacheAndPool { settings.with_pool(pool()) } else { settings }
    }
}

/// Checks out for ever, in a process of its own, which is killed.
async fn be_killed(root: &Path) {
    let (one, two) = two_versions();
    let blobs = blobs(&[&one, &two]).await;
    let beside = match std::env::var(KILLED_WITH).unwrap().as_str() {
        "Nothing" => Beside::Nothing,
        "Cache" => Beside::Cache,
        _ => Beside::CacheAndPool,
    };
    let (directory, settings) = (beside.directory(root, Arc::new(SystemClock)), beside.settings(root));
    println!("ready");
    for (new, old) in [(&two, &one), (&one, &two)].into_iter().cycle() {
        directory.checkout(&blobs, wanted(new), wanted(old), &settings, &NoProgress).await.unwrap();
    }
}

#[tokio::test]
async fn a_killed_checkout_is_finished_by_the_next() {
    if let Some(root) = std::env::var_os(KILLED_IN) {
        return be_killed(root.as_ref()).await;
    }
    let (one, two) = two_versions();
    let blobs = blobs(&[&one, &two]).await;
    for beside in [Beside::Nothing, Beside::Cache, Beside::CacheAndPool] {
        let world = World::new();
        let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(&world.clock);
        let (directory, settings) = (beside.directory(&world.root, clock), beside.settings(&world.root));
        let checkout = async |new: &Model, old: &Model| {
            directory.checkout(&blobs, wanted(new), wanted(old), &settings, &NoProgress).await.unwrap();
            assert_eq!(see(&world.root), *new, "{beside:?}");
        };
        checkout(&one, &Model::new()).await;
        for delay in [0, 1, 3, 8, 20, 45, 80] {
            let mut child = std::process::Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "local::tests::a_killed_checkout_is_finished_by_the_next", "--nocapture"])
                .env(KILLED_IN, &world.root)
                .env(KILLED_WITH, format!("{beside:?}"))
                .stdout(std::process::Stdio::piped())
                .spawn()
                .unwrap();
            let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
            assert!(lines.any(|line| line.unwrap().ends_with("ready")));
            tokio::time::sleep(Duration::from_millis(delay)).await;
            child.kill().unwrap();
            child.wait().unwrap();
            check_no_half_files(&world.root, &one, &two);
            // Going on with either version, whichever was before.
            checkout(&two, &one).await;
            checkout(&one, &two).await;
        }
    }
}

/// Tells the process to be killed what there is beside the directory.
const KILLED_WITH: &str = "LINEAL_TEST_KILLED_WITH";
/// Tells the test that it is the process to be killed, and where it works.
const KILLED_IN: &str = "LINEAL_TEST_KILLED_IN";

/// Checks out in a process of its own, which may not write files as large as some of these.
async fn run_out_of_room(root: &Path, large: &str) {
    let files = files_with_a(large);
    let blobs = blobs(&[&files]).await;
    let directory = Directory::new(root, Arc::new(SystemClock));
    let settings = CheckoutSettings::default();
    let outcome = directory.checkout(&blobs, wanted(&files), Vec::new(), &settings, &NoProgress).await;
    let Err(Error::Local { operation: "write", path, source }) = outcome else { panic!("{outcome:?}") };
    assert!(path.ends_with(large), "{path:?}");
    println!("no room: {source}");
}

/// One of them is larger than a file may be.
fn files_with_a(large: &str) -> Model {
    let mut files = model(&[("a", "1"), ("b/c", "2"), ("z", "3")]);
    let size = if large == "b/streamed" { 3_000_000 } else { 200_000 };
    files.insert(large.to_owned(), (FileKind::Regular, vec![7; size]));
    files
}

#[tokio::test]
async fn where_there_is_no_room_nothing_half_done_is_left() {
    if let Some(large) = std::env::var_os(LARGE_FILE) {
        return run_out_of_room(std::env::var_os(KILLED_IN).unwrap().as_ref(), large.to_str().unwrap()).await;
    }
    for large in ["b/small", "b/streamed"] {
        let world = World::without_cache();
        let program = std::env::current_exe().unwrap();
        let run = std::process::Command::new("sh")
            .args(["-c", "ulimit -f 100; trap '' XFSZ; exec \"$0\" \"$@\""])
            .arg(program)
            .args(["--exact", "local::tests::where_there_is_no_room_nothing_half_done_is_left", "--nocapture"])
            .env(KILLED_IN, &world.root)
            .env(LARGE_FILE, large)
            .output()
            .unwrap();
        let told = String::from_utf8(run.stdout).unwrap();
        assert!(run.status.success() && told.contains("no room"), "{told}");
        let files = files_with_a(large);
        let left = see(&world.root);
        assert!(!left.contains_key(large) && scan_names(&world.root).iter().all(|name| !part::is_temporary(name)));
        check_no_half_files(&world.root, &files, &files);
        let blobs = blobs(&[&files]).await;
        world.checkout(&blobs, &files, &Model::new()).await.unwrap();
        assert_eq!(see(&world.root), files);
    }
}

/// Tells the test that it is the process without room, and for which file.
const LARGE_FILE: &str = "LINEAL_TEST_LARGE_FILE";
