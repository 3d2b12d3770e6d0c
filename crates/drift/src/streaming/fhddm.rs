use serde::{Deserialize, Serialize};

use super::{
    bit_window::BitWindow,
    in_turns::in_turns,
    input::ErrorBit,
    signal::{Detector, Signal},
};

/// Fast Hoeffding drift detection method: the share of right predictions in a sliding window falls below the best one seen.
///
/// O(1) per value, one bit of memory per value of the window. With a short window beside it, it is the stacking variant.
/// Source: Pesaranghader and Viktor, Fast Hoeffding Drift Detection Method for Evolving Data Streams (2016); index for index as river's
/// `FHDDM`, which is fed 1 for a right prediction.
///
/// ```
/// use lineal_drift::streaming::{Detector, ErrorBit, Fhddm};
///
/// let mut detector = Fhddm::default();
/// let stream = (0..400).map(|at| ErrorBit::from_error(at >= 200));
/// assert_eq!(detector.update_all(stream).first().map(|(at, _)| *at), Some(226));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fhddm {
    settings: FhddmSettings,
    /// Whether predictions were right.
    window: BitWindow,
    hits: u32,
    short_hits: u32,
    best: f64,
    short_best: f64,
    drifted: bool,
}

/// Settings of [`Fhddm`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FhddmSettings {
    /// Values of the window, at least 1.
    pub window: u32,
    /// Probability of a false drift, 0 to 1.
    pub confidence: f64,
    /// Values of a second window for sudden changes, at most `window`.
    pub short_window: Option<u32>,
}

impl Default for FhddmSettings {
    fn default() -> Self {
        Self { window: 100, confidence: 1e-6, short_window: None }
    }
}

impl Fhddm {
    /// Starts with no values.
    #[must_use]
    pub fn new(settings: FhddmSettings) -> Self {
        Self {
            settings,
            window: BitWindow::default(),
            hits: 0,
            short_hits: 0,
            best: 0.0,
            short_best: 0.0,
            drifted: false,
        }
    }

    fn bound(&self, values: u32) -> f64 {
        ((1.0 / self.settings.confidence).ln() / (2.0 * f64::from(values))).sqrt()
    }

    /// Takes a value into the windows, and lets the oldest go.
    fn slide(&mut self, hit: bool) {
        let short = self.settings.short_window.unwrap_or(self.settings.window);
        let left_short = short.checked_sub(1).map_or(Some(hit), |age| self.window.recent(age));
        let left = self.window.push(hit, self.settings.window);
        let moved = |hits: u32, left: Option<bool>| {
            hits.saturating_add(u32::from(hit)).saturating_sub(u32::from(left.unwrap_or(false)))
        };
        (self.hits, self.short_hits) = (moved(self.hits, left), moved(self.short_hits, left_short));
    }
}

impl Default for Fhddm {
    fn default() -> Self {
        Self::new(FhddmSettings::default())
    }
}

impl Detector for Fhddm {
    type Input = ErrorBit;

    #[inline]
    fn update(&mut self, input: ErrorBit) -> Signal {
        if self.drifted {
            *self = Self::new(self.settings);
        }
        self.slide(input == ErrorBit::Correct);
        let size = self.settings.window;
        if self.window.len() < size {
            return Signal::Quiet;
        }
        let share = f64::from(self.hits) / f64::from(size);
        self.best = self.best.max(share);
        self.drifted = self.best - share > self.bound(size);
        if let Some(short) = self.settings.short_window {
            let share = f64::from(self.short_hits) / f64::from(short);
            self.short_best = self.short_best.max(share);
            self.drifted |= self.short_best - share > self.bound(short);
        }
        if self.drifted { Signal::Drift } else { Signal::Quiet }
    }

    fn merge(&mut self, other: Self) {
        if self.drifted {
            *self = Self::new(self.settings);
        }
        if other.drifted {
            return;
        }
        let hits = in_turns(self.window.iter(), other.window.iter());
        (self.window, self.hits, self.short_hits) = (BitWindow::default(), 0, 0);
        hits.into_iter().for_each(|hit| self.slide(hit));
        let milder =
            |ours: f64, theirs: f64| if ours == 0.0 || theirs == 0.0 { ours.max(theirs) } else { ours.min(theirs) };
        self.best = milder(self.best, other.best);
        self.short_best = milder(self.short_best, other.short_best);
    }
}
