use std::collections::BTreeSet;

use futures::{TryStreamExt, future::join_all};
use lineal_core::NoProgress;
use lineal_data::{Error, Level};

use crate::support::{World, ana, files, flights};

#[tokio::test]
async fn commits_to_different_paths_both_land() {
    let world = World::memory().await;
    let base = world.put("a", "1").await;
    let other = world.another().await;
    world.put("b", "2").await;
    let third = other.commit("main").based_on(base.id()).put("c", "3").commit(&ana()).await.unwrap();
    let version = world.repository.at("main").await.unwrap();
    assert_eq!(version.commit().id(), third.id());
    assert_eq!(files(&version, "").await.len(), 3);
}

#[tokio::test]
async fn the_second_to_change_a_path_is_told() {
    let world = World::memory().await;
    let base = world.put("a", "1").await;
    world.put("b", "2").await;
    let theirs = world.put("a", "theirs").await;
    let ours = || world.repository.commit("main").based_on(base.id());
    for draft in [ours().put("a", "ours"), ours().remove("a"), ours().put("b", "ours").put("c", "3")] {
        match draft.commit(&ana()).await {
            Err(Error::Conflict { tip, count: 1, .. }) => assert_eq!(tip, theirs.id()),
            outcome => panic!("{outcome:?}"),
        }
    }
    // The same change is no conflict, and here nothing new either.
    let same = ours().put("a", "theirs").commit(&ana()).await;
    assert!(matches!(same, Err(Error::Unchanged { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_handles_and_many_tasks_lose_nothing() {
    let (world, _guard) = World::local().await;
    world.put("start", "0").await;
    let (one, two) = (world.another().await, world.another().await);
    let commits = (0..24).map(|at| {
        let repository = if at % 2 == 0 { one.clone() } else { two.clone() };
        tokio::spawn(async move {
            let path = format!("part-{at}");
            repository.commit("main").put(&path, path.clone()).commit(&ana()).await
        })
    });
    let made: BTreeSet<_> = join_all(commits).await.into_iter().map(|task| task.unwrap().unwrap().id()).collect();
    assert_eq!(made.len(), 24);
    let log: Vec<_> =
        world.repository.log("main").await.unwrap().map_ok(|commit| commit.id()).try_collect().await.unwrap();
    assert_eq!(log.len(), 25);
    assert!(made.is_subset(&log.into_iter().collect()));
    assert_eq!(files(&world.repository.at("main").await.unwrap(), "part-").await.len(), 24);
    let verified = world.repository.verify(Level::Rehash, &NoProgress).await.unwrap();
    assert!(verified.is_intact());
    assert_eq!((verified.commits, verified.trees), (25, 25));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_that_append_to_one_table_none_is_half_applied() {
    let world = World::memory().await;
    world.repository.commit("main").put_table("t", &[flights(0, 1)]).commit(&ana()).await.unwrap();
    let appends = (0..8).map(|at| {
        let repository = world.repository.clone();
        let rows = [flights(at * 10, at * 10 + 10)];
        tokio::spawn(async move { repository.commit("main").append_table("t", &rows).commit(&ana()).await })
    });
    let mut landed = 0;
    for task in join_all(appends).await {
        match task.unwrap() {
            Ok(_) => landed += 1,
            Err(Error::Conflict { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert!(landed >= 1);
    let version = world.repository.at("main").await.unwrap();
    assert_eq!(version.file("t").await.unwrap().rows(), Some(1 + 10 * landed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repository_has_one_first_commit() {
    let world = World::memory().await;
    let firsts = (0..6).map(|at| {
        let repository = world.repository.clone();
        let branch = format!("b{}", at % 3);
        tokio::spawn(async move { repository.commit(&branch).put("same", at.to_string()).commit(&ana()).await })
    });
    let outcomes: Vec<_> = join_all(firsts).await.into_iter().map(|task| task.unwrap()).collect();
    let roots: Vec<_> = outcomes.iter().flatten().filter(|commit| commit.parents().is_empty()).collect();
    assert_eq!(roots.len(), 1);
    assert_eq!(world.repository.branches().await.unwrap().len(), 1);
    for outcome in outcomes {
        assert!(matches!(outcome, Ok(_) | Err(Error::NoSuchBranch { .. } | Error::Conflict { .. })), "{outcome:?}");
    }
}
