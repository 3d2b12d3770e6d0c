use std::{collections::BTreeSet, ops::Range};

use lineal_core::Rng;

/// Draws `count` of the rows `0..rows`, each set of them as likely as any other, ascending and joined to ranges.
///
/// Floyd's algorithm (Bentley, Programming pearls: a sample of brilliance, 1987). All rows if there are no more.
pub(crate) fn draw(rows: u64, count: u64, seed: u64) -> Vec<Range<u64>> {
    let mut rng = Rng::new(seed, "lineal-data sample");
    let mut drawn = BTreeSet::new();
    for last in rows.saturating_sub(count)..rows {
        let row = rng.below(last + 1);
        if !drawn.insert(row) {
            drawn.insert(last);
        }
    }
    let mut ranges: Vec<Range<u64>> = Vec::new();
    for row in drawn {
        match ranges.last_mut() {
            Some(range) if range.end == row => range.end += 1,
            _ => ranges.push(row..row + 1),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(of: u64, count: u64, seed: u64) -> Vec<u64> {
        draw(of, count, seed).into_iter().flatten().collect()
    }

    #[test]
    fn the_draw_is_pinned() {
        insta::assert_snapshot!(format!("{:?}", rows(1000, 12, 7)));
        assert_eq!(rows(5, 9, 1), [0, 1, 2, 3, 4]);
        assert_eq!(rows(5, 0, 1), [0; 0]);
        assert_eq!(rows(0, 3, 1), [0; 0]);
    }

    #[test]
    fn every_row_is_as_likely() {
        let mut counts = [0_u32; 20];
        for seed in 0..4000 {
            let drawn = rows(20, 5, seed);
            assert_eq!(drawn.len(), 5);
            drawn.into_iter().for_each(|row| counts[row as usize] += 1);
        }
        // Four standard deviations of a binomial count of mean 1000.
        assert!(counts.iter().all(|count| count.abs_diff(1000) < 4 * 28), "{counts:?}");
    }
}
