//! SHA-256 piece by piece, of one sequence of bytes or of two at once.

use std::{fmt, io, slice};

use sha2::block_api::compress256;

use self::abreast::{compress_one, compress_two};
use crate::Digest;

mod abreast;

/// Computes a [`Digest`] piece by piece; how the bytes are cut does not matter.
///
/// ```
/// use lineal_core::{Digest, Hasher};
///
/// let mut hasher = Hasher::new();
/// hasher.update(b"a");
/// assert_eq!(hasher.update_with_digest(b"bc"), Digest::of(b"bc"));
/// assert_eq!(hasher.finish(), Digest::of(b"abc"));
/// ```
#[derive(Clone)]
pub struct Hasher {
    state: State,
    /// The block that is not complete yet; what is behind its end has no meaning.
    open: [u8; BLOCK],
    size_bytes: u64,
}

impl Hasher {
    /// Starts with no bytes.
    #[must_use]
    pub const fn new() -> Self {
        Self { state: START, open: [0; BLOCK], size_bytes: 0 }
    }

    /// Takes in the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        let (blocks, rest) = self.complete(bytes).as_chunks();
        compress256(&mut self.state, blocks);
        self.keep(rest);
        self.size_bytes += bytes.len() as u64;
    }

    /// Takes in the next bytes, with other work in between; returns that as far as it came.
    pub fn update_beside<B: Beside>(&mut self, bytes: &[u8], beside: B) -> B {
        let (blocks, rest) = self.complete(bytes).as_chunks();
        let beside = compress_one(&mut self.state, blocks, beside);
        self.keep(rest);
        self.size_bytes += bytes.len() as u64;
        beside
    }

    /// Takes in the next bytes and returns the digest of just these.
    ///
    /// On a CPU of x86 with the SHA extensions that takes the time of one of the two hashes.
    pub fn update_with_digest(&mut self, bytes: &[u8]) -> Digest {
        self.update_with_digest_beside(bytes, ()).0
    }

    /// As [`Hasher::update_with_digest`], with other work in between; returns that as far as it came.
    ///
    /// ```
    /// use lineal_core::{Beside, Digest, Hasher};
    ///
    /// struct Rounds(usize);
    /// impl Beside for Rounds {
    ///     fn block(self) -> Self {
    ///         self
    ///     }
    ///     fn round(self, _: usize) -> Self {
    ///         Self(self.0 + 1)
    ///     }
    /// }
    /// let (digest, rounds) = Hasher::new().update_with_digest_beside(&[7; 640], Rounds(0));
    /// assert_eq!((digest, rounds.0), (Digest::of(&[7; 640]), 160));
    /// ```
    pub fn update_with_digest_beside<B: Beside>(&mut self, bytes: &[u8], beside: B) -> (Digest, B) {
        let mut own = Self::new();
        let (blocks, rest) = self.complete(bytes).as_chunks();
        let (own_blocks, own_rest) = bytes.as_chunks();
        let beside = compress_two([&mut self.state, &mut own.state], [blocks, own_blocks], beside);
        // Of the same bytes, they are a block more at most.
        compress256(&mut own.state, own_blocks.get(blocks.len()..).unwrap_or_default());
        self.keep(rest);
        own.keep(own_rest);
        self.size_bytes += bytes.len() as u64;
        own.size_bytes = bytes.len() as u64;
        (own.finish(), beside)
    }

    /// Takes in the next bytes of two sequences.
    ///
    /// On a CPU of x86 with the SHA extensions that takes little longer than one of them, as far as both have bytes.
    ///
    /// ```
    /// use lineal_core::{Digest, Hasher};
    ///
    /// let (mut one, mut other) = (Hasher::new(), Hasher::new());
    /// Hasher::update_both([&mut one, &mut other], [b"abc", b"defgh"]);
    /// assert_eq!((one.finish(), other.finish()), (Digest::of(b"abc"), Digest::of(b"defgh")));
    /// ```
    pub fn update_both([one, other]: [&mut Self; 2], [bytes, other_bytes]: [&[u8]; 2]) {
        let (blocks, rest) = one.complete(bytes).as_chunks();
        let (other_blocks, other_rest) = other.complete(other_bytes).as_chunks();
        compress_two([&mut one.state, &mut other.state], [blocks, other_blocks], ());
        let both = blocks.len().min(other_blocks.len());
        compress256(&mut one.state, blocks.get(both..).unwrap_or_default());
        compress256(&mut other.state, other_blocks.get(both..).unwrap_or_default());
        one.keep(rest);
        other.keep(other_rest);
        one.size_bytes += bytes.len() as u64;
        other.size_bytes += other_bytes.len() as u64;
    }

    /// Returns the digest of everything taken in.
    #[must_use]
    pub fn finish(mut self) -> Digest {
        // FIPS 180-4, 5.1.1: a one bit, zeros up to the last eight bytes of a block, there the number of bits.
        let bits = self.size_bytes.wrapping_mul(8).to_be_bytes();
        let zeros = (2 * BLOCK - 1 - bits.len() - self.filled()) % BLOCK;
        self.update(&[0x80]);
        self.update([0; BLOCK].get(..zeros).unwrap_or_default());
        self.update(&bits);
        let mut digest = [0; 32];
        digest.as_chunks_mut().0.iter_mut().zip(self.state).for_each(|(bytes, word)| *bytes = word.to_be_bytes());
        Digest::from_bytes(digest)
    }

    fn filled(&self) -> usize {
        (self.size_bytes % BLOCK as u64) as usize
    }

    /// Completes the open block and compresses it; returns the bytes that belong into the blocks to come.
    fn complete<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let filled = self.filled();
        if filled == 0 {
            return bytes;
        }
        let open = self.open.get_mut(filled..).unwrap_or_default();
        let Some((head, bytes)) = bytes.split_at_checked(open.len()) else {
            open.iter_mut().zip(bytes).for_each(|(open, byte)| *open = *byte);
            return &[];
        };
        open.copy_from_slice(head);
        compress256(&mut self.state, slice::from_ref(&self.open));
        bytes
    }

    /// Opens a block with what is left behind the last complete one.
    fn keep(&mut self, rest: &[u8]) {
        self.open.iter_mut().zip(rest).for_each(|(open, byte)| *open = *byte);
    }
}

