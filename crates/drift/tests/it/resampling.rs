//! P-values by drawing anew: their level for rows that do not depend on each other, and for series.

use lineal_core::Rng;
use lineal_drift::resampling::{BlockLength, Draws, ResampledTest, Scheme, resampled_test};
use lineal_drift::{Error, Sample, ks, wasserstein};
use proptest::prelude::*;

/// A series x(t) = phi x(t - 1) + noise, with noise of deviation 1, after it has forgotten its beginning.
pub(crate) fn autoregressive(seed: u64, rows: usize, phi: f64) -> Vec<f64> {
    let mut rng = Rng::new(seed, "autoregressive");
    let mut last = 0.0;
    let series = (0..rows + 100).map(|_| {
        last = phi * last + rng.normal();
        last
    });
    series.skip(100).collect()
}

fn distance(x: &Sample, y: &Sample) -> Result<f64, Error> {
    Ok(ks(x, y)?.statistic)
}

#[test]
fn permutation_p_values_are_uniform() {
    let tests = 400;
    let p_value = |seed: u64| {
        let (x, y) = (autoregressive(2 * seed, 30, 0.0), autoregressive(2 * seed + 1, 40, 0.0));
        let means = |x: &Sample, y: &Sample| Ok((x.mean().unwrap_or(0.0) - y.mean().unwrap_or(0.0)).abs());
        resampled_test(&x, &y, Scheme::Permutation, Draws::new(99, seed), means).unwrap().p_value
    };
    let p_values: Vec<f64> = (0..tests).map(p_value).collect();
    for level in [0.05, 0.2, 0.5, 0.8_f64] {
        let rate = p_values.iter().filter(|p| **p <= level).count() as f64 / tests as f64;
        assert!((rate - level).abs() < 3.0 * (level * (1.0 - level) / tests as f64).sqrt(), "{rate} at {level}");
    }
}

/// On a series whose neighbours are alike, the plain test and permutations find drift that is none in every third case; blocks of 25 of
/// 400 rows bring that to about one in twenty, and still find drift that is there.
#[test]
fn blocks_keep_the_level_on_series() {
    let plain =
        rejected(100, 0.0, |x, y, _| ks(&x.iter().copied().collect(), &y.iter().copied().collect()).unwrap().p_value());
    let permuted = rejected(50, 0.0, by(Scheme::Permutation));
    println!("rejected at 5 %: plain {plain}, permutation {permuted}");
    assert!(plain > 0.25 && permuted > 0.2, "{plain} {permuted}");
    let schemes = [
        Scheme::MovingBlocks { length: 25 },
        Scheme::CircularBlocks { length: 25 },
        Scheme::StationaryBlocks { mean_length: 25.0 },
    ];
    for scheme in schemes {
        let (level, power) = (rejected(100, 0.0, by(scheme)), rejected(15, 1.5, by(scheme)));
        println!("{scheme:?}: rejected {level}, power {power}");
        assert!(level <= 0.12 && power > 0.8, "{scheme:?}: {level} {power}");
    }
}

fn by(scheme: Scheme) -> impl Fn(&[f64], &[f64], u64) -> f64 {
    move |x, y, seed| resampled_test(x, y, scheme, Draws::new(79, seed), distance).unwrap().p_value
}

/// Returns how often a test of two series, one shifted, rejects at 5 %.
fn rejected(tests: u64, shift: f64, p_value: impl Fn(&[f64], &[f64], u64) -> f64) -> f64 {
    let rejects = |seed: &u64| {
        let (x, mut y) = (autoregressive(2 * seed, 400, 0.7), autoregressive(2 * seed + 1, 400, 0.7));
        y.iter_mut().for_each(|v| *v += shift);
        p_value(&x, &y, *seed) <= 0.05
    };
    (0..tests).filter(rejects).count() as f64 / tests as f64
}

#[test]
fn block_lengths_grow_with_dependence() {
    let length = |phi: f64| BlockLength::of(&autoregressive(3, 2000, phi)).unwrap();
    assert!(length(0.0).circular < 8.0 && length(0.7).circular > 10.0 && length(0.95).circular > length(0.7).circular);
    assert_eq!(BlockLength::of(&[1.0; 50]).unwrap().circular, 1.0);
    assert!(matches!(BlockLength::of(&[1.0; 19]), Err(Error::TooFew { .. })));
    assert!(matches!(BlockLength::of(&[f64::INFINITY; 50]), Err(Error::Infinite { count: 50, .. })));
    let text = serde_json::to_string(&Scheme::StationaryBlocks { mean_length: 12.5 }).unwrap();
    insta::assert_snapshot!(text, @r#"{"scheme":"stationary_blocks","mean_length":12.5}"#);
}

#[test]
fn what_cannot_be_drawn_is_refused() {
    let (x, y) = ([1.0, 2.0, f64::NAN], [3.0, 4.0]);
    let test = |x: &[f64], scheme, draws| resampled_test(x, &y, scheme, draws, distance);
    assert!(matches!(test(&[f64::NAN], Scheme::Permutation, Draws::new(9, 1)), Err(Error::Empty { .. })));
    assert!(matches!(test(&x, Scheme::Permutation, Draws::new(0, 1)), Err(Error::Setting { name: "draws", .. })));
    for scheme in [
        Scheme::MovingBlocks { length: 0 },
        Scheme::CircularBlocks { length: 5 },
        Scheme::StationaryBlocks { mean_length: f64::NAN },
        Scheme::StationaryBlocks { mean_length: 0.5 },
    ] {
        assert!(matches!(test(&x, scheme, Draws::new(9, 1)), Err(Error::Setting { name: "block length", .. })));
    }
    let longest = test(&x, Scheme::MovingBlocks { length: 4 }, Draws::new(9, 1)).unwrap();
    assert_eq!(longest.statistic, 1.0);
    let not_a_number = resampled_test(&x, &y, Scheme::Permutation, Draws::new(9, 1), |_, _| Ok(f64::NAN));
    assert!(matches!(not_a_number, Err(Error::Range { .. })));
    // The statistic's own error comes through: a distance of infinite values.
    let infinite = [f64::INFINITY, 1.0];
    let raw = |x: &Sample, y: &Sample| Ok(wasserstein(x, y)?.raw);
    assert!(matches!(
        resampled_test(&infinite, &y, Scheme::Permutation, Draws::new(9, 1), raw),
        Err(Error::Infinite { .. })
    ));
    let read: ResampledTest = serde_json::from_str(&serde_json::to_string(&longest).unwrap()).unwrap();
    assert_eq!(read, longest);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn no_series_panics(
        x in proptest::collection::vec(any::<f64>(), 0..40),
        y in proptest::collection::vec(any::<f64>(), 0..40),
        length in 0_usize..90,
        kind in 0..4,
    ) {
        let scheme = match kind {
            0 => Scheme::Permutation,
            1 => Scheme::MovingBlocks { length },
            2 => Scheme::CircularBlocks { length },
            _ => Scheme::StationaryBlocks { mean_length: length as f64 / 7.0 },
        };
        if let Ok(test) = resampled_test(&x, &y, scheme, Draws::new(7, 1), distance) {
            prop_assert!((0.0..=1.0).contains(&test.p_value) && (0.0..=1.0).contains(&test.statistic));
        }
        if let Ok(length) = BlockLength::of(&x) {
            prop_assert!(length.circular >= 1.0 && length.stationary >= 1.0 && length.circular.is_finite());
        }
    }
}
