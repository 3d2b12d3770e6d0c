use lineal_core::{At, CodeRef, DataRef, Digest, EnvRef, ErrorKind, EvidenceKind, Name, RunId, RunRef, Timestamp};
use lineal_registry::{ApprovalClaim, Comparison, Error, GoldenClaim, Outcome, Party, Policy, Rule, TestClaim};
use proptest::prelude::Strategy as _;

use crate::support::{ANA, BO, CI, CY, World, actor, champion, key, model, policy, ring, signer, time};

#[tokio::test]
async fn a_version_goes_from_registration_to_use_in_memory_and_on_disk() {
    let disk = tempfile::tempdir().unwrap();
    let url = format!("file://{}", disk.path().display());
    for url in ["memory:///", &url] {
        let world = World::at(url).await;
        world.crown(1).await;
        let model = world.again().await.load(&champion()).await.unwrap();
        assert_eq!(model.file("weights.json").unwrap(), "[1]");
        assert_eq!(model.version().model.version, 1);
        assert!(model.version().decision.as_ref().unwrap().approved());
        assert_eq!(model.file("other").unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(
            world.registry.journal().verify().await.unwrap().entries,
            world.registry.journal().head().unwrap().seq + 1
        );
    }
}

#[tokio::test]
async fn registering_the_same_again_gives_the_same_version() {
    let world = World::memory().await;
    let first = world.registry.register(world.version("[1]").await, &signer(CI)).await.unwrap();
    let again = world.registry.register(world.version("[1]").await, &signer(ANA)).await.unwrap();
    let other = world.registry.register(world.version("[2]").await, &signer(CI)).await.unwrap();
    assert_eq!(first, again);
    assert_eq!((first.version, other.version), (1, 2));
    assert_eq!(world.registry.versions(&model()).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_refusal_is_recorded_with_its_reasons() {
    let world = World::memory().await;
    world.set_policy(&policy()).await;
    world.trained("[1]", 0.66).await;
    world.approve(1, ANA).await;
    let decision = world.promote(1, None).await.unwrap();
    assert!(!decision.approved());
    let text = decision.verdict.to_string();
    assert!(text.contains("FAIL    auc at least 0.7: 0.66 is stated"), "{text}");
    assert!(text.contains("by nobody; not counted: ana@example.org, a trainer of it"), "{text}");
    assert!(world.registry.live().await.unwrap().is_empty());
    let descent = world.registry.lineage(&model(), 1).await.unwrap();
    assert_eq!(descent.decisions, std::slice::from_ref(&decision));
    assert_eq!(world.registry.recheck(&decision.digest()).await.unwrap(), decision.verdict);
    let refused = world.registry.release_version(&model(), 1, &champion().environment).await.unwrap_err();
    assert!(matches!(refused, Error::NotApproved { version: 1, .. }));
}

#[tokio::test]
async fn nobody_approves_what_nobody_is_known_to_have_trained() {
    let world = World::memory().await;
    world.set_policy(&Policy::new(Rule::approvals(1)).unwrap()).await;
    let version = world.registry.register(world.version("[1]").await, &signer(CI)).await.unwrap();
    world.approve(1, BO).await;
    let decision = world.promote(1, None).await.unwrap();
    assert_eq!(decision.verdict.outcome, Outcome::Inconclusive);
    world.state(EvidenceKind::Provenance, version.manifest, &"how", ANA).await;
    assert!(world.promote(1, None).await.unwrap().approved());
}

#[tokio::test]
async fn an_approval_binds_version_environment_policy_and_time() {
    let world = World::memory().await;
    world.set_policy(&Policy::new(Rule::approvals(1)).unwrap()).await;
    for weights in ["[1]", "[2]"] {
        world.trained(weights, 0.8).await;
    }
    let environment = champion().environment;
    let soon = time("2013-05-02T00:00:00Z");
    world.registry.approve(&model(), 1, &environment, soon, "", &signer(BO)).await.unwrap();
    assert!(!world.promote(2, None).await.unwrap().approved(), "another version");
    world.clock.set(time("2013-05-03T00:00:00Z"));
    let late = world.promote(1, None).await.unwrap();
    assert!(late.verdict.to_string().contains("bo@example.org, expired"), "{}", late.verdict);
    world.approve(1, BO).await;
    world.set_policy(&policy()).await;
    let other = world.promote(1, None).await.unwrap();
    assert!(other.verdict.to_string().contains("bo@example.org, under another policy"), "{}", other.verdict);
    world.approve(1, BO).await;
    assert!(world.promote(1, None).await.unwrap().approved());
}

#[tokio::test]
async fn an_approval_for_elsewhere_of_the_files_alone_or_from_the_future_does_not_count() {
    let world = World::memory().await;
    let policy = Policy::new(Rule::approvals(1)).unwrap();
    let digest = world.set_policy(&policy).await;
    let edge = lineal_registry::Environment::new("edge").unwrap();
    world.registry.set_policy(&edge, &policy, &signer(CY)).await.unwrap();
    let version = world.trained("[1]", 0.8).await;
    let verdict = || async { world.registry.evaluate(&model(), 1, &champion().environment).await.unwrap().to_string() };
    world.registry.approve(&model(), 1, &edge, Timestamp::MAX, "", &signer(BO)).await.unwrap();
    assert!(verdict().await.contains("bo@example.org, for another environment"));
    let claim = ApprovalClaim {
        comment: String::new(),
        environment: champion().environment,
        expires: Timestamp::MAX,
        policy: digest,
    };
    world.state(EvidenceKind::Approval, version.manifest, &claim, BO).await;
    assert!(verdict().await.contains("bo@example.org, for "), "{}", verdict().await);
    assert!(verdict().await.starts_with("FAIL"), "{}", verdict().await);
    let now = time("2013-05-01T00:00:00Z");
    let of_version = world.registry.versions(&model()).await.unwrap()[0].digest;
    let subjects = vec![lineal_core::Subject::new("late15", of_version)];
    let later = now.saturating_add(std::time::Duration::from_secs(60));
    let statement = lineal_core::Statement::new(EvidenceKind::Approval, subjects, &claim, actor(BO), later).unwrap();
    let envelope = lineal_core::Envelope::unsigned(&statement).unwrap().sign(&*signer(BO)).unwrap();
    world.registry.attach(envelope).await.unwrap();
    assert!(verdict().await.starts_with("FAIL"), "{}", verdict().await);
    world.clock.set(later);
    assert!(verdict().await.starts_with("pass"), "{}", verdict().await);
}

#[tokio::test]
async fn two_keys_of_one_person_are_one_person() {
    let mut world = World::memory().await;
    let second = lineal_core::Ed25519Key::from_seed(&[99; 32]);
    world.ring.add(second.public(), actor(ANA)).unwrap();
    let registry = world.again().await;
    world.set_policy(&Policy::new(Rule::approvals(1)).unwrap()).await;
    world.trained("[1]", 0.8).await;
    let second: std::sync::Arc<dyn lineal_core::Signer> = std::sync::Arc::new(second);
    let environment = champion().environment;
    registry.approve(&model(), 1, &environment, Timestamp::MAX, "", &second).await.unwrap();
    let decision = crate::support::promote(&registry, 1, None).await.unwrap();
    assert!(decision.verdict.to_string().contains("ana@example.org, a trainer of it"), "{}", decision.verdict);
}

#[tokio::test]
async fn a_challenger_must_be_better_than_the_champion_and_compatible() {
    let world = World::memory().await;
    let alias = champion().alias;
    let better = Rule::Better {
        by: vec![],
        key: "log_loss".into(),
        margin: 0.01.into(),
        max_p: 0.05.into(),
        test: "paired-bootstrap".into(),
        than: alias.clone(),
    };
    let compatible = Rule::Compatible { mode: lineal_core::Compatibility::Backward, with: alias };
    world.set_policy(&Policy::new(Rule::All(vec![better, compatible])).unwrap()).await;
    let first = world.trained("[1]", 0.8).await;
    let second = world.trained("[2]", 0.8).await;
    assert!(world.promote(1, None).await.unwrap().approved(), "nothing to be better than");
    let without = world.promote(2, Some(1)).await.unwrap();
    assert_eq!(without.verdict.outcome, Outcome::Inconclusive);
    let claim = |improvement: f64, p: f64, baseline| TestClaim {
        comparison: Some(Comparison {
            baseline,
            candidate: second.manifest,
            improvement: improvement.into(),
            metric: "log_loss".into(),
            p: p.into(),
            test: "paired-bootstrap".into(),
        }),
        name: "challenger".into(),
        passed: true,
    };
    for (improvement, p, baseline, expected) in [
        (0.02, 0.2, first.manifest, Outcome::Fail),
        (0.001, 0.01, first.manifest, Outcome::Fail),
        (f64::NAN, 0.01, first.manifest, Outcome::Fail),
        (0.02, f64::NAN, first.manifest, Outcome::Fail),
        (0.02, -1.0, first.manifest, Outcome::Fail),
        (0.02, 0.01, first.manifest, Outcome::Pass),
    ] {
        world.state(EvidenceKind::Test, second.manifest, &claim(improvement, p, baseline), CI).await;
        let verdict = world.registry.evaluate(&model(), 2, &champion().environment).await.unwrap();
        assert_eq!(verdict.outcome, expected, "{verdict}");
    }
    assert!(world.promote(2, Some(1)).await.unwrap().approved());
    world.registry.load(&champion()).await.unwrap();
}

#[tokio::test]
async fn evidence_counts_only_for_trusted_keys_and_those_a_rule_names() {
    let world = World::memory().await;
    let by_ci = Rule::Golden { by: vec![key(CI)] };
    world.set_policy(&Policy::new(by_ci).unwrap()).await;
    let version = world.trained("[1]", 0.8).await;
    let golden = GoldenClaim { cases: 5, failed: 0, passed: true };
    world.state(EvidenceKind::Golden, version.manifest, &golden, ANA).await;
    assert!(!world.promote(1, None).await.unwrap().approved());
    let mut forged = world.envelope(EvidenceKind::Golden, version.manifest, &golden, CI);
    forged.payload.push(b' ');
    assert!(matches!(world.registry.attach(forged).await, Err(Error::Signature { .. })));
    world.state(EvidenceKind::Golden, version.manifest, &golden, CI).await;
    assert!(world.promote(1, None).await.unwrap().approved());
    // A later failure counts more than an earlier success.
    let failed = GoldenClaim { cases: 5, failed: 1, passed: false };
    world.state(EvidenceKind::Golden, version.manifest, &failed, CI).await;
    assert!(!world.promote(1, Some(1)).await.unwrap().approved());
}

#[tokio::test]
async fn a_removed_key_withdraws_what_rests_on_it() {
    let mut world = World::with_champions(1).await;
    world.registry.load(&champion()).await.unwrap();
    let mut ring = lineal_core::KeyRing::default();
    for (public, owner) in self::ring().keys() {
        if *owner != actor(BO) {
            ring.add(*public, owner.clone()).unwrap();
        }
    }
    world.ring = ring;
    let refused = world.again().await.load(&champion()).await.unwrap_err();
    assert!(matches!(refused, Error::SignerLost { key: lost, .. } if lost == key(BO)), "{refused}");
}

#[tokio::test]
async fn decisions_hold_when_keys_are_added_and_evidence_grows() {
    let mut world = World::memory().await;
    world.set_policy(&policy()).await;
    let version = world.trained("[1]", 0.8).await;
    let refused = world.promote(1, None).await.unwrap();
    assert!(!refused.approved());
    world.approve(1, BO).await;
    let approved = world.promote(1, None).await.unwrap();
    world.state(EvidenceKind::Metrics, version.manifest, &serde_json::json!({"metrics": {"auc": "0.1"}}), CI).await;
    world.ring.add(lineal_core::Ed25519Key::from_seed(&[77; 32]).public(), actor(CY)).unwrap();
    let later = world.again().await;
    for decision in [refused, approved] {
        assert_eq!(later.recheck(&decision.digest()).await.unwrap(), decision.verdict);
    }
    // What was let in stays in, until somebody acts on the new evidence.
    later.load(&champion()).await.unwrap();
    assert!(!crate::support::promote(&later, 1, Some(1)).await.unwrap().approved());
}

#[tokio::test]
async fn the_policy_in_force_says_who_may_replace_it() {
    let world = World::memory().await;
    let environment = champion().environment;
    let first = policy().with_amenders([key(CY)]);
    let digest = world.registry.set_policy(&environment, &first, &signer(ANA)).await.unwrap();
    assert_eq!(world.registry.set_policy(&environment, &first, &signer(ANA)).await.unwrap(), digest);
    let lax = Policy::new(Rule::All(vec![])).unwrap();
    let refused = world.registry.set_policy(&environment, &lax, &signer(ANA)).await.unwrap_err();
    assert!(matches!(refused, Error::MayNotAmend { .. }));
    world.registry.set_policy(&environment, &lax, &signer(CY)).await.unwrap();
    world.trained("[1]", 0.1).await;
    assert!(world.promote(1, None).await.unwrap().approved());
    world.registry.load(&champion()).await.unwrap();
}

#[tokio::test]
async fn rolling_back_twice_goes_back_two_stable_versions() {
    let world = World::with_champions(3).await;
    let back = |from| {
        let registry = world.registry.clone();
        async move { registry.rollback(&champion(), from, "loss of July", &actor(BO)).await }
    };
    assert_eq!(back(3).await.unwrap(), 2);
    assert!(matches!(back(3).await, Err(Error::AliasMoved { found: Some(2), .. })), "once, for two people");
    assert_eq!(world.registry.load(&champion()).await.unwrap().version().model.version, 2);
    assert_eq!(back(2).await.unwrap(), 1);
    assert!(matches!(back(1).await, Err(Error::NothingBefore { .. })));
    // A new promotion stands on what is stable, not on what was rolled back from.
    assert!(world.promote(3, Some(1)).await.unwrap().approved());
    assert_eq!(back(3).await.unwrap(), 1);
    let versions: Vec<u64> =
        world.registry.history(&champion()).await.unwrap().iter().map(|holder| holder.version).collect();
    assert_eq!(versions, [1, 2, 3, 2, 1, 3, 1]);
}

#[tokio::test]
async fn a_revoked_version_neither_loads_nor_comes_back() {
    let world = World::with_champions(3).await;
    world.registry.revoke(&model(), 2, "trained on leaked labels", &actor(BO)).await.unwrap();
    world.registry.revoke(&model(), 2, "again", &actor(BO)).await.unwrap();
    assert!(matches!(world.promote(2, Some(3)).await, Err(Error::Revoked { version: 2, .. })));
    assert_eq!(world.registry.rollback(&champion(), 3, "bad", &actor(BO)).await.unwrap(), 1);
    world.registry.revoke(&model(), 1, "bad too", &actor(BO)).await.unwrap();
    let refused = world.registry.load(&champion()).await.unwrap_err();
    assert_eq!(refused.to_string(), "version 1 of late15 was revoked: bad too");
    assert!(world.registry.candidate(&model(), 2).await.is_err());
    assert!(matches!(world.registry.revoke(&model(), 1, "\n", &actor(BO)).await, Err(Error::BadReason)));
}

#[tokio::test]
async fn what_was_champion_on_a_day() {
    let world = World::memory().await;
    let champion_at = |text: &'static str| {
        let registry = world.registry.clone();
        async move {
            let holders = registry.as_of(At::Time(time(text))).await.unwrap();
            holders.iter().find(|holder| holder.alias == champion()).map(|holder| holder.version)
        }
    };
    world.set_policy(&policy()).await;
    for (version, day) in [(1, "2013-06-01T00:00:00Z"), (2, "2013-09-01T00:00:00Z")] {
        world.clock.set(time(day));
        world.trained(&format!("[{version}]"), 0.8).await;
        world.approve(version, BO).await;
        world.promote(version, (version > 1).then_some(1)).await.unwrap();
    }
    world.clock.set(time("2013-10-01T00:00:00Z"));
    world.registry.rollback(&champion(), 2, "bad", &actor(BO)).await.unwrap();
    assert_eq!(champion_at("2013-01-01T00:00:00Z").await, None);
    assert_eq!(champion_at("2013-05-15T00:00:00Z").await, None);
    assert_eq!(champion_at("2013-08-15T00:00:00Z").await, Some(1));
    assert_eq!(champion_at("2013-09-15T00:00:00Z").await, Some(2));
    assert_eq!(champion_at("2013-12-15T00:00:00Z").await, Some(1));
    let live = world.registry.live().await.unwrap();
    assert_eq!(live.len(), 1);
    assert_eq!(live[0].since, time("2013-10-01T00:00:00Z"));
}

#[tokio::test]
async fn descent_is_known_both_ways() {
    let world = World::memory().await;
    let february = Digest::of(b"february");
    let data = DataRef { repository: Name::new("flights").unwrap(), commit: february, path: None, rows: Some(24_951) };
    let code = CodeRef { repository: None, commit: "6cfaa1b".into(), dirty: false, diff: None };
    let run = RunRef { experiment: Name::new("late15").unwrap(), run: RunId::from_bytes([7; 16]) };
    let parent = world.version("[1]").await.with_data(data).with_code(code).from_run(run);
    let parent = parent.with_environment(EnvRef::new("rustc 1.95.0", "linux", "x86_64"));
    let parent = parent.with_card(serde_json::json!({"purpose": "tell late flights"})).unwrap();
    let parent = world.registry.register(parent, &signer(CI)).await.unwrap();
    let child = world.version("[2]").await.with_parent(parent.clone());
    let child = world.registry.register(child, &signer(CI)).await.unwrap();
    let other = world.registry.register(world.version("[3]").await, &signer(CI)).await.unwrap();
    let found = world.registry.versions_trained_on(&february).await.unwrap();
    assert_eq!(found, [parent.clone(), child.clone()]);
    assert!(world.registry.versions_trained_on(&Digest::of(b"march")).await.unwrap().is_empty());
    assert_eq!(world.registry.lineage(&model(), child.version).await.unwrap().ancestors, std::slice::from_ref(&parent));
    assert!(world.registry.lineage(&model(), other.version).await.unwrap().ancestors.is_empty());
    // The rules about lineage and card see it.
    let rule = Rule::All(vec![Rule::lineage_complete(), Rule::Card { fields: vec!["purpose".into()] }]);
    world.set_policy(&Policy::new(rule).unwrap()).await;
    assert!(world.promote(parent.version, None).await.unwrap().approved());
    let bare = world.promote(other.version, Some(1)).await.unwrap();
    let text = bare.verdict.to_string();
    assert!(text.contains("it does not tell run, data, code, clean code, environment"), "{text}");
    assert!(text.contains("there is no card"), "{text}");
}

#[tokio::test]
async fn files_without_a_receipt_are_kept_and_missing_ones_refused() {
    use lineal_core::BlobStoreExt as _;
    use lineal_registry::{Manifest, ModelFile, NewVersion};
    let world = World::memory().await;
    world.blobs.put_one("[1]".into()).await.unwrap();
    let file = |digest, size| vec![ModelFile::new("weights.json", digest, size, "application/json")];
    let version = |files| NewVersion::new(model(), Manifest::new(files).unwrap(), crate::support::schema());
    let stored = version(file(Digest::of(b"[1]"), 3));
    world.registry.register(stored, &signer(CI)).await.unwrap();
    let last = world.registry.journal().head().unwrap().seq;
    let entries = world.registry.journal().entries(last, last);
    let entry = futures::TryStreamExt::try_collect::<Vec<_>>(entries).await.unwrap().remove(0);
    let adds: Vec<Digest> =
        entry.payload.unwrap().txns.iter().flat_map(|txn| &txn.adds).flat_map(|add| add.blobs.clone()).collect();
    assert!(adds.contains(&Digest::of(b"[1]")), "the entry keeps the file from collection");
    let wrong_size = version(file(Digest::of(b"[1]"), 4));
    assert!(matches!(world.registry.register(wrong_size, &signer(CI)).await, Err(Error::FileSize { found: 3, .. })));
    let missing = version(file(Digest::of(b"[2]"), 3));
    let refused = world.registry.register(missing, &signer(CI)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::NotFound);
    let stranger: std::sync::Arc<dyn lineal_core::Signer> =
        std::sync::Arc::new(lineal_core::Ed25519Key::from_seed(&[50; 32]));
    let version = world.version("[1]").await;
    assert!(matches!(world.registry.register(version, &stranger).await, Err(Error::UnknownSigner { .. })));
}

#[tokio::test]
async fn separation_of_duties_names_the_submitter_and_the_author() {
    let world = World::memory().await;
    for (party, who) in [(Party::Submitter, CI), (Party::Author, CY)] {
        let rule = Rule::Approvals { by: vec![], n: 1, not: vec![party] };
        world.set_policy(&Policy::new(rule).unwrap()).await;
        let version = world.trained(&format!("[\"{party}\"]"), 0.8).await;
        world.state(EvidenceKind::Card, version.manifest, &"a card", CY).await;
        world.approve(version.version, who).await;
        let environment = champion().environment;
        let verdict = world.registry.evaluate(&model(), version.version, &environment).await.unwrap();
        assert_eq!(verdict.outcome, Outcome::Fail, "{verdict}");
        world.approve(version.version, BO).await;
        let verdict = world.registry.evaluate(&model(), version.version, &environment).await.unwrap();
        assert_eq!(verdict.outcome, Outcome::Pass, "{verdict}");
    }
}

#[test]
fn hostile_manifests_and_policies_are_refused() {
    let bytes = proptest::collection::vec(proptest::num::u8::ANY, 0..200).prop_map(Vec::from);
    proptest::test_runner::TestRunner::default()
        .run(&bytes, |bytes| {
            assert!(lineal_registry::Manifest::from_bytes(&bytes).is_err());
            assert!(Policy::from_bytes(&bytes).is_err());
            Ok(())
        })
        .unwrap();
    let nested = |depth: usize| (0..depth).fold(Rule::All(vec![]), |rule, _| Rule::Not(Box::new(rule)));
    assert!(Policy::new(nested(15)).is_ok());
    assert!(Policy::new(nested(16)).is_err());
    assert!(Policy::new(nested(1000)).is_err());
    assert!(Policy::new(Rule::Card { fields: vec!["x".repeat(70_000)] }).is_err());
    assert!(
        Policy::new(Rule::Metric {
            by: vec![],
            key: "auc".into(),
            op: lineal_registry::Op::AtLeast,
            slice: None,
            value: f64::NAN.into(),
        })
        .is_err()
    );
}
