//! Compares many columns of two sets of record batches.

use std::collections::BTreeSet;

use arrow::array::{Array, RecordBatch};
use arrow::error::ArrowError;
use rayon::prelude::*;

use crate::column::{self, ColumnArrays};
use crate::error::{Error, Side};
use crate::multiple_testing::Correction;
use crate::report::{ColumnReport, DataDriftReport, Finding, SkipReason};
use crate::settings::DataDriftSettings;

/// Compares the columns of current data with those of a reference.
///
/// Numbers are compared by normed Wasserstein distance, labels (and numbers with few distinct values) by Jensen-Shannon distance, both
/// drifting above 0.1 unless settings say otherwise; beside them stand a significance test with its effect size, the share of missing
/// values and the labels that came or went. Where a p-value decides, it is adjusted for the number of such columns
/// ([`DataDriftSettings::correction`]). One bad column never spoils the report: each has its own
/// [`ColumnStatus`](crate::ColumnStatus). Columns run in parallel on rayon's current pool; the result is the same, bit for bit, on any
/// number of threads. O(n log n) time and one copy of the values per column that is being compared.
///
/// ```
/// use std::sync::Arc;
/// use arrow::array::{Float64Array, RecordBatch, StringArray};
/// use lineal_drift::{DataDrift, DataDriftSettings};
///
/// let batch = |shift: f64, carrier: &str| {
///     let temp = Float64Array::from_iter_values((0..100).map(|i| f64::from(i) + shift));
///     let carrier = StringArray::from_iter_values((0..100).map(|_| carrier));
///     RecordBatch::try_from_iter([("temp", Arc::new(temp) as _), ("carrier", Arc::new(carrier) as _)])
/// };
/// let report = DataDrift::new(DataDriftSettings::default())?.compare(&[batch(0.0, "UA")?], &[batch(30.0, "UA")?])?;
/// let drifted: Vec<_> = report.drifted().map(|c| c.name.as_str()).collect();
/// assert_eq!(drifted, ["temp"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct DataDrift {
    settings: DataDriftSettings,
}

