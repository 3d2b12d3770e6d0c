use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use lineal_core::{BlobStoreExt, Digest, Store};
use lineal_testkit::{FaultStore, Faults, Op};
use proptest::prelude::*;

use super::super::{
    PackBlobs, PackEvent, PackInfo, PackName, SegmentId, SegmentInfo, SessionId, StoreEvent,
    builder::{NewRecord, PackBuilder},
    format::{BlobRow, FOOTER_LEN, Kind, Record},
};
use super::{
    directory::{self, Directory},
    encode::Encoder,
    maintain::Sizes,
    row::{BlobEntry, Entry, Row},
    segment::{Segment, decode_block},
    write::SegmentWriter,
};
use crate::{Collector, codec::Codec};

fn key(number: u64) -> Digest {
    Digest::of(&number.to_le_bytes())
}

fn pack(session: u8, number: u32) -> (PackName, PackInfo) {
    let name = PackName { session: SessionId::from_bytes([session; 16]), number };
    (name, PackInfo { digest: key(u64::from(session)), size_bytes: 1000, tail_bytes: 200 })
}

fn sample(records: u32, blobs: u32) -> (Vec<u8>, SegmentInfo) {
    let entry = |at: u32| Entry {
        record: Record {
            key: key(u64::from(at / 3)),
            offset: 16 + at,
            stored_len: 5,
            raw_len: 7,
            kind: if at.is_multiple_of(3) { Kind::List } else { Kind::Chunk },
            codec: 1,
        },
        pack: at % 2,
        at,
    };
    let blob = |at: u32| BlobEntry {
        row: BlobRow { blob: key(u64::from(at)), list: key(9), size_bytes: u64::MAX, levels: (at % 2) as u8 },
        pack: 1,
        at,
    };
    let mut records: Vec<Entry> = (0..records).map(entry).collect();
    let mut blobs: Vec<BlobEntry> = (0..blobs).map(blob).collect();
    records.sort_by_key(Row::order);
    blobs.sort_by_key(Row::order);
    let name = SegmentId::from_bytes(*b"0123456789abcdef");
    let mut encoder = Encoder::new(name, vec![pack(1, 3), pack(2, 0)], (records.len() + blobs.len()) as u64);
    encoder.push_records(&records);
    encoder.push_blobs(&blobs);
    encoder.finish()
}

/// Reads a whole segment as a reader of it does; none if anything is wrong.
fn read(bytes: &[u8], info: &SegmentInfo) -> Option<(Vec<Entry>, Vec<BlobEntry>)> {
    let tail = &bytes[bytes.len().checked_sub(info.tail_bytes as usize)?..];
    let (directory, digest) = directory::decode_tail(tail, bytes.len() as u64).ok()?;
    let segment = Segment { name: directory.name, info: *info, directory };
    fn table<R: Row>(segment: &Segment, bytes: &[u8]) -> Option<Vec<R>> {
        let block = |at: usize| {
            let range = segment.range::<R>(&(at..at + 1));
            let bytes = &bytes[range.start as usize..range.end as usize];
            segment.check::<R>(at, bytes).ok()
        };
        Some((0..segment.block_count::<R>()).map(block).collect::<Option<Vec<_>>>()?.concat())
    }
    (bytes.starts_with(directory::MAGIC) && digest == info.digest)
        .then(|| Some((table(&segment, bytes)?, table(&segment, bytes)?)))?
}

#[test]
fn the_stored_form_is_pinned() {
    let (bytes, info) = sample(1100, 300);
    let text = format!(
        "{} bytes, tail {}\nsegment {}\nwhole {}",
        bytes.len(),
        info.tail_bytes,
        info.digest,
        Digest::of(&bytes)
    );
    insta::assert_snapshot!(text);
    let (records, blobs) = read(&bytes, &info).unwrap();
    assert_eq!((records.len(), blobs.len()), (1100, 300));
    let (empty, info) = sample(0, 0);
    assert_eq!(read(&empty, &info).unwrap(), (vec![], vec![]));
}

