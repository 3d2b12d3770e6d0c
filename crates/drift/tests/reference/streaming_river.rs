//! `streaming_river.json`: river's detectors, index for index.

use std::collections::BTreeMap;

use lineal_drift::arrow::{
    array::AsArray,
    compute::cast,
    datatypes::{DataType, Float64Type, Int64Type},
};
use lineal_drift::streaming::{
    Adwin, AdwinSettings, Ddm, DdmSettings, Detector, Eddm, ErrorBit, Fhddm, FhddmSettings, HddmA, HddmASettings,
    HddmW, HddmWSettings, Kswin, KswinSettings, PageHinkley, PageHinkleySettings, Signal, Value as Number,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use crate::compare::{Checks, Tolerance, cases, conclude};
use crate::{flights_data::Flights, recipe};

#[test]
fn streaming_river() {
    let results = cases("streaming_river.json").iter().map(compare).collect();
    conclude("streaming_river.json", results, 8);
}

fn compare(case: &Value) -> Checks {
    let mut checks = Checks::new(case);
    let stream = stream(&case["stream"]);
    for (detector, expected) in case["expected"].as_object().unwrap() {
        if detector == "KSWIN_random" {
            compare_kswin(
                &mut checks,
                &stream,
                case["change_points"].as_array().unwrap(),
                expected.as_array().unwrap(),
            );
            continue;
        }
        for expected in expected.as_array().unwrap() {
            let name = format!("{detector} {}", expected["params"]);
            let params = expected["params"].as_object().cloned().unwrap_or_default();
            let bits = || stream.iter().map(|x| ErrorBit::from_error(*x == 1.0));
            let signals = match detector.as_str() {
                "ADWIN" => {
                    let mut adwin = Adwin::new(settings::<AdwinSettings>(params));
                    let signals = adwin.update_all(numbers(&stream));
                    // Sums over many buckets differ in their last digits.
                    for (field, ours) in [
                        ("width", adwin.width()),
                        ("total", adwin.total()),
                        ("estimation", adwin.mean()),
                        ("variance", adwin.squared_deviations()),
                    ] {
                        checks.check(&format!("{name} {field}"), Some(ours), &expected[field], Tolerance::Value(1e-9));
                    }
                    signals
                }
                "PageHinkley" => PageHinkley::new(settings::<PageHinkleySettings>(params)).update_all(numbers(&stream)),
                "DDM" => Ddm::new(settings::<DdmSettings>(params)).update_all(bits()),
                "EDDM" => Eddm::default().update_all(bits()),
                "HDDM_A" => HddmA::new(settings::<HddmASettings>(params)).update_all(bits()),
                "HDDM_W" => HddmW::new(settings::<HddmWSettings>(params)).update_all(bits()),
                // It is fed 1 for a right prediction.
                "FHDDM" => {
                    let hits = stream.iter().map(|x| ErrorBit::from_error(*x == 0.0));
                    Fhddm::new(settings::<FhddmSettings>(params)).update_all(hits)
                }
                other => {
                    checks.unknown(other);
                    continue;
                }
            };
            let stays = detector == "EDDM";
            compare_signals(&mut checks, &name, &with_warnings(&signals, stays), expected.as_object().unwrap());
        }
    }
    checks
}

/// River's draws are those of Python's own generator, three times with other seeds. Ours make about as many drifts, of as many seeds about
/// as many see the change, and they see it in about the same place.
fn compare_kswin(checks: &mut Checks, stream: &[f64], changes: &[Value], expected: &[Value]) {
    let runs: Vec<Vec<u64>> = (0..SEEDS)
        .map(|seed| {
            let mut kswin = Kswin::new(KswinSettings { seed, ..KswinSettings::default() });
            kswin.update_all(numbers(stream)).into_iter().map(|(at, _)| at).collect()
        })
        .collect();
    let mean = |counts: Vec<u64>| counts.iter().sum::<u64>() as f64 / counts.len() as f64;
    let theirs = mean(expected.iter().map(|run| run["n_drift"].as_u64().unwrap()).collect());
    let ours = mean(runs.iter().map(|drifts| drifts.len() as u64).collect());
    checks.compared += expected.len();
    // The mean of three counts, each about as spread as a Poisson one.
    if (ours - theirs).abs() > 3.0 * (theirs.max(ours) / expected.len() as f64).sqrt() + 0.5 {
        checks.fail(&format!("KSWIN: {ours} drifts on average instead of {theirs}"));
    }
    let near =
        |at: u64| changes.iter().any(|change| at.checked_sub(change.as_u64().unwrap()).is_some_and(|late| late <= 100));
    let share = |seen: usize, of: usize| seen as f64 / of as f64;
    let seen = runs.iter().filter(|drifts| drifts.iter().any(|at| near(*at))).count();
    let seen_there = expected.iter().filter(|run| run["first_after_change"].as_u64().is_some_and(near)).count();
    let (seen, seen_there) = (share(seen, runs.len()), share(seen_there, expected.len()));
    checks.compared += 1;
    if (seen - seen_there).abs() > 0.7 {
        checks.fail(&format!("KSWIN: {seen} of the seeds see a change instead of {seen_there}"));
    }
    println!("KSWIN: {ours} drifts on average, {theirs} there; {seen} of the seeds see a change, {seen_there} there");
}

const SEEDS: u64 = 40;

/// The parameters of river under our names.
fn settings<S: Default + Serialize + DeserializeOwned>(params: Map<String, Value>) -> S {
    let mut settings = serde_json::to_value(S::default()).unwrap();
    for (name, value) in params {
        let name = match name.as_str() {
            "mode" => "side",
            "two_sided_test" => "two_sided",
            "lambda_val" => "lambda",
            "sliding_window_size" => "window",
            "short_window_size" => "short_window",
            "confidence_level" => "confidence",
            other => other,
        };
        settings[name] = value;
    }
    serde_json::from_value(settings).unwrap()
}

/// Drifts and warnings apart. The flag of river's EDDM for a warning stays up at the drift behind it.
fn with_warnings(signals: &[(u64, Signal)], stays: bool) -> [Vec<u64>; 2] {
    let warned = |at: u64| signals.contains(&(at, Signal::Warning));
    let drifts: Vec<u64> = signals.iter().filter(|(_, signal)| *signal == Signal::Drift).map(|(at, _)| *at).collect();
    let warnings = signals
        .iter()
        .filter(|(at, signal)| *signal == Signal::Warning || stays && at.checked_sub(1).is_some_and(warned));
    let warnings = warnings.map(|(at, _)| *at).collect();
    [drifts, warnings]
}

fn compare_signals(checks: &mut Checks, name: &str, [drifts, warnings]: &[Vec<u64>; 2], expected: &Map<String, Value>) {
    for (field, expected) in expected {
        let ours = match field.as_str() {
            "drift_at" => json!(drifts.iter().take(400).collect::<Vec<_>>()),
            "n_drift" => json!(drifts.len()),
            "warning_at_first" => json!(warnings.iter().take(60).collect::<Vec<_>>()),
            "n_warning" => json!(warnings.len()),
            "params" | "width" | "total" | "estimation" | "variance" | "n_detections" => continue,
            other => {
                checks.unknown(other);
                continue;
            }
        };
        checks.compared += ours.as_array().map_or(1, Vec::len);
        if ours != *expected {
            checks.fail(&format!("{name} {field}: {ours} instead of {expected}"));
        }
    }
}

fn numbers(stream: &[f64]) -> impl Iterator<Item = Number> {
    stream.iter().map(|x| Number::new(*x).unwrap())
}

fn stream(input: &Value) -> Vec<f64> {
    match input["column"].as_str() {
        Some("late15") => return flights_late(),
        Some("dep_delay") => return flights_hourly(),
        Some(other) => panic!("no rule for {other}"),
        None => {}
    }
    match input["bits_hex"].as_str() {
        None => recipe::values(input),
        Some(hex) => {
            let digits = hex.chars().map(|digit| digit.to_digit(16).unwrap());
            let bits = digits.flat_map(|digit| (0..4).rev().map(move |at| f64::from(digit >> at & 1)));
            bits.take(usize::try_from(input["n"].as_u64().unwrap()).unwrap()).collect()
        }
    }
}

/// Whether each flight was late, in the order of the file; unknown ones left out.
fn flights_late() -> Vec<f64> {
    let rows = Flights::read(["late15"]).select(|_, _| true);
    let late = rows.column_by_name("late15").unwrap().as_boolean();
    late.iter().flatten().map(|late| f64::from(u8::from(late))).collect()
}

/// The mean delay of each hour that has flights.
fn flights_hourly() -> Vec<f64> {
    let rows = Flights::read(["time_hour", "dep_delay"]).select(|_, _| true);
    let column = |name: &str, of: &DataType| cast(rows.column_by_name(name).unwrap(), of).unwrap();
    let (hours, delays) = (column("time_hour", &DataType::Int64), column("dep_delay", &DataType::Float64));
    let mut sums: BTreeMap<i64, (f64, u32)> = BTreeMap::new();
    for (hour, delay) in hours.as_primitive::<Int64Type>().iter().zip(delays.as_primitive::<Float64Type>()) {
        if let Some((hour, delay)) = hour.zip(delay) {
            let (sum, count) = sums.entry(hour).or_default();
            (*sum, *count) = (*sum + delay, *count + 1);
        }
    }
    sums.into_values().map(|(sum, count)| sum / f64::from(count)).collect()
}
