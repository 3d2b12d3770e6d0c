use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fmt, mem,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{
    FutureExt, StreamExt, TryStreamExt,
    future::{BoxFuture, Either, OptionFuture, Shared, join, select},
    stream,
    stream::BoxStream,
};
use lineal_core::object_store;
use lineal_core::{Batch, Digest, Error, Progress, ProgressEvent, PutHints, Receipt, on_cpu};

use super::{
    PackBlobs, PackName, SessionId,
    blobs::Inner,
    builder::{NewRecord, PackBuilder, SealedPack},
    format::{BlobRow, Kind},
    index::{LoadedPack, Pack, Place},
    ingest::Ingest,
    state::{Claims, Landed, Refusal},
    upload::Upload,
};
use crate::{
    ChunkProfile,
    codec::{Codec, Compressor},
};

/// Puts that become durable together, in packs of their own.
///
/// One pack is filled in memory while the one before it is on its way. Nothing is spawned: an upload is driven by whatever
/// call comes next, and by `commit`.
pub(crate) struct PackBatch {
    pub(super) blobs: PackBlobs,
    session: SessionId,
    /// Epoch in which the batch began.
    begun: u64,
    /// Packs on which nothing new may rest.
    condemned: Arc<[Digest]>,
    /// If it copies what was found alive: how many blobs were purged then.
    copies: Option<usize>,
    compressor: Compressor,
    work: Mutex<Work>,
    told: Told,
}

/// What a batch tells of its progress; that it is over, too, when it is dropped.
struct Told(Arc<dyn Progress>);

impl Told {
    fn begin(progress: Arc<dyn Progress>) -> Self {
        progress.report(ProgressEvent::Started { task: PUT, total: None, unit: "bytes" });
        Self(progress)
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        self.0.report(ProgressEvent::Finished { task: PUT });
    }
}

struct Work {
    put: BTreeSet<Digest>,
    /// Packs that blobs of the batch rest on, its own and others', by digest.
    holds: BTreeSet<Digest>,
    builder: PackBuilder,
    /// Sends what the builder has so far, if the batch has become large.
    upload: Option<Upload>,
    next: u32,
    under_way: Option<UnderWay>,
    /// True once packs of the batch were recorded, or tried to be.
    opened: bool,
}

#[derive(Clone)]
struct UnderWay {
    keys: Arc<HashSet<(Digest, Kind)>>,
    done: Shared<BoxFuture<'static, Result<(), Arc<Error>>>>,
}

impl fmt::Debug for PackBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PackBatch").field("session", &self.session).field("begun", &self.begun).finish_non_exhaustive()
    }
}

impl PackBatch {
    pub(super) fn new(blobs: PackBlobs, session: SessionId, begun: u64, condemned: Arc<[Digest]>) -> Self {
        let work = Work {
            put: BTreeSet::new(),
            holds: BTreeSet::new(),
            builder: PackBuilder::new(PackName { session, number: 0 }, begun),
            upload: None,
            next: 1,
            under_way: None,
            opened: false,
        };
        let told = Told::begin(Arc::clone(blobs.progress()));
        Self {
            blobs,
            session,
            begun,
            condemned,
            copies: None,
            compressor: Compressor::default(),
            work: Mutex::new(work),
            told,
        }
    }

