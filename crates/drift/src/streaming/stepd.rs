use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{
    input::ErrorBit,
    signal::{Detector, Signal},
};
use crate::math::normal::normal_survival;

/// Statistical test of equal proportions: the error rate of the newest values differs from that of all before them.
///
/// A test at every value: its levels are not the false-alarm rate of the stream. Rates that agree better than the continuity correction
/// and streams without any error, or of nothing else, are quiet. O(1) per value, one bit of memory per value of the window.
/// Source: Nishida and Yamauchi, Detecting Concept Drift Using Statistical Testing (2007); index for index as frouros' `STEPD`, which
/// takes both directions for drift, but fires where it divides by zero.
///
/// ```
/// use lineal_drift::streaming::{Detector, ErrorBit, Signal, Stepd};
///
/// let mut detector = Stepd::default();
/// let stream = (0..400).map(|at| ErrorBit::from_error(at >= 200 || at % 10 == 0));
/// let signals = detector.update_all(stream);
/// assert!(matches!(signals.iter().find(|(_, signal)| *signal == Signal::Drift), Some((200..215, _))));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stepd {
    settings: StepdSettings,
    /// Errors of the newest values; the newest is the last one.
    window: VecDeque<bool>,
    window_errors: u32,
    older: u64,
    older_errors: u64,
    drifted: bool,
}

/// Settings of [`Stepd`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StepdSettings {
    /// The newest values, which are held against all before them, and how many of those there must be.
    pub window: u32,
    /// Level of the test that is a drift, 0 to 1.
    pub drift_level: f64,
    /// Level of the test that is a warning, 0 to 1.
    pub warning_level: f64,
}

impl Default for StepdSettings {
    fn default() -> Self {
        Self { window: 30, drift_level: 0.003, warning_level: 0.05 }
    }
}

impl Stepd {
    /// Starts with no values.
    #[must_use]
    pub fn new(settings: StepdSettings) -> Self {
        Self { settings, window: VecDeque::new(), window_errors: 0, older: 0, older_errors: 0, drifted: false }
    }

    /// Takes a value into the window; the oldest goes to those before it.
    fn slide(&mut self, error: bool) {
        self.window.push_back(error);
        self.window_errors = self.window_errors.saturating_add(u32::from(error));
        if self.window.len() <= self.settings.window as usize {
            return;
        }
        let error = self.window.pop_front().unwrap_or(false);
        self.window_errors = self.window_errors.saturating_sub(u32::from(error));
        self.older = self.older.saturating_add(1);
        self.older_errors = self.older_errors.saturating_add(u64::from(error));
    }

    /// Returns the p-value of equal rates; `None` where there is too little, or nothing to tell rates by.
    fn p_value(&self) -> Option<f64> {
        let (older, newer) = (self.older as f64, f64::from(self.settings.window));
        if older < newer || newer == 0.0 {
            return None;
        }
        let (older_errors, newer_errors) = (self.older_errors as f64, f64::from(self.window_errors));
        let rate = (older_errors + newer_errors) / (older + newer);
        let sizes = 1.0 / older + 1.0 / newer;
        let variance = rate * (1.0 - rate) * sizes;
        let difference = (older_errors / older - newer_errors / newer).abs() - 0.5 * sizes;
        (variance > 0.0).then(|| normal_survival(difference.max(0.0) / variance.sqrt()))
    }
}

impl Default for Stepd {
    fn default() -> Self {
        Self::new(StepdSettings::default())
    }
}

impl Detector for Stepd {
    type Input = ErrorBit;

    fn update(&mut self, input: ErrorBit) -> Signal {
        if self.drifted {
            *self = Self::new(self.settings);
        }
        self.slide(input == ErrorBit::Error);
        let Some(p) = self.p_value() else { return Signal::Quiet };
        self.drifted = p < self.settings.drift_level;
        match self.drifted {
            true => Signal::Drift,
            false if p < self.settings.warning_level => Signal::Warning,
            false => Signal::Quiet,
        }
    }
}
