use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::covariance::correlations;
use super::rows::Rows;
use crate::error::Error;
use crate::math::beta::beta_regularised;
use crate::math::moments::{largest_magnitude, mean, power_of_two_scale, squared_deviations};
use crate::math::symmetric::Eigen;

/// Tests whether the means of two sets of rows differ: Student's test for many columns at once.
///
/// Rows are observations of shape (n, d) and (m, d). Only means are compared: what moves spread or shape alone is not seen. Columns that
/// are constant or follow from others do not count; if the means differ where nothing varies, T² is infinite. The law is exact for
/// normal rows with one covariance, and good for any with many rows. O((n + m) d² + d³) time, one copy of the rows. Results do not
/// depend on the number of threads. Source: Hotelling, The Generalization of Student's Ratio (1931).
///
/// ```
/// use lineal_drift::multivariate::hotelling;
/// use ndarray::array;
///
/// let test = hotelling(array![[0.0, 1.0], [1.0, 0.0], [2.0, 2.0]].view(), array![[9.0, 1.0], [8.0, 2.0], [7.0, 0.0]].view())?;
/// assert!(test.p_value < 0.05);
/// assert_eq!(test.degrees_of_freedom, (2.0, 3.0));
/// # Ok::<(), lineal_drift::Error>(())
/// ```
///
/// # Errors
/// As [`mmd`](crate::mmd()); [`Error::TooFew`] with less rows of both sides together than columns and two more.
pub fn hotelling(reference: ArrayView2<'_, f64>, current: ArrayView2<'_, f64>) -> Result<Hotelling, Error> {
    let (x, y) = Rows::both(reference, current)?;
    let (n, m, width) = (x.count(), y.count(), x.width);
    let joined = x.joined(&y);
    if n + m < width as f64 + 2.0 {
        return Err(Error::TooFew { what: WHAT, needs: "at least two rows more than there are columns" });
    }
    let Standardised { rows, differences, certain } = Standardised::of(joined, n, m);
    let eigen = Eigen::of(correlations(&rows, differences.len(), n + m - 2.0));
    let (square, outside, rank) = eigen_form(&eigen, &differences);
    let infinite = certain || outside;
    let mahalanobis = if infinite { f64::INFINITY } else { square.sqrt() };
    let statistic = if infinite { f64::INFINITY } else { square * n * m / (n + m) };
    let (between, within) = (rank as f64, n + m - rank as f64 - 1.0);
    let spread = n + m - 2.0;
    let p_value = match (infinite, rank) {
        (true, _) => 0.0,
        (false, 0) => 1.0,
        _ => beta_regularised(
            within / 2.0,
            between / 2.0,
            spread / (spread + statistic),
            statistic / (spread + statistic),
        ),
    };
    let f = if rank == 0 { statistic } else { statistic * within / (between * spread) };
    Ok(Hotelling { statistic, f, degrees_of_freedom: (between, within), p_value, mahalanobis })
}

/// Hotelling's two-sample test.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Hotelling {
    /// T², `0.0..`.
    pub statistic: f64,
    /// T² as a variable of Fisher's F law.
    pub f: f64,
    /// Degrees of freedom of F; the first is the number of columns that count.
    pub degrees_of_freedom: (f64, f64),
    /// Probability of a T² at least as large if the means are equal.
    pub p_value: f64,
    /// Distance of the means in units of the pooled spread (Mahalanobis): the effect size, which does not grow with the rows.
    pub mahalanobis: f64,
}

/// Rows less the mean of their side, columns divided by their pooled deviation; columns without any are left out.
struct Standardised {
    /// Row by row.
    rows: Vec<f64>,
    differences: Vec<f64>,
    /// Whether a column without spread differs between the sides.
    certain: bool,
}

impl Standardised {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of rows")]
    fn of(joined: Rows, n: f64, m: f64) -> Self {
        let column = |at: usize| -> Vec<f64> { joined.rows().filter_map(|row| row.get(at).copied()).collect() };
        let (mut columns, mut differences, mut certain) = (Vec::new(), Vec::new(), false);
        for at in 0..joined.width {
            let mut values = column(at);
            let scale = power_of_two_scale(largest_magnitude(&values));
            values.iter_mut().for_each(|v| *v /= scale);
            let (x, y) = values.split_at_mut(n as usize);
            let (mean_x, mean_y) = (mean(x), mean(y));
            let deviation = ((squared_deviations(x) + squared_deviations(y)) / (n + m - 2.0)).sqrt();
            if deviation <= f64::EPSILON * mean_x.abs().max(mean_y.abs()) * SPREAD_IS_ROUNDING {
                certain |= (mean_x - mean_y).abs() > f64::EPSILON * mean_x.abs().max(mean_y.abs()) * SPREAD_IS_ROUNDING;
                continue;
            }
            x.iter_mut().for_each(|v| *v = (*v - mean_x) / deviation);
            y.iter_mut().for_each(|v| *v = (*v - mean_y) / deviation);
            differences.push((mean_x - mean_y) / deviation);
            columns.push(values);
        }
        let rows = (0..joined.len()).flat_map(|row| columns.iter().filter_map(move |c| c.get(row).copied())).collect();
        Self { rows, differences, certain }
    }
}

/// Returns d' R⁺ d, whether d leaves the space of R, and the rank of R.
fn eigen_form(eigen: &Eigen, differences: &[f64]) -> (f64, bool, usize) {
    let greatest = eigen.pairs.iter().fold(0.0, |most: f64, (value, _)| most.max(*value));
    let length: f64 = differences.iter().map(|d| d * d).sum();
    let (mut form, mut outside, mut rank) = (0.0, 0.0, 0);
    for (value, vector) in &eigen.pairs {
        let along: f64 = vector.iter().zip(differences).map(|(a, b)| a * b).sum();
        if *value > greatest * NO_SPREAD {
            form += along * along / value;
            rank += 1;
        } else {
            outside += along * along;
        }
    }
    (form, outside > length * NO_SPREAD, rank)
}

const WHAT: &str = "Hotelling's test";

/// Relative to the greatest eigenvalue of correlations.
const NO_SPREAD: f64 = 1e-12;

/// A deviation of so many units in the last place of the mean is none.
const SPREAD_IS_ROUNDING: f64 = 8.0;
