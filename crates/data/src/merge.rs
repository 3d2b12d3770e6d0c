use std::{collections::BTreeMap, fmt, sync::Arc};

use arrow::array::RecordBatch;
use futures::{TryStreamExt, future::BoxFuture};
use lineal_core::{Actor, BlobStore, Digest, FilePath, NoProgress};

use crate::{
    BranchName, Commit, CommitId, DataEvent, Error, FileEntry, FileKind, Repository, ancestry,
    commit::Description,
    content::Content,
    land::{self, Landed, Landing},
    publish,
    stage::Stage,
    step::Step,
    table::{self, MergedRows, Side},
    tree::{Changes, Tree},
};

/// Brings the changes of other commits to a branch: see [`Repository::merge`], [`Repository::revert`] and
/// [`Repository::cherry_pick`].
///
/// ```
/// # use std::sync::Arc;
/// # use lineal_core::{Actor, LooseBlobs, Store};
/// # use lineal_data::{Repository, Resolve};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let store = Store::open("memory:///")?;
/// # let blobs = Arc::new(LooseBlobs::open(&store, "blobs").await?);
/// # let repository = Repository::open(&store, "flights", blobs).await?;
/// # let ana = Actor::new("ana@example.org")?;
/// repository.commit("main").put("labels.csv", "a").put("notes.md", "n").commit(&ana).await?;
/// repository.create_branch("relabel", "main", &ana).await?;
/// repository.commit("relabel").put("labels.csv", "b").commit(&ana).await?;
/// repository.commit("main").put("labels.csv", "c").remove("notes.md").commit(&ana).await?;
///
/// match repository.merge("main", "relabel").commit(&ana).await {
///     Err(lineal_data::Error::Conflicts { conflicts, .. }) => assert_eq!(conflicts[0].path.as_str(), "labels.csv"),
///     other => panic!("both sides changed the labels: {other:?}"),
/// }
/// repository.merge("main", "relabel").resolve(Resolve::Theirs).commit(&ana).await?;
/// assert_eq!(repository.at("main").await?.read("labels.csv").await?, "b");
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "nothing happens before `commit`"]
pub struct MergeBuilder<'a> {
    repository: &'a Repository,
    branch: String,
    revision: String,
    what: What,
    resolve: Resolve,
    message: Option<String>,
    metadata: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Merge,
    Revert,
    CherryPick,
}

/// What becomes of files that both sides changed, each in another way.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum Resolve {
    /// Nothing is merged: [`Error::Conflicts`] names them.
    #[default]
    Refuse,
    /// They stay as they are on the branch.
    Ours,
    /// They become what the other side made of them.
    Theirs,
    /// What either side has is kept. A file that one side changed and the other removed stays; of two different ones, that of the
    /// branch keeps its name, and the other lies beside it: `labels.csv` as `labels.theirs-1f2e3d4c5b6a.csv`, with the first
    /// digits of its digest.
    Union,
    /// The caller decides file by file; `None` leaves the conflict standing.
    With(Arc<Decide>),
    /// Tables of one schema are merged row by row; other files stay in conflict.
    Rows(RowMerge),
}

/// How the rows of a table that both sides changed are merged: three-way, by key.
///
/// Rows that only one side added, changed or removed become as they are there; what both sides did alike counts once. A row that
/// both changed in another way, even in other cells, is a conflict, as nothing says that its cells are independent of each other.
/// Rows that are new on the other side come last, in their order there. Reads and decodes only the rows of pages that differ.
///
/// ```
/// # use std::sync::Arc;
/// # use arrow::array::{Int64Array, RecordBatch, StringArray};
/// # use lineal_core::{Actor, LooseBlobs, Store};
/// # use lineal_data::{Repository, Resolve, RowMerge};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let store = Store::open("memory:///")?;
/// # let blobs = Arc::new(LooseBlobs::open(&store, "blobs").await?);
/// # let repository = Repository::open(&store, "flights", blobs).await?;
/// # let ana = Actor::new("ana@example.org")?;
/// # let rows = |ids: Vec<i64>, labels: Vec<&str>| -> Result<RecordBatch, arrow::error::ArrowError> {
/// #     let (ids, labels) = (Arc::new(Int64Array::from(ids)), Arc::new(StringArray::from(labels)));
/// #     RecordBatch::try_from_iter([("id", ids as arrow::array::ArrayRef), ("label", labels as arrow::array::ArrayRef)])
/// # };
/// repository.commit("main").put_table("t", &[rows(vec![1, 2, 3], vec!["cat", "cat", "dog"])?]).commit(&ana).await?;
/// repository.create_branch("relabel", "main", &ana).await?;
/// repository.commit("relabel").update_rows("t", &["id"], &[rows(vec![1, 2], vec!["lion", "lynx"])?]).commit(&ana).await?;
/// repository.commit("main").update_rows("t", &["id"], &[rows(vec![2, 4], vec!["tiger", "cow"])?]).commit(&ana).await?;
///
/// let by_id = RowMerge::by(&["id"]);
/// match repository.merge("main", "relabel").resolve(Resolve::Rows(by_id.clone())).commit(&ana).await {
///     Err(lineal_data::Error::Conflicts { conflicts, .. }) => {
///         // The keys of the rows: only row 2 was changed on both sides.
///         assert_eq!(conflicts[0].rows.as_ref().map(RecordBatch::num_rows), Some(1));
///     }
///     other => panic!("both sides changed row 2: {other:?}"),
/// }
/// repository.merge("main", "relabel").resolve(Resolve::Rows(by_id.keep_theirs())).commit(&ana).await?;
/// let merged = repository.at("main").await?.read_table("t").await?;
/// assert_eq!(merged, [rows(vec![1, 2, 3, 4], vec!["lion", "lynx", "dog", "cow"])?]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowMerge {
    key: Vec<String>,
    otherwise: Option<Resolution>,
}

