use std::sync::Arc;

use lineal_core::Rng;
use lineal_drift::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use lineal_drift::multivariate::{kernel_width, mmd_test};
use lineal_drift::ndarray::Array2;
use lineal_drift::resampling::Draws;
use lineal_drift::streaming::{
    Adwin, Cusum, Ddm, Detector, Ecdd, Eddm, ErrorBit, Fhddm, GeometricMovingAverage, HddmA, HddmW, PageHinkley,
    Signal, Stepd, Value,
};
use lineal_drift::{DataDrift, DataDriftSettings, Sample, ks};
use serde_json::json;

use crate::args::{Drift, DriftStep};
use crate::{meter::Meter, report};

/// Generates values, then measures the work on them alone.
pub(crate) fn run(what: &Drift) -> Result<(), String> {
    match &what.step {
        DriftStep::Detector { method } => detector(method, what.rows),
        DriftStep::Ks => ks_test(what.rows),
        DriftStep::Mmd => mmd(what.rows, what.columns),
        DriftStep::Report => whole_report(what.rows, what.columns),
    }
}

/// A prepared reference against unsorted values, and both sides unsorted; statistic and asymptotic p-value.
fn ks_test(rows: usize) -> Result<(), String> {
    let (reference, current) = (normal(1, 0.0, rows), normal(2, 0.001, rows));
    let compare = |step: &str, prepared: Option<&Sample>| -> Result<(), String> {
        let meter = Meter::start();
        let current = Sample::new(current.iter().copied());
        let test = match prepared {
            Some(reference) => ks(reference, &current),
            None => ks(&Sample::new(reference.iter().copied()), &current),
        };
        let test = test.map_err(report::text)?;
        let p = test.p_asymp();
        print(step, rows, meter, json!({"statistic": test.statistic, "p_asymp": p}));
        Ok(())
    };
    compare("ks", None)?;
    compare("ks-prepared", Some(&Sample::new(reference.iter().copied())))
}

/// N rows against N rows that are shifted a little, with 100 permutations.
fn mmd(rows: usize, columns: usize) -> Result<(), String> {
    let side = |seed, shift| Array2::from_shape_vec((rows, columns), normal(seed, shift, rows * columns));
    let (reference, current) = (side(1, 0.0).map_err(report::text)?, side(2, 0.02).map_err(report::text)?);
    let sigma = kernel_width(reference.view(), current.view(), 1).map_err(report::text)?;
    let meter = Meter::start();
    let test = mmd_test(reference.view(), current.view(), sigma, Draws::new(100, 1)).map_err(report::text)?;
    let more = json!({"columns": columns, "draws": test.draws, "statistic": test.statistic, "p_value": test.p_value});
    print("mmd", rows, meter, more);
    Ok(())
}

/// Columns of numbers, every fifth of labels; the current side is shifted a little in every other one.
fn whole_report(rows: usize, columns: usize) -> Result<(), String> {
    let drift = DataDrift::new(DataDriftSettings::default()).map_err(report::text)?;
    let (reference, current) = (batch(1, 0.0, rows, columns)?, batch(2, 0.3, rows, columns)?);
    let meter = Meter::start();
    let found = drift.compare(&[reference], &[current]).map_err(report::text)?;
    let more = json!({"columns": columns, "compared": found.compared(), "drifted": found.drifted().count()});
    print("report", rows, meter, more);
    Ok(())
}

fn batch(seed: u64, shift: f64, rows: usize, columns: usize) -> Result<RecordBatch, String> {
    let column = |at: usize| -> (String, ArrayRef) {
        let values = normal(seed + 10 * at as u64, if at.is_multiple_of(2) { 0.0 } else { shift }, rows);
        let labels = || StringArray::from_iter_values(values.iter().map(|v| LABELS[v.abs().min(3.0) as usize]));
        let array: ArrayRef = if at % 5 == 4 { Arc::new(labels()) } else { Arc::new(Float64Array::from(values)) };
        (format!("column {at}"), array)
    };
    RecordBatch::try_from_iter((0..columns).map(column)).map_err(report::text)
}

/// Errors at a rate of 0.2, or numbers around 0, without any change.
fn detector(method: &str, rows: usize) -> Result<(), String> {
    let numbers = || normal(1, 0.0, rows).into_iter().map(Value::new).collect::<Result<Vec<_>, _>>();
    let mut rng = Rng::new(1, "workload drift errors");
    let bits: Vec<ErrorBit> = (0..rows).map(|_| ErrorBit::from_error(rng.f64() < 0.2)).collect();
    match method {
        "adwin" => feed(method, Adwin::default(), numbers().map_err(report::text)?),
        "cusum" => feed(method, Cusum::default(), numbers().map_err(report::text)?),
        "ddm" => feed(method, Ddm::default(), bits),
        "ecdd" => feed(method, Ecdd::default(), bits),
        "eddm" => feed(method, Eddm::default(), bits),
        "fhddm" => feed(method, Fhddm::default(), bits),
        "gma" => feed(method, GeometricMovingAverage::default(), numbers().map_err(report::text)?),
        "hddm_a" => feed(method, HddmA::default(), bits),
        "hddm_w" => feed(method, HddmW::default(), bits),
        "page_hinkley" => feed(method, PageHinkley::default(), numbers().map_err(report::text)?),
        "stepd" => feed(method, Stepd::default(), bits),
        _ => return Err(format!("--method {method}: no such detector")),
    }
    Ok(())
}

fn feed<D: Detector>(method: &str, mut detector: D, inputs: Vec<D::Input>) {
    let rows = inputs.len();
    let meter = Meter::start();
    let drifts = inputs.into_iter().map(|input| detector.update(input));
    let drifts = drifts.filter(|signal| *signal == Signal::Drift).count();
    print("detector", rows, meter, json!({"method": method, "drifts": drifts}));
}

fn print(step: &str, rows: usize, meter: Meter, mut more: serde_json::Value) {
    let reading = meter.stop();
    more["rows"] = json!(rows);
    more["rows_per_s"] = json!(report::round(rows as f64 / reading.wall.as_secs_f64()));
    report::line("drift", step, &reading, more);
}

fn normal(seed: u64, mean: f64, rows: usize) -> Vec<f64> {
    let mut rng = Rng::new(seed, "workload drift");
    (0..rows).map(|_| mean + rng.normal()).collect()
}

const LABELS: [&str; 4] = ["near", "middle", "far", "beyond"];
