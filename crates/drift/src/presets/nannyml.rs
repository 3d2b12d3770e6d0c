//! `NannyML`'s measures of one column, number for number, for those who come from there.

use serde::{Deserialize, Serialize};

use crate::binning::BinRule;
use crate::categories::PairedCounts;
use crate::error::Error;
use crate::math::histogram::{count_between, equal_edges};
use crate::math::moments::compensated_sum;
use crate::methods::chi_square::chi_square;
use crate::methods::hellinger::hellinger_counts;
use crate::methods::jensen_shannon::jensen_shannon_counts;
use crate::methods::ks::ks;
use crate::methods::l_infinity::l_infinity_counts;
use crate::methods::proportions::chi_square_yates;
use crate::methods::wasserstein::wasserstein;
use crate::sample::{Sample, require_finite, require_values};

/// A measure of drift of `NannyML` 0.13 under its own name, with its binning.
///
/// What is odd there is odd here: for a reference of 10,000 values or more, Kolmogorov-Smirnov and Wasserstein look at 10,000 bins of
/// equal width instead of the values, and Wasserstein counts one value too many below the reference; two labels get Yates' correction.
/// Its thresholds are learnt from chunks of the reference ([`Band::learn`](crate::Band::learn) with 3 deviations); there the reference
/// compared with holds the chunk. Our own methods are [`Method`](crate::Method)s.
///
/// ```
/// use lineal_drift::{NannymlMeasure, Sample};
///
/// let reference: Sample = (0..100).map(f64::from).collect();
/// let current: Sample = (50..150).map(f64::from).collect();
/// assert_eq!(NannymlMeasure::KolmogorovSmirnov.numbers(&reference, &current)?, 0.5);
/// # Ok::<(), lineal_drift::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NannymlMeasure {
    /// Kolmogorov-Smirnov statistic.
    KolmogorovSmirnov,
    /// Jensen-Shannon distance to base 2, over Doane's bins of the reference and one for all values outside.
    JensenShannon,
    /// Wasserstein-1 distance in the unit of the column.
    Wasserstein,
    /// Hellinger distance, over the same bins.
    Hellinger,
    /// Chi-square statistic of the table of both sides.
    Chi2,
    /// Largest difference of the shares of a label.
    LInfinity,
}

impl NannymlMeasure {
    /// Compares numbers.
    ///
    /// # Errors
    /// [`Error::NotNumeric`] for a measure of labels; otherwise what the method itself reports.
    pub fn numbers(self, reference: &Sample, current: &Sample) -> Result<f64, Error> {
        require_values(WHAT, reference, current)?;
        require_finite(WHAT, reference, current)?;
        let exact = reference.len() < MANY_ROWS;
        match self {
            Self::KolmogorovSmirnov if exact => Ok(ks(reference, current)?.statistic),
            Self::KolmogorovSmirnov => Ok(binned_ks(reference, current)),
            Self::Wasserstein if exact => Ok(wasserstein(reference, current)?.raw),
            Self::Wasserstein => binned_wasserstein(reference, current),
            Self::JensenShannon => {
                let (reference, current) = doane_bins(reference, current)?;
                Ok(jensen_shannon_counts(&reference, &current)?.distance_2())
            }
            Self::Hellinger => {
                let (reference, current) = doane_bins(reference, current)?;
                hellinger_counts(&reference, &current)
            }
            Self::Chi2 | Self::LInfinity => Err(Error::NotNumeric { what: WHAT }),
        }
    }

    /// Compares labels.
    ///
    /// # Errors
    /// [`Error::NotCategorical`] for a measure of numbers; otherwise what the method itself reports.
    pub fn labels(self, counts: &PairedCounts) -> Result<f64, Error> {
        let (reference, current) = (counts.reference(), counts.current());
        match self {
            // Labels that the reference does not know count one by one here and together there, which is the same.
            Self::JensenShannon => Ok(jensen_shannon_counts(reference, current)?.distance_2()),
            Self::Hellinger => hellinger_counts(reference, current),
            Self::LInfinity => l_infinity_counts(reference, current),
            Self::Chi2 => Ok(chi2(counts)?.0),
            Self::KolmogorovSmirnov | Self::Wasserstein => Err(Error::NotCategorical { what: WHAT }),
        }
    }
}

