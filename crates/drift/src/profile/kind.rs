//! What a column is to a profile.

use arrow::datatypes::{DataType, TimeUnit};
use serde::{Deserialize, Serialize};

use super::calendar::Ticks;
use super::codec::{Malformed, Reader, Writer};
use crate::error::Error;

/// How the values of a column are taken. Times are numbers, too: counts of their own unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProfileKind {
    /// Floats and decimals.
    Float,
    /// Signed and unsigned integers.
    Integer,
    /// `true` and `false`, as labels.
    Boolean,
    /// Labels.
    Text,
    /// Days.
    Date,
    /// Times of day, so many ticks per second.
    Time(u32),
    /// Points in time, so many ticks per second.
    Timestamp(u32),
    /// Spans, so many ticks per second.
    Duration(u32),
    /// Neither numbers nor labels: rows and nulls are counted.
    Other,
}

impl ProfileKind {
    pub(super) fn of(data_type: &DataType) -> Self {
        match data_type {
            DataType::Dictionary(_, values) => Self::of(values),
            DataType::Boolean => Self::Boolean,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::Text,
            DataType::Date32 => Self::Date,
            DataType::Date64 => Self::Timestamp(1_000),
            DataType::Time32(unit) | DataType::Time64(unit) => Self::Time(per_second(*unit)),
            DataType::Timestamp(unit, _) => Self::Timestamp(per_second(*unit)),
            DataType::Duration(unit) => Self::Duration(per_second(*unit)),
            other if other.is_integer() => Self::Integer,
            other if other.is_numeric() => Self::Float,
            _ => Self::Other,
        }
    }

    /// Returns whether the values are labels.
    #[must_use]
    pub fn is_label(self) -> bool {
        matches!(self, Self::Boolean | Self::Text)
    }

    /// Returns whether the values are numbers or times.
    #[must_use]
    pub fn is_number(self) -> bool {
        !self.is_label() && self != Self::Other
    }

    /// Returns the kind that values of both have: integers go with floats, everything else with its like.
    pub(super) fn join(self, other: Self) -> Result<Self, Error> {
        match (self, other) {
            (one, other) if one == other => Ok(one),
            (Self::Float, Self::Integer) | (Self::Integer, Self::Float) => Ok(Self::Float),
            _ => Err(Error::TypeChanged { from: self.name(), to: other.name() }),
        }
    }

    pub(super) fn ticks(self) -> Option<Ticks> {
        match self {
            Self::Date => Some(Ticks::Days),
            Self::Time(per_second) => Some(Ticks::OfDay(i64::from(per_second))),
            Self::Timestamp(per_second) => Some(Ticks::SinceEpoch(i64::from(per_second))),
            _ => None,
        }
    }

    fn name(self) -> Box<str> {
        match self {
            Self::Time(ticks) | Self::Timestamp(ticks) | Self::Duration(ticks) => {
                let what = match self {
                    Self::Time(_) => "time of day",
                    Self::Timestamp(_) => "timestamp",
                    _ => "duration",
                };
                format!("{what} in 1/{ticks} s").into()
            }
            Self::Float => "float".into(),
            Self::Integer => "integer".into(),
            Self::Boolean => "boolean".into(),
            Self::Text => "text".into(),
            Self::Date => "date".into(),
            Self::Other => "neither number nor label".into(),
        }
    }

    pub(super) fn write(self, to: &mut Writer) {
        let (code, ticks) = match self {
            Self::Float => (0, 1),
            Self::Integer => (1, 1),
            Self::Boolean => (2, 1),
            Self::Text => (3, 1),
            Self::Date => (4, 1),
            Self::Time(ticks) => (5, ticks),
            Self::Timestamp(ticks) => (6, ticks),
            Self::Duration(ticks) => (7, ticks),
            Self::Other => (8, 1),
        };
        to.u8(code);
        to.u32(ticks);
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        match (from.u8()?, from.u32()?) {
            (0, 1) => Ok(Self::Float),
            (1, 1) => Ok(Self::Integer),
            (2, 1) => Ok(Self::Boolean),
            (3, 1) => Ok(Self::Text),
            (4, 1) => Ok(Self::Date),
            (5, ticks @ (1 | 1_000 | 1_000_000 | 1_000_000_000)) => Ok(Self::Time(ticks)),
            (6, ticks @ (1 | 1_000 | 1_000_000 | 1_000_000_000)) => Ok(Self::Timestamp(ticks)),
            (7, ticks @ (1 | 1_000 | 1_000_000 | 1_000_000_000)) => Ok(Self::Duration(ticks)),
            (8, 1) => Ok(Self::Other),
            _ => Err(Malformed("there is no such kind of column")),
        }
    }
}

fn per_second(unit: TimeUnit) -> u32 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}
