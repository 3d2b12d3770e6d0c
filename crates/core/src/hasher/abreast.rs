//! The compression function of SHA-256 for two sequences of blocks abreast, and with other work beside it.
//!
//! Each round of SHA-256 waits for the one before, so one sequence leaves half of a CPU's unit for it idle. Two of them,
//! round by round, take the time of one. Without the SHA extensions of x86 the sequences alternate block by block, and how
//! much of that overlaps is the CPU's affair.

use std::slice;

use sha2::block_api::compress256;

use super::{BLOCK, Beside, State};

/// Compresses as many blocks into both states as the shorter sequence has, with `beside` in between.
pub(super) fn compress_two<B: Beside>(states: [&mut State; 2], blocks: [&[[u8; BLOCK]]; 2], beside: B) -> B {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("sha") && std::arch::is_x86_feature_detected!("avx") {
        #[expect(unsafe_code, reason = "twice as fast as one sequence after the other; only the CPU must be right")]
        // SAFETY: this CPU has the features that the function is compiled for.
        return unsafe { x86::compress_two(states, blocks, beside) };
    }
    alternate(states, blocks, beside)
}

/// Compresses blocks into a state, with `beside` in between.
pub(super) fn compress_one<B: Beside>(state: &mut State, blocks: &[[u8; BLOCK]], beside: B) -> B {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("sha") && std::arch::is_x86_feature_detected!("avx") {
        #[expect(
            unsafe_code,
            reason = "the work beside it takes a tenth of its own time; only the CPU must be right"
        )]
        // SAFETY: this CPU has the features that the function is compiled for.
        return unsafe { x86::compress_one(state, blocks, beside) };
    }
    one_by_one(state, blocks, beside)
}

fn one_by_one<B: Beside>(state: &mut State, blocks: &[[u8; BLOCK]], mut beside: B) -> B {
    for block in blocks {
        compress256(state, slice::from_ref(block));
        beside = (0..ROUNDS).fold(beside.block(), Beside::round);
    }
    beside
}

fn alternate<B: Beside>(
    [one, other]: [&mut State; 2],
    [blocks, other_blocks]: [&[[u8; BLOCK]]; 2],
    mut beside: B,
) -> B {
    for (block, other_block) in blocks.iter().zip(other_blocks) {
        compress256(one, slice::from_ref(block));
        compress256(other, slice::from_ref(other_block));
        beside = (0..ROUNDS).fold(beside.block(), Beside::round);
    }
    beside
}

/// Four rounds of SHA-256 are one here.
const ROUNDS: usize = 16;

