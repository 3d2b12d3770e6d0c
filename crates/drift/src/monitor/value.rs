//! What a row is made of.

/// One value of a row, as a service has it at hand.
///
/// ```
/// use lineal_drift::monitor::Value;
/// let row = [Value::from(21.5), Value::from("UA"), Value::Missing];
/// assert_eq!(row[1], Value::Label("UA"));
/// assert_eq!(Value::from(None::<f64>), Value::Missing);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "there is nothing else to be said")]
pub enum Value<'a> {
    /// A number; NaN is missing, an infinity lies beyond every edge.
    Number(f64),
    /// A label; the empty text is one.
    Label(&'a str),
    /// No value.
    Missing,
}

impl From<f64> for Value<'_> {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(label: &'a str) -> Self {
        Self::Label(label)
    }
}

impl<'a, V: Into<Self>> From<Option<V>> for Value<'a> {
    fn from(value: Option<V>) -> Self {
        value.map_or(Self::Missing, Into::into)
    }
}
