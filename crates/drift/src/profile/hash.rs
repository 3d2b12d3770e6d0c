//! 64-bit hashes of numbers and texts: the same on every machine, without a seed, so that profiles of different places merge.
//!
//! They spread well and are fast; they are no defence against who picks values in order to collide.

/// Spreads 64 bits: variant 13 of Stafford's finalisers of MurmurHash3, as in SplitMix64 (Steele, Lea and Flood, 2014).
pub(super) const fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Returns the hash of a number; `-0.0` is `0.0`.
pub(super) fn of_number(value: f64) -> u64 {
    mix((value + 0.0).to_bits() ^ KEYS[0])
}

/// Returns the hash of an integer that no `f64` equals.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the two halves of the integer")]
pub(super) fn of_wide(value: i128) -> u64 {
    mix(fold(value as u64 ^ KEYS[1], (value >> 64) as u64 ^ KEYS[2]))
}

/// Returns the hash of a text.
///
/// Sixteen bytes at a time go into the 128-bit product of two words, whose halves are joined, as in wyhash (Wang Yi, 2019).
pub(super) fn of_text(bytes: &[u8]) -> u64 {
    let mut state = KEYS[3] ^ (bytes.len() as u64).wrapping_mul(KEYS[0]);
    let (blocks, _) = bytes.as_chunks::<16>();
    for block in blocks {
        let [low, high] = words(block);
        state = fold(low ^ KEYS[1], high ^ state).rotate_left(23) ^ state;
    }
    let [low, high] = last_words(bytes);
    mix(fold(low ^ KEYS[2], high ^ state) ^ state)
}

/// The low and the high half of a product of 128 bits, joined.
#[expect(clippy::cast_possible_truncation, reason = "the two halves of the product")]
const fn fold(a: u64, b: u64) -> u64 {
    let product = (a as u128) * (b as u128);
    (product as u64) ^ (product >> 64) as u64
}

fn words(block: &[u8; 16]) -> [u64; 2] {
    let both = u128::from_le_bytes(*block);
    #[expect(clippy::cast_possible_truncation, reason = "the two halves of the block")]
    let halves = [both as u64, (both >> 64) as u64];
    halves
}

/// Returns the last sixteen bytes as two words; shorter texts give words that overlap, and with the length tell them apart.
fn last_words(bytes: &[u8]) -> [u64; 2] {
    if let Some(block) = bytes.last_chunk::<16>() {
        return words(block);
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        return [u64::from_le_bytes(*first), u64::from_le_bytes(*last)];
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        return [u64::from(u32::from_le_bytes(*first)), u64::from(u32::from_le_bytes(*last))];
    }
    match *bytes {
        [a, b, c] => [u64::from(a) | u64::from(b) << 8 | u64::from(c) << 16, 0],
        [a, b] => [u64::from(a) | u64::from(b) << 8, 0],
        [a] => [u64::from(a), 0],
        _ => [0, 0],
    }
}

/// The first 256 binary digits of the fraction of π.
const KEYS: [u64; 4] = [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344, 0xa409_3822_299f_31d0, 0x082e_fa98_ec4e_6c89];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn texts_of_every_length_differ() {
        let zeros = [0_u8; 200];
        let mut seen = BTreeSet::new();
        for length in 0..zeros.len() {
            assert!(seen.insert(of_text(&zeros[..length])), "{length}");
            for at in 0..length {
                let mut text = zeros[..length].to_vec();
                text[at] = 1;
                assert!(seen.insert(of_text(&text)), "{length} {at}");
            }
        }
    }

    /// Flipping a bit flips each bit of the hash about half of the time.
    #[test]
    fn a_bit_changes_half_of_the_hash() {
        for length in [1, 3, 4, 8, 15, 16, 17, 33, 64] {
            for bit in 0..8 * length {
                let flipped: u32 = (0..64_u64)
                    .map(|seed| {
                        let mut text: Vec<u8> =
                            (0..length as u64).map(|i| (mix(seed * 1000 + i) & 0xff) as u8).collect();
                        let before = of_text(&text);
                        text[bit / 8] ^= 1 << (bit % 8);
                        (before ^ of_text(&text)).count_ones()
                    })
                    .sum();
                let share = f64::from(flipped) / (64.0 * 64.0);
                assert!((0.45..0.55).contains(&share), "length {length}, bit {bit}: {share}");
            }
        }
    }

    /// They are part of the stored format: registers of different releases must merge.
    #[test]
    fn the_hashes_are_pinned() {
        let hashes = [
            of_number(0.0),
            of_number(-0.0),
            of_number(1.5),
            of_wide(i128::from(u64::MAX)),
            of_text(b""),
            of_text(b"UA"),
            of_text(b"the quick brown fox jumps over the lazy dog"),
        ];
        // An independent implementation in Python gives the same.
        let expected = [
            "e9e0033e3badaf36",
            "e9e0033e3badaf36",
            "72b9ea044bde8436",
            "0b437304716644e2",
            "9b2f08aceb669c38",
            "2aec044c10e6d462",
            "ff071114262ce1cc",
        ];
        assert_eq!(hashes.map(|hash| format!("{hash:016x}")), expected);
    }
}
