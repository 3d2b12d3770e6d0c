//! What is kept of each kind of rule while rows go by.

mod bits; // tests of many values at once
mod compare; // two columns, row by row
mod fresh; // the newest time
mod not_null; // missing values
pub(super) mod pattern; // regular expressions, if built with them
mod predicate; // what can be said of one value alone
mod range; // counting values outside of limits, at memory speed
mod sequence; // each value beside the one before
mod table; // types, rows, columns
mod unique; // keys that come twice

pub(super) use self::{
    bits::bits,
    sequence::{Order, Sequence},
    unique::Unique,
};

use self::{
    compare::Compare,
    fresh::Fresh,
    not_null::NotNull,
    pattern::Pattern,
    predicate::{Predicate, Test},
    table::{Columns, Rows, Type},
};
use super::{
    batch::Block, limits::Limits, members::Members, report::UncheckedReason, rule::Rule, settings::CheckSettings,
    tally::Tally,
};

/// The state of one rule.
#[derive(Clone, Debug)]
pub(super) enum Check {
    Type(Type),
    NotNull(NotNull),
    Predicate(Box<Predicate>),
    Unique(Unique),
    Sequence(Sequence),
    Fresh(Fresh),
    Compare(Compare),
    Rows(Rows),
    Columns(Columns),
}

/// What a rule says in the end.
#[derive(Debug)]
pub(super) enum Verdict {
    /// The tally decides.
    Counted,
    /// The tally decides if it has violations; otherwise it cannot be told.
    Unchecked(UncheckedReason),
    /// The rule holds or not as a whole.
    Whole { holds: bool, observed: String },
    /// There was nothing to look at.
    Nothing,
}

impl Check {
    pub(super) fn new(rule: &Rule, settings: &CheckSettings) -> Result<Self, UncheckedReason> {
        let test = |column: &str, test: Test| Self::Predicate(Box::new(Predicate::new(column, test)));
        Ok(match rule {
            Rule::Type { column, is } => Self::Type(Type::new(column, *is)),
            Rule::NotNull { column } => Self::NotNull(NotNull::new(column)),
            Rule::Range { column, min, max } => test(column, Test::Range(Limits::new(min.as_ref(), max.as_ref()))),
            Rule::Length { column, min, max } => {
                test(column, Test::Length { min: min.unwrap_or(0), max: max.unwrap_or(u64::MAX) })
            }
            Rule::Pattern { column, pattern } => test(column, Test::Pattern(Pattern::new(pattern)?)),
            Rule::OneOf { column, values } => test(column, Test::OneOf(Members::new(values))),
            Rule::NoneOf { column, values } => test(column, Test::NoneOf(Members::new(values))),
            Rule::Unique { columns } => Self::Unique(Unique::new(columns, settings.max_keys)),
            Rule::Increasing { column, strict: false } => Self::Sequence(Sequence::new(column, Order::Increasing)),
            Rule::Increasing { column, strict: true } => {
                Self::Sequence(Sequence::new(column, Order::StrictlyIncreasing))
            }
            Rule::Constant { column } => Self::Sequence(Sequence::new(column, Order::Constant)),
            Rule::Fresh { column, max_age_seconds } => {
                Self::Fresh(Fresh::new(column, *max_age_seconds, settings.now.ok_or(UncheckedReason::NoNow)?))
            }
            Rule::Compare { left, is, right } => Self::Compare(Compare::new(left, *is, right)),
            Rule::Rows { min, max } => Self::Rows(Rows::new(*min, *max)),
            Rule::Columns { names, exact } => Self::Columns(Columns::new(names, *exact)),
        })
    }

    pub(super) fn update(&mut self, block: &Block<'_>, tally: &mut Tally) -> Result<(), UncheckedReason> {
        match self {
            Self::Type(check) => check.update(block, tally),
            Self::NotNull(check) => check.update(block, tally),
            Self::Predicate(check) => check.update(block, tally),
            Self::Unique(check) => check.update(block, tally),
            Self::Sequence(check) => check.update(block, tally),
            Self::Fresh(check) => check.update(block, tally),
            Self::Compare(check) => check.update(block, tally),
            Self::Rows(check) => {
                check.update(block);
                Ok(())
            }
            Self::Columns(check) => {
                check.update(block);
                Ok(())
            }
        }
    }

    /// Adds the state of the same rule over rows that follow; the tallies are already added up.
    pub(super) fn merge(&mut self, later: Self, offset: u64, tally: &mut Tally) -> Result<(), UncheckedReason> {
        match (self, later) {
            (Self::Type(check), Self::Type(later)) => check.merge(later),
            (Self::Unique(check), Self::Unique(later)) => check.merge(later, offset, tally),
            (Self::Sequence(check), Self::Sequence(later)) => return check.merge(later, offset, tally),
            (Self::Fresh(check), Self::Fresh(later)) => check.merge(&later),
            (Self::Rows(check), Self::Rows(later)) => check.merge(&later),
            (Self::Columns(check), Self::Columns(later)) => check.merge(later),
            // The others keep nothing beside the tally.
            _ => {}
        }
        Ok(())
    }

    pub(super) fn finish(&mut self, tally: &mut Tally) -> Verdict {
        match self {
            Self::Type(check) => check.finish(),
            Self::Unique(check) => check.finish(tally),
            Self::Fresh(check) => check.finish(),
            Self::Rows(check) => check.finish(),
            Self::Columns(check) => check.finish(),
            Self::NotNull(_) | Self::Predicate(_) | Self::Sequence(_) | Self::Compare(_) => Verdict::Counted,
        }
    }
}
