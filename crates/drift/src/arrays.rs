//! The one place that reads Arrow: arrays become numbers or labels.

use std::collections::{BTreeMap, HashMap};

use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};

use crate::error::{Error, excerpt};

/// How a type of column is compared unless a setting says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nature {
    Numbers,
    Labels,
}

/// Returns how values of a type are compared: integers, floats, decimals and times as numbers; booleans and texts as labels.
pub(crate) fn nature(data_type: &DataType) -> Result<Nature, Error> {
    match data_type {
        DataType::Dictionary(_, values) => nature(values),
        DataType::Boolean | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Ok(Nature::Labels),
        DataType::Date32 | DataType::Date64 | DataType::Time32(_) | DataType::Time64(_) => Ok(Nature::Numbers),
        DataType::Timestamp(..) | DataType::Duration(_) => Ok(Nature::Numbers),
        other if other.is_numeric() => Ok(Nature::Numbers),
        other => Err(unsupported(other)),
    }
}

/// Passes every value that is present as an `f64` to `each` and returns how many are missing; null and NaN are missing.
///
/// Times become counts of their own unit, booleans 0 and 1; integers beyond 2^53 are rounded.
pub(crate) fn numbers(array: &dyn Array, mut each: impl FnMut(f64)) -> Result<u64, Error> {
    let mut missing = 0;
    each_number(array, |value| match value {
        Some(v) => each(v),
        None => missing += 1,
    })?;
    Ok(missing)
}

/// Returns an `f64` for each row, NaN for null; otherwise as [`numbers`].
pub(crate) fn numbers_by_row(array: &dyn Array) -> Result<Vec<f64>, Error> {
    let floats = self::floats(array)?;
    let floats = floats.as_primitive::<Float64Type>();
    if floats.null_count() == 0 {
        return Ok(floats.values().to_vec());
    }
    Ok(floats.iter().map(|value| value.unwrap_or(f64::NAN)).collect())
}

/// Returns a text for each row of a boolean, text or dictionary array, `None` for null.
pub(crate) fn texts_by_row(array: &dyn Array) -> Result<Vec<Option<Box<str>>>, Error> {
    if !matches!(nature(array.data_type())?, Nature::Labels) {
        return Err(unsupported(array.data_type()));
    }
    let texts = converted(array, &DataType::LargeUtf8, "texts")?;
    Ok(texts.as_string::<i64>().iter().map(|text| text.map(Box::from)).collect())
}

/// Passes every row to `each`, as [`numbers`] reads it; `None` is missing.
pub(crate) fn each_number(array: &dyn Array, mut each: impl FnMut(Option<f64>)) -> Result<(), Error> {
    let floats = self::floats(array)?;
    for value in floats.as_primitive::<Float64Type>() {
        each(value.filter(|v| !v.is_nan()));
    }
    Ok(())
}

/// Converts an array of numbers, times or booleans to an array of `f64`, nulls kept.
pub(crate) fn floats(array: &dyn Array) -> Result<arrow::array::ArrayRef, Error> {
    let through = match array.data_type() {
        DataType::Dictionary(_, values) => {
            return floats(&converted(array, values, "the values of its dictionary")?);
        }
        DataType::Date32 | DataType::Time32(_) => Some(DataType::Int32),
        DataType::Date64 | DataType::Time64(_) | DataType::Timestamp(..) | DataType::Duration(_) => {
            Some(DataType::Int64)
        }
        DataType::Boolean => None,
        other if other.is_numeric() => None,
        other => return Err(unsupported(other)),
    };
    match through {
        Some(integer) => converted(&converted(array, &integer, "integers")?, &DataType::Float64, "numbers"),
        None => converted(array, &DataType::Float64, "numbers"),
    }
}

/// Adds the labels of a boolean, text or dictionary array to `counts` and returns how many are missing (null).
///
/// The empty text is a label like any other.
pub(crate) fn labels(array: &dyn Array, counts: &mut BTreeMap<String, u64>) -> Result<u64, Error> {
    match array.data_type() {
        DataType::Utf8 => Ok(count(array.as_string::<i32>().iter(), counts)),
        DataType::LargeUtf8 => Ok(count(array.as_string::<i64>().iter(), counts)),
        DataType::Utf8View => Ok(count(array.as_string_view().iter(), counts)),
        DataType::Boolean => {
            Ok(count(array.as_boolean().iter().map(|b| b.map(|b| if b { "true" } else { "false" })), counts))
        }
        DataType::Dictionary(..) => dictionary_labels(array, counts),
        other => Err(unsupported(other)),
    }
}

