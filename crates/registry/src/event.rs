//! What happens in a registry; a stored format, specified in `docs/format/registry.md`.

use lineal_core::{Digest, Evidence, KeyId, Name};
use serde::{Deserialize, Serialize};

use crate::{AliasRef, Environment, VersionRecord, decision::Decision};

/// An alias moves from one version to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::exhaustive_structs, reason = "a stored form with these four fields")]
pub struct AliasMove {
    /// The decision that lets the new version in.
    pub decision: Digest,
    /// The version it named before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// The alias.
    pub target: AliasRef,
    /// The version it names now.
    pub to: u64,
}

/// Something that happened in a registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum RegistryEvent {
    /// A version was handed in.
    VersionRegistered {
        /// All that it is.
        record: VersionRecord,
        /// Its number: dense from 1 in each model.
        version: u64,
    },
    /// A signed statement was attached to what it is about.
    EvidenceAttached {
        /// The statement's envelope, its kind, subjects and verified keys.
        evidence: Evidence,
    },
    /// A policy was put in force.
    PolicySet {
        /// The blob with the envelope of the statement that puts it in force.
        endorsement: Digest,
        /// Where.
        environment: Environment,
        /// The blob with the policy.
        policy: Digest,
        /// The key that signed the endorsement.
        signer: KeyId,
    },
    /// A version was judged: let in, or refused.
    Decided {
        /// The whole decision.
        decision: Decision,
    },
    /// Aliases moved, all of them at once.
    AliasesMoved {
        /// The moves.
        moves: Vec<AliasMove>,
    },
    /// An alias went back to the stable version before.
    RolledBack {
        /// The move; its decision is the one that once let the version in.
        #[serde(rename = "move")]
        back: AliasMove,
        /// Why.
        reason: String,
    },
    /// A version must never be loaded again.
    VersionRevoked {
        /// The model.
        model: Name,
        /// Why.
        reason: String,
        /// The version.
        version: u64,
    },
}
