use serde::{Deserialize, Serialize};

use super::{
    input::Value,
    running::{RunningMean, saturated},
    signal::{Detector, Signal},
};

/// Geometric moving average: the exponentially weighted mean of the deviations from the running mean exceeds a threshold.
///
/// Only rises count; for falls, feed the negated values to a second one. The threshold has the unit of the values, so the default never
/// fires on errors (0 or 1). O(1) per value. Source: Roberts, Control Chart Tests Based on Geometric Moving Averages (1959); index for
/// index as frouros' `GeometricMovingAverage`.
///
/// ```
/// use lineal_drift::streaming::{Detector, GeometricMovingAverage, Signal, Value};
///
/// let mut detector = GeometricMovingAverage::default();
/// let stream = (0..600).map(|at| Value::new(if at < 400 { 0.0 } else { 5.0 }).unwrap());
/// assert!(matches!(detector.update_all(stream).first(), Some((400..430, Signal::Drift))));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GeometricMovingAverage {
    settings: GeometricMovingAverageSettings,
    mean: RunningMean,
    average: f64,
    drifted: bool,
}

/// Settings of [`GeometricMovingAverage`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GeometricMovingAverageSettings {
    /// Values before the first signal.
    pub min_instances: u32,
    /// What is kept of the average with each value, 0 to 1.
    pub alpha: f64,
    /// What the average must exceed, in the unit of the values.
    pub threshold: f64,
}

impl Default for GeometricMovingAverageSettings {
    fn default() -> Self {
        Self { min_instances: 30, alpha: 0.99, threshold: 1.0 }
    }
}

impl GeometricMovingAverage {
    /// Starts with no values.
    #[must_use]
    pub fn new(settings: GeometricMovingAverageSettings) -> Self {
        Self { settings, mean: RunningMean::default(), average: 0.0, drifted: false }
    }
}

impl Default for GeometricMovingAverage {
    fn default() -> Self {
        Self::new(GeometricMovingAverageSettings::default())
    }
}

impl Detector for GeometricMovingAverage {
    type Input = Value;

    #[inline]
    fn update(&mut self, input: Value) -> Signal {
        if self.drifted {
            *self = Self::new(self.settings);
        }
        let GeometricMovingAverageSettings { min_instances, alpha, threshold } = self.settings;
        self.mean.update(input.get());
        let deviation = saturated(input.get() - self.mean.mean);
        self.average = saturated(alpha * self.average + (1.0 - alpha) * deviation);
        self.drifted = self.mean.n >= f64::from(min_instances) && self.average > threshold;
        if self.drifted { Signal::Drift } else { Signal::Quiet }
    }

    fn merge(&mut self, other: Self) {
        if self.drifted {
            *self = Self::new(self.settings);
        }
        if other.drifted || other.mean.n == 0.0 {
            return;
        }
        self.average = if self.mean.n == 0.0 { other.average } else { f64::midpoint(self.average, other.average) };
        self.mean.merge(&other.mean);
    }
}
