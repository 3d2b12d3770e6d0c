//! Push and pull between stores: what is missing, and no more; forward, or refused.

use std::sync::Arc;

use lineal_core::{Actor, ErrorKind, NoProgress};
use lineal_data::{CommitHook, Error, Level, Proposal, Refusal, Transferred};

use crate::support::{World, ana, changes, files, flights};

async fn push(from: &World, to: &World, branch: &str) -> Result<Transferred, Error> {
    from.repository.push(&to.repository, branch, &NoProgress, &ana()).await
}

async fn check(world: &World) {
    let verified = world.repository.verify(Level::Rehash, &NoProgress).await.unwrap();
    assert!(verified.is_intact(), "{verified:?}");
}

/// A history with a table, a merge, and many files.
async fn filled() -> World {
    let world = World::memory().await;
    let mut draft = world.repository.commit("main");
    for number in 0..2_000 {
        draft = draft.put(&format!("d{}/{number:05}", number % 13), vec![number as u8; 200 + number % 100]);
    }
    draft.put_table("t.parquet", &[flights(0, 1000)]).message("first").commit(&ana()).await.unwrap();
    world.repository.create_branch("side", "main", &ana()).await.unwrap();
    world.repository.commit("side").put("side", "s").commit(&ana()).await.unwrap();
    world.put("main", "m").await;
    world.repository.merge("main", "side").commit(&ana()).await.unwrap();
    world.repository.tag("v1", "main", &ana()).await.unwrap();
    world
}

#[tokio::test]
async fn a_clone_has_all_of_it_and_a_second_push_sends_nothing() {
    let (here, there) = (filled().await, World::memory().await);
    there.repository.pull_all(&here.repository, &NoProgress, &ana()).await.unwrap();
    check(&there).await;
    assert_eq!(here.repository.branches().await.unwrap(), there.repository.branches().await.unwrap());
    assert_eq!(there.repository.resolve("v1").await.unwrap(), here.repository.resolve("v1").await.unwrap());
    let (one, two) = (here.repository.at("main").await.unwrap(), there.repository.at("main").await.unwrap());
    assert_eq!(files(&one, "").await, files(&two, "").await);
    let again = push(&here, &there, "main").await.unwrap();
    assert_eq!((again.commits, again.blobs, again.kept), (0, 0, 0));
}

#[tokio::test]
async fn a_push_after_a_change_sends_what_changed() {
    let (here, there) = (filled().await, World::memory().await);
    push(&here, &there, "main").await.unwrap();
    here.repository.commit("main").put("d3/00003", vec![1; 1000]).remove("side").commit(&ana()).await.unwrap();
    let sent = push(&here, &there, "main").await.unwrap();
    assert_eq!(sent.commits, 1);
    assert!(sent.blobs <= 1 + 1 + 1 + 2, "a commit, a file, the top and at most two leaves: {sent:?}");
    check(&there).await;
    assert_eq!(changes(&there.repository, "main~1", "main").await.len(), 2);
}

#[tokio::test]
async fn what_is_not_a_step_forward_is_refused() {
    let (here, there) = (filled().await, World::memory().await);
    push(&here, &there, "main").await.unwrap();
    there.put("theirs", "t").await;
    here.put("ours", "o").await;
    let refused = push(&here, &there, "main").await;
    assert!(matches!(refused, Err(Error::Diverged { .. })), "{refused:?}");
    let refused = here.repository.pull(&there.repository, "main", &NoProgress, &ana()).await;
    assert!(matches!(refused, Err(Error::Diverged { .. })), "{refused:?}");

    there.repository.create_branch("theirs", "main", &ana()).await.unwrap();
    here.repository.pull(&there.repository, "theirs", &NoProgress, &ana()).await.unwrap();
    here.repository.merge("main", "theirs").commit(&ana()).await.unwrap();
    let sent = push(&here, &there, "main").await.unwrap();
    assert_eq!(sent.commits, 2);
    check(&here).await;
    check(&there).await;
    // A branch that is behind has nothing to push, and takes nothing back.
    here.repository.create_branch("old", "main~1", &ana()).await.unwrap();
    push(&here, &there, "old").await.unwrap();
    here.repository.delete_branch("old", &ana()).await.unwrap();
    here.repository.create_branch("old", "main~2", &ana()).await.unwrap();
    let refused = push(&here, &there, "old").await;
    assert!(matches!(refused, Err(Error::Diverged { .. })), "{refused:?}");
    assert!(matches!(push(&here, &there, "none").await, Err(Error::NoSuchBranch { .. })));
}

#[derive(Debug)]
struct Nothing;

impl CommitHook for Nothing {
    fn check(&self, proposal: &Proposal<'_>) -> Result<(), Refusal> {
        assert!(!proposal.changes.is_empty());
        Err(Refusal::new("nothing", "read only"))
    }
}

