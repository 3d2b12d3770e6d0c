//! `summary.json`: numpy and scipy on one column.

use lineal_drift::{Sample, Summary};
use serde_json::Value;

use crate::compare::{Checks, Tolerance, cases, conclude};
use crate::recipe;

#[test]
fn summary() {
    let results = cases("summary.json").iter().map(compare).collect();
    conclude("summary.json", results, 4);
}

fn compare(case: &Value) -> Checks {
    let mut checks = Checks::new(case);
    let sample = Sample::new(recipe::values(&case["x"]));
    let summary = Summary::of(&sample);
    for (field, expected) in case["expected"].as_object().unwrap() {
        let count = |count: u64| (Some(count as f64), Tolerance::Value(0.0));
        // Rounding of the mean is all there is to the moments of equal values.
        let moment = |moment: Option<f64>| (moment, Tolerance::Value(1e-9));
        let (ours, tolerance) = match field.as_str() {
            "rows" => count(summary.rows),
            "missing" => count(summary.missing),
            "infinite" => count(summary.infinite),
            "finite" => count(summary.finite),
            "distinct" => count(summary.distinct),
            "zeros" => count(summary.zeros),
            "min" => (summary.min, Tolerance::Value(0.0)),
            "max" => (summary.max, Tolerance::Value(0.0)),
            "sum_fsum" => (summary.sum, Tolerance::Value(1e-15)),
            "mean" => moment(summary.mean),
            "var_ddof1" => moment(summary.variance),
            "std_ddof0" => moment(summary.std_population),
            "skew_biased" => moment(summary.skewness),
            "skew_unbiased" => moment(summary.skewness_unbiased()),
            "kurtosis_excess_biased" => moment(summary.excess_kurtosis),
            "kurtosis_excess_unbiased" => moment(summary.excess_kurtosis_unbiased()),
            "quantiles_linear" => {
                for (q, expected) in expected.as_object().unwrap() {
                    checks.check(
                        &format!("quantile {q}"),
                        sample.quantile(q.parse().unwrap()),
                        expected,
                        Tolerance::Value(1e-15),
                    );
                }
                continue;
            }
            other => {
                checks.unknown(other);
                continue;
            }
        };
        checks.check(field, ours, expected, tolerance);
    }
    checks
}
