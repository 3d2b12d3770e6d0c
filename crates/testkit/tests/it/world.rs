//! The world: replay, fairness, time, crashes, dropped futures, dead ends.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lineal_core::Clock;
use lineal_testkit::{Fault, Faults, SimDisk, World};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode};

const MS: Duration = Duration::from_millis(1);

fn rough_run(seed: u64) -> (u64, u64, Duration, Vec<Path>) {
    let world = World::new(seed);
    let disk = SimDisk::new();
    for writer in 0..3 {
        let store = world.store(Arc::new(disk.clone()), Faults::rough());
        let task = world.spawn(&format!("writer {writer}"), async move {
            for n in 0..10 {
                let name = Path::from(n.to_string());
                drop(store.put_opts(&name, writer.to_string().into(), PutMode::Create.into()).await);
            }
        });
        task.crash_within(200);
    }
    world.run();
    (world.log().digest(), world.schedule(), world.elapsed(), disk.paths())
}

#[test]
fn a_seed_replays_its_run_and_another_seed_does_not() {
    assert_eq!(rough_run(5), rough_run(5));
    assert_ne!(rough_run(5).0, rough_run(6).0);
    assert_ne!(rough_run(5).1, rough_run(6).1);
}

#[test]
fn ready_tasks_share_the_steps() {
    let world = World::new(1);
    let turns: Arc<[AtomicUsize; 4]> = Arc::default();
    for task in 0..4 {
        let (turns, sim) = (Arc::clone(&turns), world.sim());
        world.spawn_background("busy", async move {
            loop {
                turns[task].fetch_add(1, Ordering::Relaxed);
                sim.timer().sleep(Duration::from_nanos(1)).await;
            }
        });
    }
    let timer = world.timer();
    world.block_on(async move { timer.sleep(20 * MS).await });
    let turns: Vec<usize> = turns.iter().map(|n| n.load(Ordering::Relaxed)).collect();
    let (least, most) = (turns.iter().min().unwrap(), turns.iter().max().unwrap());
    assert!(*least > 1_000 && most - least < most / 5, "{turns:?}");
}

#[test]
fn both_orders_of_two_ready_tasks_occur() {
    let first = |seed| {
        let world = World::new(seed);
        let order = Arc::new(Mutex::new(Vec::new()));
        for name in ["a", "b"] {
            let order = Arc::clone(&order);
            world.spawn(name, async move { order.lock().unwrap().push(name) });
        }
        world.run();
        order.lock().unwrap()[0]
    };
    let firsts: Vec<_> = (0..20).map(first).collect();
    assert!(firsts.contains(&"a") && firsts.contains(&"b"));
}

#[test]
fn sleepers_wake_in_order_and_hours_cost_nothing() {
    let world = World::new(2);
    let woken = Arc::new(Mutex::new(Vec::new()));
    for hours in [3, 1, 2] {
        let (timer, woken) = (world.timer(), Arc::clone(&woken));
        world.spawn("sleeper", async move {
            timer.sleep(Duration::from_secs(hours * 3_600)).await;
            woken.lock().unwrap().push(hours);
        });
    }
    world.run();
    assert_eq!(*woken.lock().unwrap(), [1, 2, 3]);
    assert!(world.elapsed() >= Duration::from_secs(3 * 3_600));
}

#[test]
fn a_dropped_sleep_does_not_move_the_clock() {
    let world = World::new(3);
    let timer = world.timer();
    world.spawn("stuck", async move {
        let long = timer.sleep(Duration::from_secs(3_600));
        let short = timer.sleep(MS);
        drop(futures::future::select(long, short).await);
        futures::future::pending::<()>().await;
    });
    assert!(catch_unwind(AssertUnwindSafe(|| world.run())).is_err());
    assert!(world.elapsed() >= MS && world.elapsed() < Duration::from_secs(1));
}

#[test]
fn a_crashed_task_is_dropped_and_its_request_on_the_wire_still_lands() {
    let mut landed = [0, 0];
    for seed in 0..40 {
        let world = World::new(seed);
        let disk = SimDisk::new();
        let store = world.store(Arc::new(disk.clone()), Faults { delay: 1.0, ..Faults::none() });
        let writer = world.spawn("writer", async move { store.put(&Path::from("a"), "x".into()).await.is_ok() });
        let (timer, probe) = (world.timer(), disk.clone());
        let unborn = world.block_on(async move {
            timer.sleep(Duration::from_nanos(1)).await;
            probe.paths().is_empty()
        });
        writer.crash();
        world.run();
        assert_eq!(world.block_on(writer), None);
        landed[usize::from(!disk.paths().is_empty())] += usize::from(unborn);
        assert_eq!(world.log().counts().fault(Fault::Crashed), 1);
    }
    assert!(landed[0] > 0 && landed[1] > 0, "{landed:?}");
}