/// Passes every row of a boolean, text or dictionary array to `each`; `None` is missing.
pub(crate) fn each_label(array: &dyn Array, mut each: impl FnMut(Option<&str>)) -> Result<(), Error> {
    match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().iter().for_each(each),
        DataType::LargeUtf8 => array.as_string::<i64>().iter().for_each(each),
        DataType::Utf8View => array.as_string_view().iter().for_each(each),
        DataType::Boolean => {
            array.as_boolean().iter().for_each(|row| each(row.map(|yes| if yes { "true" } else { "false" })));
        }
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let values = dictionary.values();
            if !matches!(nature(values.data_type())?, Nature::Labels) {
                return Err(unsupported(values.data_type()));
            }
            let texts = converted(values.as_ref(), &DataType::Utf8, "texts")?;
            let texts: Vec<Option<&str>> = texts.as_string::<i32>().iter().collect();
            // Keys have no normal form where there is nothing that they could stand for.
            let keys = if texts.is_empty() { vec![0; array.len()] } else { dictionary.normalized_keys() };
            for (row, key) in keys.into_iter().enumerate() {
                each(texts.get(key).copied().flatten().filter(|_| dictionary.keys().is_valid(row)));
            }
        }
        other => return Err(unsupported(other)),
    }
    Ok(())
}

/// Counts keys first, so that each label is read once however many rows hold it.
fn dictionary_labels(array: &dyn Array, counts: &mut BTreeMap<String, u64>) -> Result<u64, Error> {
    let dictionary = array.as_any_dictionary();
    let values = dictionary.values();
    if !matches!(nature(values.data_type())?, Nature::Labels) {
        return Err(unsupported(values.data_type()));
    }
    if values.is_empty() {
        return Ok(array.len() as u64);
    }
    let mut rows = vec![0_u64; values.len()];
    let mut missing = 0;
    for (row, key) in dictionary.normalized_keys().into_iter().enumerate() {
        match rows.get_mut(key) {
            Some(slot) if dictionary.keys().is_valid(row) => *slot += 1,
            _ => missing += 1,
        }
    }
    let texts = converted(values.as_ref(), &DataType::Utf8, "texts")?;
    for (label, rows) in texts.as_string::<i32>().iter().zip(rows).filter(|(_, rows)| *rows > 0) {
        match label {
            Some(label) => *counts.entry(label.to_owned()).or_default() += rows,
            None => missing += rows,
        }
    }
    Ok(missing)
}

fn count<'a>(labels: impl Iterator<Item = Option<&'a str>>, counts: &mut BTreeMap<String, u64>) -> u64 {
    let mut missing = 0;
    let mut seen: HashMap<&str, u64> = HashMap::new();
    for label in labels {
        match label {
            Some(label) => *seen.entry(label).or_default() += 1,
            None => missing += 1,
        }
    }
    for (label, rows) in seen {
        *counts.entry(label.to_owned()).or_default() += rows;
    }
    missing
}

/// Returns an array of labels without its dictionary: `Utf8`, `LargeUtf8`, `Utf8View` or `Boolean`, of the same rows.
pub(crate) fn to_labels(array: &dyn Array) -> Result<arrow::array::ArrayRef, Error> {
    match (nature(array.data_type())?, array.data_type()) {
        (Nature::Numbers, other) => Err(unsupported(other)),
        (Nature::Labels, DataType::Dictionary(_, values)) => {
            to_labels(&converted(array, values, "the values of its dictionary")?)
        }
        (Nature::Labels, _) => Ok(array.slice(0, array.len())),
    }
}

/// Passes every row of an array that [`to_labels`] returned to `each`, in order.
pub(crate) fn labels_by_row(labels: &dyn Array, each: impl FnMut(Option<&str>)) {
    match labels.data_type() {
        DataType::Utf8 => labels.as_string::<i32>().iter().for_each(each),
        DataType::LargeUtf8 => labels.as_string::<i64>().iter().for_each(each),
        DataType::Utf8View => labels.as_string_view().iter().for_each(each),
        DataType::Boolean => {
            let texts = labels.as_boolean().iter().map(|value| value.map(|v| if v { "true" } else { "false" }));
            texts.for_each(each);
        }
        _ => {}
    }
}

fn converted(array: &dyn Array, to: &DataType, what: &'static str) -> Result<arrow::array::ArrayRef, Error> {
    cast(array, to).map_err(|source| Error::Arrow { to: what, source: Box::new(source) })
}

fn unsupported(data_type: &DataType) -> Error {
    Error::UnsupportedType { data_type: type_name(data_type) }
}

