//! Arrays fed whole: the same as value by value.

use std::sync::Arc;

use lineal_drift::Error;
use lineal_drift::arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Float32Array, Float64Array, Int8Array, NullArray, StringArray, UInt64Array,
};
use lineal_drift::streaming::{
    Adwin, CoolDown, Cusum, Ddm, Detector, DriftAlarm, Ecdd, Eddm, ErrorBit, Fhddm, GeometricMovingAverage, HddmA,
    HddmW, Kswin, PageHinkley, Rddm, Signal, Stepd, Value,
};
use lineal_testkit::Dice;

/// A stream in batches, with a change in the middle and rows without a value.
fn rows<T>(missing: impl Fn(&mut Dice) -> Option<T>, draw: impl Fn(&mut Dice, bool) -> T) -> Vec<Option<T>> {
    let mut dice = Dice::new(12);
    (0..5_000)
        .map(|at| if dice.chance(0.1) { missing(&mut dice) } else { Some(draw(&mut dice, at >= 2_500)) })
        .collect()
}

/// Feeds batches of many sizes and compares with single values.
fn agrees<D, T: Copy>(
    detector: D,
    rows: &[Option<T>],
    present: impl Fn(T) -> Option<D::Input>,
    array: impl Fn(&[Option<T>]) -> ArrayRef,
) where
    D: Detector + Clone + PartialEq + std::fmt::Debug,
    D::Input: lineal_drift::streaming::StreamInput,
{
    let mut single = detector.clone();
    let mut expected = Vec::new();
    for (at, row) in (0_u64..).zip(rows) {
        let signal = row.and_then(&present).map_or(Signal::Quiet, |input| single.update(input));
        if signal != Signal::Quiet {
            expected.push((at, signal));
        }
    }
    let mut batched = detector;
    let (mut found, mut before, mut missing) = (Vec::new(), 0, 0);
    let mut rest = rows;
    for size in [0, 1, 7, 64, 1_000].into_iter().cycle() {
        let (batch, left) = rest.split_at(rest.len().min(size));
        rest = left;
        let signals = batched.update_array(&array(batch)).unwrap();
        assert_eq!(signals.rows, batch.len() as u64);
        found.extend(signals.signals.into_iter().map(|(at, signal)| (at + before, signal)));
        (before, missing) = (before + signals.rows, missing + signals.missing);
        if rest.is_empty() {
            break;
        }
    }
    assert_eq!(found, expected);
    assert_eq!(batched, single);
    assert_eq!(missing, rows.iter().filter(|row| row.and_then(&present).is_none()).count() as u64);
    assert!(!found.is_empty(), "{batched:?}");
}

#[test]
fn arrays_of_numbers() {
    let rows = rows(
        |dice| [None, Some(f64::NAN), Some(f64::INFINITY)][dice.index(3)],
        |dice, changed| 4.0 * dice.fraction() + if changed { 9.0 } else { 0.0 },
    );
    let array = |rows: &[Option<f64>]| Arc::new(rows.iter().copied().collect::<Float64Array>()) as ArrayRef;
    let value = |x: f64| Value::new(x).ok();
    agrees(Adwin::default(), &rows, value, array);
    agrees(PageHinkley::default(), &rows, value, array);
    agrees(Cusum::default(), &rows, value, array);
    agrees(GeometricMovingAverage::default(), &rows, value, array);
    agrees(Kswin::default(), &rows, value, array);
    agrees(DriftAlarm::for_values(), &rows, value, array);
    agrees(CoolDown::new(Kswin::default(), 20), &rows, value, array);
}

#[test]
fn arrays_of_errors() {
    let rows = rows(|_| None, |dice, changed| dice.chance(if changed { 0.5 } else { 0.1 }));
    let booleans = |rows: &[Option<bool>]| Arc::new(rows.iter().copied().collect::<BooleanArray>()) as ArrayRef;
    let integers =
        |rows: &[Option<bool>]| Arc::new(rows.iter().map(|row| row.map(i8::from)).collect::<Int8Array>()) as ArrayRef;
    let floats = |rows: &[Option<bool>]| {
        // Missing ones are NaN.
        let numbers = rows.iter().map(|row| row.map_or(f32::NAN, |error| f32::from(u8::from(error))));
        Arc::new(Float32Array::from_iter_values(numbers)) as ArrayRef
    };
    let bit = |error: bool| Some(ErrorBit::from_error(error));
    for array in [&booleans as &dyn Fn(&[Option<bool>]) -> ArrayRef, &integers, &floats] {
        agrees(Ddm::default(), &rows, bit, array);
        agrees(Rddm::default(), &rows, bit, array);
        agrees(Eddm::default(), &rows, bit, array);
        agrees(HddmA::default(), &rows, bit, array);
        agrees(HddmW::default(), &rows, bit, array);
        agrees(Fhddm::default(), &rows, bit, array);
        agrees(Ecdd::default(), &rows, bit, array);
        agrees(Stepd::default(), &rows, bit, array);
        agrees(DriftAlarm::for_errors(), &rows, |error| bit(error).map(Value::from), array);
    }
}

#[test]
fn what_is_no_stream_is_refused_whole() {
    let mut ddm = Ddm::default();
    let mixed = Float64Array::from(vec![Some(1.0), None, Some(0.5), Some(1.0)]);
    assert!(matches!(ddm.update_array(&mixed), Err(Error::NotErrorBit { row: 2, value: 0.5 })));
    assert!(matches!(ddm.update_array(&UInt64Array::from(vec![0, 7])), Err(Error::NotErrorBit { row: 1, .. })));
    let infinite = Float64Array::from(vec![f64::INFINITY]);
    assert!(matches!(ddm.update_array(&infinite), Err(Error::NotErrorBit { row: 0, .. })));
    assert!(matches!(ddm.update_array(&StringArray::from(vec!["0"])), Err(Error::UnsupportedType { .. })));
    assert!(matches!(Adwin::default().update_array(&NullArray::new(3)), Err(Error::UnsupportedType { .. })));
    assert_eq!(ddm, Ddm::default());
    let nothing = ddm.update_array(&Float64Array::from(vec![None, None])).unwrap();
    assert_eq!((nothing.signals.len(), nothing.rows, nothing.missing), (0, 2, 2));
    assert_eq!(Adwin::default().update_array(&Date32Array::from(vec![1, 2])).unwrap().missing, 0);
    // A slice has places of its own.
    let bits = BooleanArray::from((0..400).map(|at| at >= 200).collect::<Vec<_>>());
    let found = ddm.update_array(&bits.slice(100, 300)).unwrap();
    assert_eq!(found.signals.first(), Some(&(100, Signal::Drift)));
}
