//! OCI image layouts: ours, those of other tools, and hostile ones.

use std::{
    fs,
    path::{Path, PathBuf},
};

use lineal_artifacts::{Content, Draft, Error, OciFlaw, Stored};
use lineal_core::{Digest, ErrorKind, NoProgress};
use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{local, memory, model};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

// --- our own layouts

#[tokio::test]
async fn an_artifact_comes_back_under_the_same_digest() {
    let (here, there, directory) = (memory().await, memory().await, tempfile::tempdir().unwrap());
    let draft = model().with_annotation("framework", "own").with_file("same.bin", Content::bytes(vec![]));
    let stored = here.put(draft, &NoProgress).await.unwrap();
    let done = here.export_oci(&stored.digest, Some("v1"), directory.path(), &NoProgress).await.unwrap();
    // Three files with different bytes, the manifest and the empty object.
    assert_eq!((done.written, done.kept), (5, 0));

    let layout = fs::read_to_string(directory.path().join("oci-layout")).unwrap();
    assert_eq!(layout, r#"{"imageLayoutVersion":"1.0.0"}"#);
    let manifest = fs::read_to_string(blob(directory.path(), &done.manifest)).unwrap();
    insta::assert_snapshot!(manifest);
    insta::assert_snapshot!(fs::read_to_string(directory.path().join("index.json")).unwrap());

    for reference in [None, Some("v1"), Some(format!("sha256:{}", done.manifest).as_str())] {
        let back = there.import_oci(directory.path(), reference, &NoProgress).await.unwrap();
        assert_eq!((back.digest, &back.manifest), (stored.digest, &stored.manifest));
    }
    assert!(there.verify(&stored.digest, &NoProgress).await.unwrap().is_intact());
}

#[tokio::test]
async fn an_artifact_without_files_has_the_empty_layer() {
    let (here, directory) = (memory().await, tempfile::tempdir().unwrap());
    let stored = here.put(Draft::new("application/vnd.example.note"), &NoProgress).await.unwrap();
    let done = here.export_oci(&stored.digest, None, directory.path(), &NoProgress).await.unwrap();
    let manifest: Value = serde_json::from_slice(&fs::read(blob(directory.path(), &done.manifest)).unwrap()).unwrap();
    assert_eq!(manifest["layers"][0]["mediaType"], EMPTY);
    let back = memory().await.import_oci(directory.path(), None, &NoProgress).await.unwrap();
    assert_eq!(back.digest, stored.digest);

    // A file of the same two bytes and type is a file all the same.
    let odd = Draft::new("application/vnd.example.note").with_file("x", Content::bytes("{}").with_media_type(EMPTY));
    let stored = here.put(odd, &NoProgress).await.unwrap();
    here.export_oci(&stored.digest, Some("odd"), directory.path(), &NoProgress).await.unwrap();
    let back = memory().await.import_oci(directory.path(), Some("odd"), &NoProgress).await.unwrap();
    assert_eq!(back.digest, stored.digest);
}

#[tokio::test]
async fn an_export_resumes_and_repeats_without_a_change() {
    let (here, directory) = (memory().await, tempfile::tempdir().unwrap());
    let stored = here.put(model(), &NoProgress).await.unwrap();
    let root = directory.path().join("new/layout");
    let first = here.export_oci(&stored.digest, Some("v1"), &root, &NoProgress).await.unwrap();
    let index = fs::read(root.join("index.json")).unwrap();
    let again = here.export_oci(&stored.digest, Some("v1"), &root, &NoProgress).await.unwrap();
    assert_eq!((again.written, again.kept, again.manifest), (0, 5, first.manifest));

    // As if the first one had been cut short.
    fs::remove_file(root.join("index.json")).unwrap();
    fs::remove_file(root.join("oci-layout")).unwrap();
    fs::remove_file(blob(&root, &Digest::of(b"# Late flights"))).unwrap();
    let resumed = here.export_oci(&stored.digest, Some("v1"), &root, &NoProgress).await.unwrap();
    assert_eq!((resumed.written, resumed.kept), (1, 4));
    assert_eq!(fs::read(root.join("index.json")).unwrap(), index);
    let mut names: Vec<_> = fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["blobs", "index.json", "oci-layout"], "no temporary file is left");
}

