//! Sums, mean and standard deviation that neither cancel nor overflow.

/// Adds with Neumaier's compensation: the error does not grow with the number of terms.
///
/// Source: Neumaier, Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen (1974).
pub(crate) fn compensated_sum(terms: impl IntoIterator<Item = f64>) -> f64 {
    let (mut sum, mut lost) = (0.0_f64, 0.0_f64);
    for term in terms {
        let total = sum + term;
        lost += if sum.abs() >= term.abs() { (sum - total) + term } else { (term - total) + sum };
        sum = total;
    }
    // An infinite sum makes the compensation NaN; the plain sum is then the answer.
    if lost.is_finite() { sum + lost } else { sum }
}

/// Returns the mean of finite values, 0 for none.
pub(crate) fn mean(values: &[f64]) -> f64 {
    let scale = power_of_two_scale(largest_magnitude(values));
    scaled_mean(values, scale) * scale
}

/// Returns the standard deviation with divisor n (`ddof = 0`) of finite values, 0 for none.
pub(crate) fn std_population(values: &[f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let scale = power_of_two_scale(largest_magnitude(values));
    (scaled_squares(values, scale) / values.len() as f64).sqrt() * scale
}

/// Returns the sum of the squared deviations from the mean of finite values; infinite only beyond the range of `f64`.
pub(crate) fn squared_deviations(values: &[f64]) -> f64 {
    let scale = power_of_two_scale(largest_magnitude(values));
    scaled_squares(values, scale) * scale * scale
}

fn scaled_squares(values: &[f64], scale: f64) -> f64 {
    let centre = scaled_mean(values, scale);
    compensated_sum(values.iter().map(|v| (v / scale - centre).powi(2)))
}

fn scaled_mean(values: &[f64], scale: f64) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    compensated_sum(values.iter().map(|v| v / scale)) / values.len() as f64
}

pub(crate) fn largest_magnitude(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |largest: f64, v| largest.max(v.abs()))
}

/// Returns 1 for ordinary magnitudes, otherwise a power of two that brings squares back into range.
///
/// Dividing by a power of two is exact, so ordinary results do not depend on the scale.
pub(crate) fn power_of_two_scale(magnitude: f64) -> f64 {
    if !magnitude.is_finite() || magnitude == 0.0 || (1e-140..1e140).contains(&magnitude) {
        return 1.0;
    }
    // Keeping only the exponent bits rounds down to a power of two; subnormals have none.
    let power = f64::from_bits(magnitude.to_bits() & 0x7ff0_0000_0000_0000);
    if power == 0.0 { f64::MIN_POSITIVE } else { power }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sum_survives_cancellation() {
        assert_eq!(compensated_sum([1e100, 1.0, -1e100]), 1.0);
        assert_eq!(compensated_sum([f64::MAX, f64::MAX]), f64::INFINITY);
    }

    #[test]
    fn spread_of_extreme_magnitudes() {
        let close = |a: f64, b: f64| assert!((a / b - 1.0).abs() < 1e-12, "{a} {b}");
        close(std_population(&[-1e308, 1e308]), 1e308);
        close(std_population(&[-1e-300, 1e-300]), 1e-300);
        close(mean(&[1.5e308, 1.7e308]), 1.6e308);
        close(std_population(&[1e9, 1e9 + 2.0]), 1.0);
        assert_eq!(std_population(&[5e-324, 5e-324]), 0.0);
        assert_eq!(std_population(&[]), 0.0);
    }
}
