use std::{fs, sync::Arc};

use lineal_artifacts::{Artifacts, Content, Draft, Error, PackBlobs};
use lineal_core::{Digest, ErrorKind, NoProgress, Store};
use lineal_testkit::SimDisk;

use crate::support::{local, memory, model, noise};

#[tokio::test]
async fn an_export_writes_every_file_and_resumes() {
    let artifacts = memory().await;
    let stored = artifacts.put(model(), &NoProgress).await.unwrap();
    let artifact = artifacts.get(&stored.digest).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let target = directory.path().join("new/model");
    let done = artifact.export_to(&target, &NoProgress).await.unwrap();
    assert_eq!((done.written, done.kept, done.size_bytes), (3, 0, 3_000_014));
    assert_eq!(fs::read(target.join("weights/a.bin")).unwrap(), vec![7; 3_000_000]);

    fs::remove_file(target.join("card.md")).unwrap();
    let again = artifact.export_to(&target, &NoProgress).await.unwrap();
    assert_eq!((again.written, again.kept), (1, 2));
    let left: Vec<_> = fs::read_dir(&target).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "no temporary file is left: {left:?}");
}

#[tokio::test]
async fn what_lies_there_is_not_overwritten() {
    let artifacts = memory().await;
    let stored = artifacts.put(model(), &NoProgress).await.unwrap();
    let artifact = artifacts.get(&stored.digest).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("card.md"), "my own notes..").unwrap();
    let refused = artifact.export_to(directory.path(), &NoProgress).await.unwrap_err();
    assert!(matches!(refused, Error::Occupied { .. }) && refused.kind() == ErrorKind::Conflict);
    assert_eq!(fs::read_to_string(directory.path().join("card.md")).unwrap(), "my own notes..");
}

#[cfg(unix)]
#[tokio::test]
async fn nothing_is_written_through_symbolic_links() {
    use std::os::unix::fs::symlink;

    let artifacts = memory().await;
    let stored = artifacts.put(model(), &NoProgress).await.unwrap();
    let artifact = artifacts.get(&stored.digest).await.unwrap();
    let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    symlink(outside.path(), inside.path().join("weights")).unwrap();
    assert!(matches!(artifact.export_to(inside.path(), &NoProgress).await, Err(Error::Occupied { .. })));
    fs::remove_file(inside.path().join("weights")).unwrap();
    fs::remove_file(inside.path().join("card.md")).unwrap();
    symlink(outside.path().join("card.md"), inside.path().join("card.md")).unwrap();
    assert!(matches!(artifact.export_to(inside.path(), &NoProgress).await, Err(Error::Occupied { .. })));
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_damaged_file_never_appears_under_its_name() {
    let (artifacts, guard) = local().await;
    let stored = artifacts.put(model(), &NoProgress).await.unwrap();
    let hex = Digest::of(&vec![7; 3_000_000]).to_string();
    let mut bytes = vec![7; 3_000_000];
    bytes[2_999_999] = 8;
    fs::write(guard.path().join("blobs").join(&hex[..2]).join(&hex), bytes).unwrap();
    let artifact = artifacts.get(&stored.digest).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let refused = artifact.export_to(directory.path(), &NoProgress).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Corrupt);
    assert_eq!(fs::read_dir(directory.path().join("weights")).unwrap().count(), 0, "no part is left either");
}

#[tokio::test]
async fn an_export_out_of_a_damaged_pack_says_where_the_damage_is() {
    let disk = SimDisk::new();
    let store = Store::new(Arc::new(disk.clone()), "disk");
    let artifacts = Artifacts::new(Arc::new(PackBlobs::open(&store, "blobs").await.unwrap()));
    let model = Draft::new("application/vnd.example.model").with_file("a.bin", Content::bytes(noise(3, 3 << 20)));
    let stored = artifacts.put(model, &NoProgress).await.unwrap();
    let pack = disk.paths().into_iter().find(|path| path.as_ref().starts_with("blobs/pack/")).unwrap();
    disk.tamper(&pack, |bytes| bytes[2_000_000] ^= 1);
    let directory = tempfile::tempdir().unwrap();
    let refused = artifacts.get(&stored.digest).await.unwrap().export_to(directory.path(), &NoProgress).await;
    match refused.unwrap_err() {
        Error::Store(lineal_core::Error::Damaged { object, .. }) => assert_eq!(object, pack.to_string()),
        other => panic!("{other:?}"),
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "nothing is left");
}
