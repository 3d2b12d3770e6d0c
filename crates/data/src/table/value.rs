use std::{cmp::Ordering, fmt};

use arrow::{
    array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray},
    compute::cast,
    datatypes::{
        DataType, Date32Type, Date64Type, Decimal128Type, DurationMicrosecondType, DurationMillisecondType,
        DurationNanosecondType, DurationSecondType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type,
        Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
        TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
    },
};

use super::bytes::{put_bytes, take_bytes};

/// A single value, whatever the width of its column: the least or greatest of a column, or what a [`Predicate`] asks for.
///
/// Values are compared within a kind only.
///
/// [`Predicate`]: crate::Predicate
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// A boolean.
    Boolean(bool),
    /// An integer of any width.
    Integer(i128),
    /// A float of any width; never NaN in statistics.
    Real(f64),
    /// Text.
    Text(String),
    /// Binary.
    Binary(Vec<u8>),
    /// A date or a time stamp: nanoseconds since 1970 UTC.
    Time(i128),
    /// A duration, in nanoseconds.
    Duration(i128),
    /// A decimal of at most 38 digits: `unscaled / 10^scale`.
    Decimal {
        /// All digits, as an integer.
        unscaled: i128,
        /// How many of them come behind the point.
        scale: i8,
    },
    /// A time of day: nanoseconds since midnight.
    TimeOfDay(i128),
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Boolean(one), Self::Boolean(two)) => one.partial_cmp(two),
            (Self::Integer(one), Self::Integer(two))
            | (Self::Time(one), Self::Time(two))
            | (Self::TimeOfDay(one), Self::TimeOfDay(two))
            | (Self::Duration(one), Self::Duration(two)) => one.partial_cmp(two),
            (Self::Decimal { unscaled, scale }, Self::Decimal { unscaled: other, scale: of }) => {
                Some(compare_decimals((*unscaled, *scale), (*other, *of)))
            }
            (Self::Real(one), Self::Real(two)) => one.partial_cmp(two),
            (Self::Text(one), Self::Text(two)) => one.partial_cmp(two),
            (Self::Binary(one), Self::Binary(two)) => one.partial_cmp(two),
            _ => None,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Real(value) => write!(f, "{value}"),
            Self::Text(value) => write!(f, "{value:?}"),
            Self::Binary(value) => value.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
            Self::Time(nanos) => write!(f, "{nanos} ns since 1970"),
            Self::Duration(nanos) => write!(f, "{nanos} ns"),
            Self::Decimal { unscaled, scale: 0 } => write!(f, "{unscaled}"),
            Self::Decimal { unscaled, scale } => write!(f, "{unscaled}e{}", -i16::from(*scale)),
            Self::TimeOfDay(nanos) => write!(f, "{nanos} ns since midnight"),
        }
    }
}

macro_rules! from {
    ($kind:ident, $($given:ty),+) => {
        $(impl From<$given> for Value {
            fn from(value: $given) -> Self {
                Self::$kind(value.into())
            }
        })+
    };
}
from!(Boolean, bool);
from!(Integer, i8, i16, i32, i64, i128, u8, u16, u32, u64);
from!(Real, f32, f64);
from!(Text, &str, String);
from!(Binary, Vec<u8>);

/// Compares two decimals, each its digits and how many of them come behind the point.
fn compare_decimals(one: (i128, i8), two: (i128, i8)) -> Ordering {
    let distance = one.1.abs_diff(two.1);
    let scaled = |value: i128| match value {
        0 => Some(0),
        _ => 10_i128.checked_pow(distance.into()).and_then(|by| value.checked_mul(by)),
    };
    // What is too large to be given as many digits as the other is farther from zero than that.
    if one.1 < two.1 {
        scaled(one.0).map_or(one.0.cmp(&0), |one| one.cmp(&two.0))
    } else {
        scaled(two.0).map_or(0.cmp(&two.0), |two| one.0.cmp(&two))
    }
}

