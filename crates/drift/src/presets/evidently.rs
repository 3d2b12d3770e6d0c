//! Evidently's own decisions, number for number, for those who come from there.

use serde::{Deserialize, Serialize};

use crate::categories::PairedCounts;
use crate::error::{Error, Side};
use crate::math::histogram::{Binned, common_bins, count_between, equal_edges};
use crate::math::ks_paths::{Boundary, exceedance};
use crate::math::moments::compensated_sum;
use crate::methods::anderson_darling::{TieRule, anderson_darling};
use crate::methods::chi_square::chi_square_fit;
use crate::methods::cramer_von_mises::cramer_von_mises;
use crate::methods::energy::energy;
use crate::methods::epps_singleton::epps_singleton;
use crate::methods::g_test::g_fit;
use crate::methods::hellinger::hellinger_counts;
use crate::methods::jensen_shannon::jensen_shannon_counts;
use crate::methods::ks::ks;
use crate::methods::mann_whitney::{Alternative, mann_whitney};
use crate::methods::proportions::two_proportions;
use crate::methods::t_test::t_test;
use crate::methods::wasserstein::wasserstein;
use crate::sample::{Sample, require_values};

/// A drift test of Evidently 0.7 under its own name, with its binning, threshold and side of the threshold.
///
/// What is odd there is odd here: `mannw` is one-sided and blind to shifts upwards, the chi-square and G tests take the reference for
/// exact, histograms ignore the number of bins asked for, and p-values are not corrected for the number of columns. Our own methods are
/// [`Method`](crate::Method)s.
///
/// ```
/// use lineal_drift::{EvidentlyTest, Sample};
///
/// let reference: Sample = (0..100).map(f64::from).collect();
/// let test = EvidentlyTest::default_for_numbers(&reference, &reference);
/// assert_eq!((test, test.numbers(&reference, &reference)?.drifted), (EvidentlyTest::Ks, false));
/// # Ok::<(), lineal_drift::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EvidentlyTest {
    /// Kolmogorov-Smirnov.
    Ks,
    /// Wasserstein distance in standard deviations of the reference.
    Wasserstein,
    /// Population stability index over Sturges' bins.
    Psi,
    /// Jensen-Shannon distance to base e.
    #[serde(rename = "jensenshannon")]
    JensenShannon,
    /// Kullback-Leibler divergence of filled shares.
    KlDiv,
    /// Hellinger distance.
    Hellinger,
    /// Energy distance.
    Ed,
    /// Anderson-Darling, p-value clipped.
    Anderson,
    /// Cramér-von Mises.
    CramerVonMises,
    /// Mann-Whitney, one-sided.
    #[serde(rename = "mannw")]
    MannWhitney,
    /// Student's t test.
    TTest,
    /// Epps-Singleton.
    Es,
    /// Chi-square against the shares of the reference.
    #[serde(rename = "chisquare")]
    ChiSquare,
    /// G test against the shares of the reference, for sides of equal size.
    GTest,
    /// z test of two proportions, for two labels.
    Z,
}

/// What Evidently says of a column.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct EvidentlyScore {
    /// A p-value or a distance.
    pub score: f64,
    /// What it is held against.
    pub threshold: f64,
    /// Whether that is drift.
    pub drifted: bool,
}

impl EvidentlyTest {
    /// Returns the test that Evidently takes for a numeric column.
    #[must_use]
    pub fn default_for_numbers(reference: &Sample, current: &Sample) -> Self {
        let few = |sample: &Sample| sample.distinct(FEW_LABELS);
        let labels = few(reference).zip(few(current)).map(|(one, other)| {
            let mut values: Vec<f64> = one.into_iter().chain(other).map(|(value, _)| value).collect();
            values.sort_unstable_by(f64::total_cmp);
            values.dedup();
            values.len()
        });
        match labels {
            Some(labels) if labels <= FEW_LABELS => Self::default_for_labels(labels, reference.len() as u64),
            _ if reference.len() as u64 > MANY_ROWS => Self::Wasserstein,
            _ => Self::Ks,
        }
    }

    /// Returns the test that Evidently takes for so many labels.
    #[must_use]
    pub fn default_for_labels(labels: usize, reference_rows: u64) -> Self {
        match labels {
            _ if reference_rows > MANY_ROWS => Self::JensenShannon,
            ..=2 => Self::Z,
            _ => Self::ChiSquare,
        }
    }

