//! Artifacts as OCI image layouts, specified in `docs/format/oci.md`: what registries and their tools read and write.

mod export; // artifacts into a layout
mod flaw; // what keeps a layout from being used
mod image; // the documents of a layout
mod import; // artifacts out of a layout, which may be hostile
mod layout; // the directory: checked reads, published writes, one merged index

pub use self::{export::OciExported, flaw::OciFlaw};

/// Annotation of an image manifest: the digest of the artifact's own manifest, so that an import can check what it made.
const ARTIFACT_KEY: &str = "dev.lineal.manifest";
/// Annotation of a layer: the file's name.
const TITLE_KEY: &str = "org.opencontainers.image.title";
/// Annotation of a descriptor in `index.json`: the tag.
const TAG_KEY: &str = "org.opencontainers.image.ref.name";
/// Manifests from an artifact down to its last subject, itself included.
const MAX_CHAIN: usize = 16;
