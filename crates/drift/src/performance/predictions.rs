//! What a classifier said, row by row, and what happened if it is known.

use std::ops::Range;

use arrow::array::Array;

use super::classes::{Classes, MISSING};
use crate::arrays;
use crate::error::Error;

/// Probabilities, predicted classes and, once they are known, actual classes of rows in their order.
///
/// Null and NaN are missing; each metric uses the rows that have what it needs. Predicted and actual classes are texts equal to the
/// names of the classes, numbers that the names write, or booleans; what is no class is counted ([`Predictions::unknown`]) and missing.
///
/// ```
/// use arrow::array::{BooleanArray, Float64Array, Int8Array};
/// use lineal_drift::performance::{Metric, Predictions};
///
/// let predictions = Predictions::binary(&Float64Array::from(vec![0.1, 0.4, 0.35, 0.8]))?
///     .with_predicted(&BooleanArray::from(vec![false, false, false, true]))?
///     .with_actual(&Int8Array::from(vec![Some(0), Some(0), Some(1), Some(1)]))?;
/// assert_eq!(predictions.realised(Metric::RocAuc)?, Some(0.75));
/// assert_eq!(predictions.realised(Metric::Accuracy)?, Some(0.75));
/// # Ok::<(), lineal_drift::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Predictions {
    classes: Vec<String>,
    /// One column for each class, of two only that of the second.
    scores: Vec<Vec<f64>>,
    predicted: Option<Vec<u32>>,
    actual: Option<Vec<u32>>,
    unknown: u64,
}

impl Predictions {
    /// Takes the probability of the positive class, which is `1` or `true`; the other is `0` or `false`.
    ///
    /// # Errors
    /// [`Error::UnsupportedType`] if the array holds no numbers, [`Error::Outside`] for a value that is not from 0 to 1.
    pub fn binary(probabilities: &dyn Array) -> Result<Self, Error> {
        Self::binary_of(["0", "1"], probabilities)
    }

    /// Takes the probability of the second of two classes with names of their own.
    ///
    /// # Errors
    /// As [`Predictions::binary`].
    pub fn binary_of(classes: [&str; 2], probabilities: &dyn Array) -> Result<Self, Error> {
        let classes = classes.map(str::to_owned).to_vec();
        Ok(Self { classes, scores: vec![read_scores(probabilities)?], predicted: None, actual: None, unknown: 0 })
    }

    /// Takes a name and the probabilities of each class, three classes or more.
    ///
    /// # Errors
    /// [`Error::TooFew`] for fewer than three classes, [`Error::Rows`] if the arrays are not equally long, otherwise as
    /// [`Predictions::binary`].
    pub fn multiclass<'a, N: Into<String>>(
        probabilities: impl IntoIterator<Item = (N, &'a dyn Array)>,
    ) -> Result<Self, Error> {
        let (mut classes, mut scores) = (Vec::new(), Vec::new());
        for (name, array) in probabilities {
            classes.push(name.into());
            scores.push(read_scores(array)?);
        }
        if classes.len() < 3 {
            return Err(Error::TooFew {
                what: "multiclass",
                needs: "three classes; of two, the second is the positive one",
            });
        }
        let expected = scores.first().map_or(0, Vec::len);
        if let Some(other) = scores.iter().find(|column| column.len() != expected) {
            return Err(Error::Rows { what: "probabilities", expected, actual: other.len() });
        }
        Ok(Self { classes, scores, predicted: None, actual: None, unknown: 0 })
    }

    /// Adds the predicted class of each row.
    ///
    /// # Errors
    /// [`Error::Rows`] if there is not one for each row, [`Error::UnsupportedType`] if the type names no classes.
    pub fn with_predicted(mut self, predicted: &dyn Array) -> Result<Self, Error> {
        self.predicted = Some(self.read_classes("predicted classes", predicted)?);
        Ok(self)
    }

    /// Adds the actual class of each row, null where it is not known yet.
    ///
    /// # Errors
    /// As [`Predictions::with_predicted`].
    pub fn with_actual(mut self, actual: &dyn Array) -> Result<Self, Error> {
        self.actual = Some(self.read_classes("actual classes", actual)?);
        Ok(self)
    }

