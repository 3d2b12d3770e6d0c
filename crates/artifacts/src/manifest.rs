use std::collections::BTreeMap;

use lineal_core::{Digest, FilePath, PathSet, from_canonical, to_canonical};
use serde::{Deserialize, Serialize};

use crate::{Error, error::ManifestFlaw};

/// The media type of a manifest, by which collectors find [`ManifestLinks`](crate::ManifestLinks).
pub const MANIFEST_MEDIA_TYPE: &str = "application/vnd.lineal.manifest.v1+json";

/// What an artifact consists of; specified in `docs/format/manifest.md`.
///
/// Equal manifests have equal bytes, so the digest of the bytes names the artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
    artifact_type: String,
    files: BTreeMap<FilePath, FileEntry>,
    format: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<Digest>,
}

/// One file of an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct FileEntry {
    /// SHA-256 of its bytes, and the blob that holds them.
    pub digest: Digest,
    /// What its bytes are, e.g. `text/markdown`.
    pub media_type: String,
    /// Size in bytes.
    #[serde(rename = "size")]
    pub size_bytes: u64,
}

impl Manifest {
    /// Checks the parts and joins them.
    pub(crate) fn new(
        artifact_type: String,
        files: BTreeMap<FilePath, FileEntry>,
        annotations: BTreeMap<String, String>,
        subject: Option<Digest>,
    ) -> Result<Self, Error> {
        let manifest = Self { annotations, artifact_type, files, format: FORMAT.to_owned(), subject };
        manifest.check()?;
        Ok(manifest)
    }

    /// Reads the bytes of a manifest; `digest` stands for them in errors.
    ///
    /// Hostile bytes cost time and memory that grow with their length and with the depth of the paths in them; the length must not pass [64 MiB](Manifest::MAX_BYTES).
    ///
    /// # Errors
    /// [`Error::NotAManifest`] with what is wrong.
    pub fn from_bytes(digest: Digest, bytes: &[u8]) -> Result<Self, Error> {
        Self::decode(bytes).map_err(|flaw| Error::NotAManifest { digest, source: Box::new(flaw) })
    }

    fn decode(bytes: &[u8]) -> Result<Self, ManifestFlaw> {
        if bytes.len() as u64 > Self::MAX_BYTES {
            return Err(ManifestFlaw::Size(bytes.len() as u64));
        }
        let stated: Header = from_canonical(bytes).map_err(ManifestFlaw::Encoding)?;
        if stated.format != FORMAT {
            return Err(ManifestFlaw::Format(stated.format.chars().take(60).collect()));
        }
        let manifest: Self = from_canonical(bytes).map_err(ManifestFlaw::Encoding)?;
        manifest.check().map_err(|error| ManifestFlaw::Content(Box::new(error)))?;
        Ok(manifest)
    }

    /// Returns the canonical bytes, whose digest names the artifact.
    ///
    /// # Errors
    /// [`Error::Encode`] for sizes of 2^53 bytes and more; [`Error::Invalid`] above [64 MiB](Manifest::MAX_BYTES).
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let bytes = to_canonical(self).map_err(|source| Error::Encode { source: Box::new(source) })?;
        if bytes.len() as u64 > Self::MAX_BYTES {
            let size = format!("{} bytes", bytes.len());
            return Err(Error::invalid("manifest of", &size, "must have at most 64 MiB: split the artifact"));
        }
        Ok(bytes)
    }

    /// Returns what kind of artifact it is: a media type.
    #[must_use]
    pub fn artifact_type(&self) -> &str {
        &self.artifact_type
    }

    /// Returns the files by name.
    #[must_use]
    pub fn files(&self) -> &BTreeMap<FilePath, FileEntry> {
        &self.files
    }

    /// Returns the annotations.
    #[must_use]
    pub fn annotations(&self) -> &BTreeMap<String, String> {
        &self.annotations
    }

    /// Returns the artifact that this one is about, if any: a report names the model it reports on.
    #[must_use]
    pub fn subject(&self) -> Option<Digest> {
        self.subject
    }

    /// Returns the sum of the files' sizes; a blob that several names share counts each time.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.files.values().fold(0, |sum, file| sum.saturating_add(file.size_bytes))
    }

    fn check(&self) -> Result<(), Error> {
        check_media_type("artifact type", &self.artifact_type)?;
        self.files.values().try_for_each(|file| check_media_type("media type", &file.media_type))?;
        self.annotations.iter().try_for_each(|(key, value)| check_annotation(key, value))?;
        let mut paths = PathSet::default();
        self.files.keys().try_for_each(|path| paths.insert(path)).map_err(|source| Error::Clash { source })
    }

    /// Largest manifest that is written or read.
    pub const MAX_BYTES: u64 = 64 * 1024 * 1024;
}

