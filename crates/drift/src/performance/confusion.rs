//! Counts of what was predicted against what happened, and the metrics that follow from them alone.

use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use super::metric::Metric;
use crate::error::Error;

/// Rows by actual and predicted class.
///
/// The cells are counts if the classes are known, and expected counts (any number of 0 or more) if they are estimated; the metrics
/// are the same functions of both.
///
/// ```
/// use lineal_drift::performance::{Confusion, Metric};
///
/// // Rows are the actual classes, columns the predicted ones.
/// let confusion = Confusion::new(["bad", "good"], &[vec![50.0, 10.0], vec![5.0, 35.0]])?;
/// assert_eq!(confusion.metric(Metric::Accuracy), Some(0.85));
/// assert_eq!(confusion.metric(Metric::Recall), Some(0.875));
/// // Each missed good one costs 20, each false alarm 1.
/// assert_eq!(confusion.value(&[vec![0.0, -1.0], vec![-20.0, 0.0]])?, -110.0);
/// # Ok::<(), lineal_drift::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Confusion {
    /// The classes; of two, the second is the positive one.
    pub classes: Vec<String>,
    /// `cells[actual][predicted]`, as many rows and columns as classes.
    pub cells: Vec<Vec<f64>>,
}

impl Confusion {
    /// Takes the cells `[actual][predicted]`.
    ///
    /// # Errors
    /// [`Error::Rows`] if the cells are not as many rows and columns as there are classes, [`Error::Outside`] for a cell that is
    /// negative or not finite.
    pub fn new<N: Into<String>>(classes: impl IntoIterator<Item = N>, cells: &[Vec<f64>]) -> Result<Self, Error> {
        let classes: Vec<String> = classes.into_iter().map(Into::into).collect();
        same_shape(&classes, cells)?;
        if let Some(value) = cells.iter().flatten().find(|cell| !(cell.is_finite() && **cell >= 0.0)) {
            return Err(Error::Outside { what: WHAT, value: *value, rule: "a finite count of 0 or more" });
        }
        Ok(Self { classes, cells: cells.to_vec() })
    }

    pub(crate) fn of_cells(classes: &[String], cells: ArrayView2<'_, f64>) -> Self {
        Self { classes: classes.to_vec(), cells: cells.rows().into_iter().map(|row| row.to_vec()).collect() }
    }

    /// Returns the number of rows counted.
    #[must_use]
    pub fn rows(&self) -> f64 {
        self.cells.iter().flatten().sum()
    }

    /// Returns accuracy, precision, recall, specificity or F1; `None` for another metric, and where the metric is undefined.
    ///
    /// With two classes a share of nothing is undefined: a model that never says yes has no precision. With more, such a class adds
    /// 0 to the mean, as in scikit-learn.
    #[must_use]
    pub fn metric(&self, metric: Metric) -> Option<f64> {
        metric_of(self.matrix()?.view(), metric)
    }

    /// Returns the metric of one class against the rest, `None` where it is undefined.
    #[must_use]
    pub fn metric_of_class(&self, metric: Metric, class: &str) -> Option<f64> {
        let at = self.classes.iter().position(|name| name == class)?;
        OneClass::of(self.matrix()?.view(), at).metric(metric)
    }

    /// Returns the sum of the counts times what each of them is worth, in the unit of `values[actual][predicted]`.
    ///
    /// # Errors
    /// [`Error::Rows`] if there is not a value for each cell.
    pub fn value(&self, values: &[Vec<f64>]) -> Result<f64, Error> {
        same_shape(&self.classes, values)?;
        Ok(self.cells.iter().flatten().zip(values.iter().flatten()).map(|(cell, value)| cell * value).sum())
    }

    /// Returns the cells as shares of all rows, of their actual class, or of their predicted class; 0 of nothing.
    #[must_use]
    pub fn shares(&self, of: ShareOf) -> Vec<Vec<f64>> {
        let all = self.rows();
        let actual = |at: usize| self.cells.get(at).map_or(0.0, |row| row.iter().sum());
        let predicted = |at: usize| self.cells.iter().filter_map(|row| row.get(at)).sum();
        let share = |(i, j): (usize, usize), cell: f64| {
            let whole = match of {
                ShareOf::All => all,
                ShareOf::Actual => actual(i),
                ShareOf::Predicted => predicted(j),
            };
            if whole > 0.0 { cell / whole } else { 0.0 }
        };
        let row = |(i, row): (usize, &Vec<f64>)| row.iter().enumerate().map(|(j, cell)| share((i, j), *cell)).collect();
        self.cells.iter().enumerate().map(row).collect()
    }

    /// The cells as a matrix; `None` if they have been changed to have another shape.
    fn matrix(&self) -> Option<Array2<f64>> {
        let side = self.classes.len();
        same_shape(&self.classes, &self.cells).ok()?;
        Array2::from_shape_vec((side, side), self.cells.concat()).ok()
    }
}

