use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{TryStreamExt, future::join_all, stream::BoxStream};
use lineal_core::{
    Batch, BlobInfo, BlobStore, ByteStream, Digest, Enrolment, Host, LooseBlobs, ManualClock, NoProgress, PutHints,
    Receipt, Store, StoreId, Timestamp,
};
use lineal_runner::{Context, RunSettings};
use tokio::sync::Semaphore;

use crate::support::{Any, RUN, actor, memory, open, open_with};

/// Blobs that become durable only when the test lets them.
#[derive(Clone, Debug)]
struct Slow {
    inner: LooseBlobs,
    allowed: Arc<Semaphore>,
}

struct SlowBatch {
    inner: Box<dyn Batch>,
    allowed: Arc<Semaphore>,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl BlobStore for Slow {
    fn id(&self) -> StoreId {
        self.inner.id()
    }
    async fn begin(&self) -> Result<Box<dyn Batch>, lineal_core::Error> {
        Ok(Box::new(SlowBatch { inner: self.inner.begin().await?, allowed: Arc::clone(&self.allowed) }))
    }
    async fn stat(&self, digests: &[Digest]) -> Result<Vec<Option<BlobInfo>>, lineal_core::Error> {
        self.inner.stat(digests).await
    }
    async fn read(&self, digest: &Digest, range: Option<Range<u64>>) -> Result<Bytes, lineal_core::Error> {
        self.inner.read(digest, range).await
    }
    async fn read_many(&self, digests: &[Digest]) -> Result<Vec<Bytes>, lineal_core::Error> {
        self.inner.read_many(digests).await
    }
    async fn stream(&self, digest: &Digest) -> Result<ByteStream, lineal_core::Error> {
        self.inner.stream(digest).await
    }
    async fn stream_to_end(&self, digest: &Digest) -> Result<ByteStream, lineal_core::Error> {
        self.inner.stream_to_end(digest).await
    }
    async fn enrol(&self, enrolment: &Enrolment) -> Result<u64, lineal_core::Error> {
        self.inner.enrol(enrolment).await
    }
    async fn condemned(&self, since: u64, upto: u64, digests: &[Digest]) -> Result<Vec<Digest>, lineal_core::Error> {
        self.inner.condemned(since, upto, digests).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Batch for SlowBatch {
    async fn put(&self, bytes: Bytes, hints: PutHints) -> Result<Digest, lineal_core::Error> {
        self.inner.put(bytes, hints).await
    }
    async fn put_many(&self, blobs: Vec<(Bytes, PutHints)>) -> Result<Vec<Digest>, lineal_core::Error> {
        self.inner.put_many(blobs).await
    }
    async fn put_stream(
        &self,
        bytes: BoxStream<'static, std::io::Result<Bytes>>,
        hints: PutHints,
    ) -> Result<Digest, lineal_core::Error> {
        self.inner.put_stream(bytes, hints).await
    }
    async fn keep(&self, digests: &[Digest]) -> Result<Vec<bool>, lineal_core::Error> {
        self.inner.keep(digests).await
    }
    async fn commit(self: Box<Self>) -> Result<Receipt, lineal_core::Error> {
        drop(self.allowed.acquire().await);
        self.inner.commit().await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_store_bounds_what_waits_in_memory() {
    let store = memory();
    let allowed = Arc::new(Semaphore::new(0));
    let inner = LooseBlobs::open(&store, "blobs").await.unwrap();
    let experiment = open_with(&store, Arc::new(Slow { inner, allowed: Arc::clone(&allowed) })).await;
    let logged = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&logged);
    let train = move |cx: &Context| {
        let loss = cx.metric("loss")?;
        for step in 0..10_000 {
            loss.log(step, step as f64);
            count.fetch_add(1, Ordering::Relaxed);
        }
        Ok::<_, Any>(())
    };
    let settings = RunSettings::default().with_rows_per_segment(100);
    let builder = experiment.run("slow").with_id(RUN).with_settings(settings);
    let running = tokio::spawn(async move { builder.execute(&actor(), train).await.map(drop) });
    while logged.load(Ordering::Relaxed) < 299 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    // Two segments under way, one full: the point that would seal the third waits.
    assert_eq!(logged.load(Ordering::Relaxed), 299);
    allowed.add_permits(Semaphore::MAX_PERMITS);
    running.await.unwrap().unwrap();
    assert_eq!(experiment.get(RUN).await.unwrap().metrics["loss"].count, 10_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_million_points_from_four_threads_are_all_there() {
    const EACH: u64 = 250_000;
    let experiment = open(&memory()).await;
    let train = move |cx: &Context| {
        let names = ["loss", "auc", "lr", "grad/norm"];
        let metrics = names.iter().map(|name| cx.metric(name)).collect::<Result<Vec<_>, _>>()?;
        std::thread::scope(|scope| {
            for metric in metrics {
                scope.spawn(move || (0..EACH).for_each(|step| metric.log(step, 1.0 / (step + 1) as f64)));
            }
        });
        Ok::<_, Any>(())
    };
    let done = experiment.run("many").execute(&actor(), train).await.unwrap();
    let run = experiment.get(done.run.run).await.unwrap();
    for summary in run.metrics.values() {
        assert_eq!((summary.count, summary.last.get()), (EACH, 1.0 / EACH as f64));
    }
    let segments = &run.attempts[0].segments;
    assert!(segments.iter().all(|segment| segment.rows <= 131_072));
    assert_eq!(segments.iter().map(|segment| segment.rows).sum::<u64>(), 4 * EACH);
    let curve = experiment.metrics(run.id, "auc").await.unwrap();
    assert!(curve.iter().zip(0..).all(|(point, step)| point.step == step && point.value == 1.0 / (step + 1) as f64));
    let rows = experiment.metric_batches(run.id).await.unwrap().map_ok(|batch| batch.num_rows() as u64);
    assert_eq!(rows.try_fold(0, |sum, rows| async move { Ok(sum + rows) }).await.unwrap(), 4 * EACH);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_runs_share_entries_and_keep_apart() {
    // On a disk, where an entry takes its time.
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&format!("file://{}", directory.path().display())).unwrap();
    let experiment = open(&store).await;
    let runs = (0..32_u64).map(|number| {
        let builder =
            experiment.run("one-of-many").seed(number).with_settings(RunSettings::default().with_rows_per_segment(10));
        tokio::spawn(async move {
            let train = move |cx: &Context| {
                let metric = cx.metric("number")?;
                for step in 0..50 {
                    metric.log(step, number as f64);
                    if step % 10 == 9 {
                        cx.checkpoint(step, "state")?;
                    }
                }
                Ok::<_, Any>(())
            };
            builder.execute(&actor(), train).await.unwrap().run.run
        })
    });
    let ids = join_all(runs).await;
    for (number, id) in (0_u64..).zip(ids) {
        let run = experiment.get(id.unwrap()).await.unwrap();
        assert_eq!((run.seed.get(), run.metrics["number"].count), (number, 50));
        assert_eq!(run.metrics["number"].max.unwrap().value.get(), number as f64);
    }
    let verified = experiment.verify(&NoProgress).await.unwrap();
    // Each run makes 12 transactions: a start, 5 segments, 5 checkpoints and an end.
    assert!(verified.journal.entries < 32 * 12 / 2, "{} entries", verified.journal.entries);
    let numbers: Vec<u64> = experiment.runs().await.unwrap().iter().map(|run| run.number).collect();
    assert_eq!(numbers, (0..32).collect::<Vec<_>>());
}

#[tokio::test]
async fn points_wait_no_longer_than_asked_as_long_as_others_follow() {
    let clock = Arc::new(ManualClock::new(Timestamp::EPOCH));
    let store = Store::open("memory:///").unwrap();
    let store = store.with_host(Host::system().with_clock(Arc::<ManualClock>::clone(&clock)));
    let experiment = open(&store).await;
    let train = move |cx: &Context| {
        let loss = cx.metric("loss")?;
        for step in 0..10 {
            loss.log(step, 0.0);
            clock.advance(Duration::from_secs(4));
        }
        Ok::<_, Any>(())
    };
    experiment.run("slow").with_id(RUN).execute(&actor(), train).await.unwrap();
    let run = experiment.get(RUN).await.unwrap();
    // The fourth point comes 12 s after the first.
    assert_eq!(run.attempts[0].segments.iter().map(|segment| segment.rows).collect::<Vec<_>>(), [4, 4, 2]);
    let last = experiment.metrics(RUN, "loss").await.unwrap()[9].time;
    assert_eq!(last.duration_since(Timestamp::EPOCH), Some(Duration::from_secs(36)));
}