    fn read_classes(&mut self, what: &'static str, array: &dyn Array) -> Result<Vec<u32>, Error> {
        if array.len() != self.len() {
            return Err(Error::Rows { what, expected: self.len(), actual: array.len() });
        }
        let Classes { codes, unknown } = Classes::read(array, &self.classes)?;
        self.unknown += unknown;
        Ok(codes)
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.scores.first().map_or(0, Vec::len)
    }

    /// Returns whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the names of the classes.
    #[must_use]
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Returns how many predicted or actual values name no class.
    #[must_use]
    pub fn unknown(&self) -> u64 {
        self.unknown
    }

    /// Returns how many rows have an actual class.
    #[must_use]
    pub fn labelled(&self) -> u64 {
        self.all().labelled()
    }

    pub(crate) fn all(&self) -> Rows<'_> {
        Rows { of: self, range: 0..self.len() }
    }

    pub(crate) fn chunks(&self, chunk_rows: usize) -> impl Iterator<Item = Rows<'_>> {
        let rows = self.len();
        let starts = (0..rows).step_by(chunk_rows.max(1));
        starts.map(move |start| Rows { of: self, range: start..start.saturating_add(chunk_rows.max(1)).min(rows) })
    }
}

/// Some consecutive rows.
#[derive(Clone, Debug)]
pub(crate) struct Rows<'a> {
    pub(crate) of: &'a Predictions,
    pub(crate) range: Range<usize>,
}

impl<'a> Rows<'a> {
    pub(crate) fn len(&self) -> usize {
        self.range.len()
    }

    /// Returns for each class that is held against the rest its place and its probabilities; of two classes only the second.
    pub(crate) fn problems(&self) -> impl Iterator<Item = (u32, &'a [f64])> {
        let first = if self.of.classes.len() == 2 { 1 } else { 0 };
        let range = self.range.clone();
        (first..)
            .zip(&self.of.scores)
            .map(move |(class, scores)| (class, scores.get(range.clone()).unwrap_or_default()))
    }

    /// Returns the class that each row is said to be of; nothing if no predicted classes are there.
    pub(crate) fn predicted(&self) -> &'a [u32] {
        self.of.predicted.as_deref().and_then(|codes| codes.get(self.range.clone())).unwrap_or_default()
    }

    /// Returns the class that each row is of; nothing if no actual classes are there.
    pub(crate) fn actual(&self) -> &'a [u32] {
        self.of.actual.as_deref().and_then(|codes| codes.get(self.range.clone())).unwrap_or_default()
    }

    pub(crate) fn labelled(&self) -> u64 {
        self.actual().iter().filter(|code| **code != MISSING).count() as u64
    }
}

fn read_scores(array: &dyn Array) -> Result<Vec<f64>, Error> {
    let scores = arrays::numbers_by_row(array)?;
    match scores.iter().find(|score| !(score.is_nan() || (0.0..=1.0).contains(*score))) {
        Some(value) => Err(Error::Outside { what: "probabilities", value: *value, rule: "from 0 to 1" }),
        None => Ok(scores),
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Float64Array, Int8Array, StringArray};

    use super::*;

    #[test]
    fn what_does_not_fit_is_refused() {
        let scores = Float64Array::from(vec![Some(0.5), None]);
        assert!(matches!(Predictions::binary(&Float64Array::from(vec![1.5])), Err(Error::Outside { .. })));
        assert!(matches!(
            Predictions::binary(&StringArray::from(vec!["a"])),
            Err(Error::Arrow { .. } | Error::UnsupportedType { .. })
        ));
        let binary = Predictions::binary(&scores).unwrap();
        assert!(matches!(binary.with_actual(&Int8Array::from(vec![1])), Err(Error::Rows { actual: 1, .. })));
        let two: [(&str, &dyn Array); 2] = [("a", &scores), ("b", &scores)];
        assert!(matches!(Predictions::multiclass(two), Err(Error::TooFew { .. })));
        let short = Float64Array::from(vec![0.5]);
        let three: [(&str, &dyn Array); 3] = [("a", &scores), ("b", &scores), ("c", &short)];
        assert!(matches!(Predictions::multiclass(three), Err(Error::Rows { .. })));
        let named = Predictions::binary_of(["no", "yes"], &scores).unwrap();
        let named = named.with_actual(&StringArray::from(vec!["yes", "perhaps"])).unwrap();
        assert_eq!((named.len(), named.labelled(), named.unknown()), (2, 1, 1));
    }
}
