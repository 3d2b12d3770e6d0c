//! Segments, and what of a reference goes with the current data.

use std::slice::from_ref;
use std::sync::Arc;

use arrow::array::{BooleanArray, Int32Array, RecordBatch, StringArray};
use lineal_drift::{DataDrift, DataDriftSettings, Error, SegmentReport, arrow, matched_reference};

use crate::flights_data::Flights;
use crate::generators::{batch, compare, floats, words};

fn segments(reference: &[RecordBatch], current: &[RecordBatch], by: &[&str]) -> Result<Vec<SegmentReport>, Error> {
    DataDrift::new(DataDriftSettings::default()).unwrap().compare_segments(reference, current, by, 20)
}

/// 400 rows: `a` is x, y or missing, `b` a boolean; the numbers of (y, true) are moved by `shift`.
fn rows(shift: f64) -> RecordBatch {
    let a = |i: usize| [Some("x"), Some("y"), Some("y"), None][i % 4];
    let b = |i: usize| i % 8 < 4;
    let moved = |i: usize| if a(i) == Some("y") && b(i) { shift } else { 0.0 };
    batch([
        ("a", words((0..400).map(a))),
        ("b", Arc::new((0..400).map(|i| Some(b(i))).collect::<BooleanArray>()) as _),
        ("n", floats((0..400_usize).map(|i| (i / 8) as f64 + moved(i)))),
    ])
}

#[test]
fn drift_is_found_where_it_is() {
    let found = segments(&[rows(0.0)], &[rows(50.0)], &["a", "b"]).unwrap();
    let names: Vec<Option<&str>> = found.iter().map(|s| s.value.as_deref()).collect();
    assert_eq!(names, [None, Some("x"), Some("y")]);
    let drifted = |s: &SegmentReport| s.report.as_ref().map(|r| r.drifted().count());
    assert_eq!(found.iter().map(drifted).collect::<Vec<_>>(), [Some(0), Some(0), Some(1)]);
    let inner: Vec<(Option<&str>, Option<usize>)> =
        found[2].segments.iter().map(|s| (s.value.as_deref(), drifted(s))).collect();
    assert_eq!(inner, [(Some("false"), Some(0)), (Some("true"), Some(1))]);
    assert_eq!((found[2].reference_rows, found[2].segments[1].current_rows), (200, 100));
    let json = serde_json::to_string(&found).unwrap();
    assert_eq!(serde_json::from_str::<Vec<SegmentReport>>(&json).unwrap(), found);
}

#[test]
fn segments_hold_every_row_whatever_the_batches() {
    let whole = rows(3.0);
    let cut: Vec<RecordBatch> =
        [0, 7, 100, 399].into_iter().zip([7, 93, 299, 1]).map(|(at, n)| whole.slice(at, n)).collect();
    assert_eq!(
        segments(&cut, &cut, &["b", "a"]).unwrap(),
        segments(from_ref(&whole), from_ref(&whole), &["b", "a"]).unwrap()
    );
}

#[test]
fn few_rows_are_listed_and_not_compared() {
    let some = batch([("a", words([Some("x"); 30])), ("n", floats((0..30).map(f64::from)))]);
    let found = segments(&[rows(0.0)], &[some], &["a"]).unwrap();
    let seen: Vec<(u64, u64, bool)> =
        found.iter().map(|s| (s.reference_rows, s.current_rows, s.report.is_some())).collect();
    assert_eq!(seen, [(100, 0, false), (100, 30, true), (200, 0, false)]);
}

#[test]
fn bad_keys_are_refused() {
    let rows = rows(0.0);
    let refused = |by: &[&str]| match segments(from_ref(&rows), from_ref(&rows), by) {
        Err(Error::Segments { what }) => what,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(&[]), "one column or two are needed");
    assert_eq!(refused(&["a", "b", "n"]), "one column or two are needed");
    assert_eq!(refused(&["missing"]), "a batch has no column missing");
    let ids = batch([("id", Arc::new((0..2000).map(|i| Some(format!("{i}"))).collect::<StringArray>()) as _)]);
    let error = matched_reference(from_ref(&ids), from_ref(&ids), &["id"]).unwrap_err();
    insta::assert_snapshot!(error, @"splitting into segments: id has more than 1000 values");
}

#[test]
fn a_season_is_no_drift_against_its_own() {
    let flights = Flights::read(["temp", "dewp"]);
    let july_odd = flights.select(|row, month| month == 7 && row % 2 == 1);
    let year_even = flights.select(|row, _| row % 2 == 0);
    // The month itself is a column, too.
    assert_eq!(compare(from_ref(&year_even), from_ref(&july_odd)).drifted().count(), 3);
    let matched = matched_reference(from_ref(&year_even), from_ref(&july_odd), &["month"]).unwrap();
    assert_eq!(compare(&matched, from_ref(&july_odd)).drifted().count(), 0);
}

#[test]
fn a_reference_that_matches_nothing_keeps_its_columns() {
    let month = |m: i32| batch([("month", Arc::new(Int32Array::from(vec![m])) as _)]);
    let matched = matched_reference(&[month(1)], &[month(2)], &["month"]).unwrap();
    assert_eq!((matched.len(), matched[0].num_rows(), matched[0].num_columns()), (1, 0, 1));
}