#[test]
fn an_ended_task_gives_its_result_and_cannot_crash() {
    let world = World::new(4);
    let mut task = world.spawn("quick", async { 7 });
    assert_eq!(task.take(), None);
    world.run();
    task.crash();
    task.crash_within(3);
    assert_eq!((task.take(), task.take()), (Some(7), None));
    assert_eq!(world.log().counts().fault(Fault::Crashed), 0);
}

#[test]
fn crash_within_meets_different_awaits() {
    let steps_done = |seed| {
        let world = World::new(seed);
        let (done, timer) = (Arc::new(AtomicUsize::new(0)), world.timer());
        let seen = Arc::clone(&done);
        let task = world.spawn("mortal", async move {
            loop {
                timer.sleep(MS).await;
                seen.fetch_add(1, Ordering::Relaxed);
            }
        });
        task.crash_within(5);
        world.run();
        done.load(Ordering::Relaxed)
    };
    let mut seen: Vec<usize> = (0..60).map(steps_done).collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen, [0, 1, 2, 3, 4]);
}

#[test]
fn cancelled_futures_are_dropped_at_every_await() {
    let progress = |seed| {
        let world = World::new(seed);
        let (sim, done) = (world.sim(), Arc::new(AtomicUsize::new(0)));
        let seen = Arc::clone(&done);
        let output = world.block_on(async move {
            let timer = sim.timer();
            let work = async {
                for _ in 0..6 {
                    timer.sleep(MS).await;
                    seen.fetch_add(1, Ordering::Relaxed);
                }
            };
            sim.maybe_cancel(1.0, work).await
        });
        assert_eq!(output.is_some(), done.load(Ordering::Relaxed) == 6);
        assert_eq!(world.log().counts().fault(Fault::Cancelled), u64::from(output.is_none()));
        done.load(Ordering::Relaxed)
    };
    let seen: std::collections::BTreeSet<usize> = (0..200).map(progress).collect();
    assert_eq!(seen, (0..=6).collect());
}

#[test]
fn cancelled_futures_are_dropped_while_they_wait_and_when_they_wake() {
    let hour = Duration::from_secs(3_600);
    let waited_out = |seed| {
        let world = World::new(seed);
        let sim = world.sim();
        world.block_on(async move { sim.maybe_cancel(1.0, sim.timer().sleep(hour)).await });
        world.elapsed() >= hour
    };
    let late = (0..200).filter(|seed| waited_out(*seed)).count();
    assert!((50..150).contains(&late), "{late} of 200 were dropped only when they woke, or not at all");
}

#[test]
fn a_dead_end_panics_with_the_seed() {
    for (limit, future, word) in [
        (1_000, Box::pin(futures::future::pending::<()>()) as futures::future::BoxFuture<'static, ()>, "deadlock"),
        (
            1_000,
            Box::pin(futures::future::poll_fn(|cx| {
                cx.waker().wake_by_ref();
                std::task::Poll::Pending
            })),
            "no end after 1000",
        ),
    ] {
        let world = World::new(4_711).with_step_limit(limit);
        world.spawn("stuck", future);
        let panic = catch_unwind(AssertUnwindSafe(|| world.run())).unwrap_err();
        let message = panic.downcast_ref::<String>().unwrap();
        assert!(message.contains("4711") && message.contains(word), "{message}");
    }
}

#[test]
fn a_wake_from_another_thread_is_waited_for() {
    let world = World::new(1);
    let (sender, receiver) = futures::channel::oneshot::channel();
    let computing = std::thread::spawn(move || sender.send(42).unwrap());
    assert_eq!(world.block_on(receiver), Ok(42));
    computing.join().unwrap();
}

#[test]
fn worlds_leave_nothing_behind() {
    let held = Arc::new(());
    let world = World::new(1);
    let (sim, kept) = (world.sim(), Arc::clone(&held));
    world.spawn_background("for ever", async move {
        sim.timer().sleep(Duration::from_secs(1)).await;
        drop(kept);
    });
    world.block_on(async {});
    drop(world);
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn clocks_of_machines_differ_and_stay_within_their_skew() {
    let world = World::new(9);
    let skew = Duration::from_secs(60);
    let (own, clocks) = (world.clock(), [world.skewed_clock(skew), world.skewed_clock(skew)]);
    assert_eq!(own.now().to_string(), "2013-01-01T00:00:00.000000000Z");
    let starts = clocks.each_ref().map(|clock| clock.now().as_nanos() - own.now().as_nanos());
    assert!(starts.iter().all(|off| off.unsigned_abs() <= 60_000_000_000) && starts[0] != starts[1]);
    let timer = world.timer();
    world.block_on(async move { timer.sleep(Duration::from_secs(1_000)).await });
    let ends = clocks.each_ref().map(|clock| clock.now().as_nanos() - own.now().as_nanos());
    for (start, end) in starts.iter().zip(ends) {
        assert!((end - start).unsigned_abs() <= 101_000_000_000);
    }
    assert_ne!(starts, ends);
}
