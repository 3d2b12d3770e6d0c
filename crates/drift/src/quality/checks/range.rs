//! Values outside of inclusive limits, found at memory speed where there are none.

use arrow::array::Int64Array;

use super::{bits::bits, predicate::Flags};
use crate::quality::{
    limits::Limits,
    values::{Tick, Values},
};

/// Flags values outside of limits; `None` if the limits are not of the kind of the column.
pub(super) fn flags(values: &Values, limits: &Limits) -> Option<Flags> {
    Some(match values {
        Values::Missing(_) => Flags { checked: 0, bad: None },
        Values::Integer(array) => scan(values, array.values(), fitted(limits.integers?, (i64::MIN, i64::MAX))),
        Values::Unsigned(array) => scan(values, array.values(), fitted(limits.integers?, (u64::MIN, u64::MAX))),
        Values::Float(array) => scan(values, array.values(), limits.floats?),
        Values::Instant(array, tick) => ticks(values, array, limits.instants?, *tick),
        Values::Span(array, tick) => ticks(values, array, limits.spans?, *tick),
        Values::Bool(_) | Values::Text(_) | Values::LargeText(_) | Values::TextView(_) => return None,
    })
}

fn ticks(values: &Values, array: &Int64Array, (min, max): (i128, i128), tick: Tick) -> Flags {
    let nanos = tick.nanos();
    let above = min.div_euclid(nanos) + i128::from(min.rem_euclid(nanos) != 0);
    scan(values, array.values(), fitted((above, max.div_euclid(nanos)), (i64::MIN, i64::MAX)))
}

/// Narrows limits to what a type can hold; if nothing is left, to limits that nothing fits between.
fn fitted<T: Copy + TryFrom<i128>>((min, max): (i128, i128), (least, greatest): (T, T)) -> (T, T)
where
    i128: From<T>,
{
    let (min, max) = (min.max(least.into()), max.min(greatest.into()));
    match (min <= max, T::try_from(min), T::try_from(max)) {
        (true, Ok(min), Ok(max)) => (min, max),
        _ => (greatest, least),
    }
}

/// One pass without branches tells whether any value, present or not, is NaN or outside. Mostly none is.
fn scan<T: Copy + PartialOrd>(values: &Values, slice: &[T], (min, max): (T, T)) -> Flags {
    let inside = |value: &T| (*value >= min) & (*value <= max);
    let odd: u64 = slice.iter().map(|value| u64::from(!inside(value))).sum();
    if odd == 0 {
        let nulls = values.nulls().map_or(0, arrow::buffer::NullBuffer::null_count);
        return Flags { checked: (slice.len() - nulls) as u64, bad: None };
    }
    Flags::among_present(values, bits(slice, |value| (value < min) | (value > max)))
}
