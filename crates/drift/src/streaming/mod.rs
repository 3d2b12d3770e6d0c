//! Detectors that watch a stream value by value, in constant or logarithmic memory.
//!
//! All of them are plain values: they serialise with their whole state, have no clock and no hidden randomness, and say the same
//! whether they are fed one value at a time or a batch. After a drift they start anew with the next value.

mod adwin; // a window that shrinks when its halves differ
mod cool_down; // fewer signals in a row
mod ddm; // error rate above its minimum
mod eddm; // distance between errors
mod fhddm; // hits in a sliding window, by Hoeffding's bound
mod hddm_a; // means before and after a cut, by Hoeffding's bound
mod hddm_w; // weighted means before and after a cut, by McDiarmid's bound
mod input; // what detectors are fed
mod page_hinkley; // cumulated deviation from the mean
mod running; // mean and variance, value by value
mod signal; // what detectors say, and the trait

pub use self::{
    adwin::{Adwin, AdwinSettings},
    cool_down::CoolDown,
    ddm::{Ddm, DdmSettings},
    eddm::{Eddm, EddmSettings},
    fhddm::{Fhddm, FhddmSettings},
    hddm_a::{HddmA, HddmASettings},
    hddm_w::{HddmW, HddmWSettings},
    input::{ErrorBit, Value},
    page_hinkley::{PageHinkley, PageHinkleySettings, PageHinkleySide},
    signal::{Detector, Signal},
};
