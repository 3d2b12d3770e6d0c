//! A numeric sample, sorted once, with its missing values counted.

use arrow::array::Array;

use crate::arrays;
use crate::error::{Error, Side};
use crate::math::moments::{mean, std_population};
use crate::math::quantile::quantile_sorted;
use crate::math::sort::sort;

/// Holds the numbers of one side of a comparison, ascending, and how many values were missing.
///
/// Null and NaN are missing. Infinities are kept and sorted to the ends: methods that only use the order accept them, methods that
/// measure distances refuse them with [`Error::Infinite`]; [`Sample::finite`] leaves them out. `-0.0` equals `0.0` in every method.
///
/// ```
/// use arrow::array::Float64Array;
/// use lineal_drift::Sample;
///
/// let sample = Sample::from_array(&Float64Array::from(vec![Some(2.0), None, Some(1.0)]))?;
/// assert_eq!((sample.values(), sample.missing()), ([1.0, 2.0].as_slice(), 1));
/// # Ok::<(), lineal_drift::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    values: Vec<f64>,
    missing: u64,
}

impl Sample {
    /// Sorts the values; NaN is counted as missing. O(n log n), on rayon's current pool where there are many.
    pub fn new(values: impl IntoIterator<Item = f64>) -> Self {
        // Collected whole, so that an iterator which knows its length is stored without growing.
        let mut values: Vec<f64> = values.into_iter().collect();
        let all = values.len();
        values.retain(|v| !v.is_nan());
        let missing = (all - values.len()) as u64;
        Self::sorted(values, missing)
    }

    /// Reads an array of integers, floats, decimals, times or booleans, or a dictionary of them.
    ///
    /// Times become counts of their own unit since their own origin; integers beyond 2^53 are rounded to the nearest `f64`.
    ///
    /// # Errors
    /// [`Error::UnsupportedType`] for any other type.
    pub fn from_array(array: &dyn Array) -> Result<Self, Error> {
        Self::from_arrays(&[array])
    }

    /// Reads several arrays, the batches of one column, as one sample.
    ///
    /// # Errors
    /// [`Error::UnsupportedType`] for a type that is not a number, a time or a boolean.
    pub fn from_arrays(arrays: &[&dyn Array]) -> Result<Self, Error> {
        let mut values = Vec::with_capacity(arrays.iter().map(|a| a.len()).sum());
        let mut missing = 0;
        for array in arrays {
            missing += arrays::numbers(*array, |v| values.push(v))?;
        }
        Ok(Self::sorted(values, missing))
    }

    fn sorted(values: Vec<f64>, missing: u64) -> Self {
        Self { values: sort(values), missing }
    }

    /// Takes values that ascend and hold no NaN.
    pub(crate) fn from_sorted(values: Vec<f64>) -> Self {
        Self { values, missing: 0 }
    }

    /// Returns the values, ascending.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Returns the number of values, infinities included, missing values not.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Returns whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Returns how many values were null or NaN.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.missing
    }

    /// Returns how many values are positive or negative infinity.
    #[must_use]
    pub fn infinite(&self) -> usize {
        self.len() - self.finite_slice().len()
    }

    /// Returns the sample without its infinities.
    #[must_use]
    pub fn finite(&self) -> Self {
        Self { values: self.finite_slice().to_vec(), missing: self.missing }
    }

    /// Returns the finite part and the number of infinities, without a copy when there are none.
    pub(crate) fn split_infinite(self) -> (Self, u64) {
        match self.infinite() {
            0 => (self, 0),
            count => (self.finite(), count as u64),
        }
    }

    /// Returns the values without infinities.
    pub(crate) fn finite_slice(&self) -> &[f64] {
        let first = self.values.partition_point(|v| *v == f64::NEG_INFINITY);
        let end = self.values.partition_point(|v| *v < f64::INFINITY);
        self.values.get(first..end).unwrap_or_default()
    }

    /// Returns the arithmetic mean of the finite values, `None` for none.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        let finite = self.finite_slice();
        (!finite.is_empty()).then(|| mean(finite))
    }

    /// Returns the standard deviation of the finite values with divisor n, `None` for none.
    #[must_use]
    pub fn std_population(&self) -> Option<f64> {
        let finite = self.finite_slice();
        (!finite.is_empty()).then(|| std_population(finite))
    }

    /// Returns the quantile at `q` (clamped to 0..=1) of the finite values by linear interpolation, `None` for none.
    ///
    /// Equal to numpy's "linear" method, bit for bit.
    ///
    /// ```
    /// let sample = lineal_drift::Sample::new([3.0, 1.0, 2.0, 4.0]);
    /// assert_eq!(sample.quantile(0.5), Some(2.5));
    /// ```
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let finite = self.finite_slice();
        (!finite.is_empty() && !q.is_nan()).then(|| quantile_sorted(finite, q))
    }

    /// Returns the distinct values, ascending, with their counts; `None` when there are more than `limit`.
    pub(crate) fn distinct(&self, limit: usize) -> Option<Vec<(f64, u64)>> {
        let mut distinct: Vec<(f64, u64)> = Vec::new();
        for &value in &self.values {
            if let Some((_, count)) = distinct.last_mut().filter(|(last, _)| *last == value) {
                *count += 1;
            } else if distinct.len() == limit {
                return None;
            } else {
                // Adding zero turns -0.0 into 0.0.
                distinct.push((value + 0.0, 1));
            }
        }
        Some(distinct)
    }
}

impl FromIterator<f64> for Sample {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        Self::new(values)
    }
}

/// Refuses empty samples.
pub(crate) fn require_values(what: &'static str, reference: &Sample, current: &Sample) -> Result<(), Error> {
    match (reference.is_empty(), current.is_empty()) {
        (true, _) => Err(Error::Empty { what, side: Side::Reference }),
        (_, true) => Err(Error::Empty { what, side: Side::Current }),
        _ => Ok(()),
    }
}

/// Refuses empty samples and infinities.
pub(crate) fn require_finite(what: &'static str, reference: &Sample, current: &Sample) -> Result<(), Error> {
    require_values(what, reference, current)?;
    for (side, sample) in [(Side::Reference, reference), (Side::Current, current)] {
        let count = sample.infinite();
        if count > 0 {
            return Err(Error::Infinite { what, side, count });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn infinities_are_told_apart() {
        let sample = Sample::new([f64::INFINITY, 1.0, f64::NAN, f64::NEG_INFINITY]);
        assert_eq!((sample.len(), sample.missing(), sample.infinite()), (3, 1, 2));
        assert_eq!(sample.finite().values(), [1.0]);
        assert_eq!(sample.mean(), Some(1.0));
        assert_eq!(Sample::new([f64::INFINITY]).mean(), None);
    }

    #[test]
    fn distinct_joins_the_zeros() {
        let sample = Sample::new([0.0, -0.0, 2.0]);
        assert_eq!(sample.distinct(5), Some(vec![(0.0, 2), (2.0, 1)]));
        assert_eq!(sample.distinct(1), None);
    }
}
