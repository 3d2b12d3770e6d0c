//! Rows of the survey, and what the model said of them.

use std::fs::File;
use std::path::Path;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute::{cast, concat_batches, filter_record_batch};
use arrow::datatypes::DataType;
use lineal_drift::performance::Predictions;
use lineal_examples::Outcome;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// The year that the model was checked on, and those after.
pub(crate) struct Survey {
    pub(crate) reference: RecordBatch,
    pub(crate) analysis: RecordBatch,
}

/// What the model reads: age, and codes for schooling, marital status, relationship, citizenship, sex, race and more.
pub(crate) const FEATURES: [&str; 16] = [
    "AGEP", "SCHL", "MAR", "RELP", "DIS", "ESP", "CIT", "MIG", "MIL", "ANC", "NATIVITY", "DEAR", "DEYE", "DREM", "SEX",
    "RAC1P",
];

impl Survey {
    pub(crate) fn read(path: &Path) -> Outcome<Self> {
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?.build()?;
        let batches = reader.collect::<Result<Vec<_>, _>>()?;
        let schema = batches.first().ok_or("the survey has no rows")?.schema();
        let rows = concat_batches(&schema, &batches)?;
        let partition = cast(rows.column_by_name("partition").ok_or("no column partition")?, &DataType::Utf8)?;
        let of = |part: &str| -> Outcome<RecordBatch> {
            let mask: BooleanArray = partition.as_string::<i32>().iter().map(|p| Some(p == Some(part))).collect();
            Ok(filter_record_batch(&rows, &mask)?)
        };
        Ok(Self { reference: of("reference")?, analysis: of("analysis")? })
    }
}

/// What the model said of rows, with what was true if `with_labels`.
pub(crate) fn predictions(rows: &RecordBatch, with_labels: bool) -> Outcome<Predictions> {
    let column = |name: &str| rows.column_by_name(name).map(AsRef::as_ref).ok_or_else(|| format!("no column {name}"));
    let array: &dyn Array = column("predicted_probability")?;
    let said = Predictions::binary(array)?.with_predicted(column("prediction")?)?;
    Ok(if with_labels { said.with_actual(column("employed")?)? } else { said })
}

/// Cuts rows into windows of so many; the last has what is left.
pub(crate) fn windows(rows: &RecordBatch, size: usize) -> Vec<Vec<RecordBatch>> {
    let all = rows.num_rows();
    (0..all).step_by(size).map(|at| vec![rows.slice(at, size.min(all - at))]).collect()
}
