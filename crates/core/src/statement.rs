//! Statements: what one part of the system says about some bytes, and the only thing that parts believe of each other.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    Actor, CanonicalError, Digest, ErrorKind, EvidenceKind, Timestamp,
    evidence::{PREDICATE_TYPE_RULE, is_predicate_type},
    from_canonical,
    parse_error::excerpt,
    to_canonical,
};

/// Something that a statement is about: bytes by their digest, and a name for people.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// What it is called in the context of the statement; 1 to 500 bytes, no control characters. Never compared.
    pub name: String,
    /// The SHA-256 of its bytes: what identifies it.
    #[serde(with = "digest_set")]
    pub digest: Digest,
}

impl Subject {
    /// Names the bytes with this digest.
    #[must_use]
    pub fn new(name: impl Into<String>, digest: Digest) -> Self {
        Self { name: name.into(), digest }
    }
}

/// A claim about subjects, with who made it and when; in the shape of in-toto Statement v1.
///
/// Stored as canonical JSON with the keys `_type`, `at`, `by`, `predicate`, `predicateType` and `subject`. The predicate
/// holds no raw floats: the fields of its type are [`Real`](crate::Real)s. A statement proves nothing by itself: it is
/// believed for the signatures on the [`Envelope`](crate::Envelope) around it.
///
/// ```
/// use lineal_core::{Actor, Digest, EvidenceKind, Real, Statement, Subject, Timestamp};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, PartialEq, Serialize, Deserialize)]
/// struct Metrics {
///     auc: Real,
///     rows: u64,
/// }
///
/// let metrics = Metrics { auc: 0.74.into(), rows: 24_000 };
/// let model = Subject::new("late15", Digest::of(b"weights"));
/// let by = Actor::new("ci/nightly")?;
/// let statement = Statement::new(EvidenceKind::Metrics, vec![model], &metrics, by, Timestamp::EPOCH)?;
/// let read = Statement::from_bytes(&statement.to_bytes()?)?;
/// assert_eq!(read.predicate_as::<Metrics>()?, metrics);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// What it is about; at least one.
    pub subjects: Vec<Subject>,
    /// What it claims: a URI that says how to read the predicate.
    pub predicate_type: String,
    /// The claim itself.
    pub predicate: Value,
    /// Who claims it.
    pub by: Actor,
    /// When it was claimed.
    pub at: Timestamp,
}

impl Statement {
    /// States `predicate` about `subjects`.
    ///
    /// `predicate_type` is an [`EvidenceKind`] or a URI.
    ///
    /// # Errors
    /// [`StatementError`] if there is no subject, a name or the URI breaks its rule, or the predicate has no canonical
    /// form, as with a raw float in it: correct the input.
    pub fn new<P: Serialize + ?Sized>(
        predicate_type: impl Into<String>,
        subjects: Vec<Subject>,
        predicate: &P,
        by: Actor,
        at: Timestamp,
    ) -> Result<Self, StatementError> {
        let predicate = to_canonical(predicate).and_then(|bytes| from_canonical(&bytes));
        let statement = Self {
            subjects,
            predicate_type: predicate_type.into(),
            predicate: predicate.map_err(StatementError::Predicate)?,
            by,
            at,
        };
        statement.check()?;
        Ok(statement)
    }

    /// Returns what the statement is evidence of.
    #[must_use]
    pub fn kind(&self) -> EvidenceKind {
        EvidenceKind::of(&self.predicate_type)
    }

    /// Reads the predicate as a `T`.
    ///
    /// # Errors
    /// [`StatementError::PredicateShape`] if it is none: compare the predicate type first.
    pub fn predicate_as<T: DeserializeOwned>(&self) -> Result<T, StatementError> {
        T::deserialize(&self.predicate)
            .map_err(|source| StatementError::PredicateShape { predicate_type: excerpt(&self.predicate_type), source })
    }

    /// Writes the statement in canonical JSON.
    ///
    /// # Errors
    /// As [`Statement::new`], for statements that were changed or put together by hand.
    pub fn to_bytes(&self) -> Result<Vec<u8>, StatementError> {
        self.check()?;
        to_canonical(self).map_err(StatementError::Predicate)
    }

    /// Returns the digest of [`Statement::to_bytes`].
    ///
    /// # Errors
    /// As [`Statement::to_bytes`].
    pub fn digest(&self) -> Result<Digest, StatementError> {
        self.to_bytes().map(|bytes| Digest::of(&bytes))
    }

    /// Reads a statement, and refuses bytes that [`Statement::to_bytes`] would not give back.
    ///
    /// # Errors
    /// [`StatementError::Decode`] if the bytes are not canonical JSON or lack or add a field,
    /// [`StatementError::OtherType`] if they are some other version of in-toto.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StatementError> {
        let statement = Self::try_from(from_canonical::<Wire<'_>>(bytes).map_err(StatementError::Decode)?)?;
        if statement.to_bytes()? != bytes {
            return Err(StatementError::NotExact);
        }
        Ok(statement)
    }

