//! Repositories end to end, on memory and on a local directory.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::clone_on_ref_ptr,
    reason = "a test fails by panicking, and is short"
)]

mod branches;
mod commits;
mod compat;
mod concurrency;
mod crashes;
mod errors;
mod hooks;
mod import;
mod links;
mod merge;
mod merge_rows;
mod model;
mod pieces;
mod purge;
mod references;
mod remote;
mod simulation;
mod support;
mod tables;
mod tamper;
mod version_store;
