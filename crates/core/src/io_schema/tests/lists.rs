//! Lists and tensors: counted by element, told by row.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, FixedSizeBinaryArray, FixedSizeListArray, Int8Array, ListArray},
    buffer::{Buffer, NullBuffer, OffsetBuffer},
    datatypes::{DataType, Field},
};

use super::check::{found, out_of, x};
use crate::{Dim, IoType, ViolationKind};

/// Rows: [1, 9], null over [8, null], [], [2, null, 3].
fn ragged() -> ArrayRef {
    let values = Int8Array::from(vec![Some(1), Some(9), Some(8), None, Some(2), None, Some(3)]);
    let offsets = OffsetBuffer::from_lengths([2, 2, 0, 3]);
    let nulls = NullBuffer::from(vec![true, false, true, true]);
    Arc::new(ListArray::new(Arc::new(Field::new("item", DataType::Int8, true)), offsets, Arc::new(values), Some(nulls)))
}

#[test]
fn lists_are_checked_by_element() {
    let list = || x(IoType::Int8).with_shape([Dim::Any]);
    let null = ViolationKind::Null { count: 1, first_row: 1 };
    let inside = ViolationKind::NullElement { count: 1, first_row: 3 };
    assert_eq!(found(list(), &ragged()), [null, inside.clone()]);
    let mut all = vec![inside];
    all.extend(out_of("0..=1", "9", 3, 0));
    assert_eq!(found(list().nullable().with_range(0.0, 1.0), &ragged()), all);
    let sliced = ragged().slice(2, 2);
    assert_eq!(found(list().with_range(0.0, 2.0), &sliced)[1..], out_of("0..=2", "3", 1, 1));
    let pairs = x(IoType::Int8).nullable().with_shape([Dim::Fixed(2)]);
    let length = ViolationKind::Length { dimension: 0, expected: 2, found: 0, count: 2, first_row: 2 };
    assert_eq!(found(pairs, &ragged())[0], length);
}

#[test]
fn tensors_are_nested_lists() {
    let item = |list: &dyn Array| Arc::new(Field::new("item", list.data_type().clone(), true));
    let inner = ragged();
    let column: ArrayRef = Arc::new(FixedSizeListArray::new(item(&inner), 2, inner, None));
    let field = |rows, columns| x(IoType::Int8).with_shape([rows, columns]).with_range(0.0, 2.0);
    let expected: Vec<_> =
        [ViolationKind::NullElement { count: 1, first_row: 0 }, ViolationKind::NullElement { count: 1, first_row: 1 }]
            .into_iter()
            .chain(out_of("0..=2", "9", 2, 0))
            .collect();
    assert_eq!(found(field(Dim::Fixed(2), Dim::Any), &column), expected);
    assert_eq!(found(field(Dim::Any, Dim::Any), &column), expected, "a fixed length is one of the unknown ones");
    let wrong = found(field(Dim::Fixed(3), Dim::Any), &column);
    assert!(matches!(&wrong[..], [ViolationKind::Type { expected, .. }] if expected == "int8[3,?]"));
    assert!(matches!(found(x(IoType::Int8).with_shape([Dim::Any]), &column)[..], [ViolationKind::Type { .. }]));
    let length = ViolationKind::Length { dimension: 1, expected: 2, found: 0, count: 2, first_row: 1 };
    assert_eq!(found(field(Dim::Fixed(2), Dim::Fixed(2)), &column)[1], length);
}

#[test]
fn null_tensors_hide_their_elements() {
    let values: ArrayRef = Arc::new(Int8Array::from(vec![Some(1), Some(2), Some(9), None, Some(1), Some(8)]));
    let item = Arc::new(Field::new("item", DataType::Int8, true));
    let nulls = NullBuffer::from(vec![true, false, true]);
    let column: ArrayRef = Arc::new(FixedSizeListArray::new(item, 2, values, Some(nulls)));
    let pairs = x(IoType::Int8).with_shape([Dim::Fixed(2)]).with_range(0.0, 2.0);
    assert_eq!(found(pairs.clone().nullable(), &column), out_of("0..=2", "8", 1, 2));
    assert_eq!(found(pairs.nullable(), &column.slice(0, 2)), []);
}

#[test]
fn elements_without_memory_are_refused() {
    let bytes: ArrayRef =
        Arc::new(FixedSizeBinaryArray::try_new_with_len(0, Buffer::from_vec(Vec::<u8>::new()), None, 1 << 30).unwrap());
    assert!(matches!(found(x(IoType::Binary), &bytes)[..], [ViolationKind::Type { .. }]));
    let item = Arc::new(Field::new("item", DataType::Int8, true));
    let empty = arrow::array::new_empty_array(&DataType::Int8);
    let column: ArrayRef = Arc::new(FixedSizeListArray::try_new_with_length(item, 0, empty, None, 1 << 30).unwrap());
    assert!(matches!(found(x(IoType::Int8).with_shape([Dim::Any]), &column)[..], [ViolationKind::Type { .. }]));
}
