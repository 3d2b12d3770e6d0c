//! What a comparison of two signatures found.

use std::fmt;

use super::{
    compat::Compatibility,
    data_type::IoType,
    error::{excerpt, write_list},
    range::ValueRange,
    schema::IoSide,
    shape::{Dim, ShapeText},
};
use crate::ErrorKind;

/// Lists what breaks between two signatures; never empty.
#[derive(Clone, Debug, PartialEq)]
pub struct Incompatibilities {
    pub(super) found: Vec<Incompatibility>,
}

impl Incompatibilities {
    /// Returns them in this order: `Backward` before `Forward`, inputs before outputs, then by field of the taking
    /// side.
    pub fn iter(&self) -> impl Iterator<Item = &Incompatibility> {
        self.found.iter()
    }

    /// Returns what the caller can do about it.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }
}

impl fmt::Display for Incompatibilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the model signatures are incompatible: ")?;
        write_list(f, &self.found, self.found.len())
    }
}

impl std::error::Error for Incompatibilities {}

/// States one thing that breaks between two signatures.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Incompatibility {
    /// Which way it breaks: `Backward` or `Forward`, never `Full`.
    pub breaks: Compatibility,
    /// Where the field stands.
    pub side: IoSide,
    /// The field's name.
    pub field: String,
    /// What does not agree.
    pub mismatch: Mismatch,
}

impl fmt::Display for Incompatibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} `{}`: {}", self.breaks, self.side, excerpt(&self.field), self.mismatch)
    }
}

/// Says why a value that can be given is not accepted.
///
/// For inputs, callers give and the model accepts; for outputs, the model gives and readers accept.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Mismatch {
    /// The column is not known to the giving side, but the accepting side requires it.
    Missing,
    /// The column may be left out, but the accepting side requires it.
    Optional,
    /// Null may be given, but is not accepted.
    Null,
    /// The types differ.
    Type {
        /// The type given.
        given: IoType,
        /// The type accepted.
        accepted: IoType,
    },
    /// A shape may be given that is not accepted.
    Shape {
        /// The shape given.
        given: Vec<Dim>,
        /// The shape accepted.
        accepted: Vec<Dim>,
    },
    /// Values outside the accepted range may be given.
    Range {
        /// The range given; none means all values of the type.
        given: Option<ValueRange>,
        /// The range accepted.
        accepted: ValueRange,
    },
    /// Some categories may be given that are not accepted.
    Categories {
        /// The first 10 of them.
        unknown: Vec<String>,
        /// How many there are.
        count: usize,
    },
    /// Only a closed set of values is accepted, but the values given are not limited to it.
    OpenCategories {
        /// How many values are accepted.
        accepted: usize,
    },
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("is required but not given"),
            Self::Optional => f.write_str("is required but may be left out"),
            Self::Null => f.write_str("null may be given but is not accepted"),
            Self::Type { given, accepted } => {
                write!(f, "type {given} is given but {accepted} accepted")
            }
            Self::Shape { given, accepted } => {
                write!(f, "shape {} is given but {} accepted", shape_text(given), shape_text(accepted))
            }
            Self::Range { given: Some(given), accepted } => write!(f, "range {given} is given but {accepted} accepted"),
            Self::Range { given: None, accepted } => write!(f, "any value is given but only {accepted} accepted"),
            Self::Categories { unknown, count } => {
                write!(f, "{count} categories may be given but are not accepted: {}", unknown.join(", "))
            }
            Self::OpenCategories { accepted } => {
                write!(f, "any value may be given but only {accepted} categories are accepted")
            }
        }
    }
}

fn shape_text(shape: &[Dim]) -> String {
    if shape.is_empty() { "of a scalar".to_owned() } else { ShapeText(shape).to_string() }
}
