//! Profiles of tables: exact where promised, bounded, the same on any number of threads, mergeable in any order, safe to read.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Date64Array, Decimal128Array, DictionaryArray,
    DurationSecondArray, Float32Array, Float64Array, Int8Array, Int64Array, LargeStringArray, NullArray, RecordBatch,
    StringArray, StringViewArray, Time32SecondArray, Time64NanosecondArray, TimestampMicrosecondArray,
    TimestampSecondArray, UInt64Array,
};
use arrow::datatypes::{Int8Type, Int32Type};
use arrow::error::ArrowError;
use lineal_core::{Digest, ErrorKind};
use lineal_drift::profile::{ColumnProfile, ProfileKind, ProfileSettings, TableProfile, TableProfiler};
use lineal_drift::{Error, Sample, Summary, arrow};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::generators::{batch, floats, optional, words};

fn noise(i: u32) -> u32 {
    i.wrapping_mul(2_654_435_761) ^ (i.wrapping_mul(40_503) >> 7)
}

fn profile(array: ArrayRef) -> ColumnProfile {
    ColumnProfile::of(&array, &ProfileSettings::default()).unwrap()
}

fn table(batches: &[RecordBatch]) -> TableProfile {
    TableProfile::of(batches, &ProfileSettings::default()).unwrap()
}

/// Numbers, labels few and many, times, booleans, and what is neither.
fn mixed(rows: u32, seed: u32) -> RecordBatch {
    let at = move |i: u32| noise(i + seed * 1_000_003);
    let label = |i: u32| format!("label {}", at(i) % 5_000);
    let labels: Vec<String> = (0..rows).map(label).collect();
    let number = |i: u32| match at(i) % 50 {
        0 => None,
        1 => Some(f64::NAN),
        2 => Some(f64::INFINITY),
        v => Some(f64::from(at(i)) / 1e3 + f64::from(v)),
    };
    let small = |i: u32| Some(f64::from(at(i) % 9));
    batch([
        ("number", optional((0..rows).map(number))),
        ("small", optional((0..rows).map(small))),
        ("label", words(labels.iter().map(|label| Some(label.as_str())))),
        ("carrier", words((0..rows).map(|i| [Some("UA"), None, Some("AA"), Some("")][at(i) as usize % 4]))),
        ("id", Arc::new(Int64Array::from_iter_values((0..rows).map(|i| (1 << 60) + i64::from(i)))) as ArrayRef),
        ("time", Arc::new(TimestampSecondArray::from_iter_values((0..rows).map(|i| i64::from(at(i)))))),
        ("flag", Arc::new(BooleanArray::from_iter((0..rows).map(|i| Some(at(i) % 3 == 0))))),
        ("bytes", Arc::new(BinaryArray::from_iter_values((0..rows).map(|_| b"x")))),
    ])
}

#[test]
fn neither_threads_nor_batches_can_be_told_from_the_result() {
    let whole = mixed(280_000, 1);
    let cut = |size: usize| -> Vec<RecordBatch> {
        (0..whole.num_rows()).step_by(size).map(|at| whole.slice(at, size.min(whole.num_rows() - at))).collect()
    };
    let run = |threads: usize, batches: &[RecordBatch]| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| table(batches)).to_bytes()
    };
    let alone = run(1, std::slice::from_ref(&whole));
    for threads in [2, 8] {
        assert!(run(threads, std::slice::from_ref(&whole)) == alone, "{threads} threads");
    }
    for size in [7_777, 200_001] {
        assert!(run(2, &cut(size)) == alone, "batches of {size}");
    }
    assert!(run(2, &[whole.slice(0, 0), whole.clone(), whole.slice(0, 0)]) == alone, "empty batches");
}

