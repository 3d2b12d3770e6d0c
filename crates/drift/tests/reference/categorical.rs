//! `categorical.json`: scipy on counts, and Evidently where its rule is ours.

use lineal_drift::{chi_square, jensen_shannon_counts, psi_counts};
use serde_json::Value;

use crate::compare::{Checks, Tolerance, cases, conclude};

#[test]
fn categorical() {
    let results = cases("categorical.json").iter().map(compare).collect();
    conclude("categorical.json", results, 8);
}

const NOT_YET_IMPLEMENTED: &[&str] = &[
    "chi2_contingency_yates",
    "chi2_gof_ref_expected",
    "g_contingency",
    "g_gof_ref_expected",
    "hellinger",
    "kl_cur_ref",
    "kl_ref_cur",
    "l_infinity",
    "tvd",
];

const EVIDENTLY_NOT_YET_IMPLEMENTED: &[&str] =
    &["chisquare", "default_method", "g_test", "hellinger", "kl_div", "psi", "z"];

fn compare(case: &Value) -> Checks {
    let mut checks = Checks::new(case);
    let counts =
        |side: &str| -> Vec<u64> { case[side].as_array().unwrap().iter().map(|v| v.as_u64().unwrap()).collect() };
    let (reference, current) = (counts("ref"), counts("cur"));
    let value = Tolerance::Value(1e-9);
    let chi2 = chi_square(&reference, &current).ok();
    let js = jensen_shannon_counts(&reference, &current).ok();
    for (field, expected) in case["expected"].as_object().unwrap() {
        match field.as_str() {
            "chi2_contingency" if expected["error"].is_string() => {
                checks.check("chi2", chi2.map(|t| t.statistic), expected, value);
            }
            "chi2_contingency" => {
                for (name, expected) in expected.as_object().unwrap() {
                    match name.as_str() {
                        "statistic" => checks.check("chi2 statistic", chi2.map(|t| t.statistic), expected, value),
                        "dof" => checks.check("chi2 dof", chi2.map(|t| t.df as f64), expected, Tolerance::Value(0.0)),
                        "p" => {
                            checks.check("chi2 p", chi2.map(|t| t.p_value), expected, Tolerance::P);
                        }
                        _ => checks.known(name, &[]),
                    }
                }
            }
            "cramers_v" => {
                checks.check("cramers_v", chi2.and_then(|t| t.cramers_v), expected, value);
            }
            "js_distance_e" => checks.check("js e", js.map(|j| j.distance_e()), expected, value),
            "js_distance_2" => checks.check("js 2", js.map(|j| j.distance_2()), expected, value),
            "js_divergence_e" => {
                checks.check("js divergence", js.map(|j| j.divergence_e), expected, value);
            }
            "psi_floor_1e-4" => checks.check("psi", psi_counts(&reference, &current).ok(), expected, value),
            "evidently" => {
                for (name, expected) in expected.as_object().unwrap() {
                    match name.as_str() {
                        "jensenshannon" => {
                            let score = expected.get("score").unwrap_or(expected);
                            checks.check("evidently jensenshannon", js.map(|j| j.distance_e()), score, value);
                        }
                        _ => checks.known(name, EVIDENTLY_NOT_YET_IMPLEMENTED),
                    }
                }
            }
            other => checks.known(other, NOT_YET_IMPLEMENTED),
        }
    }
    checks
}
