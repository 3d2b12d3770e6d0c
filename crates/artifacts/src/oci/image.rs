use std::collections::BTreeMap;

use lineal_core::Digest;
use serde::{Deserialize, Serialize, de::IgnoredAny};

use super::OciFlaw;

/// An image manifest of the OCI image specification 1.1, as it is written: fields in the order of the specification.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ImageManifest {
    pub(super) schema_version: u64,
    pub(super) media_type: &'static str,
    pub(super) artifact_type: String,
    pub(super) config: Descriptor,
    pub(super) layers: Vec<Descriptor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) subject: Option<Descriptor>,
    pub(super) annotations: BTreeMap<String, String>,
}

/// The same as anyone may have written it. Go writes an empty list as null, and what is unknown is passed over.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReadManifest {
    schema_version: u64,
    media_type: Option<String>,
    pub(super) artifact_type: Option<String>,
    pub(super) config: Descriptor,
    pub(super) layers: Option<Vec<Descriptor>>,
    pub(super) subject: Option<Descriptor>,
    pub(super) annotations: Option<BTreeMap<String, String>>,
    manifests: Option<IgnoredAny>,
}

/// An image index as anyone may have written it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReadIndex {
    schema_version: u64,
    media_type: Option<String>,
    pub(super) manifests: Option<Vec<Descriptor>>,
    config: Option<IgnoredAny>,
    layers: Option<IgnoredAny>,
}

/// The file `oci-layout`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LayoutFile {
    pub(super) image_layout_version: String,
}

/// Names a blob. The digest is checked when the blob is asked for: an entry nobody asks for may use another algorithm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    pub(super) media_type: String,
    pub(super) digest: String,
    pub(super) size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) artifact_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) annotations: Option<BTreeMap<String, String>>,
}

impl Descriptor {
    pub(super) fn new(media_type: impl Into<String>, digest: &Digest, size: u64) -> Self {
        let digest = format!("sha256:{digest}");
        Self { media_type: media_type.into(), digest, size, artifact_type: None, annotations: None }
    }

    /// Names the two bytes that stand for nothing.
    pub(super) fn empty() -> Self {
        Self::new(EMPTY_MEDIA_TYPE, &Digest::of(EMPTY), EMPTY.len() as u64)
    }

    pub(super) fn with_annotation(mut self, key: &str, value: impl Into<String>) -> Self {
        self.annotations.get_or_insert_default().insert(key.to_owned(), value.into());
        self
    }

    pub(super) fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(key).map(String::as_str)
    }

    pub(super) fn digest(&self) -> Result<Digest, OciFlaw> {
        parse_digest(&self.digest)
    }

    /// Tells whether it names the two bytes that stand for nothing, whatever type they are given.
    pub(super) fn is_empty_object(&self) -> bool {
        self.digest().is_ok_and(|digest| digest == Digest::of(EMPTY))
    }

    pub(super) fn is_manifest(&self) -> bool {
        [MANIFEST_MEDIA_TYPE, DOCKER_MANIFEST_MEDIA_TYPE].contains(&self.media_type.as_str())
    }

    pub(super) fn is_index(&self) -> bool {
        [INDEX_MEDIA_TYPE, DOCKER_LIST_MEDIA_TYPE].contains(&self.media_type.as_str())
    }
}

impl ReadManifest {
    pub(super) fn decode(bytes: &[u8], expected: &str) -> Result<Self, OciFlaw> {
        let manifest: Self = decode(bytes)?;
        check_header(manifest.schema_version, manifest.media_type.as_deref(), expected)?;
        // One document must not be a manifest to one reader and an index to another (CVE-2021-41190).
        if manifest.manifests.is_some() { Err(OciFlaw::TwoInOne) } else { Ok(manifest) }
    }
}

impl ReadIndex {
    pub(super) fn decode(bytes: &[u8], expected: &str) -> Result<Self, OciFlaw> {
        let index: Self = decode(bytes)?;
        check_header(index.schema_version, index.media_type.as_deref(), expected)?;
        if index.config.is_some() || index.layers.is_some() { Err(OciFlaw::TwoInOne) } else { Ok(index) }
    }
}

impl LayoutFile {
    pub(super) fn check(bytes: &[u8]) -> Result<(), OciFlaw> {
        let found: Self = decode(bytes)?;
        if found.image_layout_version == LAYOUT_VERSION {
            Ok(())
        } else {
            Err(OciFlaw::LayoutVersion(excerpt(&found.image_layout_version)))
        }
    }
}

/// Reads `sha256:` and 64 lower-case hex digits, and nothing else: paths are made of it.
pub(super) fn parse_digest(text: &str) -> Result<Digest, OciFlaw> {
    match text.split_once(':') {
        Some(("sha256", hex)) => hex.parse().map_err(|_| OciFlaw::BadDigest(excerpt(text))),
        Some((algorithm, _)) if is_algorithm(algorithm) => Err(OciFlaw::Algorithm(excerpt(algorithm))),
        _ => Err(OciFlaw::BadDigest(excerpt(text))),
    }
}

fn is_algorithm(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+._-".contains(&byte))
}

fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, OciFlaw> {
    serde_json::from_slice(bytes).map_err(OciFlaw::Json)
}

fn check_header(version: u64, stated: Option<&str>, expected: &str) -> Result<(), OciFlaw> {
    if version != SCHEMA_VERSION {
        return Err(OciFlaw::SchemaVersion(version));
    }
    match stated {
        Some(stated) if stated != expected => Err(OciFlaw::MediaType(excerpt(stated))),
        _ => Ok(()),
    }
}

/// Cuts what came from outside to a length fit for a message.
pub(super) fn excerpt(text: &str) -> String {
    text.chars().take(80).collect()
}

pub(super) const SCHEMA_VERSION: u64 = 2;
pub(super) const LAYOUT_VERSION: &str = "1.0.0";
pub(super) const MANIFEST_MEDIA_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const INDEX_MEDIA_TYPE: &str = "application/vnd.oci.image.index.v1+json";
const DOCKER_MANIFEST_MEDIA_TYPE: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST_MEDIA_TYPE: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub(super) const EMPTY_MEDIA_TYPE: &str = "application/vnd.oci.empty.v1+json";
/// The bytes of the empty descriptor.
pub(super) const EMPTY: &[u8] = b"{}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_checked_sha256_becomes_a_path() {
        let hex = Digest::of(b"").to_string();
        assert_eq!(parse_digest(&format!("sha256:{hex}")).unwrap(), Digest::of(b""));
        let sha512 = format!("sha512:{hex}{hex}");
        assert!(matches!(parse_digest(&sha512), Err(OciFlaw::Algorithm(name)) if name == "sha512"));
        for bad in ["", "sha256:", "sha256:../../etc/passwd", &hex, &format!("sha256:{}", hex.to_uppercase()), "../a:b"]
        {
            assert!(matches!(parse_digest(bad), Err(OciFlaw::BadDigest(_))), "{bad}");
        }
    }

    /// The digest that the image specification states for the empty descriptor.
    #[test]
    fn the_empty_descriptor_is_that_of_the_specification() {
        let expected = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        assert_eq!((Descriptor::empty().digest.as_str(), Descriptor::empty().size), (expected, 2));
    }
}
