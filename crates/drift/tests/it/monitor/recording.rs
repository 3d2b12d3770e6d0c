//! Whoever brings the rows, in whatever order: the counts are the same.

use lineal_core::Rng;
use lineal_drift::arrow::array::{Array, DictionaryArray, LargeStringArray, StringViewArray, types::Int32Type};
use lineal_drift::arrow::record_batch::RecordBatch;
use lineal_drift::monitor::{Monitor, MonitorState, PaneCounts, Placement, Windows};
use lineal_drift::{Error, monitor::Value};
use std::sync::Arc;

use super::{Rows, monitor, quick, reference};

const MINUTE: u64 = 60_000_000;

fn by_time() -> Windows {
    Windows::of_time(0, MINUTE).with_sliding(3).with_allowed_lateness(1)
}

/// Times over five minutes, in no order.
fn times(rows: usize) -> Vec<i64> {
    let mut rng = Rng::new(9, "times");
    (0..rows).map(|_| rng.below(5 * MINUTE) as i64).collect()
}

fn saved(monitor: &Monitor) -> String {
    serde_json::to_string(&monitor.state()).unwrap()
}

#[test]
fn any_number_of_threads_gives_the_same_report() {
    let (rows, times) = (Rows::new(2, 4_000, 0.05), times(4_000));
    let run = |threads: usize, shards: u32| {
        let mut monitor = monitor(by_time(), quick().with_shards(shards));
        std::thread::scope(|scope| {
            for thread in 0..threads {
                let (recorder, rows, times) = (monitor.recorder(), &rows, &times);
                scope.spawn(move || {
                    for at in (thread..rows.len()).step_by(threads) {
                        assert_eq!(recorder.record_at(times[at], &rows.row(at)).unwrap(), Placement::Counted);
                    }
                });
            }
        });
        let state = saved(&monitor);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let reports = pool.install(|| monitor.close_until(6 * MINUTE as i64)).unwrap();
        assert_eq!(reports.len(), 3);
        assert_eq!(monitor.totals().rows, 4_000);
        (state, serde_json::to_string(&reports).unwrap())
    };
    let alone = run(1, 16);
    for (threads, shards) in [(2, 16), (8, 16), (8, 3), (3, 1)] {
        assert!(run(threads, shards) == alone, "{threads} threads, {shards} shards");
    }
}

/// Each pane that ends holds whole rows, and all panes together every row.
#[test]
fn no_row_is_lost_or_torn_while_windows_end() {
    let rows = Rows::new(2, 3_000, 0.0);
    let mut live = monitor(Windows::of_chunks(), quick().with_shards(3));
    let mut checker = monitor(Windows::of_chunks().with_open_panes(4_096), quick());
    let mut panes = Vec::new();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (recorder, rows) = (live.recorder(), &rows);
                scope.spawn(move || {
                    for at in 0..rows.len() {
                        assert_eq!(recorder.record(&rows.row(at)).unwrap(), Placement::Counted);
                    }
                    recorder.record_batch(&rows.batch()).unwrap();
                })
            })
            .collect();
        while threads.iter().any(|thread| !thread.is_finished()) && panes.len() < 4_000 {
            panes.extend(live.take().unwrap());
            std::thread::yield_now();
        }
    });
    panes.extend(live.take().unwrap());
    assert_eq!(panes.iter().map(PaneCounts::rows).sum::<u64>(), 4 * 2 * 3_000);
    // Taking a pane checks that each feature has a value for each row.
    assert!(panes.iter().all(|pane| checker.add(pane).unwrap() == Placement::Counted));
    assert!(checker.close().unwrap().len() == 1);
}

#[test]
fn batches_count_as_their_rows() {
    let (rows, mut times) = (Rows::new(2, 20_000, 0.0), times(20_000));
    // Runs of one pane, and rows of all panes mixed.
    times[..10_000].sort_unstable();
    let windows = [Windows::of_chunks(), Windows::of_rows(777), by_time()];
    for windows in windows.map(|windows| windows.with_open_panes(100)) {
        let timed = windows == by_time().with_open_panes(100);
        let (one, other) = (monitor(windows.clone(), quick()), monitor(windows, quick()));
        let recorder = one.recorder();
        for (at, time) in times.iter().enumerate() {
            match timed {
                true => recorder.record_at(*time, &rows.row(at)).unwrap(),
                false => recorder.record(&rows.row(at)).unwrap(),
            };
        }
        let (batch, recorder) = (rows.batch(), other.recorder());
        for (from, len) in [(0, 5_000), (5_000, 0), (5_000, 15_000)] {
            let (cut, times) = (batch.slice(from, len), &times[from..from + len]);
            let placed = match timed {
                true => recorder.record_batch_at(times, &cut).unwrap(),
                false => recorder.record_batch(&cut).unwrap(),
            };
            assert_eq!(placed.counted, len as u64);
        }
        assert_eq!(saved(&one), saved(&other));
    }
}

