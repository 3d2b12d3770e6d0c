//! What a comparison of many columns says about each.

use lineal_core::{Actor, Digest, EvidenceKind, Subject, Timestamp};
use lineal_drift::{
    ColumnKind, ColumnSettings, ColumnStatus, Correction, DataDrift, DataDriftReport, DataDriftSettings,
    DriftPredicate, Error, Method, Side, SkipReason,
};

use crate::generators::{batch, compare, floats, optional, ramp, words};

fn with(settings: DataDriftSettings, shift: f64) -> DataDriftReport {
    DataDrift::new(settings).unwrap().compare(&[batch([("x", ramp(0.0))])], &[batch([("x", ramp(shift))])]).unwrap()
}

#[test]
fn one_column_carries_everything() {
    let report = with(DataDriftSettings::default(), 10.0);
    let finding = report.column("x").unwrap().finding.as_ref().unwrap();
    assert_eq!(
        (finding.kind, finding.score.method, finding.threshold),
        (ColumnKind::Numeric, Method::WassersteinNormed, 0.1)
    );
    assert_eq!((finding.score.n_reference, finding.score.n_current), (100, 100));
    assert!(finding.drifted && finding.definition.contains("standard deviation"));
    let test = finding.test.as_ref().unwrap();
    assert!(test.method == Method::Ks && (test.effect.unwrap() - 0.1).abs() < 1e-12);
    assert!(test.p_value.unwrap() > 0.5);
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<DataDriftReport>(&json).unwrap(), report);
}

#[test]
fn settings_of_one_column_win() {
    let column = |c: ColumnSettings| with(DataDriftSettings::default().with_column("x", c), 10.0);
    assert_eq!(column(ColumnSettings::default().with_threshold(5.0)).drifted().count(), 0);
    let report = column(ColumnSettings::default().with_method(Method::Ks));
    let finding = report.column("x").unwrap().finding.as_ref().unwrap();
    assert!(finding.test.is_none() && !finding.drifted && finding.threshold == 0.05);
    let report = column(ColumnSettings::default().with_kind(ColumnKind::Categorical));
    let finding = report.column("x").unwrap().finding.as_ref().unwrap();
    assert_eq!((finding.score.method, finding.labels.as_ref().unwrap().appeared), (Method::JensenShannon, 10));
    let report = column(ColumnSettings::default().with_method(Method::ChiSquare));
    assert_eq!(report.column("x").unwrap().finding.as_ref().unwrap().kind, ColumnKind::Categorical);
    let report = column(ColumnSettings::default().with_method(Method::Wasserstein));
    assert!(
        matches!(&report.columns[0].status, ColumnStatus::Failed { reason } if reason.contains("no default threshold"))
    );
}

#[test]
fn few_numbers_are_labels() {
    let codes = |n: u32| floats((0..100).map(move |i| f64::from(i % n)));
    let report = compare(&[batch([("weekday", codes(7))])], &[batch([("weekday", codes(5))])]);
    let finding = report.columns[0].finding.as_ref().unwrap();
    assert_eq!(finding.kind, ColumnKind::Categorical);
    let labels = finding.labels.as_ref().unwrap();
    assert_eq!((labels.appeared, labels.vanished), (0, 2));
    let never = DataDriftSettings::default().with_few_distinct(0);
    let report =
        DataDrift::new(never).unwrap().compare(&[batch([("w", codes(7))])], &[batch([("w", codes(5))])]).unwrap();
    assert_eq!(report.columns[0].finding.as_ref().unwrap().kind, ColumnKind::Numeric);
}

#[test]
fn missing_values_are_a_signal_of_their_own() {
    let half = optional((0..100).map(|i| (i % 2 == 0).then(|| f64::from(i))));
    let report = compare(&[batch([("x", ramp(0.0))])], &[batch([("x", half)])]);
    let column = report.column("x").unwrap();
    let missing = column.missing.as_ref().unwrap();
    assert_eq!((missing.reference, missing.current, missing.current_fraction, missing.shifted), (0, 50, 0.5, true));
    assert!(!column.drifted());
    assert_eq!(report.missing_shifted().count(), 1);
}

#[test]
fn one_bad_column_never_spoils_the_report() {
    let nothing = || optional((0..100).map(|_| None));
    let letters = || words((0..100).map(|_| Some("a")));
    let reference = batch([
        ("good", ramp(0.0)),
        ("empty_now", ramp(0.0)),
        ("always_empty", nothing()),
        ("retyped", ramp(0.0)),
        ("constant", floats([4.0; 100])),
        ("gone", ramp(0.0)),
        ("infinite", ramp(0.0)),
    ]);
    let current = batch([
        ("good", ramp(0.0)),
        ("empty_now", nothing()),
        ("always_empty", nothing()),
        ("retyped", letters()),
        ("constant", floats([4.0; 100])),
        ("infinite", floats((0..100).map(|i| if i == 7 { f64::INFINITY } else { f64::from(i) }))),
        ("new", ramp(0.0)),
    ]);
    let report = compare(&[reference], &[current]);
    let names: Vec<&str> = report.columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["good", "empty_now", "always_empty", "retyped", "constant", "gone", "infinite", "new"]);
    let status = |name: &str| report.column(name).unwrap().status.clone();
    let skipped = |reason| ColumnStatus::Skipped { reason };
    assert_eq!(status("good"), ColumnStatus::Ok);
    assert_eq!(status("constant"), ColumnStatus::Ok);
    assert_eq!(status("infinite"), ColumnStatus::Ok);
    assert_eq!(status("empty_now"), skipped(SkipReason::NoValues(Side::Current)));
    assert_eq!(status("always_empty"), skipped(SkipReason::NoValues(Side::Reference)));
    assert_eq!(status("gone"), skipped(SkipReason::NoColumn(Side::Current)));
    assert_eq!(status("new"), skipped(SkipReason::NoColumn(Side::Reference)));
    assert!(matches!(status("retyped"), ColumnStatus::Failed { reason } if reason.contains("Utf8")));
    assert!(report.column("empty_now").unwrap().missing.as_ref().unwrap().shifted);
    assert_eq!(report.column("infinite").unwrap().finding.as_ref().unwrap().infinite_current, 1);
    assert_eq!((report.compared(), report.drifted().count()), (3, 0));
}

