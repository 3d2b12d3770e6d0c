//! The quantile sketch against Apache `DataSketches`, and its error against exact ranks.

use std::path::Path;

use lineal_drift::profile::KllSketch;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

fn number(value: &Value) -> f64 {
    match value.as_str() {
        Some("inf") => f64::INFINITY,
        Some("-inf") => f64::NEG_INFINITY,
        _ => value.as_f64().unwrap(),
    }
}

fn cases(writer: &str) -> Vec<(String, Vec<u8>, Value)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/kll.json");
    let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let cases = file["cases"].as_array().unwrap().iter().filter(|case| case["writer"] == writer);
    let bytes =
        |hex: &str| (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
    let case = |case: &Value| {
        (case["id"].as_str().unwrap().to_owned(), bytes(case["hex"].as_str().unwrap()), case["expected"].clone())
    };
    cases.map(case).collect()
}

/// Holds a sketch against what `DataSketches` says of its bytes.
fn check(id: &str, sketch: &KllSketch, expected: &Value) {
    let count = |field: &str| expected[field].as_u64().unwrap();
    assert_eq!((sketch.n(), u64::from(sketch.k())), (count("n"), count("k")), "{id}");
    assert_eq!(sketch.retained() as u64, count("retained"), "{id}");
    assert_eq!(sketch.is_exact(), expected["exact"] == true, "{id}");
    if !sketch.is_exact() {
        assert!((sketch.rank_error() / number(&expected["rank_error"]) - 1.0).abs() < 1e-9, "{id}");
        assert!((sketch.share_error() / number(&expected["share_error"]) - 1.0).abs() < 1e-9, "{id}");
    }
    assert_eq!(sketch.min(), expected.get("min").map(number), "{id}");
    assert_eq!(sketch.max(), expected.get("max").map(number), "{id}");
    for pair in expected["quantiles"].as_array().into_iter().flatten() {
        assert_eq!(sketch.quantile(number(&pair[0])), Some(number(&pair[1])), "{id}: quantile {pair}");
    }
    for pair in expected["ranks"].as_array().into_iter().flatten() {
        let rank = sketch.rank(number(&pair[0])).unwrap();
        assert!((rank - number(&pair[1])).abs() < 1e-12, "{id}: rank {pair} {rank}");
    }
}

#[test]
fn sketches_of_datasketches_are_read() {
    for (id, bytes, expected) in cases("datasketches") {
        let sketch = KllSketch::from_bytes(&bytes, 1).unwrap();
        check(&id, &sketch, &expected);
        assert_eq!(sketch.to_bytes().len(), bytes.len(), "{id}");
        assert_eq!(KllSketch::from_bytes(&sketch.to_bytes(), 1).unwrap(), sketch, "{id}");
    }
}

fn value(i: u32) -> f64 {
    f64::from(i.wrapping_mul(2_654_435_761)) / 7.0
}

fn made(k: u16, values: impl Iterator<Item = f64>) -> KllSketch {
    let mut sketch = KllSketch::new(k, 1).unwrap();
    sketch.extend(values);
    sketch
}

fn merged(parts: impl IntoIterator<Item = KllSketch>) -> KllSketch {
    parts
        .into_iter()
        .reduce(|mut sum, part| {
            sum.merge(&part);
            sum
        })
        .unwrap()
}

/// The bytes here are those that `DataSketches` 5.2.0 was given, and wrote again without a change.
#[test]
fn datasketches_reads_sketches_of_ours() {
    let of = |k, n: u32| made(k, (0..n).map(value));
    let part = |k, p: u32| made(k, (p * 50_000..(p + 1) * 50_000).map(value));
    for (id, bytes, expected) in cases("lineal") {
        let sketch = match id.as_str() {
            "empty" => of(200, 0),
            "one" => of(200, 1),
            "two" => of(200, 2),
            "exact" => of(200, 150),
            "small" => of(200, 5_000),
            "large" => of(200, 300_000),
            "least k" => of(8, 300_000),
            "k 1000" => of(1000, 300_000),
            "merged" => merged((0..4).map(|p| part(200, p))),
            "merged with a smaller one" => merged([part(200, 0), part(100, 1)]),
            "ties" => made(200, (0..100_000_u32).map(|i| f64::from(i % 7))),
            other => panic!("unknown case {other}"),
        };
        assert!(sketch.to_bytes() == bytes, "{id}");
        check(&id, &sketch, &expected);
    }
}

