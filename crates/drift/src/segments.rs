//! Parts of the data by the values of columns: compared one by one, or to find what of a reference goes with the current data.

use std::collections::{BTreeMap, HashMap};

use arrow::array::{Array, AsArray, RecordBatch, UInt32Array};
use arrow::compute::{cast, take_record_batch};
use arrow::datatypes::DataType;
use serde::{Deserialize, Serialize};

use crate::data_drift::DataDrift;
use crate::error::Error;
use crate::report::DataDriftReport;

/// What was found in the rows that share a value of a column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SegmentReport {
    /// The column.
    pub column: String,
    /// The value as text; `None` is the segment of the rows where it is missing.
    pub value: Option<String>,
    /// Rows of the reference.
    pub reference_rows: u64,
    /// Rows of the current data.
    pub current_rows: u64,
    /// The comparison; `None` if a side has fewer rows than asked for.
    pub report: Option<DataDriftReport>,
    /// The same by the values of the second column, if there is one.
    pub segments: Vec<Self>,
}

impl DataDrift {
    /// Compares every segment by itself: the rows with one value of the first column, then within it by the second if there is one.
    ///
    /// Drift that a part of the data has can be invisible in the whole, and drift of the whole be nothing but another mix of parts. In the
    /// order of the values as text. A segment with fewer than `least_rows` rows on a side is listed and not compared: with few rows every
    /// distance is large. P-values are adjusted within each segment, not over all of them. Each row is copied once per level.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use arrow::array::{Float64Array, RecordBatch, StringArray};
    /// use lineal_drift::{DataDrift, DataDriftSettings};
    ///
    /// // Only the flights from JFK got longer.
    /// let batch = |longer: f64| {
    ///     let origin = StringArray::from_iter_values((0..400).map(|i| if i % 2 == 0 { "JFK" } else { "LGA" }));
    ///     let minutes = Float64Array::from_iter_values((0..400).map(|i| f64::from(i) + if i % 2 == 0 { longer } else { 0.0 }));
    ///     RecordBatch::try_from_iter([("origin", Arc::new(origin) as _), ("minutes", Arc::new(minutes) as _)])
    /// };
    /// let drift = DataDrift::new(DataDriftSettings::default())?;
    /// let segments = drift.compare_segments(&[batch(0.0)?], &[batch(60.0)?], &["origin"], 100)?;
    /// let drifted = |at: usize| segments[at].report.as_ref().map(|report| report.drifted().count());
    /// assert_eq!((drifted(0), drifted(1)), (Some(1), Some(0)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Segments`] for no column or more than two, one that a batch does not hold, or one with more than a thousand values (within a
    /// value of the first column); otherwise as [`DataDrift::compare`].
    pub fn compare_segments(
        &self,
        reference: &[RecordBatch],
        current: &[RecordBatch],
        by: &[&str],
        least_rows: u64,
    ) -> Result<Vec<SegmentReport>, Error> {
        if by.is_empty() || by.len() > 2 {
            return Err(Error::Segments { what: "one column or two are needed".to_owned() });
        }
        self.segments(reference, current, by, least_rows)
    }

    fn segments(
        &self,
        reference: &[RecordBatch],
        current: &[RecordBatch],
        by: &[&str],
        least_rows: u64,
    ) -> Result<Vec<SegmentReport>, Error> {
        let Some((column, inner)) = by.split_first() else {
            return Ok(Vec::new());
        };
        let mut parts: BTreeMap<Option<String>, [Vec<RecordBatch>; 2]> = BTreeMap::new();
        for (value, batches) in split(reference, column)? {
            parts.entry(value).or_default()[0] = batches;
        }
        for (value, batches) in split(current, column)? {
            parts.entry(value).or_default()[1] = batches;
        }
        let segments = parts.into_iter().map(|(value, [reference, current])| {
            let (reference_rows, current_rows) = (rows(&reference), rows(&current));
            let enough = reference_rows.min(current_rows) >= least_rows.max(1);
            Ok(SegmentReport {
                column: (*column).to_owned(),
                value,
                reference_rows,
                current_rows,
                report: enough.then(|| self.compare(&reference, &current)).transpose()?,
                segments: self.segments(&reference, &current, inner, least_rows)?,
            })
        });
        segments.collect()
    }
}

