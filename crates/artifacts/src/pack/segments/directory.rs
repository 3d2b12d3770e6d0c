use lineal_core::Digest;

use super::super::{
    PackInfo, PackName, SegmentId, SessionId,
    format::{FOOTER_LEN, Footer, PackFlaw, Reader},
};
use super::{
    filter::{self, Filter},
    row::{BlobEntry, Entry, Row},
};

/// What a segment has, and where: all of it that is kept in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Directory {
    pub(super) name: SegmentId,
    /// Rows of the table of records.
    pub(super) records: u64,
    /// Rows of the table of blobs.
    pub(super) blobs: u64,
    /// The packs that it covers, in the order of their names.
    pub(super) packs: Vec<(PackName, PackInfo)>,
    pub(super) record_blocks: Vec<BlockMark>,
    pub(super) blob_blocks: Vec<BlockMark>,
    pub(super) filter: Filter,
}

/// How a block begins, and what it hashes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockMark {
    pub(super) first: Digest,
    pub(super) digest: Digest,
}

impl Directory {
    pub(super) fn new(name: SegmentId, packs: Vec<(PackName, PackInfo)>, filter: Filter) -> Self {
        Self { name, records: 0, blobs: 0, packs, record_blocks: Vec::new(), blob_blocks: Vec::new(), filter }
    }

    pub(super) fn records_at(&self) -> u64 {
        MAGIC.len() as u64
    }

    pub(super) fn blobs_at(&self) -> u64 {
        self.records_at() + self.records * Entry::LEN as u64
    }

    pub(super) fn rows(&self) -> u64 {
        self.records + self.blobs
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let blocks = self.record_blocks.len() + self.blob_blocks.len();
        let filter_len = self.filter.blocks() * filter::BLOCK_LEN;
        let mut out = Vec::with_capacity(HEADER_LEN + self.packs.len() * PACK_LEN + blocks * MARK_LEN + filter_len);
        out.extend_from_slice(self.name.as_bytes());
        out.extend_from_slice(&self.records.to_le_bytes());
        out.extend_from_slice(&self.blobs.to_le_bytes());
        // The limits on rows and packs keep both far below 2^32.
        out.extend_from_slice(&(self.packs.len() as u32).to_le_bytes());
        out.extend_from_slice(&(self.filter.blocks() as u32).to_le_bytes());
        for (name, info) in &self.packs {
            out.extend_from_slice(name.session.as_bytes());
            out.extend_from_slice(&name.number.to_le_bytes());
            out.extend_from_slice(&[0; 4]);
            out.extend_from_slice(info.digest.as_bytes());
            out.extend_from_slice(&info.size_bytes.to_le_bytes());
            out.extend_from_slice(&info.tail_bytes.to_le_bytes());
        }
        for mark in self.record_blocks.iter().chain(&self.blob_blocks) {
            out.extend_from_slice(mark.first.as_bytes());
            out.extend_from_slice(mark.digest.as_bytes());
        }
        self.filter.encode(&mut out);
        out
    }

    /// Reads a directory that begins at `offset` of its object. Allocates in proportion to `bytes`, whatever counts say.
    pub(crate) fn decode(bytes: &[u8], offset: u64) -> Result<Self, PackFlaw> {
        let mut rest = Reader(bytes);
        let name = SegmentId::from_bytes(rest.array()?);
        let (records, blobs) = (rest.u64()?, rest.u64()?);
        let (packs, filter_blocks) = (rest.u32()? as usize, rest.u32()? as usize);
        if expected_offset(records, blobs) != Some(offset) {
            return Err(PackFlaw::Place);
        }
        let record_blocks = blocks::<Entry>(records)?;
        let blob_blocks = blocks::<BlobEntry>(blobs)?;
        let expected = expected_len(packs, record_blocks, blob_blocks, filter_blocks);
        if expected != Some(rest.0.len()) || filter_blocks == 0 {
            return Err(PackFlaw::Counts);
        }
        let packs = (0..packs).map(|_| decode_pack(&mut rest)).collect::<Result<Vec<_>, PackFlaw>>()?;
        let record_blocks = decode_marks(&mut rest, record_blocks)?;
        let blob_blocks = decode_marks(&mut rest, blob_blocks)?;
        let filter = Filter::decode(&mut rest, filter_blocks)?;
        if !packs.is_sorted_by(|(one, _), (next, _)| one < next) {
            return Err(PackFlaw::Order);
        }
        Ok(Self { name, records, blobs, packs, record_blocks, blob_blocks, filter })
    }
}

