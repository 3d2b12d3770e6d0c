use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::mmd_test::scale_for_kernel;
use super::rows::{Rows, square_distance};
use crate::error::Error;
use crate::math::moments::{compensated_sum, mean, std_population};
use crate::math::normal::normal_survival;
use crate::resampling::{Draws, ResampledTest};

/// Estimates the squared maximum mean discrepancy in one pass, with the p-value of the normal law.
///
/// Row 2i and row 2i + 1 of both sides form a term; rows beyond the shorter side are not looked at. O((n + m) d) time, so it suits
/// millions of rows, but it needs far more of them than [`mmd_test`](super::mmd_test) to find the same drift. Rows must not depend on
/// their neighbours: shuffle them if they might. Source: Gretton et al., A Kernel Two-Sample Test (2012), section 6.
///
/// ```
/// use lineal_drift::multivariate::linear_mmd;
/// use ndarray::Array2;
///
/// let rows = |shift: f64| Array2::from_shape_fn((200, 1), |(i, _)| (i * 77 % 200) as f64 / 200.0 + shift);
/// assert!(linear_mmd(rows(0.0).view(), rows(1.0).view(), 0.5)?.p_value < 1e-6);
/// # Ok::<(), lineal_drift::Error>(())
/// ```
///
/// # Errors
/// As [`mmd`](crate::mmd()); [`Error::TooFew`] if a side has less than four rows.
pub fn linear_mmd(
    reference: ArrayView2<'_, f64>,
    current: ArrayView2<'_, f64>,
    sigma: f64,
) -> Result<LinearMmd, Error> {
    let (x, y) = scaled(reference, current, sigma)?;
    let terms: Vec<f64> = terms(x.rows(), y.rows()).collect();
    let count = terms.len() as f64;
    let (statistic, standard_error) = (mean(&terms), std_population(&terms) / (count - 1.0).sqrt());
    // Terms without any spread leave no doubt.
    let z = if statistic == 0.0 { 0.0 } else { statistic / standard_error };
    Ok(LinearMmd { statistic, standard_error, p_value: normal_survival(z) })
}

/// Does the same with the p-value of permutations, which does not lean on the normal law: for few rows.
///
/// ```
/// use lineal_drift::multivariate::linear_mmd_test;
/// use lineal_drift::resampling::Draws;
/// use ndarray::Array2;
///
/// let rows = |shift: f64| Array2::from_shape_fn((200, 1), |(i, _)| (i * 77 % 200) as f64 / 200.0 + shift);
/// assert_eq!(linear_mmd_test(rows(0.0).view(), rows(1.0).view(), 0.5, Draws::new(99, 7))?.p_value, 0.01);
/// # Ok::<(), lineal_drift::Error>(())
/// ```
///
/// # Errors
/// As [`linear_mmd`]; [`Error::Setting`] for a number of draws out of range.
pub fn linear_mmd_test(
    reference: ArrayView2<'_, f64>,
    current: ArrayView2<'_, f64>,
    sigma: f64,
    draws: Draws,
) -> Result<ResampledTest, Error> {
    draws.check()?;
    let (x, y) = scaled(reference, current, sigma)?;
    let n = x.len();
    let observed = mean_of(terms(x.rows(), y.rows()));
    let pooled = x.joined(&y);
    let drawn = draws.map("linear mmd", |rng| {
        let mut rows: Vec<&[f64]> = pooled.rows().collect();
        rng.shuffle(&mut rows);
        let (x, y) = rows.split_at(n.min(rows.len()));
        mean_of(terms(x.iter().copied(), y.iter().copied()))
    });
    Ok(ResampledTest::count(observed, &drawn, ROUNDING))
}

/// The linear-time estimate of the squared maximum mean discrepancy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LinearMmd {
    /// The estimate, -2 to 2: 0 on average if nothing differs, so half of the time negative.
    pub statistic: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// Probability of an estimate at least as large if nothing differs.
    pub p_value: f64,
}

fn scaled(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>, sigma: f64) -> Result<(Rows, Rows), Error> {
    let (mut x, mut y) = Rows::both(x, y)?;
    if x.len().min(y.len()) < 4 {
        return Err(Error::TooFew { what: "linear maximum mean discrepancy", needs: "four rows on each side" });
    }
    scale_for_kernel([&mut x, &mut y], sigma)?;
    Ok((x, y))
}

/// Equation 13: k(x, x') + k(y, y') - k(x, y') - k(x', y) of two rows of each side in turn.
fn terms<'a>(
    mut x: impl Iterator<Item = &'a [f64]>,
    mut y: impl Iterator<Item = &'a [f64]>,
) -> impl Iterator<Item = f64> {
    std::iter::from_fn(move || {
        let (x1, y1, x2, y2) = (x.next()?, y.next()?, x.next()?, y.next()?);
        let kernel = |one, other| (-square_distance(one, other)).exp();
        Some(kernel(x1, x2) + kernel(y1, y2) - kernel(x1, y2) - kernel(x2, y1))
    })
}

fn mean_of(terms: impl Iterator<Item = f64>) -> f64 {
    let mut count = 0.0;
    let sum = compensated_sum(terms.inspect(|_| count += 1.0));
    if count > 0.0 { sum / count } else { 0.0 }
}

const ROUNDING: f64 = 1e-13;
