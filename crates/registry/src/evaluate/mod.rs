//! The evaluation of a policy: a pure function of a case.

mod approvals; // enough people, and the right ones
mod comparison; // better than, and compatible with, what is in use
mod facts; // card and lineage
mod measured; // metrics, tests, golden cases

use lineal_core::{EvidenceKind, KeyId};

use crate::{
    Rule,
    case::{Believed, Case},
    verdict::{Outcome, Verdict},
};

/// What a rule finds: an outcome and its reason.
type Finding = (Outcome, String);

/// Judges the version of a case by the policy of the case.
pub(crate) fn evaluate(case: &Case<'_>) -> Verdict {
    judge(case.policy.rule(), case)
}

fn judge(rule: &Rule, case: &Case<'_>) -> Verdict {
    let (outcome, reason) = match rule {
        Rule::All(rules) => return compound(rule, rules, case, all),
        Rule::Any(rules) => return compound(rule, rules, case, any),
        Rule::Not(inner) => return compound(rule, std::slice::from_ref(inner), case, not),
        Rule::Metric { by, key, op, slice, value } => {
            measured::metric(case, by, key, *op, slice.as_deref(), value.get())
        }
        Rule::Better { by, key, margin, max_p, test, than } => {
            comparison::better(case, by, &comparison::Bar { key, margin: *margin, max_p: *max_p, test }, than)
        }
        Rule::Approvals { by, n, not } => approvals::approvals(case, by, *n, not),
        Rule::Compatible { mode, with } => comparison::compatible(case, with, *mode),
        Rule::Golden { by } => measured::golden(case, by),
        Rule::Test { by, name } => measured::test(case, by, name),
        Rule::Signed { by, kind } => signed(case, by, kind),
        Rule::Card { fields } => facts::card(case, fields),
        Rule::Lineage { require } => facts::lineage(case, require),
        Rule::Unknown(_) => (Outcome::Inconclusive, "this release cannot judge it".to_owned()),
    };
    Verdict::leaf(outcome, rule.to_string(), reason)
}

fn compound(rule: &Rule, rules: &[Rule], case: &Case<'_>, outcome: fn(&[Verdict]) -> Outcome) -> Verdict {
    let parts: Vec<Verdict> = rules.iter().map(|part| judge(part, case)).collect();
    Verdict { outcome: outcome(&parts), parts, reason: String::new(), rule: rule.to_string() }
}

fn all(parts: &[Verdict]) -> Outcome {
    let has = |outcome| parts.iter().any(|part| part.outcome == outcome);
    if has(Outcome::Fail) {
        Outcome::Fail
    } else if has(Outcome::Inconclusive) {
        Outcome::Inconclusive
    } else {
        Outcome::Pass
    }
}

fn any(parts: &[Verdict]) -> Outcome {
    let has = |outcome| parts.iter().any(|part| part.outcome == outcome);
    if has(Outcome::Pass) {
        Outcome::Pass
    } else if has(Outcome::Inconclusive) {
        Outcome::Inconclusive
    } else {
        Outcome::Fail
    }
}

fn not(parts: &[Verdict]) -> Outcome {
    match all(parts) {
        Outcome::Pass => Outcome::Fail,
        Outcome::Fail => Outcome::Pass,
        Outcome::Inconclusive => Outcome::Inconclusive,
    }
}

/// Returns the statements of a kind that somebody of `by` has signed, the last attached first.
fn statements<'a>(case: &'a Case<'_>, kind: &'a EvidenceKind, by: &'a [KeyId]) -> impl Iterator<Item = &'a Believed> {
    case.evidence.iter().rev().filter(move |seen| {
        let counts = |key: &KeyId| by.is_empty() || by.contains(key);
        seen.signers.iter().any(|signer| counts(&signer.key)) && seen.statement.kind() == *kind
    })
}

fn signed(case: &Case<'_>, by: &[KeyId], kind: &EvidenceKind) -> Finding {
    let is_named = |seen: &&Believed| !by.is_empty() && seen.signers.iter().any(|signer| by.contains(&signer.key));
    match statements(case, kind, by).find(is_named) {
        Some(seen) => (Outcome::Pass, format!("evidence {}", seen.digest.short())),
        None => (Outcome::Fail, "no such evidence".to_owned()),
    }
}

#[cfg(test)]
mod tests;
