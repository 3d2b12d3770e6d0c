use std::{
    fs, io,
    ops::Range,
    path::{Path, PathBuf},
    sync::{
        Arc, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::{Bytes, BytesMut};
use lineal_core::Timestamp;

use self::{block::BlockName, shard::Shard};
use super::PackName;
use crate::Error;

mod block; // one file: its name and its bytes
mod shard; // one directory: bounded by itself
mod through; // a read by way of it

/// Keeps blocks of packs on a local disk, so that what is read again makes no request.
///
/// A directory bounded in bytes; any number of handles and processes may share one, and anybody may delete files in it,
/// or all of it, at any time. Its files are no format to keep: another release may find them useless, and drops them.
///
/// **What is cached.** Packs in aligned blocks of 1 MiB. A read fetches the blocks that are missing, those that lie side
/// by side in one request, and waits until they are written. So a small read of something new fetches a block or two.
/// Packs never change and their names never come again, so nothing has to be invalidated. Files carry a checksum, chunks
/// are verified after that as always, and a chunk that is not right is read again from the store: a bad cache costs
/// time, never bytes. Whoever can read the directory can read what was cached. Opening, [`PackBlobs::fsck`] and
/// `stat` of what is in the index do not use it.
///
/// **How it is bounded.** Blocks are spread by hash over up to 256 subdirectories, and each holds its share of the
/// bound by itself: whoever writes a block into one counts its files, before and after. So there is no count that
/// could be wrong, no lock, and nothing is scanned at open. While processes write at the same time, there may be one
/// block more for each write under way. What a crash left half written counts, too. If processes open a directory with
/// different bounds, the larger one holds.
///
/// **What goes first.** In the subdirectory that is full, the block that was not used for the longest time, to ten
/// minutes; so it is the least recently used of some, not of all.
///
/// **When the disk fails.** A full disk, missing permissions or a directory that is gone never fail a read; it goes to
/// the store then.
///
/// ```
/// use lineal_artifacts::{PackBlobs, ReadCache};
/// use lineal_core::{BlobStoreExt, Digest, PutHints, Store};
/// # use lineal_core::BlobStore;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path();
/// let cache = ReadCache::open(path, 64 * 1024 * 1024)?;
/// let blobs = PackBlobs::open(&Store::open("memory:///")?, "blobs").await?.with_cache(cache);
/// # let batch = blobs.begin().await?;
/// # batch.put("one".into(), PutHints::default()).await?;
/// # batch.commit().await?;
/// assert_eq!(blobs.read_all(&Digest::of(b"one")).await?, "one"); // from the store, and the next time from disk
/// # Ok(()) }
/// ```
///
/// [`PackBlobs::fsck`]: crate::PackBlobs::fsck
#[derive(Debug, Clone)]
pub struct ReadCache {
    files: Arc<Files>,
}

#[derive(Debug)]
struct Files {
    root: PathBuf,
    block_bytes: u64,
    /// A power of two, at most [`SHARDS`].
    shards: u64,
    /// Blocks that each shard may hold.
    ways: usize,
    swept: AtomicBool,
}

/// What writing needs of its store's host.
#[derive(Debug, Clone, Copy)]
struct Moment {
    /// The time of use that files are marked with.
    now: Timestamp,
    /// Names what is written until it is whole.
    id: [u8; 16],
}

impl ReadCache {
    /// Opens the cache in `directory`, which is made if it is not there, for at most `max_bytes` in files.
    ///
    /// Counted are files with all that is in them, rounded up; not directories, nor files that are not the cache's,
    /// which are left alone. The directory is not read: what else there is, is of no consequence.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the bound is below one block of 1 MiB and its 4 KiB for the rest, [`Error::Local`] if the
    /// directory cannot be made or is none.
    pub fn open(directory: &Path, max_bytes: u64) -> Result<Self, Error> {
        Self::with_blocks(directory, max_bytes, BLOCK_BYTES)
    }

    fn with_blocks(directory: &Path, max_bytes: u64, block_bytes: u64) -> Result<Self, Error> {
        let blocks = max_bytes / (block_bytes + OVERHEAD_BYTES);
        if blocks == 0 {
            let rule = "must be at least one block of 1 MiB and 4 KiB";
            return Err(Error::invalid("bound of a read cache", &max_bytes.to_string(), rule));
        }
        fs::create_dir_all(directory).map_err(Error::local("make", directory))?;
        // From here on links above the directory cannot lead elsewhere, and links in it are not followed.
        let root = fs::canonicalize(directory).map_err(Error::local("find", directory))?;
        let shards = 1 << (blocks / FEWEST_WAYS).clamp(1, SHARDS).ilog2();
        let ways = usize::try_from(blocks / shards).unwrap_or(usize::MAX);
        let files = Files { root, block_bytes, shards, ways, swept: AtomicBool::new(false) };
        Ok(Self { files: Arc::new(files) })
    }

    /// Finds out which blocks lie here of those that have bytes in `range`, all of them with their bytes.
    async fn find(&self, pack: PackName, size_bytes: u64, range: &Range<u64>, now: Timestamp) -> Found {
        let block_bytes = self.files.block_bytes;
        let first = range.start / block_bytes;
        let count = range.end.div_ceil(block_bytes).saturating_sub(first);
        let files = Arc::clone(&self.files);
        let read = move || (first..first + count).map(|at| files.read(pack, at, size_bytes, now)).collect();
        let blocks = tokio::task::spawn_blocking(read).await;
        let blocks: Vec<Option<Bytes>> = blocks.unwrap_or_else(|_| (0..count).map(|_| None).collect());
        Found { size_bytes, block_bytes, first, blocks }
    }

    /// Writes what was fetched; whatever goes wrong, the cache is just without it.
    async fn keep(&self, pack: PackName, blocks: Vec<(u64, Bytes)>, moment: Moment) {
        let files = Arc::clone(&self.files);
        let write = move || blocks.iter().try_for_each(|(at, bytes)| files.write(pack, *at, bytes, moment).map(drop));
        // What cannot be written now is fetched again the next time.
        tokio::task::spawn_blocking(write).await.ok();
        if !self.files.swept.swap(true, Ordering::Relaxed) {
            let files = Arc::clone(&self.files);
            // Not waited for: it makes an earlier, larger bound smaller, and no read depends on that.
            drop(tokio::task::spawn_blocking(move || files.sweep()));
        }
    }

    /// Drops the blocks that have bytes in these ranges.
    async fn forget(&self, ranges: Vec<(PackName, Range<u64>)>) {
        let files = Arc::clone(&self.files);
        let remove = move || {
            for (pack, range) in ranges {
                for at in range.start / files.block_bytes..range.end.div_ceil(files.block_bytes) {
                    files.remove(pack, at);
                }
            }
        };
        tokio::task::spawn_blocking(remove).await.ok();
    }
}

impl Files {
    fn place(&self, pack: PackName, at: u64) -> (Shard, BlockName) {
        let name = BlockName::new(pack, at);
        (Shard::new(&self.root, name.hash() & (self.shards - 1), self.ways), name)
    }

    fn read(&self, pack: PackName, at: u64, size_bytes: u64, now: Timestamp) -> Option<Bytes> {
        let (shard, name) = self.place(pack, at);
        shard.read(&name, block_range(at, self.block_bytes, size_bytes), now)
    }

    fn write(&self, pack: PackName, at: u64, bytes: &Bytes, moment: Moment) -> io::Result<()> {
        let (shard, name) = self.place(pack, at);
        shard.write(&name, bytes, moment)
    }

    fn remove(&self, pack: PackName, at: u64) {
        let (shard, name) = self.place(pack, at);
        shard.remove(&name);
    }

    /// Brings all shards below the bound, those of a larger number of shards to nothing.
    fn sweep(&self) {
        for index in 0..SHARDS {
            let ways = if index < self.shards { self.ways } else { 0 };
            // A shard that cannot be read or emptied is met again when it is written.
            Shard::new(&self.root, index, ways).trim(ways).ok();
        }
    }
}

/// Where a block lies in its pack.
fn block_range(at: u64, block_bytes: u64, size_bytes: u64) -> Range<u64> {
    let start = at.saturating_mul(block_bytes);
    start..start.saturating_add(block_bytes).min(size_bytes)
}

/// Blocks of a pack side by side, some of them here.
#[derive(Debug)]
struct Found {
    /// Of the pack.
    size_bytes: u64,
    block_bytes: u64,
    /// Number of the first.
    first: u64,
    blocks: Vec<Option<Bytes>>,
}

impl Found {
    /// Returns the ranges to fetch: each as long as there are blocks missing side by side.
    fn missing(&self) -> Vec<Range<u64>> {
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for (at, _) in (self.first..).zip(&self.blocks).filter(|(_, block)| block.is_none()) {
            let range = block_range(at, self.block_bytes, self.size_bytes);
            match ranges.last_mut() {
                Some(last) if last.end == range.start => last.end = range.end,
                _ => ranges.push(range),
            }
        }
        ranges
    }

    /// Takes the bytes of a range that was missing; returns the blocks it is made of.
    fn fill(&mut self, range: &Range<u64>, bytes: Bytes) -> Vec<(u64, Bytes)> {
        let mut filled = Vec::new();
        for (at, block) in (self.first..).zip(&mut self.blocks) {
            let own = block_range(at, self.block_bytes, self.size_bytes);
            if own.start < range.start || own.end > range.end {
                continue;
            }
            let (from, to) = ((own.start - range.start) as usize, (own.end - range.start) as usize);
            if to <= bytes.len() {
                let piece = bytes.slice(from..to);
                filled.push((at, piece.clone()));
                *block = Some(piece);
            }
        }
        filled
    }

    /// Cuts `range` out of the blocks, if all of them are there.
    fn cut(&self, range: &Range<u64>) -> Option<Bytes> {
        let mut out = BytesMut::new();
        for (at, block) in (self.first..).zip(&self.blocks) {
            let own = block_range(at, self.block_bytes, self.size_bytes);
            let from = range.start.max(own.start).saturating_sub(own.start) as usize;
            let to = range.end.min(own.end).saturating_sub(own.start) as usize;
            let block = block.as_ref()?;
            let piece = (from <= to && to <= block.len()).then(|| block.slice(from..to))?;
            if self.blocks.len() == 1 && piece.len() >= block.len() / 2 {
                return Some(piece);
            }
            // Copied, so that a small piece does not keep its block in memory.
            out.extend_from_slice(&piece);
        }
        (out.len() as u64 == range.end - range.start).then(|| out.freeze())
    }
}

/// The cache of a store's handle, if it was given one.
#[derive(Debug, Default)]
pub(super) struct CacheSlot(RwLock<Option<ReadCache>>);

impl CacheSlot {
    pub(super) fn set(&self, cache: ReadCache) {
        *self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(cache);
    }

    pub(super) fn cache(&self) -> Option<ReadCache> {
        self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

/// Bytes of a pack that are cached together.
const BLOCK_BYTES: u64 = 1024 * 1024;
/// What a file may take beside its block: its header, rounded up to the unit of file systems.
const OVERHEAD_BYTES: u64 = 4096;
/// Subdirectories at most.
const SHARDS: u64 = 256;
/// Blocks that a shard should be able to hold before there are more shards: with few, a block would go soon after it
/// came for no better reason than its hash.
const FEWEST_WAYS: u64 = 32;

#[cfg(test)]
mod tests;
