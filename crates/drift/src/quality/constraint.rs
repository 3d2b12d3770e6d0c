//! A rule with a name, a severity and a tolerance.

use std::fmt;

use arrow::{array::RecordBatch, error::ArrowError};
use serde::{Deserialize, Serialize};

use super::{
    checker::Checker, infer, inference::InferSettings, inference::Inference, report::QualityReport, rule::Rule,
    settings::CheckSettings,
};
use crate::error::Error;

/// How much a broken constraint matters, in rising order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "more levels would say no more")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Worth a look.
    Warning,
    /// The data must not be used.
    #[default]
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// A rule with a name, a severity and a tolerance.
///
/// ```
/// use lineal_drift::quality::{Constraint, Rule, Severity};
///
/// let constraint = Constraint::new("delays are plausible", Rule::between("dep_delay", -120, 1440))
///     .with_severity(Severity::Warning)
///     .with_tolerance(0.001);
/// let json = r#"{
///     "name": "delays are plausible", "severity": "warning", "tolerance": 0.001,
///     "rule": {"kind": "range", "column": "dep_delay", "min": -120, "max": 1440}
/// }"#;
/// assert_eq!(serde_json::from_str::<Constraint>(json)?, constraint);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Constraint {
    /// Its name, unique among constraints that are checked together.
    pub name: String,
    /// How much it matters; [`Severity::Error`] if not given.
    #[serde(default)]
    pub severity: Severity,
    /// The share of the checked rows that may violate it, 0 to 1; 0 if not given. Rules about the type, the freshness, the rows or
    /// the columns of a table take none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tolerance: f64,
    /// What must hold.
    pub rule: Rule,
}

impl Constraint {
    /// Gives a rule a name; of severity [`Severity::Error`], without tolerance.
    #[must_use]
    pub fn new(name: impl Into<String>, rule: Rule) -> Self {
        Self { name: name.into(), severity: Severity::default(), tolerance: 0.0, rule }
    }

    /// Sets how much it matters.
    #[must_use]
    pub fn with_severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// Sets the share of the checked rows that may violate it, 0 to 1.
    #[must_use]
    pub fn with_tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }
}

fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

/// Constraints that are checked together: plain data, to be reviewed and stored.
///
/// See the [module](super) for an example of a check, and [`Constraints::infer`] for how they come from data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Constraints {
    /// The constraints, in the order of the report.
    pub constraints: Vec<Constraint>,
}

impl Constraints {
    /// Adds a constraint.
    #[must_use]
    pub fn with(mut self, constraint: Constraint) -> Self {
        self.constraints.push(constraint);
        self
    }

    /// Starts a check that takes batches one by one.
    ///
    /// # Errors
    /// [`Error::Constraint`] for a constraint that cannot be meant: no or no unique name, a tolerance outside of 0 to 1 or where there
    /// is none, limits the wrong way round or of no known kind, an empty set, a pattern that does not compile or is too large.
    pub fn checker(&self, settings: &CheckSettings) -> Result<Checker, Error> {
        Checker::new(self, settings)
    }

    /// Checks a table that is in memory; its batches are taken as one table, in their order.
    ///
    /// # Errors
    /// As [`Constraints::checker`]. Whatever the data holds is the status of a constraint.
    pub fn check(&self, batches: &[RecordBatch], settings: &CheckSettings) -> Result<QualityReport, Error> {
        let mut checker = self.checker(settings)?;
        for batch in batches {
            checker.update(batch);
        }
        Ok(checker.finish())
    }

    /// Checks a stream of batches in one pass; each is dropped before the next one is asked for.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use lineal_drift::arrow::array::{Int64Array, RecordBatch};
    /// use lineal_drift::quality::{CheckSettings, Constraint, Constraints, Rule};
    ///
    /// let batch = |from: i64| RecordBatch::try_from_iter([("id", Arc::new(Int64Array::from_iter_values(from..from + 10)) as _)]);
    /// let constraints = Constraints::default().with(Constraint::new("key", Rule::unique(["id"])));
    /// let report = constraints.check_stream([batch(0), batch(10), batch(19)], &CheckSettings::default())?;
    /// let result = report.result("key").expect("one result per constraint");
    /// assert_eq!((result.rows_checked, result.rows_violating), (30, 1));
    /// assert_eq!((result.examples[0].row, result.examples[0].value.as_str()), (20, "19, first in row 19"));
    /// # Ok::<(), lineal_drift::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Constraints::checker`], and [`Error::Batch`] if the stream breaks off.
    pub fn check_stream(
        &self,
        batches: impl IntoIterator<Item = Result<RecordBatch, ArrowError>>,
        settings: &CheckSettings,
    ) -> Result<QualityReport, Error> {
        let mut checker = self.checker(settings)?;
        for (at, batch) in (0_u64..).zip(batches) {
            checker.update(&batch.map_err(|source| Error::Batch { at, source: Box::new(source) })?);
        }
        Ok(checker.finish())
    }

    /// Infers constraints from data that is known to be good, with the evidence for each.
    ///
    /// The reference itself passes all of them. What is inferred of each column: its type; no missing value if none is missing,
    /// otherwise a share with a margin; of numbers the range with a margin (of times, keys and what increases only its lower end); of
    /// booleans, integers and texts the set of values if there are few and they come often; of texts the length if it is always the
    /// same; of integers and texts that none comes twice; of numbers and times that they increase. Of the table: the names of its
    /// columns. These are guesses, so they are warnings; review them. O(rows) per column, in parallel over columns; memory as for a check.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use lineal_drift::arrow::array::{Float64Array, RecordBatch};
    /// use lineal_drift::quality::{CheckSettings, Constraints, InferSettings};
    ///
    /// let batch = |values: Vec<f64>| RecordBatch::try_from_iter([("temp", Arc::new(Float64Array::from(values)) as _)]);
    /// let inference = Constraints::infer(&[batch(vec![10.0, 20.0, 15.0])?], &InferSettings::default())?;
    /// let names: Vec<&str> = inference.constraints.constraints.iter().map(|c| c.name.as_str()).collect();
    /// assert_eq!(names, ["columns", "temp.type", "temp.not_null", "temp.range"]);
    /// assert_eq!(inference.evidence[3].observed, "from 10.0 to 20.0");
    /// let report = inference.constraints.check(&[batch(vec![12.0, 99.0])?], &CheckSettings::default())?;
    /// assert_eq!(report.failed().map(|r| r.name.as_str()).collect::<Vec<_>>(), ["temp.range"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NoReference`] without any batch, [`Error::Setting`] for a setting out of its range.
    pub fn infer(reference: &[RecordBatch], settings: &InferSettings) -> Result<Inference, Error> {
        infer::infer(reference.iter().map(|batch| Ok(batch.clone())), settings)
    }

    /// Infers constraints from a stream of batches in one pass; see [`Constraints::infer`].
    ///
    /// # Errors
    /// As [`Constraints::infer`], and [`Error::Batch`] if the stream breaks off.
    pub fn infer_stream(
        reference: impl IntoIterator<Item = Result<RecordBatch, ArrowError>>,
        settings: &InferSettings,
    ) -> Result<Inference, Error> {
        infer::infer(reference.into_iter(), settings)
    }
}
