//! Thresholds by feature and size of the window, learnt when they are first needed.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::noise::Noise;
use super::policy::ThresholdRule;
use super::reference::{Bins, Feature};
use crate::error::Error;
use crate::method::Method;

/// How a threshold is found.
#[derive(Clone, Debug)]
enum Rule {
    /// Whatever the size of the window.
    Constant(f64),
    /// By the noise with this number, but at least so much.
    Learnt { noise: usize, at_least: f64 },
}

/// A handle on the threshold of one signal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot(usize);

/// The thresholds of all signals of a monitor.
#[derive(Clone, Debug)]
pub(crate) struct Thresholds {
    seed: u64,
    simulations: u32,
    rules: Vec<Rule>,
    /// Each once: features with equal counts share one.
    noises: Vec<Noise>,
    /// By noise and number of values: a few for each power of two.
    learnt: BTreeMap<(usize, u64), f64>,
}

impl Thresholds {
    pub(crate) fn new(simulations: u32, seed: u64) -> Self {
        Self { seed, simulations, rules: Vec::new(), noises: Vec::new(), learnt: BTreeMap::new() }
    }

    /// Adds the signal of a feature's distribution.
    pub(crate) fn add_distribution(
        &mut self,
        feature: &Feature,
        method: Method,
        rule: ThresholdRule,
    ) -> Result<Slot, Error> {
        let rule = match rule {
            ThresholdRule::Fixed { value } => Rule::Constant(value),
            ThresholdRule::FalseAlarms { rate, at_least } => {
                let (counts, unseen) = (feature.counts.clone(), unseen(feature));
                self.learnt_rule(Noise { method, counts, unseen, rate }, at_least)
            }
            ThresholdRule::ReferenceChunks { at_least } => {
                let usual = feature.usual.get(&method).and_then(|band| band.upper);
                let upper = usual.ok_or(Error::TooFew {
                    what: "a threshold from chunks of the reference",
                    needs: "a reference built with chunk_rows that has values in two chunks or more",
                })?;
                Rule::Constant(upper.max(at_least))
            }
        };
        Ok(self.add(rule))
    }

    /// Adds the signal of a feature's missing share.
    pub(crate) fn add_missing(&mut self, feature: &Feature, rule: ThresholdRule) -> Result<Slot, Error> {
        let rule = match rule {
            ThresholdRule::Fixed { value } => Rule::Constant(value),
            ThresholdRule::FalseAlarms { rate, at_least } => {
                let counts = missing_cells(&feature.counts, feature.missing);
                let noise = Noise { method: Method::LInfinity, counts: counts.to_vec(), unseen: vec![0.5; 2], rate };
                self.learnt_rule(noise, at_least)
            }
            ThresholdRule::ReferenceChunks { .. } => {
                return Err(Error::TooFew {
                    what: "the threshold of a missing share",
                    needs: "a fixed value or a rate of false alarms",
                });
            }
        };
        Ok(self.add(rule))
    }

    fn add(&mut self, rule: Rule) -> Slot {
        self.rules.push(rule);
        Slot(self.rules.len() - 1)
    }

    fn learnt_rule(&mut self, noise: Noise, at_least: f64) -> Rule {
        let known = self.noises.iter().position(|known| *known == noise);
        let noise = known.unwrap_or_else(|| {
            self.noises.push(noise);
            self.noises.len() - 1
        });
        Rule::Learnt { noise, at_least }
    }

    /// Learns what the thresholds of these signals for windows of so many values need, on rayon's current pool.
    pub(crate) fn prepare(&mut self, wanted: impl IntoIterator<Item = (Slot, u64)>) {
        let mut unknown = Vec::new();
        for (slot, values) in wanted {
            if let Some(Rule::Learnt { noise, .. }) = self.rules.get(slot.0) {
                let (below, above) = neighbours(values);
                unknown.extend([(*noise, below), (*noise, above)]);
            }
        }
        unknown.sort_unstable();
        unknown.dedup();
        unknown.retain(|key| !self.learnt.contains_key(key));
        let learn = |(noise, values): (usize, u64)| {
            let threshold = self.noises.get(noise)?.threshold(values, self.simulations, self.seed);
            Some(((noise, values), threshold))
        };
        let learnt: Vec<_> = unknown.into_par_iter().filter_map(learn).collect();
        self.learnt.extend(learnt);
    }

