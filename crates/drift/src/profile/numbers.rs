//! Everything that is kept of the finite numbers of a column.

use super::codec::{Malformed, Reader, Writer};
use super::coin::Coin;
use super::exact_sum::ExactSum;
use super::fixed_histogram::FixedHistogram;
use super::kll::KllSketch;
use super::moments::Moments;

/// Counts, moments, quantiles and bins of numbers.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Numbers {
    pub(super) nan: u64,
    pub(super) positive_infinite: u64,
    pub(super) negative_infinite: u64,
    pub(super) zeros: u64,
    pub(super) sum: ExactSum,
    pub(super) moments: Moments,
    pub(super) quantiles: KllSketch,
    pub(super) histogram: Option<FixedHistogram>,
}

impl Numbers {
    pub(super) fn new(k: u16, coin: Coin, edges: Option<Vec<f64>>) -> Self {
        Self {
            nan: 0,
            positive_infinite: 0,
            negative_infinite: 0,
            zeros: 0,
            sum: ExactSum::default(),
            moments: Moments::default(),
            quantiles: KllSketch::with_k(k, coin.0),
            histogram: edges.map(FixedHistogram::new),
        }
    }

    /// Adds finite values that ascend.
    pub(super) fn add_sorted(&mut self, values: &[f64]) {
        let zeros = values.partition_point(|value| *value <= 0.0) - values.partition_point(|value| *value < 0.0);
        self.zeros = self.zeros.saturating_add(zeros as u64);
        self.sum.add_all(values);
        self.moments.merge(&Moments::of_sorted(values));
        self.quantiles.add_sorted(values);
        if let Some(histogram) = &mut self.histogram {
            histogram.add_sorted(values);
        }
    }

    /// Counts NaN or an infinity.
    pub(super) fn add_special(&mut self, value: f64) {
        let count = match value {
            f64::INFINITY => &mut self.positive_infinite,
            f64::NEG_INFINITY => &mut self.negative_infinite,
            _ => &mut self.nan,
        };
        *count = count.saturating_add(1);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.nan = self.nan.saturating_add(other.nan);
        self.positive_infinite = self.positive_infinite.saturating_add(other.positive_infinite);
        self.negative_infinite = self.negative_infinite.saturating_add(other.negative_infinite);
        self.zeros = self.zeros.saturating_add(other.zeros);
        self.sum.merge(&other.sum);
        self.moments.merge(&other.moments);
        self.quantiles.merge(&other.quantiles);
        // Counts over other bins, or none, cannot be added to these.
        self.histogram = match (self.histogram.take(), &other.histogram) {
            (Some(mut mine), Some(other)) => mine.merge(other).then_some(mine),
            _ => None,
        };
    }

    pub(super) fn finite(&self) -> u64 {
        self.quantiles.n()
    }

    pub(super) fn infinite(&self) -> u64 {
        self.positive_infinite.saturating_add(self.negative_infinite)
    }

    pub(super) fn size_bytes(&self) -> usize {
        let histogram = self.histogram.as_ref().map_or(0, |histogram| 16 * histogram.counts.capacity());
        size_of::<Self>() + self.quantiles.size_bytes() + histogram
    }

    pub(super) fn write(&self, to: &mut Writer) {
        for count in [self.nan, self.positive_infinite, self.negative_infinite, self.zeros] {
            to.u64(count);
        }
        self.sum.write(to);
        self.moments.write(to);
        to.u64(self.quantiles.coin.0);
        to.sized(&self.quantiles.to_bytes());
        to.u8(u8::from(self.histogram.is_some()));
        if let Some(histogram) = &self.histogram {
            histogram.write(to);
        }
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let [nan, positive_infinite, negative_infinite, zeros] = [from.u64()?, from.u64()?, from.u64()?, from.u64()?];
        let sum = ExactSum::read(from)?;
        let moments = Moments::read(from)?;
        let seed = from.u64()?;
        let mut sketch = Reader::new(from.sized()?);
        let quantiles = KllSketch::read(&mut sketch, seed)?;
        sketch.end()?;
        let histogram = if from.flag()? { Some(FixedHistogram::read(from)?) } else { None };
        let are_finite = [quantiles.min(), quantiles.max()].into_iter().flatten().all(f64::is_finite);
        if !are_finite || moments.count != quantiles.n() || zeros > quantiles.n() {
            return Err(Malformed("the facts of a column of numbers contradict each other"));
        }
        Ok(Self { nan, positive_infinite, negative_infinite, zeros, sum, moments, quantiles, histogram })
    }
}
