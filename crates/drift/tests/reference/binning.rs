//! `binning.json`: numpy's rules.

use lineal_drift::{BinRule, Sample};
use serde_json::Value;

use crate::compare::{Checks, Tolerance, cases, conclude};
use crate::recipe;

#[test]
fn binning() {
    let results = cases("binning.json").iter().map(compare).collect();
    conclude("binning.json", results, 30);
}

fn rule(name: &str) -> Option<BinRule> {
    Some(match name {
        "sturges" => BinRule::Sturges,
        "doane" => BinRule::Doane,
        "scott" => BinRule::Scott,
        "fd" => BinRule::FreedmanDiaconis,
        "sqrt" => BinRule::Sqrt,
        "rice" => BinRule::Rice,
        "auto" => BinRule::Auto,
        "width7" => BinRule::Count(7),
        _ => return None,
    })
}

fn compare(case: &Value) -> Checks {
    let mut checks = Checks::new(case);
    let sample = Sample::new(recipe::values(&case["x"]));
    for (field, expected) in case["expected"].as_object().unwrap() {
        if field == "quantile_edges_10" {
            let quantile = |i: usize| sample.quantile(if i == 10 { 1.0 } else { i as f64 * 0.1 });
            for (i, expected) in expected.as_array().unwrap().iter().enumerate() {
                checks.check("decile", quantile(i), expected, Tolerance::Value(0.0));
            }
            continue;
        }
        let Some(rule) = rule(field) else {
            checks.unknown(field);
            continue;
        };
        let found = rule.histogram(&sample).unwrap();
        for (name, expected) in expected.as_object().unwrap() {
            let exact = Tolerance::Value(0.0);
            match name.as_str() {
                "n_bins" => checks.check(&format!("{field} bins"), Some(found.counts.len() as f64), expected, exact),
                "first" => checks.check(&format!("{field} first"), found.edges.first().copied(), expected, exact),
                "last" => checks.check(&format!("{field} last"), found.edges.last().copied(), expected, exact),
                "counts" => compare_list(&mut checks, field, found.counts.iter().map(|c| *c as f64), expected, exact),
                "edges" => {
                    compare_list(&mut checks, field, found.edges.iter().copied(), expected, Tolerance::Value(1e-15));
                }
                _ => checks.unknown(name),
            }
        }
    }
    checks
}

fn compare_list(
    checks: &mut Checks,
    of: &str,
    ours: impl ExactSizeIterator<Item = f64>,
    expected: &Value,
    tolerance: Tolerance,
) {
    let expected = expected.as_array().unwrap();
    if ours.len() != expected.len() {
        return checks.fail(&format!("{of}: {} entries instead of {}", ours.len(), expected.len()));
    }
    for (ours, expected) in ours.zip(expected) {
        checks.check(of, Some(ours), expected, tolerance);
    }
}
