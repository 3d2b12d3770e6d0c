//! Category counts of two samples over one list of labels.

use std::collections::BTreeMap;

use arrow::array::Array;
use serde::{Deserialize, Serialize};

use crate::arrays;
use crate::error::{Error, Side};
use crate::sample::Sample;

/// Counts the labels of one side; a null is missing, the empty text is a label.
///
/// ```
/// use arrow::array::StringArray;
/// use lineal_drift::Categories;
///
/// let side = Categories::from_array(&StringArray::from(vec![Some("UA"), None, Some("UA")]))?;
/// assert_eq!((side.counts()["UA"], side.missing()), (2, 1));
/// # Ok::<(), lineal_drift::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Categories {
    counts: BTreeMap<String, u64>,
    missing: u64,
}

impl Categories {
    /// Counts the labels of a text, boolean or dictionary array.
    ///
    /// # Errors
    /// [`Error::UnsupportedType`] for any other type; numbers become labels through [`Categories::from_sample`].
    pub fn from_array(array: &dyn Array) -> Result<Self, Error> {
        Self::from_arrays(&[array])
    }

    /// Counts the labels of several arrays, the batches of one column.
    ///
    /// # Errors
    /// [`Error::UnsupportedType`] for a type that is not a text, a boolean or a dictionary of texts.
    pub fn from_arrays(arrays: &[&dyn Array]) -> Result<Self, Error> {
        let mut side = Self::default();
        for array in arrays {
            side.missing += arrays::labels(*array, &mut side.counts)?;
        }
        Ok(side)
    }

    /// Takes every distinct number as a label, written as the shortest decimal that names it.
    #[must_use]
    pub fn from_sample(sample: &Sample) -> Self {
        let distinct = sample.distinct(usize::MAX).unwrap_or_default();
        let counts = distinct.into_iter().map(|(value, count)| (value.to_string(), count)).collect();
        Self { counts, missing: sample.missing() }
    }

    /// Returns the rows per label, in the order of the labels.
    #[must_use]
    pub fn counts(&self) -> &BTreeMap<String, u64> {
        &self.counts
    }

    /// Returns how many values were null.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.missing
    }

    /// Returns the number of rows that hold a label.
    #[must_use]
    pub fn rows(&self) -> u64 {
        saturating_sum(self.counts.values())
    }
}

/// Holds the counts of two sides over the union of their labels, in the order of the labels.
///
/// ```
/// use lineal_drift::PairedCounts;
///
/// let paired = PairedCounts::new(["a", "b"], [3, 1], [2, 0])?;
/// assert_eq!(paired.reference(), [3, 1]);
/// assert_eq!(paired.vanished().collect::<Vec<_>>(), [("b", 1)]);
/// # Ok::<(), lineal_drift::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairedCounts {
    labels: Vec<String>,
    reference: Vec<u64>,
    current: Vec<u64>,
}

impl PairedCounts {
    /// Pairs counts that are already over the same labels.
    ///
    /// # Errors
    /// [`Error::Shape`] if the three lists do not have the same length.
    pub fn new<L: Into<String>>(
        labels: impl IntoIterator<Item = L>,
        reference: impl Into<Vec<u64>>,
        current: impl Into<Vec<u64>>,
    ) -> Result<Self, Error> {
        let labels: Vec<String> = labels.into_iter().map(Into::into).collect();
        let (reference, current) = (reference.into(), current.into());
        require_same_bins("paired counts", &reference, &current)?;
        if labels.len() != reference.len() {
            return Err(Error::Shape {
                what: "labels of paired counts",
                reference: labels.len(),
                current: reference.len(),
            });
        }
        Ok(Self { labels, reference, current })
    }

    /// Pairs two sides over the union of their labels.
    #[must_use]
    pub fn pair(reference: &Categories, current: &Categories) -> Self {
        let mut rows: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for (label, count) in &reference.counts {
            rows.entry(label).or_default().0 += count;
        }
        for (label, count) in &current.counts {
            rows.entry(label).or_default().1 += count;
        }
        Self {
            labels: rows.keys().map(|label| (*label).to_owned()).collect(),
            reference: rows.values().map(|(count, _)| *count).collect(),
            current: rows.values().map(|(_, count)| *count).collect(),
        }
    }

    /// Returns the labels.
    #[must_use]
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Returns the rows of the reference per label.
    #[must_use]
    pub fn reference(&self) -> &[u64] {
        &self.reference
    }

    /// Returns the rows of the current sample per label.
    #[must_use]
    pub fn current(&self) -> &[u64] {
        &self.current
    }

    /// Returns the rows of the reference and of the current sample.
    #[must_use]
    pub fn rows(&self) -> (u64, u64) {
        (saturating_sum(&self.reference), saturating_sum(&self.current))
    }

    /// Returns label, reference rows and current rows.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64, u64)> {
        self.labels.iter().zip(&self.reference).zip(&self.current).map(|((label, r), c)| (label.as_str(), *r, *c))
    }

    /// Returns the labels that only the current sample holds, with their rows.
    pub fn appeared(&self) -> impl Iterator<Item = (&str, u64)> {
        self.iter().filter(|(_, r, c)| *r == 0 && *c > 0).map(|(label, _, c)| (label, c))
    }

    /// Returns the labels that only the reference holds, with their rows.
    pub fn vanished(&self) -> impl Iterator<Item = (&str, u64)> {
        self.iter().filter(|(_, r, c)| *r > 0 && *c == 0).map(|(label, r, _)| (label, r))
    }
}

/// Returns the totals of two lists of counts, after checking that they compare bin by bin and that both hold something.
pub(crate) fn totals(what: &'static str, reference: &[u64], current: &[u64]) -> Result<(f64, f64), Error> {
    require_same_bins(what, reference, current)?;
    match (sum(reference), sum(current)) {
        (0.0, _) => Err(Error::Empty { what, side: Side::Reference }),
        (_, 0.0) => Err(Error::Empty { what, side: Side::Current }),
        totals => Ok(totals),
    }
}

/// Adds without overflow: more than 2^64 rows are still a number.
pub(crate) fn sum(counts: &[u64]) -> f64 {
    counts.iter().map(|c| u128::from(*c)).sum::<u128>() as f64
}

fn saturating_sum<'a>(counts: impl IntoIterator<Item = &'a u64>) -> u64 {
    counts.into_iter().fold(0, |total: u64, c| total.saturating_add(*c))
}

fn require_same_bins(what: &'static str, reference: &[u64], current: &[u64]) -> Result<(), Error> {
    if reference.len() == current.len() {
        return Ok(());
    }
    Err(Error::Shape { what, reference: reference.len(), current: current.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_labels() {
        let side = Categories::from_sample(&Sample::new([1.0, 2.5, 1.0, f64::NAN, -0.0]));
        let labels: Vec<_> = side.counts().iter().map(|(l, c)| (l.as_str(), *c)).collect();
        assert_eq!(labels, [("0", 1), ("1", 2), ("2.5", 1)]);
        assert_eq!((side.missing(), side.rows()), (1, 4));
    }

    #[test]
    fn totals_check_their_input() {
        assert!(matches!(totals("x", &[1], &[1, 2]), Err(Error::Shape { .. })));
        assert!(matches!(totals("x", &[0], &[1]), Err(Error::Empty { side: Side::Reference, .. })));
        assert!(totals("x", &[u64::MAX, u64::MAX], &[1, 0]).unwrap().0 > 3e19);
    }
}
