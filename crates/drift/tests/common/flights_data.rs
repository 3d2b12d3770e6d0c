//! The year of flights that the examples use.

use std::fs::File;
use std::path::PathBuf;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::{cast, concat_batches, filter_record_batch};
use arrow::datatypes::{DataType, Int64Type};
use lineal_drift::arrow;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// Some columns of the year, and the month of each row.
pub(crate) struct Flights {
    rows: RecordBatch,
    months: Vec<i64>,
}

impl Flights {
    pub(crate) fn read<'a>(columns: impl IntoIterator<Item = &'a str>) -> Self {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples/data/flights_2013.parquet");
        let file = File::open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        let columns = columns.into_iter().chain(["month"]);
        let mask = ProjectionMask::columns(reader.parquet_schema(), columns);
        let reader = reader.with_projection(mask).build().unwrap();
        let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
        let rows = concat_batches(batches[0].schema_ref(), &batches).unwrap();
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
