use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use object_store::path::Path;
use object_store::{Error, MultipartUpload, PutPayload, PutResult, Result, UploadPart};

use crate::kinds::Op;
use crate::store::Shared;

/// A multipart upload whose parts and completion meet the faults that need no copy: fail before or after, wait, lose the answer.
///
/// An upload one of whose parts was answered by an error never completes.
pub(crate) struct FaultUpload {
    shared: Arc<Shared>,
    location: Path,
    inner: Box<dyn MultipartUpload>,
    part_lost: Arc<AtomicBool>,
}

impl FaultUpload {
    pub(crate) fn new(shared: Arc<Shared>, location: Path, inner: Box<dyn MultipartUpload>) -> Self {
        Self { shared, location, inner, part_lost: Arc::default() }
    }
}

#[async_trait]
impl MultipartUpload for FaultUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (shared, location) = (Arc::clone(&self.shared), self.location.clone());
        let (part_lost, part) = (Arc::clone(&self.part_lost), self.inner.put_part(data));
        Box::pin(async move {
            let sent = shared.read(Op::Multipart, &location, part).await;
            part_lost.fetch_or(sent.is_err(), Ordering::Relaxed);
            sent
        })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        if self.part_lost.load(Ordering::Relaxed) {
            return Err(Error::Generic { store: "FaultStore", source: "a part of the upload failed".into() });
        }
        self.shared.read(Op::Multipart, &self.location, self.inner.complete()).await
    }

    async fn abort(&mut self) -> Result<()> {
        self.shared.read(Op::Multipart, &self.location, self.inner.abort()).await
    }
}

impl fmt::Debug for FaultUpload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultUpload").field("location", &self.location).finish_non_exhaustive()
    }
}
