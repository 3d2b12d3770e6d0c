//! The pack store: its contract, on every local back end, and what it stores.

use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use lineal_artifacts::{ChunkProfile, Fsck, FsckLevel, PackBlobs, PackSettings};
use lineal_core::{
    Actor, BlobStore, BlobStoreExt, Digest, Error, Journal, NoProgress, Progress, ProgressEvent, PutHints, Stamp,
    State, Store, Txn, test_util::blob_store_suite,
};
use lineal_testkit::SimDisk;
use serde::{Deserialize, Serialize};

use crate::support::noise;

#[tokio::test]
async fn memory_conforms() {
    let store = Store::open("memory:///").unwrap();
    blob_store_suite(Arc::new(PackBlobs::open(&store, "blobs").await.unwrap())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn local_disk_conforms() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&format!("file://{}", directory.path().display())).unwrap();
    let blobs = PackBlobs::open(&store, "blobs").await.unwrap();
    blob_store_suite(Arc::new(blobs.with_settings(PackSettings::low_memory()))).await;
}

#[tokio::test]
async fn tiny_packs_conform() {
    let store = Store::open("memory:///").unwrap();
    let settings = PackSettings::default().with_pack_bytes(64 * 1024);
    blob_store_suite(Arc::new(PackBlobs::open(&store, "blobs").await.unwrap().with_settings(settings))).await;
}

async fn disk() -> (SimDisk, Store) {
    let disk = SimDisk::new();
    let store = Store::new(Arc::new(disk.clone()), "disk");
    store.ensure_writable().await.unwrap();
    (disk, store)
}

fn packs(disk: &SimDisk) -> Vec<lineal_core::object_store::path::Path> {
    disk.paths().into_iter().filter(|path| path.as_ref().starts_with("blobs/pack/")).collect()
}

#[tokio::test]
async fn ten_thousand_small_blobs_are_two_packs() {
    let (disk, store) = disk().await;
    let blobs = PackBlobs::open(&store, "blobs").await.unwrap();
    let before = disk.paths().len();
    let batch = blobs.begin().await.unwrap();
    let contents: Vec<Bytes> = (0..10_000).map(|at| noise(at, 7_000).into()).collect();
    for content in &contents {
        batch.put(content.clone(), PutHints::default()).await.unwrap();
    }
    batch.commit().await.unwrap();
    assert_eq!(packs(&disk).len(), 2);
    assert_eq!(disk.paths().len() - before, 4, "two packs and the two entries that record them");
    let digests: Vec<Digest> = contents.iter().map(|content| Digest::of(content)).collect();
    let cold = PackBlobs::open(&store, "blobs").await.unwrap();
    for (digests, contents) in digests.chunks(1_000).zip(contents.chunks(1_000)) {
        assert_eq!(cold.read_many(digests).await.unwrap(), contents);
    }
}

#[tokio::test]
async fn a_changed_copy_shares_what_did_not_change() {
    let (disk, store) = disk().await;
    let blobs = PackBlobs::open(&store, "blobs").await.unwrap();
    let first = noise(1, 24 << 20);
    let mut second = first.clone();
    second.splice(1_000_003..1_000_003, noise(2, 1024));
    blobs.put_one(first.clone().into()).await.unwrap();
    let before = stored_bytes(&disk);
    blobs.put_one(second.clone().into()).await.unwrap();
    let growth = stored_bytes(&disk) - before;
    assert!(growth < 2_000_000, "{growth} bytes for 1 KiB inserted");
    blobs.put_one(second.clone().into()).await.unwrap();
    assert!(stored_bytes(&disk) - before - growth < 2_000, "the same again costs nothing");
    for content in [first, second] {
        let digest = Digest::of(&content);
        assert!(blobs.read_all(&digest).await.unwrap() == content);
        assert!(blobs.read(&digest, Some(999_000..1_003_000)).await.unwrap() == content[999_000..1_003_000]);
        let streamed: Vec<Bytes> = blobs.stream(&digest).await.unwrap().try_collect().await.unwrap();
        assert!(streamed.concat() == content);
    }
}

