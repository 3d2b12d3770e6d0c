use std::sync::Arc;

use futures::TryStreamExt;
use lineal_core::{BlobStore, BlobStoreExt, Digest, Error, LooseBlobs, Store};
use lineal_testkit::{Faults, SimDisk, World};
use object_store::{ObjectStoreExt, path::Path};

use crate::support::{clock, memory};

#[tokio::test]
async fn damage_is_named_and_never_handed_out() {
    let store = memory(&clock());
    let blobs = LooseBlobs::open(&store, "blobs").await.unwrap();
    let content = vec![7_u8; 50_000];
    let digest = blobs.put_one(content.clone().into()).await.unwrap().digests()[0];
    let key = Path::from(format!("blobs/{}/{digest}", &digest.to_string()[..2]));
    let mut damaged = content.clone();
    damaged[49_999] ^= 1;
    store.objects().put(&key, damaged.into()).await.unwrap();
    assert!(matches!(blobs.read_all(&digest).await, Err(Error::BlobCorrupt { expected, .. }) if expected == digest));
    assert!(matches!(blobs.read(&digest, Some(0..1)).await, Err(Error::BlobCorrupt { .. })));
    let mut handed_out = 0;
    let mut stream = blobs.stream(&digest).await.unwrap();
    let end = loop {
        match stream.try_next().await {
            Ok(Some(piece)) => handed_out += piece.len(),
            end => break end,
        }
    };
    assert!(matches!(end, Err(Error::BlobCorrupt { .. })));
    assert!(handed_out < content.len(), "the complete blob was handed out before it verified");
}

#[test]
fn puts_and_reads_survive_every_fault() {
    lineal_testkit::for_each_seed(60, |seed| {
        let world = World::new(seed);
        let disk = SimDisk::new();
        let objects = world.store(Arc::new(disk), Faults { broken_list: 0.0, ..Faults::rough() });
        let host = lineal_core::Host::system()
            .with_clock(Arc::new(world.clock()))
            .with_ids(Arc::new(lineal_core::SeededIds::new(seed)))
            .with_timer(Arc::new(world.timer()));
        let store = Store::new(objects, "disk").with_host(host);
        let stored = world.block_on(async move {
            let blobs = LooseBlobs::open(&store, "blobs").await?;
            let mut digests = Vec::new();
            for at in 0..6 {
                digests.extend_from_slice(blobs.put_one(format!("blob {at}").into()).await?.digests());
            }
            for (at, digest) in digests.iter().enumerate() {
                assert_eq!(blobs.read_all(digest).await?, format!("blob {at}"));
            }
            Ok::<_, Error>(digests.len())
        });
        // What was acknowledged reads back; a store that stays away is a typed error, never damage.
        match stored {
            Ok(stored) => assert_eq!(stored, 6),
            Err(error) => assert!(matches!(error, Error::Storage { .. } | Error::Aborted { .. }), "{error:?}"),
        }
    });
}

#[tokio::test]
async fn two_blob_stores_of_one_root_are_two() {
    let store = memory(&clock());
    let one = LooseBlobs::open(&store, "one").await.unwrap();
    let two = LooseBlobs::open(&store, "two").await.unwrap();
    assert_ne!(one.id(), two.id());
    assert_eq!(one.id(), LooseBlobs::open(&store, "one/").await.unwrap().id());
    one.put_one("x".into()).await.unwrap();
    assert!(!two.contains(&Digest::of(b"x")).await.unwrap());
}
