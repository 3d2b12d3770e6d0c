use arrow::array::RecordBatch;

use super::cell_hash::{Cells, hash_bytes, mix};

/// Says after which rows a row group ends: by what the rows hold, so that a change moves the ends near it only.
///
/// Between the least and the greatest size of a group it ends after a row with a probability that is the size of the row
/// divided by the spread. Where one ends depends on its own rows alone, so equal rows are cut alike, whether they were
/// written at once or bit by bit.
#[derive(Debug)]
pub(super) struct Cutter {
    limits: Limits,
    bytes: u64,
}

/// Sizes of row groups, in bytes of values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) least: u64,
    pub(super) spread: u64,
    pub(super) greatest: u64,
}

impl Limits {
    /// Those of every stored table.
    pub(super) const STORED: Self =
        Self { least: 4 * 1024 * 1024, spread: 4 * 1024 * 1024, greatest: 32 * 1024 * 1024 };
}

impl Cutter {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, bytes: 0 }
    }

    /// Takes in a row; tells whether the group ends after it.
    pub(super) fn ends_after(&mut self, hash: u64, size: u64) -> bool {
        self.bytes += size;
        let drawn = u128::from(hash) * u128::from(self.limits.spread) < u128::from(size) << 64;
        let ends = self.bytes >= self.limits.greatest || (self.bytes >= self.limits.least && drawn);
        if ends {
            self.bytes = 0;
        }
        ends
    }

    /// Tells whether no group is begun.
    pub(super) fn is_between(&self) -> bool {
        self.bytes == 0
    }
}

/// Returns hash and size of each row, from those of its cells. A column of nulls changes nothing.
pub(super) fn rows(batch: &RecordBatch, columns: &[Cells]) -> Vec<(u64, u64)> {
    let mut rows = vec![(0_u64, ROW_BYTES); batch.num_rows()];
    for (field, cells) in batch.schema_ref().fields().iter().zip(columns) {
        let name = hash_bytes(field.name().as_bytes());
        for ((hash, size), (cell, bytes)) in rows.iter_mut().zip(cells.hashes.iter().zip(&cells.sizes)) {
            if *cell != 0 {
                *hash = hash.wrapping_add(mix(*cell ^ name));
            }
            *size += bytes;
        }
    }
    rows.iter_mut().for_each(|(hash, _)| *hash = mix(*hash));
    rows
}

/// What a row counts for besides its values: so that narrow tables, too, are cut by content.
const ROW_BYTES: u64 = 16;
