//! How one entry becomes visible exactly once, over replies that may be lost, doubled, late or wrong.
//!
//! The rule: only `Ok` proves that a create won, and nothing but reading the key back proves that it lost. A number is
//! left behind only when it is occupied, so a late copy of our request can never land; and a writer that gives up
//! occupies the number itself, so that it knows.

use bytes::Bytes;
use object_store::Error as StorageError;

use super::{
    CheckpointRef, InDoubt, KnownEvent, SystemEvent,
    entry::{EncodedTxn, Entry, FORMAT, Header, encode_payload, join},
    log::Log,
};
use crate::{
    Digest, JournalId, KeyId, SignError, Signature, Signer, Timestamp, TxnId, Verifier, pae,
    store::{Error, is_final},
    to_canonical,
};

/// What an entry that is about to be written continues.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) journal: JournalId,
    pub(super) prev: Option<Digest>,
    pub(super) seq: u64,
    pub(super) time: Timestamp,
    pub(super) checkpoint: Option<CheckpointRef>,
}

/// An entry ready to be written: the same bytes at every attempt.
#[derive(Debug, Clone)]
pub(super) struct Sealed {
    pub(super) seq: u64,
    pub(super) digest: Digest,
    pub(super) bytes: Bytes,
}

/// What stands at a number after a writer is done with it.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Our entry.
    Ours,
    /// Somebody else's entry, with its size.
    Other(Box<Entry>, u64),
    /// Nothing of ours, for ever: a `Noop` or somebody's entry stands there, and we were told to stop trying.
    GivenUp(Box<Entry>, u64, Option<Box<StorageError>>),
    /// Every attempt was answered by a refusal that a repetition cannot change, so nothing was ever under way.
    Refused(Box<StorageError>),
}

/// What became of a transaction that was in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resolution {
    /// It stands in this entry.
    Committed(u64),
    /// It is not in the journal and never will be.
    Aborted,
}

/// Encodes and signs the entry of `system` and `txns` at `place`.
pub(super) fn seal(
    log: &Log,
    signer: Option<&dyn Signer>,
    place: Place,
    nonce: TxnId,
    system: &[SystemEvent],
    txns: &[EncodedTxn],
) -> Result<Sealed, Error> {
    let encode = |source| Error::Encode { what: "journal entry", source: Box::new(source) };
    let payload = encode_payload(system, txns).map_err(encode)?;
    let kind = log.kind.clone().ok_or_else(|| log.broken(place.seq, "a journal of unknown kind cannot be begun"))?;
    let header = Header {
        checkpoint: place.checkpoint,
        format: FORMAT,
        journal: place.journal,
        kind,
        nonce,
        payload: Digest::of(&payload),
        prev: place.prev,
        seq: place.seq,
        time: place.time,
    };
    let header = to_canonical(&header).map_err(encode)?;
    let signatures = sign(signer, &header)
        .map_err(|source| Error::Signature { what: "journal entry".to_owned(), source: Box::new(source) })?;
    let signatures = to_canonical(&signatures).map_err(encode)?;
    let bytes = join(&header, &signatures, &payload);
    Ok(Sealed { seq: place.seq, digest: Digest::of(&header), bytes })
}

fn sign(signer: Option<&dyn Signer>, header: &[u8]) -> Result<Vec<Signature>, SignError> {
    let Some(signer) = signer else { return Ok(Vec::new()) };
    let sig = signer.sign(&pae(HEADER_TYPE, header))?;
    Ok(vec![Signature { key: *signer.key_id(), sig }])
}

/// Checks that at least one of the entry's signatures is by a key that `verifier` knows.
pub(super) fn check_signatures(entry: &Entry, verifier: &dyn Verifier) -> Result<KeyId, SignError> {
    let count = entry.signatures.len();
    if count > MAX_SIGNATURES {
        return Err(SignError::TooManySignatures { count, limit: MAX_SIGNATURES });
    }
    let message = pae(HEADER_TYPE, entry.header_bytes());
    let mut failure = None;
    for signature in &entry.signatures {
        match verifier.verify(&signature.key, &message, &signature.sig) {
            Ok(()) => return Ok(signature.key),
            Err(error) => failure = Some(error),
        }
    }
    Err(failure.unwrap_or(SignError::Unsigned))
}

