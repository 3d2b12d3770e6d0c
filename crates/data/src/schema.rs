use std::{collections::BTreeSet, fmt};

use arrow::datatypes::{DataType, Field, IntervalUnit, Schema, TimeUnit};
use lineal_core::{BlobStore, Digest, from_canonical, to_canonical};
use serde::{Deserialize, Serialize};

use crate::{
    Error,
    bounded::read_one_bounded,
    error::{FormatFlaw, excerpt},
};

/// The columns of a table: names, types and whether they may be null, in a form that no release of Arrow changes.
///
/// Its digest is the fingerprint that versions keep of each table. Types are written as `docs/format/data.md` lists them.
///
/// ```
/// use lineal_data::{TableSchema, arrow::datatypes::{DataType, Field, Schema}};
///
/// let schema = TableSchema::of(&Schema::new(vec![Field::new("delay", DataType::Float64, true)]))?;
/// assert_eq!(schema.columns()[0].data_type, "float64");
/// # Ok::<(), lineal_data::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSchema {
    columns: Vec<Column>,
}

/// One column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Column {
    /// The name that it was first known by; `None` if that is its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its name.
    pub name: String,
    /// Whether a value may be missing.
    pub nullable: bool,
    /// Its type, such as `int64` or `list<utf8?>`.
    #[serde(rename = "type")]
    pub data_type: String,
}

#[derive(Serialize)]
struct Stored<'a> {
    columns: &'a [Column],
    format: &'a str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Loaded {
    columns: Vec<Column>,
    format: String,
}

impl TableSchema {
    /// Takes names, types and nullability from an Arrow schema; its metadata does not count.
    ///
    /// # Errors
    /// [`Error::UnsupportedType`] for unions, run-end encoding and list views; [`Error::Invalid`] if there is no column or
    /// two of one name.
    pub fn of(schema: &Schema) -> Result<Self, Error> {
        let mut names = BTreeSet::new();
        if schema.fields().is_empty() {
            return Err(Error::invalid("schema", "", "must have at least one column"));
        }
        let column = |field: &Field| {
            if !names.insert(field.name().clone()) {
                return Err(Error::invalid("column", field.name(), "must occur only once"));
            }
            let unsupported = || Error::UnsupportedType {
                column: excerpt(field.name()),
                found: excerpt(&field.data_type().to_string()),
            };
            let data_type = type_name(field.data_type()).ok_or_else(unsupported)?;
            Ok(Column { id: None, name: field.name().clone(), nullable: field.is_nullable(), data_type })
        };
        let columns = schema.fields().iter().map(AsRef::as_ref).map(column).collect::<Result<_, _>>()?;
        Ok(Self { columns })
    }

    pub(crate) fn of_columns(columns: Vec<Column>) -> Self {
        Self { columns }
    }

    /// Returns the columns in order.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Returns the column of this name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Returns the fingerprint: the digest of the stored form.
    ///
    /// # Errors
    /// [`Error::Encode`], never in practice: names and types are text.
    pub fn digest(&self) -> Result<Digest, Error> {
        Ok(Digest::of(&self.encode()?))
    }

    /// Checks that `other` has the same columns in the same order, whatever names they were first known by.
    ///
    /// # Errors
    /// [`SchemaMismatch`] with every difference.
    pub fn check_equal(&self, other: &Self) -> Result<(), SchemaMismatch> {
        let alike = |one: &Column, two: &Column| (&one.name, one.shown_type()) == (&two.name, two.shown_type());
        let pairs = || self.columns.iter().zip(&other.columns);
        if self.columns.len() == other.columns.len() && pairs().all(|(one, two)| alike(one, two)) {
            return Ok(());
        }
        let missing = self.columns.iter().filter(|column| other.column(&column.name).is_none());
        let mut differences: Vec<_> = missing.map(|column| format!("{column} is missing")).collect();
        for column in &other.columns {
            match self.column(&column.name) {
                None => differences.push(format!("{column} is not in the table")),
                Some(own) if !alike(own, column) => {
                    differences.push(format!("{column} should be {}", own.shown_type()));
                }
                Some(_) => {}
            }
        }
        if differences.is_empty() {
            differences.push("the columns are in another order".to_owned());
        }
        Err(SchemaMismatch { differences })
    }

