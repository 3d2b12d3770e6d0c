//! Inclusive bounds of a numeric field.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Real;

/// Bounds the values of a numeric field; both ends belong to it.
///
/// Either end may be infinite. NaN is outside every range, so `-inf..=inf` says no more than "not NaN".
/// A bound means the decimal number that its text says (`0.1` is one tenth, not the nearest binary fraction):
/// integers and decimals are compared with it exactly, floats after it is rounded to the float's own precision.
/// JSON: `{"max":"50","min":"-40"}`, both [`Real`].
///
/// ```
/// use lineal_core::{IoField, IoType};
///
/// let wind = IoField::new("wind", IoType::Float64).with_range(0.0, f64::INFINITY);
/// assert_eq!(wind.range().map(|range| range.to_string()).as_deref(), Some("0..=inf"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Ends", into = "Ends")]
pub struct ValueRange {
    min: f64,
    max: f64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ends {
    min: Real,
    max: Real,
}

impl ValueRange {
    pub(super) fn new(min: f64, max: f64) -> Self {
        // Adding zero turns -0 into 0: equal ranges must have equal bytes.
        Self { min: min + 0.0, max: max + 0.0 }
    }

    /// Returns the least value inside.
    #[must_use]
    pub const fn min(&self) -> f64 {
        self.min
    }

    /// Returns the greatest value inside.
    #[must_use]
    pub const fn max(&self) -> f64 {
        self.max
    }

    /// False if an end is NaN or the ends are the wrong way round.
    pub(super) fn is_ordered(&self) -> bool {
        self.min <= self.max
    }

    pub(super) fn contains_range(&self, other: &Self) -> bool {
        self.min <= other.min && other.max <= self.max
    }

    /// The least and greatest whole number of units of 10^-`scale` inside; the first is greater if there is none.
    pub(super) fn in_units(&self, scale: i32) -> (i128, i128) {
        (units(self.min, scale, Round::Up), units(self.max, scale, Round::Down))
    }
}

impl From<Ends> for ValueRange {
    fn from(ends: Ends) -> Self {
        Self::new(ends.min.get(), ends.max.get())
    }
}

impl From<ValueRange> for Ends {
    fn from(range: ValueRange) -> Self {
        Self { min: range.min.into(), max: range.max.into() }
    }
}

impl fmt::Display for ValueRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..={}", self.min, self.max)
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Round {
    Up,
    Down,
}

/// Reads the shortest decimal text of `value` as a number of units of 10^-`scale`; what does not fit is cut to the
/// ends of `i128`.
fn units(value: f64, scale: i32, round: Round) -> i128 {
    let saturated = if value < 0.0 { i128::MIN } else { i128::MAX };
    if !value.is_finite() {
        return saturated;
    }
    let (digits, exponent) = decimal(value);
    let shift = exponent + scale;
    let power = 10_i128.checked_pow(shift.unsigned_abs());
    if shift >= 0 {
        // Zero stays zero at any power.
        return match power {
            Some(power) => digits.checked_mul(power).unwrap_or(saturated),
            None if digits == 0 => 0,
            None => saturated,
        };
    }
    // A power past i128 is greater than any 17 digits: only the sign is left.
    let (floor, exact) = match power {
        Some(power) => (digits.div_euclid(power), digits.rem_euclid(power) == 0),
        None => (if digits < 0 { -1 } else { 0 }, digits == 0),
    };
    if round == Round::Up && !exact { floor + 1 } else { floor }
}

/// Splits a finite number into `digits * 10^exponent`, with the fewest digits that read back as the same number.
fn decimal(value: f64) -> (i128, i32) {
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().expect("a finite f64 has a small exponent");
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits: i128 = 0;
    for digit in whole.bytes().chain(fraction.bytes()).filter(u8::is_ascii_digit) {
        digits = digits * 10 + i128::from(digit - b'0');
    }
    let exponent = exponent - fraction.len() as i32;
    (if value < 0.0 { -digits } else { digits }, exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_exact_decimals() {
        assert_eq!(ValueRange::new(0.1, 0.3).in_units(1), (1, 3));
        assert_eq!(ValueRange::new(0.1, 0.3).in_units(0), (1, 0));
        assert_eq!(ValueRange::new(-0.15, -0.05).in_units(1), (-1, -1));
        assert_eq!(ValueRange::new(-2.5, 2.5).in_units(0), (-2, 2));
        assert_eq!(ValueRange::new(1e-300, 1e300).in_units(2), (1, i128::MAX));
        assert_eq!(ValueRange::new(-1e-300, 0.0).in_units(38), (0, 0));
        assert_eq!(ValueRange::new(-1e300, -1e-300).in_units(-38), (i128::MIN, -1));
        assert_eq!(ValueRange::new(f64::NEG_INFINITY, f64::INFINITY).in_units(0), (i128::MIN, i128::MAX));
        assert_eq!(ValueRange::new(1e38, 1.2e3).in_units(-2), (10_i128.pow(36), 12));
    }

    #[test]
    fn negative_zero_is_zero() {
        let json = serde_json::to_string(&ValueRange::new(-0.0, 1.0)).unwrap();
        assert!(!json.contains("-0"), "{json}");
    }
}
