use std::sync::mpsc;

use lineal_core::RunId;
use lineal_runner::{Cause, Error, Outcome, RunSettings, Status, Stop};

use crate::support::{Any, Named, RUN, actor, curves, memory, named, open, undisturbed, walk, walking};

#[tokio::test]
async fn a_failed_run_goes_on_from_its_checkpoint_and_has_one_curve() {
    let expected = undisturbed().await;
    for fail_after in 0..crate::support::STEPS {
        let experiment = open(&memory()).await;
        let error = walk(&experiment).execute(&actor(), walking(Some(fail_after))).await.unwrap_err();
        assert!(matches!(&error, Error::Failed { source, .. } if source.to_string() == "the data ran out"));
        assert_eq!(experiment.get(RUN).await.unwrap().status(), Status::Failed);
        let done = walk(&experiment).execute(&actor(), walking(None)).await.unwrap();
        assert_eq!(done.attempt, 2);
        assert_eq!(curves(&experiment, RUN).await, expected, "failed after {fail_after}");
        let run = experiment.get(RUN).await.unwrap();
        let from = run.attempts[1].resumed_from.map(|from| (from.attempt, from.step.get()));
        let newest = (fail_after + 1) / 5 * 5;
        assert_eq!(from, newest.checked_sub(1).map(|step| (1, step)), "failed after {fail_after}");
        assert_eq!(run.metrics["loss"].count, crate::support::STEPS);
    }
}

#[tokio::test]
async fn many_failures_still_give_one_curve() {
    let experiment = open(&memory()).await;
    // Some attempts get further, some fail before they have made a checkpoint of their own.
    for fail_after in [2, 6, 6, 5, 12, 14, 15] {
        walk(&experiment).execute(&actor(), walking(Some(fail_after))).await.unwrap_err();
    }
    assert_eq!(walk(&experiment).execute(&actor(), walking(None)).await.unwrap().attempt, 8);
    assert_eq!(curves(&experiment, RUN).await, undisturbed().await);
}

#[tokio::test]
async fn an_attempt_that_starts_from_nothing_stands_alone() {
    let experiment = open(&memory()).await;
    walk(&experiment).execute(&actor(), walking(Some(12))).await.unwrap_err();
    let restart = |cx: &lineal_runner::Context| {
        cx.metric("loss")?.log(3, 0.5);
        Ok::<_, Error>(())
    };
    walk(&experiment).execute(&actor(), restart).await.unwrap();
    assert_eq!(curves(&experiment, RUN).await[0].1, [(3, 0.5_f64.to_bits())]);
    assert_eq!(experiment.get(RUN).await.unwrap().metrics["loss"].count, 1);
}

#[tokio::test]
async fn steps_that_are_logged_again_count_once() {
    let experiment = open(&memory()).await;
    let run = || experiment.run("again").with_id(RUN).with_settings(RunSettings::default().with_rows_per_segment(2));
    let first = |cx: &lineal_runner::Context| {
        let (loss, test) = (cx.metric("loss")?, cx.metric("test")?);
        for step in 0..6 {
            loss.log(step, step as f64);
        }
        test.log(0, 0.1);
        loss.log(9, 9.0);
        cx.checkpoint(5, "state")?;
        Err::<(), Any>("lost".into())
    };
    run().execute(&actor(), first).await.unwrap_err();
    let second = |cx: &lineal_runner::Context| {
        cx.resume()?;
        let (loss, test) = (cx.metric("loss")?, cx.metric("test")?);
        for step in 4..8 {
            loss.log(step, -(step as f64));
        }
        test.log(0, 0.2);
        Ok::<(), Any>(())
    };
    run().execute(&actor(), second).await.unwrap();
    let values =
        |points: Vec<lineal_runner::Point>| points.iter().map(|point| (point.step, point.value)).collect::<Vec<_>>();
    let loss = values(experiment.metrics(RUN, "loss").await.unwrap());
    assert_eq!(loss, [(0, 0.0), (1, 1.0), (2, 2.0), (3, 3.0), (4, -4.0), (5, -5.0), (6, -6.0), (7, -7.0)]);
    assert_eq!(values(experiment.metrics(RUN, "test").await.unwrap()), [(0, 0.2)]);
    let run = experiment.get(RUN).await.unwrap();
    assert_eq!((run.metrics["loss"].count, run.metrics["loss"].last.get()), (8, -7.0));
    assert_eq!(run.metrics["loss"].max.unwrap().value.get(), 3.0);
}

#[tokio::test]
async fn a_panic_is_recorded_and_does_not_spread() {
    let experiment = open(&memory()).await;
    let panicking = |cx: &lineal_runner::Context| -> Result<(), Any> {
        cx.metric("loss")?.log(0, 1.0);
        panic!("shape {} does not fit", 7)
    };
    let error = walk(&experiment).execute(&actor(), panicking).await.unwrap_err();
    assert!(matches!(&error, Error::Panicked { message, attempt: 1, .. } if message == "shape 7 does not fit"));
    let run = experiment.get(RUN).await.unwrap();
    let failed = Outcome::Failed { cause: Cause::Panic, message: "shape 7 does not fit".into() };
    assert_eq!(run.attempts[0].outcome, Some(failed));
    assert_eq!(run.metrics["loss"].count, 1);
    walk(&experiment).execute(&actor(), walking(None)).await.unwrap();
    assert_eq!(curves(&experiment, RUN).await, undisturbed().await);
}

