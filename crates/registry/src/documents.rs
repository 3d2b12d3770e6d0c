//! The documents of one command, made durable together.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt};
use lineal_core::{Batch, BlobStore, Digest, Name, PutHints, Receipt, to_canonical};

use crate::{Error, Manifest, NewVersion, VersionRecord};

/// The documents of one command.
pub(crate) struct Documents {
    batch: Box<dyn Batch>,
    blobs: Arc<dyn BlobStore>,
}

impl Documents {
    pub(crate) async fn begin(blobs: &Arc<dyn BlobStore>) -> Result<Self, Error> {
        Ok(Self { batch: blobs.begin().await?, blobs: Arc::clone(blobs) })
    }

    /// Puts one document.
    pub(crate) async fn put(&mut self, bytes: Vec<u8>, media_type: &str) -> Result<Digest, Error> {
        Ok(self.batch.put(bytes.into(), PutHints::default().with_media_type(media_type)).await?)
    }

    /// Puts again the files that no receipt covers, so that a collection cannot take them from under the version.
    pub(crate) async fn keep_files(&mut self, new: &NewVersion) -> Result<(), Error> {
        let id = self.blobs.id();
        let covers =
            |receipt: &&Receipt, digest| receipt.store() == id && receipt.digests().binary_search(digest).is_ok();
        for file in new.manifest.files() {
            if new.receipts.iter().any(|receipt| covers(&receipt, &file.digest)) {
                continue;
            }
            let unreadable = |source| Error::Unreadable {
                what: format!("file {}", file.name),
                digest: file.digest,
                source: Box::new(source),
            };
            let bytes = self.blobs.stream(&file.digest).await.map_err(unreadable)?;
            let hints = PutHints::default().with_size(file.size).with_media_type(file.media_type.as_str());
            self.batch.put_stream(bytes.map_err(std::io::Error::other).boxed(), hints).await.map_err(unreadable)?;
        }
        Ok(())
    }

    /// Puts the documents of a version and returns the record that names them.
    pub(crate) async fn put_version(&mut self, registry: &Name, new: &NewVersion) -> Result<VersionRecord, Error> {
        let bad = |source| Error::BadLineage { source: Box::new(source) };
        let mut lineage = new.lineage.clone();
        if let Some(environment) = &new.environment {
            let bytes = to_canonical(environment).map_err(bad)?;
            lineage.environment = Some(self.put(bytes, JSON).await?);
        }
        let schema = to_canonical(&new.schema).map_err(bad)?;
        let card = match &new.card {
            Some(card) => Some(self.put(card.clone(), JSON).await?),
            None => None,
        };
        let record = VersionRecord {
            card,
            lineage,
            manifest: self.put(new.manifest.to_bytes(), Manifest::MEDIA_TYPE).await?,
            model: new.model.clone(),
            registry: registry.clone(),
            schema: self.put(schema, JSON).await?,
        };
        to_canonical(&record).map_err(bad).map(|_| record)
    }

    pub(crate) async fn commit(self) -> Result<Receipt, Error> {
        Ok(self.batch.commit().await?)
    }
}

pub(crate) const ENVELOPE: &str = "application/vnd.dsse.envelope.v1+json";
pub(crate) const JSON: &str = "application/json";
pub(crate) const OPAQUE: &str = "application/octet-stream";
