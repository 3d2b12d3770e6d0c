//! Canonical JSON: one value, one sequence of bytes.
//!
//! The form is RFC 8785 (JCS) cut down to what every reader of every language agrees on: UTF-8, no white space, keys
//! in the order of their UTF-16 units, the shortest escapes, integers of at most 53 bits, no fractions or exponents.

mod scanner; // is this text canonical?
mod writer; // serde -> canonical text

use serde::{Serialize, de::DeserializeOwned};

use crate::ErrorKind;

/// Writes `value` in canonical JSON.
///
/// Integers must lie strictly between -2^53 and 2^53 ([`Wide`](crate::Wide) carries larger ones), raw floats are
/// refused ([`Real`](crate::Real) carries them), so are equal keys in one object and more than 127 levels of nesting.
/// Linear in the size of the output, times the depth.
///
/// ```
/// use lineal_core::to_canonical;
///
/// let value = serde_json::json!({"b": [1, true, null], "a": "é\n"});
/// assert_eq!(to_canonical(&value)?, r#"{"a":"é\n","b":[1,true,null]}"#.as_bytes());
/// let refused = to_canonical(&serde_json::json!({"metrics": {"auc": 0.5}})).unwrap_err();
/// assert_eq!(refused.to_string(), r#"raw float at "/metrics/auc": store it as a `Real`"#);
/// # Ok::<(), lineal_core::CanonicalError>(())
/// ```
///
/// # Errors
/// [`CanonicalError`] with the place in the value: change the type of that field, do not retry.
pub fn to_canonical<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    let mut bytes = Vec::new();
    value.serialize(writer::Writer::new(&mut bytes))?;
    Ok(bytes)
}

/// Reads a value from canonical JSON, and refuses any other text.
///
/// What is read is exactly what could have been written by [`to_canonical`], so equal contents have equal digests.
/// Hostile input costs time and memory linear in its length, and no deep recursion.
///
/// ```
/// use lineal_core::from_canonical;
///
/// let pair: (u32, String) = from_canonical(br#"[7,"x"]"#)?;
/// assert_eq!(pair, (7, "x".into()));
/// assert!(from_canonical::<(u32, String)>(br#"[7, "x"]"#).is_err());
/// # Ok::<(), lineal_core::CanonicalError>(())
/// ```
///
/// # Errors
/// [`CanonicalError::NotCanonical`] with the offset of the first offence, [`CanonicalError::Decode`] if the value is
/// not a `T`.
pub fn from_canonical<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CanonicalError> {
    scanner::check(bytes)?;
    serde_json::from_slice(bytes).map_err(CanonicalError::Decode)
}

/// A value that has no canonical form, or bytes that are not in it.
///
/// Paths are JSON pointers (RFC 6901) into the value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CanonicalError {
    /// Floats have no text all readers agree on: store a [`Real`](crate::Real).
    #[error("raw float at {path:?}: store it as a `Real`")]
    Float {
        /// Where.
        path: String,
    },
    /// Integers of 2^53 and above are rounded by many readers: store a [`Wide`](crate::Wide).
    #[error("integer of 2^53 or more at {path:?}: store it as a `Wide`")]
    Integer {
        /// Where.
        path: String,
    },
    /// An object has the same key twice, as a map or a flattened struct may.
    #[error("duplicate key at {path:?}")]
    DuplicateKey {
        /// Where.
        path: String,
    },
    /// A map has keys that are neither text nor integers.
    #[error("key at {path:?} is neither text nor an integer")]
    Key {
        /// The object's place.
        path: String,
    },
    /// The value is nested deeper than 127 levels.
    #[error("nested deeper than 127 levels")]
    Depth,
    /// The type's own `Serialize` gave up.
    #[error("at {path:?}: {message}")]
    Custom {
        /// Where.
        path: String,
        /// Its message.
        message: String,
    },
    /// The bytes are not canonical JSON: damaged, or written by something else.
    #[error("not canonical JSON at byte {at}: {rule}")]
    NotCanonical {
        /// Offset of the offence.
        at: usize,
        /// The rule that is broken.
        rule: &'static str,
    },
    /// The bytes are canonical JSON, but not of the type asked for.
    #[error("canonical JSON of another type")]
    Decode(#[source] serde_json::Error),
}

impl CanonicalError {
    /// Returns [`ErrorKind::Corrupt`] for what was read, [`ErrorKind::Invalid`] for what was to be written.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::NotCanonical { .. } | Self::Decode(_) => ErrorKind::Corrupt,
            _ => ErrorKind::Invalid,
        }
    }
}

/// One less than what `serde_json` itself refuses, so that whatever is written can be read.
const MAX_DEPTH: usize = 127;
/// The first integer that a double cannot tell from its neighbour.
const INTEGER_LIMIT: u64 = 1 << 53;

#[cfg(test)]
mod tests;
