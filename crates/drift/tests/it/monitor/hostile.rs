//! Nothing a row can hold makes the monitor panic or grow.

use std::sync::Arc;

use lineal_drift::Error;
use lineal_drift::arrow::array::{ArrayRef, BinaryArray, Int64Array, NullArray, RecordBatch, StringArray};
use lineal_drift::monitor::{Monitor, MonitorReference, Placement, ReferenceSettings, Value, Windows};
use proptest::prelude::*;

use super::{Rows, monitor, quick};
use crate::generators::{batch, floats, optional, ramp, words};

#[test]
fn wrong_rows_and_batches_are_rejected_and_counted() {
    let timed = monitor(Windows::of_time(0, 10), quick());
    let monitor = monitor(Windows::of_chunks(), quick());
    let recorder = monitor.recorder();
    assert!(matches!(recorder.record(&[]), Err(Error::Rows { expected: 3, actual: 0, .. })));
    assert!(matches!(recorder.record(&[Value::Missing; 4]), Err(Error::Rows { expected: 3, actual: 4, .. })));
    let good = Rows::new(1, 5, 0.0).batch();
    let columns = || good.columns().to_vec();
    let named = |names: [&'static str; 3], columns: Vec<ArrayRef>| batch(names.into_iter().zip(columns));
    let missing = named(["speed", "carrier", "other"], columns());
    assert!(matches!(recorder.record_batch(&missing), Err(Error::Columns { column, .. }) if &*column == "delay"));
    let twice = batch(["speed", "carrier", "delay", "speed"].into_iter().zip([columns(), columns()].concat()));
    assert!(matches!(recorder.record_batch(&twice), Err(Error::Columns { .. })));
    let with = |at: usize, array: ArrayRef| {
        let mut columns = columns();
        columns[at] = array;
        named(["speed", "carrier", "delay"], columns)
    };
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1; 5]));
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["a"; 5]));
    let bytes: ArrayRef = Arc::new(BinaryArray::from_iter_values([[0_u8]; 5]));
    assert!(matches!(recorder.record_batch(&with(1, numbers)), Err(Error::TypeChanged { .. })));
    assert!(matches!(recorder.record_batch(&with(0, texts)), Err(Error::TypeChanged { .. })));
    assert!(matches!(recorder.record_batch(&with(2, bytes)), Err(Error::UnsupportedType { .. })));
    assert!(matches!(recorder.record_batch(&with(2, Arc::new(NullArray::new(5)))), Err(Error::UnsupportedType { .. })));
    assert!(matches!(recorder.record_at(0, &[Value::Missing; 3]), Err(Error::Windows { .. })));
    assert!(matches!(recorder.record_batch_at(&[0; 5], &good), Err(Error::Windows { .. })));
    assert_eq!(monitor.totals().rejected, 10);
    assert_eq!(monitor.totals().rows, 0);
    assert!(matches!(timed.recorder().record(&[Value::Missing; 3]), Err(Error::Windows { .. })));
    assert!(matches!(
        timed.recorder().record_batch_at(&[0; 4], &good),
        Err(Error::Rows { expected: 5, actual: 4, .. })
    ));
    let (mut timed, mut monitor) = (timed, monitor);
    assert!(matches!(timed.close(), Err(Error::Windows { .. })));
    let error = monitor.close_until(0).unwrap_err();
    insta::assert_snapshot!(error, @"chunk windows need no time: record, record_batch, close, take");
}

#[test]
fn a_flood_of_labels_stays_small() {
    let mut monitor = monitor(Windows::of_chunks(), quick());
    let recorder = monitor.recorder();
    let flood = if cfg!(debug_assertions) { 200_000 } else { 2_000_000 };
    for i in 0..flood {
        let label = format!("{:09}{}", (i as u64 * 7_368_787) % 1_000_000_007, "é".repeat(i % 50));
        recorder.record(&[Value::Missing, Value::Label(&label), Value::Missing]).unwrap();
    }
    let saved = serde_json::to_string(&monitor.state()).unwrap();
    assert!(saved.len() < 6_000, "{}", saved.len());
    let report = &monitor.close().unwrap()[0];
    let carrier = report.feature("carrier").unwrap();
    assert_eq!((carrier.values, carrier.outside_fraction), (flood as u64, 1.0));
    assert!(carrier.new_labels.len() == 16 && carrier.new_labels.iter().all(|label| label.len() <= 64));
    assert!(carrier.new_labels.is_sorted());
    assert!(report.findings.iter().any(|finding| finding.feature == "carrier"));
}