/// Work that is done between the instructions of a hash, on the units of a CPU that it leaves idle.
///
/// It goes by value, so that it stays in registers, and gains by it only if it has no branches. How many blocks there are
/// depends on the bytes hashed; what is left of the work is to be done behind it.
pub trait Beside: Sized {
    /// Begins a block of 64 bytes, and with it sixteen rounds.
    #[must_use]
    fn block(self) -> Self;

    /// Does the part of the work for round 0 to 15 of the block.
    #[must_use]
    fn round(self, round: usize) -> Self;
}

/// Nothing.
impl Beside for () {
    fn block(self) -> Self {}

    fn round(self, _: usize) -> Self {}
}

impl Default for Hasher {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher").field("size_bytes", &self.size_bytes).finish_non_exhaustive()
    }
}

impl io::Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

type State = [u32; 8];

/// Bytes that SHA-256 compresses at a time.
const BLOCK: usize = 64;
/// FIPS 180-4, 5.3.3.
const START: State =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    /// [`Digest::of`] is another implementation, of which NIST's examples are tested.
    #[test]
    fn every_length_and_every_cut_of_three_blocks() {
        let bytes: Vec<u8> = (0..3 * BLOCK as u8).collect();
        for size in 0..=bytes.len() {
            for cut in 0..=size {
                let (head, tail) = bytes[..size].split_at(cut);
                let mut hasher = Hasher::new();
                hasher.update(head);
                assert_eq!(hasher.update_with_digest(tail), Digest::of(tail), "{size} bytes from {cut}");
                assert_eq!(hasher.finish(), Digest::of(&bytes[..size]), "{size} bytes cut at {cut}");
            }
        }
    }

    proptest! {
        #[test]
        fn cutting_does_not_matter(pieces: Vec<(bool, Vec<u8>)>) {
            let mut hasher = Hasher::new();
            for (apart, piece) in &pieces {
                match apart {
                    true => prop_assert_eq!(hasher.update_with_digest(piece), Digest::of(piece)),
                    false => hasher.write_all(piece).unwrap(),
                }
            }
            let all: Vec<u8> = pieces.into_iter().flat_map(|(_, piece)| piece).collect();
            prop_assert_eq!(hasher.finish(), Digest::of(&all));
        }
    }
}