#[test]
fn every_type_of_text_counts_alike() {
    let rows = Rows::new(3, 500, 0.0);
    let plain = rows.batch();
    let arrays: [Arc<dyn Array>; 3] = [
        Arc::new(rows.carrier.iter().copied().collect::<DictionaryArray<Int32Type>>()),
        Arc::new(rows.carrier.iter().copied().collect::<LargeStringArray>()),
        Arc::new(rows.carrier.iter().copied().collect::<StringViewArray>()),
    ];
    let state = |batch: &RecordBatch| {
        let monitor = monitor(Windows::of_chunks(), quick());
        monitor.recorder().record_batch(batch).unwrap();
        saved(&monitor)
    };
    for array in arrays {
        let columns = ["speed", "carrier", "delay"].into_iter().zip(plain.columns());
        let columns = columns
            .map(|(name, column)| (name, if name == "carrier" { Arc::clone(&array) } else { Arc::clone(column) }));
        assert_eq!(state(&RecordBatch::try_from_iter(columns).unwrap()), state(&plain));
    }
}

#[test]
fn windows_of_rows_hold_exactly_so_many() {
    let rows = Rows::new(4, 2_500, 0.0);
    let mut monitor = monitor(Windows::of_rows(1_000), quick());
    let recorder = monitor.recorder();
    let filled: Vec<usize> =
        (0..rows.len()).filter(|at| recorder.record(&rows.row(*at)).unwrap() == Placement::Filled).collect();
    assert_eq!(filled, [999, 1_999]);
    let reports = monitor.close().unwrap();
    assert_eq!(reports.iter().map(|report| report.rows).collect::<Vec<_>>(), [1_000, 1_000]);
    assert!(monitor.close().unwrap().is_empty());
    let placed = recorder.record_batch(&rows.batch()).unwrap();
    assert_eq!((placed.counted, placed.filled), (2_500, true));
    let reports = monitor.close().unwrap();
    assert_eq!(
        reports.iter().map(|report| (report.window.first_pane, report.rows)).collect::<Vec<_>>(),
        [(2, 1_000), (3, 1_000), (4, 1_000)]
    );
    assert_eq!((monitor.totals().rows, monitor.totals().windows), (5_000, 5));
}

#[test]
fn late_and_early_rows_are_counted_and_left_out() {
    let rows = Rows::new(5, 1, 0.0);
    let mut monitor = monitor(by_time().with_open_panes(4), quick());
    let recorder = monitor.recorder();
    let minute = |m: i64| m * MINUTE as i64;
    let mut record = |time| recorder.record_at(time, &rows.row(0)).unwrap();
    assert_eq!(
        [-1, 0, minute(4) - 1, minute(4)].map(&mut record),
        [Placement::Late, Placement::Counted, Placement::Counted, Placement::Ahead]
    );
    // One minute of lateness: the second minute is still open at the end of the third.
    assert_eq!(monitor.take_until(minute(3) - 1).unwrap().iter().map(PaneCounts::pane).collect::<Vec<_>>(), [0]);
    assert_eq!(
        [minute(1) - 1, minute(1), minute(5) - 1].map(&mut record),
        [Placement::Late, Placement::Counted, Placement::Counted]
    );
    // Time does not go back.
    assert!(monitor.take_until(i64::MIN).unwrap().is_empty());
    assert_eq!(record(minute(1) - 1), Placement::Late);
    let placed = recorder.record_batch_at(&[i64::MIN, minute(2), i64::MAX], &Rows::new(5, 3, 0.0).batch()).unwrap();
    assert_eq!((placed.late, placed.counted, placed.ahead, placed.filled), (1, 1, 1, false));
    let totals = monitor.totals();
    assert_eq!((totals.rows, totals.late, totals.ahead), (5, 4, 2));
}

