//! Artifacts end to end, on memory and on a local directory.

mod export;
mod round_trip;
mod support;
