use object_store::Error as StorageError;

use crate::{CanonicalError, Digest, ErrorKind, SignError, TxnId, journal::InDoubt};

/// What can go wrong with a store, a journal or a blob.
///
/// [`Error::kind`] says what to do about it; the cause, where there is one, is in `source`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A storage request failed for good; see the source.
    #[error("cannot {operation} {key}")]
    Storage {
        /// What was attempted: `read`, `write`, `list`, `delete`.
        operation: &'static str,
        /// The key in the object store.
        key: String,
        /// What the back end said.
        source: Box<StorageError>,
    },

    /// The URL or its options cannot be opened. Fix the URL.
    #[error("cannot open store {url}: {reason}")]
    BadUrl {
        /// The URL as given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },

    /// The back end accepted a second create of one key, so it could lose commits. Nothing was written but the probe.
    ///
    /// Use a store that honours `If-None-Match: *` on PUT, or switch conditional writes on where the server has a setting.
    #[error("store {store} ignores create-if-absent: {found}; refused for writing")]
    UnsafeStore {
        /// The store's name for people.
        store: String,
        /// What the probe saw.
        found: &'static str,
    },

    /// Stored data of a format or version that this build does not know. Upgrade, or check the address.
    #[error("{what}: unknown format {found}")]
    UnknownFormat {
        /// The object.
        what: String,
        /// What it says it is.
        found: String,
    },

    /// The journal at this address is of another kind. Check the prefix.
    #[error("journal {journal} holds {found}, not {expected}")]
    WrongKind {
        /// Prefix of the journal.
        journal: String,
        /// Kind asked for.
        expected: String,
        /// Kind stored.
        found: String,
    },

    /// An entry is damaged, altered, or does not continue the chain. Restore it from a copy; retrying will not help.
    #[error("journal {journal}: entry {seq} is broken: {why}")]
    Broken {
        /// Prefix of the journal.
        journal: String,
        /// Number of the first broken entry.
        seq: u64,
        /// What does not hold.
        why: String,
    },

    /// The payload of this entry was purged; the chain is intact but this state can no longer be folded from it.
    #[error("journal {journal}: the payload of entry {seq} was purged")]
    Purged {
        /// Prefix of the journal.
        journal: String,
        /// Number of the purged entry.
        seq: u64,
    },

    /// There is no entry of this number, or none so early. Ask for one within the journal.
    #[error("journal {journal} has no entry at {at}")]
    NoSuchEntry {
        /// Prefix of the journal.
        journal: String,
        /// The number or time asked for.
        at: String,
    },

    /// Nothing was written and nothing ever will be of this transaction: it is safe to try again.
    #[error("journal {journal}: transaction {txn} was given up and will not appear")]
    Aborted {
        /// Prefix of the journal.
        journal: String,
        /// The transaction.
        txn: TxnId,
        /// The last storage failure.
        source: Option<Box<StorageError>>,
    },

    /// The store could not be reached to learn the outcome: call `Journal::resolve` with the value, now or later.
    #[error("journal {}: the outcome of transaction {} is in doubt at entry {}", .0.journal, .0.txn, .0.seq)]
    InDoubt(Box<InDoubt>),

    /// A transaction or payload is larger than an entry may be. Put big things into blobs and name their digests.
    #[error("journal {journal}: {bytes} bytes of events are more than the {limit} an entry may hold")]
    TooLarge {
        /// Prefix of the journal.
        journal: String,
        /// Size of the events.
        bytes: usize,
        /// The limit.
        limit: usize,
    },

    /// Blobs of a receipt were condemned by a collection since they were put: put them again and repeat.
    #[error("{} of the blobs named were condemned by a collection, first {first}", .count)]
    Condemned {
        /// How many.
        count: usize,
        /// One of them.
        first: Digest,
    },

    /// No blob of this digest is stored.
    #[error("blob {digest} is not in the store")]
    BlobMissing {
        /// The digest asked for.
        digest: Digest,
    },

    /// The blob was purged: it is neither handed out nor taken again. Nothing brings it back.
    #[error("blob {digest} was purged from the store")]
    BlobPurged {
        /// The digest asked for or put.
        digest: Digest,
    },

    /// Stored bytes do not match their address: damage or tampering. Restore from a copy; retrying will not help.
    #[error("blob {expected}: content hashes to {actual}")]
    BlobCorrupt {
        /// The digest asked for.
        expected: Digest,
        /// What the stored bytes hash to.
        actual: Digest,
    },

    /// A stored piece is damaged or gone. Repair it from a copy; retrying will not help.
    #[error("{what}: {object} is damaged at byte {offset}: {why}")]
    Damaged {
        /// What was read.
        what: String,
        /// Key of the object that holds the piece.
        object: String,
        /// Where the piece begins in it.
        offset: u64,
        /// What does not hold.
        why: String,
    },

    /// The batch was idle for so long that a collection took it for dead: put its blobs again.
    #[error("batch {session} was given up by a collection")]
    Fenced {
        /// The batch.
        session: String,
    },

    /// The range does not lie within the blob. Ask `stat` for the size.
    #[error("blob {digest}: range {start}..{end} is outside its {size} bytes")]
    BadRange {
        /// The blob.
        digest: Digest,
        /// First byte asked for.
        start: u64,
        /// Byte after the last asked for.
        end: u64,
        /// Size of the blob.
        size: u64,
    },

    /// The caller's byte stream failed before its end; nothing of it was kept.
    #[error("the bytes to store could not be read to their end")]
    Input {
        /// The failure of the stream.
        source: std::io::Error,
    },

    /// An event, header or state has no canonical encoding. Use `Real` for floats and `Wide` for big integers.
    #[error("cannot encode {what}")]
    Encode {
        /// What was being encoded.
        what: &'static str,
        /// Why it has no encoding.
        source: Box<CanonicalError>,
    },

    /// Signing failed, or a demanded signature is missing or wrong.
    #[error("signature of {what}")]
    Signature {
        /// What is signed.
        what: String,
        /// The failure.
        source: Box<SignError>,
    },

    /// A condition of the collection does not hold; nothing was changed. Mark again and repeat.
    #[error("collection refused: {reason}")]
    Collection {
        /// Which condition.
        reason: String,
    },

    /// Work handed to the CPU pool panicked: a defect, please report it.
    #[error("a background computation panicked")]
    WorkerPanicked,
}

