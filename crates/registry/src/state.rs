//! What a registry makes of its events.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use lineal_core::{Actor, Digest, Evidence, EvidenceKind, KeyId, Name, Stamp, State, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    Alias, AliasMove, AliasRef, Environment, RegistryEvent, VersionRecord,
    decision::{Decision, Incumbent},
};

/// The state of a registry: the fold of its journal.
///
/// Every record knows its place in the order of events, so that what a decision could see can be told for ever.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistryState {
    pub(crate) contents: BTreeMap<Digest, (Name, u64)>,
    pub(crate) decisions: BTreeMap<Digest, Arc<Decided>>,
    pub(crate) evidence: BTreeMap<Digest, Arc<Vec<Attached>>>,
    pub(crate) models: BTreeMap<Name, Arc<Model>>,
    pub(crate) policies: BTreeMap<Environment, Vec<PolicyRecord>>,
    /// Events so far.
    pub(crate) ticks: u64,
    pub(crate) trained_on: BTreeMap<Digest, BTreeSet<(Name, u64)>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    pub(crate) aliases: BTreeMap<Environment, BTreeMap<Alias, AliasLine>>,
    pub(crate) versions: Vec<Version>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Version {
    pub(crate) at: Timestamp,
    pub(crate) by: Actor,
    pub(crate) children: Vec<(Name, u64)>,
    pub(crate) digest: Digest,
    pub(crate) record: Arc<VersionRecord>,
    pub(crate) revoked: Option<String>,
}

