//! Typed 128-bit ids, and the seam they come from.

use std::{
    fmt::Debug,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::{Digest, Hasher};

/// Where new ids come from.
///
/// # Contract
/// Each call returns 128 bits that no other call, in this or any other process, returns: random ones, or for tests a
/// function of a seed. It is called from any thread and does not block for long.
pub trait IdSource: Debug + Send + Sync {
    /// Returns the next 128 bits.
    fn next_id(&self) -> [u8; 16];
}

/// Takes ids from the operating system's cryptographic generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsIds;

impl IdSource for OsIds {
    fn next_id(&self) -> [u8; 16] {
        let mut id = [0; 16];
        getrandom::fill(&mut id).expect("the operating system provides random bytes");
        id
    }
}

/// Derives ids from a seed, for tests and replays: the same seed gives the same ids in the same order.
///
/// ```
/// use lineal_core::{RunId, SeededIds};
///
/// let (left, right) = (SeededIds::new(7), SeededIds::new(7));
/// assert_eq!(RunId::generate(&left), RunId::generate(&right));
/// assert_ne!(RunId::generate(&left), RunId::generate(&left));
/// ```
#[derive(Debug)]
pub struct SeededIds {
    seed: u64,
    issued: AtomicU64,
}

impl SeededIds {
    /// Starts the sequence of `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed, issued: AtomicU64::new(0) }
    }
}

impl IdSource for SeededIds {
    fn next_id(&self) -> [u8; 16] {
        let number = self.issued.fetch_add(1, Ordering::Relaxed);
        let mut hasher = Hasher::new();
        hasher.update(b"lineal-seeded-id\0");
        hasher.update(&self.seed.to_le_bytes());
        hasher.update(&number.to_le_bytes());
        first_half(hasher.finish())
    }
}

/// Defines a typed 128-bit id.
///
/// The type is `Copy` and ordered; `Display`, `FromStr` and serde use 32 lower-case hex digits.
///
/// ```
/// use lineal_core::SeededIds;
///
/// lineal_core::id_type! {
///     /// Names one sweep.
///     pub struct SweepId;
/// }
///
/// let id = SweepId::generate(&SeededIds::new(1));
/// assert_eq!(id.to_string().len(), 32);
/// assert_eq!(id.to_string().parse(), Ok(id));
/// ```
#[macro_export]
macro_rules! id_type {
    ($(#[$meta:meta])* $vis:vis struct $name:ident;) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $vis struct $name([u8; 16]);

        impl $name {
            /// Takes a new id from `ids`.
            #[must_use]
            $vis fn generate(ids: &dyn $crate::IdSource) -> Self {
                Self(ids.next_id())
            }

            /// Wraps 16 bytes that are already an id.
            #[must_use]
            $vis const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// Returns the 16 bytes of the id.
            #[must_use]
            $vis const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl ::core::fmt::Display for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                $crate::__private::write_hex(f, &self.0)
            }
        }

        impl ::core::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::core::write!(f, "{}({self})", ::core::stringify!($name))
            }
        }

        impl ::core::str::FromStr for $name {
            type Err = $crate::ParseError;

            fn from_str(text: &str) -> ::core::result::Result<Self, $crate::ParseError> {
                $crate::__private::decode_hex(::core::stringify!($name), text).map(Self)
            }
        }

        $crate::__serde_as_text!($name, "an id as 32 lower-case hex digits");
    };
}

id_type! {
    /// Names one journal for ever, wherever it is copied to.
    pub struct JournalId;
}

id_type! {
    /// Names one transaction: the idempotency key under which it is committed at most once.
    pub struct TxnId;
}

id_type! {
    /// Names one store for ever, wherever it is copied to.
    pub struct StoreId;
}

id_type! {
    /// Names one training run.
    pub struct RunId;
}

impl TxnId {
    /// Derives the id of a transaction from the caller's own key, so that a retry after a restart is recognised.
    ///
    /// The first 16 bytes of the SHA-256 of `"lineal-txn-key\0"` and the key.
    ///
    /// ```
    /// use lineal_core::TxnId;
    ///
    /// assert_eq!(TxnId::from_key("ingest/2013-07"), TxnId::from_key("ingest/2013-07"));
    /// assert_ne!(TxnId::from_key("ingest/2013-07"), TxnId::from_key("ingest/2013-08"));
    /// ```
    #[must_use]
    pub fn from_key(key: &str) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(b"lineal-txn-key\0");
        hasher.update(key.as_bytes());
        Self(first_half(hasher.finish()))
    }
}

fn first_half(digest: Digest) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&digest.as_bytes()[..16]);
    half
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, sync::Mutex};

    use super::*;

    /// Pinned, and equal to what Python's `hashlib` gives.
    #[test]
    fn derived_ids_are_pinned() {
        let ids = SeededIds::new(7);
        assert_eq!(RunId::generate(&ids).to_string(), "73d023e274aab6d924a10010d817cc21");
        assert_eq!(RunId::generate(&ids).to_string(), "c70bd4323c0cf0297708037e32f62900");
        assert_eq!(TxnId::from_key("ingest/2013-07").to_string(), "df0faf115c734cb4e3e278cdfb4c98b6");
    }

    #[test]
    fn no_two_ids_are_equal() {
        for ids in [&OsIds as &dyn IdSource, &SeededIds::new(1)] {
            let seen = Mutex::new(HashSet::new());
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        for _ in 0..250 {
                            assert!(seen.lock().unwrap().insert(ids.next_id()));
                        }
                    });
                }
            });
            assert_eq!(seen.lock().unwrap().len(), 1000);
        }
    }

    #[test]
    fn ids_survive_their_text() {
        let id = JournalId::from_bytes(*b"0123456789abcdef");
        assert_eq!(id.as_bytes(), b"0123456789abcdef");
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(json, "\"30313233343536373839616263646566\"");
        assert_eq!(serde_json::from_str::<JournalId>(&json).unwrap(), id);
        assert!(serde_json::from_str::<JournalId>("\"3031\"").is_err());
        assert_eq!(format!("{id:?}"), format!("JournalId({id})"));
    }
}
