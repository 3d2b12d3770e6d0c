use serde::{Deserialize, Serialize};

use super::{
    input::ErrorBit,
    running::RunningMean,
    signal::{Detector, Signal},
};

/// Drift detection method: the error rate exceeds the lowest one seen by a number of standard deviations.
///
/// For sudden changes; O(1) per value. Source: Gama et al., Learning with Drift Detection (2004); index for index as river's `DDM`.
///
/// ```
/// use lineal_drift::streaming::{Ddm, DdmSettings};
/// let strict = Ddm::new(DdmSettings { drift_threshold: 4.0, ..DdmSettings::default() });
/// # let _ = strict;
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ddm {
    settings: DdmSettings,
    rate: RunningMean,
    lowest: Option<Lowest>,
    drifted: bool,
}

/// Settings of [`Ddm`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DdmSettings {
    /// Values before anything is judged.
    pub warm_start: u32,
    /// Standard deviations above the lowest rate that are a warning.
    pub warning_threshold: f64,
    /// Standard deviations that are a drift.
    pub drift_threshold: f64,
}

impl Default for DdmSettings {
    fn default() -> Self {
        Self { warm_start: 30, warning_threshold: 2.0, drift_threshold: 3.0 }
    }
}

/// The error rate and its standard deviation where their sum was lowest.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Lowest {
    rate: f64,
    deviation: f64,
}

impl Lowest {
    fn sum(&self) -> f64 {
        self.rate + self.deviation
    }
}

impl Ddm {
    /// Starts with no values.
    #[must_use]
    pub fn new(settings: DdmSettings) -> Self {
        Self { settings, rate: RunningMean::default(), lowest: None, drifted: false }
    }
}

impl Default for Ddm {
    fn default() -> Self {
        Self::new(DdmSettings::default())
    }
}

impl Detector for Ddm {
    type Input = ErrorBit;

    #[inline]
    fn update(&mut self, input: ErrorBit) -> Signal {
        if self.drifted {
            *self = Self::new(self.settings);
        }
        self.rate.update(input.as_f64());
        let (rate, n) = (self.rate.mean, self.rate.n);
        if n <= f64::from(self.settings.warm_start) {
            return Signal::Quiet;
        }
        let deviation = (rate * (1.0 - rate) / n).sqrt();
        let here = Lowest { rate, deviation };
        let lowest = *self.lowest.get_or_insert(here);
        let lowest = if here.sum() <= lowest.sum() { here } else { lowest };
        self.lowest = Some(lowest);
        let above = |deviations: f64| rate + deviation > lowest.rate + deviations * lowest.deviation;
        self.drifted = above(self.settings.drift_threshold);
        match self.drifted {
            true => Signal::Drift,
            false if above(self.settings.warning_threshold) => Signal::Warning,
            false => Signal::Quiet,
        }
    }

    fn merge(&mut self, other: Self) {
        if self.drifted {
            *self = Self::new(self.settings);
        }
        if other.drifted {
            return;
        }
        self.rate.merge(&other.rate);
        let lowest = self.lowest.into_iter().chain(other.lowest);
        self.lowest = lowest.max_by(|one, other| one.sum().total_cmp(&other.sum()));
    }
}
