//! Rules about approvals: enough different people, none of whom made what they approve.

use std::collections::{BTreeMap, BTreeSet};

use lineal_core::{Actor, EvidenceKind, KeyId};

use super::{Finding, statements};
use crate::{
    ApprovalClaim, Outcome, Party,
    case::{Believed, Case},
    claims::registration_kind,
    decision::SeenSigner,
};

pub(super) fn approvals(case: &Case<'_>, by: &[KeyId], n: u32, not: &[Party]) -> Finding {
    let mut excluded = Excluded::default();
    for party in not {
        if !excluded.add(case, *party) {
            let reason = format!("no signed evidence tells who the {party} is, so nobody can be told from them");
            return (Outcome::Inconclusive, reason);
        }
    }
    let mut approvers: BTreeSet<&Actor> = BTreeSet::new();
    let mut passed_over: BTreeMap<&Actor, &str> = BTreeMap::new();
    for seen in statements(case, &EvidenceKind::Approval, by) {
        let counting = seen.signers.iter().filter(|signer| by.is_empty() || by.contains(&signer.key));
        for signer in counting {
            match flaw(case, seen).or_else(|| excluded.flaw(signer)) {
                None => drop(approvers.insert(&signer.actor)),
                Some(flaw) => drop(passed_over.insert(&signer.actor, flaw)),
            }
        }
    }
    passed_over.retain(|actor, _| !approvers.contains(actor));
    let enough = u32::try_from(approvers.len()).is_ok_and(|count| count >= n);
    (if enough { Outcome::Pass } else { Outcome::Fail }, describe(&approvers, &passed_over))
}

fn describe(approvers: &BTreeSet<&Actor>, passed_over: &BTreeMap<&Actor, &str>) -> String {
    let names: Vec<&str> = approvers.iter().map(|actor| actor.as_str()).collect();
    let mut text = if names.is_empty() { "by nobody".to_owned() } else { format!("by {}", names.join(", ")) };
    for (actor, flaw) in passed_over {
        text.push_str(&format!("; not counted: {actor}, {flaw}"));
    }
    text
}

/// Returns why an approval does not count here, if it does not.
fn flaw(case: &Case<'_>, seen: &Believed) -> Option<&'static str> {
    let Ok(claim) = seen.statement.predicate_as::<ApprovalClaim>() else {
        return Some("not in the shape of an approval");
    };
    let names_version = seen.statement.subjects.iter().any(|subject| subject.digest == case.basis.subject);
    if !names_version {
        Some("for the files of the version, not the version")
    } else if claim.environment != case.basis.environment {
        Some("for another environment")
    } else if claim.policy != case.basis.policy {
        Some("under another policy")
    } else if claim.expires < case.basis.at {
        Some("expired")
    } else if seen.statement.at > case.basis.at {
        Some("dated in the future")
    } else {
        None
    }
}

/// Who must not approve: by key, and by the person whose key it is.
#[derive(Default)]
struct Excluded<'a> {
    keys: BTreeMap<KeyId, &'static str>,
    actors: BTreeMap<&'a Actor, &'static str>,
}

impl<'a> Excluded<'a> {
    /// Adds everybody who signed as this party; false if there is none.
    fn add(&mut self, case: &'a Case<'_>, party: Party) -> bool {
        let (kind, flaw) = match party {
            Party::Trainer => (EvidenceKind::Provenance, "a trainer of it"),
            Party::Author => (EvidenceKind::Card, "an author of it"),
            Party::Submitter => (registration_kind(), "who submitted it"),
        };
        let about = |seen: &&Believed| {
            party != Party::Submitter
                || seen.statement.subjects.iter().any(|subject| subject.digest == case.basis.subject)
        };
        let mut found = false;
        for seen in case.evidence.iter().filter(|seen| seen.statement.kind() == kind).filter(about) {
            for signer in &seen.signers {
                found = true;
                self.keys.insert(signer.key, flaw);
                self.actors.insert(&signer.actor, flaw);
            }
        }
        found
    }

    fn flaw(&self, signer: &SeenSigner) -> Option<&'static str> {
        self.keys.get(&signer.key).or_else(|| self.actors.get(&signer.actor)).copied()
    }
}