/// Compares each value of a column with `value`: `None` where there is none, and for NaN.
///
/// An integer is compared with floats as the float that it is, and with decimals. Returns nothing if the kinds differ.
pub(super) fn compare(array: &ArrayRef, value: &Value) -> Option<Vec<Option<Ordering>>> {
    let values = Values::of(array)?;
    Some(match (values, value) {
        (Values::Boolean(values), Value::Boolean(value)) => orderings(values, value),
        (Values::Integer(values), Value::Integer(value))
        | (Values::Time(values), Value::Time(value))
        | (Values::TimeOfDay(values), Value::TimeOfDay(value))
        | (Values::Duration(values), Value::Duration(value)) => orderings(values, value),
        (Values::Decimal(values, of), Value::Decimal { unscaled, scale }) => {
            let compare = |value: Option<i128>| Some(compare_decimals((value?, of), (*unscaled, *scale)));
            values.into_iter().map(compare).collect()
        }
        (Values::Decimal(values, of), Value::Integer(whole)) => {
            values.into_iter().map(|value| Some(compare_decimals((value?, of), (*whole, 0)))).collect()
        }
        (Values::Real(values), Value::Real(value)) => orderings(values, value),
        (Values::Real(values), Value::Integer(value)) => orderings(values, &(*value as f64)),
        (Values::Text(values), Value::Text(value)) => {
            let values = values.as_string::<i64>().iter();
            values.map(|each| each?.partial_cmp(value.as_str())).collect()
        }
        (Values::Binary(values), Value::Binary(value)) => {
            let values = values.as_binary::<i64>().iter();
            values.map(|each| each?.partial_cmp(value.as_slice())).collect()
        }
        _ => return None,
    })
}

fn orderings<T: PartialOrd>(values: Vec<Option<T>>, value: &T) -> Vec<Option<Ordering>> {
    values.iter().map(|each| each.as_ref()?.partial_cmp(value)).collect()
}

/// The values of a column, whatever their width.
enum Values {
    Boolean(Vec<Option<bool>>),
    Integer(Vec<Option<i128>>),
    Real(Vec<Option<f64>>),
    Time(Vec<Option<i128>>),
    Duration(Vec<Option<i128>>),
    Decimal(Vec<Option<i128>>, i8),
    TimeOfDay(Vec<Option<i128>>),
    Text(ArrayRef),
    Binary(ArrayRef),
}

impl Values {
    fn of(array: &ArrayRef) -> Option<Self> {
        Some(match array.data_type() {
            DataType::Boolean => Self::Boolean(array.as_boolean().iter().collect()),
            kind if kind.is_integer() => Self::Integer(wide(array, 1)?),
            DataType::Float16 | DataType::Float32 | DataType::Float64 => {
                let wide = cast(array, &DataType::Float64).ok()?;
                Self::Real(wide.as_primitive::<Float64Type>().iter().collect())
            }
            DataType::Date32 => Self::Time(wide(array, 86_400_000_000_000)?),
            DataType::Date64 => Self::Time(wide(array, 1_000_000)?),
            DataType::Timestamp(unit, _) => Self::Time(wide(array, nanos(*unit))?),
            DataType::Duration(unit) => Self::Duration(wide(array, nanos(*unit))?),
            DataType::Time32(unit) | DataType::Time64(unit) => Self::TimeOfDay(wide(array, nanos(*unit))?),
            DataType::Decimal32(_, scale) | DataType::Decimal64(_, scale) | DataType::Decimal128(_, scale) => {
                Self::Decimal(decimals(array, *scale)?.iter().collect(), *scale)
            }
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                Self::Text(cast(array, &DataType::LargeUtf8).ok()?)
            }
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
                Self::Binary(cast(array, &DataType::LargeBinary).ok()?)
            }
            DataType::Dictionary(_, value) => return Self::of(&cast(array, value).ok()?),
            _ => return None,
        })
    }
}

/// Returns decimals of any width but the greatest.
fn decimals(array: &ArrayRef, scale: i8) -> Option<PrimitiveArray<Decimal128Type>> {
    Some(cast(array, &DataType::Decimal128(38, scale)).ok()?.as_primitive().clone())
}

fn nanos(unit: TimeUnit) -> i128 {
    match unit {
        TimeUnit::Second => 1_000_000_000,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1_000,
        TimeUnit::Nanosecond => 1,
    }
}

fn wide(array: &ArrayRef, scale: i128) -> Option<Vec<Option<i128>>> {
    if array.data_type() == &DataType::UInt64 {
        return Some(array.as_primitive::<UInt64Type>().iter().map(|value| value.map(i128::from)).collect());
    }
    // Dates and times of 32 bits take a step; all others fit as they are.
    let wide = match array.data_type() {
        DataType::Date32 | DataType::Time32(_) => cast(&cast(array, &DataType::Int32).ok()?, &DataType::Int64).ok()?,
        _ => cast(array, &DataType::Int64).ok()?,
    };
    Some(wide.as_primitive::<Int64Type>().iter().map(|value| value.map(|value| i128::from(value) * scale)).collect())
}