fn stored_bytes(disk: &SimDisk) -> usize {
    disk.paths().iter().filter_map(|path| disk.read(path)).map(|bytes| bytes.len()).sum()
}

#[tokio::test]
async fn what_compresses_is_compressed() {
    let (disk, store) = disk().await;
    let blobs = PackBlobs::open(&store, "blobs").await.unwrap();
    let text: String = (0..200_000).map(|at| format!("line {at}: all is well\n")).collect();
    blobs.put_one(text.clone().into()).await.unwrap();
    assert!(stored_bytes(&disk) * 3 < text.len(), "{} of {}", stored_bytes(&disk), text.len());
    assert_eq!(blobs.read_all(&Digest::of(text.as_bytes())).await.unwrap(), text);
}

#[tokio::test]
async fn the_source_and_the_cuts_do_not_change_the_blob() {
    let (_, store) = disk().await;
    let content = Bytes::from(noise(5, 10 << 20));
    for (at, profile) in [ChunkProfile::Standard, ChunkProfile::Weights, ChunkProfile::Whole].into_iter().enumerate() {
        let blobs = PackBlobs::open(&store, &format!("blobs{at}")).await.unwrap();
        let blobs = blobs.with_settings(PackSettings::default().with_profile(profile));
        let batch = blobs.begin().await.unwrap();
        let pieces: Vec<_> = (0..content.len()).step_by(77_777).collect();
        let source = content.clone();
        let pieces = stream::iter(pieces).map(move |at| Ok(source.slice(at..source.len().min(at + 77_777))));
        let streamed = batch.put_stream(pieces.boxed(), PutHints::default()).await.unwrap();
        let points = PutHints::default().with_cut_points(vec![100_000, 5_000_000, 5_000_001, 3, u64::MAX]);
        let cut = batch.put(content.clone(), points).await.unwrap();
        assert_eq!((streamed, cut), (Digest::of(&content), Digest::of(&content)));
        batch.commit().await.unwrap();
        assert!(blobs.read_all(&streamed).await.unwrap() == content, "{profile:?}");
    }
}

#[tokio::test]
async fn chunks_that_are_read_together_are_shared_and_scattered_ones_stored_again() {
    const PIECE: usize = 40_000;
    let (disk, store) = disk().await;
    let blobs = PackBlobs::open(&store, "blobs").await.unwrap();
    let put = async |pieces: Vec<Vec<u8>>| {
        let before: usize = packs(&disk).iter().map(|pack| disk.read(pack).unwrap().len()).sum();
        let cuts = (1..pieces.len() as u64).map(|at| at * PIECE as u64).collect();
        let (batch, content) = (blobs.begin().await.unwrap(), Bytes::from(pieces.concat()));
        let digest = batch.put(content.clone(), PutHints::default().with_cut_points(cuts)).await.unwrap();
        batch.commit().await.unwrap();
        assert_eq!(blobs.read_all(&digest).await.unwrap(), content);
        let after: usize = packs(&disk).iter().map(|pack| disk.read(pack).unwrap().len()).sum();
        (after - before) / PIECE
    };
    let old = |at: u64| noise(at, PIECE);
    assert_eq!(put((0..64).map(old).collect()).await, 64);
    // Every second piece is new: the old ones are read in one go, with gaps.
    let every_second = |at: u64| if at.is_multiple_of(2) { old(at) } else { noise(1000 + at, PIECE) };
    assert_eq!(put((0..64).map(every_second).collect()).await, 32);
    // The same pieces in another order: 8 jumps are free, and 2 for as many MiB.
    let stored_again = put((0..64).map(|at| old(at * 29 % 64)).collect()).await;
    assert!((40..60).contains(&stored_again), "{stored_again} of 64");
}

