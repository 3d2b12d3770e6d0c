//! Keys that come twice.

use super::Verdict;
use crate::quality::{batch::Block, key::Key, report::UncheckedReason, tally::Tally, values::Values};

/// Keys with the rows they came in: a part that is sorted and distinct, and behind it what came since, in the order of the rows.
///
/// Sorting now and then is faster than hashing once keys no longer fit a cache, and no choice of keys makes it slow.
#[derive(Clone, Debug)]
pub(in crate::quality) struct Unique {
    columns: Vec<String>,
    max_keys: usize,
    entries: Vec<(Key, u64)>,
    sorted: usize,
    /// The first repetitions.
    repetitions: Vec<(u64, Key)>,
    /// Whether there were more keys than are kept.
    is_full: bool,
}

impl Unique {
    pub(in crate::quality) fn new(columns: &[String], max_keys: usize) -> Self {
        Self {
            columns: columns.to_vec(),
            max_keys: max_keys.max(1),
            entries: Vec::new(),
            sorted: 0,
            repetitions: Vec::new(),
            is_full: false,
        }
    }

    /// Says whether there were more keys than are kept.
    pub(in crate::quality) fn is_full(&self) -> bool {
        self.is_full
    }

    pub(in crate::quality) fn update(&mut self, block: &Block<'_>, tally: &mut Tally) -> Result<(), UncheckedReason> {
        let read: Result<Vec<Values>, _> = self.columns.iter().map(|column| block.values(column)).collect();
        let read = read?;
        if let [values] = read.as_slice() {
            values.cells().for_each(|(row, cell)| self.take(Key::of(cell), block.row(row), tally));
            return Ok(());
        }
        for row in 0..read.iter().map(Values::len).min().unwrap_or(0) {
            if read.iter().all(|values| values.cell(row).is_some()) {
                let key = Key::join(read.iter().filter_map(|values| values.cell(row)).map(Key::of));
                self.take(key, block.row(row), tally);
            }
        }
        Ok(())
    }

    fn take(&mut self, key: Key, row: u64, tally: &mut Tally) {
        tally.checked += 1;
        self.push((key, row), tally);
    }

    /// Adds an entry, and makes room for more by sorting.
    fn push(&mut self, entry: (Key, u64), tally: &mut Tally) {
        if self.entries.len() == self.entries.capacity() {
            self.settle(tally);
            self.entries.reserve_exact((self.sorted / 2).max(LEAST_UNSORTED));
        }
        self.entries.push(entry);
    }

    /// Sorts, counts the keys that came before, and keeps the first row of each.
    pub(in crate::quality) fn settle(&mut self, tally: &mut Tally) {
        if self.sorted == self.entries.len() {
            return;
        }
        // A stable sort takes the sorted part as it is, and leaves the first row of equal keys first.
        self.entries.sort_by_key(|(key, _)| *key);
        let last_row_kept = self.last_row_kept();
        let repetitions = &mut self.repetitions;
        self.entries.dedup_by(|(key, row), (first_key, first_row)| {
            let is_again = key == first_key;
            if is_again && *first_row <= last_row_kept {
                tally.violating += 1;
                repetitions.push((*row, *key));
                if repetitions.len() >= LEAST_UNSORTED {
                    keep_first(repetitions, tally.max_examples());
                }
            }
            is_again
        });
        keep_first(repetitions, tally.max_examples());
        if last_row_kept < u64::MAX {
            self.entries.retain(|(_, row)| *row <= last_row_kept);
        }
        self.sorted = self.entries.len();
    }

    /// If there are too many keys, returns the row that the last one to be kept came in first.
    fn last_row_kept(&mut self) -> u64 {
        if self.entries.len() <= self.max_keys {
            return u64::MAX;
        }
        let distinct = || self.entries.chunk_by(|(key, _), (next, _)| key == next);
        if distinct().count() <= self.max_keys {
            return u64::MAX;
        }
        self.is_full = true;
        let mut first_rows: Vec<u64> = distinct().filter_map(|equal| Some(equal.first()?.1)).collect();
        *first_rows.select_nth_unstable(self.max_keys - 1).1
    }

    /// Finds the keys of later rows that were there before.
    pub(super) fn merge(&mut self, later: Self, offset: u64, tally: &mut Tally) {
        self.is_full |= later.is_full;
        self.repetitions.extend(later.repetitions.into_iter().map(|(row, key)| (row.saturating_add(offset), key)));
        for (key, row) in later.entries {
            self.push((key, row.saturating_add(offset)), tally);
        }
    }

    pub(super) fn finish(&mut self, tally: &mut Tally) -> Verdict {
        self.settle(tally);
        keep_first(&mut self.repetitions, tally.max_examples());
        for (row, key) in &self.repetitions {
            let place = self.entries.binary_search_by_key(key, |(key, _)| *key).ok();
            let first = place.and_then(|at| self.entries.get(at)).map(|(_, row)| format!("first in row {row}"));
            tally.example(*row, || [key.readable(), first].into_iter().flatten().collect::<Vec<_>>().join(", "));
        }
        match self.is_full {
            true => Verdict::Unchecked(UncheckedReason::TooManyKeys { max_keys: self.max_keys as u64 }),
            false => Verdict::Counted,
        }
    }
}

fn keep_first(repetitions: &mut Vec<(u64, Key)>, how_many: usize) {
    repetitions.sort_unstable_by_key(|(row, _)| *row);
    repetitions.truncate(how_many);
}

/// Entries that are at least taken before the keys are sorted again.
const LEAST_UNSORTED: usize = 1 << 13;
