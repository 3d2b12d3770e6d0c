//! A version as an object store: what the trait promises to readers, and a reader of Parquet that knows nothing of versions.

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream::BoxStream};
use lineal_core::object_store::{
    CopyOptions, GetOptions, GetRange, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, memory::InMemory, path::Path,
};
use lineal_data::{Error, Repository, VersionStore, arrow::compute::concat_batches};
use lineal_testkit::Dice;

use crate::support::{World, ana, flights};

const FILES: [(&str, usize); 9] = [
    ("a", 0),
    ("b", 1),
    ("b-c/d", 300),
    ("raw/1.csv", 256),
    ("raw/2 x%#é.csv", 257),
    ("raw/deep/er/3.csv", 70_000),
    ("raw/deep/z.csv", 3),
    ("rawer/4.csv", 4),
    ("z/z/z/z", 5),
];

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8).collect()
}

/// The same files in a version and in memory.
async fn both() -> (VersionStore, InMemory) {
    let world = World::memory().await;
    let memory = InMemory::new();
    let mut draft = world.repository.commit("main");
    for (path, len) in FILES {
        draft = draft.put(path, bytes(len));
        memory.put(&Path::parse(path).unwrap(), bytes(len).into()).await.unwrap();
    }
    draft.commit(&ana()).await.unwrap();
    (world.repository.at("main").await.unwrap().object_store(), memory)
}

fn shown(metas: Vec<ObjectMeta>) -> Vec<String> {
    let mut shown: Vec<String> = metas.iter().map(|meta| format!("{} {}", meta.location, meta.size)).collect();
    shown.sort();
    shown
}

#[tokio::test]
async fn it_lists_what_any_store_lists() {
    let (version, memory) = both().await;
    for prefix in ["", "raw", "raw/deep", "raw/deep/er", "ra", "b", "a", "none", "z/z", "raw/1.csv"] {
        let prefix = Path::parse(prefix).unwrap();
        let found: Vec<_> = version.list(Some(&prefix)).try_collect().await.unwrap();
        let expected: Vec<_> = memory.list(Some(&prefix)).try_collect().await.unwrap();
        assert_eq!(shown(found), shown(expected), "{prefix}");
        let found = version.list_with_delimiter(Some(&prefix)).await.unwrap();
        let expected = memory.list_with_delimiter(Some(&prefix)).await.unwrap();
        let sorted = |mut prefixes: Vec<Path>| {
            prefixes.sort();
            prefixes
        };
        assert_eq!(sorted(found.common_prefixes), sorted(expected.common_prefixes), "{prefix}");
        assert_eq!(shown(found.objects), shown(expected.objects), "{prefix}");
        let offset = Path::parse("raw/deep").unwrap();
        let found: Vec<_> = version.list_with_offset(Some(&prefix), &offset).try_collect().await.unwrap();
        let expected: Vec<_> = memory.list_with_offset(Some(&prefix), &offset).try_collect().await.unwrap();
        assert_eq!(shown(found), shown(expected), "{prefix}");
    }
}

