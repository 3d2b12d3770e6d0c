//! Arrow arrays to the values that are collected.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, UInt64Type};

use super::collect_numbers::Encoding;
use super::collect_texts::Measured;
use crate::error::Error;

/// Returns how the numbers of a type are held: integers and times as integers, so that no digit is lost.
pub(super) fn encoding(data_type: &DataType) -> Encoding {
    match data_type {
        DataType::Dictionary(_, values) => encoding(values),
        DataType::UInt64 => Encoding::Unsigned,
        DataType::Float16 | DataType::Float32 | DataType::Float64 => Encoding::Float,
        other if other.is_integer() || other.is_temporal() => Encoding::Signed,
        _ => Encoding::Float,
    }
}

/// Converts numbers and times to arrays of `f64`, `i64` or `u64`.
pub(super) fn numbers(array: &dyn Array) -> Result<ArrayRef, Error> {
    let to = match encoding(array.data_type()) {
        Encoding::Float => DataType::Float64,
        Encoding::Signed => DataType::Int64,
        Encoding::Unsigned => DataType::UInt64,
    };
    match array.data_type() {
        DataType::Dictionary(_, values) => numbers(&converted(array, values)?),
        DataType::Date32 | DataType::Time32(_) => converted(&converted(array, &DataType::Int32)?, &to),
        _ => converted(array, &to),
    }
}

fn converted(array: &dyn Array, to: &DataType) -> Result<ArrayRef, Error> {
    cast(array, to).map_err(|source| Error::Arrow { to: "numbers", source: Box::new(source) })
}

/// Passes on the values that are present; `array` is what [`numbers`] returns.
pub(super) fn floats(array: &dyn Array) -> impl Iterator<Item = f64> {
    let array = array.as_primitive::<Float64Type>();
    present(array.values(), array.nulls()).copied()
}

pub(super) fn signed(array: &dyn Array) -> impl Iterator<Item = i64> {
    let array = array.as_primitive::<Int64Type>();
    present(array.values(), array.nulls()).copied()
}

pub(super) fn unsigned(array: &dyn Array) -> impl Iterator<Item = u64> {
    let array = array.as_primitive::<UInt64Type>();
    present(array.values(), array.nulls()).copied()
}

fn present<'a, T>(values: &'a [T], nulls: Option<&'a arrow::buffer::NullBuffer>) -> impl Iterator<Item = &'a T> {
    let is_present = move |at: usize| nulls.is_none_or(|nulls| nulls.is_valid(at));
    values.iter().enumerate().filter(move |(at, _)| is_present(*at)).map(|(_, value)| value)
}

/// Passes every label that is present to `each` and returns how many are null.
pub(super) fn texts(array: &dyn Array, mut each: impl FnMut(Measured<'_>)) -> Result<u64, Error> {
    let mut nulls = 0;
    let mut row = |text: Option<&str>| match text {
        Some(text) => each(Measured::new(text)),
        None => nulls += 1,
    };
    match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().iter().for_each(&mut row),
        DataType::LargeUtf8 => array.as_string::<i64>().iter().for_each(&mut row),
        DataType::Utf8View => array.as_string_view().iter().for_each(&mut row),
        DataType::Dictionary(..) => return dictionary_texts(array, each),
        other => return Err(Error::UnsupportedType { data_type: crate::arrays::type_name(other) }),
    }
    Ok(nulls)
}

/// Measures each value of the dictionary once.
fn dictionary_texts(array: &dyn Array, mut each: impl FnMut(Measured<'_>)) -> Result<u64, Error> {
    let dictionary = array.as_any_dictionary();
    if dictionary.values().is_empty() {
        return Ok(array.len() as u64);
    }
    let values = cast(dictionary.values().as_ref(), &DataType::LargeUtf8)
        .map_err(|source| Error::Arrow { to: "texts", source: Box::new(source) })?;
    let measured: Vec<Option<Measured<'_>>> =
        values.as_string::<i64>().iter().map(|text| text.map(Measured::new)).collect();
    let mut nulls = 0;
    for (row, key) in dictionary.normalized_keys().into_iter().enumerate() {
        match measured.get(key).copied().flatten().filter(|_| dictionary.keys().is_valid(row)) {
            Some(label) => each(label),
            None => nulls += 1,
        }
    }
    Ok(nulls)
}
