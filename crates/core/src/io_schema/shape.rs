//! Dimensions of a field's value.

use std::fmt;

use serde::{Deserialize, Serialize};

/// States the length of a value along one dimension.
///
/// A field's shape is a list of these, outermost first, without the batch dimension: `[]` is a scalar, `[Any]` a list,
/// `[Fixed(224), Fixed(224), Fixed(3)]` a tensor. JSON: a number, or `null` for [`Dim::Any`].
///
/// ```
/// use lineal_core::Dim;
///
/// assert_eq!(serde_json::to_string(&[Dim::Any, Dim::Fixed(3)])?, "[null,3]");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Option<u32>", into = "Option<u32>")]
#[allow(clippy::exhaustive_enums, reason = "a length is either known or not")]
pub enum Dim {
    /// Any length, which may differ from row to row; 0 too.
    Any,
    /// This length in every row, `1..=2_147_483_647`.
    Fixed(u32),
}

impl Dim {
    /// Whether a value of length `given` is always taken where `self` is asked for.
    pub(super) fn accepts(self, given: Self) -> bool {
        self == Self::Any || self == given
    }
}

impl From<Option<u32>> for Dim {
    fn from(length: Option<u32>) -> Self {
        length.map_or(Self::Any, Self::Fixed)
    }
}

impl From<Dim> for Option<u32> {
    fn from(dim: Dim) -> Self {
        match dim {
            Dim::Any => None,
            Dim::Fixed(length) => Some(length),
        }
    }
}

/// Shows a shape as `[?,3]`; a scalar's is empty.
pub(super) struct ShapeText<'a>(pub(super) &'a [Dim]);

impl fmt::Display for ShapeText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, dim) in self.0.iter().enumerate() {
            f.write_str(if index == 0 { "[" } else { "," })?;
            match dim {
                Dim::Any => f.write_str("?")?,
                Dim::Fixed(length) => write!(f, "{length}")?,
            }
        }
        f.write_str(if self.0.is_empty() { "" } else { "]" })
    }
}
