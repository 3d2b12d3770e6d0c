use lineal_core::Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Says how often a sample is drawn anew, and from which seed: the same seed gives the same bits on any number of threads.
///
/// The smallest p-value is 1 / (1 + count): 99 draws are enough for a level of 5 %, 999 for 1 %. A p-value p is off by about
/// √(p (1 - p) / count).
///
/// ```
/// use lineal_drift::resampling::Draws;
/// assert_eq!(Draws::new(999, 7).count, 999);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Draws {
    /// How many samples are drawn, 1 to 1,000,000.
    pub count: u32,
    /// Where the randomness comes from.
    pub seed: u64,
}

impl Draws {
    /// Returns `count` draws from a seed; a count out of range is refused by the tests themselves.
    #[must_use]
    pub fn new(count: u32, seed: u64) -> Self {
        Self { count, seed }
    }

    pub(crate) fn check(self) -> Result<(), Error> {
        if (1..=MOST).contains(&self.count) {
            return Ok(());
        }
        Err(Error::Setting { name: "draws", value: f64::from(self.count), rule: "from 1 to 1,000,000" })
    }

    /// Computes one value for each draw, each from a stream of its own, in parallel.
    pub(crate) fn map<T: Send>(self, stream: &str, draw: impl Fn(&mut Rng) -> T + Sync) -> Vec<T> {
        let root = Rng::new(self.seed, stream);
        (0..self.count).into_par_iter().map(|at| draw(&mut root.fork(&at.to_string()))).collect()
    }
}

const MOST: u32 = 1_000_000;