    /// Makes it a batch that copies what was found alive when so many blobs were purged.
    pub(super) fn copying(self, purged: usize) -> Self {
        Self { copies: Some(purged), ..self }
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn inner(&self) -> &Arc<Inner> {
        &self.blobs.inner
    }

    pub(crate) fn compressor(&self) -> &Compressor {
        &self.compressor
    }

    /// Tells whether new blobs may rest on a pack.
    pub(crate) fn allows(&self, pack: &Pack) -> bool {
        self.condemned.binary_search(&pack.info.digest).is_err()
    }

    /// Tells whether a record of this batch, recorded or not, has the key.
    pub(crate) fn writes(&self, key: &Digest, kind: Kind) -> bool {
        let work = self.work();
        work.builder.holds(key, kind) || work.under_way.as_ref().is_some_and(|pack| pack.keys.contains(&(*key, kind)))
    }

    /// Finds a stored record that the batch may rest on.
    pub(crate) async fn find(&self, key: &Digest, kind: Kind) -> Result<Option<Place>, Error> {
        self.inner().find(key, kind, None, &self.condemned).await
    }

    /// Finds the stored records of many keys that the batch may rest on: all places that are known of each.
    pub(crate) async fn find_many(&self, keys: &[Digest], kind: Kind) -> Result<Vec<Vec<Place>>, Error> {
        self.inner().find_many(keys, kind, &self.condemned).await
    }

    pub(crate) fn hold(&self, pack: &Pack) {
        self.work().holds.insert(pack.info.digest);
    }

    /// Tells who waits that some bytes more were taken in.
    pub(super) fn advance(&self, bytes: usize) {
        self.told.0.report(ProgressEvent::Advanced { task: PUT, by: bytes as u64 });
    }

    pub(super) fn note(&self, blob: Digest) -> Digest {
        self.work().put.insert(blob);
        blob
    }

    /// Appends a record; sends the pack on its way first if the record does not fit into it.
    pub(crate) async fn append(&self, record: NewRecord) -> Result<(), Error> {
        self.make_room(record.stored.len(), |builder| builder.push(record)).await
    }

    /// Appends what a large blob is made of.
    pub(crate) async fn append_blob(&self, row: BlobRow) -> Result<(), Error> {
        self.make_room(0, |builder| builder.push_blob(row)).await
    }

    async fn make_room(&self, bytes: usize, push: impl FnOnce(&mut PackBuilder) + Send) -> Result<(), Error> {
        loop {
            let wait_for = {
                let mut work = self.work();
                if !work.builder.is_full_for(bytes, self.blobs.settings().pack_bytes) {
                    push(&mut work.builder);
                    let Work { builder, upload, .. } = &mut *work;
                    if let Some(upload) = upload {
                        upload.take(builder.pieces());
                    }
                    return Ok(());
                }
                match &work.under_way {
                    Some(before) => before.clone(),
                    None => {
                        self.send(&mut work)?;
                        continue;
                    }
                }
            };
            self.finished(wait_for).await?;
        }
    }

    async fn finished(&self, pack: UnderWay) -> Result<(), Error> {
        pack.done.await.map_err(told_again)?;
        let mut work = self.work();
        if work.under_way.as_ref().is_some_and(|present| Arc::ptr_eq(&present.keys, &pack.keys)) {
            work.under_way = None;
        }
        Ok(())
    }

    /// Takes the builder's pack, with what sends it already, and leaves an empty one.
    fn seal(&self, work: &mut Work) -> Result<(SealedPack, Option<Upload>), Error> {
        let name = PackName { session: self.session, number: work.next };
        work.next += 1;
        let sealed = mem::replace(&mut work.builder, PackBuilder::new(name, self.begun)).seal();
        work.holds.insert(sealed.info.digest);
        let (inner, part_bytes) = (self.inner(), self.blobs.settings().part_bytes);
        let upload = match name.number >= WHOLE_PACKS && part_bytes < self.blobs.settings().pack_bytes {
            true => Some(Upload::new(Arc::clone(inner.store.objects()), inner.pack_key(&name)?, part_bytes)),
            false => None,
        };
        Ok((sealed, mem::replace(&mut work.upload, upload)))
    }

    /// Starts sending the full pack: it is stored, then recorded, then known to the index.
    fn send(&self, work: &mut Work) -> Result<(), Error> {
        let (sealed, upload) = self.seal(work)?;
        let keys = Arc::new(sealed.trailer.records.iter().map(|record| (record.key, record.kind)).collect());
        let landed = self.landed(&sealed, false, mem::replace(&mut work.opened, true));
        let (inner, session) = (Arc::clone(self.inner()), self.session);
        let sending = async move {
            store_pack(&inner, &sealed, upload).await?;
            let recorded = inner.transact(|state| state.store(session, &landed, 0)).await?;
            recorded.map_err(|refusal| Self::refused(session, refusal))?;
            inner.insert(known(sealed)).await;
            Ok(())
        };
        let done = sending.map(|outcome: Result<(), Error>| outcome.map_err(Arc::new)).boxed().shared();
        // One poll starts the request; who comes next keeps it going.
        let _started = done.clone().now_or_never();
        work.under_way = Some(UnderWay { keys, done });
        Ok(())
    }

    fn landed(&self, sealed: &SealedPack, closes: bool, opened: bool) -> Landed {
        let packs = BTreeMap::from([(sealed.trailer.name, sealed.info)]);
        Landed { begun: self.begun, closes, opened, packs, claims: self.claims() }
    }

    fn claims(&self) -> Claims {
        Claims { purged: self.copies, ..Claims::default() }
    }

    /// Says why packs could not be recorded.
    fn refused(session: SessionId, refusal: Refusal) -> Error {
        match refusal {
            Refusal::Damaged(packs) => {
                let first = packs.first().copied().unwrap_or(Digest::of(b""));
                Error::Condemned { count: packs.len(), first }
            }
            Refusal::Purged(digest) => Error::BlobPurged { digest },
            Refusal::Outdated => Error::Collection { reason: "blobs were purged since it marked".to_owned() },
            Refusal::Fenced | Refusal::Stale => Error::Fenced { session: session.to_string() },
        }
    }

    /// Keeps uploads going beside other work.
    pub(super) async fn beside<T>(&self, work: impl Future<Output = T> + Send) -> T {
        match select(pin!(work), self.uploads().boxed()).await {
            Either::Left((done, _)) => done,
            Either::Right(((), work)) => work.await,
        }
    }

    /// Keeps uploads going that nobody waits for at the moment.
    fn nudge(&self) {
        let _either_way = self.uploads().now_or_never();
    }

    /// The pack before and what is filled of the present one, on their way.
    fn uploads(&self) -> impl Future<Output = ()> + Send + 'static {
        let work = self.work();
        let before = work.under_way.as_ref().map(|pack| pack.done.clone());
        let present = work.upload.as_ref().map(Upload::going);
        async move { drop(join(OptionFuture::from(before), OptionFuture::from(present)).await) }
    }

