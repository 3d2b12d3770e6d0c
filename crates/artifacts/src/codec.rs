//! How the bytes of one chunk are stored in a pack.
//!
//! A chunk is stored raw, or as one zstd frame (RFC 8878), where that saves 5 % or more; of numbers the bytes are
//! grouped by their place in the element first, see [`grouping`]. Which of these it is, is one byte next to the chunk.
//! The name of a chunk is the digest of its raw bytes, so the choice may differ between releases, machines and
//! threads, and so may the bytes of a frame: only what they decode to is promised.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use bytes::Bytes;

mod grouping; // the order of bytes under codecs 2, 3 and 4
mod sample; // entropy estimates: whether trying pays, and by how many lanes to group
mod zstd_frame; // one frame, by the C library or by the Rust one

use self::{
    grouping::{group, ungroup},
    sample::Estimate,
    zstd_frame::Encoder,
};

/// How a chunk is stored; its [`Codec::id`] is a part of the stored format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    /// The bytes as they are.
    Raw,
    /// One zstd frame of the bytes in the order of the grouping.
    Zstd(Grouping),
}

/// The order of the bytes in front of zstd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grouping {
    /// As they are.
    Plain,
    /// By position modulo 2: 16-bit numbers.
    By2,
    /// By position modulo 4: 32-bit numbers.
    By4,
    /// By position modulo 8: 64-bit numbers.
    By8,
}

/// Why stored bytes are not a chunk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CodecError {
    /// No release so far writes this id: the pack is damaged, or of a later release.
    #[error("codec {0} is not known to this release")]
    Unknown(u8),
    /// The id is set aside for encryption, which only a later release can read.
    #[error("codec {0} is encrypted, and this release cannot decrypt")]
    Encrypted(u8),
    /// The library was built with neither of the features `zstd` and `ruzstd`. Build it with one.
    #[error("the chunk is compressed, and this build has no zstd (features `zstd`, `ruzstd`)")]
    NotBuilt,
    /// The stored bytes do not decode to a chunk of the expected length. Retrying will not help.
    #[error("codec {codec}: the stored bytes are not a chunk of {raw_len} bytes")]
    Damaged { codec: u8, raw_len: usize },
}

impl Codec {
    /// Returns the byte that stands for this codec in a pack.
    pub(crate) const fn id(self) -> u8 {
        match self {
            Self::Raw => 0,
            Self::Zstd(Grouping::Plain) => 1,
            Self::Zstd(Grouping::By2) => 2,
            Self::Zstd(Grouping::By4) => 3,
            Self::Zstd(Grouping::By8) => 4,
        }
    }

    /// Returns the codec that `id` stands for.
    pub(crate) const fn from_id(id: u8) -> Result<Self, CodecError> {
        match id {
            0 => Ok(Self::Raw),
            1 => Ok(Self::Zstd(Grouping::Plain)),
            2 => Ok(Self::Zstd(Grouping::By2)),
            3 => Ok(Self::Zstd(Grouping::By4)),
            4 => Ok(Self::Zstd(Grouping::By8)),
            128.. => Err(CodecError::Encrypted(id)),
            _ => Err(CodecError::Unknown(id)),
        }
    }
}

impl Grouping {
    const fn planes(self) -> usize {
        match self {
            Self::Plain => 1,
            Self::By2 => 2,
            Self::By4 => 4,
            Self::By8 => 8,
        }
    }

    fn group(self, raw: &[u8]) -> Vec<u8> {
        match self {
            Self::Plain => raw.to_vec(),
            Self::By2 => group::<2>(raw),
            Self::By4 => group::<4>(raw),
            Self::By8 => group::<8>(raw),
        }
    }

    fn ungroup(self, planes: Vec<u8>) -> Vec<u8> {
        match self {
            Self::Plain => planes,
            Self::By2 => ungroup::<2>(&planes),
            Self::By4 => ungroup::<4>(&planes),
            Self::By8 => ungroup::<8>(&planes),
        }
    }
}

/// Compresses the chunks of one blob, and learns from each whether the next is worth trying.
///
/// Clones learn together, on any thread: it depends on their order which chunks are tried, and nothing else does.
#[derive(Debug, Clone, Default)]
pub(crate) struct Compressor(Arc<Experience>);

#[derive(Debug, Default)]
struct Experience {
    /// How many chunks looked like noise while none was owed a try.
    passed_over: AtomicU32,
    /// How many chunks are still to be tried whatever they look like.
    eager: AtomicU32,
    encoder: Encoder,
}

