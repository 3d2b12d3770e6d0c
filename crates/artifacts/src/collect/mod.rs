//! Collecting what nobody names any longer, without locks and without trusting a clock.
//!
//! The argument is in `docs/design/0002-pack-store.md`. Reading order: `collector` (one round), `mark` (what is alive), `fate`
//! (what becomes of each pack), `rewrite` (what is saved out of sparse packs), `repair` (what is restored of damaged ones).

mod certificate; // what a purge proves, signed, and checking that
mod collector; // mark, condemn, barriers, rescue, sweep
mod fate; // the verdict on each pack, and why
mod mark; // from roots over links to the records that are alive
mod purge; // blobs are removed for ever, wherever they are named
mod repair; // damaged packs are emptied, filled up from a second store, and set aside
mod rewrite; // sparse packs are emptied into new ones

pub use self::{
    certificate::{PurgeCertificate, PurgeError, PurgeProof},
    collector::{CollectSettings, Collected, Collector},
    fate::{Fate, PackFate, Plan},
    purge::PurgeOrder,
    repair::{Lost, Repaired},
};
