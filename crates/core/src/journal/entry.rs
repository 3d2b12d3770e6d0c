use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::Value;

use crate::{
    Actor, CanonicalError, Digest, JournalId, Name, Signature, StoreId, Timestamp, TxnId, from_canonical, to_canonical,
};

/// The hashed head of an entry: what chains the journal together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The newest checkpoint known when the entry was written.
    pub checkpoint: Option<CheckpointRef>,
    /// Version of the entry format.
    pub format: u32,
    /// Identity of the journal, drawn by whoever wrote entry 0.
    pub journal: JournalId,
    /// What the journal holds, as its state names it.
    pub kind: Name,
    /// Random per written entry: tells one writer's attempt from another's.
    pub nonce: TxnId,
    /// SHA-256 of the payload bytes.
    pub payload: Digest,
    /// SHA-256 of the previous header's bytes; none for entry 0.
    pub prev: Option<Digest>,
    /// Number of the entry, dense from 0.
    pub seq: u64,
    /// When the entry was decided; never earlier than the entry before.
    pub time: Timestamp,
}

/// Names a checkpoint by its place and content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckpointRef {
    /// SHA-256 of the checkpoint object.
    pub digest: Digest,
    /// The state in it is that after this entry.
    pub seq: u64,
    /// Size of the object, so that a reader knows before it reads what it may cost.
    pub size_bytes: u64,
}

/// What happened in an entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Payload {
    /// Events of the journal itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub system: Vec<SystemEvent>,
    /// Transactions of the domain, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub txns: Vec<TxnRecord>,
}

/// One transaction as stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TxnRecord {
    /// Who acted.
    pub actor: Actor,
    /// The blobs the events depend on from here on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adds: Vec<Adds>,
    /// The events, in the domain's own encoding.
    pub events: Vec<Value>,
    /// The transaction's id.
    pub id: TxnId,
    /// True if the caller chose the id as an idempotency key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keyed: bool,
}

/// What a transaction depends on in one blob store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adds {
    /// What the receipts hold, sorted: digests of blobs, or of the units in which the store keeps them.
    pub blobs: Vec<Digest>,
    /// Collection epoch in which they were put.
    pub epoch: u64,
    /// The blob store.
    pub store: StoreId,
}

/// Something that happened to the journal itself. Kinds of later releases are kept as they are and mean nothing here.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum SystemEvent {
    /// A kind this release knows.
    Known(KnownEvent),
    /// A kind of a later release.
    Unknown(Value),
}

impl<'de> Deserialize<'de> for SystemEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let kind = value.get("kind").and_then(Value::as_str);
        let kind = kind.ok_or_else(|| D::Error::custom("a system event without a kind"))?;
        if !KNOWN_KINDS.contains(&kind) {
            return Ok(Self::Unknown(value));
        }
        // A known kind in another shape must not pass for an unknown one: a barrier would go unheard.
        let known = KnownEvent::deserialize(&value).map_err(D::Error::custom)?;
        if serde_json::to_value(&known).is_ok_and(|same| same == value) {
            return Ok(Self::Known(known));
        }
        Err(D::Error::custom(format_args!("a system event of kind {kind} with something more")))
    }
}

/// The kinds of [`SystemEvent`] that this release knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum KnownEvent {
    /// Nothing: a writer gave up and made sure that its entry cannot appear late.
    Noop,
    /// From here on nothing may depend on a blob that `store` condemned in an epoch up to `epoch`.
    Barrier {
        /// Collection epoch.
        epoch: u64,
        /// The blob store.
        store: StoreId,
    },
    /// The journal is known to the collection of `store`; counts as a barrier of `epoch`.
    Enrol {
        /// Collection epoch at enrolment.
        epoch: u64,
        /// The blob store.
        store: StoreId,
    },
}

/// A stored entry, checked against its own digests.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Entry {
    /// The header.
    pub header: Header,
    /// SHA-256 of the header's bytes: what the next entry chains to.
    pub digest: Digest,
    /// The writer's signatures over the header's bytes.
    pub signatures: Vec<Signature>,
    /// What happened; `None` if it was purged.
    pub payload: Option<Payload>,
    header_bytes: Bytes,
}

impl Entry {
    /// Tells whether the entry holds transaction `txn`.
    #[must_use]
    pub fn holds(&self, txn: TxnId) -> bool {
        self.payload.as_ref().is_some_and(|payload| payload.txns.iter().any(|record| record.id == txn))
    }

    /// Returns the signed bytes: the header as stored.
    #[must_use]
    pub fn header_bytes(&self) -> &[u8] {
        &self.header_bytes
    }

