//! Who decides, against what: corrections, other tools' rules, learnt thresholds, streams.

use std::slice::from_ref;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use lineal_core::{ErrorKind, Rng};
use lineal_drift::{
    Correction, DataDrift, DataDriftReport, DataDriftSettings, DecidesOn, Error, EvidentlyTest, Method, NannymlMeasure,
    arrow,
};

use crate::generators::{batch, floats, words};

/// Columns of uniform numbers, drawn anew by each seed.
fn noise(seed: u64, columns: usize, rows: usize) -> RecordBatch {
    let names: Vec<String> = (0..columns).map(|c| format!("c{c}")).collect();
    let values = |c: usize| {
        let rng = Rng::new(seed, &format!("column {c}"));
        floats((0..rows).map(move |row| rng.at(row as u64).f64()))
    };
    batch(names.iter().enumerate().map(|(c, name)| (name.as_str(), values(c))))
}

fn compare(settings: DataDriftSettings, reference: &RecordBatch, current: &RecordBatch) -> DataDriftReport {
    DataDrift::new(settings).unwrap().compare(from_ref(reference), from_ref(current)).unwrap()
}

#[test]
fn a_hundred_quiet_columns_stay_quiet() {
    let by_p = DataDriftSettings::default().with_numeric_method(Method::Ks);
    let (reference, current) = (noise(1, 100, 300), noise(2, 100, 300));
    let plain = compare(by_p.clone().with_correction(Correction::None), &reference, &current);
    assert!((1..15).contains(&plain.drifted().count()), "{}", plain.drifted().count());
    let corrected = compare(by_p, &reference, &current);
    assert_eq!((corrected.correction, corrected.drifted().count()), (Correction::BenjaminiHochberg, 0));
    let p = |report: &DataDriftReport| report.columns[0].finding.as_ref().unwrap().adjusted_p.unwrap();
    assert!(p(&plain) <= p(&corrected) && p(&corrected) <= 1.0);
}

#[test]
fn distances_are_not_adjusted() {
    let report = compare(DataDriftSettings::default(), &noise(1, 3, 50), &noise(2, 3, 50));
    assert!(report.columns.iter().all(|c| c.finding.as_ref().unwrap().adjusted_p.is_none()));
}

#[test]
fn evidently_chooses_by_rows_and_values() {
    let few = |rows: usize| {
        batch([
            ("number", floats((0..rows).map(|i| (i % 97) as f64))),
            ("code", floats((0..rows).map(|i| (i % 3) as f64))),
            ("flag", floats((0..rows).map(|i| (i % 2) as f64))),
            ("label", words((0..rows).map(|i| Some(["a", "b", "c"][i % 3])))),
        ])
    };
    let tests = |rows: usize| -> Vec<EvidentlyTest> {
        let report = compare(DataDriftSettings::evidently(), &few(rows), &few(rows));
        let method = |c: &lineal_drift::ColumnReport| c.finding.as_ref().unwrap().score.method;
        let test = |method| if let Method::Evidently(test) = method { test } else { panic!("{method}") };
        assert_eq!(report.drifted().count(), 0);
        report.columns.iter().map(method).map(test).collect()
    };
    use EvidentlyTest::{ChiSquare, JensenShannon, Ks, Wasserstein, Z};
    assert_eq!(tests(600), [Ks, ChiSquare, Z, ChiSquare]);
    assert_eq!(tests(1200), [Wasserstein, JensenShannon, JensenShannon, JensenShannon]);
}

#[test]
fn what_reaches_evidentlys_threshold_is_drift() {
    assert!(DecidesOn::ValueAtLeast.drifted(0.1, 0.1) && DecidesOn::PValueAtMost.drifted(0.05, 0.05));
    assert!(!DecidesOn::ValueAbove.drifted(0.1, 0.1) && !DecidesOn::PValueBelow.drifted(0.05, 0.05));
}

#[test]
fn nannyml_looks_at_every_column_alike() {
    let report = compare(DataDriftSettings::nannyml(), &noise(1, 2, 200), &noise(2, 2, 200));
    let method = Method::Nannyml(NannymlMeasure::JensenShannon);
    assert!(report.columns.iter().all(|c| c.finding.as_ref().unwrap().score.method == method));
}

#[test]
fn settings_read_back() {
    let settings = DataDriftSettings::evidently().with_numeric_method(Method::Nannyml(NannymlMeasure::Wasserstein));
    let json = serde_json::to_string(&settings).unwrap();
    assert!(json.contains("\"nannyml_wasserstein\""));
    assert_eq!(serde_json::from_str::<DataDriftSettings>(&json).unwrap(), settings);
    assert!(serde_json::from_str::<Method>("\"evidently_nothing\"").is_err());
}

#[test]
fn learnt_thresholds_know_the_size_of_windows() {
    let drift = DataDrift::new(DataDriftSettings::default()).unwrap();
    let windows = |rows: usize| -> Vec<Vec<RecordBatch>> { (0..24).map(|w| vec![noise(w, 4, rows)]).collect() };
    let threshold = |rows: usize| drift.learn(&windows(rows), 3.0).unwrap().columns["c0"].threshold.unwrap();
    // Small windows differ by chance alone.
    assert!(threshold(30) > 0.1 && threshold(600) < 0.12, "{} {}", threshold(30), threshold(600));
    let learnt = DataDrift::new(drift.learn(&windows(30), 3.0).unwrap()).unwrap();
    let reference: Vec<RecordBatch> = windows(30).into_iter().flatten().collect();
    let quiet = (100..150).map(|seed| learnt.compare(&reference, &[noise(seed, 4, 30)]).unwrap().drifted().count());
    let alarms: usize = quiet.sum();
    assert!(alarms < 20, "{alarms} of 200");
}

#[test]
fn thresholds_are_learnt_from_enough_windows() {
    let drift = DataDrift::new(DataDriftSettings::default()).unwrap();
    let windows: Vec<Vec<RecordBatch>> = (0..3).map(|w| vec![noise(w, 1, 40)]).collect();
    assert!(matches!(drift.learn(&windows[..2], 3.0), Err(Error::TooFew { .. })));
    assert!(matches!(drift.learn(&windows, f64::NAN), Err(Error::Setting { .. })));
    let by_p = DataDrift::new(DataDriftSettings::default().with_numeric_method(Method::Ks)).unwrap();
    assert!(by_p.learn(&windows, 3.0).unwrap().columns.is_empty());
}

#[test]
fn streams_are_compared_as_their_batches() {
    let drift = DataDrift::new(DataDriftSettings::default().with_only(["c1"])).unwrap();
    let (reference, current) = (noise(1, 3, 100), noise(2, 3, 80));
    let parts = |batch: &RecordBatch| [Ok(batch.slice(0, 33)), Ok(batch.slice(33, batch.num_rows() - 33))];
    let streamed = drift.compare_streams(parts(&reference), parts(&current)).unwrap();
    assert_eq!(streamed, drift.compare(from_ref(&reference), from_ref(&current)).unwrap());
    let broken = [Ok(current), Err(ArrowError::ParquetError("page 7".to_owned()))];
    let error = drift.compare_streams(parts(&reference), broken).unwrap_err();
    assert!(matches!(error, Error::Batch { at: 1, .. }) && error.kind() == ErrorKind::Invalid);
    insta::assert_snapshot!(error, @"reading record batch 1");
}
