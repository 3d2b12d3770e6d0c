//! Drift between profiles lies within its stated bounds of the exact methods on the rows.

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use lineal_drift::profile::{ColumnProfile, DriftEstimate, ProfileSettings, TableProfile};
use lineal_drift::{
    Categories, ColumnStatus, Error, Method, PairedCounts, Sample, Side, SkipReason, arrow, hellinger_counts,
    jensen_shannon_counts, ks, l_infinity_counts, psi_counts, psi_quantile10, total_variation_counts, wasserstein,
};

use crate::generators::{batch, floats, optional, words};

/// SplitMix64.
fn uniforms(seed: u64) -> impl Iterator<Item = f64> {
    (1_u64..).map(move |i| {
        let z = seed.wrapping_add(i.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    })
}

/// About normal, with a mean and a spread.
fn normals(seed: u64, mean: f64, spread: f64, n: usize) -> Vec<f64> {
    let mut uniform = uniforms(seed);
    (0..n).map(|_| mean + spread * (uniform.by_ref().take(12).sum::<f64>() - 6.0)).collect()
}

fn profile(values: &[f64], settings: &ProfileSettings) -> ColumnProfile {
    ColumnProfile::of(&floats(values.iter().copied()), settings).unwrap()
}

fn labels(values: &[String]) -> ArrayRef {
    words(values.iter().map(|value| Some(value.as_str())))
}

fn holds(estimate: &DriftEstimate, exact: f64) -> bool {
    let slack = 1e-9 * (1.0 + exact.abs());
    estimate.lower - slack <= exact && exact <= estimate.upper + slack
}

/// Counts in (edge, next edge].
fn counts(values: &[f64], edges: &[f64]) -> Vec<u64> {
    let mut counts = vec![0; edges.len() + 1];
    values.iter().for_each(|value| counts[edges.partition_point(|edge| edge < value)] += 1);
    counts
}

fn over_bins(method: Method, reference: &[u64], current: &[u64]) -> f64 {
    match method {
        Method::Psi => psi_counts(reference, current).unwrap(),
        Method::JensenShannon => jensen_shannon_counts(reference, current).unwrap().distance_2(),
        Method::TotalVariation => total_variation_counts(reference, current).unwrap(),
        Method::Hellinger => hellinger_counts(reference, current).unwrap(),
        Method::LInfinity => l_infinity_counts(reference, current).unwrap(),
        other => panic!("{other} is not over bins"),
    }
}

const OVER_BINS: [Method; 4] = [Method::Psi, Method::JensenShannon, Method::TotalVariation, Method::Hellinger];

fn exact(method: Method, reference: &[f64], current: &[f64], edges: &[f64]) -> f64 {
    let sample = |values: &[f64]| values.iter().copied().collect::<Sample>();
    match method {
        Method::Ks => ks(&sample(reference), &sample(current)).unwrap().statistic,
        Method::Wasserstein => wasserstein(&sample(reference), &sample(current)).unwrap().raw,
        Method::WassersteinNormed => wasserstein(&sample(reference), &sample(current)).unwrap().normed,
        method => over_bins(method, &counts(reference, edges), &counts(current, edges)),
    }
}

#[test]
fn numbers_drift_within_the_bounds() {
    let (mut checked, mut largest) = (0, 0.0_f64);
    for seed in 0..8 {
        let reference = normals(seed, 0.0, 1.0, 20_000);
        for (shift, spread, n) in [(0.0, 1.0, 20_000), (0.05, 1.0, 7_000), (0.5, 1.3, 20_000), (4.0, 0.1, 500)] {
            let current = normals(1000 + seed, shift, spread, n);
            let settings = ProfileSettings::default().with_seed(seed);
            let mine = profile(&reference, &settings);
            let theirs = profile(&current, &settings);
            let sample: Sample = current.iter().copied().collect();
            for drift in [mine.drift(&theirs).unwrap(), mine.drift_to_sample(&sample).unwrap()] {
                assert_eq!(drift.estimates.len(), 7);
                for estimate in &drift.estimates {
                    let exact = exact(estimate.method, &reference, &current, &drift.edges);
                    assert!(holds(estimate, exact), "seed {seed}, shift {shift}: {estimate:?}, exactly {exact}");
                    checked += 1;
                    if estimate.method == Method::Ks {
                        largest = largest.max((estimate.value - exact).abs());
                    }
                }
                let psi = psi_quantile10(&reference.iter().copied().collect(), &sample).unwrap().value;
                let found = drift.estimate(Method::Psi).unwrap().value;
                assert!(
                    (found - psi).abs() < 0.02 + 0.15 * psi,
                    "seed {seed}, shift {shift}: {found}, over exact deciles {psi}"
                );
            }
        }
    }
    println!("numbers_drift_within_the_bounds: {checked} estimates, largest error of D {largest:.4}");
}

/// Small samples are kept whole, and then nothing is estimated.
#[test]
fn few_numbers_are_exact() {
    let (reference, current) = (normals(1, 0.0, 1.0, 180), normals(2, 0.4, 1.0, 150));
    let settings = ProfileSettings::default();
    let drift = profile(&reference, &settings).drift(&profile(&current, &settings)).unwrap();
    for estimate in &drift.estimates {
        let exact = exact(estimate.method, &reference, &current, &drift.edges);
        assert!((estimate.value - exact).abs() < 1e-12 * (1.0 + exact), "{estimate:?} {exact}");
        assert!((estimate.upper - estimate.lower).abs() < 1e-12, "{estimate:?}");
    }
}

/// Bins of the reference, counted in the pass over the current rows, take their part of the error away.
#[test]
fn edges_of_the_reference_make_the_current_side_exact() {
    let (reference, current) = (normals(1, 0.0, 1.0, 50_000), normals(2, 0.2, 1.0, 50_000));
    let table = |values: &[f64], settings: &ProfileSettings| {
        TableProfile::of(&[batch([("x", floats(values.iter().copied()))])], settings).unwrap()
    };
    let plain = ProfileSettings::default();
    let reference_table = table(&reference, &plain);
    let loose = reference_table.drift(&table(&current, &plain));
    let counted = reference_table.drift(&table(&current, &plain.with_edges_of(&reference_table)));
    let found = |drift: &lineal_drift::profile::TableDrift| drift.column("x").unwrap().drift.clone().unwrap();
    let (loose, counted) = (found(&loose), found(&counted));
    for method in OVER_BINS {
        let width = |estimate: &DriftEstimate| estimate.upper - estimate.lower;
        let (loose, counted) = (loose.estimate(method).unwrap(), counted.estimate(method).unwrap());
        assert!(width(counted) < width(loose), "{counted:?} {loose:?}");
        assert!(holds(counted, exact(method, &reference, &current, &found_edges(&reference_table))), "{counted:?}");
    }
}

fn found_edges(table: &TableProfile) -> Vec<f64> {
    table.column("x").and_then(ColumnProfile::decile_edges).unwrap()
}

#[test]
fn infinities_take_part_in_kolmogorov_smirnov_alone() {
    let reference = [Some(f64::NEG_INFINITY), Some(1.0), Some(2.0), None];
    let current = [Some(1.0), Some(f64::INFINITY), Some(f64::INFINITY), Some(2.0)];
    let of = |values: &[Option<f64>]| {
        ColumnProfile::of(&optional(values.iter().copied()), &ProfileSettings::default()).unwrap()
    };
    let sample = |values: &[Option<f64>]| values.iter().map(|v| v.unwrap_or(f64::NAN)).collect::<Sample>();
    let drift = of(&reference).drift(&of(&current)).unwrap();
    let exact = ks(&sample(&reference), &sample(&current)).unwrap().statistic;
    assert!((drift.estimate(Method::Ks).unwrap().value - exact).abs() < 1e-15);
    assert_eq!(drift.estimate(Method::Wasserstein).unwrap().value, 0.0);
    assert_eq!((drift.reference_missing_fraction, drift.current_missing_fraction), (0.25, 0.0));
}

/// Label i has a share that falls with i.
fn zipf(seed: u64, labels: f64, skew: f64, n: usize) -> Vec<String> {
    uniforms(seed).take(n).map(|u| format!("label {}", (labels.powf(u.powf(skew)) - 1.0).floor())).collect()
}

#[test]
fn labels_drift_within_the_bounds() {
    for (count, is_exact) in [(60.0, true), (3_000.0, false), (100_000.0, false)] {
        for seed in 0..5 {
            let (reference, current) = (zipf(seed, count, 1.0, 20_000), zipf(100 + seed, count, 1.2, 9_000));
            let of = |values: &[String]| ColumnProfile::of(&labels(values), &ProfileSettings::default()).unwrap();
            let categories = |values: &[String]| Categories::from_array(&labels(values)).unwrap();
            let paired = PairedCounts::pair(&categories(&reference), &categories(&current));
            let mine = of(&reference);
            for drift in [mine.drift(&of(&current)).unwrap(), mine.drift_to_categories(&categories(&current)).unwrap()]
            {
                assert_eq!(drift.estimates.len(), 5);
                // The bounds of PSI are for its value with the rest in one bin, which is another number.
                for estimate in drift.estimates.iter().filter(|estimate| is_exact || estimate.method != Method::Psi) {
                    let exact = over_bins(estimate.method, paired.reference(), paired.current());
                    assert!(holds(estimate, exact), "{count} labels, seed {seed}: {estimate:?}, exactly {exact}");
                    if is_exact {
                        assert!((estimate.value - exact).abs() < 1e-12, "{estimate:?} {exact}");
                    }
                }
            }
        }
    }
}

/// PSI against its exact value over the labels that the profiles list, and one bin for all others.
#[test]
fn the_index_of_many_labels_is_over_the_listed_ones_and_the_rest() {
    let (reference, current) = (zipf(1, 3_000.0, 1.0, 20_000), zipf(2, 3_000.0, 1.5, 20_000));
    let of = |values: &[String]| ColumnProfile::of(&labels(values), &ProfileSettings::default()).unwrap();
    let (mine, theirs) = (of(&reference), of(&current));
    let listed: std::collections::BTreeSet<String> =
        mine.frequent().into_iter().chain(theirs.frequent()).map(|item| item.label).collect();
    let grouped = |values: &[String]| {
        let mut counts = vec![0_u64; listed.len() + 1];
        for value in values {
            counts[listed.iter().position(|label| label == value).unwrap_or(listed.len())] += 1;
        }
        counts
    };
    let exact = psi_counts(&grouped(&reference), &grouped(&current)).unwrap();
    let drift = mine.drift(&theirs).unwrap();
    let estimate = drift.estimate(Method::Psi).unwrap();
    assert!(holds(estimate, exact), "{estimate:?}, exactly {exact}");
}

#[test]
fn a_table_says_of_each_column_why_it_could_not_be_compared() {
    let side = |second: ArrayRef, third: (&str, ArrayRef)| -> RecordBatch {
        batch([("numbers", floats([1.0, 2.0])), ("second", second), third])
    };
    let of = |batch: RecordBatch| TableProfile::of(&[batch], &ProfileSettings::default()).unwrap();
    let reference = of(side(floats([1.0, 2.0]), ("gone", floats([1.0, 2.0]))));
    let current = of(side(words([Some("a"), Some("b")]), ("new", floats([1.0, 2.0]))));
    let drift = reference.drift(&current);
    let status = |name: &str| drift.column(name).unwrap().status.clone();
    assert_eq!(status("numbers"), ColumnStatus::Ok);
    assert!(matches!(status("second"), ColumnStatus::Failed { .. }));
    assert_eq!(status("gone"), ColumnStatus::Skipped { reason: SkipReason::NoColumn(Side::Current) });
    assert_eq!(status("new"), ColumnStatus::Skipped { reason: SkipReason::NoColumn(Side::Reference) });
    let json = serde_json::to_string(&drift).unwrap();
    assert_eq!(serde_json::from_str::<lineal_drift::profile::TableDrift>(&json).unwrap(), drift);

    let empty = ColumnProfile::of(&optional([None, None]), &ProfileSettings::default()).unwrap();
    let integers = ColumnProfile::of(&Int64Array::from(vec![1, 2]), &ProfileSettings::default()).unwrap();
    assert!(matches!(integers.drift(&empty), Err(Error::Empty { side: Side::Current, .. })));
    assert!(integers.drift_to_categories(&Categories::default()).is_err());
}
