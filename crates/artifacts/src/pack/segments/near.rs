use std::sync::Arc;

use lineal_core::Digest;

use super::super::{
    PackName,
    format::{Kind, Record, Trailer},
};
use super::cache::Lru;

/// Packs in which lookups hit lately. The trailer of one that was hit twice is kept: what is looked up next most likely lies in
/// it, too, so a run of chunks costs one request and not one each.
///
/// Locality preserved caching, from Zhu, Li and Patterson, *Avoiding the Disk Bottleneck in the Data Domain Deduplication File
/// System*, FAST 2008.
#[derive(Debug)]
pub(super) struct Near {
    packs: Lru<PackName, Hit>,
}

#[derive(Debug)]
enum Hit {
    /// How often, without its trailer.
    Times(u32),
    Known(Arc<Sorted>),
}

/// The records of a trailer, and their order by key.
#[derive(Debug)]
pub(super) struct Sorted {
    records: Vec<Record>,
    order: Vec<u32>,
}

impl Sorted {
    pub(super) fn new(trailer: Trailer) -> Self {
        let records = trailer.records;
        let mut order: Vec<u32> = (0..).take(records.len()).collect();
        order.sort_by_key(|at| records.get(*at as usize).map(|record| record.key));
        Self { records, order }
    }

    fn find(&self, key: &Digest, kind: Kind) -> impl Iterator<Item = (u32, Record)> {
        let record = |at: u32| self.records.get(at as usize);
        let start = self.order.partition_point(|at| record(*at).is_some_and(|record| record.key < *key));
        let from = self.order.get(start..).unwrap_or_default().iter();
        let found = from.map_while(move |at| record(*at).map(|record| (*at, *record)));
        let key = *key;
        found.take_while(move |(_, record)| record.key == key).filter(move |(_, record)| record.kind == kind)
    }
}

impl Default for Near {
    fn default() -> Self {
        Self { packs: Lru::new(BUDGET) }
    }
}

impl Near {
    /// Notes a hit; true if the trailer of the pack is worth reading now.
    pub(super) fn hit(&mut self, pack: PackName) -> bool {
        match self.packs.get(&pack) {
            Some(Hit::Known(_)) => false,
            // At the second hit, and again now and then, should that reading have been given up.
            Some(Hit::Times(times)) => {
                *times = times.saturating_add(1);
                times.is_power_of_two()
            }
            None => {
                self.packs.insert(pack, Hit::Times(1), HIT);
                false
            }
        }
    }

    pub(super) fn keep(&mut self, pack: PackName, sorted: Arc<Sorted>) {
        let weight = A_TRAILER.max(sorted.records.len());
        self.packs.insert(pack, Hit::Known(sorted), weight);
    }

    /// Returns the records of a key in the packs whose trailers are kept.
    pub(super) fn find(&mut self, key: &Digest, kind: Kind) -> Vec<(PackName, u32, Record)> {
        let known = self.packs.values().filter_map(|(name, hit)| match hit {
            Hit::Known(sorted) => Some((*name, sorted)),
            Hit::Times(_) => None,
        });
        let find = |(name, sorted): (PackName, &Arc<Sorted>)| {
            sorted.find(key, kind).map(|(at, record)| (name, at, record)).collect::<Vec<_>>()
        };
        let found: Vec<_> = known.flat_map(find).collect();
        for (name, _, _) in &found {
            self.packs.get(name);
        }
        found
    }
}

/// Rows that are kept, about 16 MiB of them.
const BUDGET: usize = 256 * 1024;
/// What any trailer counts for, in rows: so there are at most 64.
const A_TRAILER: usize = 4096;
/// What a pack without its trailer counts for.
const HIT: usize = 64;
