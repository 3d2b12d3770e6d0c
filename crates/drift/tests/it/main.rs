//! Integration tests: many columns, real data, laws, hostile input.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test fails by panicking")]

#[path = "../common/acs_data.rs"]
mod acs_data;
mod columns;
#[path = "../common/data_sets.rs"]
mod data_sets;
mod false_alarms;
mod flights;
#[path = "../common/flights_data.rs"]
mod flights_data;
mod generators;
mod hostile;
mod laws;
mod monitor;
mod multivariate;
mod page;
mod performance;
mod profile_drift;
mod profile_kll;
mod profile_table;
mod quality;
mod resampling;
mod schema;
mod segments;
mod settings;
mod stream_arrays;
mod stream_extremes;
mod stream_merge;
mod stream_replicas;
mod streams;
mod threads;