#[test]
fn facts_are_those_of_the_rows() {
    let rows = mixed(50_000, 3);
    let profile = table(std::slice::from_ref(&rows));
    for name in ["number", "small", "id", "time"] {
        let exact = Summary::of(&Sample::from_array(rows.column_by_name(name).unwrap()).unwrap());
        let found = profile.column(name).unwrap().summary();
        assert_eq!(
            (found.rows, found.missing, found.infinite, found.finite, found.min, found.max, found.zeros),
            (exact.rows, exact.missing, exact.infinite, exact.finite, exact.min, exact.max, exact.zeros),
            "{name}"
        );
        let close = |a: Option<f64>, b: Option<f64>, to: f64| (a.unwrap() / b.unwrap() - 1.0).abs() <= to;
        assert!(close(found.sum, exact.sum, 1e-15) && close(found.mean, exact.mean, 1e-15), "{name}");
        // The ids differ in the last bits of a float only.
        if name != "id" {
            assert!(close(found.variance, exact.variance, 1e-12), "{name}");
            assert!((found.skewness.unwrap() - exact.skewness.unwrap()).abs() < 1e-10, "{name}");
            assert!((found.excess_kurtosis.unwrap() - exact.excess_kurtosis.unwrap()).abs() < 1e-10, "{name}");
        }
    }
    // Integers beyond 2^53 are told apart.
    assert!((profile.column("id").unwrap().distinct() / 50_000.0 - 1.0).abs() < 0.05);
    let carrier = profile.column("carrier").unwrap();
    assert_eq!((carrier.distinct(), carrier.distinct_error(), carrier.frequent_error()), (3.0, 0.0, 0));
    assert_eq!(carrier.frequent().iter().map(|item| item.at_least).sum::<u64>(), 50_000 - carrier.nulls());
    assert_eq!(profile.column("flag").unwrap().frequent().len(), 2);
    assert_eq!(profile.column("time").unwrap().calendar().unwrap().hours.iter().sum::<u64>(), 50_000);
    assert_eq!(profile.column("bytes").unwrap().kind(), ProfileKind::Other);
}

/// Counts, sums, extremes, registers, calendars and histograms do not depend on the order; the rest stays within its bounds.
#[test]
fn merging_is_exact_where_promised_in_any_order() {
    let settings = ProfileSettings::default().with_edges("number", [-1.0, 0.0, 1e5, 3e6]);
    let parts: Vec<TableProfile> =
        (0..6).map(|seed| TableProfile::of(&[mixed(4_000 + seed * 100, seed)], &settings).unwrap()).collect();
    let rows: Vec<RecordBatch> = (0..6).map(|seed| mixed(4_000 + seed * 100, seed)).collect();
    let whole = TableProfile::of(&rows, &settings).unwrap();
    let exact = |table: &TableProfile| {
        let facts = |(name, column): (&str, &ColumnProfile)| {
            let summary = column.summary();
            let counts =
                (summary.rows, summary.missing, summary.infinite, summary.finite, summary.zeros, column.infinite());
            let values = (summary.min, summary.max, summary.sum, summary.mean).to_owned();
            // With a count of more values than are kept, distinct is a function of the registers alone.
            let rest = (
                column.distinct(),
                column.calendar().cloned(),
                column.histogram().cloned(),
                column.nulls(),
                column.nan(),
            );
            format!("{name} {counts:?} {values:?} {rest:?}")
        };
        table.columns().map(facts).collect::<Vec<_>>()
    };
    for order in [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [2, 0, 5, 1, 4, 3]] {
        let mut merged = TableProfile::default();
        for at in order {
            merged.merge(&parts[at]).unwrap();
        }
        assert_eq!(exact(&merged), exact(&whole), "{order:?}");
        let variance = |table: &TableProfile| table.column("number").unwrap().summary().variance.unwrap();
        assert!((variance(&merged) / variance(&whole) - 1.0).abs() < 1e-12);
        // Few labels are exact, whatever the order.
        assert_eq!(merged.column("carrier").unwrap().frequent(), whole.column("carrier").unwrap().frequent());
        check_frequent(merged.column("label").unwrap(), &rows);
    }
}

/// Every label is within the bounds that the profile states for it.
fn check_frequent(column: &ColumnProfile, rows: &[RecordBatch]) {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    let mut total = 0;
    for batch in rows {
        for label in arrow::array::AsArray::as_string::<i32>(batch.column_by_name("label").unwrap()).iter().flatten() {
            *counts.entry(label).or_default() += 1;
            total += 1;
        }
    }
    assert!(column.frequent_error() <= total / 129, "{}", column.frequent_error());
    let listed: BTreeMap<String, (u64, u64)> =
        column.frequent().into_iter().map(|item| (item.label, (item.at_least, item.at_most))).collect();
    for (label, count) in counts {
        let (at_least, at_most) = listed.get(label).copied().unwrap_or((0, column.frequent_error()));
        assert!((at_least..=at_most).contains(&count), "{label}: {count} not in {at_least}..={at_most}");
    }
}

