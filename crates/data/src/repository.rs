use std::{collections::BTreeMap, sync::Arc};

use futures::stream::BoxStream;
use lineal_core::{
    Actor, At, BlobStore, Journal, Name, Progress, Store, Timestamp, TransactError, Txn, object_store::ObjectStore,
};

use crate::{
    BranchName, Change, Commit, CommitBuilder, CommitHook, CommitId, DataEvent, Error, Level, RepositoryState, TagName,
    Verification, Version, View, reference::Sources, step::Step, tree::Tree, verify,
};

/// A versioned dataset: files and tables in commits, on branches.
///
/// Cheap to clone. Any number of processes may write to one repository; every change of a branch or tag is one event of its
/// journal, decided on the newest state.
///
/// ```
/// use std::sync::Arc;
/// use lineal_core::{Actor, LooseBlobs, NoProgress, Store};
/// use futures::StreamExt;
/// use lineal_data::{Level, Repository};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = Store::open("memory:///")?;
/// let blobs = Arc::new(LooseBlobs::open(&store, "blobs").await?);
/// let repository = Repository::open(&store, "flights", blobs).await?;
/// let ana = Actor::new("ana@example.org")?;
///
/// repository.commit("main").put("01.csv", "a,b").message("January").commit(&ana).await?;
/// repository.tag("v1", "main", &ana).await?;
/// repository.create_branch("clean", "v1", &ana).await?;
/// repository.commit("clean").remove("01.csv").put("01.tsv", "a b").commit(&ana).await?;
///
/// assert_eq!(repository.diff("main", "clean").await?.count().await, 2);
/// assert!(repository.verify(Level::Rehash, &NoProgress).await?.is_intact());
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Repository {
    pub(crate) journal: Journal<RepositoryState>,
    pub(crate) blobs: Arc<dyn BlobStore>,
    /// The tree without files, and through it all others.
    pub(crate) trees: Tree,
    pub(crate) name: Name,
    pub(crate) hooks: Vec<Arc<dyn CommitHook>>,
    pub(crate) sources: Sources,
}

impl Repository {
    /// Opens the repository `name` of `store`, with its bytes in `blobs`. Never writes; a new one is empty.
    ///
    /// The journal lies at `data/<name>`.
    ///
    /// # Errors
    /// [`Error::Name`]; [`Error::Store`] if the journal cannot be read.
    pub async fn open(store: &Store, name: &str, blobs: Arc<dyn BlobStore>) -> Result<Self, Error> {
        let name = Name::new(name)?;
        let journal = Journal::builder(store, &format!("data/{name}")).open().await?;
        let trees = Tree::new(Arc::clone(&blobs), None);
        Ok(Self { journal, blobs, trees, name, hooks: Vec::new(), sources: Sources::default() })
    }

    /// Lets `hook` look at every commit made through this handle, after those added before.
    #[must_use]
    pub fn with_hook(mut self, hook: Arc<dyn CommitHook>) -> Self {
        self.hooks.push(hook);
        self
    }

    /// Lets files be read in place whose address begins with `url`, such as `s3://lake/raw`: what follows is their path in
    /// `objects`. Of several sources the one with the longest address counts.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an address without scheme, or with a query or credentials.
    pub fn with_source(mut self, url: &str, objects: Arc<dyn ObjectStore>) -> Result<Self, Error> {
        self.sources = self.sources.with(url, objects)?;
        Ok(self)
    }

    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Returns the journal, for those who anchor its head, follow it or collect garbage.
    #[must_use]
    pub fn journal(&self) -> &Journal<RepositoryState> {
        &self.journal
    }

