use bytes::Bytes;

use super::{
    hash::{Chunk, Hashing},
    source::Slab,
};
use crate::{
    ChunkProfile,
    chunk::{self, CutRule, MAX_CHUNK, Search},
};

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

    /// Cuts what was left uncut, and the slab behind it, and has the chunks hashed.
    ///
    /// Only the chunk that lies in both is copied together; the others are slices of the slab.
    pub(super) fn cut(&mut self, slab: &Slab, hashing: &mut Hashing) -> Vec<Chunk> {
        let (mut rest, mut joint) = (slab.bytes.clone(), None);
        if !self.tail.is_empty() {
            let Some(found) = self.joint(slab) else { return Vec::new() };
            // It ends behind the tail, or the tail would have been cut there.
            rest = rest.slice(found.len() - self.tail.len()..);
            joint = Some(found);
        }
        self.offset += joint.as_ref().map_or(0, Bytes::len) as u64;
        let (chunks, cut) = match self.rule() {
            Some(rule) => by_content(&rule, joint, &rest, slab.last, hashing),
            None => at_ends(&self.ends(&rest, slab.last), joint, &rest, slab.last, hashing),
        };
        hashing.flush();
        self.offset += cut as u64;
        // A copy, so that a short end does not keep its slab.
        self.tail = Bytes::copy_from_slice(rest.get(cut..).unwrap_or_default());
        chunks
    }

    /// Returns how chunks are cut by content; none if the caller says where, or nobody.
    fn rule(&self) -> Option<CutRule> {
        self.profile.rule().filter(|_| self.points.is_empty())
    }

    /// Returns the chunk that begins in the tail; keeps tail and slab as the new tail if it does not end in the slab.
    fn joint(&mut self, slab: &Slab) -> Option<Bytes> {
        let mut joint = self.tail.to_vec();
        // Most chunks end in a fraction of the longest one, and what is copied for nothing costs as much as the search.
        for most in [self.max_chunk() / 2, self.max_chunk()] {
            let behind = slab.bytes.get(joint.len() - self.tail.len()..).unwrap_or_default();
            let more = behind.len().min(most.saturating_sub(joint.len()));
            joint.extend_from_slice(behind.get(..more).unwrap_or_default());
            let whole = slab.last && more == behind.len();
            if let Some(end) = self.ends(&joint, whole).first() {
                joint.truncate(*end);
                return Some(joint.into());
            }
        }
        self.tail = joint.into();
        None
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

/// Searches for the end of every chunk while the one before is hashed; returns the chunks, and how much of `rest` is in them.
fn by_content(
    rule: &CutRule,
    joint: Option<Bytes>,
    rest: &Bytes,
    last: bool,
    hashing: &mut Hashing,
) -> (Vec<Chunk>, usize) {
    let (mut chunks, mut found, mut at) = (Vec::new(), joint, 0);
    loop {
        let left = rest.get(at..).unwrap_or_default();
        let mut search = Search::new(rule, left, last);
        if let Some(bytes) = found {
            let chunk;
            (chunk, search) = hashing.take(bytes, last && left.is_empty(), search);
            chunks.push(chunk);
        }
        let Some(length) = search.finish() else { return (chunks, at) };
        found = Some(rest.slice(at..at + length));
        at += length;
    }
}

fn at_ends(
    ends: &[usize],
    joint: Option<Bytes>,
    rest: &Bytes,
    last: bool,
    hashing: &mut Hashing,
) -> (Vec<Chunk>, usize) {
    let mut at = 0;
    let slices = ends.iter().map(|end| rest.slice(std::mem::replace(&mut at, *end)..*end));
    let all: Vec<Bytes> = joint.into_iter().chain(slices).collect();
    let count = all.len();
    let take = |(number, bytes)| hashing.take(bytes, last && number + 1 == count && at == rest.len(), ()).0;
    (all.into_iter().enumerate().map(take).collect(), at)
}
