use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use bytes::Bytes;
use futures::future::BoxFuture;
use lineal_core::{Actor, CodeRef, DataRef, NoProgress, Progress, Receipt};

use crate::{
    Commit, CommitId, Error, Evolution, Repository, commit::Description, local::Directory, publish, stage::ANY_BYTES,
    table::RowEdit,
};

/// Collects the changes of one commit, and then makes it.
///
/// Changes apply in the order in which they were added. Nothing is checked or stored before [`CommitBuilder::commit`].
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
/// let base = repository.commit("main").put("a", "1").put("b", "2").commit(&ana).await?;
/// repository.commit("main").put("a", "3").message("somebody else was here").commit(&ana).await?;
/// // Decided on `base`: another path lands on top, the same path is a conflict.
/// repository.commit("main").based_on(base.id()).remove("b").commit(&ana).await?;
/// let second = repository.commit("main").based_on(base.id()).put("a", "4").commit(&ana).await;
/// assert!(matches!(second, Err(lineal_data::Error::Conflict { .. })));
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "nothing happens before `commit`"]
pub struct CommitBuilder<'a> {
    pub(crate) repository: &'a Repository,
    pub(crate) branch: String,
    pub(crate) edits: Vec<(String, Edit)>,
    pub(crate) description: Description,
    pub(crate) base: Option<CommitId>,
    pub(crate) key: Option<String>,
    pub(crate) receipts: Vec<Receipt>,
    pub(crate) progress: &'a dyn Progress,
    pub(crate) import: Option<Directory>,
}

/// What becomes of one path.
#[derive(Debug)]
pub(crate) enum Edit {
    Bytes(Bytes, String),
    File(PathBuf, String),
    Reference(String),
    Table(Vec<RecordBatch>),
    Rows(RowEdit),
    Remove,
}

impl<'a> CommitBuilder<'a> {
    pub(crate) fn new(repository: &'a Repository, branch: &str) -> Self {
        Self {
            repository,
            branch: branch.to_owned(),
            edits: Vec::new(),
            description: Description::default(),
            base: None,
            key: None,
            receipts: Vec::new(),
            progress: &NoProgress,
            import: None,
        }
    }

    /// Puts a file with these bytes, in place of one that is there.
    pub fn put(self, path: &str, bytes: impl Into<Bytes>) -> Self {
        self.edit(path, Edit::Bytes(bytes.into(), ANY_BYTES.to_owned()))
    }

    /// Puts a file as [`CommitBuilder::put`] does, and states its media type.
    pub fn put_as(self, path: &str, media_type: &str, bytes: impl Into<Bytes>) -> Self {
        self.edit(path, Edit::Bytes(bytes.into(), media_type.to_owned()))
    }

    /// Puts a copy of a local file, read in bounded memory when the commit is made.
    pub fn put_file(self, path: &str, file: &Path) -> Self {
        self.edit(path, Edit::File(file.to_owned(), ANY_BYTES.to_owned()))
    }

    /// Puts a file whose bytes stay where they are, at an address below that of a
    /// [source](Repository::with_source).
    ///
    /// They are read once, when the commit is made, for their hash; nothing is copied but files so small that they lie in the
    /// tree. From then on they are read in place. A change there is an error for whoever reads it.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use lineal_core::{Actor, LooseBlobs, Store};
    /// # use lineal_core::object_store::{ObjectStore, ObjectStoreExt, memory::InMemory, path::Path};
    /// # use lineal_data::{Error, Repository};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let store = Store::open("memory:///")?;
    /// # let blobs = Arc::new(LooseBlobs::open(&store, "blobs").await?);
    /// # let ana = Actor::new("ana@example.org")?;
    /// let lake = Arc::new(InMemory::new());
    /// lake.put(&Path::parse("2013/scan.tif")?, vec![7; 1000].into()).await?;
    /// let sources = Arc::<InMemory>::clone(&lake);
    /// let repository = Repository::open(&store, "scans", blobs).await?.with_source("s3://lake/", sources)?;
    /// repository.commit("main").put_reference("scan.tif", "s3://lake/2013/scan.tif").commit(&ana).await?;
    /// let version = repository.at("main").await?;
    /// assert_eq!(version.read("scan.tif").await?.len(), 1000);
    /// lake.put(&Path::parse("2013/scan.tif")?, vec![8; 1000].into()).await?;
    /// assert!(matches!(version.read("scan.tif").await, Err(Error::SourceChanged { .. })));
    /// # Ok(()) }
    /// ```
    pub fn put_reference(self, path: &str, url: &str) -> Self {
        self.edit(path, Edit::Reference(url.to_owned()))
    }

    /// Puts a table with the rows of `batches`, in place of what is there.
    ///
    /// At least one batch, which may be without rows: it gives the schema. All must have the same. Equal rows give equal
    /// bytes, however they are divided into batches.
    pub fn put_table(self, path: &str, batches: &[RecordBatch]) -> Self {
        self.edit(path, Edit::Table(batches.to_vec()))
    }

    /// Adds the rows of `batches` at the end of a table, or begins it.
    ///
    /// The schema must be that of the table. All row groups but the last are taken over as they are.
    pub fn append_table(self, path: &str, batches: &[RecordBatch]) -> Self {
        self.edit(path, Edit::Rows(RowEdit::Append(batches.to_vec())))
    }

