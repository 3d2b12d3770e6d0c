use serde::{Deserialize, Serialize};

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
    fn update(&mut self, input: Self::Input) -> Signal;

    /// Takes many, and returns each signal that is not quiet with the place of its value.
    fn update_all(&mut self, inputs: impl IntoIterator<Item = Self::Input>) -> Vec<(u64, Signal)>
    where
        Self: Sized,
    {
        let signals = inputs.into_iter().map(|input| self.update(input));
        (0..).zip(signals).filter(|(_, signal)| *signal != Signal::Quiet).collect()
    }
}
