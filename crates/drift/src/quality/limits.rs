//! Scalars of a rule, as what they are beside a kind of column.

use std::collections::HashSet;

use lineal_core::Timestamp;

use super::{
    cell::{Cell, saturated},
    scalar::Scalar,
    values::Values,
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

/// A set of scalars, ready for each kind of column.
#[derive(Clone, Debug)]
pub(super) struct Members {
    bools: Vec<bool>,
    /// Ascending.
    integers: Vec<i128>,
    /// Ascending.
    floats: Vec<f64>,
    texts: Texts,
    /// Ascending, in nanoseconds.
    instants: Vec<i128>,
}

impl Members {
    pub(super) fn new(scalars: &[Scalar]) -> Self {
        let sorted = |each: fn(&Scalar) -> Option<i128>| {
            let mut list: Vec<i128> = scalars.iter().filter_map(each).collect();
            list.sort_unstable();
            list
        };
        let mut floats: Vec<f64> = scalars.iter().filter_map(whole_float).collect();
        floats.sort_unstable_by(f64::total_cmp);
        Self {
            bools: scalars
                .iter()
                .filter_map(|s| if let Scalar::Bool(value) = s { Some(*value) } else { None })
                .collect(),
            integers: sorted(whole),
            floats,
            texts: Texts::new(scalars),
            instants: sorted(nanos),
        }
    }

    /// Says whether any member could equal a value of that kind.
    pub(super) fn fit(&self, values: &Values) -> bool {
        match values {
            Values::Missing(_) => true,
            Values::Bool(_) => !self.bools.is_empty(),
            // A column of integers is not of another kind than 0.5, though it never holds it.
            Values::Integer(_) | Values::Unsigned(_) | Values::Span(..) | Values::Float(_) => {
                !(self.integers.is_empty() && self.floats.is_empty())
            }
            Values::Text(_) | Values::LargeText(_) | Values::TextView(_) => !self.texts.is_empty(),
            Values::Instant(..) => !self.instants.is_empty(),
        }
    }

    pub(super) fn has_bool(&self, value: bool) -> bool {
        self.bools.contains(&value)
    }

    pub(super) fn has_float(&self, value: f64) -> bool {
        match self.floats.len() {
            0..=FEW => self.floats.iter().fold(false, |found, member| found | (*member == value)),
            // Adding zero turns -0 into 0, as it was done with the members.
            _ => self.floats.binary_search_by(|member| member.total_cmp(&(value + 0.0))).is_ok(),
        }
    }

    pub(super) fn has_text(&self, value: &str) -> bool {
        self.texts.contains(value)
    }

    /// Returns the members as values of a column of signed 64-bit integers.
    pub(super) fn signed(&self) -> Vec<i64> {
        self.integers.iter().filter_map(|value| i64::try_from(*value).ok()).collect()
    }

    /// Returns the members as values of a column of unsigned 64-bit integers.
    pub(super) fn unsigned(&self) -> Vec<u64> {
        self.integers.iter().filter_map(|value| u64::try_from(*value).ok()).collect()
    }

    /// Returns the members that are times, as counts of a tick; those between two counts are none.
    pub(super) fn instant_ticks(&self, tick: i128) -> Vec<i64> {
        ticks(&self.instants, tick)
    }

    /// Returns the members that are integers, as counts of a tick; those between two counts are none.
    pub(super) fn span_ticks(&self, tick: i128) -> Vec<i64> {
        ticks(&self.integers, tick)
    }
}

/// Texts: a few are looked through, many are hashed.
#[derive(Clone, Debug)]
struct Texts {
    few: Vec<Box<str>>,
    many: HashSet<Box<str>>,
}

impl Texts {
    fn new(scalars: &[Scalar]) -> Self {
        let text = |scalar: &Scalar| if let Scalar::Text(text) = scalar { Some(text.as_str().into()) } else { None };
        let few: Vec<Box<str>> = scalars.iter().filter_map(text).collect();
        match few.len() {
            0..=FEW => Self { few, many: HashSet::new() },
            _ => Self { few: Vec::new(), many: few.into_iter().collect() },
        }
    }

    fn is_empty(&self) -> bool {
        self.few.is_empty() && self.many.is_empty()
    }

    fn contains(&self, text: &str) -> bool {
        self.few.iter().any(|member| **member == *text) || (!self.many.is_empty() && self.many.contains(text))
    }
}

/// Says whether a value belongs to an ascending list.
pub(super) fn contains<T: Copy + Ord>(ascending: &[T], value: T) -> bool {
    match ascending.len() {
        // Without a branch, so that many values are compared at once.
        0..=FEW => ascending.iter().fold(false, |found, member| found | (*member == value)),
        _ => ascending.binary_search(&value).is_ok(),
    }
}

fn ticks(nanos: &[i128], tick: i128) -> Vec<i64> {
    let whole = nanos.iter().filter(|nanos| nanos.rem_euclid(tick) == 0);
    whole.filter_map(|nanos| i64::try_from(nanos.div_euclid(tick)).ok()).collect()
}

/// Returns a number that is an integer.
fn whole(scalar: &Scalar) -> Option<i128> {
    match scalar {
        Scalar::Integer(value) => Some(*value),
        Scalar::Float(value) if value.fract() == 0.0 => Some(saturated(*value)),
        _ => None,
    }
}

/// Returns a number that is a float, with -0 as 0.
fn whole_float(scalar: &Scalar) -> Option<f64> {
    match scalar {
        Scalar::Integer(value) => Some(*value as f64).filter(|float| saturated(*float) == *value),
        Scalar::Float(value) => Some(value + 0.0),
        _ => None,
    }
}

/// Members that are looked through one by one.
const FEW: usize = 16;

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
