//! A sum of floats without any rounding, so that it is the same in any order.

use super::codec::{Malformed, Reader, Writer};

/// Adds finite `f64` exactly, as one wide fixed-point number.
///
/// The order of additions and merges cannot be told from the result. Source: Kulisch's long accumulator, in pieces of 32 bits with
/// carries put off, as in Neal, Fast Exact Summation Using Small and Large Superaccumulators (2015).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ExactSum {
    /// Limb i weighs 2^(32 i - 1074). Between calls all but the last are digits in 0..2^32, and the last one has the sign.
    limbs: [i64; LIMBS],
}

impl Default for ExactSum {
    fn default() -> Self {
        Self { limbs: [0; LIMBS] }
    }
}

impl ExactSum {
    /// Adds finite values. Fastest where neighbours have the same exponent, as sorted values do.
    pub(super) fn add_all(&mut self, values: &[f64]) {
        for part in values.chunks(MANTISSAS_IN_A_WORD) {
            let mut exponent = 0;
            let mut mantissas = 0_u64;
            for value in part {
                let bits = value.to_bits();
                if bits >> 52 != exponent {
                    self.add_mantissas(exponent, mantissas);
                    (exponent, mantissas) = (bits >> 52, 0);
                }
                // A biased exponent of 0 has no hidden bit.
                let hidden = u64::from(exponent & 0x7ff != 0) << 52;
                mantissas += (bits & 0x000f_ffff_ffff_ffff) | hidden;
            }
            self.add_mantissas(exponent, mantissas);
            self.carry();
        }
    }

    /// Adds another sum.
    pub(super) fn merge(&mut self, other: &Self) {
        for (limb, other) in self.limbs.iter_mut().zip(other.limbs) {
            // Only the last one can come near the end of the range, after 2^30 merges of sums of 2^64 values of 1e308.
            *limb = limb.wrapping_add(other);
        }
        self.carry();
    }

    /// Returns the sum, rounded once; infinite beyond the range of `f64`.
    pub(super) fn value(&self) -> f64 {
        let (significand, exponent) = self.rounded();
        scaled(significand, exponent)
    }

    /// Returns the sum divided by `n`, within one unit in the last place, also where the sum itself is beyond the range.
    pub(super) fn mean(&self, n: u64) -> f64 {
        let (significand, exponent) = self.rounded();
        scaled(significand / n as f64, exponent)
    }

    /// `sign_and_exponent` are the upper 12 bits of each of the values whose mantissas are added.
    #[expect(clippy::cast_possible_truncation, reason = "digits of 32 bits")]
    fn add_mantissas(&mut self, sign_and_exponent: u64, mantissas: u64) {
        let shift = (sign_and_exponent & 0x7ff).saturating_sub(1) as usize;
        let wide = u128::from(mantissas) << (shift % 32);
        let is_negative = sign_and_exponent >> 11 != 0;
        for (limb, at) in self.limbs.iter_mut().skip(shift / 32).zip([0, 32, 64]) {
            let digits = i64::from((wide >> at) as u32);
            *limb += if is_negative { -digits } else { digits };
        }
    }

    fn carry(&mut self) {
        let mut carried = 0;
        let Some((last, digits)) = self.limbs.split_last_mut() else { return };
        for limb in digits {
            let total = *limb + carried;
            *limb = total & 0xffff_ffff;
            carried = total >> 32;
        }
        *last = last.wrapping_add(carried);
    }

    /// Returns the sum as a number of at most 53 bits and a power of two, rounded to even.
    #[expect(clippy::cast_sign_loss, reason = "digits are not negative")]
    fn rounded(&self) -> (f64, i32) {
        let is_negative = self.limbs.last().is_some_and(|last| *last < 0);
        let magnitude = if is_negative { self.negated() } else { self.clone() };
        let Some(top) = magnitude.limbs.iter().rposition(|limb| *limb != 0) else { return (0.0, 0) };
        let digit = |at: usize| magnitude.limbs.get(at).map_or(0, |limb| u128::from(*limb as u64 & 0xffff_ffff));
        // The last limb may hold more than 32 bits, so there is a fourth place for what lies above.
        let above = magnitude.limbs.get(top).map_or(0, |limb| (*limb as u64) >> 32);
        let low = top.saturating_sub(2);
        let mut window = (low..=top).rev().fold(u128::from(above), |window, at| window << 32 | digit(at));
        if magnitude.limbs.iter().take(low).any(|limb| *limb != 0) {
            window |= 1;
        }
        let exponent = i32::try_from(32 * low).unwrap_or(i32::MAX) - 1074;
        let significand = window as f64;
        (if is_negative { -significand } else { significand }, exponent)
    }

