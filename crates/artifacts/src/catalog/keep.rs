use lineal_core::{Actor, Name, Txn};

use super::{Catalog, CatalogEvent, CatalogState, CatalogVersion, Hold, Retention, RetentionPlan, RetentionVerdict};
use crate::Error;

/// What keeps versions, and lets go of them.
///
/// Three things, from weak to strong: a *policy* says which versions are worth keeping; a *pin* says that this one is,
/// whatever the policy says, and takes no reason; a *hold* also forbids [`Catalog::remove`], and says why and who said
/// so, under a label of its own, so that several parties can hold one version without knowing of each other.
///
/// ```
/// use std::sync::Arc;
/// use lineal_artifacts::{Artifacts, Catalog, Content, Draft, Error, Keep, PackBlobs, Retention};
/// use lineal_core::{Actor, Name, NoProgress, Store};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = Store::open("memory:///")?;
/// let artifacts = Artifacts::new(Arc::new(PackBlobs::open(&store, "blobs").await?));
/// let catalog = Catalog::open(&store, "artifacts").await?;
/// let (late, ana) = (Name::new("late")?, Actor::new("ana@example.org")?);
/// for weights in ["one", "two", "three", "four"] {
///     let draft = Draft::new("application/vnd.example.model").with_file("weights.bin", Content::bytes(weights));
///     catalog.name(&late, &artifacts.put(draft, &NoProgress).await?, &ana).await?;
/// }
///
/// catalog.pin(&late, 1, &ana).await?;
/// catalog.hold(&late, 2, &Name::new("audit-2013")?, "sample of the regulator", &ana).await?;
/// assert!(matches!(catalog.remove(&late, 2, &ana).await, Err(Error::Held { .. })));
///
/// let policy = Retention::default().keep_last(1);
/// let plan = catalog.plan_retention(&policy).await?; // a dry run
/// assert_eq!(plan.verdicts[0].keeps, [Keep::Pinned]);
/// assert_eq!(plan.removed().map(|gone| gone.version.version).collect::<Vec<_>>(), [3]);
/// assert_eq!(catalog.apply_retention(&policy, &ana).await?, plan);
/// assert_eq!(catalog.versions(&late).await?.len(), 3);
/// # Ok(()) }
/// ```
impl Catalog {
    /// Pins a version of `name`: retention keeps it until it is unpinned. [`Catalog::remove`] still takes it. Repeating
    /// the call is safe.
    ///
    /// # Errors
    /// [`Error::NoSuchVersion`] if there is no such version, [`Error::Store`] if the journal cannot be written.
    pub async fn pin(&self, name: &Name, version: u64, actor: &Actor) -> Result<(), Error> {
        let decide = |state: &CatalogState| {
            let pinned = existing(state, name, version)?.pinned;
            Ok((!pinned).then(|| CatalogEvent::Pinned { name: name.clone(), version }).into_iter().collect())
        };
        self.record(&Txn::by(actor.clone()), decide).await
    }

    /// Takes the pin off a version. Tells whether there was one.
    ///
    /// # Errors
    /// [`Error::Store`] if the journal cannot be written.
    pub async fn unpin(&self, name: &Name, version: u64, actor: &Actor) -> Result<bool, Error> {
        let mut found = false;
        let decide = |state: &CatalogState| {
            found = state.version(name, version).is_some_and(|version| version.pinned);
            Ok(found.then(|| CatalogEvent::Unpinned { name: name.clone(), version }).into_iter().collect())
        };
        self.record(&Txn::by(actor.clone()), decide).await?;
        Ok(found)
    }

