//! Purges: the bytes go, what others share stays, and the certificate says no more than was read.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures::{StreamExt, stream};
use lineal_artifacts::{CollectSettings, FsckLevel, PackBlobs, PurgeCertificate, PurgeError, PurgeOrder};
use lineal_core::{
    Actor, BlobStore, BlobStoreExt, Digest, Ed25519Key, Envelope, Error, KeyRing, NoProgress, PutHints, Signer,
    Statement, Store, object_store::ObjectStore,
};
use lineal_testkit::{CrashPoints, Durability, Sim, SimDisk};

use crate::{
    support::noise,
    toy::{self, collector, content, hold, machine, put_one, shelf},
};

const ALL: FsckLevel = FsckLevel::Hash { part: 0, of: 1 };

async fn disk() -> (SimDisk, Store, PackBlobs) {
    let disk = SimDisk::new();
    let store = Store::new(Arc::new(disk.clone()), "disk");
    let blobs = toy::open(&store).await.unwrap();
    (disk, store, blobs)
}

fn key() -> Arc<dyn Signer> {
    Arc::new(Ed25519Key::from_seed(&[7; 32]))
}

fn trusted() -> KeyRing {
    let mut ring = KeyRing::default();
    ring.add(Ed25519Key::from_seed(&[7; 32]).public(), Actor::new("privacy@example.org").unwrap()).unwrap();
    ring
}

fn order() -> PurgeOrder {
    PurgeOrder::new(Actor::new("privacy@example.org").unwrap(), "request 17")
}

async fn purge(blobs: &PackBlobs, digests: &[Digest]) -> Result<PurgeCertificate, PurgeError> {
    collector(blobs).purge(digests, &order(), &key(), &NoProgress).await
}

/// Tells whether any object of the store contains these bytes, as they are.
fn is_anywhere(disk: &SimDisk, bytes: &[u8]) -> bool {
    disk.paths().iter().any(|path| disk.read(path).unwrap().windows(bytes.len()).any(|window| window == bytes))
}

/// The block of a pool that blobs are made of.
fn block(number: u64) -> Vec<u8> {
    content(1 << number).to_vec()
}

async fn is_refused(blobs: &PackBlobs, digest: &Digest) {
    assert!(matches!(blobs.read_all(digest).await, Err(Error::BlobPurged { .. })));
    assert!(matches!(blobs.read(digest, Some(0..1)).await, Err(Error::BlobPurged { .. })));
    assert!(matches!(blobs.read_many(&[*digest]).await, Err(Error::BlobPurged { .. })));
    assert!(matches!(blobs.stream(digest).await.map(drop), Err(Error::BlobPurged { .. })));
    assert!(!blobs.contains(digest).await.unwrap());
}

#[tokio::test]
async fn what_only_purged_blobs_use_is_gone_and_what_others_share_stays() {
    let (disk, store, blobs) = disk().await;
    let shelf = shelf(&store).await.unwrap();
    // Both stay named; the batch of the third makes its pack mostly alive.
    let secret = hold(&shelf, put_one(&blobs, 0b00_0111).await.unwrap()).await.unwrap()[0];
    let other = hold(&shelf, put_one(&blobs, 0b11_0011).await.unwrap()).await.unwrap()[0];
    let reader = toy::open(&store).await.unwrap();
    assert_eq!(reader.read_all(&secret).await.unwrap(), content(0b00_0111));
    let certificate = purge(&blobs, &[secret, secret]).await.unwrap();
    assert_eq!((certificate.proof.shared_records, certificate.proof.shared_bytes), (2, 16 * 1024));
    assert_eq!((certificate.proof.store, certificate.proof.reason.as_str()), (blobs.id(), "request 17"));
    assert!(certificate.proof.records > 0 && certificate.proof.packs > 0 && certificate.proof.bytes > 32 * 1024);
    assert!(!is_anywhere(&disk, &block(2)[..64]) && is_anywhere(&disk, &block(0)[..64]));
    for blobs in [&blobs, &toy::open(&store).await.unwrap()] {
        is_refused(blobs, &secret).await;
        assert_eq!(blobs.read_all(&other).await.unwrap(), content(0b11_0011));
        assert!(blobs.fsck(ALL, &NoProgress).await.unwrap().is_clean());
    }
    // A handle that does not know yet finds the bytes gone, and learns why.
    assert!(matches!(reader.read_all(&secret).await, Err(Error::BlobPurged { .. })));
    // The journal goes on naming it, and collections go on.
    assert!(shelf.peek(|shelf| shelf.held.contains(&secret)));
    for _ in 0..3 {
        collector(&blobs).collect().await.unwrap();
    }
    assert_eq!(blobs.read_all(&other).await.unwrap(), content(0b11_0011));
    assert_eq!(collector(&blobs).plan().await.unwrap().freed_bytes(), 0);
    // Again is a newer certificate of the same.
    let again = purge(&blobs, &[secret]).await.unwrap();
    assert_eq!(again.proof.scanned, certificate.proof.scanned);
}

