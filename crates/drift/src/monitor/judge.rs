//! Scores a window, and keeps the state of findings.

use super::alarm::Alarm;
use super::counts::Counts;
use super::measure;
use super::policy::{MonitorSettings, Severity};
use super::reference::{Feature, MonitorReference};
use super::report::{FeatureWindow, Finding, Judgement, Phase, Signal, Totals, WindowReport};
use super::thresholds::{Slot, Thresholds, missing_cells};
use super::windows::WindowBounds;
use crate::error::{Error, excerpt};
use crate::method::Method;

/// Everything about findings; knows nothing of recording.
#[derive(Clone, Debug)]
pub(crate) struct Judge {
    settings: MonitorSettings,
    thresholds: Thresholds,
    features: Vec<Judged>,
}

/// One feature.
#[derive(Clone, Debug)]
struct Judged {
    method: Method,
    distribution: Slot,
    missing: Slot,
    alarms: Alarms,
}

/// The states of the two signals of a feature.
pub(crate) type Alarms = [Alarm; 2];

impl Judge {
    pub(crate) fn new(reference: &MonitorReference, settings: MonitorSettings) -> Result<Self, Error> {
        settings.check()?;
        if let Some(name) = settings.features.keys().find(|name| !reference.feature_names().any(|known| known == *name))
        {
            return Err(Error::Columns {
                column: excerpt(name),
                problem: "settings name it, and the reference does not hold it",
            });
        }
        let mut thresholds = Thresholds::new(settings.simulations, settings.seed);
        let mut features = Vec::with_capacity(reference.features().len());
        for feature in reference.features() {
            let method = settings.method(&feature.name, feature.kind());
            measure::require(method, feature.kind())?;
            features.push(Judged {
                method,
                distribution: thresholds.add_distribution(feature, method, settings.threshold(&feature.name))?,
                missing: thresholds.add_missing(feature, settings.missing(&feature.name))?,
                alarms: Alarms::default(),
            });
        }
        Ok(Self { settings, thresholds, features })
    }

    pub(crate) fn alarms(&self) -> Vec<Alarms> {
        self.features.iter().map(|judged| judged.alarms).collect()
    }

    /// Takes saved states, one for each feature.
    pub(crate) fn restore(&mut self, alarms: &[Alarms]) -> Result<(), Error> {
        if alarms.len() != self.features.len() {
            return Err(Error::Saved { what: "state", reason: "it has findings of another number of features" });
        }
        self.features.iter_mut().zip(alarms).for_each(|(judged, alarms)| judged.alarms = *alarms);
        Ok(())
    }

    /// Scores a window and moves the states of findings on.
    pub(crate) fn judge(
        &mut self,
        reference: &MonitorReference,
        bounds: WindowBounds,
        window: &Counts,
        totals: &mut Totals,
    ) -> WindowReport {
        let looks: Vec<Look<'_>> = reference.features().iter().map(|feature| Look::at(feature, window)).collect();
        let least = self.settings.min_values;
        let wanted = self.features.iter().zip(&looks).flat_map(|(judged, look)| {
            let distribution = (judged.distribution, look.values);
            [distribution, (judged.missing, look.rows)].into_iter().filter(|(_, values)| *values >= least)
        });
        self.thresholds.prepare(wanted.collect::<Vec<_>>());
        let (mut features, mut findings) = (Vec::with_capacity(looks.len()), Vec::new());
        for (judged, look) in self.features.iter_mut().zip(&looks) {
            let (distribution, missing) = judged.judgements(look, &self.thresholds, least);
            for (signal, judgement) in [(Signal::Distribution, distribution), (Signal::Missing, missing)] {
                let Some(judgement) = judgement else { continue };
                findings.extend(judged.finding(&self.settings, bounds, look, signal, judgement));
            }
            features.push(look.report(distribution, missing, window));
        }
        for raised in findings.iter().filter(|finding| finding.phase == Phase::Raised) {
            totals.count_raised(raised.severity);
        }
        totals.windows = totals.windows.saturating_add(1);
        WindowReport { window: bounds, rows: window.rows, reference_rows: reference.rows(), features, findings }
    }
}

impl Judged {
    fn judgements(
        &self,
        look: &Look<'_>,
        thresholds: &Thresholds,
        least: u64,
    ) -> (Option<Judgement>, Option<Judgement>) {
        let held = |method: Method, score: Option<f64>, slot: Slot, values: u64| {
            let (score, threshold) = score.filter(|_| values >= least).zip(thresholds.of(slot, values))?;
            Some(Judgement { method, score, threshold, beyond: score > threshold })
        };
        let distribution = measure::score(self.method, &look.feature.counts, look.cells).ok();
        let missing = measure::score(Method::LInfinity, &look.reference_missing, &look.missing).ok();
        (
            held(self.method, distribution, self.distribution, look.values),
            held(Method::LInfinity, missing, self.missing, look.rows),
        )
    }

