//! Merges against a plain model of maps, their laws, and who may do what.

use std::{collections::BTreeMap, sync::Arc};

use lineal_core::{Actor, Digest, ErrorKind, NoProgress};
use lineal_data::{
    CommitHook, Error, Level, MergeConflict, Proposal, Refusal, Repository, Resolution, Resolve, local::Directory,
};
use proptest::prelude::*;

use crate::support::{World, ana, chain, files};

type Files = BTreeMap<String, String>;

fn bob() -> Actor {
    Actor::new("bob@example.org").unwrap()
}

/// Makes the files of a branch those of `files`.
async fn set(repository: &Repository, branch: &str, now: &Files, files: &Files) {
    let mut draft = repository.commit(branch);
    for path in now.keys().filter(|path| !files.contains_key(*path)) {
        draft = draft.remove(path);
    }
    for (path, text) in files.iter().filter(|(path, text)| now.get(*path) != Some(text)) {
        draft = draft.put(path, text.clone());
    }
    match draft.commit(&ana()).await {
        Ok(_) | Err(Error::Unchanged { .. }) => {}
        Err(error) => panic!("{error}"),
    }
}

async fn read(repository: &Repository, revision: &str) -> Files {
    let version = repository.at(revision).await.unwrap();
    let mut found = Files::new();
    for file in files(&version, "").await {
        let bytes = version.read(file.path.as_str()).await.unwrap();
        found.insert(file.path.to_string(), String::from_utf8(bytes.to_vec()).unwrap());
    }
    found
}

/// `main` with `ours` and `side` with `theirs`, both on top of `base`.
async fn parted(base: &Files, ours: &Files, theirs: &Files) -> World {
    let world = World::memory().await;
    world.put("always", "here").await;
    let start = Files::from([("always".to_owned(), "here".to_owned())]);
    let with =
        |files: &Files| files.iter().chain(&start).map(|(path, text)| (path.clone(), text.clone())).collect::<Files>();
    set(&world.repository, "main", &start, &with(base)).await;
    world.repository.create_branch("side", "main", &ana()).await.unwrap();
    set(&world.repository, "main", &with(base), &with(ours)).await;
    set(&world.repository, "side", &with(base), &with(theirs)).await;
    world
}

/// What a merge makes of each path, and the paths in conflict.
fn model(base: &Files, ours: &Files, theirs: &Files) -> (Files, Vec<String>) {
    let (mut merged, mut conflicts) = (Files::new(), Vec::new());
    let paths: std::collections::BTreeSet<_> = base.keys().chain(ours.keys()).chain(theirs.keys()).collect();
    for path in paths {
        let (b, o, t) = (base.get(path), ours.get(path), theirs.get(path));
        let chosen = if o == t || t == b {
            o
        } else if o == b {
            t
        } else {
            conflicts.push(path.clone());
            o
        };
        merged.extend(chosen.map(|text| (path.clone(), text.clone())));
    }
    (merged, conflicts)
}

