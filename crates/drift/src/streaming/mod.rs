//! Detectors that watch a stream value by value, in constant or logarithmic memory.
//!
//! Start with [`DriftAlarm`], whose rate of false alarms is stated and low; the others have the defaults of their papers, and
//! [`FALSE_ALARMS`] says how often those fire for nothing. Errors (right or wrong) go to [`Ddm`], [`Rddm`], [`Eddm`], [`HddmA`],
//! [`HddmW`], [`Fhddm`], [`Ecdd`] and [`Stepd`]; numbers to [`Adwin`], [`PageHinkley`], [`Cusum`], [`GeometricMovingAverage`] and
//! [`Kswin`].
//!
//! All of them are plain values: they serialise with their whole state, have no clock and no hidden randomness, and say the same
//! whether they are fed one value at a time, many, or an Arrow array ([`Detector::update_array`]). After a drift they start anew with
//! the next value. Numbers near the limits of `f64` saturate: a state never holds an infinity.
//!
//! States of replicas that watch parts of one stream merge ([`Detector::merge`]), saved ones as well as those at work: when a service shrinks, or
//! when one place is to judge what many have seen. Counts, means and the windows of [`Adwin`] are then those of all values. What depends on the
//! order between replicas, which nobody knows, is chosen so that a merged detector hardly fires more often for nothing than one that
//! saw all. Rates of false alarms of replicas that are not merged add up.

mod adwin; // a window that shrinks when its halves differ
mod bit_window; // packed bits of the newest values
mod cool_down; // fewer signals in a row
mod cusum; // cumulated rise over the mean
mod ddm; // error rate above its minimum
mod drift_alarm; // the alarm to start with
mod ecdd; // weighted error rate above the running one
mod eddm; // distance between errors
mod false_alarms; // how often defaults fire for nothing
mod fhddm; // hits in a sliding window, by Hoeffding's bound
mod geometric_moving_average; // weighted deviation from the mean
mod hddm_a; // means before and after a cut, by Hoeffding's bound
mod hddm_w; // weighted means before and after a cut, by McDiarmid's bound
mod in_turns; // what replicas saw, as one sequence
mod input; // what detectors are fed
mod kswin; // laws of the newest and of older values
mod page_hinkley; // cumulated deviation from the mean
mod rddm; // error rate above its minimum, of the newest values of a long concept
mod running; // mean and variance, value by value
mod signal; // what detectors say, and the trait
mod stepd; // error rate of the newest values against all before them

pub use self::{
    adwin::{Adwin, AdwinSettings},
    cool_down::CoolDown,
    cusum::{Cusum, CusumSettings},
    ddm::{Ddm, DdmSettings},
    drift_alarm::DriftAlarm,
    ecdd::{Ecdd, EcddSettings, RunLength},
    eddm::{Eddm, EddmSettings},
    false_alarms::{FALSE_ALARMS, FalseAlarms},
    fhddm::{Fhddm, FhddmSettings},
    geometric_moving_average::{GeometricMovingAverage, GeometricMovingAverageSettings},
    hddm_a::{HddmA, HddmASettings},
    hddm_w::{HddmW, HddmWSettings},
    input::{ErrorBit, StreamInput, Value},
    kswin::{Kswin, KswinSettings},
    page_hinkley::{PageHinkley, PageHinkleySettings, PageHinkleySide},
    rddm::{Rddm, RddmSettings},
    signal::{ArraySignals, Detector, Signal},
    stepd::{Stepd, StepdSettings},
};
