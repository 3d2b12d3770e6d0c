//! Detectors of streams: state that is saved, cool-downs, false alarms, hostile values.

use lineal_drift::arrow::array::{Float64Array, StringArray};
use lineal_drift::streaming::{
    Adwin, AdwinSettings, CoolDown, Cusum, Ddm, Detector, DriftAlarm, Ecdd, Eddm, ErrorBit, Fhddm, FhddmSettings,
    GeometricMovingAverage, HddmA, HddmW, Kswin, KswinSettings, PageHinkley, Rddm, RddmSettings, Signal, Stepd,
    StepdSettings, Value,
};
use lineal_testkit::Dice;
use serde::{Serialize, de::DeserializeOwned};

fn uniform(dice: &mut Dice) -> f64 {
    (dice.next_u64() >> 11) as f64 * 2.0_f64.powi(-53)
}

/// Errors at a rate that doubles in the middle.
fn errors(seed: u64, n: usize, rate: f64) -> Vec<ErrorBit> {
    let mut dice = Dice::new(seed);
    (0..n).map(|at| ErrorBit::from_error(uniform(&mut dice) < if at < n / 2 { rate } else { 2.0 * rate })).collect()
}

/// A detector that is written down and read back in the middle goes on as if nothing had happened.
fn survives_a_restart<D>(mut detector: D, stream: Vec<D::Input>)
where
    D: Detector + Clone + Serialize + DeserializeOwned,
    D::Input: Copy,
{
    let expected = detector.clone().update_all(stream.iter().copied());
    let mut found = Vec::new();
    for (at, input) in (0..).zip(stream) {
        if at % 97 == 0 {
            detector = serde_json::from_str(&serde_json::to_string(&detector).unwrap()).unwrap();
        }
        let signal = detector.update(input);
        if signal != Signal::Quiet {
            found.push((at, signal));
        }
    }
    assert_eq!(found, expected);
}

#[test]
fn state_is_saved_whole() {
    let bits = errors(1, 6_000, 0.2);
    let numbers = || bits.iter().map(|bit| Value::new(bit.as_f64() * 3.0).unwrap()).collect::<Vec<_>>();
    survives_a_restart(Ddm::default(), bits.clone());
    survives_a_restart(Eddm::default(), bits.clone());
    survives_a_restart(HddmA::default(), bits.clone());
    survives_a_restart(HddmW::default(), bits.clone());
    survives_a_restart(Fhddm::new(FhddmSettings { short_window: Some(25), ..FhddmSettings::default() }), bits.clone());
    survives_a_restart(Adwin::default(), numbers());
    survives_a_restart(Adwin::new(AdwinSettings { keep_window: true, ..AdwinSettings::default() }), numbers());
    survives_a_restart(PageHinkley::default(), numbers());
    survives_a_restart(Cusum::default(), numbers());
    survives_a_restart(GeometricMovingAverage::default(), numbers());
    survives_a_restart(Ecdd::default(), bits.clone());
    survives_a_restart(Stepd::default(), bits.clone());
    survives_a_restart(Rddm::default(), bits.clone());
    let short = RddmSettings { max_concept: 400, min_concept: 130, ..RddmSettings::default() };
    survives_a_restart(Rddm::new(short), bits.clone());
    survives_a_restart(Rddm::new(RddmSettings { keep_window: true, ..short }), bits.clone());
    survives_a_restart(Kswin::default(), numbers());
    let mut dice = Dice::new(5);
    let spread: Vec<Value> =
        (0..6_000).map(|at| Value::new(uniform(&mut dice) + f64::from(at / 2_000)).unwrap()).collect();
    survives_a_restart(Kswin::new(KswinSettings { alpha: 0.05, seed: 8, ..KswinSettings::default() }), spread.clone());
    survives_a_restart(DriftAlarm::for_values(), spread);
    survives_a_restart(DriftAlarm::for_errors(), bits.iter().copied().map(Value::from).collect());
    survives_a_restart(CoolDown::new(Eddm::default(), 50), bits);
}