impl RowMerge {
    /// Tells rows apart by the columns `key`; a row that both sides changed leaves the table in conflict.
    #[must_use]
    pub fn by(key: &[&str]) -> Self {
        Self { key: key.iter().map(|column| (*column).to_owned()).collect(), otherwise: None }
    }

    /// Keeps rows that both sides changed as they are on the branch.
    #[must_use]
    pub fn keep_ours(self) -> Self {
        Self { otherwise: Some(Resolution::Ours), ..self }
    }

    /// Makes rows that both sides changed what the other side made of them.
    #[must_use]
    pub fn keep_theirs(self) -> Self {
        Self { otherwise: Some(Resolution::Theirs), ..self }
    }
}

/// Decides on one conflict, or leaves it standing.
pub type Decide = dyn Fn(&MergeConflict) -> Option<Resolution> + Send + Sync;

/// How one conflict is resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resolution {
    /// As on the branch.
    Ours,
    /// As on the other side.
    Theirs,
    /// As before both.
    Base,
}

/// A file that both sides changed, each in another way.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MergeConflict {
    /// Where.
    pub path: FilePath,
    /// The file before both changes.
    pub base: Option<FileEntry>,
    /// On the branch.
    pub ours: Option<FileEntry>,
    /// On the other side.
    pub theirs: Option<FileEntry>,
    /// The keys of the rows in conflict, if the file is a table whose other rows could be merged.
    pub rows: Option<RecordBatch>,
}

impl MergeConflict {
    /// Returns what is to be put so that neither side loses a file, if anything is.
    fn union(self) -> Result<Option<(FilePath, Option<FileEntry>)>, Error> {
        let is_file = |entry: &FileEntry| entry.kind != FileKind::Directory;
        match (self.ours.filter(is_file), self.theirs.filter(is_file)) {
            (_, None) => Ok(None),
            (None, Some(theirs)) => Ok(Some((self.path, Some(theirs)))),
            (Some(_), Some(theirs)) => {
                let path = beside(&self.path, theirs.digest)?;
                Ok(Some((path.clone(), Some(FileEntry { path, ..theirs }))))
            }
        }
    }
}

/// Returns the path of a file beside one of the same name.
fn beside(path: &FilePath, digest: Digest) -> Result<FilePath, Error> {
    let (directory, name) = match path.as_str().rsplit_once('/') {
        Some((directory, name)) => (format!("{directory}/"), name),
        None => (String::new(), path.as_str()),
    };
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => (stem, format!(".{extension}")),
        _ => (name, String::new()),
    };
    Ok(FilePath::new(format!("{directory}{stem}.theirs-{}{extension}", digest.short()))?)
}

impl fmt::Debug for Resolve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refuse => "Refuse",
            Self::Ours => "Ours",
            Self::Theirs => "Theirs",
            Self::Union => "Union",
            Self::With(_) => "With",
            Self::Rows(_) => "Rows",
        })
    }
}

impl Resolve {
    fn decide(&self, conflict: &MergeConflict) -> Option<Resolution> {
        match self {
            Self::Refuse | Self::Rows(_) | Self::Union => None,
            Self::Ours => Some(Resolution::Ours),
            Self::Theirs => Some(Resolution::Theirs),
            Self::With(decide) => decide(conflict),
        }
    }
}

