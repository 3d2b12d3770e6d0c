//! Both distributions of a column in a few numbers: summaries, and bars for a picture.

use serde::{Deserialize, Serialize};

use crate::categories::PairedCounts;
use crate::report::{LabelRows, LabelShift};
use crate::sample::Sample;

/// Summarises finite numbers; each field has the unit of the column.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NumericSummary {
    /// Smallest value.
    pub min: f64,
    /// First quartile, linear.
    pub q25: f64,
    /// Median, linear.
    pub median: f64,
    /// Third quartile, linear.
    pub q75: f64,
    /// Largest value.
    pub max: f64,
    /// Arithmetic mean.
    pub mean: f64,
    /// Standard deviation, divisor n.
    pub std: f64,
}

impl NumericSummary {
    pub(crate) fn of(sample: &Sample) -> Option<Self> {
        Some(Self {
            min: sample.quantile(0.0)?,
            q25: sample.quantile(0.25)?,
            median: sample.quantile(0.5)?,
            q75: sample.quantile(0.75)?,
            max: sample.quantile(1.0)?,
            mean: sample.mean()?,
            std: sample.std_population()?,
        })
    }
}

/// The same quantiles of both sides: where in the distribution the values moved, and how far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct QuantileShift {
    /// Levels of the quantiles, 0.05 to 0.95.
    pub levels: Vec<f64>,
    /// Linear quantiles of the reference, in the unit of the column.
    pub reference: Vec<f64>,
    /// Linear quantiles of the current data.
    pub current: Vec<f64>,
}

impl QuantileShift {
    pub(crate) fn of(reference: &Sample, current: &Sample) -> Option<Self> {
        let levels: Vec<f64> = (1..20).map(|i| f64::from(i) / 20.0).collect();
        let of = |sample: &Sample| levels.iter().map(|level| sample.quantile(*level)).collect::<Option<Vec<f64>>>();
        Some(Self { reference: of(reference)?, current: of(current)?, levels })
    }
}

/// Shares of both sides per bar; each side sums to 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Distribution {
    /// Bars of equal width over the bulk of both samples; the outer two hold the tails.
    Numeric {
        /// Edges, one more than bars.
        edges: Vec<f64>,
        /// Shares of the reference.
        reference: Vec<f64>,
        /// Shares of the current data.
        current: Vec<f64>,
    },
    /// The most frequent labels, most frequent first.
    Categorical {
        /// Labels, as many as bars.
        labels: Vec<String>,
        /// Shares of the reference.
        reference: Vec<f64>,
        /// Shares of the current data.
        current: Vec<f64>,
        /// How many further labels there are; their shares are what is missing to 1.
        others: u64,
    },
}

/// Cuts the range between the outer half percents of either finite sample into bars.
pub(crate) fn of_samples(reference: &Sample, current: &Sample) -> Distribution {
    let end = |q: f64| [reference.quantile(q), current.quantile(q)].into_iter().flatten();
    let low = end(0.005).fold(f64::INFINITY, f64::min);
    let high = end(0.995).fold(f64::NEG_INFINITY, f64::max);
    let (low, high) = if low < high { (low, high) } else { (low - 0.5, low + 0.5) };
    let edges: Vec<f64> =
        (0..=BARS).map(|i| f64::from(i) / f64::from(BARS)).map(|t| low * (1.0 - t) + high * t).collect();
    Distribution::Numeric {
        reference: shares(reference.values(), &edges),
        current: shares(current.values(), &edges),
        edges,
    }
}

fn shares(sorted: &[f64], edges: &[f64]) -> Vec<f64> {
    let inner = edges.get(1..edges.len().saturating_sub(1)).unwrap_or_default();
    let mut ranks: Vec<usize> = inner.iter().map(|edge| sorted.partition_point(|v| v < edge)).collect();
    ranks.push(sorted.len());
    let mut before = 0;
    let rows = sorted.len().max(1) as f64;
    ranks.into_iter().map(|rank| rank.saturating_sub(std::mem::replace(&mut before, rank)) as f64 / rows).collect()
}

/// Takes the labels with the largest share on either side; ties in the order of the labels.
pub(crate) fn of_counts(counts: &PairedCounts) -> Distribution {
    let (n, m) = rows(counts);
    let mut bars: Vec<(&str, f64, f64)> =
        counts.iter().map(|(label, r, c)| (label, r as f64 / n, c as f64 / m)).collect();
    bars.sort_by(|a, b| (b.1 + b.2).total_cmp(&(a.1 + a.2)).then(a.0.cmp(b.0)));
    let others = bars.len().saturating_sub(TOP_LABELS) as u64;
    bars.truncate(TOP_LABELS);
    Distribution::Categorical {
        labels: bars.iter().map(|b| b.0.to_owned()).collect(),
        reference: bars.iter().map(|b| b.1).collect(),
        current: bars.iter().map(|b| b.2).collect(),
        others,
    }
}

/// Lists the labels that only one side holds.
pub(crate) fn label_shift(counts: &PairedCounts) -> LabelShift {
    let (n, m) = rows(counts);
    let appeared: Vec<_> = counts.appeared().collect();
    let vanished: Vec<_> = counts.vanished().collect();
    let total = |labels: &[(&str, u64)]| labels.iter().fold(0.0, |sum, (_, rows)| sum + *rows as f64);
    LabelShift {
        appeared: appeared.len() as u64,
        appeared_fraction: total(&appeared) / m,
        vanished: vanished.len() as u64,
        vanished_fraction: total(&vanished) / n,
        appeared_top: most_frequent(appeared),
        vanished_top: most_frequent(vanished),
    }
}

fn most_frequent(mut labels: Vec<(&str, u64)>) -> Vec<LabelRows> {
    labels.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    labels.into_iter().take(TOP_LABELS).map(|(label, rows)| LabelRows { label: label.to_owned(), rows }).collect()
}

fn rows(counts: &PairedCounts) -> (f64, f64) {
    let (n, m) = counts.rows();
    (n.max(1) as f64, m.max(1) as f64)
}

const BARS: u32 = 24;
const TOP_LABELS: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_hold_every_value() {
        let reference: Sample = (0..1000).map(f64::from).chain([1e9]).collect();
        let Distribution::Numeric { edges, reference, current } = of_samples(&reference, &Sample::new([5.0])) else {
            panic!("numeric")
        };
        assert_eq!((edges.len(), reference.len(), current.len()), (25, 24, 24));
        assert!(edges.last().unwrap() < &1000.0);
        assert!((reference.iter().sum::<f64>() - 1.0).abs() < 1e-12 && current.iter().sum::<f64>() == 1.0);
    }

    #[test]
    fn labels_that_came_are_listed() {
        let counts = PairedCounts::new(["a", "b", "c"], [8, 2, 0], [9, 0, 1]).unwrap();
        let shift = label_shift(&counts);
        assert_eq!((shift.appeared, shift.vanished), (1, 1));
        assert_eq!((shift.appeared_fraction, shift.vanished_fraction), (0.1, 0.2));
        assert_eq!(shift.appeared_top, [LabelRows { label: "c".into(), rows: 1 }]);
    }
}
