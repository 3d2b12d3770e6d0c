//! An experiment: its journal of runs, and reading it.

use std::{collections::BTreeMap, ops::Deref, sync::Arc};

use arrow::array::RecordBatch;
use futures::{StreamExt, TryStreamExt, stream, stream::BoxStream};
use lineal_core::{At, BlobStore, BlobStoreExt, Clock, Digest, IdSource, Journal, Name, RunId, RunRef, Store, on_cpu};

use crate::{
    Error, Point, RunBuilder, RunRecord, Runs, Segment, Summary,
    effective::{self, LoggedAgain, Part},
    segment::{self, Columns},
};

/// Runs that are compared with each other, in one journal; their points, checkpoints and results lie in a blob store.
///
/// Cheap to clone; clones and runs of one experiment write as one, and share entries of the journal.
///
/// ```
/// use std::sync::Arc;
/// use lineal_core::{Actor, LooseBlobs, Store};
/// use lineal_runner::Experiment;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = Store::open("memory:///")?;
/// let blobs = Arc::new(LooseBlobs::open(&store, "blobs").await?);
/// let experiment = Experiment::open(&store, "late15", blobs).await?;
///
/// let done = experiment.run("walk").params(&serde_json::json!({"rate": 0.1})).seed(7)
///     .execute(&Actor::new("ana@example.org")?, |cx| {
///         let rate = cx.param("rate").and_then(|rate| rate.as_f64()).ok_or("no rate")?;
///         let (first, mut at) = match cx.resume()? {
///             Some((step, bytes)) => (step + 1, f64::from_le_bytes(bytes.as_ref().try_into()?)),
///             None => (0, 8.0),
///         };
///         let (loss, noise) = (cx.metric("loss")?, cx.rng("noise"));
///         for step in first..100 {
///             at -= rate * at + 0.01 * noise.fork(&step.to_string()).normal();
///             loss.log(step, at * at);
///             if step % 10 == 9 {
///                 cx.checkpoint(step, at.to_le_bytes().to_vec())?;
///             }
///         }
///         cx.artifact("model", at.to_le_bytes().to_vec())?;
///         Ok::<_, Box<dyn std::error::Error + Send + Sync>>(at)
///     })
///     .await?;
///
/// let run = experiment.get(done.run.run).await?;
/// assert_eq!(run.metrics["loss"].last.get(), done.output * done.output);
/// assert_eq!(experiment.metrics(run.id, "loss").await?.len(), 100);
/// assert!(run.outputs.contains_key("model"));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Experiment {
    pub(crate) blobs: Arc<dyn BlobStore>,
    pub(crate) journal: Journal<Runs>,
    pub(crate) name: Name,
}

/// A run with what its metrics come to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Run {
    /// The run.
    pub record: RunRecord,
    /// What its points come to, by metric: those that count, see [`Experiment::metrics`].
    pub metrics: BTreeMap<String, Summary>,
}

impl Deref for Run {
    type Target = RunRecord;

    fn deref(&self) -> &RunRecord {
        &self.record
    }
}

impl Experiment {
    /// Opens the experiment `name` of `store`: the journal at `experiments/<name>`. Never writes.
    ///
    /// # Errors
    /// [`Error::Name`] for a bad name; [`Error::Store`] if the journal cannot be read or is of another kind.
    pub async fn open(store: &Store, name: &str, blobs: Arc<dyn BlobStore>) -> Result<Self, Error> {
        let name = Name::new(name)?;
        let journal = Journal::builder(store, &format!("experiments/{name}")).open().await?;
        Ok(Self { blobs, journal, name })
    }

    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Returns the journal.
    #[must_use]
    pub fn journal(&self) -> &Journal<Runs> {
        &self.journal
    }

    /// Describes a run; several may have the same name.
    #[must_use]
    pub fn run(&self, name: &str) -> RunBuilder {
        RunBuilder::new(self, name)
    }

    /// Refers to a run from outside.
    #[must_use]
    pub fn run_ref(&self, run: RunId) -> RunRef {
        RunRef { experiment: self.name.clone(), run }
    }

