//! What the order of scores tells: the area under the ROC curve and average precision.

use rayon::slice::ParallelSliceMut;

use crate::error::Error;

/// Returns the area under the ROC curve: the probability that a positive row has a higher score than a negative one, ties as half.
///
/// 0 to 1, 0.5 for scores that say nothing. Exact: by ranks, with ties. Scores may be any numbers; rows whose score is NaN are left
/// out. O(n log n). Source: Hanley and McNeil (1982); equal to scikit-learn's `roc_auc_score`.
///
/// ```
/// use lineal_drift::performance::roc_auc;
/// assert_eq!(roc_auc(&[0.1, 0.4, 0.35, 0.8], &[false, false, true, true])?, 0.75);
/// # Ok::<(), lineal_drift::Error>(())
/// ```
///
/// # Errors
/// [`Error::Rows`] if the lengths differ, [`Error::TooFew`] unless both classes occur.
pub fn roc_auc(scores: &[f64], positive: &[bool]) -> Result<f64, Error> {
    let needs = "a positive and a negative row";
    curve_of(scores, positive)?.roc_auc().ok_or(Error::TooFew { what: "roc_auc", needs })
}

/// Returns average precision: the mean of the precision at each positive row, rows of equal score taken together.
///
/// The share of positive rows for scores that say nothing, to 1. Scores may be any numbers; rows whose score is NaN are left out.
/// O(n log n). Equal to scikit-learn's `average_precision_score` (the step rule, no interpolation).
///
/// ```
/// use lineal_drift::performance::average_precision;
/// let found = average_precision(&[0.1, 0.4, 0.35, 0.8], &[false, false, true, true])?;
/// assert!((found - 0.8333333333333333).abs() < 1e-15);
/// # Ok::<(), lineal_drift::Error>(())
/// ```
///
/// # Errors
/// [`Error::Rows`] if the lengths differ, [`Error::TooFew`] without a positive row.
pub fn average_precision(scores: &[f64], positive: &[bool]) -> Result<f64, Error> {
    let needs = "a positive row";
    curve_of(scores, positive)?.average_precision().ok_or(Error::TooFew { what: "average_precision", needs })
}

fn curve_of(scores: &[f64], positive: &[bool]) -> Result<Curve, Error> {
    if scores.len() != positive.len() {
        return Err(Error::Rows { what: "labels", expected: scores.len(), actual: positive.len() });
    }
    let order = Falling::new(scores)?;
    let mass = |row: usize| f64::from(u8::from(positive.get(row) == Some(&true)));
    Ok(Curve::with_ties(order.rows().map(|(score, row)| (score, mass(row)))))
}

/// Rows in falling order of their scores; equal scores in the order of the rows, NaN left out.
#[derive(Debug)]
pub(crate) struct Falling(Vec<(u64, u32)>);

impl Falling {
    /// O(n log n), on rayon's current pool where there are many.
    ///
    /// # Errors
    /// [`Error::Range`] beyond 2^32 - 1 rows.
    pub(crate) fn new(scores: &[f64]) -> Result<Self, Error> {
        if u32::try_from(scores.len()).is_err() {
            return Err(Error::Range { what: "the number of rows" });
        }
        let keyed = scores.iter().zip(0_u32..).filter(|(score, _)| !score.is_nan());
        let mut keys: Vec<(u64, u32)> = keyed.map(|(score, row)| (falling_key(*score), row)).collect();
        // No two pairs are equal, so neither threads nor an unstable sort can be told from the result.
        match keys.len() < SORTED_ON_ALL_CORES {
            true => keys.sort_unstable(),
            false => keys.par_sort_unstable(),
        }
        Ok(Self(keys))
    }

    /// Returns scores and rows.
    pub(crate) fn rows(&self) -> impl ExactSizeIterator<Item = (f64, usize)> + DoubleEndedIterator {
        self.0.iter().map(|(key, row)| (score_of_key(*key), *row as usize))
    }

    /// Returns the same order of the rows of each chunk, counted from the start of the chunk.
    pub(crate) fn by_chunks(&self, chunk_rows: usize, rows: usize) -> Vec<Self> {
        let mut chunks: Vec<Vec<(u64, u32)>> = Vec::new();
        chunks.resize_with(rows.div_ceil(chunk_rows.max(1)), || Vec::with_capacity(chunk_rows.min(rows)));
        let size = u32::try_from(chunk_rows.max(1)).unwrap_or(u32::MAX);
        for (key, row) in &self.0 {
            if let Some(chunk) = chunks.get_mut((row / size) as usize) {
                chunk.push((*key, row % size));
            }
        }
        chunks.into_iter().map(Self).collect()
    }
}

