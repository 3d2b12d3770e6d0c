//! Families of types.

use std::fmt;

use arrow::datatypes::DataType;
use serde::{Deserialize, Serialize};

/// A family of Arrow types: what a column holds, whatever its width, unit, offsets or encoding.
///
/// A dictionary has the type of its values. Exact types are the matter of `lineal_core::IoSchema`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ColumnType {
    /// Nothing but nulls, by type.
    Null,
    /// True or false.
    Boolean,
    /// Signed and unsigned integers of any width.
    Integer,
    /// Floats of any width.
    Float,
    /// Decimals of any width.
    Decimal,
    /// Texts.
    Text,
    /// Bytes, also of fixed length.
    Binary,
    /// Days.
    Date,
    /// Points in time, with a time zone or without.
    Timestamp,
    /// Times of day.
    Time,
    /// Lengths of time.
    Duration,
    /// Anything else: lists, structs, maps, intervals.
    Other,
}

impl ColumnType {
    /// Returns the family of a type.
    ///
    /// ```
    /// use lineal_drift::{arrow::datatypes::DataType, quality::ColumnType};
    /// assert_eq!(ColumnType::of(&DataType::UInt8), ColumnType::Integer);
    /// assert_eq!(ColumnType::of(&DataType::Utf8View), ColumnType::Text);
    /// ```
    #[must_use]
    pub fn of(data_type: &DataType) -> Self {
        match data_type {
            DataType::Null => Self::Null,
            DataType::Boolean => Self::Boolean,
            DataType::Float16 | DataType::Float32 | DataType::Float64 => Self::Float,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::Text,
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
                Self::Binary
            }
            // Midnights in milliseconds are what most tools make of dates.
            DataType::Date32 | DataType::Date64 => Self::Date,
            DataType::Timestamp(..) => Self::Timestamp,
            DataType::Time32(_) | DataType::Time64(_) => Self::Time,
            DataType::Duration(_) => Self::Duration,
            DataType::Dictionary(_, values) => Self::of(values),
            other if other.is_integer() => Self::Integer,
            other if other.is_numeric() => Self::Decimal,
            _ => Self::Other,
        }
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Float => "float",
            Self::Decimal => "decimal",
            Self::Text => "text",
            Self::Binary => "binary",
            Self::Date => "date",
            Self::Timestamp => "timestamp",
            Self::Time => "time",
            Self::Duration => "duration",
            Self::Other => "other",
        })
    }
}
