//! `streaming_frouros.json`: the detectors that river does not have, index for index.

use lineal_drift::streaming::{
    Cusum, Ddm, Detector, Ecdd, ErrorBit, GeometricMovingAverage, Rddm, Signal, Stepd, Value as Number,
};
use serde_json::{Value, json};

use crate::compare::{Checks, cases, conclude};
use crate::recipe;

#[test]
fn streaming_frouros() {
    let results = cases("streaming_frouros.json").iter().map(compare).collect();
    conclude("streaming_frouros.json", results, 7);
}

fn compare(case: &Value) -> Checks {
    let mut checks = Checks::new(case);
    let stream = recipe::values(&case["stream"]);
    let bits = || stream.iter().map(|x| ErrorBit::from_error(*x == 1.0));
    let numbers = || stream.iter().map(|x| Number::new(*x).unwrap());
    for (detector, expected) in case["expected"].as_object().unwrap() {
        let signals = match detector.as_str() {
            "CUSUM" => Cusum::default().update_all(numbers()),
            "GeometricMovingAverage" => GeometricMovingAverage::default().update_all(numbers()),
            "ECDDWT" => Ecdd::default().update_all(bits()),
            // It divides by zero, and takes the infinity for a drift.
            "STEPD" if starts_constant(&stream) => continue,
            "STEPD" => Stepd::default().update_all(bits()),
            "DDM" => Ddm::default().update_all(bits()),
            // Ours are river's, which differ in details: `streaming_river.json`.
            "EDDM" | "HDDMA" | "HDDMW" | "PageHinkley" | "ADWIN" => continue,
            "RDDM" => Rddm::default().update_all(bits()),
            other => {
                checks.unknown(other);
                continue;
            }
        };
        for (field, expected) in expected.as_object().unwrap() {
            let at = |wanted: Signal| signals.iter().filter(move |(_, signal)| *signal == wanted).map(|(at, _)| *at);
            let ours = match field.as_str() {
                "drift_at" => json!(at(Signal::Drift).collect::<Vec<_>>()),
                "n_drift" => json!(at(Signal::Drift).count()),
                // It never shows the warnings of STEPD; those of DDM are river's, which starts one value later.
                "n_warning" if matches!(detector.as_str(), "STEPD" | "DDM") => continue,
                "n_warning" => json!(at(Signal::Warning).count()),
                other => {
                    checks.unknown(other);
                    continue;
                }
            };
            checks.compared += ours.as_array().map_or(1, Vec::len);
            if ours != *expected {
                checks.fail(&format!("{detector} {field}: {ours} instead of {expected}"));
            }
        }
    }
    checks
}

/// Whether the first test compares two windows of nothing but the same value.
fn starts_constant(stream: &[f64]) -> bool {
    stream.iter().take(60).all(|x| stream.first() == Some(x))
}
