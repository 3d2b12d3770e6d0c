//! Two columns, row by row.

use std::cmp::Ordering;

use crate::quality::{batch::Block, report::UncheckedReason, rule::Comparison, tally::Tally, values::Values};

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
        if self.is_quiet(&left, &right) {
            tally.checked += block.rows();
            return Ok(());
        }
        for (row, a) in left.cells() {
            let Some(b) = right.cell(row) else { continue };
            tally.checked += 1;
            if !a.compare(b).is_some_and(|ordering| holds(self.is, ordering)) {
                tally.violation(block.row(row), || format!("{} and {}", a.readable(), b.readable()));
            }
        }
        Ok(())
    }

    /// Compares all rows of two columns of one type in one pass without branches; false if any violates the rule or is missing.
    fn is_quiet(&self, left: &Values, right: &Values) -> bool {
        if left.nulls().is_some() || right.nulls().is_some() {
            return false;
        }
        match (left, right) {
            (Values::Float(a), Values::Float(b)) => all(self.is, a.values(), b.values()),
            (Values::Integer(a), Values::Integer(b)) => all(self.is, a.values(), b.values()),
            (Values::Unsigned(a), Values::Unsigned(b)) => all(self.is, a.values(), b.values()),
            (Values::Instant(a, unit), Values::Instant(b, other)) | (Values::Span(a, unit), Values::Span(b, other)) => {
                unit == other && all(self.is, a.values(), b.values())
            }
            _ => false,
        }
    }
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

fn all<T: Copy + PartialOrd>(is: Comparison, left: &[T], right: &[T]) -> bool {
    fn count<T: Copy>(left: &[T], right: &[T], holds: impl Fn(T, T) -> bool) -> usize {
        left.iter().zip(right).map(|(a, b)| usize::from(holds(*a, *b))).sum()
    }
    let holding = match is {
        Comparison::Equal => count(left, right, |a, b| a == b),
        // NaN differs from everything, but it is missing.
        Comparison::NotEqual => count(left, right, |a, b| (a < b) | (a > b)),
        Comparison::Less => count(left, right, |a, b| a < b),
        Comparison::LessOrEqual => count(left, right, |a, b| a <= b),
        Comparison::Greater => count(left, right, |a, b| a > b),
        Comparison::GreaterOrEqual => count(left, right, |a, b| a >= b),
    };
    holding == left.len()
}
