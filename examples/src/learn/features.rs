//! The model's fifteen inputs, and the encoder that turns them into numbers.

use std::collections::BTreeSet;

use arrow::{
    array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, RecordBatch, StringArray},
    compute::{cast, filter_record_batch, is_not_null},
    datatypes::{DataType, Float64Type},
};
use lineal_core::Real;
use serde::{Deserialize, Serialize};

use crate::learn::learn_error::LearnError;

/// Numeric inputs, all known before departure; null where unknown.
pub const NUMERIC: [&str; 12] = [
    "sched_dep_min",
    "sched_arr_min",
    "distance",
    "temp",
    "dewp",
    "humid",
    "wind_speed",
    "precip",
    "pressure",
    "visib",
    "plane_year",
    "seats",
];

/// Categorical inputs.
pub const CATEGORICAL: [&str; 3] = ["carrier", "origin", "weekday"];

/// What is predicted: arrival more than 15 minutes late; null for a cancelled or diverted flight.
pub const LABEL: &str = "late15";

/// Returns only the columns the model reads, numeric ones first, as they are stored.
pub fn inputs(batch: &RecordBatch) -> Result<RecordBatch, LearnError> {
    let indices = NUMERIC
        .iter()
        .chain(&CATEGORICAL)
        .map(|name| batch.schema().index_of(name).map_err(|_| missing(name)))
        .collect::<Result<Vec<_>, _>>()?;
    batch.project(&indices).map_err(arrow_error("project the inputs"))
}

/// Returns the rows whose label is known.
pub fn labelled(batch: &RecordBatch) -> Result<RecordBatch, LearnError> {
    let known = is_not_null(&label_column(batch)?).map_err(arrow_error("find labels"))?;
    filter_record_batch(batch, &known).map_err(arrow_error("drop rows without label"))
}

/// Returns the labels of rows that all have one; see [`labelled`].
pub fn labels(batch: &RecordBatch) -> Result<Vec<bool>, LearnError> {
    label_column(batch)?
        .iter()
        .enumerate()
        .map(|(row, label)| label.ok_or_else(|| LearnError::Null { column: LABEL.to_owned(), row }))
        .collect()
}

/// How raw columns become the columns of a design matrix; fitted on training rows only.
///
/// A numeric input is standardised by the training mean and standard deviation, and a null becomes the mean, which
/// is zero then. A categorical input has one column per category seen in training; a null or a category never seen
/// is zero in all of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encoder {
    numeric: Vec<Numeric>,
    categorical: Vec<Categorical>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Numeric {
    name: String,
    mean: Real,
    scale: Real,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Categorical {
    name: String,
    categories: Vec<String>,
}

/// Numbers in rows of equal width.
#[derive(Debug)]
pub struct Matrix {
    values: Vec<f64>,
    width: usize,
}

impl Matrix {
    /// Iterates over the rows, each a slice of the matrix's width.
    pub fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.values.chunks_exact(self.width)
    }
}

impl Encoder {
    /// Learns means, standard deviations and categories from training rows; needs at least one row.
    pub fn fit(batch: &RecordBatch) -> Result<Self, LearnError> {
        if batch.num_rows() == 0 {
            return Err(LearnError::NoRows { operation: "fit the encoder" });
        }
        let numeric =
            NUMERIC.iter().map(|name| Numeric::fit(name, &numbers(batch, name)?)).collect::<Result<_, _>>()?;
        let categorical = CATEGORICAL
            .iter()
            .map(|name| {
                let seen: BTreeSet<String> = texts(batch, name)?.iter().flatten().map(str::to_owned).collect();
                Ok(Categorical { name: (*name).to_owned(), categories: seen.into_iter().collect() })
            })
            .collect::<Result<_, LearnError>>()?;
        Ok(Self { numeric, categorical })
    }

    /// Number of columns of an encoded row.
    pub fn width(&self) -> usize {
        self.numeric.len() + self.categorical.iter().map(|column| column.categories.len()).sum::<usize>()
    }