    /// Puts a blob as one chunk.
    async fn put_whole(&self, bytes: Bytes) -> Result<Digest, Error> {
        let digest = Digest::of(&bytes);
        self.inner().check_purged(&digest)?;
        self.advance(bytes.len());
        self.nudge();
        if self.writes(&digest, Kind::Chunk) || self.take_stored(&digest).await? {
            return Ok(self.note(digest));
        }
        let raw_len = bytes.len() as u32;
        let record = self.compressor.record(digest, Kind::Chunk, bytes, raw_len);
        self.append(record).await?;
        Ok(self.note(digest))
    }

    /// Puts blobs as one chunk each: hashed and compressed on the CPU pool, stored in the order given.
    async fn put_wholes(&self, blobs: Vec<Bytes>) -> Result<Vec<Digest>, Error> {
        let bytes = blobs.iter().map(Bytes::len).sum();
        let hash = |bytes: Bytes| (Digest::of(&bytes), bytes);
        let hashed = self.beside(each(blobs, bytes, hash)).await?;
        let digests: Vec<Digest> = hashed.iter().map(|(digest, _)| *digest).collect();
        let (mut new, mut seen) = (Vec::new(), HashSet::new());
        for (digest, bytes) in hashed {
            self.inner().check_purged(&digest)?;
            let known = !seen.insert(digest) || self.writes(&digest, Kind::Chunk) || self.take_stored(&digest).await?;
            if !known {
                new.push((digest, bytes));
            }
        }
        for record in self.beside(records(self.compressor.clone(), Kind::Chunk, new)).await? {
            // Another put may have brought the same bytes in the meantime.
            if !self.writes(&record.key, Kind::Chunk) {
                self.append(record).await?;
            }
        }
        self.work().put.extend(&digests);
        self.advance(bytes);
        Ok(digests)
    }

