//! Confidence-based performance estimation.

use ndarray::Array2;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::calibration;
use super::classes::MISSING;
use super::confusion::{Confusion, metric_of};
use super::isotonic::IsotonicRegression;
use super::metric::Metric;
use super::predictions::{Predictions, Rows};
use super::ranked::{Curve, Falling};
use super::realised::loss_of;
use super::report::{ChunkPerformance, Found, MetricPerformance, PerformanceReport, usual};
use super::sampling_error;
use crate::band::Band;
use crate::error::{Error, Side};
use crate::math::moments::compensated_sum;

/// Estimates the metrics of a classifier without labels, from its own probabilities.
///
/// If a row's probability is p, and p is calibrated, then among many such rows the share p is positive: the expected confusion matrix,
/// and with it every metric, follows from the probabilities alone. [`Cbpe::fit`] learns from a labelled reference, which the model was
/// not trained on, how to calibrate, how far each metric strays by chance, and which values are usual. It holds no row of it.
///
/// The estimate sees a change of the inputs that makes the model less sure. It does not see that the same inputs have come to mean
/// something else (concept drift): for that there are labels, however late ([`LabelJoin`](super::LabelJoin)). Estimates of the
/// reference itself are those of a calibrator that has seen its labels.
///
/// Source: `NannyML`'s CBPE, whose numbers these are: estimates and bands for two classes and more (macro average), sampling errors
/// except that of average precision, which there is drawn at random. Rows of equal score are taken one by one for the estimate of
/// average precision, as there. The same bits on any number of threads.
///
/// ```
/// use arrow::array::{BooleanArray, Float64Array};
/// use lineal_drift::performance::{Cbpe, CbpeSettings, Metric, Predictions};
///
/// // In the reference the model is sure, and right as often as it says.
/// let sure = |i: u32| if i % 2 == 0 { 0.9 } else { 0.1 };
/// let happened = |i: u32| (i % 2 == 0) != (i % 10 > 7);
/// let classes = BooleanArray::from_iter((0..4_000).map(|i| Some(sure(i) > 0.5)));
/// let reference = Predictions::binary(&Float64Array::from_iter_values((0..4_000).map(sure)))?
///     .with_predicted(&classes)?
///     .with_actual(&BooleanArray::from_iter((0..4_000).map(|i| Some(happened(i)))))?;
/// let cbpe = Cbpe::fit(&reference, CbpeSettings::default().with_chunk_rows(1_000))?;
///
/// // Later it is less so; no label is known.
/// let unsure = Float64Array::from_iter_values((0..1_000).map(|i| if i % 2 == 0 { 0.7 } else { 0.3 }));
/// let report = cbpe.estimate(&Predictions::binary(&unsure)?.with_predicted(&classes.slice(0, 1_000))?)?;
/// let accuracy = report.chunks[0].metric(Metric::Accuracy).unwrap();
/// assert!(accuracy.estimated.unwrap() < 0.75 && accuracy.alert);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Cbpe {
    /// The settings it was fitted with.
    pub settings: CbpeSettings,
    /// The classes of the reference.
    pub classes: Vec<String>,
    /// The calibrator of each class's probabilities (of two classes, of the second's), `None` where they are as good without.
    pub calibrators: Vec<Option<IsotonicRegression>>,
    /// What the reference says about each metric, in the order of the settings.
    pub references: Vec<MetricReference>,
}

/// What the reference says about a metric.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MetricReference {
    /// The metric.
    pub metric: Metric,
    /// The values usual for chunks: mean ± deviations of the realised values; open if the metric was undefined in every chunk.
    pub band: Band,
    /// The sampling error of one row; that of n rows is this divided by √n. `None` if the reference cannot tell.
    pub deviation: Option<f64>,
}

/// Settings of [`Cbpe`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct CbpeSettings {
    /// The metrics; all of [`Metric::CLASSIFICATION`] by default.
    pub metrics: Vec<Metric>,
    /// Rows of a chunk, 10,000 by default; the last one takes what is left. The spread of a metric depends on it: chunks to be
    /// judged should be about as large as those of the reference.
    pub chunk_rows: usize,
    /// Half the width of the bands, in standard deviations of the chunks of the reference; 3 by default.
    pub deviations: f64,
    /// When probabilities are calibrated.
    pub calibration: Calibration,
}

