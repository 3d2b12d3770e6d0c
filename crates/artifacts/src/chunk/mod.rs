//! Cutting the bytes of a blob into chunks, each stored once however many blobs hold it.
//!
//! Everything here is a pure function of the bytes, of settings and of nothing else: the same content is cut alike on
//! every machine, by any number of threads, and however it is fed in.

mod cut; // the rule `gear-1`: content decides where a chunk ends
mod gear; // the table of its rolling hash
mod profile; // which lengths for which files, and cuts that callers know

pub(crate) use self::cut::{CutRule, Search};
pub use self::profile::ChunkProfile;
pub(crate) use self::profile::{MAX_CHUNK, ends_at};
