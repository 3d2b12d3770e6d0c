//! `nannyml.json`, cases `pca_reconstruction`: `NannyML`'s reconstruction error of chunks of the employment survey.

use std::path::Path;

use lineal_drift::{Band, multivariate::Reconstruction};
use serde_json::Value;

use crate::acs_data::Acs;
use crate::compare::{Checks, Tolerance};

/// Compares every chunk: its error, the limits and the alert. `data` is the survey as Parquet.
pub(crate) fn compare(checks: &mut Checks, case: &Value, data: &Path) {
    let params = &case["params"];
    let columns: Vec<&str> = params["columns"].as_array().unwrap().iter().map(|c| c.as_str().unwrap()).collect();
    let chunk_rows = usize::try_from(params["chunk_size"].as_u64().unwrap()).unwrap();
    let Acs { reference, analysis } = Acs::read(data, columns.iter().copied());
    let (reference, analysis) = ([reference], [analysis]);
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
