use lineal_drift::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use lineal_drift::arrow::datatypes::Float64Type;
use lineal_drift::monitor::{
    Monitor, MonitorReference, MonitorSettings, Placement, Recorder, ReferenceSettings, Value, Windows,
};
use serde_json::json;

use crate::drift::{LABELS, batch, print};
use crate::{meter::Meter, report};

/// Rows one by one from one thread and from two, batches, and the end of a window; then of numbers and of labels alone.
pub(crate) fn run(rows: usize, columns: usize) -> Result<(), String> {
    let batch = batch(1, 0.0, rows.min(LIVE_ROWS), columns)?;
    record_steps("mixed", &batch, rows)?;
    for (what, kept) in [("numbers", 0), ("labels", 4)] {
        let names = batch.schema();
        let kept: Vec<usize> = (0..columns).filter(|at| (at % 5 == 4) == (kept == 4)).collect();
        if names.fields().len() > kept.len() && !kept.is_empty() {
            record_steps(what, &batch.project(&kept).map_err(report::text)?, rows)?;
        }
    }
    Ok(())
}

fn record_steps(what: &str, batch: &RecordBatch, rows: usize) -> Result<(), String> {
    let meter = Meter::start();
    let reference = MonitorReference::build(std::slice::from_ref(batch), &ReferenceSettings::default());
    let reference = reference.map_err(report::text)?;
    let columns = batch.num_columns();
    print("monitor-reference", batch.num_rows(), meter, json!({"values": what, "columns": columns}));
    let windows = Windows::of_time(0, 60_000_000);
    let mut monitor = Monitor::new(reference, windows, MonitorSettings::default()).map_err(report::text)?;
    let live = live_rows(batch);
    for threads in [1, 2] {
        let meter = Meter::start();
        let counted = std::thread::scope(|scope| {
            let record = |thread: usize| {
                let (recorder, live) = (monitor.recorder(), &live);
                scope.spawn(move || record_rows(&recorder, live, rows / threads, thread))
            };
            let threads: Vec<_> = (0..threads).map(record).collect();
            threads.into_iter().map(|thread| thread.join().unwrap_or(0)).sum::<usize>()
        });
        print_recorded("monitor-row", what, counted, columns, threads, meter);
    }
    let (recorder, times) = (monitor.recorder(), vec![0; batch.num_rows()]);
    let repeats = (rows / batch.num_rows().max(1)).max(1);
    let meter = Meter::start();
    for _ in 0..repeats {
        recorder.record_batch_at(&times, batch).map_err(report::text)?;
    }
    print_recorded("monitor-batch", what, repeats * batch.num_rows(), columns, 1, meter);
    for step in ["monitor-close-first", "monitor-close"] {
        let meter = Meter::start();
        let windows = monitor.close_until(if step == "monitor-close" { 120_000_000 } else { 60_000_000 });
        let windows = windows.map_err(report::text)?;
        let counted: u64 = windows.iter().map(|window| window.rows).sum();
        let drifted: usize = windows.iter().map(|window| window.drifted().count()).sum();
        print(step, counted as usize, meter, json!({"values": what, "columns": columns, "drifted": drifted}));
        recorder.record_batch_at(&vec![60_000_000; batch.num_rows()], batch).map_err(report::text)?;
    }
    Ok(())
}

fn record_rows(recorder: &Recorder, live: &[Vec<Value<'_>>], rows: usize, from: usize) -> usize {
    let placed = live.iter().cycle().skip(from).take(rows).map(|row| recorder.record_at(0, row));
    placed.filter(|placed| matches!(placed, Ok(Placement::Counted))).count()
}

fn print_recorded(step: &str, what: &str, rows: usize, columns: usize, threads: usize, meter: Meter) {
    let reading = meter.stop();
    let values = (rows * columns) as f64;
    let nanoseconds = reading.wall.as_secs_f64() * 1e9;
    let more = json!({
        "values": what,
        "rows": rows,
        "columns": columns,
        "threads": threads,
        "rows_per_s": report::round(rows as f64 / reading.wall.as_secs_f64()),
        "ns_per_value": report::round(nanoseconds / values),
        "ns_per_value_and_thread": report::round(nanoseconds * threads as f64 / values),
    });
    report::line("drift", step, &reading, more);
}

/// The first rows of a batch, as a service has them.
fn live_rows(batch: &RecordBatch) -> Vec<Vec<Value<'_>>> {
    let value = |row: usize, column: &ArrayRef| -> Value<'_> {
        if column.data_type().is_numeric() {
            return Value::Number(column.as_primitive::<Float64Type>().value(row));
        }
        Value::Label(LABELS.iter().find(|label| **label == column.as_string::<i32>().value(row)).unwrap_or(&""))
    };
    (0..batch.num_rows().min(1 << 14))
        .map(|row| batch.columns().iter().map(|column| value(row, column)).collect())
        .collect()
}

/// Rows of the reference; they are recorded again and again.
const LIVE_ROWS: usize = 100_000;
