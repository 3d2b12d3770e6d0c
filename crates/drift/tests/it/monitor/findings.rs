//! What findings say, and when.

use lineal_core::{Actor, Digest, EvidenceKind, Subject, Timestamp};
use lineal_drift::monitor::{
    AlarmSettings, FeatureSettings, Monitor, MonitorReference, MonitorSettings, Phase, ReferenceSettings, Severity,
    Signal, ThresholdRule, Value, WindowPredicate, WindowReport, Windows,
};
use lineal_drift::{DriftPredicate, Error, Method};

use super::{Rows, monitor, quick};
use crate::generators::{batch, ramp, words};

fn window(monitor: &mut Monitor, rows: &Rows) -> WindowReport {
    monitor.recorder().record_batch(&rows.batch()).unwrap();
    monitor.close().unwrap().remove(0)
}

fn phases(report: &WindowReport) -> Vec<(&str, Signal, Phase, Severity)> {
    report.findings.iter().map(|f| (f.feature.as_str(), f.signal, f.phase, f.severity)).collect()
}

#[test]
fn raised_ongoing_cleared() {
    let alarms = AlarmSettings::default().with_raise_after(2, 3).with_cool_down(1);
    let mut monitor = monitor(Windows::of_chunks(), quick().with_alarms(alarms));
    let mut shifts = [0.0, 0.3, 0.0, 0.3, 0.0, 0.0, 0.3, 0.3, 0.3].into_iter().zip(10..);
    let mut next = || {
        let (shift, seed) = shifts.next().unwrap();
        window(&mut monitor, &Rows::new(seed, 2_000, shift))
    };
    let speed = |phase, severity| vec![("speed", Signal::Distribution, phase, severity)];
    assert_eq!(phases(&next()), []);
    assert_eq!(phases(&next()), []);
    assert_eq!(phases(&next()), []);
    let raised = next();
    assert_eq!(phases(&raised), speed(Phase::Raised, Severity::Critical));
    assert_eq!((raised.findings[0].raised_in, raised.findings[0].window.first_pane), (3, 3));
    assert_eq!(phases(&next()), speed(Phase::Ongoing, Severity::Info));
    let cleared = next();
    assert_eq!(phases(&cleared), speed(Phase::Cleared, Severity::Info));
    assert_eq!(cleared.findings[0].raised_in, 3);
    // Cooling down, then two of three again.
    assert_eq!(phases(&next()), []);
    assert_eq!(phases(&next()), speed(Phase::Raised, Severity::Critical));
    assert_eq!(phases(&next()), speed(Phase::Ongoing, Severity::Critical));
    let totals = monitor.totals();
    assert_eq!((totals.raised_info, totals.raised_warning, totals.raised_critical, totals.windows), (0, 0, 2, 9));
    assert_eq!(monitor.latest().unwrap().window.last_pane, 8);
}

#[test]
fn missing_values_and_new_labels_are_findings() {
    let mut monitor = monitor(Windows::of_chunks(), quick());
    let mut rows = Rows::new(3, 2_000, 0.0);
    rows.speed.iter_mut().step_by(4).for_each(|speed| *speed = None);
    rows.carrier.iter_mut().step_by(8).for_each(|carrier| *carrier = Some("ZZ"));
    let recorder = monitor.recorder();
    // Of the wrong kind is missing, too.
    let others = Rows::new(4, 400, 0.0);
    for at in 0..400 {
        let [speed, carrier, _] = others.row(at);
        recorder.record(&[speed, carrier, Value::Label("ten")]).unwrap();
    }
    let report = window(&mut monitor, &rows);
    let found: Vec<_> = report.findings.iter().map(|f| (f.feature.as_str(), f.signal)).collect();
    assert_eq!(found[..2], [("speed", Signal::Missing), ("carrier", Signal::Distribution)]);
    assert!(found.contains(&("delay", Signal::Missing)));
    let carrier = report.feature("carrier").unwrap();
    assert_eq!(carrier.new_labels, ["ZZ"]);
    assert!((carrier.outside_fraction - 250.0 / carrier.values as f64).abs() < 1e-12);
    assert_eq!(carrier.reference_outside_fraction, 0.0);
    let delay = report.feature("delay").unwrap();
    assert_eq!((delay.mistyped, delay.values), (400, 2_000));
    let speed = report.feature("speed").unwrap();
    let judgement = speed.missing.unwrap();
    assert!((judgement.score - (speed.missing_fraction - speed.reference_missing_fraction).abs()).abs() < 1e-12);
    insta::assert_snapshot!(report.findings[1].why);
    insta::assert_snapshot!(report.findings[0].why);
}

