//! The text of a scrape.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::live::Monitor;
use super::report::{FeatureWindow, Judgement, Signal, Totals, WindowReport};

/// Writes what monitors have seen as OpenMetrics 1.0 text, ready to be scraped.
///
/// Each monitor goes by a name of its own, which becomes the label `monitor`; any text will do. Gauges are of the last window that was
/// reported: `lineal_drift_score` and `lineal_drift_threshold` per feature and signal, if it was judged, `lineal_drift_missing_ratio`,
/// `lineal_drift_outside_ratio`, `lineal_drift_window_rows`. Counters: `lineal_drift_rows_total`, those `late`, `ahead` or `rejected`,
/// `lineal_drift_windows_total`, and `lineal_drift_findings_total` raised, by severity. Serve it as
/// `application/openmetrics-text; version=1.0.0; charset=utf-8`.
///
/// ```
/// # use std::sync::Arc;
/// # use lineal_drift::arrow::array::{Float64Array, RecordBatch};
/// use lineal_drift::monitor::{Monitor, MonitorReference, MonitorSettings, Windows, write_openmetrics};
/// # let temp = Float64Array::from_iter_values((0..1000).map(f64::from));
/// # let batch = RecordBatch::try_from_iter([("temp", Arc::new(temp) as _)])?;
/// # let reference = MonitorReference::build(&[batch.clone()], &Default::default())?;
/// let mut monitor = Monitor::new(reference, Windows::of_chunks(), MonitorSettings::default())?;
/// monitor.recorder().record_batch(&batch)?;
/// monitor.close()?;
/// let mut text = String::new();
/// write_openmetrics([("late15", &monitor)], &mut text)?;
/// assert!(text.contains("lineal_drift_rows_total{monitor=\"late15\"} 1000\n"));
/// assert!(text.ends_with("# EOF\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Only those of `to`; a `String` has none.
pub fn write_openmetrics<'a>(
    monitors: impl IntoIterator<Item = (&'a str, &'a Monitor)>,
    to: &mut impl fmt::Write,
) -> fmt::Result {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Scrape(monitors.into_iter().map(Seen::by).collect())));
    text::encode(to, &registry)
}

/// All monitors at one moment.
#[derive(Debug)]
struct Scrape(Vec<Seen>);

/// One monitor at one moment.
#[derive(Debug)]
struct Seen {
    name: String,
    totals: Totals,
    latest: Option<WindowReport>,
}

impl Seen {
    fn by((name, monitor): (&str, &Monitor)) -> Self {
        Self { name: name.to_owned(), totals: monitor.totals(), latest: monitor.latest().cloned() }
    }

    fn features(&self) -> impl Iterator<Item = &FeatureWindow> {
        self.latest.iter().flat_map(|report| &report.features)
    }

    fn judgements(&self) -> impl Iterator<Item = (&FeatureWindow, Signal, Judgement)> {
        self.features().flat_map(|feature| {
            let signals = [(Signal::Distribution, feature.distribution), (Signal::Missing, feature.missing)];
            signals.into_iter().filter_map(move |(signal, judgement)| Some((feature, signal, judgement?)))
        })
    }
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let encoder = &mut encoder;
        self.judgements(encoder, "lineal_drift_score", "Score of the last window", |j| j.score)?;
        self.judgements(encoder, "lineal_drift_threshold", "Threshold of that score", |j| j.threshold)?;
        let help = "Share of missing values in the last window";
        self.features(encoder, "lineal_drift_missing_ratio", help, |feature| feature.missing_fraction)?;
        let help = "Share of values in the last window that are outside the reference's range or labels";
        self.features(encoder, "lineal_drift_outside_ratio", help, |feature| feature.outside_fraction)?;
        let mut gauge = family(encoder, "lineal_drift_window_rows", "Rows of the last window", MetricType::Gauge)?;
        for seen in &self.0 {
            if let Some(report) = &seen.latest {
                gauge.encode_family(&[("monitor", &*seen.name)])?.encode_gauge(&report.rows)?;
            }
        }
        self.counts(encoder, "lineal_drift_rows", "Rows counted", |totals| totals.rows)?;
        self.counts(encoder, "lineal_drift_late_rows", "Rows of panes that had ended", |totals| totals.late)?;
        self.counts(encoder, "lineal_drift_ahead_rows", "Rows beyond the open panes", |totals| totals.ahead)?;
        self.counts(encoder, "lineal_drift_rejected", "Rows and batches that were refused", |totals| totals.rejected)?;
        self.counts(encoder, "lineal_drift_windows", "Windows reported", |totals| totals.windows)?;
        self.findings(encoder)
    }
}

impl Scrape {
    fn judgements(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        name: &str,
        help: &str,
        value: impl Fn(&Judgement) -> f64,
    ) -> fmt::Result {
        let mut gauge = family(encoder, name, help, MetricType::Gauge)?;
        for seen in &self.0 {
            for (feature, signal, judgement) in seen.judgements() {
                let labels = [
                    ("monitor", &*seen.name),
                    ("feature", &*feature.name),
                    ("signal", signal.as_str()),
                    ("method", judgement.method.spec().id),
                ];
                gauge.encode_family(&labels)?.encode_gauge(&value(&judgement))?;
            }
        }
        Ok(())
    }

    fn features(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        name: &str,
        help: &str,
        value: impl Fn(&FeatureWindow) -> f64,
    ) -> fmt::Result {
        let mut gauge = family(encoder, name, help, MetricType::Gauge)?;
        for seen in &self.0 {
            for feature in seen.features() {
                let labels = [("monitor", &*seen.name), ("feature", &*feature.name)];
                gauge.encode_family(&labels)?.encode_gauge(&value(feature))?;
            }
        }
        Ok(())
    }

    fn counts(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        name: &str,
        help: &str,
        value: impl Fn(&Totals) -> u64,
    ) -> fmt::Result {
        let mut counter = family(encoder, name, help, MetricType::Counter)?;
        for seen in &self.0 {
            count(&mut counter, &[("monitor", &*seen.name)], value(&seen.totals))?;
        }
        Ok(())
    }

    fn findings(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut counter = family(encoder, "lineal_drift_findings", "Findings raised", MetricType::Counter)?;
        for seen in &self.0 {
            let totals = &seen.totals;
            let raised = [
                ("info", totals.raised_info),
                ("warning", totals.raised_warning),
                ("critical", totals.raised_critical),
            ];
            for (severity, number) in raised {
                count(&mut counter, &[("monitor", &*seen.name), ("severity", severity)], number)?;
            }
        }
        Ok(())
    }
}

fn family<'a>(
    encoder: &'a mut DescriptorEncoder<'_>,
    name: &'a str,
    help: &str,
    kind: MetricType,
) -> Result<MetricEncoder<'a>, fmt::Error> {
    encoder.encode_descriptor(name, help, None, kind)
}

fn count<const N: usize>(counter: &mut MetricEncoder<'_>, labels: &[(&str, &str); N], number: u64) -> fmt::Result {
    counter.encode_family(labels)?.encode_counter::<[(&str, &str); 0], _, u64>(&number, None)
}
