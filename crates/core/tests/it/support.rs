use std::sync::Arc;

use lineal_core::{Actor, Host, Journal, JournalSettings, ManualClock, SeededIds, Stamp, State, Store, Timestamp, Txn};
use serde::{Deserialize, Serialize};

/// A ledger of named amounts: enough of a domain to see losses, doubles and order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ledger {
    pub(crate) lines: Vec<String>,
    pub(crate) times: Vec<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) text: String,
}

impl State for Ledger {
    type Event = Line;
    const KIND: &'static str = "test.ledger";

    fn apply(&mut self, event: &Line, stamp: &Stamp) {
        self.lines.push(event.text.clone());
        self.times.push(stamp.time);
    }
}

pub(crate) fn actor() -> Actor {
    Actor::new("ana@example.org").unwrap()
}

pub(crate) fn txn() -> Txn {
    Txn::by(actor())
}

pub(crate) fn line(text: impl Into<String>) -> Result<Vec<Line>, String> {
    Ok(vec![Line { text: text.into() }])
}

pub(crate) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::from_unix_secs(1_357_000_000).unwrap()))
}

/// A memory store whose clock and ids are repeatable.
pub(crate) fn memory(clock: &Arc<ManualClock>) -> Store {
    let host = Host::system().with_clock(Arc::<ManualClock>::clone(clock)).with_ids(Arc::new(SeededIds::new(7)));
    Store::open("memory:///").unwrap().with_host(host)
}

pub(crate) async fn open(store: &Store) -> Journal<Ledger> {
    open_with(store, JournalSettings::default()).await
}

pub(crate) async fn open_with(store: &Store, settings: JournalSettings) -> Journal<Ledger> {
    Journal::builder(store, "ledgers/one").with_settings(settings).open().await.unwrap()
}
