//! Student's and Welch's tests of the means.

use crate::error::Error;
use crate::math::beta::{student_cdf, student_two_sided};
use crate::math::moments::{mean, squared_deviations};
use crate::method::{DecidesOn, Method, MethodSpec, Score};
use crate::sample::{Sample, require_finite};

/// Tests whether the means differ, for one common variance.
///
/// The statistic is (mean of the reference - mean of the current) / its standard error, infinite for two different constants. Sees shifts of
/// the mean only. O(n + m).
/// Source: Student (1908); equal to scipy's `ttest_ind(reference, current)`.
///
/// ```
/// use lineal_drift::{Sample, t_test};
///
/// let test = t_test(&Sample::new([1.0, 2.0, 3.0]), &Sample::new([3.0, 4.0, 5.0]))?;
/// assert_eq!(test.df, 4.0);
/// assert!((test.statistic + 6.0_f64.sqrt()).abs() < 1e-12);
/// # Ok::<(), lineal_drift::Error>(())
/// ```
///
/// # Errors
/// [`Error::Empty`] and [`Error::Infinite`]; [`Error::TooFew`] with less than three values together, or if all values are equal.
pub fn t_test(reference: &Sample, current: &Sample) -> Result<TTest, Error> {
    let (x, y) = (Moments::of(TEST.id, reference, current)?, Moments::of_current(current));
    let df = x.n + y.n - 2.0;
    let pooled = (x.squares + y.squares) / df;
    finish(TEST.id, &x, &y, pooled * (1.0 / x.n + 1.0 / y.n), df)
}

/// Tests whether the means differ, whatever the two variances.
///
/// As [`t_test`], with the standard error and the degrees of freedom of Welch. Source: Welch (1947); equal to scipy's
/// `ttest_ind(reference, current, equal_var=False)`.
///
/// ```
/// use lineal_drift::{Sample, welch};
///
/// let test = welch(&Sample::new([1.0, 2.0, 3.0]), &Sample::new([3.0, 4.0, 5.0]))?;
/// assert!((test.df - 4.0).abs() < 1e-12);
/// # Ok::<(), lineal_drift::Error>(())
/// ```
///
/// # Errors
/// [`Error::Empty`] and [`Error::Infinite`]; [`Error::TooFew`] if a sample has one value only, or if all values are equal.
pub fn welch(reference: &Sample, current: &Sample) -> Result<TTest, Error> {
    let (x, y) = (Moments::of(WELCH.id, reference, current)?, Moments::of_current(current));
    let (a, b) = (x.squares / (x.n - 1.0) / x.n, y.squares / (y.n - 1.0) / y.n);
    let df = (a + b).powi(2) / (a * a / (x.n - 1.0) + b * b / (y.n - 1.0));
    finish(WELCH.id, &x, &y, a + b, df)
}

/// The outcome of a test of the means.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct TTest {
    /// Positive if the mean of the reference is the larger one.
    pub statistic: f64,
    /// Degrees of freedom.
    pub df: f64,
    /// Probability of a statistic at least as far from 0 if the means are equal.
    pub p_value: f64,
    /// Probability of a statistic at most as large: small if the mean of the reference is the smaller one.
    pub p_less: f64,
    /// Difference of the means in pooled standard deviations, the current one less the reference (Cohen's d).
    pub cohens_d: f64,
}

struct Moments {
    n: f64,
    mean: f64,
    /// Sum of squared deviations from the mean.
    squares: f64,
}

impl Moments {
    fn of(what: &'static str, reference: &Sample, current: &Sample) -> Result<Self, Error> {
        require_finite(what, reference, current)?;
        Ok(Self::of_current(reference))
    }

    fn of_current(sample: &Sample) -> Self {
        let n = sample.len() as f64;
        Self { n, mean: mean(sample.values()), squares: squared_deviations(sample.values()) }
    }
}

fn finish(what: &'static str, x: &Moments, y: &Moments, error: f64, df: f64) -> Result<TTest, Error> {
    let difference = x.mean - y.mean;
    // Without any spread the degrees of freedom of Welch are undefined; scipy takes one.
    let df = if error == 0.0 && df.is_nan() { 1.0 } else { df };
    let statistic = difference / error.sqrt();
    if statistic.is_nan() || df.is_nan() || df <= 0.0 {
        return Err(Error::TooFew { what, needs: "values that are not all equal, and more than one" });
    }
    let pooled = ((x.squares + y.squares) / (x.n + y.n - 2.0)).sqrt();
    Ok(TTest {
        statistic,
        df,
        p_value: student_two_sided(statistic, df),
        p_less: student_cdf(statistic, df),
        cohens_d: -difference / pooled,
    })
}

fn score_pooled(reference: &Sample, current: &Sample) -> Result<Score, Error> {
    score(Method::TTest, reference, current, &t_test(reference, current)?)
}

fn score_welch(reference: &Sample, current: &Sample) -> Result<Score, Error> {
    score(Method::Welch, reference, current, &welch(reference, current)?)
}

fn score(method: Method, reference: &Sample, current: &Sample, test: &TTest) -> Result<Score, Error> {
    let rows = (reference.len() as u64, current.len() as u64);
    let score = Score::distance(method, test.statistic, rows, None);
    Ok(Score { p_value: Some(test.p_value), effect: Some(test.cohens_d.abs()), ..score })
}

pub(crate) const TEST: MethodSpec = MethodSpec {
    method: Method::TTest,
    id: "t_test",
    title: "t test",
    definition: "difference of the means, reference less current, in standard errors of one common variance; the effect size is Cohen's d",
    source: "Student (1908); equal to scipy ttest_ind",
    range: "any number",
    decides_on: DecidesOn::PValueBelow,
    default_threshold: Some(0.05),
    on_numbers: Some(score_pooled),
    on_counts: None,
};

pub(crate) const WELCH: MethodSpec = MethodSpec {
    method: Method::Welch,
    id: "welch",
    title: "Welch's t test",
    definition: "difference of the means, reference less current, in standard errors of two variances; the effect size is Cohen's d",
    source: "Welch (1947); equal to scipy ttest_ind(equal_var=False)",
    on_numbers: Some(score_welch),
    ..TEST
};
