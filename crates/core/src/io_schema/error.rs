//! Why a schema is refused.

use std::fmt;

use super::{data_type::IoType, schema::IoSide};
use crate::ErrorKind;

/// Says why a schema cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// A field breaks a rule; mend the field.
    #[error("{side} field `{field}`: {rule}")]
    Field {
        /// Where the field stands.
        side: IoSide,
        /// Its name, escaped and cut to 60 characters.
        field: String,
        /// The rule that it breaks.
        rule: FieldRule,
    },
    /// Two fields of one side have the same name; rename one.
    #[error("two {side} fields are called `{field}`")]
    Duplicate {
        /// Where the fields stand.
        side: IoSide,
        /// Their name, escaped and cut to 60 characters.
        field: String,
    },
    /// There are more fields than a schema may have; use a field with a shape instead of one field per element.
    #[error("{count} {side} fields are more than the {limit} allowed")]
    TooManyFields {
        /// Where the fields stand.
        side: IoSide,
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// The outputs are empty; name at least one.
    #[error("a schema needs at least one output field")]
    NoOutputs,
    /// The text names no type of this version; the text forms are listed at [`IoType`].
    #[error("`{text}` is not a type of a model signature")]
    UnknownType {
        /// The text, escaped and cut to 60 characters.
        text: String,
    },
    /// The stored schema has a format that this version cannot read; use a newer version.
    #[error("schema format {found} is unknown, this version reads format {known}")]
    UnknownFormat {
        /// The number found.
        found: u32,
        /// The number this version reads and writes.
        known: u32,
    },
    /// An Arrow type has no counterpart; convert the column before.
    #[error("{side} field `{field}`: Arrow type {found} has no counterpart in a model signature")]
    ArrowType {
        /// Where the field stands.
        side: IoSide,
        /// Its name, escaped and cut to 60 characters.
        field: String,
        /// The type, cut to 60 characters.
        found: String,
    },
}

impl SchemaError {
    /// Returns what the caller can do about it.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::UnknownType { .. } | Self::UnknownFormat { .. } | Self::ArrowType { .. } => ErrorKind::Unsupported,
            _ => ErrorKind::Invalid,
        }
    }
}

/// Names a rule that a field must keep.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FieldRule {
    /// The name is empty, longer than 255 bytes or has a control character.
    #[error("a name has 1 to 255 bytes and no control characters")]
    Name,
    /// The precision or scale of a decimal is out of bounds.
    #[error("{found} is not a decimal: precision is 1 to 38, scale -38 to precision")]
    Decimal {
        /// The type as given.
        found: IoType,
    },
    /// Optional, but not nullable.
    #[error("an optional field is nullable too")]
    OptionalNotNullable,
    /// There are more than 8 dimensions.
    #[error("{rank} dimensions are more than the 8 allowed")]
    Rank {
        /// Dimensions found.
        rank: usize,
    },
    /// A fixed dimension is 0, or the fixed dimensions multiply to more than Arrow can hold in a list.
    #[error("fixed dimensions are at least 1, and their product at most 2147483647")]
    Dimension,
    /// A range on a type without order of magnitude.
    #[error("{found} cannot have a range, only numbers can")]
    RangeType {
        /// The type as given.
        found: IoType,
    },
    /// An end is NaN, the ends are the wrong way round, or no value of the type lies between.
    #[error("the range {range} holds no value of type {data_type}")]
    EmptyRange {
        /// The range as given.
        range: String,
        /// The type as given.
        data_type: IoType,
    },
    /// Both a range and categories.
    #[error("a field has a range or categories, not both")]
    RangeAndCategories,
    /// String categories on a type that is not text, or integer categories on one that is not an integer.
    #[error("these categories do not fit type {found}: strings go with utf8, ints with integers")]
    CategoryType {
        /// The type as given.
        found: IoType,
    },
    /// No categories, or too many.
    #[error("{count} categories: 1 to {limit} are allowed")]
    CategoryCount {
        /// Categories found.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// A category is too long, outside its type, or too large to be stored exactly.
    #[error(
        "category `{found}`: a string has at most 1024 bytes, an integer fits its type and is below 2^53 in magnitude"
    )]
    Category {
        /// The category, escaped and cut to 60 characters.
        found: String,
    },
}

/// Escapes text from outside and cuts it to 60 characters, for messages.
pub(super) fn excerpt(text: &str) -> String {
    let mut shown: String = text.chars().take(60).flat_map(char::escape_debug).collect();
    if text.chars().nth(60).is_some() {
        shown.push('…');
    }
    shown
}

/// Writes `items` separated by semicolons, the first ten of `total`.
pub(super) fn write_list<T: fmt::Display>(f: &mut fmt::Formatter<'_>, items: &[T], total: usize) -> fmt::Result {
    let shown = items.len().min(MAX_LISTED);
    for (index, item) in items.iter().take(shown).enumerate() {
        write!(f, "{}{item}", if index == 0 { "" } else { "; " })?;
    }
    if total > shown { write!(f, "; and {} more", total - shown) } else { Ok(()) }
}

const MAX_LISTED: usize = 10;
