use std::os::unix::fs::MetadataExt;

use super::*;

/// A file that is taken from a pool, one that may be executed, and one that is too small.
fn files() -> Model {
    let large = |byte: u8| vec![byte; 300_000];
    Model::from([
        ("big".to_owned(), (FileKind::Regular, large(1))),
        ("run".to_owned(), (FileKind::Executable, large(1))),
        ("small".to_owned(), (FileKind::Regular, vec![2; 1000])),
    ])
}

fn inode(world: &World, name: &str) -> u64 {
    fs::metadata(world.root.join(name)).unwrap().ino()
}

fn pooled(pool: &FilePool) -> CheckoutSettings {
    CheckoutSettings::default().with_pool(pool.clone())
}

async fn is_as_wanted(world: &World, files: &Model) -> bool {
    see(&world.root) == *files
        && world.directory.status(wanted(files), &NoProgress).await.unwrap().differences.is_empty()
}

#[tokio::test]
async fn checkouts_have_one_file_in_common() {
    let (one, two, pool) = (World::new(), World::new(), tempfile::tempdir().unwrap());
    let (files, none, pool) = (files(), Model::new(), FilePool::hard_links(pool.path()));
    let all = blobs(&[&files]).await;
    one.checkout_with(&all, &files, &none, pooled(&pool)).await.unwrap();
    // Of the large ones nothing is read any more.
    let rest = blobs(&[&Model::from([("small".to_owned(), files["small"].clone())])]).await;
    two.checkout_with(&rest, &files, &none, pooled(&pool)).await.unwrap();
    assert_eq!((inode(&one, "big"), inode(&one, "run")), (inode(&two, "big"), inode(&two, "run")));
    assert_ne!(inode(&one, "big"), inode(&one, "run"), "whether it may be executed is the file's own");
    assert_ne!(inode(&one, "small"), inode(&two, "small"));
    assert!(is_as_wanted(&one, &files).await && is_as_wanted(&two, &files).await);
    let mode = |name| fs::metadata(one.root.join(name)).unwrap().mode() & 0o777;
    assert_eq!((mode("big") & 0o222, mode("run") & 0o222), (0, 0));
    // Onto itself, by force.
    fs::remove_file(one.root.join("small")).unwrap();
    one.checkout_with(&all, &files, &none, pooled(&pool).with_force(true)).await.unwrap();
    assert!(is_as_wanted(&one, &files).await);
    // The links are the files: the pool may go.
    let done = one.checkout(&all, &none, &files).await.unwrap();
    assert_eq!((done.removed, see(&one.root)), (3, none));
    assert!(is_as_wanted(&two, &files).await);
}

#[tokio::test]
async fn a_write_to_a_common_file_is_seen_everywhere_and_mended() {
    let (one, two, three, pool) = (World::new(), World::new(), World::new(), tempfile::tempdir().unwrap());
    let (files, none, pool) = (files(), Model::new(), FilePool::hard_links(pool.path()));
    let all = blobs(&[&files]).await;
    for world in [&one, &two] {
        world.checkout_with(&all, &files, &none, pooled(&pool)).await.unwrap();
    }
    let place = one.root.join("big");
    fs::set_permissions(&place, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&place, vec![9; 300_000]).unwrap();
    for world in [&one, &two] {
        assert_eq!(world.directory.status(wanted(&files), &NoProgress).await.unwrap().differences.len(), 1);
        assert_eq!(changed(world.checkout_with(&all, &files, &files, pooled(&pool)).await), ["big"]);
    }
    three.checkout_with(&all, &files, &none, pooled(&pool)).await.unwrap();
    two.checkout_with(&all, &files, &files, pooled(&pool).with_force(true)).await.unwrap();
    assert!(is_as_wanted(&two, &files).await && is_as_wanted(&three, &files).await);
    assert_eq!(inode(&two, "big"), inode(&three, "big"));
    assert_ne!(inode(&one, "big"), inode(&two, "big"));
}

#[tokio::test]
async fn clones_are_files_of_their_own() {
    let (one, two, pool) = (World::new(), World::new(), tempfile::tempdir().unwrap());
    let (files, none, pool) = (files(), Model::new(), FilePool::clones(pool.path()));
    let all = blobs(&[&files]).await;
    for world in [&one, &two] {
        world.checkout_with(&all, &files, &none, pooled(&pool)).await.unwrap();
    }
    fs::write(one.root.join("big"), "mine").unwrap();
    assert!(!is_as_wanted(&one, &files).await && is_as_wanted(&two, &files).await);
}

#[tokio::test]
async fn a_damaged_blob_does_not_come_into_the_pool() {
    let (one, pool) = (World::new(), tempfile::tempdir().unwrap());
    let files = files();
    let none = blobs(&[]).await;
    let missing = one.checkout_with(&none, &files, &Model::new(), pooled(&FilePool::hard_links(pool.path()))).await;
    assert_eq!(missing.unwrap_err().kind(), ErrorKind::NotFound);
    assert!(see(pool.path()).values().all(|(kind, _)| *kind == FileKind::Directory));
}
