use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use lineal_artifacts::{Content, Draft, Error, MANIFEST_MEDIA_TYPE, ManifestLinks};
use lineal_core::{Digest, ErrorKind, Links, NoProgress};

use crate::support::{local, memory, model};

#[tokio::test]
async fn what_is_put_is_read_back() {
    let (artifacts, _guard) = local().await;
    let stored = artifacts.put(model().with_annotation("seed", "7"), &NoProgress).await.unwrap();
    let artifact = artifacts.get(&stored.digest).await.unwrap();
    assert_eq!(artifact.manifest(), &stored.manifest);
    assert_eq!(artifact.manifest().annotations().get("seed").unwrap(), "7");
    assert_eq!(artifact.read("weights/b.bin").await.unwrap().len(), 0);
    assert_eq!(artifact.read_range("card.md", 2..6).await.unwrap(), "Late");
    let pieces: Vec<Bytes> = artifact.stream("weights/a.bin").await.unwrap().try_collect().await.unwrap();
    assert_eq!(pieces.concat(), vec![7; 3_000_000]);
    assert_eq!(stored.receipt.digests().len(), 4);
    assert!(artifacts.verify(&stored.digest, &NoProgress).await.unwrap().is_intact());
}

#[tokio::test]
async fn the_source_of_the_bytes_does_not_matter() {
    let (artifacts, guard) = local().await;
    let path = guard.path().join("outside.bin");
    std::fs::write(&path, vec![3; 2_500_000]).unwrap();
    let draft = |content| Draft::new("application/x-test").with_file("data", content);
    let pieces = stream::iter([(); 2]).map(|()| Ok(Bytes::from(vec![3; 1_250_000])));
    let from_file = artifacts.put(draft(Content::file(&path)), &NoProgress).await.unwrap();
    let from_stream = artifacts.put(draft(Content::stream(pieces.boxed())), &NoProgress).await.unwrap();
    let from_bytes = artifacts.put(draft(Content::bytes(vec![3; 2_500_000])), &NoProgress).await.unwrap();
    assert_eq!(from_file.digest, from_bytes.digest);
    assert_eq!(from_stream.digest, from_bytes.digest);
    let missing = artifacts.put(draft(Content::file(guard.path().join("none"))), &NoProgress).await.unwrap_err();
    assert!(matches!(missing, Error::Local { operation: "read", .. }) && missing.kind() == ErrorKind::NotFound);
}

#[tokio::test]
async fn bad_drafts_are_refused_before_anything_is_stored() {
    let (artifacts, guard) = local().await;
    let with = |name: &str| Draft::new("application/x-test").with_file(name, Content::bytes("x"));
    let refused = [
        with("../escape"),
        with("/etc/passwd"),
        with("nul"),
        with("a").with_file("A", Content::bytes("y")),
        with("a").with_file("a/b", Content::bytes("y")),
        with("a").with_annotation("", "value"),
        Draft::new("no media type"),
        Draft::new("application/x").with_file("a", Content::bytes("x").with_media_type("")),
    ];
    for draft in refused {
        assert_eq!(artifacts.put(draft, &NoProgress).await.unwrap_err().kind(), ErrorKind::Invalid);
    }
    assert!(!guard.path().join("blobs").join("2d").exists(), "the blob of \"x\"");
}

#[tokio::test]
async fn a_subject_must_be_an_artifact() {
    let artifacts = memory().await;
    let model = artifacts.put(model(), &NoProgress).await.unwrap();
    let report = || Draft::new("application/x-report").with_file("report.txt", Content::bytes("fine"));
    let stored = artifacts.put(report().with_subject(model.digest), &NoProgress).await.unwrap();
    assert_eq!(stored.manifest.subject(), Some(model.digest));
    let nothing = artifacts.put(report().with_subject(Digest::of(b"none")), &NoProgress).await.unwrap_err();
    assert_eq!(nothing.kind(), ErrorKind::NotFound);
    let no_manifest = artifacts.put(report().with_subject(Digest::of(b"fine")), &NoProgress).await.unwrap_err();
    assert!(matches!(no_manifest, Error::NotAManifest { .. }));

    let children = ManifestLinks.children(&stored.manifest.to_bytes().unwrap()).unwrap();
    assert_eq!(children[0].0, Digest::of(b"fine"));
    assert_eq!(children[1], (model.digest, MANIFEST_MEDIA_TYPE.to_owned()));
    assert!(ManifestLinks.children(b"{}").is_err());
}

#[tokio::test]
async fn verification_names_every_damaged_file() {
    let (artifacts, guard) = local().await;
    let stored = artifacts.put(model(), &NoProgress).await.unwrap();
    let place = |digest: &Digest| guard.path().join("blobs").join(&digest.to_string()[..2]).join(digest.to_string());
    let card = stored.manifest.files().values().next().unwrap();
    std::fs::write(place(&card.digest), "# Late flightz").unwrap();
    std::fs::remove_file(place(&Digest::of(&vec![7; 3_000_000]))).unwrap();
    let found = artifacts.verify(&stored.digest, &NoProgress).await.unwrap();
    let names: Vec<_> = found.damage.iter().map(|damage| damage.name.as_str()).collect();
    assert_eq!(names, ["card.md", "weights/a.bin"]);
    let artifact = artifacts.get(&stored.digest).await.unwrap();
    assert_eq!(artifact.read("card.md").await.unwrap_err().kind(), ErrorKind::Corrupt);

    std::fs::write(place(&stored.digest), "{}").unwrap();
    assert_eq!(artifacts.verify(&stored.digest, &NoProgress).await.unwrap_err().kind(), ErrorKind::Corrupt);
}

#[tokio::test]
async fn errors_say_what_to_do() {
    let artifacts = memory().await;
    let stored = artifacts.put(model(), &NoProgress).await.unwrap();
    let artifact = artifacts.get(&stored.digest).await.unwrap();
    let bad = Draft::new("application/x").with_file("a/../b", Content::bytes("x"));
    let errors = [
        artifact.read("nothing").await.unwrap_err(),
        artifacts.get(&Digest::of(b"# Late flights")).await.unwrap_err(),
        artifacts.put(bad, &NoProgress).await.unwrap_err(),
    ];
    let shown: Vec<String> = errors.iter().map(chain).collect();
    insta::assert_snapshot!(shown.join("\n"));
}

fn chain(error: &Error) -> String {
    let mut text = format!("{:?}: {error}", error.kind());
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}

#[tokio::test]
async fn everything_can_be_spawned() {
    let (artifacts, guard) = local().await;
    let target = guard.path().join("out");
    let task = tokio::spawn(async move {
        let stored = artifacts.put(model(), &NoProgress).await?;
        let artifact = artifacts.get(&stored.digest).await?;
        artifact.export_to(&target, &NoProgress).await?;
        artifacts.verify(&stored.digest, &NoProgress).await
    });
    assert!(task.await.unwrap().unwrap().is_intact());
}
