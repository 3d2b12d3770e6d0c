use bytes::Bytes;
use lineal_core::object_store::{ObjectMeta, path::Path};
use lineal_core::{Digest, Error, on_cpu};

use super::{
    PackInfo, PackName,
    blobs::Inner,
    format::{self, BlobRow, Record},
    index::{Pack, Place},
    read::open,
};
use crate::codec::Decoder;

/// An object that was read to its last byte and is a sound pack.
#[derive(Debug)]
pub(crate) struct Scanned {
    pub(crate) name: PackName,
    pub(crate) digest: Digest,
    pub(crate) records: Vec<Record>,
    pub(crate) blobs: Vec<BlobRow>,
}

impl Inner {
    /// Refuses a blob that was purged, as far as this handle has read the journal.
    pub(crate) fn check_purged(&self, digest: &Digest) -> Result<(), Error> {
        match self.journal.peek(|state| state.purged().contains_key(digest)) {
            true => Err(Error::BlobPurged { digest: *digest }),
            false => Ok(()),
        }
    }

    /// Stores the sorted keys that purged blobs are made of; returns the digest that names the list.
    pub(crate) async fn write_keys(&self, keys: &[Digest]) -> Result<Digest, Error> {
        let bytes: Vec<u8> = keys.iter().flat_map(|key| *key.as_bytes()).collect();
        let list = Digest::of(&bytes);
        self.store.ensure_writable().await?;
        // By its content: whoever writes it again writes the same.
        self.store.write(&self.keys_key(&list)?, bytes.into()).await?;
        Ok(list)
    }

    /// Reads a list of keys.
    pub(crate) async fn read_keys(&self, list: Digest) -> Result<Vec<Digest>, Error> {
        let key = self.keys_key(&list)?;
        let bytes = self.store.read(&key, LIMIT).await?.ok_or(Error::BlobMissing { digest: list })?;
        let actual = Digest::of(&bytes);
        if actual != list {
            return Err(Error::BlobCorrupt { expected: list, actual });
        }
        let (keys, rest) = bytes.as_chunks::<32>();
        let keys: Vec<Digest> = keys.iter().map(|key| Digest::from_bytes(*key)).collect();
        if !rest.is_empty() || !keys.is_sorted_by(|one, next| one < next) {
            let found = "something else than sorted digests".to_owned();
            return Err(Error::UnknownFormat { what: key.to_string(), found });
        }
        Ok(keys)
    }

    fn keys_key(&self, list: &Digest) -> Result<Path, Error> {
        self.store.key(&format!("{}/purged/{list}", self.prefix))
    }

    /// Lists every object below the prefix of packs, whatever its name.
    pub(crate) async fn list_objects(&self) -> Result<Vec<ObjectMeta>, Error> {
        self.store.list(&self.store.key(&format!("{}/pack", self.prefix))?).await
    }

    /// Reads an object as a pack and verifies every record; the inner error says in words what is wrong. None if it is gone.
    pub(crate) async fn scan_object(&self, object: &ObjectMeta) -> Result<Option<Result<Scanned, String>>, Error> {
        let Some(name) = object.location.filename().and_then(|name| name.parse::<PackName>().ok()) else {
            return Ok(Some(Err("it has not the name of a pack".to_owned())));
        };
        let Some(bytes) = self.store.read(&object.location, LIMIT).await? else { return Ok(None) };
        on_cpu(move || Some(scan(name, &bytes))).await
    }
}

fn scan(name: PackName, bytes: &Bytes) -> Result<Scanned, String> {
    use rayon::prelude::*;

    let size = bytes.len() as u64;
    let (trailer, footer) = format::decode_tail(bytes, size).map_err(|flaw| flaw.to_string())?;
    if trailer.name != name || !bytes.starts_with(format::MAGIC) {
        return Err("it is not the pack that its name says".to_owned());
    }
    let info = PackInfo { digest: footer.digest, size_bytes: size, tail_bytes: size - footer.trailer_offset };
    let pack = std::sync::Arc::new(Pack { name, info });
    let check = |decoder: &mut Decoder, (at, record): (usize, &Record)| {
        let from = record.offset as usize;
        let to = from.saturating_add(record.stored_len as usize);
        let stored = if to <= bytes.len() { bytes.slice(from..to) } else { Bytes::new() };
        let place = Place { pack: std::sync::Arc::clone(&pack), at: at as u32, record: *record };
        open(decoder, &place, stored).map(drop)
    };
    trailer.records.par_iter().enumerate().map_init(Decoder::default, check).collect::<Result<Vec<()>, String>>()?;
    Ok(Scanned { name, digest: info.digest, records: trailer.records, blobs: trailer.blobs })
}

/// Largest object that is read whole.
const LIMIT: u64 = 4 * 1024 * 1024 * 1024;
