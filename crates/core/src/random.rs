//! Counter-based randomness: every draw is a function of seed, stream and position.
//!
//! Philox4x32-10 of J. Salmon, M. Moraes, R. Dror and D. Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3" (SC 2011).
//! It has no state but a position, so streams are split by name instead of being handed around, and results do not
//! depend on which thread draws first. It is not for secrets.

use std::{fmt, ops::Range};

use crate::{Digest, Hasher};

/// A stream of random numbers that is the same on every machine.
///
/// A stream is keyed by the SHA-256 of the seed and a name. All methods give the same bits on every platform; which
/// words each one takes is part of the format, and changes only with a new type.
///
/// ```
/// use lineal_core::Rng;
///
/// let mut rng = Rng::new(7, "weights");
/// let first = rng.next_u64();
/// assert_eq!(Rng::new(7, "weights").next_u64(), first);
/// assert_ne!(Rng::new(7, "split").next_u64(), first);
///
/// let sixth_trial = Rng::new(7, "trials").fork("6");
/// let mut cards = [1, 2, 3, 4];
/// sixth_trial.clone().shuffle(&mut cards);
/// assert_eq!(cards.iter().sum::<i32>(), 10);
/// ```
#[derive(Clone)]
pub struct Rng {
    root: Digest,
    position: u64,
    block: [u32; 4],
}

impl Rng {
    /// Opens the stream `stream` of `seed` at its beginning.
    #[must_use]
    pub fn new(seed: u64, stream: &str) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(b"lineal-rng\0");
        hasher.update(&seed.to_le_bytes());
        hasher.update(stream.as_bytes());
        Self::from_root(hasher.finish())
    }

    /// Opens a stream of its own under this one; where this one stands does not matter.
    #[must_use]
    pub fn fork(&self, name: &str) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(b"lineal-rng-fork\0");
        hasher.update(self.root.as_bytes());
        hasher.update(name.as_bytes());
        Self::from_root(hasher.finish())
    }

    /// Opens the same stream before its 32-bit word number `counter`, at no more cost than drawing one.
    ///
    /// ```
    /// use lineal_core::Rng;
    ///
    /// let mut rng = Rng::new(7, "weights");
    /// let drawn: Vec<u32> = (0..10).map(|_| rng.next_u32()).collect();
    /// assert_eq!(rng.at(6).next_u32(), drawn[6]);
    /// assert_eq!(rng.at(rng.position()).next_u32(), rng.next_u32());
    /// ```
    #[must_use]
    pub fn at(&self, counter: u64) -> Self {
        let mut rng = Self { root: self.root, position: counter, block: [0; 4] };
        rng.block = rng.compute_block();
        rng
    }

    /// Returns the number of the next 32-bit word: what [`Rng::at`] needs to go on from here.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// Draws 32 bits: one word.
    pub fn next_u32(&mut self) -> u32 {
        let lane = self.position % 4;
        if lane == 0 {
            self.block = self.compute_block();
        }
        self.position = self.position.wrapping_add(1);
        let [first, second, third, fourth] = self.block;
        match lane {
            0 => first,
            1 => second,
            2 => third,
            _ => fourth,
        }
    }

    /// Draws 64 bits: two words, the lower half first.
    pub fn next_u64(&mut self) -> u64 {
        let low = u64::from(self.next_u32());
        low | u64::from(self.next_u32()) << 32
    }

    /// Draws a number from `0.0..1.0`: one of the 2^53 multiples of 2^-53, each as likely. Two words.
    pub fn f64(&mut self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
        let integer = (self.next_u64() >> 11) as f64;
        integer * (f64::EPSILON / 2.0)
    }

    /// Draws an integer from `0..n`, each as likely; 0 if `n` is 0. Two words, seldom more.
    ///
    /// Source: D. Lemire, "Fast Random Integer Generation in an Interval" (2019).
    pub fn below(&mut self, n: u64) -> u64 {
        let Some(unfair) = n.wrapping_neg().checked_rem(n) else {
            return 0;
        };
        loop {
            let product = u128::from(self.next_u64()) * u128::from(n);
            #[allow(clippy::cast_possible_truncation, reason = "the two halves of the product")]
            let (high, low) = ((product >> 64) as u64, product as u64);
            if low >= unfair {
                return high;
            }
        }
    }

    /// Draws an integer from `range`, each as likely; its start if it is empty. Two words, seldom more.
    pub fn range(&mut self, range: Range<u64>) -> u64 {
        range.start + self.below(range.end.saturating_sub(range.start))
    }

    /// Draws from the normal distribution with mean 0 and standard deviation 1. Four words or more.
    ///
    /// The polar form of Box and Muller's method (G. Marsaglia and T. Bray, 1964); the second value of each pair is
    /// dropped, so that a draw depends on the position alone. Only operations that IEEE 754 rounds correctly are used,
    /// not the platform's logarithm, so the bits are the same everywhere.
    pub fn normal(&mut self) -> f64 {
        loop {
            let (x, y) = (2.0 * self.f64() - 1.0, 2.0 * self.f64() - 1.0);
            let square = x * x + y * y;
            if 0.0 < square && square < 1.0 {
                return x * (-2.0 * ln(square) / square).sqrt();
            }
        }
    }

    /// Puts `items` in an order drawn from all orders (Fisher and Yates), two words or so for each.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = usize::try_from(self.below(last as u64 + 1)).unwrap_or(last);
            items.swap(last, other);
        }
    }

    const fn from_root(root: Digest) -> Self {
        Self { root, position: 0, block: [0; 4] }
    }

    /// Computes the four words around the position.
    fn compute_block(&self) -> [u32; 4] {
        let [key, stream, ..] = self.root.as_bytes().as_chunks::<8>().0 else {
            return [0; 4];
        };
        let (low, high) = halves(self.position / 4);
        let ((third, fourth), (left, right)) = (halves(u64::from_le_bytes(*stream)), halves(u64::from_le_bytes(*key)));
        philox([low, high, third, fourth], [left, right])
    }
}

