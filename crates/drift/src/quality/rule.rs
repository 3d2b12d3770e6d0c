//! What must hold.

use std::{fmt, ops::RangeInclusive, time::Duration};

use serde::{Deserialize, Serialize};

use super::{column_type::ColumnType, scalar::Scalar, tally::shortened};

/// What a constraint demands of a column, of two columns, or of the table.
///
/// Missing values (null, NaN) violate [`Rule::NotNull`] and no other rule. Each rule has a constructor of its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Rule {
    /// The column is of a family of types, in every batch.
    Type {
        /// The column.
        column: String,
        /// The family.
        is: ColumnType,
    },
    /// No value is missing. With a tolerance of 0.1, nine of ten values are there.
    NotNull {
        /// The column, of any type.
        column: String,
    },
    /// Numbers or times lie between two limits, both inclusive; at least one is given.
    Range {
        /// The column: integers, floats, dates, timestamps, times of day or durations.
        column: String,
        /// The least value allowed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        min: Option<Scalar>,
        /// The greatest value allowed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max: Option<Scalar>,
    },
    /// Texts have so many characters (Unicode scalar values), both limits inclusive; at least one is given.
    Length {
        /// The column of texts.
        column: String,
        /// The least number of characters.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        min: Option<u64>,
        /// The greatest number of characters.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max: Option<u64>,
    },
    /// Whole texts match a regular expression in the syntax of the crate `regex`, in time linear in the text.
    ///
    /// Needs cargo feature `regex`; without it the result is [`UncheckedReason::NeedsFeature`](super::UncheckedReason::NeedsFeature).
    Pattern {
        /// The column of texts.
        column: String,
        /// The regular expression; it must fit a megabyte once compiled.
        pattern: String,
    },
    /// Values belong to a set.
    OneOf {
        /// The column: booleans, numbers, texts or times.
        column: String,
        /// The set.
        values: Vec<Scalar>,
    },
    /// Values do not belong to a set.
    NoneOf {
        /// The column: booleans, numbers, texts or times.
        column: String,
        /// The set.
        values: Vec<Scalar>,
    },
    /// No value, or no combination of values of several columns, comes twice; rows where one of them is missing do not count.
    ///
    /// Exact for values of up to 15 bytes in one column. Longer texts and combinations are told apart by 120 bits of their hash: among
    /// a thousand million different ones the chance that any two are taken for equal is below 10^-18.
    Unique {
        /// The column, or the columns that make up a key.
        columns: Vec<String>,
    },
    /// Each number or time is at least as great as the one before it.
    Increasing {
        /// The column.
        column: String,
        /// Whether equal neighbours violate it too.
        #[serde(default)]
        strict: bool,
    },
    /// All values are the same; a value that differs from the one before it violates it.
    Constant {
        /// The column.
        column: String,
    },
    /// The newest date or timestamp that is not after [`CheckSettings::now`](super::CheckSettings::now) is at most so old.
    ///
    /// Times after it do not count, so that one wrong year does not hide that nothing arrives.
    Fresh {
        /// The column.
        column: String,
        /// The greatest age allowed, in seconds.
        max_age_seconds: u64,
    },
    /// Two columns compare in a certain way, in each row where both are present.
    ///
    /// Integers compare with floats exactly, times with times in any unit, texts by code points.
    Compare {
        /// The left column.
        left: String,
        /// How they compare.
        is: Comparison,
        /// The right column.
        right: String,
    },
    /// The table has so many rows, both limits inclusive; at least one is given.
    Rows {
        /// The least number of rows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        min: Option<u64>,
        /// The greatest number of rows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max: Option<u64>,
    },
    /// Every batch has these columns, in any order.
    Columns {
        /// Their names.
        names: Vec<String>,
        /// Whether other columns violate it.
        #[serde(default)]
        exact: bool,
    },
}

/// How two columns compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "there are no other comparisons of an order")]
pub enum Comparison {
    /// Left = right.
    Equal,
    /// Left ≠ right.
    NotEqual,
    /// Left < right.
    Less,
    /// Left ≤ right.
    LessOrEqual,
    /// Left > right.
    Greater,
    /// Left ≥ right.
    GreaterOrEqual,
}

