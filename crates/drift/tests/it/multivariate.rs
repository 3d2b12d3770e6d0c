//! Rows as a whole: what a test must not find, what it must, and what it answers to nonsense.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray};
use lineal_core::Rng;
use lineal_drift::multivariate::{
    DomainClassifier, Reconstruction, RowReconstruction, embedding_rows, energy_test, hotelling, kernel_width,
    linear_mmd, linear_mmd_test, mmd_test,
};
use lineal_drift::ndarray::{Array2, ArrayView2, array};
use lineal_drift::resampling::Draws;
use lineal_drift::{Error, arrow, energy_rows, mmd};
use proptest::prelude::*;

use crate::generators::{batch, floats, optional, words};

pub(crate) fn normal_rows(seed: u64, rows: usize, width: usize, shift: f64) -> Array2<f64> {
    let mut rng = Rng::new(seed, "rows");
    Array2::from_shape_fn((rows, width), |_| rng.normal() + shift)
}

/// Counts how often a test of two equal laws is at or below levels, and, for some of them, how often of a shifted one at 5 %.
fn rates(tests: u64, shift: f64, p_value: impl Fn(ArrayView2<'_, f64>, ArrayView2<'_, f64>, u64) -> f64) -> [f64; 4] {
    let (mut hits, shifted) = ([0.0; 4], 40);
    for seed in 0..tests {
        let (x, y) = (normal_rows(2 * seed, 20, 2, 0.0), normal_rows(2 * seed + 1, 24, 2, 0.0));
        let p = p_value(x.view(), y.view(), seed);
        for (hit, level) in hits.iter_mut().zip([0.05, 0.2, 0.5]) {
            *hit += f64::from(u8::from(p <= level)) / tests as f64;
        }
        if seed < shifted {
            let p = p_value(x.view(), (y + shift).view(), seed);
            hits[3] += f64::from(u8::from(p <= 0.05)) / shifted as f64;
        }
    }
    hits
}

/// Three standard errors of a rate around its level.
fn keeps_its_level(what: &str, tests: u64, [p05, p20, p50, power]: [f64; 4], least_power: f64) {
    println!("{what}: {p05} at 5 %, {p20} at 20 %, {p50} at 50 %, power {power}");
    for (rate, level) in [(p05, 0.05), (p20, 0.2), (p50, 0.5_f64)] {
        let error = (level * (1.0 - level) / tests as f64).sqrt();
        assert!((rate - level).abs() <= 3.0 * error, "{what}: {rate} instead of {level}");
    }
    assert!(power >= least_power, "{what}: power {power}");
}

#[test]
fn permutation_p_values_are_uniform_and_find_a_shift() {
    let tests = 200;
    let draws = |seed| Draws::new(99, seed);
    keeps_its_level(
        "mmd",
        tests,
        rates(tests, 1.0, |x, y, seed| mmd_test(x, y, 1.5, draws(seed)).unwrap().p_value),
        0.9,
    );
    keeps_its_level(
        "energy",
        tests,
        rates(tests, 1.0, |x, y, seed| energy_test(x, y, draws(seed)).unwrap().p_value),
        0.9,
    );
    let linear = rates(tests, 2.5, |x, y, seed| linear_mmd_test(x, y, 1.5, draws(seed)).unwrap().p_value);
    keeps_its_level("linear mmd", tests, linear, 0.6);
    keeps_its_level("hotelling", tests, rates(tests, 1.0, |x, y, _| hotelling(x, y).unwrap().p_value), 0.9);
}

/// Folds in a row keep the level that cross-fitted ones do not.
#[test]
fn the_domain_classifier_keeps_its_level() {
    let tests = 200;
    let p_value = |x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>, seed| {
        DomainClassifier::new(seed).compare_rows(x, y).unwrap().p_value
    };
    let mut hits = [0.0; 4];
    for seed in 0..tests {
        let (x, y) = (normal_rows(2 * seed, 60, 3, 0.0), normal_rows(2 * seed + 1, 50, 3, 0.0));
        let p = p_value(x.view(), y.view(), seed);
        for (hit, level) in hits.iter_mut().zip([0.05, 0.2, 0.5]) {
            *hit += f64::from(u8::from(p <= level)) / tests as f64;
        }
        hits[3] += f64::from(u8::from(p_value(x.view(), (y + 0.5).view(), seed) <= 0.05)) / tests as f64;
    }
    keeps_its_level("domain classifier", tests, hits, 0.9);
}

