//! Columns of a record batch by name, in blocks of rows that fit a cache.

use std::collections::HashMap;

use arrow::array::{ArrayRef, RecordBatch};

use super::{report::UncheckedReason, tally::shortened, values::Values};

/// A record batch and where it stands in its table.
#[derive(Debug)]
pub(super) struct Batch<'a> {
    record: &'a RecordBatch,
    /// Row of the table that is its first.
    first_row: u64,
    columns: HashMap<&'a str, Place>,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    At(usize),
    Twice,
}

impl<'a> Batch<'a> {
    pub(super) fn new(record: &'a RecordBatch, first_row: u64) -> Self {
        let mut columns = HashMap::new();
        for (at, field) in record.schema_ref().fields().iter().enumerate() {
            columns.entry(field.name().as_str()).and_modify(|place| *place = Place::Twice).or_insert(Place::At(at));
        }
        Self { record, first_row, columns }
    }

    pub(super) fn has(&self, column: &str) -> bool {
        self.columns.contains_key(column)
    }

    /// Returns the blocks of rows, at least one, which may be empty.
    pub(super) fn blocks(&self) -> impl Iterator<Item = Block<'_>> {
        let rows = self.record.num_rows();
        (0..rows.max(1)).step_by(BLOCK).map(move |from| Block { batch: self, from, rows: BLOCK.min(rows - from) })
    }
}

/// Some rows of a batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block<'a> {
    batch: &'a Batch<'a>,
    from: usize,
    rows: usize,
}

impl<'a> Block<'a> {
    pub(super) fn rows(&self) -> u64 {
        self.rows as u64
    }

    /// Returns the row of the table for a row of the block.
    pub(super) fn row(&self, row: usize) -> u64 {
        self.batch.first_row.saturating_add((self.from + row) as u64)
    }

    /// Returns the names of the columns, in their order.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.batch.record.schema_ref().fields().iter().map(|field| field.name().as_str())
    }

    pub(super) fn has(&self, column: &str) -> bool {
        self.batch.has(column)
    }

    pub(super) fn array(&self, column: &str) -> Result<ArrayRef, UncheckedReason> {
        match self.batch.columns.get(column) {
            Some(Place::At(at)) => Ok(self.batch.record.column(*at).slice(self.from, self.rows)),
            Some(Place::Twice) => Err(UncheckedReason::Ambiguous { column: shortened(column) }),
            None => Err(UncheckedReason::NoColumn { column: shortened(column) }),
        }
    }

    pub(super) fn values(&self, column: &str) -> Result<Values, UncheckedReason> {
        Values::read(column, &self.array(column)?)
    }
}

/// Rows that several constraints of one column look at one after the other: 256 KiB of 64-bit values.
const BLOCK: usize = 1 << 15;
