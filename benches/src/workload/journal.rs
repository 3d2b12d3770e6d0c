use std::sync::Arc;

use futures::future::try_join_all;
use lineal_core::{Actor, Journal, RunId, Stamp, State, Store, Txn};
use object_store::{PutMode, PutOptions, PutPayload, path::Path};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    args::JournalAppend,
    meter::{Meter, Reading},
    report,
    stores::{self, Counting},
};

/// Appends events, and measures beside them what the store itself can do: bare creates of objects of the same size.
///
/// Steps: `bare-put` (one writer, one create at a time), `append`, `cold-open`, `verify`.
pub(crate) async fn append(what: JournalAppend) -> Result<(), String> {
    let (store, counting) = stores::open(&what.store)?;
    store.ensure_writable().await.map_err(text)?;
    let prefix = format!("journal-append/{}", RunId::generate(store.host().ids.as_ref()));
    let entry_bytes = appended(&what, &store, &counting, &prefix).await?;
    bare_puts(&what, &store, &prefix, entry_bytes).await?;
    cold_open(&what, &store, &prefix).await?;
    verify(&what, &store, &prefix).await
}

/// Runs the appenders; returns the mean size of an entry.
async fn appended(what: &JournalAppend, store: &Store, counting: &Arc<Counting>, prefix: &str) -> Result<u64, String> {
    let journal = open(store, prefix).await?;
    let (puts, bytes) = (counting.puts(), counting.put_bytes());
    let meter = Meter::start();
    let writers = (0..what.writers).map(|writer| {
        let journal = journal.clone();
        let share = what.entries / what.writers + u64::from(writer < what.entries % what.writers);
        let note = "x".repeat(what.event_bytes);
        tokio::spawn(async move {
            let txn = Txn::by(Actor::new("workload").map_err(text)?);
            for _ in 0..share {
                let decide = |_: &Count| Ok::<_, ()>(vec![Noted { note: note.clone() }]);
                journal.transact(&txn, decide).await.map_err(|error| format!("{error:?}"))?;
            }
            Ok::<_, String>(())
        })
    });
    for done in try_join_all(writers).await.map_err(text)? {
        done?;
    }
    let reading = meter.stop();
    let stored = journal.read(|count| count.events).await.map_err(text)?;
    if stored != what.entries {
        return Err(format!("{stored} events are stored of {}", what.entries));
    }
    let entries = journal.head().map_or(0, |head| head.seq + 1);
    let (puts, bytes) = (counting.puts() - puts, counting.put_bytes() - bytes);
    let more = json!({
        "writers": what.writers, "events": what.entries, "entries": entries, "puts": puts, "store_bytes": bytes,
        "events_per_s": rate(what.entries, &reading), "entries_per_s": rate(entries, &reading),
    });
    report::line("journal-append", "append", &reading, more);
    Ok(bytes / puts.max(1))
}

/// What the store can do without us: creates of as many bytes, one after the other. They stay, like the journal itself:
/// deletions would burden whatever is measured next on a file system with online discard.
async fn bare_puts(what: &JournalAppend, store: &Store, prefix: &str, bytes: u64) -> Result<(), String> {
    let count = what.entries.min(BARE_PUTS);
    let payload = PutPayload::from(vec![b'x'; usize::try_from(bytes).map_err(text)?]);
    let root = store.root();
    let meter = Meter::start();
    for at in 0..count {
        let key = Path::from(format!("{root}/{prefix}-bare/{at:020}"));
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        store.objects().put_opts(&key, payload.clone(), options).await.map_err(text)?;
    }
    let reading = meter.stop();
    let more = json!({"puts": count, "bytes_each": bytes, "puts_per_s": rate(count, &reading)});
    report::line("journal-append", "bare-put", &reading, more);
    Ok(())
}

async fn cold_open(what: &JournalAppend, store: &Store, prefix: &str) -> Result<(), String> {
    let meter = Meter::start();
    let journal = open(store, prefix).await?;
    let reading = meter.stop();
    let events = journal.peek(|count| count.events);
    let more = json!({"events": events, "entries": journal.head().map_or(0, |head| head.seq + 1)});
    report::line("journal-append", "cold-open", &reading, more);
    if events == what.entries { Ok(()) } else { Err(format!("a cold open sees {events} of {} events", what.entries)) }
}

async fn verify(what: &JournalAppend, store: &Store, prefix: &str) -> Result<(), String> {
    let journal = open(store, prefix).await?;
    let meter = Meter::start();
    let verified = journal.verify().await.map_err(text)?;
    let reading = meter.stop();
    let more = json!({
        "entries": verified.entries, "checkpoints": verified.checkpoints, "events_per_s": rate(what.entries, &reading),
    });
    report::line("journal-append", "verify", &reading, more);
    Ok(())
}

async fn open(store: &Store, prefix: &str) -> Result<Journal<Count>, String> {
    Journal::builder(store, prefix).open().await.map_err(text)
}

fn rate(count: u64, reading: &Reading) -> f64 {
    report::round(count as f64 / reading.wall.as_secs_f64())
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Counts events: a state of fixed size, so that what is measured is the journal.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Count {
    events: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Noted {
    note: String,
}

impl State for Count {
    type Event = Noted;
    const KIND: &'static str = "workload.count";

    fn apply(&mut self, _: &Noted, _: &Stamp) {
        self.events += 1;
    }
}

/// Bare creates are measured on at most this many.
const BARE_PUTS: u64 = 2_000;
