use std::sync::Arc;

use bytes::Bytes;
use lineal_core::Rng;
use lineal_drift::arrow::array::{ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray};
use lineal_drift::multivariate::{kernel_width, mmd_test};
use lineal_drift::ndarray::Array2;
use lineal_drift::performance::{Cbpe, CbpeSettings, Metric, Predictions};
use lineal_drift::profile::{ProfileSettings, TableProfile, TableProfiler};
use lineal_drift::resampling::Draws;
use lineal_drift::streaming::{
    Adwin, Cusum, Ddm, Detector, DriftAlarm, Ecdd, Eddm, ErrorBit, Fhddm, GeometricMovingAverage, HddmA, HddmW, Kswin,
    PageHinkley, Rddm, Signal, Stepd, Value,
};
use lineal_drift::{DataDrift, DataDriftSettings, Sample, ks};
use parquet::arrow::{ArrowWriter, arrow_reader::ParquetRecordBatchReaderBuilder};
use serde_json::json;

use crate::args::{Drift, DriftStep};
use crate::{
    drift_monitor,
    meter::{Meter, Reading},
    report,
};

/// Generates values, then measures the work on them alone.
pub(crate) fn run(what: &Drift) -> Result<(), String> {
    match &what.step {
        DriftStep::Cbpe => cbpe(what.rows),
        DriftStep::Detector { method } => detector(method, what.rows),
        DriftStep::Ks => ks_test(what.rows),
        DriftStep::Profile => profile(what.rows, what.columns),
        DriftStep::Mmd => mmd(what.rows, what.columns),
        DriftStep::Monitor => drift_monitor::run(what.rows, what.columns),
        DriftStep::Stream => parquet_stream(what.rows, what.columns),
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

/// A labelled reference of `rows` rows is fitted, and nine metrics of ten chunks of as many rows without labels are estimated.
///
/// The probabilities are too cautious, so that a calibrator is fitted, too.
fn cbpe(rows: usize) -> Result<(), String> {
    let reference = classified(1, 0.0, rows);
    let current = classified(2, 0.5, rows);
    let meter = Meter::start();
    let settings = CbpeSettings::default().with_chunk_rows((rows / 10).max(1));
    let [scores, predicted, actual] = &reference;
    let reference = Predictions::binary(scores).and_then(|p| p.with_predicted(predicted)?.with_actual(actual));
    let cbpe = Cbpe::fit(&reference.map_err(report::text)?, settings).map_err(report::text)?;
    let [scores, predicted, _] = &current;
    let current = Predictions::binary(scores).and_then(|p| p.with_predicted(predicted)).map_err(report::text)?;
    let found = cbpe.estimate(&current).map_err(report::text)?;
    let auc = found.chunks.first().and_then(|chunk| chunk.metric(Metric::RocAuc)?.estimated);
    let calibrated = cbpe.calibrators.iter().all(Option::is_some);
    let more = json!({"metrics": cbpe.settings.metrics.len(), "calibrated": calibrated, "first_roc_auc": auc});
    print("cbpe", rows, meter, more);
    Ok(())
}

/// Probabilities, predicted and actual classes of a model that is half as sure as it should be.
fn classified(seed: u64, shift: f64, rows: usize) -> [ArrayRef; 3] {
    let logits = normal(seed, shift, rows);
    let mut rng = Rng::new(seed, "workload drift outcomes");
    let share = |logit: f64| 1.0 / (1.0 + (-logit).exp());
    let scores = Float64Array::from_iter_values(logits.iter().map(|logit| share(*logit)));
    let predicted = BooleanArray::from_iter(logits.iter().map(|logit| Some(*logit > 0.0)));
    let actual = BooleanArray::from_iter(logits.iter().map(|logit| Some(rng.f64() < share(2.0 * logit))));
    [Arc::new(scores), Arc::new(predicted), Arc::new(actual)]
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

/// The columns of the report as batches of 65,536 rows; then columns of numbers alone, and of distinct labels alone, on one thread.
fn profile(rows: usize, columns: usize) -> Result<(), String> {
    let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().map_err(report::text)?;
    let table = batch(1, 0.0, rows, columns)?;
    profile_of("profile", &table)?;
    let numbers = (0..columns)
        .map(|at| (format!("number {at}"), Arc::new(Float64Array::from(normal(at as u64, 0.0, rows))) as ArrayRef));
    let numbers = RecordBatch::try_from_iter(numbers).map_err(report::text)?;
    one_thread.install(|| profile_of("profile-numbers-1", &numbers))?;
    let labels = StringArray::from_iter_values((0..rows).map(|at| format!("label {}", at * 7919 % 1_000_003)));
    let labels = RecordBatch::try_from_iter([("label", Arc::new(labels) as ArrayRef)]).map_err(report::text)?;
    one_thread.install(|| profile_of("profile-labels-1", &labels))
}

fn profile_of(step: &str, table: &RecordBatch) -> Result<(), String> {
    const BATCH: usize = 1 << 16;
    let (rows, columns) = (table.num_rows(), table.num_columns());
    let meter = Meter::start();
    let starts = (0..rows).step_by(BATCH);
    let batches = starts.map(|start| Ok(table.slice(start, BATCH.min(rows - start))));
    let profile = TableProfile::of_stream(batches, &ProfileSettings::default()).map_err(report::text)?;
    let reading = meter.stop();
    let rate = (rows * columns) as f64 / reading.wall.as_secs_f64();
    let more =
        json!({"columns": columns, "values_per_s": report::round(rate), "stored_bytes": profile.to_bytes().len()});
    print_reading(step, rows, &reading, more);
    Ok(())
}

/// Profiles as many rows as asked for out of Parquet, decoding included: one file in memory, of a batch of normal numbers, is read as often
/// as that takes.
fn parquet_stream(rows: usize, columns: usize) -> Result<(), String> {
    const BATCH: usize = 1 << 13;
    let numbers = (0..columns)
        .map(|at| (format!("number {at}"), Arc::new(Float64Array::from(normal(at as u64, 0.0, BATCH))) as ArrayRef));
    let table = RecordBatch::try_from_iter(numbers).map_err(report::text)?;
    let mut writer = ArrowWriter::try_new(Vec::new(), table.schema(), None).map_err(report::text)?;
    writer.write(&table).map_err(report::text)?;
    let file = Bytes::from(writer.into_inner().map_err(report::text)?);
    drop(table);
    let meter = Meter::start();
    let reads = rows.div_ceil(BATCH);
    let mut profiler = TableProfiler::new(ProfileSettings::default()).map_err(report::text)?;
    for _ in 0..reads {
        let reader = ParquetRecordBatchReaderBuilder::try_new(file.clone()).map_err(report::text)?;
        for batch in reader.with_batch_size(BATCH).build().map_err(report::text)? {
            profiler.add(batch.map_err(report::text)?).map_err(report::text)?;
        }
    }
    let profile = profiler.finish().map_err(report::text)?;
    let reading = meter.stop();
    let (read, stored) = (reads * file.len(), profile.to_bytes().len());
    let per_s = report::round(read as f64 / 1e6 / reading.wall.as_secs_f64());
    let more = json!({"columns": columns, "parquet_bytes": read, "mb_per_s": per_s, "stored_bytes": stored});
    print_reading("stream", reads * BATCH, &reading, more);
    Ok(())
}

pub(crate) fn batch(seed: u64, shift: f64, rows: usize, columns: usize) -> Result<RecordBatch, String> {
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
        "alarm" => feed(method, DriftAlarm::for_values(), numbers().map_err(report::text)?),
        "alarm_errors" => feed(method, DriftAlarm::for_errors(), bits.into_iter().map(Value::from).collect()),
        "cusum" => feed(method, Cusum::default(), numbers().map_err(report::text)?),
        "ddm" => feed(method, Ddm::default(), bits),
        "ecdd" => feed(method, Ecdd::default(), bits),
        "eddm" => feed(method, Eddm::default(), bits),
        "fhddm" => feed(method, Fhddm::default(), bits),
        "gma" => feed(method, GeometricMovingAverage::default(), numbers().map_err(report::text)?),
        "hddm_a" => feed(method, HddmA::default(), bits),
        "hddm_w" => feed(method, HddmW::default(), bits),
        "kswin" => feed(method, Kswin::default(), numbers().map_err(report::text)?),
        "page_hinkley" => feed(method, PageHinkley::default(), numbers().map_err(report::text)?),
        "rddm" => feed(method, Rddm::default(), bits),
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

pub(crate) fn print(step: &str, rows: usize, meter: Meter, more: serde_json::Value) {
    print_reading(step, rows, &meter.stop(), more);
}

fn print_reading(step: &str, rows: usize, reading: &Reading, mut more: serde_json::Value) {
    more["rows"] = json!(rows);
    more["rows_per_s"] = json!(report::round(rows as f64 / reading.wall.as_secs_f64()));
    report::line("drift", step, reading, more);
}

fn normal(seed: u64, mean: f64, rows: usize) -> Vec<f64> {
    let mut rng = Rng::new(seed, "workload drift");
    (0..rows).map(|_| mean + rng.normal()).collect()
}

pub(crate) const LABELS: [&str; 4] = ["near", "middle", "far", "beyond"];
