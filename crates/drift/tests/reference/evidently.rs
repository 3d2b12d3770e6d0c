//! Scores of Evidently's tests, on whatever they are asked.

use lineal_drift::{EvidentlyScore, EvidentlyTest};
use serde_json::Value;

use crate::compare::{Checks, Tolerance};

pub(crate) fn compare(
    checks: &mut Checks,
    name: &str,
    test: EvidentlyTest,
    found: Option<EvidentlyScore>,
    expected: &Value,
    value: Tolerance,
) {
    let score = expected.get("score").unwrap_or(expected);
    if expected.is_null() || score.is_null() {
        return checks.undefined(name, found.map(|f| f.score));
    }
    if expected["error"].is_string() {
        return;
    }
    let tolerance = match test {
        EvidentlyTest::Wasserstein | EvidentlyTest::Psi | EvidentlyTest::JensenShannon | EvidentlyTest::KlDiv => value,
        // √(1 - Σ √pq) loses half of the digits where little differs.
        EvidentlyTest::Hellinger => Tolerance::Absolute(2e-8),
        EvidentlyTest::Ed => value,
        _ => Tolerance::P,
    };
    // One empty side: we say that, Evidently has the distance from nothing.
    if found.is_none() && checks.has_empty_side {
        return;
    }
    // The series of scipy ends at 1e-7 where the statistic is large.
    if test == EvidentlyTest::CramerVonMises && found.is_some_and(|f| f.score < 1e-30) {
        return checks.check(
            &format!("evidently {name}"),
            score.as_f64(),
            &Value::from(0.0),
            Tolerance::Absolute(1e-6),
        );
    }
    checks.check(&format!("evidently {name}"), found.map(|f| f.score), score, tolerance);
    let Some(found) = found else { return };
    checks.check(
        &format!("evidently {name} threshold"),
        Some(found.threshold),
        &expected["threshold"],
        Tolerance::Value(0.0),
    );
    if expected["drifted"] != found.drifted {
        checks.fail(&format!("evidently {name}: drifted is {}", found.drifted));
    }
}
