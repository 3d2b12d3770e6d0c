use std::{ops::Range, sync::Arc};

use arrow::array::RecordBatch;
use bytes::Bytes;
use futures::stream::BoxStream;
use lineal_core::{BlobStore, ByteStream, DataRef, FilePath, Name};

use crate::{
    Commit, Error, FileEntry, RowDiff, Scan, TableSchema, TableStatistics,
    error::excerpt,
    parquet_file,
    table::{self, PageTable, Side, TableReader},
    tree::Tree,
};

/// One version of a dataset, opened for reading. Nothing that happens later changes it.
///
/// ```
/// # use std::sync::Arc;
/// # use lineal_core::{Actor, LooseBlobs, Store};
/// # use lineal_data::Repository;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let store = Store::open("memory:///")?;
/// # let blobs = Arc::new(LooseBlobs::open(&store, "blobs").await?);
/// # let repository = Repository::open(&store, "flights", blobs).await?;
/// # let ana = Actor::new("ana@example.org")?;
/// repository.commit("main").put("raw/01.csv", "a,b").put("readme.md", "# Flights").commit(&ana).await?;
/// let version = repository.at("main").await?;
/// let paths: Vec<_> = version.list("raw/").map(|file| file.path.as_str()).collect();
/// assert_eq!(paths, ["raw/01.csv"]);
/// assert_eq!(version.read_range("raw/01.csv", 0..1).await?, "a");
/// assert_eq!(version.data_ref_of("readme.md")?.commit, version.commit().id().digest());
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Version {
    blobs: Arc<dyn BlobStore>,
    repository: Name,
    commit: Commit,
    tree: Arc<Tree>,
}

impl Version {
    pub(crate) async fn load(blobs: Arc<dyn BlobStore>, repository: Name, commit: Commit) -> Result<Self, Error> {
        let tree = Arc::new(Tree::load(blobs.as_ref(), commit.tree()).await?);
        Ok(Self { blobs, repository, commit, tree })
    }

    /// Returns the commit.
    #[must_use]
    pub fn commit(&self) -> &Commit {
        &self.commit
    }

    /// Returns the files whose path begins with `prefix`, by path; all of them for `""`.
    pub fn list<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a FileEntry> {
        let entries = self.tree.entries();
        let start = entries.partition_point(|entry| entry.path.as_str() < prefix);
        entries.iter().skip(start).take_while(move |entry| entry.path.as_str().starts_with(prefix))
    }

    /// Returns the entry of one file.
    ///
    /// # Errors
    /// [`Error::NoSuchPath`].
    pub fn file(&self, path: &str) -> Result<&FileEntry, Error> {
        let found = FilePath::new(path).ok().and_then(|path| self.tree.get(&path));
        found.ok_or_else(|| Error::NoSuchPath { commit: Some(self.commit.id()), path: excerpt(path) })
    }

    /// Reads a whole file, verified.
    ///
    /// # Errors
    /// [`Error::NoSuchPath`]; [`Error::Store`] if its bytes are missing or damaged.
    pub async fn read(&self, path: &str) -> Result<Bytes, Error> {
        Ok(self.blobs.read(&self.file(path)?.digest, None).await?)
    }

    /// Reads the bytes `range` of a file, verified.
    ///
    /// # Errors
    /// As [`Version::read`], and [`Error::Store`] if the range does not lie within the file.
    pub async fn read_range(&self, path: &str, range: Range<u64>) -> Result<Bytes, Error> {
        Ok(self.blobs.read(&self.file(path)?.digest, Some(range)).await?)
    }

    /// Streams a file in bounded memory; a damaged one ends in an error before its last piece.
    ///
    /// # Errors
    /// As [`Version::read`], also as items of the stream.
    pub async fn stream(&self, path: &str) -> Result<ByteStream, Error> {
        Ok(self.blobs.stream(&self.file(path)?.digest).await?)
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
        match self.file(path)?.table {
            Some(facts) => TableSchema::load(self.blobs.as_ref(), facts.schema).await,
            None => Err(Error::invalid("file", path, "was not written as a table")),
        }
    }

    /// Returns how many rows a table has, and of each column nulls, least and greatest value, and about how many differ,
    /// without reading the table.
    ///
    /// # Errors
    /// [`Error::NoSuchPath`]; [`Error::Invalid`] if the file was not written as a table, or before there were statistics;
    /// [`Error::Store`].
    pub async fn statistics(&self, path: &str) -> Result<TableStatistics, Error> {
        match self.file(path)?.table.and_then(|facts| facts.pages) {
            Some(pages) => Ok(PageTable::load(self.blobs.as_ref(), pages).await?.statistics()),
            None => Err(Error::invalid("file", path, "was not written as a table with statistics")),
        }
    }

    /// Reads some columns and rows of a table, in order, as a stream; of any Parquet file, also one that was put as bytes.
    ///
    /// Batches have up to 8192 rows. In memory is what is wanted of one row group, which has some 8 MiB of values if it
    /// was written here. Row groups that the statistics rule out are not read. A small file is read whole.
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
    /// values in the columns that both have with the same type.
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
        table::diff_rows(self.file(path)?.path.clone(), old, new, key).await
    }

    async fn side(&self, path: &str) -> Result<Side, Error> {
        let entry = self.file(path)?;
        let (mut pages, mut schema) = (None, None);
        if let Some(facts) = entry.table {
            schema = Some(TableSchema::load(self.blobs.as_ref(), facts.schema).await?);
            if let Some(digest) = facts.pages {
                pages = Some(PageTable::load(self.blobs.as_ref(), digest).await?);
            }
        }
        let reader = TableReader::open(Arc::clone(&self.blobs), entry, pages.as_ref()).await?;
        Ok(Side { reader, pages, schema })
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
    pub fn data_ref_of(&self, path: &str) -> Result<DataRef, Error> {
        let entry = self.file(path)?;
        Ok(DataRef { path: Some(entry.path.to_string()), rows: entry.rows(), ..self.data_ref() })
    }

    async fn read_columns(&self, path: &str, columns: Option<Vec<String>>) -> Result<Vec<RecordBatch>, Error> {
        let path = self.file(path)?.path.clone();
        let bytes = self.read(path.as_str()).await?;
        parquet_file::read(path, bytes, columns).await
    }
}