/// The least and the greatest value of a column, as far as they are known.
///
/// Text and binary are kept to [`KEPT`] bytes: then the least is a little less, and the greatest a little greater.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bounds {
    pub(super) min: Value,
    pub(super) max: Value,
}

impl Bounds {
    /// Returns the bounds of what is neither null nor NaN; `None` without such values, and for types without an order here.
    pub(super) fn of(array: &ArrayRef) -> Option<Self> {
        const DAY: i128 = 86_400_000_000_000;
        match array.data_type() {
            DataType::Boolean => {
                let (min, max) = ends(array.as_boolean().iter().flatten())?;
                Some(Self { min: Value::Boolean(min), max: Value::Boolean(max) })
            }
            DataType::Int8 => whole::<Int8Type>(array, Value::Integer, 1),
            DataType::Int16 => whole::<Int16Type>(array, Value::Integer, 1),
            DataType::Int32 => whole::<Int32Type>(array, Value::Integer, 1),
            DataType::Int64 => whole::<Int64Type>(array, Value::Integer, 1),
            DataType::UInt8 => whole::<UInt8Type>(array, Value::Integer, 1),
            DataType::UInt16 => whole::<UInt16Type>(array, Value::Integer, 1),
            DataType::UInt32 => whole::<UInt32Type>(array, Value::Integer, 1),
            DataType::UInt64 => whole::<UInt64Type>(array, Value::Integer, 1),
            DataType::Date32 => whole::<Date32Type>(array, Value::Time, DAY),
            DataType::Date64 => whole::<Date64Type>(array, Value::Time, 1_000_000),
            DataType::Timestamp(unit, _) => match unit {
                TimeUnit::Second => whole::<TimestampSecondType>(array, Value::Time, 1_000_000_000),
                TimeUnit::Millisecond => whole::<TimestampMillisecondType>(array, Value::Time, 1_000_000),
                TimeUnit::Microsecond => whole::<TimestampMicrosecondType>(array, Value::Time, 1_000),
                TimeUnit::Nanosecond => whole::<TimestampNanosecondType>(array, Value::Time, 1),
            },
            DataType::Duration(unit) => match unit {
                TimeUnit::Second => whole::<DurationSecondType>(array, Value::Duration, 1_000_000_000),
                TimeUnit::Millisecond => whole::<DurationMillisecondType>(array, Value::Duration, 1_000_000),
                TimeUnit::Microsecond => whole::<DurationMicrosecondType>(array, Value::Duration, 1_000),
                TimeUnit::Nanosecond => whole::<DurationNanosecondType>(array, Value::Duration, 1),
            },
            DataType::Time32(unit) | DataType::Time64(unit) => {
                let (min, max) = ends(wide(array, nanos(*unit))?.into_iter().flatten())?;
                Some(Self { min: Value::TimeOfDay(min), max: Value::TimeOfDay(max) })
            }
            DataType::Decimal32(_, scale) | DataType::Decimal64(_, scale) | DataType::Decimal128(_, scale) => {
                let (min, max) = ends(decimals(array, *scale)?.iter().flatten())?;
                let value = |unscaled| Value::Decimal { unscaled, scale: *scale };
                Some(Self { min: value(min), max: value(max) })
            }
            DataType::Float16 => real::<Float16Type>(array),
            DataType::Float32 => real::<Float32Type>(array),
            DataType::Float64 => real::<Float64Type>(array),
            DataType::Utf8 => text(array.as_string::<i32>().iter().flatten()),
            DataType::LargeUtf8 => text(array.as_string::<i64>().iter().flatten()),
            DataType::Utf8View => text(array.as_string_view().iter().flatten()),
            DataType::Binary => binary(array.as_binary::<i32>().iter().flatten()),
            DataType::LargeBinary => binary(array.as_binary::<i64>().iter().flatten()),
            DataType::BinaryView => binary(array.as_binary_view().iter().flatten()),
            DataType::FixedSizeBinary(_) => binary(array.as_fixed_size_binary().iter().flatten()),
            DataType::Dictionary(_, value) => Self::of(&cast(array, value).ok()?),
            _ => None,
        }
    }

    /// Widens `one` by `two`.
    pub(super) fn join(one: Option<Self>, two: Option<Self>) -> Option<Self> {
        let (Some(one), Some(two)) = (&one, &two) else { return one.or(two) };
        let min = if two.min < one.min { &two.min } else { &one.min };
        let max = if two.max > one.max { &two.max } else { &one.max };
        Some(Self { min: min.clone(), max: max.clone() })
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        encode(&self.min, out);
        encode(&self.max, out);
    }

