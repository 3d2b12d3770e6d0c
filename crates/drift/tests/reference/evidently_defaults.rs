//! `evidently_defaults.json`: which test Evidently takes for a column, and what each is held against.

use lineal_drift::{DecidesOn, EvidentlyTest, Method, Sample};
use serde_json::Value;

use crate::compare::{Checks, Tolerance, conclude, fixture};

#[test]
fn evidently_defaults() {
    let fixture = fixture("evidently_defaults.json");
    let mut checks = Checks { case: "defaults".to_owned(), ..Checks::default() };
    for (name, row) in fixture["methods"].as_object().unwrap() {
        thresholds(&mut checks, name, row);
    }
    for rule in fixture["choice"].as_array().unwrap() {
        choice(&mut checks, rule);
    }
    conclude("evidently_defaults.json", vec![checks], 20);
}

/// What Evidently has and we offer under no such name: texts, random permutations, and tests that are ours by the book.
const NOT_OFFERED: [&str; 5] =
    ["fisher_exact", "empirical_mmd", "TVD", "perc_text_content_drift", "abs_text_content_drift"];

fn test(name: &str) -> Option<EvidentlyTest> {
    serde_json::from_value(name.into()).ok()
}

fn thresholds(checks: &mut Checks, name: &str, row: &Value) {
    let Some(test) = test(name) else {
        if !NOT_OFFERED.contains(&name) {
            checks.unknown(name);
        }
        return;
    };
    let spec = Method::Evidently(test).spec();
    let kinds = row[0].as_str().unwrap();
    if (spec.numeric(), spec.categorical()) != (kinds.contains("num"), kinds.contains("cat")) {
        checks.fail(&format!("{name} is for {kinds}"));
    }
    checks.check(name, spec.default_threshold, &row[1], Tolerance::Value(0.0));
}

fn choice(checks: &mut Checks, rule: &Value) {
    if rule["type"] == "text" {
        return;
    }
    let (rows, distinct) = (rule["reference_rows"].as_str().unwrap(), rule["distinct_pooled"].as_str().unwrap());
    let sizes: &[u32] = if rows == "<=1000" { &[30, 1000] } else { &[1001, 5000] };
    let counts: &[u32] = match distinct {
        ">5" => &[6, 20],
        "3..5" => &[3, 5],
        "<=2" => &[1, 2],
        "<=5" => &[1, 5],
        ">2" => &[3, 9],
        "any" => &[1, 9],
        other => return checks.unknown(other),
    };
    for (rows, distinct) in sizes.iter().flat_map(|rows| counts.iter().map(move |distinct| (*rows, *distinct))) {
        let test = if rule["type"] == "numerical" {
            let sample: Sample = (0..rows).map(|row| f64::from(row % distinct)).collect();
            EvidentlyTest::default_for_numbers(&sample, &sample)
        } else {
            EvidentlyTest::default_for_labels(usize::try_from(distinct).unwrap(), u64::from(rows))
        };
        let spec = Method::Evidently(test).spec();
        if Some(test) != self::test(rule["method"].as_str().unwrap()) {
            checks.fail(&format!("{test:?} instead of {rule}"));
        }
        let drift_if = match spec.decides_on {
            DecidesOn::PValueAtMost => "p <= threshold",
            DecidesOn::PValueBelow => "p < threshold",
            DecidesOn::ValueAtLeast => "value >= threshold",
            _ => "value > threshold",
        };
        if rule["drift_if"] != drift_if {
            checks.fail(&format!("{test:?} drifts if {drift_if}"));
        }
        checks.check("threshold", spec.default_threshold, &rule["threshold"], Tolerance::Value(0.0));
    }
}
