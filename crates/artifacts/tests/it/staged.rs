//! What an interrupted write leaves on a local disk.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use lineal_artifacts::{FsckLevel, PackBlobs, PurgeError, PurgeOrder};
use lineal_core::{Actor, BlobStore, BlobStoreExt, Digest, Ed25519Key, NoProgress, PutHints, Store};

use crate::{
    support::noise,
    toy::{self, collector},
};

async fn local() -> (tempfile::TempDir, PackBlobs) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&format!("file://{}", directory.path().display())).unwrap();
    let blobs = toy::open(&store.at("below").unwrap()).await.unwrap();
    (directory, blobs)
}

/// Writes a file that was last touched so many days ago.
fn leave(path: &Path, days: u64) -> PathBuf {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, "half a pack").unwrap();
    let then = File::open(path).unwrap().metadata().unwrap().modified().unwrap() - Duration::from_secs(days * 86_400);
    touch(path, then);
    path.to_owned()
}

fn touch(path: &Path, time: SystemTime) {
    File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

async fn staged(blobs: &PackBlobs) -> u64 {
    blobs.fsck(FsckLevel::Trailers, &NoProgress).await.unwrap().staged
}

#[tokio::test]
async fn old_leftovers_go_and_nothing_else() {
    let (directory, blobs) = local().await;
    let kept = blobs.put_one("kept".into()).await.unwrap().digests()[0];
    let packs = directory.path().join("below/blobs/pack");
    let dead = "00000000000000000000000000000001";
    let gone = [leave(&packs.join(format!("00/{dead}-0#1")), 8), leave(&packs.join(format!("zz/{dead}-1#23")), 400)];
    let mut stays = vec![leave(&packs.join(format!("00/{dead}-2#1")), 6)];
    for name in ["0#1", "-0#", "-0#x", "-00#1", "-0#1#2"] {
        stays.push(leave(&packs.join(format!("00/{dead}{name}")), 8));
    }
    stays.push(leave(&packs.join(format!("00/deeper/{dead}-0#1")), 8));
    stays.push(leave(&packs.join(format!("{dead}-0#1")), 8));
    stays.push(leave(&directory.path().join(format!("below/blobs/00/{dead}-0#1")), 8));
    assert_eq!(staged(&blobs).await, 3);
    let done = collector(&blobs).collect().await.unwrap();
    assert_eq!(done.staged, 2, "{done:?}");
    assert!(gone.iter().all(|path| !path.exists()) && stays.iter().all(|path| path.exists()));
    assert_eq!(staged(&blobs).await, 1);
    assert_eq!(blobs.read_all(&kept).await.unwrap(), "kept");
}

#[tokio::test]
async fn leftovers_of_a_batch_that_is_open_stay() {
    let (directory, blobs) = local().await;
    let batch = blobs.begin().await.unwrap();
    for seed in 0..3 {
        batch.put(noise(seed, 50_000).into(), PutHints::default()).await.unwrap();
    }
    let session = *blobs
        .journal()
        .read(|state| state.open_sessions().keys().copied().collect::<Vec<_>>())
        .await
        .unwrap()
        .first()
        .unwrap();
    let left = leave(&directory.path().join(format!("below/blobs/pack/00/{session}-7#1")), 8);
    assert_eq!(collector(&blobs).collect().await.unwrap().staged, 0);
    assert!(left.exists());
    batch.commit().await.unwrap();
    assert_eq!(collector(&blobs).collect().await.unwrap().staged, 1);
}

#[tokio::test]
async fn what_is_staged_holds_a_certificate_up() {
    let (directory, blobs) = local().await;
    let secret = blobs.put_one("secret".into()).await.unwrap().digests()[0];
    let left = leave(&directory.path().join(format!("below/blobs/pack/00/{}-0#1", "1".repeat(32))), 1);
    let order = PurgeOrder::new(Actor::new("privacy@example.org").unwrap(), "request 17");
    let signer: std::sync::Arc<dyn lineal_core::Signer> = std::sync::Arc::new(Ed25519Key::from_seed(&[7; 32]));
    let held = collector(&blobs).purge(&[secret], &order, &signer, &NoProgress).await;
    assert!(matches!(&held, Err(PurgeError::Held { objects }) if objects.len() == 1), "{held:?}");
    touch(&left, left.metadata().unwrap().modified().unwrap() - Duration::from_secs(8 * 86_400));
    collector(&blobs).purge(&[secret], &order, &signer, &NoProgress).await.unwrap();
    assert!(!left.exists() && !blobs.contains(&Digest::of(b"secret")).await.unwrap());
}

#[cfg(unix)]
#[tokio::test]
async fn links_are_not_followed() {
    let (directory, blobs) = local().await;
    let (packs, dead) = (directory.path().join("below/blobs/pack"), "00000000000000000000000000000001");
    let outside = tempfile::tempdir().unwrap();
    let target = leave(&outside.path().join(format!("{dead}-0#1")), 8);
    fs::create_dir_all(packs.join("00")).unwrap();
    std::os::unix::fs::symlink(outside.path(), packs.join("01")).unwrap();
    std::os::unix::fs::symlink(&target, packs.join(format!("00/{dead}-1#1"))).unwrap();
    assert_eq!(collector(&blobs).collect().await.unwrap().staged, 0);
    assert!(target.exists() && packs.join("01").exists());
}
