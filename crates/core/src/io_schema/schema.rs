//! The signature as a whole: inputs, outputs, and its digest.

use std::{collections::HashSet, fmt};

use serde::{Deserialize, Serialize};

use super::{
    error::{SchemaError, excerpt},
    field::IoField,
};
use crate::{Digest, to_canonical};

/// States what a model takes and what it gives: the model signature.
///
/// Always valid: names are unique within a side, every field keeps its rules, at most 65,536 fields a side, at least
/// one output. Reading one from JSON checks the same. The order of fields is part of the schema, and of its digest,
/// but neither checks nor compatibility look at it: columns go by name.
///
/// ```
/// use lineal_core::{Categories, Compatibility, IoField, IoSchema, IoType};
///
/// let outputs = || vec![IoField::new("late15", IoType::Float64).with_range(0.0, 1.0)];
/// let origin = IoField::new("origin", IoType::Utf8);
/// let first = IoSchema::new(
///     vec![origin.clone().with_categories(Categories::strings(["EWR", "JFK"]))],
///     outputs(),
/// )?;
/// let second = IoSchema::new(vec![origin, IoField::new("wind", IoType::Float32).optional()], outputs())?;
///
/// // Whoever calls the first model can call the second, but not the other way round.
/// second.check_compatible(&first, Compatibility::Backward)?;
/// let broken = second.check_compatible(&first, Compatibility::Full).unwrap_err();
/// assert_eq!(broken.iter().count(), 1);
///
/// // The same schema has the same digest for ever.
/// let json = serde_json::to_string(&first)?;
/// assert_eq!(serde_json::from_str::<IoSchema>(&json)?.digest(), first.digest());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct IoSchema {
    inputs: Vec<IoField>,
    outputs: Vec<IoField>,
}

impl IoSchema {
    /// Makes a schema of these fields.
    ///
    /// # Errors
    /// [`SchemaError`] names the first field that breaks a rule, and the rule: mend the field.
    pub fn new(inputs: Vec<IoField>, outputs: Vec<IoField>) -> Result<Self, SchemaError> {
        validate_side(IoSide::Input, &inputs)?;
        validate_side(IoSide::Output, &outputs)?;
        if outputs.is_empty() {
            return Err(SchemaError::NoOutputs);
        }
        Ok(Self { inputs, outputs })
    }

    /// Returns what the model takes.
    #[must_use]
    pub fn inputs(&self) -> &[IoField] {
        &self.inputs
    }

    /// Returns what the model gives.
    #[must_use]
    pub fn outputs(&self) -> &[IoField] {
        &self.outputs
    }

    /// Returns the fields of one side.
    #[must_use]
    pub fn fields(&self, side: IoSide) -> &[IoField] {
        match side {
            IoSide::Input => &self.inputs,
            IoSide::Output => &self.outputs,
        }
    }

    /// Returns the SHA-256 of the canonical JSON. O(size of the schema).
    #[must_use]
    pub fn digest(&self) -> Digest {
        let bytes = to_canonical(self).expect("a valid schema holds only what canonical JSON can hold");
        Digest::of(&bytes)
    }
}

/// Says whether a field is taken or given by the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(clippy::exhaustive_enums, reason = "a model has two sides")]
pub enum IoSide {
    /// What the model takes.
    Input,
    /// What the model gives.
    Output,
}

impl fmt::Display for IoSide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Input => "input",
            Self::Output => "output",
        })
    }
}

/// The stored form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    format: u32,
    inputs: Vec<IoField>,
    outputs: Vec<IoField>,
}

impl TryFrom<Stored> for IoSchema {
    type Error = SchemaError;

    fn try_from(stored: Stored) -> Result<Self, SchemaError> {
        if stored.format != FORMAT {
            return Err(SchemaError::UnknownFormat { found: stored.format, known: FORMAT });
        }
        Self::new(stored.inputs, stored.outputs)
    }
}

impl From<IoSchema> for Stored {
    fn from(schema: IoSchema) -> Self {
        Self { format: FORMAT, inputs: schema.inputs, outputs: schema.outputs }
    }
}

fn validate_side(side: IoSide, fields: &[IoField]) -> Result<(), SchemaError> {
    if fields.len() > MAX_FIELDS {
        return Err(SchemaError::TooManyFields { side, count: fields.len(), limit: MAX_FIELDS });
    }
    let mut names = HashSet::with_capacity(fields.len());
    for field in fields {
        let shown = || excerpt(field.name());
        field.validate().map_err(|rule| SchemaError::Field { side, field: shown(), rule })?;
        if !names.insert(field.name()) {
            return Err(SchemaError::Duplicate { side, field: shown() });
        }
    }
    Ok(())
}

const FORMAT: u32 = 1;
const MAX_FIELDS: usize = 65_536;
