//! Repair from a second store: what is damaged comes back to the byte, and nothing acknowledged depends on what is set aside.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use lineal_artifacts::{CollectSettings, Collector, Fate, FsckLevel, PackBlobs, PackSettings, Repaired};
use lineal_core::{
    BlobStore, BlobStoreExt, Digest, Error, Head, Journal, LooseBlobs, Name, NoLinks, NoProgress, PutHints, Receipt,
    Retry, Roots, Store, TransactError,
    object_store::{ObjectStore, ObjectStoreExt, path::Path},
};
use lineal_testkit::{CrashPoints, Durability, Sim, SimDisk};

use crate::{
    support::noise,
    toy::{self, Shelf, ShelfRoots, collector, content, hold, machine, put_one, shelf},
};

const ALL: FsckLevel = FsckLevel::Hash { part: 0, of: 1 };

fn packs(disk: &SimDisk) -> Vec<Path> {
    disk.paths().into_iter().filter(|path| path.as_ref().starts_with("blobs/pack/")).collect()
}

async fn disk() -> (SimDisk, Store, PackBlobs) {
    let disk = SimDisk::new();
    // A pack that is cut short looks like a store that fails: it is not worth waiting here.
    let retry = Retry::default().with_waits(Duration::ZERO, Duration::ZERO);
    let store = Store::new(Arc::new(disk.clone()), "disk").with_retry(retry);
    let blobs = toy::open(&store).await.unwrap();
    (disk, store, blobs)
}

async fn mirror(contents: impl IntoIterator<Item = Bytes>) -> LooseBlobs {
    let mirror = LooseBlobs::open(&Store::open("memory:///").unwrap(), "mirror").await.unwrap();
    for content in contents {
        mirror.put_one(content).await.unwrap();
    }
    mirror
}

async fn repair(blobs: &PackBlobs, from: &dyn BlobStore) -> Repaired {
    collector(blobs).repair(from, ALL, &NoProgress).await.unwrap()
}

/// Collects until damage is gone, and finds the store clean.
async fn is_clean_after_collections(blobs: &PackBlobs) {
    for _ in 0..2 {
        collector(blobs).collect().await.unwrap();
    }
    let found = blobs.fsck(ALL, &NoProgress).await.unwrap();
    assert!(found.is_clean() && found.set_aside == 0, "{found:?}");
}

/// One kind of damage to a pack, as a function of its bytes; none removes it.
type Harm = Option<fn(&mut Vec<u8>)>;

const HARMS: [(&str, Harm); 7] = [
    ("a byte of a record", Some(|bytes| bytes[40] ^= 1)),
    ("a byte of the magic", Some(|bytes| bytes[0] ^= 1)),
    ("a byte of the trailer", Some(|bytes| *bytes.iter_mut().nth_back(70).unwrap() ^= 1)),
    ("a byte of the footer", Some(|bytes| *bytes.last_mut().unwrap() ^= 1)),
    ("cut short", Some(|bytes| bytes.truncate(bytes.len() / 3))),
    ("emptied", Some(Vec::clear)),
    ("gone", None),
];

