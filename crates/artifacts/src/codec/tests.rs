use super::*;

fn decode(codec: Codec, stored: Bytes, raw_len: usize) -> Result<Bytes, CodecError> {
    Decoder::default().decode(codec, stored, raw_len)
}

#[test]
fn ids_are_frozen() {
    for id in 0..=u8::MAX {
        match Codec::from_id(id) {
            Ok(codec) => assert!(codec.id() == id && id <= 4),
            Err(CodecError::Unknown(unknown)) => assert!(unknown == id && (5..128).contains(&id)),
            Err(error) => assert!(error == CodecError::Encrypted(id) && id >= 128),
        }
    }
    assert_eq!(Codec::from_id(0), Ok(Codec::Raw));
    assert_eq!(Codec::from_id(1), Ok(Codec::Zstd(Grouping::Plain)));
    assert_eq!(Codec::from_id(2), Ok(Codec::Zstd(Grouping::By2)));
    assert_eq!(Codec::from_id(3), Ok(Codec::Zstd(Grouping::By4)));
    assert_eq!(Codec::from_id(4), Ok(Codec::Zstd(Grouping::By8)));
}

#[test]
fn the_order_of_grouped_bytes_is_frozen() {
    let raw: Vec<u8> = (0..19).collect();
    assert_eq!(group::<2>(&raw), [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 1, 3, 5, 7, 9, 11, 13, 15, 17]);
    assert_eq!(group::<4>(&raw), [0, 4, 8, 12, 16, 1, 5, 9, 13, 17, 2, 6, 10, 14, 18, 3, 7, 11, 15]);
    assert_eq!(group::<8>(&raw), [0, 8, 16, 1, 9, 17, 2, 10, 18, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15]);
}

#[test]
fn grouping_is_undone_for_every_length() {
    let noise = noise(3, 2100);
    for len in (0..2000).chain([8192, 8199, 8200, 40_001]) {
        let raw: Vec<u8> = noise.iter().copied().cycle().take(len).collect();
        assert_eq!(ungroup::<2>(&group::<2>(&raw)), raw);
        assert_eq!(ungroup::<4>(&group::<4>(&raw)), raw);
        assert_eq!(ungroup::<8>(&group::<8>(&raw)), raw);
    }
}

#[test]
fn raw_bytes_are_passed_on_if_their_length_is_right() {
    let raw = Bytes::from_static(b"chunk");
    assert_eq!(decode(Codec::Raw, raw.clone(), 5), Ok(raw.clone()));
    for raw_len in [0, 4, 6] {
        assert_eq!(decode(Codec::Raw, raw.clone(), raw_len), Err(CodecError::Damaged { codec: 0, raw_len }));
    }
}

#[test]
fn at_least_a_twentieth_must_be_saved() {
    assert_eq!([0, 1, 20, 21, 100, 1 << 22].map(most_stored), [0, 0, 19, 19, 95, 3_984_588]);
}

#[test]
fn noise_is_told_from_numbers_and_text() {
    for (seed, len) in [(1, 4096), (2, 65_536), (3, 262_144), (4, 262_147)] {
        assert_eq!(sample::estimate(&noise(seed, len)), Estimate::Noise);
        assert_eq!(sample::estimate(&text(seed, len)), Estimate::Pays(Grouping::Plain));
    }
    assert_eq!(sample::estimate(&bf16(1, 32_768)), Estimate::Pays(Grouping::By2));
    assert_eq!(sample::estimate(&f32s(1, 32_768)), Estimate::Pays(Grouping::By4));
    assert_eq!(sample::estimate(&i64s(1, 32_768)), Estimate::Pays(Grouping::By8));
    assert_eq!(sample::estimate(&[0; 600]), Estimate::Pays(Grouping::Plain));
}

#[cfg(not(any(feature = "zstd", feature = "ruzstd")))]
#[test]
fn without_an_implementation_all_is_stored_raw() {
    assert_eq!(Compressor::default().encode(&[0; 10_000]), None);
    assert_eq!(decode(Codec::Zstd(Grouping::Plain), Bytes::new(), 1), Err(CodecError::NotBuilt));
}

#[cfg(any(feature = "zstd", feature = "ruzstd"))]
mod compressed {
    use proptest::prelude::*;

    use super::*;

    const GROUPINGS: [Grouping; 4] = [Grouping::Plain, Grouping::By2, Grouping::By4, Grouping::By8];

    fn compress(raw: &[u8], grouping: Grouping) -> Option<(Codec, Vec<u8>)> {
        Compressor::default().compress(raw, grouping)
    }

