use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{
    in_turns::in_turns,
    input::Value,
    signal::{Detector, Signal},
};
use crate::math::gamma::ln_gamma;

/// Kolmogorov-Smirnov windowing: the newest values of a window do not have the law of as many drawn at random from the older ones.
///
/// Sees changes of any kind, of the spread too, whatever the unit. But `alpha` is the level of one test, and there is one at every value:
/// see [`FALSE_ALARMS`](super::FALSE_ALARMS). O(`window_size`) per value without an allocation, 8 bytes of memory per value of the window
/// and 17 per older one. Draws follow from `seed`, and where they stand is saved with the state.
/// Source: Raab et al., Reactive Soft Prototype Computing for Concept Drift Streams (2020); the exact p-value of two samples, and a
/// distance above 0.1, as river's `KSWIN`, whose draws are Python's.
///
/// ```
/// use lineal_drift::streaming::{Detector, Kswin, Signal, Value};
///
/// let mut detector = Kswin::default();
/// let stream = (0..600).map(|at| Value::new(f64::from(at * 7 % 11) * if at < 400 { 1.0 } else { 9.0 }).unwrap());
/// assert!(matches!(detector.update_all(stream).first(), Some((400..430, Signal::Drift))));
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "Saved", into = "Saved")]
pub struct Kswin {
    settings: KswinSettings,
    /// In the order of the stream.
    window: VecDeque<f64>,
    /// Where the draws stand.
    random: u64,
    drifted: bool,
    /// From here on it follows from what is above.
    older: Older,
    /// 1 for each of the older values that is drawn.
    drawn: Vec<u8>,
    /// Values of the newest by which one law must run ahead.
    critical: i32,
}

/// Settings of [`Kswin`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KswinSettings {
    /// Level of each test, 0 to 1.
    pub alpha: f64,
    /// Values of the window, at least twice `stat_size`; otherwise there is no test.
    pub window_size: u32,
    /// The newest values of it, which are held against as many older ones, at least 1.
    pub stat_size: u32,
    /// What the draws follow from.
    pub seed: u64,
}

impl Default for KswinSettings {
    fn default() -> Self {
        Self { alpha: 0.005, window_size: 100, stat_size: 30, seed: 0 }
    }
}

impl Kswin {
    /// Starts with no values.
    #[must_use]
    pub fn new(settings: KswinSettings) -> Self {
        let critical = critical_count(settings.stat_size, settings.alpha);
        Self {
            settings,
            window: VecDeque::new(),
            random: settings.seed,
            drifted: false,
            older: Older::default(),
            drawn: Vec::new(),
            critical,
        }
    }

    fn give_up_after_drift(&mut self) {
        if self.drifted {
            self.window.clear();
            self.drifted = false;
        }
    }

    fn older_size(&self) -> u32 {
        self.settings.window_size.saturating_sub(self.settings.stat_size)
    }

    /// Takes a value into a full window, and lets the oldest go.
    fn slide(&mut self, x: f64) {
        let newest = self.older_size() as usize;
        let (Some(oldest), Some(ages)) = (self.window.pop_front(), self.window.get(newest - 1).copied()) else {
            return;
        };
        self.window.push_back(x);
        self.older.exchange_newest(ages, x);
        let ranks = Ranks::among(self.window.range(newest..), ages);
        self.older.exchange(oldest, ages, ranks);
    }

    /// Draws `stat_size` of the older values, each choice as likely: a mark for each in their order (Floyd's algorithm; Bentley, 1987).
    fn draw(&mut self) {
        let (size, wanted) = (self.older_size(), self.settings.stat_size);
        self.drawn.clear();
        self.drawn.resize(size as usize, 0);
        for last in size - wanted..size {
            let choice = below(next_random(&mut self.random), last + 1);
            // One that was drawn before gives way to the last place, without a branch: nobody could foresee it.
            let taken = self.drawn.get(choice as usize).copied().unwrap_or(0);
            let choice = choice ^ (choice ^ last) & u32::from(taken).wrapping_neg();
            if let Some(drawn) = self.drawn.get_mut(choice as usize) {
                *drawn = 1;
            }
        }
    }
}

