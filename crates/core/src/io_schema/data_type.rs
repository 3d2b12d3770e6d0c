//! The frozen scalar types of a model signature, and their text form.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::error::{SchemaError, excerpt};

/// Names the type of one element of a field: the frozen counterpart of Arrow's scalar types.
///
/// The text form is the stored form (`Display`, `FromStr`, serde) and never changes: `bool`, `int8` … `uint64`,
/// `float16` … `float64`, `utf8`, `binary`, `date32`, `timestamp[us]`, `timestamp[us,utc]`, `duration[ms]`,
/// `decimal128[10,2]`. Only the exact text is read back, so that one type has one text and one digest.
/// Lists and tensors are an element type with a shape, see [`Dim`](crate::Dim).
///
/// ```
/// use lineal_core::{IoType, TimeUnit};
///
/// let taken_at: IoType = "timestamp[ns,utc]".parse()?;
/// assert_eq!(taken_at, IoType::Timestamp { unit: TimeUnit::Nanosecond, utc: true });
/// assert_eq!(IoType::Decimal128 { precision: 10, scale: 2 }.to_string(), "decimal128[10,2]");
/// assert!("float".parse::<IoType>().is_err());
/// # Ok::<(), lineal_core::SchemaError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum IoType {
    /// True or false.
    Bool,
    /// Signed integer of 8 bits.
    Int8,
    /// Signed integer of 16 bits.
    Int16,
    /// Signed integer of 32 bits.
    Int32,
    /// Signed integer of 64 bits.
    Int64,
    /// Unsigned integer of 8 bits.
    UInt8,
    /// Unsigned integer of 16 bits.
    UInt16,
    /// Unsigned integer of 32 bits.
    UInt32,
    /// Unsigned integer of 64 bits.
    UInt64,
    /// IEEE 754 half precision.
    Float16,
    /// IEEE 754 single precision.
    Float32,
    /// IEEE 754 double precision.
    Float64,
    /// Text in UTF-8.
    Utf8,
    /// Bytes of any length.
    Binary,
    /// Days since 1970-01-01.
    Date32,
    /// A point in time, counted from 1970-01-01.
    Timestamp {
        /// What one tick is.
        unit: TimeUnit,
        /// True if it is an instant (ticks are UTC, whatever zone it is shown in), false if it is a local time
        /// without zone.
        utc: bool,
    },
    /// A length of time.
    Duration {
        /// What one tick is.
        unit: TimeUnit,
    },
    /// An integer of up to 38 digits, times ten to the power of minus `scale`.
    Decimal128 {
        /// Digits in all, `1..=38`.
        precision: u8,
        /// Digits behind the point, `-38..=precision`.
        scale: i8,
    },
}

impl IoType {
    /// Returns true for integers, floats and decimals: the types that can have a [`ValueRange`](crate::ValueRange).
    #[must_use]
    pub const fn is_numeric(self) -> bool {
        self.is_integer() || self.is_float() || matches!(self, Self::Decimal128 { .. })
    }

    pub(super) const fn is_integer(self) -> bool {
        use IoType::{Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64};
        matches!(self, Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64)
    }

    pub(super) const fn is_float(self) -> bool {
        matches!(self, Self::Float16 | Self::Float32 | Self::Float64)
    }

    /// The least and greatest value of an integer or decimal, in units of its last digit.
    pub(super) fn limits(self) -> Option<(i128, i128)> {
        let limits = match self {
            Self::Int8 => (i8::MIN.into(), i8::MAX.into()),
            Self::Int16 => (i16::MIN.into(), i16::MAX.into()),
            Self::Int32 => (i32::MIN.into(), i32::MAX.into()),
            Self::Int64 => (i64::MIN.into(), i64::MAX.into()),
            Self::UInt8 => (0, u8::MAX.into()),
            Self::UInt16 => (0, u16::MAX.into()),
            Self::UInt32 => (0, u32::MAX.into()),
            Self::UInt64 => (0, u64::MAX.into()),
            Self::Decimal128 { precision, .. } => {
                let end = 10_i128.checked_pow(precision.into())?;
                (1 - end, end - 1)
            }
            _ => return None,
        };
        Some(limits)
    }

