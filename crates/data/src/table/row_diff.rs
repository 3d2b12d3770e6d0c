use std::{ops::Range, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, BooleanArray, RecordBatch, UInt64Array},
    buffer::BooleanBuffer,
    compute::{cast, concat_batches, kernels::cmp::distinct, take, take_record_batch},
    datatypes::{DataType, Field, Schema, SchemaRef},
    error::ArrowError,
    row::{RowConverter, SortField},
};
use futures::{TryStreamExt, future::try_join};
use lineal_core::{BlobStore, FilePath, on_cpu};
use parquet::arrow::arrow_reader::RowSelection;
use rayon::prelude::*;

use super::{
    align::differing,
    key::Key,
    key_join::KeyJoin,
    page_table::PageTable,
    reader::{Selection, TableReader},
};
use crate::{Column, Error, FileEntry, TableSchema, evolution::widens, reference::Sources, schema::type_name};

/// Which rows differ between two versions of a table, by key.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RowDiff {
    /// Rows whose key is new, in the order of the new table.
    pub added: RecordBatch,
    /// Rows whose key is gone, in the order of the old table.
    pub removed: RecordBatch,
    /// Rows with other values than before, as they were; in the order of the new table.
    pub changed_old: RecordBatch,
    /// The same rows as they are.
    pub changed_new: RecordBatch,
    /// For each of these rows and each column that both tables have, with the same type or one that is wider in one of them:
    /// whether the value differs. A renamed column is the same, and has its new name here.
    pub changed_cells: RecordBatch,
    /// How many rows were decoded on both sides together; the others lie in pages that are equal.
    pub rows_read: u64,
}

impl RowDiff {
    /// Tells whether no row differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.num_rows() + self.removed.num_rows() + self.changed_new.num_rows() == 0
    }

    /// Returns the columns in which a value differs, with the number of rows.
    #[must_use]
    pub fn changed_columns(&self) -> Vec<(&str, usize)> {
        let fields = self.changed_cells.schema_ref().fields().iter();
        let counts = self
            .changed_cells
            .columns()
            .iter()
            .map(|column| column.as_any().downcast_ref::<BooleanArray>().map_or(0, BooleanArray::true_count));
        fields.map(|field| field.name().as_str()).zip(counts).filter(|(_, count)| *count > 0).collect()
    }
}

/// One of the two tables.
pub(crate) struct Side {
    pub(crate) reader: TableReader,
    pub(crate) pages: Option<PageTable>,
    /// What is known of the columns beyond the file.
    pub(crate) schema: Option<TableSchema>,
}

impl Side {
    /// Opens a table, or any Parquet file.
    pub(crate) async fn open(blobs: &Arc<dyn BlobStore>, sources: &Sources, entry: &FileEntry) -> Result<Self, Error> {
        let (mut pages, mut schema) = (None, None);
        if let Some(facts) = entry.table {
            schema = Some(TableSchema::load(blobs.as_ref(), facts.schema).await?);
            if let Some(digest) = facts.pages {
                pages = Some(PageTable::load(blobs.as_ref(), digest).await?);
            }
        }
        let reader = TableReader::open(Arc::clone(blobs), sources, entry, pages.as_ref()).await?;
        Ok(Self { reader, pages, schema })
    }

    /// Returns what each column was first called.
    fn identities(&self) -> Vec<&str> {
        let fields = self.reader.schema().fields().iter().map(|field| field.name().as_str());
        let known = |name| self.schema.as_ref().and_then(|schema| schema.column(name)).map(Column::identity);
        fields.map(|name| known(name).unwrap_or(name)).collect()
    }
}

/// Compares two tables by the columns `key`; rows that lie in equal pages are not read.
pub(crate) async fn diff_rows(path: FilePath, old: Side, new: Side, key: Vec<String>) -> Result<RowDiff, Error> {
    let common = common_columns(&old, &new);
    let new_key = Key::new(&path, new.reader.schema(), &key)?;
    let old_key = Key::new(&path, old.reader.schema(), &names_before(&old, &new, &new_key))?;
    new_key.check_types(new.reader.schema(), &old_key, old.reader.schema())?;
    let (old_ranges, new_ranges) = ranges(&old, &new, &common);
    let (old, new) = try_join(read(&old.reader, old_ranges), read(&new.reader, new_ranges)).await?;
    on_cpu(move || Comparison { old, new, old_key, new_key, common, path }.run()).await?
}