/// The older values of a full window, ascending, and how many of the newest ones lie below each.
#[derive(Clone, Debug, Default, PartialEq)]
struct Older {
    values: Vec<f64>,
    ranks: Vec<Ranks>,
}

/// How many of the newest values are below a value, and how many are not above it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Ranks {
    below: i32,
    up_to: i32,
}

impl Ranks {
    fn among<'a>(newest: impl Iterator<Item = &'a f64>, at: f64) -> Self {
        newest.fold(Self::default(), |ranks, value| Self {
            below: ranks.below + i32::from(*value < at),
            up_to: ranks.up_to + i32::from(*value <= at),
        })
    }
}

impl Older {
    fn new(window: &VecDeque<f64>, size: usize) -> Self {
        let mut values: Vec<f64> = window.iter().take(size).copied().collect();
        values.sort_unstable_by(f64::total_cmp);
        let ranks = values.iter().map(|at| Ranks::among(window.range(size.min(window.len())..), *at)).collect();
        Self { values, ranks }
    }

    /// One of the newest values goes, another one comes: only ranks between them change.
    fn exchange_newest(&mut self, goes: f64, comes: f64) {
        let (first, last) = if goes < comes { (goes, comes) } else { (comes, goes) };
        let step = if goes < comes { -1 } else { 1 };
        let from = self.values.partition_point(|value| *value < first);
        let end = from + self.values.iter().skip(from).take_while(|value| **value <= last).count();
        let (Some(values), Some(ranks)) = (self.values.get(from..end), self.ranks.get_mut(from..end)) else { return };
        for (value, ranks) in values.iter().zip(ranks) {
            ranks.up_to += if *value < last { step } else { 0 };
            ranks.below += if *value > first { step } else { 0 };
        }
    }

    /// One of the older values goes, another one comes.
    fn exchange(&mut self, goes: f64, comes: f64, ranks: Ranks) {
        let left = self.values.partition_point(|value| *value < goes);
        let right = self.values.partition_point(|value| *value < comes);
        // What lies between moves over by one place.
        let (range, at) = if left < right { (left..right, right - 1) } else { (right..left + 1, right) };
        if let (Some(values), Some(moved)) = (self.values.get_mut(range.clone()), self.ranks.get_mut(range)) {
            match left < right {
                true => (values.rotate_left(1), moved.rotate_left(1)),
                false => (values.rotate_right(1), moved.rotate_right(1)),
            };
        }
        if let (Some(value), Some(slot)) = (self.values.get_mut(at), self.ranks.get_mut(at)) {
            (*value, *slot) = (comes, ranks);
        }
    }

    /// Returns by how many values the law of the newest and that of the drawn ones, of which there are as many, lie apart.
    fn distance(&self, drawn: &[u8]) -> i32 {
        let (mut behind, mut distance) = (0, 0);
        for (ranks, drawn) in self.ranks.iter().zip(drawn) {
            distance = distance.max(ranks.below - behind);
            behind += i32::from(*drawn);
            distance = distance.max(behind - ranks.up_to);
        }
        distance
    }
}

impl PartialEq for Kswin {
    fn eq(&self, other: &Self) -> bool {
        // All else follows from these, or is written over by the next value.
        let state = |kswin: &Self| (kswin.settings, kswin.random, kswin.drifted);
        state(self) == state(other) && self.window == other.window
    }
}

impl Default for Kswin {
    fn default() -> Self {
        Self::new(KswinSettings::default())
    }
}

impl Detector for Kswin {
    type Input = Value;

