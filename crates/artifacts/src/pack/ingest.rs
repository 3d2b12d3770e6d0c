use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use futures::{TryStreamExt, future::try_join, stream::BoxStream};
use lineal_core::{Digest, Error, Hasher, PutHints, on_cpu};

use super::{
    PackName,
    batch::{PackBatch, records},
    format::{BlobRow, Kind},
    index::{Place, choose},
    list::{ListBuilder, Row},
    read::{GAP, OFF_THREAD},
};
use crate::{
    ChunkProfile,
    chunk::{self, MAX_CHUNK},
};

/// A large blob on its way into a batch: read, cut, hashed, compared and compressed slab by slab, in bounded memory.
///
/// While one slab is worked on, the next is read. The blob's own hash is one sequence; next to it the slab is cut and its
/// chunks are hashed on all cores.
pub(super) struct Ingest<'a> {
    batch: &'a PackBatch,
    profile: ChunkProfile,
    cut_points: Vec<u64>,
    hasher: Hasher,
    lists: ListBuilder,
    /// Bytes in chunks so far.
    size: u64,
    /// Where the chunk before lies, if it was stored before.
    last: Option<Place>,
    /// Far jumps in the order of storage so far.
    fragments: u64,
    /// How far each pack is read for it so far.
    ends: HashMap<PackName, u64>,
    /// Size of the blob as far as the caller knows it.
    stated_size: u64,
    first: Option<Row>,
    chunks: u64,
    /// Leaves of the list to be stored behind the chunks that they name.
    full_leaves: Vec<Vec<u8>>,
}

/// Bytes of a blob as they are worked on.
struct Slab {
    bytes: Bytes,
    last: bool,
}

/// A slab after cutting and hashing.
struct Hashed {
    hasher: Hasher,
    chunks: Vec<(Digest, Bytes)>,
    /// What is left uncut at its end.
    tail: Bytes,
}

impl<'a> Ingest<'a> {
    pub(super) fn new(batch: &'a PackBatch, hints: PutHints) -> Self {
        let (profile, stated_size) = (batch.profile(&hints), hints.size_bytes.unwrap_or_default());
        Self {
            batch,
            profile,
            cut_points: hints.cut_points,
            hasher: Hasher::new(),
            lists: ListBuilder::default(),
            size: 0,
            last: None,
            fragments: 0,
            ends: HashMap::new(),
            stated_size,
            first: None,
            chunks: 0,
            full_leaves: Vec::new(),
        }
    }

    pub(super) async fn run(mut self, bytes: BoxStream<'static, std::io::Result<Bytes>>) -> Result<Digest, Error> {
        let mut source = Source { bytes, rest: Bytes::new() };
        let mut slab = source.next_slab().await?;
        let mut tail = Bytes::new();
        loop {
            let (batch, last) = (self.batch, slab.last);
            let work = self.take(tail, slab);
            if last {
                batch.beside(work).await?;
                return self.finish().await;
            }
            (tail, slab) = batch.beside(try_join(work, source.next_slab())).await?;
        }
    }

    /// Takes in a slab, with the uncut end of the one before; returns its own uncut end.
    async fn take(&mut self, tail: Bytes, slab: Slab) -> Result<Bytes, Error> {
        let (cutter, hasher) = (self.cutter(), self.hasher.clone());
        let (offset, sole) = (self.size, slab.last && self.chunks == 0);
        let size = slab.bytes.len();
        self.batch.advance(size);
        let parallel = size >= OFF_THREAD;
        let work = move || {
            let (chunks, rest) = cutter.cut(tail, &slab, offset, parallel);
            hash(hasher, &slab.bytes, chunks, rest, sole, parallel)
        };
        let Hashed { hasher, chunks, tail } = if parallel { on_cpu(work).await? } else { work() };
        self.hasher = hasher;
        self.store(size, chunks).await?;
        Ok(tail)
    }

    fn cutter(&self) -> Cutter {
        Cutter { profile: self.profile, points: self.cut_points.clone() }
    }

