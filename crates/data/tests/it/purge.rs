use std::{collections::BTreeMap, sync::Arc, time::Duration};

use lineal_core::{BlobStoreExt, Clock, Digest, ErrorKind, NoProgress};
use lineal_data::{
    CommitHook, Error, Level, Proposal, PurgedPaths, Refusal, Repository, Stored,
    local::{CheckoutSettings, Directory},
};
use proptest::prelude::*;

use crate::support::{World, ana, chain, files, flights};

const SMALL: &str = "Bob, 1985";

fn large() -> String {
    "Bob, 1985\n".repeat(100)
}

/// Bob is in three versions, as few bytes, as many, and as a table; then on no branch any more.
async fn world() -> (World, tempfile::TempDir) {
    let (world, guard) = World::local().await;
    let main = || world.repository.commit("main");
    let people = main().put("people/bob.csv", SMALL).put("people/eve.csv", "Eve, 1990").put("big", large() + "more");
    people.commit(&ana()).await.unwrap();
    world.repository.tag("v1", "main", &ana()).await.unwrap();
    main().put("people/bob.csv", large()).put("also", "1").commit(&ana()).await.unwrap();
    world.repository.tag("v2", "main", &ana()).await.unwrap();
    main().put_table("people/bob.csv", &[flights(0, 100)]).put("also", "2").commit(&ana()).await.unwrap();
    world.repository.tag("v3", "main", &ana()).await.unwrap();
    main().remove("people/bob.csv").commit(&ana()).await.unwrap();
    (world, guard)
}

async fn purge(repository: &Repository, path: &str) -> Result<PurgedPaths, Error> {
    repository.purge(&[path], "request 17", &ana()).await
}

/// Takes the blobs out of the store, as its own purge does, and opens the repository anew.
async fn without(world: &World, guard: &tempfile::TempDir, purged: &[Digest]) -> Repository {
    for blob in purged {
        let name = blob.to_string();
        std::fs::remove_file(guard.path().join("blobs").join(&name[..2]).join(&name)).unwrap();
    }
    world.another().await
}

fn is_purged<T>(outcome: Result<T, Error>) -> bool {
    matches!(outcome, Err(Error::Purged { .. }))
}

#[tokio::test]
async fn purged_files_are_gone_from_all_versions_and_the_others_are_as_they_were() {
    let (world, guard) = world().await;
    let purged = purge(&world.repository, "people/bob.csv").await.unwrap();
    assert_eq!((purged.blobs.len(), purged.shared), (4, 0), "a node, a file, a table and its page table");
    assert!(world.repository.verify(Level::Rehash, &NoProgress).await.unwrap().is_intact(), "before the store purges");
    let repository = without(&world, &guard, &purged.blobs).await;
    assert!(repository.verify(Level::Rehash, &NoProgress).await.unwrap().is_intact(), "and after");
    for tag in ["v1", "v2", "v3"] {
        let version = repository.at(tag).await.unwrap();
        assert!(is_purged(version.read("people/bob.csv").await), "{tag}");
        assert!(is_purged(version.read_range("people/bob.csv", 0..1).await));
        assert!(is_purged(version.stream("people/bob.csv").await));
        assert!(is_purged(version.read_table("people/bob.csv").await));
        assert!(is_purged(version.scan("people/bob.csv", &Default::default()).await));
        assert_eq!(version.read("people/eve.csv").await.unwrap(), "Eve, 1990");
        assert_eq!(version.read("big").await.unwrap(), large() + "more");
        assert_eq!(files(&version, "people/").await[0].stored, Stored::Purged);
        let directory = tempfile::tempdir().unwrap();
        let there = Directory::new(directory.path(), world.clock.clone());
        version.checkout(&there, None, &CheckoutSettings::default(), &NoProgress).await.unwrap();
        assert!(!directory.path().join("people/bob.csv").exists() && directory.path().join("people/eve.csv").exists());
    }
    assert_eq!(repository.at("v2").await.unwrap().read("also").await.unwrap(), "1");
    assert_eq!(
        purge(&repository, "people/bob.csv").await.unwrap().blobs,
        purged.blobs,
        "for a store that was not reached"
    );
}

