//! Parameters: what a run was given, as flat typed values.

use std::{collections::BTreeMap, fmt, str::FromStr};

use lineal_core::Real;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Error, flatten};

/// One parameter.
///
/// Stored as `{"real":"0.1"}`, `{"int":"3"}`, `{"bool":true}`, `{"text":"adam"}`, `"null"` or `"empty"`, so that a value
/// never changes its type between writing and reading. `Display` writes the value alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Param {
    /// Nothing: `None` or a unit.
    Null,
    /// A list, map or struct without members.
    Empty,
    /// A truth value.
    Bool(bool),
    /// A whole number from `i64::MIN` to `u64::MAX`.
    Int(Int),
    /// A double, also NaN and the infinities; an `f32` as the double of the same value.
    Real(Real),
    /// A text, or the name of an enum's variant.
    Text(String),
}

impl Param {
    /// Returns a real or whole number as a double; large whole numbers are rounded.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Real(real) => Some(real.get()),
            #[allow(clippy::cast_precision_loss, reason = "stated in the documentation")]
            Self::Int(int) => Some(int.get() as f64),
            _ => None,
        }
    }

    /// Returns a whole number, if it fits.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(int) => i64::try_from(int.get()).ok(),
            _ => None,
        }
    }

    /// Returns a whole number that is not negative.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Int(int) => u64::try_from(int.get()).ok(),
            _ => None,
        }
    }

    /// Returns a truth value.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// Returns a text.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl fmt::Display for Param {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Empty => f.write_str("[]"),
            Self::Bool(value) => value.fmt(f),
            Self::Int(int) => int.get().fmt(f),
            Self::Real(real) => real.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

/// A whole number from `i64::MIN` to `u64::MAX`, stored as decimal text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Int(i128);

impl Int {
    /// Returns the number.
    #[must_use]
    pub const fn get(self) -> i128 {
        self.0
    }

    pub(crate) fn checked(number: i128) -> Option<Self> {
        (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&number).then_some(Self(number))
    }
}

impl From<i64> for Int {
    fn from(number: i64) -> Self {
        Self(number.into())
    }
}

impl From<u64> for Int {
    fn from(number: u64) -> Self {
        Self(number.into())
    }
}

impl Serialize for Int {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Int {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let number = i128::from_str(&text).ok().filter(|number| number.to_string() == text);
        let refuse = || serde::de::Error::custom("a parameter is not a whole number of 64 bits");
        number.and_then(Self::checked).ok_or_else(refuse)
    }
}

/// The parameters of a run by their flat names: `optimizer.lr`, `layers.0`.
///
/// ```
/// use lineal_runner::Params;
/// use serde::Serialize;
///
/// #[derive(Serialize)]
/// struct Settings { lr: f64, layers: Vec<u32>, warmup: Option<u64> }
///
/// let params = Params::of(&Settings { lr: 0.1, layers: vec![64, 8], warmup: None })?;
/// let names: Vec<&str> = params.iter().map(|(name, _)| name).collect();
/// assert_eq!(names, ["layers.0", "layers.1", "lr", "warmup"]);
/// assert_eq!(params.get("lr").and_then(|lr| lr.as_f64()), Some(0.1));
/// # Ok::<(), lineal_runner::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Params(BTreeMap<String, Param>);

impl Params {
    /// Flattens a struct or map: members are joined by `.`, members of lists are numbered from 0.
    ///
    /// Exact: floats keep their value, NaN included. At most 10,000 values, names up to 300 bytes, texts up to 64 KiB.
    ///
    /// # Errors
    /// [`Error::Params`] if the value is not made of named members, holds bytes, is too large, or gives two values the
    /// same flat name.
    pub fn of(value: &(impl Serialize + ?Sized)) -> Result<Self, Error> {
        flatten::flatten(value).map(Self)
    }

    /// Returns the value called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Param> {
        self.0.get(name)
    }

    /// Returns the values in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Param)> {
        self.0.iter().map(|(name, param)| (name.as_str(), param))
    }

    /// Returns how many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
