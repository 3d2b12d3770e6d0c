use serde::{Deserialize, Serialize};

use super::{
    input::ErrorBit,
    running::RunningVariance,
    signal::{Detector, Signal},
};

/// Early drift detection method: errors follow each other closer than they used to.
///
/// For slow changes, but it cries wolf: on a steady error rate of 0.2 it fires about once in 900 values. A warning stays until the next
/// error. O(1) per value. Source: Baena-García et al., Early Drift Detection Method (2006); index for index as river's `EDDM`.
///
/// ```
/// use lineal_drift::streaming::{Detector, Eddm, ErrorBit, Signal};
/// let mut detector = Eddm::default();
/// assert_eq!(detector.update(ErrorBit::Error), Signal::Quiet);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Eddm {
    settings: EddmSettings,
    distances: RunningVariance,
    n: u64,
    last_error: u64,
    errors: u64,
    greatest: Option<f64>,
    signal: Signal,
}

/// Settings of [`Eddm`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EddmSettings {
    /// Values, and errors, before anything is judged.
    pub warm_start: u32,
    /// Part of the greatest distance below which there is a warning.
    pub alpha: f64,
    /// Part of the greatest distance below which there is a drift; at most `alpha`.
    pub beta: f64,
}

impl Default for EddmSettings {
    fn default() -> Self {
        Self { warm_start: 30, alpha: 0.95, beta: 0.9 }
    }
}

impl Eddm {
    /// Starts with no values.
    #[must_use]
    pub fn new(settings: EddmSettings) -> Self {
        Self {
            settings,
            distances: RunningVariance::default(),
            n: 0,
            last_error: 0,
            errors: 0,
            greatest: None,
            signal: Signal::Quiet,
        }
    }

    fn judge(&mut self) {
        let spread = self.distances.mean.mean + 2.0 * self.distances.variance().sqrt();
        let greatest = match self.greatest {
            Some(greatest) if spread <= greatest => greatest,
            _ => {
                self.greatest = Some(spread);
                return;
            }
        };
        if self.errors > u64::from(self.settings.warm_start) {
            let level = spread / greatest;
            self.signal = match level {
                _ if level < self.settings.beta => Signal::Drift,
                _ if level < self.settings.alpha => Signal::Warning,
                _ => Signal::Quiet,
            };
        }
    }
}

impl Default for Eddm {
    fn default() -> Self {
        Self::new(EddmSettings::default())
    }
}

impl Detector for Eddm {
    type Input = ErrorBit;

    #[inline]
    fn update(&mut self, input: ErrorBit) -> Signal {
        if self.signal == Signal::Drift {
            *self = Self::new(self.settings);
        }
        self.n = self.n.saturating_add(1);
        if input == ErrorBit::Error {
            self.errors = self.errors.saturating_add(1);
            self.distances.update(self.n.saturating_sub(self.last_error) as f64);
            if self.n > u64::from(self.settings.warm_start) {
                self.judge();
            }
            self.last_error = self.n;
        }
        self.signal
    }

    fn merge(&mut self, other: Self) {
        if self.signal == Signal::Drift {
            *self = Self::new(self.settings);
        }
        if other.signal == Signal::Drift || other.n == 0 {
            return;
        }
        let since = |eddm: &Self| eddm.n.saturating_sub(eddm.last_error);
        let since_error = if self.n == 0 { since(&other) } else { since(self).min(since(&other)) };
        self.distances.merge(&other.distances);
        self.n = self.n.saturating_add(other.n);
        self.last_error = self.n.saturating_sub(since_error);
        self.errors = self.errors.saturating_add(other.errors);
        self.greatest = self.greatest.into_iter().chain(other.greatest).min_by(f64::total_cmp);
        self.signal = self.signal.max(other.signal);
    }
}
