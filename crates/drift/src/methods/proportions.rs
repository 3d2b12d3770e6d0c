//! Two by two: Fisher's exact test and the z test of two proportions.

use crate::error::{Error, Side};
use crate::math::gamma::{chi_square_survival, ln_gamma};
use crate::math::moments::compensated_sum;
use crate::math::normal::{normal_survival, normal_two_sided};
use crate::methods::mann_whitney::Alternative;

/// Counts of two outcomes on two sides: `[[hits, misses] of the reference, [hits, misses] of the current sample]`.
pub type TwoByTwo = [[u64; 2]; 2];

/// Tests whether both sides have the same odds, given all four sums of the table: exact for any counts.
///
/// Alternatives speak of the odds of the first outcome on the reference side. Two-sided sums all tables that are at most as likely as
/// the one seen. O(smallest sum). Source: Fisher (1922); equal to scipy's `fisher_exact`.
///
/// ```
/// use lineal_drift::{Alternative, fisher};
///
/// let test = fisher([[8, 2], [1, 5]])?;
/// assert_eq!(test.odds_ratio, Some(20.0));
/// assert!((test.p_value(Alternative::TwoSided) - 0.034_965_034_965).abs() < 1e-11);
/// # Ok::<(), lineal_drift::Error>(())
/// ```
///
/// # Errors
/// [`Error::Empty`] if the table holds nothing.
pub fn fisher(table: TwoByTwo) -> Result<Fisher, Error> {
    let [[a, b], [c, d]] = table.map(|row| row.map(|count| count as f64));
    if a + b + c + d == 0.0 {
        return Err(Error::Empty { what: "fisher", side: Side::Reference });
    }
    let odds_ratio = match (a * d, b * c) {
        (0.0, 0.0) => None,
        (ad, bc) => Some(ad / bc),
    };
    Ok(Fisher { table, odds_ratio })
}

/// The outcome of Fisher's test.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Fisher {
    table: TwoByTwo,
    /// Sample odds ratio ad / bc; infinite if only bc is 0, `None` if both are.
    pub odds_ratio: Option<f64>,
}

impl Fisher {
    /// Returns the probability of a table at least as extreme.
    #[must_use]
    pub fn p_value(&self, alternative: Alternative) -> f64 {
        let [[a, b], [c, d]] = self.table;
        if a + b == 0 || c + d == 0 || a + c == 0 || b + d == 0 {
            return 1.0;
        }
        let least = a.saturating_sub(d);
        let greatest = a + b.min(c);
        let seen = self.log_probability(a);
        // Tables that are as likely as the one seen are counted whatever the rounding.
        let counts = |x: &u64| match alternative {
            Alternative::Less => *x <= a,
            Alternative::Greater => *x >= a,
            Alternative::TwoSided => self.log_probability(*x) <= seen + TIE,
        };
        let terms = (least..=greatest).filter(counts).map(|x| self.log_probability(x).exp());
        compensated_sum(terms).min(1.0)
    }

    /// The hypergeometric law of the first count.
    fn log_probability(&self, x: u64) -> f64 {
        let [[a, b], [c, d]] = self.table;
        let (first, second, hits) = (a.saturating_add(b), c.saturating_add(d), a.saturating_add(c));
        choose(first, x) + choose(second, hits - x) - choose(first + second, hits)
    }
}

/// ln of the binomial coefficient.
fn choose(n: u64, k: u64) -> f64 {
    let ln_factorial = |n: u64| ln_gamma(n as f64 + 1.0);
    ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)
}

/// Tests whether both sides have the same proportion of hits, by the normal law with the pooled variance.
///
/// For samples of some dozens and more; [`fisher`] is exact for fewer. Source: Pearson (1900); equal to statsmodels'
/// `proportions_ztest`. O(1).
///
/// ```
/// use lineal_drift::{Alternative, two_proportions};
///
/// let test = two_proportions([[30, 70], [45, 55]])?;
/// assert!((test.p_value(Alternative::TwoSided) - 0.0285).abs() < 1e-4);
/// # Ok::<(), lineal_drift::Error>(())
/// ```
///
/// # Errors
/// [`Error::Empty`] if a side has no rows.
pub fn two_proportions(table: TwoByTwo) -> Result<TwoProportions, Error> {
    let [[a, b], [c, d]] = table.map(|row| row.map(|count| count as f64));
    let (n, m) = (a + b, c + d);
    for (side, rows) in [(Side::Reference, n), (Side::Current, m)] {
        if rows == 0.0 {
            return Err(Error::Empty { what: "two proportions", side });
        }
    }
    let pooled = (a + c) / (n + m);
    let error = (pooled * ((b + d) / (n + m)) * (1.0 / n + 1.0 / m)).sqrt();
    let z = (error > 0.0).then(|| (a / n - c / m) / error);
    Ok(TwoProportions { z })
}

/// The outcome of a z test of two proportions.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct TwoProportions {
    /// The difference of the proportions, reference less current, in standard errors; `None` if all rows have one outcome.
    pub z: Option<f64>,
}

impl TwoProportions {
    /// Returns the p-value; 1 if all rows have one outcome.
    #[must_use]
    pub fn p_value(&self, alternative: Alternative) -> f64 {
        match (self.z, alternative) {
            (None, _) => 1.0,
            (Some(z), Alternative::TwoSided) => normal_two_sided(z),
            (Some(z), Alternative::Greater) => normal_survival(z),
            (Some(z), Alternative::Less) => normal_survival(-z),
        }
    }
}

/// Returns statistic and p-value of the chi-square test with Yates' correction for continuity (1934), one degree of freedom; equal to
/// scipy's `chi2_contingency` of two by two. O(1).
///
/// ```
/// let (statistic, _) = lineal_drift::chi_square_yates([[8, 2], [1, 5]])?;
/// assert!((statistic - 3.809_523_8).abs() < 1e-6);
/// # Ok::<(), lineal_drift::Error>(())
/// ```
///
/// # Errors
/// [`Error::Empty`] if a side has no rows, [`Error::TooFew`] if all rows have one outcome.
pub fn chi_square_yates(table: TwoByTwo) -> Result<(f64, f64), Error> {
    let [[a, b], [c, d]] = table.map(|row| row.map(|count| count as f64));
    let (n, m, hits, misses) = (a + b, c + d, a + c, b + d);
    for (side, rows) in [(Side::Reference, n), (Side::Current, m)] {
        if rows == 0.0 {
            return Err(Error::Empty { what: "chi_square_yates", side });
        }
    }
    if hits == 0.0 || misses == 0.0 {
        return Err(Error::TooFew { what: "chi_square_yates", needs: "two outcomes that occur" });
    }
    let all = n + m;
    // Observed and expected counts differ by the same amount in all four cells.
    let deviation = ((a * d - b * c) / all).abs();
    let corrected = deviation - deviation.min(0.5);
    let statistic = corrected * corrected * (all / n) * (all / m) * (all / hits) * (all / misses) / all;
    Ok((statistic, chi_square_survival(statistic, 1.0)))
}

/// Tolerance of logarithms of probabilities that count as equal; scipy's is relative 1e-7 as well.
const TIE: f64 = 1e-7;
