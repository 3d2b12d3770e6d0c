//! Every fault happens, is counted, and has the effect it says.

use std::sync::Arc;

use futures::TryStreamExt;
use lineal_testkit::{Counts, Fault, FaultStore, Faults, Op, SimDisk, World};
use object_store::path::Path;
use object_store::{CopyMode, CopyOptions, Error, ObjectStore, ObjectStoreExt, PutMode};

fn alone(faults: Faults) -> (SimDisk, FaultStore) {
    let disk = SimDisk::new();
    let store = FaultStore::new(Arc::new(disk.clone()), faults, 1);
    (disk, store)
}

fn path(name: &str) -> Path {
    Path::from(name)
}

async fn create(store: &FaultStore, name: &str, bytes: &'static str) -> object_store::Result<()> {
    store.put_opts(&path(name), bytes.into(), PutMode::Create.into()).await.map(drop)
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    futures::executor::block_on(future)
}

#[test]
fn failing_before_has_no_effect_and_failing_after_has() {
    for (faults, fault, stored) in [
        (Faults { fail_before: 1.0, ..Faults::none() }, Fault::FailBefore, false),
        (Faults { fail_after: 1.0, ..Faults::none() }, Fault::FailAfter, true),
        (Faults { lost_answer: 1.0, ..Faults::none() }, Fault::LostAnswer, true),
        (Faults { conflict: 1.0, ..Faults::none() }, Fault::Conflict, false),
        (Faults { own_conflict: 1.0, ..Faults::none() }, Fault::OwnConflict, true),
    ] {
        let (disk, store) = alone(faults);
        let error = block_on(create(&store, "a", "mine")).unwrap_err();
        let conflict = matches!(fault, Fault::Conflict | Fault::OwnConflict);
        assert_eq!(matches!(error, Error::AlreadyExists { .. }), conflict, "{fault}");
        assert_eq!(disk.read(&path("a")).is_some(), stored, "{fault}");
        assert_eq!(store.log().counts().fault(fault), 1, "{fault}");
        assert_eq!(store.log().counts().faults(), 1, "{fault}");
    }
}

#[test]
fn conditional_faults_leave_plain_writes_alone() {
    let (_, store) = alone(Faults { conflict: 1.0, own_conflict: 1.0, ignored_condition: 1.0, ..Faults::none() });
    block_on(store.put(&path("a"), "x".into())).unwrap();
    block_on(store.delete(&path("a"))).unwrap();
    assert_eq!(store.log().counts().faults(), 0);
}

#[test]
fn every_conditional_write_of_a_liar_overwrites() {
    let (disk, store) = alone(Faults::lying());
    block_on(async {
        create(&store, "a", "first").await.unwrap();
        assert_eq!(store.log().counts().fault(Fault::IgnoredCondition), 0);
        create(&store, "a", "second").await.unwrap();
        assert_eq!(disk.read(&path("a")).unwrap(), "second");
        store.put(&path("b"), "third".into()).await.unwrap();
        store.copy_opts(&path("b"), &path("a"), CopyOptions::new().with_mode(CopyMode::Create)).await.unwrap();
        store.rename_if_not_exists(&path("b"), &path("a")).await.unwrap();
    });
    assert_eq!(disk.read(&path("a")).unwrap(), "third");
    assert_eq!(store.log().counts().fault(Fault::IgnoredCondition), 3);
}

#[test]
fn a_late_copy_lands_after_failure_and_never_over_another_object() {
    let late = Faults { late_copy: 1.0, fail_before: 1.0, ..Faults::none() };
    block_on(async {
        let (disk, store) = alone(late.clone());
        create(&store, "a", "mine").await.unwrap_err();
        assert!(disk.read(&path("a")).is_none());
        store.settle().await;
        assert_eq!(disk.read(&path("a")).unwrap(), "mine");
        assert_eq!(store.log().counts().fault(Fault::LateLanded), 1);

        let (disk, store) = alone(late);
        create(&store, "a", "mine").await.unwrap_err();
        disk.put(&path("a"), "theirs".into()).await.unwrap();
        store.settle().await;
        assert_eq!(disk.read(&path("a")).unwrap(), "theirs");
        let counts = store.log().counts();
        assert_eq!((counts.fault(Fault::LateCopy), counts.fault(Fault::LateLanded)), (1, 0));
    });
}