/// Returns the rows of a reference that go with the current data: those whose values of the key columns occur there, too.
///
/// A window of July is compared with the Julys of the reference by `month`, a Sunday with its Sundays by `weekday`, so that the season is
/// no drift. Rows are not weighed: if the mix of the keys differs between the sides, so do the columns that depend on them. The rows come
/// grouped by key. Each row is copied once per key column.
///
/// ```
/// use std::sync::Arc;
/// use arrow::array::{Int32Array, RecordBatch};
/// use lineal_drift::matched_reference;
///
/// let months = |months: Vec<i32>| RecordBatch::try_from_iter([("month", Arc::new(Int32Array::from(months)) as _)]);
/// let matched = matched_reference(&[months(vec![6, 7, 7, 8])?], &[months(vec![7, 7, 7])?], &["month"])?;
/// assert_eq!(matched.iter().map(RecordBatch::num_rows).sum::<usize>(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::Segments`] for a column that a batch does not hold, or with more than a thousand values.
pub fn matched_reference(
    reference: &[RecordBatch],
    current: &[RecordBatch],
    by: &[&str],
) -> Result<Vec<RecordBatch>, Error> {
    let Some((column, inner)) = by.split_first() else {
        return Ok(reference.to_vec());
    };
    let mut now = split(current, column)?;
    let mut matched = Vec::new();
    for (value, batches) in split(reference, column)? {
        if let Some(current) = now.remove(&value) {
            matched.extend(matched_reference(&batches, &current, inner)?);
        }
    }
    // Without any match the columns are still known.
    if matched.is_empty() {
        matched.extend(reference.first().map(|batch| batch.slice(0, 0)));
    }
    Ok(matched)
}

/// Splits batches by the value of a column, as text.
fn split(batches: &[RecordBatch], column: &str) -> Result<BTreeMap<Option<String>, Vec<RecordBatch>>, Error> {
    let mut parts: BTreeMap<Option<String>, Vec<RecordBatch>> = BTreeMap::new();
    for batch in batches {
        for (value, rows) in rows_by_value(batch, column)? {
            let part = take_record_batch(batch, &UInt32Array::from(rows))
                .map_err(|source| Error::Arrow { to: "a segment", source: Box::new(source) })?;
            parts.entry(value).or_default().push(part);
        }
        if parts.len() > MOST_VALUES {
            return Err(Error::Segments { what: format!("{column} has more than {MOST_VALUES} values") });
        }
    }
    Ok(parts)
}

fn rows_by_value(batch: &RecordBatch, column: &str) -> Result<BTreeMap<Option<String>, Vec<u32>>, Error> {
    let Some(array) = batch.column_by_name(column) else {
        return Err(Error::Segments { what: format!("a batch has no column {column}") });
    };
    crate::arrays::nature(array.data_type())?;
    let texts = cast(array, &DataType::Utf8)
        .map_err(|source| Error::Arrow { to: "texts, to split by them", source: Box::new(source) })?;
    let mut rows: HashMap<Option<&str>, Vec<u32>> = HashMap::new();
    for (row, value) in (0_u32..).zip(texts.as_string::<i32>()) {
        if rows.len() > MOST_VALUES {
            break;
        }
        rows.entry(value).or_default().push(row);
    }
    if rows.len() > MOST_VALUES {
        return Err(Error::Segments { what: format!("{column} has more than {MOST_VALUES} values") });
    }
    Ok(rows.into_iter().map(|(value, rows)| (value.map(str::to_owned), rows)).collect())
}

fn rows(batches: &[RecordBatch]) -> u64 {
    batches.iter().map(|batch| batch.num_rows() as u64).sum()
}

/// More segments than anyone reads; a key column by mistake ends here, too.
const MOST_VALUES: usize = 1000;