    /// Stores the chunks that are not stored yet, or lie where reading them would cost too much.
    async fn store(&mut self, slab_bytes: usize, chunks: Vec<(Digest, Bytes)>) -> Result<(), Error> {
        let mut run: Vec<(usize, Place)> = Vec::new();
        let mut fresh = vec![true; chunks.len()];
        let stored = self.stored(&chunks).await?;
        for (at, ((_, bytes), places)) in chunks.iter().zip(stored).enumerate() {
            let found = choose(places, self.last.as_ref());
            let follows = found.as_ref().zip(self.last.as_ref()).is_some_and(|(place, last)| place.follows(last));
            if !follows {
                self.settle(&chunks, &mut run, &mut fresh);
                self.fragments += u64::from(found.as_ref().is_some_and(|place| !self.is_near(place)));
            }
            self.last.clone_from(&found);
            run.extend(found.map(|place| (at, place)));
            self.size += bytes.len() as u64;
        }
        self.settle(&chunks, &mut run, &mut fresh);
        let mut new: Vec<(Digest, Bytes)> = Vec::new();
        let mut seen = HashSet::new();
        for ((key, bytes), fresh) in chunks.into_iter().zip(fresh) {
            let row = Row { key, size_bytes: bytes.len() as u64 };
            self.first.get_or_insert(row);
            self.chunks += 1;
            if fresh && seen.insert(key) && !self.batch.writes(&key, Kind::Chunk) {
                new.push((key, bytes));
            }
            // A blob of a single chunk has no list; that is known at its end only, so the first leaf waits until then.
            self.full_leaves.extend(self.lists.push(row));
        }
        if new.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() < slab_bytes / 2 {
            // A slice keeps its whole slab in memory until the pack is sent: not for the sake of a few.
            new.iter_mut().for_each(|(_, bytes)| *bytes = Bytes::copy_from_slice(bytes));
        }
        for record in records(self.batch.compressor().clone(), Kind::Chunk, new).await? {
            self.batch.append(record).await?;
        }
        for leaf in std::mem::take(&mut self.full_leaves) {
            self.store_list(leaf).await?;
        }
        Ok(())
    }

    /// Finds where chunks lie that the batch does not write itself.
    async fn stored(&self, chunks: &[(Digest, Bytes)]) -> Result<Vec<Vec<Place>>, Error> {
        let written: Vec<bool> = chunks.iter().map(|(key, _)| self.batch.writes(key, Kind::Chunk)).collect();
        let others = chunks.iter().zip(&written).filter(|(_, written)| !**written);
        let keys: Vec<Digest> = others.map(|((key, _), _)| *key).collect();
        let mut found = self.batch.find_many(&keys, Kind::Chunk).await?.into_iter();
        let places = |written| if written { Vec::new() } else { found.next().unwrap_or_default() };
        Ok(written.into_iter().map(places).collect())
    }

    /// Decides on a run of chunks that are stored one after the other: rest on them, or store them again.
    ///
    /// A short run far from what else is read of its pack costs a request at every read. So many are taken that a blob never has
    /// more than one such jump for each MiB of it, on average, and a few more; where in the blob they are does not matter if its
    /// size was stated, and counts from its beginning otherwise.
    fn settle(&mut self, chunks: &[(Digest, Bytes)], run: &mut Vec<(usize, Place)>, fresh: &mut [bool]) {
        let bytes: usize = run.iter().filter_map(|(at, _)| chunks.get(*at)).map(|(_, bytes)| bytes.len()).sum();
        let allowed = FREE_FRAGMENTS + self.size.max(self.stated_size) / BYTES_A_FRAGMENT;
        let taken = bytes as u64 >= BYTES_A_FRAGMENT || self.fragments <= allowed;
        for (at, place) in run.drain(..).filter(|_| taken) {
            self.batch.hold(&place.pack);
            self.ends.insert(place.pack.name, place.end());
            if let Some(fresh) = fresh.get_mut(at) {
                *fresh = false;
            }
        }
    }

    /// Tells whether a place is read in one request with what was taken of its pack before.
    fn is_near(&self, place: &Place) -> bool {
        let start = u64::from(place.record.offset);
        self.ends.get(&place.pack.name).is_some_and(|end| start >= *end && start - end <= GAP)
    }

    async fn store_list(&self, bytes: Vec<u8>) -> Result<(), Error> {
        let key = Digest::of(&bytes);
        if self.batch.writes(&key, Kind::List) {
            return Ok(());
        }
        if let Some(place) = self.batch.find(&key, Kind::List).await? {
            self.batch.hold(&place.pack);
            return Ok(());
        }
        let raw_len = bytes.len() as u32;
        self.batch.append(self.batch.compressor().record(key, Kind::List, bytes.into(), raw_len)).await
    }

    async fn finish(self) -> Result<Digest, Error> {
        if let (Some(row), 1) = (self.first, self.chunks) {
            // The blob is its only chunk, and was hashed as that.
            self.batch.inner().check_purged(&row.key)?;
            return Ok(self.batch.note(row.key));
        }
        let Self { batch, hasher, lists, size, .. } = self;
        let blob = hasher.finish();
        // Chunks of it that are in packs by now are garbage, as those of any put that failed.
        batch.inner().check_purged(&blob)?;
        if batch.take_stored(&blob).await? {
            return Ok(batch.note(blob));
        }
        let finished = lists.finish();
        let row = BlobRow { blob, list: finished.top, size_bytes: size, levels: finished.levels };
        let ingest = Self::new(batch, PutHints::default());
        for list in finished.lists {
            ingest.store_list(list).await?;
        }
        batch.append_blob(row).await?;
        Ok(batch.note(blob))
    }
}

