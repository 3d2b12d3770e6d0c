//! Kuiper's two-sample test.

use crate::error::Error;
use crate::math::steps::Steps;
use crate::method::{DecidesOn, Method, MethodSpec, Score};
use crate::sample::{Sample, require_values};

/// Compares the empirical distribution functions F of `reference` and G of `current` where they differ most in either direction.
///
/// V = max (F - G) + max (G - F), 0 to 1: as sensitive in the tails as in the middle, and independent of where a circle begins.
/// Only the order counts, so infinities take part. O(n + m) after sorting.
/// Source: Kuiper (1960); p-value by Stephens (1970): Q((√N + 0.155 + 0.24/√N) V) with N = nm/(n+m).
///
/// ```
/// use lineal_drift::{Sample, kuiper};
///
/// let test = kuiper(&Sample::new([1.0, 2.0, 7.0, 8.0]), &Sample::new([4.0, 5.0]))?;
/// assert_eq!((test.statistic, test.d_plus, test.d_minus), (1.0, 0.5, 0.5));
/// # Ok::<(), lineal_drift::Error>(())
/// ```
///
/// # Errors
/// [`Error::Empty`] if a sample holds no value.
pub fn kuiper(reference: &Sample, current: &Sample) -> Result<Kuiper, Error> {
    require_values(SPEC.id, reference, current)?;
    let differences = Steps::new(reference.values(), current.values()).map(|step| step.f - step.g);
    let (d_plus, d_minus) = differences.fold((0.0_f64, 0.0_f64), |(plus, minus), d| (plus.max(d), minus.max(-d)));
    let (n, m) = (reference.len() as f64, current.len() as f64);
    let root = (n * m / (n + m)).sqrt();
    let statistic = d_plus + d_minus;
    Ok(Kuiper { statistic, d_plus, d_minus, p_value: survival((root + 0.155 + 0.24 / root) * statistic) })
}

/// The outcome of Kuiper's test.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Kuiper {
    /// V, the sum of both differences, 0 to 1.
    pub statistic: f64,
    /// The largest F - G.
    pub d_plus: f64,
    /// The largest G - F.
    pub d_minus: f64,
    /// Probability of a V at least as large if both samples come from one distribution.
    pub p_value: f64,
}

/// 2 Σ (4j²λ² - 1) exp(-2j²λ²): 1 to all digits below λ = 0.4.
fn survival(lambda: f64) -> f64 {
    if lambda <= 0.4 {
        return 1.0;
    }
    let square = lambda * lambda;
    let term = |j: u32| {
        let j = f64::from(j * j);
        2.0 * (4.0 * j * square - 1.0) * (-2.0 * j * square).exp()
    };
    // At 0.4 the twentieth term is below 1e-50.
    (1..=20).rev().map(term).sum::<f64>().clamp(0.0, 1.0)
}

fn score(reference: &Sample, current: &Sample) -> Result<Score, Error> {
    let test = kuiper(reference, current)?;
    let rows = (reference.len() as u64, current.len() as u64);
    Ok(Score { p_value: Some(test.p_value), ..Score::distance(Method::Kuiper, test.statistic, rows, None) })
}

pub(crate) const SPEC: MethodSpec = MethodSpec {
    method: Method::Kuiper,
    id: "kuiper",
    title: "Kuiper",
    definition: "sum of the largest differences of the two empirical distribution functions in either direction",
    source: "Kuiper (1960); p-value by Stephens (1970)",
    range: "0 to 1",
    decides_on: DecidesOn::PValueBelow,
    default_threshold: Some(0.05),
    on_numbers: Some(score),
    on_counts: None,
};
