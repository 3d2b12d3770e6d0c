use std::fmt;

use bytes::Bytes;
use lineal_core::{Digest, Hasher};

use crate::pack::PackName;

/// The name of a block's file: `<pack>.<number of the block>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BlockName {
    pack: PackName,
    at: u64,
}

impl BlockName {
    pub(super) fn new(pack: PackName, at: u64) -> Self {
        Self { pack, at }
    }

    /// Returns 64 bits that spread blocks evenly.
    pub(super) fn hash(&self) -> u64 {
        let digest = Digest::of(self.to_string().as_bytes());
        digest.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }

    /// Returns the name of the file while it is written.
    pub(super) fn unfinished(&self, id: [u8; 16]) -> String {
        format!("{self}.{:032x}.tmp", u128::from_be_bytes(id))
    }

    fn parse(text: &str) -> Option<Self> {
        let (pack, at) = text.split_once('.')?;
        let name = Self { pack: pack.parse().ok()?, at: at.parse().ok()? };
        (name.to_string() == text).then_some(name)
    }

    /// Makes the bytes of the file.
    pub(super) fn seal(&self, block: &[u8]) -> Vec<u8> {
        let mut file = Vec::with_capacity(HEADER_BYTES + block.len());
        file.extend_from_slice(MAGIC);
        file.extend_from_slice(self.checksum(block).as_bytes());
        file.extend_from_slice(block);
        file
    }

    /// Returns the block in the bytes of a file, if it is whole, sound, and this one.
    pub(super) fn unseal(&self, file: Vec<u8>) -> Option<Bytes> {
        let file = Bytes::from(file);
        let (magic, rest) = file.split_at_checked(MAGIC.len())?;
        let (checksum, block) = rest.split_at_checked(CHECKSUM_BYTES)?;
        let sound = magic == MAGIC && checksum == self.checksum(block).as_bytes();
        sound.then(|| file.slice(HEADER_BYTES..))
    }

    /// Covers the name, so that a file that was renamed does not pass.
    fn checksum(&self, block: &[u8]) -> Digest {
        let mut hasher = Hasher::new();
        hasher.update(self.to_string().as_bytes());
        hasher.update(b"\0");
        hasher.update(block);
        hasher.finish()
    }
}

impl fmt::Display for BlockName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.pack, self.at)
    }
}

/// Tells whether the cache makes files of this name: only such ones are counted, and only such ones are deleted.
pub(super) fn is_own(name: &str) -> bool {
    let finished = match name.strip_suffix(".tmp").map(|name| name.rsplit_once('.')) {
        None => name,
        Some(Some((finished, id))) if id.len() == 32 && id.bytes().all(|byte| HEX.contains(&byte)) => finished,
        Some(_) => return false,
    };
    BlockName::parse(finished).is_some()
}

/// Says what follows; another release that writes otherwise says so here.
const MAGIC: &[u8; 8] = b"LINCACH1";
const CHECKSUM_BYTES: usize = 32;
pub(super) const HEADER_BYTES: usize = MAGIC.len() + CHECKSUM_BYTES;
const HEX: &[u8] = b"0123456789abcdef";