#[tokio::test]
async fn a_finished_run_takes_no_more_and_another_start_is_refused() {
    let experiment = open(&memory()).await;
    walk(&experiment).execute(&actor(), walking(Some(3))).await.unwrap_err();
    let other = [("rate", 0.2)].map(named).into_iter().collect::<Named>();
    let refused = walk(&experiment).params(&other).execute(&actor(), walking(None)).await;
    assert!(matches!(refused, Err(Error::RunDiffers { what: "set of parameters", .. })));
    let refused = walk(&experiment).seed(12).execute(&actor(), walking(None)).await;
    assert!(matches!(refused, Err(Error::RunDiffers { what: "seed", .. })));
    walk(&experiment).execute(&actor(), walking(None)).await.unwrap();
    let refused = walk(&experiment).execute(&actor(), walking(None)).await;
    assert!(matches!(refused, Err(Error::RunIsFinished { .. })));
    let unknown = experiment.get(RunId::from_bytes([1; 16])).await;
    assert!(matches!(unknown, Err(Error::UnknownRun { .. })));
}

#[tokio::test]
async fn a_stop_interrupts_and_the_run_goes_on_later() {
    let experiment = open(&memory()).await;
    let stop = Stop::default();
    let asked = stop.clone();
    let train = move |cx: &lineal_runner::Context| -> Result<(), Any> {
        asked.request();
        if cx.should_stop() {
            cx.checkpoint(0, 8.0_f64.to_le_bytes().to_vec())?;
            return Err("stopped".into());
        }
        Ok(())
    };
    let error = walk(&experiment).stop_on(&stop).execute(&actor(), train).await.unwrap_err();
    assert!(matches!(error, Error::Interrupted { attempt: 1, .. }));
    assert_eq!(experiment.get(RUN).await.unwrap().status(), Status::Interrupted);
    let done = walk(&experiment).execute(&actor(), walking(None)).await.unwrap();
    assert_eq!(experiment.get(RUN).await.unwrap().attempts[1].resumed_from.map(|from| from.step.get()), Some(0));
    assert_eq!(done.attempt, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_that_was_taken_over_is_fenced_off() {
    let experiment = open(&memory()).await;
    let (go, wait) = mpsc::channel::<()>();
    let (started, has_started) = mpsc::channel::<()>();
    let zombie = move |cx: &lineal_runner::Context| -> Result<(), Any> {
        cx.metric("loss")?.log(0, -1.0);
        started.send(())?;
        wait.recv()?;
        cx.artifact("model", "of the zombie")?;
        Ok(())
    };
    let builder = walk(&experiment);
    let zombie = tokio::spawn(async move { builder.execute(&actor(), zombie).await });
    tokio::task::spawn_blocking(move || has_started.recv()).await.unwrap().unwrap();
    // Another process, which believes the first one dead.
    walk(&experiment).execute(&actor(), walking(None)).await.unwrap();
    go.send(()).unwrap();
    let error = zombie.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Superseded { attempt: 1, .. }), "{error:?}");
    let run = experiment.get(RUN).await.unwrap();
    assert_eq!(run.attempts[0].outcome, Some(Outcome::Interrupted {}));
    assert_eq!(run.outputs["model"].attempt, 2);
    assert_eq!(curves(&experiment, RUN).await, undisturbed().await);
}

#[tokio::test]
async fn training_code_learns_that_nobody_waits_any_more() {
    let experiment = open(&memory()).await;
    let (tell, told) = mpsc::channel();
    let (started, has_started) = tokio::sync::oneshot::channel::<()>();
    let train = move |cx: &lineal_runner::Context| -> Result<(), Any> {
        let loss = cx.metric("loss")?;
        started.send(()).ok();
        while !cx.should_stop() {
            std::thread::yield_now();
        }
        for step in 0..1_000 {
            loss.log(step, 0.0);
        }
        tell.send(cx.checkpoint(0, "state"))?;
        Ok(())
    };
    let builder = walk(&experiment);
    let running = tokio::spawn(async move { builder.execute(&actor(), train).await.map(drop) });
    has_started.await.unwrap();
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    let told = tokio::task::spawn_blocking(move || told.recv()).await.unwrap().unwrap();
    assert!(matches!(told, Err(Error::Abandoned)));
    assert_eq!(experiment.get(RUN).await.unwrap().status(), Status::Running);
    walk(&experiment).execute(&actor(), walking(None)).await.unwrap();
    assert_eq!(experiment.get(RUN).await.unwrap().attempts[0].outcome, Some(Outcome::Interrupted {}));
}
