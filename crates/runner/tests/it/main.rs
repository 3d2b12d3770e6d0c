//! Runs end to end, on every kind of store, through crashes and hostile input.
#![allow(clippy::unwrap_used, clippy::panic, reason = "what is allowed in tests is allowed to their helpers")]

mod abuse; // hostile names, panics, bad steps
mod attempts; // trying again, stopping, being superseded
mod collection; // roots and links
mod crash; // stopped at every write, dropped at every await
mod evidence; // provenance, statements, comparison
mod format; // stored formats, for ever
mod lifecycle; // one run from start to end
mod load; // many points, many runs
mod support;