/// Columns of one identity whose values can be compared: their places in both tables.
fn common_columns(old: &Side, new: &Side) -> Vec<(usize, usize)> {
    let identities = new.identities();
    let find = |(at, identity): (usize, &str)| {
        let other = identities.iter().position(|other| *other == identity)?;
        let (one, two) = (old.reader.schema().field(at).data_type(), new.reader.schema().field(other).data_type());
        (one == two || common_type(one, two).is_some()).then_some((at, other))
    };
    old.identities().into_iter().enumerate().filter_map(find).collect()
}

/// Returns the type that two different ones are compared as: the one that the values of both fit in.
fn common_type<'a>(one: &'a DataType, two: &'a DataType) -> Option<&'a DataType> {
    // Equal names: they differ in what lists and maps call their items.
    let (one_name, two_name) = (type_name(one)?, type_name(two)?);
    if one_name == two_name || widens(&one_name, &two_name) {
        return Some(two);
    }
    widens(&two_name, &one_name).then_some(one)
}

/// Returns what the key columns of the new table are called in the old one.
fn names_before(old: &Side, new: &Side, key: &Key) -> Vec<String> {
    let (before, identities) = (old.identities(), new.identities());
    let name = |at: &usize| {
        let identity = identities.get(*at).copied().unwrap_or_default();
        let found = before.iter().position(|other| *other == identity);
        found.map_or(identity.to_owned(), |at| old.reader.schema().field(at).name().clone())
    };
    key.columns.iter().map(name).collect()
}

/// Finds the rows to be read: all of them if one of the tables has no page table.
fn ranges(old: &Side, new: &Side, common: &[(usize, usize)]) -> (Vec<Range<u64>>, Vec<Range<u64>>) {
    let rows = |side: &Side| side.reader.group_rows().iter().sum::<u64>();
    let all = |side: &Side| Some(0..rows(side)).into_iter().filter(|range| !range.is_empty()).collect();
    // Pages of a column that may have nulls say more, and those of another type may say the same of other values.
    let alike = |(one, two): &(usize, usize)| {
        let (one, two) = (old.reader.schema().field(*one), new.reader.schema().field(*two));
        one.is_nullable() == two.is_nullable() && type_name(one.data_type()) == type_name(two.data_type())
    };
    let (one, two) = match (&old.pages, &new.pages) {
        (Some(one), Some(two)) if common.iter().all(alike) && old.reader.fits(one) && new.reader.fits(two) => {
            (one, two)
        }
        _ => return (all(old), all(new)),
    };
    let leaves = common.iter().flat_map(|(old, new)| one.leaves_of(*old).zip(two.leaves_of(*new)));
    let found = differing(one, two, &leaves.collect::<Vec<_>>());
    (found.old, found.new)
}

/// Reads ranges of rows.
pub(crate) async fn read(reader: &TableReader, ranges: Vec<Range<u64>>) -> Result<RecordBatch, Error> {
    let (mut start, mut total) = (0, 0);
    let (mut groups, mut picked) = (Vec::new(), Vec::new());
    let place = |row: u64| usize::try_from(row).unwrap_or(usize::MAX);
    for (group, rows) in reader.group_rows().into_iter().enumerate() {
        let within = ranges.iter().map(|range| range.start.max(start)..range.end.min(start + rows));
        let within = within.filter(|range| !range.is_empty());
        let within: Vec<_> =
            within.map(|range| place(range.start - start) + total..place(range.end - start) + total).collect();
        if !within.is_empty() {
            groups.push(group);
            picked.extend(within);
            total += place(rows);
        }
        start += rows;
    }
    let rows = RowSelection::from_consecutive_ranges(picked.into_iter(), total);
    let batches: Vec<RecordBatch> =
        reader.stream(Selection { groups, rows: Some(rows), columns: None })?.try_collect().await?;
    let schema = SchemaRef::clone(reader.schema());
    let unread = reader.flaw();
    on_cpu(move || concat_batches(&schema, &batches)).await?.map_err(|error| unread(error.into()))
}

struct Comparison {
    old: RecordBatch,
    new: RecordBatch,
    old_key: Key,
    new_key: Key,
    common: Vec<(usize, usize)>,
    path: FilePath,
}

