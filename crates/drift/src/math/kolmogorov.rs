//! Distributions of the Kolmogorov-Smirnov statistics: the limit law and the exact one-sample law.

use std::f64::consts::{PI, TAU};

use crate::math::gamma::{ln_gamma, poisson_density, stirling_error};

/// Returns P(K > λ) for Kolmogorov's limit law, 1 for `λ <= 0`.
///
/// Either form of the theta function, whichever converges at once; relative error about 1e-15.
/// Source: Kolmogorov (1933); Smirnov (1948).
pub(crate) fn limit_survival(lambda: f64) -> f64 {
    if lambda <= 0.0 {
        return 1.0;
    }
    if lambda < 1.0 {
        return 1.0 - limit_sum(lambda, |_| 1.0) / lambda * (PI / 2.0).sqrt();
    }
    let mut sum = 0.0;
    for k in (1..=10_u32).rev() {
        let sign = if k % 2 == 1 { 1.0 } else { -1.0 };
        sum += sign * (-2.0 * (f64::from(k) * lambda).powi(2)).exp();
    }
    2.0 * sum
}

/// Returns P(D > d) for the two-sided one-sample statistic of `n` values; `None` for `n = 0`.
///
/// The division of the plane between exact and asymptotic forms is that of Simard and L'Ecuyer, Computing the Two-Sided
/// Kolmogorov-Smirnov Distribution (2011), which scipy's `kstwo` uses too; the exact centre is computed by the non-crossing
/// recursion of Moscovich and Nadler (2017). Cost at most O(min(n, 10^6)).
pub(crate) fn one_sample_survival(n: u64, d: f64) -> Option<f64> {
    if n == 0 {
        return None;
    }
    Some(one_sample(n, d).clamp(0.0, 1.0))
}

fn one_sample(n: u64, d: f64) -> f64 {
    let size = n as f64;
    let (t, w) = (size * d, size * d * d);
    if d >= 1.0 {
        return 0.0;
    }
    if t <= 0.5 {
        return 1.0;
    }
    if t <= 1.0 {
        return 1.0 - (ln_gamma(size + 1.0) + size * ((2.0 * t - 1.0) / size).ln()).exp();
    }
    if t >= size - 1.0 {
        return 2.0 * (1.0 - d).powf(size);
    }
    if d >= 0.5 || (n <= 140 && w > 4.0) {
        return 2.0 * smirnov_survival(n, d);
    }
    if n > 140 && w >= 370.0 {
        return 0.0;
    }
    if n > 140 && w >= 2.2 {
        return 2.0 * smirnov_survival(n, d);
    }
    if n <= 140 || (n <= EXACT_CENTRE_UP_TO && size * d.powf(1.5) <= 1.4) {
        return 1.0 - non_crossing(n, d);
    }
    1.0 - pelz_good(size, d)
}

/// Returns P(D+ > d), the one-sided one-sample law: exact up to a million values, then its expansion.
///
/// Source: Smirnov (1944), Birnbaum and Tingey (1951): Σ d/(d + j/n) · Binomial(j; n, d + j/n). Each density in Loader's
/// saddle-point form, so that no term loses digits. Beyond a million: exp(-(6nd + 1)² / 18n) (Maag and Dicaire, 1971).
pub(crate) fn smirnov_survival(n: u64, d: f64) -> f64 {
    if d <= 0.0 {
        return 1.0;
    }
    if d >= 1.0 {
        return 0.0;
    }
    let size = n as f64;
    if n > EXACT_TAIL_UP_TO {
        return (-(6.0 * size * d + 1.0).powi(2) / (18.0 * size)).exp();
    }
    let (shift, whole) = (size * d, stirling_error(size));
    let mut sum = (size * (-d).ln_1p()).exp();
    for j in 1..n {
        let (low, high) = (j as f64, (n - j) as f64);
        if high <= shift {
            break;
        }
        let exponent = low * (shift / low).ln_1p() + high * (-shift / high).ln_1p();
        let correction = whole - stirling_error(low) - stirling_error(high);
        sum += shift / (shift + low) * (size / (TAU * low * high)).sqrt() * (exponent + correction).exp();
    }
    sum.min(1.0)
}

