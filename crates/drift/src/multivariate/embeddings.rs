use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use ndarray::Array2;

use crate::arrays::type_name;
use crate::error::Error;

/// Reads embeddings, one list of numbers for each row, as a matrix of one row each; several arrays are the batches of one column.
///
/// Takes lists of any length fixed by the type or not, of floats or integers; O(rows × length) time and one copy.
///
/// ```
/// use arrow::array::FixedSizeListArray;
/// use arrow::datatypes::Float32Type;
/// use lineal_drift::multivariate::embedding_rows;
///
/// let rows = [[0.5, 1.0], [2.0, 3.0]].map(|row| Some(row.map(Some)));
/// let array = FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(rows, 2);
/// assert_eq!(embedding_rows(&[&array])?, ndarray::array![[0.5, 1.0], [2.0, 3.0]]);
/// # Ok::<(), lineal_drift::Error>(())
/// ```
///
/// # Errors
/// [`Error::UnsupportedType`] for anything but lists of numbers; [`Error::Row`] for a row that is null, has another length than the
/// first, or holds a null, NaN or infinite number: mend or leave out that row.
pub fn embedding_rows(arrays: &[&dyn Array]) -> Result<Array2<f64>, Error> {
    let mut values: Vec<f64> = Vec::new();
    let (mut width, mut rows) = (None, 0);
    for array in arrays {
        for row in lists(*array)? {
            let refuse = |problem| Error::Row { row: rows as u64, problem };
            let row = row.ok_or_else(|| refuse("is null"))?;
            if *width.get_or_insert(row.len()) != row.len() {
                return Err(refuse("has another length than the first"));
            }
            if row.null_count() > 0 {
                return Err(refuse("holds a null"));
            }
            let numbers = cast(&row, &DataType::Float64)
                .map_err(|source| Error::Arrow { to: "numbers", source: Box::new(source) })?;
            let numbers = numbers.as_primitive::<Float64Type>().values();
            if numbers.iter().any(|value| !value.is_finite()) {
                return Err(refuse("holds a number that is not finite"));
            }
            values.extend_from_slice(numbers);
            rows += 1;
        }
    }
    let shape = (rows, width.unwrap_or_default());
    Array2::from_shape_vec(shape, values).map_err(|_| Error::Range { what: "embeddings" })
}

/// Returns the lists of an array, `None` for those that are null.
fn lists(array: &dyn Array) -> Result<Box<dyn Iterator<Item = Option<ArrayRef>> + '_>, Error> {
    let unsupported = || Error::UnsupportedType { data_type: type_name(array.data_type()) };
    let (items, lists): (_, Box<dyn Iterator<Item = _>>) = match array.data_type() {
        DataType::FixedSizeList(items, _) => (items, Box::new(array.as_fixed_size_list().iter())),
        DataType::List(items) => (items, Box::new(array.as_list::<i32>().iter())),
        DataType::LargeList(items) => (items, Box::new(array.as_list::<i64>().iter())),
        _ => return Err(unsupported()),
    };
    if items.data_type().is_numeric() { Ok(lists) } else { Err(unsupported()) }
}

#[cfg(test)]
mod tests {
    use arrow::array::{FixedSizeListArray, Float64Array, ListArray, StringArray};
    use arrow::datatypes::{Float32Type, Float64Type, Int32Type};

    use super::*;

    fn problem(array: &dyn Array) -> String {
        embedding_rows(&[array]).unwrap_err().to_string()
    }

    #[test]
    fn hostile_lists_are_refused_by_row() {
        let good = ListArray::from_iter_primitive::<Float64Type, _, _>([Some([Some(1.0), Some(2.0)]); 3]);
        assert_eq!(embedding_rows(&[&good, &good]).unwrap().dim(), (6, 2));
        let ragged = ListArray::from_iter_primitive::<Float64Type, _, _>([Some(vec![Some(1.0)]), Some(vec![])]);
        assert_eq!(problem(&ragged), "row 1 has another length than the first");
        let null =
            FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>([None::<[_; 2]>, Some([Some(1.0); 2])], 2);
        assert_eq!(problem(&null), "row 0 is null");
        let hole = FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>([Some([Some(1.0), None])], 2);
        assert_eq!(problem(&hole), "row 0 holds a null");
        let nan = FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>([Some([Some(f32::NAN)])], 1);
        assert_eq!(problem(&nan), "row 0 holds a number that is not finite");
        assert!(matches!(embedding_rows(&[&good, &Float64Array::from(vec![1.0])]), Err(Error::UnsupportedType { .. })));
        assert!(matches!(embedding_rows(&[&StringArray::from(vec!["a"])]), Err(Error::UnsupportedType { .. })));
        assert_eq!(embedding_rows(&[]).unwrap().dim(), (0, 0));
        let integers = ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(-3)])]);
        assert_eq!(embedding_rows(&[&integers]).unwrap(), ndarray::array![[-3.0]]);
    }

    #[test]
    fn slices_are_read_from_their_beginning() {
        let rows = (0..5).map(|i| Some([Some(f64::from(i)), Some(0.0)]));
        let array = FixedSizeListArray::from_iter_primitive::<Float64Type, _, _>(rows, 2);
        let slice = array.slice(2, 2);
        assert_eq!(embedding_rows(&[&slice]).unwrap(), ndarray::array![[2.0, 0.0], [3.0, 0.0]]);
    }
}
