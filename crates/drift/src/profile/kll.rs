//! A sketch of quantiles.

use super::coin::Coin;
use super::kll_capacity::{level_capacity, total_capacity};
use crate::error::Error;

/// Keeps a few hundred of many values, weighted, so that every rank is known within a stated error: the sketch of Karnin, Lang and
/// Liberty, which merges.
///
/// Level i holds values of weight 2^i, ascending. A level that is too full gives every other of its values to the next one, beginning with
/// the first or the second by a coin. Capacities, answers and the stored form are those of Apache `DataSketches`; values come in as sorted
/// blocks and not one by one, which tosses fewer coins and so errs less.
/// The coin is a function of the seed and of what the sketch holds: the same values in the same order give the same sketch.
/// Memory is O(k). Source: Karnin, Lang and Liberty, Optimal Quantile Approximation in Streams (2016).
///
/// ```
/// use lineal_drift::profile::KllSketch;
///
/// let mut sketch = KllSketch::new(200, 1)?;
/// sketch.extend((0..100_000).map(f64::from));
/// let median = sketch.quantile(0.5).unwrap();
/// assert!((median / 100_000.0 - 0.5).abs() < sketch.rank_error());
/// assert_eq!((sketch.n(), sketch.min(), sketch.max()), (100_000, Some(0.0), Some(99_999.0)));
/// # Ok::<(), lineal_drift::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct KllSketch {
    pub(super) k: u16,
    /// The least `k` of all that was merged, which the error follows.
    pub(super) min_k: u16,
    pub(super) coin: Coin,
    pub(super) n: u64,
    /// Without values the ends of the range, which give way to any.
    pub(super) min: f64,
    pub(super) max: f64,
    /// At least one.
    pub(super) levels: Vec<Vec<f64>>,
}

impl KllSketch {
    /// Starts without values. The error falls as 1 / k, memory rises with it; 200 is usual.
    ///
    /// # Errors
    /// [`Error::Setting`] for a `k` below 8.
    pub fn new(k: u16, seed: u64) -> Result<Self, Error> {
        if k < LEAST_K {
            return Err(Error::Setting { name: "k", value: f64::from(k), rule: "8 to 65535" });
        }
        Ok(Self::with_k(k, seed))
    }

    /// `k` has been checked.
    pub(super) fn with_k(k: u16, seed: u64) -> Self {
        let (min, max) = (f64::INFINITY, f64::NEG_INFINITY);
        Self { k, min_k: k, coin: Coin(seed), n: 0, min, max, levels: vec![Vec::new()] }
    }

    /// Returns the size the sketch was made with.
    #[must_use]
    pub fn k(&self) -> u16 {
        self.k
    }

    /// Returns how many values were seen.
    #[must_use]
    pub fn n(&self) -> u64 {
        self.n
    }

    /// Returns the least value, exactly; `None` without values.
    #[must_use]
    pub fn min(&self) -> Option<f64> {
        (self.n > 0).then_some(self.min)
    }

    /// Returns the greatest value, exactly; `None` without values.
    #[must_use]
    pub fn max(&self) -> Option<f64> {
        (self.n > 0).then_some(self.max)
    }

    /// Returns how many values are kept.
    #[must_use]
    pub fn retained(&self) -> usize {
        self.levels.iter().map(Vec::len).sum()
    }

