use std::ops::Range;

use bytes::Bytes;
use futures::{TryStreamExt, future::try_join, stream::BoxStream};
use lineal_core::{Digest, Error, Hasher, on_cpu};

use super::{
    batch::{PackBatch, records},
    format::{BlobRow, Kind},
    index::Place,
    list::{ListBuilder, Row},
    read::OFF_THREAD,
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
    /// Breaks in the order of storage so far.
    fragments: u64,
    first: Option<Row>,
    chunks: u64,
}

/// Bytes read for one slab, behind room for the uncut end of the slab before.
struct Slab {
    buffer: Vec<u8>,
    headroom: usize,
    last: bool,
}

/// A slab after hashing.
struct Hashed {
    hasher: Hasher,
    chunks: Vec<(Digest, Range<usize>)>,
}

impl<'a> Ingest<'a> {
    pub(super) fn new(batch: &'a PackBatch, profile: ChunkProfile, cut_points: Vec<u64>) -> Self {
        Self {
            batch,
            profile,
            cut_points,
            hasher: Hasher::new(),
            lists: ListBuilder::default(),
            size: 0,
            last: None,
            fragments: 0,
            first: None,
            chunks: 0,
        }
    }

    pub(super) async fn run(mut self, bytes: BoxStream<'static, std::io::Result<Bytes>>) -> Result<Digest, Error> {
        let mut source = Source { bytes, rest: Bytes::new() };
        let mut slab = source.next_slab(0).await?;
        let mut tail = Bytes::new();
        loop {
            let Slab { mut buffer, headroom, last } = slab;
            // The uncut end of the slab before goes in front, so that every chunk is one slice.
            let start = headroom - tail.len();
            if let Some(front) = buffer.get_mut(start..headroom) {
                front.copy_from_slice(&tail);
            }
            let work = self.take(Bytes::from(buffer).slice(start..), tail.len(), last);
            if last {
                work.await?;
                return self.finish().await;
            }
            (tail, slab) = try_join(work, source.next_slab(HEADROOM)).await?;
        }
    }

    /// Takes in a slab whose first `known` bytes were hashed before; returns its uncut end.
    async fn take(&mut self, slab: Bytes, known: usize, last: bool) -> Result<Bytes, Error> {
        let ends = self.cutter();
        let (hasher, sole) = (self.hasher.clone(), last && self.chunks == 0);
        let (offset, bytes) = (self.size, slab.clone());
        let parallel = slab.len() >= OFF_THREAD;
        let work = move || {
            let ends = ends(&bytes, offset, last, parallel);
            let starts = std::iter::once(0).chain(ends.iter().copied());
            let ranges: Vec<Range<usize>> = starts.zip(ends.iter().copied()).map(|(from, to)| from..to).collect();
            hash(hasher, &bytes, known, ranges, sole, parallel)
        };
        let Hashed { hasher, chunks } = if parallel { on_cpu(work).await? } else { work() };
        self.hasher = hasher;
        let cut = chunks.last().map_or(0, |(_, range)| range.end);
        self.store(&slab, chunks).await?;
        Ok(slab.slice(cut..))
    }

