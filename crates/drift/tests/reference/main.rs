//! Reference values of independent implementations; what they are is described in `tests/fixtures/README.md`.
//!
//! `LINEAL_DRIFT_REFERENCE=folder` takes files of the same names and format from another folder, where it has them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test fails by panicking")]

#[path = "../common/acs_data.rs"]
mod acs_data;
mod binning;
mod categorical;
mod cbpe;
mod compare;
#[path = "../common/data_sets.rs"]
mod data_sets;
mod evidently;
mod evidently_defaults;
mod evidently_flights;
#[path = "../common/flights_data.rs"]
mod flights_data;
mod mmd;
mod multiple_testing;
mod multivariate;
mod nannyml;
mod nannyml_multiclass;
mod nannyml_pca;
mod nannyml_univariate;
mod performance_sklearn;
mod proportions;
mod recipe;
mod streaming_frouros;
mod streaming_rddm;
mod streaming_river;
mod summary;
mod two_sample;
