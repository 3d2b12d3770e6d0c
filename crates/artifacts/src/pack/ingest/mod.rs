use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use futures::{
    FutureExt, SinkExt, StreamExt, TryFutureExt,
    channel::mpsc::{Receiver, Sender, channel},
    future::{try_join, try_join_all},
    stream::BoxStream,
};
use lineal_core::{Digest, Error, PutHints, on_cpu};

use self::{
    cut::Cutter,
    hash::{Chunk, Hashing},
    source::{Slab, Source},
};
use super::{
    PackName,
    batch::{PackBatch, records},
    format::{BlobRow, Kind},
    index::{Place, choose},
    list::{ListBuilder, Row},
    read::{GAP, OFF_THREAD},
};

mod cut;
mod hash;
mod lanes;
mod source;

/// A large blob on its way into a batch, slab by slab through stages that work side by side: read, cut and hashed, and
/// compared, compressed and appended. A slab or two wait between them, so memory is bounded.
pub(super) struct Ingest<'a> {
    batch: &'a PackBatch,
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

impl<'a> Ingest<'a> {
    /// Puts a blob of several chunks, or of one that is not in one piece.
    pub(super) async fn put(
        batch: &'a PackBatch,
        bytes: BoxStream<'static, std::io::Result<Bytes>>,
        hints: PutHints,
    ) -> Result<Digest, Error> {
        let mut ingest = Self::new(batch, hints.size_bytes.unwrap_or_default());
        let cutter = Cutter::new(batch.profile(&hints), hints.cut_points);
        let source = Source::new(bytes);
        let (cut, to_store) = channel(0);
        // A source that fails is told of when all that it gave is stored: the next attempt finds it there. What fails behind
        // it ends the source, too.
        let hash = cut_and_hash(source, cutter, cut).map(Ok);
        let (hashing, ()) = try_join(hash, ingest.store_all(to_store)).await?;
        ingest.finish(hashing?).await
    }

    fn new(batch: &'a PackBatch, stated_size: u64) -> Self {
        Self {
            batch,
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

    async fn store_all(&mut self, mut slabs: Receiver<Cut>) -> Result<(), Error> {
        while let Some(Cut { chunks, slab_bytes }) = self.batch.beside(slabs.next()).await {
            self.batch.advance(slab_bytes);
            let chunks = self.batch.beside(try_join_all(chunks.into_iter().map(Chunk::hashed))).await?;
            self.batch.beside(self.store(slab_bytes, chunks)).await?;
        }
        Ok(())
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

    async fn finish(self, hashing: Hashing) -> Result<Digest, Error> {
        if let (Some(row), 1) = (self.first, self.chunks) {
            // The blob is its only chunk, and was hashed as that.
            self.batch.inner().check_purged(&row.key)?;
            return Ok(self.batch.note(row.key));
        }
        let Self { batch, lists, size, .. } = self;
        let blob = hashing.finish();
        // Chunks of it that are in packs by now are garbage, as those of any put that failed.
        batch.inner().check_purged(&blob)?;
        if batch.take_stored(&blob).await? {
            return Ok(batch.note(blob));
        }
        let finished = lists.finish();
        let row = BlobRow { blob, list: finished.top, size_bytes: size, levels: finished.levels };
        let ingest = Self::new(batch, 0);
        for list in finished.lists {
            ingest.store_list(list).await?;
        }
        batch.append_blob(row).await?;
        Ok(batch.note(blob))
    }
}

/// The chunks that end in one slab.
struct Cut {
    chunks: Vec<Chunk>,
    slab_bytes: usize,
}

/// Cuts and hashes slab after slab, each while the next one is read; returns the hash of them all.
async fn cut_and_hash(mut source: Source, mut cutter: Cutter, mut out: Sender<Cut>) -> Result<Hashing, Error> {
    let mut hashing = Hashing::default();
    let mut slab = source.next_slab().await?;
    loop {
        let last = slab.last;
        let work = one_slab(&mut cutter, &mut hashing, slab);
        let (cut, next) = match last {
            true => (work.await?, None),
            false => try_join(work, source.next_slab().map_ok(Some)).await?,
        };
        let taken = out.send(cut).await.is_ok();
        match next.filter(|_| taken) {
            Some(next) => slab = next,
            None => return Ok(hashing),
        }
    }
}

async fn one_slab(cutter: &mut Cutter, hashing: &mut Hashing, slab: Slab) -> Result<Cut, Error> {
    let slab_bytes = slab.bytes.len();
    if slab_bytes < OFF_THREAD {
        return Ok(Cut { chunks: cutter.cut(&slab, hashing), slab_bytes });
    }
    let (mut cuts, mut hashes) = (std::mem::take(cutter), std::mem::take(hashing));
    let work = move || (cuts.cut(&slab, &mut hashes), cuts, hashes);
    let chunks;
    (chunks, *cutter, *hashing) = on_cpu(work).await?;
    Ok(Cut { chunks, slab_bytes })
}

/// Breaks that any blob may have.
const FREE_FRAGMENTS: u64 = 8;
/// Bytes of a blob that earn it one break more.
const BYTES_A_FRAGMENT: u64 = 1024 * 1024;
