//! Decisions: a version was judged for an environment, and what the judgement rests on.

use std::collections::{BTreeMap, BTreeSet};

use lineal_core::{Actor, Digest, KeyId, Name, Timestamp, to_canonical};
use serde::{Deserialize, Serialize};

use crate::{Alias, Environment, Verdict};

/// A key whose signature was verified, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SeenSigner {
    /// Whose it was.
    pub actor: Actor,
    /// The key.
    pub key: KeyId,
}

/// A statement that a decision has seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SeenEvidence {
    /// The blob with the envelope.
    pub digest: Digest,
    /// Who had signed it truly; none if nobody who was trusted then, and it counted for nothing.
    pub signers: Vec<SeenSigner>,
}

/// The version that held an alias when a decision was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Incumbent {
    /// Its digest.
    pub digest: Digest,
    /// Its manifest.
    pub manifest: Digest,
    /// Its schema: what it takes and gives.
    pub schema: Digest,
    /// Its number.
    pub version: u64,
}

/// All that a verdict is a function of, by digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Basis {
    /// When it was judged.
    pub at: Timestamp,
    /// For which environment.
    pub environment: Environment,
    /// The statements about the version that were attached by then, in that order.
    pub evidence: Vec<SeenEvidence>,
    /// The holders of the aliases that the policy looks at; one without a holder is left out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub incumbents: BTreeMap<Alias, Incumbent>,
    /// The model.
    pub model: Name,
    /// The policy in force.
    pub policy: Digest,
    /// The digest of the version.
    pub subject: Digest,
    /// The number of the version.
    pub version: u64,
}

/// A recorded judgement: a version was let into an environment, or refused.
///
/// Evaluating its basis again gives the same verdict for ever; see [`Registry::recheck`](crate::Registry::recheck).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Decision {
    /// The aliases it was made for.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub aliases: BTreeSet<Alias>,
    /// What it rests on.
    pub basis: Basis,
    /// What came out.
    pub verdict: Verdict,
}

impl Decision {
    /// Tells whether the version was let in.
    #[must_use]
    pub fn approved(&self) -> bool {
        self.verdict.passed()
    }

    /// Returns the digest of the decision in canonical JSON: its name.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.to_bytes())
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        // A version number counts registrations, so none reaches 2^53; the verdict is at most as deep as the policy.
        to_canonical(self).unwrap_or_default()
    }
}