/// Returns P(D < d) exactly: a Poisson process of rate n, given n points, never leaves the band n t ± n d.
///
/// Between two times at which a bound moves by one, the count is convolved with a Poisson law and cut to the band. O(n · (2 n d + 1)).
/// Source: Moscovich and Nadler, Fast Calculation of Boundary Crossing Probabilities for Poisson Processes (2017), without its FFT.
fn non_crossing(n: u64, d: f64) -> f64 {
    let size = n as f64;
    let band = size * d;
    let mut lower = 0_u64;
    let mut upper = floor_to_u64(band).min(n);
    let mut time = 0.0;
    // counts[k] is the probability of lower + k points so far without having left the band.
    let mut counts = std::collections::VecDeque::from(vec![0.0; index(upper - lower) + 1]);
    if let Some(first) = counts.front_mut() {
        *first = 1.0;
    }
    loop {
        let next_up = if upper < n { (upper + 1) as f64 - band } else { f64::INFINITY };
        let next_down = lower as f64 + band;
        let until = next_up.min(next_down).min(size);
        convolve_poisson(counts.make_contiguous(), until - time);
        time = until;
        if until >= size {
            break;
        }
        if next_up <= next_down {
            upper += 1;
            counts.push_back(0.0);
        } else {
            lower += 1;
            counts.pop_front();
        }
    }
    let all = counts.get(index(n - lower)).copied().unwrap_or(0.0);
    all / poisson_density(size, size)
}

/// Replaces `counts` by its convolution with Poisson(`mean`), `mean` at most 1, cut to the same length.
fn convolve_poisson(counts: &mut [f64], mean: f64) {
    let mut weights = [0.0; POISSON_TERMS];
    let mut weight = (-mean).exp();
    for (k, slot) in weights.iter_mut().enumerate() {
        *slot = weight;
        weight *= mean / (k + 1) as f64;
    }
    for k in (0..counts.len()).rev() {
        let first = k.saturating_sub(POISSON_TERMS - 1);
        // counts[first..=k] read backwards meets the weights read forwards.
        let sum = counts.iter().take(k + 1).skip(first).rev().zip(&weights).map(|(c, w)| c * w).sum();
        if let Some(slot) = counts.get_mut(k) {
            *slot = sum;
        }
    }
}

/// Returns the expansion of P(D < d) to the order n^(-3/2) (Pelz and Good, 1976, as printed by Simard and L'Ecuyer).
fn pelz_good(n: f64, d: f64) -> f64 {
    let z = n.sqrt() * d;
    let (z2, z4, z6, z8) = (z * z, z.powi(4), z.powi(6), z.powi(8));
    let (pi2, pi4, pi6) = (PI.powi(2), PI.powi(4), PI.powi(6));
    let half = (PI / 2.0).sqrt();

    let k0 = half / z * limit_sum(z, |_| 1.0);
    let k1 = half / (6.0 * z4) * limit_sum(z, |h| pi2 * h - z2);
    let k2 = half / (72.0 * z.powi(7))
        * limit_sum(z, |h| 6.0 * z6 + 2.0 * z4 + pi2 * (2.0 * z4 - 5.0 * z2) * h + pi4 * (1.0 - 2.0 * z2) * h * h)
        - half / (36.0 * z.powi(3)) * integer_sum(z, |k| pi2 * k);
    let k3 = half / (6480.0 * z.powi(10))
        * limit_sum(z, |h| {
            pi6 * (5.0 - 30.0 * z2) * h.powi(3)
                + pi4 * (212.0 * z4 - 60.0 * z2) * h * h
                + pi2 * (135.0 * z4 - 96.0 * z6) * h
                - 30.0 * z6
                - 90.0 * z8
        })
        + half / (216.0 * z6) * integer_sum(z, |k| 3.0 * pi2 * k * z2 - pi4 * k * k);
    k0 + k1 / n.sqrt() + k2 / n + k3 / n.powf(1.5)
}

/// Σ over all integers k of f(h) exp(-π² h / 2z²), h = (k + ½)².
fn limit_sum(z: f64, f: impl Fn(f64) -> f64) -> f64 {
    let sum: f64 = (0..THETA_TERMS)
        .rev()
        .map(|k| (f64::from(k) + 0.5).powi(2))
        .map(|h| f(h) * (-PI * PI * h / (2.0 * z * z)).exp())
        .sum();
    2.0 * sum
}

/// Σ over all integers k of f(k²) exp(-π² k² / 2z²), for f(0) = 0.
fn integer_sum(z: f64, f: impl Fn(f64) -> f64) -> f64 {
    let sum: f64 = (1..=THETA_TERMS)
        .rev()
        .map(|k| f64::from(k).powi(2))
        .map(|k| f(k) * (-PI * PI * k / (2.0 * z * z)).exp())
        .sum();
    2.0 * sum
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a floored value between 0 and the sample size"
)]
fn floor_to_u64(v: f64) -> u64 {
    v.floor() as u64
}