/// When probabilities are calibrated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Calibration {
    /// Where that makes the calibration error smaller on rows that the calibrator has not seen.
    #[default]
    IfBetter,
    /// Always.
    Always,
    /// Never: the model is known to be calibrated.
    Never,
}

impl Default for CbpeSettings {
    fn default() -> Self {
        Self {
            metrics: Metric::CLASSIFICATION.to_vec(),
            chunk_rows: 10_000,
            deviations: 3.0,
            calibration: Calibration::IfBetter,
        }
    }
}

impl CbpeSettings {
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

    /// Sets when probabilities are calibrated.
    #[must_use]
    pub fn with_calibration(mut self, calibration: Calibration) -> Self {
        self.calibration = calibration;
        self
    }

    fn check(&self) -> Result<(), Error> {
        if self.chunk_rows == 0 {
            return Err(Error::Setting { name: "chunk_rows", value: 0.0, rule: "at least 1" });
        }
        match self.metrics.iter().all(|metric| Metric::CLASSIFICATION.contains(metric)) {
            true => Ok(()),
            false => Err(Error::NotCategorical { what: "the metrics of a classifier" }),
        }
    }
}

impl Cbpe {
    /// Learns from predictions whose classes are known. O(n log n) for each class.
    ///
    /// # Errors
    /// [`Error::Setting`] for a setting out of range, [`Error::NotCategorical`] for a metric of regressions, [`Error::Empty`] if no row
    /// has both a probability and an actual class, [`Error::Range`] beyond 2^32 - 1 rows.
    pub fn fit(reference: &Predictions, settings: CbpeSettings) -> Result<Self, Error> {
        settings.check()?;
        let rows = reference.all();
        let orders: Vec<Falling> = rows.orders()?;
        let calibrators = calibrators(&rows, &orders, settings.calibration)?;
        let chunks: Vec<Rows<'_>> = reference.chunks(settings.chunk_rows).collect();
        let of_chunks = ordered_chunks(&orders, settings.chunk_rows, reference.len(), chunks.len());
        let realised: Vec<Vec<Option<f64>>> = chunks
            .par_iter()
            .zip(&of_chunks)
            .map(|(chunk, orders)| realised(chunk, orders, &settings.metrics))
            .collect();
        let learn = |(at, metric): (usize, &Metric)| {
            let values: Vec<f64> = realised.iter().filter_map(|chunk| chunk.get(at).copied().flatten()).collect();
            let band = usual(*metric, &values, settings.deviations)?;
            let deviation = sampling_error::of_one_row(*metric, &rows, &orders);
            Ok(MetricReference { metric: *metric, band, deviation })
        };
        let references = settings.metrics.par_iter().enumerate().map(|(at, metric)| learn((at, metric)));
        let references = references.collect::<Result<_, Error>>()?;
        Ok(Self { classes: reference.classes().to_vec(), calibrators, references, settings })
    }

