use std::{collections::HashSet, iter};

use fastcdc::v2020::{FastCDC, Normalization};
use lineal_core::Digest;
use proptest::prelude::*;

use super::*;

/// Lengths as of a profile, so small that a test sees many chunks.
const SMALL: CutRule = CutRule { min: 64, normal: 208, max: 1024, strong_bits: 10, weak_bits: 6 }.checked();

/// Candidates are dense, so that many chunks end at the first position tried, where each byte of the window counts.
const DENSE: CutRule = CutRule { min: 64, normal: 80, max: 256, strong_bits: 3, weak_bits: 1 }.checked();

/// The golden values depend on it: xorshift64* of S. Vigna, "An experimental exploration of Marsaglia's xorshift
/// generators, scrambled" (2016).
fn random(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed ^ 0x9e37_79b9_7f4a_7c15;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        bytes.extend_from_slice(&state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// The definition, word by word: the hash of each window on its own, and the first position that fits.
fn naive(rule: &CutRule, bytes: &[u8]) -> Vec<usize> {
    let below = |position: usize, bits: u32| {
        let window = &bytes[position + 1 - WINDOW..=position];
        let hash = window.iter().fold(0u64, |hash, byte| (hash << 1).wrapping_add(GEAR[usize::from(*byte)]));
        u128::from(hash) < 1 << (64 - bits)
    };
    let mut ends = Vec::new();
    let mut start = 0;
    while start < bytes.len() {
        let mut length = 1;
        while start + length < bytes.len() {
            let position = start + length - 1;
            let ends_here = if length < rule.min {
                false
            } else if length < rule.normal {
                below(position, rule.strong_bits)
            } else if length < rule.max {
                below(position, rule.weak_bits)
            } else {
                true
            };
            if ends_here {
                break;
            }
            length += 1;
        }
        start += length;
        ends.push(start);
    }
    ends
}

/// Cuts the data as it comes in, in pieces of the lengths given over and over.
fn feed(rule: &CutRule, bytes: &[u8], pieces: &[usize]) -> Vec<usize> {
    let (mut ends, mut at, mut arrived) = (Vec::new(), 0, 0);
    let mut pieces = pieces.iter().cycle();
    while arrived < bytes.len() {
        arrived = bytes.len().min(arrived + pieces.next().unwrap());
        let more = cut(rule, &bytes[at..arrived], false);
        ends.extend(more.iter().map(|end| at + end));
        at = ends.last().copied().unwrap_or(0);
        assert!(arrived - at < rule.max, "the tail is shorter than the longest chunk");
    }
    ends.extend(cut(rule, &bytes[at..], true).iter().map(|end| at + end));
    ends
}

fn lengths(ends: &[usize]) -> Vec<usize> {
    let starts = iter::once(0).chain(ends.iter().copied());
    starts.zip(ends).map(|(start, end)| end - start).collect()
}

fn mean(ends: &[usize]) -> f64 {
    *ends.last().unwrap() as f64 / ends.len() as f64
}

/// The share of the bytes of `new` in chunks that `old` has as well.
fn kept(old: (&[u8], &[usize]), new: (&[u8], &[usize])) -> f64 {
    let chunks = |(bytes, ends): (&[u8], &[usize])| -> Vec<Vec<u8>> {
        lengths(ends).iter().zip(ends).map(|(length, end)| bytes[end - length..*end].to_vec()).collect()
    };
    let known: HashSet<Vec<u8>> = chunks(old).into_iter().collect();
    let kept: usize = chunks(new).iter().filter(|chunk| known.contains(*chunk)).map(Vec::len).sum();
    kept as f64 / new.0.len() as f64
}

fn golden(rule: &CutRule) -> (Vec<usize>, String) {
    let ends = cut(rule, &random(1, 8 * KIB * KIB), true);
    let list: Vec<u8> = ends.iter().flat_map(|end| (*end as u64).to_le_bytes()).collect();
    (ends[..5].to_vec(), Digest::of(&list).to_string())
}

#[test]
fn the_cuts_of_standard_are_pinned() {
    let digest = "757886e3fb206e51e0909c8fcb3daebaaad719bc13bb3a6d023764c4a6c7a62f";
    assert_eq!(golden(&CutRule::STANDARD), (vec![226_794, 353_104, 591_970, 720_875, 983_143], digest.to_owned()));
}

#[test]
fn the_cuts_of_weights_are_pinned() {
    let digest = "2531ce511adc87fb9073eac49a96c92e8f1947df4ca29f9949bffb0df9229190";
    assert_eq!(golden(&CutRule::WEIGHTS), (vec![68_804, 137_952, 219_248, 278_309, 349_930], digest.to_owned()));
}

#[test]
fn candidates_are_those_of_gearhash() {
    let bytes = random(2, 100_000);
    for bits in [6, 10] {
        let mask = u64::MAX << (u64::BITS - bits);
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        let (mut at, mut hasher) = (0, gearhash::Hasher::new(&GEAR));
        while let Some(bytes) = hasher.next_match(&bytes[at..], mask) {
            at += bytes;
            theirs.push((at, hasher.get_hash()));
        }
        let (mut at, mut hash) = (0, 0);
        while let Ok(more) = first_below(hash, &bytes[at..], 1 << (u64::BITS - bits)) {
            at += more;
            hash = bytes[at.saturating_sub(WINDOW)..at].iter().fold(0, |hash, byte| roll(hash, *byte));
            ours.push((at, hash));
        }
        assert!(ours.len() > 50);
        assert_eq!(ours, theirs, "{bits} bits");
    }
}

/// The profiles at their true lengths, with gearhash for the hash.
#[test]
fn profiles_cut_where_gearhash_matches() {
    let bytes = random(3, 2 * KIB * KIB);
    for rule in [CutRule::STANDARD, CutRule::WEIGHTS] {
        let mask = |bits: u32| u64::MAX << (u64::BITS - bits);
        let (mut expected, mut start) = (Vec::new(), 0);
        while start < bytes.len() {
            let chunk = &bytes[start..bytes.len().min(start + rule.max)];
            let mut end = chunk.len();
            if chunk.len() >= rule.min {
                let mut hasher = gearhash::Hasher::new(&GEAR);
                hasher.update(&chunk[rule.min - WINDOW..rule.min - 1]);
                let (short, long) =
                    chunk[rule.min - 1..].split_at((rule.normal - rule.min).min(chunk.len() - rule.min));
                if let Some(bytes) = hasher.next_match(short, mask(rule.strong_bits)) {
                    end = rule.min - 1 + bytes;
                } else if let Some(bytes) = hasher.next_match(long, mask(rule.weak_bits)) {
                    end = rule.min - 1 + short.len() + bytes;
                }
            }
            start += end;
            expected.push(start);
        }
        assert_eq!(cut(&rule, &bytes, true), expected);
    }
}

#[test]
fn lengths_around_the_borders_follow_the_definition() {
    // Nothing of this is a candidate, so that all the borders are reached; the random bytes have candidates everywhere.
    let runs = vec![0; 3 * SMALL.max];
    let random = random(4, 3 * SMALL.max);
    for border in [0, 1, WINDOW, SMALL.min, SMALL.normal, SMALL.max, SMALL.max + SMALL.min, 2 * SMALL.max] {
        for length in border.saturating_sub(3)..=border + 3 {
            for bytes in [&runs[..length], &random[..length]] {
                let ends = cut(&SMALL, bytes, true);
                assert_eq!(ends, naive(&SMALL, bytes), "{length} bytes");
                assert_eq!(feed(&SMALL, bytes, &[1]), ends, "{length} bytes");
            }
        }
    }
}

#[test]
fn no_bytes_are_no_chunk_and_one_byte_is_one() {
    for rule in [CutRule::STANDARD, CutRule::WEIGHTS] {
        assert!(cut(&rule, &[], true).is_empty());
        assert!(cut(&rule, &[], false).is_empty());
        assert!(cut(&rule, &[0], false).is_empty());
        assert_eq!(cut(&rule, &[0], true), [1]);
    }
}

#[test]
fn zeros_are_cut_at_the_longest() {
    let zeros = vec![0; 10 * SMALL.max + 5];
    let mut expected: Vec<usize> = (1..=10).map(|chunk| chunk * SMALL.max).collect();
    assert_eq!(cut(&SMALL, &zeros, false), expected, "the last one may yet grow");
    expected.push(zeros.len());
    assert_eq!(cut(&SMALL, &zeros, true), expected);
}

/// FastCDC's own implementation, with the same shortest, normal and longest length and the same bits: another hash and
/// other places, so the chunks must be of the same kind, not the same.
#[test]
fn chunks_are_as_long_and_as_stable_as_those_of_fastcdc() {
    const RULE: CutRule = CutRule { min: 256, normal: 1024, max: 4096, strong_bits: 12, weak_bits: 8 }.checked();
    let old = random(6, 2 * KIB * KIB);
    let mut new = old.clone();
    new.splice(KIB * KIB..KIB * KIB, random(7, KIB));
    let fastcdc = |bytes: &[u8]| -> Vec<usize> {
        let chunks = FastCDC::with_level(bytes, RULE.min, RULE.normal, RULE.max, Normalization::Level2);
        chunks.map(|chunk| chunk.offset + chunk.length).collect()
    };
    let (ours, theirs) = (cut(&RULE, &old, true), fastcdc(&old));
    assert!((mean(&ours) / mean(&theirs) - 1.0).abs() < 0.03, "{} against {}", mean(&ours), mean(&theirs));
    let ours = kept((&old, &ours), (&new, &cut(&RULE, &new, true)));
    let theirs = kept((&old, &theirs), (&new, &fastcdc(&new)));
    assert!((ours - theirs).abs() < 0.01 && ours > 0.99, "{ours} against {theirs}");
}

/// Random bytes, repeated patterns and runs of zeros, in any order.
fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    let random_part = (any::<u64>(), 0..6000usize).prop_map(|(seed, length)| random(seed, length));
    let pattern =
        (prop::collection::vec(any::<u8>(), 1..100), 1..40usize).prop_map(|(bytes, times)| bytes.repeat(times));
    let zeros = (0..6000usize).prop_map(|length| vec![0; length]);
    prop::collection::vec(prop_oneof![3 => random_part, 1 => pattern, 1 => zeros], 0..4)
        .prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn chunks_cover_the_bytes_within_their_lengths(bytes in any_bytes()) {
        let ends = cut(&SMALL, &bytes, true);
        prop_assert_eq!(ends.last().copied().unwrap_or(0), bytes.len());
        let lengths = lengths(&ends);
        if let Some((last, others)) = lengths.split_last() {
            prop_assert!((1..=SMALL.max).contains(last));
            prop_assert!(others.iter().all(|length| (SMALL.min..=SMALL.max).contains(length)));
        }
    }

    #[test]
    fn the_way_of_cutting_does_not_matter(
        bytes in any_bytes(),
        pieces in prop::collection::vec(1..3000usize, 1..6),
    ) {
        let ends = cut(&SMALL, &bytes, true);
        prop_assert_eq!(&feed(&SMALL, &bytes, &pieces), &ends);
    }

    #[test]
    fn an_insertion_is_forgotten(seed: u64, at in 0..16_384usize, length in 1..1024usize) {
        let old = random(seed, 32_768);
        let mut new = old.clone();
        new.splice(at..at, random(!seed, length));
        let (old, new) = (cut(&SMALL, &old, true), cut(&SMALL, &new, true));
        let before = |ends: &[usize]| ends.iter().copied().filter(|end| *end <= at).collect::<Vec<_>>();
        prop_assert_eq!(before(&old), before(&new));
        let after: Vec<usize> = new.iter().filter(|end| **end >= at + length).map(|end| end - length).collect();
        let common = after.iter().position(|end| old.contains(end)).unwrap();
        prop_assert!(after[common] < at + 8 * SMALL.max, "the cuts meet again soon");
        let rest: Vec<usize> = old.iter().copied().filter(|end| *end >= after[common]).collect();
        prop_assert_eq!(&after[common..], rest, "and stay together");
    }

    #[test]
    fn cuts_follow_the_definition(bytes in any_bytes()) {
        for rule in [SMALL, DENSE] {
            prop_assert_eq!(cut(&rule, &bytes, true), naive(&rule, &bytes));
        }
    }
}
