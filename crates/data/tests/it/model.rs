use std::collections::BTreeMap;

use lineal_data::{Change, Commit, Error};
use proptest::prelude::*;

use crate::support::{self, World, ana};

type Files = BTreeMap<String, String>;

/// What a commit makes of some paths.
type Edits = BTreeMap<String, Option<String>>;

fn edits() -> impl Strategy<Value = Edits> {
    let path = proptest::sample::select(vec!["a", "b", "c/x", "c/y", "d"]).prop_map(ToOwned::to_owned);
    proptest::collection::btree_map(path, proptest::option::of("[xyz]{0,2}"), 0..4)
}

/// Makes the commit in the model; `None` if it cannot be made.
fn apply(files: &Files, edits: &Edits) -> Option<Files> {
    let mut files = files.clone();
    for (path, content) in edits {
        match content {
            Some(content) => drop(files.insert(path.clone(), content.clone())),
            None => drop(files.remove(path)?),
        }
    }
    Some(files)
}

async fn commit(world: &World, edits: &Edits) -> Result<Commit, Error> {
    let mut draft = world.repository.commit("main");
    for (path, content) in edits {
        draft = match content {
            Some(content) => draft.put(path, content.clone()),
            None => draft.remove(path),
        };
    }
    draft.commit(&ana()).await
}

async fn read(world: &World, revision: &str) -> Files {
    let version = world.repository.at(revision).await.unwrap();
    let mut files = Files::new();
    for entry in support::files(&version, "").await {
        let bytes = version.read(entry.path.as_str()).await.unwrap();
        files.insert(entry.path.to_string(), String::from_utf8(bytes.to_vec()).unwrap());
    }
    files
}

async fn check(commits: Vec<Edits>) {
    let world = World::memory().await;
    let mut versions: Vec<(String, Files)> = Vec::new();
    let mut now = Files::new();
    for edits in &commits {
        match (apply(&now, edits), commit(&world, edits).await) {
            (Some(expected), Ok(made)) => {
                assert_ne!(expected, now);
                now.clone_from(&expected);
                versions.push((made.id().to_string(), expected));
            }
            (Some(expected), Err(Error::Unchanged { .. })) => assert_eq!(expected, now),
            (None, Err(Error::NoSuchPath { .. })) => {}
            (expected, outcome) => panic!("{expected:?} {outcome:?}"),
        }
    }
    for (id, expected) in &versions {
        assert_eq!(&read(&world, id).await, expected, "every version stays as it was");
    }
    for (old_id, old) in &versions {
        for (new_id, new) in &versions {
            let mut files = old.clone();
            for change in support::changes(&world.repository, old_id, new_id).await {
                let path = change.path().to_string();
                assert_ne!(old.get(&path), new.get(&path));
                match change {
                    Change::Removed { .. } => drop(files.remove(&path)),
                    _ => drop(files.insert(path.clone(), new[&path].clone())),
                }
            }
            assert_eq!(&files, new, "the diff of two versions leads from one to the other");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_repository_is_what_a_map_would_be(commits in proptest::collection::vec(edits(), 1..8)) {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(check(commits));
    }
}
