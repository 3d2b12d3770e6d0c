use std::cmp::Ordering;

use arrow::{
    array::{BooleanArray, RecordBatch},
    compute::filter_record_batch,
    datatypes::{DataType, Schema, SchemaRef},
};
use futures::{StreamExt, TryStreamExt, future, stream::BoxStream};

use super::{
    page_table::{Group, PageTable},
    reader::{Selection, TableReader},
    value::{Value, compare},
};
use crate::{Error, error::excerpt};

/// What to read of a table: some columns, and the rows that fulfil all predicates.
///
/// ```
/// use lineal_data::{Predicate, Scan};
///
/// let late = Scan::default().with_columns(&["flight"]).with_predicate(Predicate::at_least("delay", 15.0));
/// # drop(late);
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scan {
    columns: Option<Vec<String>>,
    predicates: Vec<Predicate>,
}

impl Scan {
    /// Reads only these columns; they come in the order of the table.
    #[must_use]
    pub fn with_columns(mut self, columns: &[&str]) -> Self {
        self.columns = Some(columns.iter().map(|column| (*column).to_owned()).collect());
        self
    }

    /// Reads only rows that fulfil `predicate`, besides those set before. Its column need not be among those read.
    #[must_use]
    pub fn with_predicate(mut self, predicate: Predicate) -> Self {
        self.predicates.push(predicate);
        self
    }
}

