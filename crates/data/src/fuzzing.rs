//! Decoders for those who feed them with hostile bytes; not part of the interface.

use std::sync::Once;

use bytes::Bytes;
use lineal_core::Digest;

use crate::{
    TableSchema,
    commit::StoredCommit,
    local::{Listing, StatCache},
    parquet_file, table,
    table::PageTable,
    tree::Node,
};

/// A node is what it was made of, or an error; so is its place in a tree.
pub fn node(bytes: &[u8]) {
    if let Ok(node) = Node::decode(bytes) {
        assert_eq!(node.encode_again().as_deref().ok(), Some(bytes), "a node has one form");
        drop(node.check_place(Digest::of(bytes), None, None));
        drop(node.check_end(true));
    }
}

/// A page table, or an error.
pub fn page_table(bytes: &[u8]) {
    drop(PageTable::of_bytes(bytes));
}

/// A stat cache, or an empty one.
pub fn stat_cache(bytes: &[u8]) {
    StatCache::fuzz(bytes);
}

/// A listing in its one form, or none.
pub fn listing(bytes: &[u8]) {
    Listing::fuzz(bytes);
}

/// The columns of a table in their one form, or an error.
pub fn schema(bytes: &[u8]) {
    if let Ok(schema) = TableSchema::decode(bytes) {
        drop((schema.encode(), schema.check_equal(&schema), schema.diff(&schema)));
    }
}

/// A Parquet file that is read, and to which rows are appended: rows, or an error.
pub fn parquet(bytes: &[u8]) {
    // The Parquet reader gives up on some files by a panic, which is caught; all others are findings.
    static QUIET: Once = Once::new();
    QUIET.call_once(|| std::panic::set_hook(Box::new(|_| {})));
    let bytes = Bytes::copy_from_slice(bytes);
    drop(parquet_file::read_caught(bytes.clone(), None));
    table::append_nothing(bytes);
}

/// A commit, or an error.
pub fn commit(bytes: &[u8]) {
    drop(StoredCommit::decode(bytes));
}
