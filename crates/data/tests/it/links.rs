use std::collections::BTreeSet;

use lineal_core::{BlobStoreExt, Digest, Links, NoLinks, Roots};
use lineal_data::{CommitLinks, DataRoots, TreeLinks};

use crate::support::{World, ana, flights};

/// Everything that roots and links reach.
async fn reachable(world: &World) -> BTreeSet<Digest> {
    let links: [Box<dyn Links>; 3] =
        [Box::new(CommitLinks), Box::new(TreeLinks), Box::new(NoLinks::new("application/octet-stream"))];
    let head = world.repository.journal().head_digest().await.unwrap().unwrap();
    let mut waiting: Vec<_> = DataRoots.live(&world.store, "data/flights", head).await.unwrap().into_iter().collect();
    let mut seen = BTreeSet::new();
    while let Some((digest, media_type)) = waiting.pop() {
        if seen.insert(digest) {
            let links = links.iter().find(|links| links.media_type() == media_type).unwrap();
            waiting.extend(links.children(&world.blobs.read_all(&digest).await.unwrap()).unwrap());
        }
    }
    seen
}

#[tokio::test]
async fn roots_and_links_reach_every_blob() {
    let world = World::memory().await;
    world.put("a", "1").await;
    world.repository.create_branch("side", "main", &ana()).await.unwrap();
    world.repository.commit("side").put_table("t", &[flights(0, 5)]).commit(&ana()).await.unwrap();
    world.repository.delete_branch("side", &ana()).await.unwrap();
    world.put("a", "2").await;
    let stored: BTreeSet<_> = world.blobs.list().await.unwrap().into_iter().map(|(digest, _)| digest).collect();
    assert_eq!(reachable(&world).await, stored);
    assert_eq!(DataRoots.kind().as_str(), "lineal.data");
}

#[tokio::test]
async fn roots_answer_for_one_head_only() {
    let world = World::memory().await;
    let first = world.put("a", "1").await;
    let mut head = world.repository.journal().head_digest().await.unwrap().unwrap();
    world.put("b", "2").await;
    let live = DataRoots.live(&world.store, "data/flights", head).await.unwrap();
    assert_eq!(live.into_keys().collect::<Vec<_>>(), [first.id().digest()]);
    head.digest = Digest::of(b"another history");
    assert!(DataRoots.live(&world.store, "data/flights", head).await.is_err());
    assert!(CommitLinks.children(b"{}").is_err());
    assert!(TreeLinks.children(b"[]").is_err());
}
