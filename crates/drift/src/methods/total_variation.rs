//! The total variation distance.

use crate::categories::{PairedCounts, totals};
use crate::error::Error;
use crate::math::histogram::common_bins;
use crate::math::moments::compensated_sum;
use crate::method::{DecidesOn, Method, MethodSpec, Score};
use crate::sample::Sample;

/// Returns ½ Σ |p - q| of two lists of counts over the same bins: the share of rows that would have to move, 0 to 1.
///
/// O(bins). Source: Levin, Peres and Wilmer, Markov Chains and Mixing Times, 4.1.
///
/// ```
/// assert!((lineal_drift::total_variation_counts(&[3, 1], &[1, 1])? - 0.25).abs() < 1e-15);
/// # Ok::<(), lineal_drift::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`] if the lengths differ, [`Error::Empty`] if a side sums to zero.
pub fn total_variation_counts(reference: &[u64], current: &[u64]) -> Result<f64, Error> {
    let (n, m) = totals(SPEC.id, reference, current)?;
    let differences = reference.iter().zip(current).map(|(r, c)| (*r as f64 / n - *c as f64 / m).abs());
    Ok((compensated_sum(differences) / 2.0).min(1.0))
}

fn score(reference: &Sample, current: &Sample) -> Result<Score, Error> {
    let bins = common_bins(SPEC.id, reference, current)?;
    let rows = (reference.len() as u64, current.len() as u64);
    let value = total_variation_counts(&bins.reference, &bins.current)?;
    Ok(Score::distance(Method::TotalVariation, value, rows, Some(bins.reference.len())))
}

fn score_counts(counts: &PairedCounts) -> Result<Score, Error> {
    let value = total_variation_counts(counts.reference(), counts.current())?;
    Ok(Score::distance(Method::TotalVariation, value, counts.rows(), Some(counts.labels().len())))
}

pub(crate) const SPEC: MethodSpec = MethodSpec {
    method: Method::TotalVariation,
    id: "total_variation",
    title: "total variation",
    definition: "half the sum of the absolute differences of the shares; numbers over common bins",
    source: "Levin, Peres and Wilmer (2009)",
    range: "0 to 1",
    decides_on: DecidesOn::ValueAbove,
    default_threshold: Some(0.1),
    on_numbers: Some(score),
    on_counts: Some(score_counts),
};