#[tokio::test]
async fn work_goes_on_beside_what_was_purged() {
    let (world, guard) = world().await;
    let purged = purge(&world.repository, "people").await;
    assert_eq!(purged.unwrap_err().kind(), ErrorKind::Invalid, "Eve is still on a branch");
    let purged = purge(&world.repository, "people/bob.csv").await.unwrap();
    let repository = without(&world, &guard, &purged.blobs).await;
    repository.create_branch("old", "v1", &ana()).await.unwrap();
    repository.commit("old").put("people/amy.csv", "Amy, 1970").commit(&ana()).await.unwrap();
    let version = repository.at("old").await.unwrap();
    assert!(is_purged(version.read("people/bob.csv").await));
    assert_eq!(version.read("people/amy.csv").await.unwrap(), "Amy, 1970");
    repository.merge("main", "old").commit(&ana()).await.unwrap();
    assert!(repository.verify(Level::Rehash, &NoProgress).await.unwrap().is_intact());
    // The same bytes at a path that is free again are another matter: the store decides.
    repository.commit("old").put("people/bob.csv", "Bob, 1986").commit(&ana()).await.unwrap();
    assert_eq!(repository.at("old").await.unwrap().read("people/bob.csv").await.unwrap(), "Bob, 1986");
}

#[tokio::test]
async fn a_second_purge_takes_what_the_first_left() {
    let (world, guard) = world().await;
    world.repository.commit("main").remove("people/eve.csv").commit(&ana()).await.unwrap();
    let first = purge(&world.repository, "people/bob.csv").await.unwrap();
    let repository = without(&world, &guard, &first.blobs).await;
    let second = purge(&repository, "people").await.unwrap();
    let gone: Vec<_> = second.blobs.iter().filter(|blob| !first.blobs.contains(blob)).copied().collect();
    assert!(!gone.is_empty());
    for blob in &gone {
        assert!(world.blobs.contains(blob).await.unwrap(), "only what is still there");
    }
    let repository = without(&world, &guard, &gone).await;
    for tag in ["v1", "v2", "v3"] {
        let version = repository.at(tag).await.unwrap();
        assert!(is_purged(version.read("people/bob.csv").await) && is_purged(version.read("people/eve.csv").await));
        assert_eq!(version.read("big").await.unwrap(), large() + "more");
    }
    assert!(repository.verify(Level::Rehash, &NoProgress).await.unwrap().is_intact());
}

#[tokio::test]
async fn bytes_that_another_file_has_stay() {
    let (world, guard) = World::local().await;
    let draft = world.repository.commit("main").put("bob.csv", large()).put("copy.csv", large());
    let first = draft.commit(&ana()).await.unwrap();
    world.repository.commit("main").remove("bob.csv").commit(&ana()).await.unwrap();
    let purged = purge(&world.repository, "bob.csv").await.unwrap();
    assert_eq!((purged.blobs.len(), purged.shared), (0, 1));
    assert_eq!(purge(&world.repository, "bob.csv").await.unwrap().blobs, []);
    let repository = without(&world, &guard, &purged.blobs).await;
    let version = repository.at(&first.id().to_string()).await.unwrap();
    assert!(is_purged(version.read("bob.csv").await));
    assert_eq!(version.read("copy.csv").await.unwrap(), large());
}