    fn cutter(&self) -> impl Fn(&[u8], u64, bool, bool) -> Vec<usize> + Send + 'static {
        let (profile, points) = (self.profile, self.cut_points.clone());
        move |bytes, offset, last, parallel| match points.as_slice() {
            [] => profile.ends(bytes, last, parallel),
            points => chunk::ends_at(points, offset, bytes.len(), last),
        }
    }

    /// Stores the chunks that are not stored yet, or lie where reading them would cost too much.
    async fn store(&mut self, slab: &Bytes, chunks: Vec<(Digest, Range<usize>)>) -> Result<(), Error> {
        let mut new = Vec::new();
        let mut run: Vec<(usize, Place)> = Vec::new();
        let mut fresh = vec![true; chunks.len()];
        for (at, (key, range)) in chunks.iter().enumerate() {
            let found = if self.batch.writes(key, Kind::Chunk) {
                None
            } else {
                self.batch.find(key, Kind::Chunk, self.last.as_ref())
            };
            let follows = found.as_ref().zip(self.last.as_ref()).is_some_and(|(place, last)| place.follows(last));
            if !follows {
                self.settle(&chunks, &mut run, &mut fresh);
                self.fragments += u64::from(found.is_some() || self.last.is_some());
            }
            self.last.clone_from(&found);
            run.extend(found.map(|place| (at, place)));
            self.size += range.len() as u64;
        }
        self.settle(&chunks, &mut run, &mut fresh);
        for ((key, range), fresh) in chunks.iter().zip(fresh) {
            let row = Row { key: *key, size_bytes: range.len() as u64 };
            self.first.get_or_insert(row);
            self.chunks += 1;
            if fresh && !self.batch.writes(key, Kind::Chunk) && !new.iter().any(|(other, _)| other == key) {
                new.push((*key, slab.slice(range.clone())));
            }
        }
        let bytes: usize = new.iter().map(|(_, bytes): &(Digest, Bytes)| bytes.len()).sum();
        if bytes < slab.len() / 2 {
            // A slice keeps its whole slab in memory until the pack is sent: not for the sake of a few.
            new.iter_mut().for_each(|(_, bytes)| *bytes = Bytes::copy_from_slice(bytes));
        }
        for record in records(self.batch.compressor().clone(), Kind::Chunk, new).await? {
            self.batch.append(record).await?;
        }
        for (key, range) in chunks {
            // A blob of a single chunk has no list; that is known at its end only, so the first leaf waits until then.
            if let Some(leaf) = self.lists.push(Row { key, size_bytes: range.len() as u64 }) {
                self.store_list(leaf).await?;
            }
        }
        Ok(())
    }

    /// Decides on a run of chunks that are stored one after the other: rest on them, or store them again.
    ///
    /// A short run far from its neighbours costs a request at every read. So many are taken that a blob never has more
    /// than one break for each MiB of it, on average, and a few more.
    fn settle(&mut self, chunks: &[(Digest, Range<usize>)], run: &mut Vec<(usize, Place)>, fresh: &mut [bool]) {
        let bytes: usize = run.iter().filter_map(|(at, _)| chunks.get(*at)).map(|(_, range)| range.len()).sum();
        let allowed = FREE_FRAGMENTS + self.size / BYTES_A_FRAGMENT;
        let taken = bytes as u64 >= BYTES_A_FRAGMENT || self.fragments <= allowed;
        for (at, place) in run.drain(..).filter(|_| taken) {
            self.batch.hold(&place.pack);
            if let Some(fresh) = fresh.get_mut(at) {
                *fresh = false;
            }
        }
    }

    async fn store_list(&self, bytes: Vec<u8>) -> Result<(), Error> {
        let key = Digest::of(&bytes);
        if self.batch.writes(&key, Kind::List) {
            return Ok(());
        }
        if let Some(place) = self.batch.find(&key, Kind::List, None) {
            self.batch.hold(&place.pack);
            return Ok(());
        }
        let raw_len = bytes.len() as u32;
        self.batch.append(self.batch.compressor().record(key, Kind::List, bytes.into(), raw_len)).await
    }

    async fn finish(self) -> Result<Digest, Error> {
        if let (Some(row), 1) = (self.first, self.chunks) {
            // The blob is its only chunk, and was hashed as that.
            return Ok(self.batch.note(row.key));
        }
        let Self { batch, hasher, lists, size, .. } = self;
        let blob = hasher.finish();
        if batch.take_stored(&blob).await? {
            return Ok(batch.note(blob));
        }
        let finished = lists.finish();
        let row = BlobRow { blob, list: finished.top, size_bytes: size, levels: finished.levels };
        let ingest = Self::new(batch, self.profile, Vec::new());
        for list in finished.lists {
            ingest.store_list(list).await?;
        }
        batch.append_blob(row).await?;
        Ok(batch.note(blob))
    }
}

/// Hashes the chunks of a slab and, beside them, what the blob's own hash has not seen; a sole chunk is hashed once.
fn hash(
    mut hasher: Hasher,
    bytes: &Bytes,
    known: usize,
    ranges: Vec<Range<usize>>,
    sole: bool,
    parallel: bool,
) -> Hashed {
    use rayon::prelude::*;

    let part = |range: &Range<usize>| bytes.get(range.clone()).unwrap_or_default();
    let digest = |range: Range<usize>| (Digest::of(part(&range)), range);
    let fresh = bytes.get(known..).unwrap_or_default();
    if sole && ranges.len() == 1 {
        return Hashed { hasher, chunks: ranges.into_iter().map(digest).collect() };
    }
    if !parallel {
        hasher.update(fresh);
        return Hashed { hasher, chunks: ranges.into_iter().map(digest).collect() };
    }
    let ((), chunks) = rayon::join(|| hasher.update(fresh), || ranges.into_par_iter().map(digest).collect());
    Hashed { hasher, chunks }
}

/// Gathers the pieces of a stream into slabs.
struct Source {
    bytes: BoxStream<'static, std::io::Result<Bytes>>,
    rest: Bytes,
}

impl Source {
    /// Reads the next slab behind `headroom` free bytes.
    async fn next_slab(&mut self, headroom: usize) -> Result<Slab, Error> {
        let mut buffer = vec![0; headroom];
        while buffer.len() < headroom + SLAB {
            if self.rest.is_empty() {
                match self.bytes.try_next().await.map_err(|source| Error::Input { source })? {
                    Some(piece) => self.rest = piece,
                    None => return Ok(Slab { buffer, headroom, last: true }),
                }
            }
            let room = headroom + SLAB - buffer.len();
            if self.rest.len() < room {
                // More than a piece is likely to come: one allocation instead of many that double.
                buffer.reserve_exact(room);
            }
            buffer.extend_from_slice(&self.rest.split_to(room.min(self.rest.len())));
        }
        Ok(Slab { buffer, headroom, last: false })
    }
}

/// Bytes worked on at a time.
const SLAB: usize = 8 * 1024 * 1024;
/// Room in front of a slab: an uncut end is always shorter than the largest chunk.
const HEADROOM: usize = MAX_CHUNK;
/// Breaks that any blob may have.
const FREE_FRAGMENTS: u64 = 8;
/// Bytes of a blob that earn it one break more.
const BYTES_A_FRAGMENT: u64 = 1024 * 1024;
