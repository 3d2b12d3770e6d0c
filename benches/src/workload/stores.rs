use std::{
    collections::BTreeSet,
    fmt,
    ops::Range,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream::BoxStream};
use lineal_core::{OpenOptions, Store};
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, RenameOptions, Result, UploadPart, path::Path,
};
use url::Url;

/// Opens `place`, a URL or a local path, with the options of the back end from the environment, and counts its requests.
pub(crate) fn open(place: &str) -> std::result::Result<(Store, Arc<Counting>), String> {
    let mut options = OpenOptions::default();
    for (key, value) in std::env::vars() {
        let key = key.to_ascii_lowercase();
        if ["aws_", "azure_", "google_"].iter().any(|prefix| key.starts_with(prefix)) && !key.ends_with("_bucket") {
            options = options.with(key, value);
        }
    }
    let store = Store::open_with(&url(place)?, &options).map_err(|error| error.to_string())?;
    let counting = Arc::new(Counting { inner: Arc::clone(store.objects()), counts: Arc::default() });
    let objects: Arc<dyn ObjectStore> = Arc::<Counting>::clone(&counting);
    let root = store.root().to_string();
    let counted = Store::new(objects, store.name());
    let counted = if root.is_empty() { counted } else { counted.at(&root).map_err(|error| error.to_string())? };
    Ok((counted, counting))
}

/// Returns the URL of a local path, or the URL that it is already.
fn url(place: &str) -> std::result::Result<String, String> {
    if place.contains("://") {
        return Ok(place.to_owned());
    }
    let path = std::path::absolute(place).map_err(|error| error.to_string())?;
    let url = Url::from_directory_path(path).map_err(|()| format!("{place}: not a local path"))?;
    Ok(url.into())
}

/// Returns where a store lies on the local disk; none for a bucket or memory.
pub(crate) fn local_path(place: &str) -> Option<PathBuf> {
    Url::parse(&url(place).ok()?).ok()?.to_file_path().ok().map(|path| path.components().collect())
}

/// Counts the requests that pass through it.
#[derive(Debug)]
pub(crate) struct Counting {
    inner: Arc<dyn ObjectStore>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    puts: AtomicU64,
    put_bytes: AtomicU64,
    reads: AtomicU64,
    /// All that are neither puts nor reads.
    others: AtomicU64,
    objects_read: Mutex<BTreeSet<Path>>,
}

impl Counts {
    fn put(&self, bytes: usize) {
        self.puts.fetch_add(1, Ordering::Relaxed);
        self.put_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn read(&self, location: &Path, ranges: usize) {
        self.reads.fetch_add(ranges as u64, Ordering::Relaxed);
        let mut objects = self.objects_read.lock().unwrap_or_else(PoisonError::into_inner);
        if !objects.contains(location) {
            objects.insert(location.clone());
        }
    }

    fn other(&self) {
        self.others.fetch_add(1, Ordering::Relaxed);
    }
}

impl Counting {
    /// Returns the number of writes so far: objects written whole, and each part of an upload, its beginning and its end.
    pub(crate) fn puts(&self) -> u64 {
        self.counts.puts.load(Ordering::Relaxed)
    }

    /// Returns the bytes written so far.
    pub(crate) fn put_bytes(&self) -> u64 {
        self.counts.put_bytes.load(Ordering::Relaxed)
    }

    /// Returns the number of reads of objects and ranges so far.
    pub(crate) fn reads(&self) -> u64 {
        self.counts.reads.load(Ordering::Relaxed)
    }

    /// Returns the number of requests so far: writes, reads, looks at headers, listings, deletions, copies.
    pub(crate) fn requests(&self) -> u64 {
        self.puts() + self.reads() + self.counts.others.load(Ordering::Relaxed)
    }
}

impl Counting {
    /// Returns how many objects were read so far, in whole or in part.
    pub(crate) fn objects_read(&self) -> usize {
        self.counts.objects_read.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Counts from here on.
    pub(crate) fn forget(&self) {
        let Counts { puts, put_bytes, reads, others, objects_read } = &*self.counts;
        [puts, put_bytes, reads, others].into_iter().for_each(|count| count.store(0, Ordering::Relaxed));
        objects_read.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl fmt::Display for Counting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "counted {}", self.inner)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ObjectStore for Counting {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.counts.put(payload.content_length());
        self.inner.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.counts.put(0);
        let inner = self.inner.put_multipart_opts(location, options).await?;
        Ok(Box::new(CountingUpload { inner, counts: Arc::clone(&self.counts) }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        if options.head {
            self.counts.other();
        } else {
            self.counts.read(location, 1);
        }
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        // At most: a back end may join some.
        self.counts.read(location, ranges.len());
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let counts = Arc::clone(&self.counts);
        self.inner.delete_stream(locations.inspect(move |_| counts.other()).boxed())
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.counts.other();
        self.inner.list(prefix)
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.counts.other();
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.counts.other();
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.counts.other();
        self.inner.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.counts.other();
        self.inner.rename_opts(from, to, options).await
    }
}

#[derive(Debug)]
struct CountingUpload {
    inner: Box<dyn MultipartUpload>,
    counts: Arc<Counts>,
}

#[async_trait]
impl MultipartUpload for CountingUpload {
    fn put_part(&mut self, part: PutPayload) -> UploadPart {
        self.counts.put(part.content_length());
        self.inner.put_part(part)
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.counts.put(0);
        self.inner.complete().await
    }

    async fn abort(&mut self) -> Result<()> {
        self.counts.other();
        self.inner.abort().await
    }
}
