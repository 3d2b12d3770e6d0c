//! Every type of column: encodings, widths, units, time zones, and what is not supported.

use std::sync::Arc;

use lineal_drift::arrow::array::{
    Array, ArrayRef, BinaryArray, Date32Array, Date64Array, Decimal128Array, DictionaryArray, DurationSecondArray,
    Float32Array, Float64Array, Int8Array, Int16Array, LargeStringArray, ListArray, NullArray, StringViewArray,
    Time32SecondArray, Time64NanosecondArray, TimestampMicrosecondArray, TimestampNanosecondArray,
    TimestampSecondArray, UInt16Array, new_empty_array,
};
use lineal_drift::arrow::compute::cast;
use lineal_drift::arrow::datatypes::{DataType, Int8Type, Int32Type};
use lineal_drift::quality::{ColumnType, Comparison, ConstraintStatus, NotApplicableReason, Rule, UncheckedReason};

use super::data::{check, check_x, dictionary, integers, millis, texts, violations};
use crate::generators::floats;

#[test]
fn every_encoding_of_texts_is_alike() {
    let words = vec![Some("ORD"), None, Some("JFKX"), Some("ORD"), Some("")];
    let arrays: Vec<ArrayRef> = vec![
        texts(words.clone()),
        Arc::new(LargeStringArray::from(words.clone())),
        Arc::new(StringViewArray::from(words.clone())),
        dictionary(words.clone()),
        cast(&dictionary(words), &DataType::Dictionary(DataType::UInt8.into(), DataType::Utf8View.into())).unwrap(),
    ];
    for array in arrays {
        let of = |rule| violations(&check_x(rule, Arc::clone(&array)));
        assert_eq!(of(Rule::not_null("x")), (5, vec![1]), "{}", array.data_type());
        assert_eq!(of(Rule::one_of("x", ["ORD", ""])), (4, vec![2]));
        assert_eq!(of(Rule::none_of("x", ["ORD", "LAX"])), (4, vec![0, 3]));
        assert_eq!(of(Rule::length("x", 3..=3)), (4, vec![2, 4]));
        assert_eq!(of(Rule::unique(["x"])), (4, vec![3]));
        assert_eq!(of(Rule::constant("x")), (4, vec![2, 3, 4]));
        assert_eq!(of(Rule::of_type("x", ColumnType::Text)), (5, vec![]));
        #[cfg(feature = "regex")]
        assert_eq!(of(Rule::pattern("x", "[A-Z]{3}")), (4, vec![2, 4]));
    }
}

#[test]
fn dictionaries_of_numbers_with_missing_values() {
    let values = Float64Array::from(vec![Some(1.0), Some(f64::NAN), None, Some(9.0)]);
    let keys = Int8Array::from(vec![Some(0), Some(1), Some(2), Some(3), None, Some(0), Some(3)]);
    let short: ArrayRef = Arc::new(DictionaryArray::<Int8Type>::new(keys, Arc::new(values)));
    // More values than rows: unpacked instead.
    for array in [Arc::clone(&short), short.slice(3, 3)] {
        let result = check_x(Rule::at_most("x", 5), Arc::clone(&array));
        let expected = if array.len() == 7 { (4, vec![3, 6]) } else { (2, vec![0]) };
        assert_eq!(violations(&result), expected);
    }
    assert_eq!(violations(&check_x(Rule::not_null("x"), short)), (7, vec![1, 2, 4]));
    let empty = DictionaryArray::<Int32Type>::new(vec![None, None].into(), new_empty_array(&DataType::Utf8));
    let status = check_x(Rule::one_of("x", ["a"]), Arc::new(empty)).status;
    assert_eq!(status, ConstraintStatus::NotApplicable { reason: NotApplicableReason::NoValues });
}

#[test]
fn every_width_of_numbers_is_alike() {
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(Int8Array::from(vec![Some(1), None, Some(7)])),
        Arc::new(Int16Array::from(vec![Some(1), None, Some(7)])),
        Arc::new(UInt16Array::from(vec![Some(1), None, Some(7)])),
        Arc::new(Float32Array::from(vec![Some(1.0), None, Some(7.0)])),
        cast(&floats([1.0, f64::NAN, 7.0]), &DataType::Float16).unwrap(),
    ];
    for array in arrays {
        let of = |rule| violations(&check_x(rule, Arc::clone(&array)));
        assert_eq!(of(Rule::between("x", 1, 5)), (2, vec![2]), "{}", array.data_type());
        assert_eq!(of(Rule::one_of("x", [7.0])), (2, vec![0]));
        assert_eq!(of(Rule::strictly_increasing("x")), (2, vec![]));
    }
    // A narrow float is what it is, not the decimal it was written as.
    let tenth: ArrayRef = Arc::new(Float32Array::from(vec![0.1]));
    assert_eq!(violations(&check_x(Rule::at_most("x", 0.1), tenth)), (1, vec![0]));
}

