//! Somebody who can write anything to the store, but has no key.

use std::sync::Arc;

use futures::TryStreamExt;
use lineal_core::{
    BlobStoreExt, Digest, Ed25519Key, Envelope, Evidence, EvidenceKind, Journal, Name, Signer, Statement, Subject,
    Timestamp, Txn,
};
use lineal_registry::{
    AliasMove, ApprovalClaim, Decision, Error, MetricsClaim, Policy, Registry, RegistryEvent, RegistryState, Rule,
    SeenSigner, Verdict,
};

use crate::support::{ANA, BO, World, actor, champion, key, model};

async fn write(world: &World, events: Vec<RegistryEvent>) {
    let journal = Journal::<RegistryState>::builder(&world.store, "registries/main").open().await.unwrap();
    let txn = Txn::by(actor(BO));
    journal.transact(&txn, |_| Ok::<_, ()>(events.clone())).await.unwrap();
}

async fn refused(world: &World) -> Error {
    world.again().await.load(&champion()).await.unwrap_err()
}

fn step(to: u64, decision: Digest) -> RegistryEvent {
    let moves = vec![AliasMove { decision, from: Some(1), target: champion(), to }];
    RegistryEvent::AliasesMoved { moves }
}

fn altered(decision: &Decision, alter: impl FnOnce(&mut Decision)) -> Vec<RegistryEvent> {
    let mut decision = decision.clone();
    alter(&mut decision);
    let moved = step(decision.basis.version, decision.digest());
    vec![RegistryEvent::Decided { decision }, moved]
}

/// A champion, and a second version that nobody approved, with the decision that refused it.
async fn world() -> (World, Decision, Decision) {
    let world = World::with_champions(1).await;
    world.trained("[2]", 0.8).await;
    let refusal = world.promote(2, Some(1)).await.unwrap();
    assert!(!refusal.approved());
    let digest = world.registry.live().await.unwrap()[0].decision;
    let approval = world.registry.decision(&digest).await.unwrap();
    (world, approval, refusal)
}

#[tokio::test]
async fn an_alias_moved_without_a_decision_of_its_own_does_not_load() {
    let (world, approval, refusal) = world().await;
    for decision in [Digest::of(b"none"), approval.digest(), refusal.digest()] {
        write(&world, vec![step(2, decision)]).await;
        let error = refused(&world).await;
        let known = matches!(error, Error::NoSuchDecision { .. } | Error::NotApproved { version: 2, .. });
        assert!(known, "{error}");
    }
}

#[tokio::test]
async fn a_forged_decision_does_not_hold() {
    let (world, approval, refusal) = world().await;
    let pass = approval.verdict.clone();
    type Alter = Box<dyn FnOnce(&mut Decision)>;
    let seen = approval.basis.evidence.clone();
    let forgeries: Vec<Alter> = vec![
        Box::new({
            let pass = pass.clone();
            move |decision| decision.verdict = pass
        }),
        Box::new({
            let pass = pass.clone();
            move |decision| {
                decision.verdict = pass;
                decision.basis.evidence = seen;
            }
        }),
        Box::new({
            let approved = approval.clone();
            move |decision| {
                *decision = approved;
                decision.basis.version = 2;
            }
        }),
        Box::new(|decision| {
            decision.verdict = Verdict::leaf(lineal_registry::Outcome::Pass, "all is well", "");
        }),
        Box::new({
            let pass = pass.clone();
            move |decision| {
                decision.verdict = pass;
                let forger: SeenSigner =
                    serde_json::from_value(serde_json::json!({"actor": "bo@example.org", "key": key(BO)})).unwrap();
                decision.basis.evidence[2].signers.push(forger);
            }
        }),
    ];
    for alter in forgeries {
        write(&world, altered(&refusal, alter)).await;
        let error = refused(&world).await;
        let known = matches!(error, Error::DecisionBroken { .. } | Error::SignerLost { .. });
        assert!(known, "{error}");
    }
}

