use arrow::array::Array;
use serde::{Deserialize, Serialize};

use super::input::StreamInput;
use crate::error::Error;

/// What a detector says of a value, in rising severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "there is nothing else to be said")]
pub enum Signal {
    /// Nothing.
    #[default]
    Quiet,
    /// The stream may be changing: keep what comes from here on.
    Warning,
    /// It has changed.
    Drift,
}

/// A detector of change in a stream.
///
/// ```
/// use lineal_drift::streaming::{Ddm, Detector, ErrorBit, Signal};
///
/// let mut detector = Ddm::default();
/// let stream = (0..400).map(|at| ErrorBit::from_error(at % if at < 200 { 10 } else { 2 } == 0));
/// let signals = detector.update_all(stream);
/// assert!(signals.iter().all(|(at, _)| *at > 200));
/// assert!(signals.iter().any(|(_, signal)| *signal == Signal::Drift));
/// ```
pub trait Detector {
    /// What it is fed.
    type Input;

    /// Takes the next value.
    // Implementations are `#[inline]`: a call for each value would cost a detector of a few additions most of its speed.
    fn update(&mut self, input: Self::Input) -> Signal;

    /// Takes over what a replica saw, which watched another part of the same stream in the same time.
    ///
    /// What is counted or summed becomes that of all values. Of what was kept along the way to compare with (the lowest rate, the best
    /// window) the milder of both stays, so that a lucky stretch of one is not held against the other; of cumulated deviations the
    /// larger one; weighted means meet halfway; windows take the newest values of both in turns, because the order between replicas is
    /// not known. A replica that has just found a drift has nothing to give. The
    /// settings stay those of `self`, and should be the same. No signal comes from it: the next value is judged by the merged state.
    ///
    /// ```
    /// use lineal_drift::streaming::{Detector, Ddm, ErrorBit, Signal};
    ///
    /// let part = |period: usize| (0..1000).map(move |at| ErrorBit::from_error(at % period == 0));
    /// let (mut one, mut other) = (Ddm::default(), Ddm::default());
    /// assert!(one.update_all(part(9)).is_empty() && other.update_all(part(11)).is_empty());
    /// one.merge(other);
    /// let found = one.update_all([ErrorBit::Error; 100]);
    /// assert!(matches!(found.last(), Some((_, Signal::Drift))));
    /// ```
    fn merge(&mut self, other: Self)
    where
        Self: Sized;

    /// Takes many, and returns each signal that is not quiet with the place of its value.
    fn update_all(&mut self, inputs: impl IntoIterator<Item = Self::Input>) -> Vec<(u64, Signal)>
    where
        Self: Sized,
    {
        let signals = inputs.into_iter().map(|input| self.update(input));
        (0..).zip(signals).filter(|(_, signal)| *signal != Signal::Quiet).collect()
    }

    /// Takes the rows of an array in order, those without a value left out; the same as value by value.
    ///
    /// ```
    /// use lineal_drift::arrow::array::Float64Array;
    /// use lineal_drift::streaming::{Adwin, Detector, Signal};
    ///
    /// let rows = (0..2000).map(|at| (at != 7).then_some(if at < 1000 { 0.0 } else { 1.0 }));
    /// let found = Adwin::default().update_array(&Float64Array::from_iter(rows))?;
    /// assert_eq!((found.signals, found.missing), (vec![(1024, Signal::Drift)], 1));
    /// # Ok::<(), lineal_drift::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::UnsupportedType`] or [`Error::NotErrorBit`] if the array holds something else; no row is taken then.
    fn update_array(&mut self, array: &dyn Array) -> Result<ArraySignals, Error>
    where
        Self: Sized,
        Self::Input: StreamInput,
    {
        let mut signals = Vec::new();
        let missing = Self::Input::read_rows(array, |row, input| match self.update(input) {
            Signal::Quiet => {}
            signal => signals.push((row, signal)),
        })?;
        Ok(ArraySignals { signals, rows: array.len() as u64, missing })
    }
}

/// What a detector says of the rows of an array.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ArraySignals {
    /// Each signal that is not quiet, with the place of its row in the array.
    pub signals: Vec<(u64, Signal)>,
    /// Rows of the array: the place of its first row in the stream is the sum of those before it.
    pub rows: u64,
    /// Rows without a value, which the detector did not see.
    pub missing: u64,
}
