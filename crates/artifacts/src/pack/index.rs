use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use lineal_core::Digest;

use super::{
    PackInfo, PackName, PackState, SegmentId,
    format::{BlobRow, Kind, Record, Trailer},
    segments::{Row, Segment},
};

/// Where every chunk, list and large blob lies, as far as it is in memory: the trailers of packs that no segment of the index
/// covers, by key, about 200 bytes a chunk; and which segments cover the others.
///
/// A cache: built from packs alone, and forgotten with the handle.
#[derive(Debug, Default)]
pub(crate) struct Index {
    packs: BTreeMap<PackName, Known>,
    /// Of all trailers in memory.
    rows: u64,
    records: HashMap<Digest, Vec<Spot>>,
    blobs: HashMap<Digest, Vec<Spot>>,
    /// Packs whose trailer cannot be read, and why.
    damaged: BTreeMap<PackName, String>,
    segments: BTreeMap<SegmentId, Arc<Segment>>,
    /// Segments that cannot be used, and why.
    spoilt: BTreeMap<SegmentId, String>,
}

/// A pack that the store has.
#[derive(Debug)]
pub(crate) struct Pack {
    pub(crate) name: PackName,
    pub(crate) info: PackInfo,
}

/// A pack whose trailer is known.
#[derive(Debug)]
pub(crate) struct LoadedPack {
    pub(crate) pack: Arc<Pack>,
    pub(crate) trailer: Trailer,
}

#[derive(Debug)]
enum Known {
    Loaded(Arc<LoadedPack>),
    /// By a segment that is there.
    Covered(Arc<Pack>, SegmentId),
}

/// Row `at` of a table in a pack's trailer.
#[derive(Debug, Clone)]
struct Spot {
    loaded: Arc<LoadedPack>,
    at: u32,
}

/// What has to be done to bring an index up to a state.
#[derive(Debug, Default)]
pub(crate) struct Change {
    /// Packs whose trailers are to be read.
    pub(crate) load: Vec<(PackName, PackInfo)>,
    /// Packs that a segment covers.
    pub(crate) cover: Vec<(PackName, PackInfo, SegmentId)>,
    pub(crate) gone: Vec<PackName>,
    pub(crate) gone_segments: Vec<SegmentId>,
}

/// A record and the pack it lies in.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) pack: Arc<Pack>,
    /// Its row in the trailer.
    pub(crate) at: u32,
    pub(crate) record: Record,
}

impl Place {
    /// Returns where in the pack it ends.
    pub(crate) fn end(&self) -> u64 {
        u64::from(self.record.offset) + u64::from(self.record.stored_len)
    }

    /// Tells whether this record lies right behind `before`.
    pub(crate) fn follows(&self, before: &Self) -> bool {
        self.pack.name == before.pack.name && self.at == before.at + 1
    }
}

/// Takes one of several places of a key: the one right behind `after`, or the first.
pub(crate) fn choose(places: Vec<Place>, after: Option<&Place>) -> Option<Place> {
    let follows = after.and_then(|after| places.iter().position(|place| place.follows(after)));
    places.into_iter().nth(follows.unwrap_or_default())
}

impl Index {
    /// Says what differs from the packs and segments of a state; segments that are new must be known before.
    pub(crate) fn compare(&self, state: &PackState) -> Change {
        let known = self.packs.keys().chain(self.damaged.keys());
        let gone = known.filter(|name| !state.is_readable(name)).copied().collect();
        let segments = self.segments.keys().chain(self.spoilt.keys());
        let gone_segments: Vec<SegmentId> =
            segments.filter(|name| !state.segments().contains_key(name)).copied().collect();
        let mut change = Change { gone, gone_segments, ..Change::default() };
        let stays = |name: &SegmentId| self.segments.contains_key(name) && state.segments().contains_key(name);
        for (name, pack) in state.packs().iter().filter(|(name, _)| state.is_readable(name)) {
            let known = self.packs.get(name);
            if matches!(known, Some(Known::Covered(_, by)) if stays(by)) || self.damaged.contains_key(name) {
                continue;
            }
            let mut segments = self.segments.values().filter(|segment| stays(&segment.name));
            match segments.find(|segment| segment.covers(name, &pack.info)) {
                Some(segment) => change.cover.push((*name, pack.info, segment.name)),
                None if matches!(known, Some(Known::Loaded(_))) => {}
                None => change.load.push((*name, pack.info)),
            }
        }
        change
    }

    pub(crate) fn pack(&self, name: &PackName) -> Option<Arc<Pack>> {
        self.packs.get(name).map(|known| match known {
            Known::Loaded(loaded) => Arc::clone(&loaded.pack),
            Known::Covered(pack, _) => Arc::clone(pack),
        })
    }

    pub(crate) fn loaded(&self, name: &PackName) -> Option<Arc<LoadedPack>> {
        match self.packs.get(name)? {
            Known::Loaded(loaded) => Some(Arc::clone(loaded)),
            Known::Covered(..) => None,
        }
    }

