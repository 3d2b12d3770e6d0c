//! What is known and estimated of performance, chunk by chunk: plain data, made to be stored.

use serde::{Deserialize, Serialize};

use super::confusion::Confusion;
use super::metric::Metric;
use crate::band::Band;

/// Performance of consecutive chunks of rows.
///
/// Every number in it is finite. Made by [`Cbpe::estimate`](super::Cbpe::estimate).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PerformanceReport {
    /// The chunks in the order of the rows.
    pub chunks: Vec<ChunkPerformance>,
}

impl PerformanceReport {
    /// Returns the chunks in which an estimated metric lies beyond its band.
    pub fn alerts(&self) -> impl Iterator<Item = &ChunkPerformance> {
        self.chunks.iter().filter(|chunk| chunk.metrics.iter().any(|metric| metric.alert))
    }

    /// Returns the numbers of the chunks in which the estimate of a metric lies beyond its band.
    #[must_use]
    pub fn alerts_of(&self, metric: Metric) -> Vec<u64> {
        let of_metric = |chunk: &&ChunkPerformance| chunk.metric(metric).is_some_and(|found| found.alert);
        self.chunks.iter().filter(of_metric).map(|chunk| chunk.index).collect()
    }
}

/// Performance of one chunk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ChunkPerformance {
    /// Number of the chunk, from 0.
    pub index: u64,
    /// Its first row.
    pub start: u64,
    /// The row after its last.
    pub end: u64,
    /// How many of its rows have an actual value.
    pub labelled: u64,
    /// The metrics in the order of the settings.
    pub metrics: Vec<MetricPerformance>,
    /// The rows expected by actual and predicted class; classifiers with predicted classes only.
    pub estimated_confusion: Option<Confusion>,
    /// The rows by actual and predicted class, where both are known.
    pub realised_confusion: Option<Confusion>,
}

impl ChunkPerformance {
    /// Returns what was found of a metric.
    #[must_use]
    pub fn metric(&self, metric: Metric) -> Option<&MetricPerformance> {
        self.metrics.iter().find(|found| found.metric == metric)
    }
}

/// One metric of one chunk.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MetricPerformance {
    /// The metric.
    pub metric: Metric,
    /// Its value estimated without any label; `None` where it is undefined.
    pub estimated: Option<f64>,
    /// The standard deviation that the metric of so many rows has by chance alone; `None` if the reference could not tell.
    pub sampling_error: Option<f64>,
    /// The estimate ± 3 sampling errors, within the range of the metric: where the realised value should lie if the estimate is
    /// right.
    pub confidence: Band,
    /// Its value by the labels that are known; `None` where it is undefined.
    pub realised: Option<f64>,
    /// The values usual for chunks of the reference.
    pub band: Band,
    /// Whether the estimate lies beyond the band.
    pub alert: bool,
    /// Whether the realised value lies beyond the band.
    pub realised_alert: bool,
}

impl MetricPerformance {
    pub(crate) fn new(metric: Metric, found: Found, band: Band) -> Self {
        let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
        let (estimated, realised) = (finite(found.estimated), finite(found.realised));
        let sampling_error = finite(found.sampling_error);
        let reach = sampling_error.map(|error| CONFIDENCE_DEVIATIONS * error);
        let limit = |sign: f64| finite(Some(estimated? + sign * reach?));
        let beyond = |value: Option<f64>| value.is_some_and(|value| band.is_beyond(value));
        Self {
            metric,
            estimated,
            sampling_error,
            confidence: within_range(Band::new(limit(-1.0), limit(1.0)), metric),
            realised,
            band,
            alert: beyond(estimated),
            realised_alert: beyond(realised),
        }
    }
}

/// What the chunk itself says of a metric.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub(crate) estimated: Option<f64>,
    pub(crate) sampling_error: Option<f64>,
    pub(crate) realised: Option<f64>,
}

/// Clamps a band to what the metric can be.
pub(crate) fn within_range(band: Band, metric: Metric) -> Band {
    let (least, greatest) = metric.range();
    band.within(least.unwrap_or(f64::NEG_INFINITY), greatest.unwrap_or(f64::INFINITY))
}

/// Learns the band of a metric from its values in chunks of the reference; open if there is none.
pub(crate) fn usual(metric: Metric, values: &[f64], deviations: f64) -> Result<Band, crate::Error> {
    match values.is_empty() {
        true => Ok(Band::default()),
        false => Ok(within_range(Band::learn(values, deviations)?, metric)),
    }
}

const CONFIDENCE_DEVIATIONS: f64 = 3.0;