impl Repository {
    /// Merges all that `revision` has and `branch` has not: a three-way merge from the newest commit they share.
    ///
    /// If the branch has nothing of its own, it moves to the other commit, and no new one is made.
    pub fn merge(&self, branch: &str, revision: &str) -> MergeBuilder<'_> {
        MergeBuilder::new(self, What::Merge, branch, revision)
    }

    /// Takes back on `branch` what the commit `revision` changed against its first parent.
    pub fn revert(&self, branch: &str, revision: &str) -> MergeBuilder<'_> {
        MergeBuilder::new(self, What::Revert, branch, revision)
    }

    /// Repeats on `branch` what the commit `revision` changed against its first parent.
    pub fn cherry_pick(&self, branch: &str, revision: &str) -> MergeBuilder<'_> {
        MergeBuilder::new(self, What::CherryPick, branch, revision)
    }
}

/// Three trees: what lies between the first and the last is brought to the second.
struct ThreeWay {
    base: Tree,
    ours: Tree,
    theirs: Tree,
    /// Further parents of the commit.
    others: Vec<CommitId>,
    /// What is said of it, but for what the caller says.
    description: Description,
}

impl<'a> MergeBuilder<'a> {
    fn new(repository: &'a Repository, what: What, branch: &str, revision: &str) -> Self {
        let (branch, revision) = (branch.to_owned(), revision.to_owned());
        let (resolve, message, metadata) = (Resolve::default(), None, BTreeMap::new());
        Self { repository, branch, revision, what, resolve, message, metadata }
    }

    /// States what becomes of files that both sides changed; without it the merge is refused if there are any.
    pub fn resolve(self, resolve: Resolve) -> Self {
        Self { resolve, ..self }
    }

    /// Says why; without it the message names what was merged.
    pub fn message(self, message: &str) -> Self {
        Self { message: Some(message.to_owned()), ..self }
    }

