//! `performance_sklearn.json`: scikit-learn's metrics and calibrators.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float64Array, Int64Array};
use lineal_drift::arrow;
use lineal_drift::performance::{
    IsotonicRegression, Metric, Predictions, Rankings, RegressionPredictions, Reliability, average_precision, brier,
    log_loss, roc_auc,
};
use serde_json::Value;

use crate::compare::{Answer, Checks, Tolerance, cases, conclude};

const CLOSE: Tolerance = Tolerance::Value(1e-9);

#[test]
fn performance_sklearn() {
    let results = cases("performance_sklearn.json").iter().map(compare).collect();
    conclude("performance_sklearn.json", results, 5);
}

fn compare(case: &Value) -> Checks {
    let mut checks = Checks::new(case);
    match case["kind"].as_str().unwrap() {
        "binary" => binary(&mut checks, case),
        "multiclass" => multiclass(&mut checks, case),
        "regression" => regression(&mut checks, case),
        "ranking" => ranking(&mut checks, case),
        "isotonic" => isotonic(&mut checks, case),
        "reliability" => reliability(&mut checks, case),
        other => checks.unknown(other),
    }
    checks
}

fn numbers(input: &Value) -> Vec<f64> {
    input.as_array().unwrap().iter().map(|v| v.as_f64().unwrap_or(f64::NAN)).collect()
}

fn matrix(input: &Value) -> Vec<Vec<f64>> {
    input.as_array().unwrap().iter().map(numbers).collect()
}

fn floats(input: &Value) -> ArrayRef {
    Arc::new(Float64Array::from(numbers(input)))
}

fn flags(input: &Value) -> Vec<bool> {
    numbers(input).into_iter().map(|v| v == 1.0).collect()
}

fn fields(case: &Value) -> impl Iterator<Item = (&str, &Value)> {
    case["expected"].as_object().unwrap().iter().map(|(name, value)| (name.as_str(), value))
}

fn metric(name: &str) -> Option<Metric> {
    serde_json::from_value(Value::from(name)).ok()
}

fn confusion(checks: &mut Checks, ours: &Predictions, expected: &Value) {
    for (ours, expected) in ours.confusion().unwrap().cells.concat().iter().zip(matrix(expected).concat()) {
        checks.check("confusion", Some(*ours), &Value::from(expected), Tolerance::Value(0.0));
    }
}

fn binary(checks: &mut Checks, case: &Value) {
    let (scores, actual) = (numbers(&case["scores"]), flags(&case["actual"]));
    let ours = Predictions::binary(&floats(&case["scores"])).unwrap();
    let ours = ours.with_predicted(&floats(&case["predicted"])).unwrap().with_actual(&floats(&case["actual"])).unwrap();
    for (name, expected) in fields(case) {
        let direct = match name {
            "roc_auc" => roc_auc(&scores, &actual).ok(),
            "average_precision" => average_precision(&scores, &actual).ok(),
            "log_loss" => log_loss(&scores, &actual).ok(),
            "brier" => brier(&scores, &actual).ok(),
            _ => None,
        };
        match (name, metric(name)) {
            ("confusion", _) => confusion(checks, &ours, expected),
            ("value", _) => {
                let values = matrix(&case["expected"]["value_of"]);
                checks.check(name, ours.confusion().unwrap().value(&values).ok(), expected, CLOSE);
            }
            ("value_of", _) => {}
            (_, Some(metric)) => {
                let found = ours.realised(metric).unwrap();
                checks.check(name, found, expected, CLOSE);
                same(checks, name, found, direct);
            }
            (other, None) => checks.unknown(other),
        }
    }
}

/// A function on slices, where there is one, says what the method on arrays says.
fn same(checks: &mut Checks, name: &str, found: Answer, direct: Answer) {
    if let (Some(found), Some(direct)) = (found, direct) {
        checks.check(name, Some(direct), &Value::from(found), Tolerance::Value(1e-14));
    }
}

