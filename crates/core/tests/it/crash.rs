//! A program stops at every storage operation in turn, and is started again.

use std::sync::{Arc, Mutex, PoisonError};

use lineal_core::{BlobStoreExt, Digest, Error, Host, Journal, JournalSettings, LooseBlobs, SeededIds, Store};
use lineal_testkit::{CrashPoints, Durability, Sim};
use object_store::ObjectStore;

use crate::support::{Ledger, line, txn};

/// What the world outside was told.
type Told = Mutex<Vec<Digest>>;

fn told(notes: &Told) -> Vec<Digest> {
    notes.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn store(sim: &Sim, objects: Arc<dyn ObjectStore>, process: u64) -> Store {
    let host = Host::system()
        .with_clock(Arc::new(sim.clock()))
        .with_ids(Arc::new(SeededIds::new(process)))
        .with_timer(Arc::new(sim.timer()));
    Store::new(objects, "disk").with_host(host)
}

async fn open(store: &Store) -> Result<Journal<Ledger>, Error> {
    let settings = JournalSettings::default().with_checkpoint_every(2).with_hint_every(2);
    Journal::builder(store, "ledgers/one").with_settings(settings).open().await
}

/// Puts five blobs and records each under a key of its own; purges the first record. Stops at the first error.
async fn program(store: &Store, notes: &Told) -> Result<(), Error> {
    let (blobs, journal) = (LooseBlobs::open(store, "blobs").await?, open(store).await?);
    for at in 0..5 {
        let receipt = blobs.put_one(format!("blob {at}").into()).await?;
        let digest = receipt.digests()[0];
        let record = txn().with_key(&format!("record {at}")).with_receipt(receipt);
        match journal.transact(&record, |_| line(digest.to_string())).await {
            Ok(_) => notes.lock().unwrap_or_else(PoisonError::into_inner).push(digest),
            Err(_) => return Ok(()),
        }
    }
    journal.purge(1).await
}

#[test]
fn a_program_stopped_anywhere_goes_on_where_it_was() {
    for durability in [Durability::AtOnce, Durability::DeletesUntilSync] {
        let scenario = |sim: Sim, objects, notes: Arc<Told>| async move {
            // What it ran into is not known to anybody after the crash.
            program(&store(&sim, objects, 1), &notes).await.ok();
        };
        let points = CrashPoints::new().with_durability(durability).run(scenario, |point, disk, notes| async move {
            let before = told(&notes);
            let sim_store = Store::new(Arc::new(disk.clone()), "disk");
            let again = sim_store.with_host(Host::system().with_ids(Arc::new(SeededIds::new(2))));
            let blobs = LooseBlobs::open(&again, "blobs").await.unwrap();
            let journal = open(&again).await.unwrap();
            journal.verify().await.unwrap_or_else(|error| panic!("{point:?}: {error}"));
            let lines = journal.peek(|ledger| ledger.lines.clone());
            // What was acknowledged is there, in order; at most one more is, whose answer was lost.
            let acknowledged: Vec<_> = before.iter().map(ToString::to_string).collect();
            assert!(lines.starts_with(&acknowledged) && lines.len() <= before.len() + 1, "{point:?}: {lines:?}");
            for named in &lines {
                let digest: Digest = named.parse().unwrap();
                blobs.read_all(&digest).await.unwrap_or_else(|error| panic!("{point:?}: {error}"));
            }
            // The same program again: each record once.
            let rest = Told::default();
            program(&again, &rest).await.unwrap_or_else(|error| panic!("{point:?}: {error}"));
            let journal = open(&again).await.unwrap();
            let all: Vec<_> = told(&rest).iter().map(ToString::to_string).collect();
            assert_eq!(journal.peek(|ledger| ledger.lines.clone()), all, "{point:?}");
            assert_eq!(journal.verify().await.unwrap().purged, [1]);
        });
        assert!(points > 60, "{points} crash points");
    }
}