#[test]
fn every_changed_byte_is_found() {
    let (bytes, info) = sample(40, 7);
    assert_eq!(bytes.len() as u64, info.size_bytes);
    for at in 0..bytes.len() {
        let mut broken = bytes.clone();
        broken[at] ^= 1;
        assert!(read(&broken, &info).is_none(), "byte {at}");
    }
    for len in 0..bytes.len() {
        assert!(read(&bytes[..len], &info).is_none());
    }
}

proptest! {
    #[test]
    fn any_bytes_give_a_directory_or_a_flaw(bytes: Vec<u8>, size: u64) {
        directory::decode_tail(&bytes, size).unwrap_err();
        if let Ok(rows) = decode_block::<Entry>(&bytes) {
            prop_assert_eq!(rows.len() * Entry::LEN, bytes.len());
        }
    }

    /// Checksums keep damage out; what is behind them must not trust a forger either.
    #[test]
    fn a_forged_directory_is_harmless(edits in prop::collection::vec((0_usize..300, any::<u8>()), 1..8)) {
        let (bytes, info) = sample(5, 2);
        let start = bytes.len() - info.tail_bytes as usize;
        let mut directory = bytes[start..bytes.len() - FOOTER_LEN].to_vec();
        let len = directory.len();
        edits.iter().for_each(|(at, byte)| directory[at % len] = *byte);
        if let Ok(decoded) = Directory::decode(&directory, start as u64) {
            prop_assert_eq!(decoded.encode(), directory);
        }
    }

    #[test]
    fn a_forged_block_is_harmless(edits in prop::collection::vec((0_usize..1000, any::<u8>()), 1..8)) {
        let (bytes, _) = sample(10, 0);
        let mut block = bytes[16..16 + 10 * Entry::LEN].to_vec();
        let len = block.len();
        edits.iter().for_each(|(at, byte)| block[at % len] = *byte);
        if let Ok(rows) = decode_block::<Entry>(&block) {
            let mut again = Vec::new();
            rows.iter().for_each(|row| row.encode(&mut again));
            prop_assert_eq!(again, block);
        }
    }
}

#[tokio::test]
async fn a_large_segment_is_written_in_parts() {
    let store = Store::open("memory:///").unwrap();
    let blobs = PackBlobs::open(&store, "blobs").await.unwrap();
    let mut writer = SegmentWriter::new(&blobs.inner, vec![pack(1, 0)], 400_000).unwrap();
    let entry = |at: u32| {
        let mut key = [0; 32];
        key[..4].copy_from_slice(&at.to_be_bytes());
        let record =
            Record { key: Digest::from_bytes(key), offset: at, stored_len: 1, raw_len: 1, kind: Kind::Chunk, codec: 0 };
        Entry { record, pack: 0, at }
    };
    for part in 0..20_u32 {
        writer.push_records((part * 16_000..(part + 1) * 16_000).map(entry).collect()).await.unwrap();
    }
    let (name, info) = writer.finish().await.unwrap();
    assert!(info.size_bytes > 17 << 20);
    assert_eq!(blobs.inner.check_segment(name, info, true).await.unwrap(), None);
    let segment = blobs.inner.load_segment(name, info).await.unwrap().unwrap();
    let key = entry(200_001).record.key;
    let rows = blobs.inner.read_blocks::<Entry>(&segment, segment.blocks_with::<Entry>(&key)).await.unwrap();
    assert!(segment.may_have::<Entry>(&key) && rows.concat().contains(&entry(200_001)));
}

/// A pack of one session with records of the keys, the even ones as lists, and blobs of others.
async fn store_pack(blobs: &PackBlobs, session: u8, records: &[u64], rows: &[u64]) {
    let name = PackName { session: SessionId::from_bytes([session; 16]), number: 0 };
    let mut builder = PackBuilder::new(name, 0);
    for number in records.iter().copied().collect::<BTreeSet<_>>() {
        let kind = if number % 2 == 0 { Kind::List } else { Kind::Chunk };
        builder.push(NewRecord { key: key(number), kind, codec: Codec::Raw, raw_len: 3, stored: "abc".into() });
    }
    for number in rows {
        builder.push_blob(BlobRow { blob: key(*number), list: key(number + 1), size_bytes: *number, levels: 0 });
    }
    let sealed = builder.seal();
    blobs.inner.store.write(&blobs.pack_key(&name).unwrap(), sealed.payload.clone()).await.unwrap();
    let packs = BTreeMap::from([(name, sealed.info)]);
    let stored = PackEvent::Stored { begun: 0, closes: true, packs, session: name.session };
    blobs.inner.transact(|_| Ok::<_, ()>(vec![StoreEvent::Pack(stored.clone())])).await.unwrap().unwrap();
}

