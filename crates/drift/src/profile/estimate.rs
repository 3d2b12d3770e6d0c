//! What a comparison of profiles found.

use serde::{Deserialize, Serialize};

use crate::method::Method;
use crate::report::ColumnStatus;

/// A distance of two columns of which at least one is known from a profile only, with the bounds of the exact distance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DriftEstimate {
    /// What was measured; in the unit and range of its [`MethodSpec`](crate::MethodSpec).
    pub method: Method,
    /// The distance of what the profiles hold.
    pub value: f64,
    /// The exact distance is at least this.
    pub lower: f64,
    /// The exact distance is at most this.
    pub upper: f64,
    /// For Kolmogorov-Smirnov the p-value of `lower` by the limit law: the greatest one that the bounds leave open.
    pub p_value: Option<f64>,
    /// Over how many bins or labels, if over any.
    pub bins: Option<usize>,
}

/// The drift of one column.
///
/// Bounds that come from a quantile sketch hold in 99 of 100 cases for one comparison; all others always.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ColumnDrift {
    /// The distances, each method once.
    pub estimates: Vec<DriftEstimate>,
    /// Edges of the bins of numbers, (edge, next edge] with open ends: the deciles of the reference. Empty for labels.
    pub edges: Vec<f64>,
    /// Share of the reference that is null or NaN.
    pub reference_missing_fraction: f64,
    /// Share of the current rows that are null or NaN.
    pub current_missing_fraction: f64,
}

impl ColumnDrift {
    /// Returns the estimate of a method, if it was measured.
    #[must_use]
    pub fn estimate(&self, method: Method) -> Option<&DriftEstimate> {
        self.estimates.iter().find(|estimate| estimate.method == method)
    }
}

/// The drift of all columns of a table, in the order of the reference, then those that only the current profile holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TableDrift {
    /// Rows of the reference.
    pub reference_rows: u64,
    /// Current rows.
    pub current_rows: u64,
    /// The columns.
    pub columns: Vec<NamedDrift>,
}

/// One column of a [`TableDrift`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NamedDrift {
    /// Name of the column.
    pub name: String,
    /// Whether it could be compared.
    pub status: ColumnStatus,
    /// What was found; present exactly if the status is [`ColumnStatus::Ok`].
    pub drift: Option<ColumnDrift>,
}

impl TableDrift {
    /// Returns what was found in a column.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&NamedDrift> {
        self.columns.iter().find(|column| column.name == name)
    }
}