    fn negated(&self) -> Self {
        let mut negated = self.clone();
        for limb in &mut negated.limbs {
            *limb = limb.wrapping_neg();
        }
        negated.carry();
        negated
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "digits of 32 bits")]
    pub(super) fn write(&self, to: &mut Writer) {
        let Some((last, digits)) = self.limbs.split_last() else { return };
        let first = digits.iter().position(|digit| *digit != 0).unwrap_or(digits.len());
        let end = digits.iter().rposition(|digit| *digit != 0).map_or(first, |at| at + 1);
        to.u8(first as u8);
        to.u8((end - first) as u8);
        for digit in digits.iter().take(end).skip(first) {
            to.u32(*digit as u32);
        }
        to.u64(*last as u64);
    }

    #[expect(clippy::cast_possible_wrap, reason = "the sign is in the upper bit")]
    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (first, count) = (usize::from(from.u8()?), usize::from(from.u8()?));
        if first + count > LIMBS - 1 {
            return Err(Malformed("a sum has too many digits"));
        }
        let mut sum = Self::default();
        for limb in sum.limbs.iter_mut().skip(first).take(count) {
            *limb = i64::from(from.u32()?);
        }
        if let Some(last) = sum.limbs.last_mut() {
            *last = from.u64()? as i64;
        }
        Ok(sum)
    }
}

/// Returns `value` · 2^`exponent`, rounded once, for exponents of up to about ±1800 and values that are not tiny themselves.
pub(super) fn scaled(value: f64, exponent: i32) -> f64 {
    let first = exponent.clamp(-900, 900);
    value * 2.0_f64.powi(first) * 2.0_f64.powi(exponent - first)
}

/// 2^(32 · 66) covers 1.8e308; what lies above takes sums of 2^64 such values, and more.
const LIMBS: usize = 70;
/// So many mantissas of 53 bits fit a word of 64.
const MANTISSAS_IN_A_WORD: usize = 1 << 11;

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(values: &[f64]) -> ExactSum {
        let mut sum = ExactSum::default();
        sum.add_all(values);
        sum
    }

    #[test]
    fn nothing_is_lost() {
        assert_eq!(sum(&[1e308, 1.0, -1e308, 5e-324]).value(), 1.0);
        assert_eq!(sum(&[1e308, 5e-324, -1e308]).value(), 5e-324);
        assert_eq!(sum(&[0.1; 10]).value(), 1.0);
        assert_eq!(sum(&[-0.1; 10]).value(), -1.0);
        assert_eq!(sum(&[]).value(), 0.0);
        assert_eq!(sum(&[f64::MAX, f64::MAX]).value(), f64::INFINITY);
        assert_eq!(sum(&[f64::MAX, f64::MAX]).mean(2), f64::MAX);
        assert_eq!(sum(&[-f64::MAX; 4096]).mean(4096), -f64::MAX);
        assert_eq!(sum(&[5e-324; 3000]).value(), 3000.0 * 5e-324);
        // Exactly between two floats: to the even one, unless the least digit says otherwise.
        let half = f64::EPSILON / 2.0;
        assert_eq!(sum(&[1.0, half]).value(), 1.0);
        assert_eq!(sum(&[1.0, half, 1e-300]).value(), 1.0 + f64::EPSILON);
        assert_eq!(sum(&[-1.0, -half, -1e-300]).value(), -1.0 - f64::EPSILON);
    }

    #[test]
    fn the_order_cannot_be_told() {
        let values: Vec<f64> = (0..10_000_u64)
            .map(|i| f64::from_bits(super::super::hash::mix(i)))
            .filter(|value| value.is_finite())
            .collect();
        let forth = sum(&values);
        let back: Vec<f64> = values.iter().rev().copied().collect();
        assert_eq!(sum(&back), forth);
        let mut merged = sum(&values[5_000..]);
        merged.merge(&sum(&values[..5_000]));
        assert_eq!(merged, forth);
        let negative: Vec<f64> = values.iter().map(|value| -value).collect();
        merged.merge(&sum(&negative));
        assert_eq!(merged, ExactSum::default());
    }

    #[test]
    fn it_reads_back() {
        for values in [vec![], vec![1.0], vec![-1e-300, 1e300], vec![-f64::MAX; 3000]] {
            let mut writer = Writer::default();
            sum(&values).write(&mut writer);
            let bytes = writer.into_bytes();
            let mut reader = Reader::new(&bytes);
            assert_eq!(ExactSum::read(&mut reader).unwrap(), sum(&values));
            assert!(reader.end().is_ok());
        }
    }
}
