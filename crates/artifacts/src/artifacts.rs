use std::sync::Arc;

use lineal_core::{BlobStore, Digest, FilePath, PathSet, Progress, ProgressEvent, PutHints, Receipt};

use crate::{
    Artifact, Content, Draft, Error, MANIFEST_MEDIA_TYPE, Manifest, Verification,
    error::ManifestFlaw,
    manifest::{check_annotation, check_media_type},
    put, verify,
};

/// Keeps artifacts in a blob store.
///
/// Cheap to clone. It holds no state of its own: whoever names an artifact (a registry, a run) records the digest in a
/// journal, with the [`Receipt`] of the put.
#[derive(Debug, Clone)]
pub struct Artifacts {
    blobs: Arc<dyn BlobStore>,
}

/// An artifact that was put.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Stored {
    /// Names the artifact: SHA-256 of its manifest.
    pub digest: Digest,
    /// What it consists of.
    pub manifest: Manifest,
    /// Covers manifest and files: hand it to the transaction that names the artifact.
    pub receipt: Receipt,
}

impl Artifacts {
    /// Keeps artifacts in `blobs`.
    #[must_use]
    pub fn new(blobs: Arc<dyn BlobStore>) -> Self {
        Self { blobs }
    }

    /// Returns the blob store.
    #[must_use]
    pub fn blobs(&self) -> &Arc<dyn BlobStore> {
        &self.blobs
    }

    /// Stores all files of `draft` and then its manifest; everything is durable when it returns.
    ///
    /// Names, types and annotations are checked before the first byte is stored. Files are put in the order of their
    /// names, one after the other; small local ones are read ahead in groups of a few megabytes.
    ///
    /// # Errors
    /// [`Error::Path`], [`Error::Clash`], [`Error::Invalid`] for the draft; [`Error::Local`] for a file that cannot be
    /// read; [`Error::NotAManifest`] or [`Error::Store`] if the subject is not an artifact of this store; otherwise
    /// [`Error::Store`]. Nothing is promised then, and putting again is safe.
    pub async fn put(&self, draft: Draft, progress: &dyn Progress) -> Result<Stored, Error> {
        let names = check(&draft)?;
        if let Some(subject) = &draft.subject {
            self.manifest(subject).await?;
        }
        let batch = self.blobs.begin().await?;
        let task = format!("put {}", draft.artifact_type);
        progress.report(ProgressEvent::Started { task: &task, total: None, unit: "bytes" });
        let files = names.into_iter().zip(draft.files).map(|(path, (_, content))| (path, content)).collect();
        let stored = put::put_files(batch.as_ref(), files, progress, &task).await;
        progress.report(ProgressEvent::Finished { task: &task });
        let manifest = Manifest::new(draft.artifact_type, stored?, draft.annotations, draft.subject)?;
        let hints = PutHints::default().with_media_type(MANIFEST_MEDIA_TYPE);
        let digest = batch.put(manifest.to_bytes()?.into(), hints).await?;
        Ok(Stored { digest, manifest, receipt: batch.commit().await? })
    }

    /// Opens the artifact `digest`: one read, of its manifest.
    ///
    /// # Errors
    /// [`Error::NotAManifest`] if the blob is something else; [`Error::Store`] if it is missing or damaged.
    pub async fn get(&self, digest: &Digest) -> Result<Artifact, Error> {
        Ok(Artifact::new(Arc::clone(&self.blobs), *digest, self.manifest(digest).await?))
    }

    /// Reads and hashes every byte of the artifact `digest`, and names each file that is missing or damaged.
    ///
    /// # Errors
    /// Those of [`Artifacts::get`], or [`Error::Store`] if the store cannot be read; damage to files is in the answer.
    pub async fn verify(&self, digest: &Digest, progress: &dyn Progress) -> Result<Verification, Error> {
        let manifest = self.manifest(digest).await?;
        if let Some(subject) = manifest.subject() {
            self.manifest(&subject).await?;
        }
        verify::verify(self.blobs.as_ref(), &manifest, progress).await
    }

    async fn manifest(&self, digest: &Digest) -> Result<Manifest, Error> {
        let stat = self.blobs.stat(std::slice::from_ref(digest)).await?;
        if let Some(info) = stat.first().copied().flatten().filter(|info| info.size_bytes > Manifest::MAX_BYTES) {
            let source = Box::new(ManifestFlaw::Size(info.size_bytes));
            return Err(Error::NotAManifest { digest: *digest, source });
        }
        let bytes = self.blobs.read(digest, None).await?;
        Manifest::from_bytes(*digest, &bytes)
    }
}

/// Checks all that can be known before anything is stored; returns the files' names, as given.
fn check(draft: &Draft) -> Result<Vec<FilePath>, Error> {
    check_media_type("artifact type", &draft.artifact_type)?;
    draft.annotations.iter().try_for_each(|(key, value)| check_annotation(key, value))?;
    let mut paths = PathSet::default();
    let check = |(name, content): &(String, Content)| {
        check_media_type("media type", &content.media_type)?;
        let path = FilePath::new(name.as_str()).map_err(|source| Error::Path { source })?;
        paths.insert(&path).map_err(|source| Error::Clash { source })?;
        Ok(path)
    };
    draft.files.iter().map(check).collect()
}
