//! No detector fires more often on a stationary stream than its row in `FALSE_ALARMS` says.
//!
//! 10,000,000 values of each stream in release builds, 1,000,000 of the worst ones in debug builds.

use lineal_drift::streaming::{
    Adwin, Cusum, Ddm, Detector, DriftAlarm, Ecdd, Eddm, ErrorBit, FALSE_ALARMS, FalseAlarms, Fhddm,
    GeometricMovingAverage, HddmA, HddmW, Kswin, PageHinkley, Rddm, Signal, Stepd, Value,
};
use lineal_testkit::Dice;

/// The name of a law, and a draw from it.
type Law = (&'static str, fn(&mut Dice) -> f64);

const IS_THOROUGH: bool = !cfg!(debug_assertions);
const VALUES: u32 = if IS_THOROUGH { 10_000_000 } else { 1_000_000 };

#[test]
fn detectors_of_errors_keep_to_their_rates() {
    let rates: &[f64] = if IS_THOROUGH { &[0.01, 0.05, 0.2, 0.5] } else { &[0.01, 0.5] };
    for &rate in rates {
        let bits = || stream(101, move |dice| ErrorBit::from_error(dice.chance(rate)));
        for row in FALSE_ALARMS {
            let drifts = match row.detector {
                "Ddm" => drifts(Ddm::default(), bits()),
                "Rddm" => drifts(Rddm::default(), bits()),
                "Eddm" => drifts(Eddm::default(), bits()),
                "HddmA" => drifts(HddmA::default(), bits()),
                "HddmW" => drifts(HddmW::default(), bits()),
                "Fhddm" => drifts(Fhddm::default(), bits()),
                "Ecdd" => drifts(Ecdd::default(), bits()),
                "Stepd" => drifts(Stepd::default(), bits()),
                "DriftAlarm" => drifts(DriftAlarm::for_errors(), bits().map(Value::from)),
                _ => continue,
            };
            holds(row, &format!("errors at {rate}"), drifts);
        }
    }
}

#[test]
fn detectors_of_numbers_keep_to_their_rates() {
    let laws: &[Law] = &[("normal", normal), ("exponential", exponential), ("uniform", Dice::fraction)];
    for &(law, draw) in if IS_THOROUGH { laws } else { &laws[..2] } {
        let numbers = || stream(102, move |dice| Value::new(draw(dice)).unwrap());
        for row in FALSE_ALARMS {
            let drifts = match row.detector {
                "Adwin" => drifts(Adwin::default(), numbers()),
                "PageHinkley" => drifts(PageHinkley::default(), numbers()),
                "Cusum" => drifts(Cusum::default(), numbers()),
                "GeometricMovingAverage" => drifts(GeometricMovingAverage::default(), numbers()),
                "Kswin" if IS_THOROUGH => drifts(Kswin::default(), numbers()),
                "Kswin" => 10 * drifts(Kswin::default(), numbers().take(VALUES as usize / 10)),
                "DriftAlarm" => drifts(DriftAlarm::for_values(), numbers()),
                _ => continue,
            };
            holds(row, law, drifts);
        }
    }
}

/// Its rate does not depend on unit or tails.
#[test]
fn the_alarm_keeps_to_its_rate_whatever_the_law() {
    let laws: [Law; 4] = [
        ("Cauchy", |dice| normal(dice) / normal(dice)),
        ("lognormal", |dice| (2.0 * normal(dice)).exp() * 1e6),
        ("a few counts", |dice| (3.0 * dice.fraction() * dice.fraction()).floor()),
        ("tiny", |dice| 1e-300 * normal(dice) - 1e-290),
    ];
    let row = FALSE_ALARMS.iter().find(|row| row.detector == "DriftAlarm").unwrap();
    assert_eq!(row.at_most_per_million, DriftAlarm::FALSE_ALARMS_PER_MILLION);
    for (law, draw) in laws {
        let numbers = stream(103, move |dice| Value::new(draw(dice)).unwrap());
        holds(row, law, drifts(DriftAlarm::for_values(), numbers));
    }
}

fn stream<T>(seed: u64, mut draw: impl FnMut(&mut Dice) -> T) -> impl Iterator<Item = T> {
    let mut dice = Dice::new(seed);
    (0..VALUES).map(move |_| draw(&mut dice))
}

fn normal(dice: &mut Dice) -> f64 {
    // Box and Muller (1958).
    (-2.0 * (1.0 - dice.fraction()).ln()).sqrt() * (std::f64::consts::TAU * dice.fraction()).cos()
}

fn exponential(dice: &mut Dice) -> f64 {
    -(1.0 - dice.fraction()).ln()
}

fn drifts<D: Detector>(mut detector: D, stream: impl Iterator<Item = D::Input>) -> usize {
    stream.map(|input| detector.update(input)).filter(|signal| *signal == Signal::Drift).count()
}

fn holds(row: &FalseAlarms, stream: &str, drifts: usize) {
    let per_million = drifts as f64 / f64::from(VALUES) * 1e6;
    println!("{} on {stream}: {per_million:.1} drifts per million, at most {}", row.detector, row.at_most_per_million);
    assert!(per_million <= row.at_most_per_million, "{} on {stream}: {per_million}", row.detector);
}