    /// Adds metadata; the last value of a key counts. A cherry-pick has that of the commit which it repeats, and what that was derived
    /// from.
    pub fn metadata(mut self, key: &str, value: &str) -> Self {
        self.metadata.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Puts the result on the branch, as one commit, or by moving the branch; returns where the branch then is.
    ///
    /// Reads and writes only the parts of the trees that differ. If other commits get to the branch first, it is merged with
    /// them.
    ///
    /// # Errors
    /// [`Error::Conflicts`]; [`Error::Unchanged`] if the branch has all of it already; [`Error::Clash`] if files of both
    /// sides cannot lie in one directory; [`Error::Refused`], [`Error::Protected`], [`Error::Locked`]; those of
    /// [`View::resolve`](crate::View::resolve).
    pub async fn commit(self, actor: &Actor) -> Result<Commit, Error> {
        // Named, so that it is sure to be `Send` here and not only where somebody spawns it.
        let made: BoxFuture<'_, _> = Box::pin(self.run(actor));
        made.await
    }

    async fn run(self, actor: &Actor) -> Result<Commit, Error> {
        let branch = BranchName::new(self.branch.as_str())?;
        let repository = self.repository;
        let other = repository.now().await?.kept(&self.revision).await?;
        loop {
            let tip = publish::tip(&repository.now().await?, &branch)?;
            let Some(tip) = tip else { return Err(Error::NoSuchBranch { branch }) };
            let base = ancestry::merge_base(repository.blobs.as_ref(), tip, other.id()).await?;
            if self.what == What::Merge && base == Some(other.id()) {
                return Err(Error::Unchanged { branch });
            }
            if self.what == What::Merge && base == Some(tip) {
                match self.fast_forward(&branch, tip, &other, actor).await? {
                    true => return Ok(other),
                    false => continue,
                }
            }
            let ways = self.ways(tip, &other, base).await?;
            let batch = repository.blobs.begin().await?;
            let (blobs, sources) = (repository.blobs.as_ref(), &repository.sources);
            let stage = Stage { blobs, batch: batch.as_ref(), sources, progress: &NoProgress };
            let changes = ways.merge(repository, &branch, &self.resolve, &stage).await?;
            let mut receipts = Vec::new();
            let batch = publish::close_for_hooks(repository, batch, &mut receipts).await?;
            let mut description = ways.description.clone();
            description.message = self.message.clone().unwrap_or(description.message);
            description.metadata.extend(self.metadata.clone());
            let landing = Landing {
                branch: &branch,
                tip: Some(tip),
                others: ways.others,
                below: &ways.ours,
                changes: &changes,
                description: &description,
                receipts: &receipts,
                key: None,
            };
            if let Landed::Done(commit) = land::land(repository, &landing, batch, actor).await? {
                return Ok(*commit);
            }
        }
    }

    /// Moves the branch to a commit that descends from where it is; false if it is elsewhere by now.
    async fn fast_forward(
        &self,
        branch: &BranchName,
        tip: CommitId,
        other: &Commit,
        actor: &Actor,
    ) -> Result<bool, Error> {
        let (repository, commit) = (self.repository, other.id());
        let step = Step { branch, from: Some(tip), to: commit, description: &other.description(), actor };
        let checked = repository.check_step(&step).await?;
        let mut moved = true;
        repository
            .record(actor, |state| {
                state.check_writer(branch, actor)?;
                moved = state.branches().get(branch) == Some(&tip) && checked.holds(state, actor)?;
                Ok(if moved { vec![DataEvent::Committed { branch: branch.clone(), commit }] } else { Vec::new() })
            })
            .await?;
        Ok(moved)
    }

    async fn ways(&self, tip: CommitId, other: &Commit, base: Option<CommitId>) -> Result<ThreeWay, Error> {
        let repository = self.repository;
        let tree = async |commit| publish::load_tree(repository, commit).await;
        let ours = tree(Some(tip)).await?;
        let (before, after) = (other.parents().first().copied(), Some(other.id()));
        let what = |what: &str| Description { message: format!("{what} {}", self.revision), ..Description::default() };
        Ok(match self.what {
            What::Merge => ThreeWay {
                base: tree(base).await?,
                ours,
                theirs: tree(after).await?,
                others: vec![other.id()],
                description: what("merge"),
            },
            What::Revert => ThreeWay {
                base: tree(after).await?,
                ours,
                theirs: tree(before).await?,
                others: Vec::new(),
                description: what("revert"),
            },
            What::CherryPick => ThreeWay {
                base: tree(before).await?,
                ours,
                theirs: tree(after).await?,
                others: Vec::new(),
                // What was said of it holds as well where it is repeated.
                description: other.description(),
            },
        })
    }
}

impl RowMerge {
    /// Returns the merged table; `None`, and the rows in conflict, if there are any or it is no table of one schema.
    async fn apply(
        &self,
        blobs: &Arc<dyn BlobStore>,
        conflict: &mut MergeConflict,
        stage: &Stage<'_>,
    ) -> Result<Option<FileEntry>, Error> {
        let MergeConflict { path, base: Some(base), ours: Some(ours), theirs: Some(theirs), .. } = &*conflict else {
            return Ok(None);
        };
        let schema = |entry: &FileEntry| entry.table.map(|facts| facts.schema);
        if schema(base).is_none() || schema(base) != schema(ours) || schema(ours) != schema(theirs) {
            return Ok(None);
        }
        let diff = async |new: &FileEntry| {
            let (old, new) =
                (Side::open(blobs, stage.sources, base).await?, Side::open(blobs, stage.sources, new).await?);
            table::diff_rows(path.clone(), old, new, self.key.clone()).await
        };
        let (ours_diff, theirs_diff) = (diff(ours).await?, diff(theirs).await?);
        let theirs_wins = self.otherwise == Some(Resolution::Theirs);
        let merged = table::merge_rows(path.clone(), self.key.clone(), ours_diff, theirs_diff, theirs_wins).await?;
        let MergedRows { edits, conflicts } = merged;
        if conflicts.num_rows() > 0 && self.otherwise.is_none() {
            conflict.rows = Some(conflicts);
            return Ok(None);
        }
        if edits.is_empty() {
            return Ok(Some(ours.clone()));
        }
        stage.store_one(path, Content::Table(Some(ours.clone()), edits)).await
    }
}

impl ThreeWay {
    /// Returns what becomes of the files of the branch.
    async fn merge(
        &self,
        repository: &Repository,
        branch: &BranchName,
        resolve: &Resolve,
        stage: &Stage<'_>,
    ) -> Result<Changes, Error> {
        let (mut changes, mut conflicts) = (Changes::new(), Vec::new());
        let mut theirs = self.base.diff(&self.theirs);
        while let Some(change) = theirs.try_next().await? {
            let path = change.path();
            let (base, theirs) = (change.old_entry(), change.new_entry());
            let ours = self.ours.get(path).await?;
            if ours.as_ref() == base {
                changes.insert(path.clone(), theirs.cloned());
                continue;
            }
            if ours.as_ref() == theirs {
                continue;
            }
            let (base, theirs) = (base.cloned(), theirs.cloned());
            let mut conflict = MergeConflict { path: path.clone(), base, ours, theirs, rows: None };
            if let Resolve::Rows(merge) = resolve
                && let Some(entry) = merge.apply(&repository.blobs, &mut conflict, stage).await?
            {
                changes.insert(conflict.path, Some(entry));
                continue;
            }
            if let Resolve::Union = resolve {
                changes.extend(conflict.union()?);
                continue;
            }
            match resolve.decide(&conflict) {
                Some(Resolution::Ours) => {}
                Some(Resolution::Theirs) => drop(changes.insert(conflict.path, conflict.theirs)),
                Some(Resolution::Base) => drop(changes.insert(conflict.path, conflict.base)),
                None => conflicts.push(conflict),
            }
        }
        match conflicts.is_empty() {
            true => Ok(changes),
            false => Err(Error::Conflicts { branch: branch.clone(), conflicts }),
        }
    }
}
