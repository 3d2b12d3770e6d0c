use lineal_core::Digest;

use super::super::format::{BlobRow, Kind, MAX_RAW, MAX_STORED, PackFlaw, Reader, Record};
use super::{
    directory::{BlockMark, Directory},
    filter,
};

/// A record of a pack, as a segment has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) record: Record,
    /// Which of the segment's packs.
    pub(crate) pack: u32,
    /// Its row in the trailer of the pack.
    pub(crate) at: u32,
}

/// A large blob of a pack, as a segment has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlobEntry {
    pub(crate) row: BlobRow,
    /// Which of the segment's packs.
    pub(crate) pack: u32,
    /// Its row in the trailer of the pack.
    pub(crate) at: u32,
}

/// A row of one of the two tables of a segment.
pub(crate) trait Row: Copy + Eq + Send + Sync + 'static {
    /// Bytes of a row; the first 32 are its key.
    const LEN: usize;
    /// Rows of every block but the last.
    const A_BLOCK: usize;
    /// Which table.
    const TABLE: Table;

    fn key(&self) -> &Digest;
    fn pack(&self) -> u32;
    fn with_pack(self, pack: u32) -> Self;
    /// What rows are sorted by; no two of a segment are alike.
    fn order(&self) -> (Digest, u8, u32, u32);
    fn encode(&self, out: &mut Vec<u8>);
    fn decode(bytes: &[u8]) -> Result<Self, PackFlaw>;
    fn hash(key: &Digest) -> u64;
    /// Its table in a directory: blocks, rows, and where the table begins in the object.
    fn table(directory: &Directory) -> (&[BlockMark], u64, u64);
}

/// A table of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Table {
    Records,
    Blobs,
}

impl Row for Entry {
    const LEN: usize = 56;
    const A_BLOCK: usize = 512;
    const TABLE: Table = Table::Records;

    fn key(&self) -> &Digest {
        &self.record.key
    }

    fn pack(&self) -> u32 {
        self.pack
    }

    fn with_pack(self, pack: u32) -> Self {
        Self { pack, ..self }
    }

    fn order(&self) -> (Digest, u8, u32, u32) {
        (self.record.key, self.record.kind.id(), self.pack, self.at)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let Record { key, offset, stored_len, raw_len, kind, codec } = self.record;
        out.extend_from_slice(key.as_bytes());
        for field in [self.pack, self.at, offset, stored_len, raw_len] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        out.extend_from_slice(&[kind.id(), codec, 0, 0]);
    }

    fn decode(bytes: &[u8]) -> Result<Self, PackFlaw> {
        let mut rest = Reader(bytes);
        let key = Digest::from_bytes(rest.array()?);
        let (pack, at) = (rest.u32()?, rest.u32()?);
        let (offset, stored_len, raw_len) = (rest.u32()?, rest.u32()?, rest.u32()?);
        let [kind, codec] = rest.array()?;
        rest.zeros::<2>()?;
        let kind = Kind::from_id(kind).ok_or(PackFlaw::Kind(kind))?;
        if raw_len > MAX_RAW || stored_len > MAX_STORED {
            return Err(PackFlaw::Size);
        }
        Ok(Self { record: Record { key, offset, stored_len, raw_len, kind, codec }, pack, at })
    }

    fn hash(key: &Digest) -> u64 {
        filter::record_hash(key)
    }

    fn table(directory: &Directory) -> (&[BlockMark], u64, u64) {
        (&directory.record_blocks, directory.records, directory.records_at())
    }
}

impl Row for BlobEntry {
    const LEN: usize = 88;
    const A_BLOCK: usize = 256;
    const TABLE: Table = Table::Blobs;

    fn key(&self) -> &Digest {
        &self.row.blob
    }

    fn pack(&self) -> u32 {
        self.pack
    }

    fn with_pack(self, pack: u32) -> Self {
        Self { pack, ..self }
    }

    fn order(&self) -> (Digest, u8, u32, u32) {
        (self.row.blob, 0, self.pack, self.at)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let BlobRow { blob, list, size_bytes, levels } = self.row;
        out.extend_from_slice(blob.as_bytes());
        out.extend_from_slice(list.as_bytes());
        out.extend_from_slice(&self.pack.to_le_bytes());
        out.extend_from_slice(&self.at.to_le_bytes());
        out.extend_from_slice(&size_bytes.to_le_bytes());
        out.extend_from_slice(&[levels, 0, 0, 0, 0, 0, 0, 0]);
    }

    fn decode(bytes: &[u8]) -> Result<Self, PackFlaw> {
        let mut rest = Reader(bytes);
        let (blob, list) = (Digest::from_bytes(rest.array()?), Digest::from_bytes(rest.array()?));
        let (pack, at) = (rest.u32()?, rest.u32()?);
        let size_bytes = rest.u64()?;
        let [levels] = rest.array()?;
        rest.zeros::<7>()?;
        if levels > 1 {
            return Err(PackFlaw::Levels(levels));
        }
        Ok(Self { row: BlobRow { blob, list, size_bytes, levels }, pack, at })
    }

    fn hash(key: &Digest) -> u64 {
        filter::blob_hash(key)
    }

    fn table(directory: &Directory) -> (&[BlockMark], u64, u64) {
        (&directory.blob_blocks, directory.blobs, directory.blobs_at())
    }
}
