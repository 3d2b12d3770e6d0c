use std::{ops::Range, sync::Arc};

use arrow::array::RecordBatch;
use bytes::Bytes;
use futures::{
    StreamExt, TryStreamExt,
    future::{ready, try_join},
    stream,
    stream::BoxStream,
};
use lineal_core::{BlobStore, DataRef, FilePath, Name, Progress};

use crate::{
    Commit, Error, FileEntry, RowDiff, Scan, Stored, TableSchema, TableStatistics,
    bounded::read_one_bounded,
    error::excerpt,
    file_entry::Contents,
    local::{self, CheckedOut, CheckoutSettings, Directory, Status, Wanted},
    parquet_file,
    reference::Sources,
    table::{self, PageTable, Side},
    tree::{Children, Tree},
};

/// One version of a dataset, opened for reading. Nothing that happens later changes it.
///
/// ```
/// # use std::sync::Arc;
/// # use lineal_core::{Actor, LooseBlobs, Store};
/// # use lineal_data::Repository;
/// # use futures::TryStreamExt;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let store = Store::open("memory:///")?;
/// # let blobs = Arc::new(LooseBlobs::open(&store, "blobs").await?);
/// # let repository = Repository::open(&store, "flights", blobs).await?;
/// # let ana = Actor::new("ana@example.org")?;
/// repository.commit("main").put("raw/01.csv", "a,b").put("readme.md", "# Flights").commit(&ana).await?;
/// let version = repository.at("main").await?;
/// let files: Vec<_> = version.list("raw/").try_collect().await?;
/// assert_eq!(files[0].path.as_str(), "raw/01.csv");
/// assert_eq!(version.read_range("raw/01.csv", 0..1).await?, "a");
/// assert_eq!(version.data_ref_of("readme.md").await?.commit, version.commit().id().digest());
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Version {
    blobs: Arc<dyn BlobStore>,
    sources: Sources,
    repository: Name,
    commit: Commit,
    pub(crate) tree: Tree,
}

impl Version {
    pub(crate) fn new(
        blobs: Arc<dyn BlobStore>,
        sources: Sources,
        repository: Name,
        commit: Commit,
        tree: Tree,
    ) -> Self {
        Self { blobs, sources, repository, commit, tree }
    }

    /// Returns the commit.
    #[must_use]
    pub fn commit(&self) -> &Commit {
        &self.commit
    }

