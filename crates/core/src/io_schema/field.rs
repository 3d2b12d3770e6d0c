//! One named column or tensor of a signature, and the rules for its values.

use serde::{Deserialize, Serialize};

use super::{
    allowed::Allowed,
    categories::Categories,
    data_type::IoType,
    error::{FieldRule, excerpt},
    range::ValueRange,
    shape::{Dim, ShapeText},
};

/// Describes one named input or output: element type, shape, nulls, and which values are right.
///
/// A new field is a scalar that is always there and never null. The rules are checked when the field goes into an
/// [`IoSchema`](crate::IoSchema).
///
/// - *nullable* speaks of a row's whole value; elements inside a list or tensor are never null.
/// - *optional* means that the column may be left out, which stands for null in every row; it implies nullable.
/// - *shape* is the shape of one row's value; range and categories hold for each element of it.
///
/// ```
/// use lineal_core::{Dim, IoField, IoType};
///
/// let image = IoField::new("image", IoType::Float32)
///     .with_shape([Dim::Fixed(28), Dim::Fixed(28)])
///     .with_range(0.0, 1.0);
/// assert_eq!(image.to_string(), "image: float32[28,28] in 0..=1");
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IoField {
    name: String,
    #[serde(rename = "type")]
    data_type: IoType,
    #[serde(default, skip_serializing_if = "is_false")]
    nullable: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    optional: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    shape: Vec<Dim>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    range: Option<ValueRange>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    categories: Option<Categories>,
}

impl IoField {
    /// Makes a required scalar field of any values but null.
    #[must_use]
    pub fn new(name: impl Into<String>, data_type: IoType) -> Self {
        Self {
            name: name.into(),
            data_type,
            nullable: false,
            optional: false,
            shape: Vec::new(),
            range: None,
            categories: None,
        }
    }

    /// Allows null.
    #[must_use]
    pub fn nullable(mut self) -> Self {
        self.nullable = true;
        self
    }

    /// Allows the whole column to be left out, and null.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self.nullable()
    }

    /// Sets the shape of one row's value, outermost dimension first, without the batch dimension.
    #[must_use]
    pub fn with_shape(mut self, shape: impl IntoIterator<Item = Dim>) -> Self {
        self.shape = shape.into_iter().collect();
        self
    }

    /// Bounds every element to `min..=max`; for integers, floats and decimals only.
    #[must_use]
    pub fn with_range(mut self, min: f64, max: f64) -> Self {
        self.range = Some(ValueRange::new(min, max));
        self
    }

    /// Limits every element to a closed set; for text and integers only.
    #[must_use]
    pub fn with_categories(mut self, categories: Categories) -> Self {
        self.categories = Some(categories);
        self
    }

    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the type of one element.
    #[must_use]
    pub const fn data_type(&self) -> IoType {
        self.data_type
    }

    /// Returns true if a row's value may be null.
    #[must_use]
    pub const fn is_nullable(&self) -> bool {
        self.nullable
    }

    /// Returns true if the column may be left out.
    #[must_use]
    pub const fn is_optional(&self) -> bool {
        self.optional
    }

    /// Returns the shape of one row's value; empty for a scalar.
    #[must_use]
    pub fn shape(&self) -> &[Dim] {
        &self.shape
    }

    /// Returns the bounds of every element.
    #[must_use]
    pub const fn range(&self) -> Option<&ValueRange> {
        self.range.as_ref()
    }

    /// Returns the closed set that every element is of.
    #[must_use]
    pub const fn categories(&self) -> Option<&Categories> {
        self.categories.as_ref()
    }

    pub(super) fn validate(&self) -> Result<(), FieldRule> {
        if self.name.is_empty() || self.name.len() > MAX_NAME_BYTES || self.name.chars().any(char::is_control) {
            return Err(FieldRule::Name);
        }
        if self.optional && !self.nullable {
            return Err(FieldRule::OptionalNotNullable);
        }
        validate_type(self.data_type)?;
        validate_shape(&self.shape)?;
        self.validate_categories()?;
        self.validate_range()
    }

    fn validate_range(&self) -> Result<(), FieldRule> {
        let Some(range) = &self.range else {
            return Ok(());
        };
        if self.categories.is_some() {
            return Err(FieldRule::RangeAndCategories);
        }
        if !self.data_type.is_numeric() {
            return Err(FieldRule::RangeType { found: self.data_type });
        }
        if !range.is_ordered() || Allowed::of(self).is_empty() {
            return Err(FieldRule::EmptyRange { range: range.to_string(), data_type: self.data_type });
        }
        Ok(())
    }

    fn validate_categories(&self) -> Result<(), FieldRule> {
        let Some(categories) = &self.categories else {
            return Ok(());
        };
        let fits = match categories {
            Categories::Strings(_) => self.data_type == IoType::Utf8,
            Categories::Ints(_) => self.data_type.is_integer(),
        };
        if !fits {
            return Err(FieldRule::CategoryType { found: self.data_type });
        }
        if categories.is_empty() || categories.len() > MAX_CATEGORIES {
            return Err(FieldRule::CategoryCount { count: categories.len(), limit: MAX_CATEGORIES });
        }
        let bad = match categories {
            Categories::Strings(set) => {
                set.iter().find(|text| text.len() > MAX_CATEGORY_BYTES).map(|text| excerpt(text))
            }
            Categories::Ints(set) => {
                let (least, greatest) = self.data_type.limits().unwrap_or((0, 0));
                let outside = |n: i64| !(least..=greatest).contains(&n.into()) || n.unsigned_abs() >= 1 << 53;
                set.iter().find(|n| outside(**n)).map(ToString::to_string)
            }
        };
        bad.map_or(Ok(()), |found| Err(FieldRule::Category { found }))
    }
}

impl std::fmt::Display for IoField {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}{}", excerpt(&self.name), self.data_type, ShapeText(&self.shape))?;
        match (self.optional, self.nullable) {
            (true, _) => f.write_str(" optional")?,
            (false, true) => f.write_str(" or null")?,
            (false, false) => {}
        }
        if let Some(range) = &self.range {
            write!(f, " in {range}")?;
        }
        if let Some(categories) = &self.categories {
            write!(f, " of {} categories", categories.len())?;
        }
        Ok(())
    }
}

fn validate_type(data_type: IoType) -> Result<(), FieldRule> {
    match data_type {
        IoType::Decimal128 { precision, scale }
            if !(1..=38).contains(&precision) || i16::from(scale) > i16::from(precision) || scale < -38 =>
        {
            Err(FieldRule::Decimal { found: data_type })
        }
        _ => Ok(()),
    }
}

fn validate_shape(shape: &[Dim]) -> Result<(), FieldRule> {
    if shape.len() > MAX_RANK {
        return Err(FieldRule::Rank { rank: shape.len() });
    }
    let mut product: u32 = 1;
    for dim in shape {
        if let Dim::Fixed(length) = dim {
            product = product.checked_mul(*length).unwrap_or(0);
            if product == 0 || product > i32::MAX.unsigned_abs() {
                return Err(FieldRule::Dimension);
            }
        }
    }
    Ok(())
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

const MAX_NAME_BYTES: usize = 255;
const MAX_CATEGORIES: usize = 65_536;
const MAX_CATEGORY_BYTES: usize = 1_024;
pub(super) const MAX_RANK: usize = 8;
