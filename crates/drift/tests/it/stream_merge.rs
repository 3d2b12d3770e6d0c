//! Windows of replicas that merge.

use lineal_drift::streaming::{Adwin, AdwinSettings, Detector, Signal, Value};
use lineal_testkit::Dice;
use proptest::{collection::vec, prelude::*};

fn fed(settings: AdwinSettings, values: impl IntoIterator<Item = f64>) -> Adwin {
    let mut adwin = Adwin::new(settings);
    adwin.update_all(values.into_iter().map(|x| Value::new(x).unwrap()));
    adwin
}

/// A window that never falls in two.
fn patient() -> AdwinSettings {
    AdwinSettings { delta: 1e-300, ..AdwinSettings::default() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn sums_are_those_of_both(x in vec(-5.0..9.0_f64, 0..700), y in vec(-5.0..9.0_f64, 0..700), huge in proptest::option::of(Just(1e250))) {
        let x: Vec<f64> = x.into_iter().chain(huge).collect();
        let mut merged = fed(patient(), x.iter().copied());
        merged.merge(fed(patient(), y.iter().copied()));
        let both: Vec<f64> = x.into_iter().chain(y).collect();
        let close = |ours: f64, exact: f64| (ours - exact).abs() <= 1e-9 * (1.0 + exact.abs()) || !exact.is_finite();
        let total: f64 = both.iter().sum();
        let mean = if both.is_empty() { 0.0 } else { total / both.len() as f64 };
        prop_assert_eq!(merged.width(), both.len() as f64);
        prop_assert!(close(merged.total(), total) && close(merged.mean(), mean));
        prop_assert!(close(merged.squared_deviations(), both.iter().map(|x| (x - mean).powi(2)).sum()));
        // It reads back, and goes on.
        let mut read: Adwin = serde_json::from_str(&serde_json::to_string(&merged).unwrap()).unwrap();
        let more = || (0..300).map(|at| Value::new(f64::from(at % 5)).unwrap());
        prop_assert_eq!(read.update_all(more()), merged.update_all(more()));
        prop_assert_eq!(read, merged);
    }
}

#[test]
fn a_merged_window_sees_what_one_window_sees() {
    let mut dice = Dice::new(6);
    let mut draw = |mean: f64| mean + dice.fraction();
    for settings in [AdwinSettings::default(), AdwinSettings { keep_window: true, ..AdwinSettings::default() }] {
        // One stream, dealt to three replicas.
        let parts: [Vec<f64>; 3] = std::array::from_fn(|_| (0..5_000).map(|_| draw(0.0)).collect());
        let mut merged = fed(settings, parts[0].iter().copied());
        merged.merge(fed(settings, parts[1].iter().copied()));
        merged.merge(fed(settings, parts[2].iter().copied()));
        assert_eq!(merged.width(), 15_000.0);
        // No more memory than one that saw all of it.
        let whole = fed(settings, parts.concat());
        let size = |adwin: &Adwin| serde_json::to_string(adwin).unwrap().matches("variance").count();
        assert!(size(&merged) <= size(&whole) + 5 && size(&merged) > 30, "{} {}", size(&merged), size(&whole));
        // Nothing changed, so nothing is found, and then something did.
        let quiet = merged.update_all((0..2_000).map(|_| Value::new(draw(0.0)).unwrap()));
        assert_eq!(quiet, []);
        let found = merged.update_all((0..500).map(|_| Value::new(draw(0.3)).unwrap()));
        assert!(matches!(found.first(), Some((0..250, Signal::Drift))), "{found:?}");
    }
}

/// A change that each replica has seen too little of is found in what both have seen.
#[test]
fn replicas_see_a_change_together() {
    let part = |seed| {
        let mut dice = Dice::new(seed);
        (0..1_040).map(move |at| f64::from(u8::from(dice.chance(if at < 1_000 { 0.1 } else { 0.5 }))))
    };
    let (one, other) = (fed(AdwinSettings::default(), part(1)), fed(AdwinSettings::default(), part(2)));
    assert_eq!((one.width(), other.width()), (1_040.0, 1_040.0));
    let mut merged = one;
    merged.merge(other);
    let mut dice = Dice::new(3);
    let found = merged.update_all((0..32).map(|_| Value::new(f64::from(u8::from(dice.chance(0.5)))).unwrap()));
    assert!(matches!(found.first(), Some((_, Signal::Drift))), "{found:?}");
}

#[test]
fn windows_with_nothing_in_them() {
    let full = fed(AdwinSettings::default(), [1.0, 2.0, 3.0]);
    let (mut left, mut right) = (full.clone(), Adwin::default());
    left.merge(Adwin::default());
    right.merge(full.clone());
    assert_eq!((&left, &right), (&full, &full));
    // After a drift a window is given up by the next value, or by the merge.
    let mut drifted = Adwin::default();
    let stream = (0..1_024).map(|at| Value::new(if at < 1_000 { 0.0 } else { 1.0 }).unwrap());
    assert_eq!(drifted.update_all(stream).last(), Some(&(1_023, Signal::Drift)));
    drifted.merge(full);
    assert_eq!(drifted.width(), 3.0);
}
