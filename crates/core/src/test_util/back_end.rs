use futures::{TryStreamExt, future::join_all};
use serde::{Deserialize, Serialize};

use super::blob_store_suite;
use crate::{Actor, At, BlobStoreExt, Journal, JournalSettings, LooseBlobs, Stamp, State, Store, Txn, verify_backend};

/// Shows that the back end under `store` carries journals and loose blobs: create-if-absent under races, dense numbers,
/// read-back, checkpoints, time travel, receipts. Writes below `prefix`, which must be unused.
///
/// # Panics
/// If something does not hold, with what it is.
pub async fn back_end_suite(store: &Store, prefix: &str) {
    let store = store.clone().at(prefix).expect("a valid prefix");
    let id = store.ensure_writable().await.expect("the probe passes");
    assert_eq!(store.probe_again().await.expect("and again"), id, "a probe leaves the identity alone");
    let report = verify_backend(&store, 5).await.expect("no race has two winners");
    assert!(report.is_safe(), "{report:?}");
    rivals_lose_nothing(&store).await;
    a_cold_open_agrees_with_the_log(&store).await;
    receipts_carry_blobs_into_a_journal(&store).await;
    let blobs = LooseBlobs::open(&store, "suite-blobs").await.expect("loose blobs open");
    blob_store_suite(std::sync::Arc::new(blobs)).await;
}

async fn rivals_lose_nothing(store: &Store) {
    let rivals = (0..4).map(|writer| async move {
        let journal = open(store, "rivals").await;
        for at in 0..5 {
            let decide = |tape: &Tape| Ok::<_, ()>(vec![Mark(format!("{} {writer}/{at}", tape.marks.len()))]);
            journal.transact(&txn(), decide).await.expect("an append works");
        }
    });
    join_all(rivals).await;
    let journal = open(store, "rivals").await;
    let marks = journal.peek(|tape| tape.marks.clone());
    assert_eq!(marks.len(), 20, "nothing is lost and nothing doubled");
    for (at, mark) in marks.iter().enumerate() {
        assert!(mark.starts_with(&format!("{at} ")), "{mark} was decided on another state than {at} marks");
    }
    assert_eq!(
        journal.verify().await.expect("the chain verifies").entries,
        journal.head().map_or(0, |head| head.seq + 1)
    );
}

async fn a_cold_open_agrees_with_the_log(store: &Store) {
    let journal = open(store, "cold").await;
    let mut middle = None;
    for at in 0..12 {
        let commit =
            journal.transact(&txn(), |_| Ok::<_, ()>(vec![Mark(at.to_string())])).await.expect("an append works");
        if at == 5 {
            middle = commit.time.zip(commit.seq);
        }
    }
    let verified = journal.verify().await.expect("the chain verifies");
    assert!(verified.checkpoints > 0, "{verified:?}");
    let cold = open(store, "cold").await;
    assert_eq!(cold.peek(|tape| tape.marks.clone()), journal.peek(|tape| tape.marks.clone()));
    let (_, seq) = middle.expect("the sixth append has a place");
    let past = cold.as_of(At::Seq(seq)).await.expect("the past can be read");
    assert_eq!(past.state.marks.len(), 6);
    let entries: Vec<_> = cold.entries(0, 11).try_collect().await.expect("entries stream");
    assert_eq!(entries.len(), 12);
}

async fn receipts_carry_blobs_into_a_journal(store: &Store) {
    let blobs = LooseBlobs::open(store, "receipt-blobs").await.expect("loose blobs open");
    let receipt = blobs.put_one("named by a journal".into()).await.expect("a put works");
    let journal = open(store, "naming").await;
    let txn = txn().with_receipt(receipt.clone());
    journal.transact(&txn, |_| Ok::<_, ()>(vec![Mark("named".to_owned())])).await.expect("a receipt is taken");
    let enrolled: Vec<_> = blobs.collection().state().await.expect("the collection reads").enrolled().collect();
    assert_eq!(enrolled.len(), 1, "the journal made itself known before its first reference");
    assert_eq!(enrolled.first().map(|journal| journal.prefix.as_str()), Some("naming"));
}

async fn open(store: &Store, prefix: &str) -> Journal<Tape> {
    let settings = JournalSettings::default().with_checkpoint_every(4).with_hint_every(3);
    Journal::builder(store, prefix).with_settings(settings).open().await.expect("the journal opens")
}

fn txn() -> Txn {
    Txn::by(Actor::new("conformance").expect("a valid name"))
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Tape {
    marks: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Mark(String);

impl State for Tape {
    type Event = Mark;
    const KIND: &'static str = "conformance.tape";

    fn apply(&mut self, event: &Mark, _: &Stamp) {
        self.marks.push(event.0.clone());
    }
}
