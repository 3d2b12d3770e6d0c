//! Coins that are tossed without hidden randomness.

use super::hash::mix;

/// A seed of coins. Each toss is a function of the seed and of what it decides about, so there is no state to keep, and two sketches with
/// the same seed do not err alike unless they hold the same values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Coin(pub(super) u64);

impl Coin {
    /// Returns the coin of a part of what this one is for.
    pub(super) fn fork(self, part: u64) -> Self {
        Self(mix(self.0 ^ mix(part.wrapping_add(1))))
    }

    pub(super) fn toss(self, n: u64, level: usize, values: &[f64]) -> bool {
        let bits = |value: Option<&f64>| value.map_or(0, |value| value.to_bits());
        let middle = mix(bits(values.first()) ^ bits(values.get(values.len() / 2)).rotate_left(21));
        let place = mix(n ^ (level as u64).rotate_left(56));
        mix(self.0 ^ place ^ mix(middle ^ bits(values.last()).rotate_left(42))) >> 63 == 1
    }
}