    /// Rests on the blob as it is stored, if it is, and on packs that are allowed.
    pub(super) async fn take_stored(&self, digest: &Digest) -> Result<bool, Error> {
        if let Some(place) = self.find(digest, Kind::Chunk).await? {
            self.hold(&place.pack);
            return Ok(true);
        }
        match self.inner().large(digest, &self.condemned).await? {
            Some((_, packs)) => {
                self.work().holds.extend(packs);
                Ok(true)
            }
            None => Ok(false),
        }
    }

    pub(super) fn profile(&self, hints: &PutHints) -> ChunkProfile {
        let by_type = hints.media_type.as_deref().and_then(ChunkProfile::for_media_type);
        by_type.unwrap_or(self.blobs.settings().profile)
    }

    /// Refuses if a collection condemned what the batch rests on; returns the epoch up to which that is known.
    async fn check_condemned(&self, holds: &[Digest], since: u64) -> Result<u64, Error> {
        let now = self.inner().journal.read(|state| state.collection().epoch()).await?;
        let condemned = self.inner().condemned(since, now, holds).await?;
        match condemned.first() {
            Some(first) => Err(Error::Condemned { count: condemned.len(), first: *first }),
            None => Ok(now),
        }
    }
}

#[async_trait]
impl Batch for PackBatch {
    async fn put(&self, bytes: Bytes, hints: PutHints) -> Result<Digest, Error> {
        if is_whole(&bytes, &hints) {
            return self.put_whole(bytes).await;
        }
        let hints = hints.with_size(bytes.len() as u64);
        Ingest::put(self, stream::iter([Ok(bytes)]).boxed(), hints).await
    }

    async fn put_many(&self, blobs: Vec<(Bytes, PutHints)>) -> Result<Vec<Digest>, Error> {
        let mut digests = Vec::with_capacity(blobs.len());
        let mut wholes = Vec::new();
        for (bytes, hints) in blobs {
            if is_whole(&bytes, &hints) {
                wholes.push(bytes);
                continue;
            }
            digests.extend(self.put_wholes(mem::take(&mut wholes)).await?);
            digests.push(self.put(bytes, hints).await?);
        }
        digests.extend(self.put_wholes(wholes).await?);
        Ok(digests)
    }

    async fn put_stream(
        &self,
        mut bytes: BoxStream<'static, std::io::Result<Bytes>>,
        hints: PutHints,
    ) -> Result<Digest, Error> {
        let mut head = Vec::new();
        while head.len() <= WHOLE {
            match bytes.try_next().await.map_err(Error::of_stream)? {
                Some(piece) => head.extend_from_slice(&piece),
                None => return self.put(head.into(), hints).await,
            }
        }
        let all = stream::iter([Ok(Bytes::from(head))]).chain(bytes).boxed();
        Ingest::put(self, all, hints).await
    }

    async fn keep(&self, digests: &[Digest]) -> Result<Vec<bool>, Error> {
        let mut kept = Vec::with_capacity(digests.len());
        for digest in digests {
            self.inner().check_purged(digest)?;
            let put = self.work().put.contains(digest);
            let stored = put || self.writes(digest, Kind::Chunk) || self.take_stored(digest).await?;
            if stored {
                self.note(*digest);
            }
            kept.push(stored);
        }
        Ok(kept)
    }

    async fn commit(self: Box<Self>) -> Result<Receipt, Error> {
        let before = self.work().under_way.clone();
        if let Some(before) = before {
            self.finished(before).await?;
        }
        let (last, opened) = {
            let mut work = self.work();
            let last = if work.builder.is_empty() { None } else { Some(self.seal(&mut work)?) };
            (last, work.opened)
        };
        let landed = |packs| Landed { begun: self.begun, closes: true, opened, packs, claims: self.claims() };
        let mut landed = landed(BTreeMap::new());
        let mut stored = None;
        if let Some((sealed, upload)) = last {
            store_pack(self.inner(), &sealed, upload).await?;
            landed = self.landed(&sealed, true, opened);
            stored = Some(sealed);
        }
        let (put, holds) = {
            let mut work = self.work();
            let put: Vec<Digest> = mem::take(&mut work.put).into_iter().collect();
            (put, mem::take(&mut work.holds).into_iter().collect::<Vec<Digest>>())
        };
        // Sorted, as the sets were.
        landed.claims.holds.clone_from(&holds);
        landed.claims.blobs.clone_from(&put);
        let mut checked = self.begun;
        loop {
            checked = self.check_condemned(&holds, checked).await?;
            match self.inner().transact(|state| state.store(self.session, &landed, checked)).await? {
                Ok(()) => break,
                Err(Refusal::Stale) => {}
                Err(refusal) => return Err(Self::refused(self.session, refusal)),
            }
        }
        if let Some(sealed) = stored {
            self.inner().insert(known(sealed)).await;
        }
        Ok(Receipt::new(Arc::new(self.blobs), put, checked).with_holds(holds))
    }
}

