//! Nothing a table can hold makes a check panic, and every report can be stored.

use std::sync::Arc;

use lineal_core::Timestamp;
use lineal_drift::arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date64Array, Decimal128Array, DurationMillisecondArray, Float32Array,
    Int64Array, NullArray, RecordBatch, RecordBatchOptions, Time32MillisecondArray, TimestampSecondArray, UInt8Array,
    UInt64Array,
};
use lineal_drift::arrow::compute::cast;
use lineal_drift::arrow::datatypes::{DataType, Field, Schema};
use lineal_drift::quality::{
    CheckSettings, ColumnType, Comparison, Constraint, ConstraintStatus, Constraints, QualityReport, Rule, Scalar,
    UncheckedReason,
};
use proptest::collection::vec;
use proptest::prelude::*;

use super::data::{check_with, integers, texts};
use crate::generators::{batch, optional};

fn nasty_float() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        Just(None),
        Just(Some(f64::NAN)),
        Just(Some(f64::INFINITY)),
        Just(Some(f64::NEG_INFINITY)),
        Just(Some(-0.0)),
        Just(Some(5e-324)),
        Just(Some(f64::MAX)),
        Just(Some(-f64::MAX)),
        any::<f64>().prop_map(Some),
        (-3.0..3.0_f64).prop_map(|v| Some(v.round())),
    ]
}

fn column(rows: usize) -> impl Strategy<Value = ArrayRef> {
    let words = |list: Vec<Option<String>>| texts(list.iter().map(Option::as_deref));
    let array = |array: ArrayRef| array;
    prop_oneof![
        4 => vec(nasty_float(), rows).prop_map(optional),
        1 => vec(nasty_float(), rows).prop_map(move |v| {
            array(Arc::new(v.into_iter().map(|v| v.map(|v| v as f32)).collect::<Float32Array>()))
        }),
        2 => vec(proptest::option::of(".{0,20}"), rows).prop_map(words),
        1 => vec(proptest::option::of("[ab]"), rows).prop_map(move |v| {
            let dictionary = DataType::Dictionary(DataType::UInt8.into(), DataType::Utf8.into());
            cast(&words(v), &dictionary).unwrap()
        }),
        1 => vec(proptest::option::of(".{0,20}"), rows).prop_map(move |v| cast(&words(v), &DataType::Utf8View).unwrap()),
        2 => vec(any::<Option<i64>>(), rows).prop_map(move |v| array(Arc::new(Int64Array::from(v)))),
        1 => vec(any::<u64>(), rows).prop_map(move |v| array(Arc::new(UInt64Array::from(v)))),
        1 => vec(any::<u8>(), rows).prop_map(move |v| array(Arc::new(UInt8Array::from(v)))),
        2 => vec(any::<Option<i64>>(), rows).prop_map(move |v| array(Arc::new(TimestampSecondArray::from(v)))),
        1 => vec(any::<i64>(), rows).prop_map(move |v| array(Arc::new(Date64Array::from(v)))),
        1 => vec(any::<i64>(), rows).prop_map(move |v| array(Arc::new(DurationMillisecondArray::from(v)))),
        1 => vec(any::<i32>(), rows).prop_map(move |v| array(Arc::new(Time32MillisecondArray::from(v)))),
        1 => vec(any::<Option<bool>>(), rows).prop_map(move |v| array(Arc::new(BooleanArray::from(v)))),
        1 => Just(array(Arc::new(NullArray::new(rows)))),
        1 => vec(any::<i64>(), rows).prop_map(move |v| {
            array(Arc::new(Decimal128Array::from_iter_values(v.into_iter().map(i128::from))))
        }),
        1 => vec(any::<u8>(), rows).prop_map(move |v| {
            array(Arc::new(BinaryArray::from_iter_values(v.iter().map(std::slice::from_ref))))
        }),
    ]
}

/// Up to 60 rows of three columns, of which the third may have the name of another one.
pub(super) fn table() -> impl Strategy<Value = RecordBatch> {
    let rows = prop_oneof![Just(0_usize), Just(1), Just(2), 3_usize..60];
    let third = prop_oneof![4 => Just("c"), 1 => Just("a"), 1 => Just("")];
    (rows, third).prop_flat_map(|(rows, third)| {
        (column(rows), column(rows), column(rows)).prop_map(move |(a, b, c)| batch([("a", a), ("b", b), (third, c)]))
    })
}

fn scalar() -> impl Strategy<Value = Scalar> {
    prop_oneof![
        any::<i64>().prop_map(Scalar::from),
        any::<u64>().prop_map(Scalar::from),
        any::<f64>().prop_map(Scalar::from),
        any::<bool>().prop_map(Scalar::from),
        ".{0,5}".prop_map(Scalar::from),
        any::<i64>().prop_map(|nanos| Scalar::from(Timestamp::from_nanos(nanos))),
    ]
}

