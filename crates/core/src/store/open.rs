use std::{fmt, io, ops::Range, sync::Arc};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream::BoxStream};
use object_store::{
    Error as StorageError, GetOptions, GetResult, GetResultPayload, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode,
    PutOptions, PutPayload, memory::InMemory, path::Path,
};
use tokio::runtime::Handle;
use url::Url;

use super::{
    Error, Host, Retry, StorageErrorExt,
    buffers::Buffers,
    error::{Oversize, is_oversize},
    format::{self, Format},
    is_absent,
    local::Local,
};
use crate::StoreId;

/// A root in an object store, with the seams and the patience that everything opened on it shares.
///
/// Cheap to clone. Journals and blob stores are opened on it at prefixes of their own; nothing is written before the
/// first of them writes, and then the store is probed once (see [`Store::ensure_writable`]).
///
/// ```
/// use lineal_core::Store;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), lineal_core::Error> {
/// let store = Store::open("memory:///")?;
/// store.ensure_writable().await?;
/// assert!(store.id().await?.is_some());
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    root: Path,
    name: Arc<str>,
    /// Where the object store lies, if it is a local directory opened by its URL.
    local: Option<Arc<std::path::Path>>,
    host: Host,
    retry: Retry,
    format: Arc<tokio::sync::OnceCell<Format>>,
    buffers: Arc<Buffers>,
}

/// Options of the back end as `key=value` strings, in object_store's own names (`aws_endpoint`, `azure_storage_use_emulator`, …).
///
/// Libraries never read the environment: a program that wants `AWS_*` variables honoured passes them in here.
#[derive(Debug, Clone, Default)]
pub struct OpenOptions {
    pairs: Vec<(String, String)>,
}

impl OpenOptions {
    /// Adds one option; unknown keys are refused when the store is opened.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.pairs.push((key.into(), value.into()));
        self
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("name", &self.name).field("root", &self.root).finish_non_exhaustive()
    }
}

impl Store {
    /// Wraps any object store; `name` stands for it in messages and in the recorded probe.
    ///
    /// A `LocalFileSystem` must have been built `with_fsync(true)` by the caller: what is acknowledged without it
    /// does not survive a power cut. [`Store::open`] takes care of that.
    #[must_use]
    pub fn new(objects: Arc<dyn ObjectStore>, name: &str) -> Self {
        Self {
            objects,
            root: Path::default(),
            local: None,
            name: name.into(),
            host: Host::system(),
            retry: Retry::default(),
            format: Arc::default(),
            buffers: Arc::default(),
        }
    }

    /// Opens `file:///absolute/path` (created if missing, fsync on), `memory:///` (a new empty store at each call), or,
    /// with feature `cloud`, a bucket: `s3://bucket/prefix`, `gs://…`, `az://…`, `abfss://…`.
    ///
    /// # Errors
    /// [`Error::BadUrl`] for an unknown scheme, a bad option, or a directory that cannot be made.
    pub fn open(url: &str) -> Result<Self, Error> {
        Self::open_with(url, &OpenOptions::default())
    }

    /// Opens like [`Store::open`] with options of the back end.
    ///
    /// # Errors
    /// [`Error::BadUrl`], as there.
    pub fn open_with(url: &str, options: &OpenOptions) -> Result<Self, Error> {
        let bad = |reason: String| Error::BadUrl { url: url.to_owned(), reason };
        let parsed = Url::parse(url).map_err(|error| bad(error.to_string()))?;
        match parsed.scheme() {
            "file" => {
                let path = parsed.to_file_path().map_err(|()| bad("not an absolute local path".to_owned()))?;
                std::fs::create_dir_all(&path).map_err(|error| bad(error.to_string()))?;
                let local = Local::new(&path).map_err(|error| bad(error.to_string()))?;
                let store = Self::new(Arc::new(local), url.trim_end_matches('/'));
                Ok(Self { local: Some(path.into()), ..store })
            }
            "memory" => Ok(Self::new(Arc::new(InMemory::new()), url)),
            _ => open_bucket(&parsed, options, bad),
        }
    }

