//! Random counts: gamma and binomial draws.

use lineal_core::Rng;

/// Draws from the gamma distribution with scale 1; 0 for a shape of 0.
///
/// Source: Marsaglia and Tsang, A Simple Method for Generating Gamma Variables (2000).
pub(crate) fn gamma(rng: &mut Rng, shape: f64) -> f64 {
    if shape <= 0.0 {
        return 0.0;
    }
    if shape < 1.0 {
        let lift = positive(rng).powf(1.0 / shape);
        return gamma(rng, shape + 1.0) * lift;
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = rng.normal();
        let v = (1.0 + c * x).powi(3);
        if v > 0.0 && positive(rng).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return d * v;
        }
    }
}

/// Draws how many of `n` trials succeed with probability `p`, which is clamped to 0..=1.
///
/// By inversion below ten expected successes, else by Hörmann's transformed rejection with squeeze (BTRS).
/// Source: Hörmann, The Generation of Binomial Random Variates (1993).
pub(crate) fn binomial(rng: &mut Rng, n: u64, p: f64) -> u64 {
    if p > 0.5 {
        return n - binomial(rng, n, 1.0 - p).min(n);
    }
    if n == 0 || p.is_nan() || p <= 0.0 {
        return 0;
    }
    let drawn = if n as f64 * p < 10.0 { by_inversion(rng, n, p) } else { by_rejection(rng, n as f64, p) };
    drawn.min(n)
}

fn by_inversion(rng: &mut Rng, n: u64, p: f64) -> u64 {
    let odds = p / (1.0 - p);
    let mut probability = (n as f64 * (-p).ln_1p()).exp();
    let (mut left, mut successes) = (rng.f64(), 0);
    while left >= probability && successes < n {
        left -= probability;
        successes += 1;
        probability *= odds * ((n - successes + 1) as f64) / successes as f64;
        // What is left of the tail is rounding.
        if probability < f64::MIN_POSITIVE {
            break;
        }
    }
    successes
}

#[expect(clippy::many_single_char_names, reason = "the names of the paper")]
fn by_rejection(rng: &mut Rng, n: f64, p: f64) -> u64 {
    let deviation = (n * p * (1.0 - p)).sqrt();
    let b = 1.15 + 2.53 * deviation;
    let a = -0.0873 + 0.0248 * b + 0.01 * p;
    let c = n * p + 0.5;
    let squeeze = 0.92 - 4.2 / b;
    let alpha = (2.83 + 5.1 / b) * deviation;
    let odds = p / (1.0 - p);
    let mode = ((n + 1.0) * p).floor();
    loop {
        let (u, v) = (rng.f64() - 0.5, positive(rng));
        let us = 0.5 - u.abs();
        let k = ((2.0 * a / us + b) * u + c).floor();
        if us >= 0.07 && v <= squeeze {
            return whole(k);
        }
        if !(0.0..=n).contains(&k) {
            continue;
        }
        let reached = (v * alpha / (a / (us * us) + b)).ln();
        let bound = (mode + 0.5) * ((mode + 1.0) / (odds * (n - mode + 1.0))).ln()
            + (n + 1.0) * ((n - mode + 1.0) / (n - k + 1.0)).ln()
            + (k + 0.5) * (odds * (n - k + 1.0) / (k + 1.0)).ln()
            + stirling_rest(mode)
            + stirling_rest(n - mode)
            - stirling_rest(k)
            - stirling_rest(n - k);
        if reached <= bound {
            return whole(k);
        }
    }
}

/// Returns ln k! less Stirling's formula (k + ½) ln(k + 1) - (k + 1) + ½ ln 2π.
fn stirling_rest(k: f64) -> f64 {
    const FIRST: [f64; 10] = [
        0.081_061_466_795_327_26,
        0.041_340_695_955_409_29,
        0.027_677_925_684_998_34,
        0.020_790_672_103_765_09,
        0.016_644_691_189_821_19,
        0.013_876_128_823_070_75,
        0.011_896_709_945_891_77,
        0.010_411_265_261_972_09,
        0.009_255_462_182_712_733,
        0.008_330_563_433_362_87,
    ];
    if let Some(rest) = usize::try_from(whole(k)).ok().and_then(|k| FIRST.get(k)) {
        return *rest;
    }
    let x = k + 1.0;
    let square = x * x;
    (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / 1260.0 / square) / square) / x
}

