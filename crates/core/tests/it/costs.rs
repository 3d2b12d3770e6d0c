//! What each operation costs in requests: the bill on a bucket, and the round trips that somebody waits for.

use std::{sync::Arc, time::Duration};

use lineal_core::{Actor, At, BlobStoreExt, Host, Journal, JournalSettings, LooseBlobs, SeededIds, Store, Txn};
use lineal_testkit::{Faults, Op, Sim, SimDisk, World};

use crate::support::{Ledger, line, txn};

/// Counts the requests of `work`, which gets a store without faults.
struct Meter {
    world: World,
    store: Store,
}

impl Meter {
    fn new() -> Self {
        let world = World::new(1);
        let objects = world.store(Arc::new(SimDisk::new()), Faults::default());
        let store = Store::new(objects, "metered").with_host(host(&world.sim()));
        Self { world, store }
    }

    fn count<T, F>(&self, work: impl FnOnce(Store) -> F) -> (T, [u64; 4])
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let tally = || {
            let counts = self.world.log().counts();
            [counts.op(Op::Put), counts.op(Op::Get), counts.op(Op::Head), counts.op(Op::List)]
        };
        let before = tally();
        let done = self.world.block_on(work(self.store.clone()));
        let after = tally();
        (done, std::array::from_fn(|at| after[at] - before[at]))
    }
}

fn host(sim: &Sim) -> Host {
    let clock = sim.skewed_clock(Duration::ZERO);
    Host::system().with_clock(Arc::new(clock)).with_ids(Arc::new(SeededIds::new(3))).with_timer(Arc::new(sim.timer()))
}

async fn open(store: &Store) -> Journal<Ledger> {
    let settings = JournalSettings::default().with_checkpoint_every(16).with_hint_every(16);
    Journal::builder(store, "ledgers/one").with_settings(settings).open().await.unwrap()
}

#[test]
fn each_operation_costs_what_the_design_note_says() {
    let meter = Meter::new();
    let mut bill = Vec::new();
    let (journal, cost) = meter.count(|store| async move { open(&store).await });
    bill.push(("open an empty journal", cost));
    let append = |journal: Journal<Ledger>| async move {
        journal.transact(&txn(), |_| line("x")).await.unwrap();
        journal
    };
    let (journal, cost) = meter.count(|_| append(journal));
    bill.push(("first append to a store, with the probe", cost));
    let (journal, cost) = meter.count(|_| append(journal));
    bill.push(("append", cost));
    let (journal, cost) = meter.count(|_| async move {
        journal.read(|ledger| ledger.lines.len()).await.unwrap();
        journal
    });
    bill.push(("read with nothing new", cost));
    let (journal, cost) = meter.count(|_| async move {
        let mut journal = journal;
        for _ in 2..1_000 {
            journal = append(journal).await;
        }
        journal
    });
    bill.push(("998 more appends, with hints and checkpoints", cost));
    let (_, cost) = meter.count(|store| async move { open(&store).await.peek(|ledger| ledger.lines.len()) });
    bill.push(("cold open of 1000 entries", cost));
    let (_, cost) = meter.count(|store| async move {
        object_store::ObjectStoreExt::delete(store.objects(), &"ledgers/one/hint".into()).await.unwrap();
        open(&store).await;
    });
    bill.push(("the same without the hint", cost));
    let (_, cost) = meter.count(|_| {
        let journal = journal.clone();
        async move {
            journal.as_of(At::Seq(500)).await.unwrap();
        }
    });
    bill.push(("as_of a number", cost));
    let (_, cost) = meter.count(|_| {
        let journal = journal.clone();
        async move {
            journal.transact(&txn().with_key("once"), |_| line("y")).await.unwrap();
        }
    });
    bill.push(("append with a key", cost));
    let (_, cost) = meter.count(|_| {
        let journal = journal.clone();
        async move {
            journal.transact(&txn().with_key("once"), |_| line("y")).await.unwrap();
        }
    });
    bill.push(("the same key again", cost));
    let (receipt, cost) = meter.count(|store| async move {
        LooseBlobs::open(&store, "blobs").await.unwrap().put_one("bytes".into()).await.unwrap()
    });
    bill.push(("open loose blobs and put one", cost));
    let first = Txn::by(Actor::new("ana").unwrap()).with_receipt(receipt);
    let (_, cost) = meter.count(|_| {
        let (journal, first) = (journal.clone(), first.clone());
        async move {
            journal.transact(&first, |_| line("z")).await.unwrap();
        }
    });
    bill.push(("first append with a receipt, with the enrolment", cost));
    let (_, cost) = meter.count(|_| {
        let journal = journal.clone();
        async move {
            journal.transact(&first, |_| line("z")).await.unwrap();
        }
    });
    bill.push(("append with a receipt", cost));
    let rows: Vec<String> = bill
        .iter()
        .map(|(what, [put, get, head, list])| format!("| {what} | {put} | {get} | {head} | {list} |"))
        .collect();
    insta::assert_snapshot!(rows.join("\n"), @r"
    | open an empty journal | 0 | 1 | 1 | 0 |
    | first append to a store, with the probe | 4 | 3 | 0 | 0 |
    | append | 1 | 0 | 0 | 0 |
    | read with nothing new | 0 | 1 | 0 | 0 |
    | 998 more appends, with hints and checkpoints | 1083 | 0 | 0 | 0 |
    | cold open of 1000 entries | 0 | 17 | 8 | 0 |
    | the same without the hint | 0 | 17 | 20 | 0 |
    | as_of a number | 0 | 44 | 2 | 0 |
    | append with a key | 1 | 0 | 0 | 0 |
    | the same key again | 0 | 1 | 0 | 0 |
    | open loose blobs and put one | 1 | 3 | 2 | 0 |
    | first append with a receipt, with the enrolment | 3 | 0 | 0 | 0 |
    | append with a receipt | 1 | 0 | 0 | 0 |
    ");
}
