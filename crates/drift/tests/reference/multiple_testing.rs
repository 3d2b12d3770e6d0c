//! `multiple_testing.json`: statsmodels.

use lineal_drift::Correction;
use serde_json::Value;

use crate::compare::{Checks, Tolerance, cases, conclude};

#[test]
fn multiple_testing() {
    let results = cases("multiple_testing.json").iter().map(compare).collect();
    conclude("multiple_testing.json", results, 8);
}

fn correction(name: &str) -> Option<Correction> {
    Some(match name {
        "bonferroni" => Correction::Bonferroni,
        "sidak" => Correction::Sidak,
        "holm" => Correction::Holm,
        "holm-sidak" => Correction::HolmSidak,
        "hommel" => Correction::Hommel,
        "simes-hochberg" => Correction::Hochberg,
        "fdr_bh" => Correction::BenjaminiHochberg,
        "fdr_by" => Correction::BenjaminiYekutieli,
        _ => return None,
    })
}

fn compare(case: &Value) -> Checks {
    let mut checks = Checks::new(case);
    let p: Vec<f64> = case["p"].as_array().unwrap().iter().map(|p| p.as_f64().unwrap()).collect();
    let alpha = case["alpha"].as_f64().unwrap();
    for (field, expected) in case["expected"].as_object().unwrap() {
        let Some(correction) = correction(field) else {
            checks.unknown(field);
            continue;
        };
        for (name, expected) in expected.as_object().unwrap() {
            let expected = expected.as_array().unwrap();
            match name.as_str() {
                "adjusted" => {
                    for (adjusted, expected) in correction.adjust(&p).into_iter().zip(expected) {
                        checks.check(&format!("{field} adjusted"), Some(adjusted), expected, Tolerance::Value(1e-9));
                    }
                }
                "reject" => {
                    if correction.reject(&p, alpha).into_iter().map(Value::from).ne(expected.iter().cloned()) {
                        checks.fail(&format!("{field} reject"));
                    }
                }
                _ => checks.unknown(name),
            }
        }
    }
    checks
}
