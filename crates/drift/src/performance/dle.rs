//! Direct loss estimation.

use ndarray::ArrayView2;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::boosting::{Binned, Boosting};
use super::cbpe::MetricReference;
use super::metric::Metric;
use super::regression::RegressionPredictions;
use super::report::{ChunkPerformance, Found, MetricPerformance, PerformanceReport, usual};
use crate::error::{Error, Side};
use crate::math::moments::{compensated_sum, mean, std_population};

/// Estimates the metrics of a regression without labels, from the errors that it used to make on rows like these.
///
/// [`Dle::fit`] learns from a labelled reference, which the model was not trained on, the loss of a row from its features and its
/// prediction, by gradient boosting of small trees; the mean of the losses that it predicts is the estimate. It sees a move of the
/// inputs to where the model is worse. It does not see that the same inputs have come to mean something else (concept drift).
///
/// Source: `NannyML`'s DLE; the regressor is our own, so the numbers are near to those of another one and not equal. The same bits on
/// any number of threads.
///
/// ```
/// use arrow::array::Float64Array;
/// use lineal_drift::ndarray::Array2;
/// use lineal_drift::performance::{Dle, DleSettings, Metric, RegressionPredictions};
///
/// // The larger x, the larger the error.
/// let x = |row: usize| (row * 37 % 1_000) as f64 / 1_000.0;
/// let features = Array2::from_shape_fn((4_000, 1), |(row, _)| x(row));
/// let zero = |rows: usize| RegressionPredictions::new(&Float64Array::from(vec![0.0; rows]));
/// let actual = Float64Array::from_iter_values((0..4_000).map(|row| if row % 2 == 0 { x(row) } else { -x(row) }));
/// let settings = DleSettings::default().with_chunk_rows(1_000).with_metrics([Metric::Mae]);
/// let dle = Dle::fit(features.view(), &zero(4_000)?.with_actual(&actual)?, settings)?;
///
/// // Later every x is large; no label is known.
/// let report = dle.estimate(Array2::from_elem((1_000, 1), 0.9).view(), &zero(1_000)?)?;
/// let mae = report.chunks[0].metric(Metric::Mae).unwrap();
/// assert!((mae.estimated.unwrap() - 0.9).abs() < 0.05 && mae.alert);
/// # Ok::<(), lineal_drift::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dle {
    settings: DleSettings,
    features: usize,
    /// A regressor for each loss that a metric needs.
    losses: Vec<(Loss, Boosting)>,
    references: Vec<MetricReference>,
}

/// Settings of [`Dle`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct DleSettings {
    /// The metrics; mean absolute, mean squared and root mean squared error by default. R² cannot be estimated.
    pub metrics: Vec<Metric>,
    /// Rows of a chunk, 10,000 by default; the last one takes what is left.
    pub chunk_rows: usize,
    /// Half the width of the bands, in standard deviations of the chunks of the reference; 3 by default.
    pub deviations: f64,
}

impl Default for DleSettings {
    fn default() -> Self {
        Self { metrics: vec![Metric::Mae, Metric::Mse, Metric::Rmse], chunk_rows: 10_000, deviations: 3.0 }
    }
}

impl DleSettings {
    /// Sets the metrics.
    #[must_use]
    pub fn with_metrics(mut self, metrics: impl IntoIterator<Item = Metric>) -> Self {
        self.metrics = metrics.into_iter().collect();
        self
    }

    /// Sets the rows of a chunk.
    #[must_use]
    pub fn with_chunk_rows(mut self, chunk_rows: usize) -> Self {
        self.chunk_rows = chunk_rows;
        self
    }

    /// Sets half the width of the bands, in standard deviations.
    #[must_use]
    pub fn with_deviations(mut self, deviations: f64) -> Self {
        self.deviations = deviations;
        self
    }

    fn check(&self) -> Result<(), Error> {
        if self.chunk_rows == 0 {
            return Err(Error::Setting { name: "chunk_rows", value: 0.0, rule: "at least 1" });
        }
        match self.metrics.iter().all(|metric| Loss::of(*metric).is_some()) {
            true => Ok(()),
            false => Err(Error::NotNumeric { what: "the metrics of direct loss estimation" }),
        }
    }
}

/// What a metric is the mean of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Loss {
    Absolute,
    Squared,
    Share,
    SquaredLog,
}

