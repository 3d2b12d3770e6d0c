//! Each value beside the one before.

use std::cmp::Ordering;

use arrow::buffer::NullBuffer;

use crate::quality::{
    batch::Block,
    cell::{Cell, KeptCell},
    report::UncheckedReason,
    tally::Tally,
    values::{Values, unsupported},
};

/// How a value must compare with the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::quality) enum Order {
    Increasing,
    StrictlyIncreasing,
    Constant,
}

impl Order {
    /// Says whether `before` may come before a value it compares so with.
    fn allows(self, ordering: Ordering) -> bool {
        match self {
            Self::Increasing => ordering != Ordering::Greater,
            Self::StrictlyIncreasing => ordering == Ordering::Less,
            Self::Constant => ordering == Ordering::Equal,
        }
    }
}

#[derive(Clone, Debug)]
pub(in crate::quality) struct Sequence {
    column: String,
    order: Order,
    /// The first value that is present, with its row.
    first: Option<(u64, KeptCell)>,
    last: Option<KeptCell>,
}

impl Sequence {
    pub(in crate::quality) fn new(column: &str, order: Order) -> Self {
        Self { column: column.to_owned(), order, first: None, last: None }
    }

    pub(in crate::quality) fn update(&mut self, block: &Block<'_>, tally: &mut Tally) -> Result<(), UncheckedReason> {
        let array = block.array(&self.column)?;
        let values = Values::read(&self.column, &array)?;
        let is_ordered = !matches!(values.kind(), "text" | "boolean");
        if self.order != Order::Constant && !is_ordered {
            return Err(unsupported(&self.column, array.data_type()));
        }
        if !self.update_quietly(&values, block, tally)? {
            self.update_one_by_one(&values, block, tally)?;
        }
        Ok(())
    }

    /// Compares all neighbours in one pass without branches; does nothing and returns false unless all are as they must be.
    fn update_quietly(
        &mut self,
        values: &Values,
        block: &Block<'_>,
        tally: &mut Tally,
    ) -> Result<bool, UncheckedReason> {
        let (0, Some(first), Some(last)) = (
            values.nulls().map_or(0, NullBuffer::null_count),
            values.cell(0),
            values.len().checked_sub(1).and_then(|row| values.cell(row)),
        ) else {
            return Ok(false);
        };
        let is_quiet = match values {
            Values::Integer(array) | Values::Instant(array, _) | Values::Span(array, _) => {
                is_quiet(self.order, array.values())
            }
            Values::Unsigned(array) => is_quiet(self.order, array.values()),
            Values::Float(array) => is_quiet(self.order, array.values()),
            _ => false,
        };
        if is_quiet {
            compare(self.order, self.last.as_ref().map(KeptCell::cell), first, block.row(0), tally)?;
            tally.checked += values.len() as u64;
            self.first.get_or_insert_with(|| (block.row(0), first.kept()));
            self.last = Some(last.kept());
        }
        Ok(is_quiet)
    }

    fn update_one_by_one(
        &mut self,
        values: &Values,
        block: &Block<'_>,
        tally: &mut Tally,
    ) -> Result<(), UncheckedReason> {
        let mut before = self.last.as_ref().map(KeptCell::cell);
        for (row, cell) in values.cells() {
            tally.checked += 1;
            compare(self.order, before, cell, block.row(row), tally)?;
            self.first.get_or_insert_with(|| (block.row(row), cell.kept()));
            before = Some(cell);
        }
        self.last = before.map(Cell::kept);
        Ok(())
    }

    /// Compares the last value with the first one of the rows that follow.
    pub(in crate::quality) fn merge(
        &mut self,
        later: Self,
        offset: u64,
        tally: &mut Tally,
    ) -> Result<(), UncheckedReason> {
        let first = later.first.map(|(row, cell)| (row.saturating_add(offset), cell));
        let mut between = Tally::new(1);
        let outcome = match (&self.last, &first) {
            (Some(last), Some((row, first))) => {
                compare(self.order, Some(last.cell()), first.cell(), *row, &mut between)
            }
            _ => Ok(()),
        };
        tally.merge(between, 0);
        self.first = self.first.take().or(first);
        self.last = later.last.or(self.last.take());
        outcome
    }
}

fn is_quiet<T: Copy + PartialOrd>(order: Order, slice: &[T]) -> bool {
    let pairs = slice.iter().zip(slice.iter().skip(1));
    // NaN is in no order, so no pair with it is quiet.
    let quiet: usize = match order {
        Order::Increasing => pairs.map(|(before, after)| usize::from(before <= after)).sum(),
        Order::StrictlyIncreasing => pairs.map(|(before, after)| usize::from(before < after)).sum(),
        Order::Constant => pairs.map(|(before, after)| usize::from(before == after)).sum(),
    };
    quiet + 1 >= slice.len()
}

fn compare(
    order: Order,
    before: Option<Cell<'_>>,
    cell: Cell<'_>,
    row: u64,
    tally: &mut Tally,
) -> Result<(), UncheckedReason> {
    let Some(before) = before else { return Ok(()) };
    let Some(ordering) = before.compare(cell) else {
        return Err(UncheckedReason::Incomparable { left: before.kind().to_owned(), right: cell.kind().to_owned() });
    };
    if !order.allows(ordering) {
        tally.violation(row, || format!("{} after {}", cell.readable(), before.readable()));
    }
    Ok(())
}
