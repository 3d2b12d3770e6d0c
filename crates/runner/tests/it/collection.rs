use std::collections::BTreeSet;

use lineal_core::{BlobStoreExt, CodeRef, Digest, EnvRef, LooseBlobs, Roots};
use lineal_runner::{Context, Error, Provenance, RunRoots, links};

use crate::support::{RUN, actor, memory, open, walk, walking};

#[tokio::test]
async fn roots_and_links_reach_every_blob_that_was_put() {
    let store = memory();
    let blobs = LooseBlobs::open(&store, "blobs").await.unwrap();
    let experiment = open(&store).await;
    let code = CodeRef { repository: None, commit: "a".repeat(40), dirty: false, diff: None };
    let provenance =
        Provenance::new(EnvRef::new("rustc", "linux", "x86_64")).with_code(code).with_diff("d").with_lock("l");
    walk(&experiment).provenance(provenance).execute(&actor(), walking(None)).await.unwrap();
    let head = experiment.journal().head_digest().await.unwrap().unwrap();
    let prefix = experiment.journal().prefix();
    let mut live = RunRoots.live(&store, prefix, head).await.unwrap();
    let links = links();
    let mut open: Vec<(Digest, String)> = live.clone().into_iter().collect();
    while let Some((digest, media_type)) = open.pop() {
        let link = links.iter().find(|link| link.media_type() == media_type).unwrap_or_else(|| panic!("{media_type}"));
        for (child, media_type) in link.children(&blobs.read_all(&digest).await.unwrap()).unwrap() {
            if live.insert(child, media_type.clone()).is_none() {
                open.push((child, media_type));
            }
        }
    }
    let stored: BTreeSet<Digest> = blobs.list().await.unwrap().into_iter().map(|(digest, _)| digest).collect();
    assert_eq!(live.keys().copied().collect::<BTreeSet<_>>(), stored);
    assert_eq!(RunRoots.kind().as_str(), "lineal.runs");
    // The journal told the blob store of itself.
    let enrolled: Vec<_> = blobs.collection().state().await.unwrap().enrolled().collect();
    assert_eq!(enrolled[0].prefix, "experiments/late15");
}

#[tokio::test]
async fn roots_are_those_of_the_head_asked_for() {
    let store = memory();
    let experiment = open(&store).await;
    walk(&experiment).execute(&actor(), walking(Some(6))).await.unwrap_err();
    let before = experiment.journal().head().unwrap();
    walk(&experiment).execute(&actor(), walking(None)).await.unwrap();
    let prefix = experiment.journal().prefix();
    let old = RunRoots.live(&store, prefix, before).await.unwrap();
    let new = RunRoots.live(&store, prefix, experiment.journal().head().unwrap()).await.unwrap();
    assert!(old.len() < new.len() && old.keys().all(|digest| new.contains_key(digest)));
    let mut forged = before;
    forged.digest = Digest::of(b"another history");
    assert!(RunRoots.live(&store, prefix, forged).await.is_err());
    assert!(links().iter().any(|link| link.children(b"not a record").is_err()));
}

#[tokio::test]
async fn an_output_keeps_its_media_type() {
    let store = memory();
    let experiment = open(&store).await;
    let train = |cx: &Context| {
        cx.checkpoint(0, "{}")?;
        cx.artifact_as("card", "application/json", "{}")?;
        Ok::<_, Error>(())
    };
    walk(&experiment).execute(&actor(), train).await.unwrap();
    assert_eq!(experiment.get(RUN).await.unwrap().outputs["card"].media_type, "application/json");
    let head = experiment.journal().head().unwrap();
    let live = RunRoots.live(&store, experiment.journal().prefix(), head).await.unwrap();
    assert_eq!(live[&Digest::of(b"{}")], "application/json");
}
