use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use arrow::array::RecordBatch;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use lineal_core::{Batch, BlobStore, Digest, FilePath, Progress, ProgressEvent, PutHints, file_stream};

use crate::{
    Error, FileEntry, FileKind, SchemaMismatch, TableFacts, TableSchema,
    content::Content,
    file_entry::INLINE_BYTES,
    links::{PARQUET_MEDIA_TYPE, SCHEMA_MEDIA_TYPE},
    parquet_file,
    tree::Changes,
};

/// Turns contents into changes of the tree, putting their bytes into a batch.
#[derive(Clone, Copy)]
pub(crate) struct Stage<'a> {
    pub(crate) blobs: &'a dyn BlobStore,
    pub(crate) batch: &'a dyn Batch,
    pub(crate) progress: &'a dyn Progress,
}

impl Stage<'_> {
    /// Stores all contents, some at once.
    pub(crate) async fn store(&self, contents: BTreeMap<FilePath, Content>) -> Result<Changes, Error> {
        self.progress.report(ProgressEvent::Started { task: TASK, total: None, unit: "bytes" });
        let puts = contents.into_iter().map(|(path, content)| async move {
            let entry = self.store_one(&path, content).await?;
            Ok::<_, Error>((path, entry))
        });
        let changes = stream::iter(puts).buffer_unordered(CONCURRENCY).try_collect().await;
        self.progress.report(ProgressEvent::Finished { task: TASK });
        changes
    }

    async fn store_one(&self, path: &FilePath, content: Content) -> Result<Option<FileEntry>, Error> {
        match content {
            Content::Nothing => Ok(None),
            Content::Base(entry) => Ok(Some(entry)),
            Content::Bytes(bytes, media_type) => self.put(path, bytes, media_type, None).await.map(Some),
            Content::File(file, media_type) => self.put_file(path, &file, media_type).await.map(Some),
            Content::Table(before, batches) => self.put_table(path, before, batches).await.map(Some),
        }
    }

    async fn put(
        &self,
        path: &FilePath,
        bytes: Bytes,
        media_type: String,
        table: Option<TableFacts>,
    ) -> Result<FileEntry, Error> {
        check_media_type(&media_type)?;
        let mut entry = FileEntry::of_bytes(path.clone(), FileKind::Regular, &bytes, media_type);
        entry.table = table;
        if entry.blob().is_some() {
            let hints = PutHints::default().with_size(entry.size_bytes).with_media_type(entry.media_type.as_str());
            self.batch.put(bytes, hints).await?;
        }
        self.advance(entry.size_bytes);
        Ok(entry)
    }

    async fn put_file(&self, path: &FilePath, file: &Path, media_type: String) -> Result<FileEntry, Error> {
        check_media_type(&media_type)?;
        if let Some(bytes) = read_small(file).await? {
            return self.put(path, bytes, media_type, None).await;
        }
        let size = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&size);
        let bytes = file_stream(file).inspect_ok(move |piece| {
            counter.fetch_add(piece.len() as u64, Ordering::Relaxed);
        });
        let hints = PutHints::default().with_media_type(media_type.as_str());
        let digest = self.batch.put_stream(bytes.boxed(), hints).await.map_err(|error| match error {
            lineal_core::Error::Input { source } => Error::local("read", file)(source),
            error => error.into(),
        })?;
        let size_bytes = size.load(Ordering::Relaxed);
        self.advance(size_bytes);
        Ok(FileEntry::new(path.clone(), digest, size_bytes, media_type))
    }

    /// Writes a table with the rows of `before`, if any, and of `batches`.
    async fn put_table(
        &self,
        path: &FilePath,
        before: Option<FileEntry>,
        batches: Vec<RecordBatch>,
    ) -> Result<FileEntry, Error> {
        let Some(schema) = batches.first().map(RecordBatch::schema) else {
            return Err(Error::invalid("table", path.as_str(), "needs at least one batch, which may be without rows"));
        };
        let columns = TableSchema::of(&schema)?;
        let differs = |mismatch| Error::Schema { path: path.clone(), source: Box::new(mismatch) };
        for batch in &batches {
            columns.check_equal(&TableSchema::of(&batch.schema())?).map_err(differs)?;
        }
        let before = match before {
            Some(entry) => Some(self.table_bytes(path, &entry, &columns).await?),
            None => None,
        };
        let written = parquet_file::write(path.clone(), before, batches).await?;
        let schema = self.put_schema(&columns).await?;
        let facts = TableFacts { rows: written.rows, schema };
        self.put(path, written.bytes, PARQUET_MEDIA_TYPE.to_owned(), Some(facts)).await
    }

    /// Reads the table to append to, once its schema is known to be `columns`.
    async fn table_bytes(&self, path: &FilePath, entry: &FileEntry, columns: &TableSchema) -> Result<Bytes, Error> {
        let facts = entry
            .table
            .ok_or_else(|| Error::Schema { path: path.clone(), source: Box::new(SchemaMismatch::not_a_table()) })?;
        if facts.schema != columns.digest()? {
            let stored = TableSchema::load(self.blobs, facts.schema).await?;
            let mismatch = stored.check_equal(columns).err().unwrap_or_else(SchemaMismatch::not_a_table);
            return Err(Error::Schema { path: path.clone(), source: Box::new(mismatch) });
        }
        Ok(self.blobs.read(&entry.digest, None).await?)
    }

    async fn put_schema(&self, columns: &TableSchema) -> Result<Digest, Error> {
        let hints = PutHints::default().with_media_type(SCHEMA_MEDIA_TYPE);
        Ok(self.batch.put(columns.encode()?.into(), hints).await?)
    }

    fn advance(&self, by: u64) {
        self.progress.report(ProgressEvent::Advanced { task: TASK, by });
    }
}

/// Reads a file that is so small that its bytes go into the tree; none if it is larger.
async fn read_small(path: &Path) -> Result<Option<Bytes>, Error> {
    let place = path.to_owned();
    let read = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        File::open(&place)?.take(INLINE_BYTES + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    });
    let bytes = read.await.map_err(io::Error::other).and_then(|bytes| bytes);
    let bytes = bytes.map_err(Error::local("read", path))?;
    Ok(if bytes.len() as u64 <= INLINE_BYTES { Some(bytes.into()) } else { None })
}

/// Checks the shape `type/subtype` of RFC 6838, without parameters.
fn check_media_type(media_type: &str) -> Result<(), Error> {
    let is_name = |name: &str| {
        let mut bytes = name.bytes();
        name.len() <= 127
            && bytes.next().is_some_and(|first| first.is_ascii_alphanumeric())
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    match media_type.split_once('/') {
        Some((main, sub)) if is_name(main) && is_name(sub) => Ok(()),
        _ => Err(Error::invalid("media type", media_type, "must have the form application/octet-stream")),
    }
}

/// The media type of files of which nothing is known.
pub(crate) const ANY_BYTES: &str = "application/octet-stream";
/// What progress of a commit is reported as.
pub(crate) const TASK: &str = "commit";
/// Files under way at once.
const CONCURRENCY: usize = 8;
