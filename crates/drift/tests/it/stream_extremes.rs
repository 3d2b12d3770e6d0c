//! Numbers near the limits of `f64`: states stay finite, and changes are still seen.

use lineal_drift::streaming::{
    Adwin, AdwinSettings, Cusum, CusumSettings, Detector, DriftAlarm, GeometricMovingAverage, Kswin, PageHinkley,
    PageHinkleySettings, Signal, Value,
};
use lineal_testkit::Dice;
use serde::{Serialize, de::DeserializeOwned};

/// Feeds a stream and asserts again and again that the state is one that reads back: JSON has no infinity and no NaN.
fn drifts<D>(mut detector: D, stream: impl Iterator<Item = f64>) -> Vec<u64>
where
    D: Detector<Input = Value> + PartialEq + std::fmt::Debug + Serialize + DeserializeOwned,
{
    let mut drifts = Vec::new();
    for (at, x) in (0..).zip(stream) {
        if detector.update(Value::new(x).unwrap()) == Signal::Drift {
            drifts.push(at);
        }
        if at % 23 != 0 {
            continue;
        }
        let text = serde_json::to_string(&detector).unwrap();
        let read: D = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} after {x}: {text}"));
        assert_eq!(read, detector);
    }
    drifts
}

fn streams() -> Vec<Vec<f64>> {
    let mut dice = Dice::new(1);
    let nasty = [f64::MAX, f64::MIN, 1e308, -1e308, 1e160, 5e-324, -5e-324, 0.0, 1.0, -1.0, 1e-300];
    let mut streams: Vec<Vec<f64>> =
        (0..20).map(|_| (0..400).map(|_| nasty[dice.index(nasty.len())]).collect()).collect();
    for x in nasty {
        streams.push((0..400).map(|at| if at % 2 == 0 { x } else { -x }).collect());
        streams.push(vec![x; 400]);
        streams.push((0..400).map(|at| if at < 200 { 0.0 } else { x }).collect());
    }
    streams
}

#[test]
fn no_state_becomes_infinite() {
    for stream in streams() {
        let stream = || stream.iter().copied();
        drifts(Adwin::default(), stream());
        drifts(Adwin::new(AdwinSettings { keep_window: true, ..AdwinSettings::default() }), stream());
        drifts(PageHinkley::default(), stream());
        drifts(
            PageHinkley::new(PageHinkleySettings { threshold: f64::MAX, ..PageHinkleySettings::default() }),
            stream(),
        );
        drifts(Cusum::default(), stream());
        drifts(Cusum::new(CusumSettings { threshold: f64::MAX, ..CusumSettings::default() }), stream());
        drifts(GeometricMovingAverage::default(), stream());
        drifts(Kswin::default(), stream());
        drifts(DriftAlarm::for_values(), stream());
        drifts(DriftAlarm::for_errors(), stream());
    }
}

#[test]
fn changes_of_the_largest_numbers_are_seen() {
    let stream = |before: f64, after: f64| (0..2_000).map(move |at| if at < 1_000 { before } else { after });
    for (before, after) in [(0.0, 1.7e308), (-1.7e308, 1.7e308), (1e307, 1.6e308)] {
        let soon = |drifts: Vec<u64>| {
            let first = drifts.first().copied();
            assert!(matches!(first, Some(1_000..1_100)), "{before:e} to {after:e}: {drifts:?}");
        };
        if before == 0.0 {
            // It compares sums, whose rounding alone exceeds its bound where numbers are large and do not spread.
            soon(drifts(Adwin::default(), stream(before, after)));
        }
        soon(drifts(PageHinkley::default(), stream(before, after)));
        soon(drifts(Cusum::default(), stream(before, after)));
        soon(drifts(GeometricMovingAverage::default(), stream(before, after)));
        soon(drifts(Kswin::default(), stream(before, after)));
        soon(drifts(DriftAlarm::for_values(), stream(before, after)));
    }
    // Constants are quiet, however large.
    for x in [1.7e308, -1.7e308] {
        assert!(drifts(PageHinkley::default(), stream(x, x)).is_empty());
        assert!(drifts(Cusum::default(), stream(x, x)).is_empty());
        assert!(drifts(GeometricMovingAverage::default(), stream(x, x)).is_empty());
        assert!(drifts(DriftAlarm::for_values(), stream(x, x)).is_empty());
    }
}

/// Detectors that were deaf after a spike hear again.
#[test]
fn a_spike_is_got_over() {
    let stream = || {
        (0..3_000).map(|at| match at {
            100 => 1.7e308,
            101 => -1.7e308,
            _ if at < 2_000 => 0.0,
            _ => 2.0,
        })
    };
    for drifts in [drifts(PageHinkley::default(), stream()), drifts(Cusum::default(), stream())] {
        assert!(drifts.iter().any(|at| *at >= 2_000), "{drifts:?}");
    }
    assert!(drifts(Kswin::default(), stream()).iter().any(|at| *at >= 2_000));
    assert!(drifts(DriftAlarm::for_values(), stream()).iter().any(|at| *at >= 2_000));
}

#[test]
fn the_window_of_large_numbers_is_known() {
    let mut adwin = Adwin::default();
    adwin.update_all([1.0, 1e200, 3e200].map(|x| Value::new(x).unwrap()));
    assert_eq!(adwin.width(), 3.0);
    assert!((adwin.mean() / (4e200 / 3.0) - 1.0).abs() < 1e-12 && (adwin.total() / 4e200 - 1.0).abs() < 1e-12);
    assert_eq!(adwin.squared_deviations(), f64::INFINITY);
}