impl fmt::Debug for Rng {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rng").field("root", &self.root).field("position", &self.position).finish_non_exhaustive()
    }
}

/// Philox4x32 with ten rounds: a keyed permutation of the 128-bit counter.
fn philox(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let ([mut c0, mut c1, mut c2, mut c3], [mut k0, mut k1]) = (counter, key);
    for _ in 0..ROUNDS {
        let (low0, high0) = halves(MULTIPLIERS.0 * u64::from(c0));
        let (low1, high1) = halves(MULTIPLIERS.1 * u64::from(c2));
        (c0, c1, c2, c3) = (high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0);
        (k0, k1) = (k0.wrapping_add(WEYL.0), k1.wrapping_add(WEYL.1));
    }
    [c0, c1, c2, c3]
}

#[allow(clippy::cast_possible_truncation, reason = "the two halves of a word")]
const fn halves(word: u64) -> (u32, u32) {
    (word as u32, (word >> 32) as u32)
}

/// The natural logarithm of a positive normal number, to about one unit in the last place.
///
/// `x = 2^e m` with `m` near 1, and `ln m = 2 artanh((m - 1) / (m + 1))` by its series: the first term left out is below
/// 2^-60 of the first. The platform's own may differ from machine to machine.
fn ln(x: f64) -> f64 {
    let bits = x.to_bits();
    let mut mantissa = f64::from_bits(bits & MANTISSA_MASK | 1.0_f64.to_bits());
    #[allow(clippy::cast_possible_truncation, reason = "an exponent has 11 bits")]
    let mut exponent = (bits >> 52 & 0x7ff) as i32 - 1023;
    if mantissa > std::f64::consts::SQRT_2 {
        mantissa *= 0.5;
        exponent += 1;
    }
    let z = (mantissa - 1.0) / (mantissa + 1.0);
    let square = z * z;
    let series = (1..=11).rev().fold(0.0, |sum, k| sum * square + 1.0 / f64::from(2 * k - 1));
    let exponent = f64::from(exponent);
    exponent * LN_2_HIGH + (2.0 * z * series + exponent * LN_2_LOW)
}

const ROUNDS: u32 = 10;
const MULTIPLIERS: (u64, u64) = (0xd251_1f53, 0xcd9e_8d57);
const WEYL: (u32, u32) = (0x9e37_79b9, 0xbb67_ae85);
const MANTISSA_MASK: u64 = (1 << 52) - 1;
/// The first 33 bits of ln 2, so that its product with an exponent is exact, and the rest.
const LN_2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
const LN_2_LOW: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);

#[cfg(test)]
mod tests;
