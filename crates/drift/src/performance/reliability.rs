//! Whether probabilities mean what they say.

use serde::{Deserialize, Serialize};

use super::ranked::Falling;
use crate::error::Error;
use crate::math::moments::compensated_sum;

/// A table of predicted probabilities against the share of rows in which the event happened.
///
/// ```
/// use lineal_drift::performance::Reliability;
///
/// let probabilities = [0.1, 0.1, 0.1, 0.1, 0.8, 0.8];
/// let happened = [false, false, false, false, true, false];
/// let table = Reliability::equal_width(&probabilities, &happened, 10)?;
/// assert_eq!(table.bins.len(), 2);
/// assert!((table.expected_error() - (4.0 * 0.1 + 2.0 * 0.3) / 6.0).abs() < 1e-12);
/// assert!((table.maximum_error() - 0.3).abs() < 1e-12);
/// # Ok::<(), lineal_drift::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Reliability {
    /// The bins that hold a row, by rising probability.
    pub bins: Vec<ReliabilityBin>,
}

/// The rows whose probabilities fall into one bin.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ReliabilityBin {
    /// The least probability of the rows.
    pub least: f64,
    /// The greatest probability of the rows.
    pub greatest: f64,
    /// How many rows there are.
    pub rows: u64,
    /// The mean of their probabilities.
    pub mean_probability: f64,
    /// The share of the rows in which it happened.
    pub observed_fraction: f64,
}

impl ReliabilityBin {
    /// Returns the distance between what was predicted and what happened, 0 to 1.
    #[must_use]
    pub fn error(&self) -> f64 {
        (self.mean_probability - self.observed_fraction).abs()
    }
}

impl Reliability {
    /// Uses bins of equal width, `(i/bins, (i+1)/bins]`, and 0 in the first; NaN is left out. O(n log n).
    ///
    /// # Errors
    /// [`Error::Rows`] if the lengths differ, [`Error::Outside`] for a value that is not from 0 to 1, [`Error::TooFew`] without a row,
    /// [`Error::Setting`] unless there are from 1 to 1,000,000 bins.
    pub fn equal_width(probabilities: &[f64], happened: &[bool], bins: usize) -> Result<Self, Error> {
        let rows = rising(probabilities, happened, bins)?;
        let edge = |at: usize| at as f64 / bins as f64;
        let (mut table, mut start, mut at) = (Vec::new(), 0, 0);
        while let Some(first) = rows.get(start) {
            while at + 1 < bins && first.0 > edge(at + 1) {
                at += 1;
            }
            let upper = if at + 1 < bins { edge(at + 1) } else { 1.0 };
            let end = start + rows.get(start..).unwrap_or_default().partition_point(|row| row.0 <= upper);
            table.extend(bin(rows.get(start..end).unwrap_or_default()));
            start = end.max(start + 1);
        }
        Ok(Self { bins: table })
    }

    /// Uses bins of equally many rows, the rest in the last one; with fewer than two rows a bin there are half as many bins as rows.
    ///
    /// Where rows of equal probability fall into two bins, each gets its share of what happened. NaN is left out. O(n log n).
    ///
    /// # Errors
    /// As [`Reliability::equal_width`].
    pub fn equal_count(probabilities: &[f64], happened: &[bool], bins: usize) -> Result<Self, Error> {
        Ok(Self::of_rising(rising(probabilities, happened, bins)?, bins))
    }

    /// Takes probabilities and outcomes (0 or 1) by rising probability; the order of equal ones does not matter.
    pub(crate) fn of_rising(mut rows: Vec<(f64, f64)>, bins: usize) -> Self {
        for tied in rows.chunk_by_mut(|a, b| a.0 == b.0) {
            let share = tied.iter().map(|row| row.1).sum::<f64>() / tied.len() as f64;
            tied.iter_mut().for_each(|row| row.1 = share);
        }
        let bins = if rows.len() <= bins.saturating_mul(2) { rows.len() / 2 } else { bins }.max(1);
        let size = rows.len() / bins;
        let bounds = |at: usize| at * size..if at + 1 == bins { rows.len() } else { (at + 1) * size };
        Self { bins: (0..bins).filter_map(|at| bin(rows.get(bounds(at))?)).collect() }
    }

