//! DSSE envelopes: a payload with signatures over its stored bytes.
//!
//! <https://github.com/secure-systems-lab/dsse>, version 1.0. The payload travels as the bytes that were signed, so
//! verification never depends on how anything is serialised.

use serde::{Deserialize, Serialize};

use crate::{
    Digest, Evidence, KeyId, SignError, Signature, Signer, Statement, Verifier, base64, from_canonical,
    parse_error::excerpt, to_canonical,
};

/// A payload, its type, and signatures over both.
///
/// Stored as canonical JSON with DSSE's keys `payload`, `payloadType` and `signatures`.
///
#[cfg_attr(feature = "ed25519", doc = "```")]
#[cfg_attr(not(feature = "ed25519"), doc = "```ignore")]
/// use lineal_core::{Actor, Digest, Ed25519Key, Envelope, EvidenceKind, KeyRing, Signer, Statement, Subject, Timestamp};
///
/// let key = Ed25519Key::from_seed(&[7; 32]); // in earnest: Ed25519Key::generate(&OsIds)
/// let ana = Actor::new("ana@example.org")?;
/// let model = Subject::new("late15", Digest::of(b"weights"));
/// let approval = Statement::new(EvidenceKind::Approval, vec![model], "fit for use", ana.clone(), Timestamp::EPOCH)?;
/// let bytes = Envelope::unsigned(&approval)?.sign(&key)?.to_bytes()?;
///
/// let mut trusted = KeyRing::default();
/// trusted.add(key.public(), ana)?;
/// let read = Envelope::from_bytes(&bytes)?;
/// assert_eq!(read.verify(&trusted)?, [*key.key_id()]);
/// assert_eq!(read.statement()?, approval);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Envelope {
    /// What the payload is; signed with it.
    pub payload_type: String,
    /// The bytes that are signed; base 64 when stored.
    #[serde(with = "base64::text")]
    pub payload: Vec<u8>,
    /// The signatures, at most 64.
    pub signatures: Vec<Signature>,
}

impl Envelope {
    /// Puts a payload of any type in an envelope.
    #[must_use]
    pub fn new(payload_type: impl Into<String>, payload: Vec<u8>) -> Self {
        Self { payload_type: payload_type.into(), payload, signatures: Vec::new() }
    }

    /// Puts a statement in an envelope, not signed yet.
    ///
    /// # Errors
    /// [`SignError::Statement`] if it cannot be written.
    pub fn unsigned(statement: &Statement) -> Result<Self, SignError> {
        let payload = statement.to_bytes().map_err(SignError::Statement)?;
        Ok(Self::new(STATEMENT_TYPE, payload))
    }

    /// Adds the signature of `signer`, in place of one it has made before.
    ///
    /// # Errors
    /// Those of the signer.
    pub fn sign(mut self, signer: &dyn Signer) -> Result<Self, SignError> {
        let key = *signer.key_id();
        let sig = signer.sign(&self.signed_bytes())?;
        self.signatures.retain(|signature| signature.key != key);
        self.signatures.push(Signature { key, sig });
        self.check_count()?;
        Ok(self)
    }

    /// Returns the keys that have truly signed, each once, in the order of their signatures.
    ///
    /// Signatures that cannot be verified are passed over, as long as one can: whoever adds a bad one must not be able to
    /// take a good one's force. How many, and which, are enough is the caller's to decide.
    ///
    /// # Errors
    /// [`SignError::Unsigned`], [`SignError::TooManySignatures`], or [`SignError::NotVerified`] with a reason: the first,
    /// or one that may pass when tried again.
    pub fn verify(&self, verifier: &dyn Verifier) -> Result<Vec<KeyId>, SignError> {
        self.check_count()?;
        let message = self.signed_bytes();
        let mut verified = Vec::new();
        let mut reason: Option<SignError> = None;
        for Signature { key, sig } in &self.signatures {
            match verifier.verify(key, &message, sig) {
                Ok(()) if verified.contains(key) => {}
                Ok(()) => verified.push(*key),
                Err(error) if reason.is_none() || matches!(error, SignError::Unavailable { .. }) => {
                    reason = Some(error);
                }
                Err(_) => {}
            }
        }
        match reason {
            _ if !verified.is_empty() => Ok(verified),
            None => Err(SignError::Unsigned),
            Some(reason) => Err(SignError::NotVerified { signatures: self.signatures.len(), source: Box::new(reason) }),
        }
    }

    /// Reads the statement in the payload; this verifies nothing.
    ///
    /// # Errors
    /// [`SignError::PayloadType`] if the payload is of another type, [`SignError::Statement`] if it is no statement.
    pub fn statement(&self) -> Result<Statement, SignError> {
        if self.payload_type != STATEMENT_TYPE {
            return Err(SignError::PayloadType { payload_type: excerpt(&self.payload_type) });
        }
        Statement::from_bytes(&self.payload).map_err(SignError::Statement)
    }

    /// Refers to the statement inside, with the keys that [`Envelope::verify`] returned.
    ///
    /// # Errors
    /// As [`Envelope::statement`].
    pub fn evidence(&self, signers: Vec<KeyId>) -> Result<Evidence, SignError> {
        let statement = self.statement()?;
        Ok(Evidence {
            digest: self.digest()?,
            kind: statement.kind(),
            subjects: statement.subjects.iter().map(|subject| subject.digest).collect(),
            signers,
        })
    }

    /// Writes the envelope in canonical JSON.
    ///
    /// # Errors
    /// [`SignError::TooManySignatures`] if they were added by hand.
    pub fn to_bytes(&self) -> Result<Vec<u8>, SignError> {
        self.check_count()?;
        to_canonical(self).map_err(SignError::Envelope)
    }

    /// Reads an envelope, and refuses bytes that [`Envelope::to_bytes`] would not give back.
    ///
    /// # Errors
    /// [`SignError::Envelope`] if they are not one, [`SignError::TooManySignatures`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SignError> {
        let envelope: Self = from_canonical(bytes).map_err(SignError::Envelope)?;
        envelope.check_count()?;
        Ok(envelope)
    }

    /// Returns the digest of [`Envelope::to_bytes`], which is that of the stored blob.
    ///
    /// # Errors
    /// As [`Envelope::to_bytes`].
    pub fn digest(&self) -> Result<Digest, SignError> {
        self.to_bytes().map(|bytes| Digest::of(&bytes))
    }

    fn signed_bytes(&self) -> Vec<u8> {
        pae(&self.payload_type, &self.payload)
    }

    /// Each signature costs a verification, so a hostile envelope must not choose how many.
    fn check_count(&self) -> Result<(), SignError> {
        match self.signatures.len() {
            count if count > MAX_SIGNATURES => Err(SignError::TooManySignatures { count, limit: MAX_SIGNATURES }),
            _ => Ok(()),
        }
    }
}

/// Returns the bytes that are signed for a payload: DSSE's pre-authentication encoding.
///
/// ```
/// let signed = lineal_core::pae("http://example.com/HelloWorld", b"hello world");
/// assert_eq!(signed, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
/// ```
#[must_use]
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

/// The media type of in-toto statements.
const STATEMENT_TYPE: &str = "application/vnd.in-toto+json";
const MAX_SIGNATURES: usize = 64;

#[cfg(test)]
mod tests;
