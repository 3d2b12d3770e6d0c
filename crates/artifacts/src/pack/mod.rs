//! The engine: chunks in packs, found through an index, recorded in a journal.
//!
//! Byte-level specification: `docs/format/pack.md`. Reading order: `format` (what a pack is), `list` (what a large blob is),
//! `state` (what the journal says), `index` and `segments` (where a chunk lies), `blobs` (the handle), `batch` and `ingest`
//! (the way in), `read` (the way out), `cache` (what lies nearer than the store).

mod batch; // puts that become durable together
mod blobs; // PackBlobs: open, refresh, the BlobStore itself
mod builder; // a pack that is being filled
mod cache; // blocks of packs on a local disk, bounded
mod format; // records, trailer, footer
mod fsck; // checking the store, as far as asked
#[cfg(fuzzing)]
pub(crate) mod fuzzing; // what the fuzzers reach
mod index; // where every chunk lies: what is in memory
mod ingest; // a stream cut, hashed and deduplicated, slab by slab
mod list; // the chunks of a large blob, in order
mod purged; // what is refused for ever, and looking for it in all that is stored
mod read; // planning, fetching and verifying
mod segments; // where every chunk lies: sorted, in objects of the store
mod settings; // sizes, profile, patience
mod staged; // what interrupted writes left on a local disk
mod state; // the journal of the packs
mod upload; // a pack sent in parts while it is filled

pub(crate) use self::{
    batch::{PackBatch, records},
    format::{Kind, Record},
    index::{LoadedPack, Pack, Place},
    read::put_in_order,
    state::Refusal,
};
pub use self::{
    blobs::PackBlobs,
    cache::ReadCache,
    fsck::{Fsck, FsckLevel, IndexProblem, Problem},
    segments::Indexed,
    settings::PackSettings,
    state::{
        KnownPack, OpenSession, PackEvent, PackInfo, PackName, PackState, SegmentId, SegmentInfo, SessionId, StoreEvent,
    },
};
