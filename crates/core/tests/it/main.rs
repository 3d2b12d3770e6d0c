//! Integration tests of the journal and the blob store.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "what is allowed in tests is allowed to their helpers"
)]

mod blobs;
mod collection;
mod compat;
mod costs;
mod crash;
mod errors;
mod hostile;
mod journal;
mod liar;
mod raw;
mod support;