#[tokio::test]
async fn subjects_go_along() {
    let (here, there, directory) = (memory().await, memory().await, tempfile::tempdir().unwrap());
    let model = here.put(model(), &NoProgress).await.unwrap();
    let report = Draft::new("application/vnd.example.report")
        .with_file("auc.txt", Content::bytes("0.91"))
        .with_subject(model.digest);
    let report = here.put(report, &NoProgress).await.unwrap();
    let review = Draft::new("application/vnd.example.review").with_subject(report.digest);
    let review = here.put(review, &NoProgress).await.unwrap();
    let done = here.export_oci(&review.digest, Some("review"), directory.path(), &NoProgress).await.unwrap();
    let image: Value = serde_json::from_slice(&fs::read(blob(directory.path(), &done.manifest)).unwrap()).unwrap();
    assert_eq!(image["subject"]["mediaType"], MANIFEST);

    let back = there.import_oci(directory.path(), None, &NoProgress).await.unwrap();
    assert_eq!((back.digest, back.manifest.subject()), (review.digest, Some(report.digest)));
    for digest in [review.digest, report.digest, model.digest] {
        assert!(there.verify(&digest, &NoProgress).await.unwrap().is_intact());
    }
    // The subjects are entries of their own, by the digests of their image manifests.
    let index: Value = serde_json::from_slice(&fs::read(directory.path().join("index.json")).unwrap()).unwrap();
    let first = index["manifests"][0]["digest"].as_str().unwrap();
    let first = memory().await.import_oci(directory.path(), Some(first), &NoProgress).await.unwrap();
    assert_eq!(first.digest, model.digest);
}

#[tokio::test]
async fn both_can_be_spawned() {
    let (here, directory) = (memory().await, tempfile::tempdir().unwrap());
    let (stored, root) = (here.put(model(), &NoProgress).await.unwrap(), directory.path().to_owned());
    let work = async move {
        here.export_oci(&stored.digest, None, &root, &NoProgress).await.unwrap();
        here.import_oci(&root, None, &NoProgress).await.unwrap().digest == stored.digest
    };
    assert!(tokio::spawn(work).await.unwrap());
}

#[tokio::test]
async fn a_chain_of_subjects_is_bounded_alike_on_both_sides() {
    let (here, directory) = (memory().await, tempfile::tempdir().unwrap());
    let mut last = here.put(Draft::new("a/b"), &NoProgress).await.unwrap();
    for _ in 1..16 {
        last = here.put(Draft::new("a/b").with_subject(last.digest), &NoProgress).await.unwrap();
    }
    here.export_oci(&last.digest, Some("16"), directory.path(), &NoProgress).await.unwrap();
    let back = memory().await.import_oci(directory.path(), Some("16"), &NoProgress).await.unwrap();
    assert_eq!(back.digest, last.digest);
    last = here.put(Draft::new("a/b").with_subject(last.digest), &NoProgress).await.unwrap();
    let refused = here.export_oci(&last.digest, Some("17"), directory.path(), &NoProgress).await.unwrap_err();
    assert!(matches!(flaw(&refused), OciFlaw::TooDeep(16)));
}

