//! Segments: points as Parquet. A stored format, see `docs/format/runs.md`.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use arrow::{
    array::{
        Array, ArrayRef, AsArray, DictionaryArray, Float64Array, Int32Array, RecordBatch, StringArray,
        TimestampNanosecondArray, UInt32Array, UInt64Array,
    },
    datatypes::{
        DataType, Field, Float64Type, Int32Type, Schema, SchemaRef, TimeUnit, TimestampNanosecondType, UInt32Type,
        UInt64Type,
    },
};
use bytes::Bytes;
use lineal_core::{Digest, Timestamp};
use parquet::{
    arrow::{ArrowWriter, arrow_reader::ParquetRecordBatchReaderBuilder},
    basic::{Compression, Encoding},
    errors::ParquetError,
    file::properties::{EnabledStatistics, WriterProperties, WriterVersion},
    schema::types::ColumnPath,
};

use crate::{Error, Summary};

/// One value of a metric.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Point {
    /// Its step.
    pub step: u64,
    /// When it was logged.
    pub time: Timestamp,
    /// The value, bit for bit as logged.
    pub value: f64,
    /// The attempt that logged it.
    pub attempt: u32,
}

/// A point on its way to a segment; the metric is a number within the attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) metric: u32,
    pub(crate) step: u64,
    pub(crate) time: Timestamp,
    pub(crate) value: f64,
}

/// Points that are to be sealed together, with the names of their metrics by number.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    pub(crate) rows: Vec<Row>,
    pub(crate) names: Vec<Arc<str>>,
}

/// An encoded segment and what is said of it in the journal.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub(crate) bytes: Bytes,
    pub(crate) rows: u64,
    pub(crate) metrics: BTreeMap<String, Summary>,
}

/// Encodes points, sorted by metric and step; those of equal step stay in the order in which they were logged.
pub(crate) fn encode(rows: Rows, attempt: u32) -> Result<Sealed, ParquetError> {
    let Rows { mut rows, names } = rows;
    let mut by_name: Vec<(&Arc<str>, u32)> = names.iter().zip(0..).collect();
    by_name.sort_unstable();
    let mut ranks = vec![0_u32; names.len()];
    for ((_, metric), rank) in by_name.into_iter().zip(0..) {
        if let Some(place) = usize::try_from(metric).ok().and_then(|at| ranks.get_mut(at)) {
            *place = rank;
        }
    }
    let at = |row: &Row| usize::try_from(row.metric).unwrap_or(usize::MAX);
    rows.sort_by_key(|row| (ranks.get(at(row)).copied(), row.step));
    let mut used: Vec<(&str, Summary)> = Vec::new();
    let (mut keys, mut last) = (Vec::with_capacity(rows.len()), None);
    for row in &rows {
        let part = Summary::of(row.step, row.value);
        match used.last_mut().filter(|_| last == Some(row.metric)) {
            Some((_, summary)) => summary.merge(&part),
            None => used.push((names.get(at(row)).map_or("", |name| name), part)),
        }
        last = Some(row.metric);
        keys.push(i32::try_from(used.len()).unwrap_or(i32::MAX) - 1);
    }
    let columns: StringArray = used.iter().map(|(name, _)| Some(*name)).collect();
    let metrics = used.into_iter().map(|(name, summary)| (name.to_owned(), summary)).collect();
    let names = Arc::new(columns);
    let times = rows.iter().map(|row| row.time.as_nanos());
    let columns: Vec<ArrayRef> = vec![
        Arc::new(DictionaryArray::<Int32Type>::try_new(Int32Array::from(keys), names)?),
        Arc::new(rows.iter().map(|row| row.step).collect::<UInt64Array>()),
        Arc::new(TimestampNanosecondArray::from_iter_values(times).with_timezone(UTC)),
        Arc::new(rows.iter().map(|row| row.value).collect::<Float64Array>()),
        Arc::new(UInt32Array::from(vec![attempt; rows.len()])),
    ];
    let count = rows.len() as u64;
    drop(rows);
    let batch = RecordBatch::try_new(schema(), columns)?;
    let mut writer = ArrowWriter::try_new(Vec::new(), schema(), Some(properties()))?;
    writer.write(&batch)?;
    Ok(Sealed { bytes: writer.into_inner()?.into(), rows: count, metrics })
}