/// After Intel, "Intel SHA Extensions" (2013): a state is held as the words ABEF and CDGH, and one instruction does two
/// rounds. Everything in it is a safe function of a CPU that has them.
#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_extract_epi32, _mm_set_epi32, _mm_set_epi64x,
        _mm_sha256msg1_epu32, _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32, _mm_shuffle_epi8, _mm_shuffle_epi32,
    };

    use super::{BLOCK, Beside, ROUNDS, State};

    #[derive(Clone, Copy)]
    struct Words {
        abef: __m128i,
        cdgh: __m128i,
    }

    #[target_feature(enable = "sha,avx")]
    pub(super) fn compress_two<B: Beside>(
        [one, other]: [&mut State; 2],
        [blocks, other_blocks]: [&[[u8; BLOCK]]; 2],
        mut beside: B,
    ) -> B {
        let (mut words, mut other_words) = (pack(one), pack(other));
        for (block, other_block) in blocks.iter().zip(other_blocks) {
            let (mut schedule, mut other_schedule) = (load(block), load(other_block));
            let (before, other_before) = (words, other_words);
            beside = beside.block();
            for (four, constants) in CONSTANTS.iter().enumerate() {
                // The first sixteen words of the message schedule are the block itself.
                if four >= 4 {
                    schedule = extend(schedule);
                    other_schedule = extend(other_schedule);
                }
                let at = four.min(3);
                words = four_rounds(words, schedule[at], constants);
                other_words = four_rounds(other_words, other_schedule[at], constants);
                beside = beside.round(four);
            }
            words = add(words, before);
            other_words = add(other_words, other_before);
        }
        *one = unpack(words);
        *other = unpack(other_words);
        beside
    }

    #[target_feature(enable = "sha,avx")]
    pub(super) fn compress_one<B: Beside>(state: &mut State, blocks: &[[u8; BLOCK]], mut beside: B) -> B {
        let mut words = pack(state);
        for block in blocks {
            let mut schedule = load(block);
            let before = words;
            beside = beside.block();
            for (four, constants) in CONSTANTS.iter().enumerate() {
                // The first sixteen words of the message schedule are the block itself.
                if four >= 4 {
                    schedule = extend(schedule);
                }
                words = four_rounds(words, schedule[four.min(3)], constants);
                beside = beside.round(four);
            }
            words = add(words, before);
        }
        *state = unpack(words);
        beside
    }

    #[inline]
    #[target_feature(enable = "sha,avx")]
    fn four_rounds(Words { abef, cdgh }: Words, schedule: __m128i, constants: &[u32; 4]) -> Words {
        let [k0, k1, k2, k3] = constants.map(u32::cast_signed);
        let sums = _mm_add_epi32(schedule, _mm_set_epi32(k3, k2, k1, k0));
        let cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sums);
        let abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32::<0b1110>(sums));
        Words { abef, cdgh }
    }

    /// Moves the window of sixteen words of the message schedule on by four.
    #[inline]
    #[target_feature(enable = "sha,avx")]
    fn extend([a, b, c, d]: [__m128i; 4]) -> [__m128i; 4] {
        let sum = _mm_add_epi32(_mm_sha256msg1_epu32(a, b), _mm_alignr_epi8::<4>(d, c));
        [b, c, d, _mm_sha256msg2_epu32(sum, d)]
    }

    #[inline]
    #[target_feature(enable = "sha,avx")]
    fn add(words: Words, before: Words) -> Words {
        Words { abef: _mm_add_epi32(words.abef, before.abef), cdgh: _mm_add_epi32(words.cdgh, before.cdgh) }
    }

    #[inline]
    #[target_feature(enable = "sha,avx")]
    fn load(block: &[u8; BLOCK]) -> [__m128i; 4] {
        // Words are big-endian in the message.
        let swap = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
        let mut words = [swap; 4];
        for (words, bytes) in words.iter_mut().zip(block.as_chunks::<16>().0) {
            let bytes = u128::from_le_bytes(*bytes);
            *words = _mm_shuffle_epi8(_mm_set_epi64x((bytes >> 64) as i64, bytes as i64), swap);
        }
        words
    }

    #[inline]
    #[target_feature(enable = "sha,avx")]
    fn pack(state: &State) -> Words {
        let [a, b, c, d, e, f, g, h] = state.map(u32::cast_signed);
        Words { abef: _mm_set_epi32(a, b, e, f), cdgh: _mm_set_epi32(c, d, g, h) }
    }

    #[inline]
    #[target_feature(enable = "sha,avx")]
    fn unpack(Words { abef, cdgh }: Words) -> State {
        let a = _mm_extract_epi32::<3>(abef);
        let b = _mm_extract_epi32::<2>(abef);
        let c = _mm_extract_epi32::<3>(cdgh);
        let d = _mm_extract_epi32::<2>(cdgh);
        let e = _mm_extract_epi32::<1>(abef);
        let f = _mm_extract_epi32::<0>(abef);
        let g = _mm_extract_epi32::<1>(cdgh);
        let h = _mm_extract_epi32::<0>(cdgh);
        [a, b, c, d, e, f, g, h].map(i32::cast_unsigned)
    }

    /// FIPS 180-4, 4.2.2.
    const CONSTANTS: [[u32; 4]; ROUNDS] = [
        [0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5],
        [0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5],
        [0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3],
        [0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174],
        [0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc],
        [0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da],
        [0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7],
        [0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967],
        [0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13],
        [0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85],
        [0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3],
        [0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070],
        [0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5],
        [0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3],
        [0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208],
        [0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2],
    ];
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Blocks begun, and rounds of the last one, in their order.
    #[derive(Debug, Clone, Copy, PartialEq)]
    struct Count(usize, usize);

    impl Beside for Count {
        fn block(self) -> Self {
            assert!(self.0 == 0 || self.1 == ROUNDS);
            Self(self.0 + 1, 0)
        }

        fn round(self, round: usize) -> Self {
            assert_eq!(self.1, round);
            Self(self.0, self.1 + 1)
        }
    }

    fn blocks() -> impl Strategy<Value = Vec<[u8; BLOCK]>> {
        prop::collection::vec(prop::array::uniform::<_, BLOCK>(any::<u8>()), 0..5)
    }

    proptest! {
        #[test]
        fn one_with_work_beside_it_is_as_one_alone(start: State, blocks in blocks()) {
            let mut expected = start;
            compress256(&mut expected, &blocks);
            for compress in [compress_one::<Count>, one_by_one] {
                let mut state = start;
                let count = compress(&mut state, &blocks, Count(0, 0));
                prop_assert_eq!((state, count), (expected, Count(blocks.len(), if blocks.is_empty() { 0 } else { ROUNDS })));
            }
        }

        #[test]
        fn two_abreast_are_as_one_after_the_other(
            start: [State; 2],
            one in blocks(),
            other in blocks(),
        ) {
            let both = one.len().min(other.len());
            let [mut first, mut second] = start;
            compress256(&mut first, &one[..both]);
            compress256(&mut second, &other[..both]);
            let mut compressed = Vec::new();
            for compress in [compress_two::<Count>, alternate] {
                let [mut one_state, mut other_state] = start;
                let count = compress([&mut one_state, &mut other_state], [&one, &other], Count(0, 0));
                compressed.push((one_state, other_state, count));
            }
            prop_assert_eq!(compressed, [(first, second, Count(both, if both == 0 { 0 } else { ROUNDS })); 2]);
        }
    }
}
