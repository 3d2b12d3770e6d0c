//! The Mann-Whitney U test.

use crate::error::Error;
use crate::math::moments::compensated_sum;
use crate::math::normal::normal_survival;
use crate::math::steps::Steps;
use crate::method::{DecidesOn, Method, MethodSpec, Score};
use crate::sample::{Sample, require_values};

/// Counts the pairs in which the reference value is the larger one, ties as half a pair.
///
/// U lies in 0..=nm, nm/2 on average if nothing differs. Sees shifts, not changes of spread. Only the order counts, so infinities
/// take part. O(n + m) after sorting. Source: Mann and Whitney (1947); equal to scipy's `mannwhitneyu(reference, current)`.
///
/// ```
/// use lineal_drift::{Alternative, Sample, mann_whitney};
///
/// let test = mann_whitney(&Sample::new([1.0, 2.0, 3.0]), &Sample::new([4.0, 5.0, 6.0]))?;
/// assert_eq!((test.statistic, test.superiority()), (0.0, 1.0));
/// assert!((test.p_exact(Alternative::Less).unwrap() - 0.05).abs() < 1e-15);
/// # Ok::<(), lineal_drift::Error>(())
/// ```
///
/// # Errors
/// [`Error::Empty`] if a sample holds no value.
pub fn mann_whitney(reference: &Sample, current: &Sample) -> Result<MannWhitney, Error> {
    require_values(SPEC.id, reference, current)?;
    let (n, m) = (reference.len(), current.len());
    let steps = || Steps::new(reference.values(), current.values());
    let ranks = compensated_sum(steps().map(|step| step.midrank() * step.equal.0 as f64));
    let tied = compensated_sum(steps().map(|step| {
        let ties = step.ties() as f64;
        ties * ties * ties - ties
    }));
    Ok(MannWhitney { statistic: ranks - n as f64 * (n as f64 + 1.0) / 2.0, tied, n, m })
}

/// What is held against "both samples come from one distribution"; always of the reference against the current sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Alternative {
    /// They differ.
    TwoSided,
    /// The reference is smaller.
    Less,
    /// The reference is greater.
    Greater,
}

/// The outcome of a Mann-Whitney test.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct MannWhitney {
    /// U of the reference, 0 to nm.
    pub statistic: f64,
    /// Σ (t³ - t) over groups of t equal values.
    tied: f64,
    n: usize,
    m: usize,
}

impl MannWhitney {
    /// Returns the probability that a current value is larger than one of the reference, ties as half: 0 to 1, 0.5 for no shift.
    #[must_use]
    pub fn superiority(&self) -> f64 {
        1.0 - self.statistic / (self.n as f64 * self.m as f64)
    }

    /// Returns the exact p-value where it is offered, otherwise the normal one with both corrections.
    #[must_use]
    pub fn p_value(&self, alternative: Alternative) -> f64 {
        self.p_exact(alternative).unwrap_or_else(|| self.p_asymp(alternative, true))
    }

    /// Returns the p-value of the normal law with the variance corrected for ties; `continuity` moves U half a step towards the mean.
    ///
    /// 1 if all values are equal.
    #[must_use]
    pub fn p_asymp(&self, alternative: Alternative, continuity: bool) -> f64 {
        let (n, m) = (self.n as f64, self.m as f64);
        let both = n + m;
        let variance = n * m / 12.0 * ((both + 1.0) - self.tied / (both * (both - 1.0)));
        let distance = self.at_alternative(alternative) - n * m / 2.0 - if continuity { 0.5 } else { 0.0 };
        if variance.is_nan() || variance <= 0.0 {
            return 1.0;
        }
        (factor(alternative) * normal_survival(distance / variance.sqrt())).clamp(0.0, 1.0)
    }

    /// Returns the exact p-value for samples without ties and up to 400 pairs, `None` otherwise.
    #[must_use]
    pub fn p_exact(&self, alternative: Alternative) -> Option<f64> {
        if self.n.saturating_mul(self.m) > EXACT_PAIRS { None } else { self.exact_without_ties(alternative) }
    }

    /// The same for any number of pairs: O(min(n, m) n m).
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "without ties U is a count of pairs")]
    pub(crate) fn exact_without_ties(&self, alternative: Alternative) -> Option<f64> {
        if self.tied > 0.0 {
            return None;
        }
        let (few, many) = (self.n.min(self.m), self.n.max(self.m));
        // The law is symmetric, and its lower end is exact.
        let upto = few * many - self.at_alternative(alternative) as usize;
        let beyond: f64 = orders(few, many, upto).iter().sum();
        let all: f64 = (1..=few).map(|i| (many + i) as f64 / i as f64).product();
        Some((factor(alternative) * beyond / all).min(1.0))
    }

    /// Returns the U that is large if the alternative holds.
    fn at_alternative(&self, alternative: Alternative) -> f64 {
        let other = self.n as f64 * self.m as f64 - self.statistic;
        match alternative {
            Alternative::Greater => self.statistic,
            Alternative::Less => other,
            Alternative::TwoSided => self.statistic.max(other),
        }
    }
}

fn factor(alternative: Alternative) -> f64 {
    if alternative == Alternative::TwoSided { 2.0 } else { 1.0 }
}

/// Returns how many orders of n and m values have each U up to `most`: coefficients of Gauss' binomial, Π (1 - q^(m+i)) / (1 - q^i).
fn orders(n: usize, m: usize, most: usize) -> Vec<f64> {
    let mut counts = vec![0.0; most + 1];
    counts.iter_mut().take(1).for_each(|count| *count = 1.0);
    for i in 1..=n {
        for u in (m + i..counts.len()).rev() {
            let before = counts.get(u - (m + i)).copied().unwrap_or_default();
            counts.iter_mut().skip(u).take(1).for_each(|count| *count -= before);
        }
        for u in i..counts.len() {
            let before = counts.get(u - i).copied().unwrap_or_default();
            counts.iter_mut().skip(u).take(1).for_each(|count| *count += before);
        }
    }
    counts
}

fn score(reference: &Sample, current: &Sample) -> Result<Score, Error> {
    let test = mann_whitney(reference, current)?;
    let rows = (reference.len() as u64, current.len() as u64);
    let p_value = Some(test.p_value(Alternative::TwoSided));
    let effect = Some((2.0 * test.superiority() - 1.0).abs());
    Ok(Score { p_value, effect, ..Score::distance(Method::MannWhitney, test.statistic, rows, None) })
}

pub(crate) const SPEC: MethodSpec = MethodSpec {
    method: Method::MannWhitney,
    id: "mann_whitney",
    title: "Mann-Whitney",
    definition: "pairs in which the reference value is the larger one; the effect size is the rank-biserial correlation",
    source: "Mann and Whitney (1947); equal to scipy mannwhitneyu, p-value two-sided, exact up to 400 pairs without ties",
    range: "0 to n m",
    decides_on: DecidesOn::PValueBelow,
    default_threshold: Some(0.05),
    on_numbers: Some(score),
    on_counts: None,
};

const EXACT_PAIRS: usize = 400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_of_small_samples() {
        assert_eq!(orders(2, 2, 4), [1.0, 1.0, 2.0, 1.0, 1.0]);
        assert_eq!(orders(3, 4, 12).iter().sum::<f64>(), 35.0);
    }

    #[test]
    fn equal_values_say_nothing() {
        let test = mann_whitney(&Sample::new([2.0; 4]), &Sample::new([2.0; 3])).unwrap();
        assert_eq!((test.statistic, test.p_value(Alternative::TwoSided), test.superiority()), (6.0, 1.0, 0.5));
    }
}