/// What a cell of [`Confusion::shares`] is a share of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ShareOf {
    /// All rows.
    All,
    /// The rows of the actual class.
    Actual,
    /// The rows of the predicted class.
    Predicted,
}

/// Returns a metric of a square matrix `[actual, predicted]`.
pub(crate) fn metric_of(cells: ArrayView2<'_, f64>, metric: Metric) -> Option<f64> {
    let side = cells.nrows();
    if metric == Metric::Accuracy {
        return share(cells.diag().sum(), cells.sum());
    }
    if side == 2 {
        return OneClass::of(cells, 1).metric(metric);
    }
    let is_of_labels = matches!(metric, Metric::F1 | Metric::Precision | Metric::Recall | Metric::Specificity);
    let of_class = |at| OneClass::of(cells, at).metric(metric).unwrap_or(0.0);
    (is_of_labels && cells.sum() > 0.0).then(|| (0..side).map(of_class).sum::<f64>() / side as f64)
}

/// One class against the rest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OneClass {
    pub(crate) true_positive: f64,
    pub(crate) false_positive: f64,
    pub(crate) false_negative: f64,
    pub(crate) true_negative: f64,
}

impl OneClass {
    pub(crate) fn of(cells: ArrayView2<'_, f64>, class: usize) -> Self {
        let true_positive = cells.get((class, class)).copied().unwrap_or_default();
        let off = |sum: f64| (sum - true_positive).max(0.0);
        let in_row: f64 = cells.rows().into_iter().nth(class).map_or(0.0, |row| row.sum());
        let in_column: f64 = cells.columns().into_iter().nth(class).map_or(0.0, |column| column.sum());
        let (false_negative, false_positive) = (off(in_row), off(in_column));
        let true_negative = (cells.sum() - true_positive - false_negative - false_positive).max(0.0);
        Self { true_positive, false_positive, false_negative, true_negative }
    }

    fn metric(self, metric: Metric) -> Option<f64> {
        let Self { true_positive, false_positive, false_negative, true_negative } = self;
        match metric {
            Metric::F1 => share(true_positive, true_positive + 0.5 * (false_positive + false_negative)),
            Metric::Precision => share(true_positive, true_positive + false_positive),
            Metric::Recall => share(true_positive, true_positive + false_negative),
            Metric::Specificity => share(true_negative, true_negative + false_positive),
            Metric::Accuracy => {
                let right = true_positive + true_negative;
                share(right, right + false_positive + false_negative)
            }
            _ => None,
        }
    }
}

fn share(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

fn same_shape(classes: &[String], cells: &[Vec<f64>]) -> Result<(), Error> {
    let expected = classes.len();
    let lengths = std::iter::once(cells.len()).chain(cells.iter().map(Vec::len));
    match lengths.into_iter().find(|length| *length != expected) {
        Some(actual) => Err(Error::Rows { what: WHAT, expected, actual }),
        None => Ok(()),
    }
}

const WHAT: &str = "confusion matrix";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undefined_shares_are_none_for_two_and_zero_among_many() {
        let never = Confusion::new(["0", "1"], &[vec![3.0, 0.0], vec![2.0, 0.0]]).unwrap();
        assert_eq!(never.metric(Metric::Precision), None);
        assert_eq!((never.metric(Metric::Recall), never.metric(Metric::F1)), (Some(0.0), Some(0.0)));
        let three = Confusion::new(["a", "b", "c"], &[vec![1.0, 0.0, 0.0], vec![0.0, 1.0, 0.0], vec![1.0, 0.0, 0.0]]);
        assert_eq!(three.unwrap().metric(Metric::Precision), Some(0.5));
        let none = Confusion::new(["a", "b", "c"], &[vec![0.0; 3], vec![0.0; 3], vec![0.0; 3]]).unwrap();
        assert_eq!((none.metric(Metric::Accuracy), none.metric(Metric::F1)), (None, None));
        assert_eq!(none.metric(Metric::RocAuc), None);
    }

    #[test]
    fn shares_add_up() {
        let confusion = Confusion::new(["0", "1"], &[vec![3.0, 1.0], vec![2.0, 4.0]]).unwrap();
        assert_eq!(confusion.shares(ShareOf::All), [[0.3, 0.1], [0.2, 0.4]]);
        assert_eq!(confusion.shares(ShareOf::Actual)[0], [0.75, 0.25]);
        assert_eq!(confusion.shares(ShareOf::Predicted)[1], [0.4, 0.8]);
    }

    #[test]
    fn other_shapes_are_refused() {
        assert!(matches!(Confusion::new(["a"], &[vec![1.0, 2.0]]), Err(Error::Rows { actual: 2, .. })));
        assert!(matches!(Confusion::new(["a"], &[vec![f64::NAN]]), Err(Error::Outside { .. })));
        let mut changed = Confusion::new(["a"], &[vec![1.0]]).unwrap();
        changed.cells.clear();
        assert_eq!(changed.metric(Metric::Accuracy), None);
        assert!(changed.value(&[]).is_err());
    }
}
