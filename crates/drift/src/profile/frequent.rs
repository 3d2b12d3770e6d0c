//! The most frequent values, counted in bounded memory.

use super::codec::{Malformed, Reader, Writer};
use super::key::{Key, LONGEST};

/// Counts of the most frequent values: the summary of Misra and Gries, which merges.
///
/// Every count is at most `error` too low, and never too high; a value that is not listed occurs at most `error` times. `error` is at most
/// (values) / (capacity + 1), usually much less, and 0 as long as there were no more distinct values than the capacity.
/// Source: Misra and Gries, Finding Repeated Elements (1982); merging: Agarwal et al., Mergeable Summaries (2012).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FrequentItems {
    pub(super) capacity: u16,
    pub(super) error: u64,
    /// All values, listed or not.
    pub(super) total: u64,
    /// Ascending by key, counts above 0.
    pub(super) counts: Vec<(Key, u64)>,
}

impl FrequentItems {
    pub(super) fn new(capacity: u16) -> Self {
        Self { capacity, error: 0, total: 0, counts: Vec::new() }
    }

    /// Takes counts in any order, of which each may be `error` too low.
    pub(super) fn of(capacity: u16, total: u64, error: u64, mut counts: Vec<(Key, u64)>) -> Self {
        counts.sort_unstable();
        let mut items = Self { capacity, error, total, counts };
        items.prune();
        items
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.capacity = self.capacity.min(other.capacity);
        self.error = self.error.saturating_add(other.error);
        self.total = self.total.saturating_add(other.total);
        self.counts.extend(other.counts.iter().cloned());
        self.counts.sort_unstable();
        self.counts.dedup_by(|(key, count), (kept, sum)| {
            let is_same = key == kept;
            *sum = if is_same { sum.saturating_add(*count) } else { *sum };
            is_same
        });
        self.prune();
    }

    pub(super) fn count(&self, key: &Key) -> Option<u64> {
        let at = self.counts.binary_search_by(|(held, _)| held.cmp(key)).ok()?;
        self.counts.get(at).map(|(_, count)| *count)
    }

    /// Returns the number of distinct values, if nothing was ever dropped.
    pub(super) fn distinct(&self) -> Option<u64> {
        (self.error == 0).then_some(self.counts.len() as u64)
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.counts.capacity() * (size_of::<(Key, u64)>() + LONGEST)
    }

    fn prune(&mut self) {
        let less = excess(self.counts.iter().map(|(_, count)| *count), usize::from(self.capacity));
        if less > 0 {
            self.error = self.error.saturating_add(less);
            self.counts.retain_mut(|(_, count)| lessen(count, less));
        }
    }

    pub(super) fn write(&self, to: &mut Writer) {
        to.u16(self.capacity);
        to.u64(self.error);
        to.u64(self.total);
        to.u16(u16::try_from(self.counts.len()).unwrap_or(u16::MAX));
        for (key, count) in &self.counts {
            key.write(to);
            to.u64(*count);
        }
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (capacity, error, total, length) = (from.u16()?, from.u64()?, from.u64()?, from.u16()?);
        if !(LEAST_CAPACITY..=MOST_CAPACITY).contains(&capacity) || length > capacity {
            return Err(Malformed("the number of frequent values is out of range"));
        }
        let mut counts = Vec::with_capacity(usize::from(length).min(from.left()));
        for _ in 0..length {
            counts.push((Key::read(from)?, from.u64()?));
        }
        let ascends = counts.is_sorted_by(|(one, _), (next, _)| one < next);
        let listed = counts.iter().map(|(_, count)| u128::from(*count)).sum::<u128>();
        if !ascends || counts.iter().any(|(_, count)| *count == 0) || listed > u128::from(total) {
            return Err(Malformed("the counts of frequent values contradict each other"));
        }
        Ok(Self { capacity, error, total, counts })
    }
}

/// Returns what to take off each count so that at most `capacity` are left: the count that comes next, 0 if there is none.
pub(super) fn excess(counts: impl Iterator<Item = u64> + Clone, capacity: usize) -> u64 {
    let distinct = counts.clone().count();
    if distinct <= capacity {
        return 0;
    }
    // Where most values occur once, which is usual, there is no need to sort.
    if counts.clone().filter(|count| *count > 1).count() <= capacity {
        return 1;
    }
    let mut counts: Vec<u64> = counts.filter(|count| *count > 1).collect();
    let (_, next, _) = counts.select_nth_unstable_by(capacity, |one, other| other.cmp(one));
    *next
}

/// Takes `less` off a count and tells whether something is left.
pub(super) fn lessen(count: &mut u64, less: u64) -> bool {
    *count = count.saturating_sub(less);
    *count > 0
}

pub(super) const LEAST_CAPACITY: u16 = 8;
pub(super) const MOST_CAPACITY: u16 = 4096;