    /// Holds a version of `name` under `label`: nothing removes it until every hold is released. Repeating the call is
    /// safe.
    ///
    /// `reason` is for people: 1 to 1,000 bytes, without control characters. Everybody who reads the catalog can read it.
    /// A hold binds the users of the catalog, not those who can delete objects of the store.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a bad reason, [`Error::NoSuchVersion`] if there is no such version, [`Error::Held`] if it
    /// is held under the label for another reason: choose another label. [`Error::Store`] if the journal cannot be
    /// written.
    pub async fn hold(
        &self,
        name: &Name,
        version: u64,
        label: &Name,
        reason: &str,
        actor: &Actor,
    ) -> Result<(), Error> {
        if reason.is_empty() || reason.len() > MAX_REASON_BYTES || reason.chars().any(char::is_control) {
            let rule = "must have 1 to 1,000 bytes and no control characters";
            return Err(Error::invalid("reason of a hold", reason, rule));
        }
        let decide = |state: &CatalogState| {
            let found = existing(state, name, version)?;
            match found.holds.get(label) {
                Some(hold) if hold.reason == reason => Ok(Vec::new()),
                Some(hold) => Err(held(name, version, label, hold)),
                None => {
                    let (name, label, reason) = (name.clone(), label.clone(), reason.to_owned());
                    Ok(vec![CatalogEvent::Held { label, name, reason, version }])
                }
            }
        };
        self.record(&Txn::by(actor.clone()), decide).await
    }

    /// Releases the hold of a version that has `label`; others stay. Tells whether there was one.
    ///
    /// # Errors
    /// [`Error::Store`] if the journal cannot be written.
    pub async fn release(&self, name: &Name, version: u64, label: &Name, actor: &Actor) -> Result<bool, Error> {
        let mut found = false;
        let decide = |state: &CatalogState| {
            found = state.version(name, version).is_some_and(|version| version.holds.contains_key(label));
            let released = || CatalogEvent::Released { label: label.clone(), name: name.clone(), version };
            Ok(found.then(released).into_iter().collect())
        };
        self.record(&Txn::by(actor.clone()), decide).await?;
        Ok(found)
    }

    /// Says what [`Catalog::apply_retention`] would do now, for every version and with all reasons. Changes nothing.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a policy that keeps nothing, [`Error::Store`] if the journal cannot be read.
    pub async fn plan_retention(&self, policy: &Retention) -> Result<RetentionPlan, Error> {
        policy.check()?;
        Ok(self.journal().read(|state| policy.plan(state)).await?)
    }

    /// Removes what `policy` does not keep, in one transaction decided on the newest state, and says what was done.
    ///
    /// The blobs go with the next collections, unless something else keeps them. About 80,000 versions fit one
    /// transaction; more need policies for [some of the names](Retention::for_name).
    ///
    /// # Errors
    /// [`Error::Invalid`] for a policy that keeps nothing, [`Error::Store`] if the journal cannot be written, or the
    /// transaction would be too large; nothing was removed then.
    pub async fn apply_retention(&self, policy: &Retention, actor: &Actor) -> Result<RetentionPlan, Error> {
        policy.check()?;
        let mut plan = RetentionPlan::default();
        let decide = |state: &CatalogState| {
            plan = policy.plan(state);
            let removed = |RetentionVerdict { name, version, .. }: &RetentionVerdict| CatalogEvent::Removed {
                name: name.clone(),
                version: version.version,
            };
            Ok(plan.removed().map(removed).collect())
        };
        self.record(&Txn::by(actor.clone()), decide).await?;
        Ok(plan)
    }
}

/// The refusal that tells of a hold.
pub(super) fn held(name: &Name, version: u64, label: &Name, hold: &Hold) -> Error {
    Error::Held { name: name.clone(), version, label: label.clone(), reason: hold.reason.clone() }
}

fn existing(state: &CatalogState, name: &Name, version: u64) -> Result<CatalogVersion, Error> {
    state.version(name, version).ok_or_else(|| missing(name, version))
}

fn missing(name: &Name, version: u64) -> Error {
    Error::NoSuchVersion { name: name.clone(), version }
}

const MAX_REASON_BYTES: usize = 1000;

#[cfg(test)]
mod tests;
