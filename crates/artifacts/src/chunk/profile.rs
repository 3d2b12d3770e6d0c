//! How finely a blob is cut, and where its caller knows better.

use super::cut::{CutRule, cut};

/// How a blob is cut into chunks.
///
/// Small chunks find more of what two versions have in common, and cost more requests and a longer list. The profile
/// decides what is shared, never what is read back; the same bytes under two profiles are stored twice.
///
/// ```
/// use lineal_artifacts::ChunkProfile;
///
/// assert_eq!(ChunkProfile::for_media_type("application/vnd.safetensors"), Some(ChunkProfile::Weights));
/// assert_eq!(ChunkProfile::for_media_type("image/jpeg"), Some(ChunkProfile::Whole));
/// assert_eq!(ChunkProfile::for_media_type("text/csv").unwrap_or_default(), ChunkProfile::Standard);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ChunkProfile {
    /// Cut by content into 64 KiB to 1 MiB, 254 KiB in the mean: an edit costs about one chunk, wherever it is and
    /// whether or not it moves what follows.
    #[default]
    Standard,
    /// Cut by content into 8 KiB to 128 KiB, 64 KiB in the mean: for model weights, of which a training step or an
    /// adapter may change some tensors and leave others.
    Weights,
    /// Cut every 4 MiB, whatever the content: for what is compressed already, where one edit changes all that follows
    /// and looking for common parts is wasted. An append still keeps the whole pieces before it.
    Whole,
}

impl ChunkProfile {
    /// Returns the profile that suits files of `media_type`, or `None` if its name does not tell.
    ///
    /// The words of the subtype are looked at, so letter case, parameters, `x-` and `vnd.` do not matter. What says it
    /// is compressed is [`Whole`](Self::Whole), weights or not. Parquet and the like compress page by page and keep the
    /// pages they have in common, so they are not named here.
    #[must_use]
    pub fn for_media_type(media_type: &str) -> Option<Self> {
        let lower = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let (kind, subtype) = lower.split_once('/')?;
        let names =
            |list: &[&str]| subtype.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| list.contains(&word));
        let is_compressed = names(COMPRESSED)
            || match kind {
                "video" => true,
                "image" => names(COMPRESSED_IMAGES),
                "audio" => names(COMPRESSED_AUDIO),
                "application" => names(COMPRESSED_MEDIA),
                _ => false,
            };
        if is_compressed {
            Some(Self::Whole)
        } else if names(WEIGHTS) {
            Some(Self::Weights)
        } else {
            None
        }
    }

    /// Returns the length of the longest chunk in bytes.
    pub(crate) fn max_chunk(self) -> usize {
        match self {
            Self::Standard => CutRule::STANDARD.max,
            Self::Weights => CutRule::WEIGHTS.max,
            Self::Whole => MAX_CHUNK,
        }
    }

    /// Returns the ends of the chunks of `bytes`, which begin at the boundary of a chunk, in ascending order.
    ///
    /// Unless they are the `last` of the blob, an end that bytes to come could change is left out, and the uncut tail,
    /// shorter than [`MAX_CHUNK`], is to be offered again with more behind it.
    pub(crate) fn ends(self, bytes: &[u8], last: bool) -> Vec<usize> {
        match self.rule() {
            Some(rule) => cut(&rule, bytes, last),
            None => ends_at(&[], 0, bytes.len(), last),
        }
    }

    /// Returns what is cut by content; `None` if nothing is.
    pub(crate) fn rule(self) -> Option<CutRule> {
        match self {
            Self::Standard => Some(CutRule::STANDARD),
            Self::Weights => Some(CutRule::WEIGHTS),
            Self::Whole => None,
        }
    }
}

/// Returns the ends of chunks at the cut points that a caller gave, in ascending order.
///
/// `points` are bytes from the beginning of the blob, ascending. The ends are for `length` bytes which begin at
/// `offset` of the blob, at the boundary of a chunk, and count from there; `last` is as for [`ChunkProfile::ends`].
///
/// A point closer than [`MIN_SECTION`] to the cut before is passed over. A section longer than [`MAX_CHUNK`] is cut in
/// pieces of that length; the last of these cuts is made earlier where it would come so close before the point that the
/// point were lost. Any points are safe: one out of order or beyond the end is passed over as well, and all of this
/// depends on where the chunk begins, not on how the blob is fed in.
///
/// Takes the number of points and of chunks in time, whatever the length.
pub(crate) fn ends_at(points: &[u64], offset: u64, length: usize, last: bool) -> Vec<usize> {
    // Points before the offset become 0, which is too close to be used.
    let mut points = points.iter().map(|point| point.saturating_sub(offset)).peekable();
    let mut ends = Vec::new();
    let mut at = 0;
    while at < length {
        let section = |point: &u64| usize::try_from(*point).unwrap_or(usize::MAX).saturating_sub(at);
        while points.next_if(|point| section(point) < MIN_SECTION).is_some() {}
        let chunk = match points.peek().map_or(usize::MAX, section) {
            whole @ ..=MAX_CHUNK => whole,
            short if short < MAX_CHUNK + MIN_SECTION => MAX_CHUNK - MIN_SECTION,
            _ => MAX_CHUNK,
        };
        if chunk > length - at {
            break;
        }
        at += chunk;
        ends.push(at);
    }
    if last && at < length {
        ends.push(length);
    }
    ends
}

/// The longest chunk of any profile and between any cut points, in bytes: what a reader must be able to hold.
pub(crate) const MAX_CHUNK: usize = 4 * 1024 * 1024;
/// The shortest chunk that ends at a point of the caller, in bytes: a list of chunks should not outweigh them.
const MIN_SECTION: usize = 4 * 1024;

const _: () = assert!(CutRule::STANDARD.max <= MAX_CHUNK && CutRule::WEIGHTS.max <= MAX_CHUNK);

/// Also the suffixes for compressed forms of other types, as in `application/vnd.example.layer.tar+gzip`.
const COMPRESSED: &[&str] = &[
    "7z",
    "br",
    "brotli",
    "bzip",
    "bzip2",
    "compress",
    "compressed",
    "gzip",
    "lz4",
    "lzip",
    "lzma",
    "rar",
    "snappy",
    "xz",
    "zip",
    "zstd",
];
const COMPRESSED_IMAGES: &[&str] =
    &["avif", "gif", "heic", "heif", "jp2", "jpeg", "jpg", "jpx", "jxl", "pjpeg", "png", "webp"];
const COMPRESSED_AUDIO: &[&str] =
    &["aac", "ac3", "amr", "flac", "m4a", "mp3", "mp4", "mp4a", "mpeg", "ogg", "opus", "vorbis", "webm"];
/// Containers of sound and pictures that are not named by what is in them.
const COMPRESSED_MEDIA: &[&str] = &["mp4", "ogg"];
const WEIGHTS: &[&str] = &["ggml", "gguf", "npy", "npz", "numpy", "onnx", "pytorch", "safetensors", "torch"];

#[cfg(test)]
mod tests;
