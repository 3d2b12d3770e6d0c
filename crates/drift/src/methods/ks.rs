//! The two-sample Kolmogorov-Smirnov test.

use rayon::prelude::*;

use crate::error::Error;
use crate::math::kolmogorov::{limit_survival, one_sample_survival};
use crate::math::ks_paths::{Boundary, exceedance};
use crate::math::steps::Steps;
use crate::method::{DecidesOn, Method, MethodSpec, Score};
use crate::sample::{Sample, require_values};

/// Compares the empirical distribution functions F of `reference` and G of `current` where they differ most.
///
/// D = max |F - G| lies in 0..=1; 0 for equal distributions of values, 1 for separated ones. Missing values are left out, infinities
/// take part (only the order counts), ties are handled as steps of both functions, and two constant samples give 0 or 1.
/// O(n + m) after sorting; the p-values are computed when asked for.
/// Source: Smirnov (1939); statistic, location and sign equal scipy's `ks_2samp`.
///
/// ```
/// use lineal_drift::{Sample, ks};
///
/// let test = ks(&Sample::new([1.0, 2.0, 3.0, 4.0, 5.0]), &Sample::new([6.0, 7.0, 8.0, 9.0, 10.0, 11.0]))?;
/// assert_eq!((test.statistic, test.location, test.sign), (1.0, 5.0, 1));
/// assert!((test.p_exact().unwrap() - 2.0 / 462.0).abs() < 1e-15);
/// # Ok::<(), lineal_drift::Error>(())
/// ```
///
/// # Errors
/// [`Error::Empty`] if a sample holds no value.
pub fn ks(reference: &Sample, current: &Sample) -> Result<KsTest, Error> {
    require_values(SPEC.id, reference, current)?;
    let (highest, lowest) = extremes(reference.values(), current.values());
    let (greater, less) = (highest.difference.max(0.0), (-lowest.difference).max(0.0));
    let (statistic, location, sign) =
        if less > greater { (less, lowest.location, -1) } else { (greater, highest.location, 1) };
    let one_sided = |statistic, boundary| KsOneSided {
        statistic,
        boundary,
        n_reference: reference.len(),
        n_current: current.len(),
    };
    Ok(KsTest {
        statistic,
        location,
        sign,
        less: one_sided(less, Boundary::Less),
        greater: one_sided(greater, Boundary::Greater),
        n_reference: reference.len(),
        n_current: current.len(),
    })
}

/// The outcome of a two-sample Kolmogorov-Smirnov test.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct KsTest {
    /// D = max |F - G|, in 0..=1.
    pub statistic: f64,
    /// The smallest value of the reference (else of the current sample) at which D is reached.
    pub location: f64,
    /// 1 if F is above G there (current values tend to be larger), otherwise -1.
    pub sign: i8,
    /// The alternative "F lies below G": current values tend to be smaller.
    pub less: KsOneSided,
    /// The alternative "F lies above G": current values tend to be larger.
    pub greater: KsOneSided,
    n_reference: usize,
    n_current: usize,
}

impl KsTest {
    /// Returns the exact p-value where it is offered, otherwise the asymptotic one, otherwise that of the limit law.
    #[must_use]
    pub fn p_value(&self) -> f64 {
        self.p_exact().or_else(|| self.p_asymp()).unwrap_or_else(|| self.p_limit())
    }

    /// Returns scipy's "asymp": the exact one-sample law at nm/(n+m) rounded to an integer, ties to even.
    ///
    /// `None` if that integer is 0 (one value on each side). At most O(nm/(n+m)).
    #[must_use]
    pub fn p_asymp(&self) -> Option<f64> {
        one_sample_survival(rounded(effective_size(self.n_reference, self.n_current)), self.statistic)
    }

    /// Returns the p-value of Kolmogorov's limit law at √(nm/(n+m)) D. O(1).
    #[must_use]
    pub fn p_limit(&self) -> f64 {
        limit_survival(effective_size(self.n_reference, self.n_current).sqrt() * self.statistic)
    }

    /// Returns the exact p-value, conservative under ties, for up to 2000 values on each side; `None` beyond. O(n m).
    #[must_use]
    pub fn p_exact(&self) -> Option<f64> {
        exact(self.n_reference, self.n_current, self.statistic, Boundary::Both)
    }
}

/// One of the two one-sided Kolmogorov-Smirnov tests.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct KsOneSided {
    /// Largest difference in the direction of the alternative, in 0..=1.
    pub statistic: f64,
    boundary: Boundary,
    n_reference: usize,
    n_current: usize,
}

impl KsOneSided {
    /// Returns the asymptotic p-value: Hodges' expansion exp(-2z² - 2z(m+2n)/√(mn(m+n))/3), m the larger size, z = √(nm/(n+m)) D.
    ///
    /// Source: Hodges, The Significance Probability of the Smirnov Two-Sample Test (1958), equation 5.3.
    #[must_use]
    pub fn p_asymp(&self) -> f64 {
        let (m, n) = (self.n_reference.max(self.n_current) as f64, self.n_reference.min(self.n_current) as f64);
        let z = effective_size(self.n_reference, self.n_current).sqrt() * self.statistic;
        (-2.0 * z * z - 2.0 * z * (m + 2.0 * n) / (m * n * (m + n)).sqrt() / 3.0).exp()
    }

