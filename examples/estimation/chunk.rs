//! What is known of one chunk: estimated performance, drift, and later the truth.

use std::slice::from_ref;

use lineal_drift::performance::{Cbpe, ChunkPerformance, Metric, MetricPerformance};
use lineal_drift::{DataDrift, DataDriftReport, SeriesPoint};
use lineal_examples::Outcome;

use crate::survey::{Survey, predictions, windows};
use crate::{METRICS, ROWS};

pub(crate) struct Chunk {
    pub(crate) number: usize,
    pub(crate) report: DataDriftReport,
    /// Made without labels.
    estimate: ChunkPerformance,
    /// Made later, with them.
    truth: ChunkPerformance,
}

/// Looks at each chunk of the years after the reference.
pub(crate) fn look(survey: &Survey, cbpe: &Cbpe, drift: &DataDrift) -> Outcome<Vec<Chunk>> {
    let estimates = cbpe.estimate(&predictions(&survey.analysis, false)?)?.chunks;
    let truths = cbpe.estimate(&predictions(&survey.analysis, true)?)?.chunks;
    let chunks = windows(&survey.analysis, ROWS).into_iter().zip(estimates).zip(truths).enumerate();
    let chunk = |(number, ((rows, estimate), truth))| {
        let rows: Vec<arrow::array::RecordBatch> = rows;
        Ok(Chunk { number, report: drift.compare(from_ref(&survey.reference), &rows)?, estimate, truth })
    };
    chunks.map(chunk).collect()
}

impl Chunk {
    pub(crate) fn name(&self) -> String {
        self.number.to_string()
    }

    /// Whether the estimate of any metric lies outside of what is usual.
    pub(crate) fn alert(&self) -> bool {
        METRICS.iter().filter_map(|metric| self.estimate.metric(*metric)).any(|of| of.alert)
    }

    /// Share of the rows that the model got right, as labels show.
    pub(crate) fn accuracy(&self) -> f64 {
        self.truth.metric(Metric::Accuracy).and_then(|of| of.realised).unwrap_or(f64::NAN)
    }

    /// Whether the realised values lie no further from the estimates than 0.015: three sampling errors and what calibration leaves.
    pub(crate) fn estimate_holds(&self) -> bool {
        METRICS.iter().filter_map(|metric| self.truth.metric(*metric)).all(|of| {
            of.estimated.zip(of.realised).is_some_and(|(estimated, realised)| (estimated - realised).abs() < 0.015)
        })
    }

    /// The score of a column over its threshold.
    pub(crate) fn times_threshold(&self, column: &str) -> f64 {
        let finding = self.report.column(column).and_then(|column| column.finding.as_ref());
        finding.map_or(0.0, |finding| finding.score.value / finding.threshold)
    }

    pub(crate) fn point(&self, metric: Metric) -> SeriesPoint {
        let of = self.truth.metric(metric);
        let point = SeriesPoint::new(self.name());
        let point = of.and_then(|of| of.estimated).into_iter().fold(point, SeriesPoint::with_estimated);
        of.and_then(|of| of.realised).into_iter().fold(point, SeriesPoint::with_realised)
    }

    pub(crate) fn line(&self) -> String {
        let pair = |of: &MetricPerformance| {
            let value = |v: Option<f64>| v.map_or_else(|| "-".to_owned(), |v| format!("{v:.3}"));
            format!("{}{} {:>6}", value(of.estimated), if of.alert { "!" } else { " " }, value(of.realised))
        };
        let of = |metric| self.truth.metric(metric).map(pair).unwrap_or_default();
        let mut drifted: Vec<(f64, &str)> =
            self.report.drifted().map(|column| (self.times_threshold(&column.name), column.name.as_str())).collect();
        drifted.sort_by(|a, b| b.0.total_cmp(&a.0));
        let drifted: Vec<String> = drifted.iter().take(4).map(|(times, name)| format!("{name} {times:.1}")).collect();
        let (auc, accuracy) = (of(Metric::RocAuc), of(Metric::Accuracy));
        format!("{:>5} {auc:>15} {accuracy:>20}   {}", self.number, drifted.join(", "))
    }
}
