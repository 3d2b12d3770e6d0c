use std::{
    collections::{BTreeMap, BTreeSet},
    future::ready,
    sync::Arc,
};

use futures::{StreamExt, TryStreamExt, stream, stream::BoxStream};
use lineal_core::{BlobStore, DataRef, Name};

use crate::{
    BranchName, Change, Commit, CommitId, Error, FormatFlaw, RepositoryState, TagName, Version, error::excerpt,
    history, reference::Sources, revision::Revision, tree::Tree,
};

/// A repository at one moment: where its branches and tags were, and all that can be read from there.
///
/// Holds no connection to what happens later; commits named here stay readable.
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
/// repository.commit("main").put("a", "1").message("first").commit(&ana).await?;
/// let then = repository.now().await?;
/// repository.commit("main").put("a", "2").message("second").commit(&ana).await?;
/// assert_eq!(then.at("main").await?.read("a").await?, "1");
///
/// use futures::TryStreamExt;
/// let log: Vec<_> = repository.log("main").await?.map_ok(|commit| commit.message().to_owned()).try_collect().await?;
/// assert_eq!(log, ["second", "first"]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct View {
    blobs: Arc<dyn BlobStore>,
    sources: Sources,
    /// The tree without files, and through it all others.
    trees: Tree,
    repository: Name,
    state: RepositoryState,
}

impl View {
    pub(crate) fn new(
        blobs: Arc<dyn BlobStore>,
        sources: Sources,
        trees: Tree,
        repository: Name,
        state: RepositoryState,
    ) -> Self {
        Self { blobs, sources, trees, repository, state }
    }

    /// Returns the branches and their tips.
    #[must_use]
    pub fn branches(&self) -> &BTreeMap<BranchName, CommitId> {
        self.state.branches()
    }

    /// Returns the tags and what they name.
    #[must_use]
    pub fn tags(&self) -> &BTreeMap<TagName, CommitId> {
        self.state.tags()
    }

    /// Finds the commit that `revision` names: a branch, a tag or 64 hex digits, and behind it perhaps `~n` for the n-th
    /// first parent.
    ///
    /// # Errors
    /// [`Error::NoSuchRevision`], also for a digest that is no commit; [`Error::Invalid`]; [`Error::Format`] for a commit of a
    /// newer release; [`Error::Store`].
    pub async fn resolve(&self, revision: &str) -> Result<CommitId, Error> {
        Ok(self.commit(revision).await?.id())
    }

    /// Reads the commit that `revision` names.
    ///
    /// # Errors
    /// As [`View::resolve`].
    pub async fn commit(&self, revision: &str) -> Result<Commit, Error> {
        let none = || Error::NoSuchRevision { revision: excerpt(revision) };
        let Revision { name, back } = Revision::parse(revision)?;
        let mut commit = match (self.find(name), name.parse()) {
            (Some(known), _) => Commit::load(self.blobs.as_ref(), known).await?,
            (None, Ok(id)) => Commit::load(self.blobs.as_ref(), id)
                .await
                .map_err(|error| if is_no_commit(&error) { none() } else { error })?,
            (None, Err(_)) => return Err(none()),
        };
        for _ in 0..back {
            let parent = commit.parents().first().ok_or_else(none)?;
            commit = Commit::load(self.blobs.as_ref(), *parent).await?;
        }
        Ok(commit)
    }

    /// Reads the commit that `revision` names, if the repository keeps it: a commit that was sent here and refused lies in the
    /// store, too, but nobody saw to it that it stays.
    pub(crate) async fn kept(&self, revision: &str) -> Result<Commit, Error> {
        let commit = self.commit(revision).await?;
        let is_kept = self.state.kept().any(|kept| kept == commit.id());
        if is_kept || self.find(Revision::parse(revision)?.name).is_some() {
            return Ok(commit);
        }
        // A commit is newer than its parents: behind its own time it cannot come any more.
        let mut history = self.all_commits(|_| true);
        while let Some(found) = history.try_next().await? {
            if found.id() == commit.id() {
                return Ok(commit);
            }
            if found.time() < commit.time() {
                break;
            }
        }
        Err(Error::invalid("commit", revision, "is in the history of no branch or tag"))
    }

    /// Opens the version that `revision` names.
    ///
    /// # Errors
    /// As [`View::resolve`].
    pub async fn at(&self, revision: &str) -> Result<Version, Error> {
        let commit = self.commit(revision).await?;
        let tree = self.trees.at(Some(commit.tree()));
        Ok(Version::new(Arc::clone(&self.blobs), self.sources.clone(), self.repository.clone(), commit, tree))
    }

