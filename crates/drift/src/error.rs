//! What can go wrong, and which side of a comparison it concerns.

use lineal_core::ErrorKind;
use serde::{Deserialize, Serialize};

use crate::method::Method;

/// The two sides of every comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Side {
    /// What is known to be good: usually the training data.
    Reference,
    /// What is judged: usually a window of production data.
    Current,
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Reference => "reference",
            Self::Current => "current",
        })
    }
}

/// Says why a comparison could not be made; [`Error::kind`] tells what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A side holds no value once missing values are left out. Wait for data, or widen the window.
    #[error("{what}: the {side} sample holds no value")]
    Empty {
        /// The method or step that needs a value.
        what: &'static str,
        /// The empty side.
        side: Side,
    },
    /// There are too few values, or too few that differ, for the method. Widen the windows, or choose another method.
    #[error("{what} needs {needs}")]
    TooFew {
        /// The method that was asked.
        what: &'static str,
        /// What it needs.
        needs: &'static str,
    },
    /// The two sides do not have the same number of bins. Count both over the same bins.
    #[error("{what}: {reference} reference bins against {current} current bins")]
    Shape {
        /// The method that was asked.
        what: &'static str,
        /// Bins of the reference.
        reference: usize,
        /// Bins of the current sample.
        current: usize,
    },
    /// A distance was asked of infinite values. Leave them out ([`Sample::finite`](crate::Sample::finite)) or clip them.
    #[error("{what}: {count} infinite values in the {side} sample have no distance; drop or clip them")]
    Infinite {
        /// The method that was asked.
        what: &'static str,
        /// The side that holds them.
        side: Side,
        /// How many there are.
        count: usize,
    },
    /// The result lies beyond the range of `f64`. Rescale the values.
    #[error("{what}: the result exceeds the range of f64; rescale the values")]
    Range {
        /// The method that was asked.
        what: &'static str,
    },
    /// The method is not defined on this kind of column. Choose another one from [`Method::ALL`].
    #[error("{method} is not defined on {kind} columns")]
    NotApplicable {
        /// The method that was asked.
        method: Method,
        /// `numeric` or `categorical`.
        kind: &'static str,
    },
    /// A test of labels was asked of numbers.
    #[error("{what}: this test compares labels, not numbers")]
    NotNumeric {
        /// What was asked.
        what: &'static str,
    },
    /// A test of numbers was asked of labels.
    #[error("{what}: this test compares numbers, not labels")]
    NotCategorical {
        /// What was asked.
        what: &'static str,
    },
    /// A column's type is neither a number, a time, a boolean nor a text. Leave the column out or convert it.
    #[error("columns of type {data_type} are neither numbers nor categories")]
    UnsupportedType {
        /// Arrow's name of the type, cut to 60 characters.
        data_type: Box<str>,
    },
    /// A column is numeric in one place and categorical in another. Mend the pipeline, or convert one side.
    #[error("the column changes from {from} to {to}, and numbers do not compare with categories")]
    TypeChanged {
        /// The first type seen, reference first.
        from: Box<str>,
        /// The type that does not go with it.
        to: Box<str>,
    },
    /// The method has no default threshold, because its values have the unit of the column. Set one for the column.
    #[error("{method} has no default threshold; set one for the column")]
    NoThreshold {
        /// The method that was chosen.
        method: Method,
    },
    /// A column stands more than once in a schema, or only in some of the batches of a side.
    #[error("the {side} batches do not all hold the column exactly once")]
    Ambiguous {
        /// The side where it does not.
        side: Side,
    },
    /// The reference has no batch, so there is no schema to compare. Pass at least one (it may have no row).
    #[error("the reference has no record batch, so it has no columns")]
    NoReference,
    /// A row of an embedding column cannot be used. Mend it or leave it out.
    #[error("row {row} {problem}")]
    Row {
        /// Number of the row, from 0.
        row: u64,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A setting is out of its range.
    #[error("setting {name} is {value}; it must be {rule}")]
    Setting {
        /// Name of the setting.
        name: &'static str,
        /// Its value.
        value: f64,
        /// The range allowed.
        rule: &'static str,
    },
    /// Arrays that belong together, or the cells of a matrix, are not equally many. Pass one value for each row.
    #[error("{what}: {actual} values where {expected} are expected")]
    Rows {
        /// What was given.
        what: &'static str,
        /// How many are expected.
        expected: usize,
        /// How many there are.
        actual: usize,
    },
    /// A value is not what its column is said to hold. Mend the column, or leave the row out.
    #[error("{what} holds {value}; it must be {rule}")]
    Outside {
        /// What holds the value.
        what: &'static str,
        /// The value.
        value: f64,
        /// What it must be.
        rule: &'static str,
    },
    /// A stream of errors holds a number that is neither 0 nor 1. Compare predictions with the truth first.
    #[error("row {row} is {value}; a wrong prediction is 1 or true, a right one 0 or false")]
    NotErrorBit {
        /// The place of the row in the array.
        row: u64,
        /// Its value.
        value: f64,
    },
    /// What was asked goes with another kind of windows. Call what the message names.
    #[error("{windows} windows need {needs}")]
    Windows {
        /// The kind of windows the monitor has.
        windows: &'static str,
        /// What to call instead.
        needs: &'static str,
    },
    /// A saved state, a pane or a reference cannot be taken as it is. Start anew, or bring the reference it was made with.
    #[error("the saved {what} does not fit: {reason}")]
    Saved {
        /// What was to be restored.
        what: &'static str,
        /// Why it cannot be.
        reason: &'static str,
    },
    /// Arrow could not convert an array.
    #[error("converting a column to {to}")]
    Arrow {
        /// What it was to become.
        to: &'static str,
        /// Arrow's own error.
        source: Box<arrow::error::ArrowError>,
    },
    /// Data cannot be split by these columns.
    #[error("splitting into segments: {what}")]
    Segments {
        /// What is wrong with the columns.
        what: String,
    },
    /// A constraint of data quality cannot be meant. Correct it.
    #[error("constraint {name}: {reason}")]
    Constraint {
        /// Its name, cut to a readable length.
        name: Box<str>,
        /// What is wrong with it.
        reason: Box<str>,
    },
    /// A stream of record batches broke off. Mend what it comes from and start anew.
    #[error("reading record batch {at}")]
    Batch {
        /// Number of the batch that could not be read, from 0.
        at: u64,
        /// Arrow's own error.
        source: Box<arrow::error::ArrowError>,
    },
    /// Tables do not hold the same columns, each once. Compare or merge what belongs together.
    #[error("column {column}: {problem}")]
    Columns {
        /// The first column concerned, cut to 60 characters.
        column: Box<str>,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Stored bytes are damaged, or of another format. Retrying will not help.
    #[error("stored {what}: {why}")]
    Malformed {
        /// What was to be read.
        what: &'static str,
        /// What is wrong.
        why: &'static str,
    },
    /// A report could not be written as a statement.
    #[error("writing the report as a statement")]
    Statement {
        /// The underlying error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// Returns what the caller can do about the error.
    ///
    /// ```
    /// use lineal_core::ErrorKind;
    /// let error = lineal_drift::psi_counts(&[1, 2], &[0, 0]).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Invalid);
    /// assert_eq!(error.to_string(), "psi: the current sample holds no value");
    /// ```
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotApplicable { .. }
            | Self::NotNumeric { .. }
            | Self::NotCategorical { .. }
            | Self::UnsupportedType { .. } => ErrorKind::Unsupported,
            Self::Malformed { .. } => ErrorKind::Corrupt,
            Self::Statement { .. } => ErrorKind::Internal,
            _ => ErrorKind::Invalid,
        }
    }
}

/// Cuts a name from outside to a length that a message can bear.
pub(crate) fn excerpt(name: &str) -> Box<str> {
    name.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_small() {
        assert!(size_of::<Error>() <= 128, "{}", size_of::<Error>());
    }

    #[test]
    fn messages_say_what_to_do() {
        let error = Error::Infinite { what: "wasserstein", side: Side::Current, count: 3 };
        insta::assert_snapshot!(error, @"wasserstein: 3 infinite values in the current sample have no distance; drop or clip them");
        let error = Error::NotApplicable { method: Method::Ks, kind: "categorical" };
        insta::assert_snapshot!(error, @"ks is not defined on categorical columns");
    }
}
