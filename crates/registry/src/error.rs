//! What can go wrong with a registry.

use std::error::Error as StdError;

use lineal_core::{CanonicalError, Digest, ErrorKind, KeyId, Name, SignError, StatementError};

use crate::{AliasRef, Environment};

type Source = Box<dyn StdError + Send + Sync>;

/// What can go wrong with a registry; [`Error::kind`] says what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The journal or the blob store could not do it; see the source.
    #[error("the registry's storage failed")]
    Store(#[source] Box<lineal_core::Error>),

    /// A stored object cannot be read or is not what its digest says: restore it from a copy, if it is damaged.
    #[error("{what} {digest} cannot be read")]
    Unreadable {
        /// What it is.
        what: String,
        /// Its digest.
        digest: Digest,
        /// What is wrong.
        source: Box<lineal_core::Error>,
    },

    /// Bytes are what their digest says, but not what they should be.
    #[error("{what} {digest} is not well formed")]
    Malformed {
        /// What it should be.
        what: String,
        /// Its digest.
        digest: Digest,
        /// What is wrong.
        source: Source,
    },

    /// Something a decision rests on is not there.
    #[error("object {digest} is missing")]
    Incomplete {
        /// Its digest.
        digest: Digest,
    },

    /// There is no such version; list them with `versions`.
    #[error("model {model} has no version {version}")]
    NoSuchVersion {
        /// The model.
        model: Name,
        /// The number asked for.
        version: u64,
    },

    /// Nothing holds the alias.
    #[error("{alias} names no version")]
    NoSuchAlias {
        /// The alias.
        alias: Box<AliasRef>,
    },

    /// There is no such decision.
    #[error("there is no decision {digest}")]
    NoSuchDecision {
        /// Its digest.
        digest: Digest,
    },

    /// Nothing can be decided for an environment without a policy: set one, if need be one that demands nothing.
    #[error("environment {environment} has no policy")]
    NoPolicy {
        /// The environment.
        environment: Environment,
    },

    /// The alias names another version than expected: somebody moved it. Look again and decide again.
    #[error("{alias} is at {}, not at {}", describe(.found), describe(.expected))]
    AliasMoved {
        /// The alias.
        alias: Box<AliasRef>,
        /// The version expected; `None` for none.
        expected: Option<u64>,
        /// The version it names.
        found: Option<u64>,
    },

    /// Others kept changing what the decision rests on. Try again.
    #[error("what a decision on {what} rests on kept changing")]
    Contended {
        /// What was to be decided.
        what: String,
    },

    /// The version was revoked, for good.
    #[error("version {version} of {model} was revoked: {reason}")]
    Revoked {
        /// The model.
        model: Name,
        /// The version.
        version: u64,
        /// Why.
        reason: String,
    },

    /// The alias has no version left to go back to.
    #[error("{alias} has no stable version before this one")]
    NothingBefore {
        /// The alias.
        alias: Box<AliasRef>,
    },

    /// No decision lets this version into this environment.
    #[error("version {version} of {model} was not approved for {environment}")]
    NotApproved {
        /// The model.
        model: Name,
        /// The version.
        version: u64,
        /// The environment.
        environment: Environment,
    },

    /// A decision does not hold: evaluated again from what is stored, something differs. Somebody tampered.
    #[error("decision {decision} does not hold: {why}")]
    DecisionBroken {
        /// The decision.
        decision: Digest,
        /// What differs.
        why: &'static str,
    },

    /// A signature that a decision rests on no longer counts: the key was removed, given to somebody else, or the
    /// envelope was altered.
    #[error("evidence {evidence}: the signature of key {key} that a decision rests on does not verify")]
    SignerLost {
        /// The blob with the envelope.
        evidence: Digest,
        /// The key.
        key: KeyId,
    },

    /// The policy was not put in force by somebody who may.
    #[error("policy {policy} of {environment} is not in force rightfully: {why}")]
    PolicyBroken {
        /// The environment.
        environment: Environment,
        /// The policy.
        policy: Digest,
        /// What does not hold.
        why: &'static str,
    },

    /// The key may not replace the policy: have one of the amenders it names sign.
    #[error("key {key} may not replace the policy of {environment}")]
    MayNotAmend {
        /// The key.
        key: KeyId,
        /// The environment.
        environment: Environment,
    },

    /// The signer's key is not trusted by the registry: enrol it first.
    #[error("key {key} is not trusted")]
    UnknownSigner {
        /// The key.
        key: KeyId,
    },

    /// A statement could not be signed, or nobody trusted has signed it.
    #[error("{what} is not validly signed")]
    Signature {
        /// What.
        what: &'static str,
        /// Why not.
        source: Box<SignError>,
    },

    /// A statement could not be made. Shorten the texts in it.
    #[error("{what} cannot be stated")]
    Statement {
        /// What.
        what: &'static str,
        /// Why not.
        source: Box<StatementError>,
    },

    /// The files of a version break a rule. Mend the file named.
    #[error("manifest: file \"{name}\": {rule}")]
    BadManifest {
        /// The file's name, escaped and cut; empty if it is about all of them.
        name: String,
        /// The rule.
        rule: &'static str,
    },

    /// A blob of the manifest has another size than stated.
    #[error("file \"{name}\" has {found} bytes, not {stated}")]
    FileSize {
        /// The file.
        name: String,
        /// Size stated.
        stated: u64,
        /// Size found.
        found: u64,
    },

    /// There is no such file in the version.
    #[error("the version has no file \"{name}\"")]
    NoSuchFile {
        /// The name asked for.
        name: String,
    },

    /// The model card is not a JSON object without raw floats.
    #[error("a model card is a JSON object; its numbers are integers or `Real`s")]
    BadCard {
        /// What is wrong, unless it is simply no object.
        source: Option<Box<CanonicalError>>,
    },

    /// A lineage holds something that cannot be stored, such as a count of 2^53 rows.
    #[error("the lineage has no canonical form")]
    BadLineage {
        /// Where.
        source: Box<CanonicalError>,
    },

    /// The policy breaks a rule for policies.
    #[error("policy: {rule}")]
    BadPolicy {
        /// The rule.
        rule: &'static str,
    },

    /// A reason is empty, too long, or has control characters.
    #[error("a reason has 1 to 1,000 characters and no control characters")]
    BadReason,

    /// The bytes are not a bundle, or not whole.
    #[error("bundle: {why}")]
    BadBundle {
        /// What is wrong.
        why: &'static str,
    },

    /// The bundle's reader failed.
    #[error("the bundle could not be read")]
    BundleInput(#[source] std::io::Error),
}

impl Error {
    /// Returns what the caller must do about the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Store(source) | Self::Unreadable { source, .. } => source.kind(),
            Self::Malformed { .. } | Self::Incomplete { .. } | Self::BadBundle { .. } => ErrorKind::Corrupt,
            Self::NoSuchVersion { .. }
            | Self::NoSuchAlias { .. }
            | Self::NoSuchDecision { .. }
            | Self::NoSuchFile { .. }
            | Self::NothingBefore { .. }
            | Self::NoPolicy { .. } => ErrorKind::NotFound,
            Self::AliasMoved { .. } | Self::Contended { .. } => ErrorKind::Conflict,
            Self::Revoked { .. }
            | Self::NotApproved { .. }
            | Self::DecisionBroken { .. }
            | Self::SignerLost { .. }
            | Self::PolicyBroken { .. }
            | Self::MayNotAmend { .. }
            | Self::UnknownSigner { .. } => ErrorKind::Denied,
            Self::Signature { source, .. } => source.kind(),
            Self::Statement { source, .. } => source.kind(),
            Self::BadManifest { .. }
            | Self::FileSize { .. }
            | Self::BadCard { .. }
            | Self::BadLineage { .. }
            | Self::BadPolicy { .. }
            | Self::BadReason => ErrorKind::Invalid,
            Self::BundleInput(_) => ErrorKind::Unavailable,
        }
    }
}

impl From<lineal_core::Error> for Error {
    fn from(source: lineal_core::Error) -> Self {
        Self::Store(Box::new(source))
    }
}

fn describe(version: &Option<u64>) -> String {
    version.map_or("no version".to_owned(), |version| format!("version {version}"))
}
