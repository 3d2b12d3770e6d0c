use arrow::array::RecordBatch;

use super::cell_hash::{Cells, SEED, mix};

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
    /// Those of every stored table. The least is small beside the spread, so that after a change the ends soon fall together
    /// again with those before: two that are drawn from the same rows then mostly both count.
    pub(super) const STORED: Self = Self { least: 1024 * 1024, spread: 7 * 1024 * 1024, greatest: 32 * 1024 * 1024 };
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

/// Returns hash and size of each row, from those of its cells, whatever their columns are called. A column of nulls at the
/// end changes nothing.
pub(super) fn rows(batch: &RecordBatch, columns: &[Cells]) -> Vec<(u64, u64)> {
    let mut rows = vec![(0_u64, ROW_BYTES); batch.num_rows()];
    for (place, cells) in (0..).zip(columns) {
        let place = mix(place ^ SEED);
        for ((hash, size), (cell, bytes)) in rows.iter_mut().zip(cells.hashes.iter().zip(&cells.sizes)) {
            if *cell != 0 {
                *hash = hash.wrapping_add(mix(*cell ^ place));
            }
            *size += bytes;
        }
    }
    rows.iter_mut().for_each(|(hash, _)| *hash = mix(*hash));
    rows
}

/// What a row counts for besides its values: so that narrow tables, too, are cut by content.
const ROW_BYTES: u64 = 16;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, StringArray};

    use super::{super::cell_hash::cells, *};

    fn ends(from: i64, names: [&str; 2], limits: Limits) -> Vec<i64> {
        let columns: [(&str, ArrayRef); 2] = [
            (names[0], Arc::new(Int64Array::from_iter_values(from..2000))),
            (names[1], Arc::new(StringArray::from_iter_values((from..2000).map(|id| format!("row {id}"))))),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let hashed: Vec<Cells> = batch.columns().iter().map(|column| cells(column)).collect();
        let mut cutter = Cutter::new(limits);
        let rows = rows(&batch, &hashed).into_iter().zip(from..);
        rows.filter(|((hash, size), _)| cutter.ends_after(*hash, *size)).map(|(_, id)| id).collect()
    }

    const SMALL: Limits = Limits { least: 300, spread: 2100, greatest: 9600 };

    #[test]
    fn the_ends_are_pinned() {
        insta::assert_snapshot!(format!("{:?}", ends(0, ["id", "text"], SMALL)));
    }

    #[test]
    fn the_ends_come_together_again_behind_a_change() {
        let whole = ends(0, ["id", "text"], SMALL);
        assert_eq!(whole, ends(0, ["number", "note"], SMALL), "names do not count");
        for from in (7..300).step_by(11) {
            let cut = ends(from, ["id", "text"], SMALL);
            let apart = whole.iter().filter(|end| **end >= from && !cut.contains(end)).count();
            assert!(whole.len() > 10 && apart < 4, "{apart} of {}", whole.len());
        }
        let bounded = ends(0, ["id", "text"], Limits { least: 5000, spread: u64::MAX, greatest: 5000 });
        assert!(bounded.windows(2).all(|pair| (pair[1] - pair[0]) < 5000 / 24), "{bounded:?}");
    }
}