    pub(crate) fn insert(&mut self, loaded: LoadedPack) {
        let (name, loaded) = (loaded.pack.name, Arc::new(loaded));
        self.damaged.remove(&name);
        if let Some(Known::Loaded(_)) = self.packs.insert(name, Known::Loaded(Arc::clone(&loaded))) {
            // Its rows are there already: they say the same.
            return;
        }
        self.rows += loaded.trailer.rows();
        for (at, record) in (0..).zip(&loaded.trailer.records) {
            self.records.entry(record.key).or_default().push(Spot { loaded: Arc::clone(&loaded), at });
        }
        for (at, row) in (0..).zip(&loaded.trailer.blobs) {
            self.blobs.entry(row.blob).or_default().push(Spot { loaded: Arc::clone(&loaded), at });
        }
    }

    pub(crate) fn insert_damaged(&mut self, name: PackName, why: String) {
        self.damaged.insert(name, why);
    }

    pub(crate) fn first_damaged(&self) -> Option<(&PackName, &String)> {
        self.damaged.first_key_value()
    }

    /// Leaves a pack to the segment that covers it, and forgets its trailer; unless the segment went away meanwhile.
    pub(crate) fn cover(&mut self, name: PackName, info: PackInfo, by: SegmentId) {
        if self.segments.contains_key(&by) && !self.damaged.contains_key(&name) {
            self.remove(&name);
            self.packs.insert(name, Known::Covered(Arc::new(Pack { name, info }), by));
        }
    }

    /// Returns the packs whose rows can be found.
    pub(crate) fn names(&self) -> impl Iterator<Item = &PackName> {
        self.packs.keys()
    }

    /// Returns the packs whose trailer cannot be read.
    pub(crate) fn damaged(&self) -> impl Iterator<Item = PackName> {
        self.damaged.keys().copied()
    }

    pub(crate) fn remove(&mut self, name: &PackName) {
        self.damaged.remove(name);
        let Some(Known::Loaded(loaded)) = self.packs.remove(name) else { return };
        self.rows -= loaded.trailer.rows();
        let forget = |table: &mut HashMap<Digest, Vec<Spot>>, key: &Digest| {
            if let Some(spots) = table.get_mut(key) {
                spots.retain(|spot| spot.loaded.pack.name != *name);
                if spots.is_empty() {
                    table.remove(key);
                }
            }
        };
        loaded.trailer.records.iter().for_each(|record| forget(&mut self.records, &record.key));
        loaded.trailer.blobs.iter().for_each(|row| forget(&mut self.blobs, &row.blob));
    }

    /// Returns where the record of `key` lies in packs whose trailers are in memory.
    pub(super) fn places(&self, key: &Digest, kind: Kind) -> Vec<Place> {
        let spots = self.records.get(key).map(Vec::as_slice).unwrap_or_default();
        let place = |spot: &Spot| {
            let record = *spot.loaded.trailer.records.get(spot.at as usize)?;
            (record.kind == kind).then(|| Place { pack: Arc::clone(&spot.loaded.pack), at: spot.at, record })
        };
        spots.iter().filter_map(place).collect()
    }

    /// Returns the rows of a large blob in packs whose trailers are in memory.
    pub(super) fn blob_rows(&self, blob: &Digest) -> Vec<(Arc<Pack>, u32, BlobRow)> {
        let spots = self.blobs.get(blob).map(Vec::as_slice).unwrap_or_default();
        let row = |spot: &Spot| {
            Some((Arc::clone(&spot.loaded.pack), spot.at, *spot.loaded.trailer.blobs.get(spot.at as usize)?))
        };
        spots.iter().filter_map(row).collect()
    }

    /// Returns how many rows of trailers are in memory.
    pub(super) fn loaded_rows(&self) -> u64 {
        self.rows
    }

    /// Returns the packs whose trailers are in memory.
    #[cfg(test)]
    pub(super) fn uncovered(&self) -> impl Iterator<Item = &PackName> {
        self.packs.iter().filter(|(_, known)| matches!(known, Known::Loaded(_))).map(|(name, _)| name)
    }

    pub(super) fn has_segments(&self) -> bool {
        !self.segments.is_empty()
    }

    pub(super) fn segments(&self) -> impl Iterator<Item = &Arc<Segment>> {
        self.segments.values()
    }

    /// Returns the segments that may have a key in one of their tables.
    pub(super) fn segments_with<R: Row>(&self, key: &Digest) -> Vec<Arc<Segment>> {
        self.segments.values().filter(|segment| segment.may_have::<R>(key)).cloned().collect()
    }

    pub(super) fn knows_segment(&self, name: &SegmentId) -> bool {
        self.segments.contains_key(name) || self.spoilt.contains_key(name)
    }

    pub(super) fn spoilt(&self) -> impl Iterator<Item = &SegmentId> {
        self.spoilt.keys()
    }

    pub(super) fn insert_segment(&mut self, segment: Segment) {
        // One that was found damaged stays so.
        if !self.spoilt.contains_key(&segment.name) {
            self.segments.insert(segment.name, Arc::new(segment));
        }
    }

    /// Forgets a segment, and the packs that are known through it.
    pub(crate) fn remove_segment(&mut self, name: &SegmentId) {
        self.spoilt.remove(name);
        if self.segments.remove(name).is_some() {
            self.packs.retain(|_, known| !matches!(known, Known::Covered(_, by) if by == name));
        }
    }

    /// Leaves a segment aside.
    pub(super) fn spoil(&mut self, name: SegmentId, why: String) {
        self.remove_segment(&name);
        self.spoilt.insert(name, why);
    }
}