#[tokio::test]
async fn a_pack_that_is_mostly_alive_is_emptied_all_the_same() {
    let (disk, store, blobs) = disk().await;
    let shelf = shelf(&store).await.unwrap();
    let batch = blobs.begin().await.unwrap();
    let (secret, other) = (Bytes::from(noise(1, 500)), Bytes::from(noise(2, 40_000)));
    for content in [&secret, &other] {
        batch.put(content.clone(), PutHints::default()).await.unwrap();
    }
    hold(&shelf, batch.commit().await.unwrap()).await.unwrap();
    let collector = collector(&blobs).with_settings(CollectSettings::default().with_sparse_below(0.0));
    collector.purge(&[Digest::of(&secret)], &order(), &key(), &NoProgress).await.unwrap();
    assert!(!is_anywhere(&disk, &secret[..64]));
    assert_eq!(blobs.read_all(&Digest::of(&other)).await.unwrap(), other);
    assert!(blobs.fsck(ALL, &NoProgress).await.unwrap().is_clean());
}

#[tokio::test]
async fn a_purged_digest_cannot_be_put_or_kept_again() {
    let (disk, store, blobs) = disk().await;
    let small = Bytes::from(noise(1, 5_000));
    let large = Bytes::from(noise(2, 400_000));
    let shelf = shelf(&store).await.unwrap();
    let stale = toy::open(&store).await.unwrap();
    // Only a batch that is open has it, when the purge is asked for.
    let unborn = Bytes::from(noise(3, 6_000));
    let digests = [&small, &large, &unborn].map(|content| Digest::of(content));
    for content in [&small, &large] {
        hold(&shelf, blobs.put_one(content.clone()).await.unwrap()).await.unwrap();
    }
    let late = stale.begin().await.unwrap();
    late.put(unborn.clone(), PutHints::default()).await.unwrap();
    purge(&blobs, &digests).await.unwrap();
    for bytes in [&small, &large] {
        assert!(!is_anywhere(&disk, &bytes[..64]));
    }
    let batch = blobs.begin().await.unwrap();
    for content in [&small, &large] {
        let put = batch.put(content.clone(), PutHints::default()).await;
        assert!(matches!(put, Err(Error::BlobPurged { .. })), "{put:?}");
        let streamed = batch.put_stream(stream::iter([Ok(content.clone())]).boxed(), PutHints::default()).await;
        assert!(matches!(streamed, Err(Error::BlobPurged { .. })), "{streamed:?}");
        assert!(matches!(batch.keep(&[Digest::of(content)]).await, Err(Error::BlobPurged { .. })));
    }
    let fine = batch.put("something else".into(), PutHints::default()).await.unwrap();
    batch.commit().await.unwrap();
    assert_eq!(blobs.read_all(&fine).await.unwrap(), "something else");
    // A batch that put it before anybody asked for the purge is refused at its end.
    assert!(matches!(late.commit().await, Err(Error::BlobPurged { .. })));
    // Its pack is there, though nothing records it: it is found, and goes when it can be recorded no more.
    let held = purge(&blobs, &digests).await;
    assert!(matches!(&held, Err(PurgeError::Held { objects }) if objects.len() == 1), "{held:?}");
    let settings = CollectSettings::default().with_fence_after(Duration::ZERO);
    collector(&blobs).with_settings(settings).purge(&digests, &order(), &key(), &NoProgress).await.unwrap();
    assert!(!is_anywhere(&disk, &unborn[..64]));
}

