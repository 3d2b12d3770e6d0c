//! What is inferred, and that the reference passes it.

use std::sync::Arc;

use lineal_drift::Error;
use lineal_drift::arrow::array::{Date32Array, Decimal128Array, NullArray, RecordBatch, UInt64Array};
use lineal_drift::quality::{CheckSettings, Constraints, InferSettings, Inference, Severity};
use proptest::prelude::*;

use super::data::{bools, dictionary, integers, millis, nothing, texts};
use super::hostile::table;
use crate::generators::{batch, floats, optional};

fn infer(batches: &[RecordBatch]) -> Inference {
    let inference = Constraints::infer(batches, &InferSettings::default()).unwrap();
    assert_passes(&inference, batches);
    inference
}

fn assert_passes(inference: &Inference, batches: &[RecordBatch]) {
    let report = inference.constraints.check(batches, &CheckSettings::default()).unwrap();
    assert_eq!(report.failed().map(ToString::to_string).collect::<Vec<_>>(), [] as [String; 0]);
    assert_eq!(inference.evidence.len(), inference.constraints.constraints.len());
}

/// One line per constraint and one per thing left out.
fn summary(inference: &Inference) -> String {
    let constraints = inference.constraints.constraints.iter().zip(&inference.evidence);
    let lines = constraints.map(|(c, evidence)| {
        let tolerance = if c.tolerance > 0.0 { format!(" for {:.2}", 1.0 - c.tolerance) } else { String::new() };
        format!("{}: {}{tolerance} ({} of {} rows)", c.name, c.rule, evidence.observed, evidence.rows)
    });
    let left_out = inference.left_out.iter().map(|l| format!("- {}: {}", l.column, l.reason));
    lines.chain(left_out).collect::<Vec<_>>().join("\n")
}

