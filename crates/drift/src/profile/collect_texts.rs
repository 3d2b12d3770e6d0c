//! From labels of one column to what is kept of them.

use super::coin::Coin;
use super::collect_numbers::{BLOCK, Collected};
use super::count_texts::TextCounter;
use super::frequent::FrequentItems;
use super::hash;
use super::hyper_log_log::HyperLogLog;
use super::numbers::Numbers;
use super::settings::ProfileSettings;

/// Counts labels row by row, and their lengths in blocks.
#[derive(Clone, Debug)]
pub(super) struct TextCollector {
    /// Lengths that wait for the block to fill.
    block: Vec<u64>,
    lengths: Numbers,
    distinct: HyperLogLog,
    counter: TextCounter,
}

/// A text with what is counted of it, so that a dictionary is looked at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured<'a> {
    text: &'a str,
    hash: u64,
    characters: u64,
}

impl<'a> Measured<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, hash: hash::of_text(text.as_bytes()), characters: text.chars().count() as u64 }
    }
}

impl TextCollector {
    pub(super) fn new(settings: &ProfileSettings, coin: Coin) -> Self {
        Self {
            block: Vec::new(),
            lengths: Numbers::new(settings.k, coin, None),
            distinct: HyperLogLog::default(),
            counter: TextCounter::new(settings.frequent),
        }
    }

    pub(super) fn add(&mut self, label: Measured<'_>) {
        self.distinct.add(label.hash);
        self.counter.add(label.text, label.hash, 1);
        self.block.push(label.characters);
        if self.block.len() >= BLOCK {
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.block.sort_unstable();
        let lengths: Vec<f64> = self.block.iter().map(|length| *length as f64).collect();
        self.lengths.add_sorted(&lengths);
        self.block.clear();
    }

    /// Returns what was collected; the numbers are the lengths.
    pub(super) fn finish(mut self) -> Collected {
        self.flush();
        let TextCounter { capacity, error, total, .. } = self.counter;
        Collected {
            numbers: self.lengths,
            distinct: self.distinct,
            frequent: FrequentItems::of(capacity, total, error, self.counter.counts()),
            calendar: None,
        }
    }

    pub(super) fn size_bytes(&self) -> usize {
        8 * self.block.capacity() + self.counter.size_bytes() + self.lengths.size_bytes() + HyperLogLog::SIZE_BYTES
    }
}
