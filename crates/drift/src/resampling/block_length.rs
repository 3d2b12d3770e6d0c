use serde::{Deserialize, Serialize};

use crate::error::{Error, Side};
use crate::math::moments::{compensated_sum, largest_magnitude, mean, power_of_two_scale};

/// How long blocks should be for a series, by how far its values stay alike.
///
/// The lengths are best for the variance of the mean; a test on few rows may want somewhat longer blocks. Number for number as the
/// Python package arch 8.0. Source: Politis and White, Automatic Block-Length Selection for the Dependent Bootstrap (2004), corrected by
/// Patton, Politis and White (2009).
///
/// ```
/// use lineal_drift::resampling::BlockLength;
///
/// let (mut rng, mut last) = (lineal_core::Rng::new(7, "noise"), 0.0);
/// let series: Vec<f64> = (0..500).map(|_| { last = 0.5 * last + rng.normal(); last }).collect();
/// let length = BlockLength::of(&series)?;
/// assert!(length.circular > length.stationary && length.stationary > 3.0);
/// # Ok::<(), lineal_drift::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BlockLength {
    /// For circular and moving blocks, at least 1: round up.
    pub circular: f64,
    /// The mean for stationary blocks, at least 1.
    pub stationary: f64,
}

impl BlockLength {
    /// Estimates the lengths from values in the order of their rows; NaN is left out. O(n √n).
    ///
    /// # Errors
    /// [`Error::TooFew`] with less than 20 values, [`Error::Infinite`] if one is infinite. A constant series has blocks of 1.
    pub fn of(series: &[f64]) -> Result<Self, Error> {
        let values: Vec<f64> = series.iter().copied().filter(|v| !v.is_nan()).collect();
        if values.len() < 20 {
            return Err(Error::TooFew { what: WHAT, needs: "20 values" });
        }
        let count = values.iter().filter(|v| v.is_infinite()).count();
        if count > 0 {
            return Err(Error::Infinite { what: WHAT, side: Side::Reference, count });
        }
        let n = values.len() as f64;
        let (flatness, long_run) = Self::spectrum(&deviations(&values));
        let most = (3.0 * n.sqrt()).min(n / 3.0).ceil();
        let length = |factor: f64| {
            let length = (2.0 * flatness * flatness / (factor * long_run * long_run) * n).cbrt();
            if length.is_nan() { 1.0 } else { length.clamp(1.0, most) }
        };
        Ok(Self { circular: length(4.0 / 3.0), stationary: length(2.0) })
    }

    /// Returns Σ λ |k| γ(k) and Σ λ γ(k) over the lags that count, by the flat-top window λ of Politis and Romano (1995).
    fn spectrum(deviations: &[f64]) -> (f64, f64) {
        let n = deviations.len() as f64;
        let quiet_lags = 5_usize.max(deviations.len().checked_ilog10().unwrap_or_default() as usize);
        let most_lags = deviations.len().saturating_sub(1).isqrt() + 1 + quiet_lags;
        let lagged = |lag: usize| {
            let late = deviations.get(lag..).unwrap_or_default();
            compensated_sum(late.iter().zip(deviations).map(|(a, b)| a * b))
        };
        let products: Vec<f64> = (0..=most_lags).map(lagged).collect();
        let significant = 2.0 * (n.log10() / n).sqrt();
        let is_quiet: Vec<bool> = products
            .iter()
            .enumerate()
            .map(|(lag, product)| product.abs() < significant * norm(deviations, lag))
            .collect();
        // The first lag from which on so many are not significant.
        let first =
            is_quiet.windows(quiet_lags).take(most_lags + 1 - quiet_lags).position(|lags| lags.iter().all(|q| *q));
        let lags = first.map_or(most_lags, |first| 2 * first.max(1)).min(most_lags);
        let (mut flatness, mut long_run) = (0.0, products.first().copied().unwrap_or_default() / n);
        for (lag, product) in products.iter().enumerate().skip(1).take(lags) {
            let (lag, lags) = (lag as f64, lags as f64);
            let window = if lag / lags <= 0.5 { 1.0 } else { 2.0 * (1.0 - lag / lags) };
            flatness += 2.0 * window * lag * product / n;
            long_run += 2.0 * window * product / n;
        }
        (flatness, long_run)
    }
}

fn deviations(values: &[f64]) -> Vec<f64> {
    let scale = power_of_two_scale(largest_magnitude(values));
    let scaled: Vec<f64> = values.iter().map(|v| v / scale).collect();
    let centre = mean(&scaled);
    scaled.into_iter().map(|v| v - centre).collect()
}

/// The geometric mean of the squares without the first and without the last values, as arch takes it: one more than the lag.
fn norm(deviations: &[f64], lag: usize) -> f64 {
    let squares = |part: &[f64]| compensated_sum(part.iter().map(|v| v * v));
    let cut = lag + 1;
    let first = deviations.len().saturating_sub(cut);
    (squares(deviations.get(cut..).unwrap_or_default()) * squares(deviations.get(..first).unwrap_or_default())).sqrt()
}

const WHAT: &str = "length of blocks";
