use serde::{Deserialize, Serialize};

use super::log::Log;
use crate::{from_canonical, store::Error, to_canonical};

/// The overwritable hint: a number that existed once. It only saves requests and is never believed.
#[derive(Serialize, Deserialize)]
struct Hint {
    seq: u64,
}

/// Finds the number of the last entry by probing, without listing: `O(log n)` requests from a stale start, two from a
/// fresh one. `None` for a journal without entries.
///
/// Rests on density: numbers below an existing one exist, because entries are never deleted and a writer moves past
/// a number only when it is occupied.
pub(super) async fn find(log: &Log, known: Option<u64>) -> Result<Option<u64>, Error> {
    let hinted = read_hint(log).await?;
    let start = match known.max(hinted) {
        Some(seq) if log.exists(seq).await? => seq,
        // The hint lied (or came from elsewhere): start from what is certain.
        _ => match known {
            Some(seq) => seq,
            None if log.exists(0).await? => 0,
            None => return Ok(None),
        },
    };
    gallop(log, start).await.map(Some)
}

/// Finds the last existing number from `exists`, which does exist: `+1, +2, +4 …`, then bisects the last stride.
async fn gallop(log: &Log, exists: u64) -> Result<u64, Error> {
    let (mut low, mut stride) = (exists, 1_u64);
    let mut high = loop {
        let Some(next) = low.checked_add(stride) else { break u64::MAX };
        if !log.exists(next).await? {
            break next;
        }
        low = next;
        stride = stride.saturating_mul(2);
    };
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if log.exists(middle).await? {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

async fn read_hint(log: &Log) -> Result<Option<u64>, Error> {
    // Whatever is wrong with the hint, the journal does not depend on it.
    let Ok(Some(bytes)) = log.store.read(&log.hint_key()?, 1024).await else { return Ok(None) };
    Ok(from_canonical::<Hint>(&bytes).ok().map(|hint| hint.seq))
}

/// Leaves a hint for the next opener; best effort.
pub(super) async fn write_hint(log: &Log, seq: u64) {
    let (Ok(key), Ok(bytes)) = (log.hint_key(), to_canonical(&Hint { seq })) else { return };
    let payload = object_store::PutPayload::from(bytes);
    let put = object_store::ObjectStoreExt::put(log.store.objects().as_ref(), &key, payload);
    // A failed hint costs the next opener a few probes, nothing else.
    put.await.ok();
}
