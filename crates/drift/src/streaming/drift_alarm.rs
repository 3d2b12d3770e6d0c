use serde::{Deserialize, Serialize};

use super::{
    adwin::Adwin,
    input::Value,
    running::saturated,
    signal::{Detector, Signal},
};

/// The alarm to start with: [`Adwin`] on values brought between 0 and 1, at most one false alarm in a million values.
///
/// ADWIN alone wants values between 0 and 1; brought there, its rate of false alarms holds whatever their unit and however heavy their
/// tails, and unlike detectors that compare with the best time ever it is as quick after a long quiet time as after a short one. The
/// rate is that of independent values: where each depends on the one before, take means of longer times or expect more alarms.
///
/// It sees changes of the level, up and down; for the spread alone take [`Kswin`](super::Kswin). O(1) per value, O(log n) memory. After a
/// drift everything is learnt anew.
///
/// ```
/// use lineal_drift::streaming::{Detector, DriftAlarm, Signal, Value};
///
/// let mut alarm = DriftAlarm::for_values();
/// let stream = (0..4000).map(|at| Value::new(f64::from(at * 7 % 11) + if at < 2000 { 500.0 } else { 510.0 }).unwrap());
/// assert!(matches!(alarm.update_all(stream)[..], [(2000..2100, Signal::Drift)]));
///
/// let mut alarm = DriftAlarm::for_errors();
/// let wrong = (0..4000).map(|at| at % if at < 2000 { 10 } else { 3 } == 0).collect::<Vec<_>>();
/// let found = alarm.update_array(&lineal_drift::arrow::array::BooleanArray::from(wrong))?;
/// assert!(matches!(found.signals[..], [(2000..2200, Signal::Drift)]));
/// # Ok::<(), lineal_drift::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DriftAlarm {
    unit: Unit,
    adwin: Adwin,
    drifted: bool,
}

/// How values come between 0 and 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Unit {
    /// They are there; others are clamped.
    Known,
    /// From the first values.
    Learning(Vec<f64>),
    /// By their distance from the centre. Both are quarters, so that no difference of numbers is too large.
    Learnt { centre: f64, spread: f64 },
}

impl DriftAlarm {
    /// What the alarm keeps to on a stationary stream of independent values, of [`for_values`](Self::for_values) and
    /// [`for_errors`](Self::for_errors) alike. Measured on 10,000,000 values of each of several laws, and tested.
    pub const FALSE_ALARMS_PER_MILLION: f64 = 1.0;

    /// Watches numbers of any unit: the first 256 values, after which it watches, give the median and the quartiles, by which the others
    /// are brought between 0 and 1.
    #[must_use]
    pub fn for_values() -> Self {
        Self { unit: Unit::Learning(Vec::new()), adwin: Adwin::default(), drifted: false }
    }

    /// Watches errors, 0 or 1, or other numbers between 0 and 1; what lies outside is clamped. It watches from the first value on.
    ///
    /// Which of the two is the error makes no difference.
    #[must_use]
    pub fn for_errors() -> Self {
        Self { unit: Unit::Known, adwin: Adwin::default(), drifted: false }
    }

    fn start_anew(&mut self) {
        *self = match self.unit {
            Unit::Known => Self::for_errors(),
            Unit::Learning(_) | Unit::Learnt { .. } => Self::for_values(),
        };
    }
}

impl Unit {
    /// Returns the place of a value between 0 and 1, `None` as long as the unit is not known.
    fn place(&mut self, x: f64) -> Option<f64> {
        match self {
            Self::Known => Some(x.clamp(0.0, 1.0)),
            Self::Learning(values) => {
                values.push(x);
                if values.len() >= LEARNT_FROM {
                    *self = Self::learnt(std::mem::take(values));
                }
                None
            }
            Self::Learnt { centre, spread } => {
                let away = saturated(0.25 * x - *centre);
                Some(if away == 0.0 { 0.5 } else { 0.5 + 0.5 * (away / (*spread + away.abs())) })
            }
        }
    }

    /// Takes the median, and half the distance of the quartiles.
    fn learnt(mut values: Vec<f64>) -> Self {
        values.sort_unstable_by(f64::total_cmp);
        let quarter = |at: usize| 0.25 * values.get(values.len() * at / 4).copied().unwrap_or(0.0);
        Self::Learnt { centre: quarter(2), spread: 0.5 * quarter(3) - 0.5 * quarter(1) }
    }
}

impl Default for DriftAlarm {
    fn default() -> Self {
        Self::for_values()
    }
}

impl Detector for DriftAlarm {
    type Input = Value;

    #[inline]
    fn update(&mut self, input: Value) -> Signal {
        if self.drifted {
            self.start_anew();
        }
        let place = self.unit.place(input.get()).map(Value::new);
        let Some(Ok(place)) = place else { return Signal::Quiet };
        let signal = self.adwin.update(place);
        self.drifted = signal == Signal::Drift;
        signal
    }

    /// What two replicas learnt to be the unit of their values differs a little, which would be taken for a change: of two that watch
    /// already, the one with the longer window stays. Errors have no unit.
    fn merge(&mut self, mut other: Self) {
        for alarm in [&mut *self, &mut other] {
            if alarm.drifted {
                alarm.start_anew();
            }
        }
        match (&mut self.unit, &mut other.unit) {
            (Unit::Known, Unit::Known) => self.adwin.merge(other.adwin),
            (_, Unit::Learning(values)) => take_all(self, values),
            (Unit::Learning(values), _) => {
                take_all(&mut other, values);
                *self = other;
            }
            _ if other.adwin.width() > self.adwin.width() => *self = other,
            _ => {}
        }
    }
}

fn take_all(alarm: &mut DriftAlarm, values: &[f64]) {
    for value in values.iter().filter_map(|value| Value::new(*value).ok()) {
        alarm.update(value);
    }
}

/// Values of which the median and the quartiles are learnt: their places are known to about a twentieth then.
const LEARNT_FROM: usize = 256;