    pub(super) fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let (min, max) = (decode(bytes)?, decode(bytes)?);
        (min <= max).then_some(Self { min, max })
    }
}

fn ends<T: PartialOrd + Copy>(mut values: impl Iterator<Item = T>) -> Option<(T, T)> {
    let first = values.next()?;
    let widen = |(min, max), value| (if value < min { value } else { min }, if value > max { value } else { max });
    Some(values.fold((first, first), widen))
}

fn whole<T: ArrowPrimitiveType>(array: &ArrayRef, kind: fn(i128) -> Value, scale: i128) -> Option<Bounds>
where
    T::Native: Into<i128> + Copy + PartialOrd,
{
    let (min, max) = ends(array.as_primitive::<T>().iter().flatten())?;
    Some(Bounds { min: kind(min.into() * scale), max: kind(max.into() * scale) })
}

fn real<T: ArrowPrimitiveType>(array: &ArrayRef) -> Option<Bounds>
where
    T::Native: Into<f64> + Copy,
{
    let numbers = array.as_primitive::<T>().iter().flatten().map(Into::<f64>::into);
    // Adding zero turns -0 into 0.
    let (min, max) = ends(numbers.filter(|value| !value.is_nan()).map(|value| value + 0.0))?;
    Some(Bounds { min: Value::Real(min), max: Value::Real(max) })
}

fn text<'a>(values: impl Iterator<Item = &'a str>) -> Option<Bounds> {
    let (min, max) = ends(values)?;
    let min = Value::Text(front(min).to_owned());
    Some(Bounds { min, max: Value::Text(text_above(max)) })
}

/// Returns as many whole characters as are kept.
fn front(text: &str) -> &str {
    let end = (0..=KEPT.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}

/// Returns the text itself if it is short, else a short one that is greater; the text itself if there is none.
fn text_above(text: &str) -> String {
    if text.len() <= KEPT {
        return text.to_owned();
    }
    let mut kept = front(text).to_owned();
    while let Some(last) = kept.pop() {
        // The gap is that of surrogates.
        let next = if last == '\u{d7ff}' { Some('\u{e000}') } else { char::from_u32(u32::from(last) + 1) };
        if let Some(next) = next {
            kept.push(next);
            return kept;
        }
    }
    text.to_owned()
}

fn binary<'a>(values: impl Iterator<Item = &'a [u8]>) -> Option<Bounds> {
    let (min, max) = ends(values)?;
    let min = Value::Binary(min.get(..KEPT).unwrap_or(min).to_owned());
    Some(Bounds { min, max: Value::Binary(binary_above(max)) })
}

fn binary_above(bytes: &[u8]) -> Vec<u8> {
    let Some(kept) = bytes.get(..KEPT).filter(|_| bytes.len() > KEPT) else { return bytes.to_owned() };
    let mut kept = kept.to_owned();
    while let Some(last) = kept.pop() {
        if let Some(next) = last.checked_add(1) {
            kept.push(next);
            return kept;
        }
    }
    bytes.to_owned()
}

fn encode(value: &Value, out: &mut Vec<u8>) {
    let mut tagged = |tag: u8, bytes: &[u8]| {
        out.push(tag);
        put_bytes(out, bytes);
    };
    match value {
        Value::Boolean(value) => tagged(b'?', &[u8::from(*value)]),
        Value::Integer(value) => tagged(b'i', &value.to_le_bytes()),
        Value::Real(value) => tagged(b'f', &value.to_bits().to_le_bytes()),
        Value::Text(value) => tagged(b's', value.as_bytes()),
        Value::Binary(value) => tagged(b'b', value),
        Value::Time(value) => tagged(b't', &value.to_le_bytes()),
        Value::Duration(value) => tagged(b'd', &value.to_le_bytes()),
        Value::Decimal { unscaled, scale } => {
            tagged(b'c', &[&unscaled.to_le_bytes()[..], &scale.to_le_bytes()].concat());
        }
        Value::TimeOfDay(value) => tagged(b'o', &value.to_le_bytes()),
    }
}

