use std::collections::BTreeMap;

use lineal_core::{Actor, CodeRef, Digest, EvidenceKind, Name, Statement, Subject, Timestamp};
use serde_json::{Value, json};

use super::*;
use crate::{
    Environment, Lineage, LineagePart, MetricsClaim, Op, Policy, VersionRecord,
    decision::{Basis, SeenSigner},
};

fn actor() -> Actor {
    Actor::new("ana@example.org").unwrap()
}

fn key() -> KeyId {
    KeyId::of(b"ana")
}

fn record() -> VersionRecord {
    VersionRecord {
        card: None,
        lineage: Lineage::default(),
        manifest: Digest::of(b"manifest"),
        model: Name::new("late15").unwrap(),
        registry: Name::new("main").unwrap(),
        schema: Digest::of(b"schema"),
    }
}

/// Judges a rule on statements of these kinds, in the order of their attachment.
fn outcome_of(rule: Rule, record: &VersionRecord, card: Option<Value>, claims: &[(EvidenceKind, Value)]) -> Verdict {
    let basis = Basis {
        at: Timestamp::EPOCH,
        environment: Environment::new("prod").unwrap(),
        evidence: Vec::new(),
        incumbents: BTreeMap::new(),
        model: record.model.clone(),
        policy: Digest::of(b"policy"),
        subject: record.digest(),
        version: 1,
    };
    let evidence = claims.iter().map(|(kind, claim)| {
        let subjects = vec![Subject::new("late15", record.manifest)];
        Believed {
            digest: Digest::of(claim.to_string().as_bytes()),
            signers: vec![SeenSigner { actor: actor(), key: key() }],
            statement: Statement::new(kind, subjects, claim, actor(), Timestamp::EPOCH).unwrap(),
        }
    });
    let policy = Policy::from_bytes(
        &lineal_core::to_canonical(&json!({"format": 1, "rule": serde_json::to_value(rule).unwrap()})).unwrap(),
    );
    let evidence = evidence.collect();
    evaluate(&Case { basis: &basis, card, evidence, policy: policy.unwrap(), record, schemas: BTreeMap::new() })
}

fn judge_metrics(rule: Rule, claims: &[MetricsClaim]) -> Outcome {
    let claims: Vec<_> =
        claims.iter().map(|claim| (EvidenceKind::Metrics, serde_json::to_value(claim).unwrap())).collect();
    outcome_of(rule, &record(), None, &claims).outcome
}

#[test]
fn bounds_are_on_the_side_they_say() {
    use Outcome::{Fail, Pass};
    for (op, below, equal, above) in [
        (Op::AtLeast, Fail, Pass, Pass),
        (Op::AtMost, Pass, Pass, Fail),
        (Op::Above, Fail, Fail, Pass),
        (Op::Below, Pass, Fail, Fail),
    ] {
        for (value, expected) in [(0.6, below), (0.7, equal), (0.8, above), (f64::NAN, Fail)] {
            let claim = MetricsClaim::default().with("auc", value);
            assert_eq!(judge_metrics(Rule::metric("auc", op, 0.7), &[claim]), expected, "{op} {value}");
        }
    }
}

#[test]
fn the_last_statement_that_speaks_of_a_metric_counts() {
    let claim = |auc| MetricsClaim::default().with("auc", auc);
    let other = MetricsClaim::default().with("loss", 0.1);
    let rule = || Rule::metric("auc", Op::AtLeast, 0.7);
    assert_eq!(judge_metrics(rule(), &[]), Outcome::Inconclusive);
    assert_eq!(judge_metrics(rule(), std::slice::from_ref(&other)), Outcome::Inconclusive);
    assert_eq!(judge_metrics(rule(), &[claim(0.6), claim(0.8), other.clone()]), Outcome::Pass);
    assert_eq!(judge_metrics(rule(), &[claim(0.8), claim(0.6), other]), Outcome::Fail);
}

#[test]
fn slices_are_judged_alone_or_all() {
    let claim =
        MetricsClaim::default().with("auc", 0.5).with_in("origin=EWR", "auc", 0.8).with_in("origin=JFK", "auc", 0.7);
    let rule = |slice: &str, value: f64| Rule::Metric {
        by: vec![],
        key: "auc".into(),
        op: Op::AtLeast,
        slice: Some(slice.into()),
        value: value.into(),
    };
    let judge = |slice, value| judge_metrics(rule(slice, value), std::slice::from_ref(&claim));
    assert_eq!(judge("origin=EWR", 0.75), Outcome::Pass);
    assert_eq!(judge("origin=JFK", 0.75), Outcome::Fail);
    assert_eq!(judge("origin=LGA", 0.75), Outcome::Inconclusive);
    assert_eq!(judge("*", 0.75), Outcome::Fail);
    assert_eq!(judge("*", 0.65), Outcome::Pass);
    assert_eq!(judge_metrics(rule("*", 0.1), &[MetricsClaim::default().with("auc", 0.9)]), Outcome::Inconclusive);
}