/// Finds the endorsements of the policies, as anybody can who reads the journal.
async fn endorsements(world: &World) -> Vec<Digest> {
    let last = world.registry.journal().head().unwrap().seq;
    let entries: Vec<_> = world.registry.journal().entries(0, last).try_collect().await.unwrap();
    let txns = entries.into_iter().flat_map(|entry| entry.payload.unwrap().txns);
    let events = txns.flat_map(|txn| txn.events);
    let set = events.filter(|event| event["kind"] == "policy-set");
    set.map(|event| serde_json::from_value(event["endorsement"].clone()).unwrap()).collect()
}

#[tokio::test]
async fn a_policy_that_nobody_signed_is_not_in_force() {
    let (world, approval, refusal) = world().await;
    let lax = Policy::new(Rule::All(vec![])).unwrap();
    let policy = world.blobs.put_one(lax.to_bytes().into()).await.unwrap().digests()[0];
    let environment = champion().environment;
    // The endorsement of the policy in force, played again for another one.
    let endorsement = endorsements(&world).await[0];
    let set = RegistryEvent::PolicySet { endorsement, environment, policy, signer: key(BO) };
    let mut events = vec![set];
    events.extend(altered(&refusal, |decision| {
        decision.basis.policy = policy;
        decision.verdict = Verdict { parts: vec![], rule: "all of 0".into(), ..approval.verdict.clone() };
    }));
    write(&world, events).await;
    assert!(matches!(refused(&world).await, Error::PolicyBroken { .. }), "{}", refused(&world).await);
}

#[tokio::test]
async fn evidence_that_speaks_against_it_cannot_be_left_out() {
    let world = World::memory().await;
    let not = vec![lineal_registry::Party::Trainer];
    let approvals = Rule::Approvals { by: vec![], n: 1, not };
    world.set_policy(&Policy::new(approvals).unwrap()).await;
    let version = world.trained("[1]", 0.8).await;
    world.approve(1, BO).await;
    assert!(world.promote(1, None).await.unwrap().approved());
    // It turns out that the approver trained it, too.
    world.state(EvidenceKind::Provenance, version.manifest, &"how", BO).await;
    let refusal = world.promote(1, Some(1)).await.unwrap();
    assert!(!refusal.approved());
    let verdict = Verdict { outcome: lineal_registry::Outcome::Pass, ..refusal.verdict.clone() };
    let events = altered(&refusal, |decision| {
        decision.basis.evidence.pop();
        decision.verdict = verdict;
    });
    write(&world, events).await;
    let error = refused(&world).await;
    assert!(
        matches!(error, Error::DecisionBroken { why: "other evidence was attached than it has seen", .. }),
        "{error}"
    );
}

#[tokio::test]
async fn the_version_in_use_cannot_be_left_out() {
    let world = World::memory().await;
    let better = Rule::Better {
        by: vec![],
        key: "auc".into(),
        margin: 0.0.into(),
        max_p: 0.05.into(),
        test: "wilcoxon".into(),
        than: champion().alias,
    };
    world.set_policy(&Policy::new(better).unwrap()).await;
    world.trained("[1]", 0.8).await;
    world.trained("[2]", 0.8).await;
    let first = world.promote(1, None).await.unwrap();
    assert!(first.approved(), "{}", first.verdict);
    let refusal = world.promote(2, Some(1)).await.unwrap();
    assert!(!refusal.approved());
    let events = altered(&refusal, |decision| {
        decision.basis.incumbents.clear();
        decision.verdict = first.verdict.clone();
    });
    write(&world, events).await;
    let error = refused(&world).await;
    assert!(matches!(error, Error::DecisionBroken { why: "other versions were in use than it says", .. }), "{error}");
}

