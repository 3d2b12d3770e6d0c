//! The scores of stationary data: how far a window may lie from the reference by chance.

use lineal_core::Rng;

use super::draws::{binomial, gamma};
use super::measure;
use crate::method::Method;

/// What the score of a window without drift depends on, besides the rows of the window.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Noise {
    pub(crate) method: Method,
    /// Rows of the reference per cell.
    pub(crate) counts: Vec<u64>,
    /// Added to the counts: what the reference did not happen to see.
    pub(crate) unseen: Vec<f64>,
    /// The share of windows whose score may exceed the threshold.
    pub(crate) rate: f64,
}

impl Noise {
    /// Returns the score that windows of `values` values exceed at most at the rate, from simulated ones.
    ///
    /// Each simulation draws the true shares given the reference (Dirichlet) and a window of them (multinomial). Beyond the upper
    /// hundredth of the scores, squared where they are distances, the tail is taken as exponential: the true one falls faster. The mean
    /// excess is raised by two of its standard errors.
    pub(crate) fn threshold(&self, values: u64, simulations: u32, seed: u64) -> f64 {
        let mut rng = Rng::new(seed, "lineal-drift monitor").fork(&format!("{} {values}", self.method));
        let mut drawn = Window::new(self.counts.len());
        let mut scores: Vec<f64> = (0..simulations)
            .filter_map(|_| {
                drawn.draw(self, values, &mut rng);
                measure::score(self.method, &self.counts, &drawn.counts).ok()
            })
            .map(|score| measure::to_tail_scale(self.method, score))
            .collect();
        scores.sort_unstable_by(|a, b| b.total_cmp(a));
        measure::from_tail_scale(self.method, upper_quantile(&scores, self.rate))
    }
}

/// Returns the value exceeded at `rate`; `descending` is a sample.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank within the sample")]
fn upper_quantile(descending: &[f64], rate: f64) -> f64 {
    let peaks = (descending.len() / 100).max(FEWEST_PEAKS).min(descending.len().saturating_sub(1));
    let rank = rate * descending.len() as f64;
    if rank >= peaks as f64 {
        return descending.get(rank as usize).or(descending.last()).copied().unwrap_or(0.0);
    }
    let (Some(above), Some(level)) = (descending.get(..peaks), descending.get(peaks)) else { return 0.0 };
    let excess = above.iter().map(|score| score - level).sum::<f64>() / peaks as f64;
    level + excess * (1.0 + 2.0 / (peaks as f64).sqrt()) * (peaks as f64 / rank).ln()
}

/// A simulated window, and room to draw it.
struct Window {
    /// Sums of the shares, not scaled to 1, from each cell to the last.
    shares_from: Vec<f64>,
    counts: Vec<u64>,
}

impl Window {
    fn new(cells: usize) -> Self {
        Self { shares_from: vec![0.0; cells], counts: vec![0; cells] }
    }

    fn draw(&mut self, noise: &Noise, values: u64, rng: &mut Rng) {
        let mut sum = 0.0;
        let cells = noise.counts.iter().zip(&noise.unseen);
        for (place, (count, unseen)) in self.shares_from.iter_mut().zip(cells).rev() {
            sum += gamma(rng, *count as f64 + unseen);
            *place = sum;
        }
        let mut left = values;
        for (at, count) in self.counts.iter_mut().enumerate() {
            let from = self.shares_from.get(at).copied().unwrap_or(0.0);
            let behind = self.shares_from.get(at + 1).copied().unwrap_or(0.0);
            *count = if from > 0.0 { binomial(rng, left, (from - behind) / from) } else { 0 };
            left -= *count;
        }
    }
}

const FEWEST_PEAKS: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::gamma::chi_square_survival;

    fn noise(method: Method, counts: Vec<u64>, rate: f64) -> Noise {
        Noise { method, unseen: vec![0.0; counts.len()], counts, rate }
    }

    /// With a reference so large that it is the truth, 8 n times the divergence is chi-square with one degree of freedom less than cells.
    #[test]
    fn jensen_shannon_has_its_limit() {
        let noise = |rate| noise(Method::JensenShannon, vec![1 << 40; 11], rate);
        for (rate, least) in [(0.01, 0.7), (1e-4, 0.15), (1e-6, 0.02)] {
            let threshold = noise(rate).threshold(100_000, 10_000, 1);
            let statistic = 8.0 * 1e5 * threshold * threshold * std::f64::consts::LN_2;
            let actual = chi_square_survival(statistic, 10.0);
            assert!(actual < 1.3 * rate && actual > least * rate, "{rate}: {actual}");
        }
    }

    /// Two cells and L-infinity: the difference of two shares, normal in the limit, with the noise of both sides.
    #[test]
    fn the_reference_has_noise_of_its_own() {
        let noise = noise(Method::LInfinity, vec![5_000; 2], 0.01);
        let threshold = noise.threshold(10_000, 10_000, 1);
        let deviation = (0.25_f64 * (1.0 / 10_000.0 + 1.0 / 10_000.0)).sqrt();
        assert!((threshold / (2.576 * deviation) - 1.0).abs() < 0.05, "{threshold} {deviation}");
    }

    #[test]
    fn one_cell_has_no_noise() {
        assert_eq!(noise(Method::JensenShannon, vec![7], 1e-4).threshold(100, 1000, 1), 0.0);
    }
}
