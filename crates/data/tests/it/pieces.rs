//! What commits and tables ask of a blob store: how many batches, where to cut, and which ranges to read.

use std::{
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{TryStreamExt, stream::BoxStream};
use lineal_core::{
    Batch, BlobInfo, BlobStore, ByteStream, Digest, Enrolment, LooseBlobs, PutHints, Receipt, Store, StoreId,
};
use lineal_data::{
    Repository, Scan, SchemaContract,
    arrow::array::{ArrayRef, BinaryArray, Int64Array, RecordBatch},
};

use crate::support::{ana, flights};

type Result<T> = std::result::Result<T, lineal_core::Error>;

/// Remembers what it is asked for.
#[derive(Debug)]
struct Recorder {
    inner: LooseBlobs,
    puts: Arc<Mutex<Vec<(Bytes, PutHints)>>>,
    read_bytes: AtomicU64,
    batches: AtomicU64,
}

struct RecorderBatch {
    inner: Box<dyn Batch>,
    puts: Arc<Mutex<Vec<(Bytes, PutHints)>>>,
}

#[async_trait]
impl BlobStore for Recorder {
    fn id(&self) -> StoreId {
        self.inner.id()
    }

    async fn begin(&self) -> Result<Box<dyn Batch>> {
        self.batches.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(RecorderBatch { inner: self.inner.begin().await?, puts: self.puts.clone() }))
    }

    async fn stat(&self, digests: &[Digest]) -> Result<Vec<Option<BlobInfo>>> {
        self.inner.stat(digests).await
    }

    async fn read(&self, digest: &Digest, range: Option<Range<u64>>) -> Result<Bytes> {
        let bytes = self.inner.read(digest, range).await?;
        self.read_bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(bytes)
    }

    async fn stream(&self, digest: &Digest) -> Result<ByteStream> {
        self.inner.stream(digest).await
    }

    async fn enrol(&self, enrolment: &Enrolment) -> Result<u64> {
        self.inner.enrol(enrolment).await
    }

    async fn condemned(&self, since: u64, upto: u64, digests: &[Digest]) -> Result<Vec<Digest>> {
        self.inner.condemned(since, upto, digests).await
    }
}

#[async_trait]
impl Batch for RecorderBatch {
    async fn put(&self, bytes: Bytes, hints: PutHints) -> Result<Digest> {
        self.puts.lock().unwrap().push((bytes.clone(), hints.clone()));
        self.inner.put(bytes, hints).await
    }

    async fn put_many(&self, blobs: Vec<(Bytes, PutHints)>) -> Result<Vec<Digest>> {
        self.puts.lock().unwrap().extend(blobs.iter().cloned());
        self.inner.put_many(blobs).await
    }

    async fn put_stream(&self, bytes: BoxStream<'static, std::io::Result<Bytes>>, hints: PutHints) -> Result<Digest> {
        self.inner.put_stream(bytes, hints).await
    }

    async fn keep(&self, digests: &[Digest]) -> Result<Vec<bool>> {
        self.inner.keep(digests).await
    }

    async fn commit(self: Box<Self>) -> Result<Receipt> {
        self.inner.commit().await
    }
}

async fn world() -> (Arc<Recorder>, Repository) {
    let store = Store::open("memory:///").unwrap();
    let inner = LooseBlobs::open(&store, "blobs").await.unwrap();
    let (puts, read_bytes, batches) = (Arc::default(), AtomicU64::new(0), AtomicU64::new(0));
    let recorder = Arc::new(Recorder { inner, puts, read_bytes, batches });
    let repository = Repository::open(&store, "flights", recorder.clone()).await.unwrap();
    (recorder, repository)
}

