//! Metrics of predictions whose outcome is known.

use ndarray::Array2;

use super::classes::MISSING;
use super::confusion::{Confusion, metric_of};
use super::metric::Metric;
use super::predictions::{Predictions, Rows};
use super::probability::surprise;
use super::ranked::{Curve, Falling};
use crate::error::Error;
use crate::math::moments::compensated_sum;

impl Predictions {
    /// Returns a metric of the rows whose actual class is known; `None` where it is undefined, or where what it needs is not there.
    ///
    /// Undefined are the area under the curve and average precision unless every class occurs, and shares of nothing
    /// ([`Confusion::metric`]). Equal to scikit-learn, with `average="macro"` for more than two classes (`multi_class="ovr"` for the
    /// area under the curve). O(n log n) for a class where the order counts, otherwise O(n).
    ///
    /// # Errors
    /// [`Error::Range`] beyond 2^32 - 1 rows.
    pub fn realised(&self, metric: Metric) -> Result<Option<f64>, Error> {
        let rows = self.all();
        Ok(match metric {
            Metric::RocAuc | Metric::AveragePrecision => rows.realised_curve(metric, &rows.orders()?),
            _ => rows.realised_without_order(metric, rows.realised_cells().as_ref()),
        })
    }

    /// Returns the rows by actual and predicted class; `None` without predicted or actual classes.
    #[must_use]
    pub fn confusion(&self) -> Option<Confusion> {
        Some(Confusion::of_cells(self.classes(), self.all().realised_cells()?.view()))
    }
}

impl Rows<'_> {
    /// Returns the rows of each problem in falling order of the scores.
    pub(crate) fn orders(&self) -> Result<Vec<Falling>, Error> {
        self.problems().map(|(_, scores)| Falling::new(scores)).collect()
    }

    /// Returns counts `[actual, predicted]`.
    pub(crate) fn realised_cells(&self) -> Option<Array2<f64>> {
        let side = self.of.classes().len();
        let (actual, predicted) = (self.actual(), self.predicted());
        if actual.is_empty() || predicted.is_empty() {
            return None;
        }
        let mut counts = Array2::<u64>::zeros((side, side));
        for (actual, predicted) in actual.iter().zip(predicted) {
            // A missing class has no place in the matrix.
            if let Some(cell) = counts.get_mut((*actual as usize, *predicted as usize)) {
                *cell += 1;
            }
        }
        Some(counts.mapv(|count| count as f64))
    }

    /// Returns a metric that needs the order of the rows by score.
    pub(crate) fn realised_curve(&self, metric: Metric, orders: &[Falling]) -> Option<f64> {
        let actual = self.actual();
        let of_problem = |(class, order): (u32, &Falling)| {
            let curve = Curve::with_ties(order.rows().filter_map(|(score, row)| {
                let actual = actual.get(row).filter(|actual| **actual != MISSING)?;
                Some((score, f64::from(u8::from(*actual == class))))
            }));
            match metric {
                Metric::RocAuc => curve.roc_auc(),
                _ => curve.average_precision(),
            }
        };
        let classes = self.problems().map(|(class, _)| class);
        let values: Vec<f64> = classes.zip(orders).map(of_problem).collect::<Option<_>>()?;
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    }

    /// Returns any other metric.
    pub(crate) fn realised_without_order(&self, metric: Metric, cells: Option<&Array2<f64>>) -> Option<f64> {
        match metric {
            Metric::LogLoss | Metric::Brier => {
                let losses: Vec<f64> = self.losses(metric).collect();
                (!losses.is_empty()).then(|| compensated_sum(losses.iter().copied()) / losses.len() as f64)
            }
            _ => metric_of(cells?.view(), metric),
        }
    }

    /// Returns the loss of each row that has an actual class and all its probabilities.
    pub(crate) fn losses(&self, metric: Metric) -> impl Iterator<Item = f64> {
        let columns: Vec<&[f64]> = self.problems().map(|(_, scores)| scores).collect();
        let loss = move |(row, actual): (usize, &u32)| {
            let scores = columns.iter().filter_map(move |column| column.get(row).copied());
            let loss = loss_of(metric, scores, columns.len(), |class| f64::from(u8::from(class == *actual)));
            (*actual != MISSING && !loss.is_nan()).then_some(loss)
        };
        self.actual().iter().enumerate().filter_map(loss)
    }
}

/// Returns the loss of a row, expected over classes of the given probability; NaN if a score is missing.
pub(crate) fn loss_of(
    metric: Metric,
    scores: impl Iterator<Item = f64>,
    problems: usize,
    probability: impl Fn(u32) -> f64,
) -> f64 {
    let binary = problems == 1;
    let terms = (u32::from(binary)..).zip(scores).map(|(class, score)| {
        let happens = probability(class);
        match (metric, binary) {
            (Metric::LogLoss, true) => happens * surprise(score) + (1.0 - happens) * surprise(1.0 - score),
            (Metric::LogLoss, false) => happens * surprise(score),
            _ => happens * (1.0 - score).powi(2) + (1.0 - happens) * score.powi(2),
        }
    });
    terms.sum()
}
