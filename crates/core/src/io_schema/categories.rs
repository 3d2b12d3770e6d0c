//! Closed sets of values.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// Lists the only values that a field may have; order and repetition do not matter.
///
/// JSON: `{"strings":["EWR","JFK"]}` in byte order, or `{"ints":[1,2]}` in rising order. At most 65,536 values, a
/// string of at most 1,024 bytes, an integer with `|n| < 2^53`.
///
/// ```
/// use lineal_core::{Categories, IoField, IoType};
///
/// let origin = IoField::new("origin", IoType::Utf8).with_categories(Categories::strings(["JFK", "EWR", "LGA"]));
/// let month = IoField::new("month", IoType::Int8).with_categories(Categories::ints(1..=12));
/// assert_eq!(month.categories().map(Categories::len), Some(12));
/// # let _ = origin;
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Categories {
    /// Values of a text field.
    Strings(BTreeSet<String>),
    /// Values of an integer field.
    Ints(BTreeSet<i64>),
}

impl Categories {
    /// Makes the set of values of a text field.
    #[must_use]
    pub fn strings<S: Into<String>>(values: impl IntoIterator<Item = S>) -> Self {
        Self::Strings(values.into_iter().map(Into::into).collect())
    }

    /// Makes the set of values of an integer field.
    #[must_use]
    pub fn ints<I: Into<i64>>(values: impl IntoIterator<Item = I>) -> Self {
        Self::Ints(values.into_iter().map(Into::into).collect())
    }

    /// Returns how many different values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Strings(set) => set.len(),
            Self::Ints(set) => set.len(),
        }
    }

    /// Returns true if no value is allowed; a schema refuses such a set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
