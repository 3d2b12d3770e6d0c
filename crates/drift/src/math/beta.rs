//! The regularised incomplete beta function, and Student's t.

use std::f64::consts::TAU;

use crate::math::gamma::{deviance, stirling_error};

/// Returns I_x(a, b) for `a, b > 0` and `x` in 0..=1; `complement` is 1 - x, given apart so that neither loses digits.
///
/// Lentz's continued fraction (DLMF 8.17.22) on the side where it converges fast, O(√max(a, b)) terms.
pub(crate) fn beta_regularised(a: f64, b: f64, x: f64, complement: f64) -> f64 {
    if a.is_nan() || b.is_nan() || x.is_nan() || complement.is_nan() {
        return f64::NAN;
    }
    if x <= 0.0 || complement <= 0.0 {
        return if x <= 0.0 { 0.0 } else { 1.0 };
    }
    let prefactor = density(a, b, x, complement);
    if x < (a + 1.0) / (a + b + 2.0) {
        prefactor * fraction(a, b, x) / a
    } else {
        1.0 - prefactor * fraction(b, a, complement) / b
    }
}

/// x^a (1 - x)^b Γ(a + b) / Γ(a) Γ(b): Loader's saddle-point form of the binomial density (2000), in which nothing cancels.
fn density(a: f64, b: f64, x: f64, complement: f64) -> f64 {
    let n = a + b;
    let stirling = stirling_error(n) - stirling_error(a) - stirling_error(b);
    (stirling - deviance(a, n * x) - deviance(b, n * complement)).exp() * (a * b / (TAU * n)).sqrt()
}

fn fraction(a: f64, b: f64, x: f64) -> f64 {
    let away_from_zero = |v: f64| if v.abs() < TINY { TINY } else { v };
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut value = d;
    for m in 1..MOST_TERMS {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let before = value;
        for term in [even, odd] {
            d = 1.0 / away_from_zero(1.0 + term * d);
            c = away_from_zero(1.0 + term / c);
            value *= c * d;
        }
        if (value - before).abs() <= value.abs() * f64::EPSILON * 0.5 {
            break;
        }
    }
    value
}

/// Returns the probability that the absolute value of Student's t with `df` degrees of freedom is at least `|t|`.
pub(crate) fn student_two_sided(t: f64, df: f64) -> f64 {
    let square = t * t;
    if square.is_infinite() {
        return 0.0;
    }
    beta_regularised(0.5 * df, 0.5, df / (df + square), square / (df + square))
}

/// Returns the probability that Student's t with `df` degrees of freedom is at most `t`.
pub(crate) fn student_cdf(t: f64, df: f64) -> f64 {
    let tail = 0.5 * student_two_sided(t, df);
    if t < 0.0 { tail } else { 1.0 - tail }
}

const TINY: f64 = 1e-300;
const MOST_TERMS: u32 = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn close(actual: f64, expected: f64, tolerance: f64) {
        assert!((actual / expected - 1.0).abs() < tolerance, "{actual:e} against {expected:e}");
    }

    #[test]
    fn closed_forms() {
        // I_x(1, b) = 1 - (1 - x)^b; t with one degree of freedom is Cauchy, with two algebraic.
        close(beta_regularised(1.0, 7.0, 0.3, 0.7), 1.0 - 0.7_f64.powi(7), 1e-14);
        close(student_two_sided(3.0, 1.0), 1.0 - 2.0 / std::f64::consts::PI * 3.0_f64.atan(), 1e-14);
        close(student_two_sided(1e-3, 2.0), 1.0 - 1e-3 / (2.0_f64 + 1e-6).sqrt(), 1e-14);
        close(student_cdf(-3.0, 2.0), 0.5 - 1.5 / 11.0_f64.sqrt(), 1e-13);
    }

    #[test]
    fn many_degrees_of_freedom_are_normal() {
        close(student_two_sided(2.0, 1e9), crate::math::normal::normal_two_sided(2.0), 1e-7);
        assert_eq!(student_two_sided(f64::INFINITY, 5.0), 0.0);
        assert_eq!(student_two_sided(0.0, 5.0), 1.0);
    }
}
