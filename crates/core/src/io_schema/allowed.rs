//! The set of values a field admits, in the form that comparison and checking need.

use std::collections::BTreeSet;

use super::{categories::Categories, field::IoField, range::ValueRange};

/// The non-null elements that a field admits, given that their type is right.
#[derive(Clone, Copy, Debug)]
pub(super) enum Allowed<'a> {
    /// Every value of the type, NaN too.
    All,
    /// Integers and decimals, in units of the last digit; both ends belong to it.
    Units(i128, i128),
    /// Floats, both ends belong to it, NaN does not.
    Floats(&'a ValueRange),
    /// Integers of a closed set.
    Ints(&'a BTreeSet<i64>),
    /// Strings of a closed set.
    Strings(&'a BTreeSet<String>),
}

impl<'a> Allowed<'a> {
    /// Integers and decimals are never [`Allowed::All`]: without a range they have the ends of their type.
    pub(super) fn of(field: &'a IoField) -> Self {
        match (field.categories(), field.range()) {
            (Some(Categories::Ints(set)), _) => Self::Ints(set),
            (Some(Categories::Strings(set)), _) => Self::Strings(set),
            (None, Some(range)) if field.data_type().is_float() => Self::Floats(range),
            (None, range) => {
                field.data_type().limits().map_or(Self::All, |limits| bounded(limits, range, field.data_type().scale()))
            }
        }
    }

    /// True if no value can ever be right.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::All => false,
            Self::Units(low, high) => low > high,
            Self::Floats(range) => !range.is_ordered(),
            Self::Ints(set) => set.is_empty(),
            Self::Strings(set) => set.is_empty(),
        }
    }
}

fn bounded<'a>((least, greatest): (i128, i128), range: Option<&ValueRange>, scale: i32) -> Allowed<'a> {
    let (low, high) = range.map_or((least, greatest), |range| range.in_units(scale));
    Allowed::Units(low.max(least), high.min(greatest))
}
