//! Reference values of independent implementations; what they are is described in `tests/fixtures/README.md`.
//!
//! `LINEAL_DRIFT_FIXTURES=folder` runs the same comparisons on other files of the same format.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

mod categorical;
mod compare;
mod evidently_flights;
#[path = "../common/flights_data.rs"]
mod flights_data;
mod recipe;
mod two_sample;