fn rule() -> impl Strategy<Value = Rule> {
    let name = || prop_oneof![Just("a".to_owned()), Just("b".to_owned()), Just(String::new())];
    let number = || proptest::option::of(any::<u64>());
    prop_oneof![
        name().prop_map(|c| Rule::of_type(c, ColumnType::Integer)),
        name().prop_map(Rule::not_null),
        (name(), proptest::option::of(scalar()), proptest::option::of(scalar()))
            .prop_map(|(column, min, max)| Rule::Range { column, min, max }),
        (name(), number(), number()).prop_map(|(column, min, max)| Rule::Length { column, min, max }),
        (name(), ".{0,12}").prop_map(|(column, pattern)| Rule::Pattern { column, pattern }),
        (name(), vec(scalar(), 0..4)).prop_map(|(column, values)| Rule::OneOf { column, values }),
        (name(), vec(scalar(), 0..4)).prop_map(|(column, values)| Rule::NoneOf { column, values }),
        vec(name(), 0..4).prop_map(Rule::unique),
        (name(), any::<bool>()).prop_map(|(column, strict)| Rule::Increasing { column, strict }),
        name().prop_map(Rule::constant),
        (name(), any::<u64>()).prop_map(|(column, max_age_seconds)| Rule::Fresh { column, max_age_seconds }),
        (name(), name()).prop_map(|(left, right)| Rule::compare(left, Comparison::LessOrEqual, right)),
        (number(), number()).prop_map(|(min, max)| Rule::Rows { min, max }),
        (vec(name(), 0..4), any::<bool>()).prop_map(|(names, exact)| Rule::Columns { names, exact }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_table_and_no_rule_panics(first in table(), second in table(), rules in vec(rule(), 0..6), now in any::<i64>()) {
        let settings = CheckSettings::default().with_now(Timestamp::from_nanos(now)).with_max_keys(20);
        // Each alone decides whether it can be meant; those that can are checked together.
        let meant = |rule: &Rule| {
            Constraints::default().with(Constraint::new("c", rule.clone())).checker(&settings).is_ok()
        };
        let named = rules.into_iter().filter(meant).enumerate();
        let constraints = named.fold(Constraints::default(), |all, (at, rule)| {
            all.with(Constraint::new(at.to_string(), rule))
        });
        let json = serde_json::to_string(&constraints).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Constraints>(&json).unwrap(), &constraints);

        let checker = || constraints.checker(&settings).unwrap();
        let (mut one, mut other) = (checker(), checker());
        one.update(&first);
        other.update(&second);
        prop_assert_eq!(one.clone().merge(other).unwrap().finish().rows, (first.num_rows() + second.num_rows()) as u64);
        one.update(&second);
        let report = one.finish();
        for result in &report.results {
            prop_assert!(result.rows_violating <= result.rows_checked, "{}", result);
            prop_assert!(result.rows_checked <= report.rows, "{}", result);
            prop_assert!(result.examples.len() <= settings.max_examples);
            prop_assert!(result.examples.is_sorted_by_key(|e| e.row));
            prop_assert!(result.to_string().len() < 3000, "{}", result);
        }
        let json = serde_json::to_string(&report).unwrap();
        prop_assert_eq!(serde_json::from_str::<QualityReport>(&json).unwrap(), report);
    }
}

#[test]
fn one_bad_column_never_spoils_the_report() {
    let rules =
        [Rule::not_null("good"), Rule::at_least("absent", 0), Rule::at_least("text", 0), Rule::unique(["twice"])];
    let named = (0..).zip(rules).map(|(at, rule)| Constraint::new(format!("c{at}"), rule));
    let constraints = named.fold(Constraints::default(), Constraints::with);
    let columns = [("good", integers([1])), ("text", texts(["a"])), ("twice", integers([1])), ("twice", integers([2]))];
    let report = constraints.check(&[batch(columns)], &CheckSettings::default()).unwrap();
    insta::assert_snapshot!(report, @r#"
    passed error c0: good is not null; 0 of 1 violate it
    ERROR  error c1: absent is at least 0; it cannot be told: there is no column absent
    ERROR  error c2: text is at least 0; it cannot be told: text is of type Utf8
    ERROR  error c3: twice is unique; it cannot be told: there is more than one column twice
    "#);
}

#[test]
fn long_names_and_values_are_cut() {
    let long = "é".repeat(10_000);
    let column = format!("{long}\n");
    let table = batch([(column.as_str(), texts([long.as_str(), "\u{0}\n"]))]);
    for rule in [
        Rule::one_of(&column, [long.clone() + "x"]),
        Rule::constant(&column),
        Rule::at_least(&column, 0),
        Rule::exact_columns([long.clone()]),
        Rule::columns((0..20).map(|at| format!("{long}{at}"))),
        Rule::not_null(&long),
    ] {
        let named = Constraints::default().with(Constraint::new(column.clone(), rule));
        let report = named.check(std::slice::from_ref(&table), &CheckSettings::default()).unwrap();
        let result = &report.results[0];
        assert!(result.rule.chars().count() + result.message.chars().count() < 1200, "{}", result.message.len());
        assert!(!result.to_string().contains('\n'));
        assert!(result.examples.iter().all(|e| e.value.chars().count() < 100));
    }
}

#[test]
fn tables_without_columns_have_rows() {
    let options = RecordBatchOptions::new().with_row_count(Some(7));
    let table = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options).unwrap();
    let of = |rule| check_with(rule, std::slice::from_ref(&table), &CheckSettings::default()).status;
    assert_eq!(of(Rule::rows(7..=7)), ConstraintStatus::Passed);
    assert_eq!(of(Rule::exact_columns([""; 0])), ConstraintStatus::Passed);
    let reason = UncheckedReason::NoColumn { column: "x".into() };
    assert_eq!(of(Rule::not_null("x")), ConstraintStatus::Error { reason });
}

#[test]
fn many_columns_are_found_by_name() {
    let names: Vec<String> = (0..2000).map(|at| format!("column {at}")).collect();
    let fields: Vec<Field> = names.iter().map(|name| Field::new(name, DataType::Int64, true)).collect();
    let arrays = (0..2000).map(|at| integers([at, at])).collect();
    let table = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap();
    let constraints = names
        .iter()
        .zip(0_i64..)
        .fold(Constraints::default(), |all, (name, at)| all.with(Constraint::new(name, Rule::between(name, at, at))));
    assert_eq!(constraints.check(&[table], &CheckSettings::default()).unwrap().failed().count(), 0);
}
