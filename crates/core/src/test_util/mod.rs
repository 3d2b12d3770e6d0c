//! Conformance suites: one contract for every blob store and every back end.
//!
//! A suite panics with what does not hold. Implementers of [`BlobStore`](crate::BlobStore) run [`blob_store_suite`] from
//! a test of their own; [`back_end_suite`] shows that an object store carries journals and blobs.

mod back_end; // what journals and loose blobs need of an object store
mod blob_store; // the contract of BlobStore

pub use self::{back_end::back_end_suite, blob_store::blob_store_suite};
