//! What evidence there is, and references to it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Digest, KeyId, Name, ParseError};

/// What a statement is evidence of.
///
/// Each kind stands for one predicate type URI; `Display`, `FromStr` and serde use the URI.
///
/// ```
/// use lineal_core::EvidenceKind;
///
/// assert_eq!(EvidenceKind::Metrics.to_string(), "https://lineal.dev/evidence/metrics/v1");
/// let slsa: EvidenceKind = "https://slsa.dev/provenance/v1".parse()?;
/// assert_eq!(slsa, EvidenceKind::Foreign("https://slsa.dev/provenance/v1".into()));
/// # Ok::<(), lineal_core::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum EvidenceKind {
    /// How it was made: code, data, parameters, environment.
    Provenance,
    /// How well it does: measured quality on named data.
    Metrics,
    /// The result of a test: passed, or not and why.
    Test,
    /// How far data or predictions have moved from a reference.
    Drift,
    /// What it is for, and what not: a model or data card.
    Card,
    /// What it consists of: a bill of materials.
    Bom,
    /// Somebody's decision to let it pass.
    Approval,
    /// Inputs with the outputs it must give.
    Golden,
    /// A kind of the user's own.
    Custom(Name),
    /// A predicate type that Lineal does not define, or not in this version: its URI.
    Foreign(String),
}

impl EvidenceKind {
    /// Finds the kind of a predicate type; unknown ones are [`EvidenceKind::Foreign`].
    pub(crate) fn of(predicate_type: &str) -> Self {
        let known = KNOWN.iter().find(|(_, word)| predicate_type == uri(word));
        if let Some((kind, _)) = known {
            return kind.clone();
        }
        let custom = predicate_type.strip_prefix(BASE).and_then(|rest| rest.strip_prefix(CUSTOM));
        match custom.and_then(|rest| rest.strip_suffix(VERSION)).map(Name::new) {
            Some(Ok(name)) => Self::Custom(name),
            _ => Self::Foreign(predicate_type.to_owned()),
        }
    }
}

impl fmt::Display for EvidenceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Custom(name) => write!(f, "{BASE}{CUSTOM}{name}{VERSION}"),
            Self::Foreign(uri) => f.write_str(uri),
            known => {
                let entry = KNOWN.iter().find(|(kind, _)| kind == known);
                f.write_str(&uri(entry.map_or("", |(_, word)| word)))
            }
        }
    }
}

impl FromStr for EvidenceKind {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if is_predicate_type(text) {
            Ok(Self::of(text))
        } else {
            Err(ParseError::new("predicate type", text, PREDICATE_TYPE_RULE))
        }
    }
}

crate::__serde_as_text!(EvidenceKind, "a predicate type URI");

impl From<EvidenceKind> for String {
    fn from(kind: EvidenceKind) -> Self {
        kind.to_string()
    }
}

impl From<&EvidenceKind> for String {
    fn from(kind: &EvidenceKind) -> Self {
        kind.to_string()
    }
}

/// A reference to a stored statement.
///
/// It repeats what is needed to find the statement, and proves nothing: who decides reads the envelope and verifies it.
/// Made by [`Envelope::evidence`](crate::Envelope::evidence).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Evidence {
    /// The blob with the envelope.
    pub digest: Digest,
    /// What it is evidence of.
    pub kind: EvidenceKind,
    /// What it is about.
    pub subjects: Vec<Digest>,
    /// The keys whose signatures were verified when the reference was made.
    pub signers: Vec<KeyId>,
}

/// Predicate types are compared byte by byte, so nothing is allowed that only looks the same.
pub(crate) fn is_predicate_type(text: &str) -> bool {
    (1..=MAX_URI_BYTES).contains(&text.len()) && text.contains(':') && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn uri(word: &str) -> String {
    format!("{BASE}{word}{VERSION}")
}

pub(crate) const PREDICATE_TYPE_RULE: &str = "must be a URI: 1 to 500 printable ASCII characters, with a colon";
const MAX_URI_BYTES: usize = 500;
const BASE: &str = "https://lineal.dev/evidence/";
const CUSTOM: &str = "custom/";
const VERSION: &str = "/v1";
const KNOWN: [(EvidenceKind, &str); 8] = [
    (EvidenceKind::Provenance, "provenance"),
    (EvidenceKind::Metrics, "metrics"),
    (EvidenceKind::Test, "test"),
    (EvidenceKind::Drift, "drift"),
    (EvidenceKind::Card, "card"),
    (EvidenceKind::Bom, "bom"),
    (EvidenceKind::Approval, "approval"),
    (EvidenceKind::Golden, "golden"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_survives_its_uri() {
        let mut kinds: Vec<_> = KNOWN.into_iter().map(|(kind, _)| kind).collect();
        kinds.push(EvidenceKind::Custom(Name::new("latency-p99").unwrap()));
        kinds.push(EvidenceKind::Foreign("https://lineal.dev/evidence/metrics/v2".into()));
        kinds.push(EvidenceKind::Foreign("https://lineal.dev/evidence/custom/UPPER/v1".into()));
        for kind in kinds {
            let json = serde_json::to_string(&kind).unwrap();
            assert_eq!(json, format!("\"{kind}\""));
            assert_eq!(serde_json::from_str::<EvidenceKind>(&json).unwrap(), kind);
        }
    }

    #[test]
    fn uris_are_pinned() {
        let uris: Vec<_> = KNOWN.iter().map(|(kind, _)| kind.to_string()).collect();
        let expected = ["provenance", "metrics", "test", "drift", "card", "bom", "approval", "golden"];
        assert_eq!(uris, expected.map(|word| format!("https://lineal.dev/evidence/{word}/v1")));
        assert_eq!(
            EvidenceKind::Custom(Name::new("x").unwrap()).to_string(),
            "https://lineal.dev/evidence/custom/x/v1"
        );
    }

    #[test]
    fn hostile_uris_are_refused() {
        for text in ["", "metrics", "https://a b", "https://é", "a:\u{202e}", &format!("a:{}", "x".repeat(499))] {
            assert!(text.parse::<EvidenceKind>().is_err(), "{text:?}");
        }
    }
}