#[test]
fn batches_add_up() {
    let whole = compare(&[batch([("x", ramp(0.0))])], &[batch([("x", ramp(3.0))])]);
    let cut = batch([("x", ramp(3.0))]);
    let parts = compare(&[batch([("x", ramp(0.0))])], &[cut.slice(60, 40), cut.slice(0, 0), cut.slice(0, 60)]);
    assert_eq!(whole, parts);
}

#[test]
fn mismatched_batches_are_reported() {
    let report = compare(&[batch([("x", ramp(0.0))]), batch([("y", ramp(0.0))])], &[batch([("x", ramp(0.0))])]);
    assert!(
        matches!(&report.column("x").unwrap().status, ColumnStatus::Failed { reason } if reason.contains("reference batches"))
    );
    let report = compare(&[batch([("x", ramp(0.0))])], &[]);
    assert_eq!(report.columns[0].status, ColumnStatus::Skipped { reason: SkipReason::NoRows(Side::Current) });
    let drift = DataDrift::new(DataDriftSettings::default().with_only(["x", "absent"])).unwrap();
    assert!(matches!(drift.compare(&[], &[]), Err(Error::NoReference)));
    let report = drift.compare(&[batch([("x", ramp(0.0)), ("y", ramp(0.0))])], &[batch([("x", ramp(0.0))])]).unwrap();
    let names: Vec<_> = report.columns.iter().map(|c| (c.name.as_str(), c.status == ColumnStatus::Ok)).collect();
    assert_eq!(names, [("x", true), ("absent", false)]);
}

#[test]
fn a_report_becomes_evidence() {
    let report = with(DataDriftSettings::default(), 10.0);
    let subject = Subject::new("window", Digest::of(b"window"));
    let state =
        || report.to_statement(Actor::new("monitor").unwrap(), Timestamp::EPOCH, vec![subject.clone()]).unwrap();
    assert_eq!(state().kind(), EvidenceKind::Drift);
    assert_eq!(state().to_bytes().unwrap(), state().to_bytes().unwrap());
    let predicate: DriftPredicate = state().predicate_as().unwrap();
    assert_eq!(predicate.drifted, ["x"]);
    let score = predicate.columns[0].score.as_ref().unwrap();
    assert_eq!(score.value.get(), report.columns[0].finding.as_ref().unwrap().score.value);
    assert!(report.to_statement(Actor::new("monitor").unwrap(), Timestamp::EPOCH, vec![]).is_err());
}

/// The predicate is stored by others: its layout is pinned.
#[test]
fn the_predicate_keeps_its_layout() {
    let settings = DataDriftSettings::default().with_only(["x", "absent"]);
    let drift = DataDrift::new(settings).unwrap();
    let report = drift
        .compare(&[batch([("x", words([Some("a"), Some("b")]))])], &[batch([("x", words([Some("a"), None]))])])
        .unwrap();
    let subject = Subject::new("window", Digest::of(b"window"));
    let statement = report.to_statement(Actor::new("monitor").unwrap(), Timestamp::EPOCH, vec![subject]).unwrap();
    let predicate = serde_json::to_string_pretty(&statement.predicate).unwrap();
    insta::assert_snapshot!(predicate, @r#"
    {
      "columns": [
        {
          "adjusted_p": null,
          "decides_on": "value_above",
          "definition": "square root of the mean Kullback-Leibler divergence of both shares to their mixture, base 2; numbers over common bins (one per value up to 20 values, else Sturges over the pooled range)",
          "drifted": true,
          "missing_current": "0.5",
          "missing_reference": "0",
          "name": "x",
          "score": {
            "bins": 2,
            "effect": "0.5579230452841438",
            "method": "jensen_shannon",
            "n_current": 1,
            "n_reference": 2,
            "p_value": null,
            "value": "0.5579230452841438"
          },
          "status": {
            "state": "ok"
          },
          "test": {
            "bins": 2,
            "effect": "0.5",
            "method": "chi_square",
            "n_current": 1,
            "n_reference": 2,
            "p_value": "0.3864762307712337",
            "value": "0.75"
          },
          "threshold": "0.1"
        },
        {
          "adjusted_p": null,
          "decides_on": null,
          "definition": null,
          "drifted": false,
          "missing_current": null,
          "missing_reference": null,
          "name": "absent",
          "score": null,
          "status": {
            "reason": {
              "side": "reference",
              "what": "no_column"
            },
            "state": "skipped"
          },
          "test": null,
          "threshold": null
        }
      ],
      "compared": 1,
      "correction": "benjamini_hochberg",
      "current_rows": 2,
      "drifted": [
        "x"
      ],
      "missing_shifted": [
        "x"
      ],
      "reference_rows": 2
    }
    "#);
    // As it was written before p-values were adjusted.
    let adjusted = |line: &&str| !line.contains("adjusted_p") && !line.contains("correction");
    let older: String = predicate.lines().filter(adjusted).collect();
    let read: DriftPredicate = serde_json::from_str(&older).unwrap();
    assert_eq!((read.correction, read.drifted), (Correction::None, vec!["x".to_owned()]));
}
