//! The files of a version: names, and the digests of their bytes.

use std::collections::BTreeSet;

use lineal_core::{CanonicalError, Digest, from_canonical, to_canonical};
use serde::{Deserialize, Serialize};

use crate::Error;

/// One file of a version.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFile {
    /// The digest of its bytes.
    pub digest: Digest,
    /// Its media type, such as `application/json`.
    pub media_type: String,
    /// Its name: a relative path with `/`, such as `weights/layer-0.safetensors`.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
}

impl ModelFile {
    /// Describes a file that is a stored blob.
    #[must_use]
    pub fn new(name: impl Into<String>, digest: Digest, size: u64, media_type: impl Into<String>) -> Self {
        Self { digest, media_type: media_type.into(), name: name.into(), size }
    }
}

/// The files of a version, in the order of their names; immutable, and named by the digest of its bytes.
///
/// Stored as canonical JSON: `{"files":[{"digest","media_type","name","size"}],"format":1}`. Always valid: 1 to 100,000
/// files; names are unique relative paths of at most 500 bytes that are safe on every system.
///
/// ```
/// use lineal_core::Digest;
/// use lineal_registry::{Manifest, ModelFile};
///
/// let weights = ModelFile::new("weights.json", Digest::of(b"[0.5]"), 5, "application/json");
/// let manifest = Manifest::new(vec![weights])?;
/// assert_eq!(Manifest::from_bytes(&manifest.to_bytes())?, manifest);
/// assert_eq!(manifest.digest(), Digest::of(&manifest.to_bytes()));
/// assert!(Manifest::new(vec![ModelFile::new("../etc", Digest::of(b""), 0, "text/plain")]).is_err());
/// # Ok::<(), lineal_registry::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    files: Vec<ModelFile>,
}

impl Manifest {
    /// Media type of the stored form.
    pub const MEDIA_TYPE: &str = "application/vnd.lineal.manifest+json";

    /// Lists files, sorted by name.
    ///
    /// # Errors
    /// [`Error::BadManifest`] names the first file that breaks a rule, and the rule.
    pub fn new(mut files: Vec<ModelFile>) -> Result<Self, Error> {
        files.sort_by(|a, b| a.name.cmp(&b.name));
        if let Some((name, rule)) = broken_rule(&files) {
            return Err(Error::BadManifest {
                name: name.chars().take(60).flat_map(char::escape_debug).collect(),
                rule,
            });
        }
        Ok(Self { files })
    }

    /// Returns the files in the order of their names.
    #[must_use]
    pub fn files(&self) -> &[ModelFile] {
        &self.files
    }

    /// Returns the file of this name.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<&ModelFile> {
        let at = self.files.binary_search_by(|file| file.name.as_str().cmp(name)).ok()?;
        self.files.get(at)
    }

    /// Returns the sizes of all files together.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.files.iter().fold(0, |sum, file| sum.saturating_add(file.size))
    }

    /// Writes the manifest in canonical JSON.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        to_canonical(&StoredRef { files: &self.files, format: FORMAT })
            .expect("a valid manifest holds only what canonical JSON can hold")
    }

    /// Returns the digest of [`Manifest::to_bytes`].
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.to_bytes())
    }

    /// Reads a manifest, and refuses bytes that [`Manifest::to_bytes`] would not give back.
    ///
    /// # Errors
    /// [`Error::Malformed`] if they are none.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let malformed = |source: Box<dyn std::error::Error + Send + Sync>| Error::Malformed {
            what: "manifest".to_owned(),
            digest: Digest::of(bytes),
            source,
        };
        let stored: Stored = from_canonical(bytes).map_err(|error: CanonicalError| malformed(Box::new(error)))?;
        if stored.format != FORMAT {
            return Err(malformed(format!("format {} is not known, only {FORMAT}", stored.format).into()));
        }
        match broken_rule(&stored.files) {
            Some((_, rule)) => Err(malformed(rule.into())),
            None => Ok(Self { files: stored.files }),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    files: Vec<ModelFile>,
    format: u32,
}

#[derive(Serialize)]
struct StoredRef<'a> {
    files: &'a [ModelFile],
    format: u32,
}

/// Finds the first file that breaks a rule; the files must be in the order of their names.
fn broken_rule(files: &[ModelFile]) -> Option<(&str, &'static str)> {
    if files.is_empty() {
        return Some(("", "a manifest has at least one file"));
    }
    if files.len() > MAX_FILES {
        return Some(("", "a manifest has at most 100,000 files"));
    }
    let out_of_order = files.iter().zip(files.iter().skip(1)).find(|(a, b)| a.name >= b.name);
    if let Some((_, second)) = out_of_order {
        return Some((&second.name, "names are unique and in order"));
    }
    let folded: BTreeSet<String> = files.iter().map(|file| file.name.to_lowercase()).collect();
    if folded.len() != files.len() {
        return Some(("", "names differ by more than case, or they collide on some systems"));
    }
    files.iter().find_map(|file| Some((file.name.as_str(), broken_file_rule(file)?)))
}

fn broken_file_rule(file: &ModelFile) -> Option<&'static str> {
    let name = &file.name;
    let is_media = |text: &str| (1..=200).contains(&text.len()) && text.bytes().all(|b| (b' '..=b'~').contains(&b));
    if !(1..=500).contains(&name.len()) {
        Some("a name has 1 to 500 bytes")
    } else if name.chars().any(|c| c.is_control() || "\\:*?\"<>|".contains(c)) {
        Some("a name has no control characters and none of \\ : * ? \" < > |")
    } else if name
        .split('/')
        .any(|part| part.is_empty() || part.starts_with("..") || part == "." || part.ends_with(['.', ' ']))
    {
        Some("each part of a path is a plain name: not empty, not `.` or `..`, no blank or dot at its end")
    } else if file.size >= 1 << 53 {
        Some("a size is below 2^53")
    } else if !is_media(&file.media_type) {
        Some("a media type has 1 to 200 printable ASCII characters")
    } else {
        None
    }
}

const FORMAT: u32 = 1;
const MAX_FILES: usize = 100_000;
