//! `nannyml.json`, cases `pca_reconstruction`: `NannyML`'s reconstruction error of chunks of the employment survey.

use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::{cast, concat_batches, filter_record_batch};
use arrow::datatypes::DataType;
use lineal_drift::{Band, arrow, multivariate::Reconstruction};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use crate::compare::{Checks, Tolerance};

/// Compares every chunk: its error, the limits and the alert. `data` is the survey as Parquet.
pub(crate) fn compare(checks: &mut Checks, case: &Value, data: &Path) {
    let params = &case["params"];
    let columns: Vec<&str> = params["columns"].as_array().unwrap().iter().map(|c| c.as_str().unwrap()).collect();
    let chunk_rows = usize::try_from(params["chunk_size"].as_u64().unwrap()).unwrap();
    let rows = read(data, &columns);
    let (reference, analysis) = ([part(&rows, "reference")], [part(&rows, "analysis")]);
    let learnt = Reconstruction::learn(&reference, &columns, params["n_components"].as_f64().unwrap()).unwrap();
    let usual = learnt.errors_of_chunks(&reference, chunk_rows).unwrap();
    let band = Band::learn(&usual, 3.0).unwrap().within(0.0, f64::INFINITY);
    let now = learnt.errors_of_chunks(&analysis, chunk_rows).unwrap();
    let ours = usual.iter().map(|v| ("reference", v)).chain(now.iter().map(|v| ("analysis", v)));
    let expected = case["expected"].as_array().unwrap();
    assert_eq!(usual.len() + now.len(), expected.len(), "chunks");
    for ((period, value), expected) in ours.zip(expected) {
        for field in expected.as_object().unwrap().keys() {
            let expected = &expected[field.as_str()];
            match field.as_str() {
                "value" => checks.check(field, Some(*value), expected, Tolerance::Value(1e-9)),
                "lower_threshold" => checks.check(field, band.lower, expected, Tolerance::Value(1e-9)),
                "upper_threshold" => checks.check(field, band.upper, expected, Tolerance::Value(1e-9)),
                "alert" if expected.as_bool() == Some(band.is_beyond(*value)) => checks.compared += 1,
                "period" if expected.as_str() == Some(period) => checks.compared += 1,
                "alert" | "period" => checks.fail(&format!("{field} is not {expected}")),
                _ => checks.unknown(field),
            }
        }
    }
}

fn read(path: &Path, columns: &[&str]) -> RecordBatch {
    let file = File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let mask = ProjectionMask::columns(reader.parquet_schema(), columns.iter().copied().chain(["partition"]));
    let batches: Vec<RecordBatch> = reader.with_projection(mask).build().unwrap().map(Result::unwrap).collect();
    concat_batches(batches[0].schema_ref(), &batches).unwrap()
}

fn part(rows: &RecordBatch, name: &str) -> RecordBatch {
    let partition = cast(rows.column_by_name("partition").unwrap(), &DataType::Utf8).unwrap();
    let wanted: BooleanArray = partition.as_string::<i32>().iter().map(|value| Some(value == Some(name))).collect();
    filter_record_batch(rows, &wanted).unwrap()
}

/// Stands for the dispatch by family of `nannyml.rs` where that is not there.
#[test]
fn pca_reconstruction() {
    let beside = std::env::var_os("LINEAL_DRIFT_REFERENCE").map(PathBuf::from).unwrap_or_default();
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let find = |name: &str, folder: &str| {
        [beside.join(name), manifest.join(folder).join(name)].into_iter().find(|path| path.exists())
    };
    let (fixture, data) =
        (find("nannyml.json", "tests/fixtures"), find("acs_employment_ma.parquet", "../../examples/data"));
    let (Some(_), Some(data)) = (fixture, data) else {
        println!("skipped: nannyml.json and acs_employment_ma.parquet are not here");
        return;
    };
    let cases = crate::compare::cases("nannyml.json");
    let case = cases.iter().find(|case| case["id"] == "pca_reconstruction").unwrap();
    let mut checks = Checks::new(case);
    compare(&mut checks, case, &data);
    crate::compare::conclude("nannyml.json pca_reconstruction", vec![checks], 100);
}
