use std::collections::BTreeSet;

use lineal_core::{Actor, FilePath};

use crate::{BranchName, DataEvent, Error, Repository, RepositoryState};

impl Repository {
    /// Protects a branch: it is not moved or deleted any more, and only `writers` commit to it; if none are given, anyone
    /// may. Replaces an earlier protection.
    ///
    /// The rule binds everyone who writes through this library, and the journal keeps who set it; it is no substitute for
    /// the permissions of the store.
    ///
    /// # Errors
    /// [`Error::NoSuchBranch`].
    pub async fn protect(&self, branch: &str, writers: &[Actor], actor: &Actor) -> Result<(), Error> {
        let branch = BranchName::new(branch)?;
        let writers: BTreeSet<Actor> = writers.iter().cloned().collect();
        self.record(actor, |state| {
            if !state.branches().contains_key(&branch) {
                return Err(Error::NoSuchBranch { branch: branch.clone() });
            }
            if state.protections().get(&branch) == Some(&writers) {
                return Ok(Vec::new());
            }
            Ok(vec![DataEvent::Protected { branch: branch.clone(), writers: writers.clone() }])
        })
        .await
    }

    /// Ends the protection of a branch; nothing happens if there is none.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn unprotect(&self, branch: &str, actor: &Actor) -> Result<(), Error> {
        let branch = BranchName::new(branch)?;
        self.record(actor, |state| match state.protections().contains_key(&branch) {
            true => Ok(vec![DataEvent::Unprotected { branch: branch.clone() }]),
            false => Ok(Vec::new()),
        })
        .await
    }

    /// Locks a file, or a directory with all in it, on every branch: until it is unlocked, only `actor` commits changes of it.
    ///
    /// For files that cannot be merged. What lies there need not exist yet.
    ///
    /// # Errors
    /// [`Error::Locked`] if it, a directory above it or something in it is locked by somebody else.
    pub async fn lock(&self, path: &str, actor: &Actor) -> Result<(), Error> {
        let path = FilePath::new(path)?;
        self.record(actor, |state| {
            if let Some((locked, by)) = state.locks().iter().find(|(locked, by)| *by != actor && meet(locked, &path)) {
                return Err(Error::Locked { path: Box::new(locked.clone()), by: by.clone() });
            }
            match state.locks().contains_key(&path) {
                true => Ok(Vec::new()),
                false => Ok(vec![DataEvent::Locked { path: path.clone() }]),
            }
        })
        .await
    }

    /// Unlocks what [`Repository::lock`] locked under this path; nothing happens if it is not locked.
    ///
    /// # Errors
    /// [`Error::Locked`] if somebody else holds the lock, unless `force`: the journal then keeps who broke it.
    pub async fn unlock(&self, path: &str, force: bool, actor: &Actor) -> Result<(), Error> {
        let path = FilePath::new(path)?;
        self.record(actor, |state| match state.locks().get(&path) {
            Some(by) if by != actor && !force => Err(Error::Locked { path: Box::new(path.clone()), by: by.clone() }),
            Some(_) => Ok(vec![DataEvent::Unlocked { path: path.clone() }]),
            None => Ok(Vec::new()),
        })
        .await
    }
}

impl RepositoryState {
    /// Refuses who may not commit to a branch.
    pub(crate) fn check_writer(&self, branch: &BranchName, actor: &Actor) -> Result<(), Error> {
        match self.protections().get(branch) {
            Some(writers) if !writers.is_empty() && !writers.contains(actor) => {
                Err(Error::Protected { branch: branch.clone() })
            }
            _ => Ok(()),
        }
    }

    /// Refuses to move or delete a protected branch.
    pub(crate) fn check_movable(&self, branch: &BranchName) -> Result<(), Error> {
        match self.protections().contains_key(branch) {
            true => Err(Error::Protected { branch: branch.clone() }),
            false => Ok(()),
        }
    }

    /// Refuses a change of what somebody else locked; looks up the path and each directory above it.
    pub(crate) fn check_unlocked(&self, path: &FilePath, actor: &Actor) -> Result<(), Error> {
        if self.locks().is_empty() {
            return Ok(());
        }
        let locked = self.locks().iter().find(|(locked, by)| *by != actor && is_within(path, locked));
        match locked {
            Some((locked, by)) => Err(Error::Locked { path: Box::new(locked.clone()), by: by.clone() }),
            None => Ok(()),
        }
    }
}

/// Tells whether one path is the other, or lies in it.
fn meet(one: &FilePath, two: &FilePath) -> bool {
    is_within(one, two) || is_within(two, one)
}

fn is_within(path: &FilePath, directory: &FilePath) -> bool {
    match path.as_str().strip_prefix(directory.as_str()) {
        Some(rest) => rest.is_empty() || rest.starts_with('/'),
        None => false,
    }
}
