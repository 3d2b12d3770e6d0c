//! What the fuzzers reach of the pack format.
#![allow(clippy::panic, reason = "a fuzz target fails by panicking")]

use super::{format, list as lists};

pub(crate) fn tail(bytes: &[u8]) {
    if let Ok((trailer, footer)) = format::decode_tail(bytes, bytes.len() as u64) {
        assert_eq!(trailer.encode().len(), footer.trailer_len as usize);
    }
}

pub(crate) fn trailer(bytes: &[u8]) {
    let Some((end, bytes)) = bytes.split_first_chunk::<4>() else { return };
    if let Ok(trailer) = format::Trailer::decode(bytes, u64::from(u32::from_le_bytes(*end))) {
        assert_eq!(trailer.encode(), bytes);
    }
}

pub(crate) fn list(bytes: &[u8]) {
    if let Ok(rows) = lists::decode(bytes) {
        assert_eq!(lists::encode(&rows), bytes);
    }
}