/// A state that nobody saved gives wrong signals at worst.
#[test]
fn nonsense_in_a_saved_state_does_no_harm() {
    fn fed<D>(detector: &D, inputs: Vec<D::Input>)
    where
        D: Detector + Serialize + DeserializeOwned,
        D::Input: Copy,
    {
        let text = serde_json::to_string(detector).unwrap();
        for number in ["18446744073709551615", "4294967295", "-1.5", "1e308", "0"] {
            for (at, _) in text.match_indices(|c: char| c.is_ascii_digit()) {
                let end = text[at..].find([',', '}', ']']).map_or(text.len(), |length| at + length);
                let start = text[..at].rfind([':', '[']).map_or(at, |before| before + 1);
                let changed = format!("{}{number}{}", &text[..start], &text[end..]);
                if let Ok(mut read) = serde_json::from_str::<D>(&changed) {
                    read.update_all(inputs.iter().copied());
                }
            }
        }
    }
    let bits = errors(4, 300, 0.3);
    let numbers: Vec<Value> = bits.iter().map(|bit| Value::new(bit.as_f64()).unwrap()).collect();
    let mut fhddm = Fhddm::default();
    fhddm.update_all(bits.iter().copied());
    fed(&fhddm, bits.clone());
    let mut eddm = Eddm::default();
    eddm.update_all(bits.iter().copied());
    fed(&eddm, bits.clone());
    fed(&Ddm::default(), bits.clone());
    fed(&HddmA::default(), bits.clone());
    fed(&HddmW::default(), bits.clone());
    fed(&Ecdd::default(), bits.clone());
    let mut stepd = Stepd::default();
    stepd.update_all(bits.iter().copied());
    fed(&stepd, bits.clone());
    let mut rddm = Rddm::new(RddmSettings { max_concept: 150, min_concept: 70, ..RddmSettings::default() });
    rddm.update_all(bits.iter().copied());
    fed(&rddm, bits);
    let mut kswin = Kswin::new(KswinSettings { window_size: 12, stat_size: 5, ..KswinSettings::default() });
    kswin.update_all(numbers.iter().copied());
    fed(&kswin, numbers.clone());
    for alarm in [DriftAlarm::for_values(), DriftAlarm::for_errors()] {
        fed(&alarm, numbers.clone());
    }
    let mut alarm = DriftAlarm::for_values();
    alarm.update_all(numbers.iter().copied());
    fed(&alarm, numbers.clone());
    let mut adwin = Adwin::default();
    adwin.update_all(numbers.iter().copied());
    fed(&adwin, numbers.clone());
    fed(&Cusum::default(), numbers.clone());
    fed(&GeometricMovingAverage::default(), numbers.clone());
    fed(&PageHinkley::default(), numbers);
}

#[test]
fn a_cool_down_leaves_no_two_drifts_close_to_each_other() {
    let stream = errors(2, 20_000, 0.3);
    let drifts = |signals: Vec<(u64, Signal)>| -> Vec<u64> {
        signals.into_iter().filter(|(_, signal)| *signal == Signal::Drift).map(|(at, _)| at).collect()
    };
    let plain = drifts(Eddm::default().update_all(stream.clone()));
    let rare = drifts(CoolDown::new(Eddm::default(), 1_000).update_all(stream));
    assert!(plain.windows(2).any(|pair| pair[1] - pair[0] < 1_000));
    assert!(!rare.is_empty() && rare.windows(2).all(|pair| pair[1] - pair[0] > 1_000), "{rare:?}");
}

#[test]
fn adwin_of_the_paper_keeps_what_lies_behind_the_cut() {
    let stream = (0..2_000).map(|at| Value::new(if at < 1_000 { 0.0 } else { 1.0 }).unwrap());
    let mut adwin = Adwin::new(AdwinSettings { keep_window: true, ..AdwinSettings::default() });
    let signals = adwin.update_all(stream);
    assert_eq!(signals.first(), Some(&(1_023, Signal::Drift)));
    // Buckets that lie across the change go as well, a little later.
    assert!(adwin.width() > 950.0 && adwin.width() <= 1_000.0, "{}", adwin.width());
    assert!((adwin.mean() - 1.0).abs() < 1e-12);
}

#[test]
fn steady_streams_are_quiet() {
    let mut dice = Dice::new(3);
    let steady: Vec<ErrorBit> = (0..50_000).map(|_| ErrorBit::from_error(uniform(&mut dice) < 0.2)).collect();
    let numbers = steady.iter().map(|bit| Value::new(bit.as_f64()).unwrap());
    let drifts = |signals: Vec<(u64, Signal)>| signals.iter().filter(|(_, signal)| *signal == Signal::Drift).count();
    assert_eq!(drifts(Adwin::default().update_all(numbers)), 0);
    // Their bounds hold at one cut, and there are many.
    assert!(drifts(HddmA::default().update_all(steady.clone())) <= 5);
    assert!(drifts(Fhddm::default().update_all(steady)) <= 5);
}