impl Loss {
    fn of(metric: Metric) -> Option<Self> {
        match metric {
            Metric::Mae => Some(Self::Absolute),
            Metric::Mse | Metric::Rmse => Some(Self::Squared),
            Metric::Mape => Some(Self::Share),
            Metric::Msle | Metric::Rmsle => Some(Self::SquaredLog),
            _ => None,
        }
    }

    /// Returns the loss of a row; NaN where it is undefined.
    fn value(self, predicted: f64, actual: f64) -> f64 {
        match self {
            Self::Absolute => (predicted - actual).abs(),
            Self::Squared => (predicted - actual).powi(2),
            Self::Share if actual == 0.0 => f64::NAN,
            Self::Share => ((predicted - actual) / actual).abs(),
            Self::SquaredLog => (predicted.ln_1p() - actual.ln_1p()).powi(2),
        }
    }
}

fn is_root(metric: Metric) -> bool {
    matches!(metric, Metric::Rmse | Metric::Rmsle)
}

impl Dle {
    /// Learns from features, shape `[rows, features]` with NaN for missing values, and predictions whose actual values are known.
    ///
    /// Categories are to be given as numbers. O(rows · features) for each of some hundred levels of trees.
    ///
    /// # Errors
    /// [`Error::Setting`] for a setting out of range, [`Error::NotNumeric`] for a metric that cannot be estimated, [`Error::Rows`] if
    /// the lengths differ, [`Error::Outside`] for an infinite feature, [`Error::Empty`] if no row has a loss, [`Error::Range`] for
    /// losses beyond the range of `f64`.
    pub fn fit(
        features: ArrayView2<'_, f64>,
        reference: &RegressionPredictions,
        settings: DleSettings,
    ) -> Result<Self, Error> {
        settings.check()?;
        check_features(features, reference, None)?;
        let mut needed: Vec<Loss> = settings.metrics.iter().filter_map(|metric| Loss::of(*metric)).collect();
        needed.sort_unstable();
        needed.dedup();
        let losses =
            needed.iter().map(|loss| Ok((*loss, learn(*loss, features, reference)?))).collect::<Result<_, Error>>()?;
        let references = settings.metrics.iter().map(|metric| summarise(*metric, reference, &settings));
        let references = references.collect::<Result<_, Error>>()?;
        Ok(Self { features: features.ncols(), losses, references, settings })
    }

    /// Returns what the reference says about each metric, in the order of the settings.
    #[must_use]
    pub fn references(&self) -> &[MetricReference] {
        &self.references
    }

    /// Estimates the metrics of each chunk, and computes them where actual values are there. O(rows).
    ///
    /// # Errors
    /// [`Error::Rows`] if the lengths differ or there are not as many features as in the reference, [`Error::Outside`] for an infinite
    /// feature, [`Error::Range`] for a metric beyond the range of `f64`.
    pub fn estimate(
        &self,
        features: ArrayView2<'_, f64>,
        predictions: &RegressionPredictions,
    ) -> Result<PerformanceReport, Error> {
        check_features(features, predictions, Some(self.features))?;
        let starts: Vec<usize> = (0..predictions.len()).step_by(self.settings.chunk_rows.max(1)).collect();
        let chunk = |(index, start): (usize, &usize)| {
            let end = start.saturating_add(self.settings.chunk_rows.max(1)).min(predictions.len());
            self.chunk(index as u64, *start..end, features, predictions)
        };
        Ok(PerformanceReport { chunks: starts.par_iter().enumerate().map(chunk).collect::<Result<_, _>>()? })
    }