#[test]
fn statistics_are_those_of_the_plain_functions() {
    for (n, m, width) in [(2, 2, 1), (63, 65, 3), (64, 64, 2), (130, 3, 5), (1, 200, 2)] {
        let (x, y) = (normal_rows(1, n, width, 0.0), normal_rows(2, m, width, 0.3));
        let energy = energy_test(x.view(), y.view(), Draws::new(3, 1)).unwrap();
        let expected = energy_rows(x.view(), y.view()).unwrap();
        assert!((energy.statistic - expected).abs() < 1e-12, "{n} {m}: {} {expected}", energy.statistic);
        let Ok(test) = mmd_test(x.view(), y.view(), 0.7, Draws::new(3, 1)) else {
            assert_eq!(n, 1);
            continue;
        };
        let expected = mmd(x.view(), y.view(), 0.7).unwrap().unbiased.unwrap();
        assert!((test.statistic - expected).abs() < 1e-12, "{n} {m}: {} {expected}", test.statistic);
    }
}

/// With three rows a side there are ten ways to deal them out, each of which the p-value must weigh as often as it comes.
#[test]
fn p_values_of_few_rows_are_those_of_all_permutations() {
    let (x, y) = (array![[0.0], [1.0], [2.0]], array![[10.0], [11.0], [12.0]]);
    for p in [
        mmd_test(x.view(), y.view(), 3.0, Draws::new(20_000, 1)).unwrap().p_value,
        energy_test(x.view(), y.view(), Draws::new(20_000, 1)).unwrap().p_value,
    ] {
        // The sides as they are, and exchanged.
        assert!((p - 0.1).abs() < 0.01, "{p}");
    }
}

#[test]
fn more_draws_than_fit_one_batch_are_a_longer_list_of_the_same() {
    let (x, y) = (normal_rows(1, 30, 2, 0.0), normal_rows(2, 40, 2, 0.2));
    let reached = |count: u32| {
        let p = mmd_test(x.view(), y.view(), 1.0, Draws::new(count, 1)).unwrap().p_value;
        (p * f64::from(count + 1) - 1.0).round()
    };
    let counts: Vec<f64> = [1, 4, 5, 511, 512, 513, 1100].map(reached).to_vec();
    assert!(counts.windows(2).all(|pair| pair[0] <= pair[1]), "{counts:?}");
    assert!(counts[4] - counts[3] <= 1.0 && counts[5] - counts[4] <= 1.0, "{counts:?}");
}

#[test]
fn linear_mmd_keeps_its_level_by_the_normal_law() {
    let tests = 300;
    let p_value = |seed: u64, shift: f64| {
        let (x, y) = (normal_rows(2 * seed, 400, 2, 0.0), normal_rows(2 * seed + 1, 400, 2, shift));
        linear_mmd(x.view(), y.view(), 1.5).unwrap().p_value
    };
    let rate = (0..tests).filter(|seed| p_value(*seed, 0.0) <= 0.05).count() as f64 / tests as f64;
    assert!((rate - 0.05).abs() < 0.04, "{rate}");
    assert!((0..20).all(|seed| p_value(seed, 1.5) < 0.05));
}

