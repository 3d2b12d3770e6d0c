use std::{collections::BTreeSet, sync::Arc};

use lineal_core::{
    Actor, Digest, Envelope, Error, Head, Progress, ProgressEvent, SignError, Signer, Statement, Subject, on_cpu,
};

use super::{
    Collector,
    certificate::{PURGE_PREDICATE, PurgeCertificate, PurgeProof},
    mark::{Live, refused},
};
use crate::{
    PackName, PackState, PurgeError,
    pack::{Kind, Place, put_in_order},
};

/// Who wants blobs gone, and why: plain data, kept in the journal for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PurgeOrder {
    /// Who asks for it.
    pub actor: Actor,
    /// Why, in words; at most 1000 bytes. It must not repeat what is to be forgotten.
    pub reason: String,
}

impl PurgeOrder {
    /// States who asks, and why.
    #[must_use]
    pub fn new(actor: Actor, reason: impl Into<String>) -> Self {
        Self { actor, reason: reason.into() }
    }
}

/// Blobs to be rid of, and the keys of all records that they were made of when they were purged.
#[derive(Debug, Clone)]
pub(super) struct Purge {
    blobs: Vec<Digest>,
    keys: Vec<Digest>,
    /// The epoch in which it began.
    since: u64,
}

/// What is left of purged blobs, as a mark found it.
#[derive(Debug, Default)]
pub(super) struct Residue {
    /// Packs with records that only purged blobs use, or rows of purged blobs.
    pub(super) packs: BTreeSet<PackName>,
    /// Packs with garbage that was there when the purge began, if none is to be left.
    pub(super) garbage: BTreeSet<PackName>,
    /// Keys that live blobs use, too.
    shared: BTreeSet<Digest>,
    /// Raw bytes of their records.
    shared_bytes: u64,
}

impl Collector {
    /// Removes blobs and everything that only they are made of, for ever, and certifies it.
    ///
    /// From the moment the purge is recorded, the digests are refused: by reads and by puts, through every handle that has
    /// read the journal since. Journals go on naming them. Then collections are driven until no pack is left that has a
    /// record or row which only purged blobs use, however much of it is alive. Last, *every* object below the prefix of packs
    /// is read, decoded and hashed, recorded or not; the certificate states what was read, and is signed by `signer`.
    ///
    /// A collector that frees all garbage ([`CollectSettings::with_sparse_below`](crate::CollectSettings::with_sparse_below) of 1) does
    /// so here, too: then nothing is left that a batch which came to nothing has stored of the same data in other blobs.
    ///
    /// Records that live blobs use as well stay for these; the certificate says how many. May be stopped anywhere, and run
    /// again with the same digests, also for a newer certificate. Costs some collections and one read of the whole store; holds
    /// one pack and the keys of the purged blobs in memory.
    ///
    /// # Errors
    /// [`PurgeError::Held`] if packs of open batches or uploads under way still have records of the blobs, or somebody named
    /// them meanwhile: run it again later. [`PurgeError::Unreadable`] if an object cannot be checked: repair the store first.
    /// Otherwise those of a collection and of the signer.
    pub async fn purge(
        &self,
        blobs: &[Digest],
        order: &PurgeOrder,
        signer: &Arc<dyn Signer>,
        progress: &dyn Progress,
    ) -> Result<PurgeCertificate, PurgeError> {
        let purge = self.record_purge(blobs, order).await?;
        let residue = self.drive(&purge).await?;
        let proof = self.scan(&purge, &residue, order, progress).await?;
        let subjects = purge.blobs.iter().map(|blob| Subject::new("purged blob", *blob)).collect();
        let now = self.blobs.inner.store.host().clock.now();
        let statement = Statement::new(PURGE_PREDICATE, subjects, &proof, order.actor.clone(), now)
            .map_err(|source| PurgeError::Certificate { source: Box::new(SignError::Statement(source)) })?;
        let failed = |source| PurgeError::Certificate { source: Box::new(source) };
        let (envelope, signer) = (Envelope::unsigned(&statement).map_err(failed)?, Arc::clone(signer));
        let envelope = on_cpu(move || envelope.sign(signer.as_ref())).await?.map_err(failed)?;
        Ok(PurgeCertificate { envelope, proof })
    }

