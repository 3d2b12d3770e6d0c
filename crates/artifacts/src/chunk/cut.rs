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

use lineal_core::Beside;

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

    fn strong_limit(&self) -> u64 {
        1 << (u64::BITS - self.strong_bits)
    }

    fn weak_limit(&self) -> u64 {
        1 << (u64::BITS - self.weak_bits)
    }

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
    Search::new(rule, left, last).finish().map(|length| start + length)
}

/// A search for the end of one chunk, of which most can be done beside a hash.
///
/// It has two stretches, each with a limit of its own. Beside a hash it goes through the whole blocks of both; in the loop over
/// them nothing is called, or the state would not stay in registers.
pub(crate) struct Search<'a> {
    rule: CutRule,
    /// As far as the chunk may reach.
    chunk: &'a [u8],
    last: bool,
    /// Bytes that the hash has rolled over.
    at: usize,
    hash: u64,
    /// The hash has to be below it.
    limit: u64,
    /// The block at hand, the hash before it, and the least hash since the limit is what it is.
    block: &'a [u8; BLOCK],
    before: u64,
    least: u64,
    /// The blocks behind it, and those of the second stretch if that is not begun.
    blocks: &'a [[u8; BLOCK]],
    second: &'a [[u8; BLOCK]],
}

impl<'a> Search<'a> {
    /// Begins at the start of a chunk; `bytes` and `last` are as for [`cut`].
    pub(crate) fn new(rule: &CutRule, bytes: &'a [u8], last: bool) -> Self {
        let chunk = bytes.get(..rule.max).unwrap_or(bytes);
        let (first, turn) = (rule.min - 1, rule.normal - 1);
        let blocks = |from: usize, to: usize| chunk.get(from..to).unwrap_or_default().as_chunks().0;
        // All of the window but the byte that the first position tried will add.
        let window = chunk.get(rule.min - WINDOW..first).unwrap_or_default();
        Self {
            rule: *rule,
            chunk,
            last,
            at: first,
            hash: window.iter().fold(0, |hash, byte| roll(hash, *byte)),
            limit: rule.strong_limit(),
            block: &[0; BLOCK],
            before: 0,
            least: u64::MAX,
            blocks: blocks(first, chunk.len().min(turn)),
            second: if (turn - first) % BLOCK == 0 { blocks(turn, chunk.len()) } else { &[] },
        }
    }

    /// Searches to the end; returns the length of the chunk, unless bytes to come could change it.
    pub(crate) fn finish(self) -> Option<usize> {
        let forced = self.chunk.len() == self.rule.max || (self.last && !self.chunk.is_empty());
        let whole = forced.then_some(self.chunk.len());
        self.find().or(whole)
    }

    fn find(mut self) -> Option<usize> {
        if self.least < self.limit {
            return first_below(self.before, self.block, self.limit).ok().map(|bytes| self.at - BLOCK + bytes);
        }
        if self.limit == OVER {
            self.hash = self.before;
        }
        let turn = self.chunk.len().min(self.rule.normal - 1);
        if let Some(short) = self.chunk.get(self.at..turn) {
            match first_below(self.hash, short, self.rule.strong_limit()) {
                Ok(bytes) => return Some(self.at + bytes),
                Err(hash) => (self.at, self.hash) = (turn, hash),
            }
        }
        let long = self.chunk.get(self.at..)?;
        first_below(self.hash, long, self.rule.weak_limit()).ok().map(|bytes| self.at + bytes)
    }
}

impl Beside for Search<'_> {
    #[inline(always)]
    fn block(mut self) -> Self {
        if self.least < self.limit {
            // Found, in this block.
            return self;
        }
        if self.blocks.is_empty() && !self.second.is_empty() {
            (self.limit, self.least) = (self.rule.weak_limit(), u64::MAX);
            (self.blocks, self.second) = (self.second, &[]);
        }
        if let Some((block, behind)) = self.blocks.split_first() {
            (self.block, self.blocks, self.before) = (block, behind, self.hash);
            self.at += BLOCK;
        } else if self.limit != OVER {
            (self.before, self.limit) = (self.hash, OVER);
        }
        self
    }

    #[inline(always)]
    fn round(mut self, round: usize) -> Self {
        if let Some(four) = self.block.as_chunks().0.get(round) {
            let hashes = four_hashes(self.hash, four);
            self.hash = hashes[3];
            self.least = hashes.into_iter().fold(self.least, u64::min);
        }
        self
    }
}

/// Rolls `hash` over `bytes` until it is below `limit`; returns how many bytes that took, or the hash after them all.
fn first_below(mut hash: u64, bytes: &[u8], limit: u64) -> Result<usize, u64> {
    let (rounds, rest) = bytes.as_chunks();
    for (round, four) in rounds.iter().enumerate() {
        let hashes = four_hashes(hash, four);
        if let Some(before) = hashes.iter().position(|hash| *hash < limit) {
            return Ok(4 * round + before + 1);
        }
        hash = hashes[3];
    }
    for (before, byte) in rest.iter().enumerate() {
        hash = roll(hash, *byte);
        if hash < limit {
            return Ok(4 * rounds.len() + before + 1);
        }
    }
    Err(hash)
}

/// Rolls `hash` over four bytes. Pairs of them are joined before the hash is known, which halves the chain of operations that
/// wait for each other.
#[inline(always)]
fn four_hashes(hash: u64, four: &[u8; 4]) -> [u64; 4] {
    let [a, b, c, d] = four.map(word);
    let (ab, cd) = ((a << 1).wrapping_add(b), (c << 1).wrapping_add(d));
    let first = (hash << 1).wrapping_add(a);
    let second = (hash << 2).wrapping_add(ab);
    let third = (second << 1).wrapping_add(c);
    let fourth = (second << 2).wrapping_add(cd);
    [first, second, third, fourth]
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
/// Bytes rolled over beside one block of a hash.
const BLOCK: usize = 64;
/// The limit when no block is left: no hash is below it, whatever is rolled over from there on.
const OVER: u64 = 0;

#[cfg(test)]
mod tests;
