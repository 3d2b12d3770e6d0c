//! Integration tests of the journal and the blob store.

mod blobs;
mod collection;
mod journal;
mod support;