#[test]
fn each_kind_of_column() {
    let rows = 200_i64;
    let reference = batch([
        ("id", integers(0..rows)),
        ("temp", optional((0..rows).map(|i| (i % 10 > 0).then(|| (i * 37 % 100) as f64 - 20.0)))),
        ("delay", integers((0..rows).map(|i| i * i % 1000))),
        ("carrier", dictionary((0..rows).map(|i| Some(["UA", "AA", "DL"][i as usize % 3])))),
        (
            "tail",
            texts((0..rows).map(|i| format!("N{:04}", i * 7 % 150)).collect::<Vec<_>>().iter().map(String::as_str)),
        ),
        ("name", texts((0..rows).map(|i| "x".repeat(i as usize)).collect::<Vec<_>>().iter().map(String::as_str))),
        ("at", millis((0..rows).map(|i| 1_376_568_000_000 + i / 2 * 60_000))),
        ("day", Arc::new(Date32Array::from_iter_values((0..200).map(|i| 15_900 + i * 7 % 30)))),
        ("late", bools((0..rows).map(|i| i % 2 == 0))),
        ("valid", bools((0..rows).map(|_| true))),
        ("wild", floats((0..rows).map(|i| if i == 5 { f64::NEG_INFINITY } else { i as f64 }))),
        ("hash", Arc::new(UInt64Array::from_iter_values((0..200).map(|i| u64::MAX - i * 1_000)))),
        ("price", Arc::new(Decimal128Array::from_iter_values((0..200).map(i128::from)))),
        ("empty", optional((0..rows).map(|_| None))),
        ("void", Arc::new(NullArray::new(200))),
    ]);
    insta::assert_snapshot!(summary(&infer(&[reference])), @r#"
    columns: the columns are id, temp, delay, carrier, tail and 10 more (15 columns in every batch of 200 rows)
    id.type: id is of type integer (Int64 of 200 rows)
    id.not_null: id is not null (0 missing of 200 rows)
    id.range: id is at least 0 (from 0 to 199 of 200 rows)
    id.unique: id is unique (200 distinct of 200 rows)
    id.increasing: id is strictly increasing (each greater than the one before of 200 rows)
    temp.type: temp is of type float (Float64 of 200 rows)
    temp.not_null: temp is not null for 0.85 (20 missing of 200 rows)
    temp.range: temp is from -28.8 to 88.8 (from -19.0 to 79.0 of 180 rows)
    delay.type: delay is of type integer (Int64 of 200 rows)
    delay.not_null: delay is not null (0 missing of 200 rows)
    delay.range: delay is from 0 to 1096 (from 0 to 996 of 200 rows)
    carrier.type: carrier is of type text (Dictionary(Int32, Utf8) of 200 rows)
    carrier.not_null: carrier is not null (0 missing of 200 rows)
    carrier.one_of: carrier is one of "AA", "DL", "UA" (3 distinct of 200 rows)
    tail.type: tail is of type text (Utf8 of 200 rows)
    tail.not_null: tail is not null (0 missing of 200 rows)
    tail.length: the length of tail is exactly 5 (always 5 characters of 200 rows)
    name.type: name is of type text (Utf8 of 200 rows)
    name.not_null: name is not null (0 missing of 200 rows)
    name.unique: name is unique (200 distinct of 200 rows)
    at.type: at is of type timestamp (Timestamp(ms) of 200 rows)
    at.not_null: at is not null (0 missing of 200 rows)
    at.range: at is at least "2013-08-15T11:50:06Z" (from 2013-08-15T12:00:00Z to 2013-08-15T13:39:00Z of 200 rows)
    at.increasing: at is increasing (none less than the one before of 200 rows)
    day.type: day is of type date (Date32 of 200 rows)
    day.not_null: day is not null (0 missing of 200 rows)
    day.range: day is at least "2013-07-11" (from 2013-07-14T00:00:00Z to 2013-08-12T00:00:00Z of 200 rows)
    late.type: late is of type boolean (Boolean of 200 rows)
    late.not_null: late is not null (0 missing of 200 rows)
    valid.type: valid is of type boolean (Boolean of 200 rows)
    valid.not_null: valid is not null (0 missing of 200 rows)
    valid.one_of: valid is one of true (1 distinct of 200 rows)
    wild.type: wild is of type float (Float64 of 200 rows)
    wild.not_null: wild is not null (0 missing of 200 rows)
    hash.type: hash is of type integer (UInt64 of 200 rows)
    hash.not_null: hash is not null (0 missing of 200 rows)
    hash.range: hash is at least 1.8446744073709332e19 (from 18446744073709352615 to 18446744073709551615 of 200 rows)
    hash.unique: hash is unique (200 distinct of 200 rows)
    price.type: price is of type decimal (Decimal128(38, 10) of 200 rows)
    price.not_null: price is not null (0 missing of 200 rows)
    empty.type: empty is of type float (Float64 of 200 rows)
    - wild: no range: it holds infinities, or times before 1677
    - void: it is nothing but nulls by type
    "#);
}

#[test]
fn little_evidence_gives_few_rules() {
    let reference = batch([("id", integers([1, 2, 3])), ("word", texts(["a", "b", "c"]))]);
    insta::assert_snapshot!(summary(&infer(&[reference])), @r#"
    columns: the columns are id, word (2 columns in every batch of 3 rows)
    id.type: id is of type integer (Int64 of 3 rows)
    id.not_null: id is not null (0 missing of 3 rows)
    id.range: id is from 0 to 4 (from 1 to 3 of 3 rows)
    word.type: word is of type text (Utf8 of 3 rows)
    word.not_null: word is not null (0 missing of 3 rows)
    "#);
}

#[test]
fn no_row_gives_types_only() {
    let reference = batch([("id", nothing(&integers([1]))), ("word", nothing(&texts(["a"])))]);
    insta::assert_snapshot!(summary(&infer(&[reference])), @r#"
    columns: the columns are id, word (2 columns in every batch of 0 rows)
    id.type: id is of type integer (Int64 of 0 rows)
    word.type: word is of type text (Utf8 of 0 rows)
    "#);
    let settings = InferSettings::default();
    assert!(matches!(Constraints::infer(&[], &settings), Err(Error::NoReference)));
}

#[test]
fn batches_that_do_not_agree() {
    let batches = [
        batch([("same", integers([1])), ("retyped", integers([1])), ("gone", integers([1]))]),
        batch([("same", integers([2])), ("retyped", texts(["1"])), ("new", integers([1]))]),
    ];
    insta::assert_snapshot!(summary(&infer(&batches)), @r#"
    columns: the columns include same, retyped (2 columns in every batch of 2 rows)
    same.type: same is of type integer (Int64 of 2 rows)
    same.not_null: same is not null (0 missing of 2 rows)
    same.range: same is from 0 to 3 (from 1 to 2 of 2 rows)
    - retyped: its type is not the same in all batches
    - gone: it is not in all batches
    - new: it is not in all batches
    "#);
}

#[test]
fn settings_leave_room() {
    let reference = [batch([("x", floats([10.0, 20.0])), ("y", integers([-10, 10]))])];
    let ranges = |settings: InferSettings| {
        let inference = Constraints::infer(&reference, &settings).unwrap();
        let ranges = inference.constraints.constraints.iter().filter(|c| c.name.ends_with("range"));
        ranges.map(|c| format!("{}: {}", c.severity, c.rule)).collect::<Vec<_>>()
    };
    let settings = InferSettings::default();
    assert_eq!(ranges(settings), ["warning: x is from 9.0 to 21.0", "warning: y is from -12 to 12"]);
    assert_eq!(
        ranges(settings.with_range_margin(2.0).with_severity(Severity::Error)),
        ["error: x is from 0.0 to 40.0", "error: y is from -50 to 50"]
    );
    assert_eq!(
        ranges(settings.with_range_margin(0.0)),
        ["warning: x is from 10.0 to 20.0", "warning: y is from -10 to 10"]
    );
    for bad in
        [settings.with_range_margin(f64::NAN), settings.with_range_margin(-1.0), settings.with_missing_margin(2.0)]
    {
        assert!(matches!(Constraints::infer(&reference, &bad), Err(Error::Setting { .. })));
    }
}

/// A share of rows, times the rows, is not always the number it came from.
#[test]
fn the_share_of_missing_values_is_kept_to_the_last_bit() {
    for rows in 2..200_i64 {
        let reference = [batch([("x", integers((0..rows).map(|at| (at > 0).then_some(at))))])];
        let settings = InferSettings::default().with_missing_margin(0.0);
        assert_passes(&Constraints::infer(&reference, &settings).unwrap(), &reference);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn the_reference_passes_what_was_inferred_from_it(
        first in table(),
        second in proptest::option::of(table()),
        min_rows in 0_u64..5,
        few_distinct in 0_usize..5,
        range_margin in prop_oneof![Just(0.0), Just(0.1), Just(1e300)],
    ) {
        let batches: Vec<RecordBatch> = std::iter::once(first).chain(second).collect();
        let settings = InferSettings::default()
            .with_min_rows(min_rows)
            .with_few_distinct(few_distinct)
            .with_range_margin(range_margin);
        let inference = Constraints::infer(&batches, &settings).unwrap();
        assert_passes(&inference, &batches);
        let stream = batches.iter().map(|batch| Ok(batch.clone()));
        prop_assert_eq!(&Constraints::infer_stream(stream, &settings).unwrap(), &inference);
        let json = serde_json::to_string(&inference).unwrap();
        prop_assert_eq!(serde_json::from_str::<Inference>(&json).unwrap(), inference);
    }
}
