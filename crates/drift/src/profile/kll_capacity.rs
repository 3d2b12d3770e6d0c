//! How much the levels of a KLL sketch hold: the numbers of Apache `DataSketches`, which its stored form depends on.

/// Returns the values that a level of a sketch with so many levels holds before it is halved: k for the highest, two thirds of the one
/// above for the others, at least 8.
pub(super) fn level_capacity(k: u16, levels: usize, level: usize) -> usize {
    let depth = levels.saturating_sub(level + 1);
    capacity_below(u64::from(k), depth).max(LEAST_WIDTH)
}

/// Returns the values that all levels hold.
pub(super) fn total_capacity(k: u16, levels: usize) -> usize {
    (0..levels).map(|level| level_capacity(k, levels, level)).sum()
}

/// k (2/3)^depth, rounded; deep levels in two steps so that the powers fit.
fn capacity_below(k: u64, depth: usize) -> usize {
    let rounded = |k: u64, depth: usize| {
        let depth = u32::try_from(depth).unwrap_or(u32::MAX).min(30);
        let twice = ((k << 1) << depth) / 3_u64.pow(depth);
        (twice + 1) >> 1
    };
    let capacity = if depth <= 30 { rounded(k, depth) } else { rounded(rounded(k, depth / 2), depth - depth / 2) };
    usize::try_from(capacity).unwrap_or(usize::MAX)
}

pub(super) const LEAST_WIDTH: usize = 8;
