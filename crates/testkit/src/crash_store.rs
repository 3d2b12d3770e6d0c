use std::fmt;
use std::future::{Future, poll_fn};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use futures::task::AtomicWaker;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result, UploadPart,
};

use crate::crash::CrashPoint;

/// Stops a store at one operation and for ever.
pub(crate) struct Stop {
    point: Option<CrashPoint>,
    reads_too: bool,
    operations: AtomicUsize,
    stopped: AtomicBool,
    waiting: AtomicWaker,
}

impl Stop {
    pub(crate) fn new(point: Option<CrashPoint>, reads_too: bool) -> Self {
        let (operations, stopped) = (AtomicUsize::new(0), AtomicBool::new(false));
        Self { point, reads_too, operations, stopped, waiting: AtomicWaker::new() }
    }

    /// Returns how many operations were counted.
    pub(crate) fn operations(&self) -> usize {
        self.operations.load(Ordering::Relaxed)
    }

    /// Waits until the process is gone; for ever if it lives on.
    pub(crate) async fn process_gone(&self) {
        poll_fn(|cx| {
            self.waiting.register(cx.waker());
            let gone = self.stopped.load(Ordering::Acquire) && self.point.is_some_and(|point| !point.lived_on);
            if gone { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    async fn read<T>(&self, read: impl Future<Output = Result<T>> + Send) -> Result<T> {
        if self.reads_too { self.write(read).await } else { self.uncounted(read).await }
    }

    async fn uncounted<T>(&self, operation: impl Future<Output = Result<T>> + Send) -> Result<T> {
        if self.stopped.load(Ordering::Acquire) {
            return self.end().await;
        }
        operation.await
    }

    async fn write<T>(&self, write: impl Future<Output = Result<T>> + Send) -> Result<T> {
        if self.stopped.load(Ordering::Acquire) {
            return self.end().await;
        }
        let number = self.operations.fetch_add(1, Ordering::Relaxed) + 1;
        let Some(point) = self.point.filter(|point| point.operation == number) else {
            return write.await;
        };
        if point.landed {
            drop(write.await);
        }
        self.stopped.store(true, Ordering::Release);
        self.waiting.wake();
        self.end().await
    }

    async fn end<T>(&self) -> Result<T> {
        if self.point.is_some_and(|point| !point.lived_on) {
            std::future::pending::<()>().await;
        }
        Err(Error::Generic { store: "CrashStore", source: "the store has stopped".into() })
    }
}

/// A store in front of a disk that stops at a crash point.
pub(crate) struct CrashStore {
    inner: Arc<dyn ObjectStore>,
    stop: Arc<Stop>,
}

impl CrashStore {
    pub(crate) fn new(inner: Arc<dyn ObjectStore>, stop: Arc<Stop>) -> Self {
        Self { inner, stop }
    }

    fn list_through(&self, found: BoxStream<'static, Result<ObjectMeta>>) -> BoxStream<'static, Result<ObjectMeta>> {
        let stop = Arc::clone(&self.stop);
        let first = async move { stop.read(async { Ok(()) }).await.map(|()| found) };
        stream::once(first).try_flatten().boxed()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ObjectStore for CrashStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.stop.write(self.inner.put_opts(location, payload, opts)).await
    }

    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        let inner = self.stop.write(self.inner.put_multipart_opts(location, opts)).await?;
        Ok(Box::new(CrashUpload { inner, stop: Arc::clone(&self.stop) }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.stop.read(self.inner.get_opts(location, options)).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.stop.read(self.inner.get_ranges(location, ranges)).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let (inner, stop) = (Arc::clone(&self.inner), Arc::clone(&self.stop));
        let delete = move |location: Path| {
            let (inner, stop) = (Arc::clone(&inner), Arc::clone(&stop));
            async move { stop.write(inner.delete(&location)).await.map(|()| location) }
        };
        locations.and_then(delete).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.list_through(self.inner.list(prefix))
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.list_through(self.inner.list_with_offset(prefix, offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.stop.read(self.inner.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.stop.write(self.inner.copy_opts(from, to, options)).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.stop.write(self.inner.rename_opts(from, to, options)).await
    }
}

struct CrashUpload {
    inner: Box<dyn MultipartUpload>,
    stop: Arc<Stop>,
}

#[async_trait]
impl MultipartUpload for CrashUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (stop, part) = (Arc::clone(&self.stop), self.inner.put_part(data));
        Box::pin(async move { stop.write(part).await })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.stop.write(self.inner.complete()).await
    }

    async fn abort(&mut self) -> Result<()> {
        self.stop.write(self.inner.abort()).await
    }
}

impl fmt::Debug for CrashStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CrashStore").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl fmt::Debug for CrashUpload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CrashUpload").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl fmt::Display for CrashStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CrashStore({})", self.inner)
    }
}