#[tokio::test]
async fn damage_of_every_kind_is_repaired_to_the_byte() {
    for (what, harm) in HARMS {
        for cold in [true, false] {
            let (disk, store, blobs) = disk().await;
            let shelf = shelf(&store).await.unwrap();
            let numbers = [0b00_0111, 0b11_1100, 0b11_1111];
            for number in numbers {
                hold(&shelf, put_one(&blobs, number).await.unwrap()).await.unwrap();
            }
            let large = Bytes::from(noise(77, 500_000));
            hold(&shelf, blobs.put_one(large.clone()).await.unwrap()).await.unwrap();
            let mirror = mirror(numbers.map(content).into_iter().chain([large.clone()])).await;
            let all = packs(&disk);
            for pack in all.iter().step_by(2) {
                match harm {
                    Some(harm) => assert!(disk.tamper(pack, harm)),
                    None => assert!(disk.remove(pack)),
                }
            }
            let blobs = if cold { toy::open(&store).await.unwrap() } else { blobs };
            let done = repair(&blobs, &mirror).await;
            assert_eq!(done.damaged.len(), all.len().div_ceil(2), "{what}: {done:?}");
            assert!(done.set_aside && done.lost.is_empty(), "{what}: {done:?}");
            let found = blobs.fsck(ALL, &NoProgress).await.unwrap();
            assert!(found.is_clean() && found.set_aside == done.damaged.len() as u64, "{what}: {found:?}");
            for blobs in [&blobs, &toy::open(&store).await.unwrap()] {
                for content in numbers.map(content).into_iter().chain([large.clone()]) {
                    assert!(blobs.read_all(&Digest::of(&content)).await.unwrap() == content, "{what}");
                }
            }
            let plan = collector(&blobs).plan().await.unwrap();
            assert_eq!(plan.packs.iter().filter(|pack| pack.fate == Fate::Damaged).count(), done.damaged.len());
            is_clean_after_collections(&blobs).await;
            let again = repair(&blobs, &mirror).await;
            assert!(again.damaged.is_empty() && again.restored.is_empty() && !again.set_aside, "{again:?}");
        }
    }
}

#[tokio::test]
async fn what_is_sound_in_a_damaged_pack_needs_no_second_store() {
    let (disk, store, blobs) = disk().await;
    let shelf = shelf(&store).await.unwrap();
    let batch = blobs.begin().await.unwrap();
    let (kept, hurt) = (Bytes::from(noise(1, 20_000)), Bytes::from(noise(2, 20_000)));
    for content in [&kept, &hurt] {
        batch.put(content.clone(), PutHints::default()).await.unwrap();
    }
    hold(&shelf, batch.commit().await.unwrap()).await.unwrap();
    let [pack] = packs(&disk).try_into().unwrap();
    disk.tamper(&pack, |bytes| bytes[30_000] ^= 1);
    // Without a copy of what is hurt, it is named, and nothing is set aside.
    let done = repair(&blobs, &mirror([]).await).await;
    assert_eq!((done.saved, done.set_aside, done.lost.len()), (1, false, 1), "{done:?}");
    assert_eq!((done.lost[0].digest, done.lost[0].journal.as_str()), (Digest::of(&hurt), "shelf"));
    assert_eq!(done.lost[0].parent, None);
    assert!(!blobs.fsck(ALL, &NoProgress).await.unwrap().is_clean());
    assert_eq!(blobs.read_all(&Digest::of(&kept)).await.unwrap(), kept);
    assert!(matches!(blobs.read_all(&Digest::of(&hurt)).await, Err(Error::Damaged { .. })));
    // Nor does a copy help that is damaged itself.
    let other = SimDisk::new();
    let damaged = LooseBlobs::open(&Store::new(Arc::new(other.clone()), "other"), "mirror").await.unwrap();
    damaged.put_one(hurt.clone()).await.unwrap();
    let object = other.paths().into_iter().find(|path| other.read(path).unwrap().len() == hurt.len()).unwrap();
    other.tamper(&object, |bytes| bytes[10] ^= 1);
    assert_eq!(repair(&blobs, &damaged).await.lost.len(), 1);

    let done = repair(&blobs, &mirror([hurt.clone()]).await).await;
    assert!(done.set_aside && done.restored.contains(&Digest::of(&hurt)) && done.restored.len() == 1, "{done:?}");
    is_clean_after_collections(&blobs).await;
    for content in [kept, hurt] {
        assert_eq!(blobs.read_all(&Digest::of(&content)).await.unwrap(), content);
    }
}

