//! What each month looks like beside the winter that the model knows.

use std::collections::BTreeMap;
use std::slice::from_ref;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, UInt64Array};
use arrow::compute::filter_record_batch;
use lineal_drift::performance::{Cbpe, CbpeSettings, Metric, Reliability};
use lineal_drift::{
    Band, Calibrated, ColumnKind, ColumnSettings, DataDrift, DataDriftReport, DataDriftSettings, Series, SeriesPoint,
    SessionPage, matched_reference,
};
use lineal_examples::Outcome;
use lineal_examples::learn::features::{CATEGORICAL, NUMERIC};

use crate::model::{Rows, Watched};

/// The windows in their order, the control first.
pub(crate) struct Session<'a> {
    watched: &'a Watched,
    drift: DataDrift,
    cbpe: Cbpe,
    pub(crate) windows: Vec<Window>,
}

/// One window: its columns beside the training rows, its performance beside that of rows that the model did not see.
pub(crate) struct Window {
    pub(crate) name: &'static str,
    pub(crate) report: DataDriftReport,
    pub(crate) calibration: Reliability,
    estimated: BTreeMap<Metric, f64>,
    realised: BTreeMap<Metric, f64>,
}

/// What is followed over the year: how well late flights are told from others, and what a probability is worth.
pub(crate) const METRICS: [Metric; 3] = [Metric::RocAuc, Metric::LogLoss, Metric::Brier];

impl<'a> Session<'a> {
    pub(crate) fn run(watched: &'a Watched) -> Outcome<Self> {
        // What is usual is learnt from rows that the model did not see; a chunk is a twelfth of them.
        let chunk = watched.control.late.len().div_ceil(12);
        let settings = CbpeSettings::default().with_metrics(METRICS).with_chunk_rows(chunk);
        let cbpe = Cbpe::fit(&watched.control.predictions(true)?, settings)?;
        let mut session = Self { watched, drift: DataDrift::new(settings_of_columns())?, cbpe, windows: Vec::new() };
        for (name, rows) in
            std::iter::once(("control", &watched.control)).chain(watched.months.iter().map(|(n, r)| (*n, r)))
        {
            let window = session.look(name, rows)?;
            session.windows.push(window);
        }
        Ok(session)
    }

    fn look(&self, name: &'static str, rows: &Rows) -> Outcome<Window> {
        let known = rows.predictions(true)?;
        let realised = METRICS.into_iter().filter_map(|metric| Some((metric, known.realised(metric).ok()??)));
        Ok(Window {
            name,
            report: self.drift.compare(from_ref(&self.watched.train.columns), from_ref(&rows.columns))?,
            calibration: Reliability::equal_width(&rows.probabilities, &rows.late, 10)?,
            estimated: self.estimate(rows)?,
            realised: realised.collect(),
        })
    }

    /// The mean of what is estimated for the chunks of a window, each by its rows; no outcome is used.
    fn estimate(&self, rows: &Rows) -> Outcome<BTreeMap<Metric, f64>> {
        let report = self.cbpe.estimate(&rows.predictions(false)?)?;
        let mean = |metric: Metric| {
            let (mut sum, mut all) = (0.0, 0.0);
            for chunk in &report.chunks {
                let rows = (chunk.end - chunk.start) as f64;
                sum += rows * chunk.metric(metric)?.estimated?;
                all += rows;
            }
            Some((metric, sum / all))
        };
        Ok(METRICS.into_iter().filter_map(mean).collect())
    }

    pub(crate) fn control(&self) -> &Window {
        &self.windows[0]
    }

    pub(crate) fn month(&self, name: &str) -> Outcome<&Window> {
        self.windows.iter().find(|window| window.name == name).ok_or_else(|| format!("no window {name}").into())
    }

    /// Compares the odd rows of the winter with the even ones.
    pub(crate) fn odd_against_even(&self) -> Outcome<DataDriftReport> {
        let rows = &self.watched.train.columns;
        Ok(self.drift.compare(&[every_second(rows, 0)?], &[every_second(rows, 1)?])?)
    }

