//! Arrays as one of a few kinds: the only place of this module that knows Arrow's types.

use arrow::{
    array::{
        Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, LargeStringArray, StringArray,
        StringViewArray, UInt64Array,
    },
    buffer::{BooleanBuffer, NullBuffer},
    compute::cast,
    datatypes::{DataType, TimeUnit},
};

use super::{cell::Cell, checks::bits, report::UncheckedReason, tally::shortened};
use crate::arrays::type_name;

/// An array, read as the widest type of its kind; a copy only where it is narrower.
#[derive(Clone, Debug)]
pub(super) enum Values {
    Missing(usize),
    Bool(BooleanArray),
    Integer(Int64Array),
    Unsigned(UInt64Array),
    Float(Float64Array),
    Text(StringArray),
    LargeText(LargeStringArray),
    TextView(StringViewArray),
    Instant(Int64Array, Tick),
    Span(Int64Array, Tick),
}

/// Nanoseconds of one count of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tick(i64);

impl Tick {
    pub(super) fn nanos(self) -> i128 {
        i128::from(self.0)
    }
}

impl Values {
    /// Reads a column; dictionaries are unpacked.
    pub(super) fn read(column: &str, array: &ArrayRef) -> Result<Self, UncheckedReason> {
        let to = |target: &DataType| cast(array, target).map_err(|e| arrow(&e));
        let ticks = |through: &DataType| cast(&to(through)?, &DataType::Int64).map_err(|e| arrow(&e));
        Ok(match array.data_type() {
            DataType::Null => Self::Missing(array.len()),
            DataType::Boolean => Self::Bool(array.as_boolean().clone()),
            DataType::UInt64 => Self::Unsigned(array.as_primitive().clone()),
            DataType::Float16 | DataType::Float32 | DataType::Float64 => {
                Self::Float(to(&DataType::Float64)?.as_primitive().clone())
            }
            DataType::Utf8 => Self::Text(array.as_string().clone()),
            DataType::LargeUtf8 => Self::LargeText(array.as_string().clone()),
            DataType::Utf8View => Self::TextView(array.as_string_view().clone()),
            DataType::Date32 => Self::Instant(ticks(&DataType::Int32)?.as_primitive().clone(), DAY),
            DataType::Date64 => {
                Self::Instant(ticks(&DataType::Int64)?.as_primitive().clone(), tick(TimeUnit::Millisecond))
            }
            DataType::Timestamp(unit, _) => Self::Instant(ticks(&DataType::Int64)?.as_primitive().clone(), tick(*unit)),
            DataType::Time32(unit) => Self::Span(ticks(&DataType::Int32)?.as_primitive().clone(), tick(*unit)),
            DataType::Time64(unit) | DataType::Duration(unit) => {
                Self::Span(ticks(&DataType::Int64)?.as_primitive().clone(), tick(*unit))
            }
            DataType::Dictionary(_, values) if !matches!(**values, DataType::Dictionary(..)) => {
                return Self::read(column, &to(values)?);
            }
            other if other.is_integer() => Self::Integer(to(&DataType::Int64)?.as_primitive().clone()),
            other => return Err(unsupported(column, other)),
        })
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Missing(rows) => *rows,
            Self::Bool(array) => array.len(),
            Self::Integer(array) | Self::Instant(array, _) | Self::Span(array, _) => array.len(),
            Self::Unsigned(array) => array.len(),
            Self::Float(array) => array.len(),
            Self::Text(array) => array.len(),
            Self::LargeText(array) => array.len(),
            Self::TextView(array) => array.len(),
        }
    }

    /// Returns which values are null; NaN is not looked for.
    pub(super) fn nulls(&self) -> Option<&NullBuffer> {
        match self {
            Self::Missing(_) => None,
            Self::Bool(array) => array.nulls(),
            Self::Integer(array) | Self::Instant(array, _) | Self::Span(array, _) => array.nulls(),
            Self::Unsigned(array) => array.nulls(),
            Self::Float(array) => array.nulls(),
            Self::Text(array) => array.nulls(),
            Self::LargeText(array) => array.nulls(),
            Self::TextView(array) => array.nulls(),
        }
    }

    /// Returns which values are present, neither null nor NaN; `None` if all are.
    pub(super) fn present(&self) -> Option<BooleanBuffer> {
        let not_null = self.nulls().filter(|nulls| nulls.null_count() > 0).map(NullBuffer::inner);
        match self {
            Self::Missing(rows) => Some(BooleanBuffer::new_unset(*rows)),
            Self::Float(array) if array.values().iter().map(|v| u64::from(v.is_nan())).sum::<u64>() > 0 => {
                let number = bits(array.values(), |value| !value.is_nan());
                Some(not_null.map_or_else(|| number.clone(), |not_null| not_null & &number))
            }
            _ => not_null.cloned(),
        }
    }

    /// Returns a value, `None` if it is missing or there is no such row.
    pub(super) fn cell(&self, row: usize) -> Option<Cell<'_>> {
        if row >= self.len() || self.nulls().is_some_and(|nulls| nulls.is_null(row)) {
            return None;
        }
        Some(match self {
            Self::Missing(_) => return None,
            Self::Bool(array) => Cell::Bool(array.value(row)),
            Self::Integer(array) => Cell::Integer(array.value(row).into()),
            Self::Unsigned(array) => Cell::Integer(array.value(row).into()),
            Self::Float(array) => match array.value(row) {
                value if value.is_nan() => return None,
                value => Cell::Float(value),
            },
            Self::Text(array) => Cell::Text(array.value(row)),
            Self::LargeText(array) => Cell::Text(array.value(row)),
            Self::TextView(array) => Cell::Text(array.value(row)),
            Self::Instant(array, tick) => Cell::Instant(i128::from(array.value(row)) * tick.nanos()),
            Self::Span(array, tick) => Cell::Span(i128::from(array.value(row)) * tick.nanos()),
        })
    }

    /// Returns the values that are present, with their rows.
    pub(super) fn cells(&self) -> impl Iterator<Item = (usize, Cell<'_>)> {
        (0..self.len()).filter_map(|row| Some((row, self.cell(row)?)))
    }

    /// Names the kind for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Missing(_) => "null",
            Self::Bool(_) => "boolean",
            Self::Integer(_) | Self::Unsigned(_) => "integer",
            Self::Float(_) => "float",
            Self::Text(_) | Self::LargeText(_) | Self::TextView(_) => "text",
            Self::Instant(..) => "time",
            Self::Span(..) => "duration",
        }
    }

    /// Says whether values of the two kinds compare with each other.
    pub(super) fn compares_with(&self, other: &Self) -> bool {
        let family = |values: &Self| match values.kind() {
            "integer" | "float" => "number",
            kind => kind,
        };
        let either_is_missing = matches!(self, Self::Missing(_)) || matches!(other, Self::Missing(_));
        either_is_missing || family(self) == family(other)
    }
}

fn arrow(error: &arrow::error::ArrowError) -> UncheckedReason {
    UncheckedReason::Arrow { message: shortened(&error.to_string()) }
}

fn tick(unit: TimeUnit) -> Tick {
    Tick(match unit {
        TimeUnit::Second => 1_000_000_000,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1_000,
        TimeUnit::Nanosecond => 1,
    })
}

/// Says that a rule is not defined on the type of a column.
pub(super) fn unsupported(column: &str, data_type: &DataType) -> UncheckedReason {
    UncheckedReason::UnsupportedType { column: shortened(column), data_type: type_name(data_type).into() }
}

const DAY: Tick = Tick(86_400_000_000_000);