async fn remove_pack(blobs: &PackBlobs, session: u8) {
    let name = PackName { session: SessionId::from_bytes([session; 16]), number: 0 };
    blobs.inner.delete(&blobs.pack_key(&name).unwrap()).await.unwrap();
    let removed = StoreEvent::Pack(PackEvent::Removed { packs: vec![name] });
    blobs.inner.transact(|_| Ok::<_, ()>(vec![removed.clone()])).await.unwrap().unwrap();
}

type Found = BTreeSet<(PackName, u32, u32)>;

/// All places of a key, wherever the handle has them.
async fn everywhere(blobs: &PackBlobs, key: &Digest, kind: Kind) -> Found {
    let (places, segments) = {
        let index = blobs.inner.index();
        (index.places(key, kind), index.segments_with::<Entry>(key))
    };
    let rows = blobs.inner.look::<Entry>(&segments, key).await.unwrap();
    let rows = rows.into_iter().filter(|(_, entry)| entry.record.kind == kind);
    let rows = rows.map(|(pack, entry)| (pack.name, entry.at, entry.record.offset));
    places.iter().map(|place| (place.pack.name, place.at, place.record.offset)).chain(rows).collect()
}

async fn blob_rows(blobs: &PackBlobs, key: &Digest) -> Vec<(PackName, u32, u64)> {
    let rows = blobs.inner.blob_rows(key).await.unwrap();
    let mut rows: Vec<_> = rows.into_iter().map(|(pack, at, row)| (pack.name, at, row.size_bytes)).collect();
    rows.sort_unstable();
    rows
}

async fn assert_same(memory: &PackBlobs, disk: &PackBlobs, keys: u64) {
    memory.inner.refresh().await.unwrap();
    disk.inner.refresh().await.unwrap();
    for number in 0..keys + 50 {
        let key = key(number);
        for kind in [Kind::Chunk, Kind::List] {
            let expected = everywhere(memory, &key, kind).await;
            assert_eq!(everywhere(disk, &key, kind).await, expected, "key {number}");
            let found = disk.inner.find(&key, kind, None, &[]).await.unwrap();
            let found = found.map(|place| (place.pack.name, place.at, place.record.offset));
            assert!(found.is_none() == expected.is_empty() && found.iter().all(|place| expected.contains(place)));
        }
        assert_eq!(blob_rows(disk, &key).await, blob_rows(memory, &key).await, "blob {number}");
    }
}

/// Small enough that a few packs make segments of all sizes.
const SMALL: Sizes = Sizes { resident: u64::MAX, run: 150, least: 64, most: 4000, fan_out: 3 };

/// A handle that leaves the segments aside, as if all of them were damaged.
async fn without_segments(store: &Store) -> PackBlobs {
    let blobs = PackBlobs::open(store, "blobs").await.unwrap();
    let names: Vec<SegmentId> = blobs.journal().peek(|state| state.segments().keys().copied().collect());
    names.into_iter().for_each(|name| blobs.inner.index_mut().spoil(name, "for the test".to_owned()));
    blobs.inner.refresh().await.unwrap();
    blobs
}