    fn check(&self) -> Result<(), StatementError> {
        if self.subjects.is_empty() {
            return Err(StatementError::NoSubject);
        }
        let is_name = |name: &str| (1..=500).contains(&name.len()) && !name.chars().any(char::is_control);
        if let Some(subject) = self.subjects.iter().find(|subject| !is_name(&subject.name)) {
            return Err(StatementError::SubjectName { name: excerpt(&subject.name) });
        }
        if !is_predicate_type(&self.predicate_type) {
            return Err(StatementError::PredicateType { uri: excerpt(&self.predicate_type) });
        }
        Ok(())
    }
}

impl Serialize for Statement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Wire::from(self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Statement {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = Wire::deserialize(deserializer)?;
        wire.try_into().map_err(serde::de::Error::custom)
    }
}

/// The stored form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire<'a> {
    #[serde(rename = "_type")]
    layout: Cow<'a, str>,
    at: Timestamp,
    by: Cow<'a, Actor>,
    predicate: Cow<'a, Value>,
    #[serde(rename = "predicateType")]
    predicate_type: Cow<'a, str>,
    #[serde(rename = "subject")]
    subjects: Cow<'a, [Subject]>,
}

impl<'a> From<&'a Statement> for Wire<'a> {
    fn from(statement: &'a Statement) -> Self {
        Self {
            layout: Cow::Borrowed(LAYOUT),
            at: statement.at,
            by: Cow::Borrowed(&statement.by),
            predicate: Cow::Borrowed(&statement.predicate),
            predicate_type: Cow::Borrowed(&statement.predicate_type),
            subjects: Cow::Borrowed(&statement.subjects),
        }
    }
}

impl TryFrom<Wire<'_>> for Statement {
    type Error = StatementError;

    fn try_from(wire: Wire<'_>) -> Result<Self, StatementError> {
        if wire.layout != LAYOUT {
            return Err(StatementError::OtherType { found: excerpt(&wire.layout) });
        }
        let statement = Self {
            subjects: wire.subjects.into_owned(),
            predicate_type: wire.predicate_type.into_owned(),
            predicate: wire.predicate.into_owned(),
            by: wire.by.into_owned(),
            at: wire.at,
        };
        statement.check()?;
        Ok(statement)
    }
}

/// A statement that cannot be made or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StatementError {
    /// A statement is about something: name at least one subject.
    #[error("statement has no subject")]
    NoSubject,
    /// Give the subject another name.
    #[error("subject \"{name}\": a name has 1 to 500 bytes and no control characters")]
    SubjectName {
        /// The name, escaped and cut.
        name: String,
    },
    /// Give the predicate another type.
    #[error("predicate type \"{uri}\": {PREDICATE_TYPE_RULE}")]
    PredicateType {
        /// The type, escaped and cut.
        uri: String,
    },
    /// The predicate cannot be written: change the type of the field that the source names.
    #[error("predicate has no canonical form")]
    Predicate(#[source] CanonicalError),
    /// The predicate is not of the type asked for.
    #[error("predicate of type \"{predicate_type}\" has another shape")]
    PredicateShape {
        /// Its type, escaped and cut.
        predicate_type: String,
        /// What does not fit.
        source: serde_json::Error,
    },
    /// The bytes are no statement: damaged, or written by something else.
    #[error("bytes are not a statement")]
    Decode(#[source] CanonicalError),
    /// The bytes are a statement of a form that this version does not read.
    #[error("statement of type \"{found}\": only {LAYOUT} is read")]
    OtherType {
        /// Its type, escaped and cut.
        found: String,
    },
    /// The bytes hold a statement that is written otherwise, such as a time with fewer digits.
    #[error("bytes are a statement, but not in its canonical form")]
    NotExact,
}

impl StatementError {
    /// Returns what the caller can do: mostly [`ErrorKind::Invalid`] when making, [`ErrorKind::Corrupt`] when reading.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Decode(_) | Self::NotExact => ErrorKind::Corrupt,
            Self::OtherType { .. } => ErrorKind::Unsupported,
            _ => ErrorKind::Invalid,
        }
    }
}

/// in-toto writes digests as a set by algorithm; here it has the one member `sha256`.
mod digest_set {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::Digest;

    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct DigestSet {
        sha256: Digest,
    }

    pub(super) fn serialize<S: Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
        DigestSet { sha256: *digest }.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        DigestSet::deserialize(deserializer).map(|set| set.sha256)
    }
}

const LAYOUT: &str = "https://in-toto.io/Statement/v1";

#[cfg(test)]
mod tests;
