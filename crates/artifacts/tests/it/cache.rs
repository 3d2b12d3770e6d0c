//! The read cache in front of a pack store: what it spares, and that it changes nothing else.

use std::{fs, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, future::try_join_all, stream};
use lineal_artifacts::{PackBlobs, PackSettings, ReadCache};
use lineal_core::{
    BlobStore, BlobStoreExt, Digest, Error, PutHints, Retry, Store, object_store::path::Path as Key,
    test_util::blob_store_suite,
};
use lineal_testkit::{Dice, FaultStore, Faults, SimDisk};
use tempfile::TempDir;

use crate::support::noise;

const MIB: u64 = 1024 * 1024;

struct World {
    disk: SimDisk,
    requests: Arc<FaultStore>,
    store: Store,
    directory: TempDir,
}

impl World {
    async fn new() -> Self {
        let disk = SimDisk::new();
        let requests = Arc::new(FaultStore::new(Arc::new(disk.clone()), Faults::none(), 1));
        let store = Store::new(Arc::<FaultStore>::clone(&requests), "disk");
        let mut retry = Retry::default();
        (retry.first_wait, retry.longest_wait) = (Duration::from_millis(1), Duration::from_millis(1));
        let store = store.with_retry(retry);
        store.ensure_writable().await.unwrap();
        Self { disk, requests, store, directory: tempfile::tempdir().unwrap() }
    }

    fn cache(&self, max_bytes: u64) -> ReadCache {
        ReadCache::open(self.directory.path(), max_bytes).unwrap()
    }

    /// Opens the store anew, with a handle of its own on the directory.
    async fn open(&self, max_bytes: u64) -> PackBlobs {
        PackBlobs::open(&self.store, "blobs").await.unwrap().with_cache(self.cache(max_bytes))
    }

    fn requests(&self) -> u64 {
        self.requests.log().counts().ops()
    }

    fn pack(&self) -> Key {
        self.disk.paths().into_iter().find(|path| path.as_ref().starts_with("blobs/pack/")).unwrap()
    }
}

async fn put(blobs: &PackBlobs, contents: &[Bytes]) -> Vec<Digest> {
    let batch = blobs.begin().await.unwrap();
    for content in contents {
        batch.put(content.clone(), PutHints::default()).await.unwrap();
    }
    batch.commit().await.unwrap();
    contents.iter().map(|content| Digest::of(content)).collect()
}