#[test]
fn a_late_copy_at_a_liar_overwrites() {
    let (disk, store) = alone(Faults { late_effect: 1.0, ..Faults::lying() });
    block_on(async {
        create(&store, "a", "mine").await.unwrap_err();
        disk.put(&path("a"), "theirs".into()).await.unwrap();
        store.settle().await;
    });
    assert_eq!(disk.read(&path("a")).unwrap(), "mine");
    assert_eq!(store.log().counts().fault(Fault::IgnoredCondition), 1);
}

#[test]
fn a_late_effect_comes_after_the_error() {
    let (disk, store) = alone(Faults { late_effect: 1.0, ..Faults::none() });
    block_on(async {
        create(&store, "a", "mine").await.unwrap_err();
        assert!(disk.read(&path("a")).is_none());
        store.settle().await;
    });
    assert_eq!(disk.read(&path("a")).unwrap(), "mine");
    let counts = store.log().counts();
    assert_eq!((counts.fault(Fault::LateEffect), counts.fault(Fault::LateLanded)), (1, 1));
}

#[test]
fn a_late_copy_of_a_delete_or_overwrite_is_as_harmful_as_in_life() {
    let (disk, store) = alone(Faults { late_copy: 1.0, ..Faults::none() });
    block_on(async {
        store.put(&path("a"), "old".into()).await.unwrap();
        disk.put(&path("a"), "new".into()).await.unwrap();
        store.settle().await;
        assert_eq!(disk.read(&path("a")).unwrap(), "old");
        store.delete(&path("a")).await.unwrap();
        disk.put(&path("a"), "again".into()).await.unwrap();
        store.settle().await;
        assert!(disk.read(&path("a")).is_none());
    });
}

#[test]
fn without_a_world_late_copies_arrive_before_later_operations() {
    let (disk, store) = alone(Faults { late_copy: 1.0, fail_before: 1.0, ..Faults::none() });
    block_on(async {
        create(&store, "a", "mine").await.unwrap_err();
        for _ in 0..10 {
            store.head(&path("b")).await.unwrap_err();
        }
    });
    assert!(disk.read(&path("a")).is_some());
}

#[test]
fn bodies_end_early_without_a_word_or_break_off() {
    let text = "0123456789";
    let (disk, store) = alone(Faults { short_body: 1.0, ..Faults::none() });
    block_on(async {
        disk.put(&path("a"), text.into()).await.unwrap();
        let result = store.get(&path("a")).await.unwrap();
        assert_eq!((result.meta.size, result.range.clone()), (10, 0..10));
        let body = result.bytes().await.unwrap();
        assert!(body.len() < 10 && text.as_bytes().starts_with(&body));
        let parts = store.get_ranges(&path("a"), &[0..4, 4..8]).await.unwrap();
        assert!(parts.concat().len() < 8);
        assert_eq!(store.log().counts().fault(Fault::ShortBody), 2);

        store.set_faults(Faults { broken_body: 1.0, ..Faults::none() });
        let result = store.get(&path("a")).await.unwrap();
        assert!(result.bytes().await.is_err());
        assert!(store.get_range(&path("a"), 2..4).await.is_err());
        assert!(store.get_ranges(&path("a"), &[0..4, 4..8]).await.is_err());
        assert_eq!(store.log().counts().fault(Fault::BrokenBody), 3);

        store.set_faults(Faults::none());
        assert_eq!(store.get(&path("a")).await.unwrap().bytes().await.unwrap(), text);
    });
}