    /// Starts a commit on `branch`; nothing is stored before [`CommitBuilder::commit`].
    pub fn commit(&self, branch: &str) -> CommitBuilder<'_> {
        CommitBuilder::new(self, branch)
    }

    /// Returns the repository as it is now.
    ///
    /// # Errors
    /// [`Error::Store`] if the journal cannot be read.
    pub async fn now(&self) -> Result<View, Error> {
        Ok(self.view(self.journal.read(Clone::clone).await?))
    }

    /// Returns the repository as it was at `time`, with the branches and tags of that moment.
    ///
    /// # Errors
    /// [`Error::Store`]; its kind is `NotFound` if the repository is younger than that.
    pub async fn as_of(&self, time: Timestamp) -> Result<View, Error> {
        let past = self.journal.as_of(At::Time(time)).await?.state;
        // What was purged since then stays so.
        self.now().await?;
        Ok(self.view(past))
    }

    /// Returns the branches and their tips.
    ///
    /// # Errors
    /// As [`Repository::now`].
    pub async fn branches(&self) -> Result<BTreeMap<BranchName, CommitId>, Error> {
        Ok(self.now().await?.branches().clone())
    }

    /// Finds the commit that `revision` names, now; see [`View::resolve`].
    ///
    /// # Errors
    /// As there.
    pub async fn resolve(&self, revision: &str) -> Result<CommitId, Error> {
        self.now().await?.resolve(revision).await
    }

    /// Opens the version that `revision` names, now; see [`View::at`].
    ///
    /// # Errors
    /// As there.
    pub async fn at(&self, revision: &str) -> Result<Version, Error> {
        self.now().await?.at(revision).await
    }

    /// Streams the history of `revision`, newest first; see [`View::log`].
    ///
    /// # Errors
    /// As there.
    pub async fn log(&self, revision: &str) -> Result<BoxStream<'static, Result<Commit, Error>>, Error> {
        self.now().await?.log(revision).await
    }

    /// Streams which files differ between two revisions; see [`View::diff`].
    ///
    /// # Errors
    /// As there.
    pub async fn diff(&self, old: &str, new: &str) -> Result<BoxStream<'static, Result<Change, Error>>, Error> {
        self.now().await?.diff(old, new).await
    }

    /// Begins a branch at the commit that `at` names.
    ///
    /// # Errors
    /// [`Error::Taken`] if a branch or tag has that name; [`Error::Invalid`] for a commit that no branch or tag ever had; those of
    /// [`View::resolve`].
    pub async fn create_branch(&self, branch: &str, at: &str, actor: &Actor) -> Result<CommitId, Error> {
        let branch = BranchName::new(branch)?;
        check_not_a_digest("branch", branch.as_str())?;
        let commit = self.now().await?.kept(at).await?.id();
        self.record(actor, |state| match taken(state, branch.as_str()) {
            Some(by) => Err(Error::Taken { name: branch.to_string(), by }),
            None => Ok(vec![DataEvent::BranchCreated { branch: branch.clone(), commit }]),
        })
        .await?;
        Ok(commit)
    }

    /// Sets a branch from the commit `from`, where the caller believes it is, to the one that `to` names.
    ///
    /// Commits that are on no branch afterwards stay readable by their id.
    ///
    /// # Errors
    /// [`Error::Moved`] if it is elsewhere by now; [`Error::NoSuchBranch`], [`Error::Protected`]; [`Error::Locked`] if that changes
    /// what somebody else locked, and [`Error::Refused`] by a hook, as for a commit. [`Error::Invalid`] for a commit that no branch
    /// or tag ever had; those of [`View::resolve`].
    pub async fn move_branch(&self, branch: &str, from: CommitId, to: &str, actor: &Actor) -> Result<CommitId, Error> {
        let branch = BranchName::new(branch)?;
        let view = self.now().await?;
        let target = view.kept(to).await?;
        let commit = target.id();
        check_place(view.state(), &branch, from)?;
        if from == commit {
            return Ok(commit);
        }
        let step = Step { branch: &branch, from: Some(from), to: commit, description: &target.description(), actor };
        loop {
            let checked = self.check_step(&step).await?;
            let mut again = false;
            self.record(actor, |state| {
                check_place(state, &branch, from)?;
                state.check_movable(&branch)?;
                again = !checked.holds(state, actor)?;
                let moved = DataEvent::BranchMoved { branch: branch.clone(), commit };
                Ok(if again { Vec::new() } else { vec![moved] })
            })
            .await?;
            if !again {
                return Ok(commit);
            }
        }
    }

    /// Deletes a branch; its commits stay readable by their ids and through [`Repository::as_of`].
    ///
    /// # Errors
    /// [`Error::NoSuchBranch`], [`Error::Protected`].
    pub async fn delete_branch(&self, branch: &str, actor: &Actor) -> Result<(), Error> {
        let branch = BranchName::new(branch)?;
        self.record(actor, |state| match state.branches().contains_key(&branch) {
            true => state.check_movable(&branch).map(|()| vec![DataEvent::BranchDeleted { branch: branch.clone() }]),
            false => Err(Error::NoSuchBranch { branch: branch.clone() }),
        })
        .await
    }

    /// Names the commit that `at` names for good. Setting the same tag to the same commit again changes nothing.
    ///
    /// # Errors
    /// [`Error::Taken`] if a branch or another commit has that name; otherwise as [`Repository::create_branch`].
    pub async fn tag(&self, tag: &str, at: &str, actor: &Actor) -> Result<CommitId, Error> {
        self.set_tag(tag, at, actor, false).await
    }

    /// Sets a tag as [`Repository::tag`] does, even if it names another commit by now; the journal keeps both facts.
    ///
    /// # Errors
    /// [`Error::Taken`] if a branch has that name; those of [`View::resolve`].
    pub async fn force_tag(&self, tag: &str, at: &str, actor: &Actor) -> Result<CommitId, Error> {
        self.set_tag(tag, at, actor, true).await
    }

    /// Deletes a tag; its commit stays.
    ///
    /// # Errors
    /// [`Error::NoSuchRevision`].
    pub async fn delete_tag(&self, tag: &str, actor: &Actor) -> Result<(), Error> {
        let tag = TagName::new(tag)?;
        self.record(actor, |state| match state.tags().contains_key(&tag) {
            true => Ok(vec![DataEvent::TagDeleted { tag: tag.clone() }]),
            false => Err(Error::NoSuchRevision { revision: tag.to_string() }),
        })
        .await
    }

    /// Checks that the repository holds together, as far as `level` asks; damage is named in the answer.
    ///
    /// # Errors
    /// [`Error::Store`] for a broken chain (it names the entry) or a store that cannot be read.
    pub async fn verify(&self, level: Level, progress: &dyn Progress) -> Result<Verification, Error> {
        verify::verify(self, level, progress).await
    }

    async fn set_tag(&self, tag: &str, at: &str, actor: &Actor, force: bool) -> Result<CommitId, Error> {
        let tag = TagName::new(tag)?;
        check_not_a_digest("tag", tag.as_str())?;
        let commit = self.now().await?.kept(at).await?.id();
        self.record(actor, |state| match (state.tags().get(&tag), taken(state, tag.as_str())) {
            (Some(old), _) if *old == commit => Ok(Vec::new()),
            (old, Some(by)) if old.is_none() || !force => Err(Error::Taken { name: tag.to_string(), by }),
            _ => Ok(vec![DataEvent::Tagged { commit, tag: tag.clone() }]),
        })
        .await?;
        Ok(commit)
    }

    pub(crate) async fn record(
        &self,
        actor: &Actor,
        decide: impl FnMut(&RepositoryState) -> Result<Vec<DataEvent>, Error> + Send,
    ) -> Result<(), Error> {
        match self.journal.transact(&Txn::by(actor.clone()), decide).await {
            Ok(_) => Ok(()),
            Err(TransactError::Refused(error)) => Err(error),
            Err(TransactError::Journal(error)) => Err(error.into()),
            Err(error) => Err(unknown(&error)),
        }
    }

    fn view(&self, state: RepositoryState) -> View {
        self.trees.substitute(state.substitutes());
        View::new(Arc::clone(&self.blobs), self.sources.clone(), self.trees.clone(), self.name.clone(), state)
    }
}

