use futures::TryStreamExt;
use lineal_core::Actor;

use crate::{
    BranchName, Change, Commit, CommitId, Error, Repository, RepositoryState, commit::Description, hook, publish,
};

/// A branch that is to be set to a commit which is there already.
pub(crate) struct Step<'a> {
    pub(crate) branch: &'a BranchName,
    /// What its version is compared with; nothing if all of it is new.
    pub(crate) from: Option<CommitId>,
    pub(crate) to: CommitId,
    pub(crate) description: &'a Description,
    pub(crate) actor: &'a Actor,
}

/// A step that the hooks allow.
pub(crate) struct CheckedStep {
    /// What it changes; `None` if there were no locks to compare that with.
    changes: Option<Vec<Change>>,
}

impl Repository {
    /// Asks the hooks about a step, as about a commit with all of its changes.
    pub(crate) async fn check_step(&self, step: &Step<'_>) -> Result<CheckedStep, Error> {
        let has_locks = self.journal.read(|state| !state.locks().is_empty()).await?;
        if !has_locks && self.hooks.is_empty() {
            return Ok(CheckedStep { changes: None });
        }
        let before = publish::load_tree(self, step.from).await?;
        let after = publish::load_tree(self, Some(step.to)).await?;
        let changes: Vec<Change> = before.diff(&after).try_collect().await?;
        let parent = match step.from {
            Some(from) => Some(Commit::load(self.blobs.as_ref(), from).await?),
            None => None,
        };
        hook::ask(self, step.branch, parent.as_ref(), step.description, step.actor, &changes).await?;
        Ok(CheckedStep { changes: Some(changes) })
    }
}

impl CheckedStep {
    /// Compares the step with the locks of a state; false if there were none when it was looked at, and it has to be looked at
    /// again.
    pub(crate) fn holds(&self, state: &RepositoryState, actor: &Actor) -> Result<bool, Error> {
        let Some(changes) = &self.changes else { return Ok(state.locks().is_empty()) };
        changes.iter().try_for_each(|change| state.check_unlocked(change.path(), actor))?;
        Ok(true)
    }
}
