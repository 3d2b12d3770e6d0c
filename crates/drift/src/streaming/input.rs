use arrow::array::Array;
use serde::{Deserialize, Serialize};

use crate::arrays;
use crate::error::{Error, Side};

/// Whether one prediction was wrong. Not a `bool`, because libraries disagree on what `true` means.
///
/// ```
/// use lineal_drift::streaming::ErrorBit;
/// assert_eq!(ErrorBit::of("cat", "dog"), ErrorBit::Error);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "there is nothing else to be said")]
pub enum ErrorBit {
    /// The prediction was right.
    Correct,
    /// The prediction was wrong.
    Error,
}

impl ErrorBit {
    /// Compares a prediction with the truth.
    pub fn of<T: PartialEq>(predicted: T, actual: T) -> Self {
        Self::from_error(predicted != actual)
    }

    /// `true` is an error.
    #[must_use]
    pub fn from_error(is_error: bool) -> Self {
        if is_error { Self::Error } else { Self::Correct }
    }

    /// 1 for an error, 0 for a right prediction.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        f64::from(u8::from(self == Self::Error))
    }
}

/// A finite number.
///
/// ```
/// use lineal_drift::streaming::Value;
/// assert_eq!(Value::new(2.5)?.get(), 2.5);
/// assert!(Value::new(f64::NAN).is_err());
/// # Ok::<(), lineal_drift::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Value(f64);

impl Value {
    /// Takes a finite number.
    ///
    /// # Errors
    /// [`Error::Infinite`] for an infinity or NaN, which would spoil every sum from there on.
    pub fn new(value: f64) -> Result<Self, Error> {
        match value.is_finite() {
            true => Ok(Self(value)),
            false => Err(Error::Infinite { what: "stream", side: Side::Current, count: 1 }),
        }
    }

    /// Takes the finite numbers of an array, in order; returns how many values were missing or infinite.
    ///
    /// # Errors
    /// [`Error::UnsupportedType`] if the array holds no numbers.
    pub fn read(array: &dyn Array, mut take: impl FnMut(Self)) -> Result<u64, Error> {
        let mut infinite = 0;
        let missing = arrays::numbers(array, |value| match Self::new(value) {
            Ok(value) => take(value),
            Err(_) => infinite += 1,
        })?;
        Ok(missing + infinite)
    }

    /// Returns the number.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Value {
    type Error = Error;

    fn try_from(value: f64) -> Result<Self, Error> {
        Self::new(value)
    }
}

impl From<Value> for f64 {
    fn from(value: Value) -> Self {
        value.0
    }
}
