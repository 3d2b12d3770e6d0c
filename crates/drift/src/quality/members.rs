//! A set of scalars, as what they are beside a kind of column.

use std::collections::HashSet;

use super::{cell::saturated, limits::nanos, scalar::Scalar, values::Values};

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

    /// Returns the members as values of a column of floats, ascending and without -0.
    pub(super) fn floats(&self) -> &[f64] {
        &self.floats
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
pub(super) const FEW: usize = 16;
