//! One value of a column, and how two of them compare.

use std::cmp::Ordering;

use lineal_core::Timestamp;

use super::tally::quoted;

/// A value that is present; NaN is not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cell<'a> {
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(&'a str),
    /// Nanoseconds since 1970, UTC.
    Instant(i128),
    /// Nanoseconds of a duration or since midnight.
    Span(i128),
}

impl Cell<'_> {
    /// Compares exactly; `None` if the two are of different kinds. Integers and floats are of one kind.
    pub(super) fn compare(self, other: Cell<'_>) -> Option<Ordering> {
        match (self, other) {
            (Self::Integer(a), Cell::Integer(b)) => Some(a.cmp(&b)),
            (Self::Float(a), Cell::Float(b)) => a.partial_cmp(&b),
            (Self::Integer(a), Cell::Float(b)) => Some(integer_to_float(a, b)),
            (Self::Float(a), Cell::Integer(b)) => Some(integer_to_float(b, a).reverse()),
            (Self::Text(a), Cell::Text(b)) => Some(a.cmp(b)),
            (Self::Instant(a), Cell::Instant(b)) | (Self::Span(a), Cell::Span(b)) => Some(a.cmp(&b)),
            (Self::Bool(a), Cell::Bool(b)) => Some(a.cmp(&b)),
            _ => None,
        }
    }

    /// Writes the value for people, cut to a readable length.
    pub(super) fn readable(self) -> String {
        match self {
            Self::Bool(value) => value.to_string(),
            Self::Integer(value) => value.to_string(),
            Self::Float(value) => format!("{value:?}"),
            Self::Text(value) => quoted(value),
            Self::Instant(nanos) => instant(nanos),
            Self::Span(nanos) => format!("{nanos} ns"),
        }
    }

    pub(super) fn kept(self) -> KeptCell {
        match self {
            Self::Bool(value) => KeptCell::Bool(value),
            Self::Integer(value) => KeptCell::Integer(value),
            Self::Float(value) => KeptCell::Float(value),
            Self::Text(value) => KeptCell::Text(value.to_owned()),
            Self::Instant(value) => KeptCell::Instant(value),
            Self::Span(value) => KeptCell::Span(value),
        }
    }

    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Bool(_) => "boolean",
            Self::Integer(_) => "integer",
            Self::Float(_) => "float",
            Self::Text(_) => "text",
            Self::Instant(_) => "time",
            Self::Span(_) => "duration",
        }
    }
}

/// A [`Cell`] that outlives its array.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum KeptCell {
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    Instant(i128),
    Span(i128),
}

impl KeptCell {
    pub(super) fn cell(&self) -> Cell<'_> {
        match self {
            Self::Bool(value) => Cell::Bool(*value),
            Self::Integer(value) => Cell::Integer(*value),
            Self::Float(value) => Cell::Float(*value),
            Self::Text(value) => Cell::Text(value),
            Self::Instant(value) => Cell::Instant(*value),
            Self::Span(value) => Cell::Span(*value),
        }
    }
}

/// Compares an integer of at most 65 bits with a float that is not NaN.
fn integer_to_float(integer: i128, float: f64) -> Ordering {
    // What a float holds exactly needs no more; 128 bits are slow.
    if let Some(small) = i64::try_from(integer).ok().filter(|small| small.unsigned_abs() <= 1 << 53) {
        return (small as f64).partial_cmp(&float).unwrap_or(Ordering::Equal);
    }
    // The cast saturates, far beyond any such integer, and drops the fraction, which then decides.
    let whole = saturated(float);
    integer.cmp(&whole).then_with(|| 0.0_f64.partial_cmp(&float.fract()).unwrap_or(Ordering::Equal))
}

/// Returns a float without its fraction, at most the greatest integer there is.
#[expect(clippy::cast_possible_truncation, reason = "it is meant to saturate")]
pub(super) fn saturated(float: f64) -> i128 {
    float as i128
}

/// Writes nanoseconds since 1970 as RFC 3339 without trailing zeros, or as what they are if too far away.
pub(super) fn instant(nanos: i128) -> String {
    let Ok(nanos) = i64::try_from(nanos) else { return format!("{} s since 1970", nanos.div_euclid(1_000_000_000)) };
    let text = Timestamp::from_nanos(nanos).to_string();
    let digits = text.trim_end_matches('Z').trim_end_matches('0').trim_end_matches('.');
    format!("{digits}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_compare_with_floats_exactly() {
        let at = |i: i128, f: f64| Cell::Integer(i).compare(Cell::Float(f)).unwrap();
        assert_eq!(at(9_007_199_254_740_993, 9_007_199_254_740_992.0), Ordering::Greater);
        assert_eq!(at(9_007_199_254_740_992, 9_007_199_254_740_992.0), Ordering::Equal);
        assert_eq!((at(0, -0.0), at(-1, -1.5), at(1, 1.5), at(2, 1.5)), {
            (Ordering::Equal, Ordering::Greater, Ordering::Less, Ordering::Greater)
        });
        assert_eq!(at(i128::from(u64::MAX), f64::INFINITY), Ordering::Less);
        assert_eq!(at(i128::from(i64::MIN), f64::NEG_INFINITY), Ordering::Greater);
        assert_eq!(Cell::Float(1.5).compare(Cell::Integer(1)), Some(Ordering::Greater));
        assert_eq!(Cell::Text("1").compare(Cell::Integer(1)), None);
    }

    #[test]
    fn instants_are_readable() {
        assert_eq!(instant(0), "1970-01-01T00:00:00Z");
        assert_eq!(instant(1_500_000_000), "1970-01-01T00:00:01.5Z");
        assert_eq!(instant(600_000_000_000), "1970-01-01T00:10:00Z");
        assert_eq!(instant(i128::from(i64::MAX) * 1000), "9223372036854 s since 1970");
    }
}
