//! What there is to say of one column of numbers.

use serde::{Deserialize, Serialize};

use crate::math::moments::{
    compensated_sum, largest_magnitude, mean, power_of_two_scale, squared_deviations, std_population,
};
use crate::sample::Sample;

/// Facts of the finite values of a sample, exact but for rounding; `None` where a fact is undefined.
///
/// ```
/// use lineal_drift::{Sample, Summary};
///
/// let summary = Summary::of(&Sample::new([1.0, 2.0, 6.0, f64::NAN, f64::INFINITY]));
/// assert_eq!((summary.rows, summary.missing, summary.infinite, summary.finite), (5, 1, 1, 3));
/// assert_eq!((summary.mean, summary.variance), (Some(3.0), Some(7.0)));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Summary {
    /// Rows, missing ones included.
    pub rows: u64,
    /// Null and NaN.
    pub missing: u64,
    /// Positive and negative infinities.
    pub infinite: u64,
    /// What all that follows is of.
    pub finite: u64,
    /// The smallest value.
    pub min: Option<f64>,
    /// The largest value.
    pub max: Option<f64>,
    /// Sum with compensation.
    pub sum: Option<f64>,
    /// Arithmetic mean.
    pub mean: Option<f64>,
    /// With divisor n - 1; needs two values.
    pub variance: Option<f64>,
    /// With divisor n.
    pub std_population: Option<f64>,
    /// Third standardised moment m3 / m2^1.5; `None` if all values are equal up to rounding.
    pub skewness: Option<f64>,
    /// Fourth standardised moment, less 3.
    pub excess_kurtosis: Option<f64>,
    /// How many different values.
    pub distinct: u64,
    /// How many zeros.
    pub zeros: u64,
}

impl Summary {
    /// Describes a sample; its quantiles are [`Sample::quantile`]. O(n).
    #[must_use]
    pub fn of(sample: &Sample) -> Self {
        let values = sample.finite_slice();
        let counts = Self {
            rows: sample.len() as u64 + sample.missing(),
            missing: sample.missing(),
            infinite: sample.infinite() as u64,
            finite: values.len() as u64,
            ..Self::default()
        };
        let (Some(&min), Some(&max)) = (values.first(), values.last()) else { return counts };
        let moments = Central::of(values);
        Self {
            min: Some(min),
            max: Some(max),
            sum: Some(compensated_sum(values.iter().copied())),
            mean: Some(mean(values)),
            variance: (values.len() > 1).then(|| squared_deviations(values) / (moments.n - 1.0)),
            std_population: Some(std_population(values)),
            skewness: moments.skewness(),
            excess_kurtosis: moments.excess_kurtosis(),
            distinct: 1 + values.windows(2).filter(|pair| matches!(pair, [one, two] if one != two)).count() as u64,
            zeros: values.iter().filter(|v| **v == 0.0).count() as u64,
            ..counts
        }
    }

    /// Returns the skewness corrected for its bias under the normal law (G1); needs three values.
    #[must_use]
    pub fn skewness_unbiased(&self) -> Option<f64> {
        let n = self.finite as f64;
        self.skewness.filter(|_| n > 2.0).map(|g| g * (n * (n - 1.0)).sqrt() / (n - 2.0))
    }

    /// Returns the excess kurtosis corrected for its bias under the normal law (G2); needs four values.
    #[must_use]
    pub fn excess_kurtosis_unbiased(&self) -> Option<f64> {
        let n = self.finite as f64;
        self.excess_kurtosis.filter(|_| n > 3.0).map(|g| (n - 1.0) / ((n - 2.0) * (n - 3.0)) * ((n + 1.0) * g + 6.0))
    }
}

/// Mean powers of the deviations from the mean, in a unit that keeps them in range.
struct Central {
    n: f64,
    powers: [f64; 3],
    /// Deviations of that size are rounding.
    noise: f64,
}

impl Central {
    fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let scale = power_of_two_scale(largest_magnitude(values));
        let centre = mean(values) / scale;
        let power = |k: i32| compensated_sum(values.iter().map(|v| (v / scale - centre).powi(k))) / n;
        Self { n, powers: [power(2), power(3), power(4)], noise: centre * f64::EPSILON }
    }

    fn standardised(&self, moment: f64, of_variance: f64) -> Option<f64> {
        let [variance, ..] = self.powers;
        (variance > self.noise * self.noise && of_variance > 0.0).then(|| moment / of_variance)
    }

    fn skewness(&self) -> Option<f64> {
        let [variance, third, _] = self.powers;
        self.standardised(third, variance.powf(1.5))
    }

    fn excess_kurtosis(&self) -> Option<f64> {
        let [variance, _, fourth] = self.powers;
        self.standardised(fourth, variance * variance).map(|kurtosis| kurtosis - 3.0)
    }
}
