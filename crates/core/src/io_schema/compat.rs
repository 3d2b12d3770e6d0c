//! Compatibility of two signatures: may one model stand where another stood?

use std::{collections::HashMap, fmt};

use serde::{Deserialize, Serialize};

use super::{
    allowed::Allowed,
    categories::Categories,
    error::excerpt,
    field::IoField,
    incompatibility::{Incompatibilities, Incompatibility, Mismatch},
    schema::{IoSchema, IoSide},
};

/// Names how a new model must agree with an old one, in the words of schema registries.
///
/// A batch is valid for a list of fields if every field's column is right, where a column may be missing only if its
/// field is optional. Columns that no field names are ignored, and count as missing if another schema names them.
/// So a name that one version drops and a later one takes up again with another meaning is only seen when those two are
/// compared: compare a new model with every version that still has callers, not with the last one alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Compatibility {
    /// The new model can replace the old one: every input valid for the old is valid for the new, and every output
    /// valid for the new is valid for the old, so callers and readers of the old notice nothing.
    Backward,
    /// The old model can stand in for the new one, as in a roll-back or while both are live: every input valid for the
    /// new is valid for the old, and every output valid for the old is valid for the new.
    Forward,
    /// Both.
    Full,
}

impl fmt::Display for Compatibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Backward => "backward",
            Self::Forward => "forward",
            Self::Full => "full",
        })
    }
}

impl IoSchema {
    /// Checks that `self`, the new signature, agrees with `old` in the way of `level`.
    ///
    /// Types are never converted, so any change of type breaks. Values are compared as sets: a range may widen where
    /// values are taken and narrow where they are given, likewise categories, nulls and unknown dimensions. Integers
    /// and decimals are compared exactly, so that for instance the categories 1, 2, 3 fit the range `1..=3` and back.
    /// O(fields + categories).
    ///
    /// # Errors
    /// [`Incompatibilities`] lists everything that breaks: change the new model, or release it as another model.
    pub fn check_compatible(&self, old: &Self, level: Compatibility) -> Result<(), Incompatibilities> {
        let mut found = Vec::new();
        if level != Compatibility::Forward {
            replace(Compatibility::Backward, self, old, &mut found);
        }
        if level != Compatibility::Backward {
            replace(Compatibility::Forward, old, self, &mut found);
        }
        if found.is_empty() { Ok(()) } else { Err(Incompatibilities { found }) }
    }
}

/// Finds what breaks when `newcomer` serves those who knew `known`.
fn replace(breaks: Compatibility, newcomer: &IoSchema, known: &IoSchema, found: &mut Vec<Incompatibility>) {
    let flows =
        [(IoSide::Input, known.inputs(), newcomer.inputs()), (IoSide::Output, newcomer.outputs(), known.outputs())];
    for (side, given, accepted) in flows {
        let by_name: HashMap<&str, &IoField> = given.iter().map(|field| (field.name(), field)).collect();
        for accepted in accepted {
            let mut mismatches = Vec::new();
            match by_name.get(accepted.name()) {
                Some(given) => compare(given, accepted, &mut mismatches),
                None if accepted.is_optional() => {}
                None => mismatches.push(Mismatch::Missing),
            }
            let field = accepted.name();
            found.extend(mismatches.into_iter().map(|mismatch| Incompatibility {
                breaks,
                side,
                field: field.to_owned(),
                mismatch,
            }));
        }
    }
}

fn compare(given: &IoField, accepted: &IoField, found: &mut Vec<Mismatch>) {
    if given.is_optional() && !accepted.is_optional() {
        found.push(Mismatch::Optional);
    }
    if given.is_nullable() && !accepted.is_nullable() {
        found.push(Mismatch::Null);
    }
    let (given_shape, accepted_shape) = (given.shape(), accepted.shape());
    let fits = given_shape.len() == accepted_shape.len()
        && accepted_shape.iter().zip(given_shape).all(|(accepted, given)| accepted.accepts(*given));
    if !fits {
        found.push(Mismatch::Shape { given: given_shape.to_vec(), accepted: accepted_shape.to_vec() });
    }
    if given.data_type() == accepted.data_type() {
        found.extend(compare_values(given, accepted));
    } else {
        // Values of different types cannot be compared.
        found.push(Mismatch::Type { given: given.data_type(), accepted: accepted.data_type() });
    }
}

fn compare_values(given: &IoField, accepted: &IoField) -> Option<Mismatch> {
    let fits = match (Allowed::of(given), Allowed::of(accepted)) {
        (_, Allowed::All) => true,
        (Allowed::Floats(given), Allowed::Floats(accepted)) => accepted.contains_range(given),
        (Allowed::Units(low, high), Allowed::Units(least, greatest)) => least <= low && high <= greatest,
        (Allowed::Units(low, high), Allowed::Ints(accepted)) => {
            // All of low..=high are categories if as many categories lie there as there are numbers.
            let inside = accepted.iter().filter(|n| (low..=high).contains(&i128::from(**n))).count();
            i128::try_from(inside).is_ok_and(|inside| inside == high - low + 1)
        }
        (Allowed::Ints(given), Allowed::Units(least, greatest)) => {
            return unknown(given.iter().filter(|n| !(least..=greatest).contains(&i128::from(**n))));
        }
        (Allowed::Ints(given), Allowed::Ints(accepted)) => {
            return unknown(given.difference(accepted));
        }
        (Allowed::Strings(given), Allowed::Strings(accepted)) => {
            return unknown(given.difference(accepted).map(|text| excerpt(text)));
        }
        // Equal types leave only an unlimited field on the giving side.
        (_, Allowed::Units(..) | Allowed::Floats(_) | Allowed::Ints(_) | Allowed::Strings(_)) => false,
    };
    match (fits, accepted.range()) {
        (true, _) => None,
        (false, Some(range)) => Some(Mismatch::Range { given: given.range().copied(), accepted: *range }),
        (false, None) => Some(Mismatch::OpenCategories { accepted: accepted.categories().map_or(0, Categories::len) }),
    }
}

fn unknown<T: ToString>(mut values: impl Iterator<Item = T>) -> Option<Mismatch> {
    let shown: Vec<String> = values.by_ref().take(MAX_EXAMPLES).map(|value| value.to_string()).collect();
    let count = shown.len() + values.count();
    (count > 0).then_some(Mismatch::Categories { unknown: shown, count })
}

const MAX_EXAMPLES: usize = 10;