    /// Estimates the metrics of each chunk, and computes them where labels are there. O(n log n) for each class.
    ///
    /// # Errors
    /// [`Error::Rows`] if the predictions do not have the classes of the reference, [`Error::Range`] beyond 2^32 - 1 rows.
    pub fn estimate(&self, predictions: &Predictions) -> Result<PerformanceReport, Error> {
        if predictions.classes() != self.classes {
            let (expected, actual) = (self.classes.len(), predictions.classes().len());
            return Err(Error::Rows { what: "classes that are those of the reference", expected, actual });
        }
        let chunks: Vec<(usize, Rows<'_>)> = predictions.chunks(self.settings.chunk_rows).enumerate().collect();
        let chunks =
            chunks.par_iter().map(|(index, rows)| self.chunk(*index as u64, rows)).collect::<Result<_, _>>()?;
        Ok(PerformanceReport { chunks })
    }

    fn chunk(&self, index: u64, rows: &Rows<'_>) -> Result<ChunkPerformance, Error> {
        let orders = rows.orders()?;
        let expected = Expected::new(rows, &self.calibrators);
        let cells = rows.realised_cells();
        let metric = |reference: &MetricReference| {
            let metric = reference.metric;
            let (estimated, used) = expected.metric(metric, &orders);
            let realised = realised_metric(rows, &orders, cells.as_ref(), metric);
            let sampling_error = reference.deviation.filter(|_| used > 0).map(|one| one / (used as f64).sqrt());
            MetricPerformance::new(metric, Found { estimated, sampling_error, realised }, reference.band)
        };
        Ok(ChunkPerformance {
            index,
            start: rows.range.start as u64,
            end: rows.range.end as u64,
            labelled: rows.labelled(),
            metrics: self.references.iter().map(metric).collect(),
            estimated_confusion: expected.cells.as_ref().map(|cells| Confusion::of_cells(&self.classes, cells.view())),
            realised_confusion: cells.as_ref().map(|cells| Confusion::of_cells(&self.classes, cells.view())),
        })
    }
}

fn calibrators(
    rows: &Rows<'_>,
    orders: &[Falling],
    calibration: Calibration,
) -> Result<Vec<Option<IsotonicRegression>>, Error> {
    let actual = rows.actual();
    let one = |((class, _), order): ((u32, &[f64]), &Falling)| {
        let known = order.rows().rev().filter_map(|(score, row)| {
            let actual = actual.get(row).filter(|actual| **actual != MISSING)?;
            Some((score, f64::from(u8::from(*actual == class))))
        });
        let rising: Vec<(f64, f64)> = known.collect();
        if rising.is_empty() {
            return Err(Error::Empty { what: "cbpe", side: Side::Reference });
        }
        let curve = || Curve::with_ties(rising.iter().rev().copied());
        Ok(match calibration {
            Calibration::Never => None,
            Calibration::Always => Some(calibration::always(&rising)),
            Calibration::IfBetter => calibration::calibrator(&rising, curve().roc_auc()),
        })
    };
    rows.problems().zip(orders).map(one).collect()
}

/// Returns the orders of each chunk, from those of the whole.
fn ordered_chunks(orders: &[Falling], chunk_rows: usize, rows: usize, chunks: usize) -> Vec<Vec<Falling>> {
    let mut of_chunks: Vec<Vec<Falling>> = Vec::new();
    of_chunks.resize_with(chunks, Vec::new);
    for order in orders {
        let parts = order.by_chunks(chunk_rows, rows);
        of_chunks.iter_mut().zip(parts).for_each(|(chunk, part)| chunk.push(part));
    }
    of_chunks
}

fn realised(rows: &Rows<'_>, orders: &[Falling], metrics: &[Metric]) -> Vec<Option<f64>> {
    let cells = rows.realised_cells();
    metrics.iter().map(|metric| realised_metric(rows, orders, cells.as_ref(), *metric)).collect()
}

fn realised_metric(rows: &Rows<'_>, orders: &[Falling], cells: Option<&Array2<f64>>, metric: Metric) -> Option<f64> {
    match metric {
        Metric::RocAuc | Metric::AveragePrecision => rows.realised_curve(metric, orders),
        _ => rows.realised_without_order(metric, cells),
    }
}

/// What the probabilities of a chunk lead to expect.
struct Expected<'a> {
    rows: &'a Rows<'a>,
    /// Calibrated probabilities of each problem; NaN where a score is missing.
    probabilities: Vec<Vec<f64>>,
    /// Expected counts `[actual, predicted]`, if there are predicted classes.
    cells: Option<Array2<f64>>,
    /// Rows with all probabilities.
    scored: u64,
    /// Rows of those with a predicted class.
    predicted: u64,
}

