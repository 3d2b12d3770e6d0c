//! Linear quantiles of a sorted slice, bit for bit as numpy's "linear" method computes them.

/// Returns the quantile at `q` (0 to 1) by linear interpolation at position `(n - 1) q`.
///
/// `sorted` ascends and is not empty, otherwise the result is NaN. Source: Hyndman and Fan, Sample Quantiles in Statistical
/// Packages (1996), type 7; the order of the operations is numpy's, because bins built on quantiles of tied values depend on the last bit.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a floored position between 0 and n - 1")]
pub(crate) fn quantile_sorted(sorted: &[f64], q: f64) -> f64 {
    let position = (sorted.len().saturating_sub(1)) as f64 * q.clamp(0.0, 1.0);
    let below = position.floor();
    let index = below as usize;
    let Some(&a) = sorted.get(index) else {
        return f64::NAN;
    };
    let b = sorted.get(index + 1).copied().unwrap_or(a);
    let t = position - below;
    let step = b - a;
    if !step.is_finite() {
        return a * (1.0 - t) + b * t;
    }
    if t >= 0.5 { b - step * (1.0 - t) } else { a + step * t }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpolates() {
        let values = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(quantile_sorted(&values, 0.0), 1.0);
        assert_eq!(quantile_sorted(&values, 0.5), 2.5);
        assert_eq!(quantile_sorted(&values, 1.0), 4.0);
        assert_eq!(quantile_sorted(&[7.0], 0.3), 7.0);
        assert!(quantile_sorted(&[], 0.3).is_nan());
        assert_eq!(quantile_sorted(&[-1e308, 1e308], 0.5), 0.0);
    }
}