    #[test]
    fn a_decoder_is_as_new_after_damage() {
        let (codec, stored) = compress(&text(1, 4096), Grouping::Plain).unwrap();
        let mut decoder = Decoder::default();
        for len in (0..stored.len()).step_by(37) {
            let short = Bytes::copy_from_slice(&stored[..len]);
            assert_eq!(decoder.decode(codec, short, 4096), Err(CodecError::Damaged { codec: 1, raw_len: 4096 }));
            assert_eq!(decoder.decode(codec, stored.clone().into(), 4096), Ok(text(1, 4096).into()));
        }
    }

    #[test]
    fn what_was_compressed_before_does_not_matter() {
        let chunks =
            [text(1, 4096), noise(2, 40_000), f32s(3, 9000), [noise(4, 300_000), vec![0; 3000]].concat(), vec![0; 600]];
        let compressor = Compressor::default();
        for _ in 0..3 {
            for (raw, grouping) in
                chunks.iter().zip([Grouping::Plain, Grouping::By8, Grouping::By4, Grouping::Plain, Grouping::By2])
            {
                assert_eq!(compressor.compress(raw, grouping), compress(raw, grouping));
            }
        }
    }

    #[test]
    fn text_and_numbers_come_back() {
        for raw in [text(1, 100_001), bf16(2, 70_001), f32s(3, 40_001), i64s(4, 20_001), vec![7; 513]] {
            let (codec, stored) = Compressor::default().encode(&raw).unwrap();
            assert!(stored.len() <= most_stored(raw.len()));
            assert_eq!(decode(codec, stored.into(), raw.len()), Ok(raw.into()));
        }
    }

    #[test]
    fn the_greatest_chunk_comes_back() {
        let raw: Vec<u8> = text(5, 1 << 14).repeat(256);
        for grouping in [Grouping::Plain, Grouping::By8] {
            let (codec, stored) = compress(&raw, grouping).unwrap();
            assert!(decode(codec, stored.into(), raw.len()).unwrap() == raw);
        }
    }

    #[test]
    fn text_shrinks_to_less_than_half() {
        let raw = text(1, 65_536);
        let (codec, stored) = Compressor::default().encode(&raw).unwrap();
        assert_eq!(codec, Codec::Zstd(Grouping::Plain));
        assert!(stored.len() < raw.len() / 2, "{}", stored.len());
    }

    #[test]
    fn weights_compress_better_grouped() {
        for (raw, grouping) in [(bf16(1, 131_072), Grouping::By2), (f32s(1, 131_072), Grouping::By4)] {
            let (codec, stored) = Compressor::default().encode(&raw).unwrap();
            assert_eq!(codec, Codec::Zstd(grouping));
            let plain = compress(&raw, Grouping::Plain).map_or(raw.len(), |(_, plain)| plain.len());
            assert!(stored.len() * 100 < plain * 95, "{} against {plain}", stored.len());
        }
    }

    #[test]
    fn small_chunks_are_stored_raw() {
        assert_eq!(Compressor::default().encode(&[0; MIN_BYTES - 1]), None);
        assert!(Compressor::default().encode(&[0; MIN_BYTES]).is_some());
    }

    #[test]
    fn little_savings_are_not_worth_it() {
        // A share of zeros at the end of noise: just above and just below the threshold.
        let with_zeros = |zeros: usize| [noise(1, 20_000 - zeros), vec![0; zeros]].concat();
        assert!(compress(&with_zeros(900), Grouping::Plain).is_none());
        // The Rust implementation gives up on a block that is mostly noise.
        assert_eq!(compress(&with_zeros(1300), Grouping::Plain).is_some(), cfg!(feature = "zstd"));
    }

    #[test]
    fn noise_is_tried_every_16th_time_and_eagerly_once_that_pays() {
        // Flat histograms, but the second half repeats the first.
        let repeats = noise(9, 10_004).repeat(2);
        assert_eq!(sample::estimate(&repeats), Estimate::Noise);
        let compressor = Compressor::default();
        let tried: Vec<bool> = (0..40).map(|_| compressor.encode(&repeats).is_some()).collect();
        assert_eq!(tried, [vec![false; 15], vec![true; 25]].concat());
        // 16 failures end it, and no noise before or after is stored any other way than raw.
        let noise = noise(10, 16_384);
        for _ in 0..16 {
            assert_eq!(compressor.encode(&noise), None);
        }
        let tried: Vec<bool> = (0..16).map(|_| compressor.encode(&repeats).is_some()).collect();
        assert_eq!(tried, [vec![false; 15], vec![true]].concat());
    }

