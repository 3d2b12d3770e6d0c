use std::collections::BTreeMap;

use lineal_core::{Actor, Digest, Name, Stamp, State, Timestamp};
use serde::{Deserialize, Serialize};

/// One version of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CatalogVersion {
    /// Its number, from 1.
    pub version: u64,
    /// The artifact: digest of its manifest.
    pub artifact: Digest,
    /// Who named it.
    pub actor: Actor,
    /// When it was named.
    pub time: Timestamp,
    /// Whether it is pinned: retention keeps it.
    pub pinned: bool,
    /// Its holds by label: nothing removes it while there is one.
    pub holds: BTreeMap<Name, Hold>,
}

/// Why nothing may remove a version, and who said so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Hold {
    /// Who holds it.
    pub actor: Actor,
    /// Why, for people.
    pub reason: String,
    /// Since when.
    pub time: Timestamp,
}

/// What happens in a catalog; a stored format, see `docs/format/catalog.md`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum CatalogEvent {
    /// An artifact became the next version of a name.
    Named {
        /// The artifact: digest of its manifest.
        artifact: Digest,
        /// The name.
        name: Name,
        /// The number, dense from 1 in each name.
        version: u64,
    },
    /// A version was removed.
    Removed {
        /// The name.
        name: Name,
        /// The number.
        version: u64,
    },
    /// A version was pinned: retention keeps it.
    Pinned {
        /// The name.
        name: Name,
        /// The number.
        version: u64,
    },
    /// The pin was taken off.
    Unpinned {
        /// The name.
        name: Name,
        /// The number.
        version: u64,
    },
    /// A version was held: nothing removes it.
    Held {
        /// Names the hold among those of the version.
        label: Name,
        /// The name.
        name: Name,
        /// Why, for people: 1 to 1,000 bytes without control characters.
        reason: String,
        /// The number.
        version: u64,
    },
    /// A hold was released; others of the version stay.
    Released {
        /// Which hold.
        label: Name,
        /// The name.
        name: Name,
        /// The number.
        version: u64,
    },
}

/// What the names of a catalog mean.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogState {
    names: BTreeMap<Name, Line>,
}

/// The versions of one name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    /// The highest number ever given.
    last: u64,
    versions: BTreeMap<u64, Record>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    actor: Actor,
    artifact: Digest,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    holds: BTreeMap<Name, Hold>,
    #[serde(default, skip_serializing_if = "is_false")]
    pinned: bool,
    time: Timestamp,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for this signature")]
fn is_false(value: &bool) -> bool {
    !value
}

impl CatalogState {
    /// Returns the names that have a version.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        self.names.iter().filter(|(_, line)| !line.versions.is_empty()).map(|(name, _)| name)
    }

    /// Returns the version of `name` with the highest number.
    #[must_use]
    pub fn latest(&self, name: &Name) -> Option<CatalogVersion> {
        let (version, record) = self.names.get(name)?.versions.last_key_value()?;
        Some(record.numbered(*version))
    }

    /// Returns a version of `name` that was not removed.
    #[must_use]
    pub fn version(&self, name: &Name, version: u64) -> Option<CatalogVersion> {
        Some(self.names.get(name)?.versions.get(&version)?.numbered(version))
    }

    /// Returns the versions of `name` that were not removed, by number.
    pub fn versions(&self, name: &Name) -> impl Iterator<Item = CatalogVersion> + '_ {
        let versions = self.names.get(name).into_iter().flat_map(|line| &line.versions);
        versions.map(|(version, record)| record.numbered(*version))
    }

    /// Returns the artifacts that have a name.
    pub fn artifacts(&self) -> impl Iterator<Item = Digest> + '_ {
        self.names.values().flat_map(|line| line.versions.values()).map(|record| record.artifact)
    }

    pub(super) fn next(&self, name: &Name) -> u64 {
        self.names.get(name).map_or(1, |line| line.last + 1)
    }

    fn set_pinned(&mut self, name: &Name, version: u64, pinned: bool) {
        if let Some(record) = self.record(name, version) {
            record.pinned = pinned;
        }
    }

    fn record(&mut self, name: &Name, version: u64) -> Option<&mut Record> {
        self.names.get_mut(name)?.versions.get_mut(&version)
    }
}

impl Record {
    fn numbered(&self, version: u64) -> CatalogVersion {
        let Self { actor, artifact, holds, pinned, time } = self;
        let (actor, holds) = (actor.clone(), holds.clone());
        CatalogVersion { version, artifact: *artifact, actor, time: *time, pinned: *pinned, holds }
    }
}