/// Maps scores to integers that rise as they fall; both zeros are one.
fn falling_key(score: f64) -> u64 {
    let bits = (score + 0.0).to_bits();
    let rising = if bits >> 63 == 1 { !bits } else { bits | 1 << 63 };
    !rising
}

fn score_of_key(key: u64) -> f64 {
    let rising = !key;
    f64::from_bits(if rising >> 63 == 1 { rising ^ 1 << 63 } else { !rising })
}

/// Sums along rows in falling order of score, of which each is positive with some probability.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Curve {
    rows: f64,
    positives: f64,
    /// Pairs in which the positive row has the higher score.
    won: f64,
    /// Σ positives · precision.
    precision: f64,
}

impl Curve {
    /// Takes rows of equal score together, as is right for labels that are known.
    pub(crate) fn with_ties(rows: impl Iterator<Item = (f64, f64)>) -> Self {
        let mut curve = Self::default();
        let (mut at, mut count, mut positives) = (f64::NAN, 0.0, 0.0);
        for (score, positive) in rows {
            if score != at {
                curve.step(count, positives);
                (at, count, positives) = (score, 0.0, 0.0);
            }
            count += 1.0;
            positives += positive;
        }
        curve.step(count, positives);
        curve
    }

    /// Takes row by row.
    pub(crate) fn row_by_row(positives: impl Iterator<Item = f64>) -> Self {
        let mut curve = Self::default();
        positives.for_each(|positive| curve.step(1.0, positive));
        curve
    }

    fn step(&mut self, rows: f64, positives: f64) {
        self.won += (rows - positives) * (self.positives + 0.5 * positives);
        self.rows += rows;
        self.positives += positives;
        if self.rows > 0.0 {
            self.precision += positives * (self.positives / self.rows);
        }
    }

    /// Returns the area under the ROC curve; `None` unless there are positives and negatives.
    pub(crate) fn roc_auc(&self) -> Option<f64> {
        let pairs = self.positives * (self.rows - self.positives);
        (pairs > 0.0).then(|| (self.won / pairs).clamp(0.0, 1.0))
    }

    /// Returns average precision; `None` without positives.
    pub(crate) fn average_precision(&self) -> Option<f64> {
        (self.positives > 0.0).then(|| (self.precision / self.positives).clamp(0.0, 1.0))
    }
}

/// From here on a sort takes milliseconds, which is worth handing to other threads.
const SORTED_ON_ALL_CORES: usize = 1 << 15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_score_has_a_place() {
        let scores = [0.5, f64::NAN, -0.0, f64::NEG_INFINITY, 0.0, 5e-324, f64::INFINITY, -1e308];
        let order = Falling::new(&scores).unwrap();
        let rows: Vec<usize> = order.rows().map(|(_, row)| row).collect();
        assert_eq!(rows, [6, 0, 5, 2, 4, 7, 3]);
        assert!(order.rows().all(|(score, row)| score == scores[row]));
        let chunks = order.by_chunks(5, scores.len());
        let rows: Vec<Vec<usize>> = chunks.iter().map(|c| c.rows().map(|(_, row)| row).collect()).collect();
        assert_eq!(rows, [vec![0, 2, 4, 3], vec![1, 0, 2]]);
    }

    #[test]
    fn ties_are_half_and_one_class_is_refused() {
        assert_eq!(roc_auc(&[1.0; 4], &[true, false, true, false]).unwrap(), 0.5);
        assert_eq!(average_precision(&[1.0; 4], &[true, false, false, false]).unwrap(), 0.25);
        assert!(matches!(roc_auc(&[0.1, 0.2], &[true, true]), Err(Error::TooFew { .. })));
        assert!(matches!(average_precision(&[0.1, 0.2], &[false, false]), Err(Error::TooFew { .. })));
        assert!(matches!(roc_auc(&[], &[]), Err(Error::TooFew { .. })));
        assert!(matches!(roc_auc(&[0.1], &[]), Err(Error::Rows { .. })));
        assert!(matches!(roc_auc(&[f64::NAN, 0.1], &[false, true]), Err(Error::TooFew { .. })));
    }
}
