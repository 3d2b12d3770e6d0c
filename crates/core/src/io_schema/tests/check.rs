//! Each violation, with its counts, rows and values.

use std::sync::Arc;

use arrow::{
    array::{
        Array, ArrayRef, Decimal128Array, DictionaryArray, Float32Array, Int8Array, Int16Array, RecordBatch,
        RecordBatchOptions, StringArray, TimestampSecondArray, UInt64Array,
    },
    datatypes::{DataType, Field, Schema, TimeUnit as ArrowUnit},
};

use super::columns::{halves, longs, texts};
use crate::{
    Categories, Dim, ErrorKind, ExtraColumns, IoField, IoSchema, IoSide, IoType, SchemaError, TimeUnit, ViolationKind,
};

pub(super) fn x(data_type: IoType) -> IoField {
    IoField::new("x", data_type)
}

/// What a column breaks of its field.
pub(super) fn found(field: IoField, column: &ArrayRef) -> Vec<ViolationKind> {
    let schema = IoSchema::new(vec![field], vec![IoField::new("y", IoType::Bool)]).unwrap();
    let fields = vec![Field::new("x", column.data_type().clone(), true)];
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), vec![Arc::clone(column)]).unwrap();
    schema.check(&batch).map_or_else(|all| all.iter().map(|one| one.kind.clone()).collect(), |()| vec![])
}

pub(super) fn out_of(range: &str, value: &str, count: usize, first_row: usize) -> Vec<ViolationKind> {
    vec![ViolationKind::OutOfRange { range: range.to_owned(), value: value.to_owned(), count, first_row }]
}

#[test]
fn nulls_ranges_and_nan() {
    let column: ArrayRef = Arc::new(Float32Array::from(vec![
        Some(0.1),
        None,
        Some(f32::NAN),
        Some(2.5),
        None,
        Some(-7.0),
        Some(f32::NAN),
    ]));
    assert_eq!(found(x(IoType::Float32), &column), [ViolationKind::Null { count: 2, first_row: 1 }]);
    assert_eq!(found(x(IoType::Float32).nullable(), &column), []);
    let mut all = vec![ViolationKind::NotANumber { count: 2, first_row: 2 }];
    all.extend(out_of("0..=0.1", "2.5", 2, 3));
    assert_eq!(found(x(IoType::Float32).nullable().with_range(0.0, 0.1), &column), all);
    assert_eq!(found(x(IoType::Float32).optional().with_range(0.0, 0.1), &column.slice(0, 2)), []);
}

#[test]
fn bounds_belong_to_the_range_in_every_type() {
    let field = |data_type, min, max| x(data_type).with_range(min, max);
    assert_eq!(found(field(IoType::Float16, -0.1, 0.1), &halves(&[0.1, -0.1, 0.5])), out_of("-0.1..=0.1", "0.5", 1, 2));
    let bytes: ArrayRef = Arc::new(Int8Array::from(vec![-128, 127, 0]));
    assert_eq!(found(field(IoType::Int8, -1000.0, 126.5), &bytes), out_of("-1000..=126.5", "127", 1, 1));
    assert_eq!(found(field(IoType::Int8, f64::NEG_INFINITY, f64::INFINITY), &bytes), []);
    let wide: ArrayRef = Arc::new(UInt64Array::from(vec![u64::MAX, 0]));
    assert_eq!(found(field(IoType::UInt64, 0.0, 1e30), &wide), []);
    assert_eq!(
        found(field(IoType::UInt64, 1.0, 1e30), &wide),
        out_of("1..=1000000000000000000000000000000", "0", 1, 1)
    );
    // One tenth is exact in a decimal, though not in an f64.
    let decimal = IoType::Decimal128 { precision: 5, scale: 1 };
    let tenths: ArrayRef = Arc::new(Decimal128Array::from(vec![1, 3, 4]).with_precision_and_scale(5, 1).unwrap());
    assert_eq!(found(field(decimal, 0.1, 0.3), &tenths), out_of("0.1..=0.3", "0.4", 1, 2));
}

#[test]
fn categories_in_every_encoding() {
    let field = || x(IoType::Utf8).with_categories(Categories::strings(["EWR", "JFK"]));
    let long = "\n".repeat(100_000);
    for column in texts(&["EWR", "LAX", "JFK", "SFO", "LAX", &long]) {
        let [ViolationKind::UnknownCategory { examples, count: 4, first_row: 1 }] = &found(field(), &column)[..] else {
            panic!("{:?}", column.data_type())
        };
        assert_eq!(examples[..2], ["LAX", "SFO"]);
        assert_eq!(examples[2], "\\n".repeat(60) + "…");
        assert_eq!(found(field(), &column.slice(2, 1)), [], "what a slice leaves out does not count");
    }
    let numbers = x(IoType::Int64).with_categories(Categories::ints([1, 2]));
    let many: Vec<i64> = (0..5_000).collect();
    let examples = ["0", "3", "4", "5", "6"].map(str::to_owned).to_vec();
    assert_eq!(
        found(numbers, &longs(&many)),
        [ViolationKind::UnknownCategory { examples, count: 4_998, first_row: 0 }]
    );
    let huge = x(IoType::UInt64).with_categories(Categories::ints([1]));
    let examples = vec![u64::MAX.to_string()];
    let column: ArrayRef = Arc::new(UInt64Array::from(vec![1, u64::MAX]));
    assert_eq!(found(huge, &column), [ViolationKind::UnknownCategory { examples, count: 1, first_row: 1 }]);
}

