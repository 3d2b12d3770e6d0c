//! `categorical.json`: scipy on counts, and Evidently where its rule is ours.

use lineal_drift::{
    EvidentlyTest, chi_square, chi_square_fit, chi_square_yates, g_fit, g_test, hellinger_counts,
    jensen_shannon_counts, kullback_leibler_counts, l_infinity_counts, psi_counts, total_variation_counts,
};
use serde_json::Value;

use crate::compare::{Checks, Tolerance, cases, conclude};
use crate::evidently;

#[test]
fn categorical() {
    let results = cases("categorical.json").iter().map(compare).collect();
    conclude("categorical.json", results, 8);
}

fn compare(case: &Value) -> Checks {
    let mut checks = Checks::new(case);
    let counts =
        |side: &str| -> Vec<u64> { case[side].as_array().unwrap().iter().map(|v| v.as_u64().unwrap()).collect() };
    let (reference, current) = (counts("ref"), counts("cur"));
    checks.has_empty_side = reference.iter().sum::<u64>() == 0 || current.iter().sum::<u64>() == 0;
    let value = Tolerance::Value(1e-9);
    let two_by_two = || match (&reference[..], &current[..]) {
        ([a, b], [c, d]) => chi_square_yates([[*a, *b], [*c, *d]]).ok(),
        _ => None,
    };
    let js = jensen_shannon_counts(&reference, &current).ok();
    for (field, expected) in case["expected"].as_object().unwrap() {
        match field.as_str() {
            "chi2_contingency" => {
                let test = chi_square(&reference, &current).ok().map(|t| (t.statistic, Some(t.df), t.p_value));
                compare_test(&mut checks, field, test, expected);
            }
            "chi2_contingency_yates" => {
                let test = two_by_two().map(|(statistic, p)| (statistic, Some(1), p));
                compare_test(&mut checks, field, test, expected);
            }
            "chi2_gof_ref_expected" => {
                let test = chi_square_fit(&reference, &current).ok().map(|t| (t.statistic, Some(t.df), t.p_value));
                compare_test(&mut checks, field, test, expected);
            }
            "g_contingency" => {
                let test = g_test(&reference, &current).ok().map(|t| (t.statistic, Some(t.df), t.p_value));
                compare_test(&mut checks, field, test, expected);
            }
            "g_gof_ref_expected" => {
                let test = g_fit(&reference, &current).ok().map(|t| (t.statistic, Some(t.df), t.p_value));
                compare_test(&mut checks, field, test, expected);
            }
            "cramers_v" => {
                let v = chi_square(&reference, &current).ok().and_then(|t| t.cramers_v);
                checks.check("cramers_v", v, expected, value);
            }
            "js_distance_e" => checks.check(field, js.map(|j| j.distance_e()), expected, value),
            "js_distance_2" => checks.check(field, js.map(|j| j.distance_2()), expected, value),
            "js_divergence_e" => checks.check(field, js.map(|j| j.divergence_e), expected, value),
            "kl_ref_cur" => checks.check(field, kullback_leibler_counts(&reference, &current).ok(), expected, value),
            "kl_cur_ref" => checks.check(field, kullback_leibler_counts(&current, &reference).ok(), expected, value),
            "hellinger" => {
                // The oracle's √(1 - Σ √pq) loses half of the digits where little differs.
                checks.check(field, hellinger_counts(&reference, &current).ok(), expected, Tolerance::Absolute(2e-8));
            }
            "tvd" => checks.check(field, total_variation_counts(&reference, &current).ok(), expected, value),
            "l_infinity" => checks.check(field, l_infinity_counts(&reference, &current).ok(), expected, value),
            "psi_floor_1e-4" => checks.check("psi", psi_counts(&reference, &current).ok(), expected, value),
            "evidently" => {
                for (name, expected) in expected.as_object().unwrap() {
                    compare_evidently(&mut checks, name, (&reference, &current), expected);
                }
            }
            other => checks.unknown(other),
        }
    }
    checks
}

fn compare_test(checks: &mut Checks, of: &str, test: Option<(f64, Option<u64>, f64)>, expected: &Value) {
    if expected["error"].is_string() || expected["statistic"].is_null() {
        return checks.undefined(of, test.map(|(statistic, ..)| statistic));
    }
    for (name, expected) in expected.as_object().unwrap() {
        let value = Tolerance::Value(1e-9);
        match name.as_str() {
            "statistic" => checks.check(of, test.map(|(statistic, ..)| statistic), expected, value),
            "dof" => {
                checks.check(&format!("{of} df"), test.and_then(|(_, df, _)| df).map(|df| df as f64), expected, value);
            }
            "p" => checks.check(&format!("{of} p"), test.map(|(.., p)| p), expected, Tolerance::P),
            _ => checks.unknown(name),
        }
    }
}

fn compare_evidently(checks: &mut Checks, name: &str, (reference, current): (&[u64], &[u64]), expected: &Value) {
    if name == "default_method" {
        let present = reference.iter().zip(current).filter(|(r, c)| **r > 0 || **c > 0).count();
        let default = EvidentlyTest::default_for_labels(present, reference.iter().sum());
        if serde_json::to_value(default).unwrap() != *expected {
            checks.fail(&format!("default method {default:?} instead of {expected}"));
        }
        return;
    }
    match serde_json::from_value::<EvidentlyTest>(Value::from(name)) {
        Ok(test) => {
            evidently::compare(
                checks,
                name,
                test,
                test.counts(reference, current).ok(),
                expected,
                Tolerance::Value(1e-9),
            );
        }
        Err(_) => checks.unknown(name),
    }
}
