//! The Wasserstein-1 distance, raw and in standard deviations of the reference.

use crate::error::Error;
use crate::math::moments::{compensated_sum, largest_magnitude, power_of_two_scale, std_population};
use crate::math::steps::Steps;
use crate::method::{DecidesOn, Method, MethodSpec, Score};
use crate::sample::{Sample, require_finite};

/// Returns the area between the two empirical distribution functions: the mean distance mass has to move.
///
/// Missing values are left out; constant samples are fine. O(n + m) after sorting.
/// Source: Vallender (1974), W1 = ∫ |F - G|; `raw` equals scipy's `wasserstein_distance`, `normed` Evidently's normed distance.
///
/// ```
/// use lineal_drift::{Sample, wasserstein};
///
/// let moved = wasserstein(&Sample::new([0.0, 2.0]), &Sample::new([3.0, 5.0]))?;
/// assert_eq!((moved.raw, moved.normed), (3.0, 3.0));
/// # Ok::<(), lineal_drift::Error>(())
/// ```
///
/// # Errors
/// [`Error::Empty`] if a sample holds no value, [`Error::Infinite`] if it holds an infinity.
pub fn wasserstein(reference: &Sample, current: &Sample) -> Result<Wasserstein, Error> {
    require_finite("wasserstein", reference, current)?;
    let scale = power_of_two_scale(largest_magnitude(reference.values()).max(largest_magnitude(current.values())));
    let area = area_between(reference.values(), current.values(), scale);
    let std = std_population(reference.values());
    Ok(Wasserstein { raw: area * scale, normed: area / (std.max(STD_FLOOR) / scale), std_reference: std })
}

/// A Wasserstein-1 distance and what it was normed by.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Wasserstein {
    /// W1 in the unit of the values, `0.0..`; infinite only if it exceeds the range of `f64`.
    pub raw: f64,
    /// W1 / max(`std_reference`, 0.001), `0.0..`. A (nearly) constant reference therefore gives W1 in thousandths of the unit.
    pub normed: f64,
    /// Standard deviation of the reference, divisor n.
    pub std_reference: f64,
}

/// Sums |F - G| times the gap to the next value, in units of `scale` so that no gap overflows.
fn area_between(reference: &[f64], current: &[f64], scale: f64) -> f64 {
    let mut steps = Steps::new(reference, current).peekable();
    compensated_sum(std::iter::from_fn(|| {
        let step = steps.next()?;
        let gap = steps.peek().map_or(0.0, |next| next.value / scale - step.value / scale);
        Some((step.f - step.g).abs() * gap)
    }))
}

fn score_raw(reference: &Sample, current: &Sample) -> Result<Score, Error> {
    score(Method::Wasserstein, reference, current, |w| w.raw)
}

fn score_normed(reference: &Sample, current: &Sample) -> Result<Score, Error> {
    score(Method::WassersteinNormed, reference, current, |w| w.normed)
}

fn score(method: Method, reference: &Sample, current: &Sample, value: fn(&Wasserstein) -> f64) -> Result<Score, Error> {
    let distance = wasserstein(reference, current)?;
    let rows = (reference.len() as u64, current.len() as u64);
    Ok(Score { effect: Some(distance.normed), ..Score::distance(method, value(&distance), rows, None) })
}

pub(crate) const RAW_SPEC: MethodSpec = MethodSpec {
    method: Method::Wasserstein,
    id: "wasserstein",
    title: "Wasserstein",
    definition: "area between the two empirical distribution functions, in the unit of the column",
    source: "Vallender (1974); equal to scipy wasserstein_distance",
    range: "0 and above, in the unit of the column",
    decides_on: DecidesOn::ValueAbove,
    default_threshold: None,
    on_numbers: Some(score_raw),
    on_counts: None,
};

pub(crate) const NORMED_SPEC: MethodSpec = MethodSpec {
    method: Method::WassersteinNormed,
    id: "wasserstein_normed",
    title: "normed Wasserstein",
    definition: "area between the two empirical distribution functions, divided by the standard deviation of the reference (at least 0.001)",
    source: "Vallender (1974); normed as in Evidently 0.7",
    range: "0 and above, in standard deviations of the reference",
    on_numbers: Some(score_normed),
    default_threshold: Some(0.1),
    ..RAW_SPEC
};

const STD_FLOOR: f64 = 0.001;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extreme_values_stay_finite_when_normed() {
        let far = wasserstein(&Sample::new([-1e308, 1e308]), &Sample::new([1e308, 1e308])).unwrap();
        assert!((far.normed - 1.0).abs() < 1e-12, "{far:?}");
        let wide = wasserstein(&Sample::new([-1.7e308]), &Sample::new([1.7e308])).unwrap();
        assert_eq!(wide.raw, f64::INFINITY);
    }

    #[test]
    fn an_effect_beyond_the_range_is_none() {
        let score = Method::Wasserstein.score(&Sample::new([0.0]), &Sample::new([1e308])).unwrap();
        assert_eq!((score.value, score.effect), (1e308, None));
    }

    #[test]
    fn constants_differ_by_their_distance() {
        let distance = wasserstein(&Sample::new([3.0, 3.0]), &Sample::new([4.0])).unwrap();
        assert_eq!((distance.raw, distance.std_reference), (1.0, 0.0));
        assert!((distance.normed - 1000.0).abs() < 1e-9);
    }

    #[test]
    fn infinities_are_refused() {
        let error = wasserstein(&Sample::new([1.0]), &Sample::new([f64::INFINITY])).unwrap_err();
        assert!(matches!(error, Error::Infinite { count: 1, .. }));
    }
}