    pub(crate) fn encode(&self) -> Result<Vec<u8>, Error> {
        let stored = Stored { columns: &self.columns, format: FORMAT };
        to_canonical(&stored).map_err(|source| Error::Encode { what: "schema", source: Box::new(source) })
    }

    pub(crate) async fn load(blobs: &dyn BlobStore, digest: Digest) -> Result<Self, Error> {
        let bytes = read_one_bounded(blobs, "schema", digest, MAX_BYTES).await?;
        Self::decode(&bytes).map_err(|flaw| Error::Format { what: "schema", digest, source: Box::new(flaw) })
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, FormatFlaw> {
        let loaded: Loaded = from_canonical(bytes).map_err(FormatFlaw::Encoding)?;
        match loaded.format == FORMAT {
            true => Ok(Self { columns: loaded.columns }),
            false => Err(FormatFlaw::Version(excerpt(&loaded.format))),
        }
    }
}

impl Column {
    /// Returns the name that it was first known by, which stays when it is renamed.
    #[must_use]
    pub fn identity(&self) -> &str {
        self.id.as_deref().unwrap_or(&self.name)
    }

    pub(crate) fn shown_type(&self) -> String {
        format!("{}{}", self.data_type, if self.nullable { "?" } else { "" })
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {:?} {}", self.name, self.shown_type())
    }
}

/// How the columns of batches differ from those of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaMismatch {
    differences: Vec<String>,
}

impl SchemaMismatch {
    pub(crate) fn not_a_table() -> Self {
        Self { differences: vec!["the file was not written as a table".to_owned()] }
    }

    pub(crate) fn of(differences: Vec<String>) -> Self {
        Self { differences }
    }

    /// Returns each difference in words.
    #[must_use]
    pub fn differences(&self) -> &[String] {
        &self.differences
    }
}

