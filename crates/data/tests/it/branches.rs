use futures::{TryStreamExt, stream::BoxStream};
use lineal_core::{CodeRef, DataRef, ErrorKind, Name, NoProgress};
use lineal_data::{Commit, Error, Level};

use crate::support::{World, ana};

#[tokio::test]
async fn branches_part_and_keep_their_own_tips() {
    let world = World::memory().await;
    let base = world.put("a", "1").await;
    world.repository.create_branch("clean", "main", &ana()).await.unwrap();
    world.repository.commit("clean").put("b", "2").commit(&ana()).await.unwrap();
    world.put("c", "3").await;
    let main = world.repository.at("main").await.unwrap();
    let clean = world.repository.at("clean").await.unwrap();
    assert!(main.file("b").await.is_err() && clean.file("c").await.is_err());
    assert_eq!((main.commit().parents(), clean.commit().parents()), (&[base.id()][..], &[base.id()][..]));
    let taken = world.repository.create_branch("clean", "main", &ana()).await.unwrap_err();
    assert!(matches!(taken, Error::Taken { by: "branch", .. }));
}

#[tokio::test]
async fn only_the_first_commit_begins_a_branch() {
    let world = World::memory().await;
    world.put("a", "1").await;
    let typo = world.repository.commit("mian").put("b", "2").commit(&ana()).await.unwrap_err();
    assert!(matches!(typo, Error::NoSuchBranch { .. }));
    world.repository.delete_branch("main", &ana()).await.unwrap();
    let gone = world.repository.commit("main").put("b", "2").commit(&ana()).await.unwrap_err();
    assert!(matches!(gone, Error::NoSuchBranch { .. }));
}

#[tokio::test]
async fn what_a_deleted_branch_held_stays_readable() {
    let world = World::memory().await;
    world.put("a", "1").await;
    world.repository.create_branch("side", "main", &ana()).await.unwrap();
    let lost = world.repository.commit("side").put("b", "2").commit(&ana()).await.unwrap();
    world.repository.delete_branch("side", &ana()).await.unwrap();
    assert!(world.repository.resolve("side").await.is_err());
    assert_eq!(world.repository.at(&lost.id().to_string()).await.unwrap().read("b").await.unwrap(), "2");
    assert_eq!(world.repository.verify(Level::Rehash, &NoProgress).await.unwrap().commits, 2);
    let again = world.repository.delete_branch("side", &ana()).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_branch_moves_only_from_where_the_caller_saw_it() {
    let world = World::memory().await;
    let one = world.put("a", "1").await;
    let two = world.put("a", "2").await;
    let stale = world.repository.move_branch("main", one.id(), "main~1", &ana()).await.unwrap_err();
    assert!(matches!(stale, Error::Moved { .. }));
    world.repository.move_branch("main", two.id(), "main~1", &ana()).await.unwrap();
    assert_eq!(world.repository.resolve("main").await.unwrap(), one.id());
    assert!(world.repository.resolve(&two.id().to_string()).await.is_ok());
}

#[tokio::test]
async fn tags_stay_unless_forced() {
    let world = World::memory().await;
    let one = world.put("a", "1").await;
    world.repository.tag("v1", "main", &ana()).await.unwrap();
    world.repository.tag("v1", "main", &ana()).await.unwrap();
    let two = world.put("a", "2").await;
    let refused = world.repository.tag("v1", "main", &ana()).await.unwrap_err();
    assert!(matches!(refused, Error::Taken { by: "tag", .. }));
    assert_eq!(world.repository.resolve("v1").await.unwrap(), one.id());
    world.repository.force_tag("v1", "main", &ana()).await.unwrap();
    assert_eq!(world.repository.resolve("v1").await.unwrap(), two.id());
    assert!(matches!(world.repository.force_tag("main", "v1", &ana()).await, Err(Error::Taken { by: "branch", .. })));
    assert!(matches!(world.repository.create_branch("v1", "main", &ana()).await, Err(Error::Taken { by: "tag", .. })));
    let digest = one.id().to_string();
    assert!(matches!(world.repository.tag(&digest, "main", &ana()).await, Err(Error::Invalid { .. })));
    world.repository.delete_tag("v1", &ana()).await.unwrap();
    assert!(world.repository.resolve("v1").await.is_err());
}

#[tokio::test]
async fn what_was_made_of_data_is_found_on_every_branch() {
    let world = World::memory().await;
    let repository = &world.repository;
    repository.commit("main").put("raw/a", "1").put("raw/b", "2").commit(&ana()).await.unwrap();
    let raw = repository.at("main").await.unwrap();
    let (whole, part, other) =
        (raw.data_ref(), raw.data_ref_of("raw/a").await.unwrap(), raw.data_ref_of("raw/b").await.unwrap());
    let code = |commit: &str| CodeRef { repository: None, commit: commit.to_owned(), dirty: false, diff: None };
    let made = async |branch: &str, path: &str, of: &DataRef, by: &str| {
        let draft = repository.commit(branch).put(path, path.to_owned()).message(path).derived_from(of.clone());
        draft.made_by(code(by)).commit(&ana()).await.unwrap();
    };
    repository.create_branch("side", "main", &ana()).await.unwrap();
    made("main", "of the whole", &whole, "c0de").await;
    made("main", "of a", &part, "c0de").await;
    made("side", "of b", &other, "beef").await;
    repository.delete_branch("side", &ana()).await.unwrap();
    let now = repository.now().await.unwrap();
    let messages = async |found: BoxStream<'static, Result<Commit, Error>>| {
        found.map_ok(|commit| commit.message().to_owned()).try_collect::<Vec<_>>().await.unwrap()
    };
    assert_eq!(messages(now.derivatives(&part)).await, ["of a", "of the whole"]);
    assert_eq!(messages(now.derivatives(&other)).await, ["of b", "of the whole"]);
    let mut all = messages(now.derivatives(&whole)).await;
    // Commits of two branches may have one time.
    all.sort_unstable();
    assert_eq!(all, ["of a", "of b", "of the whole"]);
    assert_eq!(messages(now.made_by("c0de")).await, ["of a", "of the whole"]);
    let elsewhere = DataRef { repository: Name::new("another").unwrap(), ..whole };
    assert_eq!(messages(now.derivatives(&elsewhere)).await, [""; 0]);
}
