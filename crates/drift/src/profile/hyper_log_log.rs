//! A sketch of the number of distinct values.

use super::codec::{Malformed, Reader, Writer};

/// Estimates how many different hashes it was shown, from 4096 registers: standard error 1.04 / √4096 = 1.6 %.
///
/// Each register keeps the greatest position of a first one-bit, so merging is exact: any order gives the same registers as one pass.
/// Source: Flajolet, Fusy, Gandouet and Meunier, HyperLogLog (2007), with 64-bit hashes; the estimate is that of Ertl, New Cardinality
/// Estimation Algorithms for HyperLogLog Sketches (2017), algorithm 6, which needs no corrections for few or many values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HyperLogLog(Box<[u8; REGISTERS]>);

impl Default for HyperLogLog {
    fn default() -> Self {
        Self(Box::new([0; REGISTERS]))
    }
}

impl HyperLogLog {
    pub(super) const SIZE_BYTES: usize = REGISTERS;

    pub(super) fn add(&mut self, hash: u64) {
        #[expect(clippy::cast_possible_truncation, reason = "the upper 12 bits, and at most 53")]
        let (register, rank) =
            ((hash >> (64 - BITS)) as usize, ((hash << BITS) | 1 << (BITS - 1)).leading_zeros() as u8 + 1);
        if let Some(held) = self.0.get_mut(register) {
            *held = (*held).max(rank);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (held, other) in self.0.iter_mut().zip(other.0.iter()) {
            *held = (*held).max(*other);
        }
    }

    pub(super) fn estimate(&self) -> f64 {
        let mut counts = [0_u32; TOP + 1];
        for rank in self.0.iter() {
            if let Some(count) = counts.get_mut(usize::from(*rank)) {
                *count += 1;
            }
        }
        let m = REGISTERS as f64;
        let share = |count: u32| f64::from(count) / m;
        let [zeros, middle @ .., full] = counts;
        let start = m * tau(1.0 - share(full));
        let sum = middle.iter().rev().fold(start, |sum, count| 0.5 * (sum + f64::from(*count)));
        m * m / (2.0 * std::f64::consts::LN_2 * (sum + m * sigma(share(zeros))))
    }

    /// Writes registers that are not 0 with their place if that is shorter, otherwise all.
    #[expect(clippy::cast_possible_truncation, reason = "at most 4096")]
    pub(super) fn write(&self, to: &mut Writer) {
        let held = || self.0.iter().enumerate().filter(|(_, rank)| **rank != 0);
        let count = held().count();
        if 3 * count >= REGISTERS {
            to.u16(ALL);
            return to.bytes(self.0.as_slice());
        }
        to.u16(count as u16);
        for (register, rank) in held() {
            to.u16(register as u16);
            to.u8(*rank);
        }
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut sketch = Self::default();
        let count = from.u16()?;
        if count == ALL {
            sketch.0.copy_from_slice(from.bytes(REGISTERS)?);
        } else {
            for _ in 0..count {
                let register = usize::from(from.u16()?);
                *sketch.0.get_mut(register).ok_or(Malformed("there is no such register"))? = from.u8()?;
            }
        }
        if sketch.0.iter().any(|rank| usize::from(*rank) > TOP) {
            return Err(Malformed("a register is out of its range"));
        }
        Ok(sketch)
    }
}

/// Sums x + Σ x^(2^k) 2^(k-1): the part of the registers that are 0.
fn sigma(x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut power, mut weight, mut sum) = (x, 1.0, x);
    loop {
        power *= power;
        let before = sum;
        sum += power * weight;
        weight += weight;
        if sum == before {
            return sum;
        }
    }
}

/// Sums (1 - x - Σ (1 - x^(2^-k))² 2^-k) / 3: the part of the registers that are full.
fn tau(x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut root, mut weight, mut sum) = (x, 1.0, 1.0 - x);
    loop {
        root = root.sqrt();
        let before = sum;
        weight *= 0.5;
        sum -= (1.0 - root) * (1.0 - root) * weight;
        if sum == before {
            return sum / 3.0;
        }
    }
}

const BITS: u32 = 12;
const REGISTERS: usize = 1 << BITS;
/// The first one-bit among 52, or none.
const TOP: usize = 53;
const ALL: u16 = u16::MAX;

/// 1.04 / √4096.
pub(super) const STANDARD_ERROR: f64 = 0.016_25;

#[cfg(test)]
mod tests {
    use super::super::hash;
    use super::*;

    fn of(values: impl Iterator<Item = f64>) -> HyperLogLog {
        let mut sketch = HyperLogLog::default();
        values.for_each(|value| sketch.add(hash::of_number(value)));
        sketch
    }

    /// Integers, halves and large steps are not random, and still look so to the sketch.
    #[test]
    fn the_error_is_as_stated() {
        for (what, step) in [("integers", 1.0), ("tenths", 0.1), ("thousands", 1000.0), ("tiny", 1e-300)] {
            for n in [0, 1, 10, 100, 1_000, 10_000, 300_000] {
                let estimate = of((0..n).map(|i| f64::from(i) * step)).estimate();
                let off = (estimate - f64::from(n)).abs();
                assert!(off <= 3.0 * STANDARD_ERROR * f64::from(n), "{n} {what}: {estimate}");
            }
        }
    }

    #[test]
    fn the_mean_square_error_is_as_stated() {
        let errors = (0..60_u32).map(|seed| {
            let labels = (0..5_000_u32).map(|i| hash::of_text(format!("{seed}-{i}").as_bytes()));
            let mut sketch = HyperLogLog::default();
            labels.for_each(|hash| sketch.add(hash));
            (sketch.estimate() / 5_000.0 - 1.0).powi(2)
        });
        let error = (errors.sum::<f64>() / 60.0).sqrt();
        assert!(error < 1.25 * STANDARD_ERROR, "{error}");
    }

    #[test]
    fn merging_is_one_pass() {
        let mut merged = of((0..700).map(f64::from));
        merged.merge(&of((300..2_000).map(f64::from)));
        assert_eq!(merged, of((0..2_000).map(f64::from)));
    }

    #[test]
    fn it_reads_back() {
        for n in [0, 5, 100_000] {
            let mut writer = Writer::default();
            of((0..n).map(f64::from)).write(&mut writer);
            let bytes = writer.into_bytes();
            assert_eq!(HyperLogLog::read(&mut Reader::new(&bytes)).unwrap(), of((0..n).map(f64::from)));
        }
    }
}
