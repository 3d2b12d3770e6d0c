//! The Anderson-Darling test of two samples.

use crate::error::Error;
use crate::math::moments::compensated_sum;
use crate::math::steps::{Step, Steps};
use crate::method::{DecidesOn, Method, MethodSpec, Score};
use crate::sample::{Sample, require_values};

/// Compares the empirical distribution functions by their squared difference, weighted up towards both tails.
///
/// The statistic of Scholz and Stephens for two samples, less its mean and in units of its standard deviation: about 0 if nothing
/// differs. Only the order counts, so infinities take part. O(n + m) after sorting.
/// Source: Scholz and Stephens, K-Sample Anderson-Darling Tests (1987); equal to scipy's `anderson_ksamp`.
///
/// ```
/// use lineal_drift::{Sample, TieRule, anderson_darling};
///
/// let (one, two) = ((0..30).map(f64::from).collect(), (20..50).map(f64::from).collect());
/// let test = anderson_darling(&one, &two, TieRule::Midrank)?;
/// assert!(test.statistic > 15.0);
/// assert_eq!(test.p_clipped(), 0.001);
/// # Ok::<(), lineal_drift::Error>(())
/// ```
///
/// # Errors
/// [`Error::Empty`] if a sample holds no value, [`Error::TooFew`] with less than four values together or if all are equal.
pub fn anderson_darling(reference: &Sample, current: &Sample, ties: TieRule) -> Result<AndersonDarling, Error> {
    require_values(SPEC.id, reference, current)?;
    let (n, m) = (reference.len() as f64, current.len() as f64);
    let both = n + m;
    let distinct = Steps::new(reference.values(), current.values()).take(2).count();
    if both < 4.0 || distinct < 2 {
        return Err(Error::TooFew { what: SPEC.id, needs: "four values, two of them distinct" });
    }
    let steps = Steps::new(reference.values(), current.values());
    let raw = match ties {
        TieRule::Midrank => (both - 1.0) / both * compensated_sum(steps.map(|step| midrank_term(&step, n, m))),
        TieRule::Right => compensated_sum(steps.map(|step| right_term(&step, n, m))),
    };
    Ok(AndersonDarling { statistic: (raw - 1.0) / variance(n, m).sqrt() })
}

/// How equal values enter the statistic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TieRule {
    /// With their mean rank: for rounded and for discrete values.
    Midrank,
    /// With the rank behind them, as for continuous values.
    Right,
}

fn midrank_term(step: &Step, n: f64, m: f64) -> f64 {
    let (both, ties) = (n + m, step.ties() as f64);
    let rank = (step.smaller.0 + step.smaller.1) as f64 + ties / 2.0;
    let own = |smaller: usize, equal: usize| smaller as f64 + equal as f64 / 2.0;
    let weight = ties / both / (rank * (both - rank) - both * ties / 4.0);
    let square = |rank_there: f64, size: f64| (both * rank_there - rank * size).powi(2) / size;
    weight * (square(own(step.smaller.0, step.equal.0), n) + square(own(step.smaller.1, step.equal.1), m))
}

/// The last value has no weight.
fn right_term(step: &Step, n: f64, m: f64) -> f64 {
    let (both, ties) = (n + m, step.ties() as f64);
    let rank = (step.smaller.0 + step.smaller.1) as f64 + ties;
    if rank >= both {
        return 0.0;
    }
    let own = |smaller: usize, equal: usize| (smaller + equal) as f64;
    let square = |rank_there: f64, size: f64| (both * rank_there - rank * size).powi(2) / size;
    let squares = square(own(step.smaller.0, step.equal.0), n) + square(own(step.smaller.1, step.equal.1), m);
    ties / both / (rank * (both - rank)) * squares
}