/// Returns Arrow's name of a type, cut so that a deeply nested type cannot flood a report.
pub(crate) fn type_name(data_type: &DataType) -> Box<str> {
    excerpt(&data_type.to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        ArrayRef, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float16Array, Float64Array, Int8Array,
        LargeStringArray, ListArray, NullArray, StringArray, StringViewArray, Time64NanosecondArray,
        TimestampMicrosecondArray, UInt64Array,
    };
    use arrow::datatypes::{Int8Type, Int32Type};

    use super::*;

    fn read(array: &dyn Array) -> (Vec<f64>, u64) {
        let mut values = Vec::new();
        let missing = numbers(array, |v| values.push(v)).unwrap();
        (values, missing)
    }

    #[test]
    fn every_numeric_type_is_read() {
        assert_eq!(read(&Int8Array::from(vec![Some(-3), None])), (vec![-3.0], 1));
        assert_eq!(read(&UInt64Array::from(vec![u64::MAX])), (vec![18_446_744_073_709_552_000.0], 0));
        assert_eq!(
            read(&Float64Array::from(vec![Some(f64::NAN), Some(f64::INFINITY), None])),
            (vec![f64::INFINITY], 2)
        );
        assert_eq!(read(&Float16Array::from_iter_values([])), (vec![], 0));
        assert_eq!(read(&BooleanArray::from(vec![true, false])), (vec![1.0, 0.0], 0));
        assert_eq!(read(&Date32Array::from(vec![15_706])), (vec![15_706.0], 0));
        assert_eq!(read(&Time64NanosecondArray::from(vec![7])), (vec![7.0], 0));
        assert_eq!(read(&TimestampMicrosecondArray::from(vec![Some(5), None]).with_timezone("UTC")), (vec![5.0], 1));
        assert_eq!(
            read(&Decimal128Array::from(vec![12_345]).with_precision_and_scale(10, 2).unwrap()),
            (vec![123.45], 0)
        );
        let keys = Int8Array::from(vec![Some(1), None, Some(0)]);
        let dictionary = DictionaryArray::<Int8Type>::new(keys, Arc::new(Float64Array::from(vec![0.5, 1.5])));
        assert_eq!(read(&dictionary), (vec![1.5, 0.5], 1));
    }

    #[test]
    fn every_text_type_is_counted() {
        let words = vec![Some("b"), Some(""), None, Some("b")];
        let dictionary: DictionaryArray<Int32Type> = words.clone().into_iter().collect();
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from(words.clone())),
            Arc::new(LargeStringArray::from(words.clone())),
            Arc::new(StringViewArray::from(words)),
            Arc::new(dictionary),
        ];
        for array in arrays {
            let mut counts = BTreeMap::new();
            assert_eq!(labels(&array, &mut counts).unwrap(), 1, "{}", array.data_type());
            assert_eq!(counts.into_iter().collect::<Vec<_>>(), [(String::new(), 1), ("b".to_owned(), 2)]);
        }
    }

    #[test]
    fn rows_are_passed_in_their_order() {
        let words = vec![Some("b"), None, Some(""), Some("b")];
        let dictionary: DictionaryArray<Int32Type> = words.clone().into_iter().collect();
        let null_value = DictionaryArray::<Int8Type>::new(
            Int8Array::from(vec![Some(1), Some(0), Some(2), Some(1)]),
            Arc::new(StringArray::from(vec![None, Some("b"), Some("")])),
        );
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from(words.clone())),
            Arc::new(LargeStringArray::from(words.clone())),
            Arc::new(StringViewArray::from(words.clone())),
            Arc::new(dictionary),
            Arc::new(null_value),
        ];
        for array in arrays {
            let mut rows = Vec::new();
            each_label(&array, |label| rows.push(label.map(str::to_owned))).unwrap();
            assert_eq!(rows.iter().map(Option::as_deref).collect::<Vec<_>>(), words, "{}", array.data_type());
        }
        let all_null = DictionaryArray::<Int8Type>::new(
            Int8Array::from(vec![None, None]),
            Arc::new(StringArray::from(Vec::<&str>::new())),
        );
        let mut missing = 0;
        each_label(&all_null, |label| missing += u32::from(label.is_none())).unwrap();
        assert_eq!(missing, 2);
    }

    #[test]
    fn hostile_dictionaries_are_read() {
        let all_null = DictionaryArray::<Int8Type>::new(
            Int8Array::from(vec![None, None]),
            Arc::new(StringArray::from(Vec::<&str>::new())),
        );
        let mut counts = BTreeMap::new();
        assert_eq!(labels(&all_null, &mut counts).unwrap(), 2);
        let null_value = DictionaryArray::<Int8Type>::new(
            Int8Array::from(vec![0, 1, 1]),
            Arc::new(StringArray::from(vec![None, Some("a")])),
        );
        assert_eq!(labels(&null_value, &mut counts).unwrap(), 1);
        assert_eq!(counts.get("a"), Some(&2));
    }

    #[test]
    fn other_types_are_refused() {
        let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1)])]);
        assert!(matches!(nature(list.data_type()), Err(Error::UnsupportedType { .. })));
        assert!(matches!(numbers(&list, |_| ()), Err(Error::UnsupportedType { .. })));
        assert!(matches!(labels(&list, &mut BTreeMap::new()), Err(Error::UnsupportedType { .. })));
        assert!(matches!(nature(NullArray::new(3).data_type()), Err(Error::UnsupportedType { .. })));
    }
}
