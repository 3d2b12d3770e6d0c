use serde::{Deserialize, Serialize};

use super::{
    bit_window::BitWindow,
    in_turns::in_turns,
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
    /// Errors of the newest values.
    window: BitWindow,
    window_errors: u32,
    older: u64,
    older_errors: u64,
    /// Squares of the statistics from which on there is a warning, and a drift.
    critical: [f64; 2],
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
        let critical = [settings.warning_level, settings.drift_level].map(|level| critical_value(level).powi(2));
        Self::with_critical(settings, critical)
    }

    fn with_critical(settings: StepdSettings, critical: [f64; 2]) -> Self {
        let window = BitWindow::default();
        Self { settings, window, window_errors: 0, older: 0, older_errors: 0, critical, drifted: false }
    }

    /// Takes a value into the window; the oldest goes to those before it.
    fn slide(&mut self, error: bool) {
        self.window_errors = self.window_errors.saturating_add(u32::from(error));
        let Some(oldest) = self.window.push(error, self.settings.window) else { return };
        self.window_errors = self.window_errors.saturating_sub(u32::from(oldest));
        self.older = self.older.saturating_add(1);
        self.older_errors = self.older_errors.saturating_add(u64::from(oldest));
    }

    /// Holds the statistic of equal rates against its critical values; quiet where there is too little, or nothing to tell rates by.
    ///
    /// Of the error counts a of n and b of m, |a/n - b/m| less the correction, over its deviation; both sides are squared and multiplied
    /// by n m (n + m), so that nothing is divided.
    fn judge(&self) -> Signal {
        let (n, m) = (self.older as f64, f64::from(self.settings.window));
        let (a, b) = (self.older_errors as f64, f64::from(self.window_errors));
        let (all, errors) = (n + m, a + b);
        let spread = errors * (all - errors) * n * m;
        if n < m || m == 0.0 || spread <= 0.0 {
            return Signal::Quiet;
        }
        let difference = ((a * m - b * n).abs() - 0.5 * all).max(0.0);
        let square = difference * difference * all;
        let [warning, drift] = self.critical.map(|critical| square >= critical * spread);
        match drift {
            true => Signal::Drift,
            false if warning => Signal::Warning,
            false => Signal::Quiet,
        }
    }
}

/// Returns the least statistic, at least 0, whose tail of the normal law is below `level`; huge where there is none.
fn critical_value(level: f64) -> f64 {
    let is_below = |z: f64| normal_survival(z) < level;
    let (mut low, mut high) = (0.0, BEYOND_THE_TAIL);
    match () {
        () if is_below(low) => return 0.0,
        () if !is_below(high) => return f64::MAX.sqrt(),
        () => {}
    }
    loop {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            return high;
        }
        if is_below(middle) { high = middle } else { low = middle }
    }
}

/// The normal tail is 0 from here on.
const BEYOND_THE_TAIL: f64 = 40.0;

impl Default for Stepd {
    fn default() -> Self {
        Self::new(StepdSettings::default())
    }
}

impl Detector for Stepd {
    type Input = ErrorBit;

    #[inline]
    fn update(&mut self, input: ErrorBit) -> Signal {
        if self.drifted {
            *self = Self::with_critical(self.settings, self.critical);
        }
        self.slide(input == ErrorBit::Error);
        let signal = self.judge();
        self.drifted = signal == Signal::Drift;
        signal
    }

    fn merge(&mut self, other: Self) {
        if self.drifted {
            *self = Self::with_critical(self.settings, self.critical);
        }
        if other.drifted {
            return;
        }
        let newest = in_turns(self.window.iter(), other.window.iter());
        (self.window, self.window_errors) = (BitWindow::default(), 0);
        self.older = self.older.saturating_add(other.older);
        self.older_errors = self.older_errors.saturating_add(other.older_errors);
        newest.into_iter().for_each(|error| self.slide(error));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The statistic by its definition, and its p-value.
    fn p_value(stepd: &Stepd) -> Option<f64> {
        let (older, newer) = (stepd.older as f64, f64::from(stepd.settings.window));
        let (older_errors, newer_errors) = (stepd.older_errors as f64, f64::from(stepd.window_errors));
        let rate = (older_errors + newer_errors) / (older + newer);
        let sizes = 1.0 / older + 1.0 / newer;
        let variance = rate * (1.0 - rate) * sizes;
        let difference = (older_errors / older - newer_errors / newer).abs() - 0.5 * sizes;
        (older >= newer && variance > 0.0).then(|| normal_survival(difference.max(0.0) / variance.sqrt()))
    }

    #[test]
    fn critical_values_decide_as_p_values_do() {
        let mut rng = lineal_core::Rng::new(1, "stepd");
        for (warning_level, drift_level) in [(0.05, 0.003), (0.2, 1e-9), (0.4, 0.01), (0.6, 0.0), (1e-3, 0.02)] {
            let settings = StepdSettings { warning_level, drift_level, ..StepdSettings::default() };
            let mut stepd = Stepd::new(settings);
            for at in 0..20_000 {
                let signal = stepd.update(ErrorBit::from_error(rng.f64() < [0.1, 0.3, 0.02, 0.0][at / 500 % 4]));
                let expected = match p_value(&stepd) {
                    Some(p) if p < drift_level => Signal::Drift,
                    Some(p) if p < warning_level => Signal::Warning,
                    _ => Signal::Quiet,
                };
                assert_eq!(signal, expected, "{settings:?} {at}");
            }
        }
        assert!((critical_value(0.025) - 1.959_963_984_540_054).abs() < 1e-12);
    }
}