#[tokio::test]
async fn a_decision_for_one_alias_is_none_for_another() {
    let (world, _, _) = world().await;
    world.approve(2, BO).await;
    let environment = champion().environment;
    let bare = world.registry.promote(&model(), 2, &environment).commit(&actor(BO)).await.unwrap();
    assert!(bare.approved());
    world.registry.release_version(&model(), 2, &environment).await.unwrap();
    write(&world, vec![step(2, bare.digest())]).await;
    assert!(matches!(refused(&world).await, Error::NotApproved { version: 2, .. }));
}

#[tokio::test]
async fn a_decision_under_a_policy_that_was_replaced_does_not_hold() {
    let world = World::memory().await;
    let lax = Policy::new(Rule::All(vec![])).unwrap();
    world.set_policy(&lax).await;
    world.trained("[1]", 0.1).await;
    let verdict = world.registry.evaluate(&model(), 1, &champion().environment).await.unwrap();
    world.set_policy(&crate::support::policy()).await;
    let refusal = world.promote(1, None).await.unwrap();
    let events = altered(&refusal, |decision| {
        decision.basis.policy = lax.digest();
        decision.verdict = verdict;
    });
    write(&world, events).await;
    let error = refused(&world).await;
    assert!(matches!(error, Error::DecisionBroken { why: "another policy was in force", .. }), "{error}");
}

#[tokio::test]
async fn a_policy_set_by_somebody_who_may_not_is_not_in_force() {
    let world = World::memory().await;
    let first = world.set_policy(&crate::support::policy().with_amenders([key(crate::support::CY)])).await;
    let lax = Policy::new(Rule::All(vec![])).unwrap();
    let kind = EvidenceKind::Custom(Name::new("policy").unwrap());
    let claim = serde_json::json!({"environment": "prod", "number": 2, "previous": first, "registry": "main"});
    for (who, rightful) in [(ANA, false), (crate::support::CY, true)] {
        let envelope = world.envelope(kind.clone(), lax.digest(), &claim, who);
        world.blobs.put_one(lax.to_bytes().into()).await.unwrap();
        let stored = world.blobs.put_one(envelope.to_bytes().unwrap().into()).await.unwrap().digests()[0];
        let environment = champion().environment;
        let set = RegistryEvent::PolicySet { endorsement: stored, environment, policy: lax.digest(), signer: key(who) };
        let fork = World::memory().await;
        fork.set_policy(&crate::support::policy().with_amenders([key(crate::support::CY)])).await;
        fork.blobs.put_one(lax.to_bytes().into()).await.unwrap();
        fork.blobs.put_one(envelope.to_bytes().unwrap().into()).await.unwrap();
        fork.trained("[1]", 0.1).await;
        write(&fork, vec![set]).await;
        match fork.promote(1, None).await {
            Ok(decision) => assert!(rightful && decision.approved()),
            Err(error) => assert!(!rightful && matches!(error, Error::PolicyBroken { .. }), "{error}"),
        }
    }
}

#[tokio::test]
async fn a_policy_that_was_replaced_cannot_be_played_again() {
    let world = World::memory().await;
    let lax = Policy::new(Rule::All(vec![])).unwrap();
    for policy in [&crate::support::policy(), &lax, &crate::support::policy()] {
        world.set_policy(policy).await;
    }
    let endorsements = endorsements(&world).await;
    let (environment, policy) = (champion().environment, lax.digest());
    let set = RegistryEvent::PolicySet { endorsement: endorsements[1], environment, policy, signer: key(2) };
    write(&world, vec![set]).await;
    world.trained("[1]", 0.1).await;
    let error = world.promote(1, None).await.unwrap_err();
    assert!(matches!(error, Error::PolicyBroken { .. }), "{error}");
}