    /// Puts rows in place of those of a table that have the same key, and those whose key is new at its end.
    ///
    /// `key` names the columns that tell the rows apart. Null is a value like others, and so is NaN; `-0` is not `0`. The
    /// schema of `batches` must be that of the table. Row groups that hold none of the keys are taken over as they are,
    /// and of those that hold some, pages without a change come out as they were: the store grows by what changed. If
    /// there is no table yet, this begins it.
    pub fn update_rows(self, path: &str, key: &[&str], batches: &[RecordBatch]) -> Self {
        let key = key.iter().map(|column| (*column).to_owned()).collect();
        self.edit(path, Edit::Rows(RowEdit::Update(key, batches.to_vec())))
    }

    /// Takes away the rows of a table whose values in the columns of `keys` are those of one of the rows of `keys`.
    ///
    /// So every row of the key goes, if there are several. Keys that no row has are passed over.
    pub fn delete_rows(self, path: &str, keys: &RecordBatch) -> Self {
        self.edit(path, Edit::Rows(RowEdit::Delete(keys.clone())))
    }

    /// Changes the columns of a table, in ways that no reader of the old ones has to fear.
    ///
    /// All rows are read and written, but pages of columns that keep their type come out as they were. Rows that are
    /// appended or updated later have the new schema.
    pub fn evolve_table(self, path: &str, evolution: &Evolution) -> Self {
        self.edit(path, Edit::Rows(RowEdit::Evolve(evolution.clone())))
    }

    /// Makes the files of the version those of a directory: files are put, replaced and removed as they are there.
    ///
    /// Other edits of the draft count on top of it. Executable files, symbolic links and empty directories are kept as such.
    /// Files that the directory's cache vouches for are not read, others once; see [`Directory`].
    pub fn import(mut self, directory: &Directory) -> Self {
        self.import = Some(directory.clone());
        self
    }

    /// Removes a file.
    pub fn remove(self, path: &str) -> Self {
        self.edit(path, Edit::Remove)
    }

    /// Says why.
    pub fn message(mut self, message: &str) -> Self {
        message.clone_into(&mut self.description.message);
        self
    }

    /// Adds metadata; the last value of a key counts.
    pub fn metadata(mut self, key: &str, value: &str) -> Self {
        self.description.metadata.insert(key.to_owned(), value.to_owned());
        self
    }

    /// States data that the commit was made of; may be called for each.
    pub fn derived_from(mut self, data: DataRef) -> Self {
        self.description.derived_from.data.push(data);
        self
    }

    /// States the code that made the commit.
    ///
    /// If it names the blob of a difference, that must be stored; hand in its receipt by [`CommitBuilder::with_receipt`].
    pub fn made_by(mut self, code: CodeRef) -> Self {
        self.description.derived_from.code = Some(code);
        self
    }

    /// Covers blobs that the commit names but does not store itself, so that no collection takes them.
    pub fn with_receipt(mut self, receipt: Receipt) -> Self {
        self.receipts.push(receipt);
        self
    }

    /// States on which version the changes were decided; without it, on the tip of the branch when the commit is made.
    ///
    /// If any of the changed paths was changed on the branch since then, the commit is a [`Error::Conflict`].
    pub fn based_on(mut self, base: CommitId) -> Self {
        self.base = Some(base);
        self
    }

    /// Makes the commit idempotent under `key`, for ever and across processes: a second one with the same key on this
    /// repository changes nothing and returns the first.
    pub fn with_key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    /// Reports the bytes stored to `progress`.
    pub fn with_progress(mut self, progress: &'a dyn Progress) -> Self {
        self.progress = progress;
        self
    }

    /// Stores what changed and publishes the commit: all of it, or nothing.
    ///
    /// If other commits got to the branch first and touched other paths, this one is put on top of them.
    ///
    /// # Errors
    /// [`Error::Conflict`] if they touched the same paths: read the new version, decide again. [`Error::Unchanged`] if there
    /// is nothing to change, [`Error::Refused`] by a hook. [`Error::NoSuchBranch`] unless it is the very first commit, which
    /// begins its branch. For single paths [`Error::Path`], [`Error::Clash`], [`Error::NoSuchPath`], [`Error::Schema`],
    /// [`Error::DuplicateKey`], [`Error::Evolution`], [`Error::NoSuchColumn`], [`Error::UnsupportedType`], [`Error::NotATable`],
    /// [`Error::Local`], [`Error::Unfit`], [`Error::Restless`], [`Error::NoSource`], [`Error::Source`], [`Error::SourceChanged`]. Otherwise [`Error::Store`]; if its kind is
    /// `Unavailable` the outcome may be unknown, and repeating is safe with [`CommitBuilder::with_key`].
    pub async fn commit(self, actor: &Actor) -> Result<Commit, Error> {
        // Named, so that it is sure to be `Send` here and not only where somebody spawns it.
        let made: BoxFuture<'_, _> = Box::pin(publish::commit(self, actor));
        made.await
    }

    fn edit(mut self, path: &str, edit: Edit) -> Self {
        self.edits.push((path.to_owned(), edit));
        self
    }
}
