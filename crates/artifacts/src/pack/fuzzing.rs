//! What the fuzzers reach of the pack format.
#![allow(clippy::panic, reason = "a fuzz target fails by panicking")]

use super::{format, list as lists, segments};

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

/// The tail of a segment; or, after a first byte of 0 or 1, a block of one of its tables.
pub(crate) fn segment(bytes: &[u8]) {
    if let Ok((directory, _)) = segments::decode_tail(bytes, bytes.len() as u64) {
        assert!(directory.encode().len() <= bytes.len());
    }
    match bytes.split_first() {
        Some((0, block)) => block_of::<segments::Entry>(block),
        Some((1, block)) => block_of::<segments::BlobEntry>(block),
        Some((_, directory)) => {
            let Some((offset, directory)) = directory.split_first_chunk::<8>() else { return };
            if let Ok(decoded) = segments::Directory::decode(directory, u64::from_le_bytes(*offset)) {
                assert_eq!(decoded.encode(), directory);
            }
        }
        None => {}
    }
}

fn block_of<R: segments::Row>(bytes: &[u8]) {
    if let Ok(rows) = segments::decode_block::<R>(bytes) {
        let mut again = Vec::new();
        rows.iter().for_each(|row| row.encode(&mut again));
        assert_eq!(again, bytes);
    }
}
