//! Two columns, row by row.

use std::cmp::Ordering;

use arrow::buffer::BooleanBuffer;

use super::bits::pair_bits;
use crate::quality::{
    batch::Block, cell::Cell, report::UncheckedReason, rule::Comparison, tally::Tally, values::Values,
};

#[derive(Clone, Debug)]
pub(in crate::quality) struct Compare {
    left: String,
    is: Comparison,
    right: String,
}

impl Compare {
    pub(super) fn new(left: &str, is: Comparison, right: &str) -> Self {
        Self { left: left.to_owned(), is, right: right.to_owned() }
    }

    pub(super) fn update(&self, block: &Block<'_>, tally: &mut Tally) -> Result<(), UncheckedReason> {
        let (left, right) = (block.values(&self.left)?, block.values(&self.right)?);
        if !left.compares_with(&right) {
            let (left, right) = (left.kind().to_owned(), right.kind().to_owned());
            return Err(UncheckedReason::Incomparable { left, right });
        }
        match self.bad(&left, &right) {
            Some(bad) => self.update_at_once(&left, &right, &bad, block, tally),
            None => self.update_one_by_one(&left, &right, block, tally),
        }
        Ok(())
    }

    /// Flags rows of two columns of one type, missing values or not; `None` if the types differ.
    fn bad(&self, left: &Values, right: &Values) -> Option<BooleanBuffer> {
        Some(match (left, right) {
            (Values::Float(a), Values::Float(b)) => bad(self.is, a.values(), b.values()),
            (Values::Integer(a), Values::Integer(b)) => bad(self.is, a.values(), b.values()),
            (Values::Unsigned(a), Values::Unsigned(b)) => bad(self.is, a.values(), b.values()),
            (Values::Instant(a, unit), Values::Instant(b, other)) | (Values::Span(a, unit), Values::Span(b, other))
                if unit == other =>
            {
                bad(self.is, a.values(), b.values())
            }
            _ => return None,
        })
    }

    fn update_at_once(&self, left: &Values, right: &Values, bad: &BooleanBuffer, block: &Block<'_>, tally: &mut Tally) {
        let present = match (left.present(), right.present()) {
            (Some(a), Some(b)) => Some(&a & &b),
            (a, b) => a.or(b),
        };
        tally.checked += present.as_ref().map_or(block.rows(), |present| present.count_set_bits() as u64);
        let bad = present.map_or_else(|| bad.clone(), |present| bad & &present);
        tally.violating += bad.count_set_bits() as u64;
        for row in bad.set_indices() {
            if !tally.wants_examples() {
                break;
            }
            if let (Some(a), Some(b)) = (left.cell(row), right.cell(row)) {
                tally.example(block.row(row), || readable(a, b));
            }
        }
    }

    fn update_one_by_one(&self, left: &Values, right: &Values, block: &Block<'_>, tally: &mut Tally) {
        for (row, a) in left.cells() {
            let Some(b) = right.cell(row) else { continue };
            tally.checked += 1;
            if !a.compare(b).is_some_and(|ordering| holds(self.is, ordering)) {
                tally.violation(block.row(row), || readable(a, b));
            }
        }
    }
}

fn readable(left: Cell<'_>, right: Cell<'_>) -> String {
    format!("{} and {}", left.readable(), right.readable())
}

fn holds(is: Comparison, ordering: Ordering) -> bool {
    match is {
        Comparison::Equal => ordering.is_eq(),
        Comparison::NotEqual => ordering.is_ne(),
        Comparison::Less => ordering.is_lt(),
        Comparison::LessOrEqual => ordering.is_le(),
        Comparison::Greater => ordering.is_gt(),
        Comparison::GreaterOrEqual => ordering.is_ge(),
    }
}

/// Flags neighbours that do not compare as they must; what it says of NaN does not matter, for NaN is missing.
fn bad<T: Copy + PartialOrd>(is: Comparison, left: &[T], right: &[T]) -> BooleanBuffer {
    match is {
        Comparison::Equal => pair_bits(left, right, |a, b| a != b),
        Comparison::NotEqual => pair_bits(left, right, |a, b| a == b),
        Comparison::Less => pair_bits(left, right, |a, b| a >= b),
        Comparison::LessOrEqual => pair_bits(left, right, |a, b| a > b),
        Comparison::Greater => pair_bits(left, right, |a, b| a <= b),
        Comparison::GreaterOrEqual => pair_bits(left, right, |a, b| a < b),
    }
}
