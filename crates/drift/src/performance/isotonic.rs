//! Isotonic regression by pooling adjacent violators.

use serde::{Deserialize, Serialize};

use super::ranked::Falling;
use crate::error::Error;

/// The rising function that is closest, in squares, to outcomes given their scores: a calibrator of probabilities.
///
/// Between its steps it is linear, beyond the scores seen it is constant. Source: Ayer et al. (1955), Best and Chakravarti (1990);
/// equal to scikit-learn's `IsotonicRegression(out_of_bounds="clip")`.
///
/// ```
/// use lineal_drift::performance::IsotonicRegression;
///
/// let scores = [0.1, 0.2, 0.3, 0.4];
/// let happened = [0.0, 1.0, 0.0, 1.0];
/// let calibrator = IsotonicRegression::fit(&scores, &happened)?;
/// assert_eq!([0.0, 0.1, 0.25, 0.3, 0.9].map(|score| calibrator.predict(score)), [0.0, 0.0, 0.5, 0.5, 1.0]);
/// # Ok::<(), lineal_drift::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct IsotonicRegression {
    /// Scores and values of the corners of the function, both rising.
    pub corners: Vec<(f64, f64)>,
}

impl IsotonicRegression {
    /// Fits outcomes (0 and 1, or any numbers) to scores; rows with a missing (NaN) score or outcome are left out. O(n log n).
    ///
    /// # Errors
    /// [`Error::Rows`] if the lengths differ, [`Error::TooFew`] without a row, [`Error::Outside`] for a value beyond 1e280, whose sums
    /// would overflow.
    pub fn fit(scores: &[f64], outcomes: &[f64]) -> Result<Self, Error> {
        if scores.len() != outcomes.len() {
            return Err(Error::Rows { what: "outcomes", expected: scores.len(), actual: outcomes.len() });
        }
        if let Some(value) = scores.iter().chain(outcomes).find(|value| value.abs() > LARGEST) {
            return Err(Error::Outside { what: "isotonic regression", value: *value, rule: "from -1e280 to 1e280" });
        }
        let order = Falling::new(scores)?;
        let rows = order.rows().rev().filter_map(|(score, row)| {
            let outcome = outcomes.get(row).filter(|outcome| !outcome.is_nan())?;
            Some((score, *outcome))
        });
        let fitted = Self::of_rising(rows);
        match fitted.corners.is_empty() {
            true => Err(Error::TooFew { what: "isotonic regression", needs: "a row" }),
            false => Ok(fitted),
        }
    }

    /// Fits scores in rising order.
    pub(crate) fn of_rising(rows: impl Iterator<Item = (f64, f64)>) -> Self {
        let mut blocks: Vec<Block> = Vec::new();
        let mut tied: Option<Block> = None;
        for (score, outcome) in rows {
            match &mut tied {
                Some(block) if block.last == score => {
                    block.sum += outcome;
                    block.rows += 1.0;
                }
                _ => {
                    pool(&mut blocks, tied.take());
                    tied = Some(Block { first: score, last: score, sum: outcome, rows: 1.0 });
                }
            }
        }
        pool(&mut blocks, tied);
        let mut corners = Vec::with_capacity(2 * blocks.len());
        for block in blocks {
            corners.push((block.first, block.mean()));
            if block.last > block.first {
                corners.push((block.last, block.mean()));
            }
        }
        Self { corners }
    }

    /// Returns the value at a score; NaN at NaN, and without any corner.
    #[must_use]
    pub fn predict(&self, score: f64) -> f64 {
        let after = self.corners.partition_point(|(corner, _)| *corner < score);
        let before = after.checked_sub(1).and_then(|at| self.corners.get(at));
        match (before, self.corners.get(after)) {
            _ if score.is_nan() => f64::NAN,
            (None, None) => f64::NAN,
            (Some((_, value)), None) | (None, Some((_, value))) => *value,
            (Some(_), Some((corner, value))) if *corner == score => *value,
            (Some((left, low)), Some((right, high))) => low + (high - low) * ((score - left) / (right - left)),
        }
    }
}

/// Neighbouring rows that share a value. Of counts the sums are exact, so they do not depend on the order of equal scores.
#[derive(Clone, Copy)]
struct Block {
    first: f64,
    last: f64,
    sum: f64,
    rows: f64,
}

impl Block {
    fn mean(&self) -> f64 {
        self.sum / self.rows
    }

    fn join(self, next: Self) -> Self {
        Self { first: self.first, last: next.last, sum: self.sum + next.sum, rows: self.rows + next.rows }
    }
}

/// Adds a block, and joins it with those before it for as long as they are not lower.
fn pool(blocks: &mut Vec<Block>, next: Option<Block>) {
    let Some(mut next) = next else { return };
    // The means compared without a division.
    while let Some(before) = blocks.pop_if(|before| before.sum * next.rows >= next.sum * before.rows) {
        next = before.join(next);
    }
    blocks.push(next);
}

/// Even the sum of 1e9 of them can be multiplied by their number.
const LARGEST: f64 = 1e280;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_are_one_point_and_steps_are_kept() {
        let fitted = IsotonicRegression::fit(&[1.0, 1.0, 2.0, 3.0], &[1.0, 0.0, 0.25, 1.0]).unwrap();
        assert_eq!(fitted.corners.len(), 3);
        assert!((fitted.predict(1.0) - 1.25 / 3.0).abs() < 1e-15 && fitted.predict(3.0) == 1.0);
        assert!((fitted.predict(2.5) - (1.25 / 3.0 + 1.0) / 2.0).abs() < 1e-15);
    }

    #[test]
    fn hostile_rows() {
        assert!(matches!(IsotonicRegression::fit(&[], &[]), Err(Error::TooFew { .. })));
        assert!(matches!(IsotonicRegression::fit(&[f64::NAN], &[1.0]), Err(Error::TooFew { .. })));
        assert!(matches!(IsotonicRegression::fit(&[1.0], &[f64::INFINITY]), Err(Error::Outside { .. })));
        let one = IsotonicRegression::fit(&[0.5], &[1.0]).unwrap();
        assert_eq!((one.predict(-1e308), one.predict(f64::INFINITY)), (1.0, 1.0));
        assert!(one.predict(f64::NAN).is_nan() && IsotonicRegression::default().predict(0.5).is_nan());
        let huge = IsotonicRegression::fit(&[1.0, 2.0], &[1e280, 0.5e280]).unwrap();
        assert!((huge.predict(1.0) / 0.75e280 - 1.0).abs() < 1e-12);
    }
}
