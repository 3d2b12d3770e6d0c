//! Integration tests: many columns, real data, laws, hostile input.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test fails by panicking")]

mod columns;
mod flights;
#[path = "../common/flights_data.rs"]
mod flights_data;
mod generators;
mod hostile;
mod laws;
mod multivariate;
mod page;
mod resampling;
mod streams;
mod threads;