#[tokio::test]
async fn an_approval_by_an_unknown_key_counts_for_nothing() {
    let (world, approval, refusal) = world().await;
    let stranger = Ed25519Key::from_seed(&[42; 32]);
    let claim = ApprovalClaim {
        comment: String::new(),
        environment: champion().environment,
        expires: Timestamp::MAX,
        policy: refusal.basis.policy,
    };
    let subjects = vec![Subject::new("late15", refusal.basis.subject)];
    let statement = Statement::new(EvidenceKind::Approval, subjects, &claim, actor(BO), Timestamp::EPOCH).unwrap();
    let envelope = Envelope::unsigned(&statement).unwrap().sign(&stranger).unwrap();
    assert!(matches!(world.registry.attach(envelope.clone()).await, Err(Error::Signature { .. })));
    let stored = world.blobs.put_one(envelope.to_bytes().unwrap().into()).await.unwrap().digests()[0];
    let evidence: Evidence = envelope.evidence(vec![key(BO)]).unwrap();
    let mut events = vec![RegistryEvent::EvidenceAttached { evidence }];
    events.extend(altered(&refusal, |decision| {
        let signers = vec![approval.basis.evidence.last().unwrap().signers[0].clone()];
        let seen = serde_json::json!({"digest": stored, "signers": signers});
        decision.basis.evidence.push(serde_json::from_value(seen).unwrap());
        decision.verdict = approval.verdict.clone();
    }));
    write(&world, events).await;
    assert!(matches!(refused(&world).await, Error::SignerLost { evidence, .. } if evidence == stored));
    // Nor in a decision that is made in earnest.
    let honest = world.promote(2, Some(2)).await.unwrap();
    assert!(!honest.approved(), "{}", honest.verdict);
}

#[tokio::test]
async fn another_version_under_an_approved_number_does_not_load() {
    let (world, approval, _) = world().await;
    // The whole journal written anew with other weights for version 1, and everything else as it was.
    let forged = World::memory().await;
    let weights = forged.version("[666]").await;
    let version = forged.registry.register(weights, &crate::support::signer(ANA)).await.unwrap();
    let metrics = MetricsClaim::default().with("auc", 0.99);
    forged.state(EvidenceKind::Metrics, version.manifest, &metrics, ANA).await;
    forged.set_policy(&crate::support::policy()).await;
    for seen in &approval.basis.evidence {
        let bytes = world.blobs.read_all(&seen.digest).await.unwrap();
        forged.registry.attach(Envelope::from_bytes(&bytes).unwrap()).await.unwrap();
    }
    let decision = forged.promote(1, None).await.unwrap();
    assert!(!decision.approved(), "{}", decision.verdict);
    write(&forged, vec![RegistryEvent::Decided { decision: approval.clone() }, step(1, approval.digest())]).await;
    assert!(matches!(refused(&forged).await, Error::Unreadable { .. } | Error::DecisionBroken { .. }));
}

#[tokio::test]
async fn signed_entries_keep_out_even_moves_to_what_was_approved_before() {
    let world = World::with_champions(0).await;
    let trust = Arc::new(world.ring.clone());
    let name = Name::new("signed").unwrap();
    let builder = || Registry::builder(&world.store, name.clone(), world.blobs.clone(), trust.clone());
    let signer: Arc<dyn Signer> = crate::support::signer(BO);
    let signed = builder().with_signer(signer).require_signed_entries().open().await.unwrap();
    signed.register(world.version("[1]").await, &crate::support::signer(ANA)).await.unwrap();
    builder().require_signed_entries().open().await.unwrap();
    let journal = Journal::<RegistryState>::builder(&world.store, "registries/signed").open().await.unwrap();
    let revoked = RegistryEvent::VersionRevoked { model: model(), reason: "mischief".into(), version: 1 };
    journal.transact(&Txn::by(actor(BO)), |_| Ok::<_, ()>(vec![revoked.clone()])).await.unwrap();
    let refused = builder().require_signed_entries().open().await.unwrap_err();
    assert_eq!(refused.kind(), lineal_core::ErrorKind::Denied, "{refused:?}");
    assert!(builder().open().await.is_ok(), "who does not ask is not told");
}
