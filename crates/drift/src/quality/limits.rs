//! Limits of a rule, as what they are beside a kind of column.

use lineal_core::Timestamp;

use super::{
    cell::{Cell, saturated},
    scalar::Scalar,
};

/// Inclusive limits, ready for each kind of column; `None` where the scalars do not fit the kind.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    pub(super) integers: Option<(i128, i128)>,
    pub(super) floats: Option<(f64, f64)>,
    pub(super) instants: Option<(i128, i128)>,
    pub(super) spans: Option<(i128, i128)>,
}

impl Limits {
    pub(super) fn new(min: Option<&Scalar>, max: Option<&Scalar>) -> Self {
        Self {
            integers: both(min, max, (i128::MIN, i128::MAX), ceil, floor),
            floats: both(min, max, (f64::NEG_INFINITY, f64::INFINITY), float_above, float_below),
            instants: both(min, max, (i128::MIN, i128::MAX), nanos, nanos),
            spans: both(min, max, (i128::MIN, i128::MAX), ceil, floor),
        }
    }
}

/// Converts the limits that are given; `None` if one of them does not convert.
fn both<T>(
    min: Option<&Scalar>,
    max: Option<&Scalar>,
    open: (T, T),
    lower: fn(&Scalar) -> Option<T>,
    upper: fn(&Scalar) -> Option<T>,
) -> Option<(T, T)> {
    let min = min.map_or(Some(open.0), lower)?;
    let max = max.map_or(Some(open.1), upper)?;
    Some((min, max))
}

fn ceil(scalar: &Scalar) -> Option<i128> {
    match scalar {
        Scalar::Integer(value) => Some(*value),
        Scalar::Float(value) => Some(saturated(value.ceil())),
        _ => None,
    }
}

fn floor(scalar: &Scalar) -> Option<i128> {
    match scalar {
        Scalar::Integer(value) => Some(*value),
        Scalar::Float(value) => Some(saturated(value.floor())),
        _ => None,
    }
}

/// Returns the least float that is not below a number.
fn float_above(scalar: &Scalar) -> Option<f64> {
    match scalar {
        Scalar::Integer(value) => {
            let nearest = *value as f64;
            Some(if saturated(nearest) < *value { nearest.next_up() } else { nearest })
        }
        Scalar::Float(value) => Some(*value),
        _ => None,
    }
}

/// Returns the greatest float that is not above a number.
fn float_below(scalar: &Scalar) -> Option<f64> {
    match scalar {
        Scalar::Integer(value) => {
            let nearest = *value as f64;
            Some(if saturated(nearest) > *value { nearest.next_down() } else { nearest })
        }
        Scalar::Float(value) => Some(*value),
        _ => None,
    }
}

/// Returns a number as a value.
pub(super) fn number(scalar: &Scalar) -> Option<Cell<'_>> {
    match scalar {
        Scalar::Integer(value) => Some(Cell::Integer(*value)),
        Scalar::Float(value) => Some(Cell::Float(*value)),
        _ => None,
    }
}

/// Returns the nanoseconds since 1970 of a text that is a date or a timestamp.
pub(super) fn nanos(scalar: &Scalar) -> Option<i128> {
    let Scalar::Text(text) = scalar else { return None };
    let at: Option<Timestamp> = match text.len() {
        10 => format!("{text}T00:00:00Z").parse().ok(),
        _ => text.parse().ok(),
    };
    at.map(|at| at.as_nanos().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_exact_for_each_kind() {
        let odd = Scalar::Integer(9_007_199_254_740_993);
        let limits = Limits::new(Some(&odd), Some(&odd));
        assert_eq!(limits.integers, Some((9_007_199_254_740_993, 9_007_199_254_740_993)));
        assert_eq!(limits.floats, Some((9_007_199_254_740_994.0, 9_007_199_254_740_992.0)));
        assert_eq!(limits.instants, None);
        let limits = Limits::new(Some(&0.5.into()), Some(&1.5.into()));
        assert_eq!(limits.integers, Some((1, 1)));
        let limits = Limits::new(Some(&"1970-01-02".into()), None);
        assert_eq!(limits.instants, Some((86_400_000_000_000, i128::MAX)));
        assert_eq!(limits.integers, None);
    }

    #[test]
    fn times_are_dates_or_timestamps() {
        assert_eq!(nanos(&"1970-01-01T00:00:01.5Z".into()), Some(1_500_000_000));
        for bad in ["", "yesterday", "2013-13-01", "2013-08-15T00:00:00", "9999-12-31", "2013-8-15é"] {
            assert_eq!(nanos(&bad.into()), None, "{bad}");
        }
    }
}