    fn chunk(
        &self,
        index: u64,
        range: std::ops::Range<usize>,
        features: ArrayView2<'_, f64>,
        predictions: &RegressionPredictions,
    ) -> Result<ChunkPerformance, Error> {
        let rows = predictions.slice(range.clone());
        let metric = |reference: &MetricReference| {
            let metric = reference.metric;
            let loss = Loss::of(metric).and_then(|loss| self.losses.iter().find(|(of, _)| *of == loss));
            let predicted = range.clone().filter_map(|row| {
                let prediction = predictions.predicted(row);
                let at = |feature: usize| feature_at(features, row, feature, prediction);
                // No loss is negative, whatever a sum of trees says.
                loss.filter(|_| !prediction.is_nan()).map(|(_, boosting)| boosting.predict(at).max(0.0))
            });
            let predicted: Vec<f64> = predicted.collect();
            let used = predicted.len() as f64;
            let mean = (used > 0.0).then(|| compensated_sum(predicted) / used);
            let estimated = mean.map(|mean| if is_root(metric) { mean.sqrt() } else { mean });
            let sampling_error = reference.deviation.filter(|_| used > 0.0).map(|one| one / used.sqrt());
            let realised = rows.realised(metric)?;
            Ok(MetricPerformance::new(metric, Found { estimated, sampling_error, realised }, reference.band))
        };
        Ok(ChunkPerformance {
            index,
            start: range.start as u64,
            end: range.end as u64,
            labelled: rows.labelled(),
            metrics: self.references.iter().map(metric).collect::<Result<_, Error>>()?,
            estimated_confusion: None,
            realised_confusion: None,
        })
    }
}

/// Returns a feature of a row; the prediction is one more.
fn feature_at(features: ArrayView2<'_, f64>, row: usize, feature: usize, prediction: f64) -> f64 {
    if feature == features.ncols() { prediction } else { features.get((row, feature)).copied().unwrap_or(f64::NAN) }
}

fn learn(loss: Loss, features: ArrayView2<'_, f64>, reference: &RegressionPredictions) -> Result<Boosting, Error> {
    let known: Vec<(usize, f64)> = losses(loss, reference).collect();
    if known.is_empty() {
        return Err(Error::Empty { what: "dle", side: Side::Reference });
    }
    if known.iter().any(|(_, loss)| loss.abs() > LARGEST) {
        return Err(Error::Range { what: "dle" });
    }
    let shape = (known.len(), features.ncols() + 1);
    let row = |at: usize| known.get(at).map_or(0, |(row, _)| *row);
    let table = ndarray::Array2::from_shape_fn(shape, |(at, feature)| {
        feature_at(features, row(at), feature, reference.predicted(row(at)))
    });
    let target: Vec<f64> = known.iter().map(|(_, loss)| *loss).collect();
    Ok(Boosting::fit(&Binned::new(table.view()), &target))
}

/// Returns rows and their losses where there is one.
fn losses(loss: Loss, reference: &RegressionPredictions) -> impl Iterator<Item = (usize, f64)> {
    let rows = (0..reference.len()).map(move |row| (row, loss.value(reference.predicted(row), reference.actual(row))));
    rows.filter(|(_, loss)| !loss.is_nan())
}

fn summarise(
    metric: Metric,
    reference: &RegressionPredictions,
    settings: &DleSettings,
) -> Result<MetricReference, Error> {
    let mut values = Vec::new();
    for start in (0..reference.len()).step_by(settings.chunk_rows.max(1)) {
        let end = start.saturating_add(settings.chunk_rows).min(reference.len());
        values.extend(reference.slice(start..end).realised(metric)?);
    }
    let known: Vec<f64> =
        Loss::of(metric).map_or_else(Vec::new, |loss| losses(loss, reference).map(|(_, loss)| loss).collect());
    let deviation = std_population(&known);
    // The root of a mean m strays by 1/(2√m) of what the mean does.
    let deviation = if is_root(metric) { deviation / (2.0 * mean(&known).sqrt()) } else { deviation };
    let band = usual(metric, &values, settings.deviations)?;
    Ok(MetricReference { metric, band, deviation: Some(deviation).filter(|deviation| deviation.is_finite()) })
}

fn check_features(
    features: ArrayView2<'_, f64>,
    predictions: &RegressionPredictions,
    columns: Option<usize>,
) -> Result<(), Error> {
    if features.nrows() != predictions.len() {
        return Err(Error::Rows { what: "rows of features", expected: predictions.len(), actual: features.nrows() });
    }
    if let Some(expected) = columns.filter(|expected| *expected != features.ncols()) {
        return Err(Error::Rows { what: "features", expected, actual: features.ncols() });
    }
    match features.iter().find(|value| value.is_infinite()) {
        Some(value) => Err(Error::Outside { what: "features", value: *value, rule: "finite" }),
        None => Ok(()),
    }
}

/// The squares of sums of losses up to this are numbers.
const LARGEST: f64 = 1e140;