/// Where a blob is cut.
struct Cutter {
    profile: ChunkProfile,
    points: Vec<u64>,
}

impl Cutter {
    /// Cuts the bytes of `tail`, which begins `offset` bytes into the blob, and of `slab` behind it.
    ///
    /// Only the chunk that lies in both is copied together; the others are slices of the slab.
    fn cut(&self, tail: Bytes, slab: &Slab, offset: u64, parallel: bool) -> (Vec<Bytes>, Bytes) {
        let mut chunks = Vec::new();
        let mut start = 0;
        if !tail.is_empty() {
            // No chunk is longer than that, so its end lies within.
            let borrowed = slab.bytes.len().min(self.max_chunk());
            let mut joint = Vec::with_capacity(tail.len() + borrowed);
            joint.extend_from_slice(&tail);
            joint.extend_from_slice(slab.bytes.get(..borrowed).unwrap_or_default());
            let whole = slab.last && borrowed == slab.bytes.len();
            let Some(end) = self.ends(&joint, offset, whole, false).first().copied() else {
                return (chunks, joint.into());
            };
            // The end lies behind the tail, or the tail would have been cut there.
            start = end.saturating_sub(tail.len());
            joint.truncate(end);
            chunks.push(Bytes::from(joint));
        }
        let rest = slab.bytes.slice(start..);
        let mut at = 0;
        let begun = offset + chunks.iter().map(|chunk| chunk.len() as u64).sum::<u64>();
        for end in self.ends(&rest, begun, slab.last, parallel) {
            chunks.push(rest.slice(at..end));
            at = end;
        }
        // A copy, so that a short end does not keep its slab.
        (chunks, Bytes::copy_from_slice(rest.get(at..).unwrap_or_default()))
    }

    fn max_chunk(&self) -> usize {
        if self.points.is_empty() { self.profile.max_chunk() } else { MAX_CHUNK }
    }

    fn ends(&self, bytes: &[u8], offset: u64, last: bool, parallel: bool) -> Vec<usize> {
        match self.points.as_slice() {
            [] => self.profile.ends(bytes, last, parallel),
            points => chunk::ends_at(points, offset, bytes.len(), last),
        }
    }
}

/// Hashes the chunks of a slab and, beside them, the blob as far as it goes; a sole chunk is hashed once.
fn hash(mut hasher: Hasher, slab: &Bytes, chunks: Vec<Bytes>, tail: Bytes, sole: bool, parallel: bool) -> Hashed {
    use rayon::prelude::*;

    let digest = |bytes: Bytes| (Digest::of(&bytes), bytes);
    if sole && chunks.len() == 1 {
        return Hashed { hasher, chunks: chunks.into_iter().map(digest).collect(), tail };
    }
    if !parallel {
        hasher.update(slab);
        return Hashed { hasher, chunks: chunks.into_iter().map(digest).collect(), tail };
    }
    let ((), chunks) = rayon::join(|| hasher.update(slab), || chunks.into_par_iter().map(digest).collect());
    Hashed { hasher, chunks, tail }
}

/// Gathers the pieces of a stream into slabs; large pieces are slabs as they are.
struct Source {
    bytes: BoxStream<'static, std::io::Result<Bytes>>,
    rest: Bytes,
}

impl Source {
    async fn next_slab(&mut self) -> Result<Slab, Error> {
        let mut gathered = Vec::new();
        while gathered.len() < SLAB {
            if self.rest.is_empty() {
                match self.bytes.try_next().await.map_err(|source| Error::Input { source })? {
                    Some(piece) => self.rest = piece,
                    None => return Ok(Slab { bytes: gathered.into(), last: true }),
                }
            }
            if gathered.is_empty() && self.rest.len() >= SLAB / 2 {
                let bytes = self.rest.split_to(self.rest.len().min(SLAB));
                return Ok(Slab { bytes, last: false });
            }
            let room = SLAB - gathered.len();
            if self.rest.len() < room {
                // More than a piece is likely to come: one allocation instead of many that double.
                gathered.reserve_exact(room);
            }
            gathered.extend_from_slice(&self.rest.split_to(room.min(self.rest.len())));
        }
        Ok(Slab { bytes: gathered.into(), last: false })
    }
}

/// Bytes worked on at a time.
const SLAB: usize = 8 * 1024 * 1024;
/// Breaks that any blob may have.
const FREE_FRAGMENTS: u64 = 8;
/// Bytes of a blob that earn it one break more.
const BYTES_A_FRAGMENT: u64 = 1024 * 1024;