impl Rule {
    /// Demands a family of types; see [`Rule::Type`].
    #[must_use]
    pub fn of_type(column: impl Into<String>, is: ColumnType) -> Self {
        Self::Type { column: column.into(), is }
    }

    /// Demands that no value is missing; see [`Rule::NotNull`].
    #[must_use]
    pub fn not_null(column: impl Into<String>) -> Self {
        Self::NotNull { column: column.into() }
    }

    /// Demands `min <= value <= max`; see [`Rule::Range`].
    #[must_use]
    pub fn between(column: impl Into<String>, min: impl Into<Scalar>, max: impl Into<Scalar>) -> Self {
        Self::Range { column: column.into(), min: Some(min.into()), max: Some(max.into()) }
    }

    /// Demands `value >= min`; see [`Rule::Range`].
    #[must_use]
    pub fn at_least(column: impl Into<String>, min: impl Into<Scalar>) -> Self {
        Self::Range { column: column.into(), min: Some(min.into()), max: None }
    }

    /// Demands `value <= max`; see [`Rule::Range`].
    #[must_use]
    pub fn at_most(column: impl Into<String>, max: impl Into<Scalar>) -> Self {
        Self::Range { column: column.into(), min: None, max: Some(max.into()) }
    }

    /// Demands a number of characters; see [`Rule::Length`].
    #[must_use]
    pub fn length(column: impl Into<String>, characters: RangeInclusive<u64>) -> Self {
        Self::Length { column: column.into(), min: Some(*characters.start()), max: Some(*characters.end()) }
    }

    /// Demands that whole texts match; see [`Rule::Pattern`].
    #[must_use]
    pub fn pattern(column: impl Into<String>, pattern: impl Into<String>) -> Self {
        Self::Pattern { column: column.into(), pattern: pattern.into() }
    }

    /// Demands values of a set; see [`Rule::OneOf`].
    #[must_use]
    pub fn one_of<S: Into<Scalar>>(column: impl Into<String>, values: impl IntoIterator<Item = S>) -> Self {
        Self::OneOf { column: column.into(), values: values.into_iter().map(Into::into).collect() }
    }

    /// Demands values outside of a set; see [`Rule::NoneOf`].
    #[must_use]
    pub fn none_of<S: Into<Scalar>>(column: impl Into<String>, values: impl IntoIterator<Item = S>) -> Self {
        Self::NoneOf { column: column.into(), values: values.into_iter().map(Into::into).collect() }
    }

    /// Demands that nothing comes twice; see [`Rule::Unique`].
    #[must_use]
    pub fn unique<N: Into<String>>(columns: impl IntoIterator<Item = N>) -> Self {
        Self::Unique { columns: columns.into_iter().map(Into::into).collect() }
    }

    /// Demands that no value is smaller than the one before; see [`Rule::Increasing`].
    #[must_use]
    pub fn increasing(column: impl Into<String>) -> Self {
        Self::Increasing { column: column.into(), strict: false }
    }

    /// Demands that each value is greater than the one before; see [`Rule::Increasing`].
    #[must_use]
    pub fn strictly_increasing(column: impl Into<String>) -> Self {
        Self::Increasing { column: column.into(), strict: true }
    }

    /// Demands one value throughout; see [`Rule::Constant`].
    #[must_use]
    pub fn constant(column: impl Into<String>) -> Self {
        Self::Constant { column: column.into() }
    }

    /// Demands a recent value; see [`Rule::Fresh`]. Parts of a second are cut off.
    #[must_use]
    pub fn fresh(column: impl Into<String>, max_age: Duration) -> Self {
        Self::Fresh { column: column.into(), max_age_seconds: max_age.as_secs() }
    }

    /// Demands that two columns compare in a certain way; see [`Rule::Compare`].
    #[must_use]
    pub fn compare(left: impl Into<String>, is: Comparison, right: impl Into<String>) -> Self {
        Self::Compare { left: left.into(), is, right: right.into() }
    }

    /// Demands a number of rows; see [`Rule::Rows`].
    #[must_use]
    pub fn rows(rows: RangeInclusive<u64>) -> Self {
        Self::Rows { min: Some(*rows.start()), max: Some(*rows.end()) }
    }

    /// Demands that columns are there; see [`Rule::Columns`].
    #[must_use]
    pub fn columns<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Self {
        Self::Columns { names: names.into_iter().map(Into::into).collect(), exact: false }
    }