/// What a release of core that knows more outcomes than this one reports.
pub(crate) fn unknown<R>(error: &TransactError<R>) -> Error {
    Error::invalid("outcome of a transaction", &error.to_string(), "is not known to this release")
}

/// Refuses a branch that is not where it is believed to be.
fn check_place(state: &RepositoryState, branch: &BranchName, from: CommitId) -> Result<(), Error> {
    match state.branches().get(branch) {
        None => Err(Error::NoSuchBranch { branch: branch.clone() }),
        Some(tip) if *tip != from => Err(Error::Moved { branch: branch.clone() }),
        Some(_) => Ok(()),
    }
}

/// Branches and tags share one space of names, so that a revision means one thing.
pub(crate) fn taken(state: &RepositoryState, name: &str) -> Option<&'static str> {
    if BranchName::new(name).is_ok_and(|name| state.branches().contains_key(&name)) {
        Some("branch")
    } else if TagName::new(name).is_ok_and(|name| state.tags().contains_key(&name)) {
        Some("tag")
    } else {
        None
    }
}

pub(crate) fn check_not_a_digest(what: &'static str, name: &str) -> Result<(), Error> {
    match name.parse::<CommitId>() {
        Ok(_) => Err(Error::invalid(what, name, "must not look like the id of a commit")),
        Err(_) => Ok(()),
    }
}
