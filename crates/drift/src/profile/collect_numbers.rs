//! From numbers of one column to what is kept of them, a block at a time.

use super::calendar::{Calendar, Ticks};
use super::coin::Coin;
use super::count_numbers::{NumberCounter, Run};
use super::frequent::FrequentItems;
use super::hash;
use super::hyper_log_log::HyperLogLog;
use super::key::{Key, ordered, unordered};
use super::numbers::Numbers;
use super::settings::ProfileSettings;

/// How numbers of a column are turned into bits of the same order, and back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Float,
    Signed,
    Unsigned,
}

impl Encoding {
    #[expect(clippy::cast_possible_wrap, reason = "the bits of the integer")]
    fn signed(bits: u64) -> i64 {
        (bits ^ SIGN) as i64
    }

    fn value(self, bits: u64) -> f64 {
        match self {
            Self::Float => unordered(bits),
            Self::Signed => Self::signed(bits) as f64,
            Self::Unsigned => bits as f64,
        }
    }

    fn key(self, bits: u64) -> Key {
        match self {
            Self::Float => Key::Number(bits),
            Self::Signed => Key::integer(i128::from(Self::signed(bits))),
            Self::Unsigned => Key::integer(i128::from(bits)),
        }
    }

    /// Equal numbers have equal hashes, whatever the type of their column.
    fn hash(self, bits: u64, value: f64) -> u64 {
        if self == Self::Float || value.abs() <= EXACT_INTEGERS {
            return hash::of_number(value);
        }
        match self.key(bits) {
            Key::Wide(integer) => hash::of_wide(integer),
            _ => hash::of_number(value),
        }
    }
}

/// Sorts numbers in blocks; each block then goes to everything that is kept.
#[derive(Clone, Debug)]
pub(super) struct NumberCollector {
    encoding: Encoding,
    ticks: Option<Ticks>,
    /// Values that wait for the block to fill, by their ordered bits.
    block: Vec<u64>,
    numbers: Numbers,
    distinct: HyperLogLog,
    counter: NumberCounter,
    calendar: Calendar,
}

/// What is left when all values are in.
pub(super) struct Collected {
    pub(super) numbers: Numbers,
    pub(super) distinct: HyperLogLog,
    pub(super) frequent: FrequentItems,
    pub(super) calendar: Option<Calendar>,
}

impl NumberCollector {
    pub(super) fn new(
        encoding: Encoding,
        ticks: Option<Ticks>,
        settings: &ProfileSettings,
        name: &str,
        coin: Coin,
    ) -> Self {
        Self {
            encoding,
            ticks,
            block: Vec::new(),
            numbers: Numbers::new(settings.k, coin, settings.edges.get(name).cloned()),
            distinct: HyperLogLog::default(),
            counter: NumberCounter::new(settings.frequent),
            calendar: Calendar::default(),
        }
    }

    pub(super) fn encoding(&self) -> Encoding {
        self.encoding
    }

    pub(super) fn add_floats(&mut self, values: impl Iterator<Item = f64>) {
        for value in values {
            if value.is_finite() {
                self.add(ordered(value));
            } else {
                self.numbers.add_special(value);
            }
        }
    }

    #[expect(clippy::cast_sign_loss, reason = "the bits of the integer")]
    pub(super) fn add_signed(&mut self, values: impl Iterator<Item = i64>) {
        values.for_each(|value| self.add(value as u64 ^ SIGN));
    }

    pub(super) fn add_unsigned(&mut self, values: impl Iterator<Item = u64>) {
        values.for_each(|value| self.add(value));
    }

    fn add(&mut self, bits: u64) {
        self.block.push(bits);
        if self.block.len() >= BLOCK {
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.block.sort_unstable();
        let values: Vec<f64> = self.block.iter().map(|bits| self.encoding.value(*bits)).collect();
        self.numbers.add_sorted(&values);
        let runs = runs(&self.block);
        for (bits, _) in &runs {
            self.distinct.add(self.encoding.hash(*bits, self.encoding.value(*bits)));
        }
        self.counter.add(&runs, self.block.len() as u64);
        if let Some(ticks) = self.ticks {
            self.calendar.add_sorted(self.block.iter().map(|bits| Encoding::signed(*bits)), ticks);
        }
        self.block.clear();
    }

    pub(super) fn finish(mut self) -> Collected {
        self.flush();
        let NumberCounter { capacity, error, total, counts } = self.counter;
        let counts = counts.into_iter().map(|(bits, count)| (self.encoding.key(bits), count)).collect();
        Collected {
            numbers: self.numbers,
            distinct: self.distinct,
            frequent: FrequentItems::of(capacity, total, error, counts),
            calendar: self.ticks.map(|_| self.calendar),
        }
    }

    pub(super) fn size_bytes(&self) -> usize {
        8 * self.block.capacity() + self.counter.size_bytes() + self.numbers.size_bytes() + HyperLogLog::SIZE_BYTES
    }
}

fn runs(sorted: &[u64]) -> Vec<Run> {
    let mut runs = Vec::with_capacity(sorted.len());
    let mut rest = sorted;
    while let Some(&bits) = rest.first() {
        let length = rest.iter().position(|other| *other != bits).unwrap_or(rest.len());
        runs.push((bits, length as u64));
        rest = rest.get(length..).unwrap_or_default();
    }
    runs
}

/// Fits the first cache with all that is made of it, and is large against the quantile sketch.
pub(super) const BLOCK: usize = 2048;
const SIGN: u64 = 1 << 63;
/// Up to here every integer is a float: 2^53.
const EXACT_INTEGERS: f64 = 9_007_199_254_740_992.0;
