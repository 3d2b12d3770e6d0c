//! A report as evidence: a statement of kind drift, with numbers as canonical JSON carries them.

use lineal_core::{Actor, EvidenceKind, Real, Statement, Subject, Timestamp};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::method::{DecidesOn, Method, Score};
use crate::multiple_testing::Correction;
use crate::report::{ColumnReport, ColumnStatus, DataDriftReport, Finding};

impl DataDriftReport {
    /// States the report about `subjects`: the data compared, and the model it concerns.
    ///
    /// The predicate is a [`DriftPredicate`]: what was decided, on which numbers, by which definition. Pictures and summaries stay in
    /// the report. Equal reports give equal predicates, byte for byte.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use arrow::array::{Int32Array, RecordBatch};
    /// use lineal_core::{Actor, Digest, Subject, Timestamp};
    /// use lineal_drift::{DataDrift, DataDriftSettings, DriftPredicate};
    ///
    /// let batch = RecordBatch::try_from_iter([("seats", Arc::new(Int32Array::from(vec![1, 2, 3])) as _)])?;
    /// let report = DataDrift::new(DataDriftSettings::default())?.compare(&[batch.clone()], &[batch])?;
    /// let window = Subject::new("flights, July", Digest::of(b"the data"));
    /// let statement = report.to_statement(Actor::new("monitor")?, Timestamp::EPOCH, vec![window])?;
    /// let predicate: DriftPredicate = statement.predicate_as()?;
    /// assert!(predicate.drifted.is_empty() && predicate.compared == 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Statement`] if a subject breaks a rule of [`Statement::new`]: correct it.
    pub fn to_statement(&self, by: Actor, at: Timestamp, subjects: Vec<Subject>) -> Result<Statement, Error> {
        Statement::new(EvidenceKind::Drift, subjects, &DriftPredicate::from(self), by, at)
            .map_err(|source| Error::Statement { source: Box::new(source) })
    }
}

/// What a statement of kind drift claims; read it with [`Statement::predicate_as`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DriftPredicate {
    /// Rows of the reference.
    pub reference_rows: u64,
    /// Rows of the current data.
    pub current_rows: u64,
    /// How p-values that decide were adjusted for their number; not at all before this was written down.
    #[serde(default = "not_adjusted")]
    pub correction: Correction,
    /// How many columns were compared.
    pub compared: u64,
    /// Names of the columns whose distribution drifted.
    pub drifted: Vec<String>,
    /// Names of the columns whose missing share shifted.
    pub missing_shifted: Vec<String>,
    /// Every column, in the order of the report.
    pub columns: Vec<ColumnClaim>,
}

/// What is claimed of one column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ColumnClaim {
    /// Name of the column.
    pub name: String,
    /// Whether it was compared.
    pub status: ColumnStatus,
    /// Whether its distribution drifted.
    pub drifted: bool,
    /// The deciding score.
    pub score: Option<ScoreClaim>,
    /// What the deciding method computes.
    pub definition: Option<String>,
    /// The threshold held against it.
    pub threshold: Option<Real>,
    /// The p-value that decides, adjusted.
    #[serde(default)]
    pub adjusted_p: Option<Real>,
    /// What the threshold is held against, and on which side of it drift lies.
    pub decides_on: Option<DecidesOn>,
    /// The significance test beside it.
    pub test: Option<ScoreClaim>,
    /// Missing share of the reference, 0 to 1.
    pub missing_reference: Option<Real>,
    /// Missing share of the current data, 0 to 1.
    pub missing_current: Option<Real>,
}

/// A [`Score`] as canonical JSON carries it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ScoreClaim {
    /// The method.
    pub method: Method,
    /// The statistic or distance.
    pub value: Real,
    /// The p-value, of tests.
    pub p_value: Option<Real>,
    /// The effect size.
    pub effect: Option<Real>,
    /// Values of the reference that were used.
    pub n_reference: u64,
    /// Values of the current data that were used.
    pub n_current: u64,
    /// Bins or labels compared.
    pub bins: Option<u64>,
}

fn not_adjusted() -> Correction {
    Correction::None
}

impl From<&DataDriftReport> for DriftPredicate {
    fn from(report: &DataDriftReport) -> Self {
        Self {
            reference_rows: report.reference_rows,
            current_rows: report.current_rows,
            correction: report.correction,
            compared: report.compared() as u64,
            drifted: report.drifted().map(|c| c.name.clone()).collect(),
            missing_shifted: report.missing_shifted().map(|c| c.name.clone()).collect(),
            columns: report.columns.iter().map(ColumnClaim::from).collect(),
        }
    }
}

impl From<&ColumnReport> for ColumnClaim {
    fn from(column: &ColumnReport) -> Self {
        let finding: Option<&Finding> = column.finding.as_ref();
        Self {
            name: column.name.clone(),
            status: column.status.clone(),
            drifted: column.drifted(),
            score: finding.map(|f| ScoreClaim::from(&f.score)),
            definition: finding.map(|f| f.definition.clone()),
            threshold: finding.map(|f| f.threshold.into()),
            adjusted_p: finding.and_then(|f| f.adjusted_p).map(Real::from),
            decides_on: finding.map(|f| f.decides_on),
            test: finding.and_then(|f| f.test.as_ref()).map(ScoreClaim::from),
            missing_reference: column.missing.as_ref().map(|m| m.reference_fraction.into()),
            missing_current: column.missing.as_ref().map(|m| m.current_fraction.into()),
        }
    }
}

impl From<&Score> for ScoreClaim {
    fn from(score: &Score) -> Self {
        Self {
            method: score.method,
            value: score.value.into(),
            p_value: score.p_value.map(Real::from),
            effect: score.effect.map(Real::from),
            n_reference: score.n_reference,
            n_current: score.n_current,
            bins: score.bins,
        }
    }
}