    /// Records the purge, with the keys of everything that the blobs are made of; nothing if it is recorded already.
    async fn record_purge(&self, blobs: &[Digest], order: &PurgeOrder) -> Result<Purge, PurgeError> {
        let blobs: Vec<Digest> = blobs.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
        if blobs.is_empty() || blobs.len() > MOST_BLOBS {
            return Err(PurgeError::Invalid { rule: "a purge is of 1 to 10,000 blobs" });
        }
        if order.reason.len() > MOST_REASON_BYTES {
            return Err(PurgeError::Invalid { rule: "the reason of a purge has at most 1000 bytes" });
        }
        let inner = &self.blobs.inner;
        for _ in 0..ATTEMPTS {
            inner.refresh().await?;
            let open = inner.journal.peek(|state| state.collection().open_epoch());
            if let Some(epoch) = open {
                // Packs that it condemned may be gone, which is no damage.
                self.finish(epoch, Default::default()).await?;
            }
            if let Some((name, why)) = inner.index().first_damaged() {
                return Err(PurgeError::Unreadable { object: name.to_string(), why: why.clone() });
            }
            let seen: BTreeSet<PackName> = inner.index().names().copied().collect();
            let (keys, news) = self.keys_of(&blobs).await?;
            let since = inner.journal.peek(|state| state.collection().epoch());
            let purge = Purge { blobs: blobs.clone(), keys: keys.into_iter().collect(), since };
            if !news {
                return Ok(purge);
            }
            let list = inner.write_keys(&purge.keys).await?;
            let decide = |state: &PackState| match state.list().iter().all(|(name, _)| seen.contains(name)) {
                true => Ok(state.purge(&blobs, list, &order.reason)),
                // It may have more of what is purged.
                false => Err(()),
            };
            if inner.transact_by(order.actor.clone(), decide).await?.is_ok() {
                return Ok(purge);
            }
        }
        Err(refused("packs were recorded all the time: purge again".to_owned()).into())
    }

