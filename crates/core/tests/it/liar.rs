use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use object_store::{
    CopyOptions, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, path::Path,
};

/// What a server says of an object that is not so.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Lie {
    /// It has this many bytes, which would come if asked for.
    Claims(u64),
    /// It has the size it has, but the body never ends.
    Endless,
}

/// A store that lies about the objects whose keys contain some text, and counts what is taken from it.
#[derive(Debug)]
pub(crate) struct Liar {
    inner: Arc<dyn ObjectStore>,
    about: &'static str,
    lie: Lie,
    handed_out: Arc<AtomicU64>,
}

impl Liar {
    pub(crate) fn new(inner: Arc<dyn ObjectStore>, about: &'static str, lie: Lie) -> Self {
        Self { inner, about, lie, handed_out: Arc::default() }
    }

    /// Returns how many bytes of lies somebody took.
    pub(crate) fn handed_out(&self) -> u64 {
        self.handed_out.load(Ordering::Relaxed)
    }
}

impl fmt::Display for Liar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Liar({})", self.inner)
    }
}

#[async_trait]
impl ObjectStore for Liar {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.inner.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(&self, at: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(at, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let head = options.head;
        let mut answer = self.inner.get_opts(location, options).await?;
        if head || !location.as_ref().contains(self.about) {
            return Ok(answer);
        }
        if let Lie::Claims(size) = self.lie {
            answer.meta.size = size;
            answer.range = 0..size;
        }
        let taken = Arc::clone(&self.handed_out);
        let body = stream::repeat_with(move || {
            taken.fetch_add(1024, Ordering::Relaxed);
            Ok(Bytes::from_static(&[b'x'; 1024]))
        });
        answer.payload = GetResultPayload::Stream(body.boxed());
        Ok(answer)
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
