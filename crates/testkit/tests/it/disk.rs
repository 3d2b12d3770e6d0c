//! The disk: an honest store, and what it keeps when the power goes.

use std::collections::BTreeSet;

use futures::TryStreamExt;
use lineal_testkit::{Dice, Durability, SimDisk};
use object_store::path::Path;
use object_store::{Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutMode, UpdateVersion};

fn path(name: &str) -> Path {
    Path::from(name)
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    futures::executor::block_on(future)
}

fn put(disk: &SimDisk, name: &str, bytes: &'static str) {
    block_on(disk.put(&path(name), bytes.into())).expect("the disk has no faults");
}

#[test]
fn create_is_refused_on_an_existing_object_and_update_is_not_there() {
    let disk = SimDisk::new();
    block_on(async {
        disk.put_opts(&path("a"), "1".into(), PutMode::Create.into()).await.unwrap();
        let second = disk.put_opts(&path("a"), "2".into(), PutMode::Create.into()).await;
        assert!(matches!(second, Err(Error::AlreadyExists { .. })));
        let update = PutMode::Update(UpdateVersion { e_tag: None, version: None });
        let third = disk.put_opts(&path("a"), "3".into(), update.into()).await;
        assert!(matches!(third, Err(Error::NotImplemented { .. })));
        disk.put(&path("b"), "4".into()).await.unwrap();
        assert!(matches!(disk.copy_if_not_exists(&path("b"), &path("a")).await, Err(Error::AlreadyExists { .. })));
        assert!(matches!(disk.rename_if_not_exists(&path("b"), &path("a")).await, Err(Error::AlreadyExists { .. })));
    });
    assert_eq!(disk.read(&path("a")).unwrap(), "1");
    assert_eq!(disk.read(&path("b")).unwrap(), "4");
}

#[test]
fn reads_give_ranges_heads_and_conditions() {
    let disk = SimDisk::new();
    put(&disk, "a", "0123456789");
    block_on(async {
        let ranges = [
            (GetRange::Bounded(2..4), "23"),
            (GetRange::Offset(7), "789"),
            (GetRange::Suffix(2), "89"),
            (GetRange::Bounded(8..99), "89"),
        ];
        for (range, expected) in ranges {
            let options = GetOptions::new().with_range(Some(range));
            assert_eq!(disk.get_opts(&path("a"), options).await.unwrap().bytes().await.unwrap(), expected);
        }
        assert!(disk.get_range(&path("a"), 10..12).await.is_err());
        let meta = disk.head(&path("a")).await.unwrap();
        assert_eq!(meta.size, 10);
        let options = GetOptions::new().with_if_none_match(meta.e_tag);
        assert!(matches!(disk.get_opts(&path("a"), options).await, Err(Error::NotModified { .. })));
        assert!(matches!(disk.get(&path("b")).await, Err(Error::NotFound { .. })));
        assert_eq!(disk.get_ranges(&path("a"), &[0..2, 8..10]).await.unwrap(), ["01", "89"]);
    });
}

#[test]
fn lists_know_prefixes_and_levels() {
    let disk = SimDisk::new();
    for name in ["d/a", "d/e/b", "d/e/c", "dd/x", "z", "d/e!/q"] {
        put(&disk, name, "x");
    }
    block_on(async {
        let names: Vec<_> = disk.list(Some(&path("d"))).map_ok(|meta| meta.location).try_collect().await.unwrap();
        assert_eq!(names, [path("d/a"), path("d/e!/q"), path("d/e/b"), path("d/e/c")]);
        let level = disk.list_with_delimiter(Some(&path("d"))).await.unwrap();
        assert_eq!(level.objects.iter().map(|meta| &meta.location).collect::<Vec<_>>(), [&path("d/a")]);
        assert_eq!(
            level.common_prefixes.iter().collect::<BTreeSet<_>>(),
            BTreeSet::from([&path("d/e"), &path("d/e!")])
        );
        let rest: Vec<_> = disk.list_with_offset(Some(&path("d")), &path("d/e/b")).try_collect().await.unwrap();
        assert_eq!(rest.len(), 1);
    });
}

#[test]
fn synced_changes_survive_and_unsynced_ones_may_be_kept_undone_or_torn() {
    let mut outcomes = BTreeSet::new();
    for seed in 0..60 {
        let disk = SimDisk::new().with_durability(Durability::UntilSync);
        put(&disk, "old", "synced");
        put(&disk, "gone", "synced");
        disk.sync();
        put(&disk, "old", "changed");
        put(&disk, "new", "fresh");
        disk.remove(&path("none"));
        block_on(disk.delete(&path("gone"))).unwrap();
        disk.lose_power(&mut Dice::new(seed));
        let left = |name: &str| disk.read(&path(name)).map(|bytes| String::from_utf8(bytes.to_vec()).unwrap());
        assert!(
            left("gone")
                .is_none_or(|text| text == "synced" || "synced".starts_with(text.as_str()) || text.contains('\0'))
        );
        outcomes.extend([("old", left("old")), ("new", left("new")), ("gone", left("gone"))]);
        let before = disk.paths();
        disk.lose_power(&mut Dice::new(seed + 1));
        assert_eq!(disk.paths(), before, "what is left is durable");
    }
    for expected in [
        ("old", Some("synced")),
        ("old", Some("changed")),
        ("new", None),
        ("new", Some("fresh")),
        ("gone", None),
        ("gone", Some("synced")),
    ] {
        assert!(outcomes.contains(&(expected.0, expected.1.map(String::from))), "{expected:?} never happened");
    }
    assert!(
        outcomes.iter().any(|(name, text)| *name == "new" && text.as_ref().is_some_and(|text| text != "fresh")),
        "nothing was torn"
    );
}

#[test]
fn durability_at_once_loses_nothing_and_late_deletes_come_back() {
    let (mut kept, mut back) = (0, 0);
    for seed in 0..20 {
        for durability in [Durability::AtOnce, Durability::DeletesUntilSync] {
            let disk = SimDisk::new().with_durability(durability);
            put(&disk, "a", "x");
            put(&disk, "b", "x");
            block_on(disk.delete(&path("b"))).unwrap();
            disk.lose_power(&mut Dice::new(seed));
            kept += usize::from(disk.read(&path("a")).unwrap() == "x");
            if durability == Durability::AtOnce {
                assert!(disk.read(&path("b")).is_none());
            } else {
                back += usize::from(disk.read(&path("b")).is_some());
            }
        }
    }
    assert_eq!(kept, 40);
    assert!(back > 0);
}

#[test]
fn forks_and_damage_are_separate() {
    let disk = SimDisk::new();
    put(&disk, "a", "abc");
    let fork = disk.fork();
    assert!(disk.tamper(&path("a"), |bytes| bytes[0] ^= 1));
    assert!(!disk.tamper(&path("none"), |_| {}));
    assert_eq!(disk.read(&path("a")).unwrap(), "`bc");
    assert_eq!(fork.read(&path("a")).unwrap(), "abc");
}
