//! Vectorised tests of values: one bit per element, no allocation per element.

use std::collections::BTreeSet;

use arrow::{
    array::{Array, ArrowPrimitiveType, AsArray},
    buffer::BooleanBuffer,
    datatypes::{
        DataType as ArrowType, Decimal128Type, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
        Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
    },
    util::display::array_value_to_string,
};

use super::{allowed::Allowed, error::excerpt, range::ValueRange};

/// Marks the values that are not allowed; NaN is not marked. `None` if nothing needs a test.
///
/// Values in null slots are tested too: the caller masks them.
pub(super) fn disallowed(allowed: Allowed<'_>, values: &dyn Array) -> Option<BooleanBuffer> {
    match allowed {
        Allowed::All => None,
        Allowed::Units(low, high) => outside_units(values, low, high),
        Allowed::Floats(range) => outside_floats(values, range),
        Allowed::Ints(set) => not_of_ints(values, set),
        Allowed::Strings(set) => not_of_strings(values, set),
    }
}

/// Marks NaN. `None` if `values` are not floats.
pub(super) fn not_a_number(values: &dyn Array) -> Option<BooleanBuffer> {
    match values.data_type() {
        ArrowType::Float16 => marked::<Float16Type>(values, |value| value.is_nan()),
        ArrowType::Float32 => marked::<Float32Type>(values, f32::is_nan),
        ArrowType::Float64 => marked::<Float64Type>(values, f64::is_nan),
        _ => None,
    }
}

/// Shows one value, escaped and cut to 60 characters.
pub(super) fn text(values: &dyn Array, index: usize) -> String {
    // Text may be very long: only the start is copied.
    if let Some(strings) = values.as_string_opt::<i32>() {
        return excerpt(strings.value(index));
    }
    if let Some(strings) = values.as_string_opt::<i64>() {
        return excerpt(strings.value(index));
    }
    if let Some(strings) = values.as_string_view_opt() {
        return excerpt(strings.value(index));
    }
    array_value_to_string(values, index).map_or_else(|error| excerpt(&error.to_string()), |text| excerpt(&text))
}

fn outside_units(values: &dyn Array, low: i128, high: i128) -> Option<BooleanBuffer> {
    match values.data_type() {
        ArrowType::Int8 => outside::<Int8Type>(values, low, high),
        ArrowType::Int16 => outside::<Int16Type>(values, low, high),
        ArrowType::Int32 => outside::<Int32Type>(values, low, high),
        ArrowType::Int64 => outside::<Int64Type>(values, low, high),
        ArrowType::UInt8 => outside::<UInt8Type>(values, low, high),
        ArrowType::UInt16 => outside::<UInt16Type>(values, low, high),
        ArrowType::UInt32 => outside::<UInt32Type>(values, low, high),
        ArrowType::UInt64 => outside::<UInt64Type>(values, low, high),
        ArrowType::Decimal128(..) => outside::<Decimal128Type>(values, low, high),
        _ => None,
    }
}

fn outside<T>(values: &dyn Array, low: i128, high: i128) -> Option<BooleanBuffer>
where
    T: ArrowPrimitiveType,
    T::Native: TryFrom<i128> + PartialOrd,
{
    // Both ends lie within the type: they were cut to its limits.
    let (low, high) = (T::Native::try_from(low).ok()?, T::Native::try_from(high).ok()?);
    marked::<T>(values, |value| value < low || value > high)
}

fn outside_floats(values: &dyn Array, range: &ValueRange) -> Option<BooleanBuffer> {
    let (min, max) = (range.min(), range.max());
    match values.data_type() {
        ArrowType::Float16 => {
            type Half = <Float16Type as ArrowPrimitiveType>::Native;
            let (min, max) = (Half::from_f64(min), Half::from_f64(max));
            marked::<Float16Type>(values, |value| value < min || value > max)
        }
        // Rounded, so that 0.1 in single precision lies within a range up to 0.1.
        ArrowType::Float32 => {
            let (min, max) = (min as f32, max as f32);
            marked::<Float32Type>(values, |value| value < min || value > max)
        }
        ArrowType::Float64 => marked::<Float64Type>(values, |value| value < min || value > max),
        _ => None,
    }
}

fn not_of_ints(values: &dyn Array, set: &BTreeSet<i64>) -> Option<BooleanBuffer> {
    match values.data_type() {
        ArrowType::Int8 => not_of::<Int8Type>(values, set),
        ArrowType::Int16 => not_of::<Int16Type>(values, set),
        ArrowType::Int32 => not_of::<Int32Type>(values, set),
        ArrowType::Int64 => not_of::<Int64Type>(values, set),
        ArrowType::UInt8 => not_of::<UInt8Type>(values, set),
        ArrowType::UInt16 => not_of::<UInt16Type>(values, set),
        ArrowType::UInt32 => not_of::<UInt32Type>(values, set),
        ArrowType::UInt64 => not_of::<UInt64Type>(values, set),
        _ => None,
    }
}

fn not_of<T>(values: &dyn Array, set: &BTreeSet<i64>) -> Option<BooleanBuffer>
where
    T: ArrowPrimitiveType,
    T::Native: TryInto<i64>,
{
    // What does not fit an i64 is in no set.
    marked::<T>(values, |value| value.try_into().map_or(true, |value: i64| !set.contains(&value)))
}

fn not_of_strings(values: &dyn Array, set: &BTreeSet<String>) -> Option<BooleanBuffer> {
    let unknown = |text: &str| !set.contains(text);
    if let Some(strings) = values.as_string_opt::<i32>() {
        Some(BooleanBuffer::collect_bool(strings.len(), |index| unknown(strings.value(index))))
    } else if let Some(strings) = values.as_string_opt::<i64>() {
        Some(BooleanBuffer::collect_bool(strings.len(), |index| unknown(strings.value(index))))
    } else {
        let strings = values.as_string_view_opt()?;
        Some(BooleanBuffer::collect_bool(strings.len(), |index| unknown(strings.value(index))))
    }
}

fn marked<T: ArrowPrimitiveType>(values: &dyn Array, test: impl Fn(T::Native) -> bool) -> Option<BooleanBuffer> {
    let values = values.as_primitive_opt::<T>()?.values();
    Some(BooleanBuffer::collect_bool(values.len(), |index| test(values[index])))
}