impl Compressor {
    /// Makes the record of raw bytes, compressed if that pays.
    pub(super) fn record(&self, key: Digest, kind: Kind, raw: Bytes, raw_len: u32) -> NewRecord {
        let (codec, stored) = match self.encode(&raw) {
            Some((codec, stored)) => (codec, stored.into()),
            None => (Codec::Raw, raw),
        };
        NewRecord { key, kind, codec, raw_len, stored }
    }
}

/// Tells whether a blob is one chunk.
fn is_whole(bytes: &Bytes, hints: &PutHints) -> bool {
    bytes.len() <= WHOLE && hints.cut_points.is_empty()
}

/// Makes records, on the CPU pool if they are worth it.
pub(crate) async fn records(
    compressor: Compressor,
    kind: Kind,
    raw: Vec<(Digest, Bytes)>,
) -> Result<Vec<NewRecord>, Error> {
    let bytes = raw.iter().map(|(_, bytes)| bytes.len()).sum();
    let make = move |(key, bytes): (Digest, Bytes)| {
        let raw_len = bytes.len() as u32;
        compressor.record(key, kind, bytes, raw_len)
    };
    each(raw, bytes, make).await
}

/// Works on items of so many bytes together: side by side on the CPU pool, or here if they are few.
async fn each<T, U>(items: Vec<T>, bytes: usize, work: impl Fn(T) -> U + Send + Sync + 'static) -> Result<Vec<U>, Error>
where
    T: Send + 'static,
    U: Send + 'static,
{
    use rayon::prelude::*;

    if bytes < super::read::OFF_THREAD {
        return Ok(items.into_iter().map(work).collect());
    }
    on_cpu(move || items.into_par_iter().map(work).collect()).await
}

fn known(sealed: SealedPack) -> LoadedPack {
    let pack = Arc::new(Pack { name: sealed.trailer.name, info: sealed.info });
    LoadedPack { pack, trailer: sealed.trailer }
}

/// Gives a failure that several wait for to one more of them.
fn told_again(error: Arc<Error>) -> Error {
    Arc::try_unwrap(error).unwrap_or_else(|error| match error.as_ref() {
        Error::Fenced { session } => Error::Fenced { session: session.clone() },
        error => Error::Storage {
            operation: "write",
            key: "a pack".to_owned(),
            source: Box::new(object_store::Error::Generic { store: "lineal", source: error.to_string().into() }),
        },
    })
}

/// Stores a pack under its name, which nobody else uses: completes what was sent in parts, or writes it whole.
async fn store_pack(inner: &Inner, sealed: &SealedPack, upload: Option<Upload>) -> Result<(), Error> {
    if let Some(upload) = upload
        && upload.complete(sealed.payload.as_ref()).await
    {
        return Ok(());
    }
    inner.store.write(&inner.pack_key(&sealed.trailer.name)?, sealed.payload.clone()).await
}

/// The task of a batch, as progress calls it.
const PUT: &str = "put blobs";
/// Blobs up to this size are one chunk: cutting them further would cost more requests than it saves bytes.
const WHOLE: usize = 256 * 1024;
/// Packs at the beginning of a batch that are sent in one request each: parts are for large batches, where they pay.
const WHOLE_PACKS: u32 = 2;