/// Returns statistic and p-value; two labels get Yates' correction.
pub(crate) fn chi2(counts: &PairedCounts) -> Result<(f64, f64), Error> {
    let present: Vec<(u64, u64)> = counts.iter().map(|(_, r, c)| (r, c)).filter(|pair| *pair != (0, 0)).collect();
    if let [first, second] = *present {
        return chi_square_yates([[first.0, second.0], [first.1, second.1]]);
    }
    let test = chi_square(counts.reference(), counts.current())?;
    Ok((test.statistic, test.p_value))
}

/// Counts over Doane's bins of the reference, and one bin for current values outside of them.
fn doane_bins(reference: &Sample, current: &Sample) -> Result<(Vec<u64>, Vec<u64>), Error> {
    let mut bins = BinRule::Doane.histogram(reference)?;
    let mut counts = count_between(current.values(), &bins.edges);
    let outside = current.len() as u64 - counts.iter().sum::<u64>();
    counts.push(outside);
    bins.counts.push(0);
    Ok((bins.counts, counts))
}

/// The largest difference of the distribution functions at the edges of bins that span the reference.
fn binned_ks(reference: &Sample, current: &Sample) -> f64 {
    let (low, high) = ends(reference);
    let edges = equal_edges(low, high, BINS);
    let below = current.values().partition_point(|v| *v < low) as u64;
    let (n, m) = (reference.len() as f64, current.len() as f64);
    let counts = count_between(reference.values(), &edges).into_iter().zip(count_between(current.values(), &edges));
    let (mut seen, mut seen_now, mut largest) = (0_u64, below, 0.0_f64);
    for (r, c) in counts {
        seen += r;
        seen_now += c;
        largest = largest.max((seen as f64 / n - seen_now as f64 / m).abs());
    }
    largest
}

/// The area between the distribution functions: of bins inside the range of the reference, of the values outside of it.
fn binned_wasserstein(reference: &Sample, current: &Sample) -> Result<f64, Error> {
    let edges = BinRule::Count(BIN_COUNT).edges(reference)?;
    let (low, high) = edges.first().zip(edges.last()).map_or((0.0, 0.0), |(low, high)| (*low, *high));
    let width = edges.get(1).map_or(0.0, |second| second - low);
    let (n, m) = (reference.len() as f64, current.len() as f64);
    let values = current.values();
    let smaller = values.partition_point(|v| *v < low);
    let bigger = values.partition_point(|v| *v <= high);
    let distances_below = values.iter().take(smaller).map(|v| low - v);
    let distances_above = values.iter().skip(bigger).map(|v| v - high);
    let outside = compensated_sum(distances_below.chain(distances_above)) / m;
    // One value more than there are below: that is how it is counted there.
    let mut seen_now = if smaller > 0 { smaller as u64 + 1 } else { 0 };
    let mut seen = 0_u64;
    let counts = count_between(reference.values(), &edges).into_iter().zip(count_between(values, &edges));
    let heights = counts.map(|(r, c)| {
        seen += r;
        seen_now += c;
        (seen as f64 / n - seen_now as f64 / m).abs() * width
    });
    let distance = compensated_sum(heights) + outside;
    if distance.is_finite() { Ok(distance) } else { Err(Error::Range { what: WHAT }) }
}

fn ends(sample: &Sample) -> (f64, f64) {
    let values = sample.values();
    (values.first().copied().unwrap_or(0.0), values.last().copied().unwrap_or(0.0))
}

const WHAT: &str = "nannyml";
/// From so many reference values on, bins replace the values.
const MANY_ROWS: usize = 10_000;
const BINS: f64 = 10_000.0;
const BIN_COUNT: u32 = 10_000;
