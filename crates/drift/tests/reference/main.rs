//! Reference values of independent implementations; what they are is described in `tests/fixtures/README.md`.
//!
//! `LINEAL_DRIFT_FIXTURES=folder` takes files of the same names and format from another folder, where it has them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test fails by panicking")]

mod categorical;
mod compare;
mod evidently_flights;
#[path = "../common/flights_data.rs"]
mod flights_data;
mod recipe;
mod two_sample;
