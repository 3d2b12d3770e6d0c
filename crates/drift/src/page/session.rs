//! The page of a monitoring session: a comparison for each window, with performance and calibration beside it.

use crate::band::Band;
use crate::page::column::{card, overview_row, ratio};
use crate::page::single::{LEGEND, by_severity};
use crate::page::text::{escape, shorten};
use crate::page::{findings, frame, heat, lines, reliability};
use crate::performance::Reliability;
use crate::report::DataDriftReport;

/// Collects what a session found and writes it as one HTML page with inline SVG.
///
/// Findings come first, performance before drift of inputs, the worst at the top; then the time line of every column, the quantities over time,
/// calibration, and the distributions in the window that drifted most. The page holds no script and asks for nothing over the network; every
/// name and label from the data is escaped. Size: about 7 KB per column.
///
/// ```
/// use std::sync::Arc;
/// use arrow::array::{Int32Array, RecordBatch};
/// use lineal_drift::{Band, DataDrift, DataDriftSettings, Series, SeriesPoint, SessionPage};
///
/// let batch = |start: i32| {
///     RecordBatch::try_from_iter([("age", Arc::new((start..start + 50).collect::<Int32Array>()) as _)])
/// };
/// let drift = DataDrift::new(DataDriftSettings::default())?;
/// let (may, june) = (drift.compare(&[batch(0)?], &[batch(0)?])?, drift.compare(&[batch(0)?], &[batch(30)?])?);
/// let accuracy = Series::new("accuracy", Band::new(Some(0.8), None))
///     .with_point(SeriesPoint::new("May").with_realised(0.85))
///     .with_point(SeriesPoint::new("June").with_realised(0.74));
/// let page = SessionPage::new("Ages").with_window("May", &may).with_window("June", &june).with_series(accuracy).to_html();
/// assert!(page.contains("left its band in"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct SessionPage<'a> {
    title: String,
    windows: Vec<(String, &'a DataDriftReport)>,
    series: Vec<Series>,
    calibration: Vec<Calibrated>,
}

/// A quantity along the windows: a metric, or a score of drift, with the band of values that are usual.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Series {
    /// Name of the quantity.
    pub name: String,
    /// What is usual.
    pub band: Band,
    /// The windows in their order.
    pub points: Vec<SeriesPoint>,
}

/// A quantity in one window. NaN and infinities are not drawn.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct SeriesPoint {
    /// Name of the window.
    pub window: String,
    /// What was computed from the data alone, without labels.
    pub estimated: Option<f64>,
    /// What labels showed.
    pub realised: Option<f64>,
}

/// How predicted probabilities compare with what happened.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Calibrated {
    /// Name of the window.
    pub window: String,
    /// The bins.
    pub reliability: Reliability,
}

impl Series {
    /// Returns a series without points.
    #[must_use]
    pub fn new(name: impl Into<String>, band: Band) -> Self {
        Self { name: name.into(), band, points: Vec::new() }
    }

    /// Adds the next window.
    #[must_use]
    pub fn with_point(mut self, point: SeriesPoint) -> Self {
        self.points.push(point);
        self
    }
}

impl SeriesPoint {
    /// Returns a window of which nothing is known.
    #[must_use]
    pub fn new(window: impl Into<String>) -> Self {
        Self { window: window.into(), ..Self::default() }
    }

    /// Sets what was estimated.
    #[must_use]
    pub fn with_estimated(self, value: f64) -> Self {
        Self { estimated: Some(value), ..self }
    }

    /// Sets what labels showed.
    #[must_use]
    pub fn with_realised(self, value: f64) -> Self {
        Self { realised: Some(value), ..self }
    }

    /// Says whether either value lies outside the band.
    pub(crate) fn is_beyond(&self, band: &Band) -> bool {
        self.estimated.into_iter().chain(self.realised).any(|value| band.is_beyond(value))
    }
}

