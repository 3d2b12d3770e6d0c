use std::time::Duration;

use futures::{StreamExt, future::join_all};
use lineal_core::{At, Error, Journal, JournalSettings, Store, TransactError, Untyped};
use object_store::{ObjectStoreExt, path::Path};

use crate::support::{Ledger, clock, line, memory, open, open_with, txn};

#[tokio::test]
async fn what_is_appended_is_read_by_every_handle() {
    let store = memory(&clock());
    let (one, two) = (open(&store).await, open(&store).await);
    for at in 0..5 {
        let (writer, reader) = if at % 2 == 0 { (&one, &two) } else { (&two, &one) };
        let commit = writer.transact(&txn(), |_| line(format!("line {at}"))).await.unwrap();
        assert_eq!(commit.seq, Some(at));
        assert_eq!(reader.read(|ledger| ledger.lines.len() as u64).await.unwrap(), at + 1);
    }
    assert_eq!(one.verify().await.unwrap().entries, 5);
    assert_eq!(one.head_digest().await.unwrap(), two.head_digest().await.unwrap());
}

#[tokio::test]
async fn a_refusal_is_given_on_the_newest_state_only() {
    let store = memory(&clock());
    let (stale, fresh) = (open(&store).await, open(&store).await);
    fresh.transact(&txn(), |_| line("open")).await.unwrap();
    // `stale` has not seen the line yet; its first decision would refuse.
    let decide = |ledger: &Ledger| {
        if ledger.lines.is_empty() { Err("closed".to_owned()) } else { line("in") }
    };
    assert_eq!(stale.transact(&txn(), decide).await.unwrap().seq, Some(1));
    let refused = stale.transact(&txn(), |_: &Ledger| Err::<Vec<_>, _>("no".to_owned())).await;
    assert!(matches!(refused, Err(TransactError::Refused(reason)) if reason == "no"));
}

#[tokio::test]
async fn a_key_makes_a_transaction_happen_once_across_handles() {
    let store = memory(&clock());
    let first = open(&store).await.transact(&txn().with_key("import/1"), |_| line("a")).await.unwrap();
    let again = open(&store).await.transact(&txn().with_key("import/1"), |_| line("b")).await.unwrap();
    assert!(!first.replayed && again.replayed);
    assert_eq!(first.seq, again.seq);
    assert_eq!(open(&store).await.peek(|ledger| ledger.lines.clone()), ["a"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_appenders_share_entries_and_lose_nothing() {
    let store = memory(&clock());
    let journal = open(&store).await;
    let appends = (0..64).map(|writer| {
        let journal = journal.clone();
        tokio::spawn(async move {
            for at in 0..20 {
                journal.transact(&txn(), |_| line(format!("{writer}/{at}"))).await.unwrap();
            }
        })
    });
    for done in join_all(appends).await {
        done.unwrap();
    }
    let ledger = open(&store).await.peek(Clone::clone);
    assert_eq!(ledger.lines.len(), 64 * 20);
    let mut unique = ledger.lines.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), 64 * 20);
    // Each writer's own lines are in its order.
    for writer in 0..64 {
        let own: Vec<_> = ledger.lines.iter().filter(|line| line.starts_with(&format!("{writer}/"))).collect();
        assert!(own.iter().enumerate().all(|(at, line)| line.ends_with(&format!("/{at}"))));
    }
    let entries = journal.verify().await.unwrap().entries;
    assert!(entries < 64 * 20, "no entry was shared");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rival_processes_lose_nothing() {
    let store = memory(&clock());
    let appends = (0..8).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            let journal = open(&store).await;
            for at in 0..10 {
                // Decides on the state: the line names how many there were.
                journal
                    .transact(&txn(), |ledger| line(format!("{} by {writer}/{at}", ledger.lines.len())))
                    .await
                    .unwrap();
            }
        })
    });
    for done in join_all(appends).await {
        done.unwrap();
    }
    let lines = open(&store).await.peek(|ledger| ledger.lines.clone());
    assert_eq!(lines.len(), 80);
    for (at, line) in lines.iter().enumerate() {
        assert!(line.starts_with(&format!("{at} by ")), "decided on a stale state: {line} at {at}");
    }
}

#[tokio::test]
async fn checkpoints_shorten_a_cold_open_and_agree_with_the_log() {
    let store = memory(&clock());
    let settings = JournalSettings::default().with_checkpoint_every(8).with_hint_every(4);
    let journal = open_with(&store, settings).await;
    for at in 0..100 {
        journal.transact(&txn(), |_| line(format!("{at}"))).await.unwrap();
    }
    let verified = journal.verify().await.unwrap();
    assert_eq!(verified.entries, 100);
    assert!(verified.checkpoints >= 2, "{verified:?}");
    // With the first entry out of reach only a checkpoint can give the state.
    let key = Path::from("ledgers/one/log/00000000000000000000");
    store.objects().delete(&key).await.unwrap();
    assert_eq!(open(&store).await.peek(|ledger| ledger.lines.len()), 100);
    assert!(matches!(journal.verify().await, Err(Error::Broken { seq: 0, .. })));
}

