//! Directories into versions and out again.
#![cfg(unix)]

use std::{fs, os::unix::fs::PermissionsExt, path::Path, sync::Arc};

use lineal_core::{NoProgress, Progress, ProgressEvent, SystemClock};
use lineal_data::{
    Change, Error, FileEntry, FileKind, Level, Version,
    local::{CheckoutSettings, Difference, Directory},
};
use tempfile::TempDir;

use crate::support::{World, ana, changes, files, flights};

fn write(root: &Path, path: &str, bytes: impl AsRef<[u8]>) {
    fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
    fs::write(root.join(path), bytes).unwrap();
}

/// Files of every kind and size.
fn filled() -> TempDir {
    let guard = tempfile::tempdir().unwrap();
    let root = guard.path();
    for (path, len) in [("a", 0), ("raw/1", 256), ("raw/2", 257), ("raw/deep/3", 300_000), ("z", 5)] {
        write(root, path, (0..len).map(|at| (at % 251) as u8).collect::<Vec<_>>());
    }
    write(root, "run.sh", "#!/bin/sh");
    fs::set_permissions(root.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    std::os::unix::fs::symlink("raw/2", root.join("link")).unwrap();
    fs::create_dir_all(root.join("empty/er")).unwrap();
    guard
}

fn directory(guard: &TempDir, cache: &TempDir) -> Directory {
    let directory = Directory::new(guard.path().canonicalize().unwrap(), Arc::new(SystemClock));
    directory.with_cache(cache.path().join("stats")).unwrap()
}

async fn tip(world: &World) -> Version {
    world.repository.at("main").await.unwrap()
}

async fn import(world: &World, directory: &Directory) -> Result<lineal_data::Commit, Error> {
    world.repository.commit("main").import(directory).commit(&ana()).await
}

fn named<'a>(files: &'a [FileEntry], path: &str) -> &'a FileEntry {
    files.iter().find(|file| file.path.as_str() == path).unwrap()
}

#[tokio::test]
async fn what_is_imported_is_what_lies_there_and_comes_out_again() {
    let (world, source, cache) = (World::memory().await, filled(), tempfile::tempdir().unwrap());
    let from = directory(&source, &cache);
    import(&world, &from).await.unwrap();
    let version = tip(&world).await;
    let found = files(&version, "").await;
    let kinds: Vec<_> = found.iter().map(|file| (file.path.as_str(), file.kind, file.size_bytes)).collect();
    assert_eq!(
        kinds,
        [
            ("a", FileKind::Regular, 0),
            ("empty/er", FileKind::Directory, 0),
            ("link", FileKind::Symlink, 5),
            ("raw/1", FileKind::Regular, 256),
            ("raw/2", FileKind::Regular, 257),
            ("raw/deep/3", FileKind::Regular, 300_000),
            ("run.sh", FileKind::Executable, 9),
            ("z", FileKind::Regular, 5),
        ]
    );
    let status = version.status(&from, &NoProgress).await.unwrap();
    assert_eq!((status.differences.len(), status.unchanged), (0, 8));
    assert!(matches!(import(&world, &from).await, Err(Error::Unchanged { .. })));

    let (out, stats) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let to = directory(&out, &stats);
    let done = version.checkout(&to, None, &CheckoutSettings::default(), &NoProgress).await.unwrap();
    assert_eq!((done.written, done.kept, done.removed), (8, 0, 0));
    assert!(version.status(&to, &NoProgress).await.unwrap().differences.is_empty());
    assert_eq!(fs::read_link(out.path().join("link")).unwrap(), Path::new("raw/2"));
    assert!(world.repository.verify(Level::Rehash, &NoProgress).await.unwrap().is_intact());
}

#[tokio::test]
async fn a_second_import_takes_what_changed_and_a_checkout_follows() {
    let (world, source, cache) = (World::memory().await, filled(), tempfile::tempdir().unwrap());
    let from = directory(&source, &cache);
    import(&world, &from).await.unwrap();
    let first = tip(&world).await;
    let root = source.path();
    write(root, "raw/2", "changed");
    write(root, "empty/er/now/not", "x");
    fs::remove_file(root.join("z")).unwrap();
    write(root, "Z", "another case");
    fs::set_permissions(root.join("run.sh"), fs::Permissions::from_mode(0o644)).unwrap();
    let status = first.status(&from, &NoProgress).await.unwrap();
    let paths: Vec<_> = status.differences.iter().map(|one| one.path().as_str()).collect();
    assert_eq!(paths, ["empty/er", "empty/er/now/not", "raw/2", "run.sh", "Z", "z"]);
    assert!(matches!(&status.differences[3], Difference::Changed { bytes: false, kind: true, .. }));
    import(&world, &from).await.unwrap();
    let second = tip(&world).await;
    let all = changes(&world.repository, "main~1", "main").await;
    assert_eq!(all.len(), 6);
    assert!(all.iter().all(|change| !matches!(change, Change::Changed { old, new } if old == new)));

    let (out, stats) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let to = directory(&out, &stats);
    let settings = CheckoutSettings::default();
    first.checkout(&to, None, &settings, &NoProgress).await.unwrap();
    write(out.path(), "mine", "stays");
    second.checkout(&to, Some(&first), &settings, &NoProgress).await.unwrap();
    let left = second.status(&to, &NoProgress).await.unwrap();
    assert_eq!(left.differences.len(), 1, "{left:?}");
    write(out.path(), "raw/1", "a local change");
    let refused = first.checkout(&to, Some(&second), &settings, &NoProgress).await;
    assert!(matches!(refused, Err(Error::LocalChanges { .. })), "{refused:?}");
    first.checkout(&to, Some(&second), &settings.with_force(true), &NoProgress).await.unwrap();
    assert_eq!(first.status(&to, &NoProgress).await.unwrap().differences.len(), 1);
}

