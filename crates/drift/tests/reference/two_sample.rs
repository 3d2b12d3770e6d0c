//! `two_sample.json`: scipy, and Evidently where its rule is ours.

use lineal_drift::{KsOneSided, Sample, decile_edges, jensen_shannon, ks, psi_quantile10, wasserstein};
use rayon::prelude::*;
use serde_json::Value;

use crate::compare::{Answer, Checks, Tolerance, cases, close, conclude};
use crate::recipe;

#[test]
fn two_sample() {
    let results = cases("two_sample.json").par_iter().map(compare).collect();
    conclude("two_sample.json", results, 15);
}

const NOT_YET_IMPLEMENTED: &[&str] = &[
    "anderson_darling_midrank",
    "anderson_darling_right",
    "cramer_von_mises",
    "energy",
    "epps_singleton",
    "kuiper",
    "mann_whitney_u",
    "t_test",
    "welch",
];

const EVIDENTLY_NOT_YET_IMPLEMENTED: &[&str] = &[
    "anderson",
    "cramer_von_mises",
    "default",
    "default_method",
    "ed",
    "es",
    "hellinger",
    "kl_div",
    "ks",
    "mannw",
    "psi",
    "t_test",
];

fn compare(case: &Value) -> Checks {
    let mut checks = Checks::new(case);
    let (reference, current) = (Sample::new(recipe::values(&case["x"])), Sample::new(recipe::values(&case["y"])));
    for (sample, n, missing) in [(&reference, "n_x", "missing_x"), (&current, "n_y", "missing_y")] {
        checks.check(n, Some(sample.len() as f64), &case[n], Tolerance::Value(0.0));
        checks.check(missing, Some(sample.missing() as f64), &case[missing], Tolerance::Value(0.0));
    }
    let loose = ["large_offset", "tiny_scale"].iter().any(|name| checks.case.contains(name));
    let value = Tolerance::Value(if loose { 1e-6 } else { 1e-9 });
    for (field, expected) in case["expected"].as_object().unwrap() {
        match field.as_str() {
            "ks" => compare_ks(&mut checks, &reference, &current, expected, value),
            "wasserstein" => {
                let distance = wasserstein(&reference, &current).ok();
                fields(
                    &mut checks,
                    "wasserstein",
                    expected,
                    |checks, name, expected| match name {
                        "raw" => checks.check("wasserstein raw", distance.map(|w| w.raw), expected, value),
                        "norm_std_ref" => {
                            checks.check("wasserstein normed", distance.map(|w| w.normed), expected, value);
                        }
                        _ => checks.known(name, &[]),
                    },
                    distance.map(|w| w.raw),
                );
            }
            "psi_quantile10" => compare_psi(&mut checks, &reference, &current, expected, value),
            "evidently" => compare_evidently(&mut checks, &reference, &current, expected, value),
            other => checks.known(other, NOT_YET_IMPLEMENTED),
        }
    }
    checks
}

/// Visits the fields of an expected object, or compares its error with `whole`.
fn fields(
    checks: &mut Checks,
    of: &str,
    expected: &Value,
    mut each: impl FnMut(&mut Checks, &str, &Value),
    whole: Answer,
) {
    if expected["error"].is_string() {
        return checks.check(of, whole, expected, Tolerance::Value(0.0));
    }
    for (name, expected) in expected.as_object().unwrap() {
        each(checks, name, expected);
    }
}

fn compare_ks(checks: &mut Checks, reference: &Sample, current: &Sample, expected: &Value, value: Tolerance) {
    let Ok(test) = ks(reference, current) else {
        return checks.check("ks", None, expected, value);
    };
    let sizes = (reference.len(), current.len());
    fields(
        checks,
        "ks",
        expected,
        |checks, name, expected| match name {
            "statistic" => checks.check("ks statistic", Some(test.statistic), expected, value),
            "location" => checks.check("ks location", Some(test.location), expected, Tolerance::Value(0.0)),
            "sign" => checks.check("ks sign", Some(f64::from(test.sign)), expected, Tolerance::Value(0.0)),
            "p_asymp" => checks.check("ks p_asymp", test.p_asymp(), expected, Tolerance::P),
            "p_limit" => checks.check("ks p_limit", Some(test.p_limit()), expected, Tolerance::P),
            "p_exact" => checks.check("ks p_exact", test.p_exact(), expected, Tolerance::P),
            "less" => one_sided(checks, "ks less", &test.less, expected, value, sizes),
            "greater" => one_sided(checks, "ks greater", &test.greater, expected, value, sizes),
            _ => checks.known(name, &[]),
        },
        Some(test.statistic),
    );
}

fn one_sided(
    checks: &mut Checks,
    side: &str,
    test: &KsOneSided,
    expected: &Value,
    value: Tolerance,
    sizes: (usize, usize),
) {
    checks.check(&format!("{side} statistic"), Some(test.statistic), &expected["statistic"], value);
    checks.check(&format!("{side} p_asymp"), Some(test.p_asymp()), &expected["p_asymp"], Tolerance::P);
    let Some(exact) = expected.get("p_exact") else {
        return;
    };
    // scipy counts one-sided paths in f64; where C(n + m, n) overflows it answers with the expansion under the name of the exact value.
    let expansion = exact.as_f64().unwrap();
    let fell_back =
        close(expansion, expected["p_asymp"].as_f64().unwrap(), Tolerance::Value(1e-9)) && paths_overflow(sizes);
    if !fell_back {
        return checks.check(&format!("{side} p_exact"), test.p_exact(), exact, Tolerance::P);
    }
    let ours = test.p_exact().unwrap();
    if (ours.ln() - expansion.ln()).abs() > 0.02 * expansion.ln().abs() + 0.01 {
        checks.fail(&format!("{side} p_exact: {ours} is far from its own expansion {expansion}"));
    }
}

fn paths_overflow((n, m): (usize, usize)) -> bool {
    let paths: f64 = (1..=n).map(|i| ((m + i) as f64 / i as f64).log10()).sum();
    n != m && paths > f64::MAX.log10()
}

fn compare_psi(checks: &mut Checks, reference: &Sample, current: &Sample, expected: &Value, value: Tolerance) {
    for (name, expected) in expected.as_object().unwrap() {
        match name.as_str() {
            "value" => checks.check("psi", psi_quantile10(reference, current).ok().map(|p| p.value), expected, value),
            "inner_edges" => {
                let expected = expected.as_array().unwrap();
                let edges = decile_edges(reference).unwrap_or_default();
                if edges.len() != expected.len() {
                    checks.fail(&format!("psi edges {edges:?} instead of {expected:?}"));
                }
                // Ties decide by the last bit: the edges are equal, not close.
                for (edge, expected) in edges.iter().zip(expected) {
                    checks.check("psi edge", Some(*edge), expected, Tolerance::Value(0.0));
                }
            }
            _ => checks.known(name, &[]),
        }
    }
}

fn compare_evidently(checks: &mut Checks, reference: &Sample, current: &Sample, expected: &Value, value: Tolerance) {
    for (name, expected) in expected.as_object().unwrap() {
        let score = expected.get("score").unwrap_or(expected);
        match name.as_str() {
            "wasserstein" => checks.check(
                "evidently wasserstein",
                wasserstein(reference, current).ok().map(|w| w.normed),
                score,
                value,
            ),
            "jensenshannon" => {
                checks.check(
                    "evidently jensenshannon",
                    jensen_shannon(reference, current).ok().map(|j| j.distance_e()),
                    score,
                    value,
                );
            }
            _ => checks.known(name, EVIDENTLY_NOT_YET_IMPLEMENTED),
        }
    }
}
