//! The common binning of two numeric samples, for measures that are defined on counts.

use crate::error::Error;
use crate::sample::{Sample, require_finite};

/// Counts of two samples over one set of bins.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Binned {
    pub(crate) reference: Vec<u64>,
    pub(crate) current: Vec<u64>,
}

/// Bins two samples together.
///
/// A reference with at most 20 distinct values gets one bin per distinct value of either sample; otherwise the pooled range is cut
/// into ⌈log2(n) + 1⌉ bins of equal width (Sturges, The Choice of a Class Interval, 1926; numpy's "sturges"), each closed on the
/// left, the last on both sides. The rule is that of Evidently 0.7, so that its distances can be compared digit for digit.
pub(crate) fn common_bins(what: &'static str, reference: &Sample, current: &Sample) -> Result<Binned, Error> {
    require_finite(what, reference, current)?;
    if reference.distinct(MAX_DISTINCT).is_some() {
        return Ok(per_value(reference, current));
    }
    let edges = sturges_edges(what, reference, current)?;
    Ok(Binned {
        reference: count_between(reference.values(), &edges),
        current: count_between(current.values(), &edges),
    })
}

fn per_value(reference: &Sample, current: &Sample) -> Binned {
    let (r, c) = (reference.distinct(usize::MAX).unwrap_or_default(), current.distinct(usize::MAX).unwrap_or_default());
    let mut bins = Binned { reference: Vec::new(), current: Vec::new() };
    let (mut r, mut c) = (r.into_iter().peekable(), c.into_iter().peekable());
    loop {
        let value = match (r.peek(), c.peek()) {
            (Some(a), Some(b)) => a.0.min(b.0),
            (Some(a), None) => a.0,
            (None, Some(b)) => b.0,
            (None, None) => return bins,
        };
        bins.reference.push(r.next_if(|(v, _)| *v == value).map_or(0, |(_, n)| n));
        bins.current.push(c.next_if(|(v, _)| *v == value).map_or(0, |(_, n)| n));
    }
}

fn sturges_edges(what: &'static str, reference: &Sample, current: &Sample) -> Result<Vec<f64>, Error> {
    let ends = |s: &Sample| (s.values().first().copied().unwrap_or(0.0), s.values().last().copied().unwrap_or(0.0));
    let ((low_r, high_r), (low_c, high_c)) = (ends(reference), ends(current));
    let (low, high) = (low_r.min(low_c), high_r.max(high_c));
    let range = high - low;
    if !range.is_finite() {
        return Err(Error::Range { what });
    }
    let width = range / (((reference.len() + current.len()) as f64).log2() + 1.0);
    let bins = if width > 0.0 { (range / width).ceil().clamp(1.0, 100.0) } else { 1.0 };
    Ok(equal_edges(low, high, bins))
}

/// Edges of `bins` equal widths, in the order of operations of numpy's `linspace`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "callers keep the number of bins small")]
pub(crate) fn equal_edges(low: f64, high: f64, bins: f64) -> Vec<f64> {
    let step = (high - low) / bins;
    let mut edges: Vec<f64> = (0..bins as u32).map(|i| f64::from(i) * step + low).collect();
    edges.push(high);
    edges
}

/// Counts sorted values per bin `[edge, next edge)`, the last bin closed; values outside are not counted.
pub(crate) fn count_between(sorted: &[f64], edges: &[f64]) -> Vec<u64> {
    let below = |i: usize, edge: f64| {
        if i + 1 == edges.len() {
            sorted.partition_point(|v| *v <= edge)
        } else {
            sorted.partition_point(|v| *v < edge)
        }
    };
    let ranks: Vec<usize> = edges.iter().enumerate().map(|(i, edge)| below(i, *edge)).collect();
    ranks.windows(2).map(|pair| pair.last().unwrap_or(&0).saturating_sub(*pair.first().unwrap_or(&0)) as u64).collect()
}

/// Up to this many distinct reference values, each is its own bin.
const MAX_DISTINCT: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_get_a_bin_each() {
        let bins = common_bins("x", &Sample::new([1.0, 1.0, 3.0]), &Sample::new([2.0, 3.0])).unwrap();
        assert_eq!((bins.reference, bins.current), (vec![2, 0, 1], vec![0, 1, 1]));
    }

    #[test]
    fn many_values_share_equal_widths() {
        let reference: Sample = (0..32).map(f64::from).collect();
        let bins = common_bins("x", &reference, &Sample::new([31.0; 32])).unwrap();
        // 64 pooled values: seven bins; the largest value belongs to the last.
        assert_eq!((bins.reference.len(), bins.reference.iter().sum::<u64>()), (7, 32));
        assert_eq!(bins.current, [0, 0, 0, 0, 0, 0, 32]);
    }

    #[test]
    fn extreme_ranges_are_refused_or_binned() {
        let wide: Sample = (-15..15).map(|i| f64::from(i) * 1.1e307).collect();
        assert!(matches!(common_bins("x", &wide, &wide), Err(Error::Range { .. })));
        let subnormal: Sample = (0..30_u32).map(|i| f64::from(i) * 5e-324).collect();
        assert_eq!(common_bins("x", &subnormal, &subnormal).unwrap().reference.iter().sum::<u64>(), 30);
    }
}
