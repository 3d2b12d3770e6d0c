use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use super::format::{MAGIC, MAX_RECORDS, RECORD_LEN};
use lineal_core::{Collection, CollectionEvent, Digest, ParseError, Stamp, State, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

lineal_core::id_type! {
    /// Names one batch of puts, and thereby its packs.
    pub struct SessionId;
}

lineal_core::id_type! {
    /// Names one segment of the index for ever.
    pub struct SegmentId;
}

/// Names a pack for ever: the batch that wrote it, and its number within the batch. `Display` is `<32 hex>-<number>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct PackName {
    /// The batch.
    pub session: SessionId,
    /// Its number, dense from 0.
    pub number: u32,
}

impl fmt::Display for PackName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.session, self.number)
    }
}

impl FromStr for PackName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (session, number) = text.split_once('-').ok_or("a pack's name has a dash")?;
        let name = Self {
            session: session.parse().map_err(|error: ParseError| error.to_string())?,
            number: number.parse().map_err(|_| "a pack's number is a decimal below 2^32")?,
        };
        if name.to_string() == text { Ok(name) } else { Err("a pack's number has no leading zeros".to_owned()) }
    }
}

impl Serialize for PackName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PackName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// What the journal says about a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PackInfo {
    /// SHA-256 of its trailer: what receipts hold and collections condemn.
    pub digest: Digest,
    /// Size of the object in bytes.
    pub size_bytes: u64,
    /// Bytes of trailer and footer, at its end.
    pub tail_bytes: u64,
}

impl PackInfo {
    /// Returns the bytes of its records.
    #[must_use]
    pub fn records_bytes(&self) -> u64 {
        self.size_bytes.saturating_sub(self.tail_bytes).saturating_sub(MAGIC.len() as u64)
    }

    /// Returns how many rows its trailer has at most.
    pub(super) fn most_rows(&self) -> u64 {
        (self.tail_bytes / RECORD_LEN as u64).min(MAX_RECORDS as u64)
    }
}

/// What the journal says about a segment of the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SegmentInfo {
    /// SHA-256 of its directory, which has the digests of its blocks.
    pub digest: Digest,
    /// Size of the object in bytes.
    pub size_bytes: u64,
    /// Bytes of directory and footer, at its end.
    pub tail_bytes: u64,
}

/// An event of a pack store's journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum StoreEvent {
    /// What every blob store's journal records.
    Collection(CollectionEvent),
    /// What this engine adds.
    Pack(PackEvent),
}

/// What a pack store records beside its collections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum PackEvent {
    /// Packs of a batch are durable.
    Stored {
        /// Collection epoch in which the batch began.
        begun: u64,
        /// True if the batch ends with it.
        closes: bool,
        /// The packs.
        packs: BTreeMap<PackName, PackInfo>,
        /// The batch.
        session: SessionId,
    },
    /// Batches that were idle for too long were given up, and so were all unrecorded ones that began before an epoch.
    Fenced {
        /// The lowest epoch in which a batch without recorded packs may have begun to be taken.
        below: u64,
        /// Batches with recorded packs.
        sessions: Vec<SessionId>,
    },
    /// A collection that opens the next epoch had marked journals up to these numbers: what they came to depend on after
    /// them, up to its barriers, is rescued, whoever ends the epoch.
    Marked {
        /// The last marked entry of each journal, by prefix; none for one that had no entries.
        heads: BTreeMap<String, u64>,
    },
    /// The index has new segments, or has lost some.
    Indexed {
        /// Segments that no longer belong to it.
        replaces: Vec<SegmentId>,
        /// The new ones.
        segments: BTreeMap<SegmentId, SegmentInfo>,
    },
    /// Packs are gone.
    Removed {
        /// Their names.
        packs: Vec<PackName>,
    },
    /// Blobs are refused from now on, and their bytes are to go. Who asked for it is the actor of the transaction.
    Purged {
        /// Their digests, sorted.
        blobs: Vec<Digest>,
        /// Digest of the list of the keys of all records that they were made of.
        keys: Digest,
        /// Why.
        reason: String,
    },
    /// Packs are damaged, and all that could be had of them lies elsewhere: they are set aside until a collection removes
    /// them.
    Damaged {
        /// Their names.
        packs: Vec<PackName>,
    },
}

/// A pack as the fold knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct KnownPack {
    /// Collection epoch in which its batch ended; none while that is open.
    pub closed: Option<u64>,
    /// True once it was set aside as damaged: nothing is read from it and nothing may rest on it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub damaged: bool,
    /// What was recorded about it.
    pub info: PackInfo,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// A batch that has recorded packs and has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct OpenSession {
    /// Collection epoch in which it began.
    pub begun: u64,
    /// Time of its last event.
    pub seen: Timestamp,
}

