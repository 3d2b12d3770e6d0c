use arrow::{
    array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, RecordBatch},
    compute::cast,
    datatypes::{
        DataType, Date32Type, Date64Type, DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType,
        DurationSecondType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
        TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type,
        UInt16Type, UInt32Type, UInt64Type,
    },
};
use lineal_core::Hasher;

use crate::{Error, error::excerpt};

/// Writes one value of a column, so that equal values give equal bytes whatever the width of the type.
type Encode = Box<dyn Fn(usize, &mut Vec<u8>)>;

/// Hashes the key of every row of `batch`: SHA-256 over `start` and the values of `columns`, in the order given.
///
/// Returns the first eight bytes of each hash, as a big-endian number.
pub(crate) fn hash_rows(batch: &RecordBatch, columns: &[String], start: &Hasher) -> Result<Vec<u64>, Error> {
    let encoders = columns.iter().map(|column| encoder(batch, column)).collect::<Result<Vec<_>, _>>()?;
    let mut buffer = Vec::new();
    let hash = |row| {
        buffer.clear();
        encoders.iter().for_each(|encode| encode(row, &mut buffer));
        let mut hasher = start.clone();
        hasher.update(&buffer);
        let digest = hasher.finish();
        u64::from_be_bytes(std::array::from_fn(|at| digest.as_bytes()[at]))
    };
    Ok((0..batch.num_rows()).map(hash).collect())
}

fn encoder(batch: &RecordBatch, name: &str) -> Result<Encode, Error> {
    let missing = || Error::NoSuchColumn { place: "batch".to_owned(), column: excerpt(name) };
    let column = batch.column_by_name(name).ok_or_else(missing)?;
    let unsupported =
        || Error::UnsupportedType { column: excerpt(name), found: excerpt(&column.data_type().to_string()) };
    let encode = encoder_of(column).ok_or_else(unsupported)?;
    let nulls = column.logical_nulls();
    Ok(Box::new(move |row, out| match nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
        true => put(out, b'n', &[]),
        false => encode(row, out),
    }))
}

/// Chooses by type; `None` for types that make no key. Values at null rows are never asked for.
fn encoder_of(column: &ArrayRef) -> Option<Encode> {
    const DAY: i128 = 86_400_000_000_000;
    Some(match column.data_type() {
        DataType::Null => Box::new(|_, out| put(out, b'n', &[])),
        DataType::Boolean => {
            let values = column.as_boolean().clone();
            Box::new(move |row, out| put(out, b'?', &[u8::from(values.value(row))]))
        }
        DataType::Int8 => whole::<Int8Type>(column, b'i', 1),
        DataType::Int16 => whole::<Int16Type>(column, b'i', 1),
        DataType::Int32 => whole::<Int32Type>(column, b'i', 1),
        DataType::Int64 => whole::<Int64Type>(column, b'i', 1),
        DataType::UInt8 => whole::<UInt8Type>(column, b'i', 1),
        DataType::UInt16 => whole::<UInt16Type>(column, b'i', 1),
        DataType::UInt32 => whole::<UInt32Type>(column, b'i', 1),
        DataType::UInt64 => whole::<UInt64Type>(column, b'i', 1),
        DataType::Date32 => whole::<Date32Type>(column, b't', DAY),
        DataType::Date64 => whole::<Date64Type>(column, b't', 1_000_000),
        DataType::Timestamp(unit, _) => match unit {
            arrow::datatypes::TimeUnit::Second => whole::<TimestampSecondType>(column, b't', 1_000_000_000),
            arrow::datatypes::TimeUnit::Millisecond => whole::<TimestampMillisecondType>(column, b't', 1_000_000),
            arrow::datatypes::TimeUnit::Microsecond => whole::<TimestampMicrosecondType>(column, b't', 1_000),
            arrow::datatypes::TimeUnit::Nanosecond => whole::<TimestampNanosecondType>(column, b't', 1),
        },
        DataType::Duration(unit) => match unit {
            arrow::datatypes::TimeUnit::Second => whole::<DurationSecondType>(column, b'd', 1_000_000_000),
            arrow::datatypes::TimeUnit::Millisecond => whole::<DurationMillisecondType>(column, b'd', 1_000_000),
            arrow::datatypes::TimeUnit::Microsecond => whole::<DurationMicrosecondType>(column, b'd', 1_000),
            arrow::datatypes::TimeUnit::Nanosecond => whole::<DurationNanosecondType>(column, b'd', 1),
        },
        DataType::Float16 => real::<Float16Type>(column),
        DataType::Float32 => real::<Float32Type>(column),
        DataType::Float64 => real::<Float64Type>(column),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            let values = cast(column, &DataType::LargeUtf8).ok()?.as_string::<i64>().clone();
            Box::new(move |row, out| put(out, b's', values.value(row).as_bytes()))
        }
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            let values = cast(column, &DataType::LargeBinary).ok()?.as_binary::<i64>().clone();
            Box::new(move |row, out| put(out, b'b', values.value(row)))
        }
        DataType::Dictionary(_, value) => return encoder_of(&cast(column, value).ok()?),
        _ => return None,
    })
}

fn whole<T: ArrowPrimitiveType>(column: &ArrayRef, tag: u8, scale: i128) -> Encode
where
    T::Native: Into<i128>,
{
    let values = column.as_primitive::<T>().clone();
    Box::new(move |row, out| {
        // At most 64 bits times 47 bits.
        let value: i128 = values.value(row).into();
        put(out, tag, &(value * scale).to_le_bytes());
    })
}

fn real<T: ArrowPrimitiveType>(column: &ArrayRef) -> Encode
where
    T::Native: Into<f64>,
{
    let values = column.as_primitive::<T>().clone();
    Box::new(move |row, out| {
        let value: f64 = values.value(row).into();
        // Adding zero turns -0 into 0.
        let bits = if value.is_nan() { NAN_BITS } else { (value + 0.0).to_bits() };
        put(out, b'f', &bits.to_le_bytes());
    })
}

fn put(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    out.extend_from_slice(bytes);
}

/// The one pattern that stands for every NaN.
const NAN_BITS: u64 = 0x7ff8_0000_0000_0000;
