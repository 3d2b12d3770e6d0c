//! Bands of values that are usual, learnt from chunks of the reference.

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::math::moments::{mean, std_population};

/// The values that a quantity usually takes; what lies beyond is worth an alert.
///
/// A limit belongs to the band; a side without a limit is open.
///
/// ```
/// use lineal_drift::Band;
///
/// let accuracy_of_chunks = [0.80, 0.82, 0.81, 0.79];
/// let band = Band::learn(&accuracy_of_chunks, 3.0)?;
/// assert!(!band.is_beyond(0.80));
/// assert!(band.is_beyond(0.70));
/// # Ok::<(), lineal_drift::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Band {
    /// The least usual value.
    pub lower: Option<f64>,
    /// The greatest usual value.
    pub upper: Option<f64>,
}

impl Band {
    /// Returns the band between two limits.
    #[must_use]
    pub fn new(lower: Option<f64>, upper: Option<f64>) -> Self {
        Self { lower, upper }
    }

    /// Returns mean ± `deviations` × population standard deviation of values, one for each chunk of the reference.
    ///
    /// With 3 deviations these are `NannyML`'s default thresholds. If the values come from comparing a chunk with a reference, the
    /// reference must not hold that chunk: otherwise the band is too narrow.
    ///
    /// # Errors
    /// [`Error::TooFew`] without values; [`Error::Setting`] for a number of deviations that is negative or not finite;
    /// [`Error::Range`] for values that are not finite, or whose limits are not.
    pub fn learn(values: &[f64], deviations: f64) -> Result<Self, Error> {
        const WHAT: &str = "learning a band";
        if !(deviations.is_finite() && deviations >= 0.0) {
            return Err(Error::Setting { name: "deviations", value: deviations, rule: "finite and not negative" });
        }
        if values.is_empty() {
            return Err(Error::TooFew { what: WHAT, needs: "a value of at least one chunk" });
        }
        if values.iter().any(|value| !value.is_finite()) {
            return Err(Error::Range { what: WHAT });
        }
        let (centre, reach) = (mean(values), deviations * std_population(values));
        let (lower, upper) = (centre - reach, centre + reach);
        if !(lower.is_finite() && upper.is_finite()) {
            return Err(Error::Range { what: WHAT });
        }
        Ok(Self { lower: Some(lower), upper: Some(upper) })
    }

    /// Opens the lower side: less is never an alert, as with distances.
    #[must_use]
    pub fn upper_only(self) -> Self {
        Self { lower: None, ..self }
    }

    /// Moves limits beyond what the quantity can take to that end of its range.
    #[must_use]
    pub fn within(self, least: f64, greatest: f64) -> Self {
        Self { lower: self.lower.map(|l| l.max(least)), upper: self.upper.map(|u| u.min(greatest)) }
    }

    /// Says whether a value lies outside the band; NaN does not.
    #[must_use]
    pub fn is_beyond(&self, value: f64) -> bool {
        self.lower.is_some_and(|lower| value < lower) || self.upper.is_some_and(|upper| value > upper)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_three_deviations() {
        let band = Band::learn(&[1.0, 3.0], 3.0).expect("two values");
        assert_eq!(band, Band::new(Some(-1.0), Some(5.0)));
        assert_eq!(band.within(0.0, 4.0), Band::new(Some(0.0), Some(4.0)));
        assert!(!band.is_beyond(5.0) && band.is_beyond(5.1) && !band.upper_only().is_beyond(-9.0));
        assert!(!band.is_beyond(f64::NAN));
    }

    #[test]
    fn refuses_what_has_no_spread() {
        assert!(matches!(Band::learn(&[], 3.0), Err(Error::TooFew { .. })));
        assert!(matches!(Band::learn(&[1.0], f64::NAN), Err(Error::Setting { .. })));
        assert!(matches!(Band::learn(&[f64::INFINITY], 3.0), Err(Error::Range { .. })));
        assert!(matches!(Band::learn(&[f64::MAX, -f64::MAX], 3.0), Err(Error::Range { .. })));
    }
}
