use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use lineal_core::Digest;

use super::{
    PackInfo, PackName,
    format::{BlobRow, Kind, Record, Trailer},
};

/// Where every chunk, list and large blob lies: the trailers of all packs, by key.
///
/// A cache: built from packs alone, and forgotten with the handle. About 200 bytes of memory a chunk.
#[derive(Debug, Default)]
pub(crate) struct Index {
    packs: BTreeMap<PackName, Arc<Pack>>,
    records: HashMap<Digest, Vec<Spot>>,
    blobs: HashMap<Digest, Vec<Spot>>,
    /// Packs whose trailer cannot be read, and why.
    damaged: BTreeMap<PackName, String>,
}

/// A pack whose trailer is known.
#[derive(Debug)]
pub(crate) struct Pack {
    pub(crate) name: PackName,
    pub(crate) info: PackInfo,
    pub(crate) trailer: Trailer,
}

/// Row `at` of a table in a pack's trailer.
#[derive(Debug, Clone)]
struct Spot {
    pack: Arc<Pack>,
    at: u32,
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
    /// Tells whether this record lies right behind `before`.
    pub(crate) fn follows(&self, before: &Self) -> bool {
        self.pack.name == before.pack.name && self.at == before.at + 1
    }
}

impl Index {
    pub(crate) fn knows(&self, name: &PackName) -> bool {
        self.packs.contains_key(name) || self.damaged.contains_key(name)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &PackName> {
        self.packs.keys().chain(self.damaged.keys())
    }

    pub(crate) fn pack(&self, name: &PackName) -> Option<Arc<Pack>> {
        self.packs.get(name).cloned()
    }

    pub(crate) fn insert(&mut self, pack: Pack) {
        let pack = Arc::new(pack);
        self.damaged.remove(&pack.name);
        if self.packs.insert(pack.name, Arc::clone(&pack)).is_some() {
            return;
        }
        for (at, record) in (0..).zip(&pack.trailer.records) {
            self.records.entry(record.key).or_default().push(Spot { pack: Arc::clone(&pack), at });
        }
        for (at, row) in (0..).zip(&pack.trailer.blobs) {
            self.blobs.entry(row.blob).or_default().push(Spot { pack: Arc::clone(&pack), at });
        }
    }

    pub(crate) fn insert_damaged(&mut self, name: PackName, why: String) {
        self.damaged.insert(name, why);
    }

    pub(crate) fn first_damaged(&self) -> Option<(&PackName, &String)> {
        self.damaged.first_key_value()
    }

    /// Returns the packs whose trailer cannot be read.
    pub(crate) fn damaged(&self) -> impl Iterator<Item = PackName> {
        self.damaged.keys().copied()
    }

    /// Returns the pack that has this very row, and where.
    pub(crate) fn blob_row_spot(&self, blob: &Digest, row: &BlobRow) -> Option<(Arc<Pack>, usize)> {
        let same = |spot: &&Spot| spot.pack.trailer.blobs.get(spot.at as usize) == Some(row);
        self.blobs.get(blob)?.iter().find(same).map(|spot| (Arc::clone(&spot.pack), spot.at as usize))
    }

    pub(crate) fn remove(&mut self, name: &PackName) {
        self.damaged.remove(name);
        let Some(pack) = self.packs.remove(name) else { return };
        let forget = |table: &mut HashMap<Digest, Vec<Spot>>, key: &Digest| {
            if let Some(spots) = table.get_mut(key) {
                spots.retain(|spot| spot.pack.name != *name);
                if spots.is_empty() {
                    table.remove(key);
                }
            }
        };
        pack.trailer.records.iter().for_each(|record| forget(&mut self.records, &record.key));
        pack.trailer.blobs.iter().for_each(|row| forget(&mut self.blobs, &row.blob));
    }

    /// Returns where the record of `key` lies, in a pack that `allowed` lets pass; if there are several, the one right
    /// behind `after`.
    pub(crate) fn find(
        &self,
        key: &Digest,
        kind: Kind,
        after: Option<&Place>,
        allowed: impl Fn(&Pack) -> bool,
    ) -> Option<Place> {
        let spots = self.records.get(key)?.iter();
        let place = |spot: &Spot| {
            let record = *spot.pack.trailer.records.get(spot.at as usize)?;
            (record.kind == kind).then(|| Place { pack: Arc::clone(&spot.pack), at: spot.at, record })
        };
        let mut places = spots.filter(|spot| allowed(&spot.pack)).filter_map(place);
        let first = places.next()?;
        match after {
            Some(after) if !first.follows(after) => Some(places.find(|place| place.follows(after)).unwrap_or(first)),
            _ => Some(first),
        }
    }

    /// Returns the rows that say what a large blob is made of, with their packs.
    pub(crate) fn blob_rows(&self, blob: &Digest) -> Vec<(Arc<Pack>, BlobRow)> {
        let spots = self.blobs.get(blob).map(Vec::as_slice).unwrap_or_default();
        let row = |spot: &Spot| Some((Arc::clone(&spot.pack), *spot.pack.trailer.blobs.get(spot.at as usize)?));
        spots.iter().filter_map(row).collect()
    }
}