    /// Returns the expected calibration error: the mean error of the bins, weighted by their rows, 0 to 1.
    ///
    /// Source: Naeini, Cooper and Hauskrecht (2015). It depends on the bins: compare like with like.
    #[must_use]
    pub fn expected_error(&self) -> f64 {
        let rows = self.bins.iter().map(|bin| bin.rows as f64).sum::<f64>();
        compensated_sum(self.bins.iter().map(|bin| bin.error() * bin.rows as f64)) / rows.max(1.0)
    }

    /// Returns the maximum calibration error: the largest error of a bin, 0 to 1.
    #[must_use]
    pub fn maximum_error(&self) -> f64 {
        self.bins.iter().map(ReliabilityBin::error).fold(0.0, f64::max)
    }
}

fn bin(rows: &[(f64, f64)]) -> Option<ReliabilityBin> {
    let ((least, _), (greatest, _)) = (*rows.first()?, *rows.last()?);
    let count = rows.len() as f64;
    let happened = compensated_sum(rows.iter().map(|row| row.1));
    Some(ReliabilityBin {
        least,
        greatest,
        rows: rows.len() as u64,
        mean_probability: compensated_sum(rows.iter().map(|row| row.0)) / count,
        observed_fraction: happened / count,
    })
}

fn rising(probabilities: &[f64], happened: &[bool], bins: usize) -> Result<Vec<(f64, f64)>, Error> {
    if !(1..=MOST_BINS).contains(&bins) {
        return Err(Error::Setting { name: "bins", value: bins as f64, rule: "from 1 to 1,000,000" });
    }
    if probabilities.len() != happened.len() {
        return Err(Error::Rows { what: "outcomes", expected: probabilities.len(), actual: happened.len() });
    }
    let order = Falling::new(probabilities)?;
    let outcome = |row: usize| f64::from(u8::from(happened.get(row) == Some(&true)));
    let rows: Vec<(f64, f64)> = order.rows().rev().map(|(p, row)| (p, outcome(row))).collect();
    match (rows.first(), rows.last()) {
        (Some((value, _)), _) | (_, Some((value, _))) if *value < 0.0 => Err(outside(*value)),
        (_, Some((value, _))) if *value > 1.0 => Err(outside(*value)),
        (None, _) => Err(Error::TooFew { what: "reliability", needs: "a row" }),
        _ => Ok(rows),
    }
}

fn outside(value: f64) -> Error {
    Error::Outside { what: "probabilities", value, rule: "from 0 to 1" }
}

const MOST_BINS: usize = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_belong_to_the_lower_bin() {
        let table = Reliability::equal_width(&[0.0, 0.5, 0.51, 1.0, f64::NAN], &[false; 5], 2).unwrap();
        let bins: Vec<_> = table.bins.iter().map(|b| (b.least, b.greatest, b.rows)).collect();
        assert_eq!(bins, [(0.0, 0.5, 2), (0.51, 1.0, 2)]);
    }

    #[test]
    fn the_last_of_equal_counts_takes_the_rest() {
        let p: Vec<f64> = (0..25).map(|i| f64::from(i) / 25.0).collect();
        let rows = |n: usize, bins| -> Vec<u64> {
            Reliability::equal_count(&p[..n], &vec![true; n], bins).unwrap().bins.iter().map(|b| b.rows).collect()
        };
        assert_eq!(rows(25, 10), [2, 2, 2, 2, 2, 2, 2, 2, 2, 7]);
        assert_eq!(rows(5, 10), [2, 3]);
        assert_eq!(rows(1, 10), [1]);
        let tied = Reliability::equal_count(&[0.5; 4], &[true, true, false, false], 2).unwrap();
        assert!(tied.expected_error() == 0.0 && tied.bins.len() == 2);
    }

    #[test]
    fn what_is_no_probability_is_refused() {
        assert!(matches!(Reliability::equal_width(&[-0.1], &[true], 5), Err(Error::Outside { .. })));
        assert!(matches!(Reliability::equal_width(&[0.1, 1.1], &[true; 2], 5), Err(Error::Outside { .. })));
        assert!(matches!(Reliability::equal_width(&[f64::NAN], &[true], 5), Err(Error::TooFew { .. })));
        assert!(matches!(Reliability::equal_count(&[0.1], &[true], 0), Err(Error::Setting { .. })));
        assert!(matches!(Reliability::equal_count(&[0.1], &[], 1), Err(Error::Rows { .. })));
    }
}
