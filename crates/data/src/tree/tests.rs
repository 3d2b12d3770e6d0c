#![allow(clippy::clone_on_ref_ptr, reason = "a test is short")]

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{TryStreamExt, stream::BoxStream};
use lineal_core::{
    Batch, BlobInfo, BlobStore, ByteStream, Digest, Enrolment, Error, FilePath, LooseBlobs, PutHints, Receipt, Store,
    StoreId,
};
use proptest::prelude::*;

use super::{Changes, Node, Tree, node::Item};
use crate::{Change, FileEntry, FileKind, Reference, Stored, TableFacts};

type Files = BTreeMap<u32, u8>;

/// A file of about 300 bytes in the tree: some 200 of them fill a node.
fn entry(number: u32, content: u8) -> FileEntry {
    let path = FilePath::new(format!("d{:02}/Files{}/{number:06}.txt", number % 7, number % 3)).unwrap();
    FileEntry::of_bytes(path, FileKind::Regular, &Bytes::from(vec![content; 200]), "text/plain".to_owned())
}

/// A file whose bytes are not in the store.
fn elsewhere(number: u32) -> FileEntry {
    let reference = Reference { url: format!("s3://lake/{number}"), e_tag: "\"0-5e\"".to_owned() };
    let (stored, digest) = (Stored::Elsewhere(Box::new(reference)), Digest::of(&[7; 257]));
    FileEntry { stored, digest, size_bytes: 257, ..entry(number, 1) }
}

fn changes(files: &Files) -> Changes {
    files
        .iter()
        .map(|(number, content)| entry(*number, *content))
        .map(|entry| (entry.path.clone(), Some(entry)))
        .collect()
}

async fn blobs() -> Arc<dyn BlobStore> {
    let store = Store::open("memory:///").unwrap();
    Arc::new(LooseBlobs::open(&store, "blobs").await.unwrap())
}

async fn apply(tree: &Tree, blobs: &dyn BlobStore, changes: &Changes) -> Result<Tree, crate::Error> {
    let batch = blobs.begin().await?;
    let root = tree.apply(changes, batch.as_ref()).await?;
    batch.commit().await?;
    Ok(tree.at(Some(root)))
}