#[tokio::test]
async fn as_of_folds_a_prefix_by_number_and_by_time() {
    let clock = clock();
    let store = memory(&clock);
    let journal = open_with(&store, JournalSettings::default().with_checkpoint_every(4)).await;
    let mut times = Vec::new();
    for at in 0..30 {
        clock.advance(Duration::from_secs(60));
        times.push(journal.transact(&txn(), |_| line(format!("{at}"))).await.unwrap().time.unwrap());
    }
    for (at, time) in times.iter().enumerate() {
        let by_seq = journal.as_of(At::Seq(at as u64)).await.unwrap();
        assert_eq!(by_seq.state.lines.len(), at + 1);
        let by_time = journal.as_of(At::Time(time.saturating_add(Duration::from_secs(59)))).await.unwrap();
        assert_eq!(by_time.state, by_seq.state);
        assert_eq!(by_time.head, by_seq.head);
    }
    let before = lineal_core::Timestamp::EPOCH;
    assert!(matches!(journal.as_of(At::Time(before)).await, Err(Error::NoSuchEntry { .. })));
    assert!(matches!(journal.as_of(At::Seq(30)).await, Err(Error::NoSuchEntry { .. })));
}

#[tokio::test]
async fn time_never_decreases_even_if_the_clock_does() {
    let clock = clock();
    let store = memory(&clock);
    let journal = open(&store).await;
    journal.transact(&txn(), |_| line("late")).await.unwrap();
    clock.set(lineal_core::Timestamp::EPOCH);
    journal.transact(&txn(), |_| line("early")).await.unwrap();
    let times = journal.peek(|ledger| ledger.times.clone());
    assert_eq!(times[0], times[1]);
    journal.verify().await.unwrap();
}

#[tokio::test]
async fn follow_sees_entries_as_they_come() {
    let store = memory(&clock());
    let journal = open_with(&store, JournalSettings::default().with_poll(Duration::from_millis(1))).await;
    let mut entries = journal.follow(0).take(3);
    let reader = tokio::spawn(async move {
        let mut seen = Vec::new();
        while let Some(entry) = entries.next().await {
            seen.push(entry.unwrap().header.seq);
        }
        seen
    });
    for at in 0..3 {
        journal.transact(&txn(), |_| line(format!("{at}"))).await.unwrap();
    }
    assert_eq!(reader.await.unwrap(), [0, 1, 2]);
}

#[tokio::test]
async fn every_flipped_byte_of_the_log_is_found() {
    let store = memory(&clock());
    let journal = open(&store).await;
    for at in 0..3 {
        journal.transact(&txn(), |_| line(format!("{at}"))).await.unwrap();
    }
    let key = Path::from("ledgers/one/log/00000000000000000001");
    let sound = store.objects().get(&key).await.unwrap().bytes().await.unwrap();
    let patient = store.clone().with_retry(lineal_core::Retry::default().with_attempts(1));
    let reader = open(&patient).await;
    for at in 0..sound.len() {
        let mut bytes = sound.to_vec();
        bytes[at] ^= 1;
        store.objects().put(&key, bytes.into()).await.unwrap();
        assert!(reader.verify().await.is_err(), "byte {at} was changed and nobody noticed");
    }
    store.objects().put(&key, sound.into()).await.unwrap();
    reader.verify().await.unwrap();
}

#[tokio::test]
async fn another_kind_is_refused_and_the_untyped_reader_takes_any() {
    let store = memory(&clock());
    open(&store).await.transact(&txn(), |_| line("a")).await.unwrap();
    let untyped = Journal::<Untyped>::builder(&store, "ledgers/one").open().await.unwrap();
    assert_eq!(untyped.verify().await.unwrap().entries, 1);

    #[derive(Clone, Default, serde::Serialize, serde::Deserialize)]
    struct Other;
    impl lineal_core::State for Other {
        type Event = u32;
        const KIND: &'static str = "test.other";
        fn apply(&mut self, _: &u32, _: &lineal_core::Stamp) {}
    }
    let refused = Journal::<Other>::builder(&store, "ledgers/one").open().await;
    assert!(matches!(refused, Err(Error::WrongKind { .. })));
}

#[tokio::test]
async fn a_purged_payload_leaves_the_chain_intact() {
    let store = memory(&clock());
    let journal = open_with(&store, JournalSettings::default().with_checkpoint_every(4)).await;
    for at in 0..12 {
        journal.transact(&txn(), |_| line(format!("secret {at}"))).await.unwrap();
    }
    journal.purge(1).await.unwrap();
    assert_eq!(journal.verify().await.unwrap().purged, [1]);
    assert_eq!(open(&store).await.peek(|ledger| ledger.lines.len()), 12);
    assert!(matches!(journal.as_of(At::Seq(2)).await, Err(Error::Purged { seq: 1, .. })));
    // Nothing covers the newest entry, so it stays.
    assert!(matches!(journal.purge(11).await, Err(Error::NoSuchEntry { .. })));
}

#[tokio::test]
async fn the_hint_is_never_trusted() {
    let store = memory(&clock());
    let journal = open(&store).await;
    for at in 0..10 {
        journal.transact(&txn(), |_| line(format!("{at}"))).await.unwrap();
    }
    for hint in ["{\"seq\":3}", "{\"seq\":900000}", "{\"seq\":-1}", "nonsense", ""] {
        store.objects().put(&Path::from("ledgers/one/hint"), hint.into()).await.unwrap();
        assert_eq!(open(&store).await.peek(|ledger| ledger.lines.len()), 10, "hint {hint}");
    }
}

#[tokio::test]
async fn a_local_store_keeps_a_journal_across_openings() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("file://{}", dir.path().display());
    for round in 0..3 {
        let store = Store::open(&url).unwrap();
        let journal = open(&store).await;
        assert_eq!(journal.peek(|ledger| ledger.lines.len()), round);
        journal.transact(&txn(), |_| line("x")).await.unwrap();
    }
}
