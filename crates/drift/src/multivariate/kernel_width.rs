use lineal_core::Rng;
use ndarray::ArrayView2;

use super::rows::{Rows, square_distance};
use crate::error::Error;
use crate::math::quantile::quantile_sorted;

/// Returns the usual width of a Gaussian kernel: the median distance of different rows of both sides together.
///
/// At most 1,000 rows are looked at, drawn from both sides by the seed, so that a permutation test with this width stays exact: half a
/// million distances. For all rows, see [`median_distances`](crate::median_distances). 1 if more than half of the rows are alike.
/// Source: Gretton et al. (2012), section 8.
///
/// ```
/// use ndarray::array;
/// let width = lineal_drift::multivariate::kernel_width(array![[0.0], [1.0]].view(), array![[3.0]].view(), 7)?;
/// assert_eq!(width, 2.0);
/// # Ok::<(), lineal_drift::Error>(())
/// ```
///
/// # Errors
/// As [`mmd`](crate::mmd()); [`Error::Range`] if distances are beyond `f64`.
pub fn kernel_width(reference: ArrayView2<'_, f64>, current: ArrayView2<'_, f64>, seed: u64) -> Result<f64, Error> {
    let (x, y) = Rows::both(reference, current)?;
    let rows = x.joined(&y);
    let rows: Vec<&[f64]> = rows.rows().collect();
    let mut order: Vec<usize> = (0..rows.len()).collect();
    Rng::new(seed, "kernel width").shuffle(&mut order);
    let drawn: Vec<&[f64]> = order.iter().take(MOST_ROWS).filter_map(|row| rows.get(*row).copied()).collect();
    let others = |at: usize| drawn.iter().skip(at + 1);
    let mut squares: Vec<f64> =
        drawn.iter().enumerate().flat_map(|(at, row)| others(at).map(|other| square_distance(row, other))).collect();
    squares.sort_unstable_by(f64::total_cmp);
    let distances: Vec<f64> = squares.into_iter().map(f64::sqrt).collect();
    match quantile_sorted(&distances, 0.5) {
        width if width > 0.0 && width.is_finite() => Ok(width),
        width if width.is_infinite() => Err(Error::Range { what: "kernel width" }),
        _ => Ok(1.0),
    }
}

const MOST_ROWS: usize = 1000;