    /// Compares numbers.
    ///
    /// # Errors
    /// [`Error::NotNumeric`] for a test of labels; otherwise what the method itself reports.
    pub fn numbers(self, reference: &Sample, current: &Sample) -> Result<EvidentlyScore, Error> {
        require_values("evidently", reference, current)?;
        let score = match self {
            Self::Ks => ks_auto(reference, current)?,
            Self::Wasserstein => wasserstein(reference, current)?.normed,
            Self::Psi | Self::JensenShannon | Self::KlDiv => {
                let bins = common_bins("evidently", reference, current)?;
                return self.bins(&bins.reference, &bins.current);
            }
            Self::Hellinger => {
                let bins = hellinger_bins(reference, current)?;
                hellinger_counts(&bins.reference, &bins.current)?
            }
            Self::Ed => energy(reference, current)?,
            Self::Anderson => anderson_darling(reference, current, TieRule::Midrank)?.p_clipped(),
            Self::CramerVonMises => {
                let test = cramer_von_mises(reference, current)?;
                let small = reference.len().max(current.len()) <= 20;
                let exact = test.p_exact().filter(|_| small);
                exact.map(|p| shortened(p, reference.len(), current.len())).unwrap_or_else(|| test.p_asymp())
            }
            Self::MannWhitney => {
                let test = mann_whitney(reference, current)?;
                let exact =
                    (reference.len().min(current.len()) <= 8).then(|| test.exact_without_ties(Alternative::Less));
                exact.flatten().unwrap_or_else(|| test.p_asymp(Alternative::Less, true))
            }
            Self::TTest => t_test(reference, current)?.p_value,
            Self::Es => epps_singleton(reference, current)?.p_value,
            Self::ChiSquare | Self::GTest | Self::Z => return Err(Error::NotNumeric { what: "evidently" }),
        };
        Ok(self.judge(score))
    }

    /// Compares counts over the same labels, reference first.
    ///
    /// # Errors
    /// [`Error::NotCategorical`] for a test of numbers; otherwise what the method itself reports.
    pub fn counts(self, reference: &[u64], current: &[u64]) -> Result<EvidentlyScore, Error> {
        crate::categories::totals("evidently", reference, current)?;
        // Labels that nobody has are not known there; empty bins of numbers are, and count.
        let present = reference.iter().zip(current).filter(|(r, c)| **r > 0 || **c > 0);
        let (reference, current): (Vec<u64>, Vec<u64>) = present.map(|(r, c)| (*r, *c)).unzip();
        self.bins(&reference, &current)
    }

    fn bins(self, reference: &[u64], current: &[u64]) -> Result<EvidentlyScore, Error> {
        let score = match self {
            Self::Psi => {
                let (p, q) = filled(reference, current)?;
                compensated_sum(p.iter().zip(&q).map(|(p, q)| (p - q) * (p / q).ln()))
            }
            Self::KlDiv => {
                let (p, q) = filled(reference, current)?;
                let (all_p, all_q) = (compensated_sum(p.iter().copied()), compensated_sum(q.iter().copied()));
                compensated_sum(p.iter().zip(&q).map(|(p, q)| p / all_p * (p / all_p / (q / all_q)).ln()))
            }
            Self::JensenShannon => jensen_shannon_counts(reference, current)?.distance_e(),
            Self::Hellinger => hellinger_counts(reference, current)?,
            Self::ChiSquare => chi_square_fit(reference, current)?.p_value,
            Self::GTest => g_fit(reference, current)?.p_value,
            Self::Z => z(reference, current)?,
            _ => return Err(Error::NotCategorical { what: "evidently" }),
        };
        Ok(self.judge(score))
    }

    /// Compares labels.
    ///
    /// # Errors
    /// As [`EvidentlyTest::counts`].
    pub fn labels(self, counts: &PairedCounts) -> Result<EvidentlyScore, Error> {
        self.counts(counts.reference(), counts.current())
    }

    fn judge(self, score: f64) -> EvidentlyScore {
        let threshold = match self {
            Self::Ks | Self::MannWhitney | Self::TTest | Self::Es | Self::ChiSquare | Self::Z => 0.05,
            _ => 0.1,
        };
        let drifted = match self {
            Self::Ks => score <= threshold,
            Self::Ed => score > threshold,
            Self::Wasserstein | Self::Psi | Self::JensenShannon | Self::KlDiv | Self::Hellinger => score >= threshold,
            _ => score < threshold,
        };
        EvidentlyScore { score, threshold, drifted }
    }
}