/// Draws from the numbers above 0 and below 1, so that there is a logarithm.
fn positive(rng: &mut Rng) -> f64 {
    loop {
        let drawn = rng.f64();
        if drawn > 0.0 {
            return drawn;
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and is floored before")]
fn whole(k: f64) -> u64 {
    k as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::methods::chi_square::chi_square_fit;

    #[test]
    fn stirling_is_corrected() {
        let mut log_factorial = 0.0_f64;
        for k in 0..40_u32 {
            let k = f64::from(k);
            log_factorial += k.max(1.0).ln();
            let stirling = (k + 0.5) * (k + 1.0).ln() - (k + 1.0) + 0.5 * std::f64::consts::TAU.ln();
            assert!((log_factorial - stirling - stirling_rest(k)).abs() < 1e-10, "{k}");
        }
    }

    /// Against the probabilities themselves, by a chi-square test that a right generator fails once in 1000 seeds.
    #[test]
    fn binomial_draws_have_their_law() {
        for (n, p) in [(7_u32, 0.3), (40, 0.4), (40, 0.75), (200, 0.02), (1_000, 0.031_25), (25, 0.5)] {
            let mut rng = Rng::new(1, "binomial");
            let draws = 20_000;
            let mut seen = vec![0_u64; n as usize + 1];
            for _ in 0..draws {
                seen[usize::try_from(binomial(&mut rng, n.into(), p)).unwrap()] += 1;
            }
            let mut law = vec![0.0; n as usize + 1];
            let mut probability = (f64::from(n) * (-p).ln_1p()).exp();
            for (k, place) in law.iter_mut().enumerate() {
                *place = probability;
                probability *= (f64::from(n) - k as f64) / (k as f64 + 1.0) * p / (1.0 - p);
            }
            // Cells with few expected draws are joined.
            let (mut counts, mut shares, mut open) = (vec![], vec![], (0, 0.0));
            for (count, share) in seen.iter().zip(&law) {
                open = (open.0 + count, open.1 + share);
                if open.1 * f64::from(draws) > 20.0 {
                    counts.push(open.0);
                    shares.push(open.1);
                    open = (0, 0.0);
                }
            }
            *counts.last_mut().unwrap() += open.0;
            *shares.last_mut().unwrap() += open.1;
            let scaled: Vec<u64> = shares.iter().map(|share| whole((share * 1e12).round())).collect();
            let test = chi_square_fit(&scaled, &counts).unwrap();
            assert!(test.p_value > 1e-3, "{n} {p}: {}", test.p_value);
        }
    }

    #[test]
    fn gamma_draws_have_their_moments() {
        for shape in [0.5, 1.0, 4.0, 1e4] {
            let mut rng = Rng::new(2, "gamma");
            let draws: Vec<f64> = (0..20_000).map(|_| gamma(&mut rng, shape)).collect();
            let mean = crate::math::moments::mean(&draws);
            let deviation = crate::math::moments::std_population(&draws);
            assert!((mean / shape - 1.0).abs() < 4.0 / (2e4 * shape).sqrt(), "{shape}: {mean}");
            assert!((deviation / shape.sqrt() - 1.0).abs() < 0.05, "{shape}: {deviation}");
        }
        assert_eq!(gamma(&mut Rng::new(3, "gamma"), 0.0), 0.0);
    }

    #[test]
    fn hostile_probabilities_end() {
        let mut rng = Rng::new(4, "binomial");
        for p in [0.0, 1.0, -1.0, 2.0, f64::NAN, f64::INFINITY, 1e-300, 1.0 - f64::EPSILON] {
            for n in [0, 1, u64::MAX] {
                assert!(binomial(&mut rng, n, p) <= n);
            }
        }
    }
}