    /// Returns the keys of all records that make up the blobs, wherever they lie, and whether some are not recorded yet.
    async fn keys_of(&self, blobs: &[Digest]) -> Result<(BTreeSet<Digest>, bool), Error> {
        let inner = &self.blobs.inner;
        let lists: BTreeSet<Digest> =
            inner.journal.peek(|state| blobs.iter().filter_map(|blob| state.purged().get(blob)).copied().collect());
        let all_known = inner.journal.peek(|state| blobs.iter().all(|blob| state.purged().contains_key(blob)));
        let mut known = BTreeSet::new();
        for list in lists {
            known.extend(inner.read_keys(list).await?);
        }
        let mut keys = known.clone();
        keys.extend(blobs);
        for blob in blobs {
            for (_, _, row) in inner.blob_rows(blob).await? {
                keys.insert(row.list);
                match inner.lists_of(blob, &row).await {
                    Ok(lists) => {
                        for (list, chunks) in lists {
                            keys.insert(list);
                            keys.extend(chunks.iter().map(|chunk| chunk.key));
                        }
                    }
                    // A row of a batch that was given up: its list never came, or went in an earlier run.
                    Err(Error::BlobMissing { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        let news = !all_known || keys.len() > known.len();
        Ok((keys, news))
    }

    /// Collects until a mark finds nothing left of the blobs in recorded packs.
    async fn drive(&self, purge: &Purge) -> Result<Residue, PurgeError> {
        let mut held = BTreeSet::new();
        for _ in 0..ROUNDS {
            let (_, residue) = self.round(Some(purge)).await?;
            match residue {
                Some(residue) if residue.packs.is_empty() && residue.garbage.is_empty() => return Ok(residue),
                Some(residue) => held = residue.packs.union(&residue.garbage).copied().collect(),
                None => {}
            }
        }
        Err(PurgeError::Held { objects: held.iter().map(ToString::to_string).collect() })
    }

    /// Finds what is left of purged blobs, once it is known what is alive.
    pub(super) async fn residue(&self, purge: &Purge, live: &Live) -> Result<Residue, Error> {
        let mut residue = Residue::default();
        if self.leaves_no_garbage() {
            residue.garbage = self.garbage(purge.since, live);
        }
        for key in &purge.keys {
            for kind in [Kind::Chunk, Kind::List] {
                let places = self.places(key, kind).await?;
                match places.iter().find(|place| live.has_record(&place.pack.name, place.at as usize)) {
                    Some(alive) => {
                        residue.shared.insert(*key);
                        residue.shared_bytes += u64::from(alive.record.raw_len);
                    }
                    None => residue.packs.extend(places.iter().map(|place| place.pack.name)),
                }
            }
        }
        for blob in &purge.blobs {
            let rows = self.blobs.inner.blob_rows(blob).await?;
            residue.packs.extend(rows.iter().map(|(pack, ..)| pack.name));
        }
        Ok(residue)
    }

    /// Returns the packs of batches that ended up to an epoch, with records that nothing alive uses.
    fn garbage(&self, upto: u64, live: &Live) -> BTreeSet<PackName> {
        self.blobs.inner.journal.peek(|state| {
            let old = state.packs().iter().filter(|(_, pack)| pack.closed.is_some_and(|closed| closed <= upto));
            let packs = old.filter(|(name, pack)| !live.any(name) || live.bytes(name) < pack.info.records_bytes());
            packs.map(|(name, _)| *name).collect()
        })
    }

    /// Returns all places of a key.
    async fn places(&self, key: &Digest, kind: Kind) -> Result<Vec<Place>, Error> {
        let (mut places, mut seen): (Vec<Place>, Vec<Digest>) = Default::default();
        while let Some(place) = self.blobs.inner.find(key, kind, None, &seen).await? {
            put_in_order(&mut seen, place.pack.info.digest);
            places.push(place);
        }
        Ok(places)
    }

    /// Reads every object below the prefix of packs and makes sure that nothing of the blobs is in it.
    async fn scan(
        &self,
        purge: &Purge,
        residue: &Residue,
        order: &PurgeOrder,
        progress: &dyn Progress,
    ) -> Result<PurgeProof, PurgeError> {
        let inner = &self.blobs.inner;
        inner.refresh().await?;
        let (head, epoch) = (inner.journal.head(), inner.journal.peek(|state| state.collection().epoch()));
        let Some(Head { seq, digest, .. }) = head else {
            return Err(refused("the journal has no entries".to_owned()).into());
        };
        let gone: Vec<Digest> = purge.keys.iter().filter(|key| !residue.shared.contains(key)).copied().collect();
        let objects = inner.list_objects().await?;
        let task = "scan packs";
        progress.report(ProgressEvent::Started { task, total: Some(objects.len() as u64), unit: "packs" });
        let (mut scanned, mut held): (Vec<String>, Vec<String>) = Default::default();
        let (mut bytes, mut records) = (0_u64, 0_u64);
        for object in &objects {
            let read = inner.scan_object(object).await?;
            progress.report(ProgressEvent::Advanced { task, by: 1 });
            // A collection deleted it since it was listed.
            let Some(read) = read else { continue };
            let read = read.map_err(|why| PurgeError::Unreadable { object: object.location.to_string(), why })?;
            let has_key = read.records.iter().any(|record| gone.binary_search(&record.key).is_ok());
            if has_key || read.blobs.iter().any(|row| purge.blobs.binary_search(&row.blob).is_ok()) {
                held.push(object.location.to_string());
            }
            bytes = bytes.saturating_add(object.size);
            records += read.records.len() as u64;
            scanned.push(format!("{} {} {}\n", read.name, read.digest, object.size));
        }
        progress.report(ProgressEvent::Finished { task });
        // What is in them is not known, and listings hide them.
        held.extend(inner.staged().await?.into_iter().map(|file| file.path.display().to_string()));
        if !held.is_empty() {
            return Err(PurgeError::Held { objects: held });
        }
        scanned.sort_unstable();
        Ok(PurgeProof {
            bytes,
            epoch,
            head: digest,
            packs: scanned.len() as u64,
            reason: order.reason.clone(),
            records,
            scanned: Digest::of(scanned.concat().as_bytes()),
            seq,
            shared_bytes: residue.shared_bytes,
            shared_records: residue.shared.len() as u64,
            store: inner.id,
        })
    }
}

/// Most blobs of one purge, so that its event fits an entry.
const MOST_BLOBS: usize = 10_000;
const MOST_REASON_BYTES: usize = 1000;
/// Times that a purge looks again because packs were recorded meanwhile.
const ATTEMPTS: usize = 16;
/// Rounds of collection: one to end an epoch, one to make packs old, one to remove them, one to see it; and some for packs
/// that were rescued or recorded meanwhile.
const ROUNDS: usize = 7;