async fn list(tree: &Tree) -> Vec<FileEntry> {
    tree.list("").try_collect().await.unwrap()
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

#[test]
fn a_small_tree_is_pinned() {
    run(async {
        let blobs = blobs().await;
        let tree =
            apply(&Tree::new(Arc::clone(&blobs), None), blobs.as_ref(), &changes(&[(1, 1), (2, 2)].into())).await;
        let root = tree.unwrap().root.unwrap();
        let bytes = blobs.read(&root, None).await.unwrap();
        insta::assert_snapshot!(format!("{root}\n{}", bytes.escape_ascii()));
        let empty = apply(&Tree::new(Arc::clone(&blobs), None), blobs.as_ref(), &Changes::new()).await.unwrap();
        let bytes = blobs.read(&empty.root.unwrap(), None).await.unwrap();
        assert_eq!(bytes, &b"LTR2\0\0\0\0\0"[..]);
        assert!(list(&empty).await.is_empty());
    });
}

#[test]
fn a_file_elsewhere_is_pinned() {
    let bytes = Node::encode(0, &[Item::File(elsewhere(1))]).unwrap();
    assert_eq!(Node::decode(&bytes).unwrap().items(), [Item::File(elsewhere(1))]);
    insta::assert_snapshot!(bytes.escape_ascii());
}

#[test]
fn a_file_elsewhere_breaks_no_rule() {
    let reference = |url: &str, e_tag: &str| {
        let reference = Reference { url: url.to_owned(), e_tag: e_tag.to_owned() };
        FileEntry { stored: Stored::Elsewhere(Box::new(reference)), ..elsewhere(1) }
    };
    let table = TableFacts { pages: None, rows: 1, schema: Digest::of(b"") };
    let crafted = [
        FileEntry { size_bytes: 256, ..elsewhere(1) },
        FileEntry { kind: FileKind::Symlink, ..elsewhere(1) },
        FileEntry { kind: FileKind::Directory, size_bytes: 0, ..elsewhere(1) },
        FileEntry { table: Some(table), ..elsewhere(1) },
        FileEntry { table: Some(table), stored: Stored::Purged, ..elsewhere(1) },
        FileEntry { kind: FileKind::Directory, size_bytes: 0, stored: Stored::Purged, ..elsewhere(1) },
        reference("lake/1", "1"),
        reference("s3://a@lake/1", "1"),
        reference("s3://lake/1?x", "1"),
        reference("s3://lake/\n", "1"),
        reference(&format!("s3://lake/{}", "x".repeat(2048)), "1"),
        reference("s3://lake/1", ""),
        reference("s3://lake/1", "W/\"1\""),
        reference("s3://lake/1", &"1".repeat(1025)),
    ];
    for entry in crafted {
        let items = [Item::File(entry)];
        let bytes = Node::encode_unchecked(0, &items).unwrap();
        assert!(Node::decode(&bytes).is_err(), "{items:?}");
        let written = Node::encode(0, &items);
        // What the fields of an address say is checked when it is made.
        assert!(written.is_err() || matches!(&items, [Item::File(file)] if file.size_bytes == 257), "{items:?}");
    }
    let mut bytes = Node::encode(0, &[Item::File(elsewhere(1))]).unwrap().to_vec();
    let flags = bytes.windows(4).position(|window| window == [4, 11, 0, b's']).unwrap();
    for two in [5, 9, 12, 13, 16] {
        bytes[flags] = two;
        assert!(Node::decode(&bytes).is_err(), "flags {two}");
    }
}

#[test]
fn the_shape_of_a_large_tree_is_pinned() {
    run(async {
        let blobs = blobs().await;
        let files: Files = (0..20_000).map(|number| (number, 1)).collect();
        let tree = apply(&Tree::new(Arc::clone(&blobs), None), blobs.as_ref(), &changes(&files)).await.unwrap();
        let (count, bytes) = tree.totals().await.unwrap();
        insta::assert_snapshot!(format!("{count} files, {bytes} bytes, {}", tree.root.unwrap()));
        let listed = tree.list("d03/Files1/00").try_collect::<Vec<_>>().await.unwrap();
        let expected = (0..10_000).filter(|number| number % 7 == 3 && number % 3 == 1).count();
        assert_eq!(listed.len(), expected);
        assert_eq!(tree.get(&entry(12_345, 0).path).await.unwrap(), Some(entry(12_345, 1)));
        assert_eq!(tree.get(&entry(20_000, 0).path).await.unwrap(), None);
    });
}

#[test]
fn files_that_cannot_lie_beside_each_other_are_refused_wherever_they_are() {
    run(async {
        let blobs = blobs().await;
        let files: Files = (0..2_000).map(|number| (number, 1)).collect();
        let tree = apply(&Tree::new(Arc::clone(&blobs), None), blobs.as_ref(), &changes(&files)).await.unwrap();
        for path in ["D02/x", "d02/files1/x", "d02", "d02/Files2/000002.txt/x", "d02/Files2/000002.TXT", "d02/Files2"] {
            let path = FilePath::new(path).unwrap();
            let entry = FileEntry::of_bytes(path.clone(), FileKind::Regular, &Bytes::new(), "text/plain".to_owned());
            let refused = apply(&tree, blobs.as_ref(), &[(path.clone(), Some(entry))].into()).await;
            match refused {
                Err(crate::Error::Clash { source }) => assert_eq!(source.path(), path.as_str()),
                other => panic!("{path}: {other:?}"),
            }
        }
        // One that only looks like another is not removed in its place.
        let wrong = FilePath::new("d02/Files2/000002.TXT").unwrap();
        let same = apply(&tree, blobs.as_ref(), &[(wrong.clone(), None)].into()).await.unwrap();
        assert_eq!(same.root, tree.root);
        // A file may change the case of its name.
        let old = FilePath::new("d02/Files2/000002.txt").unwrap();
        let renamed = FileEntry { path: wrong.clone(), ..entry(2, 1) };
        let moved =
            apply(&tree, blobs.as_ref(), &[(wrong.clone(), Some(renamed)), (old.clone(), None)].into()).await.unwrap();
        assert!(moved.get(&old).await.unwrap().is_none() && moved.get(&wrong).await.unwrap().is_some());
    });
}

/// Files before, and what happens to some of them.
fn histories() -> impl Strategy<Value = (Files, Vec<(u32, Option<u8>)>)> {
    let files = proptest::collection::btree_map(0_u32..3_000, 0_u8..3, 0..1_500);
    let edit = (0_u32..3_000, proptest::option::of(0_u8..3));
    let scattered = proptest::collection::vec(edit, 0..200);
    // All of a stretch goes, or comes.
    let stretch = (0_u32..3_000, 0_u32..1_500, proptest::option::of(0_u8..3));
    (files, scattered, proptest::option::of(stretch)).prop_map(|(files, mut edits, stretch)| {
        if let Some((from, count, content)) = stretch {
            edits.extend((from..from + count).map(|number| (number, content)));
        }
        (files, edits)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn equal_files_give_equal_trees_and_differences_are_those_of_the_model((before, edits) in histories()) {
        run(async {
            let blobs = blobs().await;
            let empty = Tree::new(Arc::clone(&blobs), None);
            let old = apply(&empty, blobs.as_ref(), &changes(&before)).await.unwrap();
            let mut after = before.clone();
            let mut edited = Changes::new();
            for (number, content) in edits {
                edited.insert(entry(number, 0).path, content.map(|content| entry(number, content)));
                match content {
                    Some(content) => after.insert(number, content),
                    None => after.remove(&number),
                };
            }
            let new = apply(&old, blobs.as_ref(), &edited).await.unwrap();
            let fresh = apply(&empty, blobs.as_ref(), &changes(&after)).await.unwrap();
            assert_eq!(new.root, fresh.root);

            let mut expected: Vec<FileEntry> = changes(&after).into_values().flatten().collect();
            expected.sort_by(|one, two| crate::path_order::compare(&one.path, &two.path));
            assert_eq!(list(&new).await, expected);

            let found: Vec<Change> = Tree::new(Arc::clone(&blobs), old.root).diff(&new).try_collect().await.unwrap();
            let (was, is) = (changes(&before), changes(&after));
            let paths: std::collections::BTreeSet<_> = was.keys().chain(is.keys()).collect();
            let at = |files: &Changes, path| files.get(path).cloned().flatten();
            let model: Vec<Change> =
                paths.into_iter().filter_map(|path| Change::between(at(&was, path).as_ref(), at(&is, path).as_ref())).collect();
            let mut sorted = found.clone();
            sorted.sort_by(|one, two| one.path().cmp(two.path()));
            assert_eq!(sorted, model);

            // What differs, applied backwards, is the tree before.
            let back: Changes = found.iter().map(|change| (change.path().clone(), change.old_entry().cloned())).collect();
            assert_eq!(apply(&new, blobs.as_ref(), &back).await.unwrap().root, old.root);
        });
    }

    #[test]
    fn any_bytes_give_a_node_or_an_error(at in 0_usize..900, byte: u8, cut in 0_usize..900) {
        let purged = FileEntry { stored: Stored::Purged, ..entry(3, 1) };
        let items = [entry(1, 1), elsewhere(2), purged].map(super::node::Item::File);
        let mut bytes = super::node::Node::encode(0, &items).unwrap().to_vec();
        if let Some(found) = bytes.get_mut(at) {
            *found = byte;
        }
        bytes.truncate(cut.max(9));
        if let Ok(node) = super::Node::decode(&bytes) {
            prop_assert_eq!(super::node::Node::encode(node.level(), &node.items()).unwrap(), bytes);
        }
    }
}

/// Counts the blobs read and the bytes put.
#[derive(Debug)]
struct Counting {
    inner: Arc<dyn BlobStore>,
    read: AtomicU64,
    put: Arc<AtomicU64>,
}

struct CountingBatch {
    inner: Box<dyn Batch>,
    put: Arc<AtomicU64>,
}

#[async_trait]
impl BlobStore for Counting {
    fn id(&self) -> StoreId {
        self.inner.id()
    }

    async fn begin(&self) -> Result<Box<dyn Batch>, Error> {
        Ok(Box::new(CountingBatch { inner: self.inner.begin().await?, put: Arc::clone(&self.put) }))
    }

    async fn stat(&self, digests: &[Digest]) -> Result<Vec<Option<BlobInfo>>, Error> {
        self.inner.stat(digests).await
    }

    async fn read(&self, digest: &Digest, range: Option<Range<u64>>) -> Result<Bytes, Error> {
        self.read.fetch_add(1, Ordering::Relaxed);
        self.inner.read(digest, range).await
    }

    async fn read_many(&self, digests: &[Digest]) -> Result<Vec<Bytes>, Error> {
        self.read.fetch_add(digests.len() as u64, Ordering::Relaxed);
        self.inner.read_many(digests).await
    }

    async fn stream(&self, digest: &Digest) -> Result<ByteStream, Error> {
        self.inner.stream(digest).await
    }

    async fn enrol(&self, enrolment: &Enrolment) -> Result<u64, Error> {
        self.inner.enrol(enrolment).await
    }

    async fn condemned(&self, since: u64, upto: u64, digests: &[Digest]) -> Result<Vec<Digest>, Error> {
        self.inner.condemned(since, upto, digests).await
    }
}

#[async_trait]
impl Batch for CountingBatch {
    async fn put(&self, bytes: Bytes, hints: PutHints) -> Result<Digest, Error> {
        self.put.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.inner.put(bytes, hints).await
    }

    async fn put_many(&self, blobs: Vec<(Bytes, PutHints)>) -> Result<Vec<Digest>, Error> {
        let bytes: usize = blobs.iter().map(|(bytes, _)| bytes.len()).sum();
        self.put.fetch_add(bytes as u64, Ordering::Relaxed);
        self.inner.put_many(blobs).await
    }

    async fn put_stream(
        &self,
        bytes: BoxStream<'static, std::io::Result<Bytes>>,
        hints: PutHints,
    ) -> Result<Digest, Error> {
        self.inner.put_stream(bytes, hints).await
    }

    async fn keep(&self, digests: &[Digest]) -> Result<Vec<bool>, Error> {
        self.inner.keep(digests).await
    }

    async fn commit(self: Box<Self>) -> Result<Receipt, Error> {
        self.inner.commit().await
    }
}

#[test]
fn changes_and_comparisons_touch_the_nodes_around_them_only() {
    run(async {
        let inner = blobs().await;
        let files: Files = (0..20_000).map(|number| (number, 1)).collect();
        let old = apply(&Tree::new(Arc::clone(&inner), None), inner.as_ref(), &changes(&files)).await.unwrap().root;
        for scattered in [1, 3, 10_u32] {
            let counting =
                Arc::new(Counting { inner: Arc::clone(&inner), read: AtomicU64::new(0), put: Arc::default() });
            let edits: Files = (0..scattered).map(|at| (at * 1_999 + 5, 2)).collect();
            let new = apply(&Tree::new(counting.clone(), old), counting.as_ref(), &changes(&edits)).await.unwrap().root;
            // The top, and for each change the leaf around it.
            assert!(counting.read.swap(0, Ordering::Relaxed) <= 1 + u64::from(scattered));
            assert!(counting.put.load(Ordering::Relaxed) <= 128 * 1024 * (1 + u64::from(scattered)));
            let found: Vec<_> =
                Tree::new(counting.clone(), old).diff(&Tree::new(counting.clone(), new)).try_collect().await.unwrap();
            assert_eq!(found.len() as u32, scattered);
            assert!(counting.read.load(Ordering::Relaxed) <= 2 * (1 + u64::from(scattered)));
        }
    });
}

#[test]
fn a_digest_of_no_node_is_a_typed_error() {
    run(async {
        let blobs = blobs().await;
        let tree = Tree::new(Arc::clone(&blobs), Some(Digest::of(b"nothing")));
        assert!(matches!(tree.totals().await, Err(crate::Error::Store(lineal_core::Error::BlobMissing { .. }))));
    });
}

/// Files whose names differ in case only are one place in the order, wherever the nodes end.
#[test]
fn directories_renamed_in_case_only_are_renamed_as_a_whole_or_not_at_all() {
    run(async {
        let blobs = blobs().await;
        let file = |directory: &str, number: u32| {
            let path = FilePath::new(format!("{directory}/{number:06}.txt")).unwrap();
            FileEntry { path, ..entry(number, 1) }
        };
        let all = |directory: &str| -> Changes {
            (0..2000).map(|number| file(directory, number)).map(|file| (file.path.clone(), Some(file))).collect()
        };
        let empty = Tree::new(Arc::clone(&blobs), None);
        let (upper, lower) = (all("Foo"), all("foo"));
        let tree = apply(&empty, blobs.as_ref(), &upper).await.unwrap();
        let mut renamed: Changes = upper.keys().map(|path| (path.clone(), None)).collect();
        renamed.extend(lower.clone());
        let after = apply(&tree, blobs.as_ref(), &renamed).await.unwrap();
        assert_eq!(after.root, apply(&empty, blobs.as_ref(), &lower).await.unwrap().root);
        for number in 0..2000 {
            let one = Changes::from([
                (file("Foo", number).path, None),
                (file("foo", number).path, Some(file("foo", number))),
            ]);
            let refused = apply(&tree, blobs.as_ref(), &one).await;
            assert!(matches!(refused, Err(crate::Error::Clash { .. })), "{number}");
        }
    });
}
