//! What a set of points comes to.

use lineal_core::{Real, Wide};
use serde::{Deserialize, Serialize};

/// Count, range and extremes of some points of one metric.
///
/// Does not depend on how the points were cut into segments: among equal extremes the lowest step is named, and `last` is
/// the value at the greatest step, of those the one logged last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Summary {
    /// How many points.
    pub count: u64,
    /// The lowest step.
    pub first_step: Wide,
    /// The value at the greatest step; NaN if that was logged.
    pub last: Real,
    /// The greatest step.
    pub last_step: Wide,
    /// The greatest value; `None` if all are NaN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Extreme>,
    /// The lowest value; `None` if all are NaN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<Extreme>,
}

/// A lowest or greatest value and the step at which it was reached first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Extreme {
    /// The step.
    pub step: Wide,
    /// The value, never NaN.
    pub value: Real,
}

impl Summary {
    pub(crate) fn of(step: u64, value: f64) -> Self {
        let extreme = (!value.is_nan()).then(|| Extreme { step: step.into(), value: value.into() });
        let step = Wide::from(step);
        Self { count: 1, first_step: step, last: value.into(), last_step: step, max: extreme, min: extreme }
    }

    /// Takes in points that were logged after those of this summary.
    pub(crate) fn merge(&mut self, later: &Self) {
        self.count = self.count.saturating_add(later.count);
        self.first_step = self.first_step.min(later.first_step);
        if later.last_step >= self.last_step {
            (self.last, self.last_step) = (later.last, later.last_step);
        }
        self.min = better(self.min, later.min, |new, old| new < old);
        self.max = better(self.max, later.max, |new, old| new > old);
    }
}

fn better(old: Option<Extreme>, new: Option<Extreme>, wins: impl Fn(Real, Real) -> bool) -> Option<Extreme> {
    match (old, new) {
        (Some(old), Some(new)) => {
            let earlier = new.value == old.value && new.step < old.step;
            Some(if earlier || wins(new.value, old.value) { new } else { old })
        }
        (old, new) => old.or(new),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(points: &[(u64, f64)]) -> Option<Summary> {
        let mut parts = points.iter().map(|(step, value)| Summary::of(*step, *value));
        let mut first = parts.next()?;
        parts.for_each(|part| first.merge(&part));
        Some(first)
    }

    #[test]
    fn nan_is_last_but_never_extreme() {
        let summary = of(&[(1, f64::NAN), (2, -0.0), (3, 0.0), (4, f64::NAN)]).unwrap();
        assert!(summary.last.get().is_nan());
        let steps = |extreme: Option<Extreme>| extreme.map(|extreme| extreme.step.get());
        assert_eq!((steps(summary.min), steps(summary.max)), (Some(2), Some(3)));
        assert_eq!(of(&[(1, f64::NAN)]).unwrap().max, None);
    }

    proptest! {
        #[test]
        fn cuts_do_not_matter(points in prop::collection::vec((0_u64..9, prop::num::f64::ANY), 2..40), at in 1_usize..39) {
            let at = at.min(points.len() - 1);
            let (left, right) = points.split_at(at);
            let mut merged = of(left).unwrap();
            merged.merge(&of(right).unwrap());
            prop_assert_eq!(Some(merged), of(&points));
        }
    }
}
