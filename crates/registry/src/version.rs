//! What a version is: immutable, and named by its digest.

use lineal_core::{CodeRef, DataRef, Digest, EnvRef, IoSchema, ModelRef, Name, Receipt, RunRef, to_canonical};
use serde::{Deserialize, Serialize};

use crate::{Error, Manifest};

/// Where a version comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Lineage {
    /// The code that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<CodeRef>,
    /// The dataset versions it was made from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<DataRef>,
    /// The blob with the [`EnvRef`] it was made in, as canonical JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Digest>,
    /// The model versions it was made from, as in fine-tuning or distillation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<ModelRef>,
    /// The run that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunRef>,
}

/// All that a version is, without its number; never changes.
///
/// Its digest is what approvals and decisions speak of: one different byte in the files, the schema or the lineage is
/// another version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct VersionRecord {
    /// The blob with the model card, a JSON object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<Digest>,
    /// Where it comes from.
    pub lineage: Lineage,
    /// The blob with its [`Manifest`].
    pub manifest: Digest,
    /// The model it is a version of.
    pub model: Name,
    /// The registry it belongs to.
    pub registry: Name,
    /// The blob with its [`IoSchema`], as canonical JSON.
    pub schema: Digest,
}

impl VersionRecord {
    /// Returns the digest of the record in canonical JSON: the version's own.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.to_bytes())
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        // Row counts of 2^53 are refused when the version is registered.
        to_canonical(self).unwrap_or_default()
    }
}

/// A version that is to be registered.
///
/// ```
/// use lineal_core::{Digest, IoField, IoSchema, IoType, Name};
/// use lineal_registry::{Manifest, ModelFile, NewVersion};
///
/// let files = vec![ModelFile::new("weights.json", Digest::of(b"[0.5]"), 5, "application/json")];
/// let schema = IoSchema::new(vec![], vec![IoField::new("late15", IoType::Float64)])?;
/// let version = NewVersion::new(Name::new("late15")?, Manifest::new(files)?, schema)
///     .with_card(serde_json::json!({"purpose": "tell late flights", "limits": "New York, 2013"}))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct NewVersion {
    pub(crate) model: Name,
    pub(crate) manifest: Manifest,
    pub(crate) schema: IoSchema,
    pub(crate) lineage: Lineage,
    pub(crate) environment: Option<EnvRef>,
    pub(crate) card: Option<Vec<u8>>,
    pub(crate) receipts: Vec<Receipt>,
}

impl NewVersion {
    /// Describes a version by its files and its schema.
    #[must_use]
    pub fn new(model: Name, manifest: Manifest, schema: IoSchema) -> Self {
        Self {
            model,
            manifest,
            schema,
            lineage: Lineage::default(),
            environment: None,
            card: None,
            receipts: Vec::new(),
        }
    }

    /// Names the run that made it.
    #[must_use]
    pub fn from_run(mut self, run: RunRef) -> Self {
        self.lineage.run = Some(run);
        self
    }

    /// Adds a dataset version it was made from.
    #[must_use]
    pub fn with_data(mut self, data: DataRef) -> Self {
        self.lineage.data.push(data);
        self
    }

    /// Names the code that made it.
    #[must_use]
    pub fn with_code(mut self, code: CodeRef) -> Self {
        self.lineage.code = Some(code);
        self
    }

    /// Describes the environment it was made in.
    #[must_use]
    pub fn with_environment(mut self, environment: EnvRef) -> Self {
        self.environment = Some(environment);
        self
    }

    /// Adds a model version it was made from.
    #[must_use]
    pub fn with_parent(mut self, parent: ModelRef) -> Self {
        self.lineage.parents.push(parent);
        self
    }

    /// Adds the model card: a JSON object whose fields policies may demand. Numbers in it are integers or
    /// [`Real`](lineal_core::Real)s.
    ///
    /// # Errors
    /// [`Error::BadCard`] if it is no object or has no canonical form.
    pub fn with_card(mut self, card: impl Serialize + Send) -> Result<Self, Error> {
        let bytes = to_canonical(&card).map_err(|source| Error::BadCard { source: Some(Box::new(source)) })?;
        if bytes.first() != Some(&b'{') {
            return Err(Error::BadCard { source: None });
        }
        self.card = Some(bytes);
        Ok(self)
    }

    /// Hands over what the blob store gave for the files of the manifest.
    ///
    /// Files that no receipt covers are read from the store and put again, which costs their size once.
    #[must_use]
    pub fn with_receipt(mut self, receipt: Receipt) -> Self {
        self.receipts.push(receipt);
        self
    }
}
