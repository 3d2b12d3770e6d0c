//! Bins of numbers, from quantiles of the reference, and the search for the bin of a value.

use crate::error::Error;

/// At most 64 ascending edges; a value lies in the cell numbered by how many edges are not above it.
///
/// Cell 0 is below the reference's smallest value, the last cell above its largest. Both are empty in the reference.
#[derive(Clone, Debug)]
pub(crate) struct Edges {
    /// The first edge of each block; NaN, which is above nothing, where there is none.
    pivots: [f64; BLOCK],
    blocks: [[f64; BLOCK]; BLOCK],
    len: usize,
}

impl PartialEq for Edges {
    /// The NaNs that fill the blocks are no edges.
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Edges {
    /// Chooses edges so that each cell holds about as many of the ascending, finite values.
    ///
    /// A value that reaches over a whole quantile gets a cell of its own.
    pub(crate) fn from_quantiles(sorted: &[f64], bins: usize) -> Self {
        let mut edges: Vec<f64> = Vec::with_capacity(bins + 2);
        let quantile = |bin: usize| sorted.get(bin.saturating_mul(sorted.len()) / bins.max(1));
        for value in (0..bins).filter_map(quantile) {
            // Adding zero turns -0.0 into 0.0.
            match edges.last() {
                Some(last) if value == last => edges.push(value.next_up()),
                Some(last) if value < last => {}
                _ => edges.push(value + 0.0),
            }
        }
        if let Some(top) = sorted.last().map(|largest| largest.next_up())
            && edges.last().is_some_and(|last| *last < top)
        {
            edges.push(top);
        }
        edges.truncate(Self::MAX);
        Self::laid_out(&edges)
    }

    /// Takes stored edges.
    pub(crate) fn from_stored(edges: &[f64]) -> Result<Self, Error> {
        let ascending = edges.windows(2).all(|pair| matches!(pair, [a, b] if a < b));
        if edges.len() > Self::MAX || !ascending || edges.iter().any(|edge| edge.is_nan()) {
            return Err(Error::Saved { what: "reference", reason: "its edges do not ascend, or are too many" });
        }
        Ok(Self::laid_out(edges))
    }

    fn laid_out(edges: &[f64]) -> Self {
        let mut blocks = [[f64::NAN; BLOCK]; BLOCK];
        let mut pivots = [f64::NAN; BLOCK];
        for ((block, pivot), chunk) in blocks.iter_mut().zip(&mut pivots).zip(edges.chunks(BLOCK)) {
            block.iter_mut().zip(chunk).for_each(|(place, edge)| *place = *edge);
            *pivot = block[0];
        }
        Self { pivots, blocks, len: edges.len() }
    }

    /// Returns the edges, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = f64> + '_ {
        self.blocks.iter().flatten().copied().take(self.len)
    }

    /// Returns the number of cells: one more than edges.
    pub(crate) fn cells(&self) -> usize {
        self.len + 1
    }

    /// Returns the cell of a number that is not NaN, by sixteen comparisons and no branch.
    #[inline]
    pub(crate) fn cell(&self, value: f64) -> usize {
        let block = count_not_above(&self.pivots, value).saturating_sub(1);
        // Seven at most, which the mask tells the compiler.
        block * BLOCK + count_not_above(&self.blocks[block & (BLOCK - 1)], value)
    }

    /// The most edges there can be.
    pub(crate) const MAX: usize = BLOCK * BLOCK;
}

#[inline]
fn count_not_above(edges: &[f64; BLOCK], value: f64) -> usize {
    edges.iter().map(|edge| usize::from(*edge <= value)).sum()
}

const BLOCK: usize = 8;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn edges(values: &[f64], bins: usize) -> Vec<f64> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        Edges::from_quantiles(&sorted, bins).iter().collect()
    }

    #[test]
    fn frequent_values_have_a_cell_of_their_own() {
        let mut values = vec![0.0; 50];
        values.extend((1..=50).map(f64::from));
        assert_eq!(edges(&values, 4), [0.0, 0.0_f64.next_up(), 1.0, 26.0, 50.0_f64.next_up()]);
        assert_eq!(edges(&[7.0; 9], 8), [7.0, 7.0_f64.next_up()]);
        assert_eq!(edges(&[], 8), [] as [f64; 0]);
    }

    #[test]
    fn the_ends_are_open() {
        let edges = Edges::from_quantiles(&[1.0, 2.0, 3.0], 3);
        let cells = [f64::NEG_INFINITY, 0.9, 1.0, 2.5, 3.0, 3.1, f64::INFINITY].map(|v| edges.cell(v));
        assert_eq!(cells, [0, 0, 1, 2, 3, 4, 4]);
        assert_eq!(edges.cells(), 5);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn a_cell_is_the_number_of_edges_not_above(
            mut values in proptest::collection::vec(-1e3..1e3_f64, 0..300), bins in 2_usize..=60, probe in -1.2e3..1.2e3_f64,
        ) {
            values.sort_by(f64::total_cmp);
            let edges = Edges::from_quantiles(&values, bins);
            let list: Vec<f64> = edges.iter().collect();
            prop_assert!(list.len() <= Edges::MAX && list.windows(2).all(|w| w[0] < w[1]));
            for value in values.iter().copied().chain([probe]) {
                prop_assert_eq!(edges.cell(value), list.partition_point(|edge| *edge <= value));
            }
            prop_assert_eq!(Edges::from_stored(&list).unwrap(), edges);
        }
    }
}