#[tokio::test]
async fn an_index_is_added_to_and_tags_move() {
    let (here, directory) = (memory().await, tempfile::tempdir().unwrap());
    let root = directory.path();
    let a = here.put(model(), &NoProgress).await.unwrap();
    let b = here.put(Draft::new("a/b").with_file("x", Content::bytes("x")), &NoProgress).await.unwrap();
    here.export_oci(&a.digest, None, root, &NoProgress).await.unwrap();
    // What another tool knows about the layout stays.
    let mut index: Value = serde_json::from_slice(&fs::read(root.join("index.json")).unwrap()).unwrap();
    index["annotations"] = json!({"org.example.keep": "me"});
    index["manifests"][0]["platform"] = json!({"os": "linux", "architecture": "amd64"});
    fs::write(root.join("index.json"), index.to_string()).unwrap();
    here.export_oci(&a.digest, Some("old"), root, &NoProgress).await.unwrap();
    here.export_oci(&a.digest, Some("latest"), root, &NoProgress).await.unwrap();
    here.export_oci(&b.digest, Some("latest"), root, &NoProgress).await.unwrap();

    let index: Value = serde_json::from_slice(&fs::read(root.join("index.json")).unwrap()).unwrap();
    assert_eq!(index["annotations"]["org.example.keep"], "me");
    assert_eq!(index["manifests"][0]["platform"]["os"], "linux");
    for (tag, stored) in [("old", &a), ("latest", &b)] {
        let back = memory().await.import_oci(root, Some(tag), &NoProgress).await.unwrap();
        assert_eq!(back.digest, stored.digest, "{tag}");
    }
    let refused = memory().await.import_oci(root, None, &NoProgress).await.unwrap_err();
    assert!(matches!(flaw(&refused), OciFlaw::Ambiguous(2)));
    let refused = memory().await.import_oci(root, Some("v9"), &NoProgress).await.unwrap_err();
    assert!(matches!(flaw(&refused), OciFlaw::NoSuchReference(tag) if tag == "v9"));
    assert_eq!(refused.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn an_export_refuses_what_it_cannot_keep() {
    let (here, directory) = (memory().await, tempfile::tempdir().unwrap());
    let root = directory.path();
    let stored = here.put(model(), &NoProgress).await.unwrap();
    for tag in ["", ".x", "-x", "a b", "a/b", "a:b", "é", &"x".repeat(129)] {
        let refused = here.export_oci(&stored.digest, Some(tag), root, &NoProgress).await.unwrap_err();
        assert!(matches!(refused, Error::Invalid { what: "tag", .. }), "{tag:?}");
    }
    let reserved = Draft::new("a/b").with_annotation("dev.lineal.manifest", "mine");
    let reserved = here.put(reserved, &NoProgress).await.unwrap();
    let refused = here.export_oci(&reserved.digest, None, root, &NoProgress).await.unwrap_err();
    assert!(matches!(refused, Error::Invalid { what: "annotation", .. }));
    let many = (0..65).fold(Draft::new("a/b"), |draft, n| draft.with_annotation(format!("k{n}"), "x".repeat(65_536)));
    let many = here.put(many, &NoProgress).await.unwrap();
    let refused = here.export_oci(&many.digest, None, root, &NoProgress).await.unwrap_err();
    assert!(matches!(flaw(&refused), OciFlaw::TooLarge { .. }));
    assert_eq!(fs::read_dir(root).unwrap().count(), 0, "nothing was written");

    // A directory of something else is left as it is.
    fs::write(root.join("index.json"), r#"{"name":"my site"}"#).unwrap();
    let refused = here.export_oci(&stored.digest, None, root, &NoProgress).await.unwrap_err();
    assert!(matches!(flaw(&refused), OciFlaw::Json(_)));
    assert_eq!(fs::read_dir(root).unwrap().count(), 1);
    fs::remove_file(root.join("index.json")).unwrap();

    let path = blob(root, &Digest::of(b"# Late flights"));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "# My own notes").unwrap();
    let refused = here.export_oci(&stored.digest, None, root, &NoProgress).await.unwrap_err();
    assert!(matches!(&refused, Error::Occupied { path: found, .. } if *found == path));
    assert!(!root.join("index.json").exists());
}

#[tokio::test]
async fn a_blob_damaged_in_the_store_never_appears() {
    let (artifacts, guard) = local().await;
    let stored = artifacts.put(model(), &NoProgress).await.unwrap();
    let digest = Digest::of(&vec![7; 3_000_000]);
    let hex = digest.to_string();
    fs::write(guard.path().join("blobs").join(&hex[..2]).join(&hex), vec![8; 3_000_000]).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let refused = artifacts.export_oci(&stored.digest, None, directory.path(), &NoProgress).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Corrupt);
    assert!(!blob(directory.path(), &digest).exists() && !directory.path().join("index.json").exists());
}

// --- what other tools write

#[tokio::test]
async fn a_layout_as_oras_writes_it() {
    let fixture = Fixture::new();
    // `oras push --oci-layout DIR:v1 --artifact-type application/vnd.example.model weights.bin docs`
    let weights = fixture.layer("application/vnd.oci.image.layer.v1.tar", b"weights", Some("weights.bin"));
    let mut docs = fixture.layer("application/vnd.oci.image.layer.v1.tar+gzip", b"a tar file", Some("docs"));
    docs["annotations"]["io.deis.oras.content.digest"] = json!(format!("sha256:{}", Digest::of(b"unpacked")));
    docs["annotations"]["io.deis.oras.content.unpack"] = json!("true");
    let empty = json!({"mediaType": EMPTY, "digest": fixture.blob(b"{}"), "size": 2, "data": "e30="});
    let model = fixture.document(&json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": "application/vnd.example.model",
        "config": empty,
        "layers": [weights, docs],
        "annotations": {"org.opencontainers.image.created": "2024-06-01T12:00:00Z"},
    }));
    // `oras attach --oci-layout DIR:v1 --artifact-type application/vnd.example.report auc.txt`
    let auc = fixture.layer("text/plain", b"0.91", Some("auc.txt"));
    let report = fixture.document(&json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": "application/vnd.example.report",
        "config": empty,
        "layers": [auc],
        "subject": model,
        "annotations": {"org.opencontainers.image.created": "2024-06-01T12:00:00Z"},
    }));
    let mut tagged = model.clone();
    tagged["annotations"] = json!({"org.opencontainers.image.ref.name": "v1"});
    let mut listed = report.clone();
    listed["artifactType"] = json!("application/vnd.example.report");
    fixture.index(&json!({"schemaVersion": 2, "manifests": [tagged, listed]}));

    let artifacts = memory().await;
    let stored = artifacts.import_oci(fixture.path(), None, &NoProgress).await.unwrap();
    assert_eq!(names(&stored), ["docs", "weights.bin"]);
    assert_eq!(stored.manifest.artifact_type(), "application/vnd.example.model");
    assert_eq!(stored.manifest.annotations()["org.opencontainers.image.created"], "2024-06-01T12:00:00Z");
    let opened = artifacts.get(&stored.digest).await.unwrap();
    assert_eq!(opened.read("docs").await.unwrap(), "a tar file");

    let attached = artifacts.import_oci(fixture.path(), report["digest"].as_str(), &NoProgress).await.unwrap();
    assert_eq!(attached.manifest.subject(), Some(stored.digest));
}

