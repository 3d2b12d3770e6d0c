//! How well a model does: with labels, with late ones, and without.
//!
//! [`Predictions`] holds what a classifier said, and what happened where it is known: [`Predictions::realised`] is a metric of it.
//! Labels that come late are joined by [`LabelJoin`]. Until they come, [`Cbpe`] estimates the same metrics from the probabilities,
//! which [`Reliability`] checks and [`IsotonicRegression`] calibrates. Regressions have
//! [`RegressionPredictions`] and [`Dle`], rankings [`Rankings`].

mod boosting; // the regressor of direct loss estimation
mod calibration; // whether to calibrate
mod cbpe; // metrics estimated without labels
mod classes; // which class a row names
mod confusion; // counts of predicted against actual
mod dle; // the same of regressions
mod isotonic; // pooling adjacent violators
mod keys; // what identifies a row
mod label_join; // labels that come late
mod metric; // names and ranges
mod predictions; // what a classifier said
mod probability; // log loss, Brier score
mod ranked; // what the order of scores tells
mod ranking; // what was offered for queries
mod realised; // metrics with labels
mod regression; // predicted numbers
mod reliability; // calibration error
mod report; // what was found, as plain data
mod sampling_error; // how far a metric strays by chance

pub use self::cbpe::{Calibration, Cbpe, CbpeSettings, MetricReference};
pub use self::confusion::{Confusion, ShareOf};
pub use self::dle::{Dle, DleSettings};
pub use self::isotonic::IsotonicRegression;
pub use self::label_join::{Conflict, LabelCounts, LabelCoverage, LabelJoin};
pub use self::metric::Metric;
pub use self::predictions::Predictions;
pub use self::probability::{brier, log_loss};
pub use self::ranked::{average_precision, roc_auc};
pub use self::ranking::Rankings;
pub use self::regression::RegressionPredictions;
pub use self::reliability::{Reliability, ReliabilityBin};
pub use self::report::{ChunkPerformance, MetricPerformance, PerformanceReport};
