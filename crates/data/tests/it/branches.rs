use lineal_core::{ErrorKind, NoProgress};
use lineal_data::{Error, Level};

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