#[tokio::test]
async fn a_copy_in_another_pack_is_read_instead() {
    let (disk, store, blobs) = disk().await;
    let other = toy::open(&store).await.unwrap();
    let large = Bytes::from(noise(3, 400_000));
    let numbers = [0b00_0001, 0b11_0011];
    let batches = [blobs.begin().await.unwrap(), other.begin().await.unwrap()];
    for batch in &batches {
        for number in numbers {
            toy::put(batch.as_ref(), number).await.unwrap();
        }
        batch.put(large.clone(), PutHints::default()).await.unwrap();
    }
    for batch in batches {
        batch.commit().await.unwrap();
    }
    let names: Vec<_> = blobs.journal().read(|state| state.packs().keys().copied().collect()).await.unwrap();
    // Every pack of one batch, wherever its name sorts, has a damaged byte in every record.
    for session in [names[0].session, names[names.len() - 1].session] {
        for name in names.iter().filter(|name| name.session == session) {
            let key = blobs.pack_key(name).unwrap();
            let (before, tail) = (disk.read(&key).unwrap(), blobs.journal().peek(|state| state.packs()[name].info));
            let end = (tail.size_bytes - tail.tail_bytes) as usize;
            disk.tamper(&key, |bytes| bytes[16..end].iter_mut().for_each(|byte| *byte ^= 1));
            let harmed = before != disk.read(&key).unwrap();
            assert!(harmed);
        }
        for blobs in [&blobs, &other, &toy::open(&store).await.unwrap()] {
            for content in numbers.map(content).into_iter().chain([large.clone()]) {
                let digest = Digest::of(&content);
                let read = blobs.read_all(&digest).await;
                if session == names[0].session {
                    assert!(read.unwrap() == content && blobs.contains(&digest).await.unwrap());
                    assert!(blobs.read_many(&[digest]).await.unwrap() == [content]);
                } else {
                    // Both copies are hurt now.
                    assert!(matches!(read, Err(Error::Damaged { .. })), "{read:?}");
                }
            }
        }
    }
}

/// Two blobs in one pack: one that is hurt and named, and one that is sound and only a receipt knows. If asked for, the
/// sound one also lies in a pack that nothing names and that is old enough to be condemned.
async fn one_hurt_and_one_on_its_way(has_old_copy: bool) -> (Store, PackBlobs, LooseBlobs, Receipt, Bytes) {
    let (disk, store, blobs) = disk().await;
    let shelf = shelf(&store).await.unwrap();
    let (hurt, sound) = (Bytes::from(noise(2, 20_000)), Bytes::from(noise(1, 20_000)));
    let batch = blobs.begin().await.unwrap();
    let copy = toy::open(&store).await.unwrap().begin().await.unwrap();
    for content in [&hurt, &sound] {
        batch.put(content.clone(), PutHints::default()).await.unwrap();
    }
    batch.commit().await.unwrap();
    let [pack] = packs(&disk).try_into().unwrap();
    let named = blobs.begin().await.unwrap();
    assert_eq!(named.keep(&[Digest::of(&hurt)]).await.unwrap(), [true]);
    hold(&shelf, named.commit().await.unwrap()).await.unwrap();
    let on_its_way = blobs.begin().await.unwrap();
    assert_eq!(on_its_way.keep(&[Digest::of(&sound)]).await.unwrap(), [true]);
    let receipt = on_its_way.commit().await.unwrap();
    if has_old_copy {
        copy.put(sound.clone(), PutHints::default()).await.unwrap();
        copy.commit().await.unwrap();
        // Opens an epoch, and empties nothing.
        let settings = CollectSettings::default().with_sparse_below(0.0);
        let done = collector(&blobs).with_settings(settings).collect().await.unwrap();
        assert_eq!((done.epoch, done.removed), (Some(1), 0));
    }
    disk.tamper(&pack, |bytes| bytes[100] ^= 1);
    (store, blobs, mirror([hurt]).await, receipt, sound)
}

#[tokio::test]
async fn a_receipt_that_holds_a_damaged_pack_is_good_until_that_is_condemned() {
    let (store, blobs, mirror, receipt, sound) = one_hurt_and_one_on_its_way(false).await;
    let journal = shelf(&store).await.unwrap();
    assert!(repair(&blobs, &mirror).await.set_aside);
    hold(&journal, receipt.clone()).await.unwrap();
    is_clean_after_collections(&blobs).await;
    assert_eq!(blobs.read_all(&Digest::of(&sound)).await.unwrap(), sound);

    let (store, blobs, mirror, receipt, _) = one_hurt_and_one_on_its_way(false).await;
    let journal = shelf(&store).await.unwrap();
    assert!(repair(&blobs, &mirror).await.set_aside);
    is_clean_after_collections(&blobs).await;
    let refused = hold(&journal, receipt).await;
    assert!(matches!(refused, Err(TransactError::Journal(Error::Condemned { .. }))), "{refused:?}");
}

