use std::sync::{Arc, Mutex};

use futures::TryStreamExt;
use lineal_core::{At, DataRef, Digest, Name, NoProgress, Progress, ProgressEvent, Store};
use lineal_runner::{Cause, Outcome, Status};

use crate::support::{Any, RUN, STEPS, actor, curves, memory, open, walk, walking};

#[tokio::test]
async fn a_run_is_read_back_from_another_handle_on_memory_and_on_disk() {
    let directory = tempfile::tempdir().unwrap();
    let local = Store::open(&format!("file://{}", directory.path().display())).unwrap();
    for store in [memory(), local] {
        let data = DataRef {
            repository: Name::new("flights").unwrap(),
            commit: Digest::of(b"commit"),
            path: Some("2013/01.parquet".into()),
            rows: Some(27_004),
        };
        let done = walk(&open(&store).await).input(data.clone()).execute(&actor(), walking(None)).await.unwrap();
        assert_eq!((done.attempt, done.run.run), (1, RUN));

        let experiment = open(&store).await;
        let run = experiment.get(RUN).await.unwrap();
        assert_eq!((run.status(), run.inputs.as_slice(), run.seed.get()), (Status::Finished, &[data][..], 11));
        assert_eq!(run.params.get("rate").unwrap().as_f64(), Some(0.1));
        assert_eq!(run.attempts.len(), 1);
        assert_eq!(run.attempts[0].outcome, Some(Outcome::Completed {}));
        let steps: Vec<u64> = run.attempts[0].checkpoints.iter().map(|checkpoint| checkpoint.step.get()).collect();
        assert_eq!(steps, [4, 9, 14, 19]);
        assert_eq!(run.outputs["model"].digest, Digest::of(&done.output.to_le_bytes()));
        assert_eq!(experiment.run_ref(RUN), done.run);

        let loss = &run.metrics["loss"];
        assert_eq!((loss.count, loss.last_step.get()), (STEPS, STEPS - 1));
        assert_eq!(loss.last.get(), done.output * done.output);
        let curve = experiment.metrics(RUN, "loss").await.unwrap();
        let lowest = curve.iter().map(|point| point.value).fold(f64::INFINITY, f64::min);
        assert_eq!(loss.min.unwrap().value.get(), lowest);
        assert!(run.metrics["odd"].min.is_none() && run.metrics["odd"].last.get().is_nan());
        let rows: usize = experiment
            .metric_batches(RUN)
            .await
            .unwrap()
            .map_ok(|batch| batch.num_rows())
            .try_collect::<Vec<_>>()
            .await
            .unwrap()
            .iter()
            .sum();
        assert_eq!(rows, 27);
        assert!(experiment.metrics(RUN, "nothing").await.unwrap().is_empty());

        let verified = experiment.verify(&NoProgress).await.unwrap();
        assert_eq!((verified.runs, verified.points), (1, 27));
        assert_eq!(experiment.runs().await.unwrap(), [run.record]);
    }
}

#[tokio::test]
async fn what_was_logged_is_what_is_read_bit_for_bit() {
    let experiment = open(&memory()).await;
    walk(&experiment).execute(&actor(), walking(None)).await.unwrap();
    let read = curves(&experiment, RUN).await;
    let odd: Vec<(u64, u64)> = (0..STEPS).step_by(3).map(|step| (step, 0x7ff8_0000_0000_0000 | step)).collect();
    assert_eq!(read[1], ("odd", odd));
    assert_eq!(read[0].1.len() as u64, STEPS);
}

#[tokio::test]
async fn the_past_can_be_asked() {
    let experiment = open(&memory()).await;
    let error = walk(&experiment).execute(&actor(), walking(Some(7))).await.unwrap_err();
    let seq = experiment.journal().head().unwrap().seq;
    walk(&experiment).execute(&actor(), walking(None)).await.unwrap();
    let past = experiment.as_of(At::Seq(seq)).await.unwrap();
    let run = past.get(RUN).unwrap();
    assert_eq!((run.status(), run.attempts.len()), (Status::Failed, 1));
    let failed = Outcome::Failed { cause: Cause::Error, message: "the data ran out".into() };
    assert_eq!(run.attempts[0].outcome, Some(failed));
    assert_eq!(error.to_string(), format!("run {RUN}: attempt 1 failed"));
    assert_eq!(experiment.as_of(At::Seq(0)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_flipped_byte_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&format!("file://{}", directory.path().display())).unwrap();
    let experiment = open(&store).await;
    walk(&experiment).execute(&actor(), walking(None)).await.unwrap();
    experiment.verify(&NoProgress).await.unwrap();
    let segment = experiment.get(RUN).await.unwrap().attempts[0].segments[0].digest.to_string();
    let path = directory.path().join("blobs").join(&segment[..2]).join(&segment);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[20] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let error = experiment.verify(&NoProgress).await.unwrap_err();
    assert_eq!(error.kind(), lineal_core::ErrorKind::Corrupt);
    assert!(experiment.metrics(RUN, "loss").await.is_err());
}

#[tokio::test]
async fn the_random_streams_are_those_of_the_seed_in_every_attempt() {
    let experiment = open(&memory()).await;
    let draw = |cx: &lineal_runner::Context| Ok::<_, Any>((cx.rng("init").next_u64(), cx.seed()));
    let run = || experiment.run("draw").seed(3);
    let first = run().execute(&actor(), draw).await.unwrap().output;
    assert_eq!(first, run().execute(&actor(), draw).await.unwrap().output);
    assert_eq!(first.0, lineal_core::Rng::new(3, "init").next_u64());
}

#[derive(Debug, Default)]
struct Heard(Mutex<Vec<String>>);

impl Progress for Heard {
    fn report(&self, event: ProgressEvent<'_>) {
        self.0.lock().unwrap().push(format!("{event:?}"));
    }
}

#[tokio::test]
async fn progress_reaches_whoever_listens() {
    let experiment = open(&memory()).await;
    let heard = Arc::new(Heard::default());
    let train = |cx: &lineal_runner::Context| {
        cx.progress().report(ProgressEvent::Advanced { task: "epoch", by: 3 });
        Ok::<_, Any>(std::thread::current().name().map(str::to_owned))
    };
    let listened = experiment.run("x").with_id(RUN).with_progress(Arc::<Heard>::clone(&heard));
    let thread = listened.execute(&actor(), train).await.unwrap().output;
    assert_eq!(*heard.0.lock().unwrap(), [r#"Advanced { task: "epoch", by: 3 }"#]);
    assert_eq!(thread.as_deref(), Some("run-07070707"));
}

#[test]
fn training_code_may_share_its_context_among_threads() {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<lineal_runner::Context>();
    is_shared::<lineal_runner::Metric>();
    is_shared::<lineal_runner::Experiment>();
}
