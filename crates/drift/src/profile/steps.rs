//! Distribution functions, known exactly or from a sketch.

use super::kll::KllSketch;
use super::numbers::Numbers;
use crate::error::{Error, Side};
use crate::sample::Sample;

/// The distribution function of the finite values of one side, and how many others there are.
#[derive(Clone, Debug)]
pub(super) struct StepFunction {
    /// Ascending, each value once, with the share of finite values up to it.
    steps: Vec<(f64, f64)>,
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) finite: u64,
    pub(super) negative_infinite: u64,
    pub(super) positive_infinite: u64,
    /// Of the share of values between two points, and of all ranks at once.
    pub(super) error: f64,
}

impl StepFunction {
    pub(super) fn of_profile(numbers: &Numbers, side: Side) -> Result<Self, Error> {
        let sketch: &KllSketch = &numbers.quantiles;
        let (Some(min), Some(max)) = (sketch.min(), sketch.max()) else {
            return Err(Error::Empty { what: WHAT, side });
        };
        let n = sketch.n() as f64;
        Ok(Self {
            steps: sketch.steps().into_iter().map(|(value, weight)| (value, weight as f64 / n)).collect(),
            min,
            max,
            finite: sketch.n(),
            negative_infinite: numbers.negative_infinite,
            positive_infinite: numbers.positive_infinite,
            error: sketch.share_error(),
        })
    }

    pub(super) fn of_sample(sample: &Sample, side: Side) -> Result<Self, Error> {
        let finite = sample.finite_slice();
        let (Some(&min), Some(&max)) = (finite.first(), finite.last()) else {
            return Err(Error::Empty { what: WHAT, side });
        };
        let n = finite.len() as f64;
        let last_of_its_value = |at: usize| finite.get(at) != finite.get(at + 1);
        let ranked = finite.iter().zip(1_u64..).enumerate().filter(|(at, _)| last_of_its_value(*at));
        let negative_infinite = sample.values().partition_point(|value| *value == f64::NEG_INFINITY) as u64;
        Ok(Self {
            steps: ranked.map(|(_, (value, rank))| (*value, rank as f64 / n)).collect(),
            min,
            max,
            finite: finite.len() as u64,
            negative_infinite,
            positive_infinite: sample.infinite() as u64 - negative_infinite,
            error: 0.0,
        })
    }

    /// Returns the share of finite values up to `value`.
    pub(super) fn share(&self, value: f64) -> f64 {
        let after = self.steps.partition_point(|(held, _)| *held <= value);
        after.checked_sub(1).and_then(|at| self.steps.get(at)).map_or(0.0, |(_, share)| *share)
    }

    /// Returns all values, infinities included.
    pub(super) fn values(&self) -> f64 {
        self.finite as f64 + self.negative_infinite as f64 + self.positive_infinite as f64
    }

    /// Returns the share of the finite values among all.
    pub(super) fn finite_fraction(&self) -> f64 {
        self.finite as f64 / self.values()
    }

    /// Returns the share of all values that are negative infinity.
    pub(super) fn below_fraction(&self) -> f64 {
        self.negative_infinite as f64 / self.values()
    }
}

/// Passes every point at which one of two functions steps, ascending, with the finite shares of both up to it.
pub(super) fn walk(one: &StepFunction, other: &StepFunction, mut each: impl FnMut(f64, f64, f64)) {
    let (mut left, mut right) = (one.steps.as_slice(), other.steps.as_slice());
    let (mut f, mut g) = (0.0, 0.0);
    loop {
        let next = match (left.first(), right.first()) {
            (Some((a, _)), Some((b, _))) => a.min(*b),
            (Some((a, _)), None) => *a,
            (None, Some((b, _))) => *b,
            (None, None) => return,
        };
        for (rest, share) in [(&mut left, &mut f), (&mut right, &mut g)] {
            if let [(value, up_to), after @ ..] = *rest
                && *value <= next
            {
                (*share, *rest) = (*up_to, after);
            }
        }
        each(next, f, g);
    }
}

const WHAT: &str = "drift of profiles";
