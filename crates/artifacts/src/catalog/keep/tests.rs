use std::{sync::Arc, time::Duration};

use lineal_core::{ErrorKind, Host, ManualClock, NoProgress, Store, Timestamp};

use super::*;
use crate::{Artifacts, Content, Draft, Keep, PackBlobs};

struct World {
    artifacts: Artifacts,
    catalog: Catalog,
    clock: ManualClock,
    store: Store,
    ana: Actor,
}

impl World {
    async fn new() -> Self {
        let clock = ManualClock::new("2013-01-01T00:00:00Z".parse::<Timestamp>().unwrap());
        let host = Host::system().with_clock(Arc::new(clock.clone()));
        let store = Store::open("memory:///").unwrap().with_host(host);
        let artifacts = Artifacts::new(Arc::new(PackBlobs::open(&store, "blobs").await.unwrap()));
        let catalog = Catalog::open(&store, "artifacts").await.unwrap();
        Self { artifacts, catalog, clock, store, ana: Actor::new("ana").unwrap() }
    }

    /// Names `count` new artifacts, one a day.
    async fn name(&self, name: &Name, count: u64) {
        for at in 0..count {
            let text = format!("{name} {at} {:?}", self.clock);
            let draft = Draft::new("text/plain").with_file("text", Content::bytes(text));
            let stored = self.artifacts.put(draft, &NoProgress).await.unwrap();
            self.catalog.name(name, &stored, &self.ana).await.unwrap();
            self.clock.advance(Duration::from_secs(86_400));
        }
    }

    async fn numbers(&self, name: &Name) -> Vec<u64> {
        self.catalog.versions(name).await.unwrap().iter().map(|found| found.version).collect()
    }
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

#[tokio::test]
async fn a_hold_refuses_removal_until_it_is_released() {
    let world = World::new().await;
    let (catalog, ana) = (&world.catalog, &world.ana);
    world.name(&name("late"), 2).await;
    let (late, audit, court) = (name("late"), name("audit"), name("court"));
    catalog.hold(&late, 1, &audit, "sample of the regulator", ana).await.unwrap();
    catalog.hold(&late, 1, &audit, "sample of the regulator", ana).await.unwrap();
    catalog.hold(&late, 1, &court, "case 12", ana).await.unwrap();
    let other = catalog.hold(&late, 1, &audit, "another reason", ana).await.unwrap_err();
    assert_eq!(other.to_string(), "version 1 of late is held as audit: sample of the regulator");
    assert_eq!(other.kind(), ErrorKind::Conflict);

    for label in [&audit, &court] {
        let refused = catalog.remove(&late, 1, ana).await.unwrap_err();
        assert!(matches!(&refused, Error::Held { label: found, .. } if found == label), "{refused}");
        assert!(catalog.release(&late, 1, label, ana).await.unwrap());
        assert!(!catalog.release(&late, 1, label, ana).await.unwrap());
    }
    assert!(catalog.remove(&late, 1, ana).await.unwrap());
    let entries = catalog.journal().verify().await.unwrap().entries;
    assert!(!catalog.release(&late, 1, &audit, ana).await.unwrap());
    assert_eq!(catalog.journal().verify().await.unwrap().entries, entries, "what changes nothing is not recorded");
}

#[tokio::test]
async fn what_is_not_there_is_not_kept() {
    let world = World::new().await;
    let (catalog, ana, late) = (&world.catalog, &world.ana, name("late"));
    world.name(&late, 1).await;
    let pin = catalog.pin(&late, 2, ana).await.unwrap_err();
    assert_eq!(pin.to_string(), "late has no version 2");
    assert_eq!(pin.kind(), ErrorKind::NotFound);
    let hold = catalog.hold(&name("other"), 1, &name("audit"), "r", ana).await.unwrap_err();
    assert!(matches!(hold, Error::NoSuchVersion { version: 1, .. }));
    assert!(!catalog.unpin(&late, 1, ana).await.unwrap());
    for reason in ["", "two\nlines", &"x".repeat(1001)] {
        let refused = catalog.hold(&late, 1, &name("audit"), reason, ana).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Invalid, "{refused}");
    }
    catalog.hold(&late, 1, &name("audit"), &"x".repeat(1000), ana).await.unwrap();
}

#[tokio::test]
async fn a_pin_binds_retention_and_not_people() {
    let world = World::new().await;
    let (catalog, ana, late) = (&world.catalog, &world.ana, name("late"));
    world.name(&late, 3).await;
    catalog.pin(&late, 1, ana).await.unwrap();
    catalog.pin(&late, 1, ana).await.unwrap();
    let policy = Retention::default().keep_last(1);
    catalog.apply_retention(&policy, ana).await.unwrap();
    assert_eq!(world.numbers(&late).await, [1, 3]);
    assert!(catalog.unpin(&late, 1, ana).await.unwrap());
    catalog.pin(&late, 1, ana).await.unwrap();
    assert!(catalog.remove(&late, 1, ana).await.unwrap());
    assert_eq!(world.numbers(&late).await, [3]);
}

#[tokio::test]
async fn retention_does_what_the_plan_says() {
    let world = World::new().await;
    let (catalog, ana) = (&world.catalog, &world.ana);
    let (early, late) = (name("early"), name("late"));
    world.name(&early, 4).await;
    world.name(&late, 10).await;
    catalog.hold(&late, 2, &name("audit"), "sample", ana).await.unwrap();

    let only_late = Retention::default().keep_last(2).keep_weekly(2).for_name(late.clone());
    let plan = catalog.plan_retention(&only_late).await.unwrap();
    assert_eq!(world.numbers(&late).await.len(), 10, "planning changes nothing");
    assert_eq!(plan.verdicts.len(), 10);
    assert_eq!(plan.verdicts[1].keeps, [Keep::Held(name("audit"))]);
    assert_eq!(catalog.apply_retention(&only_late, ana).await.unwrap(), plan);
    // 2013-01-05 to -14: the second week of the year ends with version 9.
    assert_eq!(world.numbers(&late).await, [2, 9, 10]);
    assert_eq!(world.numbers(&early).await.len(), 4);

    // Another handle says the same, also about a name that got nothing new.
    let other = Catalog::open(&world.store, "artifacts").await.unwrap();
    let all = Retention::default().keep_within(Duration::from_secs(86_400));
    let plan = other.apply_retention(&all, ana).await.unwrap();
    let removed: Vec<_> = plan.removed().map(|gone| (gone.name.as_str(), gone.version.version)).collect();
    assert_eq!(removed, [("early", 1), ("early", 2)]);
    assert_eq!(plan.kept().count(), 5);
    assert_eq!(catalog.apply_retention(&all, ana).await.unwrap().removed().count(), 0);
}

#[tokio::test]
async fn a_policy_without_rules_is_refused() {
    let world = World::new().await;
    let late = name("late");
    world.name(&late, 2).await;
    for policy in [Retention::default(), Retention::default().keep_within(Duration::ZERO)] {
        assert_eq!(world.catalog.plan_retention(&policy).await.unwrap_err().kind(), ErrorKind::Invalid);
        assert_eq!(world.catalog.apply_retention(&policy, &world.ana).await.unwrap_err().kind(), ErrorKind::Invalid);
    }
    let none = Retention { names: Some(std::collections::BTreeSet::new()), ..Retention::default().keep_last(1) };
    assert!(world.catalog.apply_retention(&none, &world.ana).await.unwrap().verdicts.is_empty());
    assert_eq!(world.numbers(&late).await, [1, 2]);
}
