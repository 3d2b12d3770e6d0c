//! What a comparison of many columns found: plain data, made to be stored.

use serde::{Deserialize, Serialize};

use crate::distribution::{Distribution, NumericSummary, QuantileShift};
use crate::error::Side;
use crate::method::{DecidesOn, Score};
use crate::multiple_testing::Correction;
use crate::settings::ColumnKind;

/// Holds one [`ColumnReport`] per column, in the order of the reference's schema.
///
/// Every number in it is finite. Made by [`DataDrift::compare`](crate::DataDrift::compare).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DataDriftReport {
    /// Version of the schema of its JSON, `docs/format/drift-report.schema.json`: [`DataDriftReport::VERSION`].
    #[serde(default = "DataDriftReport::first_version")]
    pub version: u32,
    /// Rows of the reference.
    pub reference_rows: u64,
    /// Rows of the current data.
    pub current_rows: u64,
    /// How p-values that decide were adjusted for their number.
    pub correction: Correction,
    /// The columns.
    pub columns: Vec<ColumnReport>,
}

impl DataDriftReport {
    /// The version written. Readers of it take further fields; one that goes, or means something else, makes a new version.
    pub const VERSION: u32 = 1;

    fn first_version() -> u32 {
        1
    }

    /// Returns the columns whose distribution drifted.
    pub fn drifted(&self) -> impl Iterator<Item = &ColumnReport> {
        self.columns.iter().filter(|c| c.drifted())
    }

    /// Returns the columns whose missing share changed by more than its threshold.
    pub fn missing_shifted(&self) -> impl Iterator<Item = &ColumnReport> {
        self.columns.iter().filter(|c| c.missing.as_ref().is_some_and(|m| m.shifted))
    }

    /// Returns how many columns were compared: those that are neither skipped nor failed.
    #[must_use]
    pub fn compared(&self) -> usize {
        self.columns.iter().filter(|c| c.status == ColumnStatus::Ok).count()
    }

    /// Returns the report of a column.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&ColumnReport> {
        self.columns.iter().find(|c| c.name == name)
    }
}

/// What was found in one column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ColumnReport {
    /// Name of the column.
    pub name: String,
    /// Whether it could be compared.
    pub status: ColumnStatus,
    /// The comparison; present exactly if the status is [`ColumnStatus::Ok`].
    pub finding: Option<Finding>,
    /// Missing values on both sides, also for columns without any value; `None` if a side has no row or the column is not readable.
    pub missing: Option<MissingShift>,
}

impl ColumnReport {
    /// Returns whether the distribution drifted; a column that was not compared has not.
    #[must_use]
    pub fn drifted(&self) -> bool {
        self.finding.as_ref().is_some_and(|f| f.drifted)
    }
}

/// Whether a column could be compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ColumnStatus {
    /// It was compared.
    Ok,
    /// There was nothing to compare.
    Skipped {
        /// Why.
        reason: SkipReason,
    },
    /// It could not be compared although there were values on both sides.
    Failed {
        /// The error and its causes.
        reason: String,
    },
}

/// Why there was nothing to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", content = "side", rename_all = "snake_case")]
#[non_exhaustive]
pub enum SkipReason {
    /// A side has no row.
    NoRows(Side),
    /// Every value of a side is missing or infinite.
    NoValues(Side),
    /// A side does not have the column.
    NoColumn(Side),
    /// The type is neither a number, a time, a boolean nor a text.
    UnsupportedType,
}

impl std::fmt::Display for SkipReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoRows(side) => write!(f, "the {side} data has no row"),
            Self::NoValues(side) => {
                write!(f, "every value of the {side} data is missing or infinite")
            }
            Self::NoColumn(side) => write!(f, "the {side} data does not have the column"),
            Self::UnsupportedType => f.write_str("its type is neither number, time, boolean nor text"),
        }
    }
}

/// One column compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Finding {
    /// Numbers or labels.
    pub kind: ColumnKind,
    /// The score that decides, with method, sizes and bins.
    pub score: Score,
    /// What the method computes.
    pub definition: String,
    /// What the threshold is held against, and on which side of it drift lies.
    pub decides_on: DecidesOn,
    /// The p-value adjusted for the number of columns that p-values decide, by the rule of the report; `None` if the value decides.
    pub adjusted_p: Option<f64>,
    /// The threshold.
    pub threshold: f64,
    /// Whether the score lies beyond the threshold.
    pub drifted: bool,
    /// A significance test beside the score (Kolmogorov-Smirnov or chi-square), with its effect size; it decides nothing.
    pub test: Option<Score>,
    /// Infinite values of the reference, left out of everything else.
    pub infinite_reference: u64,
    /// Infinite values of the current data, left out of everything else.
    pub infinite_current: u64,
    /// Labels that came or went; categorical columns only.
    pub labels: Option<LabelShift>,
    /// Summary of the reference; numeric columns only.
    pub summary_reference: Option<NumericSummary>,
    /// Summary of the current data; numeric columns only.
    pub summary_current: Option<NumericSummary>,
    /// Quantiles of both sides; numeric columns only.
    #[serde(default)]
    pub quantile_shift: Option<QuantileShift>,
    /// Both distributions, for a picture.
    pub distribution: Distribution,
}

/// How the share of missing values changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MissingShift {
    /// Missing rows of the reference (null, or NaN).
    pub reference: u64,
    /// Missing rows of the current data.
    pub current: u64,
    /// Missing share of the reference, 0 to 1.
    pub reference_fraction: f64,
    /// Missing share of the current data, 0 to 1.
    pub current_fraction: f64,
    /// The absolute change of the share that is a signal.
    pub threshold: f64,
    /// Whether the share changed by more than the threshold.
    pub shifted: bool,
}

/// Labels that came or went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LabelShift {
    /// How many labels only the current data holds.
    pub appeared: u64,
    /// Share of the current values that hold such a label, 0 to 1.
    pub appeared_fraction: f64,
    /// The most frequent of them.
    pub appeared_top: Vec<LabelRows>,
    /// How many labels only the reference holds.
    pub vanished: u64,
    /// Share of the reference's values that held such a label, 0 to 1.
    pub vanished_fraction: f64,
    /// The most frequent of them.
    pub vanished_top: Vec<LabelRows>,
}

/// A label and how many rows hold it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LabelRows {
    /// The label.
    pub label: String,
    /// Rows that hold it.
    pub rows: u64,
}
