use std::ops::Range;

use lineal_core::Rng;
use rayon::prelude::*;

use super::rows::Rows;
use crate::resampling::Draws;

/// Sums of a function of the squared distance over the pairs within the reference, within the current side, and across.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct PairSums {
    pub(super) within_reference: f64,
    pub(super) within_current: f64,
    pub(super) across: f64,
}

/// Returns the sums for the rows as they are, and for each draw of which rows are the reference's.
///
/// Each pair of rows is looked at once for every `BATCH` draws: a tile of the matrix of pairs is computed, multiplied with the zeros and
/// ones that say which rows belong to the reference, and forgotten. Memory is O((n + m) (width + draws)), not (n + m)².
pub(super) fn permuted_sums(
    reference: Rows,
    current: &Rows,
    draws: Draws,
    of: impl Fn(f64) -> f64 + Sync,
) -> (PairSums, Vec<PairSums>) {
    let (n, width) = (reference.len(), reference.width);
    let rows = reference.joined(current);
    let tiles = Tiles { columns: transposed(&rows.values, width), rows: &rows.values, width, of };
    let dealing = Dealing { root: Rng::new(draws.seed, "permuted pairs"), reference: n, rows: rows.len() };
    // Number 0 are the rows as they are.
    let batches = (0..=draws.count).step_by(BATCH as usize).map(|first| first..draws.count.min(first + BATCH - 1) + 1);
    let mut sums = batches.flat_map(|batch| tiles.sums(&dealing.memberships(batch.clone()), batch.len()));
    let observed = sums.next().unwrap_or(PairSums { within_reference: 0.0, within_current: 0.0, across: 0.0 });
    (observed, sums.collect())
}

/// Deals the rows out to the two sides.
struct Dealing {
    root: Rng,
    reference: usize,
    rows: usize,
}

impl Dealing {
    /// Says for every four draws (four bits) and each row which of the draws give the row to the reference.
    fn memberships(&self, draws: Range<u32>) -> Vec<Vec<u8>> {
        let fours: Vec<u32> = draws.clone().step_by(4).collect();
        let four = |first: &u32| {
            let mut bits = vec![0_u8; self.rows];
            for (bit, draw) in (*first..draws.end).take(4).enumerate() {
                for row in self.reference_rows(draw) {
                    if let Some(place) = bits.get_mut(row as usize) {
                        *place |= 1 << bit;
                    }
                }
            }
            bits
        };
        fours.par_iter().map(four).collect()
    }

    fn reference_rows(&self, draw: u32) -> Vec<u32> {
        let mut order: Vec<u32> = (0..u32::try_from(self.rows).unwrap_or(u32::MAX)).collect();
        if draw > 0 {
            let mut rng = self.root.fork(&draw.to_string());
            for at in 0..self.reference.min(order.len()) {
                let other = at + usize::try_from(rng.below((order.len() - at) as u64)).unwrap_or_default();
                order.swap(at, other);
            }
        }
        order.truncate(self.reference);
        order
    }
}

/// Cuts rows into groups of `SIDE` and turns each round, so that one number of all rows of a group stands together.
fn transposed(values: &[f64], width: usize) -> Vec<Vec<f64>> {
    let turn = |group: &[f64]| {
        let turned = (0..width).flat_map(|at| group.iter().skip(at).step_by(width));
        turned.copied().collect()
    };
    values.par_chunks(SIDE * width).map(turn).collect()
}

struct Tiles<'a, F> {
    rows: &'a [f64],
    columns: Vec<Vec<f64>>,
    width: usize,
    of: F,
}

