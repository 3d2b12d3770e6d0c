use std::{
    future::Future,
    pin::{Pin, pin},
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use lineal_core::{Host, NoProgress, Retry, SeededIds, Store};
use lineal_runner::{Error, Status};
use lineal_testkit::{CrashPoints, Faults, Sim, SimDisk, World, for_each_seed};
use object_store::ObjectStore;

use crate::support::{RUN, actor, curves, memory, open, undisturbed, walk, walking};

fn on(sim: &Sim, seed: u64, objects: Arc<dyn ObjectStore>) -> Store {
    let host = Host { clock: Arc::new(sim.clock()), ids: Arc::new(SeededIds::new(seed)), timer: Arc::new(sim.timer()) };
    Store::new(objects, "disk").with_host(host)
}

#[test]
fn stopped_at_any_request_and_executed_again_it_is_the_same_run() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let expected = Arc::new(runtime.block_on(undisturbed()));
    let points = CrashPoints::new().with_reads().run(
        |sim, objects, acknowledged: Arc<Mutex<bool>>| async move {
            let store = on(&sim, 1, objects);
            let Ok(blobs) = lineal_core::LooseBlobs::open(&store, "blobs").await else { return };
            let Ok(experiment) = lineal_runner::Experiment::open(&store, "late15", Arc::new(blobs)).await else {
                return;
            };
            if walk(&experiment).execute(&actor(), walking(None)).await.is_ok() {
                *acknowledged.lock().unwrap() = true;
            }
        },
        |point, disk, acknowledged| {
            let expected = Arc::clone(&expected);
            async move {
                let store = on(&lineal_testkit::World::new(9).sim(), 2, Arc::new(disk));
                let experiment = open(&store).await;
                let runs = experiment.runs().await.unwrap();
                let finished = runs.iter().any(|run| run.status() == Status::Finished);
                let acknowledged = *acknowledged.lock().unwrap();
                assert!(finished || !acknowledged, "{point:?}: what was acknowledged is lost");
                experiment.verify(&NoProgress).await.unwrap();
                if !finished {
                    walk(&experiment).execute(&actor(), walking(None)).await.unwrap();
                }
                assert_eq!(curves(&experiment, RUN).await, *expected, "{point:?}");
                let verified = experiment.verify(&NoProgress).await.unwrap();
                assert_eq!(verified.runs, 1, "{point:?}");
                let run = experiment.get(RUN).await.unwrap();
                assert_eq!(run.metrics["loss"].count, crate::support::STEPS);
                assert!(run.attempts.len() <= 2);
            }
        },
    );
    assert!(points > 80, "only {points} crash points");
}

#[test]
fn on_a_rough_store_it_is_the_same_run() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let expected = runtime.block_on(undisturbed());
    let executions = for_each_seed(24, |seed| {
        let (world, disk, expected) = (World::new(seed), SimDisk::new(), expected.clone());
        let faults = Faults { fail_before: 0.08, fail_after: 0.08, lost_answer: 0.08, ..Faults::rough() };
        let (sim, faulty) = (world.sim(), world.store(Arc::new(disk.clone()), faults));
        world.block_on(async move {
            let mut executions = 0_u64;
            loop {
                executions += 1;
                assert!(executions < 200, "it never finishes");
                // Impatient, so that attempts are lost.
                let store = on(&sim, seed * 1000 + executions, Arc::clone(&faulty) as Arc<dyn ObjectStore>);
                let store = store.with_retry(Retry::default().with_attempts(2));
                let Ok(blobs) = lineal_core::LooseBlobs::open(&store, "blobs").await else { continue };
                let opened = lineal_runner::Experiment::open(&store, "late15", Arc::new(blobs)).await;
                let Ok(experiment) = opened else { continue };
                match walk(&experiment).execute(&actor(), walking(None)).await {
                    Ok(_) | Err(Error::RunIsFinished { .. }) => break,
                    Err(_) => {}
                }
            }
            let experiment = open(&on(&sim, seed * 1000, Arc::new(disk))).await;
            assert_eq!(curves(&experiment, RUN).await, expected);
            experiment.verify(&NoProgress).await.unwrap();
            executions
        })
    });
    assert!(executions.iter().sum::<u64>() > executions.len() as u64, "no execution ever failed");
}

/// Drops a future after so many polls.
struct Doomed<F> {
    future: Option<Pin<Box<F>>>,
    polls_left: usize,
}

impl<F: Future> Future for Doomed<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(future) = self.future.as_mut() else { return Poll::Ready(None) };
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        self.polls_left = self.polls_left.saturating_sub(1);
        if self.polls_left == 0 {
            self.future = None;
            return Poll::Ready(None);
        }
        Poll::Pending
    }
}

#[tokio::test]
async fn dropped_at_any_await_and_executed_again_it_is_the_same_run() {
    let expected = undisturbed().await;
    let (mut dropped, mut attempts) = (0, 0);
    for polls in 1..60 {
        let experiment = open(&memory()).await;
        // Dropped again and again, each time a little later, until an attempt gets through.
        for polls_left in (polls..).step_by(3) {
            let execute = walk(&experiment).execute(&actor(), walking(None)).await_within(polls_left).await;
            match execute {
                Some(result) => {
                    result.unwrap();
                    break;
                }
                None => dropped += 1,
            }
            // The last write may have been the one that finished it.
            if experiment.runs().await.unwrap().iter().any(|run| run.finished.is_some()) {
                break;
            }
        }
        assert_eq!(curves(&experiment, RUN).await, expected, "dropped after {polls} polls");
        experiment.verify(&NoProgress).await.unwrap();
        attempts += experiment.get(RUN).await.unwrap().attempts.len();
    }
    assert!(dropped >= 20 && attempts > dropped, "dropped {dropped} times, {attempts} attempts");
}

trait Within: Future + Sized {
    async fn await_within(self, polls_left: usize) -> Option<Self::Output> {
        pin!(Doomed { future: Some(Box::pin(self)), polls_left }).await
    }
}

impl<F: Future> Within for F {}