fn files(directory: &Path) -> Vec<(std::path::PathBuf, u64)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
        match fs::metadata(&entry) {
            Ok(meta) if meta.is_dir() => found.extend(files(&entry)),
            Ok(meta) => found.push((entry, meta.len())),
            Err(_) => {}
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn a_store_with_a_cache_conforms() {
    let world = World::new().await;
    let settings = PackSettings::default().with_pack_bytes(64 * 1024);
    blob_store_suite(Arc::new(world.open(4 * MIB).await.with_settings(settings))).await;
}

#[tokio::test]
async fn what_is_read_again_makes_no_request() {
    let world = World::new().await;
    let writer = PackBlobs::open(&world.store, "blobs").await.unwrap();
    let small: Vec<Bytes> = (0..50).map(|at| noise(at, 20_000).into()).collect();
    let large: Bytes = noise(99, 5_000_000).into();
    let digests = put(&writer, &small).await;
    let digest = put(&writer, std::slice::from_ref(&large)).await[0];

    let blobs = world.open(64 * MIB).await;
    let read_all = |blobs: PackBlobs| {
        let (digests, large, small) = (digests.clone(), large.clone(), small.clone());
        async move {
            assert_eq!(blobs.read_all(&digest).await.unwrap(), large);
            assert_eq!(blobs.read(&digest, Some(100..4_000_000)).await.unwrap(), large.slice(100..4_000_000));
            let streamed: Vec<Bytes> = blobs.stream(&digest).await.unwrap().try_collect().await.unwrap();
            assert_eq!(streamed.concat(), large);
            assert_eq!(blobs.read_many(&digests).await.unwrap(), small);
            assert_eq!(blobs.read_all(&digests[7]).await.unwrap(), small[7]);
        }
    };
    let before = world.requests();
    read_all(blobs.clone()).await;
    assert!(world.requests() > before);
    let warm = world.requests();
    read_all(blobs).await;
    assert_eq!(world.requests(), warm);

    // Nor for another process, once it has opened the store.
    let other = world.open(64 * MIB).await;
    let opened = world.requests();
    read_all(other).await;
    assert_eq!(world.requests(), opened);
}

#[tokio::test]
async fn only_what_is_missing_is_fetched_and_together() {
    let world = World::new().await;
    let plain = PackBlobs::open(&world.store, "blobs").await.unwrap();
    let large: Bytes = noise(1, 6_500_000).into();
    let digest = put(&plain, std::slice::from_ref(&large)).await[0];
    let start = world.requests();
    plain.read_all(&digest).await.unwrap();
    let without = world.requests() - start;

    let blobs = world.open(64 * MIB).await;
    let start = world.requests();
    assert_eq!(blobs.read_all(&digest).await.unwrap(), large);
    assert!(world.requests() - start <= without, "{} requests instead of {without}", world.requests() - start);

    // Blocks 2, 3 and 5 go.
    for block in [".2", ".3", ".5"] {
        let found = files(world.directory.path());
        let (path, _) = found.iter().find(|(path, _)| path.to_str().unwrap().ends_with(block)).unwrap();
        fs::remove_file(path).unwrap();
    }
    let start = world.requests();
    assert_eq!(blobs.read_all(&digest).await.unwrap(), large);
    assert_eq!(world.requests() - start, 2, "one for two blocks side by side, one for the third");
}

#[tokio::test]
async fn bytes_that_went_bad_in_the_cache_are_read_from_the_store() {
    let world = World::new().await;
    let plain = PackBlobs::open(&world.store, "blobs").await.unwrap();
    let contents: Vec<Bytes> = (0..2).map(|at| noise(at, 30_000).into()).collect();
    let digests = put(&plain, &contents).await;
    let blobs = world.open(64 * MIB).await;
    let at = {
        let stored = world.disk.read(&world.pack()).unwrap();
        stored.windows(30_000).position(|window| window == contents[1]).unwrap()
    };
    // The store hands out bad bytes for a while; they come into the cache beside good ones, with a sound checksum.
    world.disk.tamper(&world.pack(), |bytes| bytes[at + 100] ^= 1);
    assert_eq!(blobs.read_all(&digests[0]).await.unwrap(), contents[0]);
    world.disk.tamper(&world.pack(), |bytes| bytes[at + 100] ^= 1);
    let start = world.requests();
    assert_eq!(blobs.read_all(&digests[1]).await.unwrap(), contents[1]);
    assert_eq!(world.requests() - start, 1);
    assert_eq!(blobs.read_many(&digests).await.unwrap(), contents);

    // Damage of the store stays damage.
    world.disk.tamper(&world.pack(), |bytes| bytes[at + 100] ^= 1);
    fs::remove_file(&files(world.directory.path())[0].0).unwrap();
    for _ in 0..2 {
        assert!(matches!(blobs.read_all(&digests[1]).await, Err(Error::Damaged { .. })));
        assert_eq!(blobs.read_all(&digests[0]).await.unwrap(), contents[0]);
    }
}

#[tokio::test]
async fn damaged_and_foreign_files_change_nothing() {
    let world = World::new().await;
    let blobs = world.open(64 * MIB).await;
    let large: Bytes = noise(1, 3_000_000).into();
    let digest = put(&blobs, std::slice::from_ref(&large)).await[0];
    blobs.read_all(&digest).await.unwrap();
    let found = files(world.directory.path());
    for (at, (path, size)) in found.iter().enumerate() {
        match at % 3 {
            0 => fs::write(path, "short").unwrap(),
            1 => fs::write(path, vec![0; *size as usize]).unwrap(),
            _ => fs::write(path, noise(at as u64, *size as usize + 1)).unwrap(),
        }
    }
    let foreign = found[0].0.with_file_name("notes.txt");
    fs::write(&foreign, "mine").unwrap();
    assert_eq!(blobs.read_all(&digest).await.unwrap(), large);
    let warm = world.requests();
    assert_eq!(blobs.read_all(&digest).await.unwrap(), large);
    assert_eq!(world.requests(), warm, "what was damaged was replaced");
    assert_eq!(fs::read(foreign).unwrap(), b"mine");
}

#[tokio::test]
async fn a_directory_that_goes_away_fails_no_read() {
    let world = World::new().await;
    let root = world.directory.path().join("cache");
    let cache = ReadCache::open(&root, 64 * MIB).unwrap();
    let blobs = PackBlobs::open(&world.store, "blobs").await.unwrap().with_cache(cache);
    let large: Bytes = noise(1, 3_000_000).into();
    let digest = put(&blobs, std::slice::from_ref(&large)).await[0];
    blobs.read_all(&digest).await.unwrap();
    fs::remove_dir_all(&root).unwrap();
    assert_eq!(blobs.read_all(&digest).await.unwrap(), large);
    // Something else has its name.
    fs::write(&root, "a file").unwrap();
    assert_eq!(blobs.read_all(&digest).await.unwrap(), large);
    fs::remove_file(&root).unwrap();
    fs::create_dir(&root).unwrap();
    assert_eq!(blobs.read_all(&digest).await.unwrap(), large);
    let warm = world.requests();
    assert_eq!(blobs.read_all(&digest).await.unwrap(), large);
    assert_eq!(world.requests(), warm, "the directory is back");
}

#[tokio::test]
async fn what_lies_before_the_cut_of_a_pack_is_readable() {
    let world = World::new().await;
    let blobs = world.open(64 * MIB).await;
    let contents: Vec<Bytes> = (0..2).map(|at| noise(at, 30_000).into()).collect();
    let digests = put(&blobs, &contents).await;
    let cut = {
        let stored = world.disk.read(&world.pack()).unwrap();
        contents.iter().map(|own| stored.windows(30_000).position(|window| window == own).unwrap()).max().unwrap()
    };
    world.disk.tamper(&world.pack(), |bytes| bytes.truncate(cut + 100));
    let mut damaged = 0;
    for (digest, content) in digests.iter().zip(&contents) {
        match blobs.read_all(digest).await {
            Ok(bytes) => assert_eq!(bytes, content),
            Err(Error::Damaged { .. }) => damaged += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(damaged, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_readers_of_a_small_cache_get_the_right_bytes() {
    let world = World::new().await;
    let plain = PackBlobs::open(&world.store, "blobs").await.unwrap();
    let large: Bytes = noise(1, 8_000_000).into();
    let digest = put(&plain, std::slice::from_ref(&large)).await[0];
    let bound = 4 * (MIB + 4096);
    let (one, two) = (world.open(bound).await, world.open(bound).await);
    let readers = (0..8_u64).map(|seed| {
        let (blobs, large) = (if seed % 2 == 0 { one.clone() } else { two.clone() }, large.clone());
        tokio::spawn(async move {
            let mut dice = Dice::new(seed);
            for _ in 0..6 {
                let start = dice.below(large.len() as u64);
                let end = (start + dice.below(2_000_000)).min(large.len() as u64);
                let bytes = blobs.read(&digest, Some(start..end)).await.unwrap();
                assert_eq!(bytes, large.slice(start as usize..end as usize));
            }
        })
    });
    try_join_all(readers).await.unwrap();
    let used: u64 = files(world.directory.path()).iter().map(|(_, size)| size).sum();
    assert!(used <= bound, "{used}");
    assert!(used >= MIB);
}

#[tokio::test]
async fn failing_requests_are_told_as_without_a_cache() {
    let world = World::new().await;
    let blobs = world.open(64 * MIB).await;
    let contents: Vec<Bytes> = (0..4).map(|at| noise(at, 400_000).into()).collect();
    let digests = put(&blobs, &contents).await;
    world.requests.set_faults(Faults::rough());
    let blobs = &blobs;
    let reads = stream::iter(digests.iter().cycle().take(40))
        .map(|digest| async move { (digest, blobs.read_all(digest).await) });
    for (digest, read) in reads.buffered(4).collect::<Vec<_>>().await {
        match read {
            Ok(bytes) => assert_eq!(Digest::of(&bytes), *digest),
            Err(error) => assert!(matches!(error, Error::Storage { .. }), "{error}"),
        }
    }
    world.requests.set_faults(Faults::none());
    for (digest, content) in digests.iter().zip(&contents) {
        assert_eq!(blobs.read_all(digest).await.unwrap(), content);
    }
}