fn compare(packs: Vec<(Vec<u64>, Vec<u64>)>, gone: Vec<u8>, keys: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let store = Store::open("memory:///").unwrap();
        let blobs = PackBlobs::open_with(&store, "blobs", SMALL).await.unwrap();
        for (session, (records, rows)) in (0..).zip(&packs) {
            store_pack(&blobs, session, records, rows).await;
            if session % 4 == 1 {
                blobs.inner.maintain(false).await.unwrap();
            }
        }
        let disk = PackBlobs::open(&store, "blobs").await.unwrap();
        assert_same(&without_segments(&store).await, &disk, keys).await;
        for session in gone {
            remove_pack(&blobs, session % packs.len() as u8).await;
        }
        assert_same(&without_segments(&store).await, &disk, keys).await;
        blobs.inner.maintain(false).await.unwrap();
        // The handle still has segments that are gone by now.
        assert_same(&without_segments(&store).await, &disk, keys).await;
        blobs.inner.maintain(true).await.unwrap();
        let cold = PackBlobs::open(&store, "blobs").await.unwrap();
        assert_same(&without_segments(&store).await, &cold, keys).await;
        assert!(cold.inner.index().uncovered().next().is_none());
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn segments_say_what_memory_says(
        packs in prop::collection::vec((prop::collection::vec(0..300_u64, 1..120), prop::collection::vec(0..300_u64, 0..20)), 1..12),
        gone in prop::collection::vec(any::<u8>(), 0..6),
    ) {
        compare(packs, gone, 300);
    }
}

#[test]
fn many_blocks_and_keys_with_many_places_are_found() {
    // One key in every pack, so that its rows go over the edge of a block.
    let pack = |session: u64| ((0..40).map(|at| session * 40 + at).chain([7, 8]).collect(), vec![7, session]);
    compare((0..30).map(pack).collect(), vec![3, 4, 5], 1200);
}

#[tokio::test]
async fn a_handle_has_no_more_rows_in_memory_than_it_may() {
    let store = Store::open("memory:///").unwrap();
    let writer = PackBlobs::open(&store, "blobs").await.unwrap();
    let pack = |session: u8| (0..40).map(|at| u64::from(session) * 40 + at).collect::<Vec<_>>();
    for session in 0..30 {
        store_pack(&writer, session, &pack(session), &[7]).await;
    }
    writer.inner.refresh().await.unwrap();
    assert_eq!(writer.inner.index().loaded_rows(), 30 * 41);
    let bounded = Sizes { resident: 400, ..SMALL };
    // Who may only read makes do with memory.
    let denied = FaultStore::new(Arc::clone(store.objects()), Faults { denied: 1.0, ..Faults::none() }, 1);
    let log = denied.log().clone();
    let reader = PackBlobs::open_with(&Store::new(Arc::new(denied), "read-only"), "blobs", bounded).await.unwrap();
    assert_eq!(reader.inner.index().loaded_rows(), 30 * 41);
    assert_same(&without_segments(&store).await, &reader, 1200).await;
    let asked = log.counts().op(Op::Put) + log.counts().op(Op::Multipart);
    reader.inner.refresh().await.unwrap();
    assert_eq!(log.counts().op(Op::Put) + log.counts().op(Op::Multipart), asked, "it is refused once");
    // Two that begin at the same time cover the same packs, which does no harm.
    let (one, two) = futures::future::join(
        PackBlobs::open_with(&store, "blobs", bounded),
        PackBlobs::open_with(&store, "blobs", bounded),
    )
    .await;
    for (from, handle) in [(30, one.unwrap()), (60, two.unwrap())] {
        assert!(handle.inner.index().loaded_rows() <= 400);
        assert_same(&without_segments(&store).await, &handle, 1200).await;
        // Its own packs count, too, and those that come by while it is open.
        for session in from..from + 30 {
            store_pack(&writer, session, &pack(session), &[]).await;
            handle.put_one(format!("blob {session}").into()).await.unwrap();
            assert!(handle.inner.index().loaded_rows() <= 400);
        }
    }
    let cold = PackBlobs::open_with(&store, "blobs", bounded).await.unwrap();
    assert!(cold.inner.index().loaded_rows() <= 400);
    Collector::new(&cold).collect().await.unwrap();
    assert!(cold.inner.index().segments().count() < SMALL.fan_out * 3, "a collection merges segments");
    assert_same(&without_segments(&store).await, &cold, 3600).await;
}
