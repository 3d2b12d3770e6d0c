use std::mem;

use bytes::Bytes;
use lineal_core::{Beside, Digest, Error, Hasher};

use super::lanes::{Given, Lanes};

/// Hashes a blob and its chunks.
///
/// The blob is one sequence and bounds the speed of it all. Chunks are given to other threads of the CPU pool as long as these
/// take them; the others are hashed abreast of the blob, in one thread, which costs less than one after the other.
#[derive(Default)]
pub(super) struct Hashing {
    /// Without bytes if the blob is its only chunk: that is hashed once.
    blob: Hasher,
    /// Whether there was a chunk.
    begun: bool,
    others: Lanes,
}

/// A chunk that is hashed, or will be.
pub(super) struct Chunk {
    digest: Hash,
    bytes: Bytes,
}

enum Hash {
    Done(Digest),
    Given(Given),
}

impl Hashing {
    /// Takes in the next chunk, the `last` of the blob or not, with other work in between; returns that as far as it came.
    pub(super) fn take<B: Beside>(&mut self, bytes: Bytes, last: bool, beside: B) -> (Chunk, B) {
        let first = !mem::replace(&mut self.begun, true);
        let (digest, beside) = if first && last {
            (Hash::Done(Digest::of(&bytes)), beside)
        } else if let Some(given) = self.others.give(&bytes) {
            (Hash::Given(given), self.blob.update_beside(&bytes, beside))
        } else {
            let (digest, beside) = self.blob.update_with_digest_beside(&bytes, beside);
            (Hash::Done(digest), beside)
        };
        (Chunk { digest, bytes }, beside)
    }

    /// Has all chunks hashed that it has taken; nobody must wait for one before.
    pub(super) fn flush(&self) {
        self.others.flush();
    }

    /// Returns the digest of the blob.
    pub(super) fn finish(self) -> Digest {
        self.blob.finish()
    }
}

impl Chunk {
    /// Waits for its hash.
    pub(super) async fn hashed(self) -> Result<(Digest, Bytes), Error> {
        let digest = match self.digest {
            Hash::Done(digest) => digest,
            Hash::Given(digest) => digest.await.map_err(|_| Error::WorkerPanicked)?,
        };
        Ok((digest, self.bytes))
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, channel::oneshot};
    use lineal_testkit::Dice;

    use super::{
        super::{cut::Cutter, source::Slab},
        *,
    };
    use crate::{
        ChunkProfile,
        chunk::{MAX_CHUNK, ends_at},
    };

    fn wait(chunk: Chunk) -> Result<(Digest, Bytes), Error> {
        let mut hashed = Box::pin(chunk.hashed());
        loop {
            match hashed.as_mut().now_or_never() {
                Some(hashed) => return hashed,
                None => std::thread::yield_now(),
            }
        }
    }

    /// Cuts a blob that comes in slabs; returns its digest and those of its chunks.
    fn cut(bytes: &[u8], slab: usize, mut cutter: Cutter) -> (Digest, Vec<(Digest, Bytes)>) {
        let mut hashing = Hashing::default();
        let slabs = bytes.chunks(slab).map(|bytes| Slab { bytes: Bytes::copy_from_slice(bytes), last: false });
        let end = Slab { bytes: Bytes::new(), last: true };
        let chunks: Vec<Chunk> = slabs.chain([end]).flat_map(|slab| cutter.cut(&slab, &mut hashing)).collect();
        let chunks = chunks.into_iter().map(|chunk| wait(chunk).unwrap()).collect();
        (hashing.finish(), chunks)
    }

    #[test]
    fn any_number_of_threads_finds_the_chunks_that_one_finds() {
        let mut dice = Dice::new(5);
        let blob: Vec<u8> = (0..9 << 20).flat_map(|_| dice.next_u64().to_le_bytes().into_iter().take(1)).collect();
        let points = [70_000, 5_000_000];
        for threads in [1, 2, 3, 8] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            for (profile, points) in
                [(ChunkProfile::Standard, &[][..]), (ChunkProfile::Weights, &points), (ChunkProfile::Whole, &[])]
            {
                for (size, slab) in [(0, 1), (1, 1), (30_000, 999), (1 << 20, 70_000), (blob.len(), 3_000_000)] {
                    let bytes = &blob[..size];
                    let (digest, chunks) = pool.install(|| cut(bytes, slab, Cutter::new(profile, points.to_vec())));
                    let ends = match points {
                        [] => profile.ends(bytes, true),
                        points => ends_at(points, 0, size, true),
                    };
                    let starts = std::iter::once(&0).chain(&ends);
                    let cuts: Vec<&[u8]> = starts.zip(&ends).map(|(start, end)| &bytes[*start..*end]).collect();
                    assert!(cuts.iter().eq(chunks.iter().map(|(_, bytes)| bytes)), "{profile:?}, {size} bytes");
                    assert!(
                        chunks.iter().all(|(digest, bytes)| *digest == Digest::of(bytes) && bytes.len() <= MAX_CHUNK)
                    );
                    // A blob of one chunk has the name of that.
                    assert_eq!(digest, Digest::of(if chunks.len() == 1 { b"" } else { bytes }));
                }
            }
        }
    }

    #[test]
    fn a_thread_that_gives_up_is_told_of() {
        let (answer, digest) = oneshot::channel();
        drop(answer);
        let chunk = Chunk { digest: Hash::Given(digest), bytes: Bytes::new() };
        assert!(matches!(wait(chunk), Err(Error::WorkerPanicked)));
    }
}
