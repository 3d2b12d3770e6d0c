//! Decoders for those who feed them with hostile bytes; not part of the interface.

use lineal_core::Digest;

use crate::{
    commit::StoredCommit,
    local::{Listing, StatCache},
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
    Listing::read_any(bytes);
}

/// A commit, or an error.
pub fn commit(bytes: &[u8]) {
    drop(StoredCommit::decode(bytes));
}
