//! Columns for tests, and one constraint checked over them.

use std::sync::Arc;

use lineal_drift::arrow::array::{
    Array, ArrayRef, BooleanArray, DictionaryArray, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray,
};
use lineal_drift::arrow::datatypes::Int32Type;
use lineal_drift::quality::{CheckSettings, Constraint, ConstraintResult, ConstraintStatus, Constraints, Rule};

use crate::generators::batch;

pub(super) fn integers(values: impl IntoIterator<Item = impl Into<Option<i64>>>) -> ArrayRef {
    Arc::new(values.into_iter().map(Into::into).collect::<Int64Array>())
}

pub(super) fn texts<'a>(values: impl IntoIterator<Item = impl Into<Option<&'a str>>>) -> ArrayRef {
    Arc::new(values.into_iter().map(Into::into).collect::<StringArray>())
}

pub(super) fn bools(values: impl IntoIterator<Item = impl Into<Option<bool>>>) -> ArrayRef {
    Arc::new(values.into_iter().map(Into::into).collect::<BooleanArray>())
}

pub(super) fn dictionary<'a>(values: impl IntoIterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<DictionaryArray<Int32Type>>())
}

pub(super) fn millis(values: impl IntoIterator<Item = impl Into<Option<i64>>>) -> ArrayRef {
    Arc::new(values.into_iter().map(Into::into).collect::<TimestampMillisecondArray>())
}

pub(super) fn nothing(array: &ArrayRef) -> ArrayRef {
    array.slice(0, 0)
}

/// Checks one rule over one batch.
pub(super) fn check<'a>(rule: Rule, columns: impl IntoIterator<Item = (&'a str, ArrayRef)>) -> ConstraintResult {
    check_with(rule, &[batch(columns)], &CheckSettings::default())
}

pub(super) fn check_with(rule: Rule, batches: &[RecordBatch], settings: &CheckSettings) -> ConstraintResult {
    let report = Constraints::default().with(Constraint::new("it", rule)).check(batches, settings).unwrap();
    assert_eq!(report.rows, batches.iter().map(|b| b.num_rows() as u64).sum::<u64>());
    report.results.into_iter().next().unwrap()
}

/// Checks one rule over column `x`.
pub(super) fn check_x(rule: Rule, x: ArrayRef) -> ConstraintResult {
    check(rule, [("x", x)])
}

/// Returns the rows that were checked, and those of the examples, which must be all that violate the rule.
pub(super) fn violations(result: &ConstraintResult) -> (u64, Vec<u64>) {
    let rows: Vec<u64> = result.examples.iter().map(|e| e.row).collect();
    assert_eq!(rows.len() as u64, result.rows_violating, "{result}");
    assert_eq!(result.status, if rows.is_empty() { ConstraintStatus::Passed } else { ConstraintStatus::Failed });
    (result.rows_checked, rows)
}
