use std::collections::{BTreeMap, BTreeSet, HashMap};

use lineal_core::{Digest, Enrolment, Error, Journal, Untyped};

use super::Collector;
use crate::{
    PackName,
    pack::{Kind, Pack, Place},
};

/// What is alive: rows of packs that a root reaches, and how far each journal was read for it.
#[derive(Debug, Default)]
pub(super) struct Live {
    packs: HashMap<PackName, LivePack>,
    /// The number up to which each journal was marked; none for one without entries.
    pub(super) heads: BTreeMap<String, u64>,
    /// How many blobs were purged when the mark began.
    pub(super) purged_before: usize,
    /// Blobs that need not be stored, whoever names them.
    absent: BTreeSet<Digest>,
    /// Packs with something that a purge wants gone.
    pub(super) purged: BTreeSet<PackName>,
}

#[derive(Debug, Default)]
struct LivePack {
    records: Vec<bool>,
    blobs: Vec<bool>,
    bytes: u64,
}

impl Live {
    /// Marks a record; false if it was marked before.
    fn add(&mut self, place: &Place) -> bool {
        let live = self.packs.entry(place.pack.name).or_default();
        let new = set(&mut live.records, place.at as usize);
        live.bytes += if new { u64::from(place.record.stored_len) } else { 0 };
        new
    }

    fn add_blob(&mut self, pack: &Pack, at: usize) -> bool {
        set(&mut self.packs.entry(pack.name).or_default().blobs, at)
    }

    pub(super) fn bytes(&self, pack: &PackName) -> u64 {
        self.packs.get(pack).map_or(0, |live| live.bytes)
    }

    /// Tells whether anything of the pack is alive: a blob without bytes of its own counts.
    pub(super) fn any(&self, pack: &PackName) -> bool {
        self.packs.contains_key(pack)
    }

    pub(super) fn has_record(&self, pack: &PackName, at: usize) -> bool {
        self.packs.get(pack).and_then(|live| live.records.get(at)).copied().unwrap_or_default()
    }

    pub(super) fn has_blob(&self, pack: &PackName, at: usize) -> bool {
        self.packs.get(pack).and_then(|live| live.blobs.get(at)).copied().unwrap_or_default()
    }
}

fn set(bits: &mut Vec<bool>, at: usize) -> bool {
    if bits.len() <= at {
        bits.resize(at + 1, false);
    }
    bits.get_mut(at).is_some_and(|bit| !std::mem::replace(bit, true))
}

impl Collector {
    /// Marks everything that the journals name, and what that names in turn.
    pub(super) async fn mark(&self, journals: &[Enrolment]) -> Result<Live, Error> {
        let purged_before = self.blobs.inner.journal.peek(|state| state.purged().len());
        let mut live = Live { purged_before, ..Live::default() };
        for enrolment in journals {
            let roots = self.roots.iter().find(|roots| roots.kind() == enrolment.kind);
            let roots = roots.ok_or_else(|| refused(format!("no roots for journals of kind {}", enrolment.kind)))?;
            let store = &self.blobs.inner.store;
            let journal = Journal::<Untyped>::builder(store, &enrolment.prefix).open().await?;
            let Some(head) = journal.head() else { continue };
            live.heads.insert(enrolment.prefix.clone(), head.seq);
            live.absent.extend(roots.absent(store, &enrolment.prefix, head).await?);
            for (digest, media_type) in roots.live(store, &enrolment.prefix, head).await? {
                self.reach(digest, media_type, enrolment, &mut live).await?;
            }
        }
        Ok(live)
    }

    /// Marks a blob and everything that its bytes name.
    async fn reach(&self, root: Digest, media_type: String, by: &Enrolment, live: &mut Live) -> Result<(), Error> {
        let mut open = vec![(root, media_type)];
        while let Some((digest, media_type)) = open.pop() {
            if self.blobs.inner.check_purged(&digest).is_err() {
                // Its name stays, its bytes go.
                continue;
            }
            let links = self.links.iter().find(|links| links.media_type() == media_type);
            let links = links.ok_or_else(|| refused(format!("no links for media type {media_type}")))?;
            if !self.mark_blob(&digest, by, live, false).await? {
                continue;
            }
            if !links.is_leaf() {
                open.extend(links.children(&self.blobs.inner.read(&digest, None).await?)?);
            }
        }
        Ok(())
    }

    /// Marks the records of one blob; false if they were marked before.
    async fn mark_blob(
        &self,
        digest: &Digest,
        by: &Enrolment,
        live: &mut Live,
        refreshed: bool,
    ) -> Result<bool, Error> {
        let inner = &self.blobs.inner;
        if let Some(place) = inner.find(digest, Kind::Chunk, None, &[]).await? {
            return Ok(live.add(&place));
        }
        let Some((row, _)) = inner.large(digest, &[]).await? else {
            if live.absent.contains(digest) {
                return Ok(false);
            }
            if refreshed {
                let what = format!("journal {} names blob {digest}, which is not stored: check the store", by.prefix);
                return Err(refused(what));
            }
            // It may have been stored and named since this round began.
            inner.refresh().await?;
            return Box::pin(self.mark_blob(digest, by, live, true)).await;
        };
        let rows = inner.blob_rows(digest).await?;
        let (pack, at, _) = rows.iter().find(|(_, _, same)| *same == row).ok_or_else(went_away)?;
        let new = live.add_blob(pack, *at as usize);
        if new {
            for (list, chunks) in inner.lists_of(digest, &row).await? {
                let place = inner.find(&list, Kind::List, None, &[]).await?;
                live.add(&place.ok_or_else(went_away)?);
                let keys: Vec<Digest> = chunks.iter().map(|chunk| chunk.key).collect();
                for place in inner.find_run(&keys, Kind::Chunk).await? {
                    live.add(&place.ok_or_else(went_away)?);
                }
            }
        }
        Ok(new)
    }
}

/// What was found a moment ago is not there: nothing may be judged by what was marked so far.
pub(super) fn went_away() -> Error {
    refused("a pack went away meanwhile".to_owned())
}

pub(super) fn refused(reason: String) -> Error {
    Error::Collection { reason }
}
