//! The flights of 2013, month by month.

use std::{collections::BTreeMap, fs::File, path::Path, sync::Arc};

use arrow::{
    array::{Int8Array, RecordBatch},
    compute::{cast, concat_batches, filter_record_batch, kernels::cmp},
    datatypes::DataType,
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::learn::learn_error::LearnError;

/// Reads the file and returns its rows by local month, 1 to 12, each month in the file's order.
///
/// A month that has no row is absent. Rows whose month is null are left out.
pub fn load(path: &Path) -> Result<BTreeMap<u8, RecordBatch>, LearnError> {
    let year = read(path)?;
    let column =
        year.column_by_name("month").ok_or_else(|| LearnError::MissingColumn { column: "month".to_owned() })?;
    let months = cast(column, &DataType::Int8).map_err(arrow_error("read the column month"))?;
    let mut by_month = BTreeMap::new();
    for month in 1..=12_u8 {
        let wanted = Int8Array::new_scalar(month.cast_signed());
        let mask = cmp::eq(&months.as_ref(), &wanted).map_err(arrow_error("compare months"))?;
        let rows = filter_record_batch(&year, &mask).map_err(arrow_error("cut out a month"))?;
        if rows.num_rows() > 0 {
            by_month.insert(month, rows);
        }
    }
    Ok(by_month)
}

/// Joins batches of one schema.
pub fn join(parts: &[&RecordBatch]) -> Result<RecordBatch, LearnError> {
    let first = parts.first().ok_or(LearnError::NoRows { operation: "join" })?;
    concat_batches(&first.schema(), parts.iter().copied()).map_err(arrow_error("join batches"))
}

fn read(path: &Path) -> Result<RecordBatch, LearnError> {
    let shown = || path.display().to_string();
    let parquet = |source| LearnError::Parquet { path: shown(), source };
    let file = File::open(path).map_err(|source| LearnError::Io { operation: "open", path: shown(), source })?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(parquet)?;
    let schema = Arc::clone(builder.schema());
    let parts = builder
        .with_batch_size(BATCH_ROWS)
        .build()
        .map_err(parquet)?
        .collect::<Result<Vec<_>, _>>()
        .map_err(arrow_error("decode a row group"))?;
    concat_batches(&schema, &parts).map_err(arrow_error("join row groups"))
}

fn arrow_error(operation: &'static str) -> impl FnOnce(arrow::error::ArrowError) -> LearnError {
    move |source| LearnError::Arrow { operation, source }
}

/// Rows decoded at a time; a row group of the file.
const BATCH_ROWS: usize = 65_536;

#[cfg(test)]
mod tests {
    use arrow::{array::AsArray, datatypes::Int8Type};

    use super::*;

    #[test]
    fn the_file_has_every_flight_of_the_year_in_its_month() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/data/flights_2013.parquet");
        let by_month = load(Path::new(path)).unwrap();
        assert_eq!(by_month.values().map(RecordBatch::num_rows).sum::<usize>(), 336_776);
        assert_eq!(by_month.len(), 12);
        for (month, rows) in &by_month {
            let column = rows.column_by_name("month").unwrap();
            let column = column.as_primitive::<Int8Type>();
            assert!(column.iter().all(|found| found == Some(month.cast_signed())));
        }
        let winter = join(&[&by_month[&1], &by_month[&2], &by_month[&3]]).unwrap();
        assert_eq!(winter.num_rows(), (1..=3).map(|month| by_month[&month].num_rows()).sum::<usize>());
    }

    #[test]
    fn a_file_that_is_not_parquet_is_a_typed_error() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        assert!(matches!(load(Path::new(file)), Err(LearnError::Parquet { .. })));
        assert!(matches!(load(Path::new("no/such/file")), Err(LearnError::Io { .. })));
        assert!(matches!(join(&[]), Err(LearnError::NoRows { .. })));
    }
}
