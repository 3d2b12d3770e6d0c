//! Stationary data alarm no more often than the settings say, and drifting data do.

use lineal_drift::Method;
use lineal_drift::arrow::array::RecordBatch;
use lineal_drift::monitor::{
    FeatureSettings, Monitor, MonitorReference, MonitorSettings, Phase, ReferenceSettings, ThresholdRule, Value,
    Windows,
};

use crate::generators::{batch, floats, words};

/// Numbers without a pattern, faster than cryptographers like them.
struct Mix(u64);

impl Mix {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Debug builds look at a fifth.
const WINDOWS: u64 = if cfg!(debug_assertions) { 2_000 } else { 10_000 };

const LABELS: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];

/// Some labels are a thousand times as frequent as others.
fn label(u: f64) -> &'static str {
    LABELS[(u.powi(3) * 12.0) as usize]
}

fn data(rows: usize, seed: u64) -> RecordBatch {
    let mut mix = Mix(seed);
    let numbers: Vec<f64> = (0..rows).map(|_| mix.next()).collect();
    let labels: Vec<&str> = (0..rows).map(|_| label(mix.next())).collect();
    batch([("number", floats(numbers)), ("label", words(labels.into_iter().map(Some)))])
}

/// Counts the windows of 1,000 rows that raise a finding, per feature.
fn raised(settings: MonitorSettings, windows: u64, rows: u64, reference_rows: usize) -> [u64; 2] {
    let reference = MonitorReference::build(&[data(reference_rows, 1)], &ReferenceSettings::default()).unwrap();
    let mut monitor = Monitor::new(reference, Windows::of_rows(rows), settings).unwrap();
    let (recorder, mut mix, mut raised) = (monitor.recorder(), Mix(1 << 40), [0, 0]);
    for _ in 0..windows {
        for _ in 0..rows {
            recorder.record(&[Value::Number(mix.next()), Value::Label(label(mix.next()))]).unwrap();
        }
        for report in monitor.close().unwrap() {
            for feature in report.drifted() {
                raised[usize::from(feature.name == "label")] += 1;
            }
            assert_eq!(report.missing_shifted().count(), 0);
        }
    }
    raised
}

/// One alarm is expected in 10,000 windows of a feature; six or more would come once in 1,700 times.
#[test]
fn the_default_policy_keeps_its_rate() {
    let raised = raised(MonitorSettings::default(), WINDOWS, 1_000, 100_000);
    assert!(raised.iter().all(|alarms| *alarms <= 5), "{raised:?}");
}

/// A rate that can be measured: alarms are neither more than stated nor much rarer, for every method and for a small reference, too.
#[test]
fn a_stated_rate_is_met() {
    let rate = |method: Method| {
        let settings = MonitorSettings::default().with_threshold(ThresholdRule::false_alarms(0.01, 0.0));
        let labels = if method == Method::Ks { Method::LInfinity } else { method };
        settings.with_numeric_method(method).with_feature("label", FeatureSettings::default().with_method(labels))
    };
    for method in [Method::JensenShannon, Method::Psi, Method::LInfinity, Method::Ks] {
        // 1,500 windows: 15 are expected, with a deviation of 3.9; and of the thresholds' own noise some more.
        let found = raised(rate(method), 1_500, 200, 200_000);
        println!("{method}: {found:?}");
        assert!(found.iter().all(|alarms| (3..=30).contains(alarms)), "{method}: {found:?}");
    }
}

/// The reference is a sample, too: with as many rows as a window, thresholds are higher.
#[test]
fn a_small_reference_is_no_excuse() {
    let settings = MonitorSettings::default().with_threshold(ThresholdRule::false_alarms(0.01, 0.0));
    let mut mix = Mix(77);
    let (mut alarms, mut windows) = ([0_u64; 2], 0_u64);
    // The rate holds over references, so there are many.
    for seed in 0..20 {
        let data = data(400, 1_000 + seed * 1_000_003);
        let reference = MonitorReference::build(&[data], &ReferenceSettings::default()).unwrap();
        let mut settings = settings.clone();
        settings.simulations = 2_000;
        let mut monitor = Monitor::new(reference, Windows::of_rows(256), settings).unwrap();
        let recorder = monitor.recorder();
        for _ in 0..100 {
            for _ in 0..256 {
                recorder.record(&[Value::Number(mix.next()), Value::Label(label(mix.next()))]).unwrap();
            }
            for report in monitor.close().unwrap() {
                windows += 1;
                report.drifted().for_each(|feature| alarms[usize::from(feature.name == "label")] += 1);
            }
        }
    }
    println!("{alarms:?} of {windows}");
    // Windows share a reference, so alarms come in clusters.
    assert!(windows == 2_000 && alarms.iter().all(|alarms| *alarms <= 45), "{alarms:?}");
}

#[test]
fn drift_is_found_in_small_windows() {
    let reference = MonitorReference::build(&[data(50_000, 1)], &ReferenceSettings::default()).unwrap();
    let mut monitor = Monitor::new(reference, Windows::of_rows(1_000), MonitorSettings::default()).unwrap();
    let (recorder, mut mix) = (monitor.recorder(), Mix(5));
    for _ in 0..1_000 {
        // A tenth of the values move, and one label takes a tenth from all others.
        let (u, v) = (mix.next(), mix.next());
        let number = if u < 0.15 { 0.97 + u / 5.0 } else { u };
        recorder.record(&[Value::Number(number), Value::Label(if v < 0.1 { "l" } else { label(mix.next()) })]).unwrap();
    }
    let report = &monitor.close().unwrap()[0];
    assert_eq!(report.findings.len(), 2);
    assert!(report.findings.iter().all(|finding| finding.phase == Phase::Raised && finding.score > finding.threshold));
}

#[test]
fn chunks_of_the_reference_know_what_is_usual() {
    // Values depend on their neighbours: each chunk of 500 has a level of its own.
    let mut mix = Mix(3);
    let mut level = 0.0;
    let values: Vec<f64> = (0..40_000)
        .map(|row| {
            if row % 500 == 0 {
                level = mix.next();
            }
            level + mix.next()
        })
        .collect();
    let whole = batch([("x", floats(values.clone()))]);
    // Cut anywhere: chunks go on over batches.
    let batches = [whole.slice(0, 700), whole.slice(700, 39_300)];
    let settings = ReferenceSettings::default().with_chunk_rows(500);
    let reference = MonitorReference::build(&batches, &settings).unwrap();
    assert_eq!(MonitorReference::build(&[whole], &settings).unwrap(), reference);
    assert_eq!(reference.chunk_rows(), Some(500));
    let drifted = |rule: ThresholdRule| {
        let settings = MonitorSettings::default().with_threshold(rule);
        let mut monitor = Monitor::new(reference.clone(), Windows::of_rows(500), settings).unwrap();
        let recorder = monitor.recorder();
        let mut count = 0;
        for rows in values.chunks(5_000) {
            rows.iter().for_each(|value| drop(recorder.record(&[Value::Number(*value)])));
            count += monitor.close().unwrap().iter().filter(|report| report.drifted().next().is_some()).count();
        }
        count
    };
    assert!(drifted(ThresholdRule::default()) > 60);
    assert!(drifted(ThresholdRule::ReferenceChunks { at_least: 0.0 }) < 5);
}