    #[inline]
    fn update(&mut self, input: Value) -> Signal {
        self.give_up_after_drift();
        let KswinSettings { window_size, stat_size, .. } = self.settings;
        if stat_size == 0 || self.older_size() < stat_size {
            return Signal::Quiet;
        }
        let size = window_size as usize;
        if self.window.len() < size {
            self.window.push_back(input.get());
            if self.window.len() < size {
                return Signal::Quiet;
            }
            self.older = Older::new(&self.window, self.older_size() as usize);
        } else {
            self.slide(input.get());
        }
        self.draw();
        self.drifted = self.older.distance(&self.drawn) >= self.critical;
        if self.drifted { Signal::Drift } else { Signal::Quiet }
    }

    fn merge(&mut self, mut other: Self) {
        for kswin in [&mut *self, &mut other] {
            kswin.give_up_after_drift();
        }
        if other.window.is_empty() {
            return;
        }
        let random = if self.window.is_empty() { other.random } else { self.random };
        let window = in_turns(std::mem::take(&mut self.window), other.window);
        let window = window.into_iter().filter_map(|value| Value::new(value).ok()).collect();
        *self = Saved { settings: self.settings, window, random, drifted: false }.into();
    }
}

/// What is written of a state.
#[derive(Serialize, Deserialize)]
struct Saved {
    settings: KswinSettings,
    window: Vec<Value>,
    random: u64,
    drifted: bool,
}

impl From<Kswin> for Saved {
    fn from(kswin: Kswin) -> Self {
        let Kswin { settings, window, random, drifted, .. } = kswin;
        let window = window.into_iter().filter_map(|value| Value::new(value).ok()).collect();
        Self { settings, window, random, drifted }
    }
}

impl From<Saved> for Kswin {
    fn from(saved: Saved) -> Self {
        let Saved { settings, window, random, drifted } = saved;
        let mut kswin = Self::new(settings);
        let size = settings.window_size as usize;
        let too_many = window.len().saturating_sub(size);
        kswin.window = window.into_iter().skip(too_many).map(Value::get).collect();
        (kswin.random, kswin.drifted) = (random, drifted);
        if kswin.window.len() == size {
            kswin.older = Older::new(&kswin.window, kswin.older_size() as usize);
        }
        kswin
    }
}

/// Returns the least difference of two counts whose exact p-value for two samples of `size` values is at most `alpha` and that is more
/// than a tenth of them; `i32::MAX` if there is none.
fn critical_count(size: u32, alpha: f64) -> i32 {
    let (mut low, mut high) = (size / 10, size.saturating_add(1));
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if exceedance(size, middle) <= alpha { high = middle } else { low = middle }
    }
    if high > size { i32::MAX } else { i32::try_from(high).unwrap_or(i32::MAX) }
}

/// Returns P(D >= `count` / `size`) for two samples of `size` distinct values of one law, `count` at least 1.
///
/// Source: Gnedenko and Korolyuk (1951): 2 Σ (-1)^(i-1) (2n choose n - i k) / (2n choose n).
fn exceedance(size: u32, count: u32) -> f64 {
    let n = f64::from(size);
    let terms = (1..=size / count.max(1)).map(|i| {
        let away = f64::from(i) * f64::from(count);
        let term = (2.0 * ln_gamma(n + 1.0) - ln_gamma(n - away + 1.0) - ln_gamma(n + away + 1.0)).exp();
        if i % 2 == 1 { term } else { -term }
    });
    2.0 * terms.take_while(|term| term.abs() > 1e-18).sum::<f64>()
}

/// Brings 64 random bits to `0..limit`, each as likely but for `limit` / 2^64.
#[expect(clippy::cast_possible_truncation, reason = "below the limit")]
fn below(random: u64, limit: u32) -> u32 {
    ((u128::from(random) * u128::from(limit)) >> 64) as u32
}