    /// Digits behind the point: 0 for all but decimals.
    pub(super) fn scale(self) -> i32 {
        match self {
            Self::Decimal128 { scale, .. } => scale.into(),
            _ => 0,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        if let Some((_, plain)) = PLAIN.iter().find(|(name, _)| *name == text) {
            return Some(*plain);
        }
        let (head, arguments) = text.strip_suffix(']')?.split_once('[')?;
        let parsed = match (head, arguments.split_once(',')) {
            ("timestamp", None) => Self::Timestamp { unit: TimeUnit::parse(arguments)?, utc: false },
            ("timestamp", Some((unit, "utc"))) => Self::Timestamp { unit: TimeUnit::parse(unit)?, utc: true },
            ("duration", None) => Self::Duration { unit: TimeUnit::parse(arguments)? },
            ("decimal128", Some((precision, scale))) => {
                Self::Decimal128 { precision: precision.parse().ok()?, scale: scale.parse().ok()? }
            }
            _ => return None,
        };
        // Refuses other spellings of the same numbers, such as `+10` and `010`.
        (parsed.to_string() == text).then_some(parsed)
    }
}

impl fmt::Display for IoType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timestamp { unit, utc: false } => write!(f, "timestamp[{unit}]"),
            Self::Timestamp { unit, utc: true } => write!(f, "timestamp[{unit},utc]"),
            Self::Duration { unit } => write!(f, "duration[{unit}]"),
            Self::Decimal128 { precision, scale } => write!(f, "decimal128[{precision},{scale}]"),
            plain => {
                let name = PLAIN.iter().find(|(_, known)| known == plain).map(|(name, _)| *name);
                f.write_str(name.expect("PLAIN lists every type without parameters"))
            }
        }
    }
}

impl FromStr for IoType {
    type Err = SchemaError;

    fn from_str(text: &str) -> Result<Self, SchemaError> {
        Self::parse(text).ok_or_else(|| SchemaError::UnknownType { text: excerpt(text) })
    }
}

impl TryFrom<String> for IoType {
    type Error = SchemaError;

    fn try_from(text: String) -> Result<Self, SchemaError> {
        text.parse()
    }
}

impl From<IoType> for String {
    fn from(data_type: IoType) -> Self {
        data_type.to_string()
    }
}

/// Says what one tick of a timestamp or duration is; the text form is `s`, `ms`, `us` or `ns`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TimeUnit {
    /// `s`
    Second,
    /// `ms`
    Millisecond,
    /// `us`
    Microsecond,
    /// `ns`
    Nanosecond,
}

impl TimeUnit {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "s" => Some(Self::Second),
            "ms" => Some(Self::Millisecond),
            "us" => Some(Self::Microsecond),
            "ns" => Some(Self::Nanosecond),
            _ => None,
        }
    }
}

impl fmt::Display for TimeUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Second => "s",
            Self::Millisecond => "ms",
            Self::Microsecond => "us",
            Self::Nanosecond => "ns",
        })
    }
}

const PLAIN: [(&str, IoType); 15] = [
    ("bool", IoType::Bool),
    ("int8", IoType::Int8),
    ("int16", IoType::Int16),
    ("int32", IoType::Int32),
    ("int64", IoType::Int64),
    ("uint8", IoType::UInt8),
    ("uint16", IoType::UInt16),
    ("uint32", IoType::UInt32),
    ("uint64", IoType::UInt64),
    ("float16", IoType::Float16),
    ("float32", IoType::Float32),
    ("float64", IoType::Float64),
    ("utf8", IoType::Utf8),
    ("binary", IoType::Binary),
    ("date32", IoType::Date32),
];
