use ndarray::ArrayView2;

use super::permuted_sums::{PairSums, permuted_sums};
use super::rows::Rows;
use crate::error::Error;
use crate::math::moments::{largest_magnitude, power_of_two_scale};
use crate::resampling::{Draws, ResampledTest};

/// Tests whether two sets of rows come from one distribution by their energy distance, which needs no kernel and no width.
///
/// The statistic is [`energy_rows`](crate::energy_rows), all pairs counted, in the unit of the values: scale columns of different units
/// first. Its p-value is that of permutations. Costs as [`mmd_test`](super::mmd_test). Results do not depend on the number of threads.
/// Source: Székely and Rizzo, Testing for Equal Distributions in High Dimension (2004).
///
/// ```
/// use lineal_drift::multivariate::energy_test;
/// use lineal_drift::resampling::Draws;
/// use ndarray::Array2;
///
/// let rows = |shift: f64| Array2::from_shape_fn((40, 2), |(i, j)| (i * (7 + j) % 40) as f64 / 40.0 + shift);
/// let test = energy_test(rows(0.0).view(), rows(0.5).view(), Draws::new(99, 7))?;
/// assert_eq!(test.p_value, 0.01);
/// # Ok::<(), lineal_drift::Error>(())
/// ```
///
/// # Errors
/// As [`mmd`](crate::mmd()); [`Error::Setting`] for a number of draws out of range, [`Error::Range`] for distances beyond `f64`.
pub fn energy_test(
    reference: ArrayView2<'_, f64>,
    current: ArrayView2<'_, f64>,
    draws: Draws,
) -> Result<ResampledTest, Error> {
    draws.check()?;
    let (mut x, mut y) = Rows::both(reference, current)?;
    let scale = power_of_two_scale(largest_magnitude(&x.values).max(largest_magnitude(&y.values)));
    for value in x.values.iter_mut().chain(&mut y.values) {
        *value /= scale;
    }
    let (n, m) = (x.count(), y.count());
    let (observed, drawn) = permuted_sums(x, &y, draws, f64::sqrt);
    let mean_distance =
        (observed.within_reference + observed.within_current + observed.across) * scale / ((n + m) * (n + m));
    let energy = |sums: &PairSums| {
        let within = sums.within_reference / (n * n) + sums.within_current / (m * m);
        (2.0 * (sums.across / (n * m) - within) * scale).max(0.0)
    };
    let (observed, drawn) = (energy(&observed), drawn.iter().map(energy).collect::<Vec<f64>>());
    if !(mean_distance.is_finite() && observed.is_finite() && drawn.iter().all(|value| value.is_finite())) {
        return Err(Error::Range { what: "energy distance" });
    }
    Ok(ResampledTest::count(observed, &drawn, ROUNDING * mean_distance))
}

/// Relative to the mean distance.
const ROUNDING: f64 = 1e-12;
