//! Rules that choose the bins of a histogram from the values.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Side};
use crate::math::histogram::{count_between, equal_edges};
use crate::math::moments::{mean, std_population};
use crate::math::quantile::quantile_sorted;
use crate::sample::Sample;

/// A rule for the number of bins of equal width, as numpy's `histogram_bin_edges` knows it by the same name.
///
/// ```
/// use lineal_drift::{BinRule, Sample};
///
/// let histogram = BinRule::Sturges.histogram(&(0..11).map(f64::from).collect::<Sample>())?;
/// assert_eq!(histogram.counts, [2, 2, 2, 2, 3]);
/// # Ok::<(), lineal_drift::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BinRule {
    /// So many bins.
    Count(u32),
    /// log2 n + 1, for values near a normal law (Sturges, 1926).
    Sturges,
    /// Sturges' number, and more for skewed values (Doane, 1976).
    Doane,
    /// Width (24 √π / n)^(1/3) standard deviations (Scott, 1979).
    Scott,
    /// Width 2 interquartile ranges / n^(1/3): robust (Freedman and Diaconis, 1981).
    FreedmanDiaconis,
    /// √n bins.
    Sqrt,
    /// 2 n^(1/3) bins (Rice University).
    Rice,
    /// The narrower of Sturges' and of Freedman and Diaconis' bins, as numpy's "auto".
    Auto,
}

/// Edges of bins and how many values lie between them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Histogram {
    /// Ascending, one more than bins.
    pub edges: Vec<f64>,
    /// Values from an edge on and below the next one; the last bin holds its upper edge, too.
    pub counts: Vec<u64>,
}

impl BinRule {
    /// Returns the histogram of the finite values of a sample.
    ///
    /// All values equal: one bin around them, of width 1. O(n) after sorting.
    ///
    /// # Errors
    /// [`Error::Empty`] without a finite value; [`Error::Range`] if the values span more than the range of `f64`, or the rule asks for more
    /// than a million bins; [`Error::Setting`] for no bins.
    pub fn histogram(self, sample: &Sample) -> Result<Histogram, Error> {
        let edges = self.edges(sample)?;
        let counts = count_between(sample.finite_slice(), &edges);
        Ok(Histogram { edges, counts })
    }

    /// Returns the edges alone.
    ///
    /// # Errors
    /// As [`BinRule::histogram`].
    pub fn edges(self, sample: &Sample) -> Result<Vec<f64>, Error> {
        let values = sample.finite_slice();
        let (Some(&low), Some(&high)) = (values.first(), values.last()) else {
            return Err(Error::Empty { what: "bins", side: Side::Reference });
        };
        let (low, high) = if low == high { (low - 0.5, high + 0.5) } else { (low, high) };
        let range = high - low;
        let bins = match self {
            Self::Count(0) => return Err(Error::Setting { name: "bins", value: 0.0, rule: "at least 1" }),
            Self::Count(bins) => f64::from(bins),
            _ => match self.width(values) {
                width if width > 0.0 => (range / width).ceil().max(1.0),
                _ => 1.0,
            },
        };
        if !range.is_finite() || bins.is_nan() || bins > MOST_BINS {
            return Err(Error::Range { what: "bins" });
        }
        Ok(equal_edges(low, high, bins))
    }

    /// Returns the width of a bin, 0 where the rule has none.
    fn width(self, sorted: &[f64]) -> f64 {
        let n = sorted.len() as f64;
        let range = sorted.last().unwrap_or(&0.0) - sorted.first().unwrap_or(&0.0);
        match self {
            Self::Count(bins) => range / f64::from(bins),
            Self::Sturges => range / (n.log2() + 1.0),
            Self::Doane => doane(sorted, range),
            Self::Scott => (24.0 * std::f64::consts::PI.sqrt() / n).powf(1.0 / 3.0) * std_population(sorted),
            Self::FreedmanDiaconis => {
                2.0 * (quantile_sorted(sorted, 0.75) - quantile_sorted(sorted, 0.25)) / n.powf(1.0 / 3.0)
            }
            Self::Sqrt => range / n.sqrt(),
            Self::Rice => range / (2.0 * n.powf(1.0 / 3.0)),
            Self::Auto => {
                let robust = Self::FreedmanDiaconis.width(sorted).max(Self::Sqrt.width(sorted) / 2.0);
                robust.min(Self::Sturges.width(sorted))
            }
        }
    }
}

fn doane(sorted: &[f64], range: f64) -> f64 {
    let (n, spread) = (sorted.len() as f64, std_population(sorted));
    if n <= 2.0 || spread <= 0.0 {
        return 0.0;
    }
    let centre = mean(sorted);
    let cubes: Vec<f64> = sorted.iter().map(|v| ((v - centre) / spread).powi(3)).collect();
    let of_skewness = (6.0 * (n - 2.0) / ((n + 1.0) * (n + 3.0))).sqrt();
    range / (1.0 + n.log2() + (1.0 + mean(&cubes).abs() / of_skewness).log2())
}

const MOST_BINS: f64 = 1e6;
