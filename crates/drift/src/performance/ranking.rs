//! Metrics of rankings.

use std::collections::HashMap;

use arrow::array::Array;

use super::keys::keys_by_row;
use super::ranked::{Curve, Falling};
use crate::arrays;
use crate::error::Error;

/// What was offered for each query, ranked by score, with its relevance.
///
/// Each metric is the mean over the queries; a query without anything relevant counts as 0. A relevance above 0 is a hit. Rows with a
/// missing query, score or relevance are left out.
///
/// ```
/// use arrow::array::{Float64Array, Int64Array};
/// use lineal_drift::performance::Rankings;
///
/// let rankings = Rankings::new(
///     &Int64Array::from(vec![1, 1, 1, 2, 2]),
///     &Float64Array::from(vec![0.9, 0.5, 0.1, 0.4, 0.7]),
///     &Int64Array::from(vec![0, 1, 0, 0, 1]),
/// )?;
/// assert_eq!(rankings.mean_reciprocal_rank(), Some(0.75));
/// assert_eq!(rankings.precision_at(1)?, Some(0.5));
/// # Ok::<(), lineal_drift::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Rankings {
    /// Scores and relevances of each query by falling score, equal scores in the order of the rows.
    queries: Vec<Vec<(f64, f64)>>,
}

impl Rankings {
    /// Takes query (integer or text), score and relevance of each row. O(n log n).
    ///
    /// # Errors
    /// [`Error::Rows`] if the lengths differ, [`Error::UnsupportedType`] for queries that are no keys and scores or relevances that are
    /// no numbers, [`Error::Outside`] for a relevance that is negative or beyond 1e100, [`Error::Range`] beyond 2^32 - 1 rows.
    pub fn new(queries: &dyn Array, scores: &dyn Array, relevances: &dyn Array) -> Result<Self, Error> {
        for (what, array) in [("scores", scores), ("relevances", relevances)] {
            if array.len() != queries.len() {
                return Err(Error::Rows { what, expected: queries.len(), actual: array.len() });
            }
        }
        let relevances = arrays::numbers_by_row(relevances)?;
        if let Some(value) = relevances.iter().find(|value| **value < 0.0 || **value > LARGEST) {
            return Err(Error::Outside { what: "relevances", value: *value, rule: "from 0 to 1e100" });
        }
        let (_, keys) = keys_by_row(queries)?;
        let order = Falling::new(&arrays::numbers_by_row(scores)?)?;
        let mut places = HashMap::new();
        let mut rows_of: Vec<Vec<(f64, f64)>> = Vec::new();
        // Queries stand in the order in which they first occur, so that sums do not depend on a hash.
        let of_row: Vec<Option<usize>> = keys
            .into_iter()
            .map(|key| {
                let next = places.len();
                key.map(|key| *places.entry(key).or_insert(next))
            })
            .collect();
        rows_of.resize_with(places.len(), Vec::new);
        for (score, row) in order.rows() {
            let query = of_row.get(row).copied().flatten().and_then(|at| rows_of.get_mut(at));
            if let (Some(query), Some(relevance)) = (query, relevances.get(row).filter(|r| !r.is_nan())) {
                query.push((score, *relevance));
            }
        }
        Ok(Self { queries: rows_of.into_iter().filter(|rows| !rows.is_empty()).collect() })
    }

    /// Returns the number of queries with at least one row.
    #[must_use]
    pub fn queries(&self) -> usize {
        self.queries.len()
    }

    /// Returns the normalised discounted cumulative gain of the first `k`, 0 to 1; `None` without a query.
    ///
    /// The gain is the relevance itself, the discount the logarithm (base 2) of 1 + rank; rows of equal score share the mean of their
    /// gains. Source: Järvelin and Kekäläinen (2002); equal to scikit-learn's `ndcg_score`.
    ///
    /// # Errors
    /// [`Error::Setting`] for `k` = 0.
    pub fn ndcg_at(&self, k: usize) -> Result<Option<f64>, Error> {
        checked(k)?;
        Ok(self.mean(|rows| {
            let mut ideal: Vec<f64> = rows.iter().map(|row| row.1).collect();
            ideal.sort_unstable_by(|a, b| b.total_cmp(a));
            let best: f64 = ideal.iter().take(k).enumerate().map(|(rank, gain)| gain * discount(rank)).sum();
            if best > 0.0 { gain_with_ties(rows, k) / best } else { 0.0 }
        }))
    }

