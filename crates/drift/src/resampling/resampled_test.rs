use serde::{Deserialize, Serialize};

use super::{draws::Draws, scheme::Scheme};
use crate::error::{Error, Side};
use crate::sample::Sample;

/// A statistic and how often drawing anew reaches it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ResampledTest {
    /// The statistic of the two samples as they are.
    pub statistic: f64,
    /// Probability of a statistic at least as large if nothing differs: above 0, at most 1.
    pub p_value: f64,
    /// How many samples were drawn.
    pub draws: u32,
}

impl ResampledTest {
    /// Counts the draws that reach the observed statistic, up to rounding errors of size `tolerance`.
    ///
    /// Draws that deal out the rows as they are must count as equal, though their sums may be taken in another order.
    pub(crate) fn count(statistic: f64, drawn: &[f64], tolerance: f64) -> Self {
        let reached = drawn.iter().filter(|value| **value >= statistic - tolerance).count();
        let draws = u32::try_from(drawn.len()).unwrap_or(u32::MAX);
        Self { statistic, p_value: (1.0 + reached as f64) / (1.0 + drawn.len() as f64), draws }
    }
}

/// Tests whether two samples differ by any statistic that grows with the difference; values are given in the order of their rows.
///
/// Both sides are joined, reference first, and two samples of the same sizes are drawn by the `scheme`, again and again: what the
/// statistic would be if the sides did not differ. NaN is missing and left out first. The statistic gets sorted samples, so the cost
/// is O(n + m) for each draw beside its own. Results do not depend on the number of threads.
/// Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapters 15 and 16; for blocks see [`Scheme`].
///
/// ```
/// use lineal_drift::ks;
/// use lineal_drift::resampling::{Draws, Scheme, resampled_test};
///
/// let reference: Vec<f64> = (0..100).map(|i| f64::from(i * 37 % 100)).collect();
/// let current: Vec<f64> = reference.iter().map(|v| v + 40.0).collect();
/// let test = resampled_test(&reference, &current, Scheme::Permutation, Draws::new(199, 7), |x, y| Ok(ks(x, y)?.statistic))?;
/// assert!((test.statistic - 0.4).abs() < 1e-12);
/// assert_eq!(test.p_value, 0.005);
/// # Ok::<(), lineal_drift::Error>(())
/// ```
///
/// # Errors
/// [`Error::Empty`] if a side has no value; [`Error::Setting`] for a number of draws or a length of blocks out of range;
/// [`Error::Range`] for a statistic that is not finite; the first error of the statistic itself.
pub fn resampled_test(
    reference: &[f64],
    current: &[f64],
    scheme: Scheme,
    draws: Draws,
    statistic: impl Fn(&Sample, &Sample) -> Result<f64, Error> + Sync,
) -> Result<ResampledTest, Error> {
    let pooled = Pooled::new(reference, current)?;
    draws.check()?;
    scheme.check(pooled.ranks.len())?;
    let evaluate = |rows: &[usize]| {
        let (x, y) = pooled.samples(rows);
        let value = statistic(&x, &y)?;
        if value.is_finite() { Ok(value) } else { Err(Error::Range { what: WHAT }) }
    };
    let as_they_are: Vec<usize> = (0..pooled.ranks.len()).collect();
    let observed = evaluate(&as_they_are)?;
    let drawn = draws.map("resampled test", |rng| {
        let mut rows = Vec::with_capacity(pooled.ranks.len());
        scheme.draw(rng, pooled.ranks.len(), [pooled.reference, pooled.ranks.len() - pooled.reference], &mut rows);
        evaluate(&rows)
    });
    let drawn = drawn.into_iter().collect::<Result<Vec<f64>, Error>>()?;
    Ok(ResampledTest::count(observed, &drawn, ROUNDING * observed.abs()))
}

/// Both sides in the order of their rows: the ranks of their values among all, so that a draw is sorted by counting.
struct Pooled {
    sorted: Vec<f64>,
    ranks: Vec<usize>,
    reference: usize,
}

impl Pooled {
    fn new(reference: &[f64], current: &[f64]) -> Result<Self, Error> {
        let present = |values: &[f64]| values.iter().copied().filter(|v| !v.is_nan()).collect::<Vec<f64>>();
        let (mut values, current) = (present(reference), present(current));
        let count = values.len();
        for (side, none) in [(Side::Reference, values.is_empty()), (Side::Current, current.is_empty())] {
            if none {
                return Err(Error::Empty { what: WHAT, side });
            }
        }
        values.extend(current);
        let mut order: Vec<usize> = (0..values.len()).collect();
        let value = |row: &usize| values.get(*row).copied().unwrap_or(f64::NAN);
        order.sort_by(|a, b| value(a).total_cmp(&value(b)));
        let sorted = order.iter().map(value).collect();
        let mut ranks = vec![0; values.len()];
        for (rank, row) in order.into_iter().enumerate() {
            if let Some(place) = ranks.get_mut(row) {
                *place = rank;
            }
        }
        Ok(Self { sorted, ranks, reference: count })
    }

    /// Returns the sample of the first rows drawn and that of the rest.
    fn samples(&self, rows: &[usize]) -> (Sample, Sample) {
        let (x, y) = rows.split_at(self.reference.min(rows.len()));
        (self.sample(x), self.sample(y))
    }

    fn sample(&self, rows: &[usize]) -> Sample {
        let mut counts = vec![0_u32; self.ranks.len()];
        for row in rows {
            if let Some(count) = self.ranks.get(*row).and_then(|rank| counts.get_mut(*rank)) {
                *count += 1;
            }
        }
        let mut values = Vec::with_capacity(rows.len());
        for (value, count) in self.sorted.iter().zip(counts) {
            values.extend((0..count).map(|_| *value));
        }
        Sample::from_sorted(values)
    }
}

const WHAT: &str = "resampled test";
const ROUNDING: f64 = 1e-12;
