//! Tests of many values at once, as one bit for each.

use arrow::buffer::{BooleanBuffer, Buffer};

/// Returns a bit for each value.
pub(in crate::quality) fn bits<T: Copy>(slice: &[T], test: impl Fn(T) -> bool) -> BooleanBuffer {
    let word = |chunk: &[T]| chunk.iter().rev().fold(0_u64, |word, value| word << 1 | u64::from(test(*value)));
    BooleanBuffer::new(Buffer::from_vec(slice.chunks(64).map(word).collect::<Vec<u64>>()), 0, slice.len())
}

/// Returns a bit for each pair of values, as many as the shorter list has.
pub(super) fn pair_bits<T: Copy>(left: &[T], right: &[T], test: impl Fn(T, T) -> bool) -> BooleanBuffer {
    let word = |(left, right): (&[T], &[T])| {
        let pairs = left.iter().zip(right).rev();
        pairs.fold(0_u64, |word, (left, right)| word << 1 | u64::from(test(*left, *right)))
    };
    let rows = left.len().min(right.len());
    let (left, right) = (left.get(..rows).unwrap_or_default(), right.get(..rows).unwrap_or_default());
    BooleanBuffer::new(Buffer::from_vec(left.chunks(64).zip(right.chunks(64)).map(word).collect::<Vec<u64>>()), 0, rows)
}
