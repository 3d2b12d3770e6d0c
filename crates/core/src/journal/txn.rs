use serde::{Deserialize, Serialize};

use crate::{Actor, JournalId, Timestamp, TxnId, blob::Receipt, store::Error};

/// A transaction as its caller describes it: who acts, under which key, resting on which blobs.
///
/// ```
/// use lineal_core::{Actor, Txn};
/// let txn = Txn::by(Actor::new("ana@example.org")?).with_key("import/2013-02");
/// # Ok::<(), lineal_core::InvalidName>(())
/// ```
#[derive(Debug, Clone)]
pub struct Txn {
    pub(super) actor: Actor,
    pub(super) key: Option<TxnId>,
    pub(super) receipts: Vec<Receipt>,
}

impl Txn {
    /// Starts a transaction of `actor`.
    #[must_use]
    pub fn by(actor: Actor) -> Self {
        Self { actor, key: None, receipts: Vec::new() }
    }

    /// Makes the transaction idempotent under `key`, for ever and across processes: the second one with the same key
    /// changes nothing and is answered with the first one's place.
    ///
    /// Costs about 50 bytes of memory and 80 of every checkpoint for each key ever used; leave it out for high-rate
    /// events.
    #[must_use]
    pub fn with_key(mut self, key: &str) -> Self {
        self.key = Some(TxnId::from_key(key));
        self
    }

    /// States that the events name blobs of this receipt: they become `adds` of the entry, and a receipt that a
    /// collection has overtaken is refused.
    #[must_use]
    pub fn with_receipt(mut self, receipt: Receipt) -> Self {
        if !receipt.holds().is_empty() {
            self.receipts.push(receipt);
        }
        self
    }
}

/// Where a transaction landed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Commit {
    /// The transaction.
    pub txn: TxnId,
    /// Number of the entry that holds it; for a transaction without events, of the head it was decided on.
    pub seq: Option<u64>,
    /// Time of that entry.
    pub time: Option<Timestamp>,
    /// True if an earlier transaction with the same key had landed already, and this one changed nothing.
    pub replayed: bool,
}

/// A transaction whose outcome could not be learnt, with what is needed to learn it later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InDoubt {
    /// Prefix of the journal.
    pub journal: String,
    /// Identity of the journal, once it has an entry.
    pub journal_id: Option<JournalId>,
    /// The transaction.
    pub txn: TxnId,
    /// The number at which it either stands or never will.
    pub seq: u64,
}

/// Why a transaction did not happen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransactError<R> {
    /// The caller's own `decide` refused, on the newest state.
    #[error("refused")]
    Refused(R),
    /// The journal could not do it.
    #[error(transparent)]
    Journal(#[from] Error),
}
