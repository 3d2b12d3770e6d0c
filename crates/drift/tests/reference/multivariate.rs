//! `multivariate.json`: scipy, scikit-learn and arch on rows of several numbers and on series.

use lineal_drift::multivariate::{RowReconstruction, hotelling};
use lineal_drift::ndarray::Array2;
use lineal_drift::resampling::BlockLength;
use serde_json::Value;

use crate::compare::{Checks, Tolerance, cases, conclude};
use crate::recipe::number;

#[test]
fn multivariate() {
    let results = cases("multivariate.json").iter().map(compare).collect();
    conclude("multivariate.json", results, 2);
}

fn compare(case: &Value) -> Checks {
    let mut checks = Checks::new(case);
    match case["kind"].as_str().unwrap() {
        "hotelling" => compare_hotelling(&mut checks, case),
        "pca" => compare_pca(&mut checks, case),
        "block_length" => compare_block_length(&mut checks, case),
        other => checks.unknown(other),
    }
    checks
}

fn compare_hotelling(checks: &mut Checks, case: &Value) {
    let test = hotelling(rows(&case["x"]).view(), rows(&case["y"]).view()).unwrap();
    for (field, expected) in case["expected"].as_object().unwrap() {
        let (ours, tolerance) = match field.as_str() {
            "statistic" => (test.statistic, Tolerance::Value(1e-9)),
            "f" => (test.f, Tolerance::Value(1e-9)),
            "p_value" => (test.p_value, Tolerance::P),
            "mahalanobis" => (test.mahalanobis, Tolerance::Value(1e-9)),
            _ => {
                checks.unknown(field);
                continue;
            }
        };
        checks.check(field, Some(ours), expected, tolerance);
    }
}

fn compare_pca(checks: &mut Checks, case: &Value) {
    let learnt = RowReconstruction::learn(rows(&case["x"]).view(), number(&case["share"])).unwrap();
    let errors = learnt.errors(rows(&case["y"]).view()).unwrap();
    let expected = &case["expected"];
    checks.check("components", Some(learnt.components() as f64), &expected["components"], Tolerance::Value(0.0));
    checks.check("explained", Some(learnt.explained_variance()), &expected["explained"], Tolerance::Value(1e-9));
    for (ours, expected) in errors.into_iter().zip(expected["errors"].as_array().unwrap()) {
        checks.check("error", Some(ours), expected, Tolerance::Value(1e-9));
    }
}

fn compare_block_length(checks: &mut Checks, case: &Value) {
    let series: Vec<f64> = case["series"].as_array().unwrap().iter().map(number).collect();
    let length = BlockLength::of(&series).unwrap();
    checks.check("circular", Some(length.circular), &case["expected"]["circular"], Tolerance::Value(1e-9));
    checks.check("stationary", Some(length.stationary), &case["expected"]["stationary"], Tolerance::Value(1e-9));
}

fn rows(input: &Value) -> Array2<f64> {
    let rows = input.as_array().unwrap();
    let width = rows[0].as_array().unwrap().len();
    let values = rows.iter().flat_map(|row| row.as_array().unwrap()).map(number).collect();
    Array2::from_shape_vec((rows.len(), width), values).unwrap()
}