fn some_files() -> impl Strategy<Value = Files> {
    let path = proptest::sample::select(vec!["a", "b", "c/x", "c/y", "d"]).prop_map(ToOwned::to_owned);
    proptest::collection::btree_map(path, "[xy]", 0..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_merge_is_what_the_model_says(base in some_files(), ours in some_files(), theirs in some_files()) {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
            let (mut expected, conflicts) = model(&base, &ours, &theirs);
            let world = parted(&base, &ours, &theirs).await;
            let mirror = parted(&base, &theirs, &ours).await;
            let outcome = world.repository.merge("main", "side").commit(&ana()).await;
            let mirrored = mirror.repository.merge("main", "side").commit(&ana()).await;
            match outcome {
                Ok(_) => {
                    assert!(conflicts.is_empty());
                    expected.insert("always".to_owned(), "here".to_owned());
                    assert_eq!(read(&world.repository, "main").await, expected);
                    // Which side is merged into which makes no difference to the files.
                    let tree = |repository: Repository| async move { repository.at("main").await.unwrap().commit().tree() };
                    assert_eq!(tree(world.repository.clone()).await, tree(mirror.repository.clone()).await);
                    // What was merged is not merged again.
                    let again = world.repository.merge("main", "side").commit(&ana()).await;
                    assert!(matches!(again, Err(Error::Unchanged { .. })));
                }
                // The same changes by the same author at the same time are the same commit.
                Err(Error::Unchanged { .. }) => assert!(theirs == base || theirs == ours),
                Err(Error::Conflicts { conflicts: found, .. }) => {
                    let paths = |found: &[MergeConflict]| found.iter().map(|one| one.path.to_string()).collect::<Vec<_>>();
                    assert_eq!(paths(&found), conflicts);
                    match mirrored {
                        Err(Error::Conflicts { conflicts: mirrored, .. }) => {
                            let swapped = |one: &MergeConflict| (one.ours.clone(), one.theirs.clone());
                            let other = |one: &MergeConflict| (one.theirs.clone(), one.ours.clone());
                            assert_eq!(found.iter().map(swapped).collect::<Vec<_>>(), mirrored.iter().map(other).collect::<Vec<_>>());
                        }
                        other => panic!("{other:?}"),
                    }
                    mirror.repository.merge("main", "side").resolve(Resolve::Union).commit(&ana()).await.unwrap();
                    holds_both(&read(&mirror.repository, "main").await, &base, &theirs, &ours);
                    world.repository.merge("main", "side").resolve(Resolve::Ours).commit(&ana()).await.unwrap();
                    expected.insert("always".to_owned(), "here".to_owned());
                    assert_eq!(read(&world.repository, "main").await, expected);
                }
                Err(error) => panic!("{error}"),
            }
            assert!(world.repository.verify(Level::Rehash, &NoProgress).await.unwrap().is_intact());
        });
    }
}

/// Checks that a union lost nothing that either side made, that the branch keeps its names, and that nothing else came.
fn holds_both(union: &Files, base: &Files, ours: &Files, theirs: &Files) {
    let made = |side: &Files| side.clone().into_iter().filter(|(path, text)| base.get(path) != Some(text)).collect();
    let (ours_made, theirs_made): (Files, Files) = (made(ours), made(theirs));
    for (path, text) in &ours_made {
        assert_eq!(union.get(path), Some(text));
    }
    for (path, text) in &theirs_made {
        let other = format!("{path}.theirs-{}", Digest::of(text.as_bytes()).short());
        let expected =
            if ours.get(path).is_none_or(|ours| ours == text || base.get(path) == Some(ours)) { path } else { &other };
        assert_eq!(union.get(expected), Some(text), "{expected}");
    }
    let known = |path: &str| ours.contains_key(path) || theirs.contains_key(path) || path.contains(".theirs-");
    assert!(union.keys().all(|path| path == "always" || known(path)), "{union:?}");
}

#[tokio::test]
async fn a_union_puts_the_other_file_beside() {
    let names = [
        ("x/labels.csv", "x/labels.theirs-DIGEST.csv"),
        (".hidden", ".hidden.theirs-DIGEST"),
        ("a.b/c", "a.b/c.theirs-DIGEST"),
    ];
    let digest = Digest::of(b"theirs").short();
    for (path, beside) in names {
        let beside = beside.replace("DIGEST", &digest);
        let world = parted(&one(path, "base"), &one(path, "ours"), &one(path, "theirs")).await;
        world.repository.merge("main", "side").resolve(Resolve::Union).commit(&ana()).await.unwrap();
        let files = read(&world.repository, "main").await;
        assert_eq!((files[path].as_str(), files[&beside].as_str(), files.len()), ("ours", "theirs", 3));
    }
}

fn one(path: &str, text: &str) -> Files {
    Files::from([(path.to_owned(), text.to_owned())])
}

#[tokio::test]
async fn conflicts_are_resolved_as_the_caller_says() {
    let (base, ours, theirs) = (one("a", "base"), one("a", "ours"), one("a", "theirs"));
    let with: [(Resolve, &str); 4] = [
        (Resolve::Ours, "ours"),
        (Resolve::Theirs, "theirs"),
        (Resolve::With(Arc::new(|conflict| conflict.base.as_ref().map(|_| Resolution::Base))), "base"),
        (Resolve::With(Arc::new(|conflict| (conflict.path.as_str() == "a").then_some(Resolution::Theirs))), "theirs"),
    ];
    for (resolve, expected) in with {
        let world = parted(&base, &ours, &theirs).await;
        let merged =
            world.repository.merge("main", "side").resolve(resolve).message("both").commit(&ana()).await.unwrap();
        assert_eq!((merged.parents().len(), merged.message()), (2, "both"));
        assert_eq!(world.repository.at("main").await.unwrap().read("a").await.unwrap(), expected);
    }
    let world = parted(&base, &ours, &theirs).await;
    let refused = world.repository.merge("main", "side").commit(&ana()).await.unwrap_err();
    assert_eq!(chain(&refused), "Conflict: branch main: 1 of the files changed on both sides, first a");
    let undecided = Resolve::With(Arc::new(|_| None));
    let refused = world.repository.merge("main", "side").resolve(undecided).commit(&ana()).await;
    assert!(matches!(refused, Err(Error::Conflicts { .. })));
}

