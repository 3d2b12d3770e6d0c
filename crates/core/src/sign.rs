//! Signing: the seam between envelopes and keys.

use std::{error, fmt, fmt::Debug, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Actor, CanonicalError, Digest, ErrorKind, ParseError, StatementError, base64, hex};

/// Names a public key: the SHA-256 of its bytes.
///
/// `Display`, `FromStr` and serde use 64 lower-case hex digits.
///
/// ```
/// use lineal_core::{Digest, KeyId};
///
/// let id = KeyId::of(&[7; 32]);
/// assert_eq!(id.to_string(), Digest::of(&[7; 32]).to_string());
/// assert_eq!(id.to_string().parse(), Ok(id));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(Digest);

impl KeyId {
    /// Names the public key with these bytes.
    #[must_use]
    pub fn of(public_key: &[u8]) -> Self {
        Self(Digest::of(public_key))
    }

    /// Returns the SHA-256 of the public key.
    #[must_use]
    pub const fn as_digest(&self) -> &Digest {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({})", self.0.short())
    }
}

impl FromStr for KeyId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        hex::decode("key id", text).map(|bytes| Self(Digest::from_bytes(bytes)))
    }
}

crate::__serde_as_text!(KeyId, "the SHA-256 of a public key as 64 lower-case hex digits");

/// A signature and the key that is said to have made it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// The key. Only a hint where to look for it, as long as nothing is verified.
    #[serde(rename = "keyid")]
    pub key: KeyId,
    /// The bytes of the signature; base 64 when stored.
    #[serde(with = "base64::text")]
    pub sig: Vec<u8>,
}

/// Signs with one key.
///
/// # Contract
/// [`sign`](Signer::sign) signs exactly the bytes it is given, with the key that [`key_id`](Signer::key_id) names. It may
/// take long (a key service), so it is not called on an async thread.
pub trait Signer: Debug + Send + Sync {
    /// Returns the name of the key.
    fn key_id(&self) -> &KeyId;

    /// Signs `message`.
    ///
    /// # Errors
    /// [`SignError::Unavailable`] if the key cannot be reached now.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError>;
}

/// Verifies signatures of the keys it knows.
///
/// # Contract
/// `Ok` means: the key is known, trusted for this use, and has signed exactly these bytes. Whatever else is an error, an
/// unknown key too. Any bytes may be given as signature.
pub trait Verifier: Debug + Send + Sync {
    /// Verifies that `key` has signed `message`.
    ///
    /// # Errors
    /// [`SignError::UnknownKey`] or [`SignError::Mismatch`], both for good; [`SignError::Unavailable`] to try again.
    fn verify(&self, key: &KeyId, message: &[u8], signature: &[u8]) -> Result<(), SignError>;
}

/// A signature that cannot be made or is not believed, or an envelope that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The verifier does not know the key: enrol it, if it is to be trusted.
    #[error("key {key} is not known to the verifier")]
    UnknownKey {
        /// The key.
        key: KeyId,
    },
    /// The key has not signed these bytes: forged, or damaged.
    #[error("signature by key {key} does not match the bytes")]
    Mismatch {
        /// The key.
        key: KeyId,
    },
    /// The key or the service that keeps it cannot be reached: try again later.
    #[error("key {key} cannot be used now")]
    Unavailable {
        /// The key.
        key: KeyId,
        /// What the service said.
        source: Box<dyn error::Error + Send + Sync>,
    },
    /// The envelope carries no signature: have it signed.
    #[error("envelope has no signature")]
    Unsigned,
    /// None of the envelope's signatures could be verified.
    #[error("none of {signatures} signatures is valid")]
    NotVerified {
        /// How many there are.
        signatures: usize,
        /// Why the first one is not; one that may be later, if there is such.
        source: Box<Self>,
    },
    /// The envelope carries more signatures than anybody verifies.
    #[error("envelope has {count} signatures, more than {limit}")]
    TooManySignatures {
        /// How many there are.
        count: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// The bytes are not an envelope: damaged, or written by something else.
    #[error("bytes are not an envelope")]
    Envelope(#[source] CanonicalError),
    /// The envelope holds something other than a statement.
    #[error("payload of type \"{payload_type}\" is not a statement")]
    PayloadType {
        /// Its type, escaped and cut.
        payload_type: String,
    },
    /// The payload claims to be a statement and is none, or a statement cannot be written.
    #[error("payload is not a valid statement")]
    Statement(#[source] StatementError),
    /// The bytes are not a public key that could be trusted.
    #[error("public key: {rule}")]
    PublicKey {
        /// The rule they break.
        rule: &'static str,
    },
    /// The key is enrolled for somebody else already: one key speaks for one actor.
    #[error("key {key} belongs to {actor}")]
    KeyTaken {
        /// The key.
        key: KeyId,
        /// Whose it is.
        actor: Actor,
    },
}

impl SignError {
    /// Returns what the caller can do.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::UnknownKey { .. } | Self::Mismatch { .. } | Self::Unsigned => ErrorKind::Denied,
            Self::NotVerified { source, .. } => source.kind(),
            Self::Unavailable { .. } => ErrorKind::Unavailable,
            Self::KeyTaken { .. } => ErrorKind::Conflict,
            Self::Envelope(source) => source.kind(),
            Self::Statement(source) => source.kind(),
            Self::TooManySignatures { .. } | Self::PayloadType { .. } | Self::PublicKey { .. } => ErrorKind::Invalid,
        }
    }
}
