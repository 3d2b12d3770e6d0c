//! The energy distance of two samples.

use crate::error::Error;
use crate::math::moments::{compensated_sum, largest_magnitude, power_of_two_scale};
use crate::math::steps::Steps;
use crate::method::{DecidesOn, Method, MethodSpec, Score};
use crate::sample::{Sample, require_finite};

/// Returns √(2 ∫ (F - G)²), the energy distance of the two empirical distributions.
///
/// A metric, in the root of the unit of the column; missing values are left out. O(n + m) after sorting.
/// Source: Székely and Rizzo (2013), in one dimension twice Cramér's distance; equal to scipy's `energy_distance`.
///
/// ```
/// use lineal_drift::{Sample, energy};
///
/// assert!((energy(&Sample::new([0.0]), &Sample::new([8.0]))? - 4.0).abs() < 1e-15);
/// # Ok::<(), lineal_drift::Error>(())
/// ```
///
/// # Errors
/// [`Error::Empty`] if a sample holds no value, [`Error::Infinite`] if it holds an infinity.
pub fn energy(reference: &Sample, current: &Sample) -> Result<f64, Error> {
    require_finite(SPEC.id, reference, current)?;
    let scale = power_of_two_scale(largest_magnitude(reference.values()).max(largest_magnitude(current.values())));
    let mut steps = Steps::new(reference.values(), current.values()).peekable();
    let area = compensated_sum(std::iter::from_fn(|| {
        let step = steps.next()?;
        let gap = steps.peek().map_or(0.0, |next| next.value / scale - step.value / scale);
        Some((step.f - step.g).powi(2) * gap)
    }));
    Ok((2.0 * area).sqrt() * scale.sqrt())
}

fn score(reference: &Sample, current: &Sample) -> Result<Score, Error> {
    let rows = (reference.len() as u64, current.len() as u64);
    Ok(Score::distance(Method::Energy, energy(reference, current)?, rows, None))
}

pub(crate) const SPEC: MethodSpec = MethodSpec {
    method: Method::Energy,
    id: "energy",
    title: "energy distance",
    definition: "root of twice the area of the squared difference of the two empirical distribution functions",
    source: "Székely and Rizzo (2013); equal to scipy energy_distance",
    range: "0 and above, in the root of the unit of the column",
    decides_on: DecidesOn::ValueAbove,
    default_threshold: None,
    on_numbers: Some(score),
    on_counts: None,
};
