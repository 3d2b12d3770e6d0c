use serde::{Deserialize, Serialize};

use super::{
    input::ErrorBit,
    running::RunningMean,
    signal::{Detector, Signal},
};

/// Drift detection by Hoeffding's inequality, on averages: the mean since a cut differs from the mean before it by more than chance.
///
/// The bound holds whatever law the errors have. O(1) per value.
/// Source: Frías-Blanco et al., Online and Non-Parametric Drift Detection Methods Based on Hoeffding's Bounds (2015), A-test; index for
/// index as river's `HDDM_A`.
///
/// ```
/// use lineal_drift::streaming::{HddmA, HddmASettings};
/// let both = HddmA::new(HddmASettings { two_sided: true, ..HddmASettings::default() });
/// # let _ = both;
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HddmA {
    settings: HddmASettings,
    all: RunningMean,
    /// Where the mean had its lowest upper, and its highest lower bound.
    lowest: RunningMean,
    highest: RunningMean,
    drifted: bool,
}

/// Settings of [`HddmA`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HddmASettings {
    /// Probability of a false drift at a cut, 0 to 1.
    pub drift_confidence: f64,
    /// The same of a warning.
    pub warning_confidence: f64,
    /// Whether fewer errors are a drift, too.
    pub two_sided: bool,
}

impl Default for HddmASettings {
    fn default() -> Self {
        Self { drift_confidence: 0.001, warning_confidence: 0.005, two_sided: false }
    }
}

impl HddmA {
    /// Starts with no values.
    #[must_use]
    pub fn new(settings: HddmASettings) -> Self {
        let empty = RunningMean::default();
        Self { settings, all: empty, lowest: empty, highest: empty, drifted: false }
    }

    /// Returns how far the mean of `n` values may lie from what is expected.
    #[inline]
    fn bound(&self, n: f64) -> f64 {
        (1.0 / (2.0 * n) * (1.0 / self.settings.drift_confidence).ln()).sqrt()
    }

    /// Tells whether the mean differs from that of `before` by more than the bound, in units of `sign`.
    fn moved(&self, before: &RunningMean, sign: f64, confidence: f64) -> bool {
        if before.n == self.all.n {
            return false;
        }
        let m = (self.all.n - before.n) / before.n * (1.0 / self.all.n);
        sign * (self.all.mean - before.mean) >= (m / 2.0 * (2.0 / confidence).ln()).sqrt()
    }

    fn signal(&self, before: &RunningMean, sign: f64) -> Signal {
        match () {
            () if self.moved(before, sign, self.settings.drift_confidence) => Signal::Drift,
            () if self.moved(before, sign, self.settings.warning_confidence) => Signal::Warning,
            () => Signal::Quiet,
        }
    }
}

impl Default for HddmA {
    fn default() -> Self {
        Self::new(HddmASettings::default())
    }
}

impl Detector for HddmA {
    type Input = ErrorBit;

    #[inline]
    fn update(&mut self, input: ErrorBit) -> Signal {
        if self.drifted {
            *self = Self::new(self.settings);
        }
        self.all.update(input.as_f64());
        let here = self.bound(self.all.n);
        if self.lowest.n == 0.0 || self.lowest.mean + self.bound(self.lowest.n) >= self.all.mean + here {
            self.lowest = self.all;
        }
        if self.highest.n == 0.0 || self.highest.mean - self.bound(self.highest.n) <= self.all.mean - here {
            self.highest = self.all;
        }
        let mut signal = self.signal(&self.lowest, 1.0);
        if self.settings.two_sided {
            signal = signal.max(self.signal(&self.highest, -1.0));
        }
        self.drifted = signal == Signal::Drift;
        signal
    }

    fn merge(&mut self, other: Self) {
        if self.drifted {
            *self = Self::new(self.settings);
        }
        if other.drifted {
            return;
        }
        self.all.merge(&other.all);
        let upper = |cut: &RunningMean| cut.mean + self.bound(cut.n);
        let lower = |cut: &RunningMean| cut.mean - self.bound(cut.n);
        let cuts = |ours, theirs| [ours, theirs].into_iter().filter(|cut: &RunningMean| cut.n > 0.0);
        let lowest = cuts(self.lowest, other.lowest).max_by(|one, other| upper(one).total_cmp(&upper(other)));
        let highest = cuts(self.highest, other.highest).min_by(|one, other| lower(one).total_cmp(&lower(other)));
        (self.lowest, self.highest) = (lowest.unwrap_or_default(), highest.unwrap_or_default());
    }
}