    /// Returns the exact p-value for up to 2000 values on each side; `None` beyond. O(n m).
    ///
    /// Always the count of lattice paths. scipy counts in `f64`, and where its count overflows (unequal sizes with about a thousand
    /// values together) it answers with [`KsOneSided::p_asymp`] instead.
    #[must_use]
    pub fn p_exact(&self) -> Option<f64> {
        exact(self.n_reference, self.n_current, self.statistic, self.boundary)
    }
}

/// A difference F - G and where it is reached.
#[derive(Clone, Copy)]
struct Extreme {
    difference: f64,
    location: f64,
}

/// Returns the largest and the smallest F - G over all values.
///
/// Equal differences go to the first value in the order of scipy: reference ascending, then current ascending.
fn extremes(reference: &[f64], current: &[f64]) -> (Extreme, Extreme) {
    let none = Extreme { difference: 0.0, location: f64::NAN };
    let parts: Vec<_> = Steps::parts(reference, current).into_par_iter().map(extremes_of_steps).collect();
    let (mut high, mut low) = ([None, None], [None, None]);
    for (of_high, of_low) in parts {
        high.iter_mut().zip(of_high).for_each(|(best, here)| keep(best, here, |new, old| new > old));
        low.iter_mut().zip(of_low).for_each(|(best, here)| keep(best, here, |new, old| new < old));
    }
    let pick = |[first, second]: [Option<Extreme>; 2], beats: fn(f64, f64) -> bool| match (first, second) {
        (Some(a), Some(b)) => {
            if beats(b.difference, a.difference) {
                b
            } else {
                a
            }
        }
        (one, other) => one.or(other).unwrap_or(none),
    };
    (pick(high, |new, old| new > old), pick(low, |new, old| new < old))
}

/// The largest and the smallest differences at values of the reference, and at those of the current sample alone.
type Extremes = ([Option<Extreme>; 2], [Option<Extreme>; 2]);

fn extremes_of_steps(steps: Steps<'_>) -> Extremes {
    let (mut high, mut low) = ([None, None], [None, None]);
    for step in steps {
        let here = Some(Extreme { difference: step.f - step.g, location: step.value });
        let side = usize::from(!step.in_reference);
        if let (Some(high), Some(low)) = (high.get_mut(side), low.get_mut(side)) {
            keep(high, here, |new, old| new > old);
            keep(low, here, |new, old| new < old);
        }
    }
    (high, low)
}

/// Equal ones leave the first in its place.
fn keep(best: &mut Option<Extreme>, here: Option<Extreme>, beats: fn(f64, f64) -> bool) {
    if let Some(new) = here
        && best.is_none_or(|best| beats(new.difference, best.difference))
    {
        *best = here;
    }
}

fn effective_size(n: usize, m: usize) -> f64 {
    let (n, m) = (n as f64, m as f64);
    n * m / (n + m)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "half of a length at most")]
fn rounded(v: f64) -> u64 {
    v.round_ties_even() as u64
}

fn exact(n: usize, m: usize, d: f64, boundary: Boundary) -> Option<f64> {
    let (n, m) = (u32::try_from(n).ok()?, u32::try_from(m).ok()?);
    (n.max(m) <= EXACT_UP_TO).then(|| exceedance(n, m, d, boundary))
}

fn score(reference: &Sample, current: &Sample) -> Result<Score, Error> {
    let test = ks(reference, current)?;
    let rows = (reference.len() as u64, current.len() as u64);
    Ok(Score { p_value: Some(test.p_value()), ..Score::distance(Method::Ks, test.statistic, rows, None) })
}

pub(crate) const SPEC: MethodSpec = MethodSpec {
    method: Method::Ks,
    id: "ks",
    title: "Kolmogorov-Smirnov",
    definition: "largest vertical distance between the two empirical distribution functions; p-value exact up to 2000 values a side",
    source: "Smirnov (1939); p-values as scipy ks_2samp",
    range: "0 to 1",
    decides_on: DecidesOn::PValueBelow,
    default_threshold: Some(0.05),
    on_numbers: Some(score),
    on_counts: None,
};

const EXACT_UP_TO: u32 = 2000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn infinities_take_part() {
        let test = ks(&Sample::new([f64::NEG_INFINITY, 1.0]), &Sample::new([1.0, f64::INFINITY])).unwrap();
        assert_eq!((test.statistic, test.location, test.sign), (0.5, f64::NEG_INFINITY, 1));
    }

    #[test]
    fn one_value_each_has_no_asymptotic_p() {
        let test = ks(&Sample::new([1.0]), &Sample::new([2.0])).unwrap();
        assert_eq!((test.p_asymp(), test.p_exact(), test.p_value()), (None, Some(1.0), 1.0));
    }

    #[test]
    fn empty_is_refused() {
        assert!(matches!(ks(&Sample::default(), &Sample::new([1.0])), Err(Error::Empty { .. })));
    }
}
