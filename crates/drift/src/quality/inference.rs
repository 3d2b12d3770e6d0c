//! What was inferred from a reference, and why: plain data, made to be reviewed.

use serde::{Deserialize, Serialize};

use super::constraint::{Constraints, Severity};
use crate::error::Error;

/// Says how much evidence inference wants and how much room it leaves.
///
/// ```
/// use lineal_drift::quality::InferSettings;
///
/// let settings = InferSettings::default().with_range_margin(0.5).with_min_rows(1000);
/// assert_eq!(settings.few_distinct, 20);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct InferSettings {
    /// What a range has to spare at each end, as a share of its width; 0.1 by default. A lower end that is
    /// not negative stays so.
    pub range_margin: f64,
    /// By how much the share of missing values may rise where some are missing, 0 to 1; 0.05 by default.
    pub missing_margin: f64,
    /// Up to so many distinct values make a set, if each comes ten times on average; 20 by default.
    pub few_distinct: usize,
    /// Values that sets, lengths, uniqueness and order need as evidence; 100 by default.
    pub min_rows: u64,
    /// Distinct keys per column that are remembered to see whether one comes twice; 5,000,000 by default, as in a check.
    pub max_keys: usize,
    /// Severity of what is inferred; [`Severity::Warning`] by default.
    pub severity: Severity,
}

impl Default for InferSettings {
    fn default() -> Self {
        Self {
            range_margin: 0.1,
            missing_margin: 0.05,
            few_distinct: 20,
            min_rows: 100,
            max_keys: 5_000_000,
            severity: Severity::Warning,
        }
    }
}

impl InferSettings {
    /// Sets what a range has to spare at each end, as a share of its width.
    #[must_use]
    pub fn with_range_margin(mut self, share: f64) -> Self {
        self.range_margin = share;
        self
    }

    /// Sets by how much the share of missing values may rise.
    #[must_use]
    pub fn with_missing_margin(mut self, share: f64) -> Self {
        self.missing_margin = share;
        self
    }

    /// Sets how many distinct values make a set at most; 0 for no sets.
    #[must_use]
    pub fn with_few_distinct(mut self, few: usize) -> Self {
        self.few_distinct = few;
        self
    }

    /// Sets how many values sets, lengths, uniqueness and order need as evidence.
    #[must_use]
    pub fn with_min_rows(mut self, rows: u64) -> Self {
        self.min_rows = rows;
        self
    }

    /// Sets how many distinct keys per column are remembered.
    #[must_use]
    pub fn with_max_keys(mut self, keys: usize) -> Self {
        self.max_keys = keys;
        self
    }

    /// Sets the severity of what is inferred.
    #[must_use]
    pub fn with_severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        let (range, missing) = (self.range_margin, self.missing_margin);
        if !(range.is_finite() && range >= 0.0) {
            return Err(Error::Setting { name: "range_margin", value: range, rule: "finite and not negative" });
        }
        if !(0.0..=1.0).contains(&missing) {
            return Err(Error::Setting { name: "missing_margin", value: missing, rule: "from 0 to 1" });
        }
        Ok(())
    }
}

/// Constraints inferred from a reference, which passes all of them, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Inference {
    /// Rows of the reference.
    pub rows: u64,
    /// What was inferred.
    pub constraints: Constraints,
    /// Why: one entry per constraint, in the same order.
    pub evidence: Vec<Evidence>,
    /// What was not inferred although one might expect it.
    pub left_out: Vec<LeftOut>,
}

/// Why a constraint was inferred.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Evidence {
    /// Name of the constraint.
    pub constraint: String,
    /// Rows or values that were looked at.
    pub rows: u64,
    /// What they were like, in words.
    pub observed: String,
}

/// A column, or a rule for it, that was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct LeftOut {
    /// The column.
    pub column: String,
    /// Why, in words.
    pub reason: String,
}
