//! `two_sample.json`: scipy, and Evidently where its rule is ours.

use lineal_drift::{
    Alternative, AndersonDarling, EvidentlyTest, KsOneSided, Sample, TieRule, anderson_darling, cramer_von_mises,
    decile_edges, energy, epps_singleton, ks, kuiper, mann_whitney, psi_quantile10, t_test, wasserstein, welch,
};
use rayon::prelude::*;
use serde_json::Value;

use crate::compare::{Answer, Checks, Tolerance, cases, close, conclude};
use crate::{evidently, recipe};

#[test]
fn two_sample() {
    let results = cases("two_sample.json").par_iter().map(compare).collect();
    conclude("two_sample.json", results, 15);
}

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
                        _ => checks.unknown(name),
                    },
                    distance.map(|w| w.raw),
                );
            }
            "psi_quantile10" => compare_psi(&mut checks, &reference, &current, expected, value),
            "evidently" => compare_evidently(&mut checks, &reference, &current, expected, value),
            "cramer_von_mises" => {
                let test = cramer_von_mises(&reference, &current).ok();
                fields(
                    &mut checks,
                    field,
                    expected,
                    |checks, name, expected| match name {
                        "statistic" => checks.check("cvm", test.map(|t| t.statistic), expected, value),
                        // The series of scipy ends at 1e-7 there.
                        "p_asymp" if test.is_some_and(|t| t.statistic > 4.0) => {
                            if test.is_none_or(|t| t.p_asymp() >= 1e-6) {
                                checks.fail("cvm p_asymp is not small");
                            }
                        }
                        "p_asymp" => checks.check("cvm p_asymp", test.map(|t| t.p_asymp()), expected, Tolerance::P),
                        "p_exact" => {
                            checks.check("cvm p_exact", test.and_then(|t| t.p_exact()), expected, Tolerance::P);
                        }
                        _ => checks.unknown(name),
                    },
                    test.map(|t| t.statistic),
                );
            }
            "anderson_darling_midrank" => {
                compare_anderson(
                    &mut checks,
                    field,
                    anderson_darling(&reference, &current, TieRule::Midrank).ok(),
                    expected,
                    value,
                );
            }
            "anderson_darling_right" => {
                compare_anderson(
                    &mut checks,
                    field,
                    anderson_darling(&reference, &current, TieRule::Right).ok(),
                    expected,
                    value,
                );
            }
            "mann_whitney_u" => compare_mann_whitney(&mut checks, &reference, &current, expected, value),
            "energy" => checks.check("energy", energy(&reference, &current).ok(), expected, value),
            "t_test" => compare_t(&mut checks, field, t_test(&reference, &current).ok(), expected, value),
            "welch" => compare_t(&mut checks, field, welch(&reference, &current).ok(), expected, value),
            "epps_singleton" => {
                let test = epps_singleton(&reference, &current).ok();
                fields(
                    &mut checks,
                    field,
                    expected,
                    |checks, name, expected| match name {
                        "statistic" => checks.check("epps-singleton", test.map(|t| t.statistic), expected, value),
                        "p" => checks.check("epps-singleton p", test.map(|t| t.p_value), expected, Tolerance::P),
                        _ => checks.unknown(name),
                    },
                    test.map(|t| t.statistic),
                );
            }
            "kuiper" => {
                let test = kuiper(&reference, &current).ok();
                fields(
                    &mut checks,
                    field,
                    expected,
                    |checks, name, expected| match name {
                        "statistic" => checks.check("kuiper", test.map(|t| t.statistic), expected, value),
                        "d_plus" => checks.check("kuiper d+", test.map(|t| t.d_plus), expected, value),
                        "d_minus" => checks.check("kuiper d-", test.map(|t| t.d_minus), expected, value),
                        "p" => checks.check("kuiper p", test.map(|t| t.p_value), expected, Tolerance::P),
                        _ => checks.unknown(name),
                    },
                    test.map(|t| t.statistic),
                );
            }
            other => checks.unknown(other),
        }
    }
    checks
}

