use lineal_core::{At, Digest, Envelope, Error, ErrorKind, SignError, StoreId, Verifier};
use serde::{Deserialize, Serialize};

use crate::PackBlobs;

/// Proof that blobs are gone from a store: what was read to make sure, signed.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PurgeCertificate {
    /// The signed statement: keep it outside of the store. Its subjects are the purged digests.
    pub envelope: Envelope,
    /// What it says about the store.
    pub proof: PurgeProof,
}

/// The predicate of a certificate: where, when and in what nothing of the blobs was found. Layout: `docs/format/purge.md`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PurgeProof {
    /// Bytes of the objects read.
    pub bytes: u64,
    /// Collection epoch at the scan.
    pub epoch: u64,
    /// Digest of entry `seq` of the store's journal, its head before the scan.
    pub head: Digest,
    /// Objects read.
    pub packs: u64,
    /// Why, as the order said.
    pub reason: String,
    /// Records decoded and hashed.
    pub records: u64,
    /// SHA-256 of the sorted lines `name digest size` of the objects read.
    pub scanned: Digest,
    /// Number of the last entry of the store's journal before the scan.
    pub seq: u64,
    /// Raw bytes of records that stayed.
    pub shared_bytes: u64,
    /// Records of the blobs that stayed because live blobs contain the same bytes.
    pub shared_records: u64,
    /// The store.
    pub store: StoreId,
}

impl PurgeCertificate {
    /// Verifies a certificate: that a trusted key has signed it, and that the store's journal has the head it names and had
    /// recorded the purge of every subject by then. The packs are not read again.
    ///
    /// # Errors
    /// [`PurgeError::Certificate`] if the signature or the statement is not believed, [`PurgeError::Refuted`] if the store does
    /// not agree, and those of reading the journal.
    pub async fn verify(envelope: &Envelope, blobs: &PackBlobs, verifier: &dyn Verifier) -> Result<Self, PurgeError> {
        let failed = |source| PurgeError::Certificate { source: Box::new(source) };
        envelope.verify(verifier).map_err(failed)?;
        let statement = envelope.statement().map_err(failed)?;
        if statement.predicate_type != PURGE_PREDICATE {
            return Err(PurgeError::Refuted { reason: "it is a statement about something else" });
        }
        let proof: PurgeProof = statement.predicate_as().map_err(|source| failed(SignError::Statement(source)))?;
        if proof.store != blobs.inner.id {
            return Err(PurgeError::Refuted { reason: "it is about another store" });
        }
        let then = match blobs.journal().as_of(At::Seq(proof.seq)).await {
            Ok(then) => then,
            Err(Error::NoSuchEntry { .. }) => {
                return Err(PurgeError::Refuted { reason: "the store's journal ends before it" });
            }
            Err(error) => return Err(error.into()),
        };
        if then.head.is_none_or(|head| head.digest != proof.head) {
            return Err(PurgeError::Refuted { reason: "the store's journal has another past" });
        }
        let purged = |blob: &Digest| then.state.purged().contains_key(blob);
        if !statement.subjects.iter().all(|subject| purged(&subject.digest)) {
            return Err(PurgeError::Refuted { reason: "the store had not recorded the purge of every subject" });
        }
        Ok(Self { envelope: envelope.clone(), proof })
    }
}

/// Why blobs could not be purged, or a certificate is not believed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PurgeError {
    /// The order breaks a rule: correct it.
    #[error("cannot purge: {rule}")]
    Invalid {
        /// The rule.
        rule: &'static str,
    },
    /// These packs still have something of the blobs; their batches are open, or somebody names them: run it again later.
    ///
    /// The purge itself is recorded: the blobs are refused already.
    #[error("{} packs still have bytes of purged blobs, first {}", .objects.len(), .objects.first().map_or("", String::as_str))]
    Held {
        /// Names or keys of the packs.
        objects: Vec<String>,
    },
    /// An object cannot be checked, so nothing can be certified: repair the store, or remove what does not belong to it.
    #[error("object {object} cannot be checked: {why}")]
    Unreadable {
        /// The object.
        object: String,
        /// What is wrong with it.
        why: String,
    },
    /// The certificate cannot be signed, or its signature or form is not believed.
    #[error("certificate of a purge")]
    Certificate {
        /// The failure.
        source: Box<SignError>,
    },
    /// The certificate is signed, but the store does not agree with it.
    #[error("certificate of a purge refuted: {reason}")]
    Refuted {
        /// What does not agree.
        reason: &'static str,
    },
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] Error),
}

impl PurgeError {
    /// Returns what the caller must do about the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Invalid { .. } => ErrorKind::Invalid,
            Self::Held { .. } => ErrorKind::Conflict,
            Self::Unreadable { .. } | Self::Refuted { .. } => ErrorKind::Corrupt,
            Self::Certificate { source } => source.kind(),
            Self::Store(error) => error.kind(),
        }
    }
}

/// Type of the predicate: [`PurgeProof`], version 1.
pub(super) const PURGE_PREDICATE: &str = "https://lineal.dev/evidence/purge/v1";

#[cfg(test)]
mod tests {
    use lineal_core::{from_canonical, to_canonical};

    use super::*;

    #[test]
    fn the_predicate_is_pinned() {
        let proof = PurgeProof {
            bytes: 67_012_345,
            epoch: 4,
            head: Digest::of(b"head"),
            packs: 12,
            reason: "request 17".to_owned(),
            records: 3456,
            scanned: Digest::of(b"scanned"),
            seq: 40,
            shared_bytes: 16_384,
            shared_records: 2,
            store: StoreId::from_bytes([7; 16]),
        };
        let bytes = to_canonical(&proof).unwrap();
        insta::assert_snapshot!(String::from_utf8(bytes.clone()).unwrap());
        assert_eq!(from_canonical::<PurgeProof>(&bytes).unwrap(), proof);
        let more = String::from_utf8(bytes).unwrap().replace("\"packs\"", "\"more\":1,\"packs\"");
        assert!(from_canonical::<PurgeProof>(more.as_bytes()).is_err());
    }
}