#[tokio::test]
async fn the_rules_over_there_hold() {
    let (here, there) = (filled().await, World::memory().await);
    push(&here, &there, "main").await.unwrap();
    here.put("raw/a", "1").await;
    let guarded = there.another().await.with_hook(Arc::new(Nothing));
    let refused = here.repository.push(&guarded, "main", &NoProgress, &ana()).await;
    assert!(matches!(refused, Err(Error::Refused { .. })));
    let bob = Actor::new("bob@example.org").unwrap();
    there.repository.lock("raw", &bob).await.unwrap();
    assert!(matches!(push(&here, &there, "main").await, Err(Error::Locked { .. })));
    there.repository.unlock("raw", true, &ana()).await.unwrap();
    there.repository.protect("main", &[bob], &ana()).await.unwrap();
    assert!(matches!(push(&here, &there, "main").await, Err(Error::Protected { .. })));
    there.repository.unprotect("main", &ana()).await.unwrap();
    push(&here, &there, "main").await.unwrap();
}

#[tokio::test]
async fn a_missing_blob_here_is_named_and_nothing_is_recorded_there() {
    let (here, guard) = World::local().await;
    let there = World::memory().await;
    let big = vec![3; 5_000];
    here.repository.commit("main").put("big", big).commit(&ana()).await.unwrap();
    let digest = here.repository.at("main").await.unwrap().file("big").await.unwrap().digest.to_string();
    std::fs::remove_file(guard.path().join("blobs").join(&digest[..2]).join(&digest)).unwrap();
    let refused = push(&here, &there, "main").await.unwrap_err();
    assert!(refused.to_string().contains(&digest), "{refused}");
    assert!(there.repository.branches().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_damaged_blob_here_is_told_as_such() {
    for size in [5_000, 500_000] {
        let (here, guard) = World::local().await;
        let there = World::memory().await;
        here.repository.commit("main").put("big", vec![3; size]).commit(&ana()).await.unwrap();
        let digest = here.repository.at("main").await.unwrap().file("big").await.unwrap().digest.to_string();
        std::fs::write(guard.path().join("blobs").join(&digest[..2]).join(&digest), vec![4; size]).unwrap();
        let refused = push(&here, &there, "main").await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Corrupt, "{refused}");
        assert!(there.repository.branches().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_clone_has_tags_that_no_branch_reaches() {
    let (here, there) = (filled().await, World::memory().await);
    let repository = &here.repository;
    repository.create_branch("lost", "main", &ana()).await.unwrap();
    for number in 0..3 {
        repository.commit("lost").put("lost", vec![number; 1000]).commit(&ana()).await.unwrap();
    }
    repository.tag("kept", "lost", &ana()).await.unwrap();
    repository.tag("older", "lost~2", &ana()).await.unwrap();
    repository.delete_branch("lost", &ana()).await.unwrap();
    there.repository.pull_all(repository, &NoProgress, &ana()).await.unwrap();
    check(&there).await;
    for tag in ["kept", "older", "v1"] {
        assert_eq!(there.repository.resolve(tag).await.unwrap(), repository.resolve(tag).await.unwrap());
    }
    assert_eq!(there.repository.at("kept").await.unwrap().read("lost").await.unwrap(), vec![2; 1000]);
    there.repository.pull_all(repository, &NoProgress, &ana()).await.unwrap();
    there.repository.force_tag("kept", "main", &ana()).await.unwrap();
    let refused = there.repository.pull_all(repository, &NoProgress, &ana()).await;
    assert!(matches!(refused, Err(Error::Taken { by: "tag", .. })), "{refused:?}");
}

#[tokio::test]
async fn a_branch_does_not_hide_a_tag() {
    let (here, there) = (filled().await, World::memory().await);
    push(&here, &there, "main").await.unwrap();
    there.repository.tag("next", "main", &ana()).await.unwrap();
    here.repository.create_branch("next", "main~1", &ana()).await.unwrap();
    let refused = push(&here, &there, "next").await;
    assert!(matches!(refused, Err(Error::Taken { by: "tag", .. })), "{refused:?}");
}

/// A new branch is compared with what it began with, not with nothing.
#[tokio::test]
async fn a_new_branch_changes_what_it_changes() {
    let (here, there) = (filled().await, World::memory().await);
    push(&here, &there, "main").await.unwrap();
    there.repository.lock("d3", &Actor::new("bob@example.org").unwrap()).await.unwrap();
    here.repository.create_branch("mine", "main", &ana()).await.unwrap();
    here.repository.commit("mine").put("mine", "1").commit(&ana()).await.unwrap();
    push(&here, &there, "mine").await.unwrap();
    here.repository.create_branch("theirs", "main", &ana()).await.unwrap();
    here.repository.commit("theirs").put("d3/00003", "1").commit(&ana()).await.unwrap();
    assert!(matches!(push(&here, &there, "theirs").await, Err(Error::Locked { .. })));
}

/// What was sent and then refused lies over there, but is no part of any version.
#[tokio::test]
async fn what_was_refused_is_not_named_by_its_id_either() {
    let (here, there) = (filled().await, World::memory().await);
    push(&here, &there, "main").await.unwrap();
    let refused = here.put("raw/a", "1").await.id();
    let guarded = there.another().await.with_hook(Arc::new(Nothing));
    here.repository.push(&guarded, "main", &NoProgress, &ana()).await.unwrap_err();
    let (id, main) = (refused.to_string(), there.repository.resolve("main").await.unwrap());
    let errors = [
        there.repository.create_branch("x", &id, &ana()).await.unwrap_err(),
        there.repository.tag("x", &id, &ana()).await.unwrap_err(),
        there.repository.force_tag("x", &id, &ana()).await.unwrap_err(),
        there.repository.move_branch("main", main, &id, &ana()).await.unwrap_err(),
        there.repository.merge("main", &id).commit(&ana()).await.unwrap_err(),
        there.repository.cherry_pick("main", &id).commit(&ana()).await.unwrap_err(),
    ];
    assert!(errors.iter().all(|error| error.kind() == ErrorKind::Invalid), "{errors:?}");
    for old in ["main~1", "main~2"] {
        let old = there.repository.resolve(old).await.unwrap().to_string();
        there.repository.tag(&format!("at-{}", &old[..8]), &old, &ana()).await.unwrap();
    }
}

#[tokio::test]
async fn moving_a_branch_is_a_change_like_others() {
    let world = World::memory().await;
    let (one, two) = (world.put("raw/a", "1").await.id().to_string(), world.put("raw/a", "2").await.id());
    let guarded = world.another().await.with_hook(Arc::new(Nothing));
    let refused = guarded.move_branch("main", two, &one, &ana()).await;
    assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
    world.repository.lock("raw", &Actor::new("bob@example.org").unwrap()).await.unwrap();
    let refused = world.repository.move_branch("main", two, &one, &ana()).await;
    assert!(matches!(refused, Err(Error::Locked { .. })), "{refused:?}");
    world.repository.unlock("raw", true, &ana()).await.unwrap();
    world.repository.move_branch("main", two, &one, &ana()).await.unwrap();
}

/// A branch may begin anywhere in a history that is there, however far back.
#[tokio::test]
async fn a_branch_from_the_past_is_one_commit() {
    let (here, there) = (World::memory().await, World::memory().await);
    for number in 0..100 {
        here.put(&format!("{number:03}"), "1").await;
    }
    push(&here, &there, "main").await.unwrap();
    there.repository.lock("001", &Actor::new("bob@example.org").unwrap()).await.unwrap();
    for (branch, at) in [("one", "main~1"), ("two", "main~90")] {
        here.repository.create_branch(branch, at, &ana()).await.unwrap();
        here.repository.commit(branch).put(branch, "1").commit(&ana()).await.unwrap();
        let sent = push(&here, &there, branch).await.unwrap();
        assert_eq!(sent.commits, 1, "{branch}");
    }
    // So may a merge that brings such a commit.
    here.repository.create_branch("three", "main~50", &ana()).await.unwrap();
    here.repository.commit("three").put("three", "1").commit(&ana()).await.unwrap();
    here.repository.merge("main", "three").commit(&ana()).await.unwrap();
    assert_eq!(push(&here, &there, "main").await.unwrap().commits, 2);
    // And one of which both sides have a part.
    there.repository.merge("one", "two").commit(&ana()).await.unwrap();
    here.repository.pull_all(&there.repository, &NoProgress, &ana()).await.unwrap();
    check(&here).await;
    check(&there).await;
    assert_eq!(push(&here, &there, "three").await.unwrap().commits, 0);
}

#[tokio::test]
async fn tags_on_what_only_a_tag_keeps_are_pulled_though_it_was_purged_here() {
    let (here, there) = (World::memory().await, World::memory().await);
    here.put("bob", &"Bob, 1985".repeat(100)).await;
    here.put("eve", "Eve").await;
    here.repository.create_branch("old", "main", &ana()).await.unwrap();
    here.repository.tag("v1", "old", &ana()).await.unwrap();
    here.repository.commit("main").remove("bob").commit(&ana()).await.unwrap();
    here.repository.delete_branch("old", &ana()).await.unwrap();
    there.repository.pull_all(&here.repository, &NoProgress, &ana()).await.unwrap();
    there.repository.purge(&["bob"], "request 17", &ana()).await.unwrap();
    here.repository.tag("v1-again", "v1", &ana()).await.unwrap();
    there.repository.pull_all(&here.repository, &NoProgress, &ana()).await.unwrap();
    assert_eq!(there.repository.resolve("v1-again").await.unwrap(), there.repository.resolve("v1").await.unwrap());
}
