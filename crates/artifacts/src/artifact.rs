use std::{ops::Range, path::Path, sync::Arc};

use bytes::Bytes;
use lineal_core::{BlobStore, ByteStream, Digest, Progress};

use crate::{Error, Exported, FileEntry, Manifest, export};

/// An artifact opened for reading.
///
/// ```
/// # use std::sync::Arc;
/// # use lineal_artifacts::{Artifacts, Content, Draft};
/// # use lineal_core::{LooseBlobs, NoProgress, Store};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let artifacts = Artifacts::new(Arc::new(LooseBlobs::open(&Store::open("memory:///")?, "blobs").await?));
/// # let draft = Draft::new("application/vnd.example.model").with_file("weights.bin", Content::bytes(vec![1, 2, 3]));
/// let stored = artifacts.put(draft, &NoProgress).await?;
/// let model = artifacts.get(&stored.digest).await?;
/// assert_eq!(&model.read_range("weights.bin", 1..3).await?[..], [2, 3]);
///
/// let directory = tempfile::tempdir()?;
/// let exported = model.export_to(directory.path(), &NoProgress).await?;
/// assert_eq!((exported.written, exported.kept), (1, 0));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Artifact {
    blobs: Arc<dyn BlobStore>,
    digest: Digest,
    manifest: Manifest,
}

impl Artifact {
    pub(crate) fn new(blobs: Arc<dyn BlobStore>, digest: Digest, manifest: Manifest) -> Self {
        Self { blobs, digest, manifest }
    }

    /// Returns the digest that names the artifact.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns what it consists of.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Returns the entry of one file.
    ///
    /// # Errors
    /// [`Error::NoSuchFile`].
    pub fn file(&self, name: &str) -> Result<&FileEntry, Error> {
        let found = self.manifest.files().iter().find(|(path, _)| path.as_str() == name);
        found
            .map(|(_, file)| file)
            .ok_or_else(|| Error::NoSuchFile { artifact: self.digest, name: name.chars().take(60).collect() })
    }

    /// Reads a whole file, verified.
    ///
    /// # Errors
    /// [`Error::NoSuchFile`]; [`Error::Store`] if its bytes are missing or damaged.
    pub async fn read(&self, name: &str) -> Result<Bytes, Error> {
        Ok(self.blobs.read(&self.file(name)?.digest, None).await?)
    }

    /// Reads the bytes `range` of a file, verified.
    ///
    /// # Errors
    /// As [`Artifact::read`], and [`Error::Store`] if the range does not lie within the file.
    pub async fn read_range(&self, name: &str, range: Range<u64>) -> Result<Bytes, Error> {
        Ok(self.blobs.read(&self.file(name)?.digest, Some(range)).await?)
    }

    /// Streams a file in bounded memory; a damaged one ends in an error before its last piece.
    ///
    /// # Errors
    /// As [`Artifact::read`], also as items of the stream.
    pub async fn stream(&self, name: &str) -> Result<ByteStream, Error> {
        Ok(self.blobs.stream(&self.file(name)?.digest).await?)
    }

    /// Writes all files below `directory`, which is made if missing.
    ///
    /// Each file appears under its name whole and verified, or not at all: it is written under a temporary name
    /// (`.lineal-….part`, left behind only by a crash) and renamed. Files that lie there already with the right bytes are
    /// kept, so an export that was cut short resumes. Nothing is overwritten, nothing is written through symbolic links,
    /// and nothing outside `directory` is touched, provided that nobody else rearranges it meanwhile.
    ///
    /// # Errors
    /// [`Error::Occupied`] if something else lies where a file belongs; [`Error::Local`] if the disk refuses;
    /// [`Error::Store`] if bytes are missing or damaged. Files written before stay.
    pub async fn export_to(&self, directory: &Path, progress: &dyn Progress) -> Result<Exported, Error> {
        export::export(self.blobs.as_ref(), &self.manifest, directory, progress).await
    }
}