#[tokio::test]
async fn what_was_known_of_a_file_stays_while_its_bytes_do() {
    let (world, source, cache) = (World::memory().await, tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    world.repository.commit("main").put_table("t.parquet", &[flights(0, 10)]).commit(&ana()).await.unwrap();
    let to = directory(&source, &cache);
    tip(&world).await.checkout(&to, None, &CheckoutSettings::default(), &NoProgress).await.unwrap();
    write(source.path(), "new.parquet", "not really");
    import(&world, &to).await.unwrap();
    let all = files(&tip(&world).await, "").await;
    assert_eq!(named(&all, "t.parquet").rows(), Some(10));
    assert_eq!(named(&all, "new.parquet").media_type, "application/vnd.apache.parquet");
}

#[tokio::test]
async fn other_edits_of_the_draft_count_on_top() {
    let (world, source, cache) = (World::memory().await, filled(), tempfile::tempdir().unwrap());
    let draft = world.repository.commit("main").import(&directory(&source, &cache));
    draft.put("a", "from the draft").put("more", "m").commit(&ana()).await.unwrap();
    let version = tip(&world).await;
    assert_eq!(version.read("a").await.unwrap(), "from the draft");
    assert_eq!(files(&version, "").await.len(), 9);
}

#[tokio::test]
async fn a_directory_with_a_file_that_cannot_be_part_of_a_version_is_refused_by_name() {
    let (world, source, cache) = (World::memory().await, filled(), tempfile::tempdir().unwrap());
    write(source.path(), "aux.csv", "x");
    std::os::unix::fs::symlink("../../etc/passwd", source.path().join("raw/out")).unwrap();
    match import(&world, &directory(&source, &cache)).await {
        Err(Error::Unfit { count, files, .. }) => {
            assert_eq!(count, 2);
            let names: Vec<_> = files.iter().map(|file| file.path.as_str()).collect();
            assert_eq!(names, ["aux.csv", "raw/out"]);
        }
        other => panic!("{other:?}"),
    }
    assert!(world.repository.branches().await.unwrap().is_empty());
}

/// A status by the listing of whatever version was compared before is the status without one.
#[tokio::test]
async fn a_listing_of_another_version_makes_no_difference() {
    let (world, source, cache) = (World::memory().await, filled(), tempfile::tempdir().unwrap());
    let (kept, bare) = (directory(&source, &cache), Directory::new(source.path(), Arc::new(SystemClock)));
    import(&world, &kept).await.unwrap();
    world.repository.commit("main").remove("a").put("raw/new", "1").put("Z2", "2").commit(&ana()).await.unwrap();
    world.repository.commit("main").put("raw/1", "other").put("0", "").remove("z").commit(&ana()).await.unwrap();
    world.repository.commit("main").put("n/ew", vec![7; 1000]).remove("run.sh").commit(&ana()).await.unwrap();
    write(source.path(), "raw/2", "changed here");
    let listing = cache.path().join("stats.listing");
    let same = async |world: &World, revision: &str| {
        let version = world.repository.at(revision).await.unwrap();
        let status = version.status(&kept, &NoProgress).await.unwrap();
        assert_eq!(status, version.status(&bare, &NoProgress).await.unwrap(), "{revision}");
        assert!(!status.differences.is_empty());
    };
    for revision in ["main", "main", "main~3", "main~1", "main~2", "main"] {
        same(&world, revision).await;
        assert!(listing.exists());
    }
    // Of another store, damaged, gone: the version is read whole.
    let other = World::memory().await;
    other.repository.commit("main").put("b", "1").commit(&ana()).await.unwrap();
    other.repository.at("main").await.unwrap().status(&kept, &NoProgress).await.unwrap();
    same(&world, "main").await;
    for damage in [&b"lineal-listing 1"[..], b""] {
        fs::write(&listing, damage).unwrap();
        same(&world, "main~1").await;
    }
    // What was purged is not missed, though the root is the same.
    same(&world, "main~3").await;
    world.repository.purge(&["z"], "request 17", &ana()).await.unwrap();
    for revision in ["main~3", "main", "main~3"] {
        same(&world, revision).await;
    }
}

/// An empty file has the hash of a directory, and a file may hold what a link leads to.
#[tokio::test]
async fn equal_bytes_of_another_kind_are_another_file() {
    let (world, source, cache) = (World::memory().await, filled(), tempfile::tempdir().unwrap());
    let (root, from) = (source.path(), directory(&source, &cache));
    fs::create_dir(root.join("turned")).unwrap();
    write(root, "turning", "");
    write(root, "leads.parquet", "raw/1");
    import(&world, &from).await.unwrap();
    fs::remove_dir(root.join("turned")).unwrap();
    write(root, "turned", "");
    fs::remove_file(root.join("turning")).unwrap();
    fs::create_dir(root.join("turning")).unwrap();
    fs::remove_file(root.join("leads.parquet")).unwrap();
    std::os::unix::fs::symlink("raw/1", root.join("leads.parquet")).unwrap();
    import(&world, &from).await.unwrap();
    let found = files(&tip(&world).await, "").await;
    assert_eq!(named(&found, "turned").kind, FileKind::Regular);
    assert_eq!(named(&found, "turning").kind, FileKind::Directory);
    assert_eq!(named(&found, "leads.parquet").kind, FileKind::Symlink);
    assert!(world.another().await.verify(Level::Rehash, &NoProgress).await.unwrap().is_intact());
    fs::remove_file(root.join("leads.parquet")).unwrap();
    write(root, "leads.parquet", "raw/1");
    import(&world, &from).await.unwrap();
    assert!(world.another().await.verify(Level::Rehash, &NoProgress).await.unwrap().is_intact());
}

#[tokio::test]
async fn edits_count_on_top_of_what_is_imported() {
    let (world, source, cache) = (World::memory().await, filled(), tempfile::tempdir().unwrap());
    let from = directory(&source, &cache);
    world.repository.commit("main").put_table("t", &[flights(0, 10)]).put("old", "1").commit(&ana()).await.unwrap();
    write(source.path(), "t", "no table any more");
    write(source.path(), "only-here", "1");
    let draft = || world.repository.commit("main").import(&from);
    let refused = draft().append_table("t", &[flights(10, 20)]).commit(&ana()).await;
    assert!(matches!(refused, Err(Error::Schema { .. })), "{refused:?}");
    let gone = draft().remove("nowhere").commit(&ana()).await;
    assert!(matches!(gone, Err(Error::NoSuchPath { .. })), "neither has it: {gone:?}");
    draft().remove("old").remove("only-here").put("z", "9").put("empty/er/x", "1").commit(&ana()).await.unwrap();
    let version = tip(&world).await;
    assert!(version.file("only-here").await.is_err() && version.file("old").await.is_err());
    assert_eq!(version.read("t").await.unwrap(), "no table any more");
    assert_eq!(version.read("z").await.unwrap(), "9");
    assert_eq!(version.read("empty/er/x").await.unwrap(), "1", "the directory is not empty any more");
    assert!(version.file("empty/er").await.is_err());
}

/// What was begun, how far it came, and whether it ended.
#[derive(Debug, Default)]
struct Heard(std::sync::Mutex<(Vec<String>, u64)>);

impl Progress for Heard {
    fn report(&self, event: ProgressEvent<'_>) {
        let (tasks, done) = &mut *self.0.lock().unwrap();
        match event {
            ProgressEvent::Started { task, total, .. } => tasks.push(format!("{task} {total:?}")),
            ProgressEvent::Advanced { by, .. } => {
                assert!(tasks.last().is_some_and(|task| !task.ends_with("done")), "nothing is under way: {tasks:?}");
                *done += by;
            }
            ProgressEvent::Finished { .. } => tasks.push("done".to_owned()),
            _ => {}
        }
    }
}

#[tokio::test]
async fn progress_is_told_of_imports_statuses_and_pushes() {
    let (world, source, cache) = (World::memory().await, filled(), tempfile::tempdir().unwrap());
    let from = directory(&source, &cache);
    let size: u64 = 256 + 257 + 300_000 + 5 + 9 + 5;
    let heard = Heard::default();
    world.repository.commit("main").import(&from).with_progress(&heard).commit(&ana()).await.unwrap();
    assert_eq!(heard.0.into_inner().unwrap(), (vec!["commit None".to_owned(), "done".to_owned()], size));
    let heard = Heard::default();
    let bare = Directory::new(source.path(), Arc::new(SystemClock));
    tip(&world).await.status(&bare, &heard).await.unwrap();
    assert_eq!(heard.0.into_inner().unwrap(), (vec![format!("status Some({size})"), "done".to_owned()], size));
    let (heard, there) = (Heard::default(), World::memory().await);
    let sent = world.repository.push(&there.repository, "main", &heard, &ana()).await.unwrap();
    assert_eq!(heard.0.into_inner().unwrap(), (vec!["push None".to_owned(), "done".to_owned()], sent.blobs));
}
