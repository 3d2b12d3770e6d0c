//! The year as days of requests.

use std::collections::BTreeMap;
use std::path::Path;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use lineal_drift::monitor::Value;
use lineal_examples::Outcome;
use lineal_examples::learn::{features::inputs, flights};

/// The winter as it is, and the days after it.
pub(crate) struct Replay {
    pub(crate) winter: Vec<RecordBatch>,
    pub(crate) days: Vec<Day>,
}

/// Requests of one day, in the order of their times.
#[derive(Default)]
pub(crate) struct Day {
    /// Microseconds since 1970, UTC; from the start of the day.
    pub(crate) times_us: Vec<i64>,
    rows: Vec<Vec<Field>>,
}

/// A field of a request.
enum Field {
    Number(f64),
    Label(String),
    Missing,
}

impl Replay {
    pub(crate) fn read(data: &Path) -> Outcome<Self> {
        let mut months = flights::load(data)?;
        let winter = (1..=3).filter_map(|month| months.remove(&month)).map(|rows| Ok(inputs(&rows)?));
        let winter = winter.collect::<Outcome<Vec<_>>>()?;
        let mut days: BTreeMap<i64, Day> = BTreeMap::new();
        for rows in months.values() {
            split(rows, &mut days)?;
        }
        Ok(Self { winter, days: days.into_values().collect() })
    }

    /// Midnight of the first day.
    pub(crate) fn starts_at_us(&self) -> Outcome<i64> {
        let first = self.days.first().and_then(|day| day.times_us.first()).ok_or("no days")?;
        Ok(midnight(*first))
    }
}

impl Day {
    pub(crate) fn rows(&self) -> usize {
        self.times_us.len()
    }

    /// Midnight after the day.
    pub(crate) fn ends_at_us(&self) -> i64 {
        self.times_us.first().map_or(0, |first| midnight(*first) + DAY_US)
    }

    /// One request as a monitor takes it, in the order of its features.
    pub(crate) fn row(&self, row: usize) -> Vec<Value<'_>> {
        let value = |field| match field {
            &Field::Number(number) => Value::Number(number),
            Field::Label(label) => Value::Label(label),
            Field::Missing => Value::Missing,
        };
        self.rows[row].iter().map(value).collect()
    }
}

fn split(rows: &RecordBatch, days: &mut BTreeMap<i64, Day>) -> Outcome<()> {
    let times = cast(rows.column_by_name("time_hour").ok_or("no column time_hour")?, &DataType::Int64)?;
    let fields = inputs(rows)?.columns().iter().map(fields).collect::<Outcome<Vec<_>>>()?;
    let mut fields: Vec<_> = fields.into_iter().map(Vec::into_iter).collect();
    for time in times.as_primitive::<Int64Type>().values() {
        let day = days.entry(midnight(*time)).or_default();
        day.times_us.push(*time);
        day.rows.push(fields.iter_mut().filter_map(Iterator::next).collect());
    }
    Ok(())
}

/// Texts are labels, all else is a number.
fn fields(column: &ArrayRef) -> Outcome<Vec<Field>> {
    if column.data_type() == &DataType::Utf8 {
        let label = |text: Option<&str>| text.map_or(Field::Missing, |text| Field::Label(text.to_owned()));
        return Ok(column.as_string::<i32>().iter().map(label).collect());
    }
    let numbers = cast(column, &DataType::Float64)?;
    Ok(numbers
        .as_primitive::<Float64Type>()
        .iter()
        .map(|number| number.map_or(Field::Missing, Field::Number))
        .collect())
}

fn midnight(time_us: i64) -> i64 {
    time_us - time_us.rem_euclid(DAY_US)
}

/// Writes the day before a moment: of 2013, where months are known.
pub(crate) fn date(ends_at_us: i64) -> String {
    let mut day = (ends_at_us / DAY_US) - FIRST_OF_2013 - 1;
    for (month, days) in [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31].into_iter().enumerate() {
        if day < days {
            return format!("2013-{:02}-{:02}", month + 1, day + 1);
        }
        day -= days;
    }
    "2014".to_owned()
}

const DAY_US: i64 = super::DAY_US as i64;
/// Days from 1970 to 2013.
const FIRST_OF_2013: i64 = 15_706;
