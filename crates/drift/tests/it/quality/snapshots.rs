//! Stored forms.

use lineal_core::Timestamp;
use lineal_drift::quality::{CheckSettings, Constraint, Constraints, InferSettings, QualityReport, Rule, Severity};

use super::data::{integers, millis, texts};
use super::merge::of_each_kind;
use crate::generators::{batch, optional};

#[test]
fn constraints() {
    let pattern = Constraint::new("pattern", Rule::pattern("w", "[a-z]+")).with_tolerance(0.25);
    let constraints = of_each_kind().with(pattern);
    let json = serde_json::to_string_pretty(&constraints).unwrap();
    insta::assert_snapshot!(json);
    assert_eq!(serde_json::from_str::<Constraints>(&json).unwrap(), constraints);
}

#[test]
fn report() {
    let table = batch([
        ("a", integers([Some(0), Some(5), None, Some(5)])),
        ("x", optional([Some(0.5), Some(f64::NAN), Some(7.0), Some(-1.0)])),
        ("w", texts([Some("a"), Some("b"), Some("abc"), None])),
        ("at", millis([1, 4, 3, 9])),
    ]);
    let settings = CheckSettings::default().with_now(Timestamp::from_nanos(5_000_000)).with_max_examples(2);
    let constraints = of_each_kind()
        .with(Constraint::new("absent", Rule::not_null("z")))
        .with(Constraint::new("key", Rule::unique(["a", "w"])).with_severity(Severity::Info).with_tolerance(0.5));
    let report = constraints.check(&[table], &settings).unwrap();
    insta::assert_snapshot!("report_text", report);
    let json = serde_json::to_string_pretty(&report).unwrap();
    insta::assert_snapshot!("report_json", json);
    assert_eq!(serde_json::from_str::<QualityReport>(&json).unwrap(), report);
}

#[test]
fn unknown_fields_are_refused() {
    let good = r#"{"constraints": [{"name": "a", "rule": {"kind": "not_null", "column": "x"}}]}"#;
    assert!(serde_json::from_str::<Constraints>(good).is_ok());
    for bad in [
        r#"{"constraints": [], "more": 1}"#,
        r#"{"constraints": [{"name": "a", "rule": {"kind": "not_null", "column": "x"}, "sev": "error"}]}"#,
        r#"{"constraints": [{"name": "a", "rule": {"kind": "not_null", "column": "x", "min": 0}}]}"#,
        r#"{"constraints": [{"name": "a", "rule": {"kind": "no_such", "column": "x"}}]}"#,
        r#"{"constraints": [{"name": "a", "severity": "fatal", "rule": {"kind": "not_null", "column": "x"}}]}"#,
        r#"{"constraints": [{"name": "a", "rule": {"kind": "range", "column": "x", "min": [1]}}]}"#,
    ] {
        assert!(serde_json::from_str::<Constraints>(bad).is_err(), "{bad}");
    }
    assert!(serde_json::from_str::<CheckSettings>(r#"{"max": 1}"#).is_err());
    assert!(serde_json::from_str::<InferSettings>(r#"{"max": 1}"#).is_err());
}