#[tokio::test]
async fn it_reads_what_any_store_reads() {
    let (version, memory) = both().await;
    for (path, len) in FILES {
        let path = Path::parse(path).unwrap();
        assert_eq!(version.get(&path).await.unwrap().bytes().await.unwrap(), bytes(len));
        assert_eq!(version.head(&path).await.unwrap().size, len as u64);
        let size = len as u64;
        let ranges = [
            GetRange::Bounded(0..1),
            GetRange::Bounded(1..size.max(2)),
            GetRange::Bounded(size / 2..size + 10),
            GetRange::Bounded(size..size + 1),
            GetRange::Bounded(5..5),
            GetRange::Offset(size / 3),
            GetRange::Offset(size),
            GetRange::Suffix(7),
        ];
        for range in ranges {
            let options = || GetOptions::new().with_range(Some(range.clone()));
            let found = version.get_opts(&path, options()).await;
            let expected = memory.get_opts(&path, options()).await;
            match (found, expected) {
                (Ok(found), Ok(expected)) => {
                    assert_eq!(found.range, expected.range, "{path} {range:?}");
                    assert_eq!(found.bytes().await.unwrap(), expected.bytes().await.unwrap(), "{path} {range:?}");
                }
                (Err(_), Err(_)) => {}
                (found, expected) => panic!("{path} {range:?}: {found:?} {expected:?}"),
            }
        }
    }
    let path = Path::parse("raw/deep/er/3.csv").unwrap();
    let ranges = [5..10, 69_000..70_000, 0..1];
    assert_eq!(version.get_ranges(&path, &ranges).await.unwrap(), memory.get_ranges(&path, &ranges).await.unwrap());
    let missing = version.get(&Path::parse("none").unwrap()).await;
    assert!(matches!(missing, Err(lineal_core::object_store::Error::NotFound { .. })), "{missing:?}");
}

#[tokio::test]
async fn conditions_are_kept_and_writers_refused() {
    let (version, _) = both().await;
    let path = Path::parse("b").unwrap();
    let tag = version.head(&path).await.unwrap().e_tag.unwrap();
    let with = |tag: &str| GetOptions::new().with_if_match(Some(tag.to_owned()));
    version.get_opts(&path, with(&tag)).await.unwrap();
    assert!(version.get_opts(&path, with("\"other\"")).await.is_err());
    let read_only =
        |error| assert!(matches!(error, lineal_core::object_store::Error::NotImplemented { .. }), "{error}");
    read_only(version.put(&path, "x".into()).await.unwrap_err());
    read_only(version.put_multipart(&path).await.unwrap_err());
    read_only(version.delete(&path).await.unwrap_err());
    read_only(version.copy(&path, &Path::from("c")).await.unwrap_err());
    read_only(version.rename(&path, &Path::from("c")).await.unwrap_err());
}

/// Goes through a file in steps of many sizes, with gaps, overlaps and steps back: whatever was read ahead, these are the bytes.
#[tokio::test]
async fn ranges_in_sequence_are_the_bytes_of_the_file() {
    let world = World::memory().await;
    let file = bytes(5_000_000);
    world.repository.commit("main").put("a", file.clone()).put("b", bytes(900_000)).commit(&ana()).await.unwrap();
    let version = world.repository.at("main").await.unwrap().object_store();
    let mut random = Dice::new(7);
    let (mut start, mut steps) = (4_u64, 0);
    while steps < 200 {
        let length = 1 + random.below(700_000);
        let end = (start + length).min(5_000_000);
        let middle = start + (end - start) / 2;
        let mut ranges = vec![start..middle.max(start + 1), middle..end];
        ranges.retain(|range| !range.is_empty());
        let found = version.get_ranges(&Path::from("a"), &ranges).await.unwrap();
        for (found, range) in found.iter().zip(&ranges) {
            assert!(found[..] == file[range.start as usize..range.end as usize], "{range:?}");
        }
        if random.below(10) == 0 {
            let ranges = [10..400_000, 400_000..800_000];
            let other = version.get_ranges(&Path::from("b"), &ranges).await.unwrap();
            assert!(other.concat() == bytes(900_000)[10..800_000]);
        }
        start = match random.below(8) {
            0 => random.below(4_999_999),
            1 => end.saturating_sub(1000),
            2 => end + 200_000,
            _ => end,
        };
        start = if start >= 4_999_999 { 0 } else { start };
        steps += 1;
    }
}