impl<'a> Expected<'a> {
    fn new(rows: &'a Rows<'a>, calibrators: &[Option<IsotonicRegression>]) -> Self {
        let calibrated = |((_, scores), calibrator): ((u32, &[f64]), &Option<IsotonicRegression>)| match calibrator {
            Some(calibrator) => scores.iter().map(|score| calibrator.predict(*score)).collect(),
            None => scores.to_vec(),
        };
        let mut probabilities: Vec<Vec<f64>> = rows.problems().zip(calibrators).map(calibrated).collect();
        if probabilities.len() > 1 {
            sum_to_one(&mut probabilities, rows.len());
        }
        let mut expected = Self { rows, probabilities, cells: None, scored: 0, predicted: 0 };
        expected.scored = (0..rows.len()).filter(|row| expected.is_scored(*row)).count() as u64;
        expected.count_cells();
        expected
    }

    fn is_scored(&self, row: usize) -> bool {
        self.probabilities.iter().all(|column| column.get(row).is_some_and(|p| !p.is_nan()))
    }

    /// Returns the probability that a row is of a class.
    fn probability(&self, class: u32, row: usize) -> f64 {
        let column = |at: usize| self.probabilities.get(at).and_then(|column| column.get(row)).copied();
        match self.probabilities.len() {
            1 => column(0).map_or(f64::NAN, |p| if class == 1 { p } else { 1.0 - p }),
            _ => column(class as usize).unwrap_or(f64::NAN),
        }
    }

    fn count_cells(&mut self) {
        let predicted = self.rows.predicted();
        if predicted.is_empty() {
            return;
        }
        let side = self.rows.of.classes().len();
        let mut cells = Array2::zeros((side, side));
        for (row, predicted) in predicted.iter().enumerate().filter(|(_, class)| **class != MISSING) {
            if self.is_scored(row) {
                self.predicted += 1;
                for (actual, cell) in (0_u32..).zip(cells.column_mut(*predicted as usize)) {
                    *cell += self.probability(actual, row);
                }
            }
        }
        self.cells = Some(cells);
    }

    /// Returns the expected metric, and of how many rows it is.
    fn metric(&self, metric: Metric, orders: &[Falling]) -> (Option<f64>, u64) {
        match metric {
            Metric::RocAuc | Metric::AveragePrecision => (self.curve(metric, orders), self.scored),
            Metric::LogLoss | Metric::Brier => (self.loss(metric), self.scored),
            _ => (self.cells.as_ref().and_then(|cells| metric_of(cells.view(), metric)), self.predicted),
        }
    }

    fn curve(&self, metric: Metric, orders: &[Falling]) -> Option<f64> {
        let of_problem = |(probabilities, order): (&Vec<f64>, &Falling)| {
            let falling = order.rows().filter_map(|(_, row)| probabilities.get(row).copied().filter(|p| !p.is_nan()));
            let curve = Curve::row_by_row(falling);
            match metric {
                Metric::RocAuc => curve.roc_auc(),
                _ => curve.average_precision(),
            }
        };
        let values: Vec<f64> = self.probabilities.iter().zip(orders).map(of_problem).collect::<Option<_>>()?;
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    }

    fn loss(&self, metric: Metric) -> Option<f64> {
        let columns: Vec<&[f64]> = self.rows.problems().map(|(_, scores)| scores).collect();
        let loss = |row: usize| {
            let scores = columns.iter().filter_map(|column| column.get(row).copied());
            loss_of(metric, scores, columns.len(), |class| self.probability(class, row))
        };
        let losses = (0..self.rows.len()).map(loss).filter(|loss| !loss.is_nan());
        (self.scored > 0).then(|| compensated_sum(losses) / self.scored as f64)
    }
}

/// Scales the probabilities of each row to the sum 1; of a row without any, all become equal.
fn sum_to_one(columns: &mut [Vec<f64>], rows: usize) {
    let even = 1.0 / columns.len() as f64;
    for row in 0..rows {
        let sum: f64 = columns.iter().filter_map(|column| column.get(row)).sum();
        for p in columns.iter_mut().filter_map(|column| column.get_mut(row)) {
            *p = if sum == 0.0 { even } else { *p / sum };
        }
    }
}
