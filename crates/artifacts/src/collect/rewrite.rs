use std::sync::Arc;

use lineal_core::{Batch, Digest, Error};

use super::{Collector, Fate, Plan, mark::Live};
use crate::pack::{Kind, Pack, PackBatch, Place, records};

impl Collector {
    /// Writes what is alive in sparse packs into new ones; returns how many packs were emptied.
    ///
    /// The new packs are recorded before the old ones are condemned, so at no moment is a live record without a place.
    pub(super) async fn rewrite(&self, plan: &Plan, live: &Live) -> Result<u64, Error> {
        let inner = &self.blobs.inner;
        let sparse: Vec<Arc<Pack>> = {
            let index = inner.index();
            plan.of(Fate::Sparse).filter_map(|fate| index.pack(&fate.name)).collect()
        };
        if sparse.is_empty() {
            return Ok(0);
        }
        // Nothing may rest on what is about to be condemned.
        let mut condemned: Vec<Digest> = {
            let index = inner.index();
            plan.condemned().filter_map(|fate| index.pack(&fate.name)).map(|pack| pack.info.digest).collect()
        };
        condemned.sort_unstable();
        let batch = self.blobs.begin_avoiding(condemned.into(), live.purged_before).await?;
        for pack in &sparse {
            self.save(&batch, pack, live).await?;
        }
        Box::new(batch).commit().await?;
        Ok(sparse.len() as u64)
    }

    /// Copies the live rows of one pack, unless they lie elsewhere, too.
    async fn save(&self, batch: &PackBatch, pack: &Arc<Pack>, live: &Live) -> Result<(), Error> {
        let alive = (0..).zip(&pack.trailer.records).filter(|(at, _)| live.has_record(&pack.name, *at as usize));
        let places = alive.map(|(at, record)| Place { pack: Arc::clone(pack), at, record: *record });
        let places: Vec<Place> = places.collect();
        for window in places.chunks(RECORDS_A_WINDOW) {
            for kind in [Kind::Chunk, Kind::List] {
                let missing = |place: &&Place| {
                    let key = &place.record.key;
                    place.record.kind == kind && !batch.writes(key, kind) && batch.find(key, kind, None).is_none()
                };
                let wanted: Vec<Place> = window.iter().filter(missing).cloned().collect();
                let raw = self.blobs.inner.fetch_places(&wanted).await?;
                let raw = wanted.iter().map(|place| place.record.key).zip(raw).collect();
                for record in records(batch.compressor().clone(), kind, raw).await? {
                    batch.append(record).await?;
                }
            }
        }
        let alive = pack.trailer.blobs.iter().enumerate().filter(|(at, _)| live.has_blob(&pack.name, *at));
        for (_, row) in alive {
            let elsewhere = self.blobs.inner.index().blob_rows(&row.blob);
            if !elsewhere.iter().any(|(other, same)| batch.allows(other) && same.list == row.list) {
                batch.append_blob(*row).await?;
            }
        }
        Ok(())
    }
}

/// Records copied at a time: at most 64 MiB of chunks of the standard profile, and typically a quarter of that.
const RECORDS_A_WINDOW: usize = 64;
