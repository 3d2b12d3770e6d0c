//! Detectors that watch a stream value by value, in constant or logarithmic memory.
//!
//! All of them are plain values: they serialise with their whole state, have no clock and no hidden randomness, and say the same
//! whether they are fed one value at a time or a batch. After a drift they start anew with the next value.

mod adwin; // a window that shrinks when its halves differ
mod bit_window; // packed bits of the newest values
mod cool_down; // fewer signals in a row
mod cusum; // cumulated rise over the mean
mod ddm; // error rate above its minimum
mod ecdd; // weighted error rate above the running one
mod eddm; // distance between errors
mod fhddm; // hits in a sliding window, by Hoeffding's bound
mod geometric_moving_average; // weighted deviation from the mean
mod hddm_a; // means before and after a cut, by Hoeffding's bound
mod hddm_w; // weighted means before and after a cut, by McDiarmid's bound
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
    ecdd::{Ecdd, EcddSettings, RunLength},
    eddm::{Eddm, EddmSettings},
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