/// scipy's "auto": paths are counted up to 10,000 values a side.
fn ks_auto(reference: &Sample, current: &Sample) -> Result<f64, Error> {
    let test = ks(reference, current)?;
    let size = |sample: &Sample| u32::try_from(sample.len()).ok().filter(|size| *size <= 10_000);
    match size(reference).zip(size(current)) {
        Some((n, m)) => Ok(exceedance(n, m, test.statistic, Boundary::Both)),
        None => Ok(test.p_asymp().unwrap_or_else(|| test.p_limit())),
    }
}

/// Evidently counts orders in the smallest integers that hold them; where 16 bits do, their ratio is a half precision float.
fn shortened(p: f64, n: usize, m: usize) -> f64 {
    let orders: f64 = (1..=n).map(|i| (m + i) as f64 / i as f64).product::<f64>().round();
    if orders > f64::from(u16::MAX) {
        return p;
    }
    half((half((p * orders).round()) / half(orders)).min(1.0))
}

/// Rounds to 11 binary digits, as half precision floats of ordinary size have them.
fn half(v: f64) -> f64 {
    if v == 0.0 {
        return v;
    }
    let unit = 2.0_f64.powi(10) / 2.0_f64.powf(v.log2().floor());
    (v * unit).round_ties_even() / unit
}

/// Sturges' bins of the distinct values, not of all.
fn hellinger_bins(reference: &Sample, current: &Sample) -> Result<Binned, Error> {
    crate::sample::require_finite("evidently", reference, current)?;
    let mut keys: Vec<f64> = [reference.values(), current.values()].concat();
    keys.iter_mut().for_each(|key| *key += 0.0);
    keys.sort_unstable_by(f64::total_cmp);
    keys.dedup();
    let (low, high) = (keys.first().copied().unwrap_or(0.0), keys.last().copied().unwrap_or(0.0));
    let (low, high) = if low == high { (low - 0.5, high + 0.5) } else { (low, high) };
    let width = (high - low) / ((keys.len() as f64).log2() + 1.0);
    if !(high - low).is_finite() {
        return Err(Error::Range { what: "evidently" });
    }
    let bins = if keys.len() > 1 && width > 0.0 { ((high - low) / width).ceil().clamp(1.0, 100.0) } else { 1.0 };
    let edges = equal_edges(low, high, bins);
    Ok(Binned {
        reference: count_between(reference.values(), &edges),
        current: count_between(current.values(), &edges),
    })
}

/// Shares, those of empty bins raised: to 0.0001, or to a millionth of the smallest share if that is no more.
fn filled(reference: &[u64], current: &[u64]) -> Result<(Vec<f64>, Vec<f64>), Error> {
    let (n, m) = crate::categories::totals("evidently", reference, current)?;
    let shares = |counts: &[u64], all: f64| -> Vec<f64> {
        let shares: Vec<f64> = counts.iter().map(|count| *count as f64 / all).collect();
        let least = shares.iter().copied().filter(|share| *share > 0.0).fold(f64::INFINITY, f64::min);
        let floor = if least <= 0.0001 { least / 1e6 } else { 0.0001 };
        shares.into_iter().map(|share| if share == 0.0 { floor } else { share }).collect()
    };
    Ok((shares(reference, n), shares(current, m)))
}

fn z(reference: &[u64], current: &[u64]) -> Result<f64, Error> {
    let (n, m) = crate::categories::totals("evidently", reference, current)?;
    let rest = |counts: &[u64]| counts.iter().skip(1).fold(0_u64, |sum, count| sum.saturating_add(*count));
    let first = |counts: &[u64]| counts.first().copied().unwrap_or_default();
    if n == 0.0 || m == 0.0 {
        return Err(Error::Empty { what: "evidently", side: Side::Current });
    }
    let table = [[first(reference), rest(reference)], [first(current), rest(current)]];
    Ok(two_proportions(table)?.p_value(Alternative::TwoSided))
}

const FEW_LABELS: usize = 5;
const MANY_ROWS: u64 = 1000;