/// The state of a pack store: which packs there are, which batches are open, and how far collections have come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackState {
    collection: Collection,
    /// When each epoch ended: the time at which the next one was opened.
    ended: Vec<Timestamp>,
    fenced_below: u64,
    /// How far the collection of the newest epoch had marked each journal.
    marked: BTreeMap<String, u64>,
    open: BTreeMap<SessionId, OpenSession>,
    packs: BTreeMap<PackName, KnownPack>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    segments: BTreeMap<SegmentId, SegmentInfo>,
    /// Purged blobs, each with the list of the keys that it was made of.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    purged: BTreeMap<Digest, Digest>,
}

/// Why a batch may not record packs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A collection gave it up.
    Fenced,
    /// A collection opened an epoch since the batch looked.
    Stale,
    /// These packs, which it rests on, were set aside as damaged.
    Damaged(Vec<Digest>),
    /// This blob, which it has put, was purged.
    Purged(Digest),
    /// Blobs were purged since it began to copy what was alive then.
    Outdated,
}

impl PackState {
    /// Returns how far collections have come.
    #[must_use]
    pub fn collection(&self) -> &Collection {
        &self.collection
    }

    /// Returns every pack.
    #[must_use]
    pub fn packs(&self) -> &BTreeMap<PackName, KnownPack> {
        &self.packs
    }

    /// Returns every pack that is not set aside, with what was recorded about it.
    pub(crate) fn list(&self) -> Vec<(PackName, PackInfo)> {
        let sound = self.packs.iter().filter(|(_, pack)| !pack.damaged);
        sound.map(|(name, pack)| (*name, pack.info)).collect()
    }

    /// Tells whether a pack is recorded and not set aside.
    pub(crate) fn is_readable(&self, name: &PackName) -> bool {
        self.packs.get(name).is_some_and(|pack| !pack.damaged)
    }

    /// Returns the packs that are set aside as damaged.
    pub(crate) fn set_aside(&self) -> impl Iterator<Item = (&PackName, &KnownPack)> {
        self.packs.iter().filter(|(_, pack)| pack.damaged)
    }

    /// Decides on setting packs aside, for a repair that has compared what it rests on up to epoch `checked`; nothing if
    /// all of them are gone or set aside already. Not while an epoch is open: whoever ends it must find what others find.
    pub(crate) fn damage(&self, packs: &BTreeSet<PackName>, checked: u64) -> Result<Vec<StoreEvent>, Refusal> {
        if self.collection.epoch() != checked || self.collection.open_epoch().is_some() {
            return Err(Refusal::Stale);
        }
        let packs: Vec<PackName> = packs.iter().filter(|name| self.is_readable(name)).copied().collect();
        let news = !packs.is_empty();
        Ok(news.then_some(StoreEvent::Pack(PackEvent::Damaged { packs })).into_iter().collect())
    }

    /// Returns the purged blobs, each with the digest of the list of the keys of all records that it was made of.
    #[must_use]
    pub fn purged(&self) -> &BTreeMap<Digest, Digest> {
        &self.purged
    }

    /// Decides on purging blobs, which are sorted and made of the keys in a list.
    pub(crate) fn purge(&self, blobs: &[Digest], keys: Digest, reason: &str) -> Vec<StoreEvent> {
        let known = blobs.iter().all(|blob| self.purged.get(blob) == Some(&keys));
        let event = PackEvent::Purged { blobs: blobs.to_vec(), keys, reason: reason.to_owned() };
        (!known).then_some(StoreEvent::Pack(event)).into_iter().collect()
    }

    /// Returns the batches that have recorded packs and have not ended.
    #[must_use]
    pub fn open_sessions(&self) -> &BTreeMap<SessionId, OpenSession> {
        &self.open
    }

    /// Returns the segments of the index: a cache, which may be incomplete, damaged or gone.
    #[must_use]
    pub fn segments(&self) -> &BTreeMap<SegmentId, SegmentInfo> {
        &self.segments
    }

    /// Decides on recording new segments instead of old ones; `None` if one of the old ones was replaced meanwhile.
    pub(crate) fn index(
        &self,
        segments: &BTreeMap<SegmentId, SegmentInfo>,
        replaces: &[SegmentId],
    ) -> Option<Vec<StoreEvent>> {
        let there = replaces.iter().all(|name| self.segments.contains_key(name));
        let event = PackEvent::Indexed { replaces: replaces.to_vec(), segments: segments.clone() };
        there.then(|| vec![StoreEvent::Pack(event)])
    }

