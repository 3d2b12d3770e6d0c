//! The Jensen-Shannon distance of counts, and of numbers by a common binning.

use crate::categories::{PairedCounts, totals};
use crate::error::Error;
use crate::math::histogram::common_bins;
use crate::math::moments::compensated_sum;
use crate::method::{DecidesOn, Method, MethodSpec, Score};
use crate::sample::Sample;

/// Compares two lists of counts over the same bins.
///
/// The divergence is ½ KL(p‖m) + ½ KL(q‖m) with m = (p + q)/2; the distance is its square root, a metric. Nothing is smoothed: a bin
/// that is empty on one side is fine, one that is empty on both adds nothing. One bin gives 0. O(bins).
/// Source: Lin (1991); Endres and Schindelin (2003); equal to scipy's `jensenshannon`.
///
/// With k bins and n, m rows from one distribution the divergence is about (k - 1)/8 · (1/n + 1/m): many labels and few rows look like drift.
///
/// ```
/// let apart = lineal_drift::jensen_shannon_counts(&[5, 0], &[0, 7])?;
/// assert!((apart.distance_2() - 1.0).abs() < 1e-15);
/// assert_eq!(lineal_drift::jensen_shannon_counts(&[1, 2], &[10, 20])?.distance_2(), 0.0);
/// # Ok::<(), lineal_drift::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`] if the lengths differ, [`Error::Empty`] if a side sums to zero.
pub fn jensen_shannon_counts(reference: &[u64], current: &[u64]) -> Result<JensenShannon, Error> {
    let (n, m) = totals(SPEC.id, reference, current)?;
    let terms = reference.iter().zip(current).map(|(r, c)| divergence_of(*r as f64 / n, *c as f64 / m));
    Ok(JensenShannon { divergence_e: compensated_sum(terms).clamp(0.0, std::f64::consts::LN_2), bins: reference.len() })
}

/// Compares two numeric samples over common bins.
///
/// A reference with at most 20 distinct values gets one bin per distinct value; otherwise the pooled range is cut into ⌈log2(n + m) + 1⌉
/// bins of equal width (Sturges). The value depends on that choice: an outlier that stretches the range blurs the rest.
/// Equal to the distance of Evidently 0.7.
///
/// ```
/// use lineal_drift::{Sample, jensen_shannon};
///
/// let same = jensen_shannon(&Sample::new([1.0, 2.0]), &Sample::new([2.0, 1.0]))?;
/// assert_eq!(same.distance_e(), 0.0);
/// # Ok::<(), lineal_drift::Error>(())
/// ```
///
/// # Errors
/// [`Error::Empty`] and [`Error::Infinite`]; [`Error::Range`] if the width of the pooled range exceeds `f64`.
pub fn jensen_shannon(reference: &Sample, current: &Sample) -> Result<JensenShannon, Error> {
    let bins = common_bins(SPEC.id, reference, current)?;
    jensen_shannon_counts(&bins.reference, &bins.current)
}

/// A Jensen-Shannon divergence and the distances derived from it.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct JensenShannon {
    /// Divergence in nats, 0 to ln 2.
    pub divergence_e: f64,
    /// Bins compared, empty ones included.
    pub bins: usize,
}

impl JensenShannon {
    /// Returns the distance to base e, 0 to √ln 2 = 0.8326.
    #[must_use]
    pub fn distance_e(&self) -> f64 {
        self.divergence_e.sqrt()
    }

    /// Returns the distance to base 2, 0 to 1.
    #[must_use]
    pub fn distance_2(&self) -> f64 {
        (self.divergence_e / std::f64::consts::LN_2).sqrt()
    }
}

/// Returns what one bin with the shares `p` and `q` adds to the divergence in nats: jointly convex, 0 where they are equal.
pub(crate) fn divergence_of(p: f64, q: f64) -> f64 {
    let both = p + q;
    if both == 0.0 { 0.0 } else { both * mixing_entropy((p - q) / both) / 4.0 }
}

/// Returns (1+δ) ln(1+δ) + (1-δ) ln(1-δ) for δ in -1..=1.
///
/// For small δ by its series Σ δ^2k / k(2k-1), because the two terms cancel and a distance takes the root of what is left.
fn mixing_entropy(delta: f64) -> f64 {
    let square = delta * delta;
    if square < 0.0625 {
        return (1..=14_u32).rev().fold(0.0, |sum, k| (sum + 1.0 / f64::from(k * (2 * k - 1))) * square);
    }
    let term = |share: f64| {
        if share <= 0.0 { 0.0 } else { share * share.ln() }
    };
    term(1.0 + delta) + term(1.0 - delta)
}

fn score(reference: &Sample, current: &Sample) -> Result<Score, Error> {
    let js = jensen_shannon(reference, current)?;
    Ok(Score::distance(
        Method::JensenShannon,
        js.distance_2(),
        (reference.len() as u64, current.len() as u64),
        Some(js.bins),
    ))
}

fn score_counts(counts: &PairedCounts) -> Result<Score, Error> {
    let js = jensen_shannon_counts(counts.reference(), counts.current())?;
    Ok(Score::distance(Method::JensenShannon, js.distance_2(), counts.rows(), Some(js.bins)))
}

pub(crate) const SPEC: MethodSpec = MethodSpec {
    method: Method::JensenShannon,
    id: "jensen_shannon",
    title: "Jensen-Shannon",
    definition: "square root of the mean Kullback-Leibler divergence of both shares to their mixture, base 2; numbers over common bins \
                 (one per value up to 20 values, else Sturges over the pooled range)",
    source: "Lin (1991); Endres and Schindelin (2003); equal to scipy jensenshannon",
    range: "0 to 1",
    decides_on: DecidesOn::ValueAbove,
    default_threshold: Some(0.1),
    on_numbers: Some(score),
    on_counts: Some(score_counts),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiny_differences_keep_their_digits() {
        // For p = q(1 + ε): the divergence tends to ε²/8 · Σq = ε²/8 on two bins with equal shares.
        let n = 1_000_000_000_000_u64;
        let js = jensen_shannon_counts(&[n, n], &[n + 1000, n - 1000]).unwrap();
        let epsilon = 1e-9_f64;
        assert!((js.distance_e() / (epsilon * epsilon / 8.0).sqrt() - 1.0).abs() < 1e-6, "{}", js.distance_e());
    }

    #[test]
    fn series_meets_the_logarithms() {
        let (below, above) = (mixing_entropy(0.25 - 1e-12), mixing_entropy(0.25));
        assert!((above - below).abs() < 1e-11 && (above / below - 1.0).abs() < 1e-10);
        assert!((mixing_entropy(1.0) - 2.0 * std::f64::consts::LN_2).abs() < 1e-15);
    }
}