#[tokio::test]
async fn an_image_as_skopeo_writes_it() {
    let fixture = Fixture::new();
    let config = br#"{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[]}}"#;
    let tar = "application/vnd.oci.image.layer.v1.tar+gzip";
    let (first, second) = (fixture.layer(tar, b"first", None), fixture.layer(tar, b"second", None));
    let config = fixture.layer("application/vnd.oci.image.config.v1+json", config, None);
    // skopeo 1.9 leaves the media type out.
    let image = fixture.document(&json!({"schemaVersion": 2, "config": config, "layers": [first, second, first]}));
    fixture.tag(&image, "latest");
    let stored = memory().await.import_oci(fixture.path(), Some("latest"), &NoProgress).await.unwrap();
    assert_eq!(names(&stored), ["config.json", "layer-0", "layer-1", "layer-2"]);
    assert_eq!(stored.manifest.artifact_type(), "application/vnd.oci.image.config.v1+json");

    // Go writes lists without elements as null.
    let bare = json!({"schemaVersion": 2, "config": config, "layers": null, "annotations": null});
    fixture.tag(&fixture.document(&bare), "latest");
    let stored = memory().await.import_oci(fixture.path(), None, &NoProgress).await.unwrap();
    assert_eq!(names(&stored), ["config.json"]);
    fixture.index(&json!({"schemaVersion": 2, "manifests": null}));
    let refused = memory().await.import_oci(fixture.path(), None, &NoProgress).await.unwrap_err();
    assert!(matches!(flaw(&refused), OciFlaw::NoSuchReference(_)));
}

#[tokio::test]
async fn a_docker_manifest_is_read_alike() {
    let fixture = Fixture::new();
    let config = fixture.layer("application/vnd.docker.container.image.v1+json", b"{\"os\":\"linux\"}", None);
    let layer = fixture.layer("application/vnd.docker.image.rootfs.diff.tar.gzip", b"layer", None);
    let media_type = "application/vnd.docker.distribution.manifest.v2+json";
    let manifest = json!({"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": [layer]});
    let mut image = fixture.document(&manifest);
    image["mediaType"] = json!(media_type);
    fixture.tag(&image, "latest");
    let stored = memory().await.import_oci(fixture.path(), None, &NoProgress).await.unwrap();
    assert_eq!(names(&stored), ["config.json", "layer-0"]);
}

