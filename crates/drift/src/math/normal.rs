//! Tails of the normal law.

use crate::math::gamma::gamma_upper_regularised;

/// Returns the probability that a standard normal variable exceeds `z`; relative error about 1e-13, also in the far tail.
///
/// Half the tail of a chi-square variable with one degree of freedom at z².
pub(crate) fn normal_survival(z: f64) -> f64 {
    let tail = 0.5 * gamma_upper_regularised(0.5, 0.5 * z * z);
    if z >= 0.0 { tail } else { 1.0 - tail }
}

/// Returns the probability that a standard normal variable is at least as far from 0 as `z`.
pub(crate) fn normal_two_sided(z: f64) -> f64 {
    gamma_upper_regularised(0.5, 0.5 * z * z)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_of_the_tables() {
        // Abramowitz and Stegun, table 26.1, and 26.2 for the far tail.
        for (z, p) in
            [(0.0, 0.5), (1.0, 0.158_655_253_931_457), (-1.0, 0.841_344_746_068_543), (5.0, 2.866_515_718_791_94e-7)]
        {
            assert!((normal_survival(z) / p - 1.0).abs() < 1e-12, "{z}");
        }
        assert!((normal_two_sided(10.0) / 1.523_970_604_832_11e-23 - 1.0).abs() < 1e-12);
        assert!(normal_survival(f64::NAN).is_nan());
    }
}
