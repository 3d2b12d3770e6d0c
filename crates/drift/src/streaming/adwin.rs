use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{
    in_turns::in_turns,
    input::Value,
    signal::{Detector, Signal},
};

/// Adaptive windowing: a window over the newest values that is cut wherever its two parts have means that differ by more than chance.
///
/// Holds an exponential histogram of O(log n) buckets; O(1) per value, and O(log n) every `clock` values. Bounds false alarms by `delta`
/// for values between 0 and 1: of much smaller ones it sees nothing, and where values are large beside their spread, rounding of their
/// sums is taken for a change. [`DriftAlarm`](super::DriftAlarm) brings values there first. Windows of replicas merge.
/// Source: Bifet and Gavaldà, Learning from Time-Changing Data with Adaptive Windowing (2007); index for index as river's `ADWIN`.
///
/// ```
/// use lineal_drift::streaming::{Adwin, Detector, Signal, Value};
///
/// let mut detector = Adwin::default();
/// let stream = (0..2000).map(|at| Value::new(if at < 1000 { 0.0 } else { 1.0 }).unwrap());
/// assert_eq!(detector.update_all(stream), [(1023, Signal::Drift)]);
/// assert!(detector.mean() > 0.9);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Adwin {
    settings: AdwinSettings,
    /// Row i holds buckets of 2^i values, the oldest first.
    rows: Vec<VecDeque<Bucket>>,
    /// What values are multiplied by, a power of two: 1 until there is one whose square is too large.
    scale: f64,
    width: f64,
    total: f64,
    /// Sum of squared deviations.
    variance: f64,
    ticks: u64,
    drifted: bool,
}

/// Settings of [`Adwin`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdwinSettings {
    /// Probability of a false cut, 0 to 1.
    pub delta: f64,
    /// Values between two searches for a cut.
    pub clock: u32,
    /// Buckets of one size; one more, and two of them become one of twice the size.
    pub max_buckets: u32,
    /// Values that both parts have at least.
    pub min_window_length: u32,
    /// Values before the first search.
    pub grace_period: u32,
    /// Whether the window behind a cut is kept, as in the paper and in MOA; otherwise it is given up after a drift, as in river.
    pub keep_window: bool,
}

impl Default for AdwinSettings {
    fn default() -> Self {
        Self { delta: 0.002, clock: 32, max_buckets: 5, min_window_length: 5, grace_period: 10, keep_window: false }
    }
}

/// Sum and squared deviations of some values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Bucket {
    total: f64,
    variance: f64,
}

impl Adwin {
    /// Starts with no values.
    #[must_use]
    pub fn new(settings: AdwinSettings) -> Self {
        let rows = vec![VecDeque::new()];
        Self { settings, rows, scale: 1.0, width: 0.0, total: 0.0, variance: 0.0, ticks: 0, drifted: false }
    }

    /// Returns how many values the window holds.
    #[must_use]
    pub fn width(&self) -> f64 {
        self.width
    }

