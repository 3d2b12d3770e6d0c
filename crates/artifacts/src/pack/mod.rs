//! The engine: chunks in packs, found through an index, recorded in a journal.
//!
//! Byte-level specification: `docs/format/pack.md`. Reading order: `format` (what a pack is), `list` (what a large blob is),
//! `state` (what the journal says), `index` (where a chunk lies), `blobs` (the handle), `batch` and `ingest` (the way in),
//! `read` (the way out).

mod batch; // puts that become durable together
mod blobs; // PackBlobs: open, refresh, the BlobStore itself
mod builder; // a pack that is being filled
mod format; // records, trailer, footer
mod fsck; // checking the store, as far as asked
#[cfg(fuzzing)]
pub(crate) mod fuzzing; // what the fuzzers reach
mod index; // where every chunk lies, in memory
mod ingest; // a stream cut, hashed and deduplicated, slab by slab
mod list; // the chunks of a large blob, in order
mod purged; // what is refused for ever, and looking for it in all that is stored
mod read; // planning, fetching and verifying
mod settings; // sizes, profile, patience
mod staged; // what interrupted writes left on a local disk
mod state; // the journal of the packs

pub(crate) use self::{
    batch::{PackBatch, records},
    format::Kind,
    index::{Pack, Place},
    state::Refusal,
};
pub use self::{
    blobs::PackBlobs,
    fsck::{Fsck, FsckLevel, Problem},
    settings::PackSettings,
    state::{KnownPack, OpenSession, PackEvent, PackInfo, PackName, PackState, SessionId, StoreEvent},
};
