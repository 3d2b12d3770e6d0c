//! Counting frequent texts, row by row.

use super::frequent::{excess, lessen};
use super::key::{Key, beginning};

/// Misra and Gries' counters over a hash table. Counts are exact until the table is full; then the rare ones are dropped at once.
#[derive(Clone, Debug)]
pub(super) struct TextCounter {
    pub(super) capacity: u16,
    pub(super) error: u64,
    pub(super) total: u64,
    entries: Vec<Entry>,
    /// The kept parts of all texts, one behind the other.
    texts: String,
    /// Places of entries plus one, by hash; 0 is free. Its length is a power of two.
    table: Vec<u16>,
}

#[derive(Clone, Debug)]
struct Entry {
    hash: u64,
    count: u64,
    length: u64,
    start: usize,
    kept: usize,
}

impl TextCounter {
    pub(super) fn new(capacity: u16) -> Self {
        Self { capacity, error: 0, total: 0, entries: Vec::new(), texts: String::new(), table: Vec::new() }
    }

    /// Counts `rows` of a text with its hash.
    pub(super) fn add(&mut self, text: &str, hash: u64, rows: u64) {
        self.total = self.total.saturating_add(rows);
        match self.find(text, hash) {
            Ok(at) => {
                if let Some(entry) = self.entries.get_mut(at) {
                    entry.count = entry.count.saturating_add(rows);
                }
            }
            Err(slot) => self.insert(slot, text, hash, rows),
        }
    }

    /// Returns the place of the entry, or the free slot where it belongs.
    fn find(&self, text: &str, hash: u64) -> Result<usize, usize> {
        let mask = self.table.len().saturating_sub(1);
        let mut slot = slot_of(hash) & mask;
        while let Some(place) = self.table.get(slot).and_then(|place| usize::from(*place).checked_sub(1)) {
            if self.entries.get(place).is_some_and(|entry| entry.hash == hash && self.is_text(entry, text)) {
                return Ok(place);
            }
            slot = (slot + 1) & mask;
        }
        Err(slot)
    }

    fn is_text(&self, entry: &Entry, text: &str) -> bool {
        entry.length == text.len() as u64 && self.kept(entry) == beginning(text)
    }

    fn kept(&self, entry: &Entry) -> &str {
        self.texts.get(entry.start..entry.start + entry.kept).unwrap_or_default()
    }

    fn insert(&mut self, slot: usize, text: &str, hash: u64, rows: u64) {
        let kept = beginning(text);
        let (start, length) = (self.texts.len(), text.len() as u64);
        self.texts.push_str(kept);
        self.entries.push(Entry { hash, count: rows, length, start, kept: kept.len() });
        if self.entries.len() > 4 * usize::from(self.capacity) {
            self.prune();
        } else if 2 * self.entries.len() > self.table.len() {
            self.index((2 * self.table.len()).max(16));
        } else if let Some(free) = self.table.get_mut(slot) {
            *free = u16::try_from(self.entries.len()).unwrap_or(0);
        }
    }

    fn prune(&mut self) {
        let less = excess(self.entries.iter().map(|entry| entry.count), usize::from(self.capacity));
        self.error = self.error.saturating_add(less);
        let mut texts = String::with_capacity(self.texts.len());
        let mut entries = std::mem::take(&mut self.entries);
        entries.retain_mut(|entry| {
            let is_left = lessen(&mut entry.count, less);
            if is_left {
                let start = texts.len();
                texts.push_str(self.kept(entry));
                entry.start = start;
            }
            is_left
        });
        (self.entries, self.texts) = (entries, texts);
        self.index(self.table.len());
    }

    /// Enters all texts in a table of so many slots, a power of two and at least twice as many as texts.
    fn index(&mut self, slots: usize) {
        self.table.clear();
        self.table.resize(slots, 0);
        let mask = slots - 1;
        for (entry, place) in self.entries.iter().zip(1..) {
            let mut slot = slot_of(entry.hash) & mask;
            while self.table.get(slot).is_some_and(|held| *held != 0) {
                slot = (slot + 1) & mask;
            }
            if let Some(free) = self.table.get_mut(slot) {
                *free = place;
            }
        }
    }

    pub(super) fn size_bytes(&self) -> usize {
        size_of::<Entry>() * self.entries.capacity() + self.texts.capacity() + 2 * self.table.capacity()
    }

    /// Returns the counts by key, in no order.
    pub(super) fn counts(&self) -> Vec<(Key, u64)> {
        let key = |entry: &Entry| {
            let kept = self.kept(entry);
            match kept.len() as u64 == entry.length {
                true => Key::Text(kept.into()),
                false => Key::Cut { start: kept.into(), length: entry.length, hash: entry.hash },
            }
        };
        self.entries.iter().map(|entry| (key(entry), entry.count)).collect()
    }
}

/// The lower bits: registers of distinct counts take the upper ones.
#[expect(clippy::cast_possible_truncation, reason = "only so many bits are looked at")]
fn slot_of(hash: u64) -> usize {
    hash as usize
}
