use lineal_core::Digest;

use super::super::{PackInfo, PackName, SegmentId, SegmentInfo};
use super::{
    directory::{self, BlockMark, Directory},
    filter::Filter,
    row::{BlobEntry, Entry, Row, Table},
};

/// Makes the bytes of a segment out of sorted rows: first all records, then all blobs.
#[derive(Debug)]
pub(super) struct Encoder {
    directory: Directory,
    /// The block that is being filled.
    open: Vec<u8>,
    first: Digest,
    /// Bytes of full blocks that nobody took yet.
    out: Vec<u8>,
    size_bytes: u64,
}

impl Encoder {
    /// Begins a segment that covers `packs`, in the order of their names, with at most `rows` rows.
    pub(super) fn new(name: SegmentId, packs: Vec<(PackName, PackInfo)>, rows: u64) -> Self {
        let directory = Directory::new(name, packs, Filter::with_room_for(rows));
        let out = directory::MAGIC.to_vec();
        Self { directory, open: Vec::new(), first: Digest::from_bytes([0; 32]), size_bytes: out.len() as u64, out }
    }

    pub(super) fn push_records(&mut self, rows: &[Entry]) {
        self.directory.records += rows.len() as u64;
        self.push_all(rows);
    }

    pub(super) fn push_blobs(&mut self, rows: &[BlobEntry]) {
        if self.directory.blobs == 0 {
            self.close_block(Table::Records);
        }
        self.directory.blobs += rows.len() as u64;
        self.push_all(rows);
    }

    fn push_all<R: Row>(&mut self, rows: &[R]) {
        for row in rows {
            self.directory.filter.insert(R::hash(row.key()));
            if self.open.is_empty() {
                self.first = *row.key();
            }
            row.encode(&mut self.open);
            if self.open.len() >= R::A_BLOCK * R::LEN {
                self.close_block(R::TABLE);
            }
        }
    }

    fn close_block(&mut self, table: Table) {
        if self.open.is_empty() {
            return;
        }
        let mark = BlockMark { first: self.first, digest: Digest::of(&self.open) };
        match table {
            Table::Records => self.directory.record_blocks.push(mark),
            Table::Blobs => self.directory.blob_blocks.push(mark),
        }
        self.size_bytes += self.open.len() as u64;
        self.out.append(&mut self.open);
    }

    /// Takes the bytes that are done.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Returns the last bytes, and what the journal is to say about the segment.
    pub(super) fn finish(mut self) -> (Vec<u8>, SegmentInfo) {
        let table = if self.directory.blobs == 0 { Table::Records } else { Table::Blobs };
        self.close_block(table);
        let (tail, digest) = directory::encode_tail(&self.directory, self.size_bytes);
        let tail_bytes = tail.len() as u64;
        let info = SegmentInfo { digest, size_bytes: self.size_bytes + tail_bytes, tail_bytes };
        self.out.extend_from_slice(&tail);
        (self.out, info)
    }
}