fn decode(bytes: &mut &[u8]) -> Option<Value> {
    let tag = *bytes.split_off_first()?;
    let value = take_bytes(bytes)?;
    let whole = || Some(i128::from_le_bytes(value.try_into().ok()?));
    Some(match tag {
        b'?' => Value::Boolean(match value {
            [0] => false,
            [1] => true,
            _ => return None,
        }),
        b'i' => Value::Integer(whole()?),
        b'f' => Value::Real(f64::from_bits(u64::from_le_bytes(value.try_into().ok()?))),
        b's' => Value::Text(std::str::from_utf8(value).ok()?.to_owned()),
        b'b' => Value::Binary(value.to_owned()),
        b't' => Value::Time(whole()?),
        b'd' => Value::Duration(whole()?),
        b'o' => Value::TimeOfDay(whole()?),
        b'c' => {
            let (scale, unscaled) = value.split_last()?;
            let unscaled = i128::from_le_bytes(unscaled.try_into().ok()?);
            Value::Decimal { unscaled, scale: i8::from_le_bytes([*scale]) }
        }
        _ => return None,
    })
}

/// Bytes of a text that are kept as a bound.
const KEPT: usize = 64;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        BinaryArray, Decimal128Array, Float32Array, Int8Array, StringArray, Time32SecondArray, TimestampSecondArray,
    };

    use super::*;

    fn shown(array: impl Array + 'static) -> String {
        Bounds::of(&(Arc::new(array) as ArrayRef))
            .map_or("none".to_owned(), |bounds| format!("{}..{}", bounds.min, bounds.max))
    }

    #[test]
    fn bounds_leave_out_nulls_and_nan() {
        assert_eq!(shown(Int8Array::from(vec![Some(3), None, Some(-7)])), "-7..3");
        assert_eq!(shown(Float32Array::from(vec![f32::NAN, -0.0, 0.5])), "0..0.5");
        assert_eq!(shown(Float32Array::from(vec![f32::NAN])), "none");
        assert_eq!(shown(TimestampSecondArray::from(vec![2])), "2000000000 ns since 1970..2000000000 ns since 1970");
        assert_eq!(shown(StringArray::from(vec!["b", "", "ä"])), r#""".."ä""#);
        let prices = Decimal128Array::from(vec![Some(1999), None, Some(-5)]).with_precision_and_scale(10, 2).unwrap();
        assert_eq!(shown(prices), "-5e-2..1999e-2");
        assert_eq!(
            shown(Time32SecondArray::from(vec![60, 1])),
            "1000000000 ns since midnight..60000000000 ns since midnight"
        );
    }

    #[test]
    fn decimals_compare_by_what_they_are_worth() {
        let decimal = |unscaled, scale| Value::Decimal { unscaled, scale };
        assert_eq!(decimal(150, 2).partial_cmp(&decimal(15, 1)), Some(Ordering::Equal));
        assert!(decimal(151, 2) > decimal(15, 1) && decimal(-151, 2) < decimal(-15, 1));
        assert!(decimal(1, -120) > decimal(i128::MAX, 0) && decimal(-1, -120) < decimal(i128::MIN, 0));
        assert!(decimal(i128::MAX, 0) < decimal(1, -120) && decimal(0, -120) < decimal(1, 38));
        let prices = Decimal128Array::from(vec![Some(1999), None, Some(300)]).with_precision_and_scale(10, 2).unwrap();
        let found = compare(&(Arc::new(prices) as ArrayRef), &3.into()).unwrap();
        assert_eq!(found, [Some(Ordering::Greater), None, Some(Ordering::Equal)]);
    }

    #[test]
    fn long_text_is_cut_so_that_it_still_bounds() {
        for long in ["ä".repeat(60), "\u{10ffff}".repeat(40), format!("{}\u{d7ff}zz", "a".repeat(61))] {
            let bounds = Bounds::of(&(Arc::new(StringArray::from(vec![long.as_str()])) as ArrayRef)).unwrap();
            assert!(bounds.min <= long.as_str().into() && bounds.max >= long.as_str().into(), "{long}");
        }
        let long = [vec![7; 63], vec![255; 9]].concat();
        let bounds = Bounds::of(&(Arc::new(BinaryArray::from(vec![long.as_slice()])) as ArrayRef)).unwrap();
        assert_eq!(bounds.max, Value::Binary([vec![7; 62], vec![8]].concat()));
    }

    #[test]
    fn values_are_stored_as_they_are() {
        let values = [
            Value::Boolean(true),
            Value::Integer(i128::MIN),
            Value::Real(-0.5),
            "text".into(),
            Value::Binary(vec![0, 255]),
            Value::Time(-1),
            Value::Duration(9),
            Value::Decimal { unscaled: -1234, scale: -2 },
            Value::TimeOfDay(5),
        ];
        for value in values {
            let mut bytes = Vec::new();
            encode(&value, &mut bytes);
            assert_eq!(decode(&mut bytes.as_slice()), Some(value));
        }
    }
}
