//! The blob store: immutable bytes under the SHA-256 of the bytes, and what collecting them needs.
//!
//! Reading order: `store` (the seam), `loose` (one object per blob), `receipt`, then `collection` (who references
//! blobs, and what was condemned) with `roots` and `links`.

mod batch; // what an embedder puts, and how
mod collection; // the blob store's own journal: enrolments, epochs, condemned sets
mod condemned; // the lists that the events of a collection name
mod links; // which blobs a blob names
mod loose; // one object per blob
mod receipt; // proof that blobs were durable, and when
mod roots; // which blobs a journal keeps alive
mod store; // the BlobStore trait

pub use self::{
    batch::{Batch, PutHints},
    collection::{Collection, CollectionEvent, CollectionJournal, Enrolment, Mark},
    condemned::CondemnedLists,
    links::{Links, NoLinks},
    loose::LooseBlobs,
    receipt::Receipt,
    roots::Roots,
    store::{BlobInfo, BlobStore, BlobStoreExt, ByteStream},
};
