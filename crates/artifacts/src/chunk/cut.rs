//! The cut rule `gear-1`: where a chunk of varied length ends.
//!
//! A rolling hash `h = (h << 1) + GEAR[byte]`, modulo 2^64, forgets a byte after 64 steps, so its value at a position
//! is a function of the 64 bytes up to there and of nothing else. A chunk may end where it is small: below 2^(64 -
//! strong bits) while the chunk is shorter than normal, below 2^(64 - weak bits) from there on. The hash and the two
//! levels, which hold lengths closer to their mean, are those of W. Xia et al., "FastCDC: A Fast and Efficient
//! Content-Defined Chunking Approach for Data Deduplication" (USENIX ATC 2016). FastCDC starts its hash anew in each
//! chunk; here it runs over the window, as in the chunking of Xet with gearhash. So whether a position may end a chunk
//! does not depend on where the chunk began, and two readings of the same bytes that start apart find a common cut
//! soon.
//!
//! The rule is frozen: what it cuts is what stored chunks are found by. Another rule takes another name.

use super::gear::GEAR;

/// The lengths, in bytes, and levels of one profile of `gear-1`.
///
/// 64 <= `min` <= `normal` <= `max`, so that the window of the hash never reaches before the chunk. A length counts the
/// byte at the position where the chunk ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CutRule {
    /// No chunk is shorter, but for the last one of the data.
    pub(crate) min: usize,
    /// Shorter chunks end at strong candidates only, longer ones at weak candidates too.
    pub(crate) normal: usize,
    /// No chunk is longer.
    pub(crate) max: usize,
    /// A position is a strong candidate if this many leading bits of its hash are zero: one in 2^bits is.
    pub(crate) strong_bits: u32,
    /// The same for a weak candidate; fewer bits, so that each strong one is a weak one as well.
    pub(crate) weak_bits: u32,
}

impl CutRule {
    /// For any file: chunks of 254 KiB in the mean of random bytes.
    pub(crate) const STANDARD: Self =
        Self { min: 64 * KIB, normal: 208 * KIB, max: 1024 * KIB, strong_bits: 20, weak_bits: 16 }.checked();
    /// For files of which small parts change: chunks of 64 KiB in the mean of random bytes.
    pub(crate) const WEIGHTS: Self =
        Self { min: 8 * KIB, normal: 55 * KIB, max: 128 * KIB, strong_bits: 18, weak_bits: 14 }.checked();

    /// Holds constants to what is promised of a rule; a false one does not compile.
    const fn checked(self) -> Self {
        assert!(WINDOW <= self.min && self.min <= self.normal && self.normal <= self.max);
        assert!(self.weak_bits <= self.strong_bits && 0 < self.weak_bits && self.strong_bits < u64::BITS);
        self
    }
}

/// Returns the ends of the chunks of `bytes`, which begin at the boundary of a chunk, in ascending order.
///
/// If the data goes on after `bytes`, that is unless they are the `last`, only ends that no byte to come can change are
/// returned; the caller keeps the uncut tail, always shorter than `max`, and offers it again with more behind it. How
/// the data is fed in does not matter then. Otherwise the final end is the length. No bytes, no chunks.
pub(crate) fn cut(rule: &CutRule, bytes: &[u8], last: bool) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut at = 0;
    while let Some(end) = next_end(rule, bytes, at, last) {
        ends.push(end);
        at = end;
    }
    ends
}

/// Finds the end of the chunk that begins at `start`, if there is one and bytes to come cannot change it.
fn next_end(rule: &CutRule, bytes: &[u8], start: usize, last: bool) -> Option<usize> {
    let left = bytes.get(start..).unwrap_or_default();
    let chunk = left.get(..rule.max).unwrap_or(left);
    let found = chunk.split_at_checked(rule.min - 1).and_then(|(skipped, tried)| {
        // All of the window but the byte that the first position tried will add.
        let hash = skipped.iter().skip(skipped.len() - (WINDOW - 1)).fold(0, |hash, byte| roll(hash, *byte));
        let (short, long) = tried.split_at(tried.len().min(rule.normal - rule.min));
        match first_below(hash, short, 1 << (u64::BITS - rule.strong_bits)) {
            Ok(bytes) => Some(skipped.len() + bytes),
            Err(hash) => first_below(hash, long, 1 << (u64::BITS - rule.weak_bits))
                .ok()
                .map(|bytes| skipped.len() + short.len() + bytes),
        }
    });
    let forced = chunk.len() == rule.max || (last && !chunk.is_empty());
    found.or_else(|| forced.then_some(chunk.len())).map(|length| start + length)
}

/// Rolls `hash` over `bytes` until it is below `limit`; returns how many bytes that took, or the hash after them all.
///
/// Nearly all the time goes here. Four bytes in a round, of which pairs are joined before the hash is known, halve the
/// chain of operations that wait for each other.
fn first_below(mut hash: u64, bytes: &[u8], limit: u64) -> Result<usize, u64> {
    let (rounds, rest) = bytes.as_chunks::<4>();
    for (round, four) in rounds.iter().enumerate() {
        let [a, b, c, d] = four.map(word);
        let (ab, cd) = ((a << 1).wrapping_add(b), (c << 1).wrapping_add(d));
        let first = (hash << 1).wrapping_add(a);
        if first < limit {
            return Ok(4 * round + 1);
        }
        let second = (hash << 2).wrapping_add(ab);
        if second < limit {
            return Ok(4 * round + 2);
        }
        let third = (second << 1).wrapping_add(c);
        if third < limit {
            return Ok(4 * round + 3);
        }
        hash = (second << 2).wrapping_add(cd);
        if hash < limit {
            return Ok(4 * round + 4);
        }
    }
    for (before, byte) in rest.iter().enumerate() {
        hash = roll(hash, *byte);
        if hash < limit {
            return Ok(4 * rounds.len() + before + 1);
        }
    }
    Err(hash)
}

fn roll(hash: u64, byte: u8) -> u64 {
    (hash << 1).wrapping_add(word(byte))
}

fn word(byte: u8) -> u64 {
    GEAR[usize::from(byte)]
}

const KIB: usize = 1024;
/// Bytes that the hash depends on: a byte is shifted out of 64 bits after as many steps.
const WINDOW: usize = 64;

#[cfg(test)]
mod tests;
