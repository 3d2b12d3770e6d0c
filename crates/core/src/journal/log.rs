use std::sync::Arc;

use bytes::Bytes;
use object_store::path::Path;

use super::entry::{Entry, Flaw};
use crate::{
    Name, Verifier,
    store::{Error, StorageErrorExt, Store, is_absent, is_final, is_oversize},
};

/// Addresses the entries of one journal and reads them, checked one by one.
#[derive(Debug, Clone)]
pub(super) struct Log {
    pub(super) store: Store,
    pub(super) prefix: Arc<str>,
    /// What the entries must say they are; `None` takes any kind.
    pub(super) kind: Option<Name>,
    /// Who must have signed every entry, if signatures are demanded.
    pub(super) verifier: Option<Arc<dyn Verifier>>,
}

impl Log {
    /// Returns the key of entry `seq`: 20 digits, so that text order is number order.
    pub(super) fn key(&self, seq: u64) -> Result<Path, Error> {
        self.store.key(&format!("{}/log/{seq:020}", self.prefix))
    }

    /// Returns the key of the hint.
    pub(super) fn hint_key(&self) -> Result<Path, Error> {
        self.store.key(&format!("{}/hint", self.prefix))
    }

    /// Returns the key of a checkpoint.
    pub(super) fn checkpoint_key(&self, at: &super::CheckpointRef) -> Result<Path, Error> {
        self.store.key(&format!("{}/checkpoint/{:020}-{}", self.prefix, at.seq, at.digest))
    }

    /// Reads entry `seq`, with its size; `None` if the number is free. Signatures are the reader's to check.
    ///
    /// A damaged answer is asked for again, because a reply cut short looks the same.
    pub(super) async fn read(&self, seq: u64) -> Result<Option<(Entry, u64)>, Error> {
        let mut failed = 0;
        loop {
            let error = match self.read_once(seq).await {
                Ok(found) => return Ok(found),
                Err(error) => error,
            };
            failed += 1;
            let final_answer = match &error {
                Error::Storage { source, .. } => is_final(source),
                error => !matches!(error, Error::Broken { .. }),
            };
            if final_answer || failed >= self.store.retry().attempts {
                return Err(error);
            }
            self.store.pause(failed).await;
        }
    }

    /// Reads entry `seq` in one attempt.
    pub(super) async fn read_once(&self, seq: u64) -> Result<Option<(Entry, u64)>, Error> {
        let key = self.key(seq)?;
        match self.store.read_once(&key, LIMIT).await {
            Ok(bytes) => Ok(Some((self.decode(seq, &bytes)?, bytes.len() as u64))),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) if is_oversize(&error) => Err(self.broken(seq, "it is larger than an entry may be")),
            Err(error) => Err(error.on("read", &key)),
        }
    }

    fn decode(&self, seq: u64, bytes: &Bytes) -> Result<Entry, Error> {
        let entry = Entry::decode(seq, bytes).map_err(|flaw| self.flawed(seq, &flaw))?;
        if self.kind.as_ref().is_some_and(|kind| *kind != entry.header.kind) {
            return Err(self.wrong_kind(&entry));
        }
        Ok(entry)
    }

    /// Checks that `entry` is signed by a key that this reader trusts, if it demands signatures.
    pub(super) fn check_signature(&self, entry: &Entry) -> Result<(), Error> {
        let Some(verifier) = &self.verifier else { return Ok(()) };
        super::publish::check_signatures(entry, verifier.as_ref()).map(drop).map_err(|source| Error::Signature {
            what: format!("entry {} of journal {}", entry.header.seq, self.prefix),
            source: Box::new(source),
        })
    }

    /// Tells whether entry `seq` exists.
    pub(super) async fn exists(&self, seq: u64) -> Result<bool, Error> {
        Ok(self.store.stat(&self.key(seq)?).await?.is_some())
    }

    pub(super) fn broken(&self, seq: u64, why: impl ToString) -> Error {
        Error::Broken { journal: self.prefix.to_string(), seq, why: why.to_string() }
    }

    fn flawed(&self, seq: u64, flaw: &Flaw) -> Error {
        match flaw {
            Flaw::Format(found) => Error::UnknownFormat {
                what: format!("entry {seq} of journal {}", self.prefix),
                found: found.to_string(),
            },
            flaw => self.broken(seq, flaw),
        }
    }

    fn wrong_kind(&self, entry: &Entry) -> Error {
        Error::WrongKind {
            journal: self.prefix.to_string(),
            expected: self.kind.as_ref().map_or_else(String::new, ToString::to_string),
            found: entry.header.kind.to_string(),
        }
    }
}

/// Largest stored entry that is read: the writer's bound on payloads plus room for the header and signatures.
pub(super) const LIMIT: u64 = (MAX_PAYLOAD + 64 * 1024) as u64;
/// Largest payload that is written.
pub(super) const MAX_PAYLOAD: usize = 16 * 1024 * 1024;
