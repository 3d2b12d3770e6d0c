use std::ops::Range;

use bytes::Bytes;
use futures::{StreamExt, stream};
use lineal_core::Error;

use super::{Moment, ReadCache};
use crate::pack::{
    blobs::Inner,
    index::{Pack, Place},
};

impl Inner {
    /// Reads a range of a pack, by way of the cache if there is one; `None` if the pack is gone.
    pub(in crate::pack) async fn read_pack_range(
        &self,
        cache: Option<&ReadCache>,
        pack: &Pack,
        range: Range<u64>,
    ) -> Result<Option<Bytes>, Error> {
        let key = self.pack_key(&pack.name)?;
        let size = pack.info.size_bytes;
        let Some(cache) = cache.filter(|_| range.end <= size) else {
            return self.store.read_range(&key, range).await;
        };
        let host = self.store.host();
        let mut found = cache.find(pack.name, size, &range, host.clock.now()).await;
        let get = |missing: Range<u64>| async { (missing.clone(), self.store.read_range(&key, missing).await) };
        let mut fetched = Vec::new();
        let mut gets = stream::iter(found.missing()).map(get).buffered(AT_ONCE);
        while let Some((missing, got)) = gets.next().await {
            match got {
                Ok(Some(bytes)) => fetched.extend(found.fill(&missing, bytes)),
                Ok(None) => return Ok(None),
                Err(error) if range.start <= missing.start && missing.end <= range.end => return Err(error),
                // The pack may be cut short behind what was asked for: then that can be read still.
                Err(_) => return self.store.read_range(&key, range).await,
            }
        }
        if !fetched.is_empty() {
            cache.keep(pack.name, fetched, Moment { now: host.clock.now(), id: host.ids.next_id() }).await;
        }
        match found.cut(&range) {
            Some(bytes) => Ok(Some(bytes)),
            None => self.store.read_range(&key, range).await,
        }
    }
}

impl ReadCache {
    /// Drops what the cache has of these records.
    pub(in crate::pack) async fn forget_places(&self, places: &[Place]) {
        let range = |place: &Place| {
            let start = u64::from(place.record.offset);
            (place.pack.name, start..start + u64::from(place.record.stored_len))
        };
        self.forget(places.iter().map(range).collect()).await;
    }
}

/// Requests under way at once for the gaps of one range.
const AT_ONCE: usize = 2;
