//! Values as 128 bits, equal exactly if the values are: or, for long texts and several columns, almost surely.

use std::hash::{DefaultHasher, Hasher};

use super::cell::Cell;

/// A tag of 8 bits, and 120 bits that are the value where it fits and its hash where it does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key([u64; 2]);

impl Key {
    pub(super) fn of(cell: Cell<'_>) -> Self {
        match cell {
            Cell::Bool(value) => Self::exact(0x01, value.into()),
            Cell::Integer(value) => Self::exact(0x02, value),
            // Adding zero turns -0 into 0, which it equals.
            Cell::Float(value) => Self::exact(0x03, (value + 0.0).to_bits().into()),
            Cell::Instant(value) => Self::exact(0x04, value),
            Cell::Span(value) => Self::exact(0x05, value),
            Cell::Text(text) => Self::text(text.as_bytes()),
        }
    }

    /// Joins the keys of one row's values, of which the number is always the same.
    pub(super) fn join(parts: impl Iterator<Item = Self>) -> Self {
        let mut hashers = hashers();
        for Self([high, low]) in parts {
            for hasher in &mut hashers {
                hasher.write_u64(high);
                hasher.write_u64(low);
            }
        }
        Self::hashed(0xfe, &hashers)
    }

    /// Writes the value for people; `None` where only its hash is left.
    pub(super) fn readable(self) -> Option<String> {
        let Self([high, low]) = self;
        let [tag, ..] = high.to_be_bytes();
        let bits = u128::from(high) << 64 | u128::from(low);
        // Moves the tag out, and the sign back over its place.
        let exact = (bits << 8).cast_signed() >> 8;
        let cell = match tag {
            0x01 => Cell::Bool(exact != 0),
            0x02 => Cell::Integer(exact),
            0x03 => Cell::Float(f64::from_bits(low)),
            0x04 => Cell::Instant(exact),
            0x05 => Cell::Span(exact),
            0x10..=0x1f => {
                let bytes = bits.to_be_bytes();
                let text = bytes.get(1..1 + usize::from(tag - 0x10)).and_then(|bytes| str::from_utf8(bytes).ok());
                return text.map(|text| Cell::Text(text).readable());
            }
            _ => return None,
        };
        Some(cell.readable())
    }

    fn text(bytes: &[u8]) -> Self {
        let Some(length) = u8::try_from(bytes.len()).ok().filter(|length| *length <= 15) else {
            let mut hashers = hashers();
            hashers.iter_mut().for_each(|hasher| hasher.write(bytes));
            return Self::hashed(0xff, &hashers);
        };
        let mut inline = [0; 16];
        inline.iter_mut().skip(1).zip(bytes).for_each(|(to, from)| *to = *from);
        Self::tagged(0x10 + length, u128::from_be_bytes(inline))
    }

    /// Takes an integer of at most 119 bits and a sign: ticks of 64 bits stay below 2^110 as nanoseconds.
    fn exact(tag: u8, value: i128) -> Self {
        Self::tagged(tag, value.cast_unsigned())
    }

    fn hashed(tag: u8, [high, low]: &[DefaultHasher; 2]) -> Self {
        Self::tagged(tag, u128::from(high.finish()) << 64 | u128::from(low.finish()))
    }

    #[expect(clippy::cast_possible_truncation, reason = "each takes its half")]
    fn tagged(tag: u8, bits: u128) -> Self {
        let high = (bits >> 64) as u64;
        Self([high & (u64::MAX >> 8) | u64::from(tag) << 56, bits as u64])
    }
}

/// SipHash twice, under different prefixes: nobody finds texts that collide by accident, and it is the same in every run.
fn hashers() -> [DefaultHasher; 2] {
    let (mut high, mut low) = (DefaultHasher::new(), DefaultHasher::new());
    high.write_u8(1);
    low.write_u8(2);
    [high, low]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_exactly_where_values_do() {
        let long = "a".repeat(16);
        let other = "a".repeat(17);
        let cells = [
            Cell::Bool(false),
            Cell::Bool(true),
            Cell::Integer(0),
            Cell::Integer(-1),
            Cell::Integer(u64::MAX.into()),
            Cell::Integer(i64::MIN.into()),
            Cell::Float(0.0),
            Cell::Float(1.0),
            Cell::Instant(i128::from(i64::MIN) * 86_400_000_000_000),
            Cell::Instant(i128::from(i64::MAX) * 86_400_000_000_000),
            Cell::Span(0),
            Cell::Text(""),
            Cell::Text("\0"),
            Cell::Text("\0\0"),
            Cell::Text("a"),
            Cell::Text("aaaaaaaaaaaaaaa"),
            Cell::Text(&long),
            Cell::Text(&other),
        ];
        for (i, a) in cells.iter().enumerate() {
            for (j, b) in cells.iter().enumerate() {
                assert_eq!(Key::of(*a) == Key::of(*b), i == j, "{a:?} {b:?}");
            }
            let is_hashed = matches!(a, Cell::Text(text) if text.len() > 15);
            assert_eq!(Key::of(*a).readable(), (!is_hashed).then(|| a.readable()));
        }
        assert_eq!(Key::of(Cell::Float(-0.0)), Key::of(Cell::Float(0.0)));
        let pair = |a: &str, b: &str| Key::join([Key::of(Cell::Text(a)), Key::of(Cell::Text(b))].into_iter());
        assert_ne!(pair("ab", "c"), pair("a", "bc"));
        assert_eq!(pair("ab", "c"), pair("ab", "c"));
    }
}
