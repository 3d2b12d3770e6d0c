use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use lineal_core::{BlobStoreExt, CodeRef, DataRef, Digest, ErrorKind, Name, NoProgress, Timestamp};
use lineal_data::{Change, Error, Level};

use crate::support::{World, ana, changes, files};

#[tokio::test]
async fn what_is_committed_is_read_back_by_every_handle() {
    let (local, _guard) = World::local().await;
    for world in [World::memory().await, local] {
        assert!(world.repository.branches().await.unwrap().is_empty());
        let first = world.put("readme.md", "# Flights").await;
        let other = world.another().await;
        let version = other.at("main").await.unwrap();
        assert_eq!(version.commit(), &first);
        assert_eq!(version.read("readme.md").await.unwrap(), "# Flights");
        assert_eq!(version.read_range("readme.md", 2..5).await.unwrap(), "Fli");
        let pieces: Vec<_> = version.stream("readme.md").await.unwrap().try_collect().await.unwrap();
        assert_eq!(pieces.concat(), b"# Flights");
        assert_eq!(other.resolve("main").await.unwrap(), first.id());
    }
}

#[tokio::test]
async fn a_commit_keeps_who_when_why_and_from_what() {
    let world = World::memory().await;
    let raw = DataRef {
        repository: Name::new("raw").unwrap(),
        commit: Digest::of(b"raw"),
        path: Some("2013.csv".into()),
        rows: None,
    };
    let code = CodeRef { repository: None, commit: "6cfaa1b".into(), dirty: false, diff: None };
    let made = world
        .repository
        .commit("main")
        .put_as("notes/a.md", "text/markdown", "a")
        .message("January, cleaned")
        .metadata("source", "bts")
        .derived_from(raw.clone())
        .made_by(code.clone())
        .commit(&ana())
        .await
        .unwrap();
    let version = world.repository.at(&made.id().to_string()).await.unwrap();
    let commit = version.commit();
    assert_eq!((commit.author(), commit.message()), (&ana(), "January, cleaned"));
    assert_eq!(commit.metadata().get("source").unwrap(), "bts");
    assert_eq!(commit.time(), Timestamp::from_unix_secs(1_357_000_000).unwrap());
    assert_eq!((&commit.derived_from().data[..], commit.derived_from().code.as_ref()), (&[raw][..], Some(&code)));
    assert_eq!(version.file("notes/a.md").await.unwrap().media_type, "text/markdown");
    let reference = version.data_ref_of("notes/a.md").await.unwrap();
    assert_eq!((reference.commit, reference.path.as_deref()), (made.id().digest(), Some("notes/a.md")));
}

#[tokio::test]
async fn a_difference_of_the_code_must_be_stored() {
    let world = World::memory().await;
    let diff = Digest::of(b"- old + new");
    let code = CodeRef { repository: None, commit: "6cfaa1b".into(), dirty: true, diff: Some(diff) };
    let draft = || world.repository.commit("main").put("a", "1").made_by(code.clone());
    assert_eq!(draft().commit(&ana()).await.unwrap_err().kind(), ErrorKind::NotFound);
    let receipt = world.blobs.put_one("- old + new".into()).await.unwrap();
    draft().with_receipt(receipt).commit(&ana()).await.unwrap();
    let verified = world.repository.verify(Level::Rehash, &NoProgress).await.unwrap();
    assert_eq!((verified.is_intact(), verified.files), (true, 1), "the file itself lies in the tree");
}

