use bytes::Bytes;
use futures::{
    SinkExt, StreamExt,
    channel::mpsc::{Receiver, Sender},
};
use lineal_core::{Digest, Error, Hasher, on_cpu};

use super::{super::read::OFF_THREAD, cut::Cut};

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
            in_one(&mut hasher, cut)
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

/// Hashes chunks in a thread of the CPU pool.
///
/// The blob is one sequence. Where threads are many, all the others hash chunks beside it, and it takes the least time. Where
/// they are few, the others have enough to do with cutting and storing, and both hashes in one go take the least work.
fn on_pool(hasher: &mut Hasher, cut: Cut) -> Vec<(Digest, Bytes)> {
    use rayon::prelude::*;

    if cut.sole || rayon::current_num_threads() <= FEW_THREADS {
        return in_one(hasher, cut);
    }
    let whole = cut.chunks.clone();
    let blob = || whole.iter().for_each(|chunk| hasher.update(chunk));
    let chunks = || cut.chunks.into_par_iter().map(|bytes| (Digest::of(&bytes), bytes)).collect();
    rayon::join(blob, chunks).1
}

fn in_one(hasher: &mut Hasher, cut: Cut) -> Vec<(Digest, Bytes)> {
    let mut digest = |bytes: &[u8]| if cut.sole { Digest::of(bytes) } else { hasher.update_with_digest(bytes) };
    cut.chunks.into_iter().map(|bytes| (digest(&bytes), bytes)).collect()
}

/// One thread hashes, one cuts, reads and writes; one more would be of use to chunks.
const FEW_THREADS: usize = 3;
