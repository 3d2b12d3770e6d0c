//! Integration tests of the journal and the blob store.

mod journal;
mod support;
