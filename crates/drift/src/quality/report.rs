//! What a check found: plain data, made to be stored.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{constraint::Severity, tally::shortened};

/// Holds one [`ConstraintResult`] per constraint, in their order. `Display` writes a line for each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct QualityReport {
    /// Rows of the table.
    pub rows: u64,
    /// Batches it came in.
    pub batches: u64,
    /// The results.
    pub results: Vec<ConstraintResult>,
}

impl QualityReport {
    /// Says whether the data may be used: every constraint of severity [`Severity::Error`] passed, or had nothing to look at.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.worst() != Some(Severity::Error)
    }

    /// Returns the results that did not pass although there was something to look at: failed, or could not be told.
    pub fn failed(&self) -> impl Iterator<Item = &ConstraintResult> {
        self.results.iter().filter(|result| result.status.is_bad())
    }

    /// Returns the greatest severity among them, `None` if there are none.
    #[must_use]
    pub fn worst(&self) -> Option<Severity> {
        self.failed().map(|result| result.severity).max()
    }

    /// Returns the result of a constraint.
    #[must_use]
    pub fn result(&self, name: &str) -> Option<&ConstraintResult> {
        self.results.iter().find(|result| result.name == name)
    }
}

impl fmt::Display for QualityReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, result) in self.results.iter().enumerate() {
            write!(f, "{}{result}", if at == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

/// What was found of one constraint. `Display` writes one line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ConstraintResult {
    /// Name of the constraint.
    pub name: String,
    /// How much it matters.
    pub severity: Severity,
    /// What must hold, in words.
    pub rule: String,
    /// Whether it does.
    pub status: ConstraintStatus,
    /// What was found, in words; cut to a readable length.
    pub message: String,
    /// Rows that were looked at; those with a missing value only where the rule is about them.
    pub rows_checked: u64,
    /// Rows among them that violate the rule. Where keys beyond a bound were not remembered, at least so many.
    pub rows_violating: u64,
    /// Their share, 0 to 1; `None` if no row was checked.
    pub violating_fraction: Option<f64>,
    /// The first violations.
    pub examples: Vec<Example>,
}

impl fmt::Display for ConstraintResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = shortened(&self.name);
        write!(f, "{:<6} {} {name}: {}; {}", self.status.word(), self.severity, self.rule, self.message)
    }
}

/// A row that violates a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Example {
    /// The row, counted from 0 over all batches.
    pub row: u64,
    /// The value, in words and cut to a readable length.
    pub value: String,
}

/// How a constraint came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ConstraintStatus {
    /// It holds.
    Passed,
    /// It does not.
    Failed,
    /// There was nothing to look at.
    NotApplicable {
        /// Why.
        reason: NotApplicableReason,
    },
    /// It cannot be told. Never lets data pass.
    Error {
        /// Why.
        reason: UncheckedReason,
    },
}

impl ConstraintStatus {
    fn is_bad(&self) -> bool {
        matches!(self, Self::Failed | Self::Error { .. })
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "FAILED",
            Self::NotApplicable { .. } => "n/a",
            Self::Error { .. } => "ERROR",
        }
    }
}

/// Why there was nothing to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NotApplicableReason {
    /// There is no batch, so nothing is known of the columns.
    NoBatches,
    /// The table has no row.
    NoRows,
    /// There are rows, but every value is missing.
    NoValues,
}

impl fmt::Display for NotApplicableReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoBatches => "there is no batch",
            Self::NoRows => "there is no row",
            Self::NoValues => "every value is missing",
        })
    }
}

/// Why it could not be told whether a constraint holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum UncheckedReason {
    /// A batch does not have the column.
    NoColumn {
        /// Its name.
        column: String,
    },
    /// A batch has the column more than once.
    Ambiguous {
        /// Its name.
        column: String,
    },
    /// The rule is not defined on the type of the column.
    UnsupportedType {
        /// The column.
        column: String,
        /// Arrow's name of its type, cut to 60 characters.
        data_type: String,
    },
    /// Two things do not compare: the values of two columns, of a column and of the rule, or of a column before and after its type changed.
    Incomparable {
        /// What one side holds.
        left: String,
        /// What the other side holds.
        right: String,
    },
    /// There are more distinct keys than the bound on memory allows, and none of those remembered was found twice.
    TooManyKeys {
        /// The bound.
        max_keys: u64,
    },
    /// Freshness was asked for, but no time was given to measure it against.
    NoNow,
    /// This build lacks a cargo feature.
    NeedsFeature {
        /// The feature.
        feature: String,
    },
    /// Arrow could not convert the column.
    Arrow {
        /// Its message, cut to a readable length.
        message: String,
    },
}

impl fmt::Display for UncheckedReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoColumn { column } => write!(f, "there is no column {column}"),
            Self::Ambiguous { column } => write!(f, "there is more than one column {column}"),
            Self::UnsupportedType { column, data_type } => write!(f, "{column} is of type {data_type}"),
            Self::Incomparable { left, right } => write!(f, "{left} values do not compare with {right} values"),
            Self::TooManyKeys { max_keys } => write!(f, "there are more than {max_keys} distinct keys"),
            Self::NoNow => f.write_str("no time was given to measure freshness against"),
            Self::NeedsFeature { feature } => write!(f, "this build lacks the cargo feature {feature}"),
            Self::Arrow { message } => f.write_str(message),
        }
    }
}
