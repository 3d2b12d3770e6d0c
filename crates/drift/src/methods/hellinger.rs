//! The Hellinger distance.

use crate::categories::{PairedCounts, totals};
use crate::error::Error;
use crate::math::histogram::common_bins;
use crate::math::moments::compensated_sum;
use crate::method::{DecidesOn, Method, MethodSpec, Score};
use crate::sample::Sample;

/// Returns √(½ Σ (√p - √q)²) of two lists of counts over the same bins: a metric, 0 to 1.
///
/// Nothing is smoothed: a bin that is empty on one side is fine. O(bins).
/// Source: Hellinger (1909); the same as √(1 - Σ √(p q)), without its cancellation.
///
/// ```
/// assert_eq!(lineal_drift::hellinger_counts(&[5, 0], &[0, 7])?, 1.0);
/// # Ok::<(), lineal_drift::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`] if the lengths differ, [`Error::Empty`] if a side sums to zero.
pub fn hellinger_counts(reference: &[u64], current: &[u64]) -> Result<f64, Error> {
    let (n, m) = totals(SPEC.id, reference, current)?;
    let squares = reference.iter().zip(current).map(|(r, c)| ((*r as f64 / n).sqrt() - (*c as f64 / m).sqrt()).powi(2));
    Ok((compensated_sum(squares) / 2.0).sqrt().min(1.0))
}

fn score(reference: &Sample, current: &Sample) -> Result<Score, Error> {
    let bins = common_bins(SPEC.id, reference, current)?;
    let rows = (reference.len() as u64, current.len() as u64);
    let value = hellinger_counts(&bins.reference, &bins.current)?;
    Ok(Score::distance(Method::Hellinger, value, rows, Some(bins.reference.len())))
}

fn score_counts(counts: &PairedCounts) -> Result<Score, Error> {
    let value = hellinger_counts(counts.reference(), counts.current())?;
    Ok(Score::distance(Method::Hellinger, value, counts.rows(), Some(counts.labels().len())))
}

pub(crate) const SPEC: MethodSpec = MethodSpec {
    method: Method::Hellinger,
    id: "hellinger",
    title: "Hellinger",
    definition: "root of half the sum of the squared differences of the roots of the shares; numbers over common bins",
    source: "Hellinger (1909)",
    range: "0 to 1",
    decides_on: DecidesOn::ValueAbove,
    default_threshold: Some(0.1),
    on_numbers: Some(score),
    on_counts: Some(score_counts),
};