/// Rows of a number and 4 KiB of noise.
fn noise(rows: i64) -> RecordBatch {
    let bytes = |row: i64| -> Vec<u8> {
        (0..128_i64).flat_map(|at| *Digest::of(&(row * 1000 + at).to_le_bytes()).as_bytes()).collect()
    };
    let columns: [(&str, ArrayRef); 2] = [
        ("id", Arc::new(Int64Array::from_iter_values(0..rows))),
        ("noise", Arc::new(BinaryArray::from_iter_values((0..rows).map(bytes)))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

#[tokio::test]
async fn files_nodes_and_commit_are_one_batch() {
    let (recorder, repository) = world().await;
    let batches = || recorder.batches.swap(0, Ordering::Relaxed);
    for commit in 0..3 {
        let large = vec![commit; 4096];
        let draft = repository.commit("main").put("large", large.clone()).put_table("t", &[flights(0, commit.into())]);
        draft.commit(&ana()).await.unwrap();
        assert_eq!(batches(), 1);
        assert_eq!(repository.at("main").await.unwrap().read("large").await.unwrap(), large);
    }
    // Hooks are shown schemas that the commit itself brings: these are stored before.
    let contract = SchemaContract::new("clean/", &flights(0, 0).schema()).unwrap();
    let repository = repository.with_hook(Arc::new(contract));
    repository.commit("main").put_table("clean/t", &[flights(0, 9)]).commit(&ana()).await.unwrap();
    assert_eq!(batches(), 2);
}

#[tokio::test]
async fn a_store_is_told_to_cut_at_pages_and_before_the_footer() {
    let (recorder, repository) = world().await;
    repository.commit("main").put_table("t", &[noise(200)]).commit(&ana()).await.unwrap();
    let puts = recorder.puts.lock().unwrap().clone();
    let of = |media_type: &str| puts.iter().find(|(_, hints)| hints.media_type.as_deref() == Some(media_type)).unwrap();
    let (file, hints) = of("application/vnd.apache.parquet");
    let cuts = &hints.cut_points;
    assert!(cuts.len() > 8 && cuts.is_sorted(), "{cuts:?}");
    // The last piece is the footer: the page index, the metadata, its length and the mark.
    let length = u32::from_le_bytes(file[file.len() - 8..file.len() - 4].try_into().unwrap());
    let (footer, metadata) = (file.len() as u64 - cuts[cuts.len() - 1], u64::from(length) + 8);
    assert!(footer > metadata && footer < metadata + 4096, "{footer} {metadata}");
    let (pages, hints) = of("application/vnd.lineal.table.v1");
    assert!(pages.starts_with(b"lineal-table 1\n") && hints.cut_points.len() == 1);
}

#[tokio::test]
async fn only_what_is_wanted_of_a_table_is_read() {
    let (recorder, repository) = world().await;
    repository.commit("main").put_table("t", &[noise(1100)]).commit(&ana()).await.unwrap();
    let version = repository.at("main").await.unwrap();
    let size = version.file("t").await.unwrap().size_bytes;
    assert!(size > 4 << 20, "not read whole");
    let read = || recorder.read_bytes.swap(0, Ordering::Relaxed);
    read();
    let scan = Scan::default().with_columns(&["id"]);
    let batches: Vec<RecordBatch> = version.scan("t", &scan).await.unwrap().try_collect().await.unwrap();
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 1100);
    let columns = read();
    assert!(columns < size / 20, "{columns} of {size}");
    assert_eq!(version.sample("t", 3, 7).await.unwrap().num_rows(), 3);
    let sample = read();
    assert!(sample < size / 5, "{sample} of {size}");
}

#[tokio::test]
async fn a_table_without_a_page_table_is_taken_as_any_parquet() {
    let (recorder, repository) = world().await;
    repository.commit("main").put_table("t", &[flights(0, 50)]).commit(&ana()).await.unwrap();
    let parquet = recorder.puts.lock().unwrap().iter().find(|(bytes, _)| bytes.starts_with(b"PAR1")).unwrap().0.clone();
    repository.commit("main").put("t", parquet).commit(&ana()).await.unwrap();
    let (old, new) = (repository.at("main~1").await.unwrap(), repository.at("main").await.unwrap());
    let diff = old.diff_rows("t", &new, &["flight"]).await.unwrap();
    assert!(diff.is_empty() && diff.rows_read == 100, "all rows of both are compared");
}
