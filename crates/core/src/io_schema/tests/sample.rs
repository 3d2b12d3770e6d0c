//! Schemas, drawn at random from few types and small values, so that two of them often agree.

use proptest::prelude::*;

use crate::{Categories, Dim, IoField, IoSchema, IoType, TimeUnit};

pub(super) const TYPES: [IoType; 19] = [
    IoType::Bool,
    IoType::Int8,
    IoType::Int16,
    IoType::Int32,
    IoType::Int64,
    IoType::UInt8,
    IoType::UInt16,
    IoType::UInt32,
    IoType::UInt64,
    IoType::Float16,
    IoType::Float32,
    IoType::Float64,
    IoType::Utf8,
    IoType::Binary,
    IoType::Date32,
    IoType::Timestamp { unit: TimeUnit::Microsecond, utc: true },
    IoType::Timestamp { unit: TimeUnit::Second, utc: false },
    IoType::Duration { unit: TimeUnit::Nanosecond },
    IoType::Decimal128 { precision: 4, scale: 1 },
];

fn shape() -> impl Strategy<Value = Vec<Dim>> {
    prop_oneof![
        4 => Just(vec![]),
        1 => Just(vec![Dim::Any]),
        1 => Just(vec![Dim::Fixed(2)]),
        1 => Just(vec![Dim::Any, Dim::Fixed(2)]),
        1 => Just(vec![Dim::Fixed(2), Dim::Any]),
    ]
}

/// Sets nulls (0 to 2) and values (0: all, 1: range, 2: categories) if the type can have them.
fn ruled(field: IoField, nulls: u8, rule: u8, low: i8, width: i8) -> IoField {
    let field = match nulls {
        0 => field,
        1 => field.nullable(),
        _ => field.optional(),
    };
    let values = low..=low + width;
    let ruled = match (rule, field.data_type()) {
        (1, _) => field.clone().with_range(low.into(), (low + width).into()),
        (2, IoType::Utf8) => field.clone().with_categories(Categories::strings(values.map(|n| n.to_string()))),
        (2, _) => field.clone().with_categories(Categories::ints(values)),
        _ => field.clone(),
    };
    if ruled.validate().is_ok() { ruled } else { field }
}

pub(super) fn field(name: &'static str) -> impl Strategy<Value = IoField> {
    (prop::sample::select(&TYPES[..]), shape(), 0..3_u8, 0..3_u8, -3..4_i8, 0..5_i8).prop_map(
        move |(data_type, shape, nulls, rule, low, width)| {
            ruled(IoField::new(name, data_type).with_shape(shape), nulls, rule, low, width)
        },
    )
}

/// A field that differs from `field` in its rules, if at all.
fn variant(field: &IoField) -> impl Strategy<Value = IoField> + use<> {
    let (field, base) =
        (field.clone(), IoField::new(field.name(), field.data_type()).with_shape(field.shape().to_vec()));
    prop_oneof![
        3 => Just(field),
        2 => (0..3_u8, 0..3_u8, -3..4_i8, 0..5_i8)
            .prop_map(move |(nulls, rule, low, width)| ruled(base.clone(), nulls, rule, low, width)),
    ]
}

pub(super) fn schema() -> impl Strategy<Value = IoSchema> {
    let side = || (field("a"), field("b"), field("c"), 0..8_u8);
    let pick = |(a, b, c, mask): (IoField, IoField, IoField, u8)| -> Vec<IoField> {
        [a, b, c].into_iter().enumerate().filter(|(bit, _)| mask >> bit & 1 == 1).map(|(_, field)| field).collect()
    };
    (side(), side(), field("y")).prop_map(move |(inputs, outputs, last)| {
        let outputs = pick(outputs).into_iter().chain([last]).collect();
        IoSchema::new(pick(inputs), outputs).unwrap()
    })
}

/// Three fields with the same name and type, and other rules.
pub(super) fn siblings() -> impl Strategy<Value = [IoField; 3]> {
    field("x").prop_flat_map(|field| [variant(&field), variant(&field), variant(&field)])
}

/// Three schemas with the same names and types, and other rules in places.
pub(super) fn family() -> impl Strategy<Value = [IoSchema; 3]> {
    let sibling = |schema: &IoSchema| {
        let inputs: Vec<_> = schema.inputs().iter().map(variant).collect();
        let outputs: Vec<_> = schema.outputs().iter().map(variant).collect();
        (inputs, outputs).prop_map(|(inputs, outputs)| IoSchema::new(inputs, outputs).unwrap())
    };
    schema()
        .prop_flat_map(move |schema| (sibling(&schema), sibling(&schema), Just(schema)).prop_map(|(a, b, c)| [a, b, c]))
}
