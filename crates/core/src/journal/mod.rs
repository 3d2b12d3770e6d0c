//! The journal: an append-only, dense, hash-chained line of events on any object store.
//!
//! Byte-level specification: `docs/format/journal.md`. Reading order: `entry` (what is stored), `fold` (what a reader
//! makes of it), `publish` (how one entry becomes visible exactly once), `pipeline` (how many appenders share one),
//! `handle` (what users hold).

mod checkpoint; // a state at a number, so that opening need not start at zero
mod entry; // header, payload and their bytes
mod fold; // State, and the ledger the journal itself keeps
mod handle; // Journal: builder, transact, read
mod head; // finding the last entry without listing
mod history; // as_of, entries, follow
mod log; // keys and verified reads of single entries
mod pipeline; // group commit: deciding, sealing, settling
mod publish; // create, read back, move on or give up
mod txn; // a transaction as the caller describes it
mod untyped; // a reader of any kind
mod verify; // walking the whole chain

pub use self::{
    entry::{Adds, CheckpointRef, Entry, Header, KnownEvent, Payload, SystemEvent, TxnRecord},
    fold::{Head, Snapshot, Stamp, State},
    handle::{Journal, JournalBuilder, JournalSettings},
    history::At,
    publish::Resolution,
    txn::{Commit, InDoubt, TransactError, Txn},
    untyped::Untyped,
    verify::Verified,
};