/// SplitMix64 (Steele, Lea and Flood, 2014).
fn next_random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::ks_paths::{self, Boundary};

    /// The distance of the laws of the drawn and the newest values, by their definition.
    fn distance(kswin: &Kswin) -> usize {
        let size = kswin.older_size() as usize;
        let mut older: Vec<f64> = kswin.window.iter().take(size).copied().collect();
        older.sort_by(f64::total_cmp);
        let drawn: Vec<f64> =
            older.into_iter().zip(&kswin.drawn).filter(|(_, drawn)| **drawn == 1).map(|(value, _)| value).collect();
        let newest: Vec<f64> = kswin.window.iter().skip(size).copied().collect();
        assert_eq!(drawn.len(), newest.len());
        let up_to = |values: &[f64], x: f64| values.iter().filter(|value| **value <= x).count();
        let all = drawn.iter().chain(&newest);
        all.map(|x| up_to(&drawn, *x).abs_diff(up_to(&newest, *x))).max().unwrap()
    }

    #[test]
    fn ranks_follow_the_window() {
        let mut rng = lineal_core::Rng::new(5, "kswin");
        for (window_size, stat_size, levels) in
            [(100, 30, 1e9), (20, 10, 4.0), (7, 2, 2.0), (300, 20, 50.0), (2, 1, 3.0)]
        {
            let settings = KswinSettings { window_size, stat_size, alpha: 1e-3, seed: 3 };
            let mut kswin = Kswin::new(settings);
            for at in 0..2_000 {
                let x = (rng.f64() * levels).floor() * if at < 1_000 { 1.0 } else { -2.0 };
                let signal = kswin.update(Value::new(x).unwrap());
                if kswin.window.len() < window_size as usize {
                    continue;
                }
                let size = kswin.older_size() as usize;
                assert_eq!(kswin.older, Older::new(&kswin.window, size), "{settings:?} {at}");
                let distance = distance(&kswin);
                assert_eq!(kswin.older.distance(&kswin.drawn) as usize, distance, "{settings:?} {at}");
                assert_eq!(signal == Signal::Drift, distance >= kswin.critical as usize);
            }
        }
    }

    #[test]
    fn every_older_value_is_drawn_as_often() {
        let mut kswin = Kswin::new(KswinSettings { window_size: 10, stat_size: 3, ..KswinSettings::default() });
        let mut triples = std::collections::BTreeMap::new();
        for _ in 0..35_000 {
            kswin.draw();
            assert_eq!(kswin.drawn.iter().filter(|drawn| **drawn == 1).count(), 3);
            *triples.entry(kswin.drawn.clone()).or_insert(0) += 1;
        }
        // Each of the 35 choices 1000 times, with a standard deviation of 31.
        assert_eq!(triples.len(), 35);
        assert!(triples.values().all(|times| (860..1140).contains(times)), "{triples:?}");
    }

    #[test]
    fn critical_counts_are_those_of_the_exact_law() {
        for size in [1, 2, 5, 30, 100, 333] {
            for count in 1..=size {
                let expected = ks_paths::exceedance(size, size, f64::from(count) / f64::from(size), Boundary::Both);
                assert!((exceedance(size, count) - expected).abs() < 1e-11 + 1e-9 * expected, "{size} {count}");
            }
        }
        // scipy: ks_2samp of 30 and 30 values: 14/30 has p = 0.0025, 13/30 has 0.0065; five values cannot have less than 0.0079.
        assert_eq!(critical_count(30, 0.005), 14);
        assert_eq!(critical_count(30, 0.01), 13);
        assert_eq!(critical_count(5, 0.005), i32::MAX);
        assert_eq!(critical_count(30, 2.0), 4);
        assert_eq!(critical_count(30, f64::NAN), i32::MAX);
        assert_eq!(critical_count(0, 0.5), i32::MAX);
        assert_eq!(critical_count(u32::MAX, 0.005), i32::try_from(u32::MAX / 10 + 1).unwrap());
    }
}
