use std::{error::Error, sync::Arc};

use lineal_core::{Actor, BlobStore, Host, LooseBlobs, ManualClock, RunId, SeededIds, Store, Timestamp};
use lineal_runner::{Context, Experiment, RunBuilder, RunSettings};

pub(crate) type Any = Box<dyn Error + Send + Sync>;

pub(crate) fn actor() -> Actor {
    Actor::new("ana@example.org").unwrap()
}

pub(crate) fn host() -> Host {
    let clock = ManualClock::new(Timestamp::from_unix_secs(1_357_000_000).unwrap());
    Host::system().with_clock(Arc::new(clock)).with_ids(Arc::new(SeededIds::new(7)))
}

/// A memory store whose clock and ids are repeatable.
pub(crate) fn memory() -> Store {
    Store::open("memory:///").unwrap().with_host(host())
}

pub(crate) async fn open(store: &Store) -> Experiment {
    let blobs = LooseBlobs::open(store, "blobs").await.unwrap();
    open_with(store, Arc::new(blobs)).await
}

pub(crate) async fn open_with(store: &Store, blobs: Arc<dyn BlobStore>) -> Experiment {
    Experiment::open(store, "late15", blobs).await.unwrap()
}

pub(crate) const RUN: RunId = RunId::from_bytes([7; 16]);
pub(crate) const STEPS: u64 = 20;

/// The same run each time: a walk of 20 steps, a checkpoint after every fifth, small segments.
pub(crate) fn walk(experiment: &Experiment) -> RunBuilder {
    let settings = RunSettings::default().with_rows_per_segment(7);
    experiment
        .run("walk")
        .with_id(RUN)
        .params(&[("rate", 0.1)].map(named).into_iter().collect::<Named>())
        .seed(11)
        .with_settings(settings)
}

pub(crate) type Named = std::collections::BTreeMap<String, f64>;

pub(crate) fn named((name, value): (&str, f64)) -> (String, f64) {
    (name.to_owned(), value)
}

/// Training code that can go on from any of its checkpoints, and fails after `fail_after`, if that is a step.
pub(crate) fn walking(fail_after: Option<u64>) -> impl FnOnce(&Context) -> Result<f64, Any> + Send + 'static {
    move |cx| {
        let (first, mut at) = match cx.resume()? {
            Some((step, bytes)) => (step + 1, f64::from_le_bytes(bytes.as_ref().try_into()?)),
            None => (0, 8.0),
        };
        let rate = cx.param("rate").and_then(|rate| rate.as_f64()).ok_or("no rate")?;
        let (loss, odd, noise) = (cx.metric("loss")?, cx.metric("odd")?, cx.rng("noise"));
        for step in first..STEPS {
            at -= rate * at + 0.01 * noise.fork(&step.to_string()).normal();
            loss.log(step, at * at);
            if step % 3 == 0 {
                odd.log(step, f64::from_bits(0x7ff8_0000_0000_0000 | step));
            }
            if step % 5 == 4 {
                cx.checkpoint(step, at.to_le_bytes().to_vec())?;
            }
            if fail_after == Some(step) {
                return Err("the data ran out".into());
            }
        }
        cx.artifact("model", at.to_le_bytes().to_vec())?;
        Ok(at)
    }
}

/// The effective curves of the run, to the bit.
pub(crate) async fn curves(experiment: &Experiment, run: RunId) -> Vec<(&'static str, Vec<(u64, u64)>)> {
    let mut curves = Vec::new();
    for name in ["loss", "odd"] {
        let points = experiment.metrics(run, name).await.unwrap();
        curves.push((name, points.iter().map(|point| (point.step, point.value.to_bits())).collect()));
    }
    curves
}

/// The curves of a run that nothing disturbed.
pub(crate) async fn undisturbed() -> Vec<(&'static str, Vec<(u64, u64)>)> {
    let experiment = open(&memory()).await;
    walk(&experiment).execute(&actor(), walking(None)).await.unwrap();
    curves(&experiment, RUN).await
}
