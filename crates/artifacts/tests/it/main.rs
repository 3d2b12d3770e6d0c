//! Artifacts end to end, on memory and on a local directory.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod collect;
mod export;
mod oci;
mod packs;
mod purge;
mod repair;
mod round_trip;
mod staged;
mod support;
mod toy;
mod transfer;