/// Returns the largest error of a rank; `sorted` is what the sketch was shown.
fn largest_error(sketch: &KllSketch, sorted: &[f64]) -> f64 {
    let n = sorted.len() as f64;
    let errors = sorted.iter().enumerate().step_by(97).map(|(at, v)| {
        let up_to = at + sorted[at..].partition_point(|other| other <= v);
        (sketch.rank(*v).unwrap() - up_to as f64 / n).abs()
    });
    errors.fold(0.0, f64::max)
}

/// All ranks at once are within the stated error, for one pass and for merges in several orders, with every seed that is tried.
#[test]
fn ranks_err_as_stated() {
    let mut largest = 0.0_f64;
    for seed in 0..25_u32 {
        let values: Vec<f64> = (0..60_000).map(|i| value(i + seed * 1_000_000)).collect();
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        let parts: Vec<KllSketch> = values.chunks(7_001).map(|part| made(200, part.iter().copied())).collect();
        let whole = made(200, values.iter().copied());
        let forth = merged(parts.iter().cloned());
        let back = merged(parts.iter().rev().cloned());
        let pairs = merged(parts.chunks(2).map(|pair| merged(pair.iter().cloned())));
        for sketch in [&whole, &forth, &back, &pairs] {
            assert_eq!(
                (sketch.n(), sketch.min(), sketch.max()),
                (60_000, sorted.first().copied(), sorted.last().copied())
            );
            let error = largest_error(sketch, &sorted);
            largest = largest.max(error);
            assert!(error <= sketch.share_error(), "seed {seed}: {error}");
        }
    }
    println!("ranks_err_as_stated: 100 sketches, largest error {largest:.4}");
    // A test that cannot fail says nothing.
    assert!(largest > 0.002, "{largest}");
}

#[test]
fn ordered_and_tied_streams_err_no_more() {
    let streams: [(&str, Vec<f64>); 4] = [
        ("ascending", (0..100_000).map(f64::from).collect()),
        ("descending", (0..100_000).rev().map(f64::from).collect()),
        ("zoom", (0..100_000).map(|i| if i % 2 == 0 { f64::from(i) } else { -f64::from(i) }).collect()),
        ("ties", (0..100_000).map(|i| f64::from(i % 13)).collect()),
    ];
    for (name, values) in streams {
        let sketch = made(200, values.iter().copied());
        let mut sorted = values;
        sorted.sort_by(f64::total_cmp);
        let error = largest_error(&sketch, &sorted);
        assert!(error <= sketch.share_error(), "{name}: {error}");
        assert!(sketch.retained() < 1_000);
    }
}

#[test]
fn odd_values_are_fine() {
    let sketch = made(8, [f64::NAN, 1e308, -1e308, 5e-324, f64::INFINITY, -0.0].into_iter());
    assert_eq!((sketch.n(), sketch.min(), sketch.max()), (5, Some(-1e308), Some(f64::INFINITY)));
    assert_eq!((sketch.rank(f64::NAN), sketch.quantile(1.5), sketch.quantile(f64::NAN)), (None, None, None));
    assert!(KllSketch::new(7, 0).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Changed and cut bytes are refused or give a sketch that answers, merges and reads back; none panics or takes memory on a mere word.
    #[test]
    fn no_bytes_panic(
        n in prop_oneof![Just(0_u32), Just(1), 2_u32..300, Just(9_000)],
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = made(200, (0..n).map(value)).to_bytes();
        for (at, byte) in changes {
            // Mostly the header, where it hurts.
            let at = at.index(bytes.len().min(64));
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len() + 1));
        }
        if let Ok(mut sketch) = KllSketch::from_bytes(&bytes, 1) {
            let _median = sketch.quantile(0.5);
            prop_assert!(KllSketch::from_bytes(&sketch.to_bytes(), 1).is_ok_and(|read| read == sketch));
            sketch.merge(&made(200, (0..3_000).map(value)));
            sketch.extend((0..3_000).map(value));
            prop_assert!(sketch.rank(1.0).is_some_and(|rank| (0.0..=1.0).contains(&rank)));
        }
    }

    #[test]
    fn arbitrary_bytes_are_refused(bytes in vec(any::<u8>(), 0..200)) {
        let _refused = KllSketch::from_bytes(&bytes, 1);
    }
}