#[tokio::test]
async fn another_handle_sees_what_was_committed_and_nothing_before() {
    let (_, store) = disk().await;
    let writer = PackBlobs::open(&store, "blobs").await.unwrap();
    let reader = PackBlobs::open(&store, "blobs").await.unwrap();
    let batch = writer.begin().await.unwrap();
    let digest = batch.put("seen in time".into(), PutHints::default()).await.unwrap();
    assert!(matches!(reader.read_all(&digest).await, Err(Error::BlobMissing { .. })));
    let receipt = batch.commit().await.unwrap();
    assert_eq!(reader.read_all(&digest).await.unwrap(), "seen in time");
    assert_eq!(receipt.store(), reader.id());
}

#[tokio::test]
async fn damage_is_named_with_pack_and_offset_and_never_handed_out() {
    let (disk, store) = disk().await;
    let blobs = PackBlobs::open(&store, "blobs").await.unwrap();
    let content = noise(9, 3 << 20);
    let digest = blobs.put_one(content.clone().into()).await.unwrap().digests()[0];
    let [pack] = packs(&disk).try_into().unwrap();
    disk.tamper(&pack, |bytes| bytes[2_000_000] ^= 1);
    let refused = blobs.read_all(&digest).await.unwrap_err();
    assert_eq!(refused.kind(), lineal_core::ErrorKind::Corrupt);
    let text = refused.to_string();
    assert!(text.contains(&digest.to_string()) && text.contains(pack.as_ref()), "{text}");
    // What lies elsewhere in the blob is still good.
    assert!(blobs.read(&digest, Some(0..1_000)).await.unwrap() == content[..1_000]);
    let pieces: Result<Vec<Bytes>, Error> = blobs.stream(&digest).await.unwrap().try_collect().await;
    assert!(matches!(pieces, Err(Error::Damaged { .. })));
    // Who asked for the whole at once is told at the end, and does not get it all.
    let (mut pieces, mut seen) = (blobs.stream_to_end(&digest).await.unwrap(), 0);
    let refused = loop {
        match pieces.try_next().await {
            Ok(piece) => seen += piece.unwrap().len(),
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, Error::BlobCorrupt { .. }) && seen < content.len(), "{refused} after {seen} bytes");

    // A pack whose index is damaged does not keep the store from being opened.
    let size = disk.read(&pack).unwrap().len();
    disk.tamper(&pack, |bytes| bytes[size - 100] ^= 1);
    let cold = PackBlobs::open(&store, "blobs").await.unwrap();
    let refused = cold.read_all(&digest).await.unwrap_err();
    assert!(matches!(&refused, Error::Damaged { object, .. } if *object == pack.to_string()), "{refused}");
    let other = cold.put_one("the store goes on".into()).await.unwrap().digests()[0];
    assert_eq!(cold.read_all(&other).await.unwrap(), "the store goes on");
}