impl Comparison {
    fn run(self) -> Result<RowDiff, Error> {
        let KeyJoin { pairs, added, removed } = KeyJoin::of((&self.old_key, &self.old), (&self.new_key, &self.new))?;
        let cells = self.cells(&pairs)?;
        let any = cells.iter().map(|(_, differs)| differs.clone()).reduce(|one, two| &one | &two);
        let changed: Vec<usize> = any.iter().flat_map(BooleanBuffer::set_indices).collect();
        let of = |pick: fn(&(u64, u64)) -> u64| changed.iter().filter_map(|at| pairs.get(*at).map(pick)).collect();
        Ok(RowDiff {
            rows_read: (self.old.num_rows() + self.new.num_rows()) as u64,
            added: self.take(&self.new, added)?,
            removed: self.take(&self.old, removed)?,
            changed_old: self.take(&self.old, of(|pair| pair.0))?,
            changed_new: self.take(&self.new, of(|pair| pair.1))?,
            changed_cells: self.masks(&cells, &changed)?,
        })
    }

    /// For each common column and each pair of rows: whether the values differ.
    fn cells(&self, pairs: &[(u64, u64)]) -> Result<Vec<(String, BooleanBuffer)>, Error> {
        let olds = Picked::of(pairs.iter().map(|pair| pair.0), self.old.num_rows());
        let news = Picked::of(pairs.iter().map(|pair| pair.1), self.new.num_rows());
        let column = |(old_at, new_at): &(usize, usize)| {
            let (old, new) = (self.old.columns().get(*old_at)?, self.new.columns().get(*new_at)?);
            Some((self.new.schema_ref().field(*new_at).name().clone(), old, new))
        };
        let columns: Vec<_> = self.common.iter().filter_map(column).collect();
        let compare = |(name, old, new)| Ok((name, self.compare(&olds.from(old)?, &news.from(new)?)?));
        let compared: Result<_, ArrowError> = columns.into_par_iter().map(compare).collect();
        compared.map_err(|error| self.flaw(error))
    }

    /// Compares values place by place; null is a value like others, and so is NaN.
    fn compare(&self, old: &ArrayRef, new: &ArrayRef) -> Result<BooleanBuffer, ArrowError> {
        if old.data_type() != new.data_type()
            && let Some(common) = common_type(old.data_type(), new.data_type())
        {
            return self.compare(&cast(old, common)?, &cast(new, common)?);
        }
        if let Ok(differs) = distinct(old, new) {
            return Ok(differs.values().clone());
        }
        // Nested types have no kernel for that.
        let fields = vec![SortField::new(old.data_type().clone())];
        let places = 0..old.len();
        if !RowConverter::supports_fields(&fields) {
            return Ok(places.map(|at| old.slice(at, 1) != new.slice(at, 1)).collect());
        }
        let converter = RowConverter::new(fields)?;
        let old = converter.convert_columns(&[Arc::clone(old)])?;
        let new = converter.convert_columns(&[Arc::clone(new)])?;
        Ok(places.map(|at| old.row(at) != new.row(at)).collect())
    }

    fn masks(&self, cells: &[(String, BooleanBuffer)], changed: &[usize]) -> Result<RecordBatch, Error> {
        let fields = cells.iter().map(|(name, _)| Field::new(name, DataType::Boolean, false));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let mask = |(_, differs): &(String, BooleanBuffer)| {
            let of_row = |at: &usize| differs.value(*at);
            Arc::new(BooleanArray::from(changed.iter().map(of_row).collect::<Vec<_>>())) as ArrayRef
        };
        RecordBatch::try_new(schema, cells.iter().map(mask).collect()).map_err(|error| self.flaw(error))
    }

    fn take(&self, from: &RecordBatch, rows: Vec<u64>) -> Result<RecordBatch, Error> {
        take_record_batch(from, &UInt64Array::from(rows)).map_err(|error| self.flaw(error))
    }

    fn flaw(&self, error: ArrowError) -> Error {
        Error::NotATable { path: self.path.clone(), source: Box::new(error) }
    }
}

/// Places of rows in one table; none if these are all rows in their order, so that nothing is copied.
struct Picked(Option<UInt64Array>);

impl Picked {
    fn of(rows: impl ExactSizeIterator<Item = u64> + Clone, of: usize) -> Self {
        let all = rows.len() == of && rows.clone().eq(0..of as u64);
        Self((!all).then(|| rows.collect()))
    }

