//! The files of a version: a prolly tree of canonical binary nodes, specified in `docs/format/tree.md`.
//!
//! Equal sets of files give equal trees, whatever the order of edits. A change writes the nodes around it, a comparison
//! reads the nodes that differ.

mod boundary; // where a node ends
mod children; // one directory
mod diff; // what differs between two trees
mod edit; // a tree after changes
mod entry; // the stored form of a file
mod node; // the stored form of a node
mod nodes; // reading nodes, and keeping some
mod read; // finding and listing files
mod split; // from items to nodes
mod unshared; // the nodes that only one of two trees has
mod wire; // fields in bytes

#[cfg(test)]
mod hostile; // trees that no writer makes
#[cfg(test)]
mod tests;

pub(crate) use self::{
    children::Children,
    edit::Changes,
    node::{Link, MAX_BYTES, Node},
    read::{NODES_AT_ONCE, Tree},
    unshared::{Unshared, unshared},
};