#[test]
fn times_of_all_units_and_zones_are_moments() {
    let noon = 1_376_568_000_i64; // 2013-08-15T12:00:00Z
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(TimestampSecondArray::from(vec![noon, noon + 1])),
        millis([noon * 1000, noon * 1000 + 1]),
        Arc::new(TimestampMicrosecondArray::from(vec![noon * 1_000_000, noon * 1_000_000 + 1]).with_timezone("+02:00")),
        Arc::new(
            TimestampNanosecondArray::from(vec![noon * 1_000_000_000, noon * 1_000_000_000 + 1])
                .with_timezone("America/New_York"),
        ),
    ];
    for array in &arrays {
        let of = |rule| violations(&check_x(rule, Arc::clone(array)));
        assert_eq!(of(Rule::at_most("x", "2013-08-15T12:00:00Z")), (2, vec![1]), "{}", array.data_type());
        assert_eq!(of(Rule::at_least("x", "2013-08-15")), (2, vec![]));
        assert_eq!(of(Rule::one_of("x", ["2013-08-15T12:00:00Z"])), (2, vec![1]));
        assert_eq!(of(Rule::strictly_increasing("x")), (2, vec![]));
    }
    // A limit between two ticks.
    let between = Rule::at_least("x", "2013-08-15T12:00:00.0005Z");
    assert_eq!(violations(&check_x(between, Arc::clone(&arrays[1]))), (2, vec![0]));
    // Two units beside each other.
    let columns = [("a", Arc::clone(&arrays[0])), ("b", Arc::clone(&arrays[3]))];
    let result = check(Rule::compare("a", Comparison::LessOrEqual, "b"), columns);
    assert_eq!(violations(&result), (2, vec![1]));
    assert_eq!(result.examples[0].value, "2013-08-15T12:00:01Z and 2013-08-15T12:00:00.000000001Z");
}

#[test]
fn times_beyond_nanoseconds_are_compared_exactly() {
    let far: ArrayRef = Arc::new(TimestampSecondArray::from(vec![i64::MAX, 0, i64::MIN]));
    let result = check_x(Rule::between("x", "1677-09-22", "2262-04-11"), far);
    assert_eq!(violations(&result), (3, vec![0, 2]));
    assert_eq!(result.examples[0].value, "9223372036854775807 s since 1970");
}

#[test]
fn days_times_of_day_and_durations() {
    let days: ArrayRef = Arc::new(Date32Array::from(vec![15_931, 15_932]));
    assert_eq!(violations(&check_x(Rule::at_most("x", "2013-08-14"), days)), (2, vec![1]));
    let days: ArrayRef = Arc::new(Date64Array::from(vec![15_931 * 86_400_000, 15_932 * 86_400_000]));
    assert_eq!(violations(&check_x(Rule::at_most("x", "2013-08-14T23:59:59Z"), days)), (2, vec![1]));
    let noon = 12 * 3600 * 1_000_000_000_i64;
    let seconds: ArrayRef = Arc::new(Time32SecondArray::from(vec![12 * 3600, 12 * 3600 + 1]));
    let nanos: ArrayRef = Arc::new(Time64NanosecondArray::from(vec![noon, noon + 1]));
    let lengths: ArrayRef = Arc::new(DurationSecondArray::from(vec![12 * 3600, 13 * 3600]));
    for array in [seconds, nanos, lengths] {
        assert_eq!(violations(&check_x(Rule::between("x", 0, noon), Arc::clone(&array))), (2, vec![1]));
        assert_eq!(violations(&check_x(Rule::none_of("x", [noon]), array)), (2, vec![0]));
    }
}

#[test]
fn limits_of_another_kind_are_an_error() {
    let reason = |rule, array| match check_x(rule, array).status {
        ConstraintStatus::Error { reason } => reason.to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(reason(Rule::at_least("x", 1), millis([1])), "time values do not compare with the rule's values");
    assert_eq!(
        reason(Rule::at_least("x", "2013-08-15"), integers([1])),
        "integer values do not compare with the rule's values"
    );
    assert_eq!(reason(Rule::at_least("x", 1), texts(["a"])), "x is of type Utf8");
}

#[test]
fn what_is_not_supported_is_counted_and_typed() {
    let decimal: ArrayRef =
        Arc::new(Decimal128Array::from(vec![Some(5), None]).with_precision_and_scale(10, 2).unwrap());
    let list: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1)]), None]));
    let bytes: ArrayRef = Arc::new(BinaryArray::from_opt_vec(vec![Some(b"a"), None]));
    for (array, is) in [(decimal, ColumnType::Decimal), (list, ColumnType::Other), (bytes, ColumnType::Binary)] {
        assert_eq!(violations(&check_x(Rule::not_null("x"), Arc::clone(&array))), (2, vec![1]));
        assert_eq!(check_x(Rule::of_type("x", is), Arc::clone(&array)).status, ConstraintStatus::Passed);
        let rules = [
            Rule::at_least("x", 0),
            Rule::one_of("x", [1]),
            Rule::unique(["x"]),
            Rule::increasing("x"),
            Rule::constant("x"),
            Rule::length("x", 0..=1),
            Rule::compare("x", Comparison::Equal, "x"),
        ];
        for rule in rules {
            let status = check_x(rule, Arc::clone(&array)).status;
            assert!(matches!(status, ConstraintStatus::Error { reason: UncheckedReason::UnsupportedType { .. } }));
        }
    }
    let nulls: ArrayRef = Arc::new(NullArray::new(2));
    assert_eq!(violations(&check_x(Rule::not_null("x"), Arc::clone(&nulls))), (2, vec![0, 1]));
    for rule in [Rule::at_least("x", 0), Rule::one_of("x", ["a"]), Rule::unique(["x"]), Rule::constant("x")] {
        let status = check_x(rule, Arc::clone(&nulls)).status;
        assert_eq!(status, ConstraintStatus::NotApplicable { reason: NotApplicableReason::NoValues });
    }
}