#[test]
fn a_silence_is_skipped_in_one_step() {
    let mut monitor = monitor(by_time(), quick());
    let rows = Rows::new(5, 1, 0.0);
    monitor.recorder().record_at(0, &rows.row(0)).unwrap();
    // The first 64 panes are reported, as windows of three.
    assert_eq!(monitor.close_until(i64::MAX).unwrap().len(), 62);
    let skipped = monitor.totals().skipped_panes;
    assert!(skipped > 100_000_000, "{skipped}");
    assert_eq!(monitor.recorder().record_at(i64::MAX, &rows.row(0)).unwrap(), Placement::Counted);
    assert!(monitor.close_until(i64::MAX).unwrap().is_empty());
}

#[test]
fn a_restart_loses_nothing() {
    let (rows, times) = (Rows::new(6, 6_000, 0.2), times(6_000));
    let ordered = {
        let mut times = times;
        times.sort_unstable();
        times
    };
    let run = |restart: bool| {
        let mut monitor = monitor(by_time(), quick());
        let mut reports = Vec::new();
        for (at, time) in ordered.iter().enumerate() {
            monitor.recorder().record_at(*time, &rows.row(at)).unwrap();
            if at % 500 == 0 {
                reports.extend(monitor.close_until(*time).unwrap());
            }
            if restart && at % 900 == 0 {
                let state: MonitorState = serde_json::from_str(&saved(&monitor)).unwrap();
                assert_eq!(state, monitor.state());
                monitor = Monitor::restore(reference(), by_time(), quick(), &state).unwrap();
                assert_eq!(state, monitor.state());
            }
        }
        reports.extend(monitor.close_until(7 * MINUTE as i64).unwrap());
        assert!(reports.iter().any(|report| !report.findings.is_empty()));
        (reports, monitor.totals(), monitor.state())
    };
    assert_eq!(run(true), run(false));
    let by_rows = monitor(Windows::of_rows(1_000), quick());
    by_rows.recorder().record_batch(&rows.batch().slice(0, 1_300)).unwrap();
    let mut by_rows = Monitor::restore(reference(), Windows::of_rows(1_000), quick(), &by_rows.state()).unwrap();
    by_rows.recorder().record_batch(&rows.batch().slice(1_300, 700)).unwrap();
    assert_eq!(by_rows.close().unwrap().iter().map(|report| report.rows).collect::<Vec<_>>(), [1_000, 1_000]);
}

#[test]
fn replicas_add_up_in_any_order() {
    let (rows, times) = (Rows::new(7, 3_000, 0.1), times(3_000));
    let whole = monitor(by_time(), quick());
    for (at, time) in times.iter().enumerate() {
        whole.recorder().record_at(*time, &rows.row(at)).unwrap();
    }
    let mut panes = Vec::new();
    for replica in 0..3 {
        let mut part = monitor(by_time(), quick());
        let recorder = part.recorder();
        for at in (replica..rows.len()).step_by(3) {
            recorder.record_at(times[at], &rows.row(at)).unwrap();
            let label = format!("new {}", at % 40);
            recorder.record_at(times[at], &[Value::Missing, Value::Label(&label), Value::Missing]).unwrap();
            whole.recorder().record_at(times[at], &[Value::Missing, Value::Label(&label), Value::Missing]).unwrap();
        }
        panes.extend(part.take_until(9 * MINUTE as i64).unwrap());
    }
    for turn in 0..3 {
        let mut centre = monitor(by_time(), quick());
        panes.reverse();
        panes.rotate_left(turn * 5);
        for pane in &panes {
            let pane: PaneCounts = serde_json::from_str(&serde_json::to_string(pane).unwrap()).unwrap();
            assert_eq!(centre.add(&pane).unwrap(), Placement::Counted);
        }
        assert_eq!(centre.totals(), whole.totals());
        let mut twin = Monitor::restore(reference(), by_time(), quick(), &whole.state()).unwrap();
        assert_eq!(centre.close_until(9 * MINUTE as i64).unwrap(), twin.close_until(9 * MINUTE as i64).unwrap());
        assert_eq!(centre.state(), twin.state());
    }
    let [one, two] = [panes[0].clone(), panes[1].clone()];
    assert!(matches!({ one }.merge(&two), Err(Error::Saved { .. })));
}