#[test]
fn heavy_labels_and_numbers_are_found_among_many() {
    let label = |i: u32| if i.is_multiple_of(5) { "heavy".to_owned() } else { format!("rare {i}") };
    let labels: Vec<String> = (0..100_000).map(label).collect();
    let column = profile(words(labels.iter().map(|label| Some(label.as_str()))));
    let first = &column.frequent()[0];
    assert_eq!(first.label, "heavy");
    assert!(first.at_least <= 20_000 && 20_000 <= first.at_most && first.at_most - first.at_least <= 100_000 / 129);
    assert!((column.distinct() / 80_001.0 - 1.0).abs() < 0.05);

    let column = profile(floats((0..100_000).map(|i| if i % 4 == 0 { -0.0 } else { f64::from(noise(i)) })));
    let first = &column.frequent()[0];
    assert_eq!((first.label.as_str(), column.summary().zeros), ("0", 25_000));
    assert!(first.at_least <= 25_000 && 25_000 <= first.at_most && first.at_most - first.at_least <= 100_000 / 129);
}

/// The state does not grow with the rows, whatever they hold.
#[test]
fn long_and_countless_labels_take_bounded_memory() {
    let mut profiler = TableProfiler::new(ProfileSettings::default()).unwrap();
    let long = "ä".repeat(20_000);
    for part in 0..20_u32 {
        let countless: Vec<String> = (0..9_000).map(|i| format!("{part} {i}")).collect();
        let endless: Vec<String> =
            (0..9_000).map(|i| if i % 900 == 0 { format!("{long}{}", i % 1800) } else { i.to_string() }).collect();
        let columns = [countless, endless].map(|labels| words(labels.iter().map(|label| Some(label.as_str()))));
        profiler.add(batch(["countless", "endless"].into_iter().zip(columns))).unwrap();
        assert!(profiler.size_bytes() <= 2 * COLUMN_BYTES, "{}", profiler.size_bytes());
    }
    let table = profiler.finish().unwrap();
    assert!(table.to_bytes().len() < 60_000, "{}", table.to_bytes().len());
    let endless = table.column("endless").unwrap();
    // Two texts that differ behind 40,000 bytes, 100 rows each.
    let found = endless.frequent().into_iter().filter(|item| item.label.contains('…') && item.at_most >= 100).count();
    assert!(found <= 2 && endless.frequent_error() <= 180_000 / 129);
    assert_eq!(endless.summary().max, Some(20_003.0));
}

/// A thousand columns of all sorts, batch after batch.
#[test]
fn a_thousand_columns_take_a_thousand_times_the_memory_of_one() {
    let names: Vec<String> = (0..1_000).map(|at| format!("c{at}")).collect();
    let part = |seed: u32| {
        let column = |at: u32| -> ArrayRef {
            let value = move |i: u32| noise(i + at * 7_919 + seed * 104_729);
            match at % 4 {
                0 => words((0..500).map(|i| ["a", "b", "c"][value(i) as usize % 3]).map(Some)),
                1 => Arc::new(Int64Array::from_iter_values((0..500).map(|i| i64::from(value(i))))),
                _ => floats((0..500).map(|i| f64::from(value(i)) / 3.0)),
            }
        };
        batch(names.iter().zip(0..).map(|(name, at)| (name.as_str(), column(at))))
    };
    let mut profiler = TableProfiler::new(ProfileSettings::default()).unwrap();
    for seed in 0..6 {
        profiler.add(part(seed)).unwrap();
        assert!(profiler.size_bytes() <= 1_000 * COLUMN_BYTES);
    }
    let table = profiler.finish().unwrap();
    assert_eq!((table.rows(), table.columns().count()), (3_000, 1_000));
    assert!(table.to_bytes().len() < 1_000 * 16_384);
}

/// What the documentation states.
const COLUMN_BYTES: usize = 128 << 10;

