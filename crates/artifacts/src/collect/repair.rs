use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

use lineal_core::{
    Batch, BlobStore, Digest, Enrolment, Error, ErrorKind, Journal, Progress, ProgressEvent, PutHints, Untyped,
};

use super::{Collector, mark::refused};
use crate::{
    FsckLevel, PackName, PackState,
    pack::{Kind, LoadedPack, PackBatch, Place, Record, Refusal, records},
    transfer::send_large,
};

/// What a repair found and did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Repaired {
    /// Packs found damaged, in the order of names.
    pub damaged: Vec<PackName>,
    /// Records of theirs that are sound and were written anew.
    pub saved: u64,
    /// Blobs put anew from the second store.
    pub restored: BTreeSet<Digest>,
    /// Blobs that could be had nowhere. What they name in turn is not known.
    pub lost: Vec<Lost>,
    /// True if the damaged packs are set aside, so that collections go on; false if blobs are lost, or nothing was damaged.
    pub set_aside: bool,
}

/// A blob that is alive and cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Lost {
    /// The blob.
    pub digest: Digest,
    /// Prefix of the journal that keeps it alive.
    pub journal: String,
    /// The blob that names it; none if the journal does.
    pub parent: Option<Digest>,
}

/// A blob that is alive, as its journal or another blob names it.
#[derive(Debug, Clone)]
struct Named {
    digest: Digest,
    media_type: String,
    parent: Option<Digest>,
}

impl Collector {
    /// Repairs the store with the help of a second one that holds blobs of it, such as a mirror, and sets damaged packs aside.
    ///
    /// Checks the store as far as `level` says. Every record of a damaged pack that is sound is written anew; then every blob
    /// that a journal keeps alive and that is not whole in sound packs is put anew, from `from`. Once nothing is lost, the
    /// damaged packs are recorded as such: nothing is read from them, and the next round of [`Collector::collect`] deletes
    /// them. It may be stopped anywhere and run again; writers go on meanwhile, and a batch that rests on what was set aside
    /// is refused like one whose packs were condemned.
    ///
    /// It reads what `fsck` of the level does, every damaged pack once, and the lists of everything that is alive. Memory: one
    /// digest for each blob alive, and that of a batch. Damage to records is only looked for with [`FsckLevel::Hash`].
    ///
    /// # Errors
    /// As [`Collector::collect`], but damage is no error here; those of `from` other than that it lacks a blob or has it
    /// damaged. [`Error::Collection`] if other collections came in between every time: repeat.
    pub async fn repair(
        &self,
        from: &dyn BlobStore,
        level: FsckLevel,
        progress: &dyn Progress,
    ) -> Result<Repaired, Error> {
        let damaged = self.find_damaged(level, progress).await?;
        for _ in 0..ATTEMPTS {
            if let Some(done) = self.attempt(&damaged, from, progress).await? {
                return Ok(done);
            }
        }
        Err(refused("other collections came in between: repair again".to_owned()))
    }

    /// Returns the packs in which a check finds something, and those whose index this handle could not read.
    async fn find_damaged(&self, level: FsckLevel, progress: &dyn Progress) -> Result<BTreeSet<PackName>, Error> {
        let checked = self.blobs.fsck(level, progress).await?;
        let mut damaged: BTreeSet<PackName> = checked.problems.iter().map(|problem| problem.pack).collect();
        self.blobs.inner.refresh().await?;
        damaged.extend(self.blobs.inner.index().damaged());
        Ok(damaged)
    }

