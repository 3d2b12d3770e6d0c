//! Artifacts end to end, on memory and on a local directory.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod cache;
mod collect;
mod export;
mod index;
mod oci;
mod packs;
mod purge;
mod repair;
mod round_trip;
mod slow;
mod staged;
mod support;
mod toy;
mod transfer;
