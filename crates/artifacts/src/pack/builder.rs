use std::collections::HashSet;

use bytes::Bytes;
use lineal_core::Digest;
use lineal_core::object_store::PutPayload;

use super::{
    PackInfo, PackName,
    format::{BLOB_LEN, BlobRow, FOOTER_LEN, Footer, Kind, MAGIC, MAX_RECORDS, RECORD_LEN, Record, Trailer},
};
use crate::codec::Codec;

/// A pack that is being filled, in memory.
#[derive(Debug)]
pub(crate) struct PackBuilder {
    trailer: Trailer,
    pieces: Vec<Bytes>,
    keys: HashSet<(Digest, Kind)>,
    end: usize,
}

/// A record ready to be appended.
#[derive(Debug, Clone)]
pub(crate) struct NewRecord {
    pub(crate) key: Digest,
    pub(crate) kind: Kind,
    pub(crate) codec: Codec,
    pub(crate) raw_len: u32,
    pub(crate) stored: Bytes,
}

/// A pack ready to be sent.
#[derive(Debug, Clone)]
pub(crate) struct SealedPack {
    pub(crate) info: PackInfo,
    pub(crate) payload: PutPayload,
    pub(crate) trailer: Trailer,
}

impl PackBuilder {
    pub(crate) fn new(name: PackName, epoch: u64) -> Self {
        let trailer = Trailer { name, epoch, records: Vec::new(), blobs: Vec::new() };
        Self { trailer, pieces: vec![Bytes::from_static(MAGIC)], keys: HashSet::new(), end: MAGIC.len() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.trailer.records.is_empty() && self.trailer.blobs.is_empty()
    }

    /// Tells whether `more` bytes in one more record belong into the next pack.
    pub(crate) fn is_full_for(&self, more: usize, limit: usize) -> bool {
        let rows = self.trailer.records.len() + self.trailer.blobs.len();
        !self.is_empty() && (self.size() + more + RECORD_LEN > limit || rows >= MAX_RECORDS)
    }

    fn size(&self) -> usize {
        let rows = self.trailer.records.len() * RECORD_LEN + self.trailer.blobs.len() * BLOB_LEN;
        self.end + rows + FOOTER_LEN
    }

    pub(crate) fn holds(&self, key: &Digest, kind: Kind) -> bool {
        self.keys.contains(&(*key, kind))
    }

    /// Returns what the pack has so far, from its beginning.
    pub(crate) fn pieces(&self) -> &[Bytes] {
        &self.pieces
    }

    pub(crate) fn push(&mut self, record: NewRecord) {
        let NewRecord { key, kind, codec, raw_len, stored } = record;
        // A pack stays far below 4 GiB: settings and the size of a record see to it.
        let (offset, stored_len) = (self.end as u32, stored.len() as u32);
        self.trailer.records.push(Record { key, offset, stored_len, raw_len, kind, codec: codec.id() });
        self.end += stored.len();
        self.keys.insert((key, kind));
        self.pieces.push(stored);
    }

    pub(crate) fn push_blob(&mut self, row: BlobRow) {
        self.trailer.blobs.push(row);
    }

    pub(crate) fn seal(mut self) -> SealedPack {
        let trailer = self.trailer.encode();
        let digest = Digest::of(&trailer);
        let footer = Footer { digest, trailer_offset: self.end as u64, trailer_len: trailer.len() as u32 };
        let tail_bytes = (trailer.len() + FOOTER_LEN) as u64;
        self.pieces.push(trailer.into());
        self.pieces.push(Bytes::copy_from_slice(&footer.encode()));
        let info = PackInfo { digest, size_bytes: self.end as u64 + tail_bytes, tail_bytes };
        SealedPack { info, payload: self.pieces.into_iter().collect(), trailer: self.trailer }
    }
}
