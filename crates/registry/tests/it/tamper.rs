use std::sync::Arc;

use futures::TryStreamExt;
use lineal_core::{
    LooseBlobs, Store,
    object_store::{ObjectStore, ObjectStoreExt, memory::InMemory, path::Path},
};

use crate::support::{BO, World, chain, champion, open, ring};

/// Flips one bit in the middle of an object; returns what it was.
async fn flip(objects: &InMemory, path: &Path) -> bytes::Bytes {
    let before = objects.get(path).await.unwrap().bytes().await.unwrap();
    let mut bytes = before.to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    objects.put(path, bytes.into()).await.unwrap();
    before
}

#[tokio::test]
async fn one_flipped_bit_in_any_object_is_refused_and_named() {
    let objects = Arc::new(InMemory::new());
    let world = World::on(Store::new(objects.clone(), "memory")).await;
    world.crown(1).await;
    world.clock.advance(std::time::Duration::from_secs(1));
    world.approve(1, BO).await;
    let listed: Vec<Path> = objects.list(None).map_ok(|meta| meta.location).try_collect().await.unwrap();
    let (mut blobs, mut entries) = (0, 0);
    for path in listed {
        let text = path.to_string();
        let is_blob = text.starts_with("blobs/") && !text.contains("collection");
        let is_entry = text.starts_with("registries/main/log/");
        if !is_blob && !is_entry {
            continue; // the record of the probe and the blob store's own journal: nothing of the registry's
        }
        let before = flip(&objects, &path).await;
        let refused = load_afresh(objects.clone()).await;
        objects.put(&path, before.into()).await.unwrap();
        // The approval that came after the decision is no part of it.
        let Err(message) = refused else {
            assert!(is_blob, "{text} was altered and nobody noticed");
            blobs += 100;
            continue;
        };
        let name = path.filename().unwrap();
        let named = if is_blob { name.to_owned() } else { format!("entry {}", name.parse::<u64>().unwrap()) };
        assert!(message.contains(&named), "{text}: {message}");
        if is_blob { blobs += 1 } else { entries += 1 }
    }
    // Weights, manifest, signature, registration, provenance, metrics, policy, endorsement and approval; the second
    // approval is the one not looked at.
    assert_eq!((blobs, entries), (109, 8));
    load_afresh(objects).await.unwrap();
}

async fn load_afresh(objects: Arc<InMemory>) -> Result<(), String> {
    let store = Store::new(objects, "memory");
    let blobs = LooseBlobs::open(&store, "blobs").await.map_err(|error| chain(&error))?;
    let registry = open(&store, &Arc::new(blobs), ring()).await.map_err(|error| chain(&error))?;
    registry.load(&champion()).await.map(drop).map_err(|error| chain(&error))
}
