//! One value of a rule: a limit or a member of a set.

use std::fmt;

use lineal_core::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use super::tally::quoted;

/// A value in a rule, written as what it is in JSON and TOML: `true`, `7`, `0.5`, `"UA"`.
///
/// Times are texts: `"2013-08-15"` (midnight) or RFC 3339 in UTC, `"2013-08-15T12:30:00Z"`, from the year 1677 to 2262. Times of day
/// and durations are integers: nanoseconds. An integer has at most 64 bits (signed or unsigned; TOML carries signed ones only) and
/// keeps all its digits; a float is finite.
///
/// ```
/// use lineal_drift::quality::Scalar;
///
/// let values: Vec<Scalar> = serde_json::from_str(r#"[true, 9007199254740993, 0.5, "UA"]"#)?;
/// assert_eq!(values, [true.into(), 9_007_199_254_740_993_i64.into(), 0.5.into(), "UA".into()]);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Scalar {
    /// True or false.
    Bool(bool),
    /// An integer.
    Integer(i128),
    /// A float.
    Float(f64),
    /// A text or a time.
    Text(String),
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value:?}"),
            Self::Text(value) => f.write_str(&quoted(value)),
        }
    }
}

impl Serialize for Scalar {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Integer(value) => match (i64::try_from(*value), u64::try_from(*value)) {
                (Ok(value), _) => serializer.serialize_i64(value),
                (_, Ok(value)) => serializer.serialize_u64(value),
                _ => Err(ser::Error::custom("an integer of a rule has at most 64 bits")),
            },
            Self::Float(value) if value.is_finite() => serializer.serialize_f64(*value),
            Self::Float(_) => Err(ser::Error::custom("a float of a rule is finite")),
            Self::Text(value) => serializer.serialize_str(value),
        }
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl de::Visitor<'_> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a boolean, a number or a text")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Scalar, E> {
        Ok(Scalar::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Scalar, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Scalar, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Scalar, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Scalar, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Scalar, E> {
        Ok(value.into())
    }
}

impl From<bool> for Scalar {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i32> for Scalar {
    fn from(value: i32) -> Self {
        Self::Integer(value.into())
    }
}

impl From<i64> for Scalar {
    fn from(value: i64) -> Self {
        Self::Integer(value.into())
    }
}

impl From<u64> for Scalar {
    fn from(value: u64) -> Self {
        Self::Integer(value.into())
    }
}

impl From<f64> for Scalar {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<&str> for Scalar {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Scalar {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<Timestamp> for Scalar {
    fn from(value: Timestamp) -> Self {
        Self::Text(value.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_it_wrote() {
        let values = [
            Scalar::from(false),
            Scalar::from(i64::MIN),
            Scalar::from(u64::MAX),
            Scalar::from(1.0),
            Scalar::from(-0.0),
            Scalar::from(5e-324),
            Scalar::from("7"),
            Scalar::from(Timestamp::EPOCH),
        ];
        let json = serde_json::to_string(&values).unwrap();
        insta::assert_snapshot!(json, @r#"[false,-9223372036854775808,18446744073709551615,1.0,-0.0,5e-324,"7","1970-01-01T00:00:00.000000000Z"]"#);
        assert_eq!(serde_json::from_str::<[Scalar; 8]>(&json).unwrap(), values);
    }

    #[test]
    fn refuses_what_would_not_come_back() {
        for value in [Scalar::Integer(1 << 100), Scalar::Float(f64::NAN), Scalar::Float(f64::INFINITY)] {
            assert!(serde_json::to_string(&value).is_err(), "{value}");
        }
        assert!(serde_json::from_str::<Scalar>("null").is_err());
        assert!(serde_json::from_str::<Scalar>("[1]").is_err());
    }
}
