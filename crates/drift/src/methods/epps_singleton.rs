//! The Epps-Singleton test.

use crate::error::Error;
use crate::math::gamma::chi_square_survival;
use crate::math::moments::compensated_sum;
use crate::math::quantile::quantile_sorted;
use crate::math::symmetric::Eigen;
use crate::method::{DecidesOn, Method, MethodSpec, Score};
use crate::sample::{Sample, require_finite};

/// Compares the empirical characteristic functions at 0.4 and 0.8 of the inverse pooled semi-interquartile range.
///
/// A quadratic form in their differences, asymptotically chi-square; corrected for samples below 25 values. Defined for discrete
/// values too, and often more powerful than Kolmogorov-Smirnov. O((n + m) log(n + m)).
/// Source: Epps and Singleton (1986), Goerg and Kaiser (2009); equal to scipy's `epps_singleton_2samp`.
///
/// ```
/// use lineal_drift::{Sample, epps_singleton};
///
/// let (one, two): (Sample, Sample) = ((0..40).map(f64::from).collect(), (0..40).map(|i| f64::from(i * 3)).collect());
/// let test = epps_singleton(&one, &two)?;
/// assert_eq!(test.df, 4);
/// assert!(test.p_value < 0.01);
/// # Ok::<(), lineal_drift::Error>(())
/// ```
///
/// # Errors
/// [`Error::Empty`] and [`Error::Infinite`]; [`Error::TooFew`] if a sample has less than five values, or if the middle half of the
/// pooled values is one value.
pub fn epps_singleton(reference: &Sample, current: &Sample) -> Result<EppsSingleton, Error> {
    require_finite(SPEC.id, reference, current)?;
    let (x, y) = (reference.values(), current.values());
    let (n, m) = (x.len() as f64, y.len() as f64);
    let both = n + m;
    let spread = semi_interquartile_range(x, y);
    if x.len().min(y.len()) < LEAST || !(spread > 0.0 && spread.is_finite()) {
        return Err(Error::TooFew {
            what: SPEC.id,
            needs: "five values a side, the middle half of them not all equal",
        });
    }
    let (in_x, in_y) = (Waves::of(x, spread), Waves::of(y, spread));
    let covariance = |i: usize, j: usize| both / n * in_x.covariance(i, j) + both / m * in_y.covariance(i, j);
    let matrix = (0..WAVES).map(|i| (0..WAVES).map(|j| covariance(i, j)).collect()).collect();
    let differences: Vec<f64> = in_x.means.iter().zip(in_y.means).map(|(a, b)| a - b).collect();
    // The tolerance is numpy's for pseudo-inverses.
    let (form, rank) = Eigen::of(matrix).inverse_form(&differences, 1e-15);
    let small = 1.0 / (1.0 + both.powf(-0.45) + 10.1 * (n.powf(-1.7) + m.powf(-1.7)));
    let statistic = both * form * if n.max(m) < SMALL { small } else { 1.0 };
    Ok(EppsSingleton { statistic, df: rank as u64, p_value: chi_square_survival(statistic, rank as f64) })
}

/// The outcome of an Epps-Singleton test.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct EppsSingleton {
    /// The quadratic form, `0.0..`.
    pub statistic: f64,
    /// Degrees of freedom: 4, less if the covariance is singular.
    pub df: u64,
    /// Probability of a statistic at least as large if both samples come from one distribution.
    pub p_value: f64,
}

fn semi_interquartile_range(x: &[f64], y: &[f64]) -> f64 {
    let mut pooled = [x, y].concat();
    pooled.sort_unstable_by(f64::total_cmp);
    (quantile_sorted(&pooled, 0.75) - quantile_sorted(&pooled, 0.25)) / 2.0
}

/// Cosine and sine of both multiples of each value.
struct Waves {
    values: Vec<[f64; WAVES]>,
    means: [f64; WAVES],
}

impl Waves {
    fn of(sample: &[f64], spread: f64) -> Self {
        let [a, b] = [0.4 / spread, 0.8 / spread];
        let values: Vec<_> =
            sample.iter().map(|v| [(a * v).cos(), (b * v).cos(), (a * v).sin(), (b * v).sin()]).collect();
        let mut means = [0.0; WAVES];
        for (i, mean) in means.iter_mut().enumerate() {
            *mean = compensated_sum(values.iter().filter_map(|wave| wave.get(i).copied())) / sample.len() as f64;
        }
        Self { values, means }
    }

    fn covariance(&self, i: usize, j: usize) -> f64 {
        let deviation = |wave: &[f64; WAVES], i: usize| {
            wave.get(i).zip(self.means.get(i)).map_or(0.0, |(value, mean)| value - mean)
        };
        compensated_sum(self.values.iter().map(|wave| deviation(wave, i) * deviation(wave, j)))
            / self.values.len() as f64
    }
}

fn score(reference: &Sample, current: &Sample) -> Result<Score, Error> {
    let test = epps_singleton(reference, current)?;
    let rows = (reference.len() as u64, current.len() as u64);
    let score = Score::distance(Method::EppsSingleton, test.statistic, rows, None);
    Ok(Score { p_value: Some(test.p_value), effect: None, ..score })
}

pub(crate) const SPEC: MethodSpec = MethodSpec {
    method: Method::EppsSingleton,
    id: "epps_singleton",
    title: "Epps-Singleton",
    definition: "quadratic form in the differences of the empirical characteristic functions at two points",
    source: "Epps and Singleton (1986); equal to scipy epps_singleton_2samp",
    range: "0 and above",
    decides_on: DecidesOn::PValueBelow,
    default_threshold: Some(0.05),
    on_numbers: Some(score),
    on_counts: None,
};

const WAVES: usize = 4;
const LEAST: usize = 5;
const SMALL: f64 = 25.0;