#[test]
fn only_finite_numbers_get_in() {
    let array = Float64Array::from(vec![Some(1.0), None, Some(f64::NAN), Some(f64::INFINITY), Some(2.0)]);
    let mut taken = Vec::new();
    assert_eq!(Value::read(&array, |value| taken.push(value.get())).unwrap(), 3);
    assert_eq!(taken, [1.0, 2.0]);
    assert!(Value::read(&StringArray::from(vec!["a"]), |_| ()).is_err());
    assert!(serde_json::from_str::<Value>("1e999").is_err());
    let empty = FhddmSettings { window: 0, short_window: Some(7), ..FhddmSettings::default() };
    Fhddm::new(empty).update_all([ErrorBit::Error, ErrorBit::Correct]);
    Stepd::new(StepdSettings { window: 0, ..StepdSettings::default() })
        .update_all([ErrorBit::Error, ErrorBit::Correct]);
    Rddm::new(RddmSettings { min_instances: 0, min_concept: 0, max_concept: 0, ..RddmSettings::default() })
        .update_all([ErrorBit::Error, ErrorBit::Correct]);
    for (window_size, stat_size) in [(0, 0), (0, 5), (7, 0), (9, 5), (u32::MAX, 3), (u32::MAX, u32::MAX)] {
        let settings = KswinSettings { window_size, stat_size, alpha: 1.0, ..KswinSettings::default() };
        let signals = Kswin::new(settings).update_all((0..100).map(|at| Value::new(f64::from(at)).unwrap()));
        assert_eq!(signals, []);
    }
}

/// Where nothing tells two rates apart, there is no test, and rates that agree are no drift however rare errors are.
#[test]
fn equal_proportions_of_rare_errors_are_quiet() {
    let constant = (0..1_000).map(|_| ErrorBit::Correct);
    assert_eq!(Stepd::default().update_all(constant), []);
    let rare = (0..100_000).map(|at| ErrorBit::from_error(at % 1_000 == 0));
    let signals = Stepd::default().update_all(rare);
    assert!(signals.iter().all(|(_, signal)| *signal == Signal::Warning), "{signals:?}");
}

/// States that were saved are read by later releases.
#[test]
fn what_is_saved() {
    fn json(state: &impl Serialize) -> String {
        serde_json::to_string(state).unwrap()
    }
    let bits = [true, false, true].map(ErrorBit::from_error);
    let numbers = [1.5, -2.0, 1.0, 0.5].map(|x| Value::new(x).unwrap());
    let mut rddm = Rddm::default();
    rddm.update_all(bits);
    insta::assert_snapshot!(json(&rddm), @r#"{"settings":{"min_instances":129,"warning_threshold":1.773,"drift_threshold":2.258,"max_concept":40000,"min_concept":7000,"max_warnings":1400,"keep_window":false},"rate":{"n":3.0,"mean":0.6666666666666666},"n":3,"lowest":null,"warnings":0,"window":{"words":[5],"next":3,"len":3},"starts_anew":false,"drifted":false}"#);
    let mut stepd = Stepd::default();
    stepd.update_all(bits);
    insta::assert_snapshot!(json(&stepd), @r#"{"settings":{"window":30,"drift_level":0.003,"warning_level":0.05},"window":{"words":[5],"next":3,"len":3},"window_errors":2,"older":0,"older_errors":0,"critical":[2.7055434540954413,7.550302542198001],"drifted":false}"#);
    let mut kswin = Kswin::new(KswinSettings { window_size: 4, stat_size: 1, ..KswinSettings::default() });
    kswin.update_all(numbers);
    insta::assert_snapshot!(json(&kswin), @r#"{"settings":{"alpha":0.005,"window_size":4,"stat_size":1,"seed":0},"window":[1.5,-2.0,1.0,0.5],"random":11400714819323198485,"drifted":false}"#);
    let mut adwin = Adwin::default();
    adwin.update_all(numbers);
    insta::assert_snapshot!(json(&adwin), @r#"{"settings":{"delta":0.002,"clock":32,"max_buckets":5,"min_window_length":5,"grace_period":10,"keep_window":false},"rows":[[{"total":1.5,"variance":0.0},{"total":-2.0,"variance":0.0},{"total":1.0,"variance":0.0},{"total":0.5,"variance":0.0}]],"scale":1.0,"width":4.0,"total":1.0,"variance":7.25,"ticks":4,"drifted":false}"#);
    let mut alarm = DriftAlarm::for_values();
    alarm.update_all(numbers);
    insta::assert_snapshot!(json(&alarm), @r#"{"unit":{"learning":[1.5,-2.0,1.0,0.5]},"adwin":{"settings":{"delta":0.002,"clock":32,"max_buckets":5,"min_window_length":5,"grace_period":10,"keep_window":false},"rows":[[]],"scale":1.0,"width":0.0,"total":0.0,"variance":0.0,"ticks":0,"drifted":false},"drifted":false}"#);
    alarm.update_all((0..300).map(|at| Value::new(f64::from(at)).unwrap()));
    let json = json(&alarm);
    insta::assert_snapshot!(&json[..json.find("\"adwin").unwrap()], @r#"{"unit":{"learnt":{"centre":31.0,"spread":16.0}},"#);
}