/// Names what a receipt holds between a mark and its barrier.
#[derive(Debug)]
struct Meddler(Mutex<Option<Receipt>>);

#[async_trait]
impl Roots for Meddler {
    fn kind(&self) -> Name {
        ShelfRoots.kind()
    }

    async fn live(&self, store: &Store, prefix: &str, upto: Head) -> Result<BTreeMap<Digest, String>, Error> {
        let receipt = self.0.lock().unwrap().take();
        if let Some(receipt) = receipt {
            let journal = Journal::<Shelf>::builder(store, prefix).open().await?;
            hold(&journal, receipt).await.unwrap();
        }
        ShelfRoots.live(store, prefix, upto).await
    }
}

#[tokio::test]
async fn a_receipt_that_is_named_while_its_pack_is_condemned_spares_what_was_saved() {
    for has_old_copy in [false, true] {
        let (store, blobs, mirror, receipt, sound) = one_hurt_and_one_on_its_way(has_old_copy).await;
        let done = repair(&blobs, &mirror).await;
        assert_eq!((done.set_aside, done.saved), (true, u64::from(!has_old_copy)));
        let meddler = Arc::new(Meddler(Mutex::new(Some(receipt))));
        let links = Arc::new(NoLinks::new("toy/leaf"));
        let done = Collector::new(&blobs).with_roots(meddler).with_links(links).collect().await.unwrap();
        // The old copy is condemned in one epoch with the damaged pack.
        assert_eq!((done.rescued, done.removed), (1 + u64::from(has_old_copy), 0), "{done:?}");
        is_clean_after_collections(&blobs).await;
        for blobs in [&blobs, &toy::open(&store).await.unwrap()] {
            assert_eq!(blobs.read_all(&Digest::of(&sound)).await.unwrap(), sound);
        }
    }
}

#[tokio::test]
async fn an_open_batch_that_rests_on_what_is_set_aside_is_refused() {
    let (_, blobs, mirror, _, sound) = one_hurt_and_one_on_its_way(false).await;
    let batch = blobs.begin().await.unwrap();
    batch.put(sound.clone(), PutHints::default()).await.unwrap();
    assert!(repair(&blobs, &mirror).await.set_aside);
    assert!(matches!(batch.commit().await, Err(Error::Condemned { count: 1, .. })));
    blobs.put_one(sound).await.unwrap();
}

#[tokio::test]
async fn packs_of_a_batch_that_is_open_are_repaired_too() {
    let (disk, store, blobs) = disk().await;
    let shelf = shelf(&store).await.unwrap();
    let open = blobs.begin().await.unwrap();
    let contents: Vec<Bytes> = (0..4).map(|seed| noise(seed, 40_000).into()).collect();
    for content in &contents {
        open.put(content.clone(), PutHints::default()).await.unwrap();
    }
    let rests = blobs.begin().await.unwrap();
    assert_eq!(rests.keep(&[Digest::of(&contents[0])]).await.unwrap(), [true]);
    let receipt = rests.commit().await.unwrap();
    let recorded = blobs.journal().read(|state| state.packs().keys().copied().next()).await.unwrap().unwrap();
    disk.tamper(&blobs.pack_key(&recorded).unwrap(), |bytes| bytes[0] ^= 1);
    let done = repair(&blobs, &mirror([]).await).await;
    assert!(done.set_aside && done.saved == 1, "{done:?}");
    hold(&shelf, receipt).await.unwrap();
    is_clean_after_collections(&blobs).await;
    assert_eq!(blobs.read_all(&Digest::of(&contents[0])).await.unwrap(), contents[0]);
    assert!(matches!(open.commit().await, Err(Error::Condemned { .. })));
}

