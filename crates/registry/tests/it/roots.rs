use std::collections::BTreeSet;

use lineal_core::{BlobStoreExt, CodeRef, Digest, EnvRef, Roots};
use lineal_registry::{Manifest, RegistryRoots, registry_links};

use crate::support::{CI, World, signer};

#[tokio::test]
async fn everything_stored_is_reached_and_nothing_else() {
    let world = World::with_champions(2).await;
    let diff = world.blobs.put_one("a difference".into()).await.unwrap().digests()[0];
    let code = CodeRef { repository: None, commit: "6cfaa1b".into(), dirty: true, diff: Some(diff) };
    let version = world.version("[3]").await.with_code(code);
    let version = version.with_environment(EnvRef::new("rustc 1.95.0", "linux", "x86_64"));
    let version = version.with_card(serde_json::json!({"purpose": "tell late flights"})).unwrap();
    world.registry.register(version, &signer(CI)).await.unwrap();
    let head = world.registry.journal().head_digest().await.unwrap().unwrap();
    let live = RegistryRoots.live(&world.store, "registries/main", head).await.unwrap();
    let links = registry_links();
    let mut reached = BTreeSet::new();
    for (digest, media_type) in live {
        let links = links.iter().find(|links| links.media_type() == media_type).expect("links of every media type");
        let children = links.children(&world.blobs.read_all(&digest).await.unwrap()).unwrap();
        assert!(children.iter().all(|(_, child)| registry_links().iter().any(|links| links.media_type() == child)));
        assert_eq!(children.is_empty(), media_type != Manifest::MEDIA_TYPE);
        reached.insert(digest);
        reached.extend(children.into_iter().map(|(digest, _)| digest));
    }
    let stored: BTreeSet<Digest> = world.blobs.list().await.unwrap().into_iter().map(|(digest, _)| digest).collect();
    assert_eq!(reached, stored);
    // A journal that was exchanged under the collector is not taken for the one it saw.
    let mut other = head;
    other.digest = Digest::of(b"another");
    assert!(RegistryRoots.live(&world.store, "registries/main", other).await.is_err());
}
