use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Error, Store, open::is_final};
use crate::{StoreId, Timestamp, from_canonical, to_canonical};

/// What the `FORMAT` object at the root of a store says; see `docs/format/store.md`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Format {
    /// The rule by which large blobs are cut; stores of early releases do not name it and mean the first.
    #[serde(default = "first_chunker")]
    chunker: String,
    format: String,
    probe: Probe,
    pub(super) store: StoreId,
}

/// When and where create-if-absent was last seen to work.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Probe {
    at: Timestamp,
    endpoint: String,
    verdict: String,
}

fn first_chunker() -> String {
    CHUNKER.to_owned()
}

/// Reads the recorded verdict, or probes and records it. Refuses a store whose blobs this release would cut otherwise.
pub(super) async fn ensure(store: &Store) -> Result<Format, Error> {
    let format = read(store).await?;
    if let Some(Format { chunker, .. }) = format.as_ref().filter(|format| format.chunker != CHUNKER) {
        return Err(Error::UnknownFormat { what: format!("chunker of {}", store.name()), found: chunker.clone() });
    }
    match format {
        Some(format) if format.probe.endpoint == store.name() && format.probe.verdict == HONOURED => Ok(format),
        _ => probe_and_record(store).await,
    }
}

/// Reads the `FORMAT` object, if there is one.
pub(super) async fn read(store: &Store) -> Result<Option<Format>, Error> {
    let Some(bytes) = store.read(&store.key(KEY)?, LIMIT).await? else { return Ok(None) };
    let unknown = |found: String| Error::UnknownFormat { what: format!("{} of {}", KEY, store.name()), found };
    let format: Format = from_canonical(&bytes).map_err(|error| unknown(error.to_string()))?;
    if format.format != VERSION {
        return Err(unknown(format.format));
    }
    Ok(Some(format))
}

/// Probes now and records the verdict; the identity, once given, stays.
pub(super) async fn probe_and_record(store: &Store) -> Result<Format, Error> {
    if let Err(error) = probe(store).await {
        if let Error::UnsafeStore { found, .. } = &error {
            revoke(store, found).await?;
        }
        return Err(error);
    }
    let key = store.key(KEY)?;
    let host = store.host();
    let mut format = Format {
        chunker: first_chunker(),
        format: VERSION.to_owned(),
        probe: Probe { at: host.clock.now(), endpoint: store.name().to_owned(), verdict: HONOURED.to_owned() },
        store: StoreId::generate(host.ids.as_ref()),
    };
    let mut failed = 0;
    loop {
        if let Some(stored) = read(store).await? {
            // Somebody was first, or our own reply was lost: its identity is the store's.
            let same = stored.probe.endpoint == store.name() && stored.probe.verdict == HONOURED;
            (format.store, format.chunker) = (stored.store, stored.chunker);
            if !same {
                store.overwrite(&key, encode(&format)?).await?;
            }
            return Ok(format);
        }
        let error = match store.create_once(&key, encode(&format)?).await {
            Ok(()) => return Ok(format),
            Err(error) => error,
        };
        failed += 1;
        if failed > store.retry().attempts || is_final(&error) {
            return Err(super::StorageErrorExt::on(error, "write", &key));
        }
        store.pause(failed).await;
    }
}

/// Takes back an earlier verdict, so that the next writer probes for itself; a store without one stays untouched.
async fn revoke(store: &Store, found: &str) -> Result<(), Error> {
    let Some(mut format) = read(store).await? else { return Ok(()) };
    format.probe = Probe { at: store.host().clock.now(), endpoint: store.name().to_owned(), verdict: found.to_owned() };
    store.overwrite(&store.key(KEY)?, encode(&format)?).await
}

fn encode(format: &Format) -> Result<Bytes, Error> {
    let bytes = to_canonical(format).map_err(|source| Error::Encode { what: KEY, source: Box::new(source) })?;
    Ok(bytes.into())
}

/// Creates one fresh key twice: the second create must be refused and must not change the first content.
async fn probe(store: &Store) -> Result<(), Error> {
    let mut failed = 0;
    loop {
        let key = store.key(&format!("probe/{}", StoreId::generate(store.host().ids.as_ref())))?;
        let verdict = probe_once(store, &key).await;
        // The probe's object is litter from here on; that it stays behind after a failure does no harm.
        store.delete(&key).await.ok();
        let error = match verdict {
            Ok(Verdict::Honoured) => return Ok(()),
            Ok(Verdict::Ignored(found)) => {
                return Err(Error::UnsafeStore { store: store.name().to_owned(), found });
            }
            Err(error) => error,
        };
        failed += 1;
        let hopeless = matches!(&error, Error::Storage { source, .. } if is_final(source));
        if failed > store.retry().attempts || hopeless {
            return Err(error);
        }
        store.pause(failed).await;
    }
}

enum Verdict {
    Honoured,
    Ignored(&'static str),
}

async fn probe_once(store: &Store, key: &object_store::path::Path) -> Result<Verdict, Error> {
    use object_store::Error as StorageError;

    use super::StorageErrorExt;
    let first = Bytes::from_static(b"first");
    match store.create_once(key, first.clone()).await {
        Ok(()) => {}
        Err(StorageError::NotImplemented { .. } | StorageError::NotSupported { .. }) => {
            return Ok(Verdict::Ignored("it does not know the condition at all"));
        }
        Err(error) => return Err(error.on("write", key)),
    }
    let second = store.create_once(key, Bytes::from_static(b"second")).await;
    let content = store.read(key, LIMIT).await?;
    match (second, content) {
        (Ok(()), _) => Ok(Verdict::Ignored("a second create of one key was accepted")),
        (Err(_), Some(content)) if content != first => {
            Ok(Verdict::Ignored("a second create of one key replaced the content"))
        }
        (Err(StorageError::AlreadyExists { .. } | StorageError::Precondition { .. }), Some(_)) => Ok(Verdict::Honoured),
        (Err(error), _) => Err(error.on("write", key)),
    }
}

/// The cut rule of this release, see `docs/format/pack.md`.
const CHUNKER: &str = "gear-1";
const KEY: &str = "FORMAT";
const HONOURED: &str = "create-if-absent honoured";
const VERSION: &str = "lineal-store 1";
const LIMIT: u64 = 64 * 1024;
