//! Rules that look at the version in use: better than it, compatible with it.

use lineal_core::{Compatibility, EvidenceKind, KeyId, Real};

use super::{Finding, statements};
use crate::{Alias, Comparison, Outcome, TestClaim, case::Case, decision::Incumbent};

/// What a comparison must show.
pub(super) struct Bar<'a> {
    pub(super) key: &'a str,
    pub(super) margin: Real,
    pub(super) max_p: Real,
    pub(super) test: &'a str,
}

pub(super) fn better(case: &Case<'_>, by: &[KeyId], bar: &Bar<'_>, than: &Alias) -> Finding {
    let Some(incumbent) = case.basis.incumbents.get(than) else {
        return (Outcome::Pass, format!("nothing is {than} yet"));
    };
    if incumbent.digest == case.basis.subject {
        return (Outcome::Inconclusive, format!("it is {than} itself"));
    }
    for seen in statements(case, &EvidenceKind::Test, by) {
        let source = seen.digest.short();
        let claim = match seen.statement.predicate_as::<TestClaim>() {
            Ok(TestClaim { comparison: Some(claim), .. }) => claim,
            Ok(_) => continue,
            Err(_) => return (Outcome::Fail, format!("evidence {source} is not in the shape of a test")),
        };
        if claim.metric == bar.key && claim.test == bar.test && is_about(case, &claim, incumbent) {
            let (outcome, found) = judge(&claim, bar);
            return (outcome, format!("{found} than version {} (evidence {source})", incumbent.version));
        }
    }
    (Outcome::Inconclusive, format!("no such comparison with version {}", incumbent.version))
}

fn is_about(case: &Case<'_>, claim: &Comparison, incumbent: &Incumbent) -> bool {
    let is_incumbent = claim.baseline == incumbent.digest || claim.baseline == incumbent.manifest;
    is_incumbent && case.is_subject(&claim.candidate)
}

/// Judges the numbers; `NaN` and p-values that are none are never better.
fn judge(claim: &Comparison, bar: &Bar<'_>) -> (Outcome, String) {
    let (improvement, p) = (claim.improvement.get(), claim.p.get());
    let holds = improvement >= bar.margin.get() && (0.0..=1.0).contains(&p) && p <= bar.max_p.get();
    let outcome = if holds { Outcome::Pass } else { Outcome::Fail };
    (outcome, format!("{} better, p {},", claim.improvement, claim.p))
}

pub(super) fn compatible(case: &Case<'_>, with: &Alias, mode: Compatibility) -> Finding {
    let Some(incumbent) = case.basis.incumbents.get(with) else {
        return (Outcome::Pass, format!("nothing is {with} yet"));
    };
    let (new, old) = (case.schemas.get(&case.record.schema), case.schemas.get(&incumbent.schema));
    match new.zip(old).map(|(new, old)| new.check_compatible(old, mode)) {
        Some(Ok(())) => (Outcome::Pass, format!("with version {}", incumbent.version)),
        Some(Err(found)) => (Outcome::Fail, format!("version {}: {found}", incumbent.version)),
        None => (Outcome::Inconclusive, "a schema is missing".to_owned()),
    }
}