    /// Returns the share of hits among the first `k`, 0 to 1; `None` without a query. Fewer than `k` rows are as if misses followed.
    ///
    /// # Errors
    /// [`Error::Setting`] for `k` = 0.
    pub fn precision_at(&self, k: usize) -> Result<Option<f64>, Error> {
        checked(k)?;
        Ok(self.mean(|rows| rows.iter().take(k).filter(|row| row.1 > 0.0).count() as f64 / k as f64))
    }

    /// Returns the mean of 1 / rank of the first hit, 0 to 1; `None` without a query.
    #[must_use]
    pub fn mean_reciprocal_rank(&self) -> Option<f64> {
        self.mean(|rows| rows.iter().position(|row| row.1 > 0.0).map_or(0.0, |at| 1.0 / (at as f64 + 1.0)))
    }

    /// Returns the mean of the queries' average precision, 0 to 1, rows of equal score taken together; `None` without a query.
    #[must_use]
    pub fn mean_average_precision(&self) -> Option<f64> {
        self.mean(|rows| {
            let hits = rows.iter().map(|(score, relevance)| (*score, f64::from(u8::from(*relevance > 0.0))));
            Curve::with_ties(hits).average_precision().unwrap_or(0.0)
        })
    }

    fn mean(&self, of_query: impl Fn(&[(f64, f64)]) -> f64) -> Option<f64> {
        let count = self.queries.len();
        (count > 0).then(|| self.queries.iter().map(|rows| of_query(rows)).sum::<f64>() / count as f64)
    }
}

fn gain_with_ties(rows: &[(f64, f64)], k: usize) -> f64 {
    let (mut rank, mut gain) = (0, 0.0);
    for tied in rows.chunk_by(|a, b| a.0 == b.0) {
        if rank >= k {
            break;
        }
        let discounts: f64 = (rank..(rank + tied.len()).min(k)).map(discount).sum();
        gain += tied.iter().map(|row| row.1).sum::<f64>() / tied.len() as f64 * discounts;
        rank += tied.len();
    }
    gain
}

/// Returns the weight of a rank, from 0.
fn discount(rank: usize) -> f64 {
    1.0 / (rank as f64 + 2.0).log2()
}

fn checked(k: usize) -> Result<(), Error> {
    if k == 0 { Err(Error::Setting { name: "k", value: 0.0, rule: "at least 1" }) } else { Ok(()) }
}

const LARGEST: f64 = 1e100;

#[cfg(test)]
mod tests {
    use arrow::array::{Float64Array, Int64Array, StringArray};

    use super::*;

    #[test]
    fn missing_rows_are_left_out_and_nonsense_is_refused() {
        let scores = Float64Array::from(vec![Some(0.5), None, Some(0.1), Some(0.3)]);
        let queries = StringArray::from(vec![Some("a"), Some("b"), None, Some("a")]);
        let found = Rankings::new(&queries, &scores, &Int64Array::from(vec![0, 1, 1, 1])).unwrap();
        assert_eq!(
            (found.queries(), found.mean_reciprocal_rank(), found.precision_at(4).unwrap()),
            (1, Some(0.5), Some(0.25))
        );
        assert!(matches!(found.ndcg_at(0), Err(Error::Setting { .. })));
        let negative = Rankings::new(&queries, &scores, &Int64Array::from(vec![0, -1, 1, 1]));
        assert!(matches!(negative, Err(Error::Outside { .. })));
        assert!(matches!(Rankings::new(&queries, &scores, &Int64Array::from(vec![0])), Err(Error::Rows { .. })));
        let none: [f64; 0] = [];
        let none = Rankings::new(
            &Int64Array::from(Vec::<i64>::new()),
            &Float64Array::from_iter_values(none),
            &Int64Array::from(Vec::<i64>::new()),
        );
        let none = none.unwrap();
        assert_eq!((none.ndcg_at(3).unwrap(), none.mean_average_precision()), (None, None));
    }
}
