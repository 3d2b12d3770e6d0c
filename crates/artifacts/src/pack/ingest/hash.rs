use bytes::Bytes;
use futures::{
    SinkExt, StreamExt, TryFutureExt,
    channel::mpsc::{Receiver, Sender},
    future::try_join,
};
use lineal_core::{Digest, Error, Hasher, on_cpu};

use super::{
    super::read::OFF_THREAD,
    cut::{Cut, Cutter},
    source::{Slab, Source},
};

/// Chunks with their hashes.
pub(super) struct Hashed {
    pub(super) chunks: Vec<(Digest, Bytes)>,
    pub(super) slab_bytes: usize,
}

/// Hashes all chunks, and the blob that they make; a sole chunk is hashed once, and the hasher is of no bytes then.
pub(super) async fn hash_all(mut cuts: Receiver<Cut>, mut out: Sender<Hashed>) -> Result<Hasher, Error> {
    let mut hasher = Hasher::new();
    while let Some(cut) = cuts.next().await {
        let slab_bytes = cut.slab_bytes;
        let chunks = if slab_bytes < OFF_THREAD {
            in_one(&mut hasher, cut).chunks
        } else {
            let mut moved = std::mem::take(&mut hasher);
            let (chunks, moved) = on_cpu(move || (on_pool(&mut moved, cut), moved)).await?;
            hasher = moved;
            chunks
        };
        if out.send(Hashed { chunks, slab_bytes }).await.is_err() {
            break;
        }
    }
    Ok(hasher)
}

/// Hashes chunks in threads of the CPU pool: the blob is one sequence, and all other threads hash chunks beside it.
fn on_pool(hasher: &mut Hasher, cut: Cut) -> Vec<(Digest, Bytes)> {
    use rayon::prelude::*;

    if cut.sole {
        return in_one(hasher, cut).chunks;
    }
    let whole = cut.chunks.clone();
    let blob = || whole.iter().for_each(|chunk| hasher.update(chunk));
    let chunks = || cut.chunks.into_par_iter().map(|bytes| (Digest::of(&bytes), bytes)).collect();
    rayon::join(blob, chunks).1
}

/// Cuts and hashes slab after slab, each while the next one is read; returns the hasher of all of them. The least work for
/// threads that are few.
pub(super) async fn cut_and_hash_all(
    mut source: Source,
    mut cutter: Cutter,
    mut out: Sender<Hashed>,
) -> Result<Hasher, Error> {
    let mut hasher = Hasher::new();
    let mut slab = source.next_slab().await?;
    loop {
        let last = slab.last;
        let work = one_slab(&mut cutter, &mut hasher, slab);
        let (hashed, next) = match last {
            true => (work.await?, None),
            false => try_join(work, source.next_slab().map_ok(Some)).await?,
        };
        let taken = out.send(hashed).await.is_ok();
        match next.filter(|_| taken) {
            Some(next) => slab = next,
            None => return Ok(hasher),
        }
    }
}

async fn one_slab(cutter: &mut Cutter, hasher: &mut Hasher, slab: Slab) -> Result<Hashed, Error> {
    if slab.bytes.len() < OFF_THREAD {
        return Ok(cutter.cut_and_hash(&slab, hasher));
    }
    let (mut cutting, mut hashing) = (std::mem::take(cutter), std::mem::take(hasher));
    let work = move || (cutting.cut_and_hash(&slab, &mut hashing), cutting, hashing);
    let hashed;
    (hashed, *cutter, *hasher) = on_cpu(work).await?;
    Ok(hashed)
}

/// Tells whether the CPU pool is so small that a blob is cut and hashed in one thread: another one has enough to do with
/// reading and writing.
pub(super) fn threads_are_few() -> bool {
    rayon::current_num_threads() <= 3
}

pub(super) fn in_one(hasher: &mut Hasher, cut: Cut) -> Hashed {
    let mut digest = |bytes: &[u8]| if cut.sole { Digest::of(bytes) } else { hasher.update_with_digest(bytes) };
    let chunks = cut.chunks.into_iter().map(|bytes| (digest(&bytes), bytes)).collect();
    Hashed { chunks, slab_bytes: cut.slab_bytes }
}

#[cfg(test)]
mod tests {
    use futures::{StreamExt, channel::mpsc::channel, future::join3, stream};
    use lineal_testkit::Dice;

    use super::{super::cut::cut_all, *};
    use crate::ChunkProfile;

    fn source(bytes: &[u8], piece: usize) -> Source {
        let pieces: Vec<_> = bytes.chunks(piece).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        Source::new(stream::iter(pieces).boxed())
    }

    async fn chunks(hashed: Receiver<Hashed>) -> Vec<(Digest, Bytes)> {
        hashed.map(|slab| stream::iter(slab.chunks)).flatten().collect().await
    }

    #[tokio::test]
    async fn one_stage_and_two_find_the_same_chunks() {
        let mut dice = Dice::new(5);
        let blob: Vec<u8> = (0..9 << 20).flat_map(|_| dice.next_u64().to_le_bytes().into_iter().take(1)).collect();
        for (profile, points) in [
            (ChunkProfile::Standard, vec![]),
            (ChunkProfile::Weights, vec![70_000, 5_000_000]),
            (ChunkProfile::Whole, vec![]),
        ] {
            for (size, piece) in
                [(0, 1), (1, 1), (30_000, 999), (1 << 20, 70_000), (blob.len(), 3_000_000), (blob.len(), 8 << 20)]
            {
                let (bytes, cutter) = (&blob[..size], || Cutter::new(profile, points.clone()));
                let (out, one) = channel(1);
                let (hasher, one) =
                    futures::future::join(cut_and_hash_all(source(bytes, piece), cutter(), out), chunks(one)).await;
                let (cut, cuts) = channel(1);
                let (out, two) = channel(1);
                let (read, other, two) =
                    join3(cut_all(source(bytes, piece), cutter(), cut), hash_all(cuts, out), chunks(two)).await;
                read.unwrap();
                assert!(one == two, "{profile:?}, {size} bytes in pieces of {piece}");
                let (hasher, other) = (hasher.unwrap().finish(), other.unwrap().finish());
                assert_eq!(hasher, other);
                let whole = if one.len() == 1 { one[0].0 } else { hasher };
                assert_eq!(whole, Digest::of(bytes));
                assert!(one.iter().all(|(digest, bytes)| *digest == Digest::of(bytes)));
            }
        }
    }
}
