//! Numbers that canonical JSON carries as text, because a JSON number would not survive every reader.

use std::{cmp::Ordering, fmt, hash, str::FromStr};

use crate::ParseError;

/// A double that is stored as the shortest decimal text that reads back to the same bits.
///
/// The digits and their layout are those of ECMAScript's `Number::toString`, as in RFC 8785; besides there are `NaN`,
/// `inf`, `-inf` and `-0`. Reading accepts any decimal number of JSON up to 64 characters and refuses one too large for
/// a double.
///
/// Equality is by bits and order is total (IEEE 754 `totalOrder`): `NaN` equals `NaN` and comes last, `-0` comes before
/// `0`. All `NaN`s are made the same one.
///
/// ```
/// use lineal_core::{Real, to_canonical};
///
/// assert_eq!(to_canonical(&Real::from(0.1 + 0.2))?, br#""0.30000000000000004""#);
/// assert_eq!(to_canonical(&Real::from(f64::NAN))?, br#""NaN""#);
/// assert!(to_canonical(&0.3).is_err());
/// # Ok::<(), lineal_core::CanonicalError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Real(f64);

impl Real {
    /// Returns the number.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl From<f64> for Real {
    fn from(number: f64) -> Self {
        Self(if number.is_nan() { f64::NAN } else { number })
    }
}

impl From<f32> for Real {
    fn from(number: f32) -> Self {
        Self::from(f64::from(number))
    }
}

impl From<Real> for f64 {
    fn from(real: Real) -> Self {
        real.0
    }
}

impl PartialEq for Real {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Eq for Real {}

impl Ord for Real {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Real {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl hash::Hash for Real {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

impl fmt::Debug for Real {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Real({self})")
    }
}

impl fmt::Display for Real {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_nan() {
            return f.write_str("NaN");
        }
        if self.0.is_sign_negative() {
            f.write_str("-")?;
        }
        if self.0.is_infinite() {
            return f.write_str("inf");
        }
        if self.0 == 0.0 {
            return f.write_str("0");
        }
        let (digits, exponent) = shortest(self.0.abs()).ok_or(fmt::Error)?;
        lay_out(f, &digits, exponent)
    }
}

/// Returns the decimal digits of a positive number, the first one not 0, and the power of ten of the first.
///
/// Of the shortest texts that read back to the number the closest is meant, and of two as close the even one. Rust's
/// shortest form rounds such a pair up; its form with a given number of digits is exact and rounds to even, but at a power
/// of two it may be one that does not read back.
fn shortest(number: f64) -> Option<(String, i32)> {
    let short = format!("{number:e}");
    let digits = short.bytes().take_while(|byte| *byte != b'e').filter(u8::is_ascii_digit).count();
    let exact = format!("{number:.*e}", digits.checked_sub(1)?);
    let text = if exact.parse() == Ok(number) { exact } else { short };
    let (mantissa, exponent) = text.split_once('e')?;
    let mut digits = mantissa.replace('.', "");
    digits.truncate(digits.trim_end_matches('0').len());
    Some((digits, exponent.parse().ok()?))
}

/// Writes `d₁.d₂… × 10^exponent` by the rules of ECMA-262, Number::toString.
fn lay_out(f: &mut fmt::Formatter<'_>, digits: &str, exponent: i32) -> fmt::Result {
    let (first, rest) = digits.split_at_checked(1).ok_or(fmt::Error)?;
    let point = usize::try_from(exponent + 1).unwrap_or(0);
    match exponent + 1 {
        1..=21 => match digits.split_at_checked(point) {
            Some((whole, "")) => f.write_str(whole),
            Some((whole, fraction)) => write!(f, "{whole}.{fraction}"),
            None => write!(f, "{digits:0<point$}"),
        },
        -5..=0 => {
            let zeros = usize::try_from(-1 - exponent).unwrap_or(0);
            write!(f, "0.{:0<zeros$}{digits}", "")
        }
        _ if rest.is_empty() => write!(f, "{first}e{exponent:+}"),
        _ => write!(f, "{first}.{rest}e{exponent:+}"),
    }
}

impl FromStr for Real {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            "NaN" => return Ok(Self(f64::NAN)),
            "inf" => return Ok(Self(f64::INFINITY)),
            "-inf" => return Ok(Self(f64::NEG_INFINITY)),
            _ => {}
        }
        let refuse = |rule| ParseError::new("real number", text, rule);
        if text.len() > MAX_TEXT || !is_json_number(text) {
            return Err(refuse("must be a decimal number like 0.25 or 1e-7, or NaN, inf, -inf"));
        }
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Self(number)),
            _ => Err(refuse("is too large for a double")),
        }
    }
}

/// Checks the grammar of RFC 8259, section 6: what `f64::from_str` takes is wider, and may grow.
fn is_json_number(text: &str) -> bool {
    let rest = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (rest, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    is_whole(whole)
        && fraction.is_none_or(are_digits)
        && exponent.is_none_or(|text| are_digits(text.strip_prefix(['+', '-']).unwrap_or(text)))
}

fn are_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_whole(text: &str) -> bool {
    are_digits(text) && (text == "0" || !text.starts_with('0'))
}

crate::__serde_as_text!(Real, "a number as text, like \"0.25\"");

/// An unsigned integer that is stored as decimal text, for those that may pass 2^53.
///
/// ```
/// use lineal_core::{Wide, to_canonical};
///
/// assert_eq!(to_canonical(&Wide::from(u64::MAX))?, br#""18446744073709551615""#);
/// assert!(to_canonical(&u64::MAX).is_err());
/// # Ok::<(), lineal_core::CanonicalError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wide(u64);

impl Wide {
    /// Returns the number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl From<u64> for Wide {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl From<Wide> for u64 {
    fn from(wide: Wide) -> Self {
        wide.0
    }
}

impl fmt::Display for Wide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Wide {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let number = is_whole(text).then(|| text.parse().ok()).flatten();
        number
            .map(Self)
            .ok_or_else(|| ParseError::new("integer", text, "must be a whole number below 2^64 without leading zeros"))
    }
}

crate::__serde_as_text!(Wide, "an integer as text, like \"9007199254740993\"");

const MAX_TEXT: usize = 64;

#[cfg(test)]
mod tests;