    /// Demands that these columns are there and no others; see [`Rule::Columns`].
    #[must_use]
    pub fn exact_columns<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Self {
        Self::Columns { names: names.into_iter().map(Into::into).collect(), exact: true }
    }

    /// Returns the column that the rule is about, the first one of several, and none if it is about the table.
    #[must_use]
    pub fn column(&self) -> Option<&str> {
        match self {
            Self::Type { column, .. }
            | Self::NotNull { column }
            | Self::Range { column, .. }
            | Self::Length { column, .. }
            | Self::Pattern { column, .. }
            | Self::OneOf { column, .. }
            | Self::NoneOf { column, .. }
            | Self::Increasing { column, .. }
            | Self::Constant { column }
            | Self::Fresh { column, .. }
            | Self::Compare { left: column, .. } => Some(column),
            Self::Unique { columns } => columns.first().map(String::as_str),
            Self::Rows { .. } | Self::Columns { .. } => None,
        }
    }

    /// Says whether it holds or not as a whole, so that no share of rows can be tolerated.
    pub(super) fn is_of_the_whole(&self) -> bool {
        matches!(self, Self::Type { .. } | Self::Fresh { .. } | Self::Rows { .. } | Self::Columns { .. })
    }
}

/// Writes the rule in words, long lists and names cut.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type { column, is } => write!(f, "{} is of type {is}", shortened(column)),
            Self::NotNull { column } => write!(f, "{} is not null", shortened(column)),
            Self::Range { column, min, max } => {
                write!(f, "{} is ", shortened(column))?;
                interval(f, min.as_ref(), max.as_ref())
            }
            Self::Length { column, min, max } => {
                write!(f, "the length of {} is ", shortened(column))?;
                interval(f, min.as_ref(), max.as_ref())
            }
            Self::Pattern { column, pattern } => write!(f, "{} matches {}", shortened(column), shortened(pattern)),
            Self::OneOf { column, values } => {
                write!(f, "{} is one of ", shortened(column))?;
                list(f, values)
            }
            Self::NoneOf { column, values } => {
                write!(f, "{} is none of ", shortened(column))?;
                list(f, values)
            }
            Self::Unique { columns } => {
                list(f, &columns.iter().map(|c| shortened(c)).collect::<Vec<_>>())?;
                f.write_str(if columns.len() == 1 { " is unique" } else { " are unique together" })
            }
            Self::Increasing { column, strict } => {
                write!(f, "{} is {}increasing", shortened(column), if *strict { "strictly " } else { "" })
            }
            Self::Constant { column } => write!(f, "{} is constant", shortened(column)),
            Self::Fresh { column, max_age_seconds } => {
                write!(f, "the newest {} is at most {max_age_seconds} s old", shortened(column))
            }
            Self::Compare { left, is, right } => write!(f, "{} {is} {}", shortened(left), shortened(right)),
            Self::Rows { min, max } => {
                f.write_str("the number of rows is ")?;
                interval(f, min.as_ref(), max.as_ref())
            }
            Self::Columns { names, exact } => {
                f.write_str(if *exact { "the columns are " } else { "the columns include " })?;
                list(f, &names.iter().map(|c| shortened(c)).collect::<Vec<_>>())
            }
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        })
    }
}

fn interval<T: fmt::Display + PartialEq>(f: &mut fmt::Formatter<'_>, min: Option<&T>, max: Option<&T>) -> fmt::Result {
    match (min, max) {
        (Some(min), Some(max)) if min == max => write!(f, "exactly {min}"),
        (Some(min), Some(max)) => write!(f, "from {min} to {max}"),
        (Some(min), None) => write!(f, "at least {min}"),
        (None, Some(max)) => write!(f, "at most {max}"),
        (None, None) => f.write_str("anything"),
    }
}

fn list<T: fmt::Display>(f: &mut fmt::Formatter<'_>, items: &[T]) -> fmt::Result {
    for (at, item) in items.iter().take(LISTED).enumerate() {
        write!(f, "{}{item}", if at == 0 { "" } else { ", " })?;
    }
    match items.len().saturating_sub(LISTED) {
        0 => Ok(()),
        more => write!(f, " and {more} more"),
    }
}

/// Items of a list that are written out.
const LISTED: usize = 5;
