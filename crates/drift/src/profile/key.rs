//! What frequent values are counted under.

use super::codec::{Malformed, Reader, Writer};
use super::hash;

/// A value of a column, of bounded size. The order is that of the stored form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    /// A number, by bits whose order is that of the numbers.
    Number(u64),
    /// An integer that no `f64` equals.
    Wide(i128),
    /// A text of up to [`LONGEST`] bytes.
    Text(Box<str>),
    /// The beginning of a longer text, and its length and hash, which keep texts with the same beginning apart.
    Cut { start: Box<str>, length: u64, hash: u64 },
}

impl Key {
    pub(super) fn number(value: f64) -> Self {
        Self::Number(ordered(value))
    }

    /// Integers that are floats are counted as floats, so that columns of both types have the same keys.
    pub(super) fn integer(value: i128) -> Self {
        let float = value as f64;
        #[expect(clippy::cast_possible_truncation, reason = "an integer, if it is one")]
        let is_exact = float as i128 == value;
        if is_exact { Self::number(float) } else { Self::Wide(value) }
    }

    pub(super) fn text(text: &str) -> Self {
        Self::hashed(text, hash::of_text(text.as_bytes()))
    }

    pub(super) fn hashed(text: &str, hash: u64) -> Self {
        if text.len() <= LONGEST {
            return Self::Text(text.into());
        }
        Self::Cut { start: beginning(text).into(), length: text.len() as u64, hash }
    }

    /// Returns the value as a label: numbers as the shortest decimal, cut texts with their length and hash.
    pub(super) fn label(&self) -> String {
        match self {
            Self::Number(bits) => unordered(*bits).to_string(),
            Self::Wide(value) => value.to_string(),
            Self::Text(text) => text.to_string(),
            Self::Cut { start, length, hash } => format!("{start}… ({length} bytes, {hash:016x})"),
        }
    }

    pub(super) fn write(&self, to: &mut Writer) {
        match self {
            Self::Number(bits) => {
                to.u8(0);
                to.f64(unordered(*bits));
            }
            Self::Wide(value) => {
                to.u8(1);
                to.bytes(&value.to_le_bytes());
            }
            Self::Text(text) => {
                to.u8(2);
                to.sized(text.as_bytes());
            }
            Self::Cut { start, length, hash } => {
                to.u8(3);
                to.sized(start.as_bytes());
                to.u64(*length);
                to.u64(*hash);
            }
        }
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        match from.u8()? {
            0 => Some(from.f64()?).filter(|v| v.is_finite()).map(Self::number).ok_or(Malformed("a key is not finite")),
            1 => {
                let bytes = from.bytes(16)?.try_into().map_err(|_| Malformed("a key is cut"))?;
                Ok(Self::Wide(i128::from_le_bytes(bytes)))
            }
            2 => Ok(Self::Text(read_text(from)?)),
            3 => Ok(Self::Cut { start: read_text(from)?, length: from.u64()?, hash: from.u64()? }),
            _ => Err(Malformed("there is no such kind of key")),
        }
    }
}

fn read_text(from: &mut Reader<'_>) -> Result<Box<str>, Malformed> {
    let text = std::str::from_utf8(from.sized()?).map_err(|_| Malformed("a key is not UTF-8"))?;
    if text.len() > LONGEST {
        return Err(Malformed("a key is too long"));
    }
    Ok(text.into())
}

/// Returns what is kept of a text: all of it, or its first [`CUT_AT`] bytes at most, in whole characters.
pub(super) fn beginning(text: &str) -> &str {
    if text.len() <= LONGEST {
        return text;
    }
    let end = (0..=CUT_AT).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

/// Returns bits whose order as integers is that of the finite numbers, with one zero.
pub(super) fn ordered(value: f64) -> u64 {
    let bits = (value + 0.0).to_bits();
    let sign = 1_u64 << 63;
    // All bits of negative numbers turn, so that the larger magnitude is the lesser; of others the sign.
    bits ^ (((bits >> 63).wrapping_neg()) | sign)
}

/// Turns back what [`ordered`] did.
pub(super) fn unordered(bits: u64) -> f64 {
    let sign = 1_u64 << 63;
    f64::from_bits(bits ^ (((!bits) >> 63).wrapping_neg() | sign))
}

/// The longest text that is kept whole, in bytes.
pub(super) const LONGEST: usize = 64;
const CUT_AT: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_order() {
        let numbers = [-f64::MAX, -1.0, -5e-324, 0.0, 5e-324, 1.0, 1.5, f64::MAX];
        assert!(numbers.windows(2).all(|pair| ordered(pair[0]) < ordered(pair[1])));
        assert!(numbers.iter().all(|v| unordered(ordered(*v)) == *v));
        assert_eq!(ordered(-0.0), ordered(0.0));
    }

    #[test]
    fn integers_beyond_floats_keep_their_digits() {
        assert_eq!(Key::integer(3), Key::number(3.0));
        assert_eq!(Key::integer(1 << 62), Key::number((1_u64 << 62) as f64));
        assert_eq!(Key::integer((1 << 62) + 1).label(), "4611686018427387905");
    }

    #[test]
    fn long_texts_with_one_beginning_stay_apart() {
        let long = "ü".repeat(100);
        let (one, other) = (Key::text(&format!("{long}a")), Key::text(&format!("{long}b")));
        assert_ne!(one, other);
        assert!(one.label().starts_with(&"ü".repeat(20)) && one.label().contains("(201 bytes, "), "{}", one.label());
    }
}
