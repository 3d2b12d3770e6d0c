//! `streaming_rddm.json`: long concepts and lasting warnings, with and without a reset after each drift.

use lineal_drift::streaming::{Detector, ErrorBit, Rddm, RddmSettings, Signal};
use serde_json::{Value, json};

use crate::compare::{Checks, cases, conclude};
use crate::recipe;

#[test]
fn streaming_rddm() {
    let results = cases("streaming_rddm.json").iter().map(compare).collect();
    conclude("streaming_rddm.json", results, 200);
}

fn compare(case: &Value) -> Checks {
    let mut checks = Checks::new(case);
    let stream = recipe::values(&case["stream"]);
    for expected in case["expected"]["RDDM"].as_array().unwrap() {
        let mut settings: RddmSettings = serde_json::from_value(expected["params"].clone()).unwrap();
        settings.keep_window = expected["reset"] == false;
        let signals = Rddm::new(settings).update_all(stream.iter().map(|x| ErrorBit::from_error(*x == 1.0)));
        let at = |wanted: Signal| signals.iter().filter(move |(_, signal)| *signal == wanted).map(|(at, _)| *at);
        let drifts: Vec<u64> = at(Signal::Drift).collect();
        for (field, ours) in [("drift_at", json!(drifts)), ("n_warning", json!(at(Signal::Warning).count()))] {
            checks.compared += ours.as_array().map_or(1, Vec::len);
            if ours != expected[field] {
                checks.fail(&format!("{settings:?} {field}: {ours} instead of {}", expected[field]));
            }
        }
    }
    checks
}
