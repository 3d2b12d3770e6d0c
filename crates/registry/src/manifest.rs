//! The files of a version: names, and the digests of their bytes.

use std::collections::{BTreeMap, BTreeSet};

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
/// files; names are unique relative paths of at most 1024 bytes that every system can write out.
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
    pub const MEDIA_TYPE: &str = "application/vnd.lineal.model-files.v1+json";

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
    if let Some(name) = colliding(files) {
        return Some((
            name,
            "names, and directories on the way to them, differ by more than case, and no file is a directory",
        ));
    }
    files.iter().find_map(|file| Some((file.name.as_str(), broken_file_rule(file)?)))
}

/// Finds a name that some file system could not keep apart from another one, or from a directory of another.
fn colliding(files: &[ModelFile]) -> Option<&str> {
    let mut files_seen = BTreeSet::new();
    let mut directories: BTreeMap<String, &str> = BTreeMap::new();
    for ModelFile { name, .. } in files {
        for (at, _) in name.match_indices('/') {
            let directory = name.get(..at).unwrap_or_default();
            if *directories.entry(directory.to_lowercase()).or_insert(directory) != directory {
                return Some(name);
            }
        }
        if !files_seen.insert(name.to_lowercase()) {
            return Some(name);
        }
    }
    files.iter().map(|file| file.name.as_str()).find(|name| directories.contains_key(&name.to_lowercase()))
}

fn broken_file_rule(file: &ModelFile) -> Option<&'static str> {
    let name = &file.name;
    let is_media = |text: &str| (1..=200).contains(&text.len()) && text.bytes().all(|b| (b' '..=b'~').contains(&b));
    if !(1..=1024).contains(&name.len()) {
        Some("a name has 1 to 1024 bytes")
    } else if name.chars().any(|c| c.is_control() || "\\:*?\"<>|".contains(c) || is_direction(c)) {
        Some("a name has no control or direction-changing characters and none of \\ : * ? \" < > |")
    } else if let Some(rule) = name.split('/').find_map(broken_part_rule) {
        Some(rule)
    } else if file.size >= 1 << 53 {
        Some("a size is below 2^53")
    } else if !is_media(&file.media_type) {
        Some("a media type has 1 to 200 printable ASCII characters")
    } else {
        None
    }
}

fn broken_part_rule(part: &str) -> Option<&'static str> {
    if !(1..=255).contains(&part.len()) {
        Some("each part of a path has 1 to 255 bytes")
    } else if part.ends_with(['.', ' ']) {
        Some("no part of a path is `.` or `..` or ends in a dot or blank")
    } else if is_device(part) {
        Some("no part of a path is a device of Windows")
    } else {
        None
    }
}

/// Windows opens the device whatever follows the first dot.
fn is_device(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or(part).trim_end().to_ascii_lowercase();
    match stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt")) {
        Some(number) => number.len() == 1 && number.bytes().all(|byte| byte.is_ascii_digit()),
        None => matches!(stem.as_str(), "con" | "prn" | "aux" | "nul"),
    }
}

const fn is_direction(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

const FORMAT: u32 = 1;
const MAX_FILES: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(names: &[&str]) -> Result<Manifest, Error> {
        Manifest::new(names.iter().map(|name| ModelFile::new(*name, Digest::of(b""), 0, "text/plain")).collect())
    }

    #[test]
    fn names_are_safe_on_every_system() {
        assert!(
            manifest(&["weights/layer-0.safetensors", "weights/layer-1.safetensors", "card.md", "..hidden"]).is_ok()
        );
        for refused in [
            "",
            "/etc",
            "a//b",
            "a/",
            ".",
            "..",
            "../a",
            "a/../b",
            "a\\b",
            "c:a",
            "a\n",
            "a.",
            "a ",
            "CON",
            "x/nul.txt",
            "com1",
            "\u{202e}txt.exe",
            "a|b",
        ] {
            assert!(manifest(&[refused]).is_err(), "{refused:?}");
        }
        assert!(manifest(&[&"x".repeat(256)]).is_err());
        assert!(manifest(&[]).is_err());
    }

    #[test]
    fn names_do_not_collide() {
        for names in [["a", "a"], ["a", "A"], ["a/x", "A/y"], ["a", "a/b"], ["A", "a/b"], ["a/b", "a/b/c"]] {
            assert!(manifest(&names).is_err(), "{names:?}");
        }
        assert!(manifest(&["a/b", "a/c"]).is_ok());
    }

    #[test]
    fn the_stored_form_is_pinned() {
        let manifest = manifest(&["b", "a"]).unwrap();
        let digest = Digest::of(b"");
        let file = |name| format!(r#"{{"digest":"{digest}","media_type":"text/plain","name":"{name}","size":0}}"#);
        let expected = format!(r#"{{"files":[{},{}],"format":1}}"#, file("a"), file("b"));
        assert_eq!(String::from_utf8(manifest.to_bytes()).unwrap(), expected);
        let swapped = format!(r#"{{"files":[{},{}],"format":1}}"#, file("b"), file("a"));
        assert!(Manifest::from_bytes(swapped.as_bytes()).is_err());
    }
}