impl Calibrated {
    /// Names the window of a table.
    #[must_use]
    pub fn new(window: impl Into<String>, reliability: &Reliability) -> Self {
        Self { window: window.into(), reliability: reliability.clone() }
    }
}

impl<'a> SessionPage<'a> {
    /// Returns a page without content.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), windows: Vec::new(), series: Vec::new(), calibration: Vec::new() }
    }

    /// Adds the comparison of the next window with the reference.
    #[must_use]
    pub fn with_window(mut self, name: impl Into<String>, report: &'a DataDriftReport) -> Self {
        self.windows.push((name.into(), report));
        self
    }

    /// Adds a quantity along the windows.
    #[must_use]
    pub fn with_series(mut self, series: Series) -> Self {
        self.series.push(series);
        self
    }

    /// Adds the calibration in a window.
    #[must_use]
    pub fn with_calibration(mut self, calibrated: Calibrated) -> Self {
        self.calibration.push(calibrated);
        self
    }

    /// Writes the page.
    #[must_use]
    pub fn to_html(&self) -> String {
        let content = [
            self.header(),
            findings::list(&self.windows, &self.series),
            section("Over time", "charts", &self.series.iter().map(lines::chart).collect::<String>()),
            section("Drift of each column", "", &heat::table(&self.windows)),
            section("Calibration", "", &self.calibration.iter().map(reliability::figure).collect::<String>()),
            self.worst_window(),
            frame::methods(self.windows.iter().map(|(_, report)| *report)),
        ];
        frame::page(&self.title, &content.concat())
    }

    fn header(&self) -> String {
        let count = self.windows.len();
        let drifted = self.windows.iter().filter(|(_, report)| report.drifted().next().is_some()).count();
        let beyond = |series: &&Series| series.points.iter().any(|point| point.is_beyond(&series.band));
        let out = self.series.iter().filter(beyond).count();
        let (class, word) = if drifted + out > 0 { ("bad", "findings") } else { ("good", "quiet") };
        let rows: u64 = self.windows.iter().map(|(_, report)| report.current_rows).sum();
        let reference = self.windows.first().map_or(0, |(_, report)| report.reference_rows);
        format!(
            "<header><h1>{}</h1><p class=\"verdict\"><span class=\"tag {class}\">{word}</span> <b>{drifted} of {count}</b> windows with \
             drifted columns, <b>{out} of {}</b> quantities out of their band</p><ul class=\"facts\"><li><b>{reference}</b> reference \
             rows</li><li><b>{rows}</b> rows in the windows</li></ul></header>",
            escape(&shorten(&self.title, 120)),
            self.series.len()
        )
    }

    /// The columns of the window with the most drifted ones.
    fn worst_window(&self) -> String {
        let further = |a: (usize, f64), b: (usize, f64)| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1));
        let worst = self.windows.iter().max_by(|(_, a), (_, b)| further(extent(a), extent(b)));
        let Some((name, report)) = worst else {
            return String::new();
        };
        let columns = by_severity(report);
        let rows: String = columns.iter().map(|column| overview_row(column)).collect();
        let cards: String = columns.iter().map(|column| card(column)).collect();
        format!(
            "<h2>{}: the window with most drift</h2><section class=\"list\">{rows}</section><p class=\"m\">{LEGEND}</p>\
             <section class=\"cards\">{cards}</section>",
            escape(&shorten(name, 60))
        )
    }
}

fn section(title: &str, class: &str, content: &str) -> String {
    if content.is_empty() {
        return String::new();
    }
    format!("<h2>{title}</h2><section class=\"{class}\">{content}</section>")
}

/// How many columns drifted, and by how many thresholds in all.
fn extent(report: &DataDriftReport) -> (usize, f64) {
    let ratios = report.drifted().filter_map(|column| column.finding.as_ref()).map(ratio);
    (report.drifted().count(), ratios.sum())
}
