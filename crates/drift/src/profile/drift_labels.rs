//! Drift of labels.

use std::collections::BTreeSet;

use super::bins::{BIN_DISTANCES, Bin, Share};
use super::column::ColumnProfile;
use super::estimate::{ColumnDrift, DriftEstimate};
use super::frequent::FrequentItems;
use super::key::Key;
use crate::error::{Error, Side};
use crate::method::Method;

/// Compares over all labels that either side lists, and one bin for all others.
pub(super) fn compare(
    profile: &ColumnProfile,
    current: &FrequentItems,
    current_missing_fraction: f64,
) -> Result<ColumnDrift, Error> {
    let reference = &profile.frequent;
    for (items, side) in [(reference, Side::Reference), (current, Side::Current)] {
        if items.total == 0 {
            return Err(Error::Empty { what: "drift of profiles", side });
        }
    }
    let keys: BTreeSet<&Key> = reference.counts.iter().chain(&current.counts).map(|(key, _)| key).collect();
    let bins: Vec<Bin> = keys.iter().map(|key| (share(reference, key), share(current, key))).collect();
    let rest = (rest(reference, bins.len()), rest(current, bins.len()));
    let rest = (rest.0.upper > 0.0 || rest.1.upper > 0.0).then_some(rest);
    let count = bins.len() + usize::from(rest.is_some());
    let mut estimates: Vec<DriftEstimate> = BIN_DISTANCES
        .iter()
        .map(|distance| {
            let found = distance.over(&bins, rest);
            let (value, lower, upper) = (found.value, found.lower, found.upper);
            DriftEstimate { method: distance.method, value, lower, upper, p_value: None, bins: Some(count) }
        })
        .collect();
    estimates.push(largest_difference(&bins, reference, current));
    let reference_missing_fraction = profile.missing_fraction();
    Ok(ColumnDrift { estimates, edges: Vec::new(), reference_missing_fraction, current_missing_fraction })
}

fn share(items: &FrequentItems, key: &Key) -> Share {
    let (count, total) = (items.count(key).unwrap_or(0) as f64, items.total as f64);
    Share { value: count / total, lower: count / total, upper: ((count + items.error as f64) / total).min(1.0) }
}

/// Returns the share of all labels but the `listed` ones.
fn rest(items: &FrequentItems, listed: usize) -> Share {
    let counted: u64 = items.counts.iter().map(|(_, count)| *count).sum();
    let (left, total) = (items.total.saturating_sub(counted) as f64, items.total as f64);
    let uncertain = items.error as f64 * listed as f64;
    Share { value: left / total, lower: (left - uncertain).max(0.0) / total, upper: left / total }
}

/// No label that is not listed differs by more than its greatest count on either side.
fn largest_difference(bins: &[Bin], reference: &FrequentItems, current: &FrequentItems) -> DriftEstimate {
    let hidden = |items: &FrequentItems| items.error as f64 / items.total as f64;
    let greatest = |of: fn(&Bin) -> f64| bins.iter().map(of).fold(0.0, f64::max);
    let value = greatest(|(p, q)| (p.value - q.value).abs());
    let lower = greatest(|(p, q)| (p.lower - q.upper).max(q.lower - p.upper));
    let upper = greatest(|(p, q)| (p.upper - q.lower).max(q.upper - p.lower));
    let upper = upper.max(hidden(reference)).max(hidden(current)).max(value);
    DriftEstimate {
        method: Method::LInfinity,
        value,
        lower: lower.min(value),
        upper,
        p_value: None,
        bins: Some(bins.len()),
    }
}