/// Decodes a segment of `rows` points; anything else that the bytes may hold is refused.
pub(crate) fn decode(digest: Digest, bytes: Bytes, rows: u64) -> Result<Vec<RecordBatch>, Error> {
    let unreadable = |source: ParquetError| Error::Segment { digest, source: Box::new(source) };
    let differs = |what| Error::SegmentDiffers { digest, what };
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(unreadable)?;
    if builder.schema().fields() != schema().fields() {
        return Err(differs("its schema"));
    }
    if u64::try_from(builder.metadata().file_metadata().num_rows()) != Ok(rows) {
        return Err(differs("the number of its points"));
    }
    let (mut batches, mut seen) = (Vec::new(), 0);
    for batch in builder.with_batch_size(BATCH_ROWS).build().map_err(unreadable)? {
        let batch = batch.map_err(|source| unreadable(source.into()))?;
        seen += batch.num_rows() as u64;
        if seen > rows {
            break;
        }
        batches.push(batch);
    }
    if seen == rows { Ok(batches) } else { Err(differs("the number of its points")) }
}

/// The columns of a batch, typed.
pub(crate) struct Columns<'a> {
    pub(crate) keys: &'a Int32Array,
    pub(crate) names: &'a StringArray,
    pub(crate) steps: &'a [u64],
    pub(crate) times: &'a [i64],
    pub(crate) values: &'a [f64],
    pub(crate) attempts: &'a [u32],
}

impl<'a> Columns<'a> {
    /// Takes a batch of [`decode`] apart; `None` if it is another one.
    pub(crate) fn of(batch: &'a RecordBatch) -> Option<Self> {
        let [metric, step, time, value, attempt] = batch.columns() else { return None };
        let metric = metric.as_dictionary_opt::<Int32Type>()?;
        Some(Self {
            keys: metric.keys(),
            names: metric.values().as_string_opt::<i32>()?,
            steps: step.as_primitive_opt::<UInt64Type>()?.values(),
            times: time.as_primitive_opt::<TimestampNanosecondType>()?.values(),
            values: value.as_primitive_opt::<Float64Type>()?.values(),
            attempts: attempt.as_primitive_opt::<UInt32Type>()?.values(),
        })
    }

    /// Iterates over metric and point of each row.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&'a str, Point)> {
        let (keys, names) = (self.keys.values(), self.names);
        let numbers = keys.iter().zip(self.steps).zip(self.times).zip(self.values).zip(self.attempts);
        numbers.map(|((((key, step), time), value), attempt)| {
            let at = usize::try_from(*key).ok().filter(|at| *at < names.len());
            let name = at.map_or("", |at| names.value(at));
            let (step, time) = (*step, Timestamp::from_nanos(*time));
            (name, Point { step, time, value: *value, attempt: *attempt })
        })
    }
}

/// Summarises decoded points by metric.
pub(crate) fn summarise(batches: &[RecordBatch], into: &mut BTreeMap<String, Summary>) {
    for (name, point) in batches.iter().filter_map(Columns::of).flat_map(|columns| columns.rows().collect::<Vec<_>>()) {
        let part = Summary::of(point.step, point.value);
        match into.get_mut(name) {
            Some(summary) => summary.merge(&part),
            None => drop(into.insert(name.to_owned(), part)),
        }
    }
}

/// The schema of every segment.
fn schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let name = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        Arc::new(Schema::new(vec![
            Field::new("metric", name, false),
            Field::new("step", DataType::UInt64, false),
            Field::new("time", DataType::Timestamp(TimeUnit::Nanosecond, Some(UTC.into())), false),
            Field::new("value", DataType::Float64, false),
            Field::new("attempt", DataType::UInt32, false),
        ]))
    });
    Arc::clone(&SCHEMA)
}

