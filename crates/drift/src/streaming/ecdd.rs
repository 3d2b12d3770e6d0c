use serde::{Deserialize, Serialize};

use super::{
    input::ErrorBit,
    running::RunningMean,
    signal::{Detector, Signal},
};

/// EWMA for concept drift detection: an exponentially weighted error rate exceeds the running one by control limits for a stated
/// number of values between false drifts.
///
/// The limits were fitted for `lambda` = 0.2 and error rates up to one half. O(1) per value. Source: Ross et al., Exponentially Weighted
/// Moving Average Charts for Detecting Concept Drift (2012), table 1; index for index as frouros' `ECDDWT`.
///
/// ```
/// use lineal_drift::streaming::{Detector, Ecdd, ErrorBit, Signal};
///
/// let mut detector = Ecdd::default();
/// let stream = (0..400).map(|at| ErrorBit::from_error(at >= 200 || at % 10 == 0));
/// let signals = detector.update_all(stream);
/// assert!(matches!(signals.iter().find(|(_, signal)| *signal == Signal::Drift), Some((200..205, _))));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ecdd {
    settings: EcddSettings,
    rate: RunningMean,
    recent: f64,
    drifted: bool,
}

/// Settings of [`Ecdd`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EcddSettings {
    /// Values before the first signal.
    pub min_instances: u32,
    /// The weight of the newest value, 0 to 1.
    pub lambda: f64,
    /// How many values lie between two false drifts on average.
    pub run_length: RunLength,
    /// The share of the control limit that is a warning, 0 to 1.
    pub warning_level: f64,
}

impl Default for EcddSettings {
    fn default() -> Self {
        Self { min_instances: 30, lambda: 0.2, run_length: RunLength::Of400, warning_level: 0.5 }
    }
}

/// The average run lengths for which control limits are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RunLength {
    /// One false drift in 100 values.
    Of100,
    /// One false drift in 400 values.
    #[default]
    Of400,
    /// One false drift in 1000 values.
    Of1000,
}

impl RunLength {
    /// Returns the control limit in standard deviations at an error rate.
    fn control_limit(self, rate: f64) -> f64 {
        let [constant, linear, cubic, quintic, septic] = match self {
            Self::Of100 => [2.76, -6.23, 18.12, -312.45, 1002.18],
            Self::Of400 => [3.97, -6.56, 48.73, -330.13, 848.18],
            Self::Of1000 => [1.17, 7.56, -21.24, 112.12, -987.23],
        };
        let square = rate * rate;
        constant + rate * (linear + square * (cubic + square * (quintic + square * septic)))
    }
}

impl Ecdd {
    /// Starts with no values.
    #[must_use]
    pub fn new(settings: EcddSettings) -> Self {
        Self { settings, rate: RunningMean::default(), recent: 0.0, drifted: false }
    }

    /// Returns the standard deviation of the weighted rate, which grows to its limit over the first values.
    fn deviation(&self) -> f64 {
        let (rate, lambda) = (self.rate.mean, self.settings.lambda);
        let grown = 1.0 - (1.0 - lambda).powf(2.0 * self.rate.n);
        (lambda / (2.0 - lambda) * grown * rate * (1.0 - rate)).sqrt()
    }
}

impl Default for Ecdd {
    fn default() -> Self {
        Self::new(EcddSettings::default())
    }
}

impl Detector for Ecdd {
    type Input = ErrorBit;

    #[inline]
    fn update(&mut self, input: ErrorBit) -> Signal {
        if self.drifted {
            *self = Self::new(self.settings);
        }
        let EcddSettings { min_instances, lambda, run_length, warning_level } = self.settings;
        self.rate.update(input.as_f64());
        self.recent = lambda * input.as_f64() + (1.0 - lambda) * self.recent;
        if self.rate.n < f64::from(min_instances) {
            return Signal::Quiet;
        }
        let limit = run_length.control_limit(self.rate.mean) * self.deviation();
        self.drifted = self.recent > self.rate.mean + limit;
        match self.drifted {
            true => Signal::Drift,
            false if self.recent > self.rate.mean + warning_level * limit => Signal::Warning,
            false => Signal::Quiet,
        }
    }

    fn merge(&mut self, other: Self) {
        if self.drifted {
            *self = Self::new(self.settings);
        }
        if other.drifted || other.rate.n == 0.0 {
            return;
        }
        self.recent = if self.rate.n == 0.0 { other.recent } else { f64::midpoint(self.recent, other.recent) };
        self.rate.merge(&other.rate);
    }
}
