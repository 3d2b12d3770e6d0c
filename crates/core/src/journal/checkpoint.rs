use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    entry::{CheckpointRef, Entry},
    fold::{Fold, Head, Ledger, State, Tail},
    log::Log,
};
use crate::{
    Digest, from_canonical,
    store::{Error, is_oversize},
    to_canonical,
};

/// A folded prefix as an object of its own: a pure function of the log, named by a later entry's header.
#[derive(Serialize)]
struct Stored<'a, S> {
    checkpoint: Option<CheckpointRef>,
    format: u32,
    head: &'a Head,
    kind: &'a str,
    ledger: &'a Ledger,
    state: &'a S,
    version: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound = "S: DeserializeOwned")]
struct Loaded<S> {
    checkpoint: Option<CheckpointRef>,
    format: u32,
    head: Head,
    kind: String,
    ledger: Ledger,
    state: S,
    version: u32,
}

/// Tells whether a checkpoint of `fold` is due: many entries or bytes since the last one, and twice its size.
///
/// So checkpoints cost at most half of what the log costs, however large the state grows.
pub(super) fn is_due<S: State>(fold: &Fold<S>, every: u64) -> bool {
    let tail = fold.since_checkpoint;
    let long = tail.entries >= every || tail.bytes >= LONG_TAIL_BYTES;
    every > 0 && S::KIND != UNTYPED && long && tail.bytes >= fold.checkpoint_bytes.saturating_mul(2)
}

/// Encodes the checkpoint of `fold`; `None` for an empty journal.
pub(super) fn encode<S: State>(fold: &Fold<S>) -> Result<Option<(CheckpointRef, Vec<u8>)>, Error> {
    let Some(head) = &fold.head else { return Ok(None) };
    let stored = Stored {
        checkpoint: fold.checkpoint,
        format: FORMAT,
        head,
        kind: S::KIND,
        ledger: &fold.ledger,
        state: &fold.state,
        version: S::CHECKPOINT_VERSION,
    };
    let bytes =
        to_canonical(&stored).map_err(|source| Error::Encode { what: "checkpoint", source: Box::new(source) })?;
    let size_bytes = bytes.len() as u64;
    Ok(Some((CheckpointRef { digest: Digest::of(&bytes), seq: head.seq, size_bytes }, bytes)))
}

/// Writes an encoded checkpoint; its key holds its digest, so that writing it twice changes nothing.
pub(super) async fn write(log: &Log, at: CheckpointRef, bytes: Vec<u8>) -> Result<(), Error> {
    log.store.overwrite(&log.checkpoint_key(&at)?, bytes.into()).await
}

/// Loads the newest usable checkpoint that `entry` or an older entry names, with the digests of the entries relied on.
///
/// One that is missing, damaged or of another version is passed over: the log holds everything. Nothing is verified yet:
/// the caller folds on to `entry` and compares the digests on its way, which is what makes the checkpoint trusted.
pub(super) async fn load<S: State>(log: &Log, entry: &Entry) -> Result<(Option<Fold<S>>, Vouchers), Error> {
    let mut vouchers = Vouchers::from([(entry.header.seq, entry.digest)]);
    // Each step goes to a smaller number, whatever a hostile header says, so the fold passes all that was relied on.
    let mut candidate = entry.header.checkpoint.filter(|at| at.seq < entry.header.seq);
    while let Some(at) = candidate {
        if let Some(fold) = load_at(log, at).await? {
            return Ok((Some(fold), vouchers));
        }
        let Some((entry, _)) = log.read(at.seq).await? else { break };
        vouchers.insert(at.seq, entry.digest);
        candidate = entry.header.checkpoint.filter(|older| older.seq < at.seq);
    }
    Ok((None, vouchers))
}

/// Digests of the entries whose word for a checkpoint was taken, by number.
pub(super) type Vouchers = BTreeMap<u64, Digest>;

/// Loads one checkpoint; `None` if it is missing, damaged or of another version.
pub(super) async fn load_at<S: State>(log: &Log, at: CheckpointRef) -> Result<Option<Fold<S>>, Error> {
    let bytes = match log.store.read(&log.checkpoint_key(&at)?, at.size_bytes.min(LIMIT)).await {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Ok(None),
        Err(Error::Storage { source, .. }) if is_oversize(&source) => return Ok(None),
        Err(error) => return Err(error),
    };
    if Digest::of(&bytes) != at.digest {
        return Ok(None);
    }
    let Ok(loaded) = from_canonical::<Loaded<S>>(&bytes) else { return Ok(None) };
    let own = loaded.kind == S::KIND && loaded.version == S::CHECKPOINT_VERSION;
    let known = loaded.format == FORMAT && (own || S::KIND == UNTYPED);
    if !known || loaded.head.seq != at.seq {
        return Ok(None);
    }
    Ok(Some(Fold {
        head: Some(loaded.head),
        checkpoint: loaded.checkpoint,
        ledger: loaded.ledger,
        state: loaded.state,
        since_checkpoint: Tail::default(),
        checkpoint_bytes: bytes.len() as u64,
    }))
}

const FORMAT: u32 = 1;
/// Bytes of entries that are worth a checkpoint however few they are: a cold open decodes them in milliseconds.
const LONG_TAIL_BYTES: u64 = 512 * 1024;
/// Kind of a handle that reads journals of any kind and so takes the ledger of any checkpoint.
pub(super) const UNTYPED: &str = "untyped";
/// Largest checkpoint that is read, whatever a header says.
const LIMIT: u64 = 4 * 1024 * 1024 * 1024;