    /// Returns a threshold that [`Thresholds::prepare`] has learnt; between sizes by interpolation of both logarithms.
    pub(crate) fn of(&self, slot: Slot, values: u64) -> Option<f64> {
        match self.rules.get(slot.0)? {
            Rule::Constant(value) => Some(*value),
            Rule::Learnt { noise, at_least } => {
                let (below, above) = neighbours(values);
                let (low, high) = (*self.learnt.get(&(*noise, below))?, *self.learnt.get(&(*noise, above))?);
                Some(interpolated((below, low), (above, high), values).max(*at_least))
            }
        }
    }
}

/// Returns present and missing values: the cells of the missing share.
pub(crate) fn missing_cells(cells: &[u64], missing: u64) -> [u64; 2] {
    [cells.iter().fold(0, |sum: u64, count| sum.saturating_add(*count)), missing]
}

/// What the next values may hold that the reference did not: one beyond each end, or a label never seen.
///
/// n values cut the line into n + 1 parts that are equally likely to hold the next one; labels never seen have the share of those
/// seen once (Good and Turing), and half a row if there are none.
fn unseen(feature: &Feature) -> Vec<f64> {
    let mut unseen = vec![0.0; feature.counts.len()];
    match &feature.bins {
        Bins::Numbers(_) => {
            unseen.first_mut().into_iter().for_each(|first| *first += 1.0);
            unseen.last_mut().into_iter().for_each(|last| *last += 1.0);
        }
        Bins::Labels { singletons, .. } => {
            unseen.last_mut().into_iter().for_each(|last| *last += (*singletons as f64).max(0.5));
        }
    }
    unseen
}

/// Returns the sizes for which thresholds are learnt, next to this one: those with three significant bits.
fn neighbours(values: u64) -> (u64, u64) {
    let step = 1 << (u64::BITS - values.leading_zeros()).saturating_sub(3);
    let below = values / step * step;
    (below, if below == values { below } else { below.saturating_add(step) })
}

fn interpolated(below: (u64, f64), above: (u64, f64), values: u64) -> f64 {
    if below.0 == above.0 || below.1 <= 0.0 || above.1 <= 0.0 {
        return below.1.max(above.1);
    }
    let way = (values as f64 / below.0 as f64).ln() / (above.0 as f64 / below.0 as f64).ln();
    (below.1.ln() * (1.0 - way) + above.1.ln() * way).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_between_the_learnt_ones_are_interpolated() {
        assert_eq!([0, 1, 7, 8, 9].map(neighbours), [(0, 0), (1, 1), (7, 7), (8, 8), (8, 10)]);
        assert_eq!([1000, 1024].map(neighbours), [(896, 1024), (1024, 1024)]);
        assert_eq!(neighbours(u64::MAX), (7 << 61, u64::MAX));
        for method in [Method::JensenShannon, Method::Psi, Method::Ks] {
            let noise = Noise { method, counts: vec![1000; 20], unseen: vec![0.0; 20], rate: 0.01 };
            let learnt = [192, 208, 224].map(|values| noise.threshold(values, 10_000, 0));
            let between = interpolated((192, learnt[0]), (224, learnt[2]), 208);
            // The largest difference of 208 rows moves in steps of 1/208.
            let close = if method == Method::Ks { 0.05 } else { 0.02 };
            assert!((between / learnt[1] - 1.0).abs() < close, "{method}: {learnt:?}");
        }
        assert_eq!(interpolated((512, 0.0), (1024, 0.3), 724), 0.3);
    }
}
