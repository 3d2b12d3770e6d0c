//! Metrics of regressions.

use std::ops::Range;

use arrow::array::Array;

use super::metric::Metric;
use crate::arrays;
use crate::error::Error;
use crate::math::moments::{compensated_sum, squared_deviations};

/// Predicted numbers and, where they are known, actual ones.
///
/// Null and NaN are missing: a row that lacks either is left out.
///
/// ```
/// use arrow::array::Float64Array;
/// use lineal_drift::performance::{Metric, RegressionPredictions};
///
/// let predictions = RegressionPredictions::new(&Float64Array::from(vec![2.5, 0.0, 2.0, 8.0]))?
///     .with_actual(&Float64Array::from(vec![3.0, -0.5, 2.0, 7.0]))?;
/// assert_eq!(predictions.realised(Metric::Mae)?, Some(0.5));
/// assert_eq!(predictions.realised(Metric::Mse)?, Some(0.375));
/// # Ok::<(), lineal_drift::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RegressionPredictions {
    predicted: Vec<f64>,
    actual: Vec<f64>,
}

impl RegressionPredictions {
    /// Takes the predicted value of each row.
    ///
    /// # Errors
    /// [`Error::UnsupportedType`] if the array holds no numbers, [`Error::Outside`] for an infinity.
    pub fn new(predicted: &dyn Array) -> Result<Self, Error> {
        Ok(Self { predicted: finite("predicted values", predicted)?, actual: Vec::new() })
    }

    /// Adds the actual value of each row, null where it is not known yet.
    ///
    /// # Errors
    /// [`Error::Rows`] if there is not one for each row, otherwise as [`RegressionPredictions::new`].
    pub fn with_actual(mut self, actual: &dyn Array) -> Result<Self, Error> {
        if actual.len() != self.predicted.len() {
            return Err(Error::Rows { what: "actual values", expected: self.predicted.len(), actual: actual.len() });
        }
        self.actual = finite("actual values", actual)?;
        Ok(self)
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.predicted.len()
    }

    /// Returns whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.predicted.is_empty()
    }

    /// Returns how many rows have an actual value.
    #[must_use]
    pub fn labelled(&self) -> u64 {
        self.actual.iter().filter(|actual| !actual.is_nan()).count() as u64
    }

    pub(crate) fn predicted(&self, row: usize) -> f64 {
        self.predicted.get(row).copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn actual(&self, row: usize) -> f64 {
        self.actual.get(row).copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn slice(&self, rows: Range<usize>) -> Self {
        let of = |values: &[f64]| values.get(rows.clone()).unwrap_or_default().to_vec();
        Self { predicted: of(&self.predicted), actual: of(&self.actual) }
    }

    /// Returns a metric of the rows whose actual value is known; `None` without such a row, for a metric of classifiers, and where it
    /// is undefined: a share of an actual 0, the logarithm of a value of -1 or less, R² of constant actual values.
    ///
    /// Equal to scikit-learn where it is defined. O(n).
    ///
    /// # Errors
    /// [`Error::Range`] if the result is beyond the range of `f64`.
    pub fn realised(&self, metric: Metric) -> Result<Option<f64>, Error> {
        let rows = || {
            self.predicted.iter().copied().zip(self.actual.iter().copied()).filter(|(p, a)| !(p.is_nan() || a.is_nan()))
        };
        let count = rows().count() as f64;
        let mean = |term: fn(f64, f64) -> f64| compensated_sum(rows().map(|(p, a)| term(p, a))) / count;
        let square = |p: f64, a: f64| (p - a).powi(2);
        let log_square = |p: f64, a: f64| (p.ln_1p() - a.ln_1p()).powi(2);
        let has_logs = || rows().all(|(p, a)| p > -1.0 && a > -1.0);
        let value = match metric {
            _ if count == 0.0 => None,
            Metric::Mae => Some(mean(|p, a| (p - a).abs())),
            Metric::Mse => Some(mean(square)),
            Metric::Rmse => Some(mean(square).sqrt()),
            Metric::Mape => rows().all(|(_, a)| a != 0.0).then(|| mean(|p, a| ((p - a) / a).abs())),
            Metric::Msle => has_logs().then(|| mean(log_square)),
            Metric::Rmsle => has_logs().then(|| mean(log_square).sqrt()),
            Metric::R2 => {
                let actual: Vec<f64> = rows().map(|(_, a)| a).collect();
                let spread = squared_deviations(&actual);
                (spread > 0.0).then(|| 1.0 - mean(square) * (count / spread))
            }
            _ => None,
        };
        match value {
            Some(value) if !value.is_finite() => Err(Error::Range { what: "the metric" }),
            value => Ok(value),
        }
    }
}

fn finite(what: &'static str, array: &dyn Array) -> Result<Vec<f64>, Error> {
    let values = arrays::numbers_by_row(array)?;
    match values.iter().find(|value| value.is_infinite()) {
        Some(value) => Err(Error::Outside { what, value: *value, rule: "finite" }),
        None => Ok(values),
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::Float64Array;

    use super::*;

    fn of(predicted: Vec<f64>, actual: Vec<Option<f64>>) -> RegressionPredictions {
        RegressionPredictions::new(&Float64Array::from(predicted))
            .unwrap()
            .with_actual(&Float64Array::from(actual))
            .unwrap()
    }

    #[test]
    fn what_is_undefined_is_none_and_what_is_too_large_an_error() {
        for metric in Metric::REGRESSION {
            assert_eq!(of(vec![1.0], vec![None]).realised(metric).unwrap(), None);
            assert_eq!(
                RegressionPredictions::new(&Float64Array::from(vec![1.0])).unwrap().realised(metric).unwrap(),
                None
            );
        }
        assert_eq!(of(vec![1.0], vec![Some(0.0)]).realised(Metric::Mape).unwrap(), None);
        assert_eq!(of(vec![-1.0], vec![Some(0.0)]).realised(Metric::Msle).unwrap(), None);
        assert_eq!(of(vec![1.0; 2], vec![Some(2.0); 2]).realised(Metric::R2).unwrap(), None);
        assert_eq!(of(vec![1.0], vec![Some(2.0)]).realised(Metric::RocAuc).unwrap(), None);
        assert!(matches!(of(vec![1e308], vec![Some(-1e308)]).realised(Metric::Mse), Err(Error::Range { .. })));
        assert!(matches!(
            RegressionPredictions::new(&Float64Array::from(vec![f64::INFINITY])),
            Err(Error::Outside { .. })
        ));
    }
}
