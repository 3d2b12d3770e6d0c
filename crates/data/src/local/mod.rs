//! Directories on this machine: what lies in one, what changed there, and writing a version out.
//!
//! A [`Directory`] is scanned in parallel; a cache of what `stat` said (`docs/format/stat-cache.md`) makes an unchanged
//! file cost one such call. Checkouts are atomic by file, can be killed and started again, and lose no local change
//! unless told to.
//!
//! One checkout at a time may run on a directory. A [`Directory`] and its clones see to that; who opens several, or runs
//! several processes, must do it himself.

mod blocking; // work on files, off the async threads
mod checkout; // writing files and taking them away
mod directory; // what users hold
mod entry; // what is wanted, what was found
mod hash; // bytes to digests, each file once
mod ignore_rules; // .linealignore
mod kind; // what the system says a file is
mod listing; // the files of a tree, in a file
mod part; // a file under a temporary name
mod plan; // what a checkout must do, and what stands in its way
mod pool; // whole files that checkouts have in common
mod scan; // walking a directory
mod select; // a part of a version
mod stat_cache; // what was known of files, in a file
mod status; // what differs
#[cfg(test)]
#[cfg(unix)]
mod tests; // whole directories against a model

pub(crate) use self::{
    blocking::blocking,
    directory::Looked,
    hash::{is_same, read_one},
    listing::Listing,
};
pub use self::{
    checkout::CheckedOut,
    directory::{CheckoutSettings, Directory},
    entry::{Found, Hashed, Stamp, UnfitFile, Wanted},
    pool::FilePool,
    scan::{Scan, scan},
    select::Selection,
    stat_cache::StatCache,
    status::{Difference, Status, status},
};
use crate::FileKind;
