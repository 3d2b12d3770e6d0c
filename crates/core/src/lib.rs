//! Shared vocabulary of Lineal, and its two seams: the journal and the blob store.
//!
//! Everything in Lineal is one of two things: a *blob*, immutable bytes named by their [`Digest`], or an *event* in an
//! append-only journal. The crates above speak about both in the words defined here, and only here: validated names
//! ([`Name`], [`Actor`]), ids ([`RunId`], …), [`Timestamp`]s, and references that cross crates ([`DataRef`],
//! [`ModelRef`], …).
//!
//! Nothing in this crate reads the wall clock, the operating system's randomness or the environment on its own: time
//! comes through [`Clock`] and ids through [`IdSource`], so that a whole history can be replayed from a seed.
//!
//! Whatever is hashed or signed is written by [`to_canonical`], which gives one value exactly one sequence of bytes.
//!
//! ```
//! use lineal_core::{Digest, Name, to_canonical};
//!
//! let name = Name::new("flights")?;
//! let bytes = to_canonical(&("dataset", &name, 2013))?;
//! assert_eq!(bytes, br#"["dataset","flights",2013]"#);
//! assert_eq!(Digest::of(&bytes).short().len(), 12);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

// ---- vocabulary, without features ----
mod base64; // as DSSE writes payloads and signatures
mod canonical; // one value, one sequence of bytes: JSON after RFC 8785, integers only
mod digest; // SHA-256, and thereby a name
#[cfg(feature = "ed25519")]
mod ed25519; // keys for Signer and Verifier
mod envelope; // DSSE: a payload with signatures over its stored bytes
mod error_kind; // what a caller can do about an error
mod evidence; // what a statement is evidence of
mod file_path; // paths that every system can write out
mod hasher; // SHA-256 piece by piece, and of two sequences at once
mod hex; // lower-case base 16
mod id; // typed 128-bit ids and where they come from
mod io_schema; // the model signature: types, compatibility, checks
mod name; // validated names and actors
mod number; // numbers that canonical JSON carries as text
mod parse_error; // text that is not what it should be
mod progress; // what long work tells the one who waits
mod random; // counter-based random streams
mod refs; // the references that cross crates
mod sign; // the seam between envelopes and keys
mod statement; // in the shape of in-toto
mod text_serde; // serde through Display and FromStr
mod time; // timestamps and clocks

#[cfg(feature = "ed25519")]
pub use self::ed25519::{Ed25519Key, KeyRing, PublicKey};
pub use self::{
    canonical::{CanonicalError, from_canonical, to_canonical},
    digest::Digest,
    envelope::{Envelope, pae},
    error_kind::ErrorKind,
    evidence::{Evidence, EvidenceKind},
    file_path::{FilePath, InvalidPath, PathClash, PathSet},
    hasher::{Beside, Hasher},
    id::{IdSource, JournalId, OsIds, RunId, SeededIds, StoreId, TxnId},
    io_schema::{
        Categories, Compatibility, Dim, FieldRule, Incompatibilities, Incompatibility, IoField, IoSchema, IoSide,
        IoType, Mismatch, SchemaError, TimeUnit, ValueRange,
    },
    name::{Actor, InvalidName, Name},
    number::{Real, Wide},
    parse_error::ParseError,
    progress::{NoProgress, Progress, ProgressEvent},
    random::Rng,
    refs::{CodeRef, DataRef, EnvRef, ModelRef, RunRef},
    sign::{KeyId, SignError, Signature, Signer, Verifier},
    statement::{Statement, StatementError, Subject},
    time::{Clock, ManualClock, SystemClock, Timestamp},
};

#[cfg(feature = "arrow")]
pub use self::io_schema::{ExtraColumns, Violation, ViolationKind, Violations};
/// The Arrow crate whose types appear in this crate's interface.
#[cfg(feature = "arrow")]
pub use arrow;

// ---- the two seams, with feature `store` ----
#[cfg(feature = "store")]
mod blob; // immutable bytes under their digest
#[cfg(feature = "store")]
mod journal; // events, exactly once, chained
#[cfg(feature = "store")]
mod store; // opening object stores safely
#[cfg(feature = "test-util")]
pub mod test_util; // conformance suites for implementers

#[cfg(feature = "store")]
pub use self::{
    blob::{
        Batch, BlobInfo, BlobStore, BlobStoreExt, ByteStream, Collection, CollectionEvent, CollectionJournal,
        CondemnedLists, Enrolment, Links, LooseBlobs, Mark, NoLinks, PutHints, Receipt, Roots,
    },
    journal::{
        Adds, At, CheckpointRef, Commit, Entry, Head, Header, InDoubt, Journal, JournalBuilder, JournalSettings,
        KnownEvent, Payload, Resolution, Snapshot, Stamp, State, SystemEvent, TransactError, Txn, TxnRecord, Untyped,
        Verified,
    },
    store::{
        BackendReport, Error, Host, OpenOptions, Retry, Store, Timer, TokioTimer, file_stream, on_cpu, verify_backend,
    },
};
/// The object store crate whose types appear in this crate's interface.
#[cfg(feature = "store")]
pub use object_store;

/// What the exported macros need at their place of use; not an interface.
#[doc(hidden)]
pub mod __private {
    pub use crate::{
        hex::{decode as decode_hex, write as write_hex},
        text_serde::deserialize_text,
    };
    pub use serde;
}