    /// Returns the bytes of all packs.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.packs.values().fold(0, |sum, pack| sum.saturating_add(pack.info.size_bytes))
    }

    /// Returns when each epoch ended, from the first on.
    pub(crate) fn ended_epochs(&self) -> impl Iterator<Item = Timestamp> {
        self.ended.iter().copied()
    }

    /// Returns how far the collection of the newest epoch had marked each journal.
    pub(crate) fn marked(&self) -> &BTreeMap<String, u64> {
        &self.marked
    }

    /// Returns the lowest epoch in which a batch without recorded packs may have begun to be taken.
    pub(crate) fn fenced_below(&self) -> u64 {
        self.fenced_below
    }

    /// Decides on recording packs of a batch that began in epoch `begun` and, if it ends, has compared what it rests on
    /// with all that was condemned up to epoch `checked`.
    pub(crate) fn store(&self, session: SessionId, landed: &Landed, checked: u64) -> Result<Vec<StoreEvent>, Refusal> {
        let alive = self.open.contains_key(&session) || (!landed.opened && landed.begun >= self.fenced_below);
        if !alive {
            return Err(Refusal::Fenced);
        }
        if landed.closes && self.collection.epoch() != checked {
            return Err(Refusal::Stale);
        }
        let held = |pack: &KnownPack| landed.claims.holds.binary_search(&pack.info.digest).is_ok();
        let damaged: Vec<Digest> =
            self.set_aside().filter(|(_, pack)| held(pack)).map(|(_, pack)| pack.info.digest).collect();
        if !damaged.is_empty() {
            return Err(Refusal::Damaged(damaged));
        }
        if landed.claims.purged.is_some_and(|purged| purged != self.purged.len()) {
            return Err(Refusal::Outdated);
        }
        if let Some(purged) = landed.claims.blobs.iter().find(|blob| self.purged.contains_key(blob)) {
            return Err(Refusal::Purged(*purged));
        }
        if landed.packs.is_empty() && !landed.opened {
            return Ok(Vec::new());
        }
        let Landed { begun, closes, .. } = *landed;
        Ok(vec![StoreEvent::Pack(PackEvent::Stored { begun, closes, packs: landed.packs.clone(), session })])
    }
}

/// Packs that a batch wants to record.
#[derive(Debug, Clone)]
pub(crate) struct Landed {
    pub(crate) begun: u64,
    pub(crate) closes: bool,
    /// True if the batch has recorded packs before.
    pub(crate) opened: bool,
    pub(crate) packs: BTreeMap<PackName, PackInfo>,
    pub(crate) claims: Claims,
}

/// What a batch claims that must be true when its packs are recorded.
#[derive(Debug, Clone, Default)]
pub(crate) struct Claims {
    /// With `closes`: none of these packs, on which it rests, is set aside. Sorted digests.
    pub(crate) holds: Vec<Digest>,
    /// With `closes`: none of these blobs, which it has put, is purged.
    pub(crate) blobs: Vec<Digest>,
    /// Of a batch that copies what was alive: so many blobs were purged then, and no more since.
    pub(crate) purged: Option<usize>,
}

impl State for PackState {
    type Event = StoreEvent;
    const KIND: &'static str = "lineal.packs";

    fn apply(&mut self, event: &StoreEvent, stamp: &Stamp) {
        match event {
            StoreEvent::Collection(event) => {
                self.collection.apply(event, stamp);
                if matches!(event, CollectionEvent::Condemned { .. }) {
                    self.ended.push(stamp.time);
                }
            }
            StoreEvent::Pack(PackEvent::Stored { begun, closes, packs, session }) => {
                let known =
                    packs.iter().map(|(name, info)| (*name, KnownPack { closed: None, damaged: false, info: *info }));
                self.packs.extend(known);
                if *closes {
                    self.close(session);
                } else {
                    let open = self.open.entry(*session);
                    open.or_insert(OpenSession { begun: *begun, seen: stamp.time }).seen = stamp.time;
                }
            }
            StoreEvent::Pack(PackEvent::Fenced { below, sessions }) => {
                self.fenced_below = self.fenced_below.max(*below);
                sessions.iter().for_each(|session| self.close(session));
            }
            StoreEvent::Pack(PackEvent::Marked { heads }) => self.marked.clone_from(heads),
            StoreEvent::Pack(PackEvent::Indexed { replaces, segments }) => {
                self.segments.retain(|name, _| !replaces.contains(name));
                self.segments.extend(segments);
            }
            StoreEvent::Pack(PackEvent::Removed { packs }) => {
                for name in packs {
                    self.packs.remove(name);
                }
            }
            StoreEvent::Pack(PackEvent::Purged { blobs, keys, .. }) => {
                self.purged.extend(blobs.iter().map(|blob| (*blob, *keys)));
            }
            StoreEvent::Pack(PackEvent::Damaged { packs }) => {
                for name in packs {
                    if let Some(pack) = self.packs.get_mut(name) {
                        pack.damaged = true;
                    }
                }
            }
        }
    }
}