#[test]
fn hotelling_at_the_edges() {
    // A constant column does not count; one that differs only between the sides is certain.
    let (x, y) = (array![[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]], array![[0.5, 1.0], [1.5, 1.0], [3.0, 1.0]]);
    let test = hotelling(x.view(), y.view()).unwrap();
    assert_eq!(test.degrees_of_freedom, (1.0, 4.0));
    let certain = hotelling(x.view(), array![[0.5, 2.0], [1.5, 2.0]].view()).unwrap();
    assert_eq!((certain.statistic, certain.p_value), (f64::INFINITY, 0.0));
    // Nothing varies and nothing differs.
    let same = hotelling(array![[5.0], [5.0]].view(), array![[5.0]].view()).unwrap();
    assert_eq!((same.statistic, same.p_value), (0.0, 1.0));
    // A column that is the sum of two others.
    let with_sum = |rows: Array2<f64>| {
        Array2::from_shape_fn(
            (rows.nrows(), 3),
            |(i, j)| if j == 2 { rows[(i, 0)] + rows[(i, 1)] } else { rows[(i, j)] },
        )
    };
    let (x, y) = (normal_rows(1, 30, 2, 0.0), normal_rows(2, 20, 2, 0.4));
    let (plain, summed) =
        (hotelling(x.view(), y.view()).unwrap(), hotelling(with_sum(x).view(), with_sum(y).view()).unwrap());
    assert_eq!(plain.degrees_of_freedom, summed.degrees_of_freedom);
    assert!((plain.p_value / summed.p_value - 1.0).abs() < 1e-9);
    assert!(matches!(hotelling(array![[1.0, 2.0]].view(), array![[1.0, 2.0]].view()), Err(Error::TooFew { .. })));
}

fn people(rows: i64, shift: f64, label: &'static str) -> RecordBatch {
    let mut rng = Rng::new(rows as u64, "people");
    let age: Vec<Option<f64>> = (0..rows).map(|i| (i % 7 != 0).then(|| rng.normal() * 10.0 + 40.0 + shift)).collect();
    let town: Vec<Option<&str>> =
        (0..rows).map(|_| [Some("Bern"), Some("Chur"), None, Some(label)][rng.below(4) as usize]).collect();
    let member = BooleanArray::from((0..rows).map(|_| rng.f64() < 0.3).collect::<Vec<_>>());
    let visits = Int64Array::from((0..rows).map(|_| rng.below(11) as i64).collect::<Vec<_>>());
    batch([
        ("age", optional(age)),
        ("town", words(town)),
        ("member", Arc::new(member) as ArrayRef),
        ("visits", Arc::new(visits) as ArrayRef),
    ])
}

const COLUMNS: [&str; 4] = ["age", "town", "member", "visits"];