impl Error {
    /// Describes a stream of bytes that failed: as [`Input`](Self::Input), or as the error of this type that it carried,
    /// when the bytes came from a store.
    #[must_use]
    pub fn of_stream(source: std::io::Error) -> Self {
        source.downcast::<Self>().unwrap_or_else(|source| Self::Input { source })
    }

    /// Returns what the caller must do about the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Storage { source, .. } => storage_kind(source),
            Self::BadUrl { .. } | Self::TooLarge { .. } | Self::BadRange { .. } | Self::Encode { .. } => {
                ErrorKind::Invalid
            }
            Self::Input { .. } => ErrorKind::Invalid,
            Self::UnsafeStore { .. } | Self::UnknownFormat { .. } => ErrorKind::Unsupported,
            Self::WrongKind { .. } => ErrorKind::Invalid,
            Self::Broken { .. } | Self::BlobCorrupt { .. } | Self::Damaged { .. } => ErrorKind::Corrupt,
            Self::Purged { .. } | Self::NoSuchEntry { .. } => ErrorKind::NotFound,
            Self::BlobMissing { .. } | Self::BlobPurged { .. } => ErrorKind::NotFound,
            Self::Aborted { .. } | Self::InDoubt(_) => ErrorKind::Unavailable,
            Self::Condemned { .. } | Self::Collection { .. } | Self::Fenced { .. } => ErrorKind::Conflict,
            Self::Signature { .. } => ErrorKind::Denied,
            Self::WorkerPanicked => ErrorKind::Internal,
        }
    }
}

fn storage_kind(error: &StorageError) -> ErrorKind {
    match error {
        StorageError::NotFound { .. } => ErrorKind::NotFound,
        StorageError::AlreadyExists { .. } | StorageError::Precondition { .. } => ErrorKind::Conflict,
        StorageError::PermissionDenied { .. } | StorageError::Unauthenticated { .. } => ErrorKind::Denied,
        StorageError::InvalidPath { .. } | StorageError::UnknownConfigurationKey { .. } => ErrorKind::Invalid,
        StorageError::NotSupported { .. } | StorageError::NotImplemented { .. } => ErrorKind::Unsupported,
        error if is_oversize(error) => ErrorKind::Corrupt,
        _ => ErrorKind::Unavailable,
    }
}

/// Says which request failed on which key.
pub(crate) trait StorageErrorExt {
    fn on(self, operation: &'static str, key: &object_store::path::Path) -> Error;
}

impl StorageErrorExt for StorageError {
    fn on(self, operation: &'static str, key: &object_store::path::Path) -> Error {
        Error::Storage { operation, key: key.to_string(), source: Box::new(self) }
    }
}

/// An object is larger than anything of ours can be, or its body larger than the server said.
#[derive(Debug, thiserror::Error)]
#[error("the object is larger than the {limit} bytes that it may have")]
pub(crate) struct Oversize {
    pub(crate) limit: u64,
}

impl From<Oversize> for StorageError {
    fn from(oversize: Oversize) -> Self {
        Self::Generic { store: "lineal", source: Box::new(oversize) }
    }
}

/// Tells whether an object was not read because of its size.
pub(crate) fn is_oversize(error: &StorageError) -> bool {
    matches!(error, StorageError::Generic { source, .. } if source.is::<Oversize>())
}

/// Tells whether the answer means that no such object exists.
pub(crate) fn is_absent(error: &StorageError) -> bool {
    matches!(error, StorageError::NotFound { .. })
}