    /// Names the encoded columns, in order; a category reads `carrier=UA`.
    pub fn column_names(&self) -> Vec<String> {
        let categories = self
            .categorical
            .iter()
            .flat_map(|column| column.categories.iter().map(move |category| format!("{}={category}", column.name)));
        self.numeric.iter().map(|column| column.name.clone()).chain(categories).collect()
    }

    /// Encodes every row; labels are not needed.
    pub fn encode(&self, batch: &RecordBatch) -> Result<Matrix, LearnError> {
        let width = self.width();
        let mut values = vec![0.0; width * batch.num_rows()];
        for (offset, column) in self.numeric.iter().enumerate() {
            let raw = numbers(batch, &column.name)?;
            for (row, cell) in values.iter_mut().skip(offset).step_by(width).zip(known(&raw)) {
                *row = cell.map_or(0.0, |value| (value - column.mean.get()) / column.scale.get());
            }
        }
        let mut offset = self.numeric.len();
        for column in &self.categorical {
            for (row, text) in values.chunks_exact_mut(width).zip(texts(batch, &column.name)?.iter()) {
                let found =
                    text.and_then(|text| column.categories.binary_search_by(|seen| seen.as_str().cmp(text)).ok());
                if let Some(cell) = found.and_then(|category| row.get_mut(offset + category)) {
                    *cell = 1.0;
                }
            }
            offset += column.categories.len();
        }
        Ok(Matrix { values, width })
    }

    /// Says what makes this encoder unusable, for one that was read from bytes.
    pub fn check(&self) -> Result<(), String> {
        for column in &self.numeric {
            let scale = column.scale.get();
            if !column.mean.get().is_finite() || !scale.is_finite() || scale <= 0.0 {
                return Err(format!("column {:?} has no usable mean and scale", column.name));
            }
        }
        for column in &self.categorical {
            if !column.categories.is_sorted_by(|a, b| a < b) {
                return Err(format!("categories of {:?} are not sorted and distinct", column.name));
            }
        }
        if self.width() == 0 { Err("the encoder has no columns".to_owned()) } else { Ok(()) }
    }
}

impl Numeric {
    /// A column that is constant or never known keeps its unit, so that it encodes to zeros.
    fn fit(name: &str, raw: &Float64Array) -> Result<Self, LearnError> {
        let count = known(raw).flatten().count();
        let mean = if count == 0 { 0.0 } else { known(raw).flatten().sum::<f64>() / count as f64 };
        let squares: f64 = known(raw).map(|value| value.map_or(0.0, |value| (value - mean).powi(2))).sum();
        // Over all rows, because an imputed row sits at the mean.
        let deviation = (squares / raw.len() as f64).sqrt();
        let scale = if deviation > 0.0 && deviation.is_finite() { deviation } else { 1.0 };
        Ok(Self { name: name.to_owned(), mean: mean.into(), scale: scale.into() })
    }
}

/// The values of a column, with what is not finite treated as unknown.
fn known(raw: &Float64Array) -> impl Iterator<Item = Option<f64>> {
    raw.iter().map(|value| value.filter(|value| value.is_finite()))
}

fn numbers(batch: &RecordBatch, name: &str) -> Result<Float64Array, LearnError> {
    Ok(convert(batch, name, &DataType::Float64, "a number")?.as_primitive::<Float64Type>().clone())
}

fn texts(batch: &RecordBatch, name: &str) -> Result<StringArray, LearnError> {
    Ok(convert(batch, name, &DataType::Utf8, "text")?.as_string::<i32>().clone())
}

fn convert(batch: &RecordBatch, name: &str, to: &DataType, needed: &'static str) -> Result<ArrayRef, LearnError> {
    let column = batch.column_by_name(name).ok_or_else(|| missing(name))?;
    // A text column would convert to numbers where it can and to null where it cannot: not what is meant.
    if to.is_numeric() && !column.data_type().is_numeric() {
        return Err(wrong_type(name, column, needed));
    }
    cast(column, to).map_err(|_| wrong_type(name, column, needed))
}

fn label_column(batch: &RecordBatch) -> Result<BooleanArray, LearnError> {
    let column = batch.column_by_name(LABEL).ok_or_else(|| missing(LABEL))?;
    column.as_boolean_opt().cloned().ok_or_else(|| wrong_type(LABEL, column, "a truth value"))
}

