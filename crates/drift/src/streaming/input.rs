use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Float64Type};
use serde::{Deserialize, Serialize};

use crate::arrays;
use crate::error::{Error, Side};

/// What can be read from Arrow and fed to a detector.
///
/// ```
/// use lineal_drift::arrow::array::Int8Array;
/// use lineal_drift::streaming::{ErrorBit, StreamInput};
///
/// let mut errors = Vec::new();
/// let missing = ErrorBit::read_rows(&Int8Array::from(vec![Some(0), None, Some(1)]), |row, bit| {
///     errors.extend((bit == ErrorBit::Error).then_some(row));
/// })?;
/// assert_eq!((errors, missing), (vec![2], 1));
/// # Ok::<(), lineal_drift::Error>(())
/// ```
pub trait StreamInput: Sized {
    /// Passes the value of each row to `take`, with the place of the row; returns how many rows have none.
    ///
    /// # Errors
    /// [`Error::UnsupportedType`] or [`Error::NotErrorBit`] if the array holds something else; nothing is passed on then.
    fn read_rows(array: &dyn Array, take: impl FnMut(u64, Self)) -> Result<u64, Error>;
}

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

/// Booleans, of which `true` is an error, or numbers, of which 1 is one and 0 none. Null and NaN are missing.
impl StreamInput for ErrorBit {
    fn read_rows(array: &dyn Array, mut take: impl FnMut(u64, Self)) -> Result<u64, Error> {
        if array.data_type() == &DataType::Boolean {
            let bits = array.as_boolean();
            (0..).zip(bits).for_each(|(row, bit)| bit.into_iter().for_each(|bit| take(row, Self::from_error(bit))));
            return Ok(bits.null_count() as u64);
        }
        let floats = arrays::floats(array)?;
        let present = || {
            let rows = (0_u64..).zip(floats.as_primitive::<Float64Type>());
            rows.filter_map(|(row, value)| value.filter(|value| !value.is_nan()).map(|value| (row, value)))
        };
        if let Some((row, value)) = present().find(|(_, value)| *value != 0.0 && *value != 1.0) {
            return Err(Error::NotErrorBit { row, value });
        }
        let mut missing = array.len() as u64;
        for (row, value) in present() {
            take(row, Self::from_error(value == 1.0));
            missing -= 1;
        }
        Ok(missing)
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

/// Numbers, times and booleans, as [`Sample::from_array`](crate::Sample::from_array) takes them. Null, NaN and infinities are missing.
impl StreamInput for Value {
    fn read_rows(array: &dyn Array, mut take: impl FnMut(u64, Self)) -> Result<u64, Error> {
        let floats = arrays::floats(array)?;
        let floats = floats.as_primitive::<Float64Type>();
        let mut missing = 0;
        let mut each = |row: u64, value: Option<f64>| match value.filter(|value| value.is_finite()) {
            Some(value) => take(row, Self(value)),
            None => missing += 1,
        };
        match floats.null_count() {
            0 => (0..).zip(floats.values()).for_each(|(row, value)| each(row, Some(*value))),
            _ => (0..).zip(floats).for_each(|(row, value)| each(row, value)),
        }
        Ok(missing)
    }
}

/// An error is 1, a right prediction 0.
impl From<ErrorBit> for Value {
    fn from(bit: ErrorBit) -> Self {
        Self(bit.as_f64())
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