fn properties() -> WriterProperties {
    let column = |name: &str| ColumnPath::from(name);
    let mut properties = WriterProperties::builder()
        .set_created_by("lineal-runner".to_owned())
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_compression(Compression::SNAPPY)
        .set_dictionary_enabled(false)
        .set_column_dictionary_enabled(column("metric"), true)
        .set_column_dictionary_enabled(column("attempt"), true)
        .set_statistics_enabled(EnabledStatistics::Page)
        // A range of values with NaN among them says nothing that a reader may rest on.
        .set_column_statistics_enabled(column("value"), EnabledStatistics::None);
    for (name, encoding) in [
        ("step", Encoding::DELTA_BINARY_PACKED),
        ("time", Encoding::DELTA_BINARY_PACKED),
        ("value", Encoding::BYTE_STREAM_SPLIT),
    ] {
        properties = properties.set_column_encoding(column(name), encoding);
    }
    properties.build()
}

const UTC: &str = "UTC";
/// Rows of a batch that is handed out.
const BATCH_ROWS: usize = 8192;

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(points: &[(u32, u64, f64)]) -> Rows {
        let row = |(at, (metric, step, value)): (usize, &(u32, u64, f64))| Row {
            metric: *metric,
            step: *step,
            time: Timestamp::from_nanos(1_357_000_000_000_000_000 + at as i64),
            value: *value,
        };
        let names = ["loss".into(), "auc".into(), "\"; DROP TABLE 'ü".into()];
        Rows { rows: points.iter().enumerate().map(row).collect(), names: names.into() }
    }

    #[test]
    fn every_bit_of_a_value_survives() {
        let odd =
            [0x7ff8_0000_dead_beef, 0xfff0_0000_0000_0001, 1, 1 << 63, 0x7ff0_0000_0000_0000, 0xfff0_0000_0000_0000];
        let points: Vec<_> = (0_u64..).zip(odd).map(|(step, bits)| (0, step, f64::from_bits(bits))).collect();
        let sealed = encode(rows(&points), 3).unwrap();
        let batches = decode(Digest::of(&sealed.bytes), sealed.bytes, 6).unwrap();
        let read: Vec<u64> =
            batches.iter().flat_map(|batch| Columns::of(batch).unwrap().values.to_vec()).map(f64::to_bits).collect();
        assert_eq!(read, odd);
        assert_eq!(Columns::of(&batches[0]).unwrap().attempts, [3; 6]);
    }

    #[test]
    fn points_are_sorted_by_metric_and_step_and_equal_points_give_equal_bytes() {
        let points = [(0, 5, 1.0), (2, 0, 2.0), (1, 9, 3.0), (0, 4, 4.0), (0, 5, 5.0), (0, u64::MAX, 6.0)];
        let sealed = encode(rows(&points), 1).unwrap();
        assert_eq!(sealed.bytes, encode(rows(&points), 1).unwrap().bytes);
        assert_eq!(sealed.metrics["loss"].last.get(), 6.0);
        let batches = decode(Digest::of(b""), sealed.bytes, 6).unwrap();
        let columns = Columns::of(&batches[0]).unwrap();
        let read: Vec<_> = columns.rows().map(|(name, point)| (name.to_owned(), point.step, point.value)).collect();
        let row = |name: &str, step, value| (name.to_owned(), step, value);
        assert_eq!(
            read,
            [
                row("\"; DROP TABLE 'ü", 0, 2.0),
                row("auc", 9, 3.0),
                row("loss", 4, 4.0),
                row("loss", 5, 1.0),
                row("loss", 5, 5.0),
                row("loss", u64::MAX, 6.0)
            ]
        );
        let mut again = BTreeMap::new();
        summarise(&batches, &mut again);
        assert_eq!(again, sealed.metrics);
    }

    #[test]
    fn bytes_that_are_no_segment_are_refused() {
        let sealed = encode(rows(&[(0, 1, 1.0)]), 1).unwrap();
        let digest = Digest::of(&sealed.bytes);
        assert!(matches!(decode(digest, sealed.bytes.clone(), 2), Err(Error::SegmentDiffers { .. })));
        for cut in [0, 4, sealed.bytes.len() / 2, sealed.bytes.len() - 1] {
            assert!(matches!(decode(digest, sealed.bytes.slice(..cut), 1), Err(Error::Segment { .. })), "{cut}");
        }
    }
}
