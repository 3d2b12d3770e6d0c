//! Versioned datasets on any object store: commits, branches, tags, history and tables, without a server.
//!
//! A [`Repository`] is one journal of events about commits. A [`Commit`] is immutable and names a tree of files by digest, so
//! a version is a digest: whoever holds it can check every byte he reads, and nothing behind it can change. Tables are
//! Parquet files whose schema and row count the repository knows.
//!
//! - [`Repository::commit`] collects changes and publishes them at once. Two commits to one branch that touch different
//!   paths both land; the second to touch the same path gets [`Error::Conflict`], never a silent merge.
//! - [`Repository::at`] opens a [`Version`] for reading by branch, tag, digest, or `main~2`; [`Repository::as_of`] shows the
//!   repository as it was at a time.
//! - [`Repository::log`], [`Repository::diff`] and [`Repository::verify`] say what happened, what changed, and whether all
//!   of it still holds.
//! - Tables grow by what changes: [`CommitBuilder::append_table`], [`CommitBuilder::update_rows`] and
//!   [`CommitBuilder::delete_rows`] by key, [`CommitBuilder::evolve_table`] for columns. [`Version::diff_rows`],
//!   [`Version::statistics`] and [`Version::scan`] read only what they must.
//! - [`Split`] divides rows into train, validation and test by the hash of a key, so that a row never moves.
//! - [`local`] has what a directory on this machine is compared with a version by, and a version is written out by.
//! - [`CommitBuilder::put_reference`] versions a file that stays where it is. [`Repository::purge`] makes files unreadable in all
//!   versions.
//! - A [`CommitHook`] such as [`SchemaContract`], [`StatisticsContract`] or [`SizeLimit`] can refuse a commit.
//!
//! Stored formats are specified in `docs/format/data.md`, `docs/format/tree.md` and `docs/format/table.md`. Tables are built
//! in memory.
//!
//! ```
//! use std::sync::Arc;
//! use arrow::{array::{Int64Array, RecordBatch}, datatypes::{DataType, Field, Schema}};
//! use lineal_core::{Actor, LooseBlobs, Store};
//! use lineal_data::{Repository, arrow};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = Store::open("memory:///")?;
//! let blobs = Arc::new(LooseBlobs::open(&store, "blobs").await?);
//! let repository = Repository::open(&store, "flights", blobs).await?;
//!
//! let schema = Arc::new(Schema::new(vec![Field::new("delay", DataType::Int64, true)]));
//! let rows = RecordBatch::try_new(schema, vec![Arc::new(Int64Array::from(vec![Some(7), None, Some(-2)]))])?;
//! let ana = Actor::new("ana@example.org")?;
//! let january = repository
//!     .commit("main")
//!     .put("readme.md", "# Flights")
//!     .put_table("2013.parquet", &[rows.clone()])
//!     .message("January")
//!     .commit(&ana)
//!     .await?;
//! repository.commit("main").append_table("2013.parquet", &[rows]).message("February").commit(&ana).await?;
//!
//! let version = repository.at("main").await?;
//! assert_eq!(version.file("2013.parquet").await?.rows(), Some(6));
//! assert_eq!(version.read("readme.md").await?, "# Flights");
//! assert_eq!(repository.resolve("main~1").await?, january.id());
//! # Ok(()) }
//! ```

mod ancestry; // the commit that two commits share
mod bounded; // reading what may be larger than it is said to be
mod change; // what differs between two versions
mod commit; // the stored form of a commit, and its id
mod content; // what the edits of a commit make of a path
mod contract; // a hook that guards the schema of tables
mod draft; // collecting the changes of a commit
mod error; // what can go wrong
mod event; // what happens to a repository, and the fold
mod evolution; // how columns may change
mod file_entry; // one file of a version
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing; // what `fuzz/` feeds with hostile bytes
mod groups; // small blobs together
mod guard; // protected branches and locked paths
mod history; // walking commits backwards
mod hook; // the seam that can refuse a commit
mod import; // a directory as the next version
mod key_hash; // hashing the key of a row, whatever its type
mod land; // a commit onto its branch
mod limits; // hooks that guard sizes and statistics
mod link_target; // where a symbolic link may lead
mod links; // what keeps what alive, for collectors
mod listed; // the files of a version, as far as this machine remembers them
pub mod local; // directories: scan, status, checkout
mod merge; // changes of other commits: merge, revert, cherry-pick
mod names; // names of branches and tags
mod parquet_file; // reading any Parquet file
mod path_order; // the order of paths in a tree, and which cannot lie beside each other
mod publish; // from a draft to a commit, exactly once
mod purge; // files made unreadable in all versions
mod read_ahead; // what such a reader asks for next
mod reference; // files that are read where they are
mod remote; // push and pull between stores
mod repository; // what users hold
mod revision; // "main~2"
mod schema; // the columns of a table, in a frozen form
mod schema_diff; // which columns differ
mod sending; // blobs on their way to another store
mod shipment; // commits on their way to another repository
mod split; // train, validation, test
mod stage; // from contents to blobs
mod step; // a branch set to a commit that is there already
mod table; // tables: row groups, pages, edits
mod tree; // the files of a commit: a prolly tree of nodes
mod verify; // chain, closure, and every byte
mod version; // reading one version
mod version_store; // a version as an object store
mod view; // the repository at one moment

pub use self::{
    change::Change,
    commit::{Commit, CommitId, Origins},
    contract::SchemaContract,
    draft::CommitBuilder,
    error::{Error, FormatFlaw},
    event::{DataEvent, RepositoryState},
    evolution::{Evolution, EvolutionRules},
    file_entry::{FileEntry, FileKind, Stored, TableFacts},
    hook::{CommitHook, Proposal, Refusal},
    limits::{SizeLimit, StatisticsContract},
    links::{COMMIT_MEDIA_TYPE, CommitLinks, DataRoots, SCHEMA_MEDIA_TYPE, TREE_MEDIA_TYPE, TreeLinks},
    merge::{Decide, MergeBuilder, MergeConflict, Resolution, Resolve, RowMerge},
    names::{BranchName, TagName},
    purge::PurgedPaths,
    reference::Reference,
    remote::Transferred,
    repository::Repository,
    schema::{Column, SchemaMismatch, TableSchema},
    schema_diff::SchemaChange,
    split::{Part, Split},
    table::{ColumnStatistics, Predicate, RowDiff, Scan, StatisticsChange, TableStatistics, Value},
    verify::{Damage, Level, Verification},
    version::Version,
    version_store::VersionStore,
    view::View,
};
/// The Arrow crate whose types appear in this crate's interface.
pub use arrow;