#[tokio::test]
#[expect(deprecated, reason = "the stock reader, as programs use it until they write their own")]
async fn a_reader_of_parquet_reads_an_old_version() {
    use parquet::arrow::{ParquetRecordBatchStreamBuilder, async_reader::ParquetObjectReader};

    let world = World::memory().await;
    let main = || world.repository.commit("main");
    main().put_table("t.parquet", &[flights(0, 5_000)]).commit(&ana()).await.unwrap();
    main().append_table("t.parquet", &[flights(5_000, 6_000)]).commit(&ana()).await.unwrap();
    for (revision, rows) in [("main~1", 5_000), ("main", 6_000)] {
        let store = std::sync::Arc::new(world.repository.at(revision).await.unwrap().object_store());
        let reader = ParquetObjectReader::new(store, Path::from("t.parquet"));
        let stream = ParquetRecordBatchStreamBuilder::new(reader).await.unwrap().build().unwrap();
        let read: Vec<_> = stream.try_collect().await.unwrap();
        assert_eq!(concat_batches(&read[0].schema(), &read).unwrap(), flights(0, rows));
    }
}

/// Writes by commits, and reads what the newest version reads: so the expectations that object_store itself has of every store
/// can be put to a version.
#[derive(Debug, Clone)]
struct Committing(Repository);

impl std::fmt::Display for Committing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("commits")
    }
}

impl Committing {
    async fn now(&self) -> VersionStore {
        self.0.at("main").await.unwrap().object_store()
    }

    async fn write(&self, path: &Path, bytes: Bytes) {
        match self.0.commit("main").put(path.as_ref(), bytes).commit(&ana()).await {
            Ok(_) | Err(Error::Unchanged { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

#[async_trait]
impl ObjectStore for Committing {
    async fn put_opts(&self, path: &Path, payload: PutPayload, _: PutOptions) -> Result<PutResult> {
        self.write(path, payload.into()).await;
        let meta = self.head(path).await?;
        Ok(PutResult { e_tag: meta.e_tag, version: meta.version, extensions: Default::default() })
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        let (operation, implementer) = ("put_multipart".to_owned(), self.to_string());
        Err(lineal_core::object_store::Error::NotImplemented { operation, implementer })
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.now().await.get_opts(path, options).await
    }

    async fn get_ranges(&self, path: &Path, ranges: &[std::ops::Range<u64>]) -> Result<Vec<Bytes>> {
        self.now().await.get_ranges(path, ranges).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let this = self.clone();
        let delete = move |path: Path| {
            let this = this.clone();
            async move {
                this.head(&path).await?;
                this.0.commit("main").remove(path.as_ref()).commit(&ana()).await.unwrap();
                Ok(path)
            }
        };
        paths.and_then(delete).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (this, prefix) = (self.clone(), prefix.cloned());
        let list = async move { this.now().await.list(prefix.as_ref()) };
        futures::stream::once(list).flatten().boxed()
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        let (this, prefix, offset) = (self.clone(), prefix.cloned(), offset.clone());
        let list = async move { this.now().await.list_with_offset(prefix.as_ref(), &offset) };
        futures::stream::once(list).flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.now().await.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, _: CopyOptions) -> Result<()> {
        let bytes = self.get(from).await?.bytes().await?;
        self.write(to, bytes).await;
        Ok(())
    }
}

#[tokio::test]
async fn it_meets_what_object_store_expects_of_readers() {
    use lineal_core::object_store::integration;

    let world = World::memory().await;
    world.put("a", "1").await;
    world.repository.commit("main").remove("a").commit(&ana()).await.unwrap();
    let store = Committing(world.repository.clone());
    integration::list_uses_directories_correctly(&store).await;
    integration::list_with_delimiter(&store).await;
    integration::list_with_offset_exclusivity(&store).await;
    integration::get_opts(&store).await;
    integration::rename_and_copy(&store).await;
    integration::copy_rename_nonexistent_object(&store).await;
    let missing = integration::get_nonexistent_object(&store, None).await.unwrap_err();
    assert!(matches!(missing, lineal_core::object_store::Error::NotFound { .. }), "{missing}");
    integration::put_get_delete_list(&store).await;
}
