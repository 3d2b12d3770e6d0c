use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
};

use async_trait::async_trait;

use crate::{
    Digest, Head, Name,
    store::{Error, Store},
};

/// Tells which blobs the journals of one kind keep alive; every crate that names blobs ships one.
///
/// # Contract
/// `live` returns a superset of what the state at `upto` names directly; what those blobs name in turn is for
/// [`Links`](super::Links). It reads the journal itself and must not skip what it does not understand: it fails then.
#[async_trait]
pub trait Roots: Debug + Send + Sync {
    /// Returns the kind of journal it understands.
    fn kind(&self) -> Name;

    /// Returns the digests alive in the journal at `prefix` as of `upto`, each with its media type.
    ///
    /// # Errors
    /// Those of reading a journal; the collection then condemns nothing.
    async fn live(&self, store: &Store, prefix: &str, upto: Head) -> Result<BTreeMap<Digest, String>, Error>;

    /// Returns digests that blobs of the journal name, but that need not be stored: their bytes were purged before these blobs came
    /// here from another store. None by default.
    ///
    /// # Errors
    /// As [`Roots::live`].
    async fn absent(&self, store: &Store, prefix: &str, upto: Head) -> Result<BTreeSet<Digest>, Error> {
        let _ = (store, prefix, upto);
        Ok(BTreeSet::new())
    }
}
