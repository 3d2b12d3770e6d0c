use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::Real;

fn metrics() -> Statement {
    Statement::new(
        EvidenceKind::Metrics,
        vec![Subject::new("late15", Digest::of(b"weights"))],
        &json!({"rows": 24_000, "auc": Real::from(0.74)}),
        Actor::new("ci/nightly").unwrap(),
        "2013-08-15T00:00:00Z".parse().unwrap(),
    )
    .unwrap()
}

/// Equal to what Python's `json.dumps(..., sort_keys=True)` writes and `hashlib` hashes.
#[test]
fn bytes_and_digest_are_pinned() {
    let expected = concat!(
        r#"{"_type":"https://in-toto.io/Statement/v1","at":"2013-08-15T00:00:00.000000000Z","by":"ci/nightly","#,
        r#""predicate":{"auc":"0.74","rows":24000},"predicateType":"https://lineal.dev/evidence/metrics/v1","#,
        r#""subject":[{"digest":{"sha256":"9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c"},"#,
        r#""name":"late15"}]}"#
    );
    let statement = metrics();
    assert_eq!(String::from_utf8(statement.to_bytes().unwrap()).unwrap(), expected);
    assert_eq!(
        statement.digest().unwrap().to_string(),
        "92e2d0ad5d6ba3f784f79602f7483836388f17f329eceb6c133d3ebf78e72ba2"
    );
    assert_eq!(Statement::from_bytes(expected.as_bytes()).unwrap(), statement);
    assert_eq!(statement.kind(), EvidenceKind::Metrics);
    assert_eq!(serde_json::from_value::<Statement>(serde_json::to_value(&statement).unwrap()).unwrap(), statement);
}

fn changed(from: &str, to: &str) -> Result<Statement, StatementError> {
    let text = String::from_utf8(metrics().to_bytes().unwrap()).unwrap();
    assert!(text.contains(from), "{from}");
    Statement::from_bytes(text.replace(from, to).as_bytes())
}

#[test]
fn foreign_and_damaged_bytes_are_refused() {
    use StatementError as E;
    assert!(matches!(changed("Statement/v1", "Statement/v0.1"), Err(E::OtherType { .. })));
    assert!(matches!(changed(r#"00.000000000Z"#, "00Z"), Err(E::NotExact)));
    assert!(matches!(changed(r#""by":"#, r#""bx":1,"by":"#), Err(E::Decode(_))));
    assert!(matches!(changed(r#""sha256":"#, r#""sha1":"#), Err(E::Decode(_))));
    assert!(matches!(changed(r#""name":"late15""#, r#""name":"""#), Err(E::SubjectName { .. })));
    assert!(matches!(changed("ci/nightly", " ci"), Err(E::Decode(_))));
    assert!(matches!(changed(r#""0.74""#, "0.74"), Err(E::Decode(_))));
    assert!(matches!(changed(r#""at":"#, r#""at": "#), Err(E::Decode(_))));
    assert!(matches!(changed("https://lineal.dev/evidence/metrics/v1", "metrics"), Err(E::PredicateType { .. })));
    let all = changed("2013", "2014").unwrap();
    assert_ne!(all.digest().unwrap(), metrics().digest().unwrap());
    assert!(matches!(Statement::from_bytes(b"null"), Err(E::Decode(_))));
}

#[test]
fn what_cannot_be_stated_is_refused() {
    use StatementError as E;
    let by = || Actor::new("a").unwrap();
    let subjects = || vec![Subject::new("x", Digest::of(b""))];
    let state =
        |kind: &str, subjects, predicate: &Value| Statement::new(kind, subjects, predicate, by(), Timestamp::EPOCH);
    let float = state("a:b", subjects(), &json!({"auc": 0.5})).unwrap_err();
    assert_eq!(float.kind(), ErrorKind::Invalid);
    assert!(std::error::Error::source(&float).unwrap().to_string().contains("\"/auc\""));
    assert!(matches!(state("a:b", vec![], &Value::Null), Err(E::NoSubject)));
    assert!(matches!(state("metrics", subjects(), &Value::Null), Err(E::PredicateType { .. })));
    let long = vec![Subject::new("x".repeat(501), Digest::of(b""))];
    assert!(matches!(state("a:b", long, &Value::Null), Err(E::SubjectName { .. })));
    // The fields are open, so writing checks again.
    let mut statement = state("a:b", subjects(), &Value::Null).unwrap();
    statement.predicate = json!(0.5);
    assert!(matches!(statement.digest(), Err(E::Predicate(_))));
    // A predicate is one level down, so the deepest one that stands alone does not fit.
    let deep = (1..127).fold(json!([]), |inner, _| json!([inner]));
    statement.predicate = deep;
    assert!(matches!(statement.to_bytes(), Err(E::Predicate(_))));
    assert!(size_of::<E>() < 128);
}

#[test]
fn a_predicate_of_another_shape_is_named() {
    let refused = metrics().predicate_as::<Vec<u8>>().unwrap_err();
    assert_eq!(refused.to_string(), "predicate of type \"https://lineal.dev/evidence/metrics/v1\" has another shape");
}

proptest! {
    #[test]
    fn statements_survive(
        names in prop::collection::vec(any::<String>(), 1..4),
        predicate in prop::collection::vec(any::<(u32, String)>(), 0..8),
        at: i64
    ) {
        // Control characters are the one thing that a subject's name may not have.
        let name = |text: &String| format!("x{}", text.replace(char::is_control, "")).chars().take(100).collect::<String>();
        let subjects = names.iter().map(|text| Subject::new(name(text), Digest::of(text.as_bytes()))).collect();
        let by = Actor::new("ana").unwrap();
        let statement =
            Statement::new(EvidenceKind::Test, subjects, &predicate, by, Timestamp::from_nanos(at)).unwrap();
        let bytes = statement.to_bytes().unwrap();
        let read = Statement::from_bytes(&bytes).unwrap();
        prop_assert_eq!(read.predicate_as::<Vec<(u32, String)>>().unwrap(), predicate);
        prop_assert_eq!(read, statement);
    }

    #[test]
    fn a_changed_byte_never_goes_unseen(at: prop::sample::Index, flip in 1_u8..) {
        let mut bytes = metrics().to_bytes().unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        if let Ok(read) = Statement::from_bytes(&bytes) {
            prop_assert_eq!(read.to_bytes().unwrap(), bytes);
            prop_assert_ne!(read, metrics());
        }
    }
}