#[test]
fn lists_come_in_any_order_or_break_off_but_never_lack_an_object_silently() {
    let (disk, store) = alone(Faults { shuffled_list: 1.0, ..Faults::none() });
    block_on(async {
        for n in 0..20 {
            disk.put(&path(&format!("d/{n:02}")), "x".into()).await.unwrap();
        }
        let mut names: Vec<_> = store.list(None).map_ok(|meta| meta.location).try_collect().await.unwrap();
        assert!(!names.is_sorted());
        names.sort();
        assert_eq!(names, disk.paths());
        let rest: Vec<_> = store.list_with_offset(None, &path("d/14")).try_collect().await.unwrap();
        assert_eq!(rest.len(), 5);
        let level = store.list_with_delimiter(Some(&path("d"))).await.unwrap();
        assert!(!level.objects.is_sorted_by_key(|meta| meta.location.clone()));
        assert_eq!(store.log().counts().fault(Fault::ShuffledList), 3);

        store.set_faults(Faults { broken_list: 1.0, ..Faults::none() });
        assert!(store.list(None).try_collect::<Vec<_>>().await.is_err());
        assert_eq!(store.log().counts().fault(Fault::BrokenList), 1);
    });
}

#[test]
fn multipart_meets_faults_and_never_completes_without_a_part() {
    let (disk, store) = alone(Faults::none());
    block_on(async {
        let mut upload = store.put_multipart(&path("a")).await.unwrap();
        upload.put_part("one ".into()).await.unwrap();
        upload.put_part("two".into()).await.unwrap();
        upload.complete().await.unwrap();
        assert_eq!(disk.read(&path("a")).unwrap(), "one two");

        let mut upload = store.put_multipart(&path("b")).await.unwrap();
        store.set_faults(Faults::unreachable());
        upload.put_part("one".into()).await.unwrap_err();
        store.set_faults(Faults::none());
        upload.complete().await.unwrap_err();
        upload.abort().await.unwrap();

        let mut upload = store.put_multipart(&path("c")).await.unwrap();
        upload.put_part("one".into()).await.unwrap();
        store.set_faults(Faults { lost_answer: 1.0, ..Faults::none() });
        upload.complete().await.unwrap_err();
        assert_eq!(disk.paths(), [path("a"), path("c")]);
    });
}

#[test]
fn operations_are_counted_by_kind() {
    let (_, store) = alone(Faults::none());
    block_on(async {
        store.put(&path("a"), "x".into()).await.unwrap();
        store.head(&path("a")).await.unwrap();
        store.get(&path("a")).await.unwrap();
        store.get_ranges(&path("a"), std::slice::from_ref(&(0..1))).await.unwrap();
        store.copy(&path("a"), &path("b")).await.unwrap();
        store.rename(&path("b"), &path("c")).await.unwrap();
        store.list(None).try_collect::<Vec<_>>().await.unwrap();
        store.delete(&path("c")).await.unwrap();
        store.put_multipart(&path("d")).await.unwrap();
    });
    let counts = store.log().counts();
    assert!(Op::ALL.iter().all(|op| counts.op(*op) == 1), "{counts:?}");
    assert_eq!(store.log().lines().len(), Op::ALL.len());
}

#[test]
fn rough_worlds_meet_every_fault_of_an_honest_store() {
    let mut total = Counts::default();
    for seed in 0..40 {
        let world = World::new(seed);
        let disk = Arc::new(SimDisk::new());
        for writer in 0..3 {
            let faults = Faults { denied: 0.02, ..Faults::rough() };
            let store = world.store(Arc::clone(&disk) as Arc<dyn ObjectStore>, faults);
            let sim = world.sim();
            world.spawn(&format!("writer {writer}"), async move {
                for n in 0..8 {
                    let name = path(&n.to_string());
                    let put = store.put_opts(&name, "body".into(), PutMode::Create.into());
                    drop(sim.maybe_cancel(0.2, put).await);
                    if let Ok(got) = store.get(&path(&n.to_string())).await {
                        drop(got.bytes().await);
                    }
                    drop(store.list(None).try_collect::<Vec<_>>().await);
                }
            });
        }
        world
            .spawn("mortal", {
                let timer = world.timer();
                async move {
                    loop {
                        timer.sleep(std::time::Duration::from_millis(1)).await;
                    }
                }
            })
            .crash_within(50);
        world.run();
        total += &world.log().counts();
    }
    let missing: Vec<_> = Fault::ALL.iter().filter(|fault| total.fault(**fault) == 0).collect();
    assert_eq!(missing, [&Fault::IgnoredCondition], "{total}");
}
