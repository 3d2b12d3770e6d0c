use std::iter;

use proptest::prelude::*;

use super::*;

const MIB: usize = 1024 * 1024;

#[test]
fn media_types_tell_the_profile() {
    use ChunkProfile::{Weights, Whole};
    let cases = [
        ("application/vnd.safetensors", Some(Weights)),
        ("application/x-gguf", Some(Weights)),
        ("Application/Vnd.PyTorch; version=2", Some(Weights)),
        ("application/x-npy", Some(Weights)),
        ("application/numpy", Some(Weights)),
        ("application/onnx", Some(Weights)),
        ("application/x-gguf+zstd", Some(Whole)),
        ("application/vnd.oci.image.layer.v1.tar+gzip", Some(Whole)),
        ("application/zip", Some(Whole)),
        ("application/gzip", Some(Whole)),
        ("application/zstd", Some(Whole)),
        ("application/x-7z-compressed", Some(Whole)),
        ("application/x-xz", Some(Whole)),
        ("application/x-bzip2", Some(Whole)),
        ("image/jpeg", Some(Whole)),
        (" image/PNG ", Some(Whole)),
        ("image/webp", Some(Whole)),
        ("video/mp4", Some(Whole)),
        ("video/x-of-tomorrow", Some(Whole)),
        ("audio/mpeg", Some(Whole)),
        ("audio/wav", None),
        ("image/svg+xml", None),
        ("image/tiff", None),
        ("text/csv", None),
        ("text/zipper", None),
        ("application/octet-stream", None),
        ("application/vnd.apache.parquet", None),
        ("safetensors", None),
        ("/", None),
        ("", None),
    ];
    for (media_type, profile) in cases {
        assert_eq!(ChunkProfile::for_media_type(media_type), profile, "{media_type}");
    }
    assert_eq!(ChunkProfile::default(), ChunkProfile::Standard);
}

#[test]
fn each_profile_has_its_lengths() {
    let zeros = vec![0; MAX_CHUNK + 1];
    let first = |profile: ChunkProfile, last| profile.ends(&zeros, last)[0];
    assert_eq!(first(ChunkProfile::Standard, false), MIB);
    assert_eq!(first(ChunkProfile::Weights, false), MIB / 8);
    assert_eq!(ChunkProfile::Whole.ends(&zeros, false), [MAX_CHUNK]);
    assert_eq!(ChunkProfile::Whole.ends(&zeros, true), [MAX_CHUNK, MAX_CHUNK + 1]);
    for profile in [ChunkProfile::Standard, ChunkProfile::Weights, ChunkProfile::Whole] {
        assert!(profile.ends(&[], true).is_empty());
        assert!(profile.ends(&[7], false).is_empty());
        assert_eq!(profile.ends(&[7], true), [1]);
    }
}

#[test]
fn sections_end_at_the_points() {
    let points = [10_000, 30_000, 30_000 + 4 * MIB as u64];
    assert_eq!(ends_at(&points, 0, 5 * MIB, true), [10_000, 30_000, 30_000 + 4 * MIB, 5 * MIB]);
    assert_eq!(ends_at(&points, 0, 5 * MIB, false), [10_000, 30_000, 30_000 + 4 * MIB]);
    assert_eq!(ends_at(&points, 0, 30_000, false), [10_000, 30_000], "an end does not wait for the next byte");
    assert_eq!(ends_at(&points, 10_000, 20_001, true), [20_000, 20_001], "counted from the offset");
    assert_eq!(ends_at(&[5000, 5001, 9095, 9096], 0, 10_000, true), [5000, 9096, 10_000], "too close is passed over");
}

#[test]
fn long_sections_are_cut_and_their_point_is_kept() {
    let max = MAX_CHUNK as u64;
    assert_eq!(ends_at(&[], 0, 2 * MAX_CHUNK, true), [MAX_CHUNK, 2 * MAX_CHUNK]);
    assert_eq!(
        ends_at(&[2 * max + 5000], 0, 3 * MAX_CHUNK, false)[..3],
        [MAX_CHUNK, 2 * MAX_CHUNK, 2 * MAX_CHUNK + 5000]
    );
    // One byte more than a piece: without moving the cut, the point would be too close to it.
    assert_eq!(ends_at(&[max + 1], 0, 2 * MAX_CHUNK, false), [MAX_CHUNK - MIN_SECTION, MAX_CHUNK + 1]);
    assert_eq!(ends_at(&[max + 1], 0, MAX_CHUNK, true), [MAX_CHUNK - MIN_SECTION, MAX_CHUNK], "beyond the end");
}

#[test]
fn hostile_points_are_harmless() {
    assert_eq!(ends_at(&[0, 0, u64::MAX, 5000], 0, 10_000, true), [10_000]);
    assert_eq!(ends_at(&[9000, 5000, 9000, 0, 1], 0, 10_000, true), [9000, 10_000]);
    assert_eq!(ends_at(&[u64::MAX], u64::MAX, 10_000, true), [10_000]);
    assert!(ends_at(&[5000], 0, 0, true).is_empty());
}

fn any_points() -> impl Strategy<Value = Vec<u64>> {
    let near = 0..20 * MIB as u64;
    prop_oneof![
        prop::collection::btree_set(near.clone(), 0..40).prop_map(Vec::from_iter),
        prop::collection::vec(prop_oneof![near, Just(0), any::<u64>()], 0..40),
    ]
}

proptest! {
    #[test]
    fn pieces_cover_the_blob_whatever_the_points(
        points in any_points(),
        length in 0..20 * MIB,
        pieces in prop::collection::vec(1..6 * MIB, 1..8),
    ) {
        let ends = ends_at(&points, 0, length, true);
        prop_assert_eq!(ends.last().copied().unwrap_or(0), length);
        let starts = iter::once(0).chain(ends.iter().copied());
        for (index, (start, end)) in starts.zip(&ends).enumerate() {
            let least = if index + 1 == ends.len() { 1 } else { MIN_SECTION };
            prop_assert!((least..=MAX_CHUNK).contains(&(end - start)));
        }
        if points.is_sorted() {
            let close = |point: u64| ends.iter().any(|end| point.wrapping_sub(*end as u64) < MIN_SECTION as u64);
            for point in points.iter().copied().filter(|point| (MIN_SECTION as u64..=length as u64).contains(point)) {
                prop_assert!(close(point), "a point is an end or just behind one");
            }
        }

        let (mut fed, mut at, mut lengths) = (Vec::new(), 0, pieces.iter().cycle());
        let mut arrived = 0;
        while arrived < length {
            arrived = length.min(arrived + lengths.next().unwrap());
            let more = ends_at(&points, at as u64, arrived - at, arrived == length);
            fed.extend(more.iter().map(|end| at + end));
            at = fed.last().copied().unwrap_or(0);
        }
        prop_assert_eq!(fed, ends);
    }
}