#[expect(clippy::cast_possible_truncation, reason = "at most EXACT_CENTRE_UP_TO")]
fn index(v: u64) -> usize {
    v as usize
}

/// Above this size the region near the median is left to the expansion, whose error there is below 1e-9.
const EXACT_CENTRE_UP_TO: u64 = 10_000;
const EXACT_TAIL_UP_TO: u64 = 1_000_000;
/// 1/24! is below the last bit of 1.
const POISSON_TERMS: usize = 24;
/// Enough for z up to 2: exp(-π² 12² / 8) is far below the last bit.
const THETA_TERMS: u32 = 12;

#[cfg(test)]
mod tests {
    use super::*;

    fn close(actual: f64, expected: f64, tolerance: f64) {
        assert!((actual / expected - 1.0).abs() < tolerance, "{actual:e} against {expected:e}");
    }

    #[test]
    fn limit_law_of_the_tables() {
        // Smirnov, Table for Estimating the Goodness of Fit of Empirical Distributions (1948).
        for (lambda, cdf) in [(0.5, 0.036_055), (1.0, 0.730_000), (1.36, 0.950_514), (2.0, 0.999_329)] {
            assert!((1.0 - limit_survival(lambda) - cdf).abs() < 1e-6, "{lambda}");
        }
        // Both forms agree where they meet.
        close(limit_survival(1.0 - 1e-12), limit_survival(1.0), 1e-11);
    }

    #[test]
    fn exact_law_of_the_paper() {
        // Marsaglia, Tsang and Wang, Evaluating Kolmogorov's Distribution (2003): n = 10, d = 0.274; the others by their
        // matrix in rational arithmetic.
        close(non_crossing(10, 0.274), 0.628_479_615_456_504_3, 1e-13);
        close(non_crossing(25, 0.2), 0.763_679_343_554_623_3, 1e-13);
        close(non_crossing(40, 0.1), 0.218_189_029_281_709_72, 1e-13);
        // One value: P(D < d) = 2d - 1. Two: 2(2d - 1/2)² up to d = 1/2.
        close(non_crossing(1, 0.7), 0.4, 1e-14);
        close(non_crossing(2, 0.4), 2.0 * 0.3_f64.powi(2), 1e-13);
    }

    #[test]
    fn regions_agree_where_they_meet() {
        // Small samples: exact centre against the doubled one-sided law, which neglects less than 1e-12 there.
        for n in [20_u64, 80, 140] {
            let d = (4.0 / n as f64).sqrt();
            close(1.0 - non_crossing(n, d), 2.0 * smirnov_survival(n, d), 1e-9);
        }
        // Large samples: expansion against the exact law.
        for n in [200_u64, 700, 1500] {
            for z in [0.5, 0.8, 1.1, 1.4] {
                let d = z / (n as f64).sqrt();
                let (exact, expansion) = (non_crossing(n, d), pelz_good(n as f64, d));
                assert!((exact - expansion).abs() < 3.0 / (n as f64).powi(2), "n {n} z {z}: {exact} {expansion}");
            }
        }
    }

    #[test]
    fn one_sided_law_is_exact() {
        // n = 1: 1 - d. n = 2: (1-d)² + d(1/2 - d)·2 for d below 1/2 (Birnbaum and Tingey).
        close(smirnov_survival(1, 0.3), 0.7, 1e-14);
        close(smirnov_survival(2, 0.3), 0.49 + 2.0 * 0.3 * 0.2, 1e-14);
        // The exact sum meets its expansion at a million values.
        close(smirnov_survival(1_000_000, 0.002), smirnov_survival(1_000_001, 0.002), 1e-4);
    }

    #[test]
    fn edges() {
        assert_eq!(one_sample_survival(0, 0.5), None);
        assert_eq!(one_sample_survival(5, 1.0), Some(0.0));
        assert_eq!(one_sample_survival(5, 0.0), Some(1.0));
        assert_eq!(one_sample_survival(10_000_000, 0.5), Some(0.0));
        assert_eq!(limit_survival(0.0), 1.0);
        assert_eq!(limit_survival(50.0), 0.0);
    }

    #[test]
    fn survival_falls_in_d() {
        for n in [1_u64, 2, 7, 140, 141, 3000, 20_000] {
            let mut last = 1.0;
            for step in 0..=400 {
                let p = one_sample_survival(n, f64::from(step) / 400.0).unwrap();
                assert!(p <= last + 1e-6, "n {n} step {step}: {p} after {last}");
                last = p;
            }
        }
    }
}