/// Writes `sealed` at its number, or learns who else stands there.
///
/// `fresh` says that no earlier attempt of these bytes can still be under way. `noop` is asked for only to give up.
pub(super) async fn publish(
    log: &Log,
    sealed: &Sealed,
    noop: impl FnOnce() -> Result<Sealed, Error> + Send,
    fresh: bool,
) -> Result<Outcome, Failure> {
    let key = log.key(sealed.seq)?;
    let mut only_refusals = fresh;
    let mut failed = 0;
    loop {
        let error = match log.store.create_once(&key, sealed.bytes.clone()).await {
            Ok(()) => return Ok(Outcome::Ours),
            Err(error) => error,
        };
        only_refusals &= is_final(&error);
        match log.read_once(sealed.seq).await {
            Ok(Some((entry, _))) if entry.digest == sealed.digest => return Ok(Outcome::Ours),
            Ok(Some((entry, bytes))) => return Ok(Outcome::Other(Box::new(entry), bytes)),
            Ok(None) if only_refusals => return Ok(Outcome::Refused(Box::new(error))),
            Ok(None) => {}
            Err(error) => not_an_answer(error)?,
        }
        failed += 1;
        if failed >= log.store.retry().attempts {
            // Without a noop to send, the number cannot be settled here.
            let noop = noop().map_err(|_| Failure::Doubt)?;
            return give_up(log, sealed, &noop, error).await;
        }
        log.store.pause(failed).await;
    }
}

/// Makes certain that `sealed` cannot appear late: occupies its number with `noop`, or finds it occupied.
async fn give_up(log: &Log, sealed: &Sealed, noop: &Sealed, cause: StorageError) -> Result<Outcome, Failure> {
    let (entry, bytes) = occupy(log, noop).await?;
    if entry.digest == sealed.digest {
        return Ok(Outcome::Ours);
    }
    Ok(Outcome::GivenUp(Box::new(entry), bytes, Some(Box::new(cause))))
}

/// Reads the number of `noop` back until something stands there, offering `noop` while nothing does.
pub(super) async fn occupy(log: &Log, noop: &Sealed) -> Result<(Entry, u64), Failure> {
    let key = log.key(noop.seq)?;
    let attempts = log.store.retry().attempts;
    for failed in 1..=attempts {
        // Whatever the answer to the create, only what is read back counts.
        let created = log.store.create_once(&key, noop.bytes.clone()).await;
        match log.read_once(noop.seq).await {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => {}
            Err(error) => not_an_answer(error)?,
        }
        if failed < attempts {
            log.store.pause(failed + u32::from(created.is_err())).await;
        }
    }
    Err(Failure::Doubt)
}

/// Lets pass errors of a read that say nothing about the number: the store was out of reach, or a reply was cut short.
fn not_an_answer(error: Error) -> Result<(), Failure> {
    match error {
        Error::Storage { .. } | Error::Broken { .. } => Ok(()),
        error => Err(Failure::Known(error)),
    }
}

/// Why an entry could not be brought to an end.
#[derive(Debug)]
pub(super) enum Failure {
    /// The number is occupied by something that is certainly not ours and cannot be read on from, or cannot be named.
    Known(Error),
    /// The store could not be reached to learn what stands there.
    Doubt,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Known(error)
    }
}

/// Returns the system event of a writer that gave up.
pub(super) fn noop_event() -> [SystemEvent; 1] {
    [SystemEvent::Known(KnownEvent::Noop)]
}

/// Says what became of `doubt` from the entry that stands at its number; `None` if that was purged.
pub(super) fn resolution(doubt: &InDoubt, entry: &Entry) -> Option<Resolution> {
    entry.payload.as_ref()?;
    Some(if entry.holds(doubt.txn) { Resolution::Committed(entry.header.seq) } else { Resolution::Aborted })
}

/// Most signatures that a reader tries.
const MAX_SIGNATURES: usize = 64;
/// DSSE payload type of a signed header.
const HEADER_TYPE: &str = "application/vnd.lineal.journal-header.v1+json";
