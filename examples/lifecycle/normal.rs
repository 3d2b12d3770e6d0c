//! Tail probabilities of the normal distribution.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// Returns the chance that a standard normal value is at least as far from zero as `z`; NaN for NaN.
pub(crate) fn two_sided(z: f64) -> f64 {
    erfc(z.abs() * FRAC_1_SQRT_2)
}

/// Complementary error function for `x >= 0`, to about 14 digits.
///
/// Below 2.5 by the series of positive terms, above by the continued fraction (Abramowitz & Stegun 7.1.6, 7.1.14).
fn erfc(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    let density = (-x * x).exp() / PI.sqrt();
    if x < 2.5 {
        let (mut term, mut sum) = (2.0 * x, 2.0 * x);
        for n in 1..80 {
            term *= 2.0 * x * x / (2.0 * f64::from(n) + 1.0);
            sum += term;
        }
        1.0 - density * sum
    } else {
        density / (1..120).rev().fold(x, |tail, n| x + f64::from(n) / 2.0 / tail)
    }
}

/// The value that a standard normal variable stays below with chance 0.975.
pub(crate) const QUANTILE_975: f64 = 1.959_963_984_540_054;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_scipy() {
        // scipy: 2 * norm.sf(z).
        for (z, expected) in SCIPY {
            let found = two_sided(z);
            assert!((found / expected - 1.0).abs() < 1e-11, "{z}: {found:e} is not {expected:e}");
            assert_eq!(two_sided(-z).to_bits(), found.to_bits());
        }
        assert_eq!(two_sided(0.0), 1.0);
        assert_eq!(two_sided(f64::INFINITY), 0.0);
        assert!(two_sided(f64::NAN).is_nan());
        assert!((two_sided(QUANTILE_975) - 0.05).abs() < 1e-14);
    }

    const SCIPY: [(f64, f64); 9] = [
        (0.1, 0.920_344_325_445_942),
        (1.0, 0.317_310_507_862_914_15),
        (1.96, 0.049_995_790_296_440_87),
        (3.0, 0.002_699_796_063_260_186_6),
        (3.5, 0.000_465_258_158_071_050_03),
        (3.6, 0.000_318_217_180_315_067_27),
        (5.0, 5.733_031_437_583_866e-7),
        (10.0, 1.523_970_604_832_094e-23),
        (30.0, 9.813_427_854_295_816e-198),
    ];
}
