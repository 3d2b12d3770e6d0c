use serde::{Deserialize, Serialize};

use super::{
    input::Value,
    running::{RunningMean, saturated},
    signal::{Detector, Signal},
};

/// Cumulative sum: what the values exceed their running mean by, less a tolerance, adds up to more than a threshold.
///
/// Only rises count; for falls, feed the negated values to a second one. Tolerance and threshold have the unit of the values. O(1) per
/// value. Source: Page, Continuous Inspection Schemes (1954); index for index as frouros' `CUSUM`.
///
/// ```
/// use lineal_drift::streaming::{Cusum, Detector, Signal, Value};
///
/// let mut detector = Cusum::default();
/// let stream = (0..400).map(|at| Value::new(if at < 200 { 0.0 } else { 2.0 }).unwrap());
/// assert_eq!(detector.update_all(stream).first(), Some(&(226, Signal::Drift)));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cusum {
    settings: CusumSettings,
    mean: RunningMean,
    sum: f64,
    drifted: bool,
}

/// Settings of [`Cusum`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CusumSettings {
    /// Values before the first signal.
    pub min_instances: u32,
    /// Rises of that size are tolerated, in the unit of the values.
    pub delta: f64,
    /// What the sum must exceed, in the unit of the values.
    pub threshold: f64,
}

impl Default for CusumSettings {
    fn default() -> Self {
        Self { min_instances: 30, delta: 0.005, threshold: 50.0 }
    }
}

impl Cusum {
    /// Starts with no values.
    #[must_use]
    pub fn new(settings: CusumSettings) -> Self {
        Self { settings, mean: RunningMean::default(), sum: 0.0, drifted: false }
    }
}

impl Default for Cusum {
    fn default() -> Self {
        Self::new(CusumSettings::default())
    }
}

impl Detector for Cusum {
    type Input = Value;

    #[inline]
    fn update(&mut self, input: Value) -> Signal {
        if self.drifted {
            *self = Self::new(self.settings);
        }
        let CusumSettings { min_instances, delta, threshold } = self.settings;
        self.mean.update(input.get());
        self.sum = saturated(self.sum + input.get() - self.mean.mean - delta).max(0.0);
        self.drifted = self.mean.n >= f64::from(min_instances) && self.sum > threshold;
        if self.drifted { Signal::Drift } else { Signal::Quiet }
    }

    fn merge(&mut self, other: Self) {
        if self.drifted {
            *self = Self::new(self.settings);
        }
        if other.drifted {
            return;
        }
        self.mean.merge(&other.mean);
        self.sum = self.sum.max(other.sum);
    }
}
