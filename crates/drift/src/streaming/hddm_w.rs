use serde::{Deserialize, Serialize};

use super::{
    input::ErrorBit,
    signal::{Detector, Signal},
};

/// Drift detection by McDiarmid's inequality, on exponentially weighted means: recent values count more than in [`HddmA`](super::HddmA).
///
/// For gradual changes too. O(1) per value.
/// Source: Frías-Blanco et al., Online and Non-Parametric Drift Detection Methods Based on Hoeffding's Bounds (2015), W-test; index for
/// index as river's `HDDM_W`.
///
/// ```
/// use lineal_drift::streaming::{HddmW, HddmWSettings};
/// let slow = HddmW::new(HddmWSettings { lambda: 0.01, ..HddmWSettings::default() });
/// # let _ = slow;
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HddmW {
    settings: HddmWSettings,
    all: Weighted,
    rise: Cut,
    fall: Cut,
    drifted: bool,
}

/// Settings of [`HddmW`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HddmWSettings {
    /// Probability of a false drift at a cut, 0 to 1.
    pub drift_confidence: f64,
    /// The same of a warning.
    pub warning_confidence: f64,
    /// Weight of the newest value, 0 to 1.
    pub lambda: f64,
    /// Whether fewer errors are a drift, too.
    pub two_sided: bool,
}

impl Default for HddmWSettings {
    fn default() -> Self {
        Self { drift_confidence: 0.001, warning_confidence: 0.005, lambda: 0.05, two_sided: false }
    }
}

/// An exponentially weighted mean and the sum of its squared weights.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Weighted {
    /// `None` before the first value.
    mean: Option<f64>,
    squares: f64,
}

impl Weighted {
    const EMPTY: Self = Self { mean: None, squares: 1.0 };

    fn update(&mut self, x: f64, lambda: f64) {
        self.mean = Some(self.mean.map_or(x, |mean| lambda * x + (1.0 - lambda) * mean));
        self.squares = lambda * lambda + (1.0 - lambda).powi(2) * self.squares;
    }
}

impl Weighted {
    /// Halfway between both: every weight is half of what it was.
    fn merge(&mut self, other: &Self) {
        match (self.mean, other.mean) {
            (_, None) => {}
            (None, Some(_)) => *self = *other,
            (Some(ours), Some(theirs)) => {
                self.mean = Some(f64::midpoint(ours, theirs));
                self.squares = 0.25 * (self.squares + other.squares);
            }
        }
    }
}

/// The values up to the cut where the bound of the mean was most extreme, and those behind it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Cut {
    bound: Option<f64>,
    before: Weighted,
    after: Weighted,
}

impl Cut {
    const EMPTY: Self = Self { bound: None, before: Weighted::EMPTY, after: Weighted::EMPTY };

    fn update(&mut self, all: &Weighted, bound: f64, moves: bool, x: f64, lambda: f64) {
        if moves {
            *self = Self { bound: Some(bound), before: *all, after: Weighted::EMPTY };
        } else {
            self.after.update(x, lambda);
        }
    }

    /// Keeps the cut whose bound is less extreme.
    fn merge(&mut self, other: Self, is_milder: impl Fn(f64, f64) -> bool) {
        let theirs = other.bound;
        if self.bound.is_none_or(|ours| theirs.is_some_and(|theirs| is_milder(ours, theirs))) {
            *self = other;
        }
    }

    fn moved(&self, sign: f64, confidence: f64) -> bool {
        let Some((before, after)) = self.before.mean.zip(self.after.mean) else { return false };
        sign * (after - before) > mcdiarmid(self.before.squares + self.after.squares, confidence)
    }
}

fn mcdiarmid(squares: f64, confidence: f64) -> f64 {
    (squares * (1.0 / confidence).ln() / 2.0).sqrt()
}

impl HddmW {
    /// Starts with no values.
    #[must_use]
    pub fn new(settings: HddmWSettings) -> Self {
        Self { settings, all: Weighted::EMPTY, rise: Cut::EMPTY, fall: Cut::EMPTY, drifted: false }
    }

    fn signal(&self, cut: &Cut, sign: f64) -> Signal {
        match () {
            () if cut.moved(sign, self.settings.drift_confidence) => Signal::Drift,
            () if cut.moved(sign, self.settings.warning_confidence) => Signal::Warning,
            () => Signal::Quiet,
        }
    }
}

impl Default for HddmW {
    fn default() -> Self {
        Self::new(HddmWSettings::default())
    }
}

impl Detector for HddmW {
    type Input = ErrorBit;

    fn update(&mut self, input: ErrorBit) -> Signal {
        if self.drifted {
            *self = Self::new(self.settings);
        }
        let (x, lambda) = (input.as_f64(), self.settings.lambda);
        self.all.update(x, lambda);
        let (mean, width) = (self.all.mean.unwrap_or(x), mcdiarmid(self.all.squares, self.settings.drift_confidence));
        let (upper, lower) = (mean + width, mean - width);
        self.rise.update(&self.all, upper, self.rise.bound.is_none_or(|bound| upper < bound), x, lambda);
        self.fall.update(&self.all, lower, self.fall.bound.is_none_or(|bound| lower > bound), x, lambda);
        let mut signal = self.signal(&self.rise, 1.0);
        if self.settings.two_sided {
            signal = signal.max(self.signal(&self.fall, -1.0));
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
        self.rise.merge(other.rise, |ours, theirs| theirs > ours);
        self.fall.merge(other.fall, |ours, theirs| theirs < ours);
    }
}
