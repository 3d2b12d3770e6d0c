use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::{
    FutureExt, StreamExt, TryStreamExt,
    future::BoxFuture,
    stream::{self, FuturesUnordered},
};
use lineal_core::{Digest, Error};

use super::super::{
    PackName, PackState, SegmentId, SegmentInfo,
    blobs::{CONCURRENCY, Inner},
    format::{BlobRow, Kind},
    index::{Index, LoadedPack, Pack, Place, choose},
};
use super::{
    cache::Lru,
    near::{Near, Sorted},
    row::{BlobEntry, Entry, Row},
    segment::{Segment, Trouble},
};

/// What lookups in segments keep in memory, of bounded size: blocks, and trailers of packs that were hit.
#[derive(Debug)]
pub(crate) struct RecentRows {
    records: Mutex<Blocks<Entry>>,
    blobs: Mutex<Blocks<BlobEntry>>,
    near: Mutex<Near>,
}

type Blocks<R> = Lru<(SegmentId, usize), Arc<Vec<R>>>;

impl Default for RecentRows {
    fn default() -> Self {
        Self {
            records: Mutex::new(Lru::new(BLOCK_BYTES)),
            blobs: Mutex::new(Lru::new(BLOCK_BYTES / 4)),
            near: Mutex::default(),
        }
    }
}

/// Rows whose blocks a handle keeps.
pub(super) trait Kept: Row {
    fn blocks(recent: &RecentRows) -> &Mutex<Blocks<Self>>;
}

impl Kept for Entry {
    fn blocks(recent: &RecentRows) -> &Mutex<Blocks<Self>> {
        &recent.records
    }
}

impl Kept for BlobEntry {
    fn blocks(recent: &RecentRows) -> &Mutex<Blocks<Self>> {
        &recent.blobs
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is known about a key without a request.
enum Known {
    Places(Vec<Place>),
    /// Segments that may have it.
    Ask(Vec<Arc<Segment>>),
}

impl Inner {
    /// Returns where the record of `key` lies, in a pack that is not among `avoid`; if there are several, the one right behind
    /// `after`.
    ///
    /// As this handle knows the store: `refresh` brings it up to date.
    pub(crate) async fn find(
        &self,
        key: &Digest,
        kind: Kind,
        after: Option<&Place>,
        avoid: &[Digest],
    ) -> Result<Option<Place>, Error> {
        Ok(choose(self.places(*key, kind, avoid).await?, after))
    }

    /// Returns where the records of many keys lie: the places of each key, from which [`choose`] takes one.
    pub(crate) async fn find_many(
        &self,
        keys: &[Digest],
        kind: Kind,
        avoid: &[Digest],
    ) -> Result<Vec<Vec<Place>>, Error> {
        let mut found: Vec<Vec<Place>> = Vec::with_capacity(keys.len());
        let mut ask: Vec<(usize, Digest)> = Vec::new();
        {
            let index = self.index();
            for (at, key) in keys.iter().enumerate() {
                match self.known(&index, key, kind, avoid) {
                    Known::Places(places) => found.push(places),
                    Known::Ask(_) => {
                        ask.push((at, *key));
                        found.push(Vec::new());
                    }
                }
            }
        }
        let mut waiting = ask.into_iter();
        let mut under_way = FuturesUnordered::new();
        loop {
            let room = CONCURRENCY - under_way.len();
            under_way.extend(waiting.by_ref().take(room).map(|(at, key)| self.ask(at, key, kind, avoid)));
            let Some(answer) = under_way.next().await else { break };
            let (at, places) = answer?;
            if let Some(found) = found.get_mut(at) {
                *found = places;
            }
        }
        Ok(found)
    }

    fn ask<'a>(
        &'a self,
        at: usize,
        key: Digest,
        kind: Kind,
        avoid: &'a [Digest],
    ) -> BoxFuture<'a, Result<(usize, Vec<Place>), Error>> {
        async move { Ok((at, self.places(key, kind, avoid).await?)) }.boxed()
    }

    /// As [`Inner::find_many`], each place best right behind the one before.
    pub(crate) async fn find_run(&self, keys: &[Digest], kind: Kind) -> Result<Vec<Option<Place>>, Error> {
        let mut last = None;
        let found = self.find_many(keys, kind, &[]).await?.into_iter();
        let follow = |places| {
            last = choose(places, last.as_ref());
            last.clone()
        };
        Ok(found.map(follow).collect())
    }

    /// Returns the rows that say what a large blob is made of.
    pub(crate) async fn blob_rows(&self, blob: &Digest) -> Result<Vec<(Arc<Pack>, u32, BlobRow)>, Error> {
        loop {
            let (mut found, segments) = {
                let index = self.index();
                (index.blob_rows(blob), index.segments_with::<BlobEntry>(blob))
            };
            match self.look::<BlobEntry>(&segments, blob).await {
                Ok(entries) => {
                    for (pack, entry) in entries {
                        if !found.iter().any(|(known, at, _)| known.name == pack.name && *at == entry.at) {
                            found.push((pack, entry.at, entry.row));
                        }
                    }
                    return Ok(found);
                }
                Err(trouble) => self.without(trouble).await?,
            }
        }
    }

