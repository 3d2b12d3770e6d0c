//! The stored form of KLL sketches, shared with Apache `DataSketches`.

use super::codec::{Malformed, Reader, Writer};
use super::kll::{KllSketch, LEAST_K};
use super::kll_capacity::{LEAST_WIDTH, total_capacity};
use crate::error::Error;

impl KllSketch {
    /// Writes the sketch as a `kll_doubles_sketch` of Apache `DataSketches` (family 15, serial version 1 or 2), at most about 6 KiB for
    /// k = 200.
    ///
    /// ```
    /// use lineal_drift::profile::KllSketch;
    ///
    /// let mut sketch = KllSketch::new(200, 1)?;
    /// sketch.extend([3.5]);
    /// let bytes = sketch.to_bytes();
    /// assert_eq!(bytes[..8], [2, 2, 15, 4, 200, 0, 8, 0]);
    /// assert_eq!(KllSketch::from_bytes(&bytes, 1)?, sketch);
    /// # Ok::<(), lineal_drift::Error>(())
    /// ```
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut to = Writer::default();
        let (preamble, version, flags) = match self.n {
            0 => (SHORT, 1, EMPTY),
            1 => (SHORT, SINGLE_VERSION, SINGLE),
            _ => (FULL, 1, LEVEL_ZERO_SORTED),
        };
        for byte in [preamble, version, FAMILY, flags] {
            to.u8(byte);
        }
        to.u16(self.k);
        to.u8(WIDTH);
        to.u8(0);
        match self.n {
            0 => (),
            1 => to.f64(self.min),
            _ => self.write_levels(&mut to),
        }
        to.into_bytes()
    }

    #[expect(clippy::cast_possible_truncation, reason = "at most 61 levels of at most 65535 values")]
    fn write_levels(&self, to: &mut Writer) {
        to.u64(self.n);
        to.u16(self.min_k);
        to.u8(self.levels.len() as u8);
        to.u8(0);
        let mut start = total_capacity(self.k, self.levels.len()) - self.retained();
        for level in &self.levels {
            to.u32(start as u32);
            start += level.len();
        }
        to.f64(self.min);
        to.f64(self.max);
        for value in self.levels.iter().flatten() {
            to.f64(*value);
        }
    }

    /// Reads a `kll_doubles_sketch` of Apache `DataSketches`, of C++, Python or Java; `seed` is for the coins from here on.
    ///
    /// # Errors
    /// [`Error::Malformed`] for bytes that are no such sketch, or one that contradicts itself: they are damaged, or of another type.
    pub fn from_bytes(bytes: &[u8], seed: u64) -> Result<Self, Error> {
        let mut from = Reader::new(bytes);
        let sketch = Self::read(&mut from, seed).and_then(|sketch| from.end().map(|()| sketch));
        sketch.map_err(|Malformed(why)| Error::Malformed { what: "KLL sketch", why })
    }

    pub(super) fn read(from: &mut Reader<'_>, seed: u64) -> Result<Self, Malformed> {
        let (preamble, version, family, flags) = (from.u8()?, from.u8()?, from.u8()?, from.u8()?);
        if family != FAMILY {
            return Err(Malformed("it is of another family"));
        }
        let (k, width, _) = (from.u16()?, from.u8()?, from.u8()?);
        if k < LEAST_K || width != WIDTH {
            return Err(Malformed("k is below 8, or m is not 8"));
        }
        let mut sketch = Self::with_k(k, seed);
        match (flags & EMPTY != 0, flags & SINGLE != 0, preamble, version) {
            (true, false, SHORT, 1) => (),
            (false, true, SHORT, SINGLE_VERSION) => sketch.read_single(from.f64()?)?,
            (false, false, FULL, 1) => sketch.read_levels(from, flags & LEVEL_ZERO_SORTED != 0)?,
            _ => return Err(Malformed("preamble, serial version and flags do not go together")),
        }
        Ok(sketch)
    }

    fn read_single(&mut self, value: f64) -> Result<(), Malformed> {
        if value.is_nan() {
            return Err(NOT_A_NUMBER);
        }
        (self.n, self.min, self.max, self.levels) = (1, value, value, vec![vec![value]]);
        Ok(())
    }

    fn read_levels(&mut self, from: &mut Reader<'_>, is_level_zero_sorted: bool) -> Result<(), Malformed> {
        self.n = from.u64()?;
        self.min_k = from.u16()?;
        let (levels, _) = (usize::from(from.u8()?), from.u8()?);
        if !(1..=MOST_LEVELS).contains(&levels) || !(LEAST_K..=self.k).contains(&self.min_k) {
            return Err(Malformed("the number of levels or the least k is out of range"));
        }
        let lengths = level_lengths(from, self.k, levels)?;
        (self.min, self.max) = (from.f64()?, from.f64()?);
        self.levels.clear();
        for length in lengths {
            self.levels.push(from.f64s(length)?);
        }
        if let Some(level) = self.levels.first_mut().filter(|_| !is_level_zero_sorted) {
            level.sort_by(f64::total_cmp);
        }
        self.check()
    }

    /// Refuses what no sketch holds: every method relies on it.
    fn check(&self) -> Result<(), Malformed> {
        let weight = |(at, level): (usize, &Vec<f64>)| (level.len() as u128) << at;
        if self.levels.iter().enumerate().map(weight).sum::<u128>() != u128::from(self.n) || self.n < 2 {
            return Err(Malformed("the weights of the values do not add up to n"));
        }
        // NaN is in no range, and none holds a value if an end is NaN.
        if !self.levels.iter().flatten().all(|value| (self.min..=self.max).contains(value)) {
            return Err(Malformed("a value is not between the least and the greatest"));
        }
        if !self.levels.iter().all(|level| level.is_sorted()) {
            return Err(Malformed("a level does not ascend"));
        }
        Ok(())
    }
}

/// Reads where the levels begin; the last one ends where the capacity does.
fn level_lengths(from: &mut Reader<'_>, k: u16, levels: usize) -> Result<Vec<usize>, Malformed> {
    let mut starts = Vec::with_capacity(levels + 1);
    for _ in 0..levels {
        starts.push(usize::try_from(from.u32()?).unwrap_or(usize::MAX));
    }
    starts.push(total_capacity(k, levels));
    let length = |pair: &[usize]| match pair {
        [start, end] => end.checked_sub(*start),
        _ => None,
    };
    starts.windows(2).map(|pair| length(pair).ok_or(Malformed("the levels do not lie one after the other"))).collect()
}

const NOT_A_NUMBER: Malformed = Malformed("a value is not a number");
const FAMILY: u8 = 15;
const SHORT: u8 = 2;
const FULL: u8 = 5;
const SINGLE_VERSION: u8 = 2;
const EMPTY: u8 = 1;
const LEVEL_ZERO_SORTED: u8 = 2;
const SINGLE: u8 = 4;
#[expect(clippy::cast_possible_truncation, reason = "8")]
const WIDTH: u8 = LEAST_WIDTH as u8;
/// Weights are powers of two below 2^61.
const MOST_LEVELS: usize = 61;
