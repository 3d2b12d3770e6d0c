//! Entries written and read by the specification alone, without the library's own encoder and decoder.

use bytes::Bytes;
use lineal_core::{Digest, Header, from_canonical, to_canonical};
use serde_json::Value;

/// The four lines of an entry, as far as they can be told apart.
pub(crate) struct RawEntry {
    pub(crate) header: Value,
    pub(crate) digest: Digest,
    pub(crate) signatures: Value,
    pub(crate) payload: Vec<u8>,
}

/// Cuts the bytes of an entry as `docs/format/journal.md` says.
pub(crate) fn cut(bytes: &[u8]) -> Result<RawEntry, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let lines: Vec<&str> = text.split('\n').collect();
    let [magic, header, signatures, payload, ""] = lines.as_slice() else {
        return Err(format!("{} lines", lines.len()));
    };
    if *magic != "lineal-journal 1" {
        return Err(format!("starts with {magic:?}"));
    }
    Ok(RawEntry {
        digest: Digest::of(header.as_bytes()),
        header: from_canonical(header.as_bytes()).map_err(|error| error.to_string())?,
        signatures: from_canonical(signatures.as_bytes()).map_err(|error| error.to_string())?,
        payload: payload.as_bytes().to_vec(),
    })
}

/// Joins four lines to an entry.
pub(crate) fn join(header: &[u8], signatures: &[u8], payload: &[u8]) -> Bytes {
    [b"lineal-journal 1", header, signatures, payload, b""].join(&b'\n').into()
}

/// Encodes an unsigned entry with whatever payload; the header's digest of it is set.
pub(crate) fn entry(header: &Header, payload: &[u8]) -> Bytes {
    let header = Header { payload: Digest::of(payload), ..header.clone() };
    join(&to_canonical(&header).unwrap(), b"[]", payload)
}