    /// Moves the root to `prefix` below the present one, so that several stores share one bucket.
    ///
    /// # Errors
    /// [`Error::BadUrl`] if `prefix` is not a valid key.
    pub fn at(mut self, prefix: &str) -> Result<Self, Error> {
        self.root = self.key(prefix)?;
        self.format = Arc::default();
        Ok(self)
    }

    /// Replaces clock, ids and timer.
    #[must_use]
    pub fn with_host(mut self, host: Host) -> Self {
        self.host = host;
        self
    }

    /// Replaces how often and how patiently requests are repeated.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Returns the underlying object store.
    #[must_use]
    pub fn objects(&self) -> &Arc<dyn ObjectStore> {
        &self.objects
    }

    /// Returns the root within the object store.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the place of `key` on the local disk; none for a store that was not opened by a `file` URL.
    ///
    /// For maintenance of what the object store does not show, such as files that an interrupted write left behind.
    #[must_use]
    pub fn local_path(&self, key: &Path) -> Option<std::path::PathBuf> {
        let mut path = self.local.as_ref()?.to_path_buf();
        path.extend(key.parts().map(|part| part.as_ref().to_owned()));
        Some(path)
    }

    /// Returns the name for people: the URL, where it was opened by one.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns clock, ids and timer.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Returns how requests are repeated.
    #[must_use]
    pub fn retry(&self) -> Retry {
        self.retry
    }

    /// Makes sure that create-if-absent works here, once for each store and endpoint.
    ///
    /// The first writer probes (two creates of one key: the second must be refused, the first content intact) and
    /// records the verdict in the `FORMAT` object; later opens read that. One request then, about six the first time.
    ///
    /// # Errors
    /// [`Error::UnsafeStore`] if the back end ignores the condition; [`Error::Storage`] if it cannot be reached.
    pub async fn ensure_writable(&self) -> Result<StoreId, Error> {
        Ok(self.format.get_or_try_init(|| format::ensure(self)).await?.store)
    }

    /// Probes again, whatever was recorded, and records the new verdict.
    ///
    /// # Errors
    /// As [`Store::ensure_writable`].
    pub async fn probe_again(&self) -> Result<StoreId, Error> {
        Ok(format::probe_and_record(self).await?.store)
    }

    /// Returns the store's identity, or `None` if nothing was ever written here. Never writes.
    ///
    /// # Errors
    /// [`Error::Storage`], or [`Error::UnknownFormat`] if a newer release wrote it.
    pub async fn id(&self) -> Result<Option<StoreId>, Error> {
        Ok(format::read(self).await?.map(|format| format.store))
    }

    /// Returns the key of `name` below the root.
    ///
    /// # Errors
    /// [`Error::BadUrl`] if `name` is not a valid key.
    pub fn key(&self, name: &str) -> Result<Path, Error> {
        let full = if self.root.as_ref().is_empty() { name.to_owned() } else { format!("{}/{name}", self.root) };
        Path::parse(full).map_err(|error| Error::BadUrl { url: name.to_owned(), reason: error.to_string() })
    }

    /// Reads a whole object of at most `limit` bytes; `None` if there is none. Repeats failed and short reads.
    ///
    /// # Errors
    /// [`Error::Storage`], of kind `Corrupt` if the object is larger.
    pub async fn read(&self, key: &Path, limit: u64) -> Result<Option<Bytes>, Error> {
        let mut failed = 0;
        loop {
            let error = match self.read_once(key, limit).await {
                Ok(bytes) => return Ok(Some(bytes)),
                Err(error) if is_absent(&error) => return Ok(None),
                Err(error) => error,
            };
            failed += 1;
            if failed >= self.retry.attempts || is_final(&error) {
                return Err(error.on("read", key));
            }
            self.pause(failed).await;
        }
    }

