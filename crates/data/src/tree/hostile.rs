//! Repositories that no writer makes: whatever is asked of them, the answer is an error that says so, and nothing is written
//! outside of where it belongs.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;
use futures::TryStreamExt;
use lineal_core::{
    Actor, BlobStoreExt, Digest, ErrorKind, FilePath, LooseBlobs, NoProgress, Store, SystemClock, Timestamp, Txn,
};

use super::{
    node::{Item, Link, Node, header, link_to},
    wire::put_counted,
};
use crate::{
    BranchName, Commit, CommitId, DataEvent, Error, FileEntry, FileKind, Level, Repository, Stored,
    commit::Description,
    local::{CheckoutSettings, Directory},
};

fn ana() -> Actor {
    Actor::new("ana@example.org").unwrap()
}

fn path(text: &str) -> FilePath {
    FilePath::new(text).unwrap()
}

/// A file in the tree.
fn file(name: &str) -> FileEntry {
    FileEntry::of_bytes(path(name), FileKind::Regular, &Bytes::from_static(b"text"), "text/plain".to_owned())
}

fn link_of(node: &Bytes, items: &[Item]) -> Link {
    link_to(Digest::of(node), items).unwrap()
}

/// Nodes, the one at the top last.
type Nodes = Vec<Bytes>;

fn leaf(files: Vec<FileEntry>) -> (Bytes, Vec<Item>) {
    let items: Vec<Item> = files.into_iter().map(Item::File).collect();
    (Node::encode_unchecked(0, &items).unwrap(), items)
}

/// Two leaves, and above them what `change` makes of their links.
fn two_leaves(level: u8, change: impl FnOnce(&mut Vec<Link>)) -> Nodes {
    let (one, ones) = leaf(vec![file("a"), file("b")]);
    let (two, twos) = leaf(vec![file("c"), file("d")]);
    let mut links = vec![link_of(&one, &ones), link_of(&two, &twos)];
    change(&mut links);
    let items: Vec<Item> = links.into_iter().map(Item::Link).collect();
    vec![one, two, Node::encode_unchecked(level, &items).unwrap()]
}

/// A leaf with one file whose path and contents are spelled out.
fn raw_leaf(paths: &[&[u8]], kind: u8, inline: &[u8]) -> Nodes {
    let mut out = header(0, paths.len());
    for path in paths {
        put_counted(&mut out, path);
        out.push(kind);
        out.extend_from_slice(&(inline.len() as u64).to_le_bytes());
        out.extend_from_slice(Digest::of(inline).as_bytes());
        put_counted(&mut out, b"");
        out.push(1);
        put_counted(&mut out, inline);
    }
    vec![out.into()]
}

fn one_leaf(files: Vec<FileEntry>) -> Nodes {
    vec![leaf(files).0]
}

