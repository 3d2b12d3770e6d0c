//! The first four moments, which merge.

use super::codec::{Malformed, Reader, Writer};
use super::exact_sum::scaled;

/// Mean and sums of powers of the deviations from it.
///
/// Blocks are summed around their own mean and merged, so nothing cancels. All but the count is in a unit of 2^`scale`, which is 0 unless
/// the fourth power of a value would leave the range of `f64`.
/// Source: Pébay, Formulas for Robust, One-Pass Parallel Computation of Covariances and Arbitrary-Order Statistical Moments (2008).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Moments {
    pub(super) count: u64,
    scale: i32,
    mean: f64,
    /// What rounding took from the mean.
    rest: f64,
    /// Sums of squares, cubes and fourth powers.
    powers: [f64; 3],
}

impl Moments {
    /// Returns the moments of finite values in ascending order.
    pub(super) fn of_sorted(values: &[f64]) -> Self {
        let (Some(&first), Some(&last)) = (values.first(), values.last()) else { return Self::default() };
        let scale = scale_of(first.abs().max(last.abs()));
        let factor = 2.0_f64.powi(-scale);
        let count = values.len() as u64;
        if first == last {
            return Self { count, scale, mean: first * factor, rest: 0.0, powers: [0.0; 3] };
        }
        let n = values.len() as f64;
        let centre = lanes(values, |value| [value * factor, 0.0, 0.0, 0.0])[0] / n;
        let [rest, squares, cubes, fourths] = lanes(values, |value| {
            let deviation = value * factor - centre;
            let square = deviation * deviation;
            [deviation, square, square * deviation, square * square]
        });
        // The centre is the mean but for rounding; this moves the sums to the mean.
        let step = rest / n;
        let square = squares - rest * step;
        let cube = cubes - step * (3.0 * squares - 2.0 * rest * step);
        let fourth = fourths - step * (4.0 * cubes - step * (6.0 * squares - 3.0 * rest * step));
        Self { count, scale, mean: centre, rest: step, powers: [square.max(0.0), cube, fourth.max(0.0)] }
    }

    /// Adds other values, already summed.
    pub(super) fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = *other;
            return;
        }
        let scale = self.scale.max(other.scale);
        let (a, b) = (self.in_unit(scale), other.in_unit(scale));
        let ([a2, a3, a4], [b2, b3, b4]) = (a.powers, b.powers);
        let (na, nb) = (a.count as f64, b.count as f64);
        let n = na + nb;
        let (share_a, share_b) = (na / n, nb / n);
        let delta = (b.mean - a.mean) + (b.rest - a.rest);
        let between = delta * delta * na * share_b;
        let square = a2 + b2 + between;
        let cube = a3 + b3 + between * delta * (share_a - share_b) + 3.0 * delta * (share_a * b2 - share_b * a2);
        let fourth = a4
            + b4
            + between * delta * delta * (share_a * share_a - share_a * share_b + share_b * share_b)
            + 6.0 * delta * delta * (share_a * share_a * b2 + share_b * share_b * a2)
            + 4.0 * delta * (share_a * b3 - share_b * a3);
        let (mean, rest) = two_sum(a.mean, a.rest + delta * share_b);
        let count = self.count.saturating_add(other.count);
        *self = Self { count, scale, mean, rest, powers: [square, cube, fourth] };
    }

    /// Returns the variance with divisor n - `less`; `None` for too few values.
    pub(super) fn variance(&self, less: u64) -> Option<f64> {
        let divisor = self.count.checked_sub(less).filter(|divisor| *divisor > 0)?;
        Some(scaled(self.powers[0] / divisor as f64, 2 * self.scale))
    }

    /// Returns the standard deviation with divisor n; `None` without values.
    pub(super) fn std_population(&self) -> Option<f64> {
        (self.count > 0).then(|| scaled((self.powers[0] / self.count as f64).sqrt(), self.scale))
    }

    /// Returns m3 / m2^1.5; `None` if the values are equal up to rounding.
    pub(super) fn skewness(&self) -> Option<f64> {
        let [square, cube, _] = self.means()?;
        Some(cube / (square * square.sqrt()))
    }

    /// Returns m4 / m2² - 3; `None` if the values are equal up to rounding.
    pub(super) fn excess_kurtosis(&self) -> Option<f64> {
        let [square, _, fourth] = self.means()?;
        Some(fourth / (square * square) - 3.0)
    }

    fn means(&self) -> Option<[f64; 3]> {
        let means = self.powers.map(|power| power / self.count as f64);
        let noise = self.mean * f64::EPSILON;
        (self.count > 0 && means[0] > noise * noise && means[0] * means[0] > 0.0).then_some(means)
    }

    fn in_unit(&self, scale: i32) -> Self {
        if scale == self.scale {
            return *self;
        }
        let factor = scaled(1.0, self.scale - scale);
        let [square, cube, fourth] = self.powers;
        let powers =
            [square * factor * factor, cube * factor * factor * factor, fourth * factor * factor * factor * factor];
        Self { scale, mean: self.mean * factor, rest: self.rest * factor, powers, ..*self }
    }

    pub(super) fn write(&self, to: &mut Writer) {
        to.u64(self.count);
        to.u16(u16::try_from(self.scale - LEAST_SCALE).unwrap_or(0));
        to.f64(self.mean);
        to.f64(self.rest);
        for power in self.powers {
            to.f64(power);
        }
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let count = from.u64()?;
        let scale = LEAST_SCALE + i32::from(from.u16()?);
        let (mean, rest) = (from.f64()?, from.f64()?);
        let powers = [from.f64()?, from.f64()?, from.f64()?];
        // NaN is within no bounds.
        let is_sound = scale <= GREATEST_SCALE
            && mean.abs() <= MOST_MEAN
            && rest.abs() <= MOST_MEAN
            && powers.iter().all(|power| power.abs() <= MOST_POWER)
            && powers[0] >= 0.0
            && powers[2] >= 0.0;
        if is_sound {
            Ok(Self { count, scale, mean, rest, powers })
        } else {
            Err(Malformed("a moment is out of its range"))
        }
    }
}

