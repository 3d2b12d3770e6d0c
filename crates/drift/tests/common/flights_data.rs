//! The year of flights that the examples use.

use std::path::Path;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{DataType, Int64Type};
use lineal_drift::arrow;

use crate::data_sets::{data_set, read};

/// Some columns of the year, and the month of each row.
pub(crate) struct Flights {
    rows: RecordBatch,
    months: Vec<i64>,
}

impl Flights {
    pub(crate) fn read<'a>(columns: impl IntoIterator<Item = &'a str>) -> Self {
        Self::read_from(&data_set("flights_2013.parquet"), columns)
    }

    pub(crate) fn read_from<'a>(path: &Path, columns: impl IntoIterator<Item = &'a str>) -> Self {
        let rows = read(path, columns.into_iter().chain(["month"]));
        let months = cast(rows.column_by_name("month").unwrap(), &DataType::Int64).unwrap();
        let months = months.as_primitive::<Int64Type>().values().to_vec();
        Self { rows, months }
    }

    /// Returns the rows whose number and month are wanted, in their order.
    pub(crate) fn select(&self, wanted: impl Fn(usize, i64) -> bool) -> RecordBatch {
        let months = self.months.iter().enumerate();
        let mask: BooleanArray = months.map(|(row, month)| Some(wanted(row, *month))).collect();
        filter_record_batch(&self.rows, &mask).unwrap()
    }
}
