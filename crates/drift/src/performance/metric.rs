//! The metrics of performance, their names and ranges.

use serde::{Deserialize, Serialize};

/// A number that says how well a model does.
///
/// With two classes the metric is that of the positive class; with more it is the mean over the classes, each against the rest
/// (macro average), except for accuracy, log loss and Brier score, which look at all classes at once.
///
/// ```
/// use lineal_drift::performance::Metric;
/// assert_eq!(Metric::RocAuc.range(), (Some(0.0), Some(1.0)));
/// assert_eq!(serde_json::to_string(&Metric::AveragePrecision)?, r#""average_precision""#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Metric {
    /// Area under the receiver operating characteristic: how often a positive row has the higher score, ties as half.
    RocAuc,
    /// Mean precision at the scores of the positive rows, rows of equal score taken together.
    AveragePrecision,
    /// Harmonic mean of precision and recall.
    F1,
    /// Share of the rows predicted positive that are.
    Precision,
    /// Share of the positive rows that are predicted so; also sensitivity.
    Recall,
    /// Share of the negative rows that are predicted so.
    Specificity,
    /// Share of the rows predicted right.
    Accuracy,
    /// Mean negative logarithm (base e) of the probability given to what happened; less is better.
    LogLoss,
    /// Mean squared distance of the probabilities from what happened; with more than two classes the sum over them, up to 2 if the
    /// probabilities of a row add up to 1. Less is better.
    Brier,
    /// Mean absolute error.
    Mae,
    /// Mean squared error.
    Mse,
    /// Root of the mean squared error.
    Rmse,
    /// Mean absolute error as a share of the actual value.
    Mape,
    /// Mean squared difference of the logarithms of 1 + value.
    Msle,
    /// Root of the mean squared logarithmic error.
    Rmsle,
    /// Share of the variance that is explained; negative if the mean would be a better prediction.
    R2,
}

impl Metric {
    /// The metrics of classifiers.
    pub const CLASSIFICATION: [Self; 9] = [
        Self::RocAuc,
        Self::AveragePrecision,
        Self::F1,
        Self::Precision,
        Self::Recall,
        Self::Specificity,
        Self::Accuracy,
        Self::LogLoss,
        Self::Brier,
    ];

    /// The metrics of regressions.
    pub const REGRESSION: [Self; 7] = [Self::Mae, Self::Mse, Self::Rmse, Self::Mape, Self::Msle, Self::Rmsle, Self::R2];

    /// Returns the least and the greatest value that the metric can have, `None` where there is no limit.
    #[must_use]
    pub fn range(self) -> (Option<f64>, Option<f64>) {
        match self {
            Self::RocAuc
            | Self::AveragePrecision
            | Self::F1
            | Self::Precision
            | Self::Recall
            | Self::Specificity
            | Self::Accuracy => (Some(0.0), Some(1.0)),
            Self::R2 => (None, Some(1.0)),
            _ => (Some(0.0), None),
        }
    }

    /// Says whether a greater value is the better one.
    #[must_use]
    pub fn greater_is_better(self) -> bool {
        self.range().1 == Some(1.0)
    }
}
