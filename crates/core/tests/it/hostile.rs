//! Whatever lies in the store: a typed error or the truth, in bounded time and memory.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use lineal_core::{
    Actor, BlobStore, BlobStoreExt, CheckpointRef, Digest, Error, ErrorKind, Header, Journal, JournalId,
    JournalSettings, LooseBlobs, Name, Retry, Stamp, State, Store, StoreId, SystemEvent, Timestamp, TransactError, Txn,
    TxnId, Untyped, from_canonical, to_canonical,
};
use object_store::{ObjectStore, ObjectStoreExt, memory::InMemory, path::Path};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    liar::{Liar, Lie},
    raw,
    support::{Ledger, clock, line, memory, open, open_with, txn},
};

/// Takes any event and keeps how many there were.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Anything {
    events: u64,
}

impl State for Anything {
    type Event = Value;
    const KIND: &'static str = "test.any";

    fn apply(&mut self, _: &Value, _: &Stamp) {
        self.events += 1;
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A store over these objects that asks once.
fn impatient(objects: Arc<dyn ObjectStore>) -> Store {
    Store::new(objects, "hostile").with_retry(Retry::default().with_attempts(1))
}

fn key(seq: u64) -> Path {
    Path::from(format!("ledgers/one/log/{seq:020}"))
}

async fn put(store: &Store, path: &Path, bytes: impl Into<Bytes>) {
    store.objects().put(path, bytes.into().into()).await.unwrap();
}

async fn get(store: &Store, path: &Path) -> Bytes {
    store.objects().get(path).await.unwrap().bytes().await.unwrap()
}

/// A sound journal of five lines, with a checkpoint that is named and a hint.
fn sound() -> Store {
    wait(async {
        let store = memory(&clock());
        let settings = JournalSettings::default().with_checkpoint_every(3).with_hint_every(2);
        let journal = open_with(&store, settings).await;
        for text in ["a", "b", "c", "d", "e"] {
            journal.transact(&txn(), |_| line(text)).await.unwrap();
        }
        impatient(Arc::clone(store.objects()))
    })
}

async fn try_open<S: State>(store: &Store) -> Result<Journal<S>, Error> {
    Journal::builder(store, "ledgers/one").open().await
}

/// Opens and walks; what comes back must be the whole truth.
async fn walk(store: &Store) -> Result<usize, Error> {
    let journal = try_open::<Ledger>(store).await?;
    journal.verify().await?;
    Ok(journal.peek(|ledger| ledger.lines.len()))
}

fn header(seq: u64, prev: Option<Digest>, kind: &str) -> Header {
    Header {
        checkpoint: None,
        format: 1,
        journal: JournalId::from_bytes([1; 16]),
        kind: Name::new(kind).unwrap(),
        nonce: TxnId::from_key("hostile"),
        payload: Digest::of(b""),
        prev,
        seq,
        time: Timestamp::EPOCH,
    }
}

/// One way to damage bytes.
#[derive(Debug, Clone)]
enum Damage {
    Flip(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Insert(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index, usize),
    Replace(Vec<u8>),
    SwapLines(prop::sample::Index, prop::sample::Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let bytes = || prop::collection::vec(any::<u8>(), 1..40);
    let index = any::<prop::sample::Index>;
    prop_oneof![
        (index(), 1..=255_u8).prop_map(|(at, mask)| Damage::Flip(at, mask)),
        index().prop_map(Damage::Cut),
        (index(), bytes()).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        (index(), 1..100_usize).prop_map(|(at, count)| Damage::Remove(at, count)),
        prop::collection::vec(any::<u8>(), 0..200).prop_map(Damage::Replace),
        (index(), index()).prop_map(|(one, other)| Damage::SwapLines(one, other)),
    ]
}

impl Damage {
    fn apply(&self, bytes: &[u8]) -> Bytes {
        let mut bytes = bytes.to_vec();
        match self {
            Self::Flip(at, mask) => {
                let at = at.index(bytes.len());
                bytes[at] ^= mask;
            }
            Self::Cut(at) => bytes.truncate(at.index(bytes.len())),
            Self::Insert(at, new) => {
                let at = at.index(bytes.len());
                bytes.splice(at..at, new.iter().copied());
            }
            Self::Remove(at, count) => {
                let at = at.index(bytes.len());
                bytes.drain(at..(at + count).min(bytes.len()));
            }
            Self::Replace(new) => bytes.clone_from(new),
            Self::SwapLines(one, other) => {
                let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
                let (one, other) = (one.index(lines.len()), other.index(lines.len()));
                lines.swap(one, other);
                bytes = lines.join(&b'\n');
            }
        }
        bytes.into()
    }
}

/// A JSON value of any shape, hostile numbers among them.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(json!(9_007_199_254_740_991_u64)),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        "[0-9a-f]{64}".prop_map(Value::from),
        Just(json!("2262-04-11T23:47:16.854775807Z")),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z_]{1,8}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_entry_is_refused(seq in 0..4_u64, damage in damage()) {
        let store = sound();
        wait(async {
            let stored = get(&store, &key(seq)).await;
            let damaged = damage.apply(&stored);
            put(&store, &key(seq), damaged.clone()).await;
            match walk(&store).await {
                Ok(lines) => {
                    assert_eq!(lines, 5);
                    assert_eq!(damaged, stored, "entry {seq} was changed and nobody noticed");
                }
                Err(error) => {
                    let kinds = [ErrorKind::Corrupt, ErrorKind::Unsupported, ErrorKind::Invalid];
                    assert!(kinds.contains(&error.kind()), "{error:?}");
                }
            }
        });
    }

    #[test]
    fn a_damaged_checkpoint_or_hint_changes_nothing(damage in damage(), hint in damage()) {
        let store = sound();
        wait(async {
            let newest = raw::cut(&get(&store, &key(4)).await).unwrap().header;
            let at = &newest["checkpoint"];
            let path = format!("ledgers/one/checkpoint/{:020}-{}", at["seq"].as_u64().unwrap(), at["digest"].as_str().unwrap());
            for (path, damage) in [(Path::from(path), damage), (Path::from("ledgers/one/hint"), hint)] {
                let damaged = damage.apply(&get(&store, &path).await);
                put(&store, &path, damaged).await;
            }
            assert_eq!(walk(&store).await.unwrap(), 5);
        });
    }

    #[test]
    fn a_header_of_any_shape_is_answered(field in 0..9_usize, value in anything()) {
        wait(async {
            let mut object = serde_json::to_value(header(0, None, "test.ledger")).unwrap();
            let name = object.as_object().unwrap().keys().nth(field).unwrap().clone();
            let payload = br#"{"txns":[]}"#;
            object["payload"] = json!(Digest::of(payload));
            object[&name] = value;
            // What cannot be written canonically is written as it is.
            let header = to_canonical(&object).unwrap_or_else(|_| object.to_string().into_bytes());
            let store = impatient(Arc::new(InMemory::new()));
            put(&store, &key(0), raw::join(&header, b"[]", payload)).await;
            match walk(&store).await {
                Ok(lines) => assert_eq!(lines, 0),
                Err(error) => assert_ne!(error.kind(), ErrorKind::Internal, "{error:?}"),
            }
        });
    }

    #[test]
    fn a_payload_of_any_shape_is_answered(part in 0..4_usize, value in anything()) {
        wait(async {
            let payload = match part {
                0 => value,
                1 => json!({ "txns": value }),
                2 => json!({ "system": [value] }),
                _ => json!({ "txns": [{ "actor": "a", "adds": value, "events": [], "id": TxnId::from_key("x") }] }),
            };
            let payload = to_canonical(&payload).unwrap_or_else(|_| payload.to_string().into_bytes());
            let store = impatient(Arc::new(InMemory::new()));
            put(&store, &key(0), raw::entry(&header(0, None, "test.ledger"), &payload)).await;
            if let Err(error) = walk(&store).await {
                assert!([ErrorKind::Corrupt, ErrorKind::Unsupported].contains(&error.kind()), "{error:?}");
            }
        });
    }

    #[test]
    fn a_format_object_of_any_bytes_is_answered(damage in damage()) {
        wait(async {
            let store = impatient(Arc::new(InMemory::new()));
            store.ensure_writable().await.unwrap();
            let sound = get(&store, &Path::from("FORMAT")).await;
            let damaged = damage.apply(&sound);
            put(&store, &Path::from("FORMAT"), damaged.clone()).await;
            let again = impatient(Arc::clone(store.objects()));
            match again.ensure_writable().await {
                Ok(_) => assert!(from_canonical::<Value>(&damaged).is_ok()),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}"),
            }
        });
    }

    #[test]
    fn system_events_of_unknown_kinds_are_kept_whole(kind in "[a-z-]{1,12}", value in anything()) {
        let event = json!({ "kind": kind, "value": value });
        match serde_json::from_value::<SystemEvent>(event.clone()) {
            Ok(SystemEvent::Unknown(kept)) => assert_eq!(kept, event),
            Ok(known) => panic!("{known:?} of {event}"),
            // A known kind does not take on a field.
            Err(_) => assert!(["noop", "barrier", "enrol"].contains(&kind.as_str())),
        }
    }
}

#[test]
fn a_known_system_event_in_another_shape_is_an_error() {
    let store = StoreId::from_bytes([3; 16]);
    for event in [
        json!({ "kind": "noop", "more": 1 }),
        json!({ "kind": "barrier", "epoch": -1, "store": store }),
        json!({ "kind": "barrier", "epoch": 1, "store": store, "upto": 2 }),
        json!({ "kind": "enrol" }),
        json!({ "no": "kind" }),
        json!("noop"),
    ] {
        assert!(serde_json::from_value::<SystemEvent>(event.clone()).is_err(), "{event}");
    }
}

#[tokio::test]
async fn an_event_too_deep_to_be_read_is_never_written() {
    let store = memory(&clock());
    let journal = Journal::<Anything>::builder(&store, "ledgers/one").open().await.unwrap();
    let nested = |depth: usize| (0..depth).fold(json!(0), |inner, _| json!([inner]));
    for depth in 118..132 {
        let event = nested(depth);
        match journal.transact(&txn(), |_| Ok::<_, ()>(vec![event.clone()])).await {
            Ok(_) => assert!(depth <= 123, "{depth}"),
            Err(TransactError::Journal(Error::Encode { .. })) => assert!(depth > 123, "{depth}"),
            Err(other) => panic!("{other:?}"),
        }
    }
    let again = try_open::<Anything>(&store).await.unwrap();
    assert_eq!(again.peek(|state| state.events), 6);
    again.verify().await.unwrap();
}

#[tokio::test]
async fn deep_and_absurd_payloads_are_refused() {
    let id = TxnId::from_key("x");
    let short = format!(r#"{{"actor":"a","events":[],"id":"{id}"}}"#);
    let many = |count: usize| format!(r#"{{"txns":[{}]}}"#, vec![short.as_str(); count].join(","));
    let absurd = [
        "[".repeat(1_000_000),
        format!("{}{}", "[".repeat(200), "]".repeat(200)),
        format!(r#"{{"txns":[{}{}]}}"#, "[".repeat(126), "]".repeat(126)),
        many(1_000_000),
    ];
    for payload in absurd {
        let store = impatient(Arc::new(InMemory::new()));
        put(&store, &key(0), raw::entry(&header(0, None, "test.ledger"), payload.as_bytes())).await;
        assert!(matches!(walk(&store).await, Err(Error::Broken { seq: 0, .. })));
    }
    // Many, but within the bound: read, each under the same id, without a word.
    let store = impatient(Arc::new(InMemory::new()));
    put(&store, &key(0), raw::entry(&header(0, None, "test.ledger"), many(50_000).as_bytes())).await;
    assert_eq!(walk(&store).await.unwrap(), 0);
}

#[tokio::test]
async fn headers_that_name_checkpoints_in_circles_are_followed_to_an_end() {
    let store = impatient(Arc::new(InMemory::new()));
    let mut prev = None;
    for seq in 0..60 {
        // Each names a missing one just before it, as far as the chain allows.
        let missing = CheckpointRef { digest: Digest::of(&[1]), seq: u64::saturating_sub(seq, 1), size_bytes: 7 };
        let header = Header { checkpoint: (seq > 0).then_some(missing), ..header(seq, prev, "test.ledger") };
        let bytes = raw::entry(&header, b"{}");
        prev = Some(raw::cut(&bytes).unwrap().digest);
        put(&store, &key(seq), bytes).await;
    }
    assert_eq!(walk(&store).await.unwrap(), 0);
    for at in [60, 61, 9_007_199_254_740_991] {
        let future = CheckpointRef { digest: Digest::of(&[1]), seq: at, size_bytes: u64::MAX >> 11 };
        let bytes = raw::entry(&Header { checkpoint: Some(future), ..header(60, prev, "test.ledger") }, b"{}");
        put(&store, &key(60), bytes).await;
        assert!(matches!(walk(&store).await, Err(Error::Broken { seq: 60, .. })));
    }
}

#[tokio::test]
async fn a_forged_checkpoint_is_not_believed_under_a_head_that_does_not_follow() {
    let store = sound_now().await;
    let forged_state = json!({
        "checkpoint": null, "format": 1, "kind": "test.ledger", "version": 1,
        "head": { "digest": Digest::of(b"x"), "journal": JournalId::from_bytes([1; 16]), "seq": 5, "time": Timestamp::EPOCH },
        "ledger": { "barriers": {}, "enrolled": [], "keyed": {} },
        "state": { "lines": ["forged"], "times": [] },
    });
    let bytes = to_canonical(&forged_state).unwrap();
    let at = CheckpointRef { digest: Digest::of(&bytes), seq: 5, size_bytes: bytes.len() as u64 };
    put(&store, &Path::from(format!("ledgers/one/checkpoint/{:020}-{}", 5, at.digest)), bytes).await;
    // An entry that names a checkpoint of itself would need no other entry to be folded, nor any signature.
    let forged = Header { checkpoint: Some(at), ..header(5, None, "test.ledger") };
    put(&store, &key(5), raw::entry(&forged, b"{}")).await;
    assert!(matches!(try_open::<Ledger>(&store).await, Err(Error::Broken { seq: 5, .. })));
}

async fn sound_now() -> Store {
    let store = memory(&clock());
    let journal = open(&store).await;
    for text in ["a", "b", "c", "d", "e"] {
        journal.transact(&txn(), |_| line(text)).await.unwrap();
    }
    impatient(Arc::clone(store.objects()))
}

#[tokio::test]
async fn objects_that_claim_to_be_huge_or_never_end_are_not_read() {
    for lie in [Lie::Claims(1 << 60), Lie::Endless] {
        let sound = sound_now().await;
        let liar = Arc::new(Liar::new(Arc::clone(sound.objects()), "/log/", lie));
        let error = walk(&impatient(Arc::clone(&liar) as Arc<dyn ObjectStore>)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error:?}");
        assert!(liar.handed_out() < 1 << 20, "{} bytes were taken", liar.handed_out());

        // A blob, the FORMAT object: the same.
        let liar = Arc::new(Liar::new(Arc::clone(sound.objects()), "FORMAT", lie));
        let error = impatient(Arc::clone(&liar) as Arc<dyn ObjectStore>).ensure_writable().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error:?}");
        assert!(liar.handed_out() < 1 << 20, "{} bytes were taken", liar.handed_out());
    }
}

#[test]
fn a_checkpoint_larger_than_its_header_says_is_passed_over() {
    let store = sound();
    wait(async {
        for lie in [Lie::Claims(1 << 60), Lie::Endless] {
            let liar = Arc::new(Liar::new(Arc::clone(store.objects()), "/checkpoint/", lie));
            assert_eq!(walk(&impatient(Arc::clone(&liar) as Arc<dyn ObjectStore>)).await.unwrap(), 5);
            assert!(liar.handed_out() < 1 << 20, "{} bytes were taken", liar.handed_out());
        }
    });
}

#[tokio::test]
async fn a_writer_that_meets_garbage_says_so_and_goes_no_further() {
    let waits = (Duration::from_millis(1), Duration::from_millis(1));
    let store = sound_now().await.with_retry(Retry::default().with_attempts(2).with_waits(waits.0, waits.1));
    let journal = open(&store).await;
    put(&store, &key(5), vec![b'x'; 20 << 20]).await;
    let mut doubts = Vec::new();
    for text in ["f", "g"] {
        match journal.transact(&txn(), |_| line(text)).await {
            Err(TransactError::Journal(Error::InDoubt(doubt))) => doubts.push(doubt),
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(journal.resolve(&doubts[0]).await, Err(Error::Broken { seq: 5, .. })));
    assert!(matches!(journal.read(|_| ()).await, Err(Error::Broken { seq: 5, .. })));
    // With the garbage gone the journal goes on, and both doubts are resolved.
    store.objects().delete(&key(5)).await.unwrap();
    for doubt in doubts {
        assert_eq!(doubt.seq, 5);
        assert_eq!(journal.resolve(&doubt).await.unwrap(), lineal_core::Resolution::Aborted);
    }
    assert_eq!(journal.transact(&txn(), |_| line("h")).await.unwrap().seq, Some(6));
}

#[tokio::test]
async fn a_purged_outcome_is_not_called_aborted() {
    let store = memory(&clock());
    let journal = open_with(&store, JournalSettings::default().with_checkpoint_every(2)).await;
    let mut first = None;
    for text in ["a", "b", "c", "d", "e", "f"] {
        let commit = journal.transact(&txn(), |_| line(text)).await.unwrap();
        first.get_or_insert(commit);
    }
    journal.purge(0).await.unwrap();
    let txn = first.unwrap().txn;
    let doubt = lineal_core::InDoubt { journal: "ledgers/one".into(), journal_id: None, txn, seq: 0 };
    assert!(matches!(journal.resolve(&doubt).await, Err(Error::Purged { seq: 0, .. })));
}

#[tokio::test]
async fn condemned_lists_are_checked_before_they_are_used() {
    let (one, other) = (Digest::of(b"one"), Digest::of(b"other"));
    let store = impatient(Arc::clone(memory(&clock()).objects()));
    let blobs = LooseBlobs::open(&store, "blobs").await.unwrap();
    let mark = blobs.collection().mark().await.unwrap();
    blobs.collection().condemn(&mark, vec![one, other]).await.unwrap();
    let listed: Vec<_> = futures::TryStreamExt::try_collect(store.objects().list(None)).await.unwrap();
    let listed: Vec<object_store::ObjectMeta> = listed;
    let path = listed.iter().find(|meta| meta.location.as_ref().contains("/condemned/")).unwrap().location.clone();
    let sound = get(&store, &path).await;
    let ask = || async {
        let fresh = LooseBlobs::open(&store, "blobs").await.unwrap();
        fresh.condemned(0, 1, &[one]).await
    };
    assert_eq!(ask().await.unwrap(), [one]);
    for damaged in [sound.slice(..32), Bytes::new(), Bytes::from(vec![7; 1000])] {
        put(&store, &path, damaged).await;
        assert!(matches!(ask().await, Err(Error::BlobCorrupt { .. })));
    }
    store.objects().delete(&path).await.unwrap();
    assert!(matches!(ask().await, Err(Error::BlobMissing { .. })));

    // A list that the journal names, but that is none: ragged, or in no order.
    for (epoch, bytes) in [(1, vec![7_u8; 33]), (1, [*one.as_bytes(), *one.as_bytes()].concat())] {
        let store = impatient(Arc::new(InMemory::new()));
        let list = Digest::of(&bytes);
        let event = json!({ "kind": "condemned", "count": 1, "list": list });
        let payload = to_canonical(&json!({ "txns": [
            { "actor": "x", "events": [event], "id": TxnId::from_key("x") },
        ] }));
        let entry = raw::entry(&header(0, None, "lineal.collection"), &payload.unwrap());
        put(&store, &Path::from(format!("blobs/collection/log/{:020}", 0)), entry).await;
        put(&store, &Path::from(format!("blobs/collection/condemned/{epoch:020}-{list}")), bytes).await;
        let blobs = LooseBlobs::open(&store, "blobs").await.unwrap();
        assert!(matches!(blobs.condemned(0, 1, &[one]).await, Err(Error::UnknownFormat { .. })));
    }
}

#[tokio::test]
async fn a_barrier_of_an_epoch_that_never_was_is_answered_at_once() {
    let store = memory(&clock());
    let blobs = LooseBlobs::open(&store, "blobs").await.unwrap();
    let journal = open(&store).await;
    let receipt = blobs.put_one("bytes".into()).await.unwrap();
    journal.record_barrier(blobs.id(), 9_007_199_254_740_991).await.unwrap();
    let txn = Txn::by(Actor::new("ana").unwrap()).with_receipt(receipt);
    let refused = journal.transact(&txn, |_| line("a")).await;
    assert!(matches!(refused, Err(TransactError::Journal(Error::Collection { .. }))), "{refused:?}");
    let untyped = try_open::<Untyped>(&store).await.unwrap();
    untyped.verify().await.unwrap();
}