    /// What memory says, under one lock: packs with their trailers, then trailers that are kept, then filters.
    fn known(&self, index: &Index, key: &Digest, kind: Kind, avoid: &[Digest]) -> Known {
        let allowed = |place: &Place| avoid.binary_search(&place.pack.info.digest).is_err();
        let mut places = index.places(key, kind);
        if index.has_segments() {
            for (name, at, record) in lock(&self.recent_rows.near).find(key, kind) {
                if let Some(pack) = index.pack(&name).filter(|_| places.iter().all(|place| place.pack.name != name)) {
                    places.push(Place { pack, at, record });
                }
            }
        }
        places.retain(allowed);
        let segments = if places.is_empty() { index.segments_with::<Entry>(key) } else { Vec::new() };
        if segments.is_empty() { Known::Places(places) } else { Known::Ask(segments) }
    }

    async fn places(&self, key: Digest, kind: Kind, avoid: &[Digest]) -> Result<Vec<Place>, Error> {
        loop {
            let known = self.known(&self.index(), &key, kind, avoid);
            let segments = match known {
                Known::Places(places) => return Ok(places),
                Known::Ask(segments) => segments,
            };
            match self.look::<Entry>(&segments, &key).await {
                Ok(entries) => {
                    let wanted = entries.into_iter().filter(|(pack, entry)| {
                        entry.record.kind == kind && avoid.binary_search(&pack.info.digest).is_err()
                    });
                    let place = |(pack, entry): (Arc<Pack>, Entry)| Place { pack, at: entry.at, record: entry.record };
                    let places: Vec<Place> = wanted.map(place).collect();
                    if let Some(first) = places.first() {
                        self.note_hit(&first.pack).await;
                    }
                    return Ok(places);
                }
                Err(trouble) => self.without(trouble).await?,
            }
        }
    }

    /// Reads the rows of a key out of segments, those of packs that the store has.
    pub(super) async fn look<R: Kept>(
        &self,
        segments: &[Arc<Segment>],
        key: &Digest,
    ) -> Result<Vec<(Arc<Pack>, R)>, Trouble> {
        let mut found = Vec::new();
        for segment in segments {
            for block in segment.blocks_with::<R>(key) {
                let rows = self.block::<R>(segment, block).await?;
                let from = rows.partition_point(|row| row.key() < key);
                let same = rows.get(from..).unwrap_or_default().iter().take_while(|row| row.key() == key);
                let index = self.index();
                let there = |row: &R| {
                    let (name, info) = segment.pack(row.pack())?;
                    Some((index.pack(name).filter(|pack| pack.info == *info)?, *row))
                };
                found.extend(same.filter_map(there));
            }
        }
        Ok(found)
    }

    async fn block<R: Kept>(&self, segment: &Segment, block: usize) -> Result<Arc<Vec<R>>, Trouble> {
        let place = (segment.name, block);
        if let Some(rows) = lock(R::blocks(&self.recent_rows)).get(&place) {
            return Ok(Arc::clone(rows));
        }
        let rows = self.read_blocks::<R>(segment, block..block + 1).await?.pop().unwrap_or_default();
        let rows = Arc::new(rows);
        let weight = rows.len() * size_of::<R>();
        lock(R::blocks(&self.recent_rows)).insert(place, Arc::clone(&rows), weight);
        Ok(rows)
    }

    /// Keeps the trailer of a pack that was hit again; without it lookups are slower, and no less right.
    async fn note_hit(&self, pack: &Pack) {
        let worth = lock(&self.recent_rows.near).hit(pack.name);
        if worth && let Ok(Ok(LoadedPack { trailer, .. })) = self.load_pack(pack.name, pack.info).await {
            let sorted = Arc::new(Sorted::new(trailer));
            lock(&self.recent_rows.near).keep(pack.name, sorted);
        }
    }

    /// Goes on without a segment: it was replaced, or is damaged. Its packs are read themselves, if nothing else covers them.
    pub(super) async fn without(&self, trouble: Trouble) -> Result<(), Error> {
        match trouble {
            Trouble::Error(error) => Err(error),
            Trouble::Spoilt(name, why) => {
                self.index_mut().spoil(name, why);
                self.refresh().await
            }
        }
    }

    /// Reads the directories of segments that are new in the journal's state as last read.
    pub(crate) async fn load_segments(&self) -> Result<(), Error> {
        let new: Vec<(SegmentId, SegmentInfo)> = self.journal.peek(|state: &PackState| {
            let index = self.index();
            let new = state.segments().iter().filter(|(name, _)| !index.knows_segment(name));
            new.map(|(name, info)| (*name, *info)).collect()
        });
        let load = |(name, info)| async move { Ok::<_, Error>((name, self.load_segment(name, info).await?)) };
        let mut loading = stream::iter(new).map(load).buffer_unordered(DIRECTORIES);
        while let Some((name, loaded)) = loading.try_next().await? {
            match loaded {
                Ok(segment) => self.index_mut().insert_segment(segment),
                Err(why) => self.index_mut().spoil(name, why),
            }
        }
        Ok(())
    }

    /// Returns a pack with its trailer, from memory or from the store; the inner error says why it cannot be read.
    pub(crate) async fn loaded(&self, name: &PackName) -> Result<Result<Arc<LoadedPack>, String>, Error> {
        let known = {
            let index = self.index();
            (index.loaded(name), index.pack(name))
        };
        match known {
            (Some(loaded), _) => Ok(Ok(loaded)),
            (None, Some(pack)) => Ok(self.load_pack(*name, pack.info).await?.map(Arc::new)),
            (None, None) => Ok(Err("it is gone".to_owned())),
        }
    }
}

/// Bytes of blocks of records that a handle keeps, as they are in memory; of blobs a quarter of that.
const BLOCK_BYTES: usize = 16 * 1024 * 1024;
/// Directories read at once.
const DIRECTORIES: usize = 4;
