//! Reads what identifies a row.

use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, UInt64Type};
use serde::{Deserialize, Serialize};

use crate::arrays;
use crate::error::Error;

/// An integer or a text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Key {
    Integer(i128),
    Text(Box<str>),
}

/// What keys of an array are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum KeyKind {
    Integers,
    Texts,
}

impl KeyKind {
    pub(crate) fn name(self) -> Box<str> {
        match self {
            Self::Integers => "integers",
            Self::Texts => "texts",
        }
        .into()
    }
}

/// Returns the key of each row, `None` for null.
///
/// # Errors
/// [`Error::UnsupportedType`] unless the keys are integers or texts: floats that look equal may not be.
pub(crate) fn keys_by_row(array: &dyn Array) -> Result<(KeyKind, Vec<Option<Key>>), Error> {
    let of = |data_type: &DataType| match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Some(KeyKind::Texts),
        other if other.is_integer() => Some(KeyKind::Integers),
        _ => None,
    };
    let kind = match array.data_type() {
        DataType::Dictionary(_, values) => of(values),
        other => of(other),
    };
    let unsupported = || Error::UnsupportedType { data_type: arrays::type_name(array.data_type()) };
    let kind = kind.ok_or_else(unsupported)?;
    let keys = match kind {
        KeyKind::Texts => arrays::texts_by_row(array)?.into_iter().map(|text| text.map(Key::Text)).collect(),
        KeyKind::Integers => integers(array)?.into_iter().map(|value| value.map(Key::Integer)).collect(),
    };
    Ok((kind, keys))
}

fn integers(array: &dyn Array) -> Result<Vec<Option<i128>>, Error> {
    let values = match array.data_type() {
        DataType::Dictionary(_, values) => values.as_ref(),
        other => other,
    };
    // No other type of integers has values beyond i64.
    let to = if *values == DataType::UInt64 { DataType::UInt64 } else { DataType::Int64 };
    let cast = cast(array, &to).map_err(|source| Error::Arrow { to: "integers", source: Box::new(source) })?;
    Ok(match to {
        DataType::UInt64 => cast.as_primitive::<UInt64Type>().iter().map(|v| v.map(i128::from)).collect(),
        _ => cast.as_primitive::<Int64Type>().iter().map(|v| v.map(i128::from)).collect(),
    })
}