    #[test]
    fn words_that_grouping_would_tear_up_stay_whole() {
        // Few different rows of floats: the histogram asks for grouping, the repetitions do not.
        let row = f32s(1, 64);
        let raw = row.repeat(256);
        let (codec, stored) = Compressor::default().encode(&raw).unwrap();
        assert_eq!(codec, Codec::Zstd(Grouping::Plain));
        assert!(stored.len() < 2 * row.len());
    }

    #[test]
    fn one_compressor_serves_several_threads() {
        let (compressor, raw) = (Compressor::default(), text(1, 4096));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let (codec, stored) = compressor.encode(&raw).unwrap();
                    assert_eq!(decode(codec, stored.into(), raw.len()).unwrap(), raw);
                });
            }
        });
    }

    #[test]
    fn any_other_length_than_the_real_one_is_damage() {
        let raw = text(1, 10_000);
        for grouping in GROUPINGS {
            let (codec, stored) = compress(&raw, grouping).unwrap();
            let stored = Bytes::from(stored);
            for raw_len in [0, 1, 5000, 9999, 10_001, 20_000, 1 << 22] {
                let damaged = CodecError::Damaged { codec: codec.id(), raw_len };
                assert_eq!(decode(codec, stored.clone(), raw_len), Err(damaged));
            }
        }
    }

    #[test]
    fn every_cut_and_every_addition_is_damage() {
        let raw = text(1, 3000);
        let (codec, stored) = compress(&raw, Grouping::By2).unwrap();
        for len in 0..stored.len() {
            assert!(decode(codec, stored[..len].to_vec().into(), raw.len()).is_err());
        }
        // A skippable frame and an empty one would otherwise be let pass.
        for more in [&[0][..], &[0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0], &[0x28, 0xb5, 0x2f, 0xfd, 0x20, 0, 1, 0, 0]] {
            assert!(decode(codec, [&stored[..], more].concat().into(), raw.len()).is_err());
            assert!(decode(codec, [more, &stored[..]].concat().into(), raw.len()).is_err());
        }
    }

    #[test]
    fn claims_of_a_frame_are_not_believed() {
        // A window or a content of 2^40 bytes and more; then one raw block of one byte.
        let window = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xf0, 9, 0, 0, 42];
        let content = [0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 1, 0, 0, 9, 0, 0, 42];
        // A million empty blocks, and 32 blocks of 128 KiB of zeros, without an end.
        let empty = [&window[..6], &[0; 3].repeat(1_000_000)].concat();
        let bomb = [&[0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58][..], &[0x02, 0x00, 0x10, 0].repeat(1000)].concat();
        for frame in [window.to_vec(), content.to_vec(), empty, bomb] {
            for raw_len in [0, 2, 5000] {
                let stored = Bytes::from(frame.clone());
                assert!(decode(Codec::Zstd(Grouping::Plain), stored, raw_len).is_err(), "{:?}", &frame[..8]);
            }
        }
    }

    #[test]
    fn a_bomb_of_zeros_is_cut_off() {
        let (codec, stored) = compress(&vec![0; 1 << 22], Grouping::By8).unwrap();
        assert!(stored.len() < 1000);
        assert!(decode(codec, stored.into(), 4096).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_compressed_comes_back(raw in proptest::collection::vec(0..8_u8, 0..2000)) {
            for grouping in GROUPINGS {
                if let Some((codec, stored)) = compress(&raw, grouping) {
                    prop_assert!(stored.len() <= most_stored(raw.len()));
                    prop_assert_eq!(decode(codec, stored.into(), raw.len()).unwrap(), &raw);
                } else {
                    // The Rust implementation has no code for few literals.
                    prop_assert!(raw.len() < MIN_BYTES || cfg!(not(feature = "zstd")));
                }
            }
        }

        #[test]
        fn hostile_bytes_are_refused(magic in any::<bool>(), bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let start: &[u8] = if magic { &[0x28, 0xb5, 0x2f, 0xfd] } else { &[] };
            let stored = Bytes::from([start, &bytes].concat());
            for grouping in GROUPINGS {
                if let Ok(raw) = decode(Codec::Zstd(grouping), stored.clone(), 1000) {
                    prop_assert_eq!(raw.len(), 1000);
                }
            }
        }

        #[test]
        fn a_frame_with_some_bytes_changed_never_panics(
            seed in any::<u64>(), changes in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..4)
        ) {
            for (raw, grouping) in [(text(seed, 2000), Grouping::Plain), (i64s(seed, 400), Grouping::By8)] {
                let (codec, mut stored) = compress(&raw, grouping).unwrap();
                for (place, byte) in &changes {
                    let place = usize::from(*place) % stored.len();
                    stored[place] = *byte;
                }
                if let Ok(decoded) = decode(codec, stored.into(), raw.len()) {
                    prop_assert_eq!(decoded.len(), raw.len());
                }
            }
        }
    }
}