    fn finding(
        &mut self,
        settings: &MonitorSettings,
        window: WindowBounds,
        look: &Look<'_>,
        signal: Signal,
        judgement: Judgement,
    ) -> Option<Finding> {
        let [distribution, missing] = &mut self.alarms;
        let alarm = if signal == Signal::Distribution { distribution } else { missing };
        let before = alarm.raised_in;
        let phase = alarm.update(&settings.alarms, judgement.beyond, window.last_pane)?;
        let Judgement { method, score, threshold, beyond } = judgement;
        let severity = if beyond { settings.alarms.severity(score, threshold) } else { Severity::Info };
        Some(Finding {
            feature: look.feature.name.clone(),
            signal,
            phase,
            severity,
            window,
            raised_in: before.or(alarm.raised_in).unwrap_or(window.last_pane),
            method,
            score,
            threshold,
            why: look.why(signal, judgement),
        })
    }
}

/// One feature of a window, beside the reference.
struct Look<'a> {
    feature: &'a Feature,
    rows: u64,
    /// Cells of the bins.
    cells: &'a [u64],
    values: u64,
    mistyped: u64,
    /// Present and missing.
    missing: [u64; 2],
    reference_missing: [u64; 2],
}

impl<'a> Look<'a> {
    fn at(feature: &'a Feature, window: &'a Counts) -> Self {
        let all = feature.slice(&window.cells);
        let (cells, rest) = all.split_at_checked(feature.counts.len()).unwrap_or_default();
        let mistyped = rest.get(1).copied().unwrap_or(0);
        let missing = missing_cells(cells, rest.iter().fold(0, |sum: u64, rows| sum.saturating_add(*rows)));
        let [values, _] = missing;
        let reference_missing = missing_cells(&feature.counts, feature.missing);
        Self { feature, rows: window.rows, cells, values, mistyped, missing, reference_missing }
    }

    fn why(&self, signal: Signal, judgement: Judgement) -> String {
        let Judgement { method, score, threshold, beyond } = judgement;
        let held = if beyond { "exceeds" } else { "does not exceed" };
        let [reference_values, _] = self.reference_missing;
        match signal {
            Signal::Distribution => format!(
                "{method} {score:.4} {held} {threshold:.4}: {} values against {reference_values} of the reference, {} outside its {}",
                self.values,
                percent(outside(self.feature, self.cells)),
                if self.feature.unlisted_cell().is_some() { "labels" } else { "range" },
            ),
            Signal::Missing => format!(
                "the missing share changed by {score:.4}, which {held} {threshold:.4}: {} of {} rows against {} of the reference",
                percent(share(self.missing)),
                self.rows,
                percent(share(self.reference_missing)),
            ),
        }
    }

    fn report(&self, distribution: Option<Judgement>, missing: Option<Judgement>, window: &Counts) -> FeatureWindow {
        let new_labels = window.new_labels.get(&self.feature.position());
        let [reference_values, _] = self.reference_missing;
        FeatureWindow {
            name: self.feature.name.clone(),
            kind: self.feature.kind(),
            values: self.values,
            reference_values,
            distribution,
            missing,
            missing_fraction: share(self.missing),
            reference_missing_fraction: share(self.reference_missing),
            mistyped: self.mistyped,
            outside_fraction: outside(self.feature, self.cells),
            reference_outside_fraction: outside(self.feature, &self.feature.counts),
            new_labels: new_labels.into_iter().flatten().cloned().collect(),
        }
    }
}

/// Returns the share of missing rows, 0 of none.
fn share([present, missing]: [u64; 2]) -> f64 {
    missing as f64 / (present as f64 + missing as f64).max(1.0)
}

/// Returns the share of values beyond the reference's range, or with a label that is not listed.
fn outside(feature: &Feature, cells: &[u64]) -> f64 {
    let all: f64 = cells.iter().map(|rows| *rows as f64).sum();
    let last = cells.last().copied().unwrap_or(0);
    let first = match feature.unlisted_cell() {
        None if cells.len() > 1 => cells.first().copied().unwrap_or(0),
        _ => 0,
    };
    // A feature whose reference holds no number has one cell, and no range.
    if feature.unlisted_cell().is_none() && cells.len() == 1 {
        0.0
    } else {
        (first as f64 + last as f64) / all.max(1.0)
    }
}

fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}
