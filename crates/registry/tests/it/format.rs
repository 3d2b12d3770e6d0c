//! The stored forms, byte by byte; documented in `docs/format/registry.md`.

use lineal_core::{Digest, Evidence, EvidenceKind, to_canonical};
use lineal_registry::{AliasMove, Op, Party, Policy, RegistryEvent, Rule};

use crate::support::{World, champion, key, model, policy};

fn json(event: &RegistryEvent) -> String {
    String::from_utf8(to_canonical(event).unwrap()).unwrap()
}

#[test]
fn events_are_stored_like_this() {
    let short = |event| json(&event).replace(&Digest::of(b"x").to_string(), "X").replace(&key(0).to_string(), "K");
    let x = Digest::of(b"x");
    let step = AliasMove { decision: x, from: Some(1), target: champion(), to: 2 };
    let evidence = Evidence { digest: x, kind: EvidenceKind::Metrics, subjects: vec![x], signers: vec![key(0)] };
    let record = serde_json::from_value(serde_json::json!({
        "card": x, "manifest": x, "model": "late15", "registry": "main", "schema": x,
        "lineage": {"data": [{"repository": "flights", "commit": x}], "environment": x},
    }))
    .unwrap();
    let environment = champion().environment;
    let expected = [
        (
            RegistryEvent::VersionRegistered { record, version: 1 },
            r#"{"kind":"version-registered","record":{"card":"X","lineage":{"data":[{"commit":"X","repository":"flights"}],"environment":"X"},"manifest":"X","model":"late15","registry":"main","schema":"X"},"version":1}"#,
        ),
        (
            RegistryEvent::EvidenceAttached { evidence },
            r#"{"evidence":{"digest":"X","kind":"https://lineal.dev/evidence/metrics/v1","signers":["K"],"subjects":["X"]},"kind":"evidence-attached"}"#,
        ),
        (
            RegistryEvent::PolicySet { endorsement: x, environment, policy: x, signer: key(0) },
            r#"{"endorsement":"X","environment":"prod","kind":"policy-set","policy":"X","signer":"K"}"#,
        ),
        (
            RegistryEvent::AliasesMoved { moves: vec![step.clone()] },
            r#"{"kind":"aliases-moved","moves":[{"decision":"X","from":1,"target":{"alias":"champion","environment":"prod","model":"late15"},"to":2}]}"#,
        ),
        (
            RegistryEvent::RolledBack { back: step, reason: "bad".into() },
            r#"{"kind":"rolled-back","move":{"decision":"X","from":1,"target":{"alias":"champion","environment":"prod","model":"late15"},"to":2},"reason":"bad"}"#,
        ),
        (
            RegistryEvent::VersionRevoked { model: model(), reason: "bad".into(), version: 2 },
            r#"{"kind":"version-revoked","model":"late15","reason":"bad","version":2}"#,
        ),
    ];
    for (event, text) in expected {
        assert_eq!(short(event.clone()), text);
        assert_eq!(serde_json::from_str::<RegistryEvent>(&json(&event)).unwrap(), event);
    }
    assert!(
        serde_json::from_str::<RegistryEvent>(
            r#"{"kind":"version-revoked","model":"late15","reason":"","version":2,"x":1}"#
        )
        .is_err()
    );
}

#[tokio::test]
async fn a_decision_is_stored_like_this() {
    let world = World::memory().await;
    world.set_policy(&Policy::new(Rule::All(vec![])).unwrap()).await;
    let version = world.registry.register(world.version("[1]").await, &crate::support::signer(3)).await.unwrap();
    let decision = world.promote(version.version, None).await.unwrap();
    let text = json(&RegistryEvent::Decided { decision: decision.clone() });
    let mut text = text.replace(&key(3).to_string(), "K");
    let basis = &decision.basis;
    for (digest, name) in
        [(basis.policy, "POLICY"), (basis.subject, "VERSION"), (basis.evidence[0].digest, "REGISTRATION")]
    {
        text = text.replace(&digest.to_string(), name);
    }
    assert_eq!(
        text,
        r#"{"decision":{"aliases":["champion"],"basis":{"at":"2013-05-01T00:00:00.000000000Z","environment":"prod","evidence":[{"digest":"REGISTRATION","signers":[{"actor":"ci/nightly","key":"K"}]}],"model":"late15","policy":"POLICY","subject":"VERSION","version":1},"verdict":{"outcome":"pass","rule":"all of 0"}},"kind":"decided"}"#
    );
}

