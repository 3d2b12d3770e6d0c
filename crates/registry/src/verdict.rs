//! Verdicts: what a policy says of a version, with reasons a person can read.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a rule came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Outcome {
    /// It holds.
    Pass,
    /// It does not.
    Fail,
    /// It cannot be told: evidence is lacking, or the rule is unknown. Never lets anything pass, not even by `not`.
    Inconclusive,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pass => "pass",
            Self::Fail => "FAIL",
            Self::Inconclusive => "unclear",
        })
    }
}

/// The outcome of a rule, with its reason and those of the rules within it.
///
/// `Display` writes the tree, one line for each rule.
///
/// ```
/// use lineal_registry::{Outcome, Verdict};
///
/// let auc = Verdict::leaf(Outcome::Fail, "auc at least 0.7", "0.66 is stated");
/// let all = Verdict { outcome: Outcome::Fail, rule: "all of 1".into(), reason: String::new(), parts: vec![auc] };
/// assert_eq!(all.to_string(), "FAIL    all of 1\n  FAIL    auc at least 0.7: 0.66 is stated");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::exhaustive_structs, reason = "a stored form with these four fields")]
pub struct Verdict {
    /// How it came out.
    pub outcome: Outcome,
    /// The verdicts of the rules within it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Self>,
    /// Why; empty where the parts say it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// The rule in words.
    pub rule: String,
}

impl Verdict {
    /// Judges a rule that has no others within it.
    #[must_use]
    pub fn leaf(outcome: Outcome, rule: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { outcome, parts: Vec::new(), reason: reason.into(), rule: rule.into() }
    }

    /// Tells whether it is a pass, the only outcome that lets anything through.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.outcome == Outcome::Pass
    }

    /// Tells whether every rule came out the same; the words may have changed between releases.
    pub(crate) fn agrees(&self, other: &Self) -> bool {
        let same_parts = self.parts.len() == other.parts.len();
        self.outcome == other.outcome
            && same_parts
            && self.parts.iter().zip(&other.parts).all(|(part, other)| part.agrees(other))
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        write!(f, "{:width$}{:<7} {}", "", self.outcome, self.rule, width = depth * 2)?;
        if !self.reason.is_empty() {
            write!(f, ": {}", self.reason)?;
        }
        self.parts.iter().try_for_each(|part| {
            f.write_str("\n")?;
            part.write(f, depth + 1)
        })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, 0)
    }
}