#[tokio::test]
async fn fsck_finds_what_was_damaged_and_how_far_it_looked() {
    let (disk, store) = disk().await;
    let blobs = PackBlobs::open(&store, "blobs").await.unwrap();
    let blobs = blobs.with_settings(PackSettings::default().with_pack_bytes(256 * 1024));
    for seed in 0..6 {
        blobs.put_one(noise(seed, 200_000).into()).await.unwrap();
    }
    let all = FsckLevel::Hash { part: 0, of: 1 };
    let clean = blobs.fsck(all, &NoProgress).await.unwrap();
    assert!(clean.is_clean() && clean.packs == 6 && clean.hashed == 6 && clean.unrecorded == 0, "{clean:?}");
    let mut hashed = 0;
    for part in 0..3 {
        hashed += blobs.fsck(FsckLevel::Hash { part, of: 3 }, &NoProgress).await.unwrap().hashed;
    }
    assert_eq!(hashed, 6, "the subsets make up the whole");

    let packs = packs(&disk);
    disk.tamper(&packs[0], |bytes| bytes[100_000] ^= 1);
    disk.tamper(&packs[1], |bytes| bytes.truncate(100_000));
    disk.remove(&packs[2]);
    disk.tamper(&packs[3], |bytes| {
        let at = bytes.len() - 80;
        bytes[at] ^= 1;
    });
    let problems = |fsck: &Fsck| fsck.problems.iter().map(|problem| problem.pack.to_string()).collect::<Vec<_>>();
    let named = |count: usize| -> Vec<String> {
        packs[4 - count..4].iter().map(|path| path.filename().unwrap().to_owned()).collect()
    };
    let found = blobs.fsck(all, &NoProgress).await.unwrap();
    assert_eq!(problems(&found), named(4), "{found:?}");
    assert_eq!(found.problems[0].record.unwrap(), (Digest::of(&noise_of(&packs[0], &blobs).await), 16));
    assert_eq!(problems(&blobs.fsck(FsckLevel::Trailers, &NoProgress).await.unwrap()), named(3));
    assert_eq!(problems(&blobs.fsck(FsckLevel::Chain, &NoProgress).await.unwrap()), named(3)[..2]);
}

/// The content that the damaged pack should have.
async fn noise_of(pack: &lineal_core::object_store::path::Path, blobs: &PackBlobs) -> Vec<u8> {
    for seed in 0..6 {
        let content = noise(seed, 200_000);
        if let Err(Error::Damaged { object, .. }) = blobs.read_all(&Digest::of(&content)).await
            && object == pack.to_string()
        {
            return content;
        }
    }
    panic!("no content is damaged in {pack}")
}

#[tokio::test]
async fn an_interrupted_upload_goes_on_where_it_was() {
    let (disk, store) = disk().await;
    let settings = PackSettings::default().with_pack_bytes(1 << 20);
    let blobs = PackBlobs::open(&store, "blobs").await.unwrap().with_settings(settings.clone());
    let content = Bytes::from(noise(3, 20 << 20));
    let torn = stream::iter([Ok(content.slice(..17 << 20)), Err(std::io::Error::other("the disk went away"))]);
    let batch = blobs.begin().await.unwrap();
    batch.put_stream(torn.boxed(), PutHints::default()).await.unwrap_err();
    drop(batch);
    let landed = packs(&disk).len();
    assert!(landed >= 6, "{landed} packs landed before the end");
    let again = PackBlobs::open(&store, "blobs").await.unwrap().with_settings(settings);
    let receipt = again.put_one(content.clone()).await.unwrap();
    let twice = stored_bytes(&disk).saturating_sub(content.len());
    assert!(twice < (1 << 20) + 64 * 1024, "{twice} bytes more than the blob are stored, indexes included");
    assert!(again.read_all(&receipt.digests()[0]).await.unwrap() == content);
}

#[tokio::test]
async fn a_blob_with_the_bytes_of_a_list_is_a_blob_of_its_own() {
    let (disk, store) = disk().await;
    let blobs = PackBlobs::open(&store, "blobs").await.unwrap();
    let content = noise(4, 1 << 20);
    let batch = blobs.begin().await.unwrap();
    let large = batch.put(content.into(), PutHints::default()).await.unwrap();
    assert_eq!(batch.keep(&[large]).await.unwrap(), [true], "what this batch put is there for it");
    batch.commit().await.unwrap();
    let [pack] = packs(&disk).try_into().unwrap();
    let bytes = disk.read(&pack).unwrap();
    let start = bytes.windows(8).position(|window| window == b"LNLIST1\n").unwrap();
    let list = (start + 48..bytes.len()).step_by(40).map(|end| bytes.slice(start..end));
    let batch = blobs.begin().await.unwrap();
    let candidates: Vec<Bytes> = list.take(12).collect();
    for candidate in &candidates {
        batch.put(candidate.clone(), PutHints::default()).await.unwrap();
    }
    batch.commit().await.unwrap();
    for candidate in candidates {
        assert_eq!(blobs.read_all(&Digest::of(&candidate)).await.unwrap(), candidate);
    }
}

