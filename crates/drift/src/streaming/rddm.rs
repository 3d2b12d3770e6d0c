use serde::{Deserialize, Serialize};

use super::{
    bit_window::BitWindow,
    input::ErrorBit,
    signal::{Detector, Signal},
};

/// Reactive drift detection method: [`Ddm`](super::Ddm) that forgets, so that long concepts do not make it slow.
///
/// A concept that has become long is judged anew from its newest values only, and a warning that lasts is a drift. O(1) per value, one
/// bit of memory per value of `min_concept`. Source: Barros et al., RDDM: Reactive Drift Detection Method (2017); index for index as
/// frouros' `RDDM`, reset after each drift.
///
/// ```
/// use lineal_drift::streaming::{Detector, ErrorBit, Rddm, Signal};
///
/// let mut detector = Rddm::default();
/// let stream = (0..2000).map(|at| ErrorBit::from_error(at % if at < 1000 { 10 } else { 3 } == 0));
/// let signals = detector.update_all(stream);
/// assert!(matches!(signals.iter().find(|(_, signal)| *signal == Signal::Drift), Some((1000..1100, _))));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rddm {
    settings: RddmSettings,
    rate: Rate,
    /// Values that count for the standard deviation: one fewer than those of the rate once a concept was judged anew.
    n: u64,
    lowest: Option<Lowest>,
    /// Warnings in a row.
    warnings: u32,
    window: BitWindow,
    starts_anew: bool,
    drifted: bool,
}

/// Settings of [`Rddm`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RddmSettings {
    /// Values before anything is judged.
    pub min_instances: u32,
    /// Standard deviations above the lowest rate that are a warning.
    pub warning_threshold: f64,
    /// Standard deviations that are a drift.
    pub drift_threshold: f64,
    /// Values after which a concept without a warning is judged anew.
    pub max_concept: u32,
    /// Its newest values, which it is judged by then.
    pub min_concept: u32,
    /// Warnings in a row after which the next one is a drift.
    pub max_warnings: u32,
    /// Whether the values of the window, or the newest alone where no warning came before, are learnt from after a drift, as in frouros
    /// without a reset; otherwise the detector starts with no values.
    pub keep_window: bool,
}

impl Default for RddmSettings {
    fn default() -> Self {
        Self {
            min_instances: 129,
            warning_threshold: 1.773,
            drift_threshold: 2.258,
            max_concept: 40_000,
            min_concept: 7_000,
            max_warnings: 1_400,
            keep_window: false,
        }
    }
}

/// A mean of errors, rounded as frouros does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Rate {
    n: f64,
    mean: f64,
}

impl Rate {
    fn update(&mut self, error: bool) {
        self.n += 1.0;
        self.mean += (f64::from(u8::from(error)) - self.mean) / self.n;
    }
}

/// The error rate and its standard deviation where their sum was lowest.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Lowest {
    rate: f64,
    deviation: f64,
}

impl Rate {
    fn merge(&mut self, other: &Self) {
        let n = self.n + other.n;
        if other.n > 0.0 {
            *self = Self { n, mean: self.mean * (self.n / n) + other.mean * (other.n / n) };
        }
    }
}

impl Lowest {
    fn sum(&self) -> f64 {
        self.rate + self.deviation
    }
}

impl Rddm {
    /// Starts with no values.
    #[must_use]
    pub fn new(settings: RddmSettings) -> Self {
        Self {
            settings,
            rate: Rate::default(),
            n: 0,
            lowest: None,
            warnings: 0,
            window: BitWindow::default(),
            starts_anew: false,
            drifted: false,
        }
    }

    fn here(&self) -> Lowest {
        let rate = self.rate.mean;
        Lowest { rate, deviation: (rate * (1.0 - rate) / self.n as f64).sqrt() }
    }

    fn is_judged(&self) -> bool {
        self.n >= u64::from(self.settings.min_instances)
    }

    /// Takes the lower of the lowest rate and the one here.
    fn lower(&mut self) -> (Lowest, Lowest) {
        let here = self.here();
        let lowest = self.lowest.filter(|lowest| here.sum() >= lowest.sum()).unwrap_or(here);
        self.lowest = Some(lowest);
        (here, lowest)
    }

    /// Learns the rate from the window alone; its lowest value only where a drift was.
    fn learn_anew(&mut self) {
        let window = std::mem::take(&mut self.window);
        (self.rate, self.n, self.lowest, self.warnings) = (Rate::default(), 0, None, 0);
        for error in window.iter() {
            self.rate.update(error);
            self.n += 1;
            if self.drifted && self.is_judged() {
                self.lower();
            }
        }
        (self.window, self.starts_anew) = (window, false);
    }

    /// Forgets a concept that is over; tells whether the rate was learnt anew from its window.
    fn end_concept(&mut self) -> bool {
        if self.drifted && !self.settings.keep_window {
            *self = Self::new(self.settings);
        }
        let starts_anew = self.starts_anew;
        if starts_anew {
            self.learn_anew();
        }
        self.drifted = false;
        starts_anew
    }

    fn judge(&mut self) -> Signal {
        let (here, lowest) = self.lower();
        let above = |deviations: f64| here.sum() > lowest.rate + deviations * lowest.deviation;
        if above(self.settings.drift_threshold) {
            // Without a warning before it, only this value belongs to what comes.
            return self.drift(self.warnings == 0);
        }
        if above(self.settings.warning_threshold) {
            if self.warnings >= self.settings.max_warnings {
                return self.drift(true);
            }
            self.warnings += 1;
            return Signal::Warning;
        }
        self.warnings = 0;
        self.starts_anew = self.n >= u64::from(self.settings.max_concept);
        Signal::Quiet
    }

    fn drift(&mut self, is_sudden: bool) -> Signal {
        if is_sudden {
            self.window.keep_newest();
        }
        self.starts_anew = true;
        Signal::Drift
    }
}

impl Default for Rddm {
    fn default() -> Self {
        Self::new(RddmSettings::default())
    }
}

impl Detector for Rddm {
    type Input = ErrorBit;

    #[inline]
    fn update(&mut self, input: ErrorBit) -> Signal {
        if !self.end_concept() {
            self.n = self.n.saturating_add(1);
        }
        let error = input == ErrorBit::Error;
        self.window.push(error, self.settings.min_concept);
        self.rate.update(error);
        let signal = if self.is_judged() { self.judge() } else { Signal::Quiet };
        self.drifted = signal == Signal::Drift;
        signal
    }

    fn merge(&mut self, mut other: Self) {
        self.end_concept();
        other.end_concept();
        self.rate.merge(&other.rate);
        self.n = self.n.saturating_add(other.n);
        let lowest = self.lowest.into_iter().chain(other.lowest);
        self.lowest = lowest.max_by(|one, other| one.sum().total_cmp(&other.sum()));
        self.warnings = self.warnings.max(other.warnings);
        self.window.merge(&other.window, self.settings.min_concept);
    }
}