fn multiclass(checks: &mut Checks, case: &Value) {
    let columns: Vec<ArrayRef> = case["scores"].as_array().unwrap().iter().map(floats).collect();
    let named = columns.iter().enumerate().map(|(class, column)| (class.to_string(), column.as_ref() as &dyn Array));
    let ours = Predictions::multiclass(named).unwrap();
    let ours = ours.with_predicted(&floats(&case["predicted"])).unwrap().with_actual(&floats(&case["actual"])).unwrap();
    for (name, expected) in fields(case) {
        match (name, metric(name)) {
            ("confusion", _) => confusion(checks, &ours, expected),
            (_, Some(metric)) => checks.check(name, ours.realised(metric).unwrap(), expected, CLOSE),
            (other, None) => checks.unknown(other),
        }
    }
}

fn regression(checks: &mut Checks, case: &Value) {
    let ours = RegressionPredictions::new(&floats(&case["predicted"])).unwrap();
    let ours = ours.with_actual(&floats(&case["actual"])).unwrap();
    for (name, expected) in fields(case) {
        match metric(name) {
            Some(metric) => checks.check(name, ours.realised(metric).unwrap(), expected, CLOSE),
            None => checks.unknown(name),
        }
    }
}

fn ranking(checks: &mut Checks, case: &Value) {
    let (scores, relevance) = (matrix(&case["scores"]), matrix(&case["relevance"]));
    let queries = scores.iter().enumerate().flat_map(|(query, row)| row.iter().map(move |_| query as i64));
    let queries: Int64Array = queries.map(Some).collect();
    let ours = Rankings::new(&queries, &Float64Array::from(scores.concat()), &Float64Array::from(relevance.concat()));
    let ours = ours.unwrap();
    for (name, expected) in fields(case) {
        let k = name.split_once('@').map_or(0, |(_, k)| k.parse().unwrap());
        let found = match name {
            "mrr" => ours.mean_reciprocal_rank(),
            "map" => ours.mean_average_precision(),
            _ if name.starts_with("ndcg@") => ours.ndcg_at(k).unwrap(),
            _ if name.starts_with("precision@") => ours.precision_at(k).unwrap(),
            other => {
                checks.unknown(other);
                continue;
            }
        };
        checks.check(name, found, expected, CLOSE);
    }
}

fn isotonic(checks: &mut Checks, case: &Value) {
    let fitted = IsotonicRegression::fit(&numbers(&case["scores"]), &numbers(&case["outcomes"])).unwrap();
    for (name, expected) in fields(case) {
        if name != "predicted" {
            checks.unknown(name);
        }
        for (at, expected) in numbers(&case["at"]).into_iter().zip(expected.as_array().unwrap()) {
            checks.check(&format!("predicted at {at}"), Some(fitted.predict(at)), expected, CLOSE);
        }
    }
}

fn reliability(checks: &mut Checks, case: &Value) {
    let bins = usize::try_from(case["bins"].as_u64().unwrap()).unwrap();
    let table = Reliability::equal_width(&numbers(&case["scores"]), &flags(&case["actual"]), bins).unwrap();
    for (name, expected) in fields(case) {
        let column = |of: fn(&lineal_drift::performance::ReliabilityBin) -> f64| table.bins.iter().map(of).collect();
        let found: Vec<f64> = match name {
            "ece" => vec![table.expected_error()],
            "mce" => vec![table.maximum_error()],
            "mean_probability" => column(|bin| bin.mean_probability),
            "observed_fraction" => column(|bin| bin.observed_fraction),
            other => {
                checks.unknown(other);
                continue;
            }
        };
        let expected = expected.as_array().cloned().unwrap_or_else(|| vec![expected.clone()]);
        if found.len() != expected.len() {
            checks.fail(&format!("{name}: {} values instead of {}", found.len(), expected.len()));
        }
        for (found, expected) in found.into_iter().zip(&expected) {
            checks.check(name, Some(found), expected, CLOSE);
        }
    }
}
