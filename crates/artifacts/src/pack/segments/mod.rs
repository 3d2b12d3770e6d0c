//! The index of a large store: immutable sorted segments, found through filters, read block by block.
//!
//! A disposable cache below `index/` of the store: written from packs alone, trusted as far as the journal has the digest of a
//! segment, and left aside where it is damaged or gone. Byte-level specification: `docs/format/index.md`. Reading order: `row`,
//! `filter` and `directory` (the format), `encode` (rows to bytes), `segment` (one that is open), `lookup` (memory first, then
//! segments), `write` (rows to an object), `merge` (several to one), `maintain` (which, and when).

mod cache; // values used lately, up to a weight
mod directory; // what a segment has where, and its footer
mod encode; // sorted rows to the bytes of a segment
mod filter; // which keys a segment may have
mod lookup; // places of keys, wherever the index has them
mod maintain; // index_packs and rebuild_index
mod merge; // several segments to one, block by block
mod near; // trailers of packs that were hit twice
mod row; // the rows of both tables
mod segment; // a segment that is open, and its blocks
#[cfg(test)]
mod tests; // segments against the index in memory
mod write; // an object that is written as it grows

pub use self::maintain::Indexed;
pub(super) use self::maintain::Sizes;
#[cfg(fuzzing)]
pub(super) use self::{
    directory::{Directory, decode_tail},
    row::{BlobEntry, Entry},
    segment::decode_block,
};
pub(super) use self::{lookup::RecentRows, row::Row, segment::Segment};
