//! The chi-square test of homogeneity on category counts.

use crate::categories::{PairedCounts, totals};
use crate::error::Error;
use crate::math::gamma::chi_square_survival;
use crate::math::moments::compensated_sum;
use crate::method::{DecidesOn, Method, MethodSpec, Score};

/// Tests whether two lists of counts over the same labels come from one distribution.
///
/// Pearson's statistic of the 2 × k table without Yates' correction; labels absent on both sides are dropped, so that the degrees of
/// freedom are those of the labels that occur. One label gives statistic 0, df 0, p 1. The p-value is asymptotic: with expected counts
/// below about five it is rough. O(k). Source: Pearson (1900); equal to scipy's `chi2_contingency(correction=False)`.
///
/// ```
/// let test = lineal_drift::chi_square(&[12, 8, 0], &[5, 15, 0])?;
/// assert_eq!(test.df, 1);
/// assert!((test.p_value - 0.0251).abs() < 1e-4);
/// # Ok::<(), lineal_drift::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`] if the lengths differ, [`Error::Empty`] if a side sums to zero.
pub fn chi_square(reference: &[u64], current: &[u64]) -> Result<ChiSquare, Error> {
    let (n, m) = totals(SPEC.id, reference, current)?;
    let present = || reference.iter().zip(current).filter(|(r, c)| **r > 0 || **c > 0);
    let labels = present().count();
    let df = labels.saturating_sub(1) as u64;
    let deviations = present().map(|(r, c)| {
        let (r, c) = (*r as f64, *c as f64);
        // Both cells of a column deviate from their expectation by the same amount.
        let deviation = r * (m / (n + m)) - c * (n / (n + m));
        deviation * deviation * ((n + m) / n + (n + m) / m) / (r + c)
    });
    // A single label leaves nothing to compare; the sum would be rounding noise.
    let statistic = if df == 0 { 0.0 } else { compensated_sum(deviations) };
    Ok(ChiSquare {
        statistic,
        df,
        p_value: chi_square_survival(statistic, df as f64),
        cramers_v: (df > 0).then(|| (statistic / (n + m)).sqrt().min(1.0)),
        labels,
    })
}

/// Tests whether current counts come from the shares of the reference, which are taken as known.
///
/// Pearson's statistic of the current counts against the reference scaled to their total: with a reference that is a sample itself the
/// p-value is too small, as the reference has chance in it too; [`chi_square`] counts that in. A new label makes the statistic infinite
/// and the p-value 0. `cramers_v` is √(statistic / current rows), at most 1. Source: Pearson (1900); equal to scipy's `chisquare`, and what
/// Evidently calls chi-square. O(k).
///
/// ```
/// let test = lineal_drift::chi_square_fit(&[50, 50], &[60, 40])?;
/// assert!((test.statistic - 4.0).abs() < 1e-12);
/// # Ok::<(), lineal_drift::Error>(())
/// ```
///
/// # Errors
/// As [`chi_square`].
pub fn chi_square_fit(reference: &[u64], current: &[u64]) -> Result<ChiSquare, Error> {
    let (n, m) = totals(SPEC.id, reference, current)?;
    let present = || reference.iter().zip(current).filter(|(r, c)| **r > 0 || **c > 0);
    let labels = present().count();
    let df = labels.saturating_sub(1) as u64;
    let deviations = present().map(|(r, c)| {
        let expected = *r as f64 * (m / n);
        (*c as f64 - expected).powi(2) / expected
    });
    let statistic = if df == 0 { 0.0 } else { compensated_sum(deviations) };
    Ok(ChiSquare {
        statistic,
        df,
        p_value: chi_square_survival(statistic, df as f64),
        cramers_v: (df > 0).then(|| (statistic / m).sqrt().min(1.0)),
        labels,
    })
}

/// The outcome of a chi-square test.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct ChiSquare {
    /// Pearson's statistic, `0.0..`.
    pub statistic: f64,
    /// Degrees of freedom: labels that occur, less one.
    pub df: u64,
    /// Probability of a statistic at least as large if both sides come from one distribution.
    pub p_value: f64,
    /// Effect size √(statistic / rows), 0 to 1 (Cramér, 1946); `None` with a single label.
    pub cramers_v: Option<f64>,
    /// Labels that occur on either side.
    pub labels: usize,
}

fn score_counts(counts: &PairedCounts) -> Result<Score, Error> {
    let test = chi_square(counts.reference(), counts.current())?;
    Ok(Score {
        p_value: Some(test.p_value),
        effect: test.cramers_v,
        ..Score::distance(Method::ChiSquare, test.statistic, counts.rows(), Some(test.labels))
    })
}

pub(crate) const SPEC: MethodSpec = MethodSpec {
    method: Method::ChiSquare,
    id: "chi_square",
    title: "chi-square",
    definition: "Pearson's statistic of the table of labels by side, without correction; the effect size is Cramér's V",
    source: "Pearson (1900); equal to scipy chi2_contingency(correction=False)",
    range: "0 and above",
    decides_on: DecidesOn::PValueBelow,
    default_threshold: Some(0.05),
    on_numbers: None,
    on_counts: Some(score_counts),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_label_is_no_drift() {
        let test = chi_square(&[100, 0], &[80, 0]).unwrap();
        assert_eq!((test.statistic, test.df, test.p_value, test.cramers_v), (0.0, 0, 1.0, None));
    }

    #[test]
    fn separated_labels_have_the_largest_effect() {
        let test = chi_square(&[30, 20, 0, 0], &[0, 0, 25, 25]).unwrap();
        assert!((test.statistic - 100.0).abs() < 1e-10);
        assert!((test.cramers_v.unwrap() - 1.0).abs() < 1e-12);
    }
}