impl DataDrift {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`Error::Setting`] for a threshold out of range, [`Error::NotApplicable`] for a default method of the wrong kind.
    pub fn new(settings: DataDriftSettings) -> Result<Self, Error> {
        settings.check()?;
        Ok(Self { settings })
    }

    /// Returns the settings.
    #[must_use]
    pub fn settings(&self) -> &DataDriftSettings {
        &self.settings
    }

    /// Compares every selected column; the reference's columns in their order, then those that only the current data holds.
    ///
    /// # Errors
    /// [`Error::NoReference`] without any reference batch. Everything else is the status of a column.
    pub fn compare(&self, reference: &[RecordBatch], current: &[RecordBatch]) -> Result<DataDriftReport, Error> {
        if reference.is_empty() {
            return Err(Error::NoReference);
        }
        let names = self.selected_names(reference, current);
        let mut columns: Vec<ColumnReport> =
            names.par_iter().map(|name| self.compare_column(name, reference, current)).collect();
        adjust(&mut columns, self.settings.correction);
        Ok(DataDriftReport {
            version: DataDriftReport::VERSION,
            reference_rows: rows(reference),
            current_rows: rows(current),
            correction: self.settings.correction,
            columns,
        })
    }

    /// Compares two streams of batches, as a Parquet reader gives them; columns that are not selected are dropped batch by batch.
    ///
    /// The selected columns of both sides are held until the comparison is done. For more rows than fit into memory compare profiles.
    ///
    /// # Errors
    /// [`Error::Batch`] with the first error of a stream; otherwise as [`DataDrift::compare`].
    pub fn compare_streams(
        &self,
        reference: impl IntoIterator<Item = Result<RecordBatch, ArrowError>>,
        current: impl IntoIterator<Item = Result<RecordBatch, ArrowError>>,
    ) -> Result<DataDriftReport, Error> {
        let reference = self.selected(reference)?;
        self.compare(&reference, &self.selected(current)?)
    }

    fn selected(
        &self,
        batches: impl IntoIterator<Item = Result<RecordBatch, ArrowError>>,
    ) -> Result<Vec<RecordBatch>, Error> {
        let project = |batch: Result<RecordBatch, ArrowError>| {
            let batch = batch?;
            let fields = batch.schema_ref().fields().iter().enumerate();
            let wanted: Vec<usize> =
                fields.filter(|(_, field)| self.settings.selects(field.name())).map(|(at, _)| at).collect();
            batch.project(&wanted)
        };
        let broken = |at, source| Error::Batch { at, source: Box::new(source) };
        (0..).zip(batches).map(|(at, batch)| project(batch).map_err(|source| broken(at, source))).collect()
    }

    /// Names in the order of the batches, each once; then selected names that no batch holds.
    fn selected_names<'a>(&'a self, reference: &'a [RecordBatch], current: &'a [RecordBatch]) -> Vec<&'a str> {
        let mut seen = BTreeSet::new();
        let batches = reference.iter().chain(current).map(RecordBatch::schema_ref);
        let held = batches.flat_map(|schema| schema.fields()).map(|field| field.name().as_str());
        let asked = self.settings.only.iter().flatten().map(String::as_str);
        held.chain(asked).filter(|name| self.settings.selects(name) && seen.insert(*name)).collect()
    }

    fn compare_column(&self, name: &str, reference: &[RecordBatch], current: &[RecordBatch]) -> ColumnReport {
        match (side_arrays(name, reference, Side::Reference), side_arrays(name, current, Side::Current)) {
            (Err(error), _) | (_, Err(error)) => column::failed(name, &error),
            (Ok(None), _) => column::skipped(name, SkipReason::NoColumn(Side::Reference)),
            (_, Ok(None)) => column::skipped(name, SkipReason::NoColumn(Side::Current)),
            (Ok(Some(reference)), Ok(Some(current))) => {
                column::compare(name, &ColumnArrays { reference, current }, &self.settings)
            }
        }
    }
}

/// Adjusts the p-values that decide for their number, and decides anew.
fn adjust(columns: &mut [ColumnReport], correction: Correction) {
    let findings = columns.iter_mut().filter_map(|column| column.finding.as_mut());
    let mut tested: Vec<&mut Finding> = findings.filter(|finding| finding.decides_on.p_value()).collect();
    let p_values: Vec<f64> = tested.iter().map(|finding| finding.score.p_value.unwrap_or(f64::NAN)).collect();
    for (finding, adjusted) in tested.iter_mut().zip(correction.adjust(&p_values)) {
        finding.adjusted_p = Some(adjusted).filter(|p| !p.is_nan());
        finding.drifted = finding.decides_on.drifted(adjusted, finding.threshold);
    }
}

/// Returns the arrays of a column, one per batch; `None` if no batch holds it.
fn side_arrays<'a>(name: &str, batches: &'a [RecordBatch], side: Side) -> Result<Option<Vec<&'a dyn Array>>, Error> {
    let mut arrays = Vec::with_capacity(batches.len());
    for batch in batches {
        let fields = batch.schema_ref().fields().iter().zip(batch.columns());
        arrays.extend(fields.filter(|(field, _)| field.name() == name).map(|(_, array)| array.as_ref()));
    }
    match arrays.len() {
        // Without any batch there are no rows, which says more than "no such column".
        0 if !batches.is_empty() => Ok(None),
        held if held == batches.len() && holds_once(name, batches) => Ok(Some(arrays)),
        _ => Err(Error::Ambiguous { side }),
    }
}

fn holds_once(name: &str, batches: &[RecordBatch]) -> bool {
    batches.iter().all(|batch| batch.schema_ref().fields().iter().filter(|field| field.name() == name).count() == 1)
}

fn rows(batches: &[RecordBatch]) -> u64 {
    batches.iter().map(|batch| batch.num_rows() as u64).sum()
}
