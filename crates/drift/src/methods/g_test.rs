//! The likelihood ratio test on category counts.

use crate::categories::{PairedCounts, totals};
use crate::error::Error;
use crate::math::gamma::chi_square_survival;
use crate::math::moments::compensated_sum;
use crate::method::{DecidesOn, Method, MethodSpec, Score};

/// Tests whether two lists of counts over the same labels come from one distribution, by the ratio of their likelihoods.
///
/// G = 2 Σ observed ln(observed / expected) over the 2 × k table; labels absent on both sides are dropped. Asymptotically as
/// [`chi_square`](crate::chi_square()). O(k). Source: Wilks (1935); equal to scipy's
/// `chi2_contingency(correction=False, lambda_="log-likelihood")`.
///
/// ```
/// let test = lineal_drift::g_test(&[12, 8, 0], &[5, 15, 0])?;
/// assert_eq!(test.df, 1);
/// assert!((test.p_value - 0.0233).abs() < 1e-3);
/// # Ok::<(), lineal_drift::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`] if the lengths differ, [`Error::Empty`] if a side sums to zero.
pub fn g_test(reference: &[u64], current: &[u64]) -> Result<GTest, Error> {
    let (n, m) = totals(SPEC.id, reference, current)?;
    let present = || reference.iter().zip(current).filter(|(r, c)| **r > 0 || **c > 0);
    let df = present().count().saturating_sub(1) as u64;
    let term = |observed: f64, expected: f64| if observed == 0.0 { 0.0 } else { observed * (observed / expected).ln() };
    let terms = present().flat_map(|(r, c)| {
        let (r, c) = (*r as f64, *c as f64);
        [term(r, (r + c) * (n / (n + m))), term(c, (r + c) * (m / (n + m)))]
    });
    let statistic = if df == 0 { 0.0 } else { (2.0 * compensated_sum(terms)).max(0.0) };
    Ok(GTest { statistic, df, p_value: chi_square_survival(statistic, df as f64) })
}

/// Tests whether current counts come from the shares of the reference, which are taken as known: G against reference scaled to the
/// current total; equal to scipy's `power_divergence(lambda_="log-likelihood")`. A new label makes the statistic infinite.
///
/// ```
/// assert_eq!(lineal_drift::g_fit(&[5, 5], &[10, 10])?.p_value, 1.0);
/// # Ok::<(), lineal_drift::Error>(())
/// ```
///
/// # Errors
/// As [`g_test`].
pub fn g_fit(reference: &[u64], current: &[u64]) -> Result<GTest, Error> {
    let (n, m) = totals(SPEC.id, reference, current)?;
    let present = || reference.iter().zip(current).filter(|(r, c)| **r > 0 || **c > 0);
    let df = present().count().saturating_sub(1) as u64;
    let terms = present().filter(|(_, c)| **c > 0).map(|(r, c)| *c as f64 * (*c as f64 / (*r as f64 * (m / n))).ln());
    let statistic = if df == 0 { 0.0 } else { (2.0 * compensated_sum(terms)).max(0.0) };
    Ok(GTest { statistic, df, p_value: chi_square_survival(statistic, df as f64) })
}

/// The outcome of a likelihood ratio test.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct GTest {
    /// G, `0.0..`.
    pub statistic: f64,
    /// Degrees of freedom: labels that occur, less one.
    pub df: u64,
    /// Probability of a statistic at least as large if both sides come from one distribution.
    pub p_value: f64,
}

fn score_counts(counts: &PairedCounts) -> Result<Score, Error> {
    let test = g_test(counts.reference(), counts.current())?;
    let (n, m) = counts.rows();
    let effect = (test.df > 0).then(|| (test.statistic / (n as f64 + m as f64)).sqrt());
    let score = Score::distance(Method::GTest, test.statistic, counts.rows(), Some(counts.labels().len()));
    Ok(Score { p_value: Some(test.p_value), effect, ..score })
}

pub(crate) const SPEC: MethodSpec = MethodSpec {
    method: Method::GTest,
    id: "g_test",
    title: "G test",
    definition: "twice the logarithm of the likelihood ratio of the table of labels by side; the effect size is √(G / rows)",
    source: "Wilks (1935); equal to scipy chi2_contingency(lambda_=\"log-likelihood\")",
    range: "0 and above",
    decides_on: DecidesOn::PValueBelow,
    default_threshold: Some(0.05),
    on_numbers: None,
    on_counts: Some(score_counts),
};
