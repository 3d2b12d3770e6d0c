//! Counting frequent numbers, a sorted block at a time.

use super::frequent::{excess, lessen};

/// A run of equal values in a sorted block: their ordered bits and how many they are.
pub(super) type Run = (u64, u64);

/// Misra and Gries' counters for blocks of sorted values; both lists ascend, so a block is counted by merging them.
#[derive(Clone, Debug)]
pub(super) struct NumberCounter {
    pub(super) capacity: u16,
    pub(super) error: u64,
    pub(super) total: u64,
    pub(super) counts: Vec<Run>,
}

impl NumberCounter {
    pub(super) fn new(capacity: u16) -> Self {
        Self { capacity, error: 0, total: 0, counts: Vec::new() }
    }

    pub(super) fn add(&mut self, runs: &[Run], values: u64) {
        self.total = self.total.saturating_add(values);
        let mut merged = Vec::with_capacity(self.counts.len() + runs.len());
        let mut rest = runs;
        for &(bits, count) in &self.counts {
            let (before, after) = rest.split_at(rest.partition_point(|(other, _)| *other < bits));
            merged.extend_from_slice(before);
            let (count, after) = match after {
                [(other, more), after @ ..] if *other == bits => (count.saturating_add(*more), after),
                _ => (count, after),
            };
            merged.push((bits, count));
            rest = after;
        }
        merged.extend_from_slice(rest);
        let less = excess(merged.iter().map(|(_, count)| *count), usize::from(self.capacity));
        if less > 0 {
            self.error = self.error.saturating_add(less);
            merged.retain_mut(|(_, count)| lessen(count, less));
        }
        // A copy, so that what is kept between blocks is no larger than it must be.
        self.counts = merged.as_slice().into();
    }

    pub(super) fn size_bytes(&self) -> usize {
        size_of::<Run>() * self.counts.capacity()
    }
}
