//! Distances of rows of several numbers: maximum mean discrepancy, and energy distance in many dimensions.

use ndarray::ArrayView2;
use rayon::prelude::*;

use crate::error::Error;
use crate::math::moments::compensated_sum;
use crate::math::quantile::quantile_sorted;
use crate::multivariate::rows::{Rows, square_distance};

/// Compares the mean embeddings of two sets of rows in the space of a Gaussian kernel exp(-d² / 2σ²).
///
/// Rows are observations of shape (n, d) and (m, d). Needs O((n + m)² d) time and O(n + m) memory. Results do not depend on the number
/// of threads. Source: Gretton et al., A Kernel Two-Sample Test (2012), equations 3 and 5.
///
/// ```
/// use ndarray::array;
/// let test = lineal_drift::mmd(array![[0.0], [1.0]].view(), array![[5.0], [6.0]].view(), 1.0)?;
/// assert!(test.biased > 0.7);
/// # Ok::<(), lineal_drift::Error>(())
/// ```
///
/// # Errors
/// [`Error::Empty`] if a side has no rows, [`Error::Shape`] if the rows have different lengths, [`Error::Infinite`] if a value is not
/// finite, [`Error::Setting`] if `sigma` is not positive.
pub fn mmd(reference: ArrayView2<'_, f64>, current: ArrayView2<'_, f64>, sigma: f64) -> Result<Mmd, Error> {
    let (x, y) = Rows::both(reference, current)?;
    if !(sigma > 0.0 && sigma.is_finite()) {
        return Err(Error::Setting { name: "sigma", value: sigma, rule: "positive and finite" });
    }
    let kernel = |square: f64| (-square / (2.0 * sigma * sigma)).exp();
    let (n, m) = (x.count(), y.count());
    let (xx, yy, xy) = (x.sum_within(kernel), y.sum_within(kernel), x.sum_across(&y, kernel));
    let pairs = |sum: f64, n: f64| sum / (n * (n - 1.0));
    Ok(Mmd {
        biased: (xx + n) / (n * n) + (yy + m) / (m * m) - 2.0 * xy / (n * m),
        unbiased: (n > 1.0 && m > 1.0).then(|| pairs(xx, n) + pairs(yy, m) - 2.0 * xy / (n * m)),
    })
}

/// The squared maximum mean discrepancy.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Mmd {
    /// All pairs, also of a row with itself: 0 to 2, a metric's square.
    pub biased: f64,
    /// Without these: 0 on average if nothing differs, so half of the time negative. `None` if a side has one row.
    pub unbiased: Option<f64>,
}

/// Returns the energy distance 2 E|X - Y| - E|X - X'| - E|Y - Y'| of two sets of rows, all pairs counted (V-statistic), `0.0..`.
///
/// In one dimension the square of [`energy`](crate::energy()). Costs as [`mmd`]. Source: Székely and Rizzo (2013).
///
/// ```
/// use ndarray::array;
/// assert_eq!(lineal_drift::energy_rows(array![[0.0, 0.0]].view(), array![[3.0, 4.0]].view())?, 10.0);
/// # Ok::<(), lineal_drift::Error>(())
/// ```
///
/// # Errors
/// As [`mmd`].
pub fn energy_rows(reference: ArrayView2<'_, f64>, current: ArrayView2<'_, f64>) -> Result<f64, Error> {
    let (x, y) = Rows::both(reference, current)?;
    let (n, m) = (x.count(), y.count());
    let across = 2.0 * x.sum_across(&y, f64::sqrt) / (n * m);
    Ok((across - x.sum_within(f64::sqrt) / (n * n) - y.sum_within(f64::sqrt) / (m * m)).max(0.0))
}

/// Returns the median distance and the median squared distance of all pairs of different rows of both sides together: the usual width
/// of a kernel is the first, or the root of half the second.
///
/// O((n + m)² d) time, O((n + m)²) memory: sample some hundred rows.
///
/// ```
/// use ndarray::array;
/// assert_eq!(lineal_drift::median_distances(array![[0.0], [1.0]].view(), array![[3.0]].view())?, (2.0, 4.0));
/// # Ok::<(), lineal_drift::Error>(())
/// ```
///
/// # Errors
/// As [`mmd`]; [`Error::TooFew`] with less than two rows.
pub fn median_distances(reference: ArrayView2<'_, f64>, current: ArrayView2<'_, f64>) -> Result<(f64, f64), Error> {
    let (x, y) = Rows::both(reference, current)?;
    let rows: Vec<&[f64]> = x.rows().chain(y.rows()).collect();
    let mut squares: Vec<f64> = Vec::with_capacity(rows.len() * rows.len() / 2);
    for (at, row) in rows.iter().enumerate() {
        squares.extend(rows.iter().skip(at + 1).map(|other| square_distance(row, other)));
    }
    if squares.is_empty() {
        return Err(Error::TooFew { what: "median distance", needs: "two rows" });
    }
    squares.sort_unstable_by(f64::total_cmp);
    let distances: Vec<f64> = squares.iter().map(|square| square.sqrt()).collect();
    Ok((quantile_sorted(&distances, 0.5), quantile_sorted(&squares, 0.5)))
}

impl Rows {
    /// Sums a function of the squared distance over all ordered pairs of different rows.
    fn sum_within(&self, of: impl Fn(f64) -> f64 + Sync) -> f64 {
        let row_sum = |(at, row): (usize, &[f64])| {
            compensated_sum(self.rows().take(at).map(|other| of(square_distance(row, other))))
        };
        let sums: Vec<f64> = self.values.par_chunks_exact(self.width).enumerate().map(row_sum).collect();
        2.0 * compensated_sum(sums)
    }

    fn sum_across(&self, other: &Self, of: impl Fn(f64) -> f64 + Sync) -> f64 {
        let row_sum = |row: &[f64]| compensated_sum(other.rows().map(|there| of(square_distance(row, there))));
        let sums: Vec<f64> = self.values.par_chunks_exact(self.width).map(row_sum).collect();
        compensated_sum(sums)
    }
}
