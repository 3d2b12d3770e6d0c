//! Losses of probabilities.

use crate::error::Error;
use crate::math::moments::compensated_sum;

/// Returns the mean negative logarithm (base e) of the probability that was given to what happened.
///
/// `0.0..`, less is better; probabilities are kept 2^-52 away from 0 and 1, so the loss of a row is at most about 36. Rows whose
/// probability is NaN are left out. Equal to scikit-learn's `log_loss` of two classes.
///
/// ```
/// use lineal_drift::performance::log_loss;
/// assert!((log_loss(&[0.9, 0.2], &[true, false])? - 0.164252033486018).abs() < 1e-15);
/// # Ok::<(), lineal_drift::Error>(())
/// ```
///
/// # Errors
/// [`Error::Rows`] if the lengths differ, [`Error::Outside`] for a value that is not from 0 to 1, [`Error::TooFew`] without a row.
pub fn log_loss(probabilities: &[f64], positive: &[bool]) -> Result<f64, Error> {
    mean_loss("log_loss", probabilities, positive, |p, happened| surprise(if happened { p } else { 1.0 - p }))
}

/// Returns the mean squared distance of the probabilities from what happened (1 or 0).
///
/// 0 to 1, less is better. Rows whose probability is NaN are left out. Source: Brier (1950); equal to scikit-learn's
/// `brier_score_loss` of two classes.
///
/// ```
/// use lineal_drift::performance::brier;
/// assert!((brier(&[0.9, 0.2], &[true, false])? - 0.025).abs() < 1e-15);
/// # Ok::<(), lineal_drift::Error>(())
/// ```
///
/// # Errors
/// As [`log_loss`].
pub fn brier(probabilities: &[f64], positive: &[bool]) -> Result<f64, Error> {
    mean_loss("brier", probabilities, positive, |p, happened| (p - f64::from(u8::from(happened))).powi(2))
}

/// Returns -ln p with p kept away from 0 and 1.
pub(crate) fn surprise(p: f64) -> f64 {
    -p.clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln()
}

fn mean_loss(
    what: &'static str,
    probabilities: &[f64],
    positive: &[bool],
    loss: impl Fn(f64, bool) -> f64,
) -> Result<f64, Error> {
    if probabilities.len() != positive.len() {
        return Err(Error::Rows { what: "labels", expected: probabilities.len(), actual: positive.len() });
    }
    let rows = || probabilities.iter().zip(positive).filter(|(p, _)| !p.is_nan());
    if let Some((value, _)) = rows().find(|(p, _)| !(0.0..=1.0).contains(*p)) {
        return Err(Error::Outside { what: "probabilities", value: *value, rule: "from 0 to 1" });
    }
    let count = rows().count();
    if count == 0 {
        return Err(Error::TooFew { what, needs: "a row" });
    }
    Ok(compensated_sum(rows().map(|(p, happened)| loss(*p, *happened))) / count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certainty_that_is_wrong_costs_much_but_not_everything() {
        let loss = log_loss(&[0.0], &[true]).unwrap();
        assert!((loss - 36.043_653_389_117_15).abs() < 1e-12);
        assert!(log_loss(&[1.0], &[true]).unwrap() < 1e-15);
        assert!(matches!(brier(&[f64::NAN], &[true]), Err(Error::TooFew { .. })));
        assert!(matches!(brier(&[1.5], &[true]), Err(Error::Outside { .. })));
        assert!(matches!(log_loss(&[0.5], &[]), Err(Error::Rows { .. })));
    }
}
