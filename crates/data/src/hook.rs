use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
};

use lineal_core::{Actor, BlobStore, Digest, FilePath};

use crate::{
    BranchName, Change, Commit, CommitId, Error, Repository, TableSchema, TableStatistics, commit::Description,
    table::PageTable,
};

/// Looks at a commit before it is published, and may refuse it.
///
/// # Contract
/// Called on the state on which the commit would be published; again if another commit gets in between. It is pure: same
/// proposal, same answer. It sees what this handle publishes; who opens the repository without it is not bound by it.
///
/// ```
/// use lineal_data::{CommitHook, Proposal, Refusal};
///
/// #[derive(Debug)]
/// struct NoBigFiles;
///
/// impl CommitHook for NoBigFiles {
///     fn check(&self, proposal: &Proposal<'_>) -> Result<(), Refusal> {
///         let big = |file: &&lineal_data::FileEntry| file.size_bytes > 1 << 30;
///         match proposal.changes.iter().filter_map(|change| change.new_entry()).find(big) {
///             Some(file) => Err(Refusal::new("no big files", file.path.as_str())),
///             None => Ok(()),
///         }
///     }
/// }
/// ```
pub trait CommitHook: Debug + Send + Sync {
    /// Returns a refusal, or lets the commit pass.
    ///
    /// # Errors
    /// [`Refusal`] with the reason for the author.
    fn check(&self, proposal: &Proposal<'_>) -> Result<(), Refusal>;
}

/// A commit about to be published.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Proposal<'a> {
    /// Who makes it.
    pub author: &'a Actor,
    /// On which branch.
    pub branch: &'a BranchName,
    /// What it changes against its parent, by path.
    pub changes: &'a [Change],
    /// The message.
    pub message: &'a str,
    /// The metadata.
    pub metadata: &'a BTreeMap<String, String>,
    /// The commit it would stand on; none if it is the first.
    pub parent: Option<CommitId>,
    /// The schemas that the changes name, by fingerprint.
    pub schemas: &'a BTreeMap<Digest, TableSchema>,
    /// The statistics of the tables that it puts or changes, as they would be; by path.
    pub statistics: &'a BTreeMap<FilePath, TableStatistics>,
}

/// Why a hook refused a commit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{hook}: {reason}")]
#[non_exhaustive]
pub struct Refusal {
    /// The hook.
    pub hook: String,
    /// The reason, for the author.
    pub reason: String,
}

impl Refusal {
    /// Refuses in the name of `hook`.
    #[must_use]
    pub fn new(hook: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { hook: hook.into(), reason: reason.into() }
    }
}

/// Asks all hooks of the handle.
pub(crate) async fn ask(
    repository: &Repository,
    branch: &BranchName,
    parent: Option<&Commit>,
    description: &Description,
    author: &Actor,
    changes: &[Change],
) -> Result<(), Error> {
    if repository.hooks.is_empty() {
        return Ok(());
    }
    let mut schemas = BTreeMap::new();
    for digest in schemas_of(changes) {
        schemas.insert(digest, TableSchema::load(repository.blobs.as_ref(), digest).await?);
    }
    let statistics = statistics_of(repository.blobs.as_ref(), changes).await?;
    let proposal = Proposal {
        author,
        branch,
        changes,
        message: &description.message,
        metadata: &description.metadata,
        parent: parent.map(Commit::id),
        schemas: &schemas,
        statistics: &statistics,
    };
    let refused = |refusal| Error::Refused { branch: branch.clone(), source: Box::new(refusal) };
    repository.hooks.iter().try_for_each(|hook| hook.check(&proposal)).map_err(refused)
}

/// Returns the statistics of all tables that are put or changed, out of their page tables.
async fn statistics_of(
    blobs: &dyn BlobStore,
    changes: &[Change],
) -> Result<BTreeMap<FilePath, TableStatistics>, Error> {
    let mut statistics = BTreeMap::new();
    for entry in changes.iter().filter_map(Change::new_entry) {
        if let Some(pages) = entry.table.and_then(|facts| facts.pages) {
            statistics.insert(entry.path.clone(), PageTable::load(blobs, pages).await?.statistics());
        }
    }
    Ok(statistics)
}

/// Returns the schemas of all tables that changed, as they were and as they are.
fn schemas_of(changes: &[Change]) -> BTreeSet<Digest> {
    let entries = changes.iter().flat_map(|change| [change.old_entry(), change.new_entry()]).flatten();
    entries.filter_map(|entry| entry.table.map(|facts| facts.schema)).collect()
}