    /// Reads once; a body shorter or longer than its stated size is an error.
    pub(crate) async fn read_once(&self, key: &Path, limit: u64) -> Result<Bytes, StorageError> {
        let mut answer = self.objects.get(key).await?;
        let size = answer.meta.size;
        if size > limit {
            return Err(Oversize { limit }.into());
        }
        if let GetResultPayload::Stream(body) = answer.payload {
            answer.payload = GetResultPayload::Stream(at_most(size, body));
        }
        let bytes = answer.bytes().await?;
        if bytes.len() as u64 != size {
            return Err(generic(format!("{key} came with {} of its {size} bytes", bytes.len())));
        }
        Ok(bytes)
    }

    /// Creates `key` if absent, one attempt, the back end's answer as it is. Only `Ok` proves anything.
    pub(crate) async fn create_once(&self, key: &Path, bytes: Bytes) -> Result<(), StorageError> {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        self.objects.put_opts(key, PutPayload::from_bytes(bytes), options).await.map(drop)
    }

    /// Reads the bytes `range` of an object; `None` if there is none. Repeats failed and short reads.
    ///
    /// # Errors
    /// [`Error::Storage`], also if the object ends before the range does.
    pub async fn read_range(&self, key: &Path, range: Range<u64>) -> Result<Option<Bytes>, Error> {
        let expected = range.end.saturating_sub(range.start);
        let mut failed = 0;
        loop {
            let error = match self.read_range_once(key, range.clone()).await {
                Ok(bytes) if bytes.len() as u64 == expected => return Ok(Some(bytes)),
                Ok(bytes) => generic(format!("{key} came with {} of the {expected} bytes asked for", bytes.len())),
                Err(error) if is_absent(&error) => return Ok(None),
                Err(error) => error,
            };
            failed += 1;
            if failed >= self.retry.attempts || is_final(&error) {
                return Err(error.on("read", key));
            }
            self.pause(failed).await;
        }
    }

    async fn read_range_once(&self, key: &Path, range: Range<u64>) -> Result<Bytes, StorageError> {
        let options = GetOptions::new().with_range(Some(range));
        let answer = self.objects.get_opts(key, options).await?;
        match (answer, Handle::try_current()) {
            (GetResult { payload: GetResultPayload::File(file, _), range, .. }, Ok(runtime))
                if Buffers::serve(range.end.saturating_sub(range.start)) =>
            {
                let buffers = Arc::clone(&self.buffers);
                let read = runtime.spawn_blocking(move || buffers.read(&file, range)).await;
                read.map_err(io::Error::other).and_then(|read| read).map_err(|error| generic(format!("{key}: {error}")))
            }
            (answer, _) => answer.bytes().await,
        }
    }

    /// Writes `key`, replacing what is there; for objects that are hints or named by their content. Repeats.
    pub(crate) async fn overwrite(&self, key: &Path, bytes: Bytes) -> Result<(), Error> {
        self.write(key, PutPayload::from_bytes(bytes)).await
    }

    /// Writes `key`, replacing what is there. Repeats, so equal keys must always get equal bytes, or be hints.
    ///
    /// # Errors
    /// [`Error::Storage`]; the object may then be there or not, now or later.
    pub async fn write(&self, key: &Path, payload: PutPayload) -> Result<(), Error> {
        let mut failed = 0;
        loop {
            let put = self.objects.put(key, payload.clone()).await;
            let Err(error) = put else { return Ok(()) };
            failed += 1;
            if failed >= self.retry.attempts || is_final(&error) {
                return Err(error.on("write", key));
            }
            self.pause(failed).await;
        }
    }

