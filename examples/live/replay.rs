//! The year as days of requests.

use std::collections::BTreeMap;
use std::path::Path;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use lineal_drift::monitor::Value;
use lineal_examples::Outcome;
use lineal_examples::learn::{
    features::{CATEGORICAL, NUMERIC, inputs},
    flights,
};

/// The winter as it is, and the days after it.
pub(crate) struct Replay {
    pub(crate) winter: Vec<RecordBatch>,
    pub(crate) days: Vec<Day>,
}

/// Requests of one day, in the order of their times.
pub(crate) struct Day {
    /// Microseconds since 1970, UTC; from the start of the day.
    pub(crate) times_us: Vec<i64>,
    numbers: Vec<Vec<Option<f64>>>,
    labels: Vec<Vec<Option<String>>>,
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

    /// One request as a monitor takes it: numbers first, then labels.
    pub(crate) fn row(&self, row: usize) -> Vec<Value<'_>> {
        let numbers = self.numbers.iter().map(|column| column[row].map_or(Value::Missing, Value::Number));
        let labels = self.labels.iter().map(|column| column[row].as_deref().map_or(Value::Missing, Value::Label));
        numbers.chain(labels).collect()
    }

    fn empty() -> Self {
        Self {
            times_us: Vec::new(),
            numbers: vec![Vec::new(); NUMERIC.len()],
            labels: vec![Vec::new(); CATEGORICAL.len()],
        }
    }
}

fn split(rows: &RecordBatch, days: &mut BTreeMap<i64, Day>) -> Outcome<()> {
    let column = |name: &str, to: &DataType| -> Outcome<_> {
        Ok(cast(rows.column_by_name(name).ok_or_else(|| format!("no column {name}"))?, to)?)
    };
    let times = column("time_hour", &DataType::Int64)?;
    let numbers = NUMERIC.iter().map(|name| column(name, &DataType::Float64)).collect::<Outcome<Vec<_>>>()?;
    let labels = CATEGORICAL.iter().map(|name| column(name, &DataType::Utf8)).collect::<Outcome<Vec<_>>>()?;
    for (row, time) in times.as_primitive::<Int64Type>().values().iter().enumerate() {
        let day = days.entry(midnight(*time)).or_insert_with(Day::empty);
        day.times_us.push(*time);
        for (values, column) in day.numbers.iter_mut().zip(&numbers) {
            values.push(column.is_valid(row).then(|| column.as_primitive::<Float64Type>().value(row)));
        }
        for (values, column) in day.labels.iter_mut().zip(&labels) {
            values.push(column.is_valid(row).then(|| column.as_string::<i32>().value(row).to_owned()));
        }
    }
    Ok(())
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
