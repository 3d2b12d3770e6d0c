//! `evidently_flights.json`: Evidently's preset on a year of flights, for the methods that are ours too.

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::DataType;
use lineal_drift::{Categories, PairedCounts, Sample, arrow, jensen_shannon_counts, ks, wasserstein};
use rayon::prelude::*;
use serde_json::Value;

use crate::compare::{Answer, Checks, Tolerance, cases, conclude};
use crate::flights_data::Flights;

#[test]
fn evidently_flights() {
    let cases = cases("evidently_flights.json");
    let columns = cases.iter().flat_map(|case| case["expected"]["columns"].as_object().unwrap().keys());
    let flights = Flights::read(columns.map(String::as_str));
    let results = cases.par_iter().map(|case| compare(case, &flights)).collect();
    conclude("evidently_flights.json", results, 0);
}

fn compare(case: &Value, flights: &Flights) -> Checks {
    let mut checks = Checks::new(case);
    let (reference, current) = (select(flights, &case["reference"]), select(flights, &case["current"]));
    checks.check("n_ref", Some(reference.num_rows() as f64), &case["n_ref"], Tolerance::Value(0.0));
    checks.check("n_cur", Some(current.num_rows() as f64), &case["n_cur"], Tolerance::Value(0.0));
    for (name, expected) in case["expected"]["columns"].as_object().unwrap() {
        let (r, c) = (reference.column_by_name(name).unwrap(), current.column_by_name(name).unwrap());
        let field = format!("{name} {}", expected["method"]);
        match expected["method"].as_str().unwrap() {
            "Wasserstein distance (normed)" => {
                let normed = wasserstein(&numbers(r), &numbers(c)).ok().map(|w| w.normed);
                // The oracle takes the deviation of an f32 column in f32.
                let tolerance = if r.data_type() == &DataType::Float32 { 1e-6 } else { 1e-9 };
                checks.check(&field, normed, &expected["value"], Tolerance::Value(tolerance));
            }
            "K-S p_value" => checks.check(
                &field,
                ks(&numbers(r), &numbers(c)).ok().map(|t| t.p_value()),
                &expected["value"],
                Tolerance::P,
            ),
            "Jensen-Shannon distance" => {
                checks.check(&field, js(r, c), &expected["value"], Tolerance::Value(1e-9));
            }
            "psi" | "chi-square p_value" | "Z-test p_value" => {}
            other => checks.fail(&format!("unknown method {other}")),
        }
    }
    checks
}

fn numbers(array: &dyn Array) -> Sample {
    Sample::from_array(array).unwrap()
}

fn js(reference: &dyn Array, current: &dyn Array) -> Answer {
    let counts = PairedCounts::pair(&labels(reference), &labels(current));
    jensen_shannon_counts(counts.reference(), counts.current()).ok().map(|j| j.distance_e())
}

fn labels(array: &dyn Array) -> Categories {
    Categories::from_array(array).unwrap_or_else(|_| Categories::from_sample(&numbers(array)))
}

fn select(flights: &Flights, selection: &Value) -> RecordBatch {
    let months = selection["months"].as_array().unwrap();
    let parity = selection["parity"].as_u64();
    let rows = flights.select(|row, month| {
        months.iter().any(|m| m.as_i64() == Some(month)) && parity.is_none_or(|p| row as u64 % 2 == p)
    });
    let head = selection["head"].as_u64().map_or(rows.num_rows(), |head| usize::try_from(head).unwrap());
    rows.slice(0, head.min(rows.num_rows()))
}