#[tokio::test]
async fn a_branch_with_nothing_of_its_own_moves_to_the_other_commit() {
    let world = World::memory().await;
    world.put("a", "1").await;
    world.repository.create_branch("side", "main", &ana()).await.unwrap();
    let made = world.repository.commit("side").put("b", "2").commit(&ana()).await.unwrap();
    let merged = world.repository.merge("main", "side").commit(&ana()).await.unwrap();
    assert_eq!((merged.id(), world.repository.resolve("main").await.unwrap()), (made.id(), made.id()));
    let again = world.repository.merge("main", "side").commit(&ana()).await;
    assert!(matches!(again, Err(Error::Unchanged { .. })));
    let behind = world.repository.merge("side", "main~1").commit(&ana()).await;
    assert!(matches!(behind, Err(Error::Unchanged { .. })));
}

#[tokio::test]
async fn what_was_done_is_taken_back_and_repeated_elsewhere() {
    let world = World::memory().await;
    world.put("a", "1").await;
    world.repository.create_branch("side", "main", &ana()).await.unwrap();
    let bad = world
        .repository
        .commit("main")
        .put("a", "bad")
        .put("b", "new")
        .message("bad batch")
        .commit(&ana())
        .await
        .unwrap();
    world.put("c", "3").await;
    let picked = world.repository.cherry_pick("side", &bad.id().to_string()).commit(&ana()).await.unwrap();
    assert_eq!((picked.message(), picked.parents().len()), ("bad batch", 1));
    assert_eq!(
        read(&world.repository, "side").await,
        Files::from([("a".into(), "bad".into()), ("b".into(), "new".into())])
    );
    let twice = world.repository.cherry_pick("side", &bad.id().to_string()).commit(&ana()).await;
    assert!(matches!(twice, Err(Error::Unchanged { .. })));

    let reverted = world.repository.revert("main", &bad.id().to_string()).commit(&ana()).await.unwrap();
    assert_eq!(reverted.message(), format!("revert {}", bad.id()));
    assert_eq!(
        read(&world.repository, "main").await,
        Files::from([("a".into(), "1".into()), ("c".into(), "3".into())])
    );
    world.put("a", "4").await;
    let late = world.repository.revert("main", &reverted.id().to_string()).commit(&ana()).await;
    assert!(matches!(late, Err(Error::Conflicts { .. })), "{late:?}");
}

