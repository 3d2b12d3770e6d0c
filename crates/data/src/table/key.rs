use std::collections::HashMap;

use arrow::{
    array::{Array, ArrayRef, RecordBatch},
    datatypes::{DataType, SchemaRef},
    row::{Row, RowConverter, Rows, SortField},
    util::display::array_value_to_string,
};
use lineal_core::FilePath;

use super::{page_table::Group, value::Bounds};
use crate::{Error, SchemaMismatch, error::excerpt};

/// The columns that tell the rows of a table apart. Null is a value like others, and so is NaN; `-0` is not `0`.
pub(super) struct Key {
    path: FilePath,
    names: Vec<String>,
    /// Their places in the table.
    pub(super) columns: Vec<usize>,
    converter: RowConverter,
}

impl Key {
    pub(super) fn new(path: &FilePath, schema: &SchemaRef, names: &[String]) -> Result<Self, Error> {
        if names.is_empty() {
            return Err(Error::invalid("key", "", "must have at least one column"));
        }
        let (mut columns, mut fields) = (Vec::new(), Vec::new());
        for name in names {
            let missing = || Error::NoSuchColumn { place: format!("table {path}"), column: excerpt(name) };
            let at = schema.index_of(name).map_err(|_| missing())?;
            if columns.contains(&at) {
                return Err(Error::invalid("key", name, "must name a column only once"));
            }
            columns.push(at);
            fields.push(SortField::new(schema.field(at).data_type().clone()));
        }
        let converter = RowConverter::new(fields).map_err(|error| Error::UnsupportedType {
            column: names.first().map(|name| excerpt(name)).unwrap_or_default(),
            found: error.to_string(),
        })?;
        Ok(Self { path: path.clone(), names: names.to_vec(), columns, converter })
    }

    /// Checks that a batch has the key columns with the types of the table.
    pub(super) fn check(&self, schema: &SchemaRef, batch: &RecordBatch) -> Result<(), Error> {
        for (name, at) in self.names.iter().zip(&self.columns) {
            let missing = || Error::NoSuchColumn { place: "batch".to_owned(), column: excerpt(name) };
            let (found, wanted) =
                (batch.column_by_name(name).ok_or_else(missing)?.data_type(), schema.field(*at).data_type());
            if found != wanted {
                return Err(self.mistyped(name, found, wanted));
            }
        }
        Ok(())
    }

    /// Checks that the key columns of another table have the types of this one.
    pub(super) fn check_types(&self, schema: &SchemaRef, other: &Self, of_other: &SchemaRef) -> Result<(), Error> {
        for ((own, other), name) in self.columns.iter().zip(&other.columns).zip(&self.names) {
            let (wanted, found) = (schema.field(*own).data_type(), of_other.field(*other).data_type());
            if wanted != found {
                return Err(self.mistyped(name, found, wanted));
            }
        }
        Ok(())
    }

    fn mistyped(&self, name: &str, found: &DataType, wanted: &DataType) -> Error {
        let mismatch = SchemaMismatch::of(vec![format!("key column {name:?} is {found} and should be {wanted}")]);
        Error::Schema { path: self.path.clone(), source: Box::new(mismatch) }
    }

    /// Picks the key columns out of a batch, in the order of the key.
    pub(super) fn columns_of(&self, batch: &RecordBatch) -> Vec<ArrayRef> {
        self.names.iter().filter_map(|name| batch.column_by_name(name).cloned()).collect()
    }

    /// Encodes the key of each row.
    pub(super) fn encode(&self, batch: &RecordBatch) -> Result<Rows, Error> {
        self.converter.convert_columns(&self.columns_of(batch)).map_err(|error| self.unread(error))
    }

    /// Numbers the keys of a batch by row; where one repeats, the last row counts.
    pub(super) fn index(&self, batch: &RecordBatch) -> Result<Keys, Error> {
        let rows = self.encode(batch)?;
        let numbers = rows.iter().enumerate().map(|(number, row)| (Box::from(row.data()), number)).collect();
        let bounds = self.columns_of(batch).iter().map(search_bounds).collect();
        Ok(Keys { numbers, bounds })
    }

    /// As [`Key::index`], of rows that may not repeat a key.
    pub(super) fn index_unique(&self, batch: &RecordBatch, place: &'static str) -> Result<Keys, Error> {
        let keys = self.index(batch)?;
        if keys.numbers.len() < batch.num_rows() {
            let rows = self.encode(batch)?;
            let repeated = rows.iter().enumerate().find(|(number, row)| keys.number(row) != Some(*number));
            return Err(self.duplicate(batch, repeated.map_or(0, |(row, _)| row), place));
        }
        Ok(keys)
    }

    /// Says that the key of a row occurs a second time.
    pub(super) fn duplicate(&self, batch: &RecordBatch, row: usize, place: &'static str) -> Error {
        let show = |column: &ArrayRef| array_value_to_string(column, row).unwrap_or_else(|_| "?".to_owned());
        let shown: Vec<String> = self.columns_of(batch).iter().map(show).collect();
        Error::DuplicateKey { path: self.path.clone(), place, key: excerpt(&shown.join(", ")) }
    }

    fn unread(&self, error: arrow::error::ArrowError) -> Error {
        Error::NotATable { path: self.path.clone(), source: Box::new(error) }
    }
}

/// Returns what lies between the least and the greatest key, if that is all: nulls and NaN are outside of every order.
fn search_bounds(column: &ArrayRef) -> Option<Bounds> {
    let all = column.logical_null_count() == 0 && !column.data_type().is_floating();
    Bounds::of(column).filter(|_| all)
}

/// Distinct keys, numbered, and what lies between the least and the greatest of each column.
pub(super) struct Keys {
    numbers: HashMap<Box<[u8]>, usize>,
    bounds: Vec<Option<Bounds>>,
}

impl Keys {
    pub(super) fn number(&self, row: &Row<'_>) -> Option<usize> {
        self.numbers.get(row.data()).copied()
    }

    /// Tells whether any of the keys can be in a row group.
    pub(super) fn may_be_in(&self, group: &Group, key: &Key) -> bool {
        self.bounds.iter().zip(&key.columns).all(|(wanted, at)| {
            let found = group.columns.get(*at).and_then(|facts| facts.bounds.as_ref());
            match (wanted, found) {
                (Some(wanted), Some(found)) => wanted.min <= found.max && wanted.max >= found.min,
                _ => true,
            }
        })
    }
}
