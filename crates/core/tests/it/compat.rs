//! The stored formats of version 1: written once, the same bytes for ever, readable for ever.

use std::{
    collections::BTreeMap,
    path::{Path as FilePath, PathBuf},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures::TryStreamExt;
use lineal_core::{
    Actor, At, BlobStore, BlobStoreExt, Digest, Error, Host, InDoubt, Journal, JournalSettings, KnownEvent, LooseBlobs,
    ManualClock, Resolution, SeededIds, Stamp, State, Store, SystemEvent, Timestamp, Txn, TxnId, Untyped,
};
use object_store::{
    ObjectStore, ObjectStoreExt,
    local::LocalFileSystem,
    memory::InMemory,
    path::Path,
    throttle::{ThrottleConfig, ThrottledStore},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::raw;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Notes {
    notes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
enum Note {
    Added { text: String },
    Cleared,
}

impl State for Notes {
    type Event = Note;
    const KIND: &'static str = "compat.notes";

    fn apply(&mut self, event: &Note, stamp: &Stamp) {
        match event {
            Note::Added { text } => self.notes.push(format!("{} {}: {text}", stamp.seq, stamp.actor)),
            Note::Cleared => self.notes.clear(),
        }
    }
}

fn v1() -> PathBuf {
    FilePath::new(env!("CARGO_MANIFEST_DIR")).join("tests/compat/v1")
}

/// What is committed, by key.
fn stored() -> BTreeMap<String, Bytes> {
    fn walk(dir: &FilePath, root: &FilePath, found: &mut BTreeMap<String, Bytes>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, root, found);
            } else {
                let key = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
                found.insert(key, std::fs::read(&path).unwrap().into());
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(&v1(), &v1(), &mut found);
    assert!(!found.is_empty());
    found
}

fn host(seed: u64) -> (Arc<ManualClock>, Host) {
    let clock = Arc::new(ManualClock::new(Timestamp::from_unix_secs(1_376_524_800).unwrap()));
    let ids = Arc::new(SeededIds::new(seed));
    (Arc::clone(&clock), Host::system().with_clock(clock).with_ids(ids))
}

fn by(actor: &str) -> Txn {
    Txn::by(Actor::new(actor).unwrap())
}

fn added(text: &str) -> Result<Vec<Note>, String> {
    Ok(vec![Note::Added { text: text.to_owned() }])
}

async fn open(store: &Store, prefix: &str) -> Journal<Notes> {
    let settings = JournalSettings::default().with_checkpoint_every(4).with_hint_every(4);
    Journal::builder(store, prefix).with_settings(settings).open().await.unwrap()
}

/// Makes the store of version 1 again, from a seed and a clock that moves when told.
async fn generate() -> Arc<InMemory> {
    let objects = Arc::new(InMemory::new());
    let (clock, host) = host(1);
    // Slow writes, so that transactions of one moment share an entry.
    let wait_put_per_call = Duration::from_millis(20);
    let slow =
        ThrottledStore::new(Arc::clone(&objects), ThrottleConfig { wait_put_per_call, ..ThrottleConfig::default() });
    let store = Store::new(Arc::new(slow), "memory:///").with_host(host);
    let blobs = LooseBlobs::open(&store, "blobs").await.unwrap();
    let notes = open(&store, "notes/one").await;
    let tick = || clock.advance(Duration::from_secs(60));

    // 0: one transaction. 1: three that came while 0 was under way, one with a key.
    let [ana, ben, key] = [by("ana@example.org"), by("ben"), by("ana@example.org").with_key("import/2013-02")];
    let (first, second, third, fourth) = tokio::join!(
        notes.transact(&ana, |_| added("one")),
        notes.transact(&ben, |_| added("zwei, \"três\" \u{1F600}\n")),
        notes.transact(&key, |_| added("keyed")),
        notes.transact(&ana, |_| Ok::<_, String>(vec![Note::Cleared, Note::Added { text: "two at once".into() }])),
    );
    let seqs = [first, second, third, fourth].map(|commit| commit.unwrap().seq);
    assert_eq!(seqs, [Some(0), Some(1), Some(1), Some(1)]);

    // 2: what is purged in the end.
    notes.transact(&ben, |_| added("a secret")).await.unwrap();

    // 3: enrolment in the blob store, and a checkpoint. 4: a transaction that names blobs, and the checkpoint.
    tick();
    let receipt = blobs.put_one("the bytes of a blob".into()).await.unwrap();
    notes.transact(&by("ana@example.org").with_receipt(receipt), |_| added("with a blob")).await.unwrap();

    // 5: the barrier of a collection that condemned another blob, which is then put again.
    let doomed = blobs.put_one("condemned once".into()).await.unwrap().digests()[0];
    let mark = blobs.collection().mark().await.unwrap();
    let epoch = blobs.collection().condemn(&mark, vec![doomed]).await.unwrap();
    assert_eq!(notes.record_barrier(blobs.id(), epoch).await.unwrap(), 5);
    blobs.delete_condemned(&doomed).await.unwrap();
    blobs.collection().swept(epoch, 1, 0).await.unwrap();
    blobs.put_one("condemned once".into()).await.unwrap();

    // 6: somebody gave up on a transaction.
    tick();
    let txn = TxnId::from_key("given up");
    let doubt = InDoubt { journal: "notes/one".into(), journal_id: None, txn, seq: 6 };
    assert_eq!(notes.resolve(&doubt).await.unwrap(), Resolution::Aborted);

    // 7: an entry of a later release, with a system event that this one does not know.
    write_unknown(&store, &notes, 7).await;

    // 8, 9: two more, with the hint. Then 2 is purged.
    for text in ["eight", "nine"] {
        tick();
        notes.transact(&by("ana@example.org"), |_| added(text)).await.unwrap();
    }
    notes.purge(2).await.unwrap();
    sign(&store, &clock).await;
    objects
}

/// Appends an entry with a system event of an unknown kind.
async fn write_unknown(store: &Store, notes: &Journal<Notes>, seq: u64) {
    let head = notes.head_digest().await.unwrap().unwrap();
    let last: Vec<_> = notes.entries(head.seq, head.seq).try_collect().await.unwrap();
    let payload = lineal_core::to_canonical(&json!({ "system": [unknown()] })).unwrap();
    let header = lineal_core::Header {
        nonce: TxnId::from_key("a later release"),
        prev: Some(head.digest),
        seq,
        ..last[0].header.clone()
    };
    let key = Path::from(format!("notes/one/log/{seq:020}"));
    store.objects().put(&key, raw::entry(&header, &payload).into()).await.unwrap();
}

fn unknown() -> Value {
    json!({ "kind": "lane-closed", "lane": "host-7", "upto": 41 })
}

#[cfg(feature = "ed25519")]
fn key() -> lineal_core::Ed25519Key {
    lineal_core::Ed25519Key::from_seed(&[7; 32])
}

/// Writes a journal whose entries are signed.
#[cfg(feature = "ed25519")]
async fn sign(store: &Store, clock: &ManualClock) {
    let settings = JournalSettings::default().with_checkpoint_every(2).with_hint_every(0);
    let builder = Journal::<Notes>::builder(store, "notes/signed").with_settings(settings);
    let journal = builder.with_signer(Arc::new(key())).open().await.unwrap();
    for text in ["a", "b", "c", "d"] {
        clock.advance(Duration::from_nanos(1));
        journal.transact(&by("ana@example.org"), |_| added(text)).await.unwrap();
    }
}

#[cfg(not(feature = "ed25519"))]
async fn sign(_: &Store, _: &ManualClock) {}

async fn contents(objects: &InMemory) -> BTreeMap<String, Bytes> {
    let listed: Vec<_> = objects.list(None).try_collect().await.unwrap();
    let mut found = BTreeMap::new();
    for object in listed {
        let bytes = objects.get(&object.location).await.unwrap().bytes().await.unwrap();
        found.insert(object.location.to_string(), bytes);
    }
    found
}

/// Set to make the directory of a new format; an existing one is never written again.
const WRITE: &str = "LINEAL_WRITE_COMPAT";

#[tokio::test]
async fn the_same_store_is_written_to_the_byte() {
    let objects = generate().await;
    let made = contents(&objects).await;
    if std::env::var_os(WRITE).is_some() {
        for (key, bytes) in &made {
            let path = v1().join(key);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
    }
    let mut pinned = stored();
    if cfg!(not(feature = "ed25519")) {
        // Without keys nothing can be signed again.
        pinned.retain(|key, _| !key.starts_with("notes/signed/"));
    }
    assert_eq!(made.keys().collect::<Vec<_>>(), pinned.keys().collect::<Vec<_>>());
    for (key, bytes) in &pinned {
        assert_eq!(made[key], bytes, "{key} is written differently now: that is a change of a stored format");
    }
}

/// The committed store, on disk, as it is.
fn on_disk() -> Store {
    Store::new(Arc::new(LocalFileSystem::new_with_prefix(v1()).unwrap()), "v1").with_host(host(2).1)
}

/// A copy of the committed store that may be written.
async fn copy() -> Store {
    let objects = InMemory::new();
    for (key, bytes) in stored() {
        objects.put(&Path::from(key), bytes.into()).await.unwrap();
    }
    Store::new(Arc::new(objects), "memory:///").with_host(host(2).1)
}

#[tokio::test]
async fn the_stored_journal_folds() {
    let store = on_disk();
    let notes = open(&store, "notes/one").await;
    let expected = [
        "1 ana@example.org: two at once",
        "2 ben: a secret",
        "4 ana@example.org: with a blob",
        "8 ana@example.org: eight",
        "9 ana@example.org: nine",
    ];
    assert_eq!(notes.peek(|notes| notes.notes.clone()), expected);
    let verified = notes.verify().await.unwrap();
    assert_eq!((verified.entries, verified.purged.as_slice(), verified.signed), (10, &[2][..], 0));
    let untyped = Journal::<Untyped>::builder(&store, "notes/one").open().await.unwrap();
    assert_eq!(untyped.verify().await.unwrap().head, verified.head);

    let entries: Vec<_> = notes.entries(0, 9).try_collect().await.unwrap();
    let system = |seq: usize| entries[seq].payload.as_ref().unwrap().system.clone();
    let store_id = LooseBlobs::open(&store, "blobs").await.unwrap().id();
    assert_eq!(system(3), [SystemEvent::Known(KnownEvent::Enrol { epoch: 0, store: store_id })]);
    assert_eq!(system(5), [SystemEvent::Known(KnownEvent::Barrier { epoch: 1, store: store_id })]);
    assert_eq!(system(6), [SystemEvent::Known(KnownEvent::Noop)]);
    assert_eq!(system(7), [SystemEvent::Unknown(unknown())]);
    let adds = &entries[4].payload.as_ref().unwrap().txns[0].adds;
    assert_eq!(adds[0].blobs, [Digest::of(b"the bytes of a blob")]);
    assert!(entries[2].payload.is_none() && entries[9].header.checkpoint.is_some());
    let shared = &entries[1].payload.as_ref().unwrap().txns;
    assert_eq!(shared.iter().map(|txn| txn.keyed).collect::<Vec<_>>(), [false, true, false]);
    assert_eq!(shared[1].id, TxnId::from_key("import/2013-02"));
    assert_eq!(store.id().await.unwrap().unwrap().to_string().len(), 32);
    assert!(matches!(notes.as_of(At::Seq(3)).await, Err(Error::Purged { seq: 2, .. })));
}

#[tokio::test]
async fn the_stored_blobs_are_read_and_the_collection_remembered() {
    let blobs = LooseBlobs::open(&on_disk(), "blobs").await.unwrap();
    assert_eq!(blobs.read_all(&Digest::of(b"the bytes of a blob")).await.unwrap(), "the bytes of a blob");
    let again = Digest::of(b"condemned once");
    assert_eq!(blobs.read_all(&again).await.unwrap(), "condemned once");
    assert!(blobs.list().await.unwrap().contains(&(again, 1)), "it was put again under its second name");
    assert_eq!(blobs.condemned(0, 1, &[again]).await.unwrap(), [again]);
    let state = blobs.collection().state().await.unwrap();
    assert_eq!((state.epoch(), state.open_epoch(), state.enrolled().count()), (1, None, 1));
}

#[tokio::test]
async fn the_stored_journal_goes_on() {
    let store = copy().await;
    let notes = open(&store, "notes/one").await;
    let replayed = notes.transact(&by("ana@example.org").with_key("import/2013-02"), |_| added("again")).await.unwrap();
    assert!(replayed.replayed && replayed.seq == Some(1));
    let next = notes.transact(&by("ana@example.org"), |_| added("ten")).await.unwrap();
    assert_eq!(next.seq, Some(10));
    notes.verify().await.unwrap();
}

#[tokio::test]
async fn the_signed_journal_is_read_and_its_checkpoints_equal_the_log() {
    let journal = open(&on_disk(), "notes/signed").await;
    assert_eq!(journal.peek(|notes| notes.notes.len()), 4);
    let verified = journal.verify().await.unwrap();
    assert_eq!((verified.entries, verified.signed), (4, 4));
    assert!(verified.checkpoints > 0);
}

#[cfg(feature = "ed25519")]
#[tokio::test]
async fn the_stored_signatures_verify_by_their_key_and_no_other() {
    let ring = |key: lineal_core::Ed25519Key| {
        let mut ring = lineal_core::KeyRing::default();
        ring.add(key.public(), Actor::new("ana@example.org").unwrap()).unwrap();
        Arc::new(ring)
    };
    let store = on_disk();
    let open = |ring| Journal::<Notes>::builder(&store, "notes/signed").with_verifier(ring).open();
    open(ring(key())).await.unwrap().verify().await.unwrap();
    let stranger = open(ring(lineal_core::Ed25519Key::from_seed(&[8; 32]))).await;
    assert!(matches!(stranger, Err(Error::Signature { .. })));
}

#[test]
fn a_reader_made_from_the_specification_walks_every_chain() {
    let stored = stored();
    for prefix in ["notes/one", "notes/signed", "blobs/collection"] {
        let mut before: Option<(Digest, Value)> = None;
        for seq in 0.. {
            let Some(bytes) = stored.get(&format!("{prefix}/log/{seq:020}")) else { break };
            let entry = raw::cut(bytes).unwrap();
            let header = &entry.header;
            assert_eq!((&header["seq"], &header["format"]), (&json!(seq), &json!(1)));
            if entry.payload != b"purged" {
                assert_eq!(header["payload"], json!(Digest::of(&entry.payload)));
                let payload: Value = lineal_core::from_canonical(&entry.payload).unwrap();
                assert!(payload.is_object());
            }
            assert!(entry.signatures.is_array());
            match &before {
                None => assert_eq!((seq, &header["prev"]), (0, &Value::Null)),
                Some((digest, last)) => {
                    assert_eq!(header["prev"], json!(digest));
                    assert_eq!((&header["journal"], &header["kind"]), (&last["journal"], &last["kind"]));
                    assert!(header["time"].as_str() >= last["time"].as_str());
                }
            }
            if let Some(at) = header["checkpoint"].as_object() {
                let (number, digest) = (at["seq"].as_u64().unwrap(), at["digest"].as_str().unwrap());
                let object = &stored[&format!("{prefix}/checkpoint/{number:020}-{digest}")];
                assert_eq!(Digest::of(object).to_string(), digest);
                assert_eq!(json!(object.len()), at["size_bytes"]);
            }
            before = Some((entry.digest, entry.header));
        }
        assert!(before.is_some(), "{prefix} has entries");
    }
}

#[test]
fn the_examples_of_the_specification_are_real() {
    let spec = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/format");
    let stored = stored();
    let text = |key: &str| String::from_utf8(stored[key].to_vec()).unwrap();
    let journal = std::fs::read_to_string(spec.join("journal.md")).unwrap();
    for key in
        ["one/log/00000000000000000001", "one/log/00000000000000000004", "one/hint", "signed/log/00000000000000000000"]
    {
        let key = &format!("notes/{key}");
        assert!(journal.contains(text(key).trim_end()), "{key} is not in journal.md");
    }
    let store = std::fs::read_to_string(spec.join("store.md")).unwrap();
    assert!(store.contains(&text("FORMAT")), "FORMAT is not in store.md");
}