#[test]
fn tables_are_told_apart_by_what_changed() {
    let classifier = DomainClassifier::new(1);
    let same = classifier.compare(&[people(700, 0.0, "Thun")], &[people(500, 0.0, "Thun")], &COLUMNS).unwrap();
    assert!(same.p_value > 0.01 && (same.auc - 0.5).abs() < 0.08, "{same:?}");
    let older = classifier.compare(&[people(700, 0.0, "Thun")], &[people(500, 15.0, "Thun")], &COLUMNS).unwrap();
    assert!(older.p_value < 1e-10 && older.auc > 0.7, "{older:?}");
    assert_eq!(older.features[0].name, "age");
    let moved = classifier.compare(&[people(700, 0.0, "Thun")], &[people(500, 0.0, "Genf")], &COLUMNS).unwrap();
    let top: Vec<&str> = moved.features[..2].iter().map(|f| f.name.as_str()).collect();
    assert!(top.contains(&"town = Genf") && top.contains(&"town = Thun"), "{top:?}");
    insta::assert_snapshot!(serde_json::to_string(&classifier).unwrap(), @r#"{"seed":1,"folds":5,"l2":1.0}"#);
}

#[test]
fn tables_that_do_not_fit_are_refused() {
    let good = people(100, 0.0, "Thun");
    let classifier = DomainClassifier::new(1);
    let learn = |batches: &[RecordBatch], columns: &[&str]| Reconstruction::learn(batches, columns, 0.65);
    let learnt = learn(std::slice::from_ref(&good), &COLUMNS).unwrap();
    assert!(matches!(learn(&[], &COLUMNS), Err(Error::Empty { .. })));
    assert!(matches!(learn(std::slice::from_ref(&good), &[]), Err(Error::Empty { .. })));
    assert!(matches!(learn(&[good.slice(0, 0)], &COLUMNS), Err(Error::Empty { .. })));
    assert!(matches!(learn(std::slice::from_ref(&good), &["nothing"]), Err(Error::Ambiguous { .. })));
    assert!(matches!(
        Reconstruction::learn(std::slice::from_ref(&good), &COLUMNS, 1.0),
        Err(Error::Setting { name: "explained_variance", .. })
    ));
    assert!(matches!(learnt.errors_of_chunks(std::slice::from_ref(&good), 0), Err(Error::Setting { .. })));
    let turned = batch([("age", words([Some("old")])), ("town", floats([1.0]))]);
    let only = |columns: &[&str]| learn(std::slice::from_ref(&good), columns).unwrap();
    assert!(matches!(only(&["age"]).errors(std::slice::from_ref(&turned)), Err(Error::TypeChanged { .. })));
    assert!(matches!(only(&["town"]).errors(&[turned]), Err(Error::TypeChanged { .. })));
    let nowhere = batch([("age", optional([None, None])), ("town", words([None, None]))]);
    assert!(matches!(learn(std::slice::from_ref(&nowhere), &["age"]), Err(Error::Empty { .. })));
    assert!(matches!(learn(&[nowhere], &["town"]), Err(Error::Empty { .. })));
    let infinite = batch([("age", floats([f64::INFINITY, 1.0]))]);
    assert!(matches!(learn(std::slice::from_ref(&infinite), &["age"]), Err(Error::Infinite { count: 1, .. })));
    let few = good.slice(0, 9);
    let refused = classifier.compare(&[few], std::slice::from_ref(&good), &COLUMNS);
    assert!(matches!(refused, Err(Error::TooFew { .. })));
    let one_fold = classifier.clone().with_folds(1).compare_rows(array![[1.0]].view(), array![[1.0]].view());
    assert!(matches!(one_fold, Err(Error::Setting { name: "folds", .. })));
    let no_penalty = classifier.with_l2(0.0).compare_rows(array![[1.0]].view(), array![[1.0]].view());
    assert!(matches!(no_penalty, Err(Error::Setting { name: "l2", .. })));
}

#[test]
fn what_is_learnt_comes_back_from_its_text() {
    let good = [people(100, 0.0, "Thun")];
    let learnt = Reconstruction::learn(&good, &COLUMNS, 0.65).unwrap();
    let read: Reconstruction = serde_json::from_str(&serde_json::to_string(&learnt).unwrap()).unwrap();
    assert_eq!(read, learnt);
    assert_eq!(read.errors(&good).unwrap(), learnt.errors(&good).unwrap());
    // An unknown label is worth nothing, and a table without rows has no error.
    assert_eq!(learnt.errors(&[people(0, 0.0, "Genf")]).unwrap(), Vec::<f64>::new());
    assert_eq!(learnt.errors(&[people(8, 0.0, "Genf")]).unwrap().len(), 8);
    let rows = RowReconstruction::learn(normal_rows(1, 30, 4, 0.0).view(), 0.65).unwrap();
    let read: RowReconstruction = serde_json::from_str(&serde_json::to_string(&rows).unwrap()).unwrap();
    assert_eq!(read, rows);
    insta::assert_snapshot!(
        serde_json::to_string(&Reconstruction::learn(&[batch([("a", floats([1.0, 3.0])), ("b", words([Some("x"), Some("x")]))])], &["a", "b"], 0.65).unwrap()).unwrap(),
        @r#"{"columns":[{"name":"a","encoding":{"values":{"numbers":{"mean":2.0}},"mean":2.0,"deviation":1.0}},{"name":"b","encoding":{"values":{"labels":{"shares":{"x":1.0},"missing":1.0}},"mean":1.0,"deviation":1.0}}],"principal":{"directions":[[1.0,0.0]],"explained":1.0}}"#
    );
}

#[test]
fn a_learnt_state_that_is_nonsense_does_not_panic() {
    let good = [people(20, 0.0, "Thun")];
    let text = serde_json::to_string(&Reconstruction::learn(&good, &["age", "visits"], 0.65).unwrap()).unwrap();
    for (from, to) in
        [("\"directions\":[[", "\"directions\":[[],[1e308,"), ("\"deviation\":", "\"deviation\":0.0,\"x\":")]
    {
        if let Ok(broken) = serde_json::from_str::<Reconstruction>(&text.replace(from, to)) {
            drop(broken.errors(&good));
        }
    }
}

#[test]
fn settings_out_of_range_are_refused() {
    let (x, y) = (normal_rows(1, 5, 2, 0.0), normal_rows(2, 5, 2, 0.0));
    for count in [0, 1_000_001] {
        let draws = Draws::new(count, 1);
        assert!(matches!(mmd_test(x.view(), y.view(), 1.0, draws), Err(Error::Setting { name: "draws", .. })));
        assert!(matches!(energy_test(x.view(), y.view(), draws), Err(Error::Setting { name: "draws", .. })));
        assert!(matches!(linear_mmd_test(x.view(), y.view(), 1.0, draws), Err(Error::Setting { name: "draws", .. })));
    }
    for sigma in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let refused = mmd_test(x.view(), y.view(), sigma, Draws::new(1, 1));
        assert!(matches!(refused, Err(Error::Setting { name: "sigma", .. })));
    }
    assert!(matches!(mmd_test(x.view(), y.view(), 1e-320, Draws::new(1, 1)), Err(Error::Range { .. })));
    assert!(matches!(
        mmd_test(x.view(), normal_rows(1, 5, 3, 0.0).view(), 1.0, Draws::new(1, 1)),
        Err(Error::Shape { .. })
    ));
    let texts = StringArray::from(vec!["a"]);
    assert!(matches!(embedding_rows(&[&texts]), Err(Error::UnsupportedType { .. })));
}