/// Where an alias has been, and where it can go back to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AliasLine {
    /// Every version it named, in order.
    pub(crate) held: Vec<Held>,
    /// The stable ones: those that were not rolled back from, the present one last.
    pub(crate) stable: Vec<(u64, Digest)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Held {
    pub(crate) at: Timestamp,
    pub(crate) decision: Digest,
    pub(crate) tick: u64,
    pub(crate) version: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Attached {
    pub(crate) digest: Digest,
    pub(crate) kind: EvidenceKind,
    pub(crate) signers: Vec<KeyId>,
    pub(crate) tick: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyRecord {
    pub(crate) endorsement: Digest,
    pub(crate) policy: Digest,
    pub(crate) tick: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Decided {
    pub(crate) decision: Decision,
    pub(crate) tick: u64,
}

impl State for RegistryState {
    type Event = RegistryEvent;
    const KIND: &'static str = "lineal.registry";

    fn apply(&mut self, event: &RegistryEvent, stamp: &Stamp) {
        match event {
            RegistryEvent::VersionRegistered { record, version } => self.register(record, *version, stamp),
            RegistryEvent::EvidenceAttached { evidence } => self.attach(evidence),
            RegistryEvent::PolicySet { endorsement, environment, policy, signer: _ } => {
                let record = PolicyRecord { endorsement: *endorsement, policy: *policy, tick: self.ticks };
                self.policies.entry(environment.clone()).or_default().push(record);
            }
            RegistryEvent::Decided { decision } => {
                let decided = Decided { decision: decision.clone(), tick: self.ticks };
                self.decisions.entry(decision.digest()).or_insert_with(|| Arc::new(decided));
            }
            RegistryEvent::AliasesMoved { moves } => moves.iter().for_each(|step| self.move_alias(step, stamp.time)),
            RegistryEvent::RolledBack { back, reason: _ } => self.roll_back(back, stamp.time),
            RegistryEvent::VersionRevoked { model, reason, version } => self.revoke(model, *version, reason),
        }
        self.ticks += 1;
    }
}

impl RegistryState {
    fn register(&mut self, record: &VersionRecord, number: u64, stamp: &Stamp) {
        let model = Arc::make_mut(self.models.entry(record.model.clone()).or_default());
        if number != next_number(model) {
            return;
        }
        let digest = record.digest();
        let version = Version {
            at: stamp.time,
            by: stamp.actor.clone(),
            children: Vec::new(),
            digest,
            record: Arc::new(record.clone()),
            revoked: None,
        };
        model.versions.push(version);
        let name = (record.model.clone(), number);
        for data in &record.lineage.data {
            self.trained_on.entry(data.commit).or_default().insert(name.clone());
        }
        for parent in &record.lineage.parents {
            let here = parent.registry == record.registry;
            let found = self
                .version_mut(&parent.model, parent.version)
                .filter(|found| here && found.record.manifest == parent.manifest);
            if let Some(parent) = found {
                parent.children.push(name.clone());
            }
        }
        self.contents.entry(digest).or_insert(name);
    }

    fn attach(&mut self, evidence: &Evidence) {
        let subjects: BTreeSet<Digest> = evidence.subjects.iter().copied().collect();
        for subject in subjects {
            let attached = Arc::make_mut(self.evidence.entry(subject).or_default());
            if attached.iter().all(|known| known.digest != evidence.digest) {
                attached.push(Attached {
                    digest: evidence.digest,
                    kind: evidence.kind.clone(),
                    signers: evidence.signers.clone(),
                    tick: self.ticks,
                });
            }
        }
    }

    fn move_alias(&mut self, step: &AliasMove, at: Timestamp) {
        let held = Held { at, decision: step.decision, tick: self.ticks, version: step.to };
        let line = self.line_mut(&step.target);
        line.held.push(held);
        line.stable.push((step.to, step.decision));
    }

    fn roll_back(&mut self, back: &AliasMove, at: Timestamp) {
        let held = Held { at, decision: back.decision, tick: self.ticks, version: back.to };
        let line = self.line_mut(&back.target);
        line.held.push(held);
        // What it comes from, and what was passed over, is no longer stable; the version it goes to stays.
        let target = (back.to, back.decision);
        line.stable.pop();
        while line.stable.last().is_some_and(|last| *last != target) {
            line.stable.pop();
        }
        if line.stable.is_empty() {
            line.stable.push(target);
        }
    }

    fn revoke(&mut self, model: &Name, version: u64, reason: &str) {
        if let Some(version) = self.version_mut(model, version) {
            version.revoked.get_or_insert_with(|| reason.to_owned());
        }
    }

    fn line_mut(&mut self, target: &AliasRef) -> &mut AliasLine {
        let model = Arc::make_mut(self.models.entry(target.model.clone()).or_default());
        model.aliases.entry(target.environment.clone()).or_default().entry(target.alias.clone()).or_default()
    }

    fn version_mut(&mut self, model: &Name, version: u64) -> Option<&mut Version> {
        let at = index(version)?;
        Arc::make_mut(self.models.get_mut(model)?).versions.get_mut(at)
    }

    pub(crate) fn version(&self, model: &Name, version: u64) -> Option<&Version> {
        self.models.get(model)?.versions.get(index(version)?)
    }

    pub(crate) fn next_version(&self, model: &Name) -> u64 {
        self.models.get(model).map_or(1, |model| next_number(model))
    }

    pub(crate) fn line(&self, alias: &AliasRef) -> Option<&AliasLine> {
        self.models.get(&alias.model)?.aliases.get(&alias.environment)?.get(&alias.alias)
    }

    /// Returns what an alias names.
    pub(crate) fn holder(&self, alias: &AliasRef) -> Option<&Held> {
        self.line(alias)?.held.last()
    }

    /// Returns the statements about a version that were attached before an event, in that order.
    pub(crate) fn evidence_of(&self, version: &Version, before: u64) -> Vec<&Attached> {
        let subjects = [version.digest, version.record.manifest];
        let found = subjects.iter().filter_map(|subject| self.evidence.get(subject)).flat_map(|list| list.iter());
        let by_tick: BTreeMap<u64, &Attached> =
            found.filter(|attached| attached.tick < before).map(|attached| (attached.tick, attached)).collect();
        let mut seen = BTreeSet::new();
        by_tick.into_values().filter(|attached| seen.insert(attached.digest)).collect()
    }

    /// Returns the policies of an environment up to an event; the last one is in force.
    pub(crate) fn policies_of(&self, environment: &Environment, before: u64) -> &[PolicyRecord] {
        let all = self.policies.get(environment).map_or(&[][..], Vec::as_slice);
        let count = all.partition_point(|record| record.tick < before);
        all.get(..count).unwrap_or_default()
    }

    /// Returns the version that held an alias before an event.
    pub(crate) fn incumbent(&self, alias: &AliasRef, before: u64) -> Option<Incumbent> {
        let held = self.line(alias)?.held.iter().rev().find(|held| held.tick < before)?;
        let version = self.version(&alias.model, held.version)?;
        Some(Incumbent {
            digest: version.digest,
            manifest: version.record.manifest,
            schema: version.record.schema,
            version: held.version,
        })
    }

    /// Goes through every alias and what it names.
    pub(crate) fn holders(&self) -> impl Iterator<Item = (AliasRef, &Held)> {
        self.models.iter().flat_map(|(model, state)| {
            state.aliases.iter().flat_map(move |(environment, aliases)| {
                aliases.iter().filter_map(move |(alias, line)| {
                    let alias =
                        AliasRef { alias: alias.clone(), environment: environment.clone(), model: model.clone() };
                    Some((alias, line.held.last()?))
                })
            })
        })
    }
}

fn next_number(model: &Model) -> u64 {
    u64::try_from(model.versions.len()).map_or(u64::MAX, |count| count + 1)
}

fn index(version: u64) -> Option<usize> {
    usize::try_from(version.checked_sub(1)?).ok()
}

#[cfg(test)]
mod tests;