/// Returns the rounded sum and what rounding took from it (Knuth).
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let of_b = sum - a;
    (sum, (a - (sum - of_b)) + (b - of_b))
}

/// Adds four functions of each value in eight lanes, which the compiler can do side by side.
fn lanes(values: &[f64], terms: impl Fn(f64) -> [f64; 4]) -> [f64; 4] {
    let mut sums = [[0.0; LANES]; 4];
    let (blocks, rest) = values.as_chunks::<LANES>();
    for block in blocks {
        for lane in 0..LANES {
            let terms = terms(block[lane]);
            for power in 0..4 {
                sums[power][lane] += terms[power];
            }
        }
    }
    for (lane, value) in rest.iter().enumerate() {
        let terms = terms(*value);
        for power in 0..4 {
            sums[power][lane] += terms[power];
        }
    }
    sums.map(|lanes| lanes.iter().sum())
}

/// Returns 0 for ordinary magnitudes, otherwise the exponent that brings them near 1.
fn scale_of(magnitude: f64) -> i32 {
    if magnitude == 0.0 {
        return LEAST_SCALE;
    }
    if (1e-60..1e60).contains(&magnitude) {
        return 0;
    }
    ((magnitude.to_bits() >> 52) as i32 - 1023).clamp(LEAST_SCALE, GREATEST_SCALE)
}

const LANES: usize = 8;
/// Subnormals keep a few bits fewer; 2^-LEAST_SCALE is still a float.
const LEAST_SCALE: i32 = -1000;
const GREATEST_SCALE: i32 = 1023;
/// Beyond what values of any unit come to, and far enough from the end of the range for moments of forged bytes to be merged.
const MOST_MEAN: f64 = 1e61;
const MOST_POWER: f64 = 1e265;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Sample;
    use crate::summary::Summary;

    fn merged(values: &[f64], block: usize) -> Moments {
        let mut all = Moments::default();
        for part in values.chunks(block) {
            let mut part = part.to_vec();
            part.sort_by(f64::total_cmp);
            all.merge(&Moments::of_sorted(&part));
        }
        all
    }

    /// Against two passes over all values.
    #[test]
    fn blocks_merge_to_the_moments_of_all() {
        let noise = |i: u64| (super::super::hash::mix(i) >> 11) as f64 / (1_u64 << 53) as f64;
        let uniform: Vec<f64> = (0..30_000).map(noise).collect();
        let far: Vec<f64> = uniform.iter().map(|v| 1e9 + v).collect();
        let skewed: Vec<f64> = uniform.iter().map(|v| (8.0 * v).exp()).collect();
        let trend: Vec<f64> = uniform.iter().zip(0..).map(|(v, i)| v + f64::from(i)).collect();
        let large: Vec<f64> = uniform.iter().map(|v| v * 1e307).collect();
        let small: Vec<f64> = uniform.iter().map(|v| v * 1e-300).collect();
        let constant = vec![0.1; 30_000];
        let cases = [
            ("uniform", uniform, 0.0),
            // Two passes lose digits in a mean of this size; less 1e9, which is exact, they do not.
            ("far", far, 1e9),
            ("skewed", skewed, 0.0),
            ("trend", trend, 0.0),
            ("large", large, 0.0),
            ("small", small, 0.0),
            ("constant", constant, 0.0),
        ];
        for (name, values, origin) in cases {
            let exact = Summary::of(&values.iter().map(|value| value - origin).collect::<Sample>());
            for block in [1, 7, 2048, 30_000] {
                let found = merged(&values, block);
                same(found.std_population(), exact.std_population, 0.0, &format!("spread, {name}, {block}"));
                same(found.skewness(), exact.skewness, 1e-2, &format!("skewness, {name}, {block}"));
                same(found.excess_kurtosis(), exact.excess_kurtosis, 1e-2, &format!("kurtosis, {name}, {block}"));
            }
        }
    }

    /// To ten digits of what is expected, or of `least`.
    fn same(found: Option<f64>, expected: Option<f64>, least: f64, what: &str) {
        match (found, expected) {
            (Some(found), Some(expected)) => {
                assert!((found - expected).abs() <= 1e-10 * expected.abs().max(least), "{what}: {found} {expected}");
            }
            _ => assert_eq!(found, expected, "{what}"),
        }
    }

    #[test]
    fn values_of_all_magnitudes_merge() {
        let found = merged(&[1e-300, 1.0, -1e308, 1e308, 0.0], 1);
        same(found.std_population().map(|s| s / 1e308), Some(0.4_f64.sqrt()), 0.0, "spread");
        assert_eq!(Moments::of_sorted(&[]).std_population(), None);
        assert_eq!(Moments::of_sorted(&[2.0]).variance(1), None);
        assert_eq!(Moments::of_sorted(&[2.0, 4.0]).variance(1), Some(2.0));
    }
}