#[tokio::test]
async fn a_push_sends_what_is_left() {
    let (world, guard) = world().await;
    let purged = purge(&world.repository, "people/bob.csv").await.unwrap();
    let here = without(&world, &guard, &purged.blobs).await;
    let there = World::memory().await;
    there.repository.pull_all(&here, &NoProgress, &ana()).await.unwrap();
    let there = there.another().await;
    assert!(there.verify(Level::Rehash, &NoProgress).await.unwrap().is_intact());
    for tag in ["v1", "v2", "v3"] {
        let version = there.at(tag).await.unwrap();
        assert!(is_purged(version.read("people/bob.csv").await));
        assert_eq!(version.read("people/eve.csv").await.unwrap(), "Eve, 1990");
    }
    here.commit("main").put("more", "1").commit(&ana()).await.unwrap();
    there.pull(&here, "main", &NoProgress, &ana()).await.unwrap();
    assert_eq!(there.at("main").await.unwrap().read("more").await.unwrap(), "1");
}

#[tokio::test]
async fn what_was_pushed_before_is_purged_over_there() {
    let (world, guard) = world().await;
    let there = World::memory().await;
    there.repository.pull_all(&world.repository, &NoProgress, &ana()).await.unwrap();
    let purged = purge(&world.repository, "people/bob.csv").await.unwrap();
    let here = without(&world, &guard, &purged.blobs).await;
    // Another branch with old nodes, which lie over there already.
    here.create_branch("old", "v1", &ana()).await.unwrap();
    here.commit("old").put("more", "1").commit(&ana()).await.unwrap();
    there.repository.pull(&here, "old", &NoProgress, &ana()).await.unwrap();
    assert_eq!(there.repository.at("v1").await.unwrap().read("people/bob.csv").await.unwrap(), SMALL);
    there.repository.delete_branch("old", &ana()).await.unwrap();
    let purged_there = purge(&there.repository, "people/bob.csv").await.unwrap();
    assert!(purged.blobs.iter().all(|blob| purged_there.blobs.contains(blob)), "nothing is forgotten");
}

#[tokio::test]
async fn a_handle_that_was_there_before_sees_the_purge() {
    let (world, guard) = world().await;
    let other = world.another().await;
    assert_eq!(other.at("v1").await.unwrap().read("people/bob.csv").await.unwrap(), SMALL);
    let purged = purge(&world.repository, "people/bob.csv").await.unwrap();
    drop(without(&world, &guard, &purged.blobs).await);
    assert!(is_purged(other.at("v1").await.unwrap().read("people/bob.csv").await));
}