fn expected_offset(records: u64, blobs: u64) -> Option<u64> {
    let (records, blobs) = (records.checked_mul(Entry::LEN as u64)?, blobs.checked_mul(BlobEntry::LEN as u64)?);
    records.checked_add(blobs)?.checked_add(MAGIC.len() as u64)
}

fn blocks<R: Row>(rows: u64) -> Result<usize, PackFlaw> {
    usize::try_from(rows.div_ceil(R::A_BLOCK as u64)).map_err(|_| PackFlaw::Counts)
}

fn expected_len(packs: usize, record_blocks: usize, blob_blocks: usize, filter_blocks: usize) -> Option<usize> {
    let marks = record_blocks.checked_add(blob_blocks)?.checked_mul(MARK_LEN)?;
    let filter = filter_blocks.checked_mul(filter::BLOCK_LEN)?;
    packs.checked_mul(PACK_LEN)?.checked_add(marks)?.checked_add(filter)
}

fn decode_pack(rest: &mut Reader<'_>) -> Result<(PackName, PackInfo), PackFlaw> {
    let session = SessionId::from_bytes(rest.array()?);
    let number = rest.u32()?;
    rest.zeros::<4>()?;
    let digest = Digest::from_bytes(rest.array()?);
    let (size_bytes, tail_bytes) = (rest.u64()?, rest.u64()?);
    Ok((PackName { session, number }, PackInfo { digest, size_bytes, tail_bytes }))
}

fn decode_marks(rest: &mut Reader<'_>, count: usize) -> Result<Vec<BlockMark>, PackFlaw> {
    let mark = |rest: &mut Reader<'_>| {
        Ok(BlockMark { first: Digest::from_bytes(rest.array()?), digest: Digest::from_bytes(rest.array()?) })
    };
    let marks = (0..count).map(|_| mark(rest)).collect::<Result<Vec<_>, PackFlaw>>()?;
    if marks.is_sorted_by_key(|mark| mark.first) { Ok(marks) } else { Err(PackFlaw::Order) }
}

/// Encodes directory and footer; also returns the digest.
pub(super) fn encode_tail(directory: &Directory, offset: u64) -> (Vec<u8>, Digest) {
    let mut out = directory.encode();
    let digest = Digest::of(&out);
    let footer = Footer { digest, trailer_offset: offset, trailer_len: out.len() as u32 };
    out.extend_from_slice(&footer.encode_as(FOOTER_MAGIC));
    (out, digest)
}

/// Reads directory and footer, the last bytes of a segment of `size` bytes.
pub(crate) fn decode_tail(tail: &[u8], size: u64) -> Result<(Directory, Digest), PackFlaw> {
    let (front, footer) = tail.split_last_chunk::<FOOTER_LEN>().ok_or(PackFlaw::CutShort)?;
    let footer = Footer::decode_as(FOOTER_MAGIC, MAX_DIRECTORY, footer, size)?;
    let from = front.len().checked_sub(footer.trailer_len as usize).ok_or(PackFlaw::CutShort)?;
    let directory = front.get(from..).ok_or(PackFlaw::CutShort)?;
    if Digest::of(directory) != footer.digest {
        return Err(PackFlaw::Checksum);
    }
    Ok((Directory::decode(directory, footer.trailer_offset)?, footer.digest))
}

/// First bytes of every segment.
pub(super) const MAGIC: &[u8; 16] = b"lineal-index 1\r\n";
const FOOTER_MAGIC: &[u8; 8] = b"LINEALIX";
const HEADER_LEN: usize = 40;
const PACK_LEN: usize = 72;
const MARK_LEN: usize = 64;
/// Largest directory that is read.
pub(super) const MAX_DIRECTORY: u32 = 256 * 1024 * 1024;
