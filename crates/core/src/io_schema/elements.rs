//! Flattens the (nested) lists of a column to their elements, and checks nulls and lengths on the way.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, AsArray, BooleanBufferBuilder, GenericListArray, OffsetSizeTrait},
    buffer::{NullBuffer, OffsetBuffer},
};

use super::{
    field::IoField,
    shape::Dim,
    violation::{Report, ViolationKind},
};

/// The elements of a column, without the lists around them.
pub(super) struct Elements {
    /// The elements, those under null lists too.
    pub(super) values: ArrayRef,
    /// Which elements count: they are not null, and neither is a list around them. None means all.
    pub(super) valid: Option<NullBuffer>,
    levels: Vec<Level>,
}

/// How the elements of one level lie in the rows of the level above.
enum Level {
    Fixed(usize),
    Offsets(OffsetBuffer<i32>),
    LargeOffsets(OffsetBuffer<i64>),
}

impl Elements {
    /// Descends to the elements; `column` has a type that fits `field`, which the caller has checked.
    pub(super) fn of(field: &IoField, column: &ArrayRef, report: &mut Report) -> Self {
        let mut elements = Self { values: Arc::clone(column), valid: None, levels: Vec::new() };
        elements.check_nulls(field, report);
        for dim in field.shape() {
            elements.descend(field, *dim, report);
            elements.check_nulls(field, report);
        }
        elements
    }

    /// Returns the row of the batch that holds an element. O(log rows) per list level.
    pub(super) fn row(&self, element: usize) -> usize {
        self.levels.iter().rev().fold(element, |index, level| match level {
            Level::Fixed(length) => index / length.max(&1),
            Level::Offsets(offsets) => list_of(offsets, index),
            Level::LargeOffsets(offsets) => list_of(offsets, index),
        })
    }

    /// Reports nulls of this level that may not be, and folds them into `valid`.
    fn check_nulls(&mut self, field: &IoField, report: &mut Report) {
        let Some(nulls) = self.values.logical_nulls().filter(|nulls| nulls.null_count() > 0) else {
            return;
        };
        let is_row = self.levels.is_empty();
        if !is_row || !field.is_nullable() {
            let mut null = !nulls.inner();
            if let Some(valid) = &self.valid {
                null &= valid.inner();
            }
            if let Some(first) = null.set_indices().next() {
                let (count, first_row) = (null.count_set_bits(), self.row(first));
                report.add(
                    field.name(),
                    match is_row {
                        true => ViolationKind::Null { count, first_row },
                        false => ViolationKind::NullElement { count, first_row },
                    },
                );
            }
        }
        self.valid = NullBuffer::union(self.valid.as_ref(), Some(&nulls));
    }

    fn descend(&mut self, field: &IoField, dim: Dim, report: &mut Report) {
        let values = Arc::clone(&self.values);
        if let Some(list) = values.as_fixed_size_list_opt() {
            // The type check has compared the length.
            let length = usize::try_from(list.value_length()).unwrap_or(0);
            self.valid = self.valid.as_ref().map(|valid| valid.expand(length));
            self.values = Arc::clone(list.values());
            self.levels.push(Level::Fixed(length));
        } else if let Some(list) = values.as_list_opt::<i32>() {
            self.enter(field, dim, list, report);
            self.levels.push(Level::Offsets(list.offsets().clone()));
        } else if let Some(list) = values.as_list_opt::<i64>() {
            self.enter(field, dim, list, report);
            self.levels.push(Level::LargeOffsets(list.offsets().clone()));
        }
    }

    fn enter<O: OffsetSizeTrait>(
        &mut self,
        field: &IoField,
        dim: Dim,
        list: &GenericListArray<O>,
        report: &mut Report,
    ) {
        let offsets = list.offsets();
        if let Dim::Fixed(expected) = dim {
            self.check_lengths(field, expected, offsets, report);
        }
        let (start, end) = (offsets.first().as_usize(), offsets.last().as_usize());
        self.valid = self.valid.take().filter(|valid| valid.null_count() > 0).map(|valid| {
            let mut inside = BooleanBufferBuilder::new(end - start);
            for (length, is_valid) in offsets.lengths().zip(valid.iter()) {
                inside.append_n(length, is_valid);
            }
            NullBuffer::new(inside.finish())
        });
        self.values = list.values().slice(start, end - start);
    }

    fn check_lengths<O: OffsetSizeTrait>(
        &self,
        field: &IoField,
        expected: u32,
        offsets: &OffsetBuffer<O>,
        report: &mut Report,
    ) {
        let wrong = |(index, length): &(usize, usize)| {
            u32::try_from(*length) != Ok(expected) && self.valid.as_ref().is_none_or(|valid| valid.is_valid(*index))
        };
        let mut wrong = offsets.lengths().enumerate().filter(wrong);
        if let Some((first, found)) = wrong.next() {
            report.add(
                field.name(),
                ViolationKind::Length {
                    dimension: self.levels.len(),
                    expected,
                    found,
                    count: 1 + wrong.count(),
                    first_row: self.row(first),
                },
            );
        }
    }
}

/// Returns the list that holds the element at `index`, which counts from the first offset.
fn list_of<O: OffsetSizeTrait>(offsets: &OffsetBuffer<O>, index: usize) -> usize {
    let position = offsets.first().as_usize() + index;
    offsets.partition_point(|offset| offset.as_usize() <= position).saturating_sub(1)
}
