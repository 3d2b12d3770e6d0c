use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream, stream::BoxStream};

use super::{
    Head, checkpoint,
    entry::{CheckpointRef, Entry},
    fold::{Fold, FoldFlaw, State, continues},
    handle::Journal,
    head,
    log::Log,
};
use crate::{Timestamp, store::Error};

/// A point in a journal's past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum At {
    /// After this entry.
    Seq(u64),
    /// After the last entry that is not later than this time.
    Time(Timestamp),
}

/// Folds one entry that continues the chain; its signature is checked first, if demanded.
pub(super) fn fold<S: State>(log: &Log, fold: &mut Fold<S>, entry: &Entry, bytes: u64) -> Result<(), Error> {
    log.check_signature(entry)?;
    let seq = entry.header.seq;
    fold.apply_entry(entry, bytes).map_err(|flaw| match flaw {
        FoldFlaw::Purged => Error::Purged { journal: log.prefix.to_string(), seq },
        flaw @ FoldFlaw::Event(_) => {
            Error::UnknownFormat { what: format!("entry {seq} of journal {}", log.prefix), found: flaw.to_string() }
        }
    })
}

/// Folds the journal up to entry `last`, from the newest usable checkpoint at or before it.
pub(super) async fn fold_to<S: State>(log: &Log, last: u64) -> Result<Fold<S>, Error> {
    let (entry, _) = log.read(last).await?.ok_or_else(|| missing(log, last))?;
    let (loaded, vouchers) = checkpoint::load::<S>(log, &entry).await?;
    let mut state = loaded.unwrap_or_else(Fold::empty);
    let from = state.next_seq();
    let mut entries = stream::iter(from..=last).map(|seq| log.read(seq)).buffered(READ_AHEAD);
    while let Some(found) = entries.next().await {
        let (entry, bytes) = found?.ok_or_else(|| missing(log, state.next_seq()))?;
        state.check_next(&entry).map_err(|why| log.broken(entry.header.seq, why))?;
        if vouchers.get(&entry.header.seq).is_some_and(|digest| *digest != entry.digest) {
            return Err(log.broken(entry.header.seq, "it is not the entry that named the checkpoint"));
        }
        fold(log, &mut state, &entry, bytes)?;
    }
    Ok(state)
}

/// Folds the whole journal as it stands now.
pub(super) async fn fold_all<S: State>(log: &Log) -> Result<Fold<S>, Error> {
    match head::find(log, None).await? {
        Some(last) => fold_to(log, last).await,
        None => Ok(Fold::empty()),
    }
}

/// Finds the number of the last entry that `at` covers: one probe for a number, `O(log n)` reads for a time.
pub(super) async fn locate(log: &Log, at: At, known: Option<u64>) -> Result<u64, Error> {
    let last = head::find(log, known).await?;
    let none = || Error::NoSuchEntry {
        journal: log.prefix.to_string(),
        at: match at {
            At::Seq(seq) => seq.to_string(),
            At::Time(time) => time.to_string(),
        },
    };
    let last = last.ok_or_else(none)?;
    match at {
        At::Seq(seq) if seq <= last => Ok(seq),
        At::Seq(_) => Err(none()),
        At::Time(time) => last_not_after(log, last, time).await?.ok_or_else(none),
    }
}

/// Bisects by entry time, which never decreases.
async fn last_not_after(log: &Log, last: u64, time: Timestamp) -> Result<Option<u64>, Error> {
    let (mut low, mut high) = (0, last + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let (entry, _) = log.read(middle).await?.ok_or_else(|| missing(log, middle))?;
        if entry.header.time <= time {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low.checked_sub(1))
}

/// Streams the entries `from..=last`, each checked against the one before it.
pub(super) fn entries(log: &Arc<Log>, from: u64, last: u64) -> BoxStream<'static, Result<Entry, Error>> {
    let reader = Arc::clone(log);
    let found = stream::iter(from..=last)
        .map(move |seq| {
            let log = Arc::clone(&reader);
            async move { log.read(seq).await?.ok_or_else(|| missing(&log, seq)) }
        })
        .buffered(READ_AHEAD);
    let log = Arc::clone(log);
    let mut link = Link { seq: from, before: None };
    found
        .and_then(move |(entry, _)| {
            let checked = link.check(&log, &entry).map(|next| link = next);
            futures::future::ready(checked.map(|()| entry))
        })
        .boxed()
}

/// Where a stream of entries stands: the next number, and the entry before it once there was one.
#[derive(Debug, Clone, Copy)]
struct Link {
    seq: u64,
    before: Option<(Head, Option<CheckpointRef>)>,
}

impl Link {
    /// Checks `entry` against the one before it and, if demanded, its signature; returns the place after it.
    fn check(&self, log: &Log, entry: &Entry) -> Result<Self, Error> {
        let linked = match &self.before {
            Some((head, checkpoint)) => continues(Some(head), *checkpoint, entry),
            None if entry.header.seq == 0 => continues(None, None, entry),
            None => Ok(()),
        };
        linked.map_err(|why| log.broken(entry.header.seq, why))?;
        log.check_signature(entry)?;
        let header = &entry.header;
        let head = Head { digest: entry.digest, journal: header.journal, seq: header.seq, time: header.time };
        Ok(Self { seq: header.seq + 1, before: Some((head, header.checkpoint)) })
    }
}

/// Streams entries from `from` on, waiting for those to come. The stream ends only by being dropped or by an error.
pub(super) fn follow<S: State>(journal: &Journal<S>, from: u64) -> BoxStream<'static, Result<Entry, Error>> {
    let log = journal.shared_log();
    let poll = journal.settings().poll;
    let start = Link { seq: from, before: None };
    stream::try_unfold((log, start), move |(log, link)| async move {
        loop {
            if let Some((entry, _)) = log.read(link.seq).await? {
                let next = link.check(&log, &entry)?;
                return Ok(Some((entry, (log, next))));
            }
            log.store.host().timer.sleep(poll).await;
        }
    })
    .boxed()
}

fn missing(log: &Log, seq: u64) -> Error {
    log.broken(seq, "it is missing")
}

/// Entries read at once.
const READ_AHEAD: usize = 64;
