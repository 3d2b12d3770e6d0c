//! Thresholds of a comparison, learnt from windows of the reference.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;

use crate::band::Band;
use crate::data_drift::DataDrift;
use crate::error::Error;
use crate::report::Finding;
use crate::settings::{ColumnSettings, DataDriftSettings};

impl DataDrift {
    /// Learns the threshold of each column from windows of the reference: what is usual there is no drift.
    ///
    /// Each window is compared with all others together (never with itself, which would make thresholds too tight), and the threshold is the
    /// mean of these scores plus `deviations` (commonly 3) of their standard deviations. So a threshold knows how many rows a window has and how much the
    /// column wanders between windows: take windows as long as those to be judged. Returns the settings of `self` with method, kind and
    /// threshold set for each column that was compared in every window. Three deviations are a custom and no rate of false alarms: of quiet
    /// windows of 30 uniform values some 4 % lay beyond a threshold from 24 windows, as small distances are skewed. Columns that a p-value decides keep their level, and columns
    /// that have a threshold of their own keep it. Costs a comparison for each window.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use arrow::array::{Float64Array, RecordBatch};
    /// use lineal_drift::{DataDrift, DataDriftSettings};
    ///
    /// // The level wanders from week to week.
    /// let week = |level: f64| {
    ///     let values = Float64Array::from_iter_values((0..100).map(|i| f64::from(i) + level));
    ///     RecordBatch::try_from_iter([("load", Arc::new(values) as _)]).map(|batch| vec![batch])
    /// };
    /// let weeks = [week(0.0)?, week(12.0)?, week(5.0)?, week(16.0)?];
    /// let drift = DataDrift::new(DataDriftSettings::default())?;
    /// let learnt = DataDrift::new(drift.learn(&weeks, 3.0)?)?;
    /// let reference: Vec<RecordBatch> = weeks.iter().flatten().cloned().collect();
    /// let drifted = |drift: &DataDrift, level| drift.compare(&reference, &week(level)?).map(|report| report.drifted().count()).map_err(Box::from);
    /// let counts: Result<Vec<usize>, Box<dyn std::error::Error>> = [drifted(&drift, 14.0), drifted(&learnt, 14.0), drifted(&learnt, 90.0)].into_iter().collect();
    /// assert_eq!(counts?, [1, 0, 1]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::TooFew`] for fewer than three windows; [`Error::Setting`] for a number of deviations that is negative or not finite;
    /// otherwise as [`DataDrift::compare`].
    pub fn learn(&self, windows: &[Vec<RecordBatch>], deviations: f64) -> Result<DataDriftSettings, Error> {
        if windows.len() < 3 {
            return Err(Error::TooFew { what: "learning thresholds", needs: "three windows of the reference or more" });
        }
        let mut found: BTreeMap<String, Vec<Finding>> = BTreeMap::new();
        for (at, window) in windows.iter().enumerate() {
            let others: Vec<RecordBatch> =
                windows.iter().enumerate().filter(|(other, _)| *other != at).flat_map(|(_, w)| w).cloned().collect();
            for column in self.compare(&others, window)?.columns {
                if let Some(finding) = column.finding {
                    found.entry(column.name).or_default().push(finding);
                }
            }
        }
        let mut settings = self.settings().clone();
        for (name, findings) in found.into_iter().filter(|(_, findings)| findings.len() == windows.len()) {
            let own = settings.column(&name);
            if let Some(learnt) = learnt(&own, &findings, deviations)? {
                settings = settings.with_column(name, learnt);
            }
        }
        Ok(settings)
    }
}

/// Returns the settings of a column with its threshold, if there is one to learn.
fn learnt(own: &ColumnSettings, findings: &[Finding], deviations: f64) -> Result<Option<ColumnSettings>, Error> {
    let Some(first) = findings.first() else {
        return Ok(None);
    };
    let (kind, method) = (first.kind, first.score.method);
    // A method that changes from window to window has no threshold in common.
    let one_method = findings.iter().all(|finding| (finding.kind, finding.score.method) == (kind, method));
    if own.threshold.is_some() || first.decides_on.p_value() || !one_method {
        return Ok(None);
    }
    let values: Vec<f64> = findings.iter().map(|finding| finding.score.value).collect();
    let threshold = Band::learn(&values, deviations)?.upper.map(|upper| upper.max(0.0));
    Ok(threshold.map(|threshold| own.clone().with_kind(kind).with_method(method).with_threshold(threshold)))
}
