use bytes::Bytes;
use futures::{SinkExt, channel::mpsc::Sender, future::try_join};
use lineal_core::{Digest, Error, Hasher, on_cpu};

use super::{
    super::read::OFF_THREAD,
    hash::{Hashed, in_one},
    source::{Slab, Source},
};
use crate::{
    ChunkProfile,
    chunk::{self, MAX_CHUNK, Search},
};

/// The chunks that end in one slab.
pub(super) struct Cut {
    pub(super) chunks: Vec<Bytes>,
    pub(super) slab_bytes: usize,
    /// Whether the only chunk is the whole blob.
    pub(super) sole: bool,
}

/// Cuts slab after slab, each while the next one is read; ends early if nobody takes the chunks any more.
pub(super) async fn cut_all(mut source: Source, mut cutter: Cutter, mut out: Sender<Cut>) -> Result<(), Error> {
    let mut slab = source.next_slab().await?;
    while !slab.last {
        let (cut, next) = try_join(cut_one(&mut cutter, slab), source.next_slab()).await?;
        if out.send(cut).await.is_err() {
            return Ok(());
        }
        slab = next;
    }
    let cut = cut_one(&mut cutter, slab).await?;
    // Whoever does not take the last one has a failure of its own to tell of.
    out.send(cut).await.ok();
    Ok(())
}

async fn cut_one(cutter: &mut Cutter, slab: Slab) -> Result<Cut, Error> {
    if slab.bytes.len() < OFF_THREAD {
        return Ok(cutter.cut(&slab));
    }
    let mut moved = std::mem::take(cutter);
    let (cut, moved) = on_cpu(move || (moved.cut(&slab), moved)).await?;
    *cutter = moved;
    Ok(cut)
}

/// Where a blob is cut, and how far it is.
#[derive(Default)]
pub(super) struct Cutter {
    profile: ChunkProfile,
    points: Vec<u64>,
    /// Bytes in chunks so far.
    offset: u64,
    /// What was left uncut of the slabs so far.
    tail: Bytes,
}

impl Cutter {
    pub(super) fn new(profile: ChunkProfile, points: Vec<u64>) -> Self {
        Self { profile, points, ..Self::default() }
    }

    /// Cuts what was left uncut, and the slab behind it.
    ///
    /// Only the chunk that lies in both is copied together; the others are slices of the slab.
    fn cut(&mut self, slab: &Slab) -> Cut {
        let begun = self.offset;
        let mut cut = Cut { chunks: Vec::new(), slab_bytes: slab.bytes.len(), sole: false };
        let mut rest = slab.bytes.clone();
        if !self.tail.is_empty() {
            let Some(joint) = self.joint(slab) else { return cut };
            // It ends behind the tail, or the tail would have been cut there.
            rest = rest.slice(joint.len() - self.tail.len()..);
            self.push(&mut cut, joint);
        }
        let mut at = 0;
        for end in self.ends(&rest, slab.last) {
            self.push(&mut cut, rest.slice(at..end));
            at = end;
        }
        // A copy, so that a short end does not keep its slab.
        self.tail = Bytes::copy_from_slice(rest.get(at..).unwrap_or_default());
        cut.sole = slab.last && begun == 0 && cut.chunks.len() == 1;
        cut
    }

    /// Cuts as [`Cutter::cut`] does, and hashes every chunk while the end of the next one is searched for.
    pub(super) fn cut_and_hash(&mut self, slab: &Slab, hasher: &mut Hasher) -> Hashed {
        let Some(rule) = self.profile.rule().filter(|_| self.points.is_empty()) else {
            return in_one(hasher, self.cut(slab));
        };
        let (begun, slab_bytes) = (self.offset, slab.bytes.len());
        let mut hashed = Hashed { chunks: Vec::new(), slab_bytes };
        let (mut rest, mut found) = (slab.bytes.clone(), None);
        if !self.tail.is_empty() {
            let Some(joint) = self.joint(slab) else { return hashed };
            rest = rest.slice(joint.len() - self.tail.len()..);
            found = Some(joint);
        }
        let mut at = 0;
        loop {
            let left = rest.slice(at..);
            let mut search = Search::new(&rule, &left, slab.last);
            if let Some(chunk) = found {
                let sole = slab.last && begun == 0 && hashed.chunks.is_empty() && left.is_empty();
                let digest;
                (digest, search) = match sole {
                    true => (Digest::of(&chunk), search),
                    false => hasher.update_with_digest_beside(&chunk, search),
                };
                self.offset += chunk.len() as u64;
                hashed.chunks.push((digest, chunk));
            }
            let Some(length) = search.finish() else { break };
            found = Some(left.slice(..length));
            at += length;
        }
        // A copy, so that a short end does not keep its slab.
        self.tail = Bytes::copy_from_slice(rest.get(at..).unwrap_or_default());
        hashed
    }

    /// Returns the chunk that begins in the tail; keeps tail and slab as the new tail if it does not end in the slab.
    fn joint(&mut self, slab: &Slab) -> Option<Bytes> {
        // No chunk is longer than that, so its end lies within.
        let borrowed = slab.bytes.len().min(self.max_chunk());
        let mut joint = Vec::with_capacity(self.tail.len() + borrowed);
        joint.extend_from_slice(&self.tail);
        joint.extend_from_slice(slab.bytes.get(..borrowed).unwrap_or_default());
        let whole = slab.last && borrowed == slab.bytes.len();
        match self.ends(&joint, whole).first() {
            Some(end) => {
                joint.truncate(*end);
                Some(joint.into())
            }
            None => {
                self.tail = joint.into();
                None
            }
        }
    }

    fn push(&mut self, cut: &mut Cut, chunk: Bytes) {
        self.offset += chunk.len() as u64;
        cut.chunks.push(chunk);
    }

    fn max_chunk(&self) -> usize {
        if self.points.is_empty() { self.profile.max_chunk() } else { MAX_CHUNK }
    }

    fn ends(&self, bytes: &[u8], last: bool) -> Vec<usize> {
        match self.points.as_slice() {
            [] => self.profile.ends(bytes, last),
            points => chunk::ends_at(points, self.offset, bytes.len(), last),
        }
    }
}