#[test]
fn every_type_is_profiled() {
    let kind = |array: ArrayRef| {
        let found = profile(array);
        (found.kind(), found.rows(), found.nulls(), found.distinct())
    };
    assert_eq!(kind(Arc::new(Int8Array::from(vec![Some(3), None, Some(3)]))), (ProfileKind::Integer, 3, 1, 1.0));
    assert_eq!(kind(Arc::new(UInt64Array::from(vec![u64::MAX, u64::MAX - 1]))), (ProfileKind::Integer, 2, 0, 2.0));
    assert_eq!(kind(Arc::new(Float32Array::from(vec![1.5, f32::NAN]))), (ProfileKind::Float, 2, 0, 1.0));
    let decimals = Decimal128Array::from(vec![12_345]).with_precision_and_scale(10, 2).unwrap();
    let decimals = profile(Arc::new(decimals));
    assert_eq!((decimals.kind(), decimals.summary().max), (ProfileKind::Float, Some(123.45)));
    assert_eq!(kind(Arc::new(Date32Array::from(vec![15_706]))).0, ProfileKind::Date);
    assert_eq!(kind(Arc::new(Date64Array::from(vec![0]))).0, ProfileKind::Timestamp(1_000));
    assert_eq!(kind(Arc::new(Time32SecondArray::from(vec![0]))).0, ProfileKind::Time(1));
    assert_eq!(kind(Arc::new(Time64NanosecondArray::from(vec![0]))).0, ProfileKind::Time(1_000_000_000));
    let zoned = TimestampMicrosecondArray::from(vec![Some(5), None]).with_timezone("+02:00");
    assert_eq!(kind(Arc::new(zoned)), (ProfileKind::Timestamp(1_000_000), 2, 1, 1.0));
    assert_eq!(kind(Arc::new(DurationSecondArray::from(vec![5]))).0, ProfileKind::Duration(1));
    assert_eq!(kind(Arc::new(NullArray::new(3))), (ProfileKind::Other, 3, 3, 0.0));
    assert_eq!(kind(Arc::new(BooleanArray::from(vec![Some(true), None]))), (ProfileKind::Boolean, 2, 1, 1.0));
    let texts = vec![Some("b"), Some(""), None, Some("b")];
    let dictionary: DictionaryArray<Int32Type> = texts.clone().into_iter().collect();
    let texts: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(texts.clone())),
        Arc::new(LargeStringArray::from(texts.clone())),
        Arc::new(StringViewArray::from(texts)),
        Arc::new(dictionary),
    ];
    let profiles: Vec<ColumnProfile> = texts.into_iter().map(profile).collect();
    assert!(profiles.iter().all(|profile| *profile == profiles[0]));
    assert_eq!((profiles[0].nulls(), profiles[0].summary().max), (1, Some(1.0)));
    let keys = Int8Array::from(vec![Some(1), None, Some(0)]);
    let numbers = DictionaryArray::<Int8Type>::new(keys, Arc::new(Float64Array::from(vec![0.5, 1.5])));
    assert_eq!(kind(Arc::new(numbers)), (ProfileKind::Float, 3, 1, 2.0));
    let none =
        DictionaryArray::<Int8Type>::new(Int8Array::from(vec![None]), Arc::new(StringArray::from(Vec::<&str>::new())));
    assert_eq!(kind(Arc::new(none)), (ProfileKind::Text, 1, 1, 0.0));
}

#[test]
fn integers_and_floats_are_one() {
    let integers = profile(Arc::new(Int64Array::from(vec![1, 2, 2, 1 << 60])));
    let mut merged = integers;
    merged.merge(&profile(floats([1.0, 2.0, 0.5, (1_u64 << 60) as f64]))).unwrap();
    assert_eq!((merged.kind(), merged.distinct()), (ProfileKind::Float, 4.0));
    assert_eq!(merged.frequent()[0].at_least, 3);
    let error = merged.merge(&profile(words([Some("a")]))).unwrap_err();
    assert_eq!(error.to_string(), "the column changes from float to text, and numbers do not compare with categories");
    let mut seconds = profile(Arc::new(TimestampSecondArray::from(vec![1])));
    assert!(seconds.merge(&profile(Arc::new(TimestampMicrosecondArray::from(vec![1])))).is_err());
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let a = || batch([("a", floats([1.0]))]);
    let mut one = table(&[a()]);
    let other = table(&[batch([("b", floats([1.0]))])]);
    assert!(matches!(one.merge(&other), Err(Error::Columns { .. })));
    assert_eq!(one, table(&[a()]));
    let settings = ProfileSettings::default;
    assert!(matches!(TableProfile::of(&[a(), batch([("b", floats([1.0]))])], &settings()), Err(Error::Columns { .. })));
    assert!(matches!(
        TableProfile::of(&[a(), batch([("a", words([Some("x")]))])], &settings()),
        Err(Error::TypeChanged { .. })
    ));
    let broken = [Ok(a()), Err(ArrowError::ComputeError("gone".into()))];
    assert!(matches!(TableProfile::of_stream(broken, &settings()), Err(Error::Batch { at: 1, .. })));
    for settings in [
        settings().with_k(3),
        settings().with_frequent(2),
        settings().with_edges("a", [1.0, 1.0]),
        settings().with_edges("a", [f64::NAN]),
    ] {
        assert!(matches!(TableProfiler::new(settings), Err(Error::Setting { .. })));
    }
    assert_eq!(table(&[]).columns().count(), 0);
    assert_eq!(table(&[a().slice(0, 0)]).column("a").map(ColumnProfile::rows), Some(0));
}