impl Compressor {
    /// Compresses one chunk; `None` if it is to be stored raw, because less than 5 % would be saved.
    ///
    /// A sample of 4 KiB decides whether to try. Bytes that look like noise may still repeat over long distances,
    /// which no histogram shows: so every 16th such chunk is tried all the same, and if that pays, the next 16 are.
    /// Allocates at most about four times the chunk; takes some microseconds for noise, else milliseconds for each MiB.
    pub(crate) fn encode(&self, raw: &[u8]) -> Option<(Codec, Vec<u8>)> {
        if raw.len() < MIN_BYTES || !zstd_frame::BUILT {
            return None;
        }
        match sample::estimate(raw) {
            Estimate::Pays(Grouping::Plain) => self.compress(raw, Grouping::Plain),
            Estimate::Pays(grouping) => self.compress(raw, self.confirm(raw, grouping)),
            Estimate::Noise => self.encode_noise(raw),
        }
    }

    fn encode_noise(&self, raw: &[u8]) -> Option<(Codec, Vec<u8>)> {
        // Each counter is on its own, and a lost update only moves the next try: no ordering is needed.
        let eager = self.0.eager.load(Ordering::Relaxed);
        if eager == 0 && self.0.passed_over.fetch_add(1, Ordering::Relaxed) % TRY_EVERY != TRY_EVERY - 1 {
            return None;
        }
        let compressed = self.compress(raw, Grouping::Plain);
        self.0.eager.store(if compressed.is_some() { TRY_EVERY } else { eager.saturating_sub(1) }, Ordering::Relaxed);
        compressed
    }

    /// Compresses if that saves enough.
    fn compress(&self, raw: &[u8], grouping: Grouping) -> Option<(Codec, Vec<u8>)> {
        let limit = most_stored(raw.len());
        let frame = match grouping {
            Grouping::Plain => self.0.encoder.encode(raw, 1, limit),
            _ => self.0.encoder.encode(&grouping.group(raw), grouping.planes(), limit),
        }?;
        Some((Codec::Zstd(grouping), frame))
    }

    /// Falls back to no grouping where a piece of the chunk compresses better without.
    ///
    /// The estimate sees how often each byte occurs, not that words or whole records come again, which grouping tears up.
    fn confirm(&self, raw: &[u8], grouping: Grouping) -> Grouping {
        // From the middle, and from a multiple of 8, so that the lanes are those of the whole.
        let start = raw.len().saturating_sub(TRIAL_BYTES) / 2 / 8 * 8;
        let piece = raw.get(start..).unwrap_or_default();
        let piece = piece.get(..TRIAL_BYTES).unwrap_or(piece);
        let size = |grouping| self.compress(piece, grouping).map_or(piece.len(), |(_, frame)| frame.len());
        if size(Grouping::Plain) < size(grouping) { Grouping::Plain } else { grouping }
    }
}

/// Decodes chunks one after the other: a new context for each small one would take longer than the chunk.
#[derive(Default)]
pub(crate) struct Decoder(zstd_frame::Decoder);

impl Decoder {
    /// Decodes one chunk of `raw_len` bytes.
    ///
    /// `stored` may be hostile: no more than a few times `raw_len` and a constant is allocated, whatever a frame
    /// claims of itself, and it takes time in proportion to `stored` and `raw_len` together. So `raw_len` itself must be
    /// checked against the greatest length of a chunk before. Raw bytes are passed on without a copy.
    ///
    /// # Errors
    /// [`CodecError::Damaged`] if the bytes do not decode, or to more or fewer than `raw_len`; [`CodecError::NotBuilt`] if
    /// they are compressed and this build has no zstd.
    pub(crate) fn decode(&mut self, codec: Codec, stored: Bytes, raw_len: usize) -> Result<Bytes, CodecError> {
        let damaged = CodecError::Damaged { codec: codec.id(), raw_len };
        let raw = match codec {
            Codec::Raw => stored,
            Codec::Zstd(_) if !zstd_frame::BUILT => return Err(CodecError::NotBuilt),
            Codec::Zstd(grouping) => match self.0.decode(&stored, raw_len) {
                // Checked before the bytes are moved once more.
                Some(planes) if planes.len() == raw_len => grouping.ungroup(planes).into(),
                _ => return Err(damaged),
            },
        };
        if raw.len() == raw_len { Ok(raw) } else { Err(damaged) }
    }
}

/// The most bytes that are still worth storing compressed: 95 % of the raw ones.
const fn most_stored(raw_len: usize) -> usize {
    raw_len - raw_len.div_ceil(20)
}

/// Smaller chunks are stored raw: there is too little to learn from, and little to save.
const MIN_BYTES: usize = 512;
/// One of so many chunks that look like noise is tried.
const TRY_EVERY: u32 = 16;
/// What is compressed both ways to choose the grouping.
const TRIAL_BYTES: usize = 16 * 1024;

#[cfg(test)]
mod tests;
