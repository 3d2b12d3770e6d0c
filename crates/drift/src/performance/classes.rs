//! Reads which class each row names.

use std::collections::HashMap;

use arrow::array::Array;
use arrow::datatypes::DataType;

use crate::arrays::{self, Nature};
use crate::error::Error;

/// Stands for a row that names no class.
pub(crate) const MISSING: u32 = u32::MAX;

/// The class of each row.
#[derive(Debug, Default)]
pub(crate) struct Classes {
    /// Place of the class among the names, or [`MISSING`].
    pub(crate) codes: Vec<u32>,
    /// Rows that name something which is no class.
    pub(crate) unknown: u64,
}

impl Classes {
    /// Texts are compared with the names, numbers with the numbers that the names write; booleans are 0 and 1, or `false` and `true`.
    pub(crate) fn read(array: &dyn Array, names: &[String]) -> Result<Self, Error> {
        let numeric: Option<Vec<f64>> = names.iter().map(|name| name.parse().ok()).collect();
        let is_text = matches!(arrays::nature(array.data_type())?, Nature::Labels);
        match numeric {
            Some(numeric) if !is_text || array.data_type() == &DataType::Boolean => Self::of_numbers(array, &numeric),
            None if !is_text => Self::of_numbers(array, &[]),
            _ => Self::of_texts(array, names),
        }
    }

    fn of_numbers(array: &dyn Array, names: &[f64]) -> Result<Self, Error> {
        let code = |value: f64| (0_u32..).zip(names).find(|(_, name)| **name == value).map(|(code, _)| code);
        let values = arrays::numbers_by_row(array)?;
        Ok(Self::of_codes(values.into_iter().map(|value| (!value.is_nan()).then(|| code(value)))))
    }

    fn of_texts(array: &dyn Array, names: &[String]) -> Result<Self, Error> {
        let codes: HashMap<&str, u32> = names.iter().map(String::as_str).zip(0..).collect();
        let texts = arrays::texts_by_row(array)?;
        Ok(Self::of_codes(texts.iter().map(|text| text.as_deref().map(|text| codes.get(text).copied()))))
    }

    /// Takes `None` for a missing value and `Some(None)` for an unknown one.
    fn of_codes(found: impl Iterator<Item = Option<Option<u32>>>) -> Self {
        let mut unknown = 0;
        let codes = found.map(|found| match found {
            Some(Some(code)) => code,
            Some(None) => {
                unknown += 1;
                MISSING
            }
            None => MISSING,
        });
        let codes = codes.collect();
        Self { codes, unknown }
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{BooleanArray, Float32Array, Int8Array, StringArray};

    use super::*;

    fn codes(array: &dyn Array, names: [&str; 2]) -> (Vec<u32>, u64) {
        let found = Classes::read(array, &names.map(str::to_owned)).unwrap();
        (found.codes, found.unknown)
    }

    #[test]
    fn numbers_booleans_and_texts_name_classes() {
        let (no, yes, none) = (0, 1, MISSING);
        assert_eq!(
            codes(&Int8Array::from(vec![Some(1), None, Some(0), Some(7)]), ["0", "1"]),
            (vec![yes, none, no, none], 1)
        );
        assert_eq!(codes(&Float32Array::from(vec![1.0, f32::NAN, 0.5]), ["0", "1"]), (vec![yes, none, none], 1));
        assert_eq!(codes(&BooleanArray::from(vec![true, false]), ["0", "1"]), (vec![yes, no], 0));
        assert_eq!(codes(&BooleanArray::from(vec![true, false]), ["false", "true"]), (vec![yes, no], 0));
        assert_eq!(codes(&StringArray::from(vec![Some("b"), None, Some("")]), ["a", "b"]), (vec![yes, none, none], 1));
        assert_eq!(codes(&StringArray::from(vec!["1", "0"]), ["0", "1"]), (vec![yes, no], 0));
        assert_eq!(codes(&Int8Array::from(vec![1]), ["a", "b"]), (vec![none], 1));
    }
}