/// Blobs with much in common, then damage to one pack, then repair and collections.
async fn program(store: &Store, objects: &dyn ObjectStore, told: &Mutex<Vec<Digest>>) -> Result<(), Error> {
    let blobs = toy::open(store).await?;
    let journal = shelf(store).await?;
    for number in NUMBERS {
        let Ok(held) = hold(&journal, put_one(&blobs, number).await?).await else { return Ok(()) };
        told.lock().unwrap().extend(held);
    }
    let first = blobs.journal().peek(|state| state.packs().keys().next().copied());
    let key = blobs.pack_key(&first.unwrap())?;
    let Ok(bytes) = objects.get(&key).await else { return Ok(()) };
    let mut bytes = bytes.bytes().await.unwrap().to_vec();
    bytes[5_000] ^= 1;
    if objects.put(&key, bytes.into()).await.is_err() {
        return Ok(());
    }
    let mirror = mirror(NUMBERS.map(content)).await;
    let done = collector(&blobs).repair(&mirror, ALL, &NoProgress).await?;
    assert!(done.set_aside && !done.restored.is_empty(), "{done:?}");
    collector(&blobs).collect().await.map(drop)
}

const NUMBERS: [u64; 2] = [0b00_0111, 0b10_1010];

#[test]
fn a_repair_can_stop_at_every_operation() {
    for durability in [Durability::AtOnce, Durability::DeletesUntilSync] {
        let scenario = |sim: Sim, objects: Arc<dyn ObjectStore>, told: Arc<Mutex<Vec<Digest>>>| async move {
            // What it ran into is not known to anybody after the crash.
            program(&machine(&sim, Arc::clone(&objects), 1), objects.as_ref(), &told).await.ok();
        };
        let points = CrashPoints::new().with_durability(durability).run(scenario, |point, disk, told| async move {
            let again = Store::new(Arc::new(disk.clone()), "disk");
            let blobs = toy::open(&again).await.unwrap_or_else(|error| panic!("{point:?}: {error}"));
            let mirror = mirror(NUMBERS.map(content)).await;
            let done = collector(&blobs).repair(&mirror, ALL, &NoProgress).await;
            let done = done.unwrap_or_else(|error| panic!("{point:?}: {error}"));
            assert!(done.lost.is_empty(), "{point:?}: {done:?}");
            let checked = blobs.fsck(ALL, &NoProgress).await.unwrap();
            assert!(checked.is_clean(), "{point:?}: {checked:?}");
            let told = told.lock().unwrap().clone();
            for round in 0..2 {
                for digest in &told {
                    let read = blobs.read_all(digest).await;
                    read.unwrap_or_else(|error| panic!("{point:?}, round {round}: {digest}: {error}"));
                }
                let collected = collector(&blobs).collect().await;
                collected.unwrap_or_else(|error| panic!("{point:?}, round {round}: {error}"));
            }
            let checked = blobs.fsck(ALL, &NoProgress).await.unwrap();
            assert!(checked.is_clean() && checked.set_aside == 0, "{point:?}: {checked:?}");
        });
        assert!(points > 40, "{points} crash points");
    }
}

#[tokio::test]
async fn a_large_store_with_default_packs_is_repaired() {
    let disk = SimDisk::new();
    let store = Store::new(Arc::new(disk.clone()), "disk");
    let blobs = PackBlobs::open(&store, "blobs").await.unwrap();
    let blobs = blobs.with_settings(PackSettings::default().with_pack_bytes(1 << 20));
    let shelf = shelf(&store).await.unwrap();
    let large = Bytes::from(noise(9, 6 << 20));
    hold(&shelf, blobs.put_one(large.clone()).await.unwrap()).await.unwrap();
    for (at, pack) in packs(&disk).iter().enumerate() {
        disk.tamper(pack, |bytes| bytes[at * 10_000 + 20] ^= 1);
    }
    let mirror = mirror([large.clone()]).await;
    let done = repair(&blobs, &mirror).await;
    assert!(done.set_aside && done.saved > 10, "{done:?}");
    is_clean_after_collections(&blobs).await;
    assert!(blobs.read_all(&Digest::of(&large)).await.unwrap() == large);
}
