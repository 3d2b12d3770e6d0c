//! Tests of many values at once, as one bit for each.

use arrow::buffer::{BooleanBuffer, Buffer};

/// Returns a bit for each value.
pub(in crate::quality) fn bits<T: Copy>(slice: &[T], test: impl Fn(T) -> bool) -> BooleanBuffer {
    let words: Vec<u64> = slice.chunks(64).map(|chunk| word(chunk.iter().map(|value| test(*value)))).collect();
    BooleanBuffer::new(Buffer::from_vec(words), 0, slice.len())
}

/// Returns a bit for each value that equals one of a few members.
pub(super) fn member_bits<T: Copy + PartialEq>(slice: &[T], members: &[T]) -> BooleanBuffer {
    // Member by member, so that many values are compared with it at once.
    let of_chunk =
        |chunk: &[T]| members.iter().fold(0, |found, member| found | word(chunk.iter().map(|value| value == member)));
    BooleanBuffer::new(Buffer::from_vec(slice.chunks(64).map(of_chunk).collect::<Vec<u64>>()), 0, slice.len())
}

/// Returns a bit for each pair of values, as many as the shorter list has.
pub(super) fn pair_bits<T: Copy>(left: &[T], right: &[T], test: impl Fn(T, T) -> bool) -> BooleanBuffer {
    let chunks = left.chunks(64).zip(right.chunks(64));
    let words: Vec<u64> = chunks.map(|(a, b)| word(a.iter().zip(b).map(|(a, b)| test(*a, *b)))).collect();
    BooleanBuffer::new(Buffer::from_vec(words), 0, left.len().min(right.len()))
}

/// Packs up to 64 bits, the first one lowest.
#[inline]
fn word(bits: impl Iterator<Item = bool>) -> u64 {
    (0..64_u32).zip(bits).fold(0, |word, (at, bit)| word | u64::from(bit) << at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bit_for_each() {
        let values: Vec<i64> = (0..131).collect();
        let is_odd =
            |bits: BooleanBuffer| bits.len() == 131 && bits.iter().zip(&values).all(|(bit, v)| bit == (v % 2 == 1));
        assert!(is_odd(bits(&values, |v| v % 2 == 1)));
        assert!(is_odd(pair_bits(&values, &values, |a, b| (a + 2 * b) % 2 == 1)));
        let few: Vec<usize> = member_bits(&values, &[0, 64, 130, 999]).set_indices().collect();
        assert_eq!(few, [0, 64, 130]);
        assert_eq!(bits::<i64>(&[], |_| true).len(), 0);
    }
}