/// What is read of a manifest before it is known to be of this format.
#[derive(Deserialize)]
struct Header {
    format: String,
}

/// Checks the shape `type/subtype`, each a restricted name of RFC 6838 section 4.2, without parameters.
pub(crate) fn check_media_type(what: &'static str, value: &str) -> Result<(), Error> {
    let is_name = |name: &str| {
        let mut bytes = name.bytes();
        name.len() <= 127
            && bytes.next().is_some_and(|first| first.is_ascii_alphanumeric())
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    match value.split_once('/') {
        Some((main, sub)) if is_name(main) && is_name(sub) => Ok(()),
        _ => Err(Error::invalid(what, value, "must be a media type such as application/octet-stream")),
    }
}

pub(crate) fn check_annotation(key: &str, value: &str) -> Result<(), Error> {
    if key.is_empty() || key.len() > 200 || key.chars().any(char::is_control) {
        return Err(Error::invalid("annotation", key, "a key must have 1 to 200 bytes and no control characters"));
    }
    if value.len() > 64 * 1024 {
        return Err(Error::invalid("annotation", key, "a value must have at most 64 KiB: store it as a file"));
    }
    Ok(())
}

const FORMAT: &str = "lineal-manifest 1";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample() -> Manifest {
        let file = |bytes: &[u8], media_type: &str| FileEntry {
            digest: Digest::of(bytes),
            media_type: media_type.to_owned(),
            size_bytes: bytes.len() as u64,
        };
        let files = BTreeMap::from([
            (FilePath::new("card.md").unwrap(), file(b"# Late flights", "text/markdown")),
            (FilePath::new("weights/layer-0.bin").unwrap(), file(&[0, 1, 2], "application/octet-stream")),
        ]);
        let annotations = BTreeMap::from([("framework".to_owned(), "own".to_owned())]);
        Manifest::new("application/vnd.example.model".into(), files, annotations, Some(Digest::of(b"subject"))).unwrap()
    }

    #[test]
    fn the_stored_form_is_pinned() {
        let bytes = sample().to_bytes().unwrap();
        insta::assert_snapshot!(String::from_utf8(bytes.clone()).unwrap());
        insta::assert_snapshot!(Digest::of(&bytes).to_string());
        assert_eq!(Manifest::from_bytes(Digest::of(&bytes), &bytes).unwrap(), sample());
    }

    #[test]
    fn other_formats_and_unknown_fields_are_refused() {
        let text = String::from_utf8(sample().to_bytes().unwrap()).unwrap();
        let refuse = |text: &str| Manifest::from_bytes(Digest::of(b""), text.as_bytes()).unwrap_err();
        let newer = refuse(&text.replace("lineal-manifest 1", "lineal-manifest 2"));
        assert_eq!(newer.kind(), lineal_core::ErrorKind::Unsupported);
        for hostile in [
            text.replace("card.md", "../card.md"),
            text.replace("card.md", "Weights"),
            text.replace("text/markdown", "text"),
            text.replace("\"size\":3", "\"size\":-3"),
            text.replace("\"subject\"", "\"surprise\""),
            text.replace("{\"annotations\"", "{ \"annotations\""),
            String::new(),
        ] {
            assert_eq!(refuse(&hostile).kind(), lineal_core::ErrorKind::Invalid, "{hostile}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_manifest_or_an_error(cut in 0_usize..400, at in 0_usize..400, byte: u8) {
            let mut bytes = sample().to_bytes().unwrap();
            bytes.truncate(bytes.len().saturating_sub(cut / 4));
            if let Some(found) = bytes.get_mut(at) {
                *found = byte;
            }
            if let Ok(manifest) = Manifest::from_bytes(Digest::of(&bytes), &bytes) {
                prop_assert_eq!(manifest.to_bytes().unwrap(), bytes);
            }
        }
    }
}
