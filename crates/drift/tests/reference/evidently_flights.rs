//! `evidently_flights.json`: Evidently's preset on a year of flights.

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use lineal_drift::{
    ColumnKind, ColumnReport, ColumnSettings, DataDrift, DataDriftSettings, EvidentlyTest, Method, arrow,
};
use rayon::prelude::*;
use serde_json::Value;

use crate::compare::{Checks, Tolerance, conclude, fixture};
use crate::data_sets::data_set;
use crate::flights_data::Flights;

#[test]
fn evidently_flights() {
    let fixture = fixture("evidently_flights.json");
    let names = |kind: &str| fixture["columns"][kind].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
    let kinds: Vec<(&str, ColumnKind)> = (names("numerical").map(|name| (name, ColumnKind::Numeric)))
        .chain(names("categorical").map(|name| (name, ColumnKind::Categorical)))
        .collect();
    let file = data_set(fixture["data"].as_str().unwrap());
    let flights = Flights::read_from(&file, kinds.iter().map(|(name, _)| *name));
    let cases = fixture["cases"].as_array().unwrap();
    let results = cases.par_iter().map(|case| compare(case, &flights, &kinds)).collect();
    conclude("evidently_flights.json", results, 5);
}

fn compare(case: &Value, flights: &Flights, kinds: &[(&str, ColumnKind)]) -> Checks {
    let mut checks = Checks::new(case);
    let (reference, current) = (select(flights, &case["reference"]), select(flights, &case["current"]));
    checks.check("n_ref", Some(reference.num_rows() as f64), &case["n_ref"], Tolerance::Value(0.0));
    checks.check("n_cur", Some(current.num_rows() as f64), &case["n_cur"], Tolerance::Value(0.0));
    let drift = DataDrift::new(settings(kinds, &case["params"])).unwrap();
    let report = drift.compare(std::slice::from_ref(&reference), std::slice::from_ref(&current)).unwrap();
    for (name, expected) in case["expected"]["columns"].as_object().unwrap() {
        let is_f32 = reference.column_by_name(name).unwrap().data_type() == &DataType::Float32;
        compare_column(&mut checks, report.column(name).unwrap(), expected, is_f32);
    }
    for (field, expected) in case["expected"]["dataset"].as_object().unwrap() {
        let drifted = report.drifted().count() as f64;
        match field.as_str() {
            "drifted_count" => checks.check(field, Some(drifted), expected, Tolerance::Value(0.0)),
            "drifted_share" => {
                checks.check(field, Some(drifted / report.columns.len() as f64), expected, Tolerance::Value(1e-9));
            }
            "drift_share_threshold" => {}
            other => checks.unknown(other),
        }
    }
    checks
}

fn settings(kinds: &[(&str, ColumnKind)], params: &Value) -> DataDriftSettings {
    let method: Option<EvidentlyTest> = params.get("method").map(|name| serde_json::from_value(name.clone()).unwrap());
    let settings = DataDriftSettings::evidently().with_only(kinds.iter().map(|(name, _)| *name));
    kinds.iter().fold(settings, |settings, (name, kind)| {
        let column = ColumnSettings::default().with_kind(*kind);
        let column = method.into_iter().fold(column, |column, test| column.with_method(Method::Evidently(test)));
        settings.with_column(*name, column)
    })
}

fn compare_column(checks: &mut Checks, column: &ColumnReport, expected: &Value, is_f32: bool) {
    let Some(finding) = &column.finding else {
        return checks.fail(&format!("{} has no finding: {:?}", column.name, column.status));
    };
    let method = finding.score.method;
    let Some(named) = expected["method"].as_str().filter(|name| title(method) == Some(name)) else {
        return checks.fail(&format!("{}: {method} instead of {}", column.name, expected["method"]));
    };
    let tolerance = match method {
        // The oracle takes the deviation of an f32 column in f32.
        Method::Evidently(EvidentlyTest::Wasserstein | EvidentlyTest::Psi) if is_f32 => Tolerance::Value(1e-6),
        _ if finding.decides_on.p_value() => Tolerance::P,
        _ => Tolerance::Value(1e-9),
    };
    let field = format!("{} {named}", column.name);
    checks.check(&field, Some(finding.score.value), &expected["value"], tolerance);
    checks.check(&field, Some(finding.threshold), &expected["threshold"], Tolerance::Value(0.0));
}

fn title(method: Method) -> Option<&'static str> {
    let Method::Evidently(test) = method else { return None };
    match test {
        EvidentlyTest::Wasserstein => Some("Wasserstein distance (normed)"),
        EvidentlyTest::Ks => Some("K-S p_value"),
        EvidentlyTest::JensenShannon => Some("Jensen-Shannon distance"),
        EvidentlyTest::Psi => Some("psi"),
        EvidentlyTest::ChiSquare => Some("chi-square p_value"),
        EvidentlyTest::Z => Some("Z-test p_value"),
        _ => None,
    }
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