    /// Saves, restores and sets aside; none if a collection came in between.
    async fn attempt(
        &self,
        damaged: &BTreeSet<PackName>,
        from: &dyn BlobStore,
        progress: &dyn Progress,
    ) -> Result<Option<Repaired>, Error> {
        let inner = &self.blobs.inner;
        inner.refresh().await?;
        let open = inner.journal.peek(|state| state.collection().open_epoch());
        if let Some(epoch) = open {
            // What it condemned may be gone tomorrow, so nothing may rest on it today.
            self.finish(epoch, Default::default()).await?;
        }
        // Collections may have removed some of them meanwhile.
        let (damaged, avoided) = inner.journal.peek(|state| {
            let still = state.packs().iter().filter(|(name, _)| damaged.contains(name));
            let still: BTreeMap<PackName, Digest> = still.map(|(name, pack)| (*name, pack.info.digest)).collect();
            let mut avoided: Vec<Digest> = still.values().copied().collect();
            avoided.extend(state.set_aside().map(|(_, pack)| pack.info.digest));
            avoided.sort_unstable();
            (still.into_keys().collect::<BTreeSet<_>>(), Arc::<[Digest]>::from(avoided))
        });
        let purged = inner.journal.peek(|state| state.purged().len());
        let mut done = Repaired { damaged: damaged.iter().copied().collect(), ..Repaired::default() };
        // Committed before anything is looked for: then it is found like all that is stored.
        let batch = self.blobs.begin_avoiding(Arc::clone(&avoided), purged).await?;
        for name in &damaged {
            done.saved += self.salvage(&batch, name).await?;
        }
        let saved = match Box::new(batch).commit().await {
            Ok(receipt) => receipt.epoch(),
            Err(Error::Condemned { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let batch = self.blobs.begin_avoiding(avoided, purged).await?;
        self.restore(&batch, from, &mut done, progress).await?;
        let restored = match Box::new(batch).commit().await {
            Ok(receipt) => receipt.epoch(),
            Err(Error::Condemned { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        if !done.lost.is_empty() || damaged.is_empty() {
            return Ok(Some(done));
        }
        if saved != restored {
            return Ok(None);
        }
        let set_aside = inner.transact(|state: &PackState| state.damage(&damaged, saved)).await?;
        inner.refresh().await?;
        done.set_aside = true;
        match set_aside {
            Ok(()) => Ok(Some(done)),
            Err(Refusal::Stale) => Ok(None),
            Err(_) => Err(refused("packs cannot be set aside".to_owned())),
        }
    }

    /// Writes every sound record of a damaged pack anew, and its rows, unless they lie elsewhere; returns how many records.
    ///
    /// All of them, not only what is alive: receipts on their way to a journal may rest on any.
    async fn salvage(&self, batch: &PackBatch, name: &PackName) -> Result<u64, Error> {
        // A handle that knew the pack before still has its index; no byte is taken from it that does not verify.
        let Ok(loaded) = self.blobs.inner.loaded(name).await? else { return Ok(0) };
        let place = |(at, record): (u32, &Record)| Place { pack: Arc::clone(&loaded.pack), at, record: *record };
        let places: Vec<Place> = (0..).zip(&loaded.trailer.records).map(place).collect();
        let mut saved = 0;
        for window in places.chunks(RECORDS_A_WINDOW) {
            for kind in [Kind::Chunk, Kind::List] {
                let mut wanted = Vec::new();
                for place in window.iter().filter(|place| place.record.kind == kind) {
                    match batch.find(&place.record.key, kind).await? {
                        Some(elsewhere) => batch.hold(&elsewhere.pack),
                        None if batch.writes(&place.record.key, kind) => {}
                        None => wanted.push(place.clone()),
                    }
                }
                let raw = self.blobs.inner.sound_places(&wanted).await?;
                for record in records(batch.compressor().clone(), kind, raw).await? {
                    batch.append(record).await?;
                    saved += 1;
                }
            }
        }
        self.salvage_rows(batch, &loaded).await?;
        Ok(saved)
    }

    async fn salvage_rows(&self, batch: &PackBatch, loaded: &LoadedPack) -> Result<(), Error> {
        for row in &loaded.trailer.blobs {
            let elsewhere = self.blobs.inner.blob_rows(&row.blob).await?;
            match elsewhere.iter().find(|(other, _, same)| batch.allows(other) && same.list == row.list) {
                Some((other, ..)) => batch.hold(other),
                None => batch.append_blob(*row).await?,
            }
        }
        Ok(())
    }

    /// Puts what is alive and not whole in packs that the batch may rest on, parents before children.
    async fn restore(
        &self,
        batch: &PackBatch,
        from: &dyn BlobStore,
        done: &mut Repaired,
        progress: &dyn Progress,
    ) -> Result<(), Error> {
        let inner = &self.blobs.inner;
        let task = "restore blobs";
        progress.report(ProgressEvent::Started { task, total: None, unit: "blobs" });
        let journals: Vec<Enrolment> = inner.journal.read(|state| state.collection().enrolled().collect()).await?;
        let mut seen = HashSet::new();
        for Enrolment { kind, prefix } in journals {
            let roots = self.roots.iter().find(|roots| roots.kind() == kind);
            let roots = roots.ok_or_else(|| refused(format!("no roots for journals of kind {kind}")))?;
            let journal = Journal::<Untyped>::builder(&inner.store, &prefix).open().await?;
            let Some(head) = journal.head() else { continue };
            let absent = roots.absent(&inner.store, &prefix, head).await?;
            let roots = roots.live(&inner.store, &prefix, head).await?;
            let root = |(digest, media_type)| Named { digest, media_type, parent: None };
            let mut open: Vec<Named> = roots.into_iter().map(root).collect();
            while let Some(named) = open.pop() {
                if seen.insert((named.digest, named.media_type.clone())) {
                    open.extend(self.restore_one(batch, from, named, &prefix, &absent, done).await?);
                    progress.report(ProgressEvent::Advanced { task, by: 1 });
                }
            }
        }
        progress.report(ProgressEvent::Finished { task });
        Ok(())
    }

    /// Restores one blob, if need be, and returns what it names.
    async fn restore_one(
        &self,
        batch: &PackBatch,
        from: &dyn BlobStore,
        named: Named,
        journal: &str,
        absent: &BTreeSet<Digest>,
        done: &mut Repaired,
    ) -> Result<Vec<Named>, Error> {
        let Named { digest, media_type, parent } = named;
        if self.blobs.inner.check_purged(&digest).is_err() {
            return Ok(Vec::new());
        }
        let links = self.links.iter().find(|links| links.media_type() == media_type);
        let links = links.ok_or_else(|| refused(format!("no links for media type {media_type}")))?;
        if batch.keep(&[digest]).await? != [true] {
            if absent.contains(&digest) {
                // Its bytes were purged where it came from, and the other store may have them yet.
                return Ok(Vec::new());
            }
            let hints = PutHints::default().with_media_type(media_type.as_str());
            match send_large(from, batch, digest, hints).await {
                Ok(_) => drop(done.restored.insert(digest)),
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Corrupt) => {
                    done.lost.push(Lost { digest, journal: journal.to_owned(), parent });
                    return Ok(Vec::new());
                }
                Err(error) => return Err(error),
            }
        }
        if links.is_leaf() {
            return Ok(Vec::new());
        }
        // Of what the batch has put, not all can be read here yet.
        let bytes = match done.restored.contains(&digest) {
            true => from.read(&digest, None).await?,
            false => self.blobs.inner.read(&digest, None).await?,
        };
        let child = |(child, media_type)| Named { digest: child, media_type, parent: Some(digest) };
        Ok(links.children(&bytes)?.into_iter().map(child).collect())
    }
}

/// Records copied at a time: at most 64 MiB of chunks of the standard profile, and typically a quarter of that.
const RECORDS_A_WINDOW: usize = 64;
/// Times that a repair begins again because a collection came in between.
const ATTEMPTS: usize = 4;
