use std::{collections::BTreeSet, ops::Range, sync::Arc};

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt, future::try_join, stream};
use lineal_core::{ByteStream, Digest, Error, Hasher, on_cpu};

use super::{
    blobs::{CONCURRENCY, Inner},
    cache::ReadCache,
    format::{BlobRow, Kind},
    index::{Pack, Place},
    list::{self, Row},
};
use crate::codec::{Codec, Decoder};

/// What a blob is made of.
#[derive(Debug, Clone)]
pub(super) enum Shape {
    /// One chunk.
    Chunk(Place),
    /// Chunks named by lists.
    Large(BlobRow),
}

impl Shape {
    pub(super) fn size_bytes(&self) -> u64 {
        match self {
            Self::Chunk(place) => u64::from(place.record.raw_len),
            Self::Large(row) => row.size_bytes,
        }
    }
}

/// When bytes are proved right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// Chunk by chunk, before any is handed out.
    Chunks,
    /// By the hash of the whole, at its end.
    Whole,
}

/// Why pieces could not be fetched.
enum Trouble {
    /// A pack is not where the index says: it was collected, and what lived in it lies elsewhere now.
    Moved,
    Error(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl Inner {
    /// Finds a blob in the index as it is; a large one only if every chunk of it is there.
    pub(super) async fn shape(&self, digest: &Digest) -> Result<Option<Shape>, Error> {
        if self.check_purged(digest).is_err() {
            return Ok(None);
        }
        match self.find(digest, Kind::Chunk, None, &[]).await? {
            Some(place) => Ok(Some(Shape::Chunk(place))),
            None => Ok(self.large(digest, &[]).await?.map(|(row, _)| Shape::Large(row))),
        }
    }

    /// Finds a blob, also one that was stored since this handle last looked.
    async fn locate(&self, digest: &Digest) -> Result<Shape, Error> {
        self.check_purged(digest)?;
        match self.shape(digest).await {
            Ok(Some(shape)) => return Ok(shape),
            // It may have been repaired since.
            Ok(None) | Err(Error::Damaged { .. }) => {}
            Err(error) => return Err(error),
        }
        self.refresh().await?;
        match self.shape(digest).await? {
            Some(shape) => Ok(shape),
            None => Err(self.missing(digest)),
        }
    }

    /// Finds a blob of which a part is to be read; whether all chunks of a large one are there is not asked, unless it matters
    /// which of several lists is used. So a few bytes of a huge blob cost no more than they need.
    async fn locate_part(&self, digest: &Digest) -> Result<Shape, Error> {
        self.check_purged(digest)?;
        if let Some(place) = self.find(digest, Kind::Chunk, None, &[]).await? {
            return Ok(Shape::Chunk(place));
        }
        match self.blob_rows(digest).await?.as_slice() {
            [(_, _, row)] => Ok(Shape::Large(*row)),
            _ => self.locate(digest).await,
        }
    }

    /// Says that a blob is not there; or may be, in a pack whose index cannot be read.
    fn missing(&self, digest: &Digest) -> Error {
        if let Err(purged) = self.check_purged(digest) {
            return purged;
        }
        let damaged = self.index().first_damaged().map(|(name, why)| (*name, why.clone()));
        let damaged = damaged.and_then(|(name, why)| Some((self.pack_key(&name).ok()?, why)));
        match damaged {
            None => Error::BlobMissing { digest: *digest },
            Some((key, why)) => Error::Damaged {
                what: format!("blob {digest}, if it was there"),
                object: key.to_string(),
                offset: 0,
                why,
            },
        }
    }

    /// Finds what a large blob is made of, and the digests of all packs it rests on, none of which is among `avoid`.
    pub(crate) async fn large(
        &self,
        digest: &Digest,
        avoid: &[Digest],
    ) -> Result<Option<(BlobRow, BTreeSet<Digest>)>, Error> {
        for (pack, _, row) in self.blob_rows(digest).await? {
            if avoid.binary_search(&pack.info.digest).is_ok() {
                continue;
            }
            let mut packs = BTreeSet::from([pack.info.digest]);
            if self.collect_packs(&row, avoid, &mut packs).await? {
                return Ok(Some((row, packs)));
            }
        }
        Ok(None)
    }

    /// Adds the packs of all lists and chunks of a blob; false if one is not stored, or not where it is allowed.
    async fn collect_packs(
        &self,
        row: &BlobRow,
        avoid: &[Digest],
        packs: &mut BTreeSet<Digest>,
    ) -> Result<bool, Error> {
        let Some(top) = self.allowed_list(&row.list, avoid, packs).await? else { return Ok(false) };
        if row.levels == 0 {
            return self.add_chunks(&top, avoid, packs).await;
        }
        for leaf in top {
            let Some(chunks) = self.allowed_list(&leaf.key, avoid, packs).await? else { return Ok(false) };
            if !self.add_chunks(&chunks, avoid, packs).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn add_chunks(&self, rows: &[Row], avoid: &[Digest], packs: &mut BTreeSet<Digest>) -> Result<bool, Error> {
        let keys: Vec<Digest> = rows.iter().map(|row| row.key).collect();
        for places in self.find_many(&keys, Kind::Chunk, avoid).await? {
            let Some(place) = places.first() else { return Ok(false) };
            packs.insert(place.pack.info.digest);
        }
        Ok(true)
    }

    async fn allowed_list(
        &self,
        key: &Digest,
        avoid: &[Digest],
        packs: &mut BTreeSet<Digest>,
    ) -> Result<Option<Vec<Row>>, Error> {
        match self.fetch_any(key, key, Kind::List, avoid).await {
            Ok(Some((place, bytes))) => {
                packs.insert(place.pack.info.digest);
                Ok(Some(self.parse_list(key, &place, &bytes)?))
            }
            Ok(None) | Err(Trouble::Moved) => Ok(None),
            Err(Trouble::Error(error)) => Err(error),
        }
    }

    /// Reads the first sound record of `key` that is not in a pack of `avoid`: copies are tried one after the other.
    ///
    /// If all of them are damaged, the error names the first.
    async fn fetch_any(
        &self,
        blob: &Digest,
        key: &Digest,
        kind: Kind,
        avoid: &[Digest],
    ) -> Result<Option<(Place, Bytes)>, Trouble> {
        let (mut avoid, mut first) = (avoid.to_vec(), None);
        loop {
            let place = self.find(key, kind, None, &avoid).await?;
            let Some(place) = place else { return first.map_or(Ok(None), |error| Err(Trouble::Error(error))) };
            match self.fetch(blob, std::slice::from_ref(&place), Proof::Chunks).await {
                Ok(bytes) => return Ok(bytes.into_iter().next().map(|bytes| (place, bytes))),
                Err(Trouble::Error(error @ Error::Damaged { .. })) => {
                    put_in_order(&mut avoid, place.pack.info.digest);
                    first.get_or_insert(error);
                }
                Err(trouble) => return Err(trouble),
            }
        }
    }

    /// Reads records of `blob` one by one, of which one at least is damaged where it was looked for first.
    async fn copies(&self, blob: &Digest, rows: &[Row], kind: Kind) -> Result<Vec<Bytes>, Trouble> {
        let mut out = Vec::with_capacity(rows.len());
        for row in rows {
            let found = self.fetch_any(blob, &row.key, kind, &[]).await?;
            out.push(found.ok_or(Trouble::Moved)?.1);
        }
        Ok(out)
    }

    /// Reads a list of `blob`.
    async fn list(&self, blob: &Digest, key: &Digest) -> Result<Vec<Row>, Error> {
        let row = Row { key: *key, size_bytes: 0 };
        let bytes = self.pieces(blob, std::slice::from_ref(&row), Kind::List).await?.concat();
        match list::decode(&bytes) {
            Ok(rows) => Ok(rows),
            Err(flaw) => {
                let place = self.find(key, Kind::List, None, &[]).await?;
                Err(self.damaged(blob, &place.ok_or(Error::BlobMissing { digest: *blob })?, flaw.to_string()))
            }
        }
    }

    fn parse_list(&self, blob: &Digest, place: &Place, bytes: &[u8]) -> Result<Vec<Row>, Error> {
        list::decode(bytes).map_err(|flaw| self.damaged(blob, place, flaw.to_string()))
    }

    fn damaged(&self, blob: &Digest, place: &Place, why: impl Into<String>) -> Error {
        let object =
            self.pack_key(&place.pack.name).map_or_else(|_| place.pack.name.to_string(), |key| key.to_string());
        let offset = u64::from(place.record.offset);
        Error::Damaged { what: format!("blob {blob}"), object, offset, why: why.into() }
    }

    /// Returns the chunks of a large blob, leaf by leaf, each with the key of the list; the list of leaves comes first.
    pub(crate) async fn lists_of(&self, blob: &Digest, row: &BlobRow) -> Result<Vec<(Digest, Vec<Row>)>, Error> {
        let top = self.list(blob, &row.list).await?;
        if row.levels == 0 {
            return Ok(vec![(row.list, top)]);
        }
        let mut lists = vec![(row.list, Vec::new())];
        for leaf in top {
            lists.push((leaf.key, self.list(blob, &leaf.key).await?));
        }
        Ok(lists)
    }

    /// Returns the raw bytes of records that lie where the index says, each verified.
    pub(crate) async fn fetch_places(&self, places: &[Place]) -> Result<Vec<Bytes>, Error> {
        match self.fetch(&Digest::of(b""), places, Proof::Chunks).await {
            Ok(raw) => Ok(raw),
            Err(Trouble::Error(error)) => Err(error),
            Err(Trouble::Moved) => Err(Error::Collection { reason: "a pack went away meanwhile".to_owned() }),
        }
    }

    /// Returns the raw bytes of those records that are sound, each with its key.
    pub(crate) async fn sound_places(&self, places: &[Place]) -> Result<Vec<(Digest, Bytes)>, Error> {
        let key = |place: &Place| place.record.key;
        match self.fetch_places(places).await {
            Ok(raw) => return Ok(places.iter().map(key).zip(raw).collect()),
            Err(Error::Damaged { .. } | Error::Collection { .. }) => {}
            Err(error) => return Err(error),
        }
        let mut sound = Vec::new();
        for place in places {
            match self.fetch_places(std::slice::from_ref(place)).await {
                Ok(raw) => sound.extend(raw.into_iter().map(|raw| (key(place), raw))),
                Err(Error::Damaged { .. } | Error::Collection { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(sound)
    }

    /// Returns the raw bytes of records of `blob`, in order, each verified.
    async fn pieces(&self, blob: &Digest, rows: &[Row], kind: Kind) -> Result<Vec<Bytes>, Error> {
        self.pieces_proved(blob, rows, kind, Proof::Chunks).await
    }

    /// Returns the raw bytes of records of `blob`, in order, each verified as far as `proof` asks.
    async fn pieces_proved(&self, blob: &Digest, rows: &[Row], kind: Kind, proof: Proof) -> Result<Vec<Bytes>, Error> {
        let keys: Vec<Digest> = rows.iter().map(|row| row.key).collect();
        let (mut tries, mut damaged) = (0, false);
        loop {
            let places: Option<Vec<Place>> = self.find_run(&keys, kind).await?.into_iter().collect();
            if let Some(places) = places {
                let fetched = match self.fetch(blob, &places, proof).await {
                    Err(Trouble::Error(Error::Damaged { .. })) => self.copies(blob, rows, kind).await,
                    fetched => fetched,
                };
                match fetched {
                    Ok(bytes) => return Ok(bytes),
                    // It may have been repaired since this handle last looked: once it is looked again.
                    Err(Trouble::Error(Error::Damaged { .. })) if !damaged => damaged = true,
                    Err(Trouble::Error(error)) => return Err(error),
                    Err(Trouble::Moved) => {}
                }
            }
            tries += 1;
            if tries >= TRIES {
                return Err(self.missing(blob));
            }
            self.refresh().await?;
        }
    }

    /// Reads records from their packs or the cache, and verifies each as far as `proof` asks.
    async fn fetch(&self, blob: &Digest, places: &[Place], proof: Proof) -> Result<Vec<Bytes>, Trouble> {
        let Some(cache) = self.cache.cache() else { return self.fetch_through(None, blob, places, proof).await };
        match self.fetch_through(Some(&cache), blob, places, proof).await {
            // Only the store can say that it is damaged.
            Err(Trouble::Error(Error::Damaged { .. })) => {
                cache.forget_places(places).await;
                self.fetch_through(None, blob, places, proof).await
            }
            other => other,
        }
    }

    /// Reads records from their packs, near ones in one request.
    async fn fetch_through(
        &self,
        cache: Option<&ReadCache>,
        blob: &Digest,
        places: &[Place],
        proof: Proof,
    ) -> Result<Vec<Bytes>, Trouble> {
        let requests = plan(places);
        let get = |Request { pack, range, places: wanted }: Request| async move {
            let found = match range.is_empty() {
                // No back end takes an empty range.
                true => Ok(Some(Bytes::new())),
                false => self.read_pack_range(cache, &pack, range.clone()).await,
            };
            let bytes = match found {
                Ok(bytes) => bytes,
                // Local stores and buckets word a range behind the end differently: the size says what happened.
                Err(error) => match self.store.stat(&self.pack_key(&pack.name)?).await? {
                    Some(meta) if meta.size < pack.info.size_bytes => Some(Bytes::new()),
                    Some(_) => return Err(Trouble::Error(error)),
                    None => None,
                },
            };
            let Some(bytes) = bytes else {
                // Whatever lived in it lies elsewhere; the journal will say so, too.
                let mut index = self.index_mut();
                index.remove(&pack.name);
                index.insert_damaged(pack.name, "it is gone".to_owned());
                return Err(Trouble::Moved);
            };
            let cut = |at: usize| {
                let place = places.get(at)?;
                let from = u64::from(place.record.offset).saturating_sub(range.start) as usize;
                let to = from.saturating_add(place.record.stored_len as usize);
                Some((at, place.clone(), if to <= bytes.len() { bytes.slice(from..to) } else { Bytes::new() }))
            };
            Ok(wanted.into_iter().filter_map(cut).collect::<Vec<_>>())
        };
        let stored: Vec<Vec<_>> = stream::iter(requests).map(get).buffer_unordered(REQUESTS).try_collect().await?;
        let mut stored: Vec<(usize, Place, Bytes)> = stored.into_iter().flatten().collect();
        stored.sort_by_key(|(at, ..)| *at);
        let stored = stored.into_iter().map(|(_, place, bytes)| (place, bytes)).collect();
        let raw = open_all(stored, proof).await?;
        let verdict = |(place, raw): (&Place, Result<Bytes, String>)| raw.map_err(|why| self.damaged(blob, place, why));
        Ok(places.iter().zip(raw).map(verdict).collect::<Result<Vec<Bytes>, Error>>()?)
    }

    pub(crate) async fn read(&self, digest: &Digest, range: Option<Range<u64>>) -> Result<Bytes, Error> {
        let shape = self.locate_part(digest).await?;
        let size = shape.size_bytes();
        let range = range.unwrap_or(0..size);
        if range.start > range.end || range.end > size {
            return Err(Error::BadRange { digest: *digest, start: range.start, end: range.end, size });
        }
        match shape {
            Shape::Chunk(place) => {
                let row = Row { key: *digest, size_bytes: u64::from(place.record.raw_len) };
                let bytes = self.pieces(digest, &[row], Kind::Chunk).await?.concat();
                // Both ends are at most the length of one chunk.
                Ok(Bytes::from(bytes).slice(range.start as usize..range.end as usize))
            }
            Shape::Large(row) => {
                let whole = range == (0..size);
                let bytes = self.read_large(digest, &row, range).await?;
                if whole { verify(*digest, bytes).await } else { Ok(bytes) }
            }
        }
    }

    async fn read_large(&self, digest: &Digest, row: &BlobRow, range: Range<u64>) -> Result<Bytes, Error> {
        if range.end - range.start > READ_LIMIT {
            return Err(Error::BadRange { digest: *digest, start: range.start, end: range.end, size: row.size_bytes });
        }
        let mut out = BytesMut::with_capacity((range.end - range.start).min(LONGEST) as usize);
        let top = self.list(digest, &row.list).await?;
        let leaves = if row.levels == 0 { vec![None] } else { within(&top, &range).into_iter().map(Some).collect() };
        for leaf in leaves {
            let (chunks, start) = match leaf {
                None => (top.clone(), 0),
                Some((leaf, start)) => (self.list(digest, &leaf.key).await?, start),
            };
            let shifted = range.start.saturating_sub(start)..range.end.saturating_sub(start);
            let wanted = within(&chunks, &shifted);
            let rows: Vec<Row> = wanted.iter().map(|(row, _)| *row).collect();
            for (bytes, (_, at)) in self.pieces(digest, &rows, Kind::Chunk).await?.into_iter().zip(wanted) {
                let from = shifted.start.saturating_sub(at).min(bytes.len() as u64) as usize;
                let to = shifted.end.saturating_sub(at).min(bytes.len() as u64) as usize;
                out.extend_from_slice(bytes.get(from..to).unwrap_or_default());
            }
        }
        Ok(out.freeze())
    }

    /// Reads blobs: those of one chunk together, the others and what is damaged one by one.
    pub(super) async fn read_many(&self, digests: &[Digest]) -> Result<Vec<Bytes>, Error> {
        let places = self.find_run(digests, Kind::Chunk).await?.into_iter().zip(digests);
        let places: Vec<Option<Place>> =
            places.map(|(place, digest)| place.filter(|_| self.check_purged(digest).is_ok())).collect();
        let chunks: Vec<Place> = places.iter().flatten().cloned().collect();
        let fetched = match self.fetch(digests.first().unwrap_or(&Digest::of(b"")), &chunks, Proof::Chunks).await {
            Ok(bytes) => bytes,
            // Blob by blob it is said which one is damaged, and what has moved is found.
            Err(Trouble::Moved | Trouble::Error(Error::Damaged { .. })) => Vec::new(),
            Err(Trouble::Error(error)) => return Err(error),
        };
        let mut fetched = fetched.into_iter();
        let known = places.into_iter().map(|place| place.and_then(|_| fetched.next()));
        let known: Vec<(Digest, Option<Bytes>)> = digests.iter().copied().zip(known).collect();
        let read = |(digest, known): (Digest, Option<Bytes>)| async move {
            match known {
                Some(bytes) => Ok(bytes),
                None => self.read(&digest, None).await,
            }
        };
        stream::iter(known).map(read).buffered(CONCURRENCY).try_collect().await
    }

    pub(super) async fn stream(this: &Arc<Self>, digest: &Digest, proof: Proof) -> Result<ByteStream, Error> {
        let digest = *digest;
        let row = match this.locate(&digest).await? {
            Shape::Chunk(_) => {
                let bytes = this.read(&digest, None).await?;
                return Ok(stream::iter((!bytes.is_empty()).then_some(Ok(bytes))).boxed());
            }
            Shape::Large(row) => row,
        };
        let top = this.list(&digest, &row.list).await?;
        let leaves: Vec<Leaf> = match row.levels {
            0 => vec![Leaf::Read(top)],
            _ => top.into_iter().map(|row| Leaf::Stored(row.key)).collect(),
        };
        let lists = Arc::clone(this);
        let windows = stream::iter(leaves)
            .then(move |leaf| {
                let this = Arc::clone(&lists);
                async move {
                    let rows = match leaf {
                        Leaf::Read(rows) => rows,
                        Leaf::Stored(key) => this.list(&digest, &key).await?,
                    };
                    Ok::<_, Error>(stream::iter(windows(&rows)).map(Ok::<Vec<Row>, Error>))
                }
            })
            .try_flatten();
        let chunks = Arc::clone(this);
        let pieces = windows
            .map(move |window| {
                let this = Arc::clone(&chunks);
                async move { this.pieces_proved(&digest, &window?, Kind::Chunk, proof).await }
            })
            .buffered(READ_AHEAD);
        Ok(hold_back(digest, pieces.boxed()))
    }
}

/// Adds to sorted digests.
pub(crate) fn put_in_order(digests: &mut Vec<Digest>, digest: Digest) {
    if let Err(at) = digests.binary_search(&digest) {
        digests.insert(at, digest);
    }
}

enum Leaf {
    Read(Vec<Row>),
    Stored(Digest),
}

/// Cuts the chunks of a list into groups of about [`WINDOW`] bytes.
fn windows(rows: &[Row]) -> Vec<Vec<Row>> {
    let (mut out, mut open, mut size) = (Vec::new(), Vec::new(), 0_u64);
    for row in rows {
        open.push(*row);
        size = size.saturating_add(row.size_bytes);
        if size >= WINDOW {
            out.push(std::mem::take(&mut open));
            size = 0;
        }
    }
    out.extend((!open.is_empty()).then_some(open));
    out
}

/// Returns the rows that have bytes in `range`, each with the offset at which it begins.
fn within(rows: &[Row], range: &Range<u64>) -> Vec<(Row, u64)> {
    let mut at = 0_u64;
    let mut found = Vec::new();
    for row in rows {
        let end = at.saturating_add(row.size_bytes);
        if at < range.end && end > range.start {
            found.push((*row, at));
        }
        at = end;
    }
    found
}

/// A range of a pack that holds some of the places, by their positions.
struct Request {
    pack: Arc<Pack>,
    range: Range<u64>,
    places: Vec<usize>,
}

/// Joins places that lie close to each other in one pack, in whatever order they are wanted.
fn plan(places: &[Place]) -> Vec<Request> {
    let mut order: Vec<(usize, &Place)> = places.iter().enumerate().collect();
    order.sort_by_key(|(_, place)| (place.pack.name, place.record.offset));
    let mut requests: Vec<Request> = Vec::new();
    for (at, place) in order {
        let start = u64::from(place.record.offset);
        let end = start + u64::from(place.record.stored_len);
        if let Some(open) = requests.last_mut() {
            let near = start <= open.range.end.saturating_add(GAP);
            if open.pack.name == place.pack.name && near && end - open.range.start <= LONGEST {
                open.range.end = open.range.end.max(end);
                open.places.push(at);
                continue;
            }
        }
        requests.push(Request { pack: Arc::clone(&place.pack), range: start..end, places: vec![at] });
    }
    requests
}

/// Decodes records and verifies them as far as `proof` asks, on the CPU pool if that is much work.
async fn open_all(stored: Vec<(Place, Bytes)>, proof: Proof) -> Result<Vec<Result<Bytes, String>>, Error> {
    use rayon::prelude::*;

    let open = match proof {
        Proof::Chunks => open,
        Proof::Whole => decode,
    };
    let work = |(place, _): &(Place, Bytes)| match proof {
        Proof::Whole if place.record.codec == Codec::Raw.id() => 0,
        _ => place.record.raw_len as usize,
    };
    if stored.iter().map(work).sum::<usize>() < OFF_THREAD {
        let mut decoder = Decoder::default();
        return Ok(stored.into_iter().map(|(place, bytes)| open(&mut decoder, &place, bytes)).collect());
    }
    let open = move |decoder: &mut Decoder, (place, bytes): (Place, Bytes)| open(decoder, &place, bytes);
    on_cpu(move || stored.into_par_iter().map_init(Decoder::default, open).collect()).await
}

/// Decodes and verifies one record; the error says in words what is wrong.
pub(super) fn open(decoder: &mut Decoder, place: &Place, stored: Bytes) -> Result<Bytes, String> {
    let raw = decode(decoder, place, stored)?;
    if Digest::of(&raw) == place.record.key { Ok(raw) } else { Err("its bytes have another hash".to_owned()) }
}

fn decode(decoder: &mut Decoder, place: &Place, stored: Bytes) -> Result<Bytes, String> {
    let record = &place.record;
    if stored.len() != record.stored_len as usize {
        return Err("the pack ends before it".to_owned());
    }
    let codec = Codec::from_id(record.codec).map_err(|error| error.to_string())?;
    decoder.decode(codec, stored, record.raw_len as usize).map_err(|error| error.to_string())
}

async fn verify(expected: Digest, bytes: Bytes) -> Result<Bytes, Error> {
    let copy = bytes.clone();
    let hash = move || Digest::of(&copy);
    let actual = if bytes.len() < OFF_THREAD { hash() } else { on_cpu(hash).await? };
    if actual == expected { Ok(bytes) } else { Err(Error::BlobCorrupt { expected, actual }) }
}

/// Passes chunks on, the last of them only after the blob as a whole has the right hash: so a list that was forged over
/// sound chunks never passes for the blob either.
fn hold_back(expected: Digest, pieces: stream::BoxStream<'static, Result<Vec<Bytes>, Error>>) -> ByteStream {
    struct Held {
        pieces: stream::BoxStream<'static, Result<Vec<Bytes>, Error>>,
        hasher: Hasher,
        last: Option<Bytes>,
        /// A window that arrived while the one before was hashed; the inner `None` is the end.
        ready: Option<Option<Vec<Bytes>>>,
        done: bool,
    }
    let start = Held { pieces, hasher: Hasher::new(), last: None, ready: None, done: false };
    let windows = stream::try_unfold(start, move |mut held| async move {
        if held.done {
            return Ok(None);
        }
        let window = match held.ready.take() {
            Some(window) => window,
            None => held.pieces.try_next().await?,
        };
        let Some(window) = window else {
            held.done = true;
            let actual = std::mem::take(&mut held.hasher).finish();
            if actual != expected {
                return Err(Error::BlobCorrupt { expected, actual });
            }
            return Ok(Some((held.last.take().into_iter().collect::<Vec<_>>(), held)));
        };
        let (mut hasher, hashed) = (std::mem::take(&mut held.hasher), window.clone());
        let hash = move || {
            hashed.iter().for_each(|piece| hasher.update(piece));
            hasher
        };
        let large = window.iter().map(Bytes::len).sum::<usize>() >= OFF_THREAD;
        // While this window is hashed, the next one is read and decoded: that takes polling.
        if large {
            let (hasher, next) = try_join(on_cpu(hash), held.pieces.try_next()).await?;
            (held.hasher, held.ready) = (hasher, Some(next));
        } else {
            held.hasher = hash();
        }
        let mut out: Vec<Bytes> = held.last.take().into_iter().chain(window).collect();
        held.last = out.pop();
        Ok(Some((out, held)))
    });
    windows.map_ok(|window| stream::iter(window).map(Ok)).try_flatten().boxed()
}

/// From this size on, work leaves the async thread.
pub(super) const OFF_THREAD: usize = 256 * 1024;
/// Bytes that may lie unused between two records read in one request.
pub(super) const GAP: u64 = 128 * 1024;
/// Longest range read in one request.
const LONGEST: u64 = 16 * 1024 * 1024;
/// Requests of one read under way at once.
const REQUESTS: usize = 8;
/// Bytes of a stream worked on at a time.
const WINDOW: u64 = 4 * 1024 * 1024;
/// Windows of a stream under way at once.
const READ_AHEAD: usize = 3;
/// Times that a read follows what collections moved.
const TRIES: usize = 4;
/// Largest range that is read into memory; for more there is `stream`.
const READ_LIMIT: u64 = 4 * 1024 * 1024 * 1024;