/// The variance of the statistic of two samples: Scholz and Stephens, equation 4.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of values")]
fn variance(n: f64, m: f64) -> f64 {
    let (both, k) = (n + m, 2.0);
    let inverse_sizes = 1.0 / n + 1.0 / m;
    let (mut h, mut g) = (0.0, 0.0);
    // Σ 1/i for i < both, and Σ over i < j < both of 1 / ((both - i) j).
    for j in 2..both as u64 {
        h += 1.0 / (both - j as f64 + 1.0);
        g += h / j as f64;
    }
    h += 1.0;
    let a = (4.0 * g - 6.0) * (k - 1.0) + (10.0 - 6.0 * g) * inverse_sizes;
    let b =
        (2.0 * g - 4.0) * k * k + 8.0 * h * k + (2.0 * g - 14.0 * h - 4.0) * inverse_sizes - 8.0 * h + 4.0 * g - 6.0;
    let c =
        (6.0 * h + 2.0 * g - 2.0) * k * k + (4.0 * h - 4.0 * g + 6.0) * k + (2.0 * h - 6.0) * inverse_sizes + 4.0 * h;
    let d = (2.0 * h + 6.0) * k * k - 4.0 * h * k;
    (((a * both + b) * both + c) * both + d) / ((both - 1.0) * (both - 2.0) * (both - 3.0))
}

/// The outcome of an Anderson-Darling test.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct AndersonDarling {
    /// In standard deviations from its mean; large values speak of a difference.
    pub statistic: f64,
}

impl AndersonDarling {
    /// Critical values at 25, 10, 5, 2.5, 1, 0.5 and 0.1 %, for two samples of any size (Scholz and Stephens, table 1, extended by scipy).
    #[expect(clippy::approx_constant, reason = "a quantile that happens to lie near e")]
    pub const CRITICAL_VALUES: [f64; 7] = [0.325, 1.226, 1.961, 2.718, 3.752, 4.592, 6.546];

    /// Returns the p-value interpolated between the critical values, clipped to 0.001..=0.25 as scipy clips it.
    #[must_use]
    pub fn p_clipped(&self) -> f64 {
        let [least, .., greatest] = Self::CRITICAL_VALUES;
        if self.statistic < least {
            return 0.25;
        }
        if self.statistic > greatest {
            return 0.001;
        }
        let [c0, c1, c2] = log_of_level();
        (c0 + (c1 + c2 * self.statistic) * self.statistic).exp()
    }
}

/// The parabola of least squares through the logarithms of the levels at their critical values.
fn log_of_level() -> [f64; 3] {
    let levels = [0.25_f64, 0.1, 0.05, 0.025, 0.01, 0.005, 0.001].map(f64::ln);
    let points = || AndersonDarling::CRITICAL_VALUES.into_iter().zip(levels);
    let power = |k: i32| points().map(|(x, _)| x.powi(k)).sum::<f64>();
    let moment = |k: i32| points().map(|(x, y)| x.powi(k) * y).sum::<f64>();
    let [s0, s1, s2, s3, s4] = [0, 1, 2, 3, 4].map(power);
    let [t0, t1, t2] = [0, 1, 2].map(moment);
    // Cramer's rule on the normal equations.
    let determinant = |a: [f64; 3], b: [f64; 3], c: [f64; 3]| {
        a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0]) + a[2] * (b[0] * c[1] - b[1] * c[0])
    };
    let (x, y, z, t) = ([s0, s1, s2], [s1, s2, s3], [s2, s3, s4], [t0, t1, t2]);
    let all = determinant(x, y, z);
    [determinant(t, y, z) / all, determinant(x, t, z) / all, determinant(x, y, t) / all]
}

fn score(reference: &Sample, current: &Sample) -> Result<Score, Error> {
    let test = anderson_darling(reference, current, TieRule::Midrank)?;
    let rows = (reference.len() as u64, current.len() as u64);
    let score = Score::distance(Method::AndersonDarling, test.statistic, rows, None);
    Ok(Score { p_value: Some(test.p_clipped()), effect: None, ..score })
}

pub(crate) const SPEC: MethodSpec = MethodSpec {
    method: Method::AndersonDarling,
    id: "anderson_darling",
    title: "Anderson-Darling",
    definition: "squared difference of the two empirical distribution functions, weighted up towards the tails, in standard deviations from its mean",
    source: "Scholz and Stephens (1987), midranks; equal to scipy anderson_ksamp, p-value clipped to 0.001 and 0.25",
    range: "about -1.3 and above",
    decides_on: DecidesOn::PValueBelow,
    default_threshold: Some(0.05),
    on_numbers: Some(score),
    on_counts: None,
};