#[test]
fn policies_are_stored_like_this() {
    let policy = policy().with_amenders([key(2)]);
    let text = String::from_utf8(policy.to_bytes()).unwrap().replace(&key(2).to_string(), "K");
    assert_eq!(
        text,
        r#"{"amend":["K"],"format":1,"rule":{"rule":"all","with":[{"rule":"metric","with":{"key":"auc","op":"at-least","value":"0.7"}},{"rule":"approvals","with":{"n":1,"not":["trainer","submitter"]}}]}}"#
    );
    let alias = champion().alias;
    let rules = Rule::Any(vec![
        Rule::Not(Box::new(Rule::Golden { by: vec![] })),
        Rule::Test { by: vec![], name: "smoke".into() },
        Rule::Better {
            by: vec![],
            key: "auc".into(),
            margin: 0.0.into(),
            max_p: 0.05.into(),
            test: "wilcoxon".into(),
            than: alias.clone(),
        },
        Rule::Compatible { mode: lineal_core::Compatibility::Full, with: alias },
        Rule::Signed { by: vec![key(2)], kind: EvidenceKind::Bom },
        Rule::Card { fields: vec!["limits".into()] },
        Rule::lineage_complete(),
        Rule::Approvals { by: vec![], n: 2, not: vec![Party::Author] },
        Rule::Metric { by: vec![], key: "auc".into(), op: Op::Above, slice: Some("*".into()), value: 0.5.into() },
    ]);
    let text = String::from_utf8(to_canonical(&rules).unwrap()).unwrap().replace(&key(2).to_string(), "K");
    assert_eq!(
        text,
        concat!(
            r#"{"rule":"any","with":[{"rule":"not","with":{"rule":"golden","with":{}}},"#,
            r#"{"rule":"test","with":{"name":"smoke"}},"#,
            r#"{"rule":"better","with":{"key":"auc","margin":"0","max_p":"0.05","test":"wilcoxon","than":"champion"}},"#,
            r#"{"rule":"compatible","with":{"mode":"full","with":"champion"}},"#,
            r#"{"rule":"signed","with":{"by":["K"],"kind":"https://lineal.dev/evidence/bom/v1"}},"#,
            r#"{"rule":"card","with":{"fields":["limits"]}},"#,
            r#"{"rule":"lineage","with":{"require":["run","data","code","clean-code","environment"]}},"#,
            r#"{"rule":"approvals","with":{"n":2,"not":["author"]}},"#,
            r#"{"rule":"metric","with":{"key":"auc","op":"above","slice":"*","value":"0.5"}}]}"#
        )
    );
    let read: Rule = serde_json::from_str(&serde_json::to_string(&rules).unwrap()).unwrap();
    assert_eq!(read, rules);
}

#[test]
fn a_policy_of_a_later_release_keeps_its_digest() {
    let bytes = br#"{"format":1,"rule":{"rule":"carbon","with":{"max":"3"}}}"#;
    let policy = Policy::from_bytes(bytes).unwrap();
    assert_eq!(policy.digest(), Digest::of(bytes));
    assert!(Policy::new(policy.rule().clone()).is_err(), "but is not made here");
    assert!(Policy::from_bytes(br#"{"format":2,"rule":{"rule":"all","with":[]}}"#).is_err());
}