#[tokio::test]
async fn a_few_bytes_lie_in_the_tree_and_read_like_others() {
    let world = World::memory().await;
    let commit = world.repository.commit("main").put("few", vec![7; 256]).put("more", vec![7; 257]).put("none", "");
    commit.commit(&ana()).await.unwrap();
    let version = world.repository.at("main").await.unwrap();
    let few = version.file("few").await.unwrap();
    assert_eq!((few.blob(), few.digest), (None, Digest::of(&[7; 256])));
    assert!(version.file("more").await.unwrap().blob().is_some());
    assert_eq!(version.read("few").await.unwrap(), vec![7; 256]);
    assert_eq!(version.read_range("few", 250..256).await.unwrap(), vec![7; 6]);
    for range in [250..257, 257..258, 300..400] {
        for path in ["few", "more"] {
            let read = version.read_range(path, range.clone()).await;
            assert_eq!(read.is_ok(), path == "more" && range.end == 257, "{path} {range:?}");
        }
    }
    assert_eq!(version.totals().await.unwrap(), (3, 513));
    for (path, pieces) in [("few", 1), ("none", 0)] {
        let read: Vec<_> = version.stream(path).await.unwrap().try_collect().await.unwrap();
        assert_eq!(read.len(), pieces);
    }
}

#[tokio::test]
async fn history_goes_back_newest_first() {
    let world = World::memory().await;
    let mut ids = Vec::new();
    // The clock stands still: the order must not depend on it.
    for at in 0..5 {
        ids.push(world.put("counter", &at.to_string()).await.id());
    }
    let log = world.repository.log("main").await.unwrap();
    let seen: Vec<_> = log.map_ok(|commit| commit.id()).try_collect().await.unwrap();
    assert_eq!(seen, ids.iter().rev().copied().collect::<Vec<_>>());
    let two: Vec<_> = world.repository.log("main~1").await.unwrap().take(2).try_collect().await.unwrap();
    assert_eq!(two.iter().map(|commit| commit.id()).collect::<Vec<_>>(), [ids[3], ids[2]]);
    assert_eq!(world.repository.resolve("main~4").await.unwrap(), ids[0]);
    assert_eq!(world.repository.resolve(&format!("{}~1", ids[2])).await.unwrap(), ids[1]);
    for missing in ["main~5", "other", "Not A Name", ""] {
        let error = world.repository.resolve(missing).await.unwrap_err();
        assert!(matches!(error, Error::NoSuchRevision { .. }), "{missing}: {error}");
    }
}

#[tokio::test]
async fn a_diff_names_what_was_added_removed_and_changed() {
    let world = World::memory().await;
    let main = || world.repository.commit("main");
    let one = main().put("a", "1").put("b", "2").put("c", "3").commit(&ana()).await.unwrap();
    let two = main().remove("a").put("b", "22").put("d", "4").commit(&ana()).await.unwrap();
    let found = changes(&world.repository, &one.id().to_string(), "main").await;
    let shown: Vec<String> = found
        .iter()
        .map(|change| match change {
            Change::Added { new } => format!("+ {} {}", new.path, new.size_bytes),
            Change::Removed { old } => format!("- {} {}", old.path, old.size_bytes),
            Change::Changed { old, new } => format!("~ {} {} {}", old.path, old.size_bytes, new.size_bytes),
            _ => unreachable!(),
        })
        .collect();
    assert_eq!(shown, ["- a 1", "~ b 1 2", "+ d 1"]);
    assert!(changes(&world.repository, "main", &two.id().to_string()).await.is_empty());
    let version = world.repository.at("main").await.unwrap();
    let all = files(&version, "").await;
    let names: Vec<_> = all.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(names, ["b", "c", "d"]);
    assert_eq!(files(&version, "c").await.len(), 1);
}