/// Names blobs, as any domain does.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Shelf {
    held: Vec<Digest>,
}

impl State for Shelf {
    type Event = Digest;
    const KIND: &'static str = "toy.shelf";

    fn apply(&mut self, digest: &Digest, _: &Stamp) {
        self.held.push(*digest);
    }
}

#[tokio::test]
async fn a_transaction_records_packs_and_not_single_blobs() {
    let (_, store) = disk().await;
    let blobs = PackBlobs::open(&store, "blobs").await.unwrap();
    let batch = blobs.begin().await.unwrap();
    for at in 0..500_u32 {
        batch.put(at.to_string().into(), PutHints::default()).await.unwrap();
    }
    let receipt = batch.commit().await.unwrap();
    assert_eq!((receipt.digests().len(), receipt.holds().len()), (500, 1));
    let shelf = Journal::<Shelf>::builder(&store, "shelf").open().await.unwrap();
    let held = receipt.digests().to_vec();
    let txn = Txn::by(Actor::new("test").unwrap()).with_receipt(receipt);
    shelf.transact(&txn, |_| Ok::<_, ()>(held.clone())).await.unwrap();
    let entries: Vec<_> = shelf.entries(0, 1).try_collect().await.unwrap();
    let adds = &entries[1].payload.as_ref().unwrap().txns[0].adds;
    assert_eq!(adds[0].blobs.len(), 1);
    let enrolled = blobs.journal().read(|state| state.collection().enrolled().count()).await.unwrap();
    assert_eq!(enrolled, 1);
}

#[derive(Debug, Default)]
struct Told(std::sync::Mutex<(u64, u64, u64)>);

impl Progress for Told {
    fn report(&self, event: ProgressEvent<'_>) {
        let mut told = self.0.lock().unwrap();
        match event {
            ProgressEvent::Started { .. } => told.0 += 1,
            ProgressEvent::Advanced { by, .. } => told.1 += by,
            _ => told.2 += 1,
        }
    }
}

#[tokio::test]
async fn a_batch_tells_how_far_it_is() {
    let store = Store::open("memory:///").unwrap();
    let told = Arc::new(Told::default());
    let blobs = PackBlobs::open(&store, "blobs").await.unwrap().with_progress(Arc::<Told>::clone(&told));
    let batch = blobs.begin().await.unwrap();
    for (seed, len) in [(1, 1000), (2, 300_000), (3, 20 << 20), (1, 1000)] {
        batch.put(noise(seed, len).into(), PutHints::default()).await.unwrap();
    }
    batch.commit().await.unwrap();
    assert_eq!(*told.0.lock().unwrap(), (1, 1000 + 300_000 + (20 << 20) + 1000, 1));
    drop(blobs.begin().await.unwrap());
    let (begun, _, over) = *told.0.lock().unwrap();
    assert_eq!((begun, over), (2, 2), "one that is given up is over, too");
}

#[tokio::test]
async fn a_store_that_is_cut_by_an_unknown_rule_is_read_but_not_written() {
    let (disk, store) = disk().await;
    let digest = PackBlobs::open(&store, "blobs").await.unwrap().put_one("old".into()).await.unwrap().digests()[0];
    let renamed = |bytes: &mut Vec<u8>| *bytes = String::from_utf8_lossy(bytes).replace("gear-1", "gear-9").into();
    assert!(disk.tamper(&"FORMAT".into(), renamed));
    let later = Store::new(Arc::new(disk.clone()), "disk");
    let blobs = PackBlobs::open(&later, "blobs").await.unwrap();
    assert_eq!(blobs.read_all(&digest).await.unwrap(), "old");
    let refused = blobs.begin().await.err().unwrap();
    assert!(matches!(&refused, Error::UnknownFormat { found, .. } if found == "gear-9"), "{refused}");
}