#[test]
fn nulls_behind_dictionaries_count_once() {
    let values: ArrayRef = Arc::new(StringArray::from(vec![Some("EWR"), None, Some("LAX")]));
    let keys = Int16Array::from(vec![Some(0), Some(1), None, Some(0)]);
    let column: ArrayRef = Arc::new(DictionaryArray::new(keys, values));
    let field = x(IoType::Utf8).with_categories(Categories::strings(["EWR"]));
    assert_eq!(found(field.clone(), &column), [ViolationKind::Null { count: 2, first_row: 1 }]);
    assert_eq!(found(field.nullable(), &column), [], "LAX is in the dictionary, but in no row");
}

#[test]
fn types_are_not_converted() {
    let wrong =
        |expected: &str, found: &str| ViolationKind::Type { expected: expected.to_owned(), found: found.to_owned() };
    assert_eq!(found(x(IoType::Float64), &longs(&[1])), [wrong("float64", "Int64")]);
    let local: ArrayRef = Arc::new(TimestampSecondArray::from(vec![0]));
    let zoned: ArrayRef = Arc::new(TimestampSecondArray::from(vec![0]).with_timezone("Europe/Berlin"));
    let time = |utc| x(IoType::Timestamp { unit: TimeUnit::Second, utc });
    assert_eq!((found(time(true), &zoned), found(time(false), &local)), (vec![], vec![]));
    assert_eq!(found(time(true), &local), [wrong("timestamp[s,utc]", "Timestamp(s)")]);
    assert!(matches!(found(time(false), &zoned)[..], [ViolationKind::Type { .. }]));
}

#[test]
fn columns_missing_double_and_extra() {
    let inputs = vec![x(IoType::Int64), IoField::new("b", IoType::Int8), IoField::new("c", IoType::Int8).optional()];
    let schema = IoSchema::new(inputs, vec![IoField::new("y", IoType::Int64)]).unwrap();
    let names = ["z", "x", "x", "y"].map(|name| Field::new(name, DataType::Int64, false)).to_vec();
    let columns = std::iter::repeat_with(|| longs(&[1])).take(4).collect();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(names)), columns).unwrap();
    let kinds = |extra| -> Vec<(String, ViolationKind)> {
        let all = schema.check_side(IoSide::Input, &batch, extra).unwrap_err();
        assert_eq!((all.kind(), all.side(), all.omitted()), (ErrorKind::Invalid, IoSide::Input, 0));
        all.iter().map(|one| (one.column.clone(), one.kind.clone())).collect()
    };
    let mut expected =
        vec![("x".to_owned(), ViolationKind::Duplicate { count: 2 }), ("b".to_owned(), ViolationKind::Missing)];
    assert_eq!(kinds(ExtraColumns::Ignore), expected);
    expected.extend([("z".to_owned(), ViolationKind::Extra), ("y".to_owned(), ViolationKind::Extra)]);
    assert_eq!(kinds(ExtraColumns::Refuse), expected);
    assert_eq!(schema.check_outputs(&batch), Ok(()));
}

#[test]
fn the_list_of_violations_is_bounded() {
    let inputs = (0..5_000).map(|n| IoField::new(n.to_string(), IoType::Int8)).collect();
    let schema = IoSchema::new(inputs, vec![x(IoType::Int8)]).unwrap();
    let options = RecordBatchOptions::new().with_row_count(Some(3));
    let empty = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options).unwrap();
    let all = schema.check(&empty).unwrap_err();
    assert_eq!((all.iter().count(), all.omitted()), (1_000, 4_000));
    assert!(all.to_string().ends_with("column `9` is missing; and 4990 more"), "{all}");
}

#[test]
fn arrow_types_without_counterpart_are_named() {
    let outputs = Schema::new(vec![Field::new("y", DataType::Boolean, false)]);
    let read = |data_type| IoSchema::from_arrow(&Schema::new(vec![Field::new("t", data_type, true)]), &outputs);
    let error = read(DataType::Time32(ArrowUnit::Second)).unwrap_err();
    assert_eq!(error.to_string(), "input field `t`: Arrow type Time32(s) has no counterpart in a model signature");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let list = |inner| DataType::new_list(inner, true);
    let deep = |depth| (0..depth).fold(DataType::Int8, |inner, _| list(inner));
    assert!(matches!(read(deep(9)), Err(SchemaError::ArrowType { .. })));
    assert!(matches!(read(deep(50)), Err(SchemaError::ArrowType { found, .. }) if found.chars().count() == 61));
    let eight = read(deep(8)).unwrap();
    assert_eq!(eight.inputs()[0].shape(), [Dim::Any; 8]);
    let keyed = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::LargeUtf8));
    assert_eq!(read(keyed).unwrap().inputs()[0].data_type(), IoType::Utf8);
}