#[tokio::test]
async fn the_repository_can_be_seen_as_it_was() {
    let world = World::memory().await;
    world.put("a", "old").await;
    world.clock.advance(Duration::from_secs(120));
    world.put("a", "new").await;
    world.repository.create_branch("side", "main", &ana()).await.unwrap();
    let past = world.repository.as_of(Timestamp::from_unix_secs(1_357_000_090).unwrap()).await.unwrap();
    assert_eq!(past.at("main").await.unwrap().read("a").await.unwrap(), "old");
    assert_eq!(past.branches().len(), 1);
    let never = world.repository.as_of(Timestamp::EPOCH).await.unwrap_err();
    assert_eq!(never.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_commit_that_changes_nothing_is_refused() {
    let world = World::memory().await;
    world.put("a", "1").await;
    let again = world.repository.commit("main").put("a", "1").commit(&ana()).await.unwrap_err();
    assert!(matches!(again, Error::Unchanged { .. }));
    let nothing = world.repository.commit("main").commit(&ana()).await.unwrap_err();
    assert!(matches!(nothing, Error::Unchanged { .. }));
    let none = world.repository.commit("main").put("b", "1").remove("b").commit(&ana()).await.unwrap_err();
    assert!(matches!(none, Error::Unchanged { .. }));
    let missing = world.repository.commit("main").remove("b").commit(&ana()).await.unwrap_err();
    assert!(matches!(missing, Error::NoSuchPath { .. }));
    assert_eq!(world.repository.verify(Level::Rehash, &NoProgress).await.unwrap().commits, 1);
}

#[tokio::test]
async fn a_key_makes_a_commit_happen_once_across_handles() {
    let world = World::memory().await;
    let first = world.repository.commit("main").put("a", "1").with_key("import/1").commit(&ana()).await.unwrap();
    world.put("b", "2").await;
    let again = world.another().await;
    let again = again.commit("main").put("a", "other").with_key("import/1").commit(&ana()).await.unwrap();
    assert_eq!(again, first);
    assert_eq!(world.repository.at("main").await.unwrap().read("a").await.unwrap(), "1");
}

#[tokio::test]
async fn local_files_are_stored_whole() {
    let (world, guard) = World::local().await;
    let path = guard.path().join("big.bin");
    std::fs::write(&path, vec![9; 9_000_000]).unwrap();
    world.repository.commit("main").put_file("big.bin", &path).commit(&ana()).await.unwrap();
    let version = world.repository.at("main").await.unwrap();
    assert_eq!(version.file("big.bin").await.unwrap().size_bytes, 9_000_000);
    assert_eq!(version.file("big.bin").await.unwrap().digest, Digest::of(&vec![9; 9_000_000]));
    let gone = world.repository.commit("main").put_file("x", &guard.path().join("none")).commit(&ana()).await;
    assert!(matches!(gone, Err(Error::Local { .. })));
}

#[tokio::test]
async fn names_that_cannot_be_checked_out_are_refused_before_anything_is_stored() {
    let (world, guard) = World::local().await;
    let long = "x".repeat(300);
    let hostile = [
        "",
        "/etc/passwd",
        "../x",
        "a/../../x",
        "a//b",
        "a\\b",
        "c:/x",
        "aux",
        "a/NUL.txt",
        "x.",
        "x ",
        "a\0b",
        "a\nb",
        "a\u{202e}b",
        &long,
    ];
    for path in hostile {
        let refused = world.repository.commit("main").put("fine", "1").put(path, "2").commit(&ana()).await.unwrap_err();
        assert!(matches!(refused, Error::Path { .. }), "{path:?}");
    }
    assert!(!guard.path().join("blobs").exists(), "nothing was stored");
    for (one, two) in [("a", "A"), ("a", "a/b"), ("d/x", "D/y")] {
        let refused = world.repository.commit("main").put(one, "1").put(two, "2").commit(&ana()).await.unwrap_err();
        assert!(matches!(refused, Error::Clash { .. }), "{one} {two}");
    }
    assert!(world.repository.branches().await.unwrap().is_empty());
}

#[tokio::test]
async fn everything_can_be_spawned() {
    let world = World::memory().await;
    let task = tokio::spawn(async move {
        let repository = world.repository;
        repository.commit("main").put("a", "1").commit(&ana()).await?;
        repository.tag("v1", "main", &ana()).await?;
        repository.log("v1").await?.try_collect::<Vec<_>>().await?;
        repository.diff("v1", "main").await?.try_collect::<Vec<_>>().await?;
        repository.verify(Level::Rehash, &NoProgress).await
    });
    assert!(task.await.unwrap().unwrap().is_intact());
}
