//! `mmd.json`: numpy and scipy on rows of several numbers.

use lineal_drift::{energy_rows, median_distances, mmd, ndarray::Array2};
use serde_json::Value;

use crate::compare::{Checks, Tolerance, cases, conclude};
use crate::recipe::number;

#[test]
fn maximum_mean_discrepancy() {
    let results = cases("mmd.json").iter().map(compare).collect();
    conclude("mmd.json", results, 8);
}

fn rows(input: &Value) -> Array2<f64> {
    let rows = input.as_array().unwrap();
    let width = rows[0].as_array().unwrap().len();
    let values = rows.iter().flat_map(|row| row.as_array().unwrap()).map(number).collect();
    Array2::from_shape_vec((rows.len(), width), values).unwrap()
}

fn compare(case: &Value) -> Checks {
    let mut checks = Checks::new(case);
    let (x, y) = (rows(&case["x"]), rows(&case["y"]));
    let value = Tolerance::Value(1e-9);
    let (distance, square) = median_distances(x.view(), y.view()).unwrap();
    for (field, expected) in case["expected"].as_object().unwrap() {
        match field.as_str() {
            "median_distance_offdiag" => checks.check(field, Some(distance), expected, value),
            "median_sq_distance_offdiag" => checks.check(field, Some(square), expected, value),
            "energy_distance_multivariate" => {
                checks.check(field, energy_rows(x.view(), y.view()).ok(), expected, value);
            }
            "sigma_1" => compare_mmd(&mut checks, field, (&x, &y), 1.0, expected),
            "sigma_median_distance" => compare_mmd(&mut checks, field, (&x, &y), distance, expected),
            "sigma_sqrt_half_median_sq" => compare_mmd(&mut checks, field, (&x, &y), (square / 2.0).sqrt(), expected),
            other => checks.unknown(other),
        }
    }
    checks
}

fn compare_mmd(checks: &mut Checks, of: &str, (x, y): (&Array2<f64>, &Array2<f64>), sigma: f64, expected: &Value) {
    let found = mmd(x.view(), y.view(), sigma).unwrap();
    for (name, expected) in expected.as_object().unwrap() {
        let ours = match name.as_str() {
            "sigma" => Some(sigma),
            "mmd2_biased" => Some(found.biased),
            "mmd2_unbiased" => found.unbiased,
            _ => {
                checks.unknown(name);
                continue;
            }
        };
        checks.check(&format!("{of} {name}"), ours, expected, Tolerance::Value(1e-9));
    }
}
