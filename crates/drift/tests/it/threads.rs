//! The same bits on any number of threads.

use arrow::array::RecordBatch;
use lineal_core::Rng;
use lineal_drift::multivariate::{
    DomainClassifier, Reconstruction, RowReconstruction, energy_test, hotelling, linear_mmd_test, mmd_test,
};
use lineal_drift::resampling::{Draws, Scheme, resampled_test};
use lineal_drift::{
    Categories, DataDrift, DataDriftSettings, Method, PairedCounts, Sample, Score, arrow, ks, report_html,
};

use crate::generators::{batch, floats, words};
use crate::multivariate::normal_rows;
use crate::resampling::autoregressive;

fn data(seed: u32) -> RecordBatch {
    let noise = move |i: u32, column: u32| {
        f64::from((i + 1).wrapping_mul(2_654_435_761).wrapping_add(seed * 97 + column * 31) % 1013) / 7.0
    };
    let names: Vec<String> = (0..40).map(|c| format!("column {c}")).collect();
    batch(names.iter().zip(0..).map(|(name, column)| {
        let values = (0..3000).map(move |i| noise(i, column));
        let array =
            if column % 4 == 0 { words(values.map(|v| Some(["a", "b", "c"][v as usize % 3]))) } else { floats(values) };
        (name.as_str(), array)
    }))
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let drift = DataDrift::new(DataDriftSettings::default()).unwrap();
    let (reference, current) = ([data(1)], [data(2)]);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let report = pool.install(|| drift.compare(&reference, &current)).unwrap();
        (serde_json::to_string(&report).unwrap(), report_html(&report))
    };
    let alone = run(1);
    for threads in [2, 3, 8] {
        assert!(run(threads) == alone, "{threads} threads");
    }
}

/// With more values than the size from which sorts and walks are shared.
#[test]
fn every_method_gives_the_same_bits_on_any_number_of_threads() {
    let sample = |seed: u64| {
        let mut rng = Rng::new(seed, "threads");
        (0..70_000).map(|_| (rng.normal() * 1000.0).round()).collect::<Sample>()
    };
    let (reference, current) = (sample(1), sample(2));
    let counts = PairedCounts::pair(&Categories::from_sample(&reference), &Categories::from_sample(&current));
    let methods = || Method::ALL.iter().chain(Method::EVIDENTLY).chain(Method::NANNYML);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let of_numbers = methods().filter(|m| m.spec().numeric()).map(|m| m.score(&reference, &current));
            let of_counts = methods().filter(|m| m.spec().categorical()).map(|m| m.score_counts(&counts));
            let bits = |score: Score| (score.value.to_bits(), score.p_value.map(f64::to_bits));
            of_numbers.chain(of_counts).map(|score| score.map(bits).map_err(|e| e.to_string())).collect::<Vec<_>>()
        })
    };
    let alone = run(1);
    assert!(alone.iter().filter(|score| score.is_ok()).count() > 40, "{alone:?}");
    for threads in [2, 8] {
        assert_eq!(run(threads), alone, "{threads} threads");
    }
}

/// Large samples are sorted on all cores.
#[test]
fn a_large_sample_is_sorted_alike_on_any_number_of_threads() {
    let values = || {
        (0..200_000_u32).map(|i| f64::from(i.wrapping_mul(2_654_435_761) % 5_003) - 2_501.0).flat_map(|v| [v, -0.0, v])
    };
    let bits = |threads: usize| -> Vec<u64> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| Sample::new(values())).values().iter().map(|v| v.to_bits()).collect()
    };
    let mut expected: Vec<f64> = values().collect();
    expected.sort_by(f64::total_cmp);
    let expected: Vec<u64> = expected.iter().map(|v| v.to_bits()).collect();
    for threads in [1, 2, 8] {
        assert!(bits(threads) == expected, "{threads} threads");
    }
}

#[test]
fn rows_and_series_give_the_same_bits_on_any_number_of_threads() {
    let (x, y) = (normal_rows(1, 150, 3, 0.0), normal_rows(2, 170, 3, 0.1));
    let (long_x, long_y) = (normal_rows(3, 3000, 3, 0.0), normal_rows(4, 2500, 3, 0.1));
    let (series, later) = (autoregressive(1, 200, 0.5), autoregressive(2, 300, 0.5));
    let draws = Draws::new(40, 7);
    let all = || {
        let learnt = RowReconstruction::learn(long_x.view(), 0.65).unwrap();
        let table = Reconstruction::learn(&[data(1)], &["column 0", "column 1", "column 2"], 0.65).unwrap();
        let scheme = Scheme::StationaryBlocks { mean_length: 9.0 };
        let resampled = resampled_test(&series, &later, scheme, draws, |x, y| Ok(ks(x, y)?.statistic));
        let results = (
            mmd_test(x.view(), y.view(), 1.0, draws).unwrap(),
            energy_test(x.view(), y.view(), draws).unwrap(),
            linear_mmd_test(x.view(), y.view(), 1.0, draws).unwrap(),
            hotelling(long_x.view(), long_y.view()).unwrap(),
            DomainClassifier::new(7).compare_rows(long_x.view(), long_y.view()).unwrap(),
            learnt.errors(long_y.view()).unwrap(),
            table.errors(&[data(2)]).unwrap(),
            resampled.unwrap(),
        );
        serde_json::to_string(&results).unwrap()
    };
    let run = |threads: usize| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(all);
    let alone = run(1);
    for threads in [2, 8] {
        assert!(run(threads) == alone, "{threads} threads");
    }
}
