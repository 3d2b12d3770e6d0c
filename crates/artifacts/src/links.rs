use lineal_core::{Digest, Error, Links};

use crate::{MANIFEST_MEDIA_TYPE, Manifest};

/// Tells collectors which blobs a manifest names: its files, and the manifest of its subject.
///
/// Files are leaves whatever their media type says: they are given as `application/octet-stream`, for which the embedder
/// registers [`NoLinks`](lineal_core::NoLinks).
#[derive(Debug, Clone, Copy, Default)]
pub struct ManifestLinks;

impl Links for ManifestLinks {
    fn media_type(&self) -> &str {
        MANIFEST_MEDIA_TYPE
    }

    fn children(&self, bytes: &[u8]) -> Result<Vec<(Digest, String)>, Error> {
        let digest = Digest::of(bytes);
        let manifest = Manifest::from_bytes(digest, bytes)
            .map_err(|error| Error::UnknownFormat { what: format!("manifest {digest}"), found: error.to_string() })?;
        let files = manifest.files().values().map(|file| (file.digest, "application/octet-stream".to_owned()));
        let subject = manifest.subject().map(|subject| (subject, MANIFEST_MEDIA_TYPE.to_owned()));
        Ok(files.chain(subject).collect())
    }
}
