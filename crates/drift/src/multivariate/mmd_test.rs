use ndarray::ArrayView2;

use super::permuted_sums::{PairSums, permuted_sums};
use super::rows::Rows;
use crate::error::Error;
use crate::resampling::{Draws, ResampledTest};

/// Tests whether two sets of rows come from one distribution by the unbiased squared maximum mean discrepancy with a Gaussian kernel.
///
/// Rows are observations of shape (n, d) and (m, d); the kernel is exp(-d² / 2σ²), for whose width see
/// [`kernel_width`](super::kernel_width()). The statistic is [`Mmd::unbiased`](crate::Mmd), its p-value that of permutations. The matrix
/// of all pairs is never held: O((n + m)² (d + draws)) time, O((n + m) (d + draws)) memory with at most 512 draws at once. Results do not
/// depend on the number of threads.
/// Source: Gretton et al., A Kernel Two-Sample Test (2012).
///
/// ```
/// use lineal_drift::multivariate::mmd_test;
/// use lineal_drift::resampling::Draws;
/// use ndarray::Array2;
///
/// let rows = |shift: f64| Array2::from_shape_fn((40, 2), |(i, j)| (i * (7 + j) % 40) as f64 / 40.0 + shift);
/// let test = mmd_test(rows(0.0).view(), rows(0.5).view(), 0.5, Draws::new(99, 7))?;
/// assert_eq!(test.p_value, 0.01);
/// # Ok::<(), lineal_drift::Error>(())
/// ```
///
/// # Errors
/// As [`mmd`](crate::mmd()); [`Error::TooFew`] if a side has one row, [`Error::Setting`] for a number of draws out of range,
/// [`Error::Range`] if a value divided by `sigma` is beyond `f64`.
pub fn mmd_test(
    reference: ArrayView2<'_, f64>,
    current: ArrayView2<'_, f64>,
    sigma: f64,
    draws: Draws,
) -> Result<ResampledTest, Error> {
    draws.check()?;
    let (mut x, mut y) = Rows::both(reference, current)?;
    scale_for_kernel([&mut x, &mut y], sigma)?;
    let (n, m) = (x.count(), y.count());
    if n < 2.0 || m < 2.0 {
        return Err(Error::TooFew { what: WHAT, needs: "two rows on each side" });
    }
    let (observed, drawn) = permuted_sums(x, &y, draws, |square| (-square).exp());
    let unbiased = |sums: &PairSums| {
        2.0 * (sums.within_reference / (n * (n - 1.0)) + sums.within_current / (m * (m - 1.0)) - sums.across / (n * m))
    };
    let drawn: Vec<f64> = drawn.iter().map(unbiased).collect();
    Ok(ResampledTest::count(unbiased(&observed), &drawn, ROUNDING))
}

/// Divides rows by √2 σ, after which the kernel is exp(-d²).
pub(super) fn scale_for_kernel(sides: [&mut Rows; 2], sigma: f64) -> Result<(), Error> {
    if !(sigma > 0.0 && sigma.is_finite()) {
        return Err(Error::Setting { name: "sigma", value: sigma, rule: "positive and finite" });
    }
    for side in sides {
        for value in &mut side.values {
            *value = *value / sigma * std::f64::consts::FRAC_1_SQRT_2;
            if !value.is_finite() {
                return Err(Error::Range { what: WHAT });
            }
        }
    }
    Ok(())
}

const WHAT: &str = "maximum mean discrepancy";

/// Sums of numbers between 0 and 1, divided by how many there are, are equal if they differ by less.
const ROUNDING: f64 = 1e-13;