#[test]
fn references_of_next_to_nothing_work() {
    let nothing = || optional((0..60).map(|_| None));
    let references = [
        batch([("x", nothing()), ("y", words((0..60).map(|_| None)))]),
        batch([("x", floats([f64::INFINITY; 60])), ("y", words((0..60).map(|_| Some(""))))]),
        batch([("x", floats([f64::MAX; 60])), ("y", words((0..60).map(|_| Some("a"))))]),
        batch([("x", floats([5.0])), ("y", words([Some("a")]))]),
        batch([("x", floats([5e-324, -0.0, 0.0, -f64::MAX])), ("y", words(["a", "b", "c", "d"].map(Some)))]),
    ];
    for data in references {
        let reference = MonitorReference::build(&[data], &ReferenceSettings::default()).unwrap();
        let stored = serde_json::to_string(&reference).unwrap();
        assert_eq!(serde_json::from_str::<MonitorReference>(&stored).unwrap(), reference);
        let mut monitor = Monitor::new(reference, Windows::of_chunks(), quick().with_min_values(1)).unwrap();
        for _ in 0..60 {
            for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, 5e-324, -0.0] {
                monitor.recorder().record(&[Value::Number(number), Value::Label("a")]).unwrap();
            }
        }
        let report = monitor.close().unwrap().remove(0);
        // A NaN or an infinity becomes `null`, and does not read back.
        let json = serde_json::to_string(&report).unwrap();
        assert!(
            serde_json::from_str::<lineal_drift::monitor::WindowReport>(&json).is_ok_and(|read| read == report),
            "{json}"
        );
    }
    assert!(matches!(MonitorReference::build(&[], &ReferenceSettings::default()), Err(Error::NoReference)));
    let empty = batch([("x", floats([]))]);
    assert!(matches!(MonitorReference::build(&[empty], &ReferenceSettings::default()), Err(Error::Empty { .. })));
    let build =
        |settings: ReferenceSettings| MonitorReference::build(&[batch([("x", ramp(0.0))])], &settings).map(drop);
    let settings = ReferenceSettings::default;
    assert!(matches!(build(settings().with_bins(61)), Err(Error::Setting { .. })));
    assert!(matches!(build(settings().with_max_labels(0)), Err(Error::Setting { .. })));
    assert!(matches!(build(settings().with_chunk_rows(0)), Err(Error::Setting { .. })));
    assert!(matches!(build(settings().with_chunk_rows(99)), Err(Error::TooFew { .. })));
    assert!(matches!(build(settings().with_only(["absent"])), Err(Error::Columns { .. })));
    assert!(matches!(build(settings().with_only(["x", "x"])), Err(Error::Columns { .. })));
    let lists = batch([("x", Arc::new(NullArray::new(3)) as ArrayRef)]);
    assert!(matches!(MonitorReference::build(&[lists], &settings()), Err(Error::UnsupportedType { .. })));
    let retyped = [batch([("x", ramp(0.0))]), batch([("x", words([Some("a")]))])];
    assert!(matches!(MonitorReference::build(&retyped, &settings()), Err(Error::TypeChanged { .. })));
}

fn value() -> impl Strategy<Value = Value<'static>> {
    prop_oneof![
        Just(Value::Missing),
        any::<f64>().prop_map(Value::Number),
        (0.0..1.0).prop_map(Value::Number),
        prop::sample::select(vec!["UA", "AA", "", "new", "é", "\0"]).prop_map(Value::Label),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Every row is somewhere, whatever times come in whatever order.
    #[test]
    fn no_row_is_lost(
        rows in proptest::collection::vec((any::<i64>(), any::<bool>(), value(), value(), value()), 1..120),
        start in any::<i64>(), width in prop_oneof![1_u64..1_000, any::<u64>().prop_map(|w| w.max(1))], lateness in 0_u32..3,
    ) {
        let windows = Windows::of_time(start, width).with_allowed_lateness(lateness).with_open_panes(5).with_sliding(2);
        let mut monitor = monitor(windows, quick());
        let (recorder, mut counted, mut reported) = (monitor.recorder(), 0, 0);
        for (time, close, a, b, c) in &rows {
            counted += u64::from(recorder.record_at(*time, &[*a, *b, *c]).unwrap() == Placement::Counted);
            if *close {
                reported += monitor.take_until(*time).unwrap().iter().map(|pane| pane.rows()).sum::<u64>();
            }
        }
        let totals = monitor.totals();
        prop_assert_eq!(totals.rows, counted);
        prop_assert_eq!(totals.rows + totals.late + totals.ahead, rows.len() as u64);
        reported += monitor.take_until(i64::MAX).unwrap().iter().map(|pane| pane.rows()).sum::<u64>();
        let lateness_keeps = monitor.state();
        let json = serde_json::to_value(&lateness_keeps).unwrap();
        let open: u64 = json["open"].as_array().unwrap().iter().map(|pane| pane["counts"]["rows"].as_u64().unwrap()).sum();
        prop_assert_eq!(reported + open, counted);
    }
}

#[test]
fn a_batch_without_rows_is_nothing() {
    let monitor = monitor(Windows::of_rows(3), quick());
    let empty: RecordBatch = Rows::new(1, 0, 0.0).batch();
    assert_eq!(monitor.recorder().record_batch(&empty).unwrap().counted, 0);
    assert_eq!(monitor.totals(), monitor.totals());
}
