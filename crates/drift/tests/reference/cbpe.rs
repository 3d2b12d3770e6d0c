//! Cases `cbpe_binary` of `nannyml.json`: performance of two classes estimated without labels, and realised; chunks of any CBPE.

use std::path::Path;

use lineal_drift::performance::{Cbpe, CbpeSettings, ChunkPerformance, Metric, MetricPerformance, Predictions};
use serde_json::Value;

use crate::acs_data::{Acs, predictions};
use crate::compare::{Checks, Tolerance};

pub(crate) fn compare(checks: &mut Checks, case: &Value, data: &Path) {
    let params = case["params"].as_object().unwrap();
    // Which metrics there are is seen from what is expected.
    let known = ["chunk_size", "y_pred_proba", "y_pred", "y_true", "metrics"];
    params.keys().filter(|name| !known.contains(&name.as_str())).for_each(|name| checks.unknown(name));
    let columns = ["y_pred_proba", "y_pred", "y_true"].map(|name| params[name].as_str().unwrap());
    let acs = Acs::read(data, columns);
    let (reference, analysis) = (predictions(&acs.reference, columns), predictions(&acs.analysis, columns));

    let rows = usize::try_from(params["chunk_size"].as_u64().unwrap()).unwrap();
    compare_chunks(checks, case, rows, &reference, &analysis);
}

/// Fits the reference, and compares what is found in the chunks of both parts.
pub(crate) fn compare_chunks(
    checks: &mut Checks,
    case: &Value,
    rows: usize,
    reference: &Predictions,
    analysis: &Predictions,
) {
    let cbpe = Cbpe::fit(reference, CbpeSettings::default().with_chunk_rows(rows)).unwrap();
    let ours =
        [("reference", reference), ("analysis", analysis)].map(|(period, of)| (period, cbpe.estimate(of).unwrap()));
    let chunks = ours.iter().flat_map(|(period, report)| report.chunks.iter().map(move |chunk| (*period, chunk)));
    let chunks: Vec<_> = chunks.collect();
    let expected = case["expected"].as_array().unwrap();
    if chunks.len() != expected.len() {
        checks.fail(&format!("{} chunks instead of {}", chunks.len(), expected.len()));
    }
    for ((period, chunk), expected) in chunks.into_iter().zip(expected) {
        compare_chunk(checks, period, chunk, expected);
    }
}

fn compare_chunk(checks: &mut Checks, period: &str, chunk: &ChunkPerformance, expected: &Value) {
    let at = format!("{period} {}", chunk.index);
    for (name, expected) in expected.as_object().unwrap() {
        let exact = |checks: &mut Checks, ours: u64| {
            checks.check(&format!("{at} {name}"), Some(ours as f64), expected, Tolerance::Value(0.0));
        };
        match name.as_str() {
            "period" if expected == period => checks.compared += 1,
            "index" => exact(checks, chunk.index),
            "start" => exact(checks, chunk.start),
            "end" => exact(checks, chunk.end - 1),
            _ => match serde_json::from_value::<Metric>(Value::from(name.as_str())) {
                Ok(metric) => compare_metric(checks, &format!("{at} {name}"), chunk.metric(metric).unwrap(), expected),
                Err(_) => checks.unknown(&format!("{at} {name}: {expected}")),
            },
        }
    }
}

fn compare_metric(checks: &mut Checks, at: &str, ours: &MetricPerformance, expected: &Value) {
    for (name, expected) in expected.as_object().unwrap() {
        let (value, tolerance) = match name.as_str() {
            "estimated" => (ours.estimated, Tolerance::Value(1e-3)),
            "realized" => (ours.realised, Tolerance::Value(1e-9)),
            "lower_threshold" => (ours.band.lower, Tolerance::Value(1e-9)),
            "upper_threshold" => (ours.band.upper, Tolerance::Value(1e-9)),
            // The oracle resamples the reference 50 times, without a seed: a deviation of so few is good to a tenth.
            "sampling_error" if ours.metric == Metric::AveragePrecision => (ours.sampling_error, Tolerance::Value(0.4)),
            "sampling_error" => (ours.sampling_error, Tolerance::Value(1e-3)),
            "alert" => {
                checks.compared += 1;
                if expected.as_bool().is_some_and(|alert| alert != ours.alert) {
                    checks.fail(&format!("{at}: alert {} instead of {expected}", ours.alert));
                }
                continue;
            }
            other => {
                checks.unknown(&format!("{at} {other}"));
                continue;
            }
        };
        checks.check(&format!("{at} {name}"), value, expected, tolerance);
    }
}