    /// Returns all runs in the order in which they were started.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn runs(&self) -> Result<Vec<RunRecord>, Error> {
        let mut runs: Vec<RunRecord> = self.journal.read(|runs| runs.iter().cloned().collect()).await?;
        runs.sort_unstable_by_key(|run| run.number);
        Ok(runs)
    }

    /// Returns a run with what its metrics come to.
    ///
    /// Mostly answered from the journal; points are read only where attempts overlap.
    ///
    /// # Errors
    /// [`Error::UnknownRun`]; otherwise as [`Experiment::metric_batches`].
    pub async fn get(&self, run: RunId) -> Result<Run, Error> {
        let record = self.record_of(run).await?;
        let metrics = match effective::summaries(&record) {
            Some(metrics) => metrics,
            None => self.summarise(&record).await?,
        };
        Ok(Run { record, metrics })
    }

    /// Returns the runs as they were at `at`: after an entry of the journal, or at a time.
    ///
    /// # Errors
    /// [`Error::Store`] if there was no entry yet, or none of that number.
    pub async fn as_of(&self, at: At) -> Result<Runs, Error> {
        Ok(self.journal.as_of(at).await?.state)
    }

    /// Returns the points of a metric that count, by ascending step; none for a metric that was never logged.
    ///
    /// An attempt that resumed continues the one before it: of that one, points up to the checkpoint count, and steps that
    /// were logged again count once, as logged last. Attempts that nobody resumed from do not count. Points of equal step
    /// within an attempt stay in the order in which they were logged.
    ///
    /// # Errors
    /// As [`Experiment::metric_batches`].
    pub async fn metrics(&self, run: RunId, metric: &str) -> Result<Vec<Point>, Error> {
        let record = self.record_of(run).await?;
        let wanted = |segment: &Segment| segment.metrics.contains_key(metric);
        let mut batches = self.effective(&record, wanted).await?;
        let mut points = Vec::new();
        while let Some(batch) = batches.try_next().await? {
            let columns = Columns::of(&batch);
            let rows = columns.iter().flat_map(Columns::rows);
            points.extend(rows.filter(|(name, _)| *name == metric).map(|(_, point)| point));
        }
        points.sort_by_key(|point| point.step);
        Ok(points)
    }

    /// Streams all points of a run that count, as Arrow batches.
    ///
    /// Columns: `metric` (dictionary of text), `step` (u64), `time` (nanoseconds, UTC), `value` (f64), `attempt` (u32).
    /// In the order in which segments were sealed, within one by metric and step; a segment is in memory at a time.
    ///
    /// # Errors
    /// [`Error::UnknownRun`]; [`Error::Store`] if a segment is missing or damaged; [`Error::Segment`] and
    /// [`Error::SegmentDiffers`] if it is not what the journal says; as items of the stream, too.
    pub async fn metric_batches(&self, run: RunId) -> Result<BoxStream<'static, Result<RecordBatch, Error>>, Error> {
        let record = self.record_of(run).await?;
        self.effective(&record, |_| true).await
    }

    pub(crate) async fn record_of(&self, run: RunId) -> Result<RunRecord, Error> {
        self.journal.read(|runs| runs.get(run).cloned()).await?.ok_or(Error::UnknownRun { run })
    }

    /// Summarises the points themselves.
    async fn summarise(&self, record: &RunRecord) -> Result<BTreeMap<String, Summary>, Error> {
        let mut metrics = BTreeMap::new();
        let mut batches = self.effective(record, |_| true).await?;
        while let Some(batch) = batches.try_next().await? {
            segment::summarise(std::slice::from_ref(&batch), &mut metrics);
        }
        Ok(metrics)
    }

    /// Streams the points that count, from the segments that `wanted` picks.
    async fn effective(
        &self,
        record: &RunRecord,
        wanted: impl Fn(&Segment) -> bool + Send + Sync,
    ) -> Result<BoxStream<'static, Result<RecordBatch, Error>>, Error> {
        let mut again = LoggedAgain::default();
        for (part, segment) in effective::overlapping(record).into_iter().filter(|(_, segment)| wanted(segment)) {
            for batch in self.load(segment.digest, segment.rows).await? {
                again.note(&batch, part);
            }
        }
        let again = Arc::new(again);
        let chosen = effective::segments(record).filter(|(_, segment)| wanted(segment));
        let chosen: Vec<(Part, Digest, u64)> =
            chosen.map(|(part, segment)| (part, segment.digest, segment.rows)).collect();
        let experiment = self.clone();
        let kept = stream::iter(chosen).then(move |(part, digest, rows)| {
            let (experiment, again) = (experiment.clone(), Arc::clone(&again));
            async move {
                let batches = experiment.load(digest, rows).await?;
                let keep = |batch: &RecordBatch| effective::keep(batch, part, &again);
                let kept: Result<Vec<_>, _> = batches.iter().map(keep).collect();
                let kept = kept.map_err(|source| Error::Segment { digest, source: Box::new(source.into()) })?;
                Ok::<_, Error>(stream::iter(kept.into_iter().filter(|batch| batch.num_rows() > 0).map(Ok)))
            }
        });
        Ok(kept.try_flatten().boxed())
    }

    /// Reads and decodes a segment.
    pub(crate) async fn load(&self, digest: Digest, rows: u64) -> Result<Vec<RecordBatch>, Error> {
        let bytes = self.blobs.read_all(&digest).await?;
        on_cpu(move || segment::decode(digest, bytes, rows)).await?
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.journal.store().host().clock)
    }

    pub(crate) fn ids(&self) -> &dyn IdSource {
        self.journal.store().host().ids.as_ref()
    }
}