impl PackState {
    fn close(&mut self, session: &SessionId) {
        self.open.remove(session);
        let epoch = self.collection.epoch();
        let (first, last) =
            (PackName { session: *session, number: 0 }, PackName { session: *session, number: u32::MAX });
        for (_, pack) in self.packs.range_mut(first..=last) {
            pack.closed.get_or_insert(epoch);
        }
    }
}

#[cfg(test)]
mod tests {
    use lineal_core::{Actor, TxnId, from_canonical, to_canonical};

    use super::*;

    fn name(number: u32) -> PackName {
        PackName { session: SessionId::from_bytes(*b"0123456789abcdef"), number }
    }

    fn stored(number: u32, closes: bool) -> StoreEvent {
        let info = PackInfo { digest: Digest::of(b"trailer"), size_bytes: 1000, tail_bytes: 112 };
        let packs = BTreeMap::from([(name(number), info)]);
        StoreEvent::Pack(PackEvent::Stored { begun: 3, closes, packs, session: name(0).session })
    }

    fn indexed(new: u8, replaces: &[u8]) -> StoreEvent {
        let id = |byte: u8| SegmentId::from_bytes([byte; 16]);
        let info = SegmentInfo { digest: Digest::of(b"directory"), size_bytes: 9000, tail_bytes: 600 };
        let replaces = replaces.iter().map(|byte| id(*byte)).collect();
        StoreEvent::Pack(PackEvent::Indexed { replaces, segments: BTreeMap::from([(id(new), info)]) })
    }

    fn fold(state: &mut PackState, events: impl IntoIterator<Item = StoreEvent>) {
        let stamp = Stamp::new(
            1,
            Timestamp::from_nanos(5),
            TxnId::from_bytes([1; 16]),
            Actor::new("test").expect("a valid name"),
        );
        events.into_iter().for_each(|event| state.apply(&event, &stamp));
    }

    #[test]
    fn the_stored_events_are_pinned() {
        let events = [
            StoreEvent::Collection(CollectionEvent::Condemned { count: 2, list: Digest::of(b"list") }),
            stored(7, true),
            StoreEvent::Pack(PackEvent::Fenced { below: 2, sessions: vec![name(0).session] }),
            StoreEvent::Pack(PackEvent::Marked { heads: BTreeMap::from([("data/flights".to_owned(), 12)]) }),
            StoreEvent::Pack(PackEvent::Removed { packs: vec![name(7)] }),
            indexed(2, &[1]),
            StoreEvent::Pack(PackEvent::Damaged { packs: vec![name(7)] }),
            StoreEvent::Pack(PackEvent::Purged {
                blobs: vec![Digest::of(b"blob")],
                keys: Digest::of(b"keys"),
                reason: "request 17".to_owned(),
            }),
        ];
        let lines: Vec<String> =
            events.iter().map(|event| String::from_utf8(to_canonical(event).unwrap()).unwrap()).collect();
        insta::assert_snapshot!(lines.join("\n"));
        for (event, line) in events.iter().zip(&lines) {
            assert_eq!(&from_canonical::<StoreEvent>(line.as_bytes()).unwrap(), event);
        }
        for hostile in [
            lines[1].replace("\"begun\":3", "\"begun\":3,\"more\":1"),
            lines[1].replace("6-7", "6-07"),
            lines[4].replace("removed", "vanished"),
        ] {
            assert!(from_canonical::<StoreEvent>(hostile.as_bytes()).is_err(), "{hostile}");
        }
    }

    #[test]
    fn a_segment_is_replaced_once_and_old_checkpoints_have_none() {
        let mut state = PackState::default();
        let before = to_canonical(&state).unwrap();
        assert!(!String::from_utf8(before.clone()).unwrap().contains("segments"));
        assert_eq!(from_canonical::<PackState>(&before).unwrap(), state);
        fold(&mut state, [indexed(1, &[]), indexed(2, &[1])]);
        let id = |byte: u8| SegmentId::from_bytes([byte; 16]);
        assert_eq!(state.segments().keys().copied().collect::<Vec<_>>(), [id(2)]);
        assert!(state.index(&BTreeMap::new(), &[id(1)]).is_none());
        assert!(state.index(&BTreeMap::new(), &[id(2)]).is_some());
        assert_eq!(from_canonical::<PackState>(&to_canonical(&state).unwrap()).unwrap(), state);
    }