    /// Returns whether every value is still there, so that all answers are exact.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.retained() as u64 == self.n
    }

    /// Returns the error of one rank, as a share of all values, that is exceeded in 1 of 100 cases: 1.33 % for k = 200, 0 while exact.
    ///
    /// 2.296 / k^0.9723, as `DataSketches` measured and states it.
    #[must_use]
    pub fn rank_error(&self) -> f64 {
        if self.is_exact() { 0.0 } else { 2.296 / f64::from(self.min_k).powf(0.9723) }
    }

    /// Returns the error of the share of values between two points, and of all ranks at once: 1.65 % for k = 200, 0 while exact.
    ///
    /// 2.446 / k^0.9433, as `DataSketches` measured and states it.
    #[must_use]
    pub fn share_error(&self) -> f64 {
        if self.is_exact() { 0.0 } else { 2.446 / f64::from(self.min_k).powf(0.9433) }
    }

    /// Adds values that ascend and are not NaN.
    pub(super) fn add_sorted(&mut self, values: &[f64]) {
        let (Some(&first), Some(&last)) = (values.first(), values.last()) else { return };
        self.widen(first, last);
        self.n = self.n.saturating_add(values.len() as u64);
        if let Some(level) = self.levels.first_mut() {
            *level = merged(level, values);
        }
        self.compress();
    }

    /// Adds all values of another sketch, which then have its errors, too.
    pub fn merge(&mut self, other: &Self) {
        if other.n == 0 {
            return;
        }
        self.widen(other.min, other.max);
        self.n = self.n.saturating_add(other.n);
        self.min_k = if other.is_exact() { self.min_k } else { self.min_k.min(other.min_k) };
        self.levels.resize(self.levels.len().max(other.levels.len()), Vec::new());
        for (level, other) in self.levels.iter_mut().zip(&other.levels) {
            *level = merged(level, other);
        }
        self.compress();
    }

    /// Returns the share of values that are at most `value`, within [`KllSketch::rank_error`]; `None` without values or for NaN.
    #[must_use]
    pub fn rank(&self, value: f64) -> Option<f64> {
        if self.n == 0 || value.is_nan() {
            return None;
        }
        let at_most = |level: &Vec<f64>| level.partition_point(|held| *held <= value) as u64;
        let weight: u64 = self.levels.iter().enumerate().map(|(at, level)| at_most(level) << at).sum();
        Some(weight as f64 / self.n as f64)
    }

    /// Returns the least kept value whose rank is at least `q` (0 to 1), that is, a value between the quantiles at `q` ± the error.
    ///
    /// `DataSketches` calls this inclusive. `None` without values or for a `q` out of range. O(k log k).
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<f64> {
        self.quantiles(&[q]).into_iter().next().flatten()
    }

    /// Returns several quantiles in one go, as [`KllSketch::quantile`].
    #[must_use]
    pub fn quantiles(&self, shares: &[f64]) -> Vec<Option<f64>> {
        let steps = self.steps();
        let quantile = |q: &f64| {
            if !(0.0..=1.0).contains(q) {
                return None;
            }
            let rank = (q * self.n as f64).ceil();
            let at = steps.partition_point(|(_, weight)| (*weight as f64) < rank);
            steps.get(at).or(steps.last()).map(|(value, _)| *value)
        };
        shares.iter().map(quantile).collect()
    }

    /// Returns the kept values, ascending, each once, with the weight of all values up to it.
    pub(super) fn steps(&self) -> Vec<(f64, u64)> {
        let weighted =
            self.levels.iter().enumerate().flat_map(|(at, level)| level.iter().map(move |v| (*v, 1_u64 << at)));
        let mut steps: Vec<(f64, u64)> = weighted.collect();
        steps.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        let mut total = 0_u64;
        for (_, weight) in &mut steps {
            total = total.saturating_add(*weight);
            *weight = total;
        }
        // Of equal values the last one has the weight of all.
        steps.reverse();
        steps.dedup_by(|(one, _), (other, _)| one == other);
        steps.reverse();
        steps
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.levels.iter().map(|level| size_of::<Vec<f64>>() + 8 * level.capacity()).sum()
    }

    fn widen(&mut self, min: f64, max: f64) {
        self.min = self.min.min(min);
        self.max = self.max.max(max);
    }

    /// Halves the lowest level that is too full until all values fit.
    pub(super) fn compress(&mut self) {
        let mut retained = self.retained();
        while retained > total_capacity(self.k, self.levels.len()) {
            let height = self.levels.len();
            let is_full = |(at, level): (usize, &Vec<f64>)| level.len() >= level_capacity(self.k, height, at);
            let Some(at) = self.levels.iter().enumerate().position(is_full) else { return };
            retained -= self.halve(at);
        }
    }

    /// Gives every other value of a level to the next one; returns how many values are gone.
    fn halve(&mut self, at: usize) -> usize {
        let Some(level) = self.levels.get_mut(at) else { return 0 };
        // An odd one stays behind, with its weight.
        let odd = level.len() % 2;
        let (kept, halved) = level.split_at(odd);
        let second = usize::from(self.coin.toss(self.n, at, halved));
        let given: Vec<f64> = halved.iter().skip(second).step_by(2).copied().collect();
        let gone = halved.len() - given.len();
        *level = kept.to_vec();
        match self.levels.get_mut(at + 1) {
            Some(next) => *next = merged(next, &given),
            None => self.levels.push(given),
        }
        gone
    }
}

impl Extend<f64> for KllSketch {
    /// Adds values in blocks of 2048; NaN is left out.
    fn extend<I: IntoIterator<Item = f64>>(&mut self, values: I) {
        let mut block = Vec::with_capacity(BLOCK);
        let mut values = values.into_iter().filter(|value| !value.is_nan());
        loop {
            block.extend(values.by_ref().take(BLOCK));
            if block.is_empty() {
                return;
            }
            block.sort_unstable_by(f64::total_cmp);
            self.add_sorted(&block);
            block.clear();
        }
    }
}

/// Merges two ascending lists, by copies of what lies between the values of the shorter one.
fn merged(one: &[f64], other: &[f64]) -> Vec<f64> {
    let (short, long) = if one.len() < other.len() { (one, other) } else { (other, one) };
    let mut merged = Vec::with_capacity(short.len() + long.len());
    let mut rest = long;
    for value in short {
        let (before, after) = rest.split_at(rest.partition_point(|held| held <= value));
        merged.extend_from_slice(before);
        merged.push(*value);
        rest = after;
    }
    merged.extend_from_slice(rest);
    merged
}

pub(super) const LEAST_K: u16 = 8;
const BLOCK: usize = 2048;