impl State for CatalogState {
    type Event = CatalogEvent;
    const KIND: &'static str = "lineal.artifacts";

    fn apply(&mut self, event: &CatalogEvent, stamp: &Stamp) {
        match event {
            CatalogEvent::Named { artifact, name, version } => {
                let line = self.names.entry(name.clone()).or_default();
                line.last = line.last.max(*version);
                let (actor, holds) = (stamp.actor.clone(), BTreeMap::new());
                let record = Record { actor, artifact: *artifact, holds, pinned: false, time: stamp.time };
                line.versions.insert(*version, record);
            }
            CatalogEvent::Removed { name, version } => {
                if let Some(line) = self.names.get_mut(name) {
                    line.versions.remove(version);
                }
            }
            CatalogEvent::Pinned { name, version } => self.set_pinned(name, *version, true),
            CatalogEvent::Unpinned { name, version } => self.set_pinned(name, *version, false),
            CatalogEvent::Held { label, name, reason, version } => {
                let hold = Hold { actor: stamp.actor.clone(), reason: reason.clone(), time: stamp.time };
                if let Some(record) = self.record(name, *version) {
                    record.holds.insert(label.clone(), hold);
                }
            }
            CatalogEvent::Released { label, name, version } => {
                if let Some(record) = self.record(name, *version) {
                    record.holds.remove(label);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use lineal_core::{TxnId, from_canonical, to_canonical};

    use super::*;

    #[test]
    fn the_stored_events_are_pinned() {
        let name = Name::new("late").unwrap();
        let label = Name::new("audit-2013").unwrap();
        let artifact = Digest::of(b"manifest");
        let events = [
            CatalogEvent::Named { artifact, name: name.clone(), version: 1 },
            CatalogEvent::Removed { name: name.clone(), version: 1 },
            CatalogEvent::Pinned { name: name.clone(), version: 2 },
            CatalogEvent::Unpinned { name: name.clone(), version: 2 },
            CatalogEvent::Held { label: label.clone(), name: name.clone(), reason: "sample".to_owned(), version: 3 },
            CatalogEvent::Released { label, name, version: 3 },
        ];
        let lines: Vec<_> =
            events.iter().map(|event| String::from_utf8(to_canonical(event).unwrap()).unwrap()).collect();
        insta::assert_snapshot!(lines.join("\n"));
    }

    fn fold(events: &[CatalogEvent]) -> CatalogState {
        let mut state = CatalogState::default();
        let stamp = Stamp::new(7, Timestamp::EPOCH, TxnId::from_key("one"), Actor::new("ana").unwrap());
        events.iter().for_each(|event| state.apply(event, &stamp));
        state
    }

    #[test]
    fn a_state_without_pins_and_holds_is_written_as_ever() {
        let (name, label) = (Name::new("late").unwrap(), Name::new("audit").unwrap());
        let named = CatalogEvent::Named { artifact: Digest::of(b"manifest"), name: name.clone(), version: 1 };
        let state = fold(std::slice::from_ref(&named));
        let stored = to_canonical(&state).unwrap();
        insta::assert_snapshot!(std::str::from_utf8(&stored).unwrap());
        assert_eq!(from_canonical::<CatalogState>(&stored).unwrap(), state);

        let (pinned, unpinned) = (
            CatalogEvent::Pinned { name: name.clone(), version: 1 },
            CatalogEvent::Unpinned { name: name.clone(), version: 1 },
        );
        let held = CatalogEvent::Held { label: label.clone(), name: name.clone(), reason: "r".to_owned(), version: 1 };
        let released = CatalogEvent::Released { label, name, version: 1 };
        let kept = fold(&[named.clone(), pinned.clone(), held.clone()]);
        let stored_kept = to_canonical(&kept).unwrap();
        insta::assert_snapshot!(std::str::from_utf8(&stored_kept).unwrap());
        assert_eq!(from_canonical::<CatalogState>(&stored_kept).unwrap(), kept);
        assert_eq!(to_canonical(&fold(&[named, pinned, held, unpinned, released])).unwrap(), stored);
    }

    #[test]
    fn events_about_what_is_not_there_change_nothing() {
        let (name, label) = (Name::new("late").unwrap(), Name::new("audit").unwrap());
        let pinned = CatalogEvent::Pinned { name: name.clone(), version: 1 };
        let held = CatalogEvent::Held { label: label.clone(), name: name.clone(), reason: "r".to_owned(), version: 1 };
        let released = CatalogEvent::Released { label, name, version: 1 };
        assert_eq!(fold(&[pinned, held, released]), CatalogState::default());
    }
}
