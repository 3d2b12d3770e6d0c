use serde::{Deserialize, Serialize};

use super::signal::{Detector, Signal};

/// Keeps a detector quiet for a number of values after each drift, while it goes on learning.
///
/// ```
/// use lineal_drift::streaming::{CoolDown, Ddm};
/// let detector = CoolDown::new(Ddm::default(), 500);
/// # let _ = detector;
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CoolDown<D> {
    detector: D,
    values: u64,
    left: u64,
}

impl<D> CoolDown<D> {
    /// Wraps a detector.
    pub fn new(detector: D, values: u64) -> Self {
        Self { detector, values, left: 0 }
    }

    /// Returns the detector inside.
    pub fn detector(&self) -> &D {
        &self.detector
    }
}

impl<D: Detector> Detector for CoolDown<D> {
    type Input = D::Input;

    fn update(&mut self, input: D::Input) -> Signal {
        let signal = self.detector.update(input);
        if self.left > 0 {
            self.left -= 1;
            return Signal::Quiet;
        }
        if signal == Signal::Drift {
            self.left = self.values;
        }
        signal
    }

    /// Stays quiet for as long as the one that has longer to go.
    fn merge(&mut self, other: Self) {
        self.detector.merge(other.detector);
        self.left = self.left.max(other.left);
    }
}
