//! The flights of 2013 as months, and what can go wrong with them.

use std::{fs::File, path::Path, sync::Arc};

use arrow::{
    array::{ArrayRef, AsArray, BooleanArray, Float32Array, Int8Array, RecordBatch},
    compute::{cast, concat_batches, filter_record_batch, kernels::cmp},
    datatypes::{DataType, Float32Type},
    util::display::array_value_to_string,
};
use lineal_examples::Outcome;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// What tells two flights apart.
pub(crate) const KEY: [&str; 4] = ["time_hour", "carrier", "flight", "origin"];

/// Reads the year, and cuts it into months.
pub(crate) fn load(path: &Path) -> Outcome<Vec<RecordBatch>> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?.build()?;
    let batches = reader.collect::<Result<Vec<_>, _>>()?;
    let schema = batches.first().ok_or("the source is empty")?.schema();
    let year = concat_batches(&schema, &batches)?;
    let month = |number: i8| {
        let months = year.column_by_name("month").ok_or("the source has no months")?;
        let of_month = cmp::eq(months.as_primitive::<arrow::datatypes::Int8Type>(), &Int8Array::new_scalar(number))?;
        Ok(filter_record_batch(&year, &of_month)?)
    };
    (1..=12).map(month).collect()
}

/// The month with every second delay missing, as after a failure of the feed.
pub(crate) fn with_lost_delays(month: &RecordBatch) -> Outcome<RecordBatch> {
    let lost: BooleanArray = (0..month.num_rows()).map(|row| Some(row % 2 == 0)).collect();
    with_delays(month, |delays| Ok(arrow::compute::nullif(delays, &lost)?))
}

/// The month with delays in another unit.
pub(crate) fn in_seconds(month: &RecordBatch) -> Outcome<RecordBatch> {
    with_delays(month, |delays| {
        Ok(Arc::new(delays.as_primitive::<Float32Type>().unary::<_, Float32Type>(|minutes| minutes * 60.0)))
    })
}

/// Flights that left so many minutes later than they were thought to.
pub(crate) fn delayed_by(flights: &RecordBatch, minutes: f32) -> Outcome<RecordBatch> {
    with_delays(flights, |delays| {
        let later = delays.as_primitive::<Float32Type>().iter().map(|delay| delay.unwrap_or(0.0) + minutes);
        Ok(Arc::new(Float32Array::from_iter_values(later)))
    })
}

fn with_delays(flights: &RecordBatch, change: impl FnOnce(&ArrayRef) -> Outcome<ArrayRef>) -> Outcome<RecordBatch> {
    let at = flights.schema().index_of("dep_delay")?;
    let mut columns = flights.columns().to_vec();
    let delays = columns.get_mut(at).ok_or("the schema names it")?;
    *delays = change(delays)?;
    Ok(RecordBatch::try_new(flights.schema(), columns)?)
}

/// Shows the key of the first row.
pub(crate) fn show_key(keys: &RecordBatch) -> Outcome<String> {
    let cell = |column: &ArrayRef| match column.data_type() {
        // In UTC, as it is stored.
        DataType::Timestamp(unit, Some(_)) => {
            array_value_to_string(&cast(column, &DataType::Timestamp(*unit, None))?, 0)
        }
        _ => array_value_to_string(column, 0),
    };
    Ok(keys.columns().iter().map(cell).collect::<Result<Vec<_>, _>>()?.join(" "))
}
