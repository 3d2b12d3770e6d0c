use std::sync::Arc;

use lineal_core::{Batch, Digest, Error};

use super::{
    Collector, Fate, PackFate, Plan,
    mark::{Live, refused, went_away},
};
use crate::{
    PackName,
    pack::{Kind, LoadedPack, PackBatch, Place, records},
};

impl Collector {
    /// Writes what is alive in sparse packs into new ones; returns how many packs were emptied.
    ///
    /// The new packs are recorded before the old ones are condemned, so at no moment is a live record without a place.
    pub(super) async fn rewrite(&self, plan: &Plan, live: &Live) -> Result<u64, Error> {
        let inner = &self.blobs.inner;
        let sparse: Vec<PackName> = plan.of(Fate::Sparse).map(|fate| fate.name).collect();
        if sparse.is_empty() {
            return Ok(0);
        }
        // Nothing may rest on what is about to be condemned.
        let mut condemned = inner.journal.peek(|state| {
            let digest = |fate: &PackFate| state.packs().get(&fate.name).map(|pack| pack.info.digest);
            plan.condemned().map(|fate| digest(fate).ok_or_else(went_away)).collect::<Result<Vec<Digest>, Error>>()
        })?;
        condemned.sort_unstable();
        let batch = self.blobs.begin_avoiding(condemned.into(), live.purged_before).await?;
        for name in &sparse {
            let loaded = inner.loaded(name).await?;
            let loaded =
                loaded.map_err(|why| refused(format!("pack {name} is damaged ({why}): repair the store first")))?;
            self.save(&batch, &loaded, live).await?;
        }
        Box::new(batch).commit().await?;
        Ok(sparse.len() as u64)
    }

    /// Copies the live rows of one pack, unless they lie elsewhere, too.
    async fn save(&self, batch: &PackBatch, loaded: &LoadedPack, live: &Live) -> Result<(), Error> {
        let LoadedPack { pack, trailer } = loaded;
        let alive = (0..).zip(&trailer.records).filter(|(at, _)| live.has_record(&pack.name, *at as usize));
        let places = alive.map(|(at, record)| Place { pack: Arc::clone(pack), at, record: *record });
        let places: Vec<Place> = places.collect();
        for window in places.chunks(RECORDS_A_WINDOW) {
            for kind in [Kind::Chunk, Kind::List] {
                let of_kind = window.iter().filter(|place| place.record.kind == kind);
                let unwritten: Vec<&Place> = of_kind.filter(|place| !batch.writes(&place.record.key, kind)).collect();
                let keys: Vec<Digest> = unwritten.iter().map(|place| place.record.key).collect();
                let elsewhere = batch.find_many(&keys, kind).await?;
                let missing = unwritten.into_iter().zip(elsewhere).filter(|(_, elsewhere)| elsewhere.is_empty());
                let wanted: Vec<Place> = missing.map(|(place, _)| place.clone()).collect();
                let raw = self.blobs.inner.fetch_places(&wanted).await?;
                let raw = wanted.iter().map(|place| place.record.key).zip(raw).collect();
                for record in records(batch.compressor().clone(), kind, raw).await? {
                    batch.append(record).await?;
                }
            }
        }
        let alive = trailer.blobs.iter().enumerate().filter(|(at, _)| live.has_blob(&pack.name, *at));
        for (_, row) in alive {
            let elsewhere = self.blobs.inner.blob_rows(&row.blob).await?;
            if !elsewhere.iter().any(|(other, _, same)| batch.allows(other) && same.list == row.list) {
                batch.append_blob(*row).await?;
            }
        }
        Ok(())
    }
}

/// Records copied at a time: at most 64 MiB of chunks of the standard profile, and typically a quarter of that.
const RECORDS_A_WINDOW: usize = 64;