fn missing(column: &str) -> LearnError {
    LearnError::MissingColumn { column: column.to_owned() }
}

fn wrong_type(column: &str, found: &ArrayRef, needed: &'static str) -> LearnError {
    LearnError::ColumnType { column: column.to_owned(), found: found.data_type().to_string(), needed }
}

fn arrow_error(operation: &'static str) -> impl FnOnce(arrow::error::ArrowError) -> LearnError {
    move |source| LearnError::Arrow { operation, source }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use arrow::array::{Float32Array, Int8Array};

    use super::*;

    /// Rows with the given temperature, carrier and label; every other input is constant.
    pub(crate) fn batch(rows: &[(Option<f32>, Option<&str>, Option<bool>)]) -> RecordBatch {
        let mut columns: Vec<(&str, ArrayRef)> = Vec::new();
        for name in NUMERIC {
            let constant: ArrayRef = Arc::new(Float32Array::from(vec![7.0; rows.len()]));
            let temp: Float32Array = rows.iter().map(|row| row.0).collect();
            columns.push((name, if name == "temp" { Arc::new(temp) } else { constant }));
        }
        let carrier: StringArray = rows.iter().map(|row| row.1).collect();
        let label: BooleanArray = rows.iter().map(|row| row.2).collect();
        columns.push(("carrier", Arc::new(carrier)));
        columns.push(("origin", Arc::new(StringArray::from(vec!["JFK"; rows.len()]))));
        columns.push(("weekday", Arc::new(Int8Array::from(vec![3; rows.len()]))));
        columns.push((LABEL, Arc::new(label)));
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))
            .unwrap()
    }

    #[test]
    fn nulls_and_unknown_categories_encode_to_zeros() {
        let train = batch(&[(Some(1.0), Some("UA"), None), (Some(3.0), Some("AA"), None)]);
        let encoder = Encoder::fit(&train).unwrap();
        assert_eq!(encoder.width(), 12 + 2 + 1 + 1);
        assert_eq!(&encoder.column_names()[11..], ["seats", "carrier=AA", "carrier=UA", "origin=JFK", "weekday=3"]);
        let served = batch(&[(None, Some("ZZ"), None), (Some(4.0), None, None), (Some(f32::NAN), Some("UA"), None)]);
        let matrix = encoder.encode(&served).unwrap();
        let rows: Vec<Vec<f64>> = matrix.rows().map(|row| [&row[3..4], &row[12..]].concat()).collect();
        assert_eq!(rows[0], [0.0, 0.0, 0.0, 1.0, 1.0]);
        assert_eq!(rows[1], [2.0, 0.0, 0.0, 1.0, 1.0]); // (4 - mean 2) / deviation 1
        assert_eq!(rows[2], [0.0, 0.0, 1.0, 1.0, 1.0]);
    }

    #[test]
    fn rows_without_label_are_served_and_not_scored() {
        let rows = batch(&[(None, None, Some(true)), (None, None, None), (None, None, Some(false))]);
        assert!(matches!(labels(&rows), Err(LearnError::Null { row: 1, .. })));
        assert_eq!(labels(&labelled(&rows).unwrap()).unwrap(), [true, false]);
        assert_eq!(inputs(&rows).unwrap().num_columns(), 15);
    }

    #[test]
    fn wrong_columns_are_typed_errors() {
        let empty = batch(&[]);
        assert!(matches!(Encoder::fit(&empty), Err(LearnError::NoRows { .. })));
        let rows = batch(&[(Some(1.0), Some("UA"), None)]);
        let encoder = Encoder::fit(&rows).unwrap();
        let narrow = rows.project(&[0, 1]).unwrap();
        assert!(matches!(encoder.encode(&narrow), Err(LearnError::MissingColumn { .. })));
        let text: ArrayRef = Arc::new(StringArray::from(vec!["12"]));
        let hostile = RecordBatch::try_from_iter([("sched_dep_min", text)]).unwrap();
        assert!(matches!(encoder.encode(&hostile), Err(LearnError::ColumnType { .. })));
    }
}
