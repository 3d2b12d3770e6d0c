//! A window as evidence: a statement of kind drift.

use lineal_core::{Actor, EvidenceKind, Statement, Subject, Timestamp};
use serde::{Deserialize, Serialize};

use super::policy::Severity;
use super::report::{FeatureWindow, Finding, Judgement, Phase, Signal, WindowReport};
use crate::error::{Error, Side};
use crate::method::DecidesOn;
use crate::multiple_testing::Correction;
use crate::report::{ColumnStatus, SkipReason};
use crate::statement::{ColumnClaim, DriftPredicate, ScoreClaim};

impl WindowReport {
    /// States the window about `subjects`: the data it holds if they have a digest, and the model it concerns.
    ///
    /// The predicate is a [`WindowPredicate`], and reads as a [`DriftPredicate`], too: whoever takes reports over tables takes windows.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use arrow::array::{Float64Array, RecordBatch};
    /// # use lineal_drift::monitor::{Monitor, MonitorReference, MonitorSettings, Windows};
    /// use lineal_core::{Actor, Digest, Subject, Timestamp};
    /// use lineal_drift::{DriftPredicate, monitor::WindowPredicate};
    /// # let temp = Float64Array::from_iter_values((0..1000).map(f64::from));
    /// # let batch = RecordBatch::try_from_iter([("temp", Arc::new(temp) as _)])?;
    /// # let reference = MonitorReference::build(&[batch.clone()], &Default::default())?;
    /// # let mut monitor = Monitor::new(reference, Windows::of_chunks(), MonitorSettings::default())?;
    /// # monitor.recorder().record_batch(&batch)?;
    /// let report = &monitor.close()?[0];
    /// let model = Subject::new("late15", Digest::of(b"weights"));
    /// let statement = report.to_statement(Actor::new("monitor")?, Timestamp::EPOCH, vec![model])?;
    /// assert!(statement.predicate_as::<WindowPredicate>()?.findings.is_empty());
    /// assert_eq!(statement.predicate_as::<DriftPredicate>()?.compared, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Statement`] if a subject breaks a rule of [`Statement::new`]: correct it.
    pub fn to_statement(&self, by: Actor, at: Timestamp, subjects: Vec<Subject>) -> Result<Statement, Error> {
        Statement::new(EvidenceKind::Drift, subjects, &WindowPredicate::from(self), by, at)
            .map_err(|source| Error::Statement { source: Box::new(source) })
    }
}

/// What a statement about a window claims: a [`DriftPredicate`] with bounds and findings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WindowPredicate {
    /// Number of the first pane, as text.
    pub first_pane: String,
    /// Number of the last pane, as text.
    pub last_pane: String,
    /// The first microsecond, as text; only of windows of time.
    pub starts_at_us: Option<String>,
    /// The first microsecond behind it, as text; only of windows of time.
    pub ends_at_us: Option<String>,
    /// What was raised, goes on, or was cleared.
    pub findings: Vec<FindingClaim>,
    /// Features as columns.
    #[serde(flatten)]
    pub drift: DriftPredicate,
}

/// What is claimed of one finding; its numbers are those of its column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FindingClaim {
    /// Name of the feature.
    pub feature: String,
    /// What it is about.
    pub signal: Signal,
    /// What happened to it.
    pub phase: Phase,
    /// How grave it is.
    pub severity: Severity,
    /// The numbers behind it, in a sentence.
    pub why: String,
}

impl From<&WindowReport> for WindowPredicate {
    fn from(report: &WindowReport) -> Self {
        let names = |features: &mut dyn Iterator<Item = &FeatureWindow>| features.map(|f| f.name.clone()).collect();
        Self {
            first_pane: report.window.first_pane.to_string(),
            last_pane: report.window.last_pane.to_string(),
            starts_at_us: report.window.starts_at_us.map(|us| us.to_string()),
            ends_at_us: report.window.ends_at_us.map(|us| us.to_string()),
            findings: report.findings.iter().map(FindingClaim::from).collect(),
            drift: DriftPredicate {
                reference_rows: report.reference_rows,
                current_rows: report.rows,
                correction: Correction::None,
                compared: report.features.iter().filter(|feature| feature.distribution.is_some()).count() as u64,
                drifted: names(&mut report.drifted()),
                missing_shifted: names(&mut report.missing_shifted()),
                columns: report.features.iter().map(ColumnClaim::from).collect(),
            },
        }
    }
}

impl From<&Finding> for FindingClaim {
    fn from(finding: &Finding) -> Self {
        Self {
            feature: finding.feature.clone(),
            signal: finding.signal,
            phase: finding.phase,
            severity: finding.severity,
            why: finding.why.clone(),
        }
    }
}

impl From<&FeatureWindow> for ColumnClaim {
    fn from(feature: &FeatureWindow) -> Self {
        let skipped = match feature.reference_values {
            0 => SkipReason::NoValues(Side::Reference),
            _ => SkipReason::NoValues(Side::Current),
        };
        let judged = feature.distribution.as_ref();
        let score = |judgement: &Judgement| ScoreClaim {
            method: judgement.method,
            value: judgement.score.into(),
            p_value: None,
            effect: Some(judgement.score.into()),
            n_reference: feature.reference_values,
            n_current: feature.values,
            bins: None,
        };
        Self {
            name: feature.name.clone(),
            status: judged.map_or(ColumnStatus::Skipped { reason: skipped }, |_| ColumnStatus::Ok),
            drifted: judged.is_some_and(|judgement| judgement.beyond),
            score: judged.map(score),
            definition: judged.map(|judgement| {
                format!("{}; over the cells of the monitor's reference", judgement.method.spec().title)
            }),
            threshold: judged.map(|judgement| judgement.threshold.into()),
            adjusted_p: None,
            decides_on: judged.map(|_| DecidesOn::ValueAbove),
            test: None,
            missing_reference: Some(feature.reference_missing_fraction.into()),
            missing_current: Some(feature.missing_fraction.into()),
        }
    }
}