/// A demand on the value of a column. Null and NaN fulfil none.
#[derive(Debug, Clone, PartialEq)]
pub struct Predicate {
    column: String,
    comparison: Comparison,
    value: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Predicate {
    /// The value is `value`.
    #[must_use]
    pub fn equal(column: &str, value: impl Into<Value>) -> Self {
        Self::new(column, Comparison::Equal, value.into())
    }

    /// The value is less than `value`.
    #[must_use]
    pub fn less(column: &str, value: impl Into<Value>) -> Self {
        Self::new(column, Comparison::Less, value.into())
    }

    /// The value is `value` or less.
    #[must_use]
    pub fn at_most(column: &str, value: impl Into<Value>) -> Self {
        Self::new(column, Comparison::AtMost, value.into())
    }

    /// The value is greater than `value`.
    #[must_use]
    pub fn greater(column: &str, value: impl Into<Value>) -> Self {
        Self::new(column, Comparison::Greater, value.into())
    }

    /// The value is `value` or greater.
    #[must_use]
    pub fn at_least(column: &str, value: impl Into<Value>) -> Self {
        Self::new(column, Comparison::AtLeast, value.into())
    }

    fn new(column: &str, comparison: Comparison, value: Value) -> Self {
        Self { column: column.to_owned(), comparison, value }
    }

    fn holds(&self, ordering: Ordering) -> bool {
        match self.comparison {
            Comparison::Equal => ordering.is_eq(),
            Comparison::Less => ordering.is_lt(),
            Comparison::AtMost => ordering.is_le(),
            Comparison::Greater => ordering.is_gt(),
            Comparison::AtLeast => ordering.is_ge(),
        }
    }

    /// Tells whether a row group may hold such a value, which lies in the column at `place`.
    fn may_hold_in(&self, group: &Group, place: usize) -> bool {
        let Some(bounds) = group.columns.get(place).and_then(|facts| facts.bounds.as_ref()) else { return true };
        let value = match (&bounds.min, &self.value) {
            (Value::Real(_), Value::Integer(whole)) => Value::Real(*whole as f64),
            (Value::Decimal { .. }, Value::Integer(whole)) => Value::Decimal { unscaled: *whole, scale: 0 },
            (_, value) => value.clone(),
        };
        self.may_hold_between(bounds.min.partial_cmp(&value), bounds.max.partial_cmp(&value))
    }

    /// Tells whether such a value may lie between a least and a greatest one, given how these compare with what is asked for.
    fn may_hold_between(&self, min: Option<Ordering>, max: Option<Ordering>) -> bool {
        let (Some(min), Some(max)) = (min, max) else { return true };
        match self.comparison {
            Comparison::Equal => min.is_le() && max.is_ge(),
            Comparison::Less | Comparison::AtMost => self.holds(min),
            Comparison::Greater | Comparison::AtLeast => self.holds(max),
        }
    }

    /// Tells for each row whether it fulfils the demand.
    fn mask(&self, batch: &RecordBatch) -> Result<Vec<bool>, Error> {
        let missing = || Error::NoSuchColumn { place: "batch".to_owned(), column: excerpt(&self.column) };
        let column = batch.column_by_name(&self.column).ok_or_else(missing)?;
        let orderings = compare(column, &self.value).ok_or_else(|| self.mismatch(column.data_type()))?;
        Ok(orderings.into_iter().map(|ordering| ordering.is_some_and(|ordering| self.holds(ordering))).collect())
    }

    fn mismatch(&self, found: &DataType) -> Error {
        let found = format!("{found}, to be compared with {},", self.value);
        Error::UnsupportedType { column: excerpt(&self.column), found: excerpt(&found) }
    }
}

/// Reads what `scan` asks for; row groups whose least and greatest values rule it out are not read.
pub(crate) fn scan(
    reader: &TableReader,
    pages: Option<&PageTable>,
    scan: &Scan,
) -> Result<BoxStream<'static, Result<RecordBatch, Error>>, Error> {
    let find = |column: &String| {
        let missing = || Error::NoSuchColumn { place: format!("table {}", reader.path()), column: excerpt(column) };
        reader.schema().index_of(column).map_err(|_| missing())
    };
    let tested = scan.predicates.iter().map(|predicate| find(&predicate.column)).collect::<Result<Vec<_>, _>>()?;
    let wanted = match &scan.columns {
        Some(columns) => Some(columns.iter().map(find).collect::<Result<Vec<_>, _>>()?),
        None => None,
    };
    for (predicate, at) in scan.predicates.iter().zip(&tested) {
        predicate.mask(&RecordBatch::new_empty(Schema::new(vec![reader.schema().field(*at).clone()]).into()))?;
    }
    let groups = groups(reader, pages, scan, &tested);
    let columns = wanted.clone().map(|columns| columns.into_iter().chain(tested).collect());
    let batches = reader.stream(Selection { groups, rows: None, columns })?;
    if scan.predicates.is_empty() {
        return Ok(batches);
    }
    let (predicates, schema, flaw) = (scan.predicates.clone(), SchemaRef::clone(reader.schema()), reader.flaw());
    let kept = move |batch: RecordBatch| {
        let mut mask = vec![true; batch.num_rows()];
        for predicate in &predicates {
            mask.iter_mut().zip(predicate.mask(&batch)?).for_each(|(kept, holds)| *kept &= holds);
        }
        let mask = BooleanArray::from(mask);
        let shown = |name: &str| match &wanted {
            Some(wanted) => wanted.iter().any(|at| schema.fields().get(*at).is_some_and(|field| field.name() == name)),
            None => true,
        };
        let fields = batch.schema_ref().fields().iter().enumerate().filter(|(_, field)| shown(field.name()));
        let places: Vec<usize> = fields.map(|(at, _)| at).collect();
        let rows = filter_record_batch(&batch, &mask).and_then(|batch| batch.project(&places));
        rows.map_err(|error| flaw(error.into()))
    };
    let some = |batch: &RecordBatch| future::ready(batch.num_rows() > 0);
    Ok(batches.map(move |batch| batch.and_then(&kept)).try_filter(some).boxed())
}

fn groups(reader: &TableReader, pages: Option<&PageTable>, scan: &Scan, tested: &[usize]) -> Vec<usize> {
    match pages.filter(|pages| reader.fits(pages)) {
        Some(pages) => {
            let may = |group: &Group| {
                let mut tests = scan.predicates.iter().zip(tested);
                tests.all(|(predicate, at)| predicate.may_hold_in(group, *at))
            };
            pages.groups.iter().enumerate().filter(|(_, group)| may(group)).map(|(at, _)| at).collect()
        }
        None => groups_by_footer(reader, scan, tested),
    }
}