#[cfg(all(feature = "zstd", feature = "ruzstd"))]
mod both {
    use proptest::prelude::*;

    use super::{
        zstd_frame::{c, rust},
        *,
    };

    #[test]
    fn each_implementation_reads_what_the_other_writes() {
        for len in [0, 1, 100, 512, 4096, 131_071, 131_072, 131_073, 300_000] {
            for (raw, planes) in
                [(text(1, len), 1), (noise(1, len), 1), (vec![0; len], 1), (group::<8>(&i64s(1, len / 8)), 8)]
            {
                let limit = raw.len() + raw.len() / 100 + 100;
                let (by_c, by_rust) = (
                    c::Encoder::default().encode(&raw, planes, limit).unwrap(),
                    rust::Encoder.encode(&raw, planes, limit).unwrap(),
                );
                assert!(c::Decoder::default().decode(&by_c, raw.len()).unwrap() == raw);
                assert!(rust::Decoder.decode(&by_c, raw.len()).unwrap() == raw);
                assert!(c::Decoder::default().decode(&by_rust, raw.len()).unwrap() == raw);
                assert!(rust::Decoder.decode(&by_rust, raw.len()).unwrap() == raw);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn both_agree_about_damaged_frames(
            seed in any::<u64>(), changes in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..3)
        ) {
            let raw = text(seed, 1500);
            let mut frame = c::Encoder::default().encode(&raw, 1, raw.len()).unwrap();
            for (place, byte) in &changes {
                let place = usize::from(*place) % frame.len();
                frame[place] = *byte;
            }
            let full = |decoded: Option<Vec<u8>>| decoded.filter(|decoded| decoded.len() == raw.len());
            let (by_c, by_rust) = (c::Decoder::default().decode(&frame, raw.len()), rust::Decoder.decode(&frame, raw.len()));
            if let (Some(by_c), Some(by_rust)) = (full(by_c), full(by_rust)) {
                prop_assert!(by_c == by_rust);
            }
        }
    }
}

/// SplitMix64 (G. Steele, D. Lea and C. Flood, 2014).
fn random(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed;
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }
}

fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut random = random(seed);
    let mut noise: Vec<u8> = (0..len.div_ceil(8)).flat_map(|_| random().to_le_bytes()).collect();
    noise.truncate(len);
    noise
}

fn text(seed: u64, len: usize) -> Vec<u8> {
    const WORDS: [&str; 8] = ["the ", "model ", "learns ", "from ", "chunks ", "of ", "a ", "dataset.\n"];
    let mut random = random(seed);
    let mut text = Vec::with_capacity(len + 8);
    while text.len() < len {
        let word = random();
        text.extend_from_slice(WORDS[(word % 8) as usize].as_bytes());
        if word >> 60 == 0 {
            text.extend_from_slice(format!("{} ", word >> 40 & 0xffff).as_bytes());
        }
    }
    text.truncate(len);
    text
}

/// About normal, as weights are: the sum of four uniform numbers, with a standard deviation of 0.02.
fn weights(seed: u64, count: usize) -> impl Iterator<Item = f32> {
    let mut random = random(seed);
    (0..count).map(move |_| {
        let word = random();
        let sum: f32 = [0, 16, 32, 48].into_iter().map(|shift| (word >> shift & 0xffff) as f32 / 65_536.0 - 0.5).sum();
        sum * 0.0346
    })
}

fn f32s(seed: u64, count: usize) -> Vec<u8> {
    // The sum has few bits; a factor fills the mantissa.
    weights(seed, count).map(|weight| weight * 1.234_567_8).flat_map(f32::to_le_bytes).collect()
}

fn bf16(seed: u64, count: usize) -> Vec<u8> {
    weights(seed, count).flat_map(|weight| [weight.to_le_bytes()[2], weight.to_le_bytes()[3]]).collect()
}

fn i64s(seed: u64, count: usize) -> Vec<u8> {
    let mut random = random(seed);
    let start = 1_700_000_000_000_u64;
    (0..count as u64).flat_map(|i| (start + i * 1000 + random() % 977).to_le_bytes()).collect()
}