#[tokio::test]
async fn files_of_both_sides_that_cannot_lie_beside_each_other_are_refused() {
    let world = parted(&Files::new(), &one("Data/a", "1"), &one("data/b", "2")).await;
    let refused = world.repository.merge("main", "side").commit(&ana()).await;
    assert!(matches!(refused, Err(Error::Clash { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_protected_branch_is_written_by_few_and_moved_by_nobody() {
    let world = World::memory().await;
    let first = world.put("a", "1").await;
    let repository = &world.repository;
    repository.create_branch("side", "main", &ana()).await.unwrap();
    repository.commit("side").put("b", "2").commit(&bob()).await.unwrap();
    repository.protect("main", &[ana()], &ana()).await.unwrap();
    let denied = |error: Error| assert!(matches!(error, Error::Protected { .. }) && error.kind() == ErrorKind::Denied);
    denied(repository.commit("main").put("a", "2").commit(&bob()).await.unwrap_err());
    denied(repository.merge("main", "side").commit(&bob()).await.unwrap_err());
    denied(repository.delete_branch("main", &ana()).await.unwrap_err());
    denied(repository.move_branch("main", first.id(), "side", &ana()).await.unwrap_err());
    repository.merge("main", "side").commit(&ana()).await.unwrap();
    repository.protect("main", &[], &ana()).await.unwrap();
    repository.commit("main").put("a", "2").commit(&bob()).await.unwrap();
    repository.unprotect("main", &ana()).await.unwrap();
    repository.delete_branch("main", &bob()).await.unwrap();
    assert!(matches!(repository.protect("main", &[], &ana()).await, Err(Error::NoSuchBranch { .. })));
}

#[tokio::test]
async fn a_locked_path_is_changed_by_one_actor_only() {
    let world = World::memory().await;
    world.put("raw/a", "1").await;
    let repository = &world.repository;
    repository.lock("raw", &ana()).await.unwrap();
    repository.lock("raw", &ana()).await.unwrap();
    for path in ["raw", "raw/a", "raw/a/b"] {
        let error = repository.lock(path, &bob()).await.unwrap_err();
        assert_eq!(chain(&error), "Denied: raw is locked by ana@example.org");
    }
    let denied = repository.commit("main").put("raw/a", "2").put("b", "2").commit(&bob()).await;
    assert!(matches!(denied, Err(Error::Locked { .. })));
    repository.commit("main").put("rawer", "2").commit(&bob()).await.unwrap();
    repository.commit("main").put("raw/a", "2").commit(&ana()).await.unwrap();
    assert!(matches!(repository.unlock("raw", false, &bob()).await, Err(Error::Locked { .. })));
    repository.unlock("raw", true, &bob()).await.unwrap();
    repository.commit("main").put("raw/a", "3").commit(&bob()).await.unwrap();
}

#[derive(Debug)]
struct NoEmptyFiles;

impl CommitHook for NoEmptyFiles {
    fn check(&self, proposal: &Proposal<'_>) -> Result<(), Refusal> {
        match proposal.changes.iter().filter_map(|change| change.new_entry()).find(|file| file.size_bytes == 0) {
            Some(file) => Err(Refusal::new("no empty files", file.path.as_str())),
            None => Ok(()),
        }
    }
}

#[tokio::test]
async fn a_hook_sees_what_a_merge_brings_also_where_the_branch_only_moves() {
    let world = World::memory().await;
    world.put("a", "1").await;
    world.repository.create_branch("side", "main", &ana()).await.unwrap();
    world.repository.commit("side").put("empty", "").commit(&ana()).await.unwrap();
    let guarded = world.another().await.with_hook(Arc::new(NoEmptyFiles));
    assert!(matches!(guarded.merge("main", "side").commit(&ana()).await, Err(Error::Refused { .. })));
    world.put("b", "2").await;
    assert!(matches!(guarded.merge("main", "side").commit(&ana()).await, Err(Error::Refused { .. })));
}

#[tokio::test]
async fn a_directory_that_one_side_emptied_gets_the_file_of_the_other() {
    let world = World::memory().await;
    let (source, repository) = (tempfile::tempdir().unwrap(), &world.repository);
    let directory = Directory::new(source.path(), world.clock.clone());
    std::fs::create_dir(source.path().join("d")).unwrap();
    std::fs::write(source.path().join("d/x"), "1").unwrap();
    repository.commit("main").import(&directory).commit(&ana()).await.unwrap();
    repository.create_branch("side", "main", &ana()).await.unwrap();
    repository.commit("side").put("d/y", "2").commit(&ana()).await.unwrap();
    std::fs::remove_file(source.path().join("d/x")).unwrap();
    repository.commit("main").import(&directory).commit(&ana()).await.unwrap();
    repository.merge("main", "side").commit(&ana()).await.unwrap();
    assert_eq!(read(repository, "main").await, one("d/y", "2"));
}

#[tokio::test]
async fn a_cherry_pick_keeps_what_was_said_of_the_commit() {
    let world = World::memory().await;
    world.put("a", "1").await;
    let repository = &world.repository;
    let origin = repository.at("main").await.unwrap().data_ref_of("a").await.unwrap();
    repository.create_branch("side", "main", &ana()).await.unwrap();
    let draft = repository.commit("side").put("b", "2").message("why").metadata("ticket", "17");
    draft.derived_from(origin.clone()).commit(&ana()).await.unwrap();
    world.put("c", "3").await;
    let picked = repository.cherry_pick("main", "side").metadata("by", "hand").commit(&ana()).await.unwrap();
    assert_eq!((picked.message(), picked.derived_from().data.as_slice()), ("why", &[origin][..]));
    let said: Vec<_> = picked.metadata().iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(said, ["by=hand", "ticket=17"]);
}