fn compare_anderson(checks: &mut Checks, of: &str, test: Option<AndersonDarling>, expected: &Value, value: Tolerance) {
    fields(
        checks,
        of,
        expected,
        |checks, name, expected| match name {
            "statistic" => checks.check(of, test.map(|t| t.statistic), expected, value),
            "p_interpolated_clipped" => {
                checks.check(&format!("{of} p"), test.map(|t| t.p_clipped()), expected, Tolerance::P);
            }
            "critical_values" => {
                for (ours, expected) in AndersonDarling::CRITICAL_VALUES.iter().zip(expected.as_array().unwrap()) {
                    checks.check("critical value", Some(*ours), expected, value);
                }
            }
            _ => checks.unknown(name),
        },
        test.map(|t| t.statistic),
    );
}

fn compare_mann_whitney(checks: &mut Checks, reference: &Sample, current: &Sample, expected: &Value, value: Tolerance) {
    let test = mann_whitney(reference, current).ok();
    let sides = |checks: &mut Checks, name: &str, alternative: Alternative, expected: &Value| {
        for (field, expected) in expected.as_object().unwrap() {
            let p = test.and_then(|t| match field.as_str() {
                "p_asymp_cc" => Some(t.p_asymp(alternative, true)),
                "p_asymp" => Some(t.p_asymp(alternative, false)),
                "p_exact" => t.p_exact(alternative),
                _ => Some(f64::INFINITY),
            });
            checks.check(&format!("mann-whitney {name} {field}"), p, expected, Tolerance::P);
        }
    };
    fields(
        checks,
        "mann_whitney_u",
        expected,
        |checks, name, expected| match name {
            "statistic" => checks.check("mann-whitney", test.map(|t| t.statistic), expected, value),
            "two-sided" => sides(checks, name, Alternative::TwoSided, expected),
            "less" => sides(checks, name, Alternative::Less, expected),
            "greater" => sides(checks, name, Alternative::Greater, expected),
            _ => checks.unknown(name),
        },
        test.map(|t| t.statistic),
    );
}

fn compare_t(checks: &mut Checks, of: &str, test: Option<lineal_drift::TTest>, expected: &Value, value: Tolerance) {
    fields(
        checks,
        of,
        expected,
        |checks, name, expected| match name {
            "statistic" => checks.check(of, test.map(|t| t.statistic), expected, value),
            "df" => checks.check(&format!("{of} df"), test.map(|t| t.df), expected, value),
            "p" => checks.check(&format!("{of} p"), test.map(|t| t.p_value), expected, Tolerance::P),
            "p_less" => checks.check(&format!("{of} p_less"), test.map(|t| t.p_less), expected, Tolerance::P),
            _ => checks.unknown(name),
        },
        test.map(|t| t.statistic),
    );
}

/// Visits the fields of an expected object; if its statistic is undefined, or it is an error, only `whole` is looked at.
fn fields(
    checks: &mut Checks,
    of: &str,
    expected: &Value,
    mut each: impl FnMut(&mut Checks, &str, &Value),
    whole: Answer,
) {
    let Some(all) = expected.as_object().filter(|all| !all.contains_key("error")) else {
        return checks.undefined(of, whole);
    };
    if all.get("statistic").is_some_and(Value::is_null) {
        return checks.undefined(of, whole);
    }
    for (name, expected) in all {
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
            _ => checks.unknown(name),
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
            _ => checks.unknown(name),
        }
    }
}

fn compare_evidently(checks: &mut Checks, reference: &Sample, current: &Sample, expected: &Value, value: Tolerance) {
    for (name, expected) in expected.as_object().unwrap() {
        let default = EvidentlyTest::default_for_numbers(reference, current);
        let test = match name.as_str() {
            "default_method" => {
                if serde_json::to_value(default).unwrap() != *expected {
                    checks.fail(&format!("default method {default:?} instead of {expected}"));
                }
                continue;
            }
            "default" => default,
            _ => match serde_json::from_value(Value::from(name.as_str())) {
                Ok(test) => test,
                Err(_) => {
                    checks.unknown(name);
                    continue;
                }
            },
        };
        evidently::compare(checks, name, test, test.numbers(reference, current).ok(), expected, value);
    }
}