    /// Parses the stored bytes of entry `seq` and checks everything that does not need its neighbours.
    pub(super) fn decode(seq: u64, bytes: &Bytes) -> Result<Self, Flaw> {
        let mut rest = bytes.clone();
        let mut line = || {
            let end = rest.iter().position(|byte| *byte == b'\n').ok_or(Flaw::CutShort)?;
            let line = rest.split_to(end + 1);
            Ok::<_, Flaw>(line.slice(..end))
        };
        if line()? != MAGIC {
            return Err(Flaw::NotAnEntry);
        }
        let (header_bytes, signatures, payload_bytes) = (line()?, line()?, line()?);
        if !rest.is_empty() {
            return Err(Flaw::TrailingBytes);
        }
        let header: Header = from_canonical(&header_bytes).map_err(Flaw::Header)?;
        if header.format != FORMAT {
            return Err(Flaw::Format(header.format));
        }
        if header.seq != seq {
            return Err(Flaw::WrongNumber(header.seq));
        }
        let signatures = from_canonical(&signatures).map_err(Flaw::Signatures)?;
        let payload = if payload_bytes == PURGED {
            None
        } else if Digest::of(&payload_bytes) != header.payload {
            return Err(Flaw::PayloadDigest);
        } else {
            Some(from_canonical(&payload_bytes).map_err(Flaw::Payload)?)
        };
        Ok(Self { digest: Digest::of(&header_bytes), header, signatures, payload, header_bytes })
    }

    /// Returns the bytes of this entry without its payload: what a purge leaves behind.
    pub(super) fn encode_purged(&self) -> Result<Bytes, CanonicalError> {
        Ok(join(&self.header_bytes, &to_canonical(&self.signatures)?, PURGED))
    }
}

/// Why stored bytes are not a sound entry.
#[derive(Debug, thiserror::Error)]
pub(super) enum Flaw {
    #[error("it ends too early")]
    CutShort,
    #[error("it is not a journal entry")]
    NotAnEntry,
    #[error("bytes follow its end")]
    TrailingBytes,
    #[error("format {0} is not known to this release")]
    Format(u32),
    #[error("its header says number {0}")]
    WrongNumber(u64),
    #[error("its payload does not match the digest in its header")]
    PayloadDigest,
    #[error("its header cannot be read: {0}")]
    Header(CanonicalError),
    #[error("its signatures cannot be read: {0}")]
    Signatures(CanonicalError),
    #[error("its payload cannot be read: {0}")]
    Payload(CanonicalError),
}

/// Joins encoded parts to the bytes of an entry.
pub(super) fn join(header: &[u8], signatures: &[u8], payload: &[u8]) -> Bytes {
    let mut bytes = Vec::with_capacity(MAGIC.len() + header.len() + signatures.len() + payload.len() + 4);
    for part in [MAGIC, header, signatures, payload] {
        bytes.extend_from_slice(part);
        bytes.push(b'\n');
    }
    bytes.into()
}

/// A transaction encoded once, when it is decided, and pasted into the payload when the entry is sealed.
#[derive(Debug, Clone)]
pub(super) struct EncodedTxn(Vec<u8>);

impl EncodedTxn {
    /// Encodes `record`; fails on events without canonical encoding.
    pub(super) fn new<T: Serialize>(record: &T) -> Result<Self, CanonicalError> {
        #[derive(Serialize)]
        struct InPlace<'a, T> {
            txns: [&'a T; 1],
        }
        // Encoded where it will stand, because nesting counts from the payload on.
        let mut bytes = to_canonical(&InPlace { txns: [record] })?;
        bytes.truncate(bytes.len().saturating_sub(b"]}".len()));
        bytes.drain(..b"{\"txns\":[".len());
        Ok(Self(bytes))
    }

    /// Size in bytes.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Encodes a payload from transactions that are encoded already; equal to the canonical encoding of the whole.
pub(super) fn encode_payload(system: &[SystemEvent], txns: &[EncodedTxn]) -> Result<Vec<u8>, CanonicalError> {
    let mut bytes = b"{".to_vec();
    if !system.is_empty() {
        bytes.extend_from_slice(b"\"system\":");
        bytes.extend_from_slice(&to_canonical(system)?);
    }
    if !txns.is_empty() {
        bytes.extend_from_slice(if system.is_empty() { b"\"txns\":[" } else { b",\"txns\":[" });
        for (at, txn) in txns.iter().enumerate() {
            if at > 0 {
                bytes.push(b',');
            }
            bytes.extend_from_slice(&txn.0);
        }
        bytes.push(b']');
    }
    bytes.push(b'}');
    Ok(bytes)
}

pub(super) const FORMAT: u32 = 1;
const MAGIC: &[u8] = b"lineal-journal 1";
/// Names of the kinds of [`KnownEvent`].
const KNOWN_KINDS: [&str; 3] = ["noop", "barrier", "enrol"];
const PURGED: &[u8] = b"purged";