fn nasty() -> impl Strategy<Value = f64> {
    prop_oneof![
        1 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
        4 => Just(0.0),
        4 => Just(5e-324),
        4 => Just(1e308),
        4 => Just(-1.7e308),
        4 => Just(1e-160),
        20 => -3.0..3.0_f64,
    ]
}

fn nasty_rows() -> impl Strategy<Value = Array2<f64>> {
    (0_usize..25, 0_usize..4).prop_flat_map(|(rows, width)| {
        proptest::collection::vec(nasty(), rows * width)
            .prop_map(move |values| Array2::from_shape_vec((rows, width), values).unwrap())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn no_rows_panic(x in nasty_rows(), y in nasty_rows(), finite in any::<bool>()) {
        // Half of the cases reach the arithmetic.
        let clean = |rows: Array2<f64>| if finite { rows.mapv(|v| if v.is_finite() { v } else { 1.0 }) } else { rows };
        let (x, y) = (clean(x), clean(y));
        let draws = Draws::new(5, 1);
        let is_probability = |p: f64| (0.0..=1.0).contains(&p);
        for test in [
            mmd_test(x.view(), y.view(), 0.5, draws),
            energy_test(x.view(), y.view(), draws),
            linear_mmd_test(x.view(), y.view(), 1e200, draws),
        ].into_iter().flatten() {
            prop_assert!(test.statistic.is_finite() && is_probability(test.p_value), "{:?}", test);
        }
        if let Ok(test) = linear_mmd(x.view(), y.view(), 2.0) {
            prop_assert!(test.statistic.is_finite() && is_probability(test.p_value), "{:?}", test);
        }
        if let Ok(test) = hotelling(x.view(), y.view()) {
            prop_assert!(test.statistic >= 0.0 && is_probability(test.p_value), "{:?}", test);
        }
        if let Ok(found) = DomainClassifier::new(1).with_folds(2).compare_rows(x.view(), y.view()) {
            prop_assert!(is_probability(found.auc) && is_probability(found.p_value) && found.standard_error.is_finite());
            prop_assert!(found.features.iter().all(|f| f.weight.is_finite()), "{:?}", found);
        }
        if let Ok(learnt) = RowReconstruction::learn(x.view(), 0.65)
            && let Ok(errors) = learnt.errors(y.view()) {
            prop_assert!(errors.iter().all(|e| e.is_finite()));
        }
        prop_assert!(kernel_width(x.view(), y.view(), 1).is_ok_and(|w| w > 0.0) || kernel_width(x.view(), y.view(), 1).is_err());
    }
}
