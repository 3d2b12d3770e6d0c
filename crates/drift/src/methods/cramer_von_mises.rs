//! The two-sample Cramér-von Mises test.

use crate::error::Error;
use crate::math::cramer_von_mises_law::limit_survival;
use crate::math::moments::compensated_sum;
use crate::math::steps::Steps;
use crate::method::{DecidesOn, Method, MethodSpec, Score};
use crate::sample::{Sample, require_values};

/// Compares the empirical distribution functions by the mean of their squared difference over the pooled sample.
///
/// T = U / nm(n+m) - (4nm - 1) / 6(n+m), where U weighs the squared differences of the ranks in the pooled sample and in the own one;
/// ties get their mean rank. `0.0..`; only the order counts, so infinities take part. O(n + m) after sorting.
/// Source: Anderson (1962); equal to scipy's `cramervonmises_2samp`.
///
/// ```
/// use lineal_drift::{Sample, cramer_von_mises};
///
/// let test = cramer_von_mises(&Sample::new([1.0, 2.0, 3.0]), &Sample::new([4.0, 5.0, 6.0]))?;
/// assert!((test.p_exact().unwrap() - 0.1).abs() < 1e-15);
/// # Ok::<(), lineal_drift::Error>(())
/// ```
///
/// # Errors
/// [`Error::Empty`] if a sample holds no value.
pub fn cramer_von_mises(reference: &Sample, current: &Sample) -> Result<CramerVonMises, Error> {
    require_values(SPEC.id, reference, current)?;
    let (n, m) = (reference.len(), current.len());
    let (x, y) = (n as f64, m as f64);
    let weighted = compensated_sum(Steps::new(reference.values(), current.values()).flat_map(|step| {
        let rank = step.midrank();
        [x * squares(rank, step.smaller.0, step.equal.0), y * squares(rank, step.smaller.1, step.equal.1)]
    }));
    let statistic = weighted / (x * y * (x + y)) - (4.0 * x * y - 1.0) / (6.0 * (x + y));
    Ok(CramerVonMises { statistic, weighted, n, m })
}

/// Σ (rank - i)² for i = before + 1 ..= before + count, in closed form.
fn squares(rank: f64, before: usize, count: usize) -> f64 {
    let count = count as f64;
    let middle = rank - before as f64 - (count + 1.0) / 2.0;
    count * middle * middle + count * (count * count - 1.0) / 12.0
}

/// The outcome of a Cramér-von Mises test.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct CramerVonMises {
    /// T, `0.0..`; about 1/6 on average if nothing differs.
    pub statistic: f64,
    weighted: f64,
    n: usize,
    m: usize,
}

impl CramerVonMises {
    /// Returns the exact p-value up to 20 values a side, otherwise the asymptotic one.
    #[must_use]
    pub fn p_value(&self) -> f64 {
        let exact = if self.n.max(self.m) <= EXACT_BY_ITSELF { self.p_exact() } else { None };
        exact.unwrap_or_else(|| self.p_asymp())
    }

    /// Returns the p-value of the limit law, T moved to its mean and variance; all digits also in the far tail.
    #[must_use]
    pub fn p_asymp(&self) -> f64 {
        let (x, y) = (self.n as f64, self.m as f64);
        let both = x + y;
        let mean = (1.0 + 1.0 / both) / 6.0;
        let variance = (both + 1.0) * (4.0 * x * y * both - 3.0 * (x * x + y * y) - 2.0 * x * y)
            / (45.0 * both * both * 4.0 * x * y);
        limit_survival(1.0 / 6.0 + (self.statistic - mean) / (45.0 * variance).sqrt())
    }

    /// Returns the exact p-value if both samples have up to 40 values together; `None` beyond. Conservative under ties.
    ///
    /// Source: Xiao, Gordon and Yakovlev, A C++ Program for the Cramér-Von Mises Two-Sample Test (2006).
    #[must_use]
    pub fn p_exact(&self) -> Option<f64> {
        (self.n + self.m <= EXACT_UP_TO).then(|| exceedance(self.n, self.m, self.weighted))
    }
}

/// Counts the orders of n and m values whose statistic is at least the one seen.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 40 values: all numbers are small")]
fn exceedance(n: usize, m: usize, weighted: f64) -> f64 {
    // All differences of the distribution functions are multiples of 1 / lcm.
    let lcm = n / greatest_common_divisor(n, m) * m;
    let (a, b) = ((lcm / n) as i64, (lcm / m) as i64);
    let (product, both) = ((n * m) as f64, (n + m) as f64);
    let zeta =
        (lcm as f64).powi(2) * both * (6.0 * weighted - product * (4.0 * product - 1.0)) / (6.0 * product * product);
    let zeta = zeta.floor().max(0.0) as u64;
    // The paths to (u, v), for the v of one u.
    let mut column: Vec<Frequencies> = vec![Vec::new(); n + 1];
    column.iter_mut().take(1).for_each(|first| *first = vec![(0, 1.0)]);
    for u in 0..=m as i64 {
        let mut below = Vec::new();
        for (v, here) in (0_i64..).zip(column.iter_mut()) {
            below = merge(&below, here);
            let more = (a * v - b * u).unsigned_abs().pow(2);
            below.iter_mut().for_each(|(sum, _)| *sum += more);
            here.clone_from(&below);
        }
    }
    let last = column.pop().unwrap_or_default();
    let all: f64 = last.iter().map(|(_, count)| count).sum();
    last.iter().filter(|(sum, _)| *sum >= zeta).map(|(_, count)| count).sum::<f64>() / all
}

/// How many paths have each sum of squared differences, ascending.
type Frequencies = Vec<(u64, f64)>;

fn merge(one: &Frequencies, other: &Frequencies) -> Frequencies {
    let mut merged = Vec::with_capacity(one.len() + other.len());
    let (mut one, mut other) = (one.iter().copied().peekable(), other.iter().copied().peekable());
    loop {
        match (one.peek(), other.peek()) {
            (Some((a, _)), Some((b, _))) if a == b => {
                let (sum, count) = (*a, one.next().map_or(0.0, |(_, n)| n) + other.next().map_or(0.0, |(_, n)| n));
                merged.push((sum, count));
            }
            (Some((a, _)), Some((b, _))) if a < b => merged.extend(one.next()),
            (_, Some(_)) => merged.extend(other.next()),
            (Some(_), None) => merged.extend(one.next()),
            (None, None) => return merged,
        }
    }
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

fn score(reference: &Sample, current: &Sample) -> Result<Score, Error> {
    let test = cramer_von_mises(reference, current)?;
    let rows = (reference.len() as u64, current.len() as u64);
    let (n, m) = (reference.len() as f64, current.len() as f64);
    // The mean squared difference does not grow with the rows.
    let effect = (test.statistic * (n + m) / (n * m)).max(0.0).sqrt();
    let score = Score::distance(Method::CramerVonMises, test.statistic, rows, None);
    Ok(Score { p_value: Some(test.p_value()), effect: Some(effect), ..score })
}

pub(crate) const SPEC: MethodSpec = MethodSpec {
    method: Method::CramerVonMises,
    id: "cramer_von_mises",
    title: "Cramér-von Mises",
    definition: "squared difference of the two empirical distribution functions over the pooled sample; the effect size is its root mean",
    source: "Anderson (1962); equal to scipy cramervonmises_2samp, p-value exact up to 20 values a side",
    range: "0 and above",
    decides_on: DecidesOn::PValueBelow,
    default_threshold: Some(0.05),
    on_numbers: Some(score),
    on_counts: None,
};

const EXACT_UP_TO: usize = 40;
const EXACT_BY_ITSELF: usize = 20;
