//! Many p-values at once: which of them still mean something.

use serde::{Deserialize, Serialize};

/// A rule that adjusts p-values for their number.
///
/// A report over 100 columns finds five drifted ones at 0.05 if nothing drifts. The adjusted p-values answer for all of them: those of
/// Bonferroni, Šidák, Holm, Hommel and Hochberg bound the probability of any false finding, those of Benjamini and Hochberg, and of
/// Benjamini and Yekutieli the expected share of false ones among the findings.
///
/// ```
/// use lineal_drift::Correction;
///
/// let p = [0.01, 0.02, 0.03, 0.8];
/// assert_eq!(Correction::Bonferroni.adjust(&p), [0.04, 0.08, 0.12, 1.0]);
/// assert_eq!(Correction::BenjaminiHochberg.reject(&p, 0.05), [true, true, true, false]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Correction {
    /// Leaves them as they are.
    None,
    /// n p. Holds whatever depends on what (Dunn, 1961).
    Bonferroni,
    /// 1 - (1 - p)^n, for independent tests (Šidák, 1967).
    Sidak,
    /// Bonferroni, stepping down from the smallest: never worse than it (Holm, 1979).
    Holm,
    /// Šidák, stepping down from the smallest.
    HolmSidak,
    /// The closure of Simes' test: the most powerful of these for independent and for positively dependent tests (Hommel, 1988).
    Hommel,
    /// Steps up from the largest; as Hommel's, simpler and a little weaker (Hochberg, 1988).
    Hochberg,
    /// The share of false findings, for independent and for positively dependent tests (Benjamini and Hochberg, 1995).
    #[default]
    BenjaminiHochberg,
    /// The same whatever depends on what (Benjamini and Yekutieli, 2001).
    BenjaminiYekutieli,
}

impl Correction {
    /// Returns the adjusted p-values, 0 to 1, in the order given; equal to statsmodels' `multipletests`.
    ///
    /// NaN stays NaN and is not counted. O(n log n); Hommel's O(n²).
    #[must_use]
    pub fn adjust(self, p_values: &[f64]) -> Vec<f64> {
        let mut order: Vec<usize> = (0..p_values.len()).collect();
        let value = |at: &usize| p_values.get(*at).copied().unwrap_or(f64::NAN);
        order.retain(|at| !value(at).is_nan());
        order.sort_by(|one, other| value(one).total_cmp(&value(other)));
        let sorted: Vec<f64> = order.iter().map(value).collect();
        let mut adjusted = vec![f64::NAN; p_values.len()];
        for (at, p) in order.into_iter().zip(self.adjust_sorted(&sorted)) {
            adjusted.iter_mut().skip(at).take(1).for_each(|slot| *slot = p.min(1.0));
        }
        adjusted
    }

    /// Returns which of them are findings at level `alpha`: adjusted, they do not exceed it. NaN is none.
    #[must_use]
    pub fn reject(self, p_values: &[f64], alpha: f64) -> Vec<bool> {
        self.adjust(p_values).into_iter().map(|p| p <= alpha).collect()
    }

    /// Adjusts ascending p-values.
    fn adjust_sorted(self, sorted: &[f64]) -> Vec<f64> {
        let n = sorted.len();
        let each = |of: &dyn Fn(usize, f64) -> f64| -> Vec<f64> {
            sorted.iter().enumerate().map(|(at, p)| of(at, *p)).collect()
        };
        let among = |count: f64, p: f64| -(count * (-p).ln_1p()).exp_m1();
        match self {
            Self::None => sorted.to_vec(),
            Self::Bonferroni => each(&|_, p| p * n as f64),
            Self::Sidak => each(&|_, p| among(n as f64, p)),
            Self::Holm => step_down(each(&|at, p| p * (n - at) as f64)),
            Self::HolmSidak => step_down(each(&|at, p| among((n - at) as f64, p))),
            Self::Hochberg => step_up(each(&|at, p| p * (n - at) as f64)),
            Self::Hommel => hommel(sorted),
            Self::BenjaminiHochberg => step_up(each(&|at, p| p * n as f64 / (at + 1) as f64)),
            Self::BenjaminiYekutieli => {
                let harmonic: f64 = (1..=n).map(|i| 1.0 / i as f64).sum();
                step_up(each(&|at, p| p * harmonic * n as f64 / (at + 1) as f64))
            }
        }
    }
}

/// The largest value up to each place.
fn step_down(mut values: Vec<f64>) -> Vec<f64> {
    let mut most = 0.0_f64;
    for value in &mut values {
        most = most.max(*value);
        *value = most;
    }
    values
}

/// The smallest value from each place on.
fn step_up(mut values: Vec<f64>) -> Vec<f64> {
    let mut least = f64::INFINITY;
    for value in values.iter_mut().rev() {
        least = least.min(*value);
        *value = least;
    }
    values
}

/// Wright, Adjusted P-Values for Simultaneous Inference (1992), appendix.
fn hommel(sorted: &[f64]) -> Vec<f64> {
    let mut adjusted = sorted.to_vec();
    for m in (2..=sorted.len()).rev() {
        let (small, large) = sorted.split_at(sorted.len() - m);
        let ratios = large.iter().enumerate().map(|(at, p)| m as f64 * p / (at + 1) as f64);
        let simes = ratios.fold(f64::INFINITY, f64::min);
        let bounds = small.iter().map(|p| (m as f64 * p).min(simes)).chain(large.iter().map(|_| simes));
        adjusted.iter_mut().zip(bounds).for_each(|(value, bound)| *value = value.max(bound));
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Correction; 9] = [
        Correction::None,
        Correction::Bonferroni,
        Correction::Sidak,
        Correction::Holm,
        Correction::HolmSidak,
        Correction::Hommel,
        Correction::Hochberg,
        Correction::BenjaminiHochberg,
        Correction::BenjaminiYekutieli,
    ];

    #[test]
    fn one_value_stays_as_it_is_and_none_are_none() {
        for correction in ALL {
            assert_eq!(correction.adjust(&[]), [0.0; 0]);
            let [p] = correction.adjust(&[0.25])[..] else { panic!("one") };
            assert!((p - 0.25).abs() < 1e-15, "{correction:?}");
            let with_nan = correction.adjust(&[f64::NAN, 0.25]);
            assert!(with_nan[0].is_nan() && with_nan[1] == p);
        }
    }

    #[test]
    fn no_rule_makes_a_value_smaller_or_changes_their_order() {
        let p = [0.3, 1e-9, 0.04, 0.04, 0.9, 0.0, 1.0, 0.011];
        for correction in ALL {
            let adjusted = correction.adjust(&p);
            for (one, before) in adjusted.iter().zip(p) {
                assert!(*one >= before - 1e-16, "{correction:?}");
                assert!(adjusted.iter().zip(p).all(|(other, there)| there < before || other >= one));
            }
        }
    }
}
