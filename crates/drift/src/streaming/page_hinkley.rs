use serde::{Deserialize, Serialize};

use super::{
    input::Value,
    running::{RunningMean, saturated},
    signal::{Detector, Signal},
};

/// The Page-Hinkley test: the cumulated deviation from the running mean, less a tolerance, leaves its extreme by more than a threshold.
///
/// Tolerance and threshold have the unit of the values: on values of scale 50 the defaults fire all the time. O(1) per value.
/// Source: Page (1954), Hinkley (1971), with forgetting; index for index as river's `PageHinkley`.
///
/// ```
/// use lineal_drift::streaming::{Detector, PageHinkley, Signal, Value};
///
/// let mut detector = PageHinkley::default();
/// let stream = (0..400).map(|at| Value::new(if at < 200 { 0.0 } else { 2.0 }).unwrap());
/// assert_eq!(detector.update_all(stream).first(), Some(&(226, Signal::Drift)));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PageHinkley {
    settings: PageHinkleySettings,
    state: State,
    drifted: bool,
}

/// Settings of [`PageHinkley`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PageHinkleySettings {
    /// Values before the first signal.
    pub min_instances: u32,
    /// Deviations of that size are tolerated, in the unit of the values.
    pub delta: f64,
    /// How far the sum leaves its extreme, in the unit of the values.
    pub threshold: f64,
    /// What is kept of the sum with each value, 0 to 1.
    pub alpha: f64,
    /// Which changes count.
    pub side: PageHinkleySide,
}

/// Which changes of the mean count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PageHinkleySide {
    /// Rises.
    Up,
    /// Falls.
    Down,
    /// Both.
    #[default]
    Both,
}

impl Default for PageHinkleySettings {
    fn default() -> Self {
        Self { min_instances: 30, delta: 0.005, threshold: 50.0, alpha: 1.0 - 0.0001, side: PageHinkleySide::Both }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct State {
    mean: RunningMean,
    rise: f64,
    fall: f64,
    /// `None` before the first value.
    least_rise: Option<f64>,
    greatest_fall: f64,
}

impl Default for State {
    fn default() -> Self {
        // The start of the greatest fall is the convention of river.
        Self { mean: RunningMean::default(), rise: 0.0, fall: 0.0, least_rise: None, greatest_fall: -1.0 }
    }
}

impl State {
    fn risen(&self) -> f64 {
        self.rise - self.least_rise.unwrap_or(self.rise)
    }

    fn fallen(&self) -> f64 {
        self.greatest_fall - self.fall
    }
}

impl PageHinkley {
    /// Starts with no values.
    #[must_use]
    pub fn new(settings: PageHinkleySettings) -> Self {
        Self { settings, state: State::default(), drifted: false }
    }
}

impl Default for PageHinkley {
    fn default() -> Self {
        Self::new(PageHinkleySettings::default())
    }
}

impl Detector for PageHinkley {
    type Input = Value;

    #[inline]
    fn update(&mut self, input: Value) -> Signal {
        if self.drifted {
            *self = Self::new(self.settings);
        }
        let PageHinkleySettings { min_instances, delta, threshold, alpha, side } = self.settings;
        let state = &mut self.state;
        state.mean.update(input.get());
        let deviation = saturated(input.get() - state.mean.mean);
        state.rise = saturated(alpha * state.rise + deviation - delta);
        state.fall = saturated(alpha * state.fall + deviation + delta);
        let least_rise = state.least_rise.map_or(state.rise, |least| least.min(state.rise));
        state.least_rise = Some(least_rise);
        state.greatest_fall = state.greatest_fall.max(state.fall);
        let (up, down) = (state.rise - least_rise > threshold, state.greatest_fall - state.fall > threshold);
        let beyond = match side {
            PageHinkleySide::Up => up,
            PageHinkleySide::Down => down,
            PageHinkleySide::Both => up || down,
        };
        self.drifted = beyond && state.mean.n >= f64::from(min_instances);
        if self.drifted { Signal::Drift } else { Signal::Quiet }
    }

    fn merge(&mut self, other: Self) {
        if self.drifted {
            *self = Self::new(self.settings);
        }
        if other.drifted {
            return;
        }
        let (ours, theirs) = (&mut self.state, other.state);
        ours.mean.merge(&theirs.mean);
        if theirs.risen() > ours.risen() || ours.least_rise.is_none() {
            (ours.rise, ours.least_rise) = (theirs.rise, theirs.least_rise);
        }
        if theirs.fallen() > ours.fallen() {
            (ours.fall, ours.greatest_fall) = (theirs.fall, theirs.greatest_fall);
        }
    }
}