    /// Compares the odd rows of July with the rows of its season in a reference of the whole year, of even rows.
    pub(crate) fn matched_july(&self) -> Outcome<DataDriftReport> {
        let month = |(number, (_, rows)): (usize, &(&str, Rows))| with_month(&every_second(&rows.columns, 0)?, number);
        let year = self.watched.months.iter().enumerate().map(month).collect::<Outcome<Vec<_>>>()?;
        let july = self.watched.months.iter().position(|(name, _)| *name == "July").ok_or("no July")?;
        let current = with_month(&every_second(&self.watched.months[july].1.columns, 1)?, july)?;
        let matched = matched_reference(&year, from_ref(&current), &["month"])?;
        Ok(self.drift.compare(&matched, &[current])?)
    }

    pub(crate) fn band(&self, metric: Metric) -> Band {
        self.cbpe.references.iter().find(|r| r.metric == metric).map_or_else(Band::default, |r| r.band)
    }

    pub(crate) fn reports(&self) -> BTreeMap<&str, &DataDriftReport> {
        self.windows.iter().map(|window| (window.name, &window.report)).collect()
    }

    pub(crate) fn page(&self) -> String {
        let page = SessionPage::new("Late flights out of New York, 2013: a model of January to March");
        let page = METRICS.iter().fold(page, |page, metric| page.with_series(self.series(*metric)));
        let shown = self.windows.iter().filter(|window| ["control", "July", "November"].contains(&window.name));
        let page =
            shown.fold(page, |page, window| page.with_calibration(Calibrated::new(window.name, &window.calibration)));
        self.windows.iter().fold(page, |page, window| page.with_window(window.name, &window.report)).to_html()
    }

    fn series(&self, metric: Metric) -> Series {
        let series = Series::new(title(metric), self.band(metric));
        self.windows.iter().fold(series, |series, window| series.with_point(window.point(metric)))
    }
}

impl Window {
    pub(crate) fn realised(&self, metric: Metric) -> Option<f64> {
        self.realised.get(&metric).copied()
    }

    pub(crate) fn estimated(&self, metric: Metric) -> Option<f64> {
        self.estimated.get(&metric).copied()
    }

    fn point(&self, metric: Metric) -> SeriesPoint {
        let point = SeriesPoint::new(self.name);
        let point = self.estimated(metric).into_iter().fold(point, SeriesPoint::with_estimated);
        self.realised(metric).into_iter().fold(point, SeriesPoint::with_realised)
    }
}

pub(crate) fn title(metric: Metric) -> &'static str {
    match metric {
        Metric::RocAuc => "ROC AUC (1 is best, 0.5 is chance)",
        Metric::LogLoss => "log loss (0 is best)",
        _ => "Brier score (0 is best)",
    }
}

/// Which columns are numbers and which are labels is known here, and not left to the values of a window.
fn settings_of_columns() -> DataDriftSettings {
    let kind = |kind| ColumnSettings::default().with_kind(kind);
    let settings = DataDriftSettings::default().with_column("prediction", kind(ColumnKind::Numeric));
    let settings = NUMERIC.iter().fold(settings, |all, name| all.with_column(*name, kind(ColumnKind::Numeric)));
    CATEGORICAL.iter().fold(settings, |all, name| all.with_column(*name, kind(ColumnKind::Categorical)))
}

fn every_second(rows: &RecordBatch, first: usize) -> Outcome<RecordBatch> {
    let mask: BooleanArray = (0..rows.num_rows()).map(|row| Some(row % 2 == first)).collect();
    Ok(filter_record_batch(rows, &mask)?)
}

/// Adds the number of the month, which is what rows are matched by.
fn with_month(rows: &RecordBatch, month: usize) -> Outcome<RecordBatch> {
    let months = (0..rows.num_rows()).map(|_| month as u64).collect::<UInt64Array>();
    let schema = rows.schema();
    let fields = schema.fields().iter().map(|field| field.name().as_str()).chain(["month"]);
    let columns = rows.columns().iter().cloned().chain([Arc::new(months) as ArrayRef]);
    let columns = fields.zip(columns).map(|(name, column)| (name, column, true));
    Ok(RecordBatch::try_from_iter_with_nullable(columns)?)
}
