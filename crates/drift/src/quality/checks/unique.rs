//! Keys that come twice.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::{BuildHasherDefault, DefaultHasher},
};

use super::Verdict;
use crate::quality::{batch::Block, cell::Cell, key::Key, report::UncheckedReason, tally::Tally, values::Values};

#[derive(Clone, Debug)]
pub(in crate::quality) struct Unique {
    columns: Vec<String>,
    max_keys: usize,
    /// The first row of each key. Hashed the same way in every run.
    first_rows: HashMap<Key, u64, BuildHasherDefault<DefaultHasher>>,
    /// The first repetitions, in the order of the rows: row, key and value.
    repetitions: Vec<(u64, Key, String)>,
    /// Whether there were more keys than are kept.
    is_full: bool,
}

impl Unique {
    pub(in crate::quality) fn new(columns: &[String], max_keys: usize) -> Self {
        let first_rows = HashMap::default();
        Self { columns: columns.to_vec(), max_keys, first_rows, repetitions: Vec::new(), is_full: false }
    }

    /// Says whether there were more keys than are kept.
    pub(in crate::quality) fn is_full(&self) -> bool {
        self.is_full
    }

    pub(in crate::quality) fn update(&mut self, block: &Block<'_>, tally: &mut Tally) -> Result<(), UncheckedReason> {
        let read: Result<Vec<Values>, _> = self.columns.iter().map(|column| block.values(column)).collect();
        let read = read?;
        match read.as_slice() {
            [values] => {
                values.cells().for_each(|(row, cell)| self.take(block.row(row), Key::of(cell), &read, row, tally));
            }
            _ => {
                for row in 0..usize::try_from(block.rows()).unwrap_or(0) {
                    if read.iter().all(|values| values.cell(row).is_some()) {
                        let key = Key::join(read.iter().filter_map(|values| values.cell(row)).map(Key::of));
                        self.take(block.row(row), key, &read, row, tally);
                    }
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, row: u64, key: Key, read: &[Values], row_of_block: usize, tally: &mut Tally) {
        tally.checked += 1;
        let room = self.first_rows.len() < self.max_keys;
        match self.first_rows.entry(key) {
            Entry::Vacant(entry) if room => {
                entry.insert(row);
            }
            Entry::Vacant(_) => self.is_full = true,
            Entry::Occupied(_) => {
                tally.violating += 1;
                if self.repetitions.len() < tally.max_examples() {
                    let cells = read.iter().filter_map(|values| values.cell(row_of_block)).map(Cell::readable);
                    self.repetitions.push((row, key, cells.take(SHOWN).collect::<Vec<_>>().join(", ")));
                }
            }
        }
    }

    /// Finds the keys of later rows that were there before.
    pub(super) fn merge(&mut self, later: Self, offset: u64, tally: &mut Tally) {
        self.is_full |= later.is_full;
        let shifted = |row: u64| row.saturating_add(offset);
        let mut again = Vec::new();
        for (key, row) in later.first_rows {
            let room = self.first_rows.len() < self.max_keys;
            match self.first_rows.entry(key) {
                Entry::Vacant(entry) if room => {
                    entry.insert(shifted(row));
                }
                Entry::Vacant(_) => self.is_full = true,
                Entry::Occupied(_) => again.push((shifted(row), key, String::new())),
            }
        }
        tally.violating += again.len() as u64;
        self.repetitions.extend(again);
        self.repetitions.extend(later.repetitions.into_iter().map(|(row, key, value)| (shifted(row), key, value)));
        self.repetitions.sort_unstable_by_key(|(row, ..)| *row);
        self.repetitions.truncate(tally.max_examples());
    }

    pub(super) fn finish(&mut self, tally: &mut Tally) -> Verdict {
        for (row, key, value) in self.repetitions.drain(..) {
            let first = self.first_rows.get(&key).map(|first| format!("first in row {first}"));
            let parts = [Some(value).filter(|value| !value.is_empty()), first];
            tally.example(row, || parts.into_iter().flatten().collect::<Vec<_>>().join(", "));
        }
        match self.is_full {
            true => Verdict::Unchecked(UncheckedReason::TooManyKeys { max_keys: self.max_keys as u64 }),
            false => Verdict::Counted,
        }
    }
}

/// Columns of a key that an example shows.
const SHOWN: usize = 4;