    /// Streams the files whose path begins with `prefix`, directory by directory; all of them for `""`.
    ///
    /// Reads only the part of the tree where they are, in bounded memory.
    ///
    /// # Errors
    /// [`Error::Store`] and [`Error::Format`], as items of the stream.
    #[must_use]
    pub fn list(&self, prefix: &str) -> BoxStream<'static, Result<FileEntry, Error>> {
        self.tree.list(prefix)
    }

    /// Returns what lies directly in a directory: files, and the paths of directories.
    ///
    /// `prefix` is `""` or ends in `/`. Skips what lies deeper.
    pub(crate) async fn children(&self, prefix: &str) -> Result<Children, Error> {
        self.tree.children(prefix).await
    }

    pub(crate) fn repository(&self) -> &Name {
        &self.repository
    }

    /// Returns how many files the version has, and how many bytes these have; reads one node of its tree.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Format`].
    pub async fn totals(&self) -> Result<(u64, u64), Error> {
        self.tree.totals().await
    }

    /// Returns the entry of one file; reads a node of each level of the tree.
    ///
    /// # Errors
    /// [`Error::NoSuchPath`], [`Error::Store`], [`Error::Format`].
    pub async fn file(&self, path: &str) -> Result<FileEntry, Error> {
        let found = match FilePath::new(path) {
            Ok(path) => self.tree.get(&path).await?,
            Err(_) => None,
        };
        found.ok_or_else(|| Error::NoSuchPath { commit: Some(self.commit.id()), path: excerpt(path) })
    }

    /// Reads a whole file, verified.
    ///
    /// # Errors
    /// [`Error::NoSuchPath`]; [`Error::Store`] if its bytes are missing or damaged, [`Error::Format`] if they are more than stated; [`Error::NoSource`], [`Error::Source`] and
    /// [`Error::SourceChanged`] for a file that lies elsewhere.
    pub async fn read(&self, path: &str) -> Result<Bytes, Error> {
        let entry = self.file(path).await?;
        match entry.contents() {
            Contents::Blob(blob) => read_one_bounded(self.blobs.as_ref(), "file", blob, entry.size_bytes).await,
            Contents::Bytes(bytes) => Ok(bytes.clone()),
            Contents::Elsewhere(file) => self.sources.read(file).await,
            Contents::Purged => Err(Error::Purged { path: entry.path.clone() }),
        }
    }

    /// Reads the bytes `range` of a file, verified; of one that lies elsewhere, as far as its entity tag tells.
    ///
    /// # Errors
    /// As [`Version::read`], and [`Error::Store`] if the range does not lie within the file.
    pub async fn read_range(&self, path: &str, range: Range<u64>) -> Result<Bytes, Error> {
        self.read_entry(&self.file(path).await?, range).await
    }

    pub(crate) async fn read_entry(&self, entry: &FileEntry, range: Range<u64>) -> Result<Bytes, Error> {
        match entry.contents() {
            Contents::Blob(blob) => Ok(self.blobs.read(&blob, Some(range)).await?),
            Contents::Bytes(bytes) => part(entry, bytes, range),
            Contents::Elsewhere(file) => self.sources.read_range(file, range).await,
            Contents::Purged => Err(Error::Purged { path: entry.path.clone() }),
        }
    }

    /// Streams a file in bounded memory; a damaged one ends in an error before its last piece.
    ///
    /// # Errors
    /// As [`Version::read`], also as items of the stream.
    pub async fn stream(&self, path: &str) -> Result<BoxStream<'static, Result<Bytes, Error>>, Error> {
        let entry = self.file(path).await?;
        match entry.contents() {
            Contents::Blob(blob) => Ok(self.blobs.stream(&blob).await?.map_err(Error::from).boxed()),
            Contents::Bytes(bytes) => {
                Ok(stream::iter(Some(bytes.clone()).filter(|bytes| !bytes.is_empty()).map(Ok)).boxed())
            }
            Contents::Elsewhere(file) => self.sources.stream(file).await,
            Contents::Purged => Err(Error::Purged { path: entry.path.clone() }),
        }
    }

    /// Reads all rows of a table, in order; of any Parquet file, also one that was put as bytes.
    ///
    /// Batches have up to 8192 rows; a table without rows gives one batch without rows.
    ///
    /// # Errors
    /// [`Error::NotATable`] if it is no Parquet; otherwise as [`Version::read`].
    pub async fn read_table(&self, path: &str) -> Result<Vec<RecordBatch>, Error> {
        self.read_columns(path, None).await
    }

    /// Reads some columns of a table, as [`Version::read_table`] reads all; they come in the order of the table.
    ///
    /// # Errors
    /// [`Error::NoSuchColumn`]; otherwise as there.
    pub async fn read_table_with(&self, path: &str, columns: &[&str]) -> Result<Vec<RecordBatch>, Error> {
        self.read_columns(path, Some(columns.iter().map(|column| (*column).to_owned()).collect())).await
    }

    /// Returns the columns of a table, without reading the table.
    ///
    /// # Errors
    /// [`Error::NoSuchPath`]; [`Error::Invalid`] if the file was not written as a table; [`Error::Store`].
    pub async fn schema(&self, path: &str) -> Result<TableSchema, Error> {
        match self.file(path).await?.table {
            Some(facts) => TableSchema::load(self.blobs.as_ref(), facts.schema).await,
            None => Err(Error::invalid("file", path, "was not written as a table")),
        }
    }

    /// Compares the version with a directory.
    ///
    /// `progress` is told the bytes of the files that had to be read. With a cache, the store is asked only for the nodes that differ from those of the version compared before.
    ///
    /// # Errors
    /// Those of [`Directory::files`]; [`Error::Store`], [`Error::Format`].
    pub async fn status(&self, directory: &Directory, progress: &dyn Progress) -> Result<Status, Error> {
        let (wanted, found) = try_join(self.listed(directory), directory.files(progress)).await?;
        Ok(local::status(wanted, &found))
    }

    /// Writes the version out to a directory; `previous` is the one that was written there before, if one was. Files that were
    /// purged are left out.
    ///
    /// # Errors
    /// Those of [`Directory::checkout`].
    pub async fn checkout(
        &self,
        directory: &Directory,
        previous: Option<&Self>,
        settings: &CheckoutSettings,
        progress: &dyn Progress,
    ) -> Result<CheckedOut, Error> {
        let previous = match previous {
            Some(version) => version.wanted().await?,
            None => Vec::new(),
        };
        directory
            .checkout_from(self.blobs.as_ref(), &self.sources, self.wanted().await?, previous, settings, progress)
            .await
    }

    pub(crate) async fn wanted(&self) -> Result<Vec<Wanted>, Error> {
        let files = self.tree.list("").try_filter(|entry| ready(entry.stored != Stored::Purged));
        files.map_ok(Wanted::from).try_collect().await
    }

    /// Returns how many rows a table has, and of each column nulls, least and greatest value, and about how many differ,
    /// without reading the table.
    ///
    /// # Errors
    /// [`Error::NoSuchPath`]; [`Error::Invalid`] if the file was not written as a table, or before there were statistics;
    /// [`Error::Store`].
    pub async fn statistics(&self, path: &str) -> Result<TableStatistics, Error> {
        match self.file(path).await?.table.and_then(|facts| facts.pages) {
            Some(pages) => Ok(PageTable::load(self.blobs.as_ref(), pages).await?.statistics()),
            None => Err(Error::invalid("file", path, "was not written as a table with statistics")),
        }
    }

    /// Reads some columns and rows of a table, in order, as a stream; of any Parquet file, also one that was put as bytes.
    ///
    /// Batches have up to 8192 rows. In memory is what is wanted of one row group, which has some 8 MiB of values if it
    /// was written here. Row groups that the statistics rule out are not read: those of the
    /// page table, or of its footer for a file of another program. A small file is read whole.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use arrow::array::{ArrayRef, Int64Array, RecordBatch};
    /// # use futures::TryStreamExt;
    /// # use lineal_core::{Actor, LooseBlobs, Store};
    /// # use lineal_data::{Predicate, Repository, Scan, arrow};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let store = Store::open("memory:///")?;
    /// # let blobs = Arc::new(LooseBlobs::open(&store, "blobs").await?);
    /// # let repository = Repository::open(&store, "flights", blobs).await?;
    /// # let ana = Actor::new("ana@example.org")?;
    /// let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..1000));
    /// let rows = RecordBatch::try_from_iter([("flight", ids)])?;
    /// repository.commit("main").put_table("t", &[rows]).commit(&ana).await?;
    /// let version = repository.at("main").await?;
    /// let scan = Scan::default().with_predicate(Predicate::less("flight", 3));
    /// let batches: Vec<RecordBatch> = version.scan("t", &scan).await?.try_collect().await?;
    /// assert_eq!(batches[0].num_rows(), 3);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::NoSuchColumn`]; [`Error::UnsupportedType`] if a predicate compares a column with a value of another kind;
    /// [`Error::NotATable`] if it is no Parquet; otherwise as [`Version::read`], also as items of the stream.
    pub async fn scan(&self, path: &str, scan: &Scan) -> Result<BoxStream<'static, Result<RecordBatch, Error>>, Error> {
        let Side { reader, pages, .. } = self.side(path).await?;
        table::scan(&reader, pages.as_ref(), scan)
    }

    /// Draws `count` rows of a table at random, without repetition and in their order; all rows if there are no more.
    ///
    /// The same table, count and seed give the same rows on every machine. Only pages that hold one are read. A table that
    /// grew gives others; a [`Split`](crate::Split) is what stays.
    ///
    /// # Errors
    /// As [`Version::read_table`].
    pub async fn sample(&self, path: &str, count: u64, seed: u64) -> Result<RecordBatch, Error> {
        let Side { reader, .. } = self.side(path).await?;
        table::read(&reader, table::draw(reader.group_rows().iter().sum(), count, seed)).await
    }

    /// Compares the rows of a table with those of the same path in `new`: rows whose key is new, is gone, or has other
    /// values in the columns that both have, with the same type or one that was widened.
    ///
    /// `key` names the columns that tell the rows apart, as they are called in `new`; it is compared as by
    /// [`CommitBuilder::update_rows`](crate::CommitBuilder::update_rows), and so are values. Reads the footers and page
    /// tables, and decodes only rows whose pages differ, so the cost follows the change; these rows are held in memory.
    /// Where a row lies does not matter. A key that repeats among rows that are not read is not noticed.
    ///
    /// # Errors
    /// [`Error::DuplicateKey`], [`Error::NoSuchColumn`], [`Error::Invalid`] for no key, [`Error::Schema`] if its type
    /// changed; [`Error::NotATable`] if one of the files is no Parquet; otherwise as [`Version::read`].
    pub async fn diff_rows(&self, path: &str, new: &Self, key: &[&str]) -> Result<RowDiff, Error> {
        let (old, new) = (self.side(path).await?, new.side(path).await?);
        let key = key.iter().map(|column| (*column).to_owned()).collect();
        table::diff_rows(self.file(path).await?.path, old, new, key).await
    }

    async fn side(&self, path: &str) -> Result<Side, Error> {
        Side::open(&self.blobs, &self.sources, &self.file(path).await?).await
    }

    /// Returns the reference to this version that other crates keep.
    #[must_use]
    pub fn data_ref(&self) -> DataRef {
        DataRef { repository: self.repository.clone(), commit: self.commit.id().digest(), path: None, rows: None }
    }

    /// Returns the reference to one file or table of this version.
    ///
    /// # Errors
    /// [`Error::NoSuchPath`].
    pub async fn data_ref_of(&self, path: &str) -> Result<DataRef, Error> {
        let entry = self.file(path).await?;
        Ok(DataRef { path: Some(entry.path.to_string()), rows: entry.rows(), ..self.data_ref() })
    }

    async fn read_columns(&self, path: &str, columns: Option<Vec<String>>) -> Result<Vec<RecordBatch>, Error> {
        let path = self.file(path).await?.path;
        let bytes = self.read(path.as_str()).await?;
        parquet_file::read(path, bytes, columns).await
    }
}

fn part(entry: &FileEntry, bytes: &Bytes, range: Range<u64>) -> Result<Bytes, Error> {
    let Range { start, end } = range;
    let (from, to) = (usize::try_from(start), usize::try_from(end));
    match (from, to) {
        (Ok(from), Ok(to)) if from <= to && to <= bytes.len() => Ok(bytes.slice(from..to)),
        _ => Err(lineal_core::Error::BadRange { digest: entry.digest, start, end, size: entry.size_bytes }.into()),
    }
}
