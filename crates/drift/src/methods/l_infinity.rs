//! The largest difference of shares.

use crate::categories::{PairedCounts, totals};
use crate::error::Error;
use crate::method::{DecidesOn, Method, MethodSpec, Score};

/// Returns max |p - q| of two lists of counts over the same labels, 0 to 1.
///
/// Says how much the label moved that moved most, however many labels there are. O(labels).
/// Source: TensorFlow Data Validation and NannyML use it for categories.
///
/// ```
/// assert!((lineal_drift::l_infinity_counts(&[2, 2, 0], &[1, 1, 2])? - 0.5).abs() < 1e-15);
/// # Ok::<(), lineal_drift::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`] if the lengths differ, [`Error::Empty`] if a side sums to zero.
pub fn l_infinity_counts(reference: &[u64], current: &[u64]) -> Result<f64, Error> {
    let (n, m) = totals(SPEC.id, reference, current)?;
    let differences = reference.iter().zip(current).map(|(r, c)| (*r as f64 / n - *c as f64 / m).abs());
    Ok(differences.fold(0.0, f64::max))
}

fn score_counts(counts: &PairedCounts) -> Result<Score, Error> {
    let value = l_infinity_counts(counts.reference(), counts.current())?;
    Ok(Score::distance(Method::LInfinity, value, counts.rows(), Some(counts.labels().len())))
}

pub(crate) const SPEC: MethodSpec = MethodSpec {
    method: Method::LInfinity,
    id: "l_infinity",
    title: "L-infinity",
    definition: "largest absolute difference of the shares of a label",
    source: "as in TensorFlow Data Validation and NannyML",
    range: "0 to 1",
    decides_on: DecidesOn::ValueAbove,
    default_threshold: Some(0.1),
    on_numbers: None,
    on_counts: Some(score_counts),
};