    /// Tells whether `key` exists and how large it is. Repeats.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn stat(&self, key: &Path) -> Result<Option<ObjectMeta>, Error> {
        let mut failed = 0;
        loop {
            let error = match self.objects.head(key).await {
                Ok(meta) => return Ok(Some(meta)),
                Err(error) if is_absent(&error) => return Ok(None),
                Err(error) => error,
            };
            failed += 1;
            if failed >= self.retry.attempts || is_final(&error) {
                return Err(error.on("stat", key));
            }
            self.pause(failed).await;
        }
    }

    /// Deletes `key`; one that is gone already is fine.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn delete(&self, key: &Path) -> Result<(), Error> {
        match self.objects.delete(key).await {
            Ok(()) => Ok(()),
            Err(error) if is_absent(&error) => Ok(()),
            Err(error) => Err(error.on("delete", key)),
        }
    }

    /// Lists what lies under `prefix`, in no order. For maintenance only: no protocol rests on it.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn list(&self, prefix: &Path) -> Result<Vec<ObjectMeta>, Error> {
        self.objects.list(Some(prefix)).boxed().try_collect().await.map_err(|error| error.on("list", prefix))
    }

    /// Waits before the next attempt after the `failed`-th failure.
    pub async fn pause(&self, failed: u32) {
        let id = self.host.ids.next_id();
        let spread = u64::from_le_bytes(std::array::from_fn(|at| id[at]));
        self.host.timer.sleep(self.retry.wait(failed, spread)).await;
    }
}

/// Tells whether repeating a request cannot change its answer.
pub(crate) fn is_final(error: &StorageError) -> bool {
    matches!(
        error,
        StorageError::PermissionDenied { .. }
            | StorageError::Unauthenticated { .. }
            | StorageError::InvalidPath { .. }
            | StorageError::NotSupported { .. }
            | StorageError::NotImplemented { .. }
            | StorageError::UnknownConfigurationKey { .. }
    ) || is_oversize(error)
}

/// Ends a body that is longer than its stated size, however long it would go on.
fn at_most(
    size: u64,
    body: BoxStream<'static, Result<Bytes, StorageError>>,
) -> BoxStream<'static, Result<Bytes, StorageError>> {
    let mut left = size;
    body.map(move |piece| {
        let piece = piece?;
        left = left.checked_sub(piece.len() as u64).ok_or(Oversize { limit: size })?;
        Ok(piece)
    })
    .boxed()
}

fn generic(message: String) -> StorageError {
    StorageError::Generic { store: "lineal", source: message.into() }
}

#[cfg(not(feature = "cloud"))]
fn open_bucket(url: &Url, _options: &OpenOptions, bad: impl Fn(String) -> Error) -> Result<Store, Error> {
    Err(bad(format!("scheme {} needs the feature `cloud` of lineal-core", url.scheme())))
}

#[cfg(feature = "cloud")]
fn open_bucket(url: &Url, options: &OpenOptions, bad: impl Fn(String) -> Error) -> Result<Store, Error> {
    use std::time::Duration;

    use object_store::{
        ObjectStoreScheme, RetryConfig, aws::AmazonS3Builder, azure::MicrosoftAzureBuilder,
        gcp::GoogleCloudStorageBuilder,
    };

    // Our own loop repeats and reads back; the client only bridges a short hiccup.
    let retry = RetryConfig { max_retries: 2, retry_timeout: Duration::from_secs(20), ..RetryConfig::default() };
    let (scheme, path) = ObjectStoreScheme::parse(url).map_err(|error| bad(error.to_string()))?;
    macro_rules! build {
        ($builder:ty) => {{
            let mut builder = <$builder>::new().with_url(url.as_str()).with_retry(retry);
            for (key, value) in &options.pairs {
                let key = key.to_ascii_lowercase().parse().map_err(|error: StorageError| bad(error.to_string()))?;
                builder = builder.with_config(key, value);
            }
            Arc::new(builder.build().map_err(|error| bad(error.to_string()))?) as Arc<dyn ObjectStore>
        }};
    }
    let objects = match scheme {
        ObjectStoreScheme::AmazonS3 => build!(AmazonS3Builder),
        ObjectStoreScheme::GoogleCloudStorage => build!(GoogleCloudStorageBuilder),
        ObjectStoreScheme::MicrosoftAzure => build!(MicrosoftAzureBuilder),
        _ => return Err(bad(format!("scheme {} cannot be written safely", url.scheme()))),
    };
    let endpoint = options.pairs.iter().find(|(key, _)| key.to_ascii_lowercase().contains("endpoint"));
    let name = endpoint.map_or_else(|| url.to_string(), |(_, endpoint)| format!("{url} at {endpoint}"));
    let mut store = Store::new(objects, &name);
    store.root = path;
    Ok(store)
}