impl<F: Fn(f64) -> f64 + Sync> Tiles<'_, F> {
    /// Returns the sums of each draw of a batch.
    fn sums(&self, memberships: &[Vec<u8>], draws: usize) -> Vec<PairSums> {
        // The last groups have the most pairs; started first, they do not keep the others waiting at the end.
        let groups = (0..self.columns.len()).into_par_iter().rev();
        let mut partial: Vec<Partial> = groups.map(|group| self.group(group, memberships)).collect();
        partial.reverse();
        let mut total = Partial::new(memberships.len());
        for group in &partial {
            total.add(group);
        }
        let sums = total.within.iter().flatten().zip(total.touching.iter().flatten()).take(draws);
        let sums = sums.map(|(within, touching)| PairSums {
            within_reference: *within,
            across: touching - 2.0 * within,
            within_current: total.all - touching + within,
        });
        sums.collect()
    }

    /// Sums over the pairs of the rows of a group with all rows before them.
    fn group(&self, group: usize, memberships: &[Vec<u8>]) -> Partial {
        let from = group * SIDE;
        let rows: Vec<&[f64]> = self.rows.chunks_exact(self.width).skip(from).take(SIDE).collect();
        let mut row_sums = [0.0; SIDE];
        // For each four draws and each row: the sum over the rows before it that belong to the reference.
        let mut before = vec![[[0.0; 4]; SIDE]; memberships.len()];
        let mut tile = vec![[[0.0; 4]; SIDE]; SIDE / 4];
        let mut factors = [[0.0; 4]; SIDE];
        for other in 0..=group {
            self.fill(&mut tile, &rows, other, (other == group).then_some(()));
            for (four, sums) in tile.iter().zip(row_sums.as_chunks_mut::<4>().0) {
                four.iter().for_each(|pair| add(sums, pair));
            }
            for (bits, sums) in memberships.iter().zip(&mut before) {
                expand(bits.get(other * SIDE..).unwrap_or_default(), &mut factors);
                for (four, sums) in tile.iter().zip(sums.as_chunks_mut::<4>().0) {
                    multiply(four, &factors, sums);
                }
            }
        }
        let mut partial = Partial::new(memberships.len());
        partial.all = row_sums.iter().sum();
        for (at, (bits, sums)) in memberships.iter().zip(&before).enumerate() {
            expand(bits.get(from..).unwrap_or_default(), &mut factors);
            partial.gather(at, &factors, sums, &row_sums);
        }
        partial
    }

    /// Computes the tile of a group of rows with another: `tile[i / 4][j][i % 4]` is the pair of row i and row j of the other group.
    ///
    /// Rows beyond the last, and on the diagonal pairs that are not in order, are zero.
    fn fill(&self, tile: &mut [[[f64; 4]; SIDE]], rows: &[&[f64]], other: usize, diagonal: Option<()>) {
        let Some(columns) = self.columns.get(other) else { return };
        let count = columns.len() / self.width;
        let mut squares = [0.0; SIDE];
        for i in 0..SIDE {
            let row = rows.get(i).copied().unwrap_or_default();
            let pairs = if row.is_empty() { 0 } else { diagonal.map_or(count, |()| i.min(count)) };
            squares.fill(0.0);
            for (value, column) in row.iter().zip(columns.chunks_exact(count)) {
                for (square, there) in squares.iter_mut().zip(column).take(pairs) {
                    *square += (value - there) * (value - there);
                }
            }
            let Some(four) = tile.get_mut(i / 4) else { return };
            for (j, (place, square)) in four.iter_mut().zip(&squares).enumerate() {
                if let Some(place) = place.get_mut(i % 4) {
                    *place = if j < pairs { (self.of)(*square) } else { 0.0 };
                }
            }
        }
    }
}

/// What the pairs of some rows add, for each four draws.
struct Partial {
    all: f64,
    /// Both rows belong to the reference.
    within: Vec<[f64; 4]>,
    /// Pairs counted once for each of their rows that belongs to the reference.
    touching: Vec<[f64; 4]>,
}

impl Partial {
    fn new(fours: usize) -> Self {
        Self { all: 0.0, within: vec![[0.0; 4]; fours], touching: vec![[0.0; 4]; fours] }
    }

    fn add(&mut self, other: &Self) {
        self.all += other.all;
        self.within.iter_mut().zip(&other.within).for_each(|(sum, more)| add(sum, more));
        self.touching.iter_mut().zip(&other.touching).for_each(|(sum, more)| add(sum, more));
    }

    fn gather(&mut self, at: usize, factors: &[[f64; 4]; SIDE], before: &[[f64; 4]; SIDE], row_sums: &[f64; SIDE]) {
        let (Some(within), Some(touching)) = (self.within.get_mut(at), self.touching.get_mut(at)) else { return };
        for ((factor, before), all) in factors.iter().zip(before).zip(row_sums) {
            for (((w, t), f), b) in within.iter_mut().zip(touching.iter_mut()).zip(factor).zip(before) {
                *w += f * b;
                *t += b + f * all;
            }
        }
    }
}

fn add(sums: &mut [f64; 4], more: &[f64; 4]) {
    for (sum, value) in sums.iter_mut().zip(more) {
        *sum += value;
    }
}

/// Turns four bits of each row into factors of 0 and 1; rows beyond the last have none.
fn expand(bits: &[u8], factors: &mut [[f64; 4]; SIDE]) {
    factors.fill([0.0; 4]);
    for (place, bits) in factors.iter_mut().zip(bits) {
        *place = [0, 1, 2, 3].map(|bit| f64::from(bits >> bit & 1));
    }
}

/// Adds the product of four rows of a tile with four columns of factors: sixteen sums that stay in registers.
#[inline]
fn multiply(four: &[[f64; 4]; SIDE], factors: &[[f64; 4]; SIDE], sums: &mut [[f64; 4]; 4]) {
    let mut kept = *sums;
    for (pairs, factors) in four.iter().zip(factors) {
        for (kept, pair) in kept.iter_mut().zip(pairs) {
            for (kept, factor) in kept.iter_mut().zip(factors) {
                *kept += pair * factor;
            }
        }
    }
    *sums = kept;
}

/// Rows of a tile, and columns.
const SIDE: usize = 64;

/// Draws for which one look at the pairs suffices.
const BATCH: u32 = 512;