#[test]
fn few_rows_are_not_judged() {
    let mut monitor = monitor(Windows::of_chunks(), quick());
    let report = window(&mut monitor, &Rows::new(3, 49, 5.0));
    assert!(
        report.findings.is_empty() && report.features.iter().all(|f| f.distribution.is_none() && f.missing.is_none())
    );
    let report = window(&mut monitor, &Rows::new(3, 0, 5.0));
    assert_eq!((report.rows, report.features[0].missing_fraction), (0, 0.0));
    let report = window(&mut monitor, &Rows::new(3, 200, 5.0));
    assert_eq!(report.feature("speed").unwrap().outside_fraction, 1.0);
    assert_eq!(report.drifted().count(), 1);
}

#[test]
fn sliding_windows_hold_the_last_panes() {
    let mut monitor = monitor(Windows::of_chunks().with_sliding(3), quick());
    let mut lens = Vec::new();
    for rows in [100, 200, 300, 400, 500] {
        monitor.recorder().record_batch(&Rows::new(3, rows, 0.0).batch()).unwrap();
        lens.extend(
            monitor
                .close()
                .unwrap()
                .iter()
                .map(|report| (report.window.first_pane, report.window.last_pane, report.rows)),
        );
    }
    assert_eq!(lens, [(0, 2, 600), (1, 3, 900), (2, 4, 1_200)]);
}

#[test]
fn settings_that_do_not_fit_are_refused() {
    let reference = super::reference;
    let with = |settings| Monitor::new(reference(), Windows::of_chunks(), settings).map(drop);
    let feature = FeatureSettings::default;
    assert!(matches!(with(quick().with_feature("absent", feature())), Err(Error::Columns { .. })));
    let ks = quick().with_feature("carrier", feature().with_method(Method::Ks));
    assert!(matches!(with(ks), Err(Error::NotApplicable { .. })));
    assert!(matches!(with(quick().with_numeric_method(Method::Wasserstein)), Err(Error::NotApplicable { .. })));
    let chunks = ThresholdRule::ReferenceChunks { at_least: 0.0 };
    assert!(matches!(with(quick().with_threshold(chunks)), Err(Error::TooFew { .. })));
    assert!(matches!(with(quick().with_missing(chunks)), Err(Error::TooFew { .. })));
    let fixed = quick().with_feature("speed", feature().with_threshold(ThresholdRule::fixed(0.9)));
    let mut monitor = monitor(Windows::of_chunks(), fixed);
    let report = window(&mut monitor, &Rows::new(3, 2_000, 0.3));
    assert_eq!(report.drifted().count(), 0);
    assert_eq!(report.feature("speed").unwrap().distribution.unwrap().threshold, 0.9);
}

#[test]
fn a_window_becomes_evidence() {
    let mut monitor = monitor(Windows::of_time(i64::MIN, 1 << 62), MonitorSettings::default());
    let rows = Rows::new(3, 2_000, 0.3);
    monitor.recorder().record_batch_at(&vec![i64::MIN; 2_000], &rows.batch()).unwrap();
    let report = monitor.close_until(0).unwrap().remove(0);
    let statement = || {
        let model = Subject::new("late15", Digest::of(b"weights"));
        report.to_statement(Actor::new("monitor").unwrap(), Timestamp::EPOCH, vec![model]).unwrap()
    };
    assert_eq!(statement().kind(), EvidenceKind::Drift);
    assert_eq!(statement().to_bytes().unwrap(), statement().to_bytes().unwrap());
    let claim: WindowPredicate = statement().predicate_as().unwrap();
    assert_eq!(claim.findings[0].phase, Phase::Raised);
    assert_eq!(claim.starts_at_us.as_deref(), Some("-9223372036854775808"));
    let as_report: DriftPredicate = statement().predicate_as().unwrap();
    assert_eq!(as_report, claim.drift);
    assert_eq!((as_report.drifted.as_slice(), as_report.compared), (["speed".to_owned()].as_slice(), 3));
    assert!(report.to_statement(Actor::new("monitor").unwrap(), Timestamp::EPOCH, vec![]).is_err());
}

#[test]
fn a_predicate_keeps_its_layout() {
    let settings = MonitorSettings::default().with_min_values(1).with_threshold(ThresholdRule::fixed(0.5));
    let reference = [("x", ramp(0.0)), ("y", words((0..100).map(|_| Some("a"))))];
    let reference = MonitorReference::build(&[batch(reference)], &ReferenceSettings::default().with_bins(2)).unwrap();
    let mut monitor =
        Monitor::new(reference, Windows::of_chunks(), settings.with_missing(ThresholdRule::fixed(0.5))).unwrap();
    monitor.recorder().record(&[Value::Number(500.0), Value::Missing]).unwrap();
    let report = monitor.close().unwrap().remove(0);
    insta::assert_snapshot!(serde_json::to_string_pretty(&report).unwrap());
    let subject = Subject::new("window", Digest::of(b"window"));
    let statement = report.to_statement(Actor::new("monitor").unwrap(), Timestamp::EPOCH, vec![subject]).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&statement.predicate).unwrap());
}
