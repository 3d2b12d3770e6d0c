use serde::{Deserialize, Serialize};

/// A mean that is kept up value by value (Welford, 1962).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunningMean {
    pub(crate) n: f64,
    pub(crate) mean: f64,
}

impl RunningMean {
    pub(crate) fn update(&mut self, x: f64) {
        self.n += 1.0;
        self.mean += 1.0 / self.n * (x - self.mean);
    }
}

/// Mean and variance (divisor n - 1) that are kept up value by value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunningVariance {
    pub(crate) mean: RunningMean,
    squares: f64,
}

impl RunningVariance {
    pub(crate) fn update(&mut self, x: f64) {
        let before = self.mean.mean;
        self.mean.update(x);
        self.squares += (x - before) * (x - self.mean.mean);
    }

    pub(crate) fn variance(&self) -> f64 {
        if self.mean.n > 1.0 { self.squares / (self.mean.n - 1.0) } else { 0.0 }
    }
}
