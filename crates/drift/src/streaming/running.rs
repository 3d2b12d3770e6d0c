use serde::{Deserialize, Serialize};

/// A mean that is kept up value by value (Welford, 1962).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunningMean {
    pub(crate) n: f64,
    pub(crate) mean: f64,
}

impl RunningMean {
    #[inline]
    pub(crate) fn update(&mut self, x: f64) {
        self.n += 1.0;
        let step = 1.0 / self.n * (x - self.mean);
        if step.is_finite() {
            self.mean += step;
        } else {
            self.update_from_afar(x);
        }
    }

    /// Takes the values of another one.
    pub(crate) fn merge(&mut self, other: &Self) {
        let n = self.n + other.n;
        if other.n > 0.0 {
            self.mean = self.mean * (self.n / n) + other.mean * (other.n / n);
            self.n = n;
        }
    }

    /// Two values of opposite sign may lie further apart than `f64` reaches; their mean does not.
    ///
    /// Cold, so that it costs a branch that is never taken, and not a second division in the chain of every value.
    #[cold]
    fn update_from_afar(&mut self, x: f64) {
        self.mean = 1.0 / self.n * x + (1.0 - 1.0 / self.n) * self.mean;
    }
}

/// Keeps a sum of finite numbers finite, so that no infinity meets another one later.
#[inline]
pub(crate) fn saturated(sum: f64) -> f64 {
    sum.clamp(f64::MIN, f64::MAX)
}

/// Mean and variance (divisor n - 1) that are kept up value by value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunningVariance {
    pub(crate) mean: RunningMean,
    squares: f64,
}

impl RunningVariance {
    #[inline]
    pub(crate) fn update(&mut self, x: f64) {
        let before = self.mean.mean;
        self.mean.update(x);
        self.squares += (x - before) * (x - self.mean.mean);
    }

    /// Takes the values of another one. Source: Chan, Golub and LeVeque, Updating Formulae and a Pairwise Algorithm for Computing
    /// Sample Variances (1979).
    pub(crate) fn merge(&mut self, other: &Self) {
        let (n, m) = (self.mean.n, other.mean.n);
        if m > 0.0 {
            let apart = other.mean.mean - self.mean.mean;
            self.squares += other.squares + apart * apart * (n * m / (n + m));
            self.mean.merge(&other.mean);
        }
    }

    #[inline]
    pub(crate) fn variance(&self) -> f64 {
        if self.mean.n > 1.0 { self.squares / (self.mean.n - 1.0) } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_extremes_is_between_them() {
        let mut mean = RunningMean::default();
        for (x, expected) in [(f64::MAX, f64::MAX), (f64::MIN, 0.0), (f64::MAX, f64::MAX / 3.0), (f64::MIN, 0.0)] {
            mean.update(x);
            assert!((mean.mean - expected).abs() <= f64::MAX * 1e-15, "{} instead of {expected}", mean.mean);
        }
    }
}
