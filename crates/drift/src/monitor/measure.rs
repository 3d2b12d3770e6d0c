//! The scores of a window: measures of counts over the same cells.

use crate::error::Error;
use crate::method::Method;
use crate::methods::{jensen_shannon::jensen_shannon_counts, l_infinity::l_infinity_counts, psi::psi_counts};
use crate::settings::ColumnKind;

/// The methods that a monitor knows, because counts are all it has.
pub(crate) const METHODS: [Method; 4] = [Method::JensenShannon, Method::Psi, Method::LInfinity, Method::Ks];

/// Refuses a method that a monitor does not know, and KS where there is no order.
pub(crate) fn require(method: Method, kind: ColumnKind) -> Result<(), Error> {
    match (METHODS.contains(&method), method, kind) {
        (true, Method::Ks, ColumnKind::Categorical) => Err(Error::NotApplicable { method, kind: "categorical" }),
        (true, ..) => Ok(()),
        (false, ..) => Err(Error::NotApplicable { method, kind: "monitored" }),
    }
}

/// Returns the score of `window` against `reference`, counts over the same cells.
///
/// KS is the largest difference of the distribution functions at the edges: no more than between the samples themselves.
///
/// # Errors
/// [`Error::Empty`] without a value on a side.
pub(crate) fn score(method: Method, reference: &[u64], window: &[u64]) -> Result<f64, Error> {
    match method {
        Method::Psi => psi_counts(reference, window),
        Method::LInfinity => l_infinity_counts(reference, window),
        Method::Ks => ks_counts(reference, window),
        _ => jensen_shannon_counts(reference, window).map(|js| js.distance_2()),
    }
}

/// Returns a score on the scale on which its tail is about exponential: distances squared.
pub(crate) fn to_tail_scale(method: Method, score: f64) -> f64 {
    if method == Method::Psi { score } else { score * score }
}

/// Undoes [`to_tail_scale`].
pub(crate) fn from_tail_scale(method: Method, value: f64) -> f64 {
    if method == Method::Psi { value } else { value.sqrt() }
}

fn ks_counts(reference: &[u64], window: &[u64]) -> Result<f64, Error> {
    let (n, m) = crate::categories::totals("ks", reference, window)?;
    let (mut below, mut furthest) = ((0_u128, 0_u128), 0.0_f64);
    for (r, w) in reference.iter().zip(window) {
        below = (below.0 + u128::from(*r), below.1 + u128::from(*w));
        furthest = furthest.max((below.0 as f64 / n - below.1 as f64 / m).abs());
    }
    Ok(furthest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::methods::ks::ks;
    use crate::sample::Sample;

    #[test]
    fn ks_of_values_that_are_their_own_cells_is_ks() {
        let (reference, window) = ([4, 0, 3, 7], [1, 5, 2, 2]);
        let sample = |counts: &[u64]| -> Sample {
            counts.iter().zip(0..).flat_map(|(count, value)| (0..*count).map(move |_| f64::from(value))).collect()
        };
        let expected = ks(&sample(&reference), &sample(&window)).unwrap().statistic;
        assert!((score(Method::Ks, &reference, &window).unwrap() - expected).abs() < 1e-15);
    }

    #[test]
    fn only_methods_on_counts_are_known() {
        assert!(require(Method::Ks, ColumnKind::Numeric).is_ok());
        assert!(require(Method::Ks, ColumnKind::Categorical).is_err());
        assert!(require(Method::Wasserstein, ColumnKind::Numeric).is_err());
    }
}
