//! Moving aliases: promotion by a decision, roll-back to the stable version before, revocation.

use std::collections::BTreeMap;

use lineal_core::{Actor, Name, Txn};

use crate::{
    Alias, AliasMove, AliasRef, Environment, Error, Registry, RegistryEvent, RegistryState,
    decision::{Basis, Decision},
    judge::differs,
    registry::find,
};

/// A promotion under way: which version, where to, and which aliases are to name it.
///
/// Made by [`Registry::promote`]; nothing happens before [`Promotion::commit`].
#[derive(Debug, Clone)]
#[must_use = "a promotion happens when it is committed"]
pub struct Promotion<'a> {
    aliases: BTreeMap<Alias, Option<u64>>,
    environment: Environment,
    model: Name,
    registry: &'a Registry,
    version: u64,
}

impl Registry {
    /// Starts the promotion of a version to an environment.
    pub fn promote(&self, model: &Name, version: u64, environment: &Environment) -> Promotion<'_> {
        Promotion {
            aliases: BTreeMap::new(),
            environment: environment.clone(),
            model: model.clone(),
            registry: self,
            version,
        }
    }

    /// Moves an alias back to the stable version before: the last one it named that was neither rolled back from nor
    /// revoked. Returns its number.
    ///
    /// `from` is the version that is to be left, so that two people who roll back at once do it once. Rolling back twice
    /// goes back two stable versions, not back and forth.
    ///
    /// # Errors
    /// [`Error::AliasMoved`], [`Error::NothingBefore`], [`Error::NoSuchAlias`], [`Error::BadReason`], [`Error::Store`].
    pub async fn rollback(&self, alias: &AliasRef, from: u64, reason: &str, by: &Actor) -> Result<u64, Error> {
        check_reason(reason)?;
        let mut to = None;
        self.transact(&Txn::by(by.clone()), |state| {
            let back = step_back(state, alias, from)?;
            to = Some(back.to);
            Ok(vec![RegistryEvent::RolledBack { back, reason: reason.to_owned() }])
        })
        .await?;
        to.ok_or_else(|| Error::NothingBefore { alias: Box::new(alias.clone()) })
    }

    /// Revokes a version, for good: it no longer loads, anywhere. Aliases that name it stay until they are moved.
    ///
    /// # Errors
    /// [`Error::NoSuchVersion`], [`Error::BadReason`], [`Error::Store`].
    pub async fn revoke(&self, model: &Name, version: u64, reason: &str, by: &Actor) -> Result<(), Error> {
        check_reason(reason)?;
        self.transact(&Txn::by(by.clone()), |state| {
            let revoked = RegistryEvent::VersionRevoked { model: model.clone(), reason: reason.to_owned(), version };
            Ok(if find(state, model, version)?.revoked.is_some() { vec![] } else { vec![revoked] })
        })
        .await
    }
}

impl Promotion<'_> {
    /// Lets an alias name the version, if it names `expected` now; `None` for an alias that names nothing yet.
    pub fn alias(mut self, alias: &Alias, expected: Option<u64>) -> Self {
        self.aliases.insert(alias.clone(), expected);
        self
    }

    /// Judges the version, records the decision, and moves the aliases if it is let in; all in one transaction.
    ///
    /// A refusal is an answer, not an error: look at [`Decision::approved`] and print [`Decision::verdict`]. The decision
    /// rests on exactly what is recorded when it is: if evidence, policy or aliases change meanwhile, it is made again.
    ///
    /// # Errors
    /// [`Error::AliasMoved`] if an alias is elsewhere, [`Error::Revoked`], [`Error::NoSuchVersion`], [`Error::NoPolicy`],
    /// [`Error::PolicyBroken`], [`Error::Unreadable`], [`Error::Contended`], [`Error::Store`].
    pub async fn commit(self, by: &Actor) -> Result<Decision, Error> {
        let txn = Txn::by(by.clone());
        let mut attempts = 0;
        loop {
            let state = self.registry.journal.snapshot().await?.state;
            self.check(&state)?;
            let judged = self.registry.judge(&state, &self.model, self.version, &self.environment).await?;
            let (basis, verdict, looked_at) = judged;
            let decision = Decision { aliases: self.aliases.keys().cloned().collect(), basis, verdict };
            let recorded = self.registry.transact(&txn, |state| {
                self.check(state)?;
                self.check_fresh(state, &decision.basis, &looked_at)?;
                Ok(self.events(&decision))
            });
            attempts += 1;
            match recorded.await {
                Ok(()) => return Ok(decision),
                Err(Error::Contended { .. }) if attempts < MAX_ATTEMPTS => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Checks what must hold whatever the policy says.
    fn check(&self, state: &RegistryState) -> Result<(), Error> {
        let version = find(state, &self.model, self.version)?;
        if let Some(reason) = &version.revoked {
            return Err(Error::Revoked { model: self.model.clone(), version: self.version, reason: reason.clone() });
        }
        for (alias, expected) in &self.aliases {
            let target = self.target(alias);
            let found = state.holder(&target).map(|held| held.version);
            if found != *expected {
                return Err(Error::AliasMoved { alias: Box::new(target), expected: *expected, found });
            }
        }
        Ok(())
    }

    fn check_fresh(&self, state: &RegistryState, basis: &Basis, looked_at: &[Alias]) -> Result<(), Error> {
        match differs(state, basis, looked_at, u64::MAX) {
            None => Ok(()),
            Some(_) => Err(Error::Contended { what: format!("{} version {}", self.model, self.version) }),
        }
    }

    fn events(&self, decision: &Decision) -> Vec<RegistryEvent> {
        let mut events = vec![RegistryEvent::Decided { decision: decision.clone() }];
        if decision.approved() && !self.aliases.is_empty() {
            let digest = decision.digest();
            let moves = self.aliases.iter().map(|(alias, from)| AliasMove {
                decision: digest,
                from: *from,
                target: self.target(alias),
                to: self.version,
            });
            events.push(RegistryEvent::AliasesMoved { moves: moves.collect() });
        }
        events
    }

    fn target(&self, alias: &Alias) -> AliasRef {
        AliasRef { alias: alias.clone(), environment: self.environment.clone(), model: self.model.clone() }
    }
}

fn step_back(state: &RegistryState, alias: &AliasRef, from: u64) -> Result<AliasMove, Error> {
    let missing = || Error::NoSuchAlias { alias: Box::new(alias.clone()) };
    let line = state.line(alias).ok_or_else(missing)?;
    let found = line.held.last().map(|held| held.version);
    if found != Some(from) {
        return Err(Error::AliasMoved { alias: Box::new(alias.clone()), expected: Some(from), found });
    }
    let usable = |version: u64| state.version(&alias.model, version).is_some_and(|found| found.revoked.is_none());
    let before = line.stable.iter().rev().skip(1).find(|(version, _)| *version != from && usable(*version));
    let (to, decision) = *before.ok_or_else(|| Error::NothingBefore { alias: Box::new(alias.clone()) })?;
    Ok(AliasMove { decision, from: Some(from), target: alias.clone(), to })
}

fn check_reason(reason: &str) -> Result<(), Error> {
    let right = !reason.trim().is_empty() && reason.chars().count() <= 1000 && !reason.chars().any(char::is_control);
    if right { Ok(()) } else { Err(Error::BadReason) }
}

const MAX_ATTEMPTS: u32 = 16;
