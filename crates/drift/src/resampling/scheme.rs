use lineal_core::Rng;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Says how samples are drawn from both sides together.
///
/// With blocks, rows that stand together stay together, so that the draws vary as much as a series does whose neighbours are alike.
/// A block must be longer than that likeness reaches ([`BlockLength`](super::BlockLength) estimates it) and much shorter than either
/// side; with less than about ten blocks to a side the test rejects too often. Where the sides meet, and where a circle closes, some
/// blocks hold rows that never stood together.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "scheme")]
#[non_exhaustive]
pub enum Scheme {
    /// Every row is dealt out once: exact if rows do not depend on each other.
    Permutation,
    /// Blocks that start at any row with enough rows behind it. Source: Künsch, The Jackknife and the Bootstrap for General Stationary
    /// Observations (1989).
    MovingBlocks {
        /// Rows of a block, from 1 to all of both sides.
        length: usize,
    },
    /// Blocks that start at any row and go on from the last to the first, so that each row is drawn as often as any other.
    /// Source: Politis and Romano, A Circular Block-Resampling Procedure for Stationary Data (1992).
    CircularBlocks {
        /// Rows of a block, from 1 to all of both sides.
        length: usize,
    },
    /// As circular blocks, with lengths drawn from a geometric law: what is drawn is itself a stationary series.
    /// Source: Politis and Romano, The Stationary Bootstrap (1994).
    StationaryBlocks {
        /// Rows of a block on average, from 1 to all of both sides.
        mean_length: f64,
    },
}

impl Scheme {
    pub(super) fn check(self, rows: usize) -> Result<(), Error> {
        let length = match self {
            Self::Permutation => return Ok(()),
            Self::MovingBlocks { length } | Self::CircularBlocks { length } => length as f64,
            Self::StationaryBlocks { mean_length } => mean_length,
        };
        if length >= 1.0 && length <= rows as f64 {
            return Ok(());
        }
        Err(Error::Setting { name: "block length", value: length, rule: "from 1 to the rows of both sides" })
    }

    /// Draws rows, numbered from 0 below `rows`, for each of the sides in turn.
    pub(super) fn draw(self, rng: &mut Rng, rows: usize, sides: [usize; 2], drawn: &mut Vec<usize>) {
        match self {
            Self::Permutation => {
                drawn.extend(0..rows);
                rng.shuffle(drawn);
            }
            Self::MovingBlocks { length } => {
                let starts = rows.saturating_sub(length).saturating_add(1);
                blocks(rng, (starts, rows), sides, drawn, |_| length);
            }
            Self::CircularBlocks { length } => blocks(rng, (rows, rows), sides, drawn, |_| length),
            Self::StationaryBlocks { mean_length } => {
                blocks(rng, (rows, rows), sides, drawn, |rng| geometric(rng, mean_length, rows));
            }
        }
    }
}

/// Fills each side with blocks; the last one is cut.
fn blocks(
    rng: &mut Rng,
    (starts, rows): (usize, usize),
    sides: [usize; 2],
    drawn: &mut Vec<usize>,
    length: impl Fn(&mut Rng) -> usize,
) {
    let mut end = 0;
    for side in sides {
        end += side;
        while drawn.len() < end {
            let start = usize::try_from(rng.below(starts as u64)).unwrap_or_default();
            let length = length(rng).clamp(1, end - drawn.len());
            drawn.extend((start..start + length).map(|row| row % rows));
        }
    }
}

/// Draws a length of 1, 2, … with a mean, at most `most`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and most")]
fn geometric(rng: &mut Rng, mean: f64, most: usize) -> usize {
    // ln(1 - u) / ln(1 - 1/mean); a mean of 1 divides by minus infinity.
    let steps = (-rng.f64()).ln_1p() / (-1.0 / mean).ln_1p();
    steps.min(most as f64) as usize + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(scheme: Scheme, seed: u64) -> Vec<usize> {
        let mut rows = Vec::new();
        scheme.draw(&mut Rng::new(seed, "test"), 50, [20, 30], &mut rows);
        rows
    }

    #[test]
    fn blocks_stay_together_and_sides_are_full() {
        let schemes = [
            Scheme::MovingBlocks { length: 7 },
            Scheme::CircularBlocks { length: 7 },
            Scheme::StationaryBlocks { mean_length: 7.0 },
        ];
        for scheme in schemes {
            let mut followed = 0;
            for seed in 0..200 {
                let rows = drawn(scheme, seed);
                assert_eq!(rows.len(), 50);
                assert!(rows.iter().all(|row| *row < 50));
                followed += rows.windows(2).filter(|pair| pair[1] == (pair[0] + 1) % 50).count();
            }
            // Six of seven rows, a little less where a side ends.
            let share = followed as f64 / (200.0 * 49.0);
            assert!((0.80..0.88).contains(&share), "{scheme:?}: {share}");
        }
        let mut permuted = drawn(Scheme::Permutation, 1);
        permuted.sort_unstable();
        assert_eq!(permuted, (0..50).collect::<Vec<_>>());
    }

    #[test]
    fn lengths_of_blocks_have_their_mean() {
        let mut rng = Rng::new(1, "lengths");
        let lengths: Vec<usize> = (0..20_000).map(|_| geometric(&mut rng, 12.5, 100_000)).collect();
        let mean = lengths.iter().sum::<usize>() as f64 / 20_000.0;
        assert!((mean - 12.5).abs() < 0.3, "{mean}");
        assert_eq!(geometric(&mut rng, 1.0, 10), 1);
    }
}