/// Trees of which no part may be believed.
fn crafted() -> Vec<(&'static str, Nodes)> {
    let good = leaf(vec![file("a"), file("b")]).0.to_vec();
    let with = |at: usize, bytes: &[u8]| {
        let mut bad = good.clone();
        bad[at..at + bytes.len()].copy_from_slice(bytes);
        vec![Bytes::from(bad)]
    };
    let names: [(&'static str, &[u8]); 7] = [
        ("a name that leads up", b"../a"),
        ("a name that leads up from within", b"a/../../b"),
        ("an absolute name", b"/etc/passwd"),
        ("a name with a backslash", b"a\\b"),
        ("a name that is no text", b"\xff\xfe"),
        ("a name of a device", b"d/nul"),
        ("an empty name", b""),
    ];
    let targets: [(&'static str, &[u8]); 3] =
        [("a link to the root", b"/"), ("a link out", b"../x"), ("a link out by a detour", b"d/../../x")];
    let mut all: Vec<(&'static str, Nodes)> = vec![
        ("no node at all", vec![Bytes::from_static(b"PAR1")]),
        ("an empty blob", vec![Bytes::new()]),
        ("another version", with(3, b"3")),
        ("more items than bytes", with(5, &u32::MAX.to_le_bytes())),
        ("one item more", with(5, &3_u32.to_le_bytes())),
        ("one item less", with(5, &1_u32.to_le_bytes())),
        ("a level above all", with(4, &[17])),
        ("a leaf that says it is a branch", with(4, &[1])),
        ("a cut node", vec![Bytes::copy_from_slice(&good[..good.len() - 1])]),
        ("a longer node", vec![[&good[..], b"x"].concat().into()]),
        ("a node larger than any", vec![[&good[..], &vec![0; 1 << 20]].concat().into()]),
        ("paths out of order", one_leaf(vec![file("b"), file("a")])),
        ("one path twice", one_leaf(vec![file("a"), file("a")])),
        ("names that differ in case", one_leaf(vec![file("A"), file("a")])),
        ("a file in a file", one_leaf(vec![file("a"), file("a/b")])),
        ("inline bytes of another hash", one_leaf(vec![FileEntry { digest: Digest::of(b"other"), ..file("a") }])),
        ("inline bytes of another size", one_leaf(vec![FileEntry { size_bytes: 5, ..file("a") }])),
        ("few bytes that are not inline", one_leaf(vec![FileEntry { stored: Stored::Blob, ..file("a") }])),
        ("a directory with bytes", one_leaf(vec![FileEntry { kind: FileKind::Directory, ..file("a") }])),
        ("a branch without links", vec![Node::encode_unchecked(1, &[]).unwrap()]),
        ("a single link at the top", two_leaves(1, |links| links.truncate(1))),
        ("leaves two levels below", two_leaves(2, |_| {})),
        ("links out of order", two_leaves(1, |links| links.reverse())),
        ("one link twice", two_leaves(1, |links| links[1] = links[0].clone())),
        ("a link with another path", two_leaves(1, |links| links[0].last = path("bb"))),
        ("a link with another number of files", two_leaves(1, |links| links[1].files = u64::MAX)),
        ("a link with another size", two_leaves(1, |links| links[1].size_bytes = u64::MAX)),
        ("a link to nothing", two_leaves(1, |links| links[0].digest = Digest::of(b"nowhere"))),
        ("leaves that end where none ends", two_leaves(1, |_| {})),
    ];
    all.extend(names.map(|(what, name)| (what, raw_leaf(&[name], 0, b"x"))));
    all.extend(targets.map(|(what, target)| (what, raw_leaf(&[b"a"], 2, target))));
    all
}

async fn open(store: &Store, name: &str) -> (Arc<LooseBlobs>, Repository) {
    let blobs = Arc::new(LooseBlobs::open(store, "blobs").await.unwrap());
    let repository = Repository::open(store, name, Arc::<LooseBlobs>::clone(&blobs)).await.unwrap();
    (blobs, repository)
}

/// Stores a commit of a tree, and sets `branch` to it, as whoever writes to the bucket can.
async fn plant(repository: &Repository, branch: &str, nodes: &Nodes, parents: Vec<CommitId>) -> Commit {
    let batch = repository.blobs.begin().await.unwrap();
    for node in nodes {
        batch.put(node.clone(), Default::default()).await.unwrap();
    }
    let (top, time) = (Digest::of(nodes.last().unwrap()), Timestamp::from_unix_secs(4_000_000_000).unwrap());
    let (commit, bytes) = Commit::new(ana(), Description::default(), parents, time, top).unwrap();
    batch.put(bytes, Default::default()).await.unwrap();
    let receipt = batch.commit().await.unwrap();
    let moved = DataEvent::BranchMoved { branch: BranchName::new(branch).unwrap(), commit: commit.id() };
    let plant = |_: &_| Ok::<_, std::convert::Infallible>(vec![moved.clone()]);
    repository.journal.transact(&Txn::by(ana()).with_receipt(receipt), plant).await.unwrap();
    commit
}

/// An error that is the fault of what was read, or of what is missing.
fn is_told(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported | ErrorKind::NotFound | ErrorKind::Invalid)
}

/// Tells whether a check finds that something is wrong; what may be of a newer release ends it.
async fn is_found(repository: &Repository) -> bool {
    match repository.verify(Level::Rehash, &NoProgress).await {
        Ok(found) => !found.is_intact(),
        Err(error) => error.kind() == ErrorKind::Unsupported,
    }
}

async fn diff(repository: &Repository, old: &str, new: &str) -> Result<(), Error> {
    repository.diff(old, new).await?.try_collect::<Vec<_>>().await.map(drop)
}

/// Asks everything; returns how many answers were errors.
async fn ask_all(repository: &Repository) -> usize {
    let outside = tempfile::tempdir().unwrap();
    let root = outside.path().join("in/here");
    let directory = Directory::new(&root, Arc::new(SystemClock));
    let (_, other) = open(&Store::open("memory:///").unwrap(), "other").await;
    let version = repository.at("bad").await.unwrap();
    let settings = CheckoutSettings::default();
    let outcomes: Vec<Result<(), Error>> = vec![
        version.list("").try_collect::<Vec<_>>().await.map(drop),
        version.file("a").await.map(drop),
        version.read("c").await.map(drop),
        version.status(&directory, &NoProgress).await.map(drop),
        version.checkout(&directory, None, &settings, &NoProgress).await.map(drop),
        diff(repository, "good", "bad").await,
        diff(repository, "bad", "good").await,
        repository.merge("good", "bad").commit(&ana()).await.map(drop),
        repository.cherry_pick("good", "bad").commit(&ana()).await.map(drop),
        repository.commit("bad").put("c", "other").commit(&ana()).await.map(drop),
        repository.push(&other, "bad", &NoProgress, &ana()).await.map(drop),
        repository.purge(&["nobody"], "", &ana()).await.map(drop),
    ];
    for error in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
        assert!(is_told(error), "{error:?}");
    }
    let beside: Vec<_> = std::fs::read_dir(outside.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(beside.is_empty() || beside == ["in"], "nothing is written beside it: {beside:?}");
    assert!(!outside.path().join("in/x").exists() && !outside.path().join("in/a").exists());
    outcomes.iter().filter(|outcome| outcome.is_err()).count()
}

#[tokio::test]
async fn crafted_trees_are_errors_whatever_is_asked() {
    for (what, nodes) in crafted() {
        let store = Store::open("memory:///").unwrap();
        let (_, repository) = open(&store, "r").await;
        let good = repository.commit("good").put("a", "text").put("z", "good").commit(&ana()).await.unwrap();
        plant(&repository, "bad", &nodes, vec![good.id()]).await;
        let (_, fresh) = open(&store, "r").await;
        assert!(is_found(&fresh).await, "{what}");
        let refused = ask_all(&fresh).await;
        // Of some trees each file can be read, and only a look at all of it tells.
        let readable = ["leaves that end where none ends", "a single link at the top"].contains(&what);
        assert!(refused >= if readable { 1 } else { 6 }, "{what}: {refused}");
        let (_, fresh) = open(&store, "r").await;
        let kept = fresh.at(&good.id().to_string()).await.unwrap();
        assert_eq!(kept.read("z").await.unwrap(), "good", "{what}: the rest is as it was");
    }
}

/// What is read in place of a node is not believed either, and leads into no circle.
#[tokio::test]
async fn crafted_substitutes_are_errors() {
    let (one, _) = leaf(vec![file("a"), file("b")]);
    let (two, _) = leaf(vec![file("c")]);
    let (first, second) = (Digest::of(&one), Digest::of(&two));
    let cases = [
        BTreeMap::from([(first, second)]),
        BTreeMap::from([(first, second), (second, first)]),
        BTreeMap::from([(first, Digest::of(b"nowhere"))]),
    ];
    for substitutes in cases {
        let store = Store::open("memory:///").unwrap();
        let (_, repository) = open(&store, "r").await;
        let good = repository.commit("good").put("a", "text").put("z", "good").commit(&ana()).await.unwrap();
        let nodes = two_leaves(1, |_| {});
        plant(&repository, "bad", &vec![one.clone(), two.clone(), nodes[1].clone(), nodes[2].clone()], vec![good.id()])
            .await;
        let (blobs, paths, reason) = (BTreeSet::new(), BTreeSet::new(), String::new());
        let purged = DataEvent::Purged { blobs, paths, reason, substitutes };
        let plant = |_: &_| Ok::<_, std::convert::Infallible>(vec![purged.clone()]);
        repository.journal.transact(&Txn::by(ana()), plant).await.unwrap();
        let (_, fresh) = open(&store, "r").await;
        assert!(is_found(&fresh).await);
        assert!(ask_all(&fresh).await >= 6);
    }
}

/// Commits that name what is no commit, no tree, or nothing.
#[tokio::test]
async fn crafted_histories_are_errors() {
    let (good, _) = leaf(vec![file("a")]);
    let text = Bytes::from_static(b"text");
    let cases = [
        ("a parent that is nowhere", vec![good.clone()], vec![CommitId::from(Digest::of(b"nowhere"))]),
        ("a parent that is a node", vec![good.clone()], vec![CommitId::from(Digest::of(&good))]),
        ("a tree that is a file", vec![text], Vec::new()),
    ];
    for (what, nodes, parents) in cases {
        let store = Store::open("memory:///").unwrap();
        let (blobs, repository) = open(&store, "r").await;
        blobs.put_one(good.clone()).await.unwrap();
        repository.commit("good").put("z", "good").commit(&ana()).await.unwrap();
        plant(&repository, "bad", &nodes, parents).await;
        let (_, fresh) = open(&store, "r").await;
        assert!(is_found(&fresh).await, "{what}");
        assert!(ask_all(&fresh).await >= 3, "{what}");
        let log = async { fresh.log("bad").await?.try_collect::<Vec<_>>().await };
        let log = log.await;
        assert!(log.is_ok() == (what == "a tree that is a file"), "{what}: {log:?}");
    }
}