    #[test]
    fn a_batch_is_open_until_it_ends_or_is_given_up() {
        let landed =
            |opened, closes| Landed { begun: 0, closes, opened, packs: BTreeMap::new(), claims: Claims::default() };
        let session = name(0).session;
        let mut state = PackState::default();
        fold(&mut state, [stored(0, false)]);
        assert_eq!(state.open_sessions().len(), 1);
        assert!(state.store(session, &landed(true, true), 0).is_ok());
        assert_eq!(state.store(session, &landed(true, true), 1), Err(Refusal::Stale), "compared with another epoch");
        fold(&mut state, [stored(1, true)]);
        assert_eq!((state.open_sessions().len(), state.packs()[&name(0)].closed), (0, Some(0)));
        assert_eq!(state.store(session, &landed(true, true), 0), Err(Refusal::Fenced), "it has ended");
        let unrecorded = SessionId::from_bytes([7; 16]);
        assert!(state.store(unrecorded, &landed(false, true), 0).is_ok());
        fold(&mut state, [StoreEvent::Pack(PackEvent::Fenced { below: 1, sessions: Vec::new() })]);
        assert_eq!(state.store(unrecorded, &landed(false, true), 0), Err(Refusal::Fenced), "it began too long ago");
        fold(&mut state, [StoreEvent::Pack(PackEvent::Removed { packs: vec![name(0)] })]);
        assert_eq!(state.packs().len(), 1);
    }

    #[test]
    fn what_is_purged_is_neither_put_nor_copied() {
        let mut state = PackState::default();
        let (one, two, keys) = (Digest::of(b"one"), Digest::of(b"two"), Digest::of(b"keys"));
        let events = state.purge(&[one], keys, "why");
        fold(&mut state, events);
        assert_eq!(state.purge(&[one], keys, "why"), Vec::new(), "once is enough");
        assert_eq!(state.purge(&[one], Digest::of(b"more keys"), "why").len(), 1);
        let session = SessionId::from_bytes([7; 16]);
        let store = |claims| {
            state.store(session, &Landed { begun: 0, closes: true, opened: false, packs: BTreeMap::new(), claims }, 0)
        };
        let put = |blobs| Claims { blobs, ..Claims::default() };
        assert_eq!(store(put(vec![two, one])), Err(Refusal::Purged(one)));
        assert_eq!(store(put(vec![two])), Ok(Vec::new()));
        let copies = |purged| Claims { purged: Some(purged), ..Claims::default() };
        assert_eq!(store(copies(0)), Err(Refusal::Outdated), "it may copy what is purged now");
        assert_eq!(store(copies(1)), Ok(Vec::new()));
        let bytes = to_canonical(&state).unwrap();
        assert_eq!(from_canonical::<PackState>(&bytes).unwrap(), state);
    }

    #[test]
    fn what_is_set_aside_is_neither_listed_nor_rested_on() {
        let mut state = PackState::default();
        fold(&mut state, [stored(0, true)]);
        let before = to_canonical(&state).unwrap();
        assert!(!String::from_utf8(before.clone()).unwrap().contains("damaged"), "as releases before wrote it");
        let (digest, packs) = (Digest::of(b"trailer"), BTreeSet::from([name(0), name(5)]));
        assert_eq!(state.damage(&packs, 1), Err(Refusal::Stale), "compared with another epoch");
        let events = state.damage(&packs, 0).unwrap();
        fold(&mut state, events);
        assert!(state.list().is_empty() && state.packs().len() == 1 && !state.is_readable(&name(0)));
        assert_eq!(state.damage(&packs, 0), Ok(Vec::new()), "once is enough");
        let landed = |holds| Landed {
            begun: 0,
            closes: true,
            opened: false,
            packs: BTreeMap::new(),
            claims: Claims { holds, ..Claims::default() },
        };
        let refused = state.store(SessionId::from_bytes([7; 16]), &landed(vec![digest]), 0);
        assert_eq!(refused, Err(Refusal::Damaged(vec![digest])));
        assert_eq!(state.store(SessionId::from_bytes([7; 16]), &landed(Vec::new()), 0), Ok(Vec::new()));
        for bytes in [before, to_canonical(&state).unwrap()] {
            let read: PackState = from_canonical(&bytes).unwrap();
            assert_eq!(to_canonical(&read).unwrap(), bytes);
        }
    }
}
