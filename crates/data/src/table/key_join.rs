use arrow::{array::RecordBatch, row::Rows};
use rayon::prelude::*;

use super::key::Key;
use crate::Error;

/// Which rows of two tables have the same key: pairs of rows and what is left over, as places in the tables.
#[derive(Debug, Default)]
pub(super) struct KeyJoin {
    /// Old and new row of each key that both have, in the order of the new table.
    pub(super) pairs: Vec<(u64, u64)>,
    /// Rows whose key only the new table has, in its order.
    pub(super) added: Vec<u64>,
    /// Rows whose key only the old table has, in its order.
    pub(super) removed: Vec<u64>,
}

impl KeyJoin {
    /// Joins two tables that do not repeat a key, by merging both in the order of their keys. Tables that lie in it already,
    /// as most do, take one pass each; others are sorted.
    pub(super) fn of(old: (&Key, &RecordBatch), new: (&Key, &RecordBatch)) -> Result<Self, Error> {
        let (old_rows, new_rows) = (old.0.encode(old.1)?, new.0.encode(new.1)?);
        let olds = ordered(&old_rows).map_err(|row| old.0.duplicate(old.1, row, "old table"))?;
        let news = ordered(&new_rows).map_err(|row| new.0.duplicate(new.1, row, "new table"))?;
        let mut join = Self { pairs: Vec::with_capacity(news.len().min(olds.len())), ..Self::default() };
        let mut olds = olds.into_iter().peekable();
        for at in news {
            let key = new_rows.row(at);
            while let Some(before) = olds.next_if(|before| old_rows.row(*before) < key) {
                join.removed.push(before as u64);
            }
            match olds.next_if(|before| old_rows.row(*before) == key) {
                Some(before) => join.pairs.push((before as u64, at as u64)),
                None => join.added.push(at as u64),
            }
        }
        join.removed.extend(olds.map(|before| before as u64));
        // These take one pass where the tables were in order.
        join.pairs.sort_by_key(|(_, at)| *at);
        join.added.sort_unstable();
        join.removed.sort_unstable();
        Ok(join)
    }
}

/// Returns the places of all rows in the order of their keys; or a row whose key another one has, too.
fn ordered(rows: &Rows) -> Result<Vec<usize>, usize> {
    let mut order: Vec<usize> = (0..rows.num_rows()).collect();
    if !order.is_sorted_by(|one, two| rows.row(*one) < rows.row(*two)) {
        order.par_sort_by(|one, two| rows.row(*one).cmp(&rows.row(*two)));
    }
    let repeats = |pair: &&[usize]| matches!(pair, [one, two] if rows.row(*one) == rows.row(*two));
    match order.windows(2).find(repeats) {
        Some(pair) => Err(pair.last().copied().unwrap_or_default()),
        None => Ok(order),
    }
}