#[tokio::test]
async fn a_chunk_that_is_purged_as_a_blob_stays_in_others_and_is_refused_by_its_name() {
    let (_, store, blobs) = disk().await;
    let shelf = shelf(&store).await.unwrap();
    let alone = Digest::of(&block(1));
    hold(&shelf, blobs.put_one(block(1).into()).await.unwrap()).await.unwrap();
    let whole = hold(&shelf, put_one(&blobs, 0b00_0110).await.unwrap()).await.unwrap()[0];
    let certificate = purge(&blobs, &[alone]).await.unwrap();
    assert_eq!((certificate.proof.shared_records, certificate.proof.shared_bytes), (1, 8 * 1024));
    is_refused(&blobs, &alone).await;
    assert_eq!(blobs.read_all(&whole).await.unwrap(), content(0b00_0110));
    // One that was never here can be forbidden, too.
    let certificate = purge(&blobs, &[Digest::of(b"never")]).await.unwrap();
    assert_eq!(certificate.proof.shared_records, 0);
    assert!(matches!(blobs.put_one("never".into()).await, Err(Error::BlobPurged { .. })));
}

#[tokio::test]
async fn packs_of_an_open_batch_hold_a_purge_up() {
    let (disk, _, blobs) = disk().await;
    let open = blobs.begin().await.unwrap();
    let contents: Vec<Bytes> = (0..3).map(|seed| noise(seed, 50_000).into()).collect();
    for content in &contents {
        open.put(content.clone(), PutHints::default()).await.unwrap();
    }
    let secret = Digest::of(&contents[0]);
    let refused = purge(&blobs, &[secret]).await.unwrap_err();
    let PurgeError::Held { objects } = &refused else { panic!("{refused:?}") };
    assert_eq!(objects.len(), 1);
    assert_eq!(refused.kind(), lineal_core::ErrorKind::Conflict);
    is_refused(&blobs, &secret).await;
    assert!(matches!(open.commit().await, Err(Error::BlobPurged { .. })));
    // It is given up when it has been silent for long enough.
    let settings = CollectSettings::default().with_fence_after(Duration::ZERO);
    collector(&blobs).with_settings(settings).purge(&[secret], &order(), &key(), &NoProgress).await.unwrap();
    assert!(!is_anywhere(&disk, &contents[0][..64]));
}

#[tokio::test]
async fn nothing_is_certified_that_cannot_be_read() {
    let (disk, store, blobs) = disk().await;
    let shelf = shelf(&store).await.unwrap();
    let secret = hold(&shelf, put_one(&blobs, 0b00_0001).await.unwrap()).await.unwrap()[0];
    hold(&shelf, put_one(&blobs, 0b11_0000).await.unwrap()).await.unwrap();
    // An unrecorded object below the packs counts as well.
    let stray = lineal_core::object_store::path::Path::from("blobs/pack/00/stray");
    store.write(&stray, "who knows".into()).await.unwrap();
    assert!(matches!(purge(&blobs, &[secret]).await, Err(PurgeError::Unreadable { .. })));
    disk.remove(&stray);
    // So does an unrecorded pack with the bytes in it.
    let pack = disk.paths().into_iter().find(|path| path.as_ref().starts_with("blobs/pack/")).unwrap();
    let damaged = disk.read(&pack).unwrap();
    disk.tamper(&pack, |bytes| bytes[20] ^= 1);
    assert!(matches!(purge(&blobs, &[secret]).await, Err(PurgeError::Unreadable { .. })));
    disk.tamper(&pack, |bytes| *bytes = damaged.to_vec());
    purge(&blobs, &[secret]).await.unwrap();
    for (digests, order) in [(vec![], order()), (vec![secret], PurgeOrder::new(order().actor, "x".repeat(1001)))] {
        let refused = collector(&blobs).purge(&digests, &order, &key(), &NoProgress).await;
        assert!(matches!(refused, Err(PurgeError::Invalid { .. })));
    }
}

