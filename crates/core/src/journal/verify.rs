use std::sync::Arc;

use futures::StreamExt;

use super::{
    CheckpointRef, Head, checkpoint,
    fold::{Fold, State},
    head, history,
    log::Log,
};
use crate::store::Error;

/// What [`Journal::verify`](super::Journal::verify) walked over.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// The end of the chain.
    pub head: Option<Head>,
    /// Entries walked.
    pub entries: u64,
    /// Entries whose payload was purged; their headers are intact.
    pub purged: Vec<u64>,
    /// Entries signed by somebody.
    pub signed: u64,
    /// Checkpoints that equal the fold of the log before them.
    pub checkpoints: u64,
}

/// Walks the whole chain, then folds it once more against every checkpoint that an entry names.
pub(super) async fn verify<S: State>(log: &Arc<Log>) -> Result<Verified, Error> {
    let mut seen = Verified { head: None, entries: 0, purged: Vec::new(), signed: 0, checkpoints: 0 };
    let Some(last) = head::find(log, None).await? else { return Ok(seen) };
    let mut named: Vec<(CheckpointRef, u64)> = Vec::new();
    let mut entries = history::entries(log, 0, last);
    while let Some(entry) = entries.next().await {
        let entry = entry?;
        let header = &entry.header;
        seen.entries += 1;
        seen.signed += u64::from(!entry.signatures.is_empty());
        if entry.payload.is_none() {
            seen.purged.push(header.seq);
        }
        if let Some(at) = header.checkpoint.filter(|at| named.last().is_none_or(|(last, _)| last != at)) {
            named.push((at, header.seq));
        }
        seen.head = Some(Head { digest: entry.digest, journal: header.journal, seq: header.seq, time: header.time });
    }
    if seen.purged.is_empty() && S::KIND != checkpoint::UNTYPED {
        seen.checkpoints = check_checkpoints::<S>(log, &named).await?;
    }
    Ok(seen)
}

/// Folds the log and compares the state with each checkpoint at its number. Returns how many were equal.
async fn check_checkpoints<S: State>(log: &Arc<Log>, named: &[(CheckpointRef, u64)]) -> Result<u64, Error> {
    let Some((last, _)) = named.last() else { return Ok(0) };
    let mut fold = Fold::<S>::empty();
    let mut due = named.iter().peekable();
    let mut checked = 0;
    let mut entries = history::entries(log, 0, last.seq);
    while let Some(entry) = entries.next().await {
        history::fold(log, &mut fold, &entry?, 0)?;
        while let Some((at, namer)) = due.next_if(|(at, _)| fold.head.is_some_and(|head| head.seq == at.seq)) {
            // A checkpoint of an older encoding of the state is not comparable; it is passed over when loading, too.
            if checkpoint::load_at::<S>(log, *at).await?.is_none() {
                continue;
            }
            if checkpoint::encode(&fold)?.map(|(own, _)| own) != Some(*at) {
                return Err(log.broken(*namer, format!("the checkpoint of entry {} it names is not its state", at.seq)));
            }
            checked += 1;
        }
    }
    Ok(checked)
}
