//! Names for artifacts, what keeps their versions, and what lets go of them.
//!
//! The journal is specified in `docs/format/catalog.md`.

mod calendar; // periods of UTC, for retention
mod handle; // Catalog: name, remove, look up
mod keep; // pins, holds and retention through the handle
mod retention; // which versions a policy keeps, and why
mod roots; // what collectors ask
mod state; // events and their fold

pub use self::{
    handle::Catalog,
    retention::{Keep, Retention, RetentionPlan, RetentionVerdict},
    roots::CatalogRoots,
    state::{CatalogEvent, CatalogState, CatalogVersion, Hold},
};
