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

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use lineal_core::{Batch, BlobStore, Digest, FilePath, Progress, ProgressEvent, PutHints, file_stream};

use crate::{
    Error, FileEntry, FileKind, Stored, TableFacts, TableSchema,
    bounded::read_one_bounded,
    content::Content,
    file_entry::{Contents, INLINE_BYTES},
    links::{PAGE_TABLE_MEDIA_TYPE, PARQUET_MEDIA_TYPE, SCHEMA_MEDIA_TYPE},
    reference::{self, Sources},
    table::{self, Before, PageTable, RowEdit},
    tree::Changes,
};

/// Turns contents into changes of the tree, putting their bytes into a batch.
#[derive(Clone, Copy)]
pub(crate) struct Stage<'a> {
    pub(crate) blobs: &'a dyn BlobStore,
    pub(crate) batch: &'a dyn Batch,
    pub(crate) sources: &'a Sources,
    pub(crate) progress: &'a dyn Progress,
}

impl Stage<'_> {
    /// Stores all contents, some at once.
    pub(crate) async fn store(&self, contents: BTreeMap<FilePath, Content>) -> Result<Changes, Error> {
        let puts = contents.into_iter().map(|(path, content)| async move {
            let entry = self.store_one(&path, content).await?;
            Ok::<_, Error>((path, entry))
        });
        stream::iter(puts).buffer_unordered(CONCURRENCY).try_collect().await
    }

    pub(crate) async fn store_one(&self, path: &FilePath, content: Content) -> Result<Option<FileEntry>, Error> {
        match content {
            Content::Nothing => Ok(None),
            Content::Base(entry) => Ok(Some(entry)),
            Content::Bytes(bytes, media_type) => self.put(path, bytes, media_type).await.map(Some),
            Content::File(file, media_type) => self.put_file(path, &file, media_type).await.map(Some),
            Content::Reference(url) => self.refer(path, &url).await.map(Some),
            Content::Table(before, edits) => self.put_table(path, before, edits).await.map(Some),
        }
    }

    async fn put(&self, path: &FilePath, bytes: Bytes, media_type: String) -> Result<FileEntry, Error> {
        check_media_type(&media_type)?;
        let entry = FileEntry::of_bytes(path.clone(), FileKind::Regular, &bytes, media_type);
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
            return self.put(path, bytes, media_type).await;
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
        if size_bytes <= INLINE_BYTES {
            // It has shrunk since it was looked at, and belongs into the tree now.
            return Err(Error::Restless { path: file.to_owned() });
        }
        self.advance(size_bytes);
        Ok(FileEntry::new(path.clone(), digest, size_bytes, media_type))
    }

    /// Hashes an object that stays where it is.
    async fn refer(&self, path: &FilePath, url: &str) -> Result<FileEntry, Error> {
        let media_type = if path.as_str().ends_with(".parquet") { PARQUET_MEDIA_TYPE } else { ANY_BYTES }.to_owned();
        let entry = match self.sources.hash(path, url).await? {
            reference::Hashed::Small(bytes) => FileEntry::of_bytes(path.clone(), FileKind::Regular, &bytes, media_type),
            reference::Hashed::Large(reference, digest, size_bytes) => {
                let entry = FileEntry::new(path.clone(), digest, size_bytes, media_type);
                FileEntry { stored: Stored::Elsewhere(Box::new(reference)), ..entry }
            }
        };
        self.advance(entry.size_bytes);
        Ok(entry)
    }

    /// Writes the table that the edits make of the one before, or of none.
    async fn put_table(
        &self,
        path: &FilePath,
        before: Option<FileEntry>,
        edits: Vec<RowEdit>,
    ) -> Result<FileEntry, Error> {
        let schema = self.schema_of(path, before.as_ref(), &edits).await?;
        let before = match before {
            Some(entry) => Some(self.load_table(&entry).await?),
            None => None,
        };
        let written = table::write(path.clone(), before, edits).await?;
        let hints = PutHints::default().with_media_type(PAGE_TABLE_MEDIA_TYPE).with_cut_points(written.page_cuts);
        let pages = self.batch.put(written.pages, hints).await?;
        let facts = TableFacts { pages: Some(pages), rows: written.rows, schema };
        let media_type = PARQUET_MEDIA_TYPE.to_owned();
        let entry = FileEntry::of_bytes(path.clone(), FileKind::Regular, &written.bytes, media_type);
        if entry.blob().is_some() {
            let hints = PutHints::default().with_size(entry.size_bytes).with_media_type(PARQUET_MEDIA_TYPE);
            self.batch.put(written.bytes, hints.with_cut_points(written.cuts)).await?;
        }
        self.advance(entry.size_bytes);
        Ok(FileEntry { table: Some(facts), ..entry })
    }

    /// Checks that all rows have one schema, that of the table before if there is one; stores it and returns its digest.
    async fn schema_of(&self, path: &FilePath, before: Option<&FileEntry>, edits: &[RowEdit]) -> Result<Digest, Error> {
        let differs = |mismatch| Error::Schema { path: path.clone(), source: Box::new(mismatch) };
        let mut columns = match before.and_then(|entry| entry.table) {
            Some(facts) => Some(TableSchema::load(self.blobs, facts.schema).await?),
            None => None,
        };
        for edit in edits {
            for batch in edit.batches() {
                let given = TableSchema::of(&batch.schema())?;
                match &columns {
                    Some(columns) => columns.check_equal(&given).map_err(differs)?,
                    None => columns = Some(given),
                }
            }
            if let (RowEdit::Evolve(evolution), Some(before)) = (edit, &columns) {
                columns = Some(evolution.apply(path, before)?);
            }
        }
        let none = || Error::invalid("table", path.as_str(), "needs at least one batch, which may be without rows");
        self.put_schema(&columns.ok_or_else(none)?).await
    }

    async fn load_table(&self, entry: &FileEntry) -> Result<Before, Error> {
        let pages = match entry.table.and_then(|facts| facts.pages) {
            Some(pages) => Some(PageTable::load(self.blobs, pages).await?),
            None => None,
        };
        match entry.contents() {
            // One without rows may be so small.
            Contents::Bytes(bytes) => Ok((bytes.clone(), pages)),
            Contents::Blob(blob) => Ok((read_one_bounded(self.blobs, "file", blob, entry.size_bytes).await?, pages)),
            Contents::Purged => Err(Error::Purged { path: entry.path.clone() }),
            Contents::Elsewhere(file) => Ok((self.sources.read(file).await?, pages)),
        }
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
