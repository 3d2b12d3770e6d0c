//! Small batches for tests.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use lineal_drift::{DataDrift, DataDriftReport, DataDriftSettings, arrow};

pub(crate) fn batch<'a>(columns: impl IntoIterator<Item = (&'a str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
}

pub(crate) fn floats(values: impl IntoIterator<Item = f64>) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values(values))
}

pub(crate) fn optional(values: impl IntoIterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<Float64Array>())
}

pub(crate) fn words<'a>(values: impl IntoIterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<StringArray>())
}

/// A hundred different numbers.
pub(crate) fn ramp(shift: f64) -> ArrayRef {
    floats((0..100).map(|i| f64::from(i) + shift))
}

pub(crate) fn compare(reference: &[RecordBatch], current: &[RecordBatch]) -> DataDriftReport {
    DataDrift::new(DataDriftSettings::default()).unwrap().compare(reference, current).unwrap()
}
