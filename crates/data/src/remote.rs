use std::collections::{BTreeMap, BTreeSet};

use lineal_core::{Actor, Progress, ProgressEvent, TransactError, Txn};

use crate::{
    BranchName, Commit, CommitId, DataEvent, Error, Repository, RepositoryState, TagName, ancestry, publish,
    repository::{taken, unknown},
    shipment::{Shipment, TASK},
    step::{CheckedStep, Step},
};

/// What a push or pull did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transferred {
    /// Where the branch is now.
    pub tip: CommitId,
    /// Commits that were not there.
    pub commits: u64,
    /// Blobs that were sent: commits, nodes of trees, files.
    pub blobs: u64,
    /// Blobs that were needed and lay there already.
    pub kept: u64,
}

impl Repository {
    /// Brings a branch of `remote` up to the one here; only what is missing over there is sent.
    ///
    /// The branch over there begins, or moves forward. What was sent before an interruption is not sent again, but for a
    /// gigabyte at most and what a collection over there took meanwhile. Hooks, protections and locks of `remote` are asked about
    /// all that changes over there; a new branch is compared with the newest commit of its history that is there. Reads of the
    /// trees what differs between versions; memory is bounded by the paths that differ.
    ///
    /// # Errors
    /// [`Error::Diverged`] if the branch over there has commits that are not here: pull, merge, push again.
    /// [`Error::Taken`] if a tag over there has that name; [`Error::Purged`] if a commit to be sent has a file that was purged over
    /// there: purge it here, too. [`Error::NoSuchBranch`], [`Error::Refused`], [`Error::Protected`], [`Error::Locked`];
    /// [`Error::Store`].
    pub async fn push(
        &self,
        remote: &Self,
        branch: &str,
        progress: &dyn Progress,
        actor: &Actor,
    ) -> Result<Transferred, Error> {
        let branch = BranchName::new(branch)?;
        progress.report(ProgressEvent::Started { task: TASK, total: None, unit: "blobs" });
        let sent = Push::run(self, remote, &branch, progress, actor).await;
        progress.report(ProgressEvent::Finished { task: TASK });
        sent
    }

    /// Brings a branch here up to the one of `remote`, as [`Repository::push`] does the other way round.
    ///
    /// # Errors
    /// As there; [`Error::Diverged`] if the branch here has commits that are not over there: pull it under another name, by
    /// creating a branch over there, and merge.
    pub async fn pull(
        &self,
        remote: &Self,
        branch: &str,
        progress: &dyn Progress,
        actor: &Actor,
    ) -> Result<Transferred, Error> {
        remote.push(self, branch, progress, actor).await
    }

    /// Brings all branches and tags of `remote` here, into a new repository or one that is behind.
    ///
    /// A tag brings its commit and the history of that, too, if no branch has it any more.
    ///
    /// # Errors
    /// As [`Repository::pull`]; [`Error::Taken`] if a tag names another commit here, or a branch has its name.
    pub async fn pull_all(&self, remote: &Self, progress: &dyn Progress, actor: &Actor) -> Result<(), Error> {
        let there = remote.now().await?;
        for branch in there.branches().keys() {
            self.pull(remote, branch.as_str(), progress, actor).await?;
        }
        let here = self.now().await?;
        let new = |(tag, commit): &(&TagName, &CommitId)| here.tags().get(*tag) != Some(*commit);
        let tags: BTreeMap<TagName, CommitId> =
            there.tags().iter().filter(new).map(|(tag, commit)| (tag.clone(), *commit)).collect();
        if tags.is_empty() {
            return Ok(());
        }
        progress.report(ProgressEvent::Started { task: TASK, total: None, unit: "blobs" });
        let sent = self.pull_tags(remote, tags, progress, actor).await;
        progress.report(ProgressEvent::Finished { task: TASK });
        sent
    }

    async fn pull_tags(
        &self,
        remote: &Self,
        tags: BTreeMap<TagName, CommitId>,
        progress: &dyn Progress,
        actor: &Actor,
    ) -> Result<(), Error> {
        let mut shipment = Shipment::new(remote, self, progress).await?;
        loop {
            let known: BTreeSet<CommitId> = self.journal.read(|state| state.kept().collect()).await?;
            let commits = tags.values().copied().collect();
            let stores = (remote.blobs.as_ref(), self.blobs.as_ref());
            let missing = ancestry::missing(stores, &commits, &known, None).await?.commits;
            shipment.send(missing.into_iter().rev().collect::<Vec<_>>().as_slice()).await?;
            let txn = shipment.receipts().fold(Txn::by(actor.clone()), Txn::with_receipt);
            let decide = |state: &RepositoryState| match shipment.is_current(state) {
                true => set_tags(&tags, shipment.purge(), state).map_err(Some),
                false => Err(None),
            };
            match self.journal.transact(&txn, decide).await {
                Ok(_) => return Ok(()),
                Err(TransactError::Refused(None)) => {}
                Err(TransactError::Refused(Some(error))) => return Err(error),
                Err(TransactError::Journal(error)) => return Err(error.into()),
                Err(error) => return Err(unknown(&error)),
            }
        }
    }
}