#[tokio::test]
async fn made_up_names_give_way_to_titles() {
    let fixture = Fixture::new();
    let config = fixture.layer("application/vnd.kitops.modelkit.config.v1+json", b"{\"kit\":1}", None);
    let layers = [
        fixture.layer("text/plain", b"untitled", None),
        fixture.layer("text/plain", b"titled", Some("layer-0")),
        fixture.layer("application/json", b"{\"model\":1}", Some("config.json")),
    ];
    let image = fixture.document(&json!({"schemaVersion": 2, "config": config, "layers": layers}));
    fixture.tag(&image, "v1");
    let artifacts = memory().await;
    let stored = artifacts.import_oci(fixture.path(), None, &NoProgress).await.unwrap();
    let made_up = format!("config-{}.json", Digest::of(b"{\"kit\":1}").short());
    let layer = format!("layer-0-{}", Digest::of(b"untitled").short());
    assert_eq!(names(&stored), [made_up.as_str(), "config.json", "layer-0", layer.as_str()]);
    let opened = artifacts.get(&stored.digest).await.unwrap();
    assert_eq!(opened.read("layer-0").await.unwrap(), "titled");
}

#[tokio::test]
async fn an_index_within_the_index_is_refused_by_tag_and_searched_by_digest() {
    let fixture = Fixture::new();
    let image = fixture.document(&simple(&fixture, Some("x")));
    let nest = |below: &Value| {
        let mut index = fixture.document(&json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [below]}));
        index["mediaType"] = json!(INDEX);
        index
    };
    let outer = nest(&nest(&image));
    fixture.tag(&outer, "multi");
    let refused = memory().await.import_oci(fixture.path(), Some("multi"), &NoProgress).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    assert!(matches!(flaw(&refused), OciFlaw::Index(manifests) if manifests.len() == 1));
    let stored = memory().await.import_oci(fixture.path(), image["digest"].as_str(), &NoProgress).await.unwrap();
    assert_eq!(names(&stored), ["x"]);

    let deep = (0..20).fold(image.clone(), |below, _| nest(&below));
    fixture.tag(&deep, "deep");
    let refused = memory().await.import_oci(fixture.path(), image["digest"].as_str(), &NoProgress).await.unwrap_err();
    assert!(matches!(flaw(&refused), OciFlaw::TooDeep(_)));
}

// --- hostile layouts

#[tokio::test]
async fn a_damaged_blob_is_named() {
    let fixture = Fixture::new();
    fixture.tag(&fixture.document(&simple(&fixture, Some("x"))), "v1");
    let path = blob(fixture.path(), &Digest::of(b"content"));
    let refuse = async || {
        let refused = memory().await.import_oci(fixture.path(), None, &NoProgress).await.unwrap_err();
        assert!(matches!(&refused, Error::Oci { path: found, .. } if *found == path), "{refused:?}");
        refused
    };
    fs::write(&path, b"CONTENT").unwrap();
    let refused = refuse().await;
    assert!(matches!(flaw(&refused), OciFlaw::Digest { found } if *found == Digest::of(b"CONTENT")));
    assert_eq!(refused.kind(), ErrorKind::Corrupt);
    fs::write(&path, b"content and more").unwrap();
    assert!(matches!(flaw(&refuse().await), OciFlaw::Size { stated: 7, found: 16 }));
    fs::remove_file(&path).unwrap();
    let refused = refuse().await;
    assert!(matches!(flaw(&refused), OciFlaw::Missing));
    insta::assert_snapshot!(chain(&refused).replace(&fixture.path().display().to_string(), "LAYOUT"));
    assert_eq!(refused.kind(), ErrorKind::NotFound);
}