    /// Returns the sum of the window, infinite beyond the range of `f64`.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.total / self.scale
    }

    /// Returns the mean of the window, 0 without values.
    #[must_use]
    pub fn mean(&self) -> f64 {
        if self.width == 0.0 { 0.0 } else { self.total / self.width / self.scale }
    }

    /// Returns the sum of the squared deviations from the mean of the window, infinite beyond the range of `f64`.
    #[must_use]
    pub fn squared_deviations(&self) -> f64 {
        self.variance / self.scale / self.scale
    }

    fn give_up_after_drift(&mut self) {
        if self.drifted && !self.settings.keep_window {
            *self = Self::new(self.settings);
        }
    }

    /// Makes room for the squares of the largest numbers; what is far smaller than those loses its spread.
    fn scale_down(&mut self) {
        if self.scale != 1.0 {
            return;
        }
        self.scale = SMALL_SCALE;
        self.total *= SMALL_SCALE;
        self.variance = self.variance * SMALL_SCALE * SMALL_SCALE;
        for bucket in self.rows.iter_mut().flatten() {
            bucket.total *= SMALL_SCALE;
            bucket.variance = bucket.variance * SMALL_SCALE * SMALL_SCALE;
        }
    }

    fn insert(&mut self, x: f64) {
        if x.abs() > UNSCALED_UP_TO {
            self.scale_down();
        }
        let x = x * self.scale;
        if let Some(row) = self.rows.first_mut() {
            row.push_back(Bucket { total: x, variance: 0.0 });
        }
        if self.width > 0.0 {
            let deviation = x - self.total / self.width;
            self.variance += self.width * deviation * deviation / (self.width + 1.0);
        }
        self.width += 1.0;
        self.total += x;
        self.compress();
    }

    /// Joins the two oldest buckets of each size of which there are too many.
    fn compress(&mut self) {
        let mut at = 0;
        while self.join_oldest(at) {
            at += 1;
        }
    }

    /// Makes one bucket of the two oldest ones of a row that has too many; tells whether it did.
    fn join_oldest(&mut self, at: usize) -> bool {
        let most = self.settings.max_buckets as usize;
        let Some(row) = self.rows.get_mut(at).filter(|row| row.len() > most) else { return false };
        let (Some(one), Some(other)) = (row.pop_front(), row.pop_front()) else { return false };
        let size = bucket_size(at);
        let difference = one.total / size - other.total / size;
        let joined = Bucket {
            total: one.total + other.total,
            variance: one.variance + other.variance + size * size * difference * difference / (size + size),
        };
        match self.rows.get_mut(at + 1) {
            Some(next) => next.push_back(joined),
            None => self.rows.push(VecDeque::from([joined])),
        }
        true
    }

    /// Cuts old buckets off as long as the window falls into two; tells whether it did.
    fn shrink(&mut self) -> bool {
        let mut shrunk = false;
        while self.width > 0.0 && self.has_cut() {
            shrunk = true;
            self.drop_oldest();
        }
        shrunk
    }

    fn has_cut(&self) -> bool {
        let least = f64::from(self.settings.min_window_length);
        let (mut n0, mut n1, mut u0, mut u1) = (0.0, self.width, 0.0, self.total);
        for (at, row) in self.rows.iter().enumerate().rev() {
            let size = bucket_size(at);
            // Nothing is behind the newest value.
            let looked_at = row.len() - usize::from(at == 0 && !row.is_empty());
            for bucket in row.iter().take(looked_at) {
                (n0, n1) = (n0 + size, n1 - size);
                (u0, u1) = (u0 + bucket.total, u1 - bucket.total);
                if n0 >= least && n1 >= least && self.differs(n0, n1, u0 / n0 - u1 / n1) {
                    return true;
                }
            }
        }
        false
    }

    fn differs(&self, n0: f64, n1: f64, difference: f64) -> bool {
        let least = f64::from(self.settings.min_window_length);
        let delta = (2.0 * self.width.ln() / self.settings.delta).ln();
        let inverse = 1.0 / (n0 - least + 1.0) + 1.0 / (n1 - least + 1.0);
        let variance = self.variance / self.width;
        difference.abs() > (2.0 * inverse * variance * delta).sqrt() + 2.0 / 3.0 * delta * inverse * self.scale
    }

    fn drop_oldest(&mut self) {
        let size = bucket_size(self.rows.len().saturating_sub(1));
        let Some(oldest) = self.rows.last_mut().and_then(VecDeque::pop_front) else { return };
        self.width -= size;
        self.total -= oldest.total;
        if self.width > 0.0 {
            let difference = oldest.total / size - self.total / self.width;
            let between = size * self.width * difference * difference / (size + self.width);
            self.variance -= oldest.variance + between;
        }
        while self.rows.len() > 1 && self.rows.last().is_some_and(VecDeque::is_empty) {
            self.rows.pop();
        }
    }
}

fn bucket_size(row: usize) -> f64 {
    2.0_f64.powi(i32::try_from(row).unwrap_or(i32::MAX))
}

/// 2^400: the square of a larger number, times the number of values, may exceed `f64`.
const UNSCALED_UP_TO: f64 = f64::from_bits((1023 + 400) << 52);
/// 2^-600, which brings the largest number below that.
const SMALL_SCALE: f64 = f64::from_bits((1023 - 600) << 52);

impl Default for Adwin {
    fn default() -> Self {
        Self::new(AdwinSettings::default())
    }
}

impl Detector for Adwin {
    type Input = Value;

    #[inline]
    fn update(&mut self, input: Value) -> Signal {
        self.give_up_after_drift();
        self.insert(input.get());
        self.ticks = self.ticks.wrapping_add(1);
        let is_time = self.ticks.is_multiple_of(u64::from(self.settings.clock.max(1)));
        self.drifted = is_time && self.width > f64::from(self.settings.grace_period) && self.shrink();
        if self.drifted { Signal::Drift } else { Signal::Quiet }
    }

    /// Sums, widths and deviations are those of both windows; buckets of one size are taken in turns. A window with a drift in it is given
    /// up, as the next value would do. O(log n).
    fn merge(&mut self, mut other: Self) {
        self.give_up_after_drift();
        other.give_up_after_drift();
        if self.scale != other.scale {
            self.scale_down();
            other.scale_down();
        }
        if self.width > 0.0 && other.width > 0.0 {
            let difference = self.total / self.width - other.total / other.width;
            let width = self.width + other.width;
            self.variance += self.width * other.width * difference * difference / width;
        }
        self.variance += other.variance;
        self.width += other.width;
        self.total += other.total;
        self.ticks = self.ticks.wrapping_add(other.ticks);
        for (at, theirs) in other.rows.into_iter().enumerate() {
            match self.rows.get_mut(at) {
                Some(ours) => *ours = in_turns(std::mem::take(ours), theirs),
                None => self.rows.push(theirs),
            }
        }
        for at in 0.. {
            while self.join_oldest(at) {}
            if at >= self.rows.len() {
                return;
            }
        }
    }
}
