//! The Kullback-Leibler divergence.

use crate::categories::{PairedCounts, totals};
use crate::error::Error;
use crate::math::histogram::common_bins;
use crate::math::moments::compensated_sum;
use crate::method::{DecidesOn, Method, MethodSpec, Score};
use crate::sample::Sample;

/// Returns Σ p ln(p / q) of two lists of counts over the same bins: what it costs to take the current shares q for the reference p.
///
/// In nats, `0.0..`, not symmetric; infinite if a bin of the reference is empty in the current sample. O(bins).
/// Source: Kullback and Leibler (1951); equal to scipy's `entropy(reference, current)`.
///
/// ```
/// let divergence = lineal_drift::kullback_leibler_counts(&[1, 1], &[1, 3])?;
/// assert!((divergence - 0.5 * (4.0_f64 / 3.0).ln()).abs() < 1e-15);
/// assert_eq!(lineal_drift::kullback_leibler_counts(&[1, 1], &[1, 0])?, f64::INFINITY);
/// # Ok::<(), lineal_drift::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`] if the lengths differ, [`Error::Empty`] if a side sums to zero.
pub fn kullback_leibler_counts(reference: &[u64], current: &[u64]) -> Result<f64, Error> {
    let (n, m) = totals(SPEC.id, reference, current)?;
    let terms = reference.iter().zip(current).map(|(r, c)| {
        let (p, q) = (*r as f64 / n, *c as f64 / m);
        if p == 0.0 { 0.0 } else { p * (p / q).ln() }
    });
    // Rounding may leave less than nothing.
    Ok(compensated_sum(terms).max(0.0))
}

fn score(reference: &Sample, current: &Sample) -> Result<Score, Error> {
    let bins = common_bins(SPEC.id, reference, current)?;
    let rows = (reference.len() as u64, current.len() as u64);
    let value = kullback_leibler_counts(&bins.reference, &bins.current)?;
    Ok(Score::distance(Method::KullbackLeibler, value, rows, Some(bins.reference.len())))
}

fn score_counts(counts: &PairedCounts) -> Result<Score, Error> {
    let value = kullback_leibler_counts(counts.reference(), counts.current())?;
    Ok(Score::distance(Method::KullbackLeibler, value, counts.rows(), Some(counts.labels().len())))
}

pub(crate) const SPEC: MethodSpec = MethodSpec {
    method: Method::KullbackLeibler,
    id: "kullback_leibler",
    title: "Kullback-Leibler",
    definition: "mean logarithm of the ratio of the shares, reference to current; a report fails on it if a bin of the reference is empty",
    source: "Kullback and Leibler (1951); equal to scipy entropy",
    range: "0 and above",
    decides_on: DecidesOn::ValueAbove,
    default_threshold: Some(0.1),
    on_numbers: Some(score),
    on_counts: Some(score_counts),
};