#[cfg(unix)]
#[tokio::test]
async fn symbolic_links_are_refused() {
    use std::os::unix::fs::symlink;

    let outside = tempfile::tempdir().unwrap();
    for part in ["index.json", "oci-layout", "blobs", "blobs/sha256", "file", "manifest"] {
        let fixture = Fixture::new();
        let image = fixture.document(&simple(&fixture, Some("x")));
        fixture.tag(&image, "v1");
        let path = match part {
            "file" => blob(fixture.path(), &Digest::of(b"content")),
            "manifest" => blob(fixture.path(), &image["digest"].as_str().unwrap()[7..].parse().unwrap()),
            part => fixture.path().join(part),
        };
        let moved = outside.path().join(part.replace('/', "-"));
        fs::rename(&path, &moved).unwrap();
        symlink(&moved, &path).unwrap();
        let refused = memory().await.import_oci(fixture.path(), None, &NoProgress).await.unwrap_err();
        assert!(matches!(flaw(&refused), OciFlaw::NotA(_)), "{part}: {refused:?}");
    }
    // Nor is anything written through them.
    let (here, fixture) = (memory().await, tempfile::tempdir().unwrap());
    let stored = here.put(model(), &NoProgress).await.unwrap();
    let target = tempfile::tempdir().unwrap();
    symlink(target.path(), fixture.path().join("blobs")).unwrap();
    let refused = here.export_oci(&stored.digest, None, fixture.path(), &NoProgress).await.unwrap_err();
    assert!(matches!(flaw(&refused), OciFlaw::NotA("directory")));
    assert_eq!(fs::read_dir(target.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn titles_that_are_no_names_are_refused() {
    for title in ["../../etc/passwd", "/etc/passwd", "a/../b", "", "C:\\x", "nul", "a\u{202e}b"] {
        let fixture = Fixture::new();
        fixture.tag(&fixture.document(&simple(&fixture, Some(title))), "v1");
        let refused = memory().await.import_oci(fixture.path(), None, &NoProgress).await.unwrap_err();
        assert!(
            matches!(flaw(&refused), OciFlaw::Layer { number: 0, source } if matches!(**source, Error::Path { .. }))
        );
        assert_eq!(refused.kind(), ErrorKind::Invalid);
    }
    for (one, other) in [("a", "a"), ("a", "A"), ("a", "a/b"), ("Dir/a", "dir/b")] {
        let fixture = Fixture::new();
        let mut image = simple(&fixture, Some(one));
        let second = fixture.layer("text/plain", b"second", Some(other));
        image["layers"].as_array_mut().unwrap().push(second);
        fixture.tag(&fixture.document(&image), "v1");
        let refused = memory().await.import_oci(fixture.path(), None, &NoProgress).await.unwrap_err();
        assert!(
            matches!(flaw(&refused), OciFlaw::Layer { number: 1, source } if matches!(**source, Error::Clash { .. }))
        );
    }
}

#[tokio::test]
async fn each_broken_rule_has_its_flaw() {
    use ErrorKind::{Corrupt, Invalid, NotFound, Unsupported};
    type Case = (&'static str, &'static str, Value, fn(&OciFlaw) -> bool, ErrorKind);
    let elsewhere = json!({"mediaType": MANIFEST, "digest": format!("sha256:{}", "a".repeat(64)), "size": 7});
    let cases: [Case; 15] = [
        (
            "sha512",
            "/layers/0/digest",
            json!(format!("sha512:{}", "a".repeat(128))),
            |flaw| matches!(flaw, OciFlaw::Algorithm(name) if name == "sha512"),
            Unsupported,
        ),
        (
            "path in a digest",
            "/layers/0/digest",
            json!("sha256:../../../etc/passwd"),
            |flaw| matches!(flaw, OciFlaw::BadDigest(_)),
            Invalid,
        ),
        (
            "upper-case digest",
            "/layers/0/digest",
            json!(format!("sha256:{}", "A".repeat(64))),
            |flaw| matches!(flaw, OciFlaw::BadDigest(_)),
            Invalid,
        ),
        ("negative size", "/layers/0/size", json!(-1), |flaw| matches!(flaw, OciFlaw::Json(_)), Invalid),
        ("huge size", "/layers/0/size", json!(u64::MAX >> 12), |flaw| matches!(flaw, OciFlaw::Size { .. }), Corrupt),
        ("schema version", "/schemaVersion", json!(1), |flaw| matches!(flaw, OciFlaw::SchemaVersion(1)), Unsupported),
        ("media type", "/mediaType", json!(INDEX), |flaw| matches!(flaw, OciFlaw::MediaType(_)), Unsupported),
        ("two in one", "/manifests", json!([]), |flaw| matches!(flaw, OciFlaw::TwoInOne), Invalid),
        (
            "annotation key",
            "/annotations",
            json!({"a\nb": "x"}),
            |flaw| rule(flaw).starts_with("annotation \"a\\nb\""),
            Invalid,
        ),
        (
            "annotation value",
            "/annotations",
            json!({"big": "x".repeat(65_537)}),
            |flaw| rule(flaw).starts_with("annotation \"big\""),
            Invalid,
        ),
        (
            "artifact type",
            "/artifactType",
            json!("model"),
            |flaw| rule(flaw).starts_with("artifact type \"model\""),
            Invalid,
        ),
        ("no artifact type", "/artifactType", json!(null), |flaw| rule(flaw).starts_with("artifact type"), Invalid),
        (
            "layer's type",
            "/layers/0/mediaType",
            json!("text"),
            |flaw| matches!(flaw, OciFlaw::Layer { number: 0, .. }),
            Invalid,
        ),
        (
            "a claim that does not hold",
            "/annotations",
            json!({"dev.lineal.manifest": "0".repeat(64)}),
            |flaw| matches!(flaw, OciFlaw::Claim { .. }),
            Corrupt,
        ),
        ("subject not there", "/subject", elsewhere, |flaw| matches!(flaw, OciFlaw::Missing), NotFound),
    ];
    for (name, place, value, expected, kind) in cases {
        let fixture = Fixture::new();
        let mut image = simple(&fixture, Some("x"));
        match image.pointer_mut(place) {
            Some(found) => *found = value,
            None => drop(image.as_object_mut().unwrap().insert(place[1..].to_owned(), value)),
        }
        fixture.tag(&fixture.document(&image), "v1");
        let artifacts = memory().await;
        let refused = artifacts.import_oci(fixture.path(), None, &NoProgress).await.unwrap_err();
        assert!(expected(flaw(&refused)) && refused.kind() == kind, "{name}: {refused:?}");
        let stat = artifacts.blobs().stat(&[Digest::of(b"content")]).await.unwrap();
        assert_eq!(stat, [None], "{name}: nothing was stored");
    }
}

#[tokio::test]
async fn documents_are_bounded() {
    let fixture = Fixture::new();
    let mut image = simple(&fixture, Some("x"));
    image["padding"] = json!("x".repeat(4 * 1024 * 1024));
    fixture.tag(&fixture.document(&image), "v1");
    let refused = memory().await.import_oci(fixture.path(), None, &NoProgress).await.unwrap_err();
    assert!(matches!(flaw(&refused), OciFlaw::TooLarge { .. }), "{refused:?}");
    // A sparse file costs nothing to make and would cost a lot to read.
    let index = fs::File::create(fixture.path().join("index.json")).unwrap();
    index.set_len(1 << 40).unwrap();
    let refused = memory().await.import_oci(fixture.path(), None, &NoProgress).await.unwrap_err();
    assert!(matches!(flaw(&refused), OciFlaw::TooLarge { size_bytes, .. } if *size_bytes == 1 << 40));
    fs::write(fixture.path().join("oci-layout"), r#"{"imageLayoutVersion":"2.0.0"}"#).unwrap();
    let refused = memory().await.import_oci(fixture.path(), None, &NoProgress).await.unwrap_err();
    assert!(matches!(flaw(&refused), OciFlaw::LayoutVersion(found) if found == "2.0.0"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn a_mutated_layout_is_read_or_refused(
        edits in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>(), 0_u8..4), 1..6),
        in_index: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let fixture = Fixture::new();
            let mutate = |bytes: Vec<u8>| edits.iter().fold(bytes, |mut bytes, (at, byte, how)| {
                let at = at.index(bytes.len().max(1));
                match how {
                    0 if at < bytes.len() => bytes[at] = *byte,
                    1 if at < bytes.len() => drop(bytes.remove(at)),
                    2 => bytes.insert(at.min(bytes.len()), b"{}[],:\"0-"[usize::from(*byte) % 9]),
                    _ => bytes.truncate(bytes.len().saturating_sub(usize::from(*byte) % 8)),
                }
                bytes
            });
            let mut image = simple(&fixture, Some("x")).to_string().into_bytes();
            if !in_index {
                image = mutate(image);
            }
            let digest = fixture.blob(&image);
            let entry = json!({"mediaType": MANIFEST, "digest": digest, "size": image.len()});
            let mut index = json!({"schemaVersion": 2, "manifests": [entry]}).to_string().into_bytes();
            if in_index {
                index = mutate(index);
            }
            fs::write(fixture.path().join("index.json"), index).unwrap();
            // What matters is that it returns; what it takes in must hold.
            let artifacts = memory().await;
            for reference in [None, Some("v1"), Some(digest.as_str())] {
                if let Ok(stored) = artifacts.import_oci(fixture.path(), reference, &NoProgress).await {
                    assert!(artifacts.verify(&stored.digest, &NoProgress).await.unwrap().is_intact());
                }
            }
        });
    }
}

// --- with other tools, by `.ci/oci.sh`

/// Writes a layout for other tools to `LINEAL_OCI_OUT`, if that is set.
#[tokio::test]
async fn a_layout_for_other_tools() {
    let Some(root) = std::env::var_os("LINEAL_OCI_OUT") else { return };
    let (here, root) = (memory().await, Path::new(&root));
    let draft = model().with_annotation("framework", "own").with_file("copy/c.bin", Content::bytes(vec![]));
    let model = here.put(draft, &NoProgress).await.unwrap();
    let report = Draft::new("application/vnd.example.report")
        .with_file("auc.txt", Content::bytes("0.91").with_media_type("text/plain"))
        .with_subject(model.digest);
    let report = here.put(report, &NoProgress).await.unwrap();
    let note = here.put(Draft::new("application/vnd.example.note"), &NoProgress).await.unwrap();
    for (stored, tag) in [(&model, "model"), (&report, "report"), (&note, "note")] {
        here.export_oci(&stored.digest, Some(tag), root, &NoProgress).await.unwrap();
    }
}

/// Imports each layout that other tools made of the above: directories and tags in `LINEAL_OCI_IN`, `DIR:TAG` a line, the tag
/// perhaps empty.
#[tokio::test]
async fn layouts_from_other_tools() {
    for line in std::env::var("LINEAL_OCI_IN").unwrap_or_default().lines().filter(|line| !line.is_empty()) {
        let (root, tag) = line.rsplit_once(':').unwrap();
        let artifacts = memory().await;
        let tag = Some(tag).filter(|tag| !tag.is_empty());
        let stored = artifacts.import_oci(Path::new(root), tag, &NoProgress).await.unwrap();
        assert!(artifacts.verify(&stored.digest, &NoProgress).await.unwrap().is_intact());
        println!("imported {line}: {} {}", stored.manifest.artifact_type(), stored.digest);
    }
}

// --- helpers

/// A layout written by hand.
struct Fixture(TempDir);

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir_all(directory.path().join("blobs/sha256")).unwrap();
        fs::write(directory.path().join("oci-layout"), "{\"imageLayoutVersion\": \"1.0.0\"}\n").unwrap();
        Self(directory)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn blob(&self, bytes: &[u8]) -> String {
        let digest = Digest::of(bytes);
        fs::write(blob(self.path(), &digest), bytes).unwrap();
        format!("sha256:{digest}")
    }

    fn layer(&self, media_type: &str, bytes: &[u8], title: Option<&str>) -> Value {
        let mut layer = json!({"mediaType": media_type, "digest": self.blob(bytes), "size": bytes.len()});
        if let Some(title) = title {
            layer["annotations"] = json!({"org.opencontainers.image.title": title});
        }
        layer
    }

    fn document(&self, document: &Value) -> Value {
        let bytes = document.to_string();
        json!({"mediaType": MANIFEST, "digest": self.blob(bytes.as_bytes()), "size": bytes.len()})
    }

    fn index(&self, index: &Value) {
        fs::write(self.path().join("index.json"), index.to_string()).unwrap();
    }

    fn tag(&self, entry: &Value, tag: &str) {
        let mut entry = entry.clone();
        entry["annotations"] = json!({"org.opencontainers.image.ref.name": tag});
        self.index(&json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}));
    }
}

/// An artifact of one file with the bytes `content`.
fn simple(fixture: &Fixture, title: Option<&str>) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": "application/vnd.example.model",
        "config": {"mediaType": EMPTY, "digest": fixture.blob(b"{}"), "size": 2},
        "layers": [fixture.layer("text/plain", b"content", title)],
        "unknown": {"deep": [[[{}]]]},
    })
}

fn blob(root: &Path, digest: &Digest) -> PathBuf {
    root.join("blobs/sha256").join(digest.to_string())
}

fn names(stored: &Stored) -> Vec<&str> {
    stored.manifest.files().keys().map(AsRef::as_ref).collect()
}

fn flaw(error: &Error) -> &OciFlaw {
    match error {
        Error::Oci { source, .. } => source,
        other => panic!("{other:?}"),
    }
}

fn rule(flaw: &OciFlaw) -> String {
    match flaw {
        OciFlaw::Rule { source } => source.to_string(),
        other => panic!("{other:?}"),
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}\n  {cause}"))
}