impl fmt::Display for SchemaMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: Vec<&str> = self.differences.iter().take(SHOWN).map(String::as_str).collect();
        f.write_str(&shown.join("; "))?;
        match self.differences.len().checked_sub(SHOWN) {
            Some(more) if more > 0 => write!(f, "; and {more} more"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for SchemaMismatch {}

/// Returns the frozen name of a type; `None` for one that has none yet.
pub(crate) fn type_name(data_type: &DataType) -> Option<String> {
    Some(match data_type {
        DataType::Null => "null".into(),
        DataType::Boolean => "bool".into(),
        DataType::Int8 => "int8".into(),
        DataType::Int16 => "int16".into(),
        DataType::Int32 => "int32".into(),
        DataType::Int64 => "int64".into(),
        DataType::UInt8 => "uint8".into(),
        DataType::UInt16 => "uint16".into(),
        DataType::UInt32 => "uint32".into(),
        DataType::UInt64 => "uint64".into(),
        DataType::Float16 => "float16".into(),
        DataType::Float32 => "float32".into(),
        DataType::Float64 => "float64".into(),
        DataType::Utf8 => "utf8".into(),
        DataType::LargeUtf8 => "large-utf8".into(),
        DataType::Utf8View => "utf8-view".into(),
        DataType::Binary => "binary".into(),
        DataType::LargeBinary => "large-binary".into(),
        DataType::BinaryView => "binary-view".into(),
        DataType::FixedSizeBinary(size) => format!("fixed-binary[{size}]"),
        DataType::Date32 => "date32".into(),
        DataType::Date64 => "date64".into(),
        DataType::Time32(unit) => format!("time32[{}]", unit_name(*unit)),
        DataType::Time64(unit) => format!("time64[{}]", unit_name(*unit)),
        DataType::Timestamp(unit, None) => format!("timestamp[{}]", unit_name(*unit)),
        DataType::Timestamp(unit, Some(zone)) => {
            format!("timestamp[{},{}]", unit_name(*unit), quoted(zone))
        }
        DataType::Duration(unit) => format!("duration[{}]", unit_name(*unit)),
        DataType::Interval(IntervalUnit::YearMonth) => "interval[year-month]".into(),
        DataType::Interval(IntervalUnit::DayTime) => "interval[day-time]".into(),
        DataType::Interval(IntervalUnit::MonthDayNano) => "interval[month-day-nano]".into(),
        DataType::Decimal32(precision, scale) => format!("decimal32[{precision},{scale}]"),
        DataType::Decimal64(precision, scale) => format!("decimal64[{precision},{scale}]"),
        DataType::Decimal128(precision, scale) => format!("decimal128[{precision},{scale}]"),
        DataType::Decimal256(precision, scale) => format!("decimal256[{precision},{scale}]"),
        DataType::List(item) => format!("list<{}>", item_name(item)?),
        DataType::LargeList(item) => format!("large-list<{}>", item_name(item)?),
        DataType::FixedSizeList(item, size) => format!("fixed-list[{size}]<{}>", item_name(item)?),
        DataType::Struct(fields) => {
            let field = |field: &Field| Some(format!("{}:{}", quoted(field.name()), item_name(field)?));
            let fields = fields.iter().map(|each| field(each)).collect::<Option<Vec<_>>>()?;
            format!("struct<{}>", fields.join(","))
        }
        DataType::Map(entries, sorted) => {
            let order = if *sorted { "sorted-map" } else { "map" };
            format!("{order}<{}>", type_name(entries.data_type())?)
        }
        DataType::Dictionary(key, value) => {
            format!("dictionary<{},{}>", type_name(key)?, type_name(value)?)
        }
        _ => return None,
    })
}

fn item_name(field: &Field) -> Option<String> {
    let name = type_name(field.data_type())?;
    Some(if field.is_nullable() { name + "?" } else { name })
}

fn unit_name(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Second => "s",
        TimeUnit::Millisecond => "ms",
        TimeUnit::Microsecond => "us",
        TimeUnit::Nanosecond => "ns",
    }
}

/// Writes a name so that it cannot be taken for the structure around it: as a JSON string.
fn quoted(name: &str) -> String {
    serde_json::Value::from(name).to_string()
}

const FORMAT: &str = "lineal-schema 1";
/// Enough for half a million columns.
const MAX_BYTES: u64 = 64 * 1024 * 1024;
/// Differences named in a message.
const SHOWN: usize = 5;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn names_of_types_are_pinned() {
        let item = Arc::new(Field::new("item", DataType::Utf8, true));
        let pair = vec![Field::new("a,b", DataType::Int8, false), Field::new("c", DataType::Date32, true)];
        let fields = vec![
            Field::new("carrier", DataType::Dictionary(DataType::Int32.into(), DataType::Utf8.into()), false),
            Field::new("delay", DataType::Float64, true),
            Field::new("at", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), false),
            Field::new("tags", DataType::List(Arc::clone(&item)), true),
            Field::new("vector", DataType::FixedSizeList(item, 3), true),
            Field::new("pair", DataType::Struct(pair.into()), false),
            Field::new("price", DataType::Decimal128(10, 2), false),
        ];
        let schema = TableSchema::of(&Schema::new(fields)).unwrap();
        let bytes = schema.encode().unwrap();
        insta::assert_snapshot!(String::from_utf8(bytes.clone()).unwrap());
        assert_eq!(TableSchema::decode(&bytes).unwrap(), schema);
    }

    #[test]
    fn a_mismatch_names_every_difference() {
        let schema = |fields: &[(&str, DataType, bool)]| {
            let fields: Vec<_> = fields.iter().map(|(name, of, null)| Field::new(*name, of.clone(), *null)).collect();
            TableSchema::of(&Schema::new(fields)).unwrap()
        };
        let table = schema(&[("a", DataType::Int64, false), ("b", DataType::Utf8, true), ("c", DataType::Utf8, true)]);
        let batch = schema(&[("b", DataType::Utf8, true), ("a", DataType::Int32, false), ("d", DataType::Utf8, true)]);
        insta::assert_snapshot!(table.check_equal(&batch).unwrap_err().to_string());
        let swapped =
            schema(&[("b", DataType::Utf8, true), ("a", DataType::Int64, false), ("c", DataType::Utf8, true)]);
        assert_eq!(table.check_equal(&swapped).unwrap_err().differences(), ["the columns are in another order"]);
    }

    #[test]
    fn schemas_that_cannot_be_tables_are_refused() {
        assert!(TableSchema::of(&Schema::empty()).is_err());
        let twice = Schema::new(vec![Field::new("a", DataType::Int8, true), Field::new("a", DataType::Int8, true)]);
        assert!(TableSchema::of(&twice).is_err());
        let view = DataType::ListView(Arc::new(Field::new("item", DataType::Int8, true)));
        assert!(matches!(
            TableSchema::of(&Schema::new(vec![Field::new("a", view, true)])),
            Err(Error::UnsupportedType { .. })
        ));
    }
}
