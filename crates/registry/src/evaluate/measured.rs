//! Rules about what was measured: metrics, tests, golden cases.

use lineal_core::{EvidenceKind, KeyId, Real};

use super::{Finding, statements};
use crate::{GoldenClaim, MetricsClaim, Op, Outcome, TestClaim, case::Case};

pub(super) fn metric(case: &Case<'_>, by: &[KeyId], key: &str, op: Op, slice: Option<&str>, bound: f64) -> Finding {
    for seen in statements(case, &EvidenceKind::Metrics, by) {
        let Ok(claim) = seen.statement.predicate_as::<MetricsClaim>() else {
            return (Outcome::Fail, format!("evidence {} is not in the shape of metrics", seen.digest.short()));
        };
        let values = values(&claim, key, slice);
        let source = format!("evidence {}", seen.digest.short());
        match values.iter().find(|(_, value)| !op.holds(value.get(), bound)) {
            _ if values.is_empty() => {}
            Some(("", value)) => return (Outcome::Fail, format!("{value} is stated ({source})")),
            Some((slice, value)) => return (Outcome::Fail, format!("{value} is stated in {slice} ({source})")),
            None => return (Outcome::Pass, format!("{} ({source})", list(&values))),
        }
    }
    (Outcome::Inconclusive, "no evidence states it".to_owned())
}

/// Finds the values a rule is about, with the slice of each; the empty one is all rows.
fn values<'a>(claim: &'a MetricsClaim, key: &str, slice: Option<&str>) -> Vec<(&'a str, Real)> {
    let in_slice = |(name, metrics): (&'a String, &'a std::collections::BTreeMap<String, Real>)| {
        metrics.get(key).map(|value| (name.as_str(), *value))
    };
    match slice {
        None => claim.metrics.get(key).map(|value| ("", *value)).into_iter().collect(),
        Some("*") => claim.slices.iter().filter_map(in_slice).collect(),
        Some(name) => claim.slices.get_key_value(name).and_then(in_slice).into_iter().collect(),
    }
}

fn list(values: &[(&str, Real)]) -> String {
    match values {
        [(_, value)] => value.to_string(),
        several => format!("holds in {} slices", several.len()),
    }
}

pub(super) fn golden(case: &Case<'_>, by: &[KeyId]) -> Finding {
    let Some(seen) = statements(case, &EvidenceKind::Golden, by).next() else {
        return (Outcome::Inconclusive, "they were not run".to_owned());
    };
    let source = seen.digest.short();
    match seen.statement.predicate_as::<GoldenClaim>() {
        Ok(GoldenClaim { cases, failed: 0, passed: true }) if cases > 0 => {
            (Outcome::Pass, format!("{cases} of {cases} (evidence {source})"))
        }
        Ok(claim) => (Outcome::Fail, format!("{} of {} failed (evidence {source})", claim.failed, claim.cases)),
        Err(_) => (Outcome::Fail, format!("evidence {source} is not in the shape of golden results")),
    }
}

pub(super) fn test(case: &Case<'_>, by: &[KeyId], name: &str) -> Finding {
    for seen in statements(case, &EvidenceKind::Test, by) {
        let source = seen.digest.short();
        match seen.statement.predicate_as::<TestClaim>() {
            Ok(claim) if claim.name != name => {}
            Ok(TestClaim { passed: true, .. }) => return (Outcome::Pass, format!("evidence {source}")),
            Ok(_) => return (Outcome::Fail, format!("it failed (evidence {source})")),
            Err(_) => return (Outcome::Fail, format!("evidence {source} is not in the shape of a test")),
        }
    }
    (Outcome::Inconclusive, "it was not run".to_owned())
}