/// Returns what sets the tags that are not there.
fn set_tags(
    tags: &BTreeMap<TagName, CommitId>,
    purge: Option<DataEvent>,
    state: &RepositoryState,
) -> Result<Vec<DataEvent>, Error> {
    let mut events: Vec<DataEvent> = purge.into_iter().collect();
    for (tag, commit) in tags {
        match (state.tags().get(tag), taken(state, tag.as_str())) {
            (Some(old), _) if old == commit => {}
            (_, Some(by)) => return Err(Error::Taken { name: tag.to_string(), by }),
            (_, None) => events.push(DataEvent::Tagged { commit: *commit, tag: tag.clone() }),
        }
    }
    Ok(events)
}

/// One push of a branch under way.
struct Push<'a> {
    from: &'a Repository,
    to: &'a Repository,
    branch: &'a BranchName,
    actor: &'a Actor,
}

impl<'a> Push<'a> {
    async fn run(
        from: &'a Repository,
        to: &'a Repository,
        branch: &'a BranchName,
        progress: &'a dyn Progress,
        actor: &'a Actor,
    ) -> Result<Transferred, Error> {
        let push = Self { from, to, branch, actor };
        let source = from.now().await?;
        let tip = source.tip(branch).ok_or_else(|| Error::NoSuchBranch { branch: branch.clone() })?;
        let mut shipment = Shipment::new(from, to, progress).await?;
        let mut commits = 0;
        loop {
            let old = to.now().await?.tip(branch);
            if old == Some(tip) {
                return Ok(push.done(tip, commits, &shipment));
            }
            let known: BTreeSet<CommitId> = to.journal.read(|state| state.kept().collect()).await?;
            let missing = push.missing(tip, &known, old).await?;
            commits = missing.len() as u64;
            shipment.send(&missing).await?;
            let from = match old {
                Some(old) => Some(old),
                None => push.newest_known(tip, &missing).await?,
            };
            let description = Commit::load(to.blobs.as_ref(), tip).await?.description();
            let checked = to.check_step(&Step { branch, from, to: tip, description: &description, actor }).await?;
            if push.record(&shipment, &checked, old, tip).await? {
                return Ok(push.done(tip, commits, &shipment));
            }
        }
    }

    fn done(&self, tip: CommitId, commits: u64, shipment: &Shipment<'_>) -> Transferred {
        Transferred { tip, commits, blobs: shipment.blobs, kept: shipment.kept }
    }

    /// Returns the newest commit in the history of `tip` that is over there: what a new branch is compared with.
    async fn newest_known(&self, tip: CommitId, missing: &[Commit]) -> Result<Option<CommitId>, Error> {
        if missing.is_empty() {
            return Ok(Some(tip));
        }
        let sent: BTreeSet<CommitId> = missing.iter().map(Commit::id).collect();
        let known = missing.iter().flat_map(Commit::parents).filter(|parent| !sent.contains(*parent));
        let mut newest: Option<Commit> = None;
        for id in known.copied().collect::<BTreeSet<_>>() {
            let commit = Commit::load(self.from.blobs.as_ref(), id).await?;
            if newest.as_ref().is_none_or(|newest| newest.time() < commit.time()) {
                newest = Some(commit);
            }
        }
        Ok(newest.map(|commit| commit.id()))
    }

    /// Returns the commits that are not in the history over there, parents first.
    async fn missing(
        &self,
        tip: CommitId,
        known: &BTreeSet<CommitId>,
        old: Option<CommitId>,
    ) -> Result<Vec<Commit>, Error> {
        let stores = (self.from.blobs.as_ref(), self.to.blobs.as_ref());
        let ancestry::Missing { commits: mut missing, met } =
            ancestry::missing(stores, &BTreeSet::from([tip]), known, old).await?;
        let met = met || old.is_none();
        // The branch over there may lie behind another commit that is known there.
        if !met && !publish::reaches(self.from, &BTreeSet::from([tip]), old.unwrap_or(tip)).await? {
            return Err(Error::Diverged { branch: self.branch.clone() });
        }
        missing.reverse();
        Ok(missing)
    }

    /// Moves the branch over there; false if it is elsewhere by now.
    async fn record(
        &self,
        shipment: &Shipment<'_>,
        checked: &CheckedStep,
        old: Option<CommitId>,
        tip: CommitId,
    ) -> Result<bool, Error> {
        let txn = shipment.receipts().fold(Txn::by(self.actor.clone()), Txn::with_receipt);
        let branch = self.branch.clone();
        let decide = |state: &RepositoryState| {
            if state.branches().get(&branch).copied() != old {
                return Err(None);
            }
            if let (None, Some(by)) = (old, taken(state, branch.as_str())) {
                return Err(Some(Error::Taken { name: branch.to_string(), by }));
            }
            state.check_writer(&branch, self.actor).map_err(Some)?;
            if !checked.holds(state, self.actor).map_err(Some)? || !shipment.is_current(state) {
                return Err(None);
            }
            let first = state.kept().next().is_none();
            let moved = match old {
                None if !first => DataEvent::BranchCreated { branch: branch.clone(), commit: tip },
                _ => DataEvent::Committed { branch: branch.clone(), commit: tip },
            };
            Ok(shipment.purge().into_iter().chain([moved]).collect())
        };
        match self.to.journal.transact(&txn, decide).await {
            Ok(_) => Ok(true),
            Err(TransactError::Refused(None)) => Ok(false),
            Err(TransactError::Refused(Some(error))) => Err(error),
            Err(TransactError::Journal(error)) => Err(error.into()),
            Err(error) => Err(unknown(&error)),
        }
    }
}
