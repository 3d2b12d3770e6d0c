//! End-to-end tests of the registry.
#![cfg(feature = "ed25519")]

mod bundle;
mod compat;
mod concurrent;
mod errors;
mod forged;
mod format;
mod lifecycle;
mod properties;
mod support;
mod tamper;