#[tokio::test]
async fn a_certificate_is_believed_only_as_it_was_signed_and_for_its_store() {
    let (_, _, blobs) = disk().await;
    let secret = put_one(&blobs, 0b00_0111).await.unwrap().digests()[0];
    let certificate = purge(&blobs, &[secret]).await.unwrap();
    let bytes = certificate.envelope.to_bytes().unwrap();
    let envelope = Envelope::from_bytes(&bytes).unwrap();
    let read = PurgeCertificate::verify(&envelope, &blobs, &trusted()).await.unwrap();
    assert_eq!(read, certificate);
    let statement = envelope.statement().unwrap();
    assert_eq!(statement.subjects.iter().map(|subject| subject.digest).collect::<Vec<_>>(), [secret]);
    assert_eq!(statement.by.as_ref(), "privacy@example.org");

    let stranger = Envelope::unsigned(&statement).unwrap().sign(&Ed25519Key::from_seed(&[8; 32])).unwrap();
    assert!(matches!(
        PurgeCertificate::verify(&stranger, &blobs, &trusted()).await,
        Err(PurgeError::Certificate { .. })
    ));
    let mut forged = envelope.clone();
    let at = forged.payload.len() / 2;
    forged.payload[at] ^= 1;
    assert!(matches!(PurgeCertificate::verify(&forged, &blobs, &trusted()).await, Err(PurgeError::Certificate { .. })));

    // Signed by a trusted key, but not true of this store.
    let resign = |change: &dyn Fn(&mut Statement)| {
        let mut statement = statement.clone();
        change(&mut statement);
        Envelope::unsigned(&statement).unwrap().sign(key().as_ref()).unwrap()
    };
    let false_claims = [
        resign(&|statement| statement.subjects[0].digest = Digest::of(b"another")),
        resign(&|statement| statement.predicate["head"] = Digest::of(b"another past").to_string().into()),
        resign(&|statement| statement.predicate["seq"] = 10_000.into()),
        resign(&|statement| statement.predicate["store"] = "0".repeat(32).into()),
        resign(&|statement| statement.predicate_type = "https://example.org/other".to_owned()),
    ];
    for claim in false_claims {
        let refused = PurgeCertificate::verify(&claim, &blobs, &trusted()).await;
        assert!(matches!(refused, Err(PurgeError::Refuted { .. })), "{refused:?}");
    }
    let shape = resign(&|statement| statement.predicate["packs"] = "many".into());
    assert!(PurgeCertificate::verify(&shape, &blobs, &trusted()).await.is_err());
}

/// Names two blobs and purges one of them.
async fn program(store: &Store, told: &Mutex<Vec<Digest>>) -> Result<(), Error> {
    let blobs = toy::open(store).await?;
    let journal = shelf(store).await?;
    for number in [0b00_0111, 0b10_0010] {
        let Ok(held) = hold(&journal, put_one(&blobs, number).await?).await else { return Ok(()) };
        told.lock().unwrap().extend(held);
    }
    purge(&blobs, &[Digest::of(&content(0b00_0111))]).await.ok();
    Ok(())
}

#[test]
fn a_purge_can_stop_at_every_operation() {
    for durability in [Durability::AtOnce, Durability::DeletesUntilSync] {
        let scenario = |sim: Sim, objects: Arc<dyn ObjectStore>, told: Arc<Mutex<Vec<Digest>>>| async move {
            // What it ran into is not known to anybody after the crash.
            program(&machine(&sim, objects, 1), &told).await.ok();
        };
        let points = CrashPoints::new().with_durability(durability).run(scenario, |point, disk, told| async move {
            let again = Store::new(Arc::new(disk.clone()), "disk");
            let blobs = toy::open(&again).await.unwrap_or_else(|error| panic!("{point:?}: {error}"));
            let (secret, told) = (Digest::of(&content(0b00_0111)), told.lock().unwrap().clone());
            let purged = blobs.journal().read(|state| state.purged().contains_key(&secret)).await.unwrap();
            for digest in &told {
                match blobs.read_all(digest).await {
                    Ok(_) if *digest != secret || !purged => {}
                    Err(Error::BlobPurged { .. }) if *digest == secret && purged => {}
                    other => panic!("{point:?}: {digest}: {other:?}"),
                }
            }
            let open = blobs.journal().peek(|state| state.collection().open_epoch());
            let checked = blobs.fsck(ALL, &NoProgress).await.unwrap_or_else(|error| panic!("{point:?}: {error}"));
            assert!(checked.is_clean() || open.is_some(), "{point:?}: {checked:?}");
            match purge(&blobs, &[secret]).await {
                Ok(certificate) => {
                    PurgeCertificate::verify(&certificate.envelope, &blobs, &trusted()).await.unwrap();
                    assert!(!is_anywhere(&disk, &block(0)[..64]), "{point:?}");
                }
                // Litter of a batch that stopped before its pack was recorded: until its session is given up.
                Err(PurgeError::Held { objects }) => {
                    assert!(objects.len() == 1 && told.is_empty(), "{point:?}: {objects:?}");
                }
                Err(error) => panic!("{point:?}: {error}"),
            }
            let checked = blobs.fsck(ALL, &NoProgress).await.unwrap();
            assert!(checked.is_clean(), "{point:?}: {checked:?}");
            if told.len() == 2 {
                assert_eq!(blobs.read_all(&told[1]).await.unwrap(), content(0b10_0010), "{point:?}");
            }
        });
        assert!(points > 40, "{points} crash points");
    }
}