/// Goes by what the footer says of the columns of each row group, if it says anything.
fn groups_by_footer(reader: &TableReader, scan: &Scan, tested: &[usize]) -> Vec<usize> {
    let mut may = vec![true; reader.group_rows().len()];
    for (predicate, at) in scan.predicates.iter().zip(tested) {
        let Some((least, greatest)) = reader.bounds(*at) else { continue };
        let compared = compare(&least, &predicate.value).zip(compare(&greatest, &predicate.value));
        let Some((least, greatest)) = compared else { continue };
        for (may, (min, max)) in may.iter_mut().zip(least.into_iter().zip(greatest)) {
            *may &= predicate.may_hold_between(min, max);
        }
    }
    may.into_iter().enumerate().filter(|(_, may)| *may).map(|(at, _)| at).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::{
        array::{
            ArrayRef, AsArray, Float32Array, Int64Array, LargeStringArray, StringArray, TimestampSecondArray,
            UInt64Array,
        },
        compute::concat_batches,
        datatypes::{Float32Type, Int64Type},
    };
    use proptest::prelude::*;

    use lineal_core::{BlobStore, BlobStoreExt, FilePath, LooseBlobs, Store};
    use parquet::{arrow::ArrowWriter, file::properties::WriterProperties};

    use super::{
        super::row_diff::{
            Side,
            tests::{open, put_small},
        },
        *,
    };
    use crate::{FileEntry, reference::Sources};

    fn table(values: &[Option<i64>]) -> RecordBatch {
        let columns: [(&str, ArrayRef, bool); 3] = [
            ("n", Arc::new(values.iter().copied().collect::<Int64Array>()), true),
            ("x", Arc::new(values.iter().map(|value| value.map(|n| n as f32 / 2.0)).collect::<Float32Array>()), true),
            ("s", Arc::new(values.iter().map(|value| value.map(|n| format!("{n:04}"))).collect::<StringArray>()), true),
        ];
        RecordBatch::try_from_iter_with_nullable(columns).unwrap()
    }

    async fn found(values: &[Option<i64>], wanted: &Scan) -> Result<(usize, Vec<RecordBatch>), Error> {
        let side = open(&put_small(vec![table(values)])).await;
        let places: Vec<usize> =
            wanted.predicates.iter().map(|each| side.reader.schema().index_of(&each.column).unwrap_or(9)).collect();
        let read = groups(&side.reader, side.pages.as_ref(), wanted, &places).len();
        Ok((read, scan(&side.reader, side.pages.as_ref(), wanted)?.try_collect().await?))
    }

    #[tokio::test]
    async fn row_groups_that_are_ruled_out_are_not_read() {
        let values: Vec<Option<i64>> = (0..400).map(Some).collect();
        let wanted = Scan::default()
            .with_columns(&["x"])
            .with_predicate(Predicate::at_least("n", 100))
            .with_predicate(Predicate::less("s", "0110"))
            .with_predicate(Predicate::greater("x", 52));
        let (read, batches) = found(&values, &wanted).await.unwrap();
        assert!(read <= 4, "{read}");
        let rows = concat_batches(batches[0].schema_ref(), &batches).unwrap();
        assert_eq!(rows.num_columns(), 1);
        assert_eq!(rows.column(0).as_primitive::<Float32Type>().values(), &[52.5, 53.0, 53.5, 54.0, 54.5]);
        let (read, batches) = found(&values, &Scan::default().with_predicate(Predicate::equal("n", -1))).await.unwrap();
        assert_eq!((read, batches.len()), (0, 0));
    }

    /// A file of another program, with row groups of 50 rows.
    async fn theirs(batch: &RecordBatch) -> Side {
        let properties = WriterProperties::builder().set_max_row_group_row_count(Some(50)).build();
        let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
        writer.write(batch).unwrap();
        let bytes: bytes::Bytes = writer.into_inner().unwrap().into();
        let blobs = Arc::new(LooseBlobs::open(&Store::open("memory:///").unwrap(), "blobs").await.unwrap());
        let digest = blobs.put_one(bytes.clone()).await.unwrap().digests()[0];
        let (path, blobs): (_, Arc<dyn BlobStore>) = (FilePath::new("t").unwrap(), blobs);
        let entry = FileEntry::new(path, digest, bytes.len() as u64, "application/octet-stream".to_owned());
        Side::open(&blobs, &Sources::default(), &entry).await.unwrap()
    }

    #[tokio::test]
    async fn row_groups_of_other_programs_are_ruled_out_by_their_footer() {
        let mut values: Vec<Option<i64>> = (0..400).map(Some).collect();
        values[120] = None;
        let side = theirs(&table(&values)).await;
        for (predicate, at, least_groups) in [
            (Predicate::equal("n", 100), 0, 1),
            (Predicate::at_least("n", 350), 0, 1),
            (Predicate::greater("n", 349), 0, 1),
            (Predicate::less("x", 0.5), 1, 1),
            (Predicate::at_most("s", "0050"), 2, 2),
            (Predicate::equal("s", "no"), 2, 0),
        ] {
            let wanted = Scan::default().with_predicate(predicate);
            assert_eq!(groups(&side.reader, None, &wanted, &[at]).len(), least_groups, "{wanted:?}");
            let all = scan(&side.reader, None, &Scan::default()).unwrap().try_collect::<Vec<_>>().await.unwrap();
            let all = concat_batches(all[0].schema_ref(), &all).unwrap();
            let mask = BooleanArray::from(wanted.predicates[0].mask(&all).unwrap());
            let expected = filter_record_batch(&all, &mask).unwrap();
            let found = scan(&side.reader, None, &wanted).unwrap().try_collect::<Vec<_>>().await.unwrap();
            assert_eq!(concat_batches(all.schema_ref(), &found).unwrap(), expected, "{wanted:?}");
        }
    }

    #[tokio::test]
    async fn kinds_that_do_not_compare_are_refused() {
        for predicate in [Predicate::equal("n", "1"), Predicate::equal("n", 0.5), Predicate::equal("s", 1)] {
            let refused = found(&[Some(1)], &Scan::default().with_predicate(predicate)).await;
            assert!(matches!(refused, Err(Error::UnsupportedType { .. })));
        }
        for scan in [Scan::default().with_columns(&["no"]), Scan::default().with_predicate(Predicate::equal("no", 1))] {
            assert!(matches!(found(&[Some(1)], &scan).await, Err(Error::NoSuchColumn { .. })));
        }
        let (_, all) = found(&[Some(1)], &Scan::default()).await.unwrap();
        assert_eq!(all, [table(&[Some(1)])]);
    }

    #[test]
    fn every_kind_compares() {
        let holds = |array: ArrayRef, value: Value| {
            let orderings = compare(&array, &value).unwrap();
            orderings.into_iter().map(|each| each.is_some_and(Ordering::is_ge)).collect::<Vec<_>>()
        };
        assert_eq!(holds(Arc::new(UInt64Array::from(vec![u64::MAX, 1])), u64::MAX.into()), [true, false]);
        assert_eq!(holds(Arc::new(TimestampSecondArray::from(vec![1, 2])), Value::Time(2_000_000_000)), [false, true]);
        assert_eq!(holds(Arc::new(arrow::array::Date32Array::from(vec![0, 1])), Value::Time(1)), [false, true]);
        let texts = Arc::new(LargeStringArray::from(vec![Some("b"), None, Some("a")]));
        assert_eq!(holds(texts, "b".into()), [true, false, false]);
        assert_eq!(holds(Arc::new(Float32Array::from(vec![f32::NAN, 1.0])), 1.into()), [false, true]);
        assert_eq!(holds(Arc::new(arrow::array::BinaryArray::from(vec![&b"x"[..]])), b"w".to_vec().into()), [true]);
        assert_eq!(holds(Arc::new(arrow::array::DurationSecondArray::from(vec![1])), Value::Duration(1)), [true]);
        assert_eq!(holds(Arc::new(arrow::array::BooleanArray::from(vec![true])), false.into()), [true]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn a_scan_gives_the_rows_that_the_model_gives(
            values in proptest::collection::vec(proptest::option::weighted(0.9, 0_i64..20), 0..60),
            at in 0_i64..20,
            which in 0..5,
        ) {
            let (predicate, holds): (_, fn(i64, i64) -> bool) = match which {
                0 => (Predicate::equal("n", at), |one, two| one == two),
                1 => (Predicate::less("n", at), |one, two| one < two),
                2 => (Predicate::at_most("n", at), |one, two| one <= two),
                3 => (Predicate::greater("n", at), |one, two| one > two),
                _ => (Predicate::at_least("n", at), |one, two| one >= two),
            };
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let (_, batches) = runtime.block_on(found(&values, &Scan::default().with_predicate(predicate))).unwrap();
            let rows: Vec<i64> = batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec()).collect();
            let expected: Vec<i64> = values.into_iter().flatten().filter(|value| holds(*value, at)).collect();
            prop_assert_eq!(rows, expected);
        }
    }
}
