//! What a caller can do about an error.

use std::fmt;

/// Says what the caller of a failed operation can do about it.
///
/// Every error type of Lineal has a `kind()`; decide on it, and show the message to people.
///
/// ```
/// use lineal_core::{ErrorKind, Name};
///
/// let refused = Name::new("../etc/passwd").unwrap_err();
/// assert_eq!(refused.kind(), ErrorKind::Invalid);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// What was asked for does not exist: check the name, or create it first.
    NotFound,
    /// Somebody else was there first: read the present state and decide again.
    Conflict,
    /// The input breaks a rule that the message states: correct the input, do not retry.
    Invalid,
    /// Stored bytes are damaged or forged: retrying will not help, restore or repair the store.
    Corrupt,
    /// The store or a service cannot be reached now: retry later, nothing is wrong with the request.
    Unavailable,
    /// The caller lacks the right, the signature or the approval: obtain it, do not retry.
    Denied,
    /// This build or this back end cannot do it: choose another feature, version or store.
    Unsupported,
    /// A bug in Lineal: report it.
    Internal,
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "not found",
            Self::Conflict => "conflict",
            Self::Invalid => "invalid",
            Self::Corrupt => "corrupt",
            Self::Unavailable => "unavailable",
            Self::Denied => "denied",
            Self::Unsupported => "unsupported",
            Self::Internal => "internal",
        })
    }
}