/// Commits, and versions with the file, that come while it is searched for.
#[tokio::test]
async fn a_purge_gets_through_beside_commits() {
    let (world, guard) = world().await;
    let (purging, committing) = (world.another().await, world.another().await);
    let commit = async {
        for number in 0..20 {
            committing.commit("main").put(&format!("n{number}"), "1").commit(&ana()).await.unwrap();
            committing.create_branch(&format!("old{number}"), "v1", &ana()).await.ok();
            committing.delete_branch(&format!("old{number}"), &ana()).await.ok();
            tokio::task::yield_now().await;
        }
    };
    let purge = async {
        loop {
            match purge(&purging, "people/bob.csv").await {
                // One of those branches is there just now.
                Err(error) if error.kind() == ErrorKind::Invalid => tokio::task::yield_now().await,
                purged => break purged.unwrap(),
            }
        }
    };
    let ((), purged) = tokio::join!(commit, purge);
    let repository = without(&world, &guard, &purged.blobs).await;
    assert!(is_purged(repository.at("v1").await.unwrap().read("people/bob.csv").await));
    assert_eq!(repository.at("main").await.unwrap().read("n19").await.unwrap(), "1");
    assert!(repository.verify(Level::Rehash, &NoProgress).await.unwrap().is_intact());
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    let (world, _guard) = world().await;
    let repository = &world.repository;
    let errors = [
        purge(repository, "people/eve.csv").await.unwrap_err(),
        purge(repository, "nobody").await.unwrap_err(),
        purge(repository, "../x").await.unwrap_err(),
        repository.purge(&[], "", &ana()).await.unwrap_err(),
        repository.purge(&["a"], &"x".repeat(1001), &ana()).await.unwrap_err(),
    ];
    let shown: Vec<String> = errors.iter().map(chain).collect();
    insta::assert_snapshot!(shown.join("\n"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Against a model: versions as plain maps, from which some paths are taken.
    #[test]
    fn every_version_is_as_it_was_but_for_what_was_purged(
        edits in prop::collection::vec(prop::collection::btree_map(0_u8..40, prop::option::of(0_usize..600), 1..20), 1..6),
        wanted in prop::collection::btree_set(0_u8..40, 1..6),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (world, guard) = World::local().await;
            let path = |number: u8| format!("d{}/{number:02}", number % 3);
            let (mut model, mut versions) = (BTreeMap::new(), Vec::new());
            for edits in &edits {
                let mut draft = world.repository.commit("main");
                for (number, size) in edits {
                    let bytes = size.map(|size| vec![*number; size]);
                    match (bytes, model.contains_key(number)) {
                        (Some(bytes), _) => {
                            draft = draft.put(&path(*number), bytes.clone());
                            model.insert(*number, bytes);
                        }
                        (None, true) => {
                            draft = draft.remove(&path(*number));
                            model.remove(number);
                        }
                        (None, false) => {}
                    }
                }
                match draft.commit(&ana()).await {
                    Ok(commit) => versions.push((commit.id().to_string(), model.clone())),
                    Err(Error::Unchanged { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            let mut draft = world.repository.commit("main").put("last", "1");
            for number in wanted.iter().filter(|number| model.contains_key(number)) {
                draft = draft.remove(&path(*number));
            }
            draft.commit(&ana()).await.unwrap();
            let paths: Vec<String> = wanted.iter().map(|number| path(*number)).collect();
            let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
            let ever = versions.iter().any(|(_, model)| wanted.iter().any(|number| model.contains_key(number)));
            let outcome = world.repository.purge(&paths, "", &ana()).await;
            assert_eq!(outcome.is_ok(), ever);
            let Ok(purged) = outcome else { return };
            let repository = without(&world, &guard, &purged.blobs).await;
            for (id, model) in &versions {
                let version = repository.at(id).await.unwrap();
                assert_eq!(files(&version, "").await.len(), model.len());
                for (number, bytes) in model {
                    let read = version.read(&path(*number)).await;
                    match wanted.contains(number) {
                        true => assert!(is_purged(read)),
                        false => assert_eq!(&read.unwrap(), bytes),
                    }
                }
            }
            assert!(repository.verify(Level::Rehash, &NoProgress).await.unwrap().is_intact());
        });
    }
}

#[tokio::test]
async fn the_past_does_not_bring_it_back() {
    let (world, guard) = world().await;
    world.clock.advance(Duration::from_secs(1));
    let before = world.clock.now();
    world.clock.advance(Duration::from_secs(1));
    let purged = purge(&world.repository, "people/bob.csv").await.unwrap();
    for taken in [&[][..], &purged.blobs] {
        let view = without(&world, &guard, taken).await.as_of(before).await.unwrap();
        let version = view.at("v1").await.unwrap();
        assert!(is_purged(version.read("people/bob.csv").await));
        assert_eq!(version.read("people/eve.csv").await.unwrap(), "Eve, 1990");
    }
}

/// Bytes that the store is to forget are not committed meanwhile: they would be gone with the rest.
#[tokio::test]
async fn purged_bytes_are_not_committed_again() {
    let (world, guard) = world().await;
    let late = world.another().await;
    let purged = purge(&world.repository, "people/bob.csv").await.unwrap();
    let gone = |error: Error| matches!(error, Error::Store(lineal_core::Error::BlobPurged { .. }));
    for repository in [&world.repository, &late] {
        assert!(gone(repository.commit("main").put("copy", large()).commit(&ana()).await.unwrap_err()));
        let (branch, at) = ("again", "v1");
        repository.create_branch(branch, at, &ana()).await.unwrap();
        let node = repository.commit(branch).put("people/bob.csv", SMALL).commit(&ana()).await.unwrap_err();
        assert!(gone(node), "the node would be the one that is to be forgotten");
        repository.delete_branch(branch, &ana()).await.unwrap();
    }
    let repository = without(&world, &guard, &purged.blobs).await;
    assert!(repository.verify(Level::Rehash, &NoProgress).await.unwrap().is_intact());
}

/// That bytes lie over there does not say that a version has them: a push was broken off, or another repository put them.
#[tokio::test]
async fn a_node_that_only_lies_over_there_is_not_named_there() {
    let (world, _guard) = world().await;
    let there = World::memory().await;
    let (hook, source) = (Arc::new(Nothing), &world.repository);
    let refused = source.push(&there.another().await.with_hook(hook), "main", &NoProgress, &ana()).await;
    assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
    let purged = purge(source, "people/bob.csv").await.unwrap();
    let mut lie = 0;
    for blob in &purged.blobs {
        lie += usize::from(there.blobs.contains(blob).await.unwrap());
    }
    assert_eq!(lie, purged.blobs.len(), "all of it lies there");
    source.push(&there.repository, "main", &NoProgress, &ana()).await.unwrap();
    let old = there.repository.at("main~3").await.unwrap();
    assert!(is_purged(old.read("people/bob.csv").await));
    assert_eq!(old.read("people/eve.csv").await.unwrap(), "Eve, 1990");
}

#[derive(Debug)]
struct Nothing;

impl CommitHook for Nothing {
    fn check(&self, _: &Proposal<'_>) -> Result<(), Refusal> {
        Err(Refusal::new("nothing", "read only"))
    }
}

/// What one repository was told to forget does not come back from another.
#[tokio::test]
async fn what_was_purged_over_there_is_not_pushed() {
    let (world, _guard) = world().await;
    let there = World::memory().await;
    there.repository.pull_all(&world.repository, &NoProgress, &ana()).await.unwrap();
    purge(&there.repository, "people/bob.csv").await.unwrap();
    let here = &world.repository;
    here.commit("main").put("more", "1").commit(&ana()).await.unwrap();
    here.push(&there.repository, "main", &NoProgress, &ana()).await.unwrap();
    here.commit("main").put("again", large()).commit(&ana()).await.unwrap();
    let refused = here.push(&there.repository, "main", &NoProgress, &ana()).await.unwrap_err();
    assert!(matches!(&refused, Error::Purged { path } if path.as_str() == "again"), "{refused:?}");
    assert!(there.repository.verify(Level::Rehash, &NoProgress).await.unwrap().is_intact());
}

/// Nor in a leaf that is new because of a file beside it, whatever its size.
#[tokio::test]
async fn what_was_purged_over_there_does_not_come_back_beside_another_file() {
    for tag in ["v1", "v2"] {
        let (world, _guard) = world().await;
        let there = World::memory().await;
        there.repository.pull_all(&world.repository, &NoProgress, &ana()).await.unwrap();
        purge(&there.repository, "people/bob.csv").await.unwrap();
        let here = &world.repository;
        here.create_branch("old", tag, &ana()).await.unwrap();
        here.commit("old").put("people/carl.csv", "Carl, 1970").commit(&ana()).await.unwrap();
        let refused = here.push(&there.repository, "old", &NoProgress, &ana()).await;
        assert!(matches!(&refused, Err(Error::Purged { path }) if path.as_str() == "people/bob.csv"), "{refused:?}");
        // What has nothing of it goes through.
        here.commit("main").put("people/carl.csv", "Carl, 1970").commit(&ana()).await.unwrap();
        here.push(&there.repository, "main", &NoProgress, &ana()).await.unwrap();
        assert!(there.repository.verify(Level::Rehash, &NoProgress).await.unwrap().is_intact());
    }
}