/// The table whose profile is `tests/fixtures/profile_v1.bin`.
fn golden() -> TableProfile {
    let settings = ProfileSettings::default().with_seed(7).with_edges("number", [0.0, 2e6]);
    TableProfile::of(&[mixed(20_000, 9)], &settings).unwrap()
}

/// Written by the release of format 1; never written again. A change of format gets a file of its own.
#[test]
fn the_stored_form_is_pinned() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/profile_v1.bin");
    let profile = golden();
    let stored = std::fs::read(&path).unwrap();
    assert!(stored == profile.to_bytes(), "the stored form has changed");
    assert_eq!(TableProfile::from_bytes(&stored).unwrap(), profile);
}

#[test]
fn damage_is_told_from_another_version() {
    let bytes = table(&[batch([("a", floats([1.0]))])]).to_bytes();
    let message = |bytes: &[u8]| {
        let error = TableProfile::from_bytes(bytes).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        error.to_string()
    };
    let mut damaged = bytes.clone();
    damaged[40] ^= 1;
    assert_eq!(message(&damaged), "stored profile: the checksum is wrong");
    let mut later = bytes.clone();
    later[15] = b'2';
    assert_eq!(message(&later), "stored profile: it is of another format or version");
    assert_eq!(message(&bytes[..20]), "stored profile: the bytes end early");
    assert_eq!(message(b""), "stored profile: it is of another format or version");
}

fn nasty() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        Just(None),
        Just(Some(f64::NAN)),
        Just(Some(f64::INFINITY)),
        Just(Some(-0.0)),
        Just(Some(5e-324)),
        Just(Some(1e308)),
        Just(Some(-1.7e308)),
        (-5.0..5.0).prop_map(Some),
        any::<f64>().prop_map(Some),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_column_panics(x in vec(nasty(), 0..60), y in vec(nasty(), 0..60), words_of in vec(proptest::option::of(".{0,80}"), 0..40)) {
        let (x, y) = (profile(optional(x)), profile(optional(y)));
        let label = profile(words(words_of.iter().map(Option::as_deref)));
        let mut both = x.clone();
        both.merge(&y).unwrap();
        for column in [&x, &y, &both, &label] {
            let summary = column.summary();
            prop_assert!(summary.mean.is_none_or(f64::is_finite));
            prop_assert!(summary.mean.is_none_or(|mean| summary.min.unwrap() <= mean && mean <= summary.max.unwrap()));
            prop_assert!(summary.excess_kurtosis.is_none_or(f64::is_finite));
            for other in [&x, &both, &label] {
                if let Ok(drift) = column.drift(other) {
                    for estimate in &drift.estimates {
                        prop_assert!(0.0 <= estimate.lower && estimate.lower <= estimate.value && estimate.value <= estimate.upper, "{:?}", estimate);
                        prop_assert!(estimate.upper.is_finite(), "{:?}", estimate);
                    }
                    prop_assert!(serde_json::to_string(&drift).is_ok());
                }
            }
        }
    }

    #[test]
    fn profiles_read_back(x in vec(nasty(), 0..200), words_of in vec(proptest::option::of(".{0,80}"), 200)) {
        let rows = x.len();
        let table = table(&[batch([
            ("x", optional(x)),
            ("label", words(words_of.iter().take(rows).map(Option::as_deref))),
        ])]);
        prop_assert!(TableProfile::from_bytes(&table.to_bytes()).is_ok_and(|read| read == table));
    }

    /// Changes that the checksum covers up, as whoever forges a file can.
    #[test]
    fn no_bytes_panic(
        rows in prop_oneof![Just(0_u32), 1_u32..40, Just(3_000)],
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..5),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = table(&[mixed(rows, 2)]).to_bytes();
        bytes.truncate(bytes.len() - 32);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len() + 1));
        }
        let checksum = Digest::of(&bytes);
        bytes.extend(checksum.as_bytes());
        if let Ok(mut read) = TableProfile::from_bytes(&bytes) {
            let fresh = table(&[mixed(50, 3)]);
            let _drift = (read.drift(&fresh), fresh.drift(&read));
            for (_, column) in read.columns() {
                let _facts = (column.summary(), column.frequent(), column.decile_edges());
            }
            let _refused = read.merge(&fresh);
            prop_assert!(TableProfile::from_bytes(&read.to_bytes()).is_ok());
        }
    }
}
