//! What a check of a batch found.

use std::fmt;

use super::{
    error::{excerpt, write_list},
    schema::IoSide,
};
use crate::ErrorKind;

/// Lists every way in which a batch breaks a schema; never empty.
///
/// One entry per column and rule, in the order of the schema's fields, then columns that should not be there. At most
/// 1,000 are kept, the rest is counted.
#[derive(Clone, Debug, PartialEq)]
pub struct Violations {
    side: IoSide,
    found: Vec<Violation>,
    omitted: usize,
}

impl Violations {
    /// Returns the violations that were kept.
    pub fn iter(&self) -> impl Iterator<Item = &Violation> {
        self.found.iter()
    }

    /// Returns how many more there were than were kept.
    #[must_use]
    pub const fn omitted(&self) -> usize {
        self.omitted
    }

    /// Returns which side of the schema the batch was checked against.
    #[must_use]
    pub const fn side(&self) -> IoSide {
        self.side
    }

    /// Returns what the caller can do about it.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the batch breaks the {} schema: ", self.side)?;
        write_list(f, &self.found, self.found.len() + self.omitted)
    }
}

impl std::error::Error for Violations {}

/// States one rule that one column breaks.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Violation {
    /// The column's name.
    pub column: String,
    /// The rule, and where it is broken.
    pub kind: ViolationKind,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column `{}` {}", excerpt(&self.column), self.kind)
    }
}

/// Says which rule a column breaks, how often and where first.
///
/// Rows count from 0 in the batch. Counts are of elements: for a scalar field that is rows.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ViolationKind {
    /// The column is not there.
    Missing,
    /// Several columns have this name.
    Duplicate {
        /// How many.
        count: usize,
    },
    /// The schema does not name this column.
    Extra,
    /// The column has another type or number of dimensions; its values were not looked at.
    Type {
        /// The element type and shape of the schema, such as `float32[?,3]`.
        expected: String,
        /// The Arrow type of the column, cut to 60 characters.
        found: String,
    },
    /// Rows are null, but the field is not nullable.
    Null {
        /// How many rows.
        count: usize,
        /// The first of them.
        first_row: usize,
    },
    /// Elements or sublists inside a list are null.
    NullElement {
        /// How many elements.
        count: usize,
        /// The row of the first.
        first_row: usize,
    },
    /// Lists do not have the length of a fixed dimension.
    Length {
        /// The dimension, 0 is the outermost.
        dimension: usize,
        /// The length that the schema fixes.
        expected: u32,
        /// The length of the first wrong list.
        found: usize,
        /// How many lists are wrong.
        count: usize,
        /// The row of the first.
        first_row: usize,
    },
    /// Elements are NaN, but the field has a range.
    NotANumber {
        /// How many elements.
        count: usize,
        /// The row of the first.
        first_row: usize,
    },
    /// Elements lie outside the range.
    OutOfRange {
        /// The range of the schema, as `min..=max`.
        range: String,
        /// The first such element.
        value: String,
        /// How many elements.
        count: usize,
        /// The row of the first.
        first_row: usize,
    },
    /// Elements are not in the closed set.
    UnknownCategory {
        /// Up to 5 different ones in order of appearance, escaped and cut to 60 characters.
        examples: Vec<String>,
        /// How many elements.
        count: usize,
        /// The row of the first.
        first_row: usize,
    },
}

impl fmt::Display for ViolationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("is missing"),
            Self::Duplicate { count } => write!(f, "is there {count} times"),
            Self::Extra => f.write_str("is not in the schema"),
            Self::Type { expected, found } => write!(f, "has type {found}, expected {expected}"),
            Self::Null { count, first_row } => {
                write!(f, "has {count} nulls, first in row {first_row}")
            }
            Self::NullElement { count, first_row } => {
                write!(f, "has {count} nulls inside lists, first in row {first_row}")
            }
            Self::Length { dimension, expected, found, count, first_row } => write!(
                f,
                "has {count} lists of wrong length in dimension {dimension}, first in row {first_row}: \
                 {found}, expected {expected}"
            ),
            Self::NotANumber { count, first_row } => {
                write!(f, "has {count} NaN, first in row {first_row}")
            }
            Self::OutOfRange { range, value, count, first_row } => {
                write!(f, "has {count} values outside {range}, first in row {first_row}: {value}")
            }
            Self::UnknownCategory { examples, count, first_row } => {
                write!(f, "has {count} values of no known category, first in row {first_row}: {}", examples.join(", "))
            }
        }
    }
}

/// Gathers violations up to the limit.
#[derive(Debug)]
pub(super) struct Report {
    found: Violations,
}

impl Report {
    pub(super) const fn new(side: IoSide) -> Self {
        Self { found: Violations { side, found: Vec::new(), omitted: 0 } }
    }

    pub(super) fn add(&mut self, column: &str, kind: ViolationKind) {
        if self.found.found.len() < MAX_VIOLATIONS {
            self.found.found.push(Violation { column: column.to_owned(), kind });
        } else {
            self.found.omitted += 1;
        }
    }

    pub(super) fn finish(self) -> Result<(), Violations> {
        if self.found.found.is_empty() { Ok(()) } else { Err(self.found) }
    }
}

const MAX_VIOLATIONS: usize = 1_000;
