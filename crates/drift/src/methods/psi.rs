//! The population stability index.

use crate::categories::{PairedCounts, totals};
use crate::error::{Error, Side};
use crate::math::moments::compensated_sum;
use crate::math::quantile::quantile_sorted;
use crate::method::{DecidesOn, Method, MethodSpec, Score};
use crate::sample::{Sample, require_finite};

/// Returns the population stability index of counts over the same bins: Σ (q - p) ln(q / p).
///
/// In nats, `0.0..`, symmetric. Shares below 1e-4 are raised to 1e-4, so a bin that is empty on one side gives a finite value, and one
/// that is empty on both gives nothing; shares are not scaled to 1 again. O(bins).
/// Source: Siddiqi, Credit Risk Scorecards (2006). The usual marks 0.1 and 0.25 are custom, not theory.
///
/// ```
/// let psi = lineal_drift::psi_counts(&[50, 50], &[40, 60])?;
/// assert!((psi - 0.1 * (0.6_f64 / 0.4).ln()).abs() < 1e-15);
/// # Ok::<(), lineal_drift::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`] if the lengths differ, [`Error::Empty`] if a side sums to zero.
pub fn psi_counts(reference: &[u64], current: &[u64]) -> Result<f64, Error> {
    let (n, m) = totals(SPEC.id, reference, current)?;
    Ok(compensated_sum(reference.iter().zip(current).map(|(r, c)| index_of(*r as f64 / n, *c as f64 / m))))
}

/// Returns what one bin with the shares `p` and `q` adds to the index: jointly convex above the floor, 0 where they are equal.
pub(crate) fn index_of(p: f64, q: f64) -> f64 {
    let (p, q) = (p.max(SHARE_FLOOR), q.max(SHARE_FLOOR));
    (q - p) * (q / p).ln()
}

/// Returns the population stability index over the deciles of the reference.
///
/// Bins are (edge, next edge] with [`decile_edges`] and open ends; then as [`psi_counts`]. A constant reference has one bin and gives 0
/// whatever the current sample holds: look at another distance there. O(n + m) after sorting.
///
/// ```
/// use lineal_drift::{Sample, psi_quantile10};
///
/// let reference: Sample = (0..100).map(f64::from).collect();
/// let psi = psi_quantile10(&reference, &(50..150).map(f64::from).collect())?;
/// assert!(psi.value > 0.25);
/// assert_eq!(psi.inner_edges.len(), 9);
/// # Ok::<(), lineal_drift::Error>(())
/// ```
///
/// # Errors
/// [`Error::Empty`] and [`Error::Infinite`].
pub fn psi_quantile10(reference: &Sample, current: &Sample) -> Result<Psi, Error> {
    require_finite(SPEC.id, reference, current)?;
    let inner_edges = decile_edges(reference)?;
    let value = psi_counts(&counts(reference.values(), &inner_edges), &counts(current.values(), &inner_edges))?;
    Ok(Psi { value, inner_edges })
}

/// Returns the distinct deciles of the reference without the first and the last, ascending: at most nine edges, none if it is constant.
///
/// ```
/// let edges = lineal_drift::decile_edges(&lineal_drift::Sample::new([1.0, 2.0, 3.0]))?;
/// assert_eq!(edges.first(), Some(&1.2));
/// # Ok::<(), lineal_drift::Error>(())
/// ```
///
/// # Errors
/// [`Error::Empty`] and [`Error::Infinite`].
pub fn decile_edges(reference: &Sample) -> Result<Vec<f64>, Error> {
    if reference.is_empty() {
        return Err(Error::Empty { what: SPEC.id, side: Side::Reference });
    }
    require_finite(SPEC.id, reference, reference)?;
    // numpy's linspace: multiples of 0.1, the last one exactly 1.
    let deciles = (0..=10_u32).map(|i| if i == 10 { 1.0 } else { f64::from(i) * 0.1 });
    let mut edges: Vec<f64> = deciles.map(|q| quantile_sorted(reference.values(), q)).collect();
    edges.dedup();
    edges.pop();
    Ok(edges.into_iter().skip(1).collect())
}

/// A population stability index and the edges it was computed over.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Psi {
    /// The index in nats, `0.0..`.
    pub value: f64,
    /// Edges between the bins; one bin more than edges.
    pub inner_edges: Vec<f64>,
}

/// Counts sorted values in (-∞, e0], (e0, e1], …, (e_last, ∞).
fn counts(sorted: &[f64], inner_edges: &[f64]) -> Vec<u64> {
    let mut counts = Vec::with_capacity(inner_edges.len() + 1);
    let mut before = 0;
    for edge in inner_edges {
        let rank = sorted.partition_point(|v| v <= edge);
        counts.push((rank - before) as u64);
        before = rank;
    }
    counts.push((sorted.len() - before) as u64);
    counts
}

fn score(reference: &Sample, current: &Sample) -> Result<Score, Error> {
    let psi = psi_quantile10(reference, current)?;
    let rows = (reference.len() as u64, current.len() as u64);
    Ok(Score::distance(Method::Psi, psi.value, rows, Some(psi.inner_edges.len() + 1)))
}

fn score_counts(counts: &PairedCounts) -> Result<Score, Error> {
    let value = psi_counts(counts.reference(), counts.current())?;
    Ok(Score::distance(Method::Psi, value, counts.rows(), Some(counts.labels().len())))
}

pub(crate) const SPEC: MethodSpec = MethodSpec {
    method: Method::Psi,
    id: "psi",
    title: "population stability index",
    definition: "sum of (q - p) ln(q / p) over labels or over the deciles of the reference, shares at least 1e-4",
    source: "Siddiqi, Credit Risk Scorecards (2006)",
    range: "0 and above, in nats",
    decides_on: DecidesOn::ValueAbove,
    default_threshold: Some(0.1),
    on_numbers: Some(score),
    on_counts: Some(score_counts),
};

const SHARE_FLOOR: f64 = 1e-4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_merge_deciles() {
        let edges = decile_edges(&Sample::new([1.0, 1.0, 1.0, 1.0, 2.0])).unwrap();
        assert!(edges.len() < 9 && edges.windows(2).all(|w| w[0] < w[1]));
        assert!(decile_edges(&Sample::new([4.0; 7])).unwrap().is_empty());
    }

    #[test]
    fn edges_belong_to_the_lower_bin() {
        assert_eq!(counts(&[1.0, 2.0, 2.0, 3.0], &[2.0, 2.5]), [3, 0, 1]);
    }

    #[test]
    fn empty_and_infinite_are_refused() {
        assert!(matches!(
            psi_quantile10(&Sample::new([1.0]), &Sample::default()),
            Err(Error::Empty { side: Side::Current, .. })
        ));
        assert!(matches!(decile_edges(&Sample::new([f64::INFINITY])), Err(Error::Infinite { .. })));
    }
}