#[test]
fn what_cannot_be_told_never_passes() {
    let unknown = || serde_json::from_value::<Rule>(json!({"rule": "carbon", "with": {"max": 1}})).unwrap();
    let malformed =
        serde_json::from_value::<Rule>(json!({"rule": "golden", "with": {"by": [], "max_age": 3}})).unwrap();
    assert!(matches!(malformed, Rule::Unknown(_)), "a rule with a parameter of a later release is unknown");
    let pass = || Rule::All(vec![]);
    let fail = || Rule::Any(vec![]);
    let not = |rule| Rule::Not(Box::new(rule));
    for (rule, expected) in [
        (pass(), Outcome::Pass),
        (fail(), Outcome::Fail),
        (not(fail()), Outcome::Pass),
        (not(pass()), Outcome::Fail),
        (unknown(), Outcome::Inconclusive),
        (malformed, Outcome::Inconclusive),
        (not(unknown()), Outcome::Inconclusive),
        (not(not(unknown())), Outcome::Inconclusive),
        (Rule::All(vec![pass(), unknown()]), Outcome::Inconclusive),
        (Rule::All(vec![fail(), unknown()]), Outcome::Fail),
        (Rule::Any(vec![fail(), unknown()]), Outcome::Inconclusive),
        (Rule::Any(vec![pass(), unknown()]), Outcome::Pass),
        (not(Rule::metric("auc", Op::Below, 0.5)), Outcome::Inconclusive),
    ] {
        let text = format!("{rule:?}");
        assert_eq!(outcome_of(rule, &record(), None, &[]).outcome, expected, "{text}");
    }
}

#[test]
fn evidence_of_another_shape_fails() {
    let judge = |rule, kind| outcome_of(rule, &record(), None, &[(kind, json!(["?"]))]).outcome;
    assert_eq!(judge(Rule::metric("auc", Op::AtLeast, 0.7), EvidenceKind::Metrics), Outcome::Fail);
    assert_eq!(judge(Rule::Golden { by: vec![] }, EvidenceKind::Golden), Outcome::Fail);
    assert_eq!(judge(Rule::Test { by: vec![], name: "smoke".into() }, EvidenceKind::Test), Outcome::Fail);
}

#[test]
fn golden_cases_and_tests_pass_when_all_of_them_do() {
    let golden = |claim| outcome_of(Rule::Golden { by: vec![] }, &record(), None, &[(EvidenceKind::Golden, claim)]);
    assert_eq!(golden(json!({"cases": 3, "failed": 0, "passed": true})).outcome, Outcome::Pass);
    for claim in [
        json!({"cases": 0, "failed": 0, "passed": true}),
        json!({"cases": 3, "failed": 1, "passed": true}),
        json!({"cases": 3, "failed": 0, "passed": false}),
    ] {
        assert_eq!(golden(claim).outcome, Outcome::Fail);
    }
    let test = |claims: &[Value]| {
        let claims: Vec<_> = claims.iter().map(|claim| (EvidenceKind::Test, claim.clone())).collect();
        outcome_of(Rule::Test { by: vec![], name: "smoke".into() }, &record(), None, &claims).outcome
    };
    assert_eq!(test(&[json!({"name": "other", "passed": true})]), Outcome::Inconclusive);
    assert_eq!(test(&[json!({"name": "smoke", "passed": true})]), Outcome::Pass);
    assert_eq!(
        test(&[json!({"name": "smoke", "passed": true}), json!({"name": "smoke", "passed": false})]),
        Outcome::Fail
    );
}

#[test]
fn signatures_count_by_key() {
    let by = |by| {
        let rule = Rule::Signed { by, kind: EvidenceKind::Provenance };
        outcome_of(rule, &record(), None, &[(EvidenceKind::Provenance, json!("how"))]).outcome
    };
    assert_eq!(by(vec![key()]), Outcome::Pass);
    assert_eq!(by(vec![KeyId::of(b"another")]), Outcome::Fail);
    assert_eq!(by(vec![]), Outcome::Fail);
}

#[test]
fn cards_and_lineage_must_say_something() {
    let card = |card| outcome_of(Rule::Card { fields: vec!["limits".into()] }, &record(), card, &[]).outcome;
    assert_eq!(card(None), Outcome::Fail);
    for empty in
        [json!({}), json!({"limits": " "}), json!({"limits": null}), json!({"limits": []}), json!({"limits": {}})]
    {
        assert_eq!(card(Some(empty)), Outcome::Fail);
    }
    assert_eq!(card(Some(json!({"limits": ["New York"]}))), Outcome::Pass);
    let code = |dirty, diff| {
        let mut record = record();
        record.lineage.code = Some(CodeRef { repository: None, commit: "6cfaa1b".into(), dirty, diff });
        outcome_of(Rule::Lineage { require: vec![LineagePart::CleanCode] }, &record, None, &[]).outcome
    };
    assert_eq!(code(false, None), Outcome::Pass);
    assert_eq!(code(true, None), Outcome::Fail);
    assert_eq!(code(true, Some(Digest::of(b"diff"))), Outcome::Pass);
}
