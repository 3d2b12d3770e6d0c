//! The data sets that the examples use, and those that stand beside reference values.

use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use lineal_drift::arrow;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// Finds a data set: beside the reference values in use, then among the project's own.
pub(crate) fn data_set(name: &str) -> PathBuf {
    let crate_folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let other = std::env::var_os("LINEAL_DRIFT_REFERENCE").map(PathBuf::from);
    let folders = other.into_iter().chain([crate_folder.join("tests/fixtures")]);
    let beside = folders.map(|folder| folder.join(name)).find(|path| path.exists());
    beside.unwrap_or_else(|| crate_folder.join("../../examples/data").join(name))
}

/// Reads some columns of a Parquet file as one batch.
pub(crate) fn read<'a>(path: &Path, columns: impl IntoIterator<Item = &'a str>) -> RecordBatch {
    let file = File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let mask = ProjectionMask::columns(reader.parquet_schema(), columns);
    let reader = reader.with_projection(mask).build().unwrap();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    concat_batches(batches[0].schema_ref(), &batches).unwrap()
}