    fn from(&self, column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
        match &self.0 {
            None => Ok(Arc::clone(column)),
            Some(rows) => take(column, rows, None),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use arrow::{
        array::{AsArray, Float64Array, Int64Array, StringArray},
        datatypes::{Float64Type, Int64Type},
    };
    use lineal_core::{BlobStoreExt, Digest, LooseBlobs, Store};
    use proptest::prelude::*;

    use super::{
        super::edit::{RowEdit, tests::edited_in},
        super::{cut::Limits, writer::Written},
        *,
    };
    const SMALL: Limits = Limits { least: 100, spread: 200, greatest: 600 };

    async fn side(blobs: &Arc<LooseBlobs>, written: &Written) -> Side {
        let blobs: Arc<dyn BlobStore> = Arc::<LooseBlobs>::clone(blobs);
        blobs.put_one(written.bytes.clone()).await.unwrap();
        let (path, digest) = (FilePath::new("t").unwrap(), Digest::of(&written.bytes));
        let media_type = "application/vnd.apache.parquet".to_owned();
        let entry = FileEntry::new(path, digest, written.bytes.len() as u64, media_type);
        let pages = PageTable::of_bytes(&written.pages).unwrap();
        let reader = TableReader::open(blobs, &Sources::default(), &entry, Some(&pages)).await.unwrap();
        Side { reader, pages: Some(pages), schema: None }
    }

    /// A table of small row groups.
    pub(in super::super) fn put_small(batches: Vec<RecordBatch>) -> Written {
        put(SMALL, batches)
    }

    pub(in super::super) async fn open(written: &Written) -> Side {
        let store = Store::open("memory:///").unwrap();
        open_on(&store, written).await
    }

    pub(in super::super) async fn open_on(store: &Store, written: &Written) -> Side {
        side(&Arc::new(LooseBlobs::open(store, "blobs").await.unwrap()), written).await
    }

    async fn diff(old: &Written, new: &Written, key: &str) -> Result<RowDiff, Error> {
        let store = Store::open("memory:///").unwrap();
        let blobs = Arc::new(LooseBlobs::open(&store, "blobs").await.unwrap());
        let (old, new) = (side(&blobs, old).await, side(&blobs, new).await);
        diff_rows(FilePath::new("t").unwrap(), old, new, vec![key.to_owned()]).await
    }

    fn put(limits: Limits, batches: Vec<RecordBatch>) -> Written {
        edited_in(limits, None, vec![RowEdit::Append(batches)]).unwrap()
    }

    /// Rows of a number, one that is constant, and a text.
    fn rows(from: i64, to: i64) -> RecordBatch {
        let text = |id: i64| Digest::of(&id.to_le_bytes()).to_string();
        let columns: [(&str, ArrayRef, bool); 4] = [
            ("id", Arc::new(Int64Array::from_iter_values(from..to)), false),
            ("same", Arc::new(StringArray::from_iter_values((from..to).map(|_| "x"))), true),
            ("delay", Arc::new(Float64Array::from_iter_values((from..to).map(|id| id as f64 * 0.5))), true),
            ("text", Arc::new(StringArray::from_iter_values((from..to).map(text))), false),
        ];
        RecordBatch::try_from_iter_with_nullable(columns).unwrap()
    }

    #[tokio::test]
    async fn rows_in_equal_pages_are_not_read() {
        // Groups of many pages each.
        let limits = Limits { least: 2_000_000, spread: 1_000_000, greatest: 4_000_000 };
        let old = put(limits, vec![rows(0, 40_000)]);
        let mut columns = rows(20_000, 20_100).columns().to_vec();
        let delay = |id: i64| if id < 20_010 { id as f64 * 0.5 } else { -1.0 };
        columns[2] = Arc::new(Float64Array::from_iter_values((20_000..20_100).map(delay)));
        let update = RecordBatch::try_new(rows(0, 1).schema(), columns).unwrap();
        let update = RowEdit::Update(vec!["id".to_owned()], vec![update]);
        let updated = edited_in(limits, Some(&old), vec![update]).unwrap();
        let found = diff(&old, &updated, "id").await.unwrap();
        assert_eq!(found.changed_columns(), [("delay", 90)]);
        assert!(found.rows_read < 32_000, "{} of 80,000", found.rows_read);
        let edits = vec![
            RowEdit::Delete(rows(30_000, 30_010).project(&[0]).unwrap()),
            RowEdit::Append(vec![rows(40_000, 40_005)]),
        ];
        let new = edited_in(limits, Some(&updated), edits).unwrap();
        let diff = diff(&old, &new, "id").await.unwrap();
        let ids = |batch: &RecordBatch| batch.column(0).as_primitive::<Int64Type>().values().to_vec();
        assert_eq!(ids(&diff.added), (40_000..40_005).collect::<Vec<_>>());
        assert_eq!(ids(&diff.removed), (30_000..30_010).collect::<Vec<_>>());
        assert_eq!(ids(&diff.changed_new), (20_010..20_100).collect::<Vec<_>>());
        assert_eq!(ids(&diff.changed_old), ids(&diff.changed_new));
        assert_eq!(diff.changed_columns(), [("delay", 90)]);
        assert_eq!(diff.changed_old.column(2).as_primitive::<Float64Type>().value(0), 10_005.0);
        assert!(diff.rows_read < 60_000, "{} of 80,000", diff.rows_read);
    }

    #[tokio::test]
    async fn equal_tables_are_not_read_at_all() {
        let table = put(SMALL, vec![rows(0, 100)]);
        let diff = diff(&table, &table, "id").await.unwrap();
        assert!(diff.is_empty() && diff.rows_read == 0);
        assert_eq!(diff.added.schema(), rows(0, 1).schema());
    }

    #[tokio::test]
    async fn keys_that_repeat_and_columns_that_differ() {
        let (one, two) = (put(Limits::STORED, vec![rows(0, 5)]), put(Limits::STORED, vec![rows(0, 5), rows(3, 4)]));
        assert!(matches!(diff(&one, &two, "id").await, Err(Error::DuplicateKey { place: "new table", .. })));
        assert!(matches!(diff(&two, &one, "id").await, Err(Error::DuplicateKey { place: "old table", .. })));
        assert!(matches!(diff(&one, &two, "none").await, Err(Error::NoSuchColumn { .. })));
        let narrow = put(SMALL, vec![rows(1, 6).project(&[3, 0]).unwrap()]);
        let found = diff(&one, &narrow, "id").await.unwrap();
        assert_eq!((found.added.num_rows(), found.removed.num_rows(), found.changed_new.num_rows()), (1, 1, 0));
        assert_eq!(found.changed_cells.num_columns(), 2);
        let typed = RecordBatch::try_from_iter([("id", Arc::new(StringArray::from(vec!["1"])) as ArrayRef)]).unwrap();
        assert!(matches!(diff(&one, &put(SMALL, vec![typed]), "id").await, Err(Error::Schema { .. })));
    }

    type Model = BTreeMap<i64, (Option<i64>, u8)>;

    fn batch(model: &Model, order: &[i64]) -> RecordBatch {
        let keys: Vec<i64> = order.iter().copied().filter(|key| model.contains_key(key)).collect();
        let columns: [(&str, ArrayRef, bool); 3] = [
            ("k", Arc::new(Int64Array::from(keys.clone())), false),
            ("a", Arc::new(keys.iter().map(|key| model[key].0).collect::<Int64Array>()), true),
            (
                "b",
                Arc::new(
                    keys.iter().map(|key| Some(["x", "y"][usize::from(model[key].1 % 2)])).collect::<StringArray>(),
                ),
                true,
            ),
        ];
        RecordBatch::try_from_iter_with_nullable(columns).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_diff_is_what_the_model_says(
            old in proptest::collection::btree_map(0_i64..60, (proptest::option::of(0_i64..3), any::<u8>()), 0..60),
            edits in proptest::collection::btree_map(0_i64..60, proptest::option::of((proptest::option::of(0_i64..3), any::<u8>())), 0..6),
            order in Just((0_i64..60).collect::<Vec<_>>()).prop_shuffle(),
            moved: bool,
        ) {
            let mut new = old.clone();
            for (key, value) in edits {
                match value {
                    Some(value) => drop(new.insert(key, value)),
                    None => drop(new.remove(&key)),
                }
            }
            let mut other = order.clone();
            if moved {
                other.rotate_left(20);
            }
            let one = put(Limits { least: 60, spread: 100, greatest: 300 }, vec![batch(&old, &order)]);
            let two = put(Limits { least: 60, spread: 100, greatest: 300 }, vec![batch(&new, &other)]);
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let found = runtime.block_on(diff(&one, &two, "k")).unwrap();
            let keys = |batch: &RecordBatch| batch.column(0).as_primitive::<Int64Type>().values().to_vec();
            let expected = |wanted: &dyn Fn(&i64) -> bool, order: &[i64]| order.iter().copied().filter(wanted).collect::<Vec<_>>();
            prop_assert_eq!(keys(&found.added), expected(&|key| new.contains_key(key) && !old.contains_key(key), &other));
            prop_assert_eq!(keys(&found.removed), expected(&|key| old.contains_key(key) && !new.contains_key(key), &order));
            let differs = |key: &i64| match (old.get(key), new.get(key)) {
                (Some(old), Some(new)) => old.0 != new.0 || old.1 % 2 != new.1 % 2,
                _ => false,
            };
            prop_assert_eq!(keys(&found.changed_new), expected(&differs, &other));
            prop_assert_eq!(keys(&found.changed_old), expected(&differs, &other));
        }
    }
}
