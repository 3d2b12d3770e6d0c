//! `proportions.json`: scipy and statsmodels on two by two.

use lineal_drift::{Alternative, chi_square, chi_square_yates, fisher, two_proportions};
use serde_json::Value;

use crate::compare::{Checks, Tolerance, cases, conclude};

#[test]
fn proportions() {
    let results = cases("proportions.json").iter().map(compare).collect();
    conclude("proportions.json", results, 8);
}

fn alternative(name: &str) -> Option<Alternative> {
    match name {
        "two-sided" => Some(Alternative::TwoSided),
        "less" => Some(Alternative::Less),
        "greater" => Some(Alternative::Greater),
        _ => None,
    }
}

fn compare(case: &Value) -> Checks {
    let mut checks = Checks::new(case);
    let row = |at: usize| [0, 1].map(|column| case["table"][at][column].as_u64().unwrap());
    let table = [row(0), row(1)];
    let value = Tolerance::Value(1e-9);
    for (field, expected) in case["expected"].as_object().unwrap() {
        match field.as_str() {
            "fisher" => {
                let test = fisher(table).unwrap();
                for (name, expected) in expected.as_object().unwrap() {
                    match (name.as_str(), alternative(name)) {
                        ("odds_ratio_sample", _) => checks.check("odds ratio", test.odds_ratio, expected, value),
                        (_, Some(side)) => {
                            checks.check(&format!("fisher {name}"), Some(test.p_value(side)), expected, Tolerance::P);
                        }
                        _ => checks.unknown(name),
                    }
                }
            }
            "z_pooled" => {
                let test = two_proportions(table).ok();
                for (name, expected) in expected.as_object().unwrap() {
                    let Some(side) = alternative(name) else {
                        checks.unknown(name);
                        continue;
                    };
                    checks.check(&format!("z {name}"), test.and_then(|t| t.z), &expected["z"], value);
                    match expected["p"].is_null() {
                        true => checks.undefined("z p", test.map(|t| t.p_value(side))),
                        false => checks.check(
                            &format!("z {name} p"),
                            test.map(|t| t.p_value(side)),
                            &expected["p"],
                            Tolerance::P,
                        ),
                    }
                }
            }
            "chi2" => {
                let test = chi_square(&table[0], &table[1]).ok();
                compare_test(&mut checks, field, test.map(|t| (t.statistic, t.p_value)), expected);
            }
            "chi2_yates" => compare_test(&mut checks, field, chi_square_yates(table).ok(), expected),
            other => checks.unknown(other),
        }
    }
    checks
}

fn compare_test(checks: &mut Checks, of: &str, test: Option<(f64, f64)>, expected: &Value) {
    if expected["error"].is_string() {
        return checks.undefined(of, test.map(|(statistic, _)| statistic));
    }
    for (name, expected) in expected.as_object().unwrap() {
        match name.as_str() {
            "statistic" => checks.check(of, test.map(|(statistic, _)| statistic), expected, Tolerance::Value(1e-9)),
            "p" => checks.check(&format!("{of} p"), test.map(|(_, p)| p), expected, Tolerance::P),
            _ => checks.unknown(name),
        }
    }
}
