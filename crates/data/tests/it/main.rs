//! Repositories end to end, on memory and on a local directory.

mod branches;
mod commits;
mod compat;
mod concurrency;
mod errors;
mod hooks;
mod links;
mod model;
mod support;
mod tables;
mod tamper;
