//! End-to-end tests of the registry.
#![cfg(feature = "ed25519")]
#![allow(
    clippy::unwrap_used,
    clippy::clone_on_ref_ptr,
    clippy::future_not_send,
    reason = "what is allowed in tests is allowed to their helpers"
)]

mod bundle;
mod compat;
mod concurrent;
mod errors;
mod forged;
mod format;
mod lifecycle;
mod properties;
mod roots;
mod support;
mod tamper;
