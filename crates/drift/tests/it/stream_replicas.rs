//! Detectors of replicas that merge: what is promised of all of them.

use lineal_drift::streaming::{
    Adwin, CoolDown, Cusum, CusumSettings, Ddm, Detector, DriftAlarm, Ecdd, EcddSettings, Eddm, EddmSettings, ErrorBit,
    Fhddm, GeometricMovingAverage, HddmA, HddmASettings, HddmW, HddmWSettings, Kswin, KswinSettings, PageHinkley,
    PageHinkleySettings, Rddm, RddmSettings, RunLength, Signal, Stepd, StepdSettings, Value,
};
use lineal_testkit::Dice;

/// Runs a check for every kind of detector: how to make one, and its input for an error or none.
macro_rules! for_all_detectors {
    ($check:ident) => {{
        let error = ErrorBit::from_error;
        let value = |error| Value::new(f64::from(u8::from(error))).unwrap();
        // The threshold of those that add up deviations has the unit of the values.
        let ten = |error| Value::new(if error { 10.0 } else { 0.0 }).unwrap();
        let two_sided = HddmASettings { two_sided: true, ..HddmASettings::default() };
        let weighted = HddmWSettings { two_sided: true, ..HddmWSettings::default() };
        // With its defaults it rarely gets that far on errors that come by chance.
        let tolerant = EddmSettings { alpha: 0.6, beta: 0.5, ..EddmSettings::default() };
        let keeping = RddmSettings { keep_window: true, ..RddmSettings::default() };
        let rare = EcddSettings { run_length: RunLength::Of1000, ..EcddSettings::default() };
        let strict = StepdSettings { drift_level: 1e-5, ..StepdSettings::default() };
        let high = CusumSettings { threshold: 400.0, ..CusumSettings::default() };
        let far = PageHinkleySettings { threshold: 400.0, ..PageHinkleySettings::default() };
        let careful = KswinSettings { alpha: 1e-3, ..KswinSettings::default() };
        $check("ddm", Ddm::default, error);
        $check("eddm", || Eddm::new(tolerant), error);
        $check("rddm", Rddm::default, error);
        $check("rddm keeping its window", || Rddm::new(keeping), error);
        $check("hddm_a", || HddmA::new(two_sided), error);
        $check("hddm_w", || HddmW::new(weighted), error);
        $check("fhddm", Fhddm::default, error);
        $check("ecdd", || Ecdd::new(rare), error);
        $check("stepd", || Stepd::new(strict), error);
        $check("adwin", Adwin::default, value);
        $check("alarm of errors", DriftAlarm::for_errors, value);
        $check("alarm of values", DriftAlarm::for_values, value);
        $check("page-hinkley", || PageHinkley::new(far), ten);
        $check("cusum", || Cusum::new(high), ten);
        $check("geometric moving average", GeometricMovingAverage::default, ten);
        $check("kswin", || Kswin::new(careful), value);
        $check("cool-down", || CoolDown::new(Adwin::default(), 500), value);
    }};
}

fn feed<D: Detector>(
    detector: &mut D,
    seed: u64,
    values: u32,
    rate: f64,
    input: impl Fn(bool) -> D::Input,
) -> Vec<(u64, Signal)> {
    let mut dice = Dice::new(seed);
    detector.update_all((0..values).map(|_| input(dice.chance(rate))))
}

/// Where it is first taken for changed.
fn drift(signals: &[(u64, Signal)]) -> Option<u64> {
    signals.iter().find(|(_, signal)| *signal == Signal::Drift).map(|(at, _)| *at)
}

#[test]
fn a_replica_with_nothing_to_tell_changes_nothing() {
    fn check<D: Detector + Clone>(name: &str, make: impl Fn() -> D, input: impl Fn(bool) -> D::Input) {
        for values in [0, 1, 20, 700] {
            let mut fed = make();
            feed(&mut fed, 1, values, 0.1, &input);
            let mut drifted = make();
            let (mut at, mut bits) = (0, Dice::new(2));
            while at < 10_000 && drifted.update(input(bits.chance(if at < 2_000 { 0.1 } else { 0.9 }))) != Signal::Drift
            {
                at += 1;
            }
            let more = |mut detector: D| feed(&mut detector, 3, 900, 0.6, &input);
            let expected = more(fed.clone());
            let merged = |mut one: D, other: D| {
                one.merge(other);
                more(one)
            };
            assert_eq!(merged(fed.clone(), make()), expected, "{name}, {values} values, and nothing");
            assert_eq!(merged(make(), fed.clone()), expected, "{name}, nothing, and {values} values");
            if name != "cool-down" && name != "rddm keeping its window" {
                assert_eq!(merged(fed.clone(), drifted.clone()), expected, "{name}, {values} values, and a drift");
                assert_eq!(merged(drifted, fed), expected, "{name}, a drift, and {values} values");
            }
        }
    }
    for_all_detectors!(check);
}

/// Two replicas of 500 values each, merged, beside one detector of the 1,000 values: it fires no more often for nothing, and not much
/// later for a change.
#[test]
fn merged_replicas_are_as_good_as_one_that_saw_all() {
    const ROUNDS: u64 = 300;
    fn check<D: Detector + Clone>(name: &str, make: impl Fn() -> D, input: impl Fn(bool) -> D::Input) {
        // The rarest of its alarms for nothing come a thousand values apart, by its paper; they come sooner.
        let values = if name == "ecdd" { 50 } else { 500 };
        let (mut false_alarms, mut delays) = ([0_u64; 2], [vec![], vec![]]);
        for round in 0..ROUNDS {
            let seed = |part: u64| 10 * round + part;
            let quiet =
                |detector: &mut D, part, values| drift(&feed(detector, seed(part), values, 0.2, &input)).is_none();
            let (mut merged, mut other, mut whole) = (make(), make(), make());
            let both_quiet = quiet(&mut merged, 1, values) & quiet(&mut other, 2, values);
            let whole_quiet = quiet(&mut whole, 1, values) & quiet(&mut whole, 2, values);
            merged.merge(other);
            for (at, is_quiet, detector) in [(0, both_quiet, merged), (1, whole_quiet, whole)] {
                if !is_quiet {
                    continue;
                }
                false_alarms[at] += u64::from(!quiet(&mut detector.clone(), 3, values));
                let found = drift(&feed(&mut detector.clone(), seed(4), 2_000, 0.6, &input));
                delays[at].push(found.unwrap_or(2_000));
            }
        }
        let median = delays.each_mut().map(|delays| {
            delays.sort_unstable();
            delays[delays.len() / 2]
        });
        println!("{name}: {false_alarms:?} {median:?} {:?}", delays.each_ref().map(Vec::len));
        assert!(
            delays.iter().all(|delays| delays.len() as u64 > ROUNDS / 3),
            "{name}: {:?} rounds",
            delays.map(|d| d.len())
        );
        assert!(false_alarms[0] <= false_alarms[1] * 3 / 2 + ROUNDS / 30, "{name}: {false_alarms:?}");
        assert!(median[0] <= median[1] * 3 / 2 + 10, "{name}: after {median:?} values");
    }
    for_all_detectors!(check);
}
