use futures::TryStreamExt;
use lineal_core::{BlobStore, Digest, ErrorKind, FilePath, Progress, ProgressEvent};

use crate::{Error, Manifest};

/// What a verification read and found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verification {
    /// Files read.
    pub files: u64,
    /// Bytes hashed.
    pub size_bytes: u64,
    /// Files that do not hold, in the order of their names.
    pub damage: Vec<Damage>,
}

impl Verification {
    /// Tells whether every file holds.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.damage.is_empty()
    }
}

/// A file that is not what its manifest says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Damage {
    /// The file.
    pub name: FilePath,
    /// The digest that its manifest states.
    pub digest: Digest,
    /// What is wrong, in words.
    pub found: String,
}

pub(crate) async fn verify(
    blobs: &dyn BlobStore,
    manifest: &Manifest,
    progress: &dyn Progress,
) -> Result<Verification, Error> {
    let task = "verify artifact";
    progress.report(ProgressEvent::Started { task, total: Some(manifest.size_bytes()), unit: "bytes" });
    let mut seen = Verification { files: 0, size_bytes: 0, damage: Vec::new() };
    for (name, file) in manifest.files() {
        seen.files += 1;
        let found = match hash(blobs, &file.digest, progress, task).await {
            Ok(size) => {
                seen.size_bytes += size;
                (size != file.size_bytes).then(|| format!("it has {size} bytes instead of {}", file.size_bytes))
            }
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Corrupt) => Some(error.to_string()),
            Err(error) => return Err(error.into()),
        };
        seen.damage.extend(found.map(|found| Damage { name: name.clone(), digest: file.digest, found }));
    }
    progress.report(ProgressEvent::Finished { task });
    Ok(seen)
}

/// Reads a blob to its end, which the store does not reach unless the hash is right; returns the size.
async fn hash(
    blobs: &dyn BlobStore,
    digest: &Digest,
    progress: &dyn Progress,
    task: &str,
) -> Result<u64, lineal_core::Error> {
    let mut pieces = blobs.stream(digest).await?;
    let mut size = 0;
    while let Some(piece) = pieces.try_next().await? {
        size += piece.len() as u64;
        progress.report(ProgressEvent::Advanced { task, by: piece.len() as u64 });
    }
    Ok(size)
}