    /// Streams the commit that `revision` names and all before it, newest first; take as many as you need.
    ///
    /// Reads one blob for each commit.
    ///
    /// # Errors
    /// As [`View::resolve`], also as items of the stream.
    pub async fn log(&self, revision: &str) -> Result<BoxStream<'static, Result<Commit, Error>>, Error> {
        let start = self.commit(revision).await?;
        Ok(history::log(Arc::clone(&self.blobs), start))
    }

    /// Streams the commits that state to be made of `data`, newest first: those of any branch or tag, and before them.
    ///
    /// A reference without a path asks for the version as a whole, and finds also what was made of a part of it; one with a path finds
    /// also what was made of the whole. What was made of those in turn is another question, with their own references. Reads one
    /// blob for each commit of the repository; the other way, [`Commit::derived_from`] answers at once.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use futures::TryStreamExt;
    /// # use lineal_core::{Actor, LooseBlobs, Store};
    /// # use lineal_data::Repository;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let store = Store::open("memory:///")?;
    /// # let blobs = Arc::new(LooseBlobs::open(&store, "blobs").await?);
    /// # let repository = Repository::open(&store, "flights", blobs).await?;
    /// # let ana = Actor::new("ana@example.org")?;
    /// repository.commit("main").put("raw.csv", "1;2").commit(&ana).await?;
    /// let raw = repository.at("main").await?.data_ref_of("raw.csv").await?;
    /// repository.commit("main").put("clean.csv", "1,2").derived_from(raw.clone()).commit(&ana).await?;
    /// let made: Vec<_> = repository.now().await?.derivatives(&raw).try_collect().await?;
    /// assert_eq!(made.len(), 1);
    /// assert_eq!(made[0].derived_from().data, [raw]);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn derivatives(&self, data: &DataRef) -> BoxStream<'static, Result<Commit, Error>> {
        let data = data.clone();
        let of_part = move |origin: &DataRef| {
            let path = origin.path.is_none() || data.path.is_none() || origin.path == data.path;
            origin.repository == data.repository && origin.commit == data.commit && path
        };
        self.all_commits(move |commit| commit.derived_from().data.iter().any(&of_part))
    }

    /// Streams the commits that state to be made by the code of a git commit, given in hex as it was stated; as
    /// [`View::derivatives`].
    #[must_use]
    pub fn made_by(&self, code: &str) -> BoxStream<'static, Result<Commit, Error>> {
        let code = code.to_owned();
        self.all_commits(move |commit| commit.derived_from().code.as_ref().is_some_and(|made| made.commit == code))
    }

    /// Streams those of all kept commits that are `wanted`.
    pub(crate) fn all_commits(
        &self,
        wanted: impl Fn(&Commit) -> bool + Send + Sync + 'static,
    ) -> BoxStream<'static, Result<Commit, Error>> {
        let (blobs, kept) = (Arc::clone(&self.blobs), self.state.kept().collect::<BTreeSet<_>>());
        let start = async move {
            let starts = history::load_all(blobs.as_ref(), kept.into_iter().collect()).await?;
            Ok::<_, Error>(history::walk(blobs, starts))
        };
        stream::once(start).try_flatten().try_filter(move |commit| ready(wanted(commit))).boxed()
    }

    /// Streams what differs between two revisions, directory by directory.
    ///
    /// Reads only the parts of the trees that differ, in bounded memory.
    ///
    /// # Errors
    /// As [`View::resolve`], also as items of the stream.
    pub async fn diff(&self, old: &str, new: &str) -> Result<BoxStream<'static, Result<Change, Error>>, Error> {
        let (old, new) = (self.tree(old).await?, self.tree(new).await?);
        Ok(old.diff(&new))
    }

    pub(crate) fn state(&self) -> &RepositoryState {
        &self.state
    }

    pub(crate) fn tip(&self, branch: &BranchName) -> Option<CommitId> {
        self.state.branches().get(branch).copied()
    }

    /// Tells whether nothing was ever committed.
    pub(crate) fn is_new(&self) -> bool {
        self.state.kept().next().is_none()
    }

    pub(crate) async fn tree(&self, revision: &str) -> Result<Tree, Error> {
        Ok(self.trees.at(Some(self.commit(revision).await?.tree())))
    }

    fn find(&self, name: &str) -> Option<CommitId> {
        let branch = BranchName::new(name).ok().and_then(|name| self.state.branches().get(&name));
        let tag = || TagName::new(name).ok().and_then(|name| self.state.tags().get(&name));
        branch.or_else(tag).copied()
    }
}

/// Tells whether a digest that somebody gave names no blob, or one that never was a commit.
fn is_no_commit(error: &Error) -> bool {
    match error {
        Error::Store(lineal_core::Error::BlobMissing { .. }) => true,
        // Its bytes are what they were when they were put: the store has checked them.
        Error::Format { source, .. } => matches!(**source, FormatFlaw::Encoding(_) | FormatFlaw::Size(_)),
        _ => false,
    }
}
