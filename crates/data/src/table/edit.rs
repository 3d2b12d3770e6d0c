use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow::{
    array::{BooleanArray, RecordBatch, new_null_array},
    compute::{cast, concat_batches, filter_record_batch, interleave_record_batch},
    datatypes::{FieldRef, Schema, SchemaRef},
    error::ArrowError,
};
use bytes::Bytes;
use lineal_core::{FilePath, on_cpu};
use parquet::errors::ParquetError;

use super::{
    cut::Limits,
    file::File,
    key::{Key, Keys},
    page_table::PageTable,
    writer::{TableWriter, Written},
};
use crate::{Error, Evolution};

/// What becomes of the rows of a table.
#[derive(Debug, Clone)]
pub(crate) enum RowEdit {
    /// Rows at its end.
    Append(Vec<RecordBatch>),
    /// The rows whose values in the columns of this batch are those of one of its rows are taken away.
    Delete(RecordBatch),
    /// Rows in place of those with the same key, or at the end.
    Update(Vec<String>, Vec<RecordBatch>),
    /// Other columns, which are known to be allowed.
    Evolve(Evolution),
}

impl RowEdit {
    /// Returns the rows that it brings, whose schema is that of the table.
    pub(crate) fn batches(&self) -> &[RecordBatch] {
        match self {
            Self::Append(batches) | Self::Update(_, batches) => batches,
            Self::Delete(_) | Self::Evolve(_) => &[],
        }
    }
}

/// A table before the edits, and its page table if it has one.
pub(crate) type Before = (Bytes, Option<PageTable>);

/// Writes the table that the edits make of the one before, or of none. All batches are known to fit.
pub(crate) async fn write(path: FilePath, before: Option<Before>, edits: Vec<RowEdit>) -> Result<Written, Error> {
    on_cpu(move || write_now(path, before, edits)).await?
}

fn write_now(path: FilePath, before: Option<Before>, edits: Vec<RowEdit>) -> Result<Written, Error> {
    let (of, is_theirs) = (path.clone(), before.is_some());
    let edit = move || Editing::begin(path, Limits::STORED, before, &edits)?.apply(edits)?.write();
    match catch_unwind(AssertUnwindSafe(edit)) {
        Ok(written) => written,
        // The table before may be anybody's: a reader that gives up on it must not look like a defect of ours.
        Err(_) if is_theirs => Err(Error::NotATable { path: of, source: "the Parquet reader gave up on it".into() }),
        Err(_) => Err(lineal_core::Error::WorkerPanicked.into()),
    }
}

/// Writes a table anew.
#[cfg(fuzzing)]
#[expect(clippy::expect_used, reason = "the path is a constant")]
pub(crate) fn append_nothing(bytes: Bytes) {
    let path = FilePath::new("t").expect("it is a path");
    drop(write_now(path, Some((bytes, None)), Vec::new()));
}

struct Editing {
    path: FilePath,
    limits: Limits,
    schema: SchemaRef,
    before: Option<File>,
    table: Option<PageTable>,
    /// Where each column lies in the table before, once they are no longer the same; `None` for a new one.
    places: Option<Vec<Option<usize>>>,
    parts: Vec<Part>,
}

/// A stretch of the table to be.
enum Part {
    /// A row group of the table before.
    Kept(usize),
    Rows(RecordBatch),
}

impl Editing {
    fn begin(path: FilePath, limits: Limits, before: Option<Before>, edits: &[RowEdit]) -> Result<Self, Error> {
        let given = edits.iter().flat_map(RowEdit::batches).next().map(RecordBatch::schema);
        let schema = given.unwrap_or_else(|| SchemaRef::new(Schema::empty()));
        let mut editing = Self { path, limits, schema, before: None, table: None, places: None, parts: Vec::new() };
        let Some((bytes, table)) = before else { return Ok(editing) };
        let file = File::open(bytes).map_err(|error| editing.unread(error))?;
        // The table keeps its own schema, whose metadata the batches need not have.
        editing.schema = SchemaRef::clone(file.schema());
        match table.filter(|table| file.fits(table)) {
            Some(table) => {
                editing.parts = (0..table.groups.len()).map(Part::Kept).collect();
                editing.table = Some(table);
            }
            None => editing.append(file.read_all().map_err(|error| editing.unread(error))?),
        }
        editing.before = Some(file);
        Ok(editing)
    }

    fn apply(mut self, edits: Vec<RowEdit>) -> Result<Self, Error> {
        for edit in edits {
            match edit {
                RowEdit::Append(batches) => self.append(batches),
                RowEdit::Delete(keys) => self.delete(&keys)?,
                RowEdit::Evolve(evolution) => self.evolve(&evolution)?,
                RowEdit::Update(key, batches) => self.update(&key, &batches)?,
            }
        }
        Ok(self)
    }

    fn append(&mut self, batches: impl IntoIterator<Item = RecordBatch>) {
        self.parts.extend(batches.into_iter().filter(|batch| batch.num_rows() > 0).map(Part::Rows));
    }

    fn delete(&mut self, keys: &RecordBatch) -> Result<(), Error> {
        let names: Vec<String> = keys.schema_ref().fields().iter().map(|field| field.name().clone()).collect();
        let key = Key::new(&self.path, &self.schema, &names)?;
        key.check(&self.schema, keys)?;
        let keys = key.index(keys)?;
        self.change(&key, &keys, |batch| {
            let kept: BooleanArray = key.encode(batch)?.iter().map(|row| Some(keys.number(&row).is_none())).collect();
            Ok(filter_record_batch(batch, &kept))
        })
    }

    fn update(&mut self, names: &[String], batches: &[RecordBatch]) -> Result<(), Error> {
        let key = Key::new(&self.path, &self.schema, names)?;
        batches.iter().try_for_each(|batch| key.check(&self.schema, batch))?;
        let batches = batches.iter().map(|batch| batch.clone().with_schema(SchemaRef::clone(&self.schema)));
        let batches: Vec<_> = batches.collect::<Result<_, _>>().map_err(|error| self.unwritten(error))?;
        let given = concat_batches(&self.schema, &batches).map_err(|error| self.unwritten(error))?;
        let keys = key.index_unique(&given, "update")?;
        let mut used = vec![false; given.num_rows()];
        self.change(&key, &keys, |batch| {
            let mut places = Vec::with_capacity(batch.num_rows());
            for (row, found) in key.encode(batch)?.iter().enumerate() {
                let Some(number) = keys.number(&found) else {
                    places.push((0, row));
                    continue;
                };
                match used.get_mut(number) {
                    Some(used) if !*used => *used = true,
                    _ => return Err(key.duplicate(batch, row, "table")),
                }
                places.push((1, number));
            }
            Ok(interleave_record_batch(&[batch, &given], &places))
        })?;
        let new: BooleanArray = used.into_iter().map(|used| Some(!used)).collect();
        let new = filter_record_batch(&given, &new).map_err(|error| self.unwritten(error))?;
        self.append([new]);
        Ok(())
    }

    fn evolve(&mut self, evolution: &Evolution) -> Result<(), Error> {
        let (schema, places) = evolution.apply_to_arrow(&self.schema);
        self.schema = schema;
        for part in std::mem::take(&mut self.parts) {
            self.parts.push(match part {
                Part::Rows(batch) => Part::Rows(self.place(&batch, &places)?),
                Part::Kept(group) => Part::Kept(group),
            });
        }
        let before = self.places.take();
        let compose = |place: Option<usize>| match &before {
            Some(before) => before.get(place?).copied().flatten(),
            None => place,
        };
        self.places = Some(places.into_iter().map(compose).collect());
        Ok(())
    }

    /// Gives rows the columns that the table has now.
    fn place(&self, batch: &RecordBatch, places: &[Option<usize>]) -> Result<RecordBatch, Error> {
        let column = |(field, place): (&FieldRef, &Option<usize>)| match place.and_then(|at| batch.columns().get(at)) {
            Some(column) => cast(column, field.data_type()),
            None => Ok(new_null_array(field.data_type(), batch.num_rows())),
        };
        let columns = self.schema.fields().iter().zip(places).map(column).collect::<Result<_, _>>();
        let placed = columns.and_then(|columns| RecordBatch::try_new(SchemaRef::clone(&self.schema), columns));
        placed.map_err(|error| self.unwritten(error))
    }

    /// Lets `change` make new rows of every part that holds one of the keys; the others are not decoded, or only their key.
    fn change(
        &mut self,
        key: &Key,
        keys: &Keys,
        mut change: impl FnMut(&RecordBatch) -> Result<Result<RecordBatch, ArrowError>, Error>,
    ) -> Result<(), Error> {
        for part in std::mem::take(&mut self.parts) {
            let batches = match part {
                Part::Rows(batch) => vec![batch],
                Part::Kept(group) => match self.holding(group, key, keys)? {
                    Some(batches) => batches,
                    None => {
                        self.parts.push(part);
                        continue;
                    }
                },
            };
            for batch in batches {
                let changed = change(&batch)?.map_err(|error| self.unwritten(error))?;
                self.append([changed]);
            }
        }
        Ok(())
    }

    /// Reads a row group if it holds one of the keys.
    fn holding(&self, group: usize, key: &Key, keys: &Keys) -> Result<Option<Vec<RecordBatch>>, Error> {
        let table = self.table.as_ref().filter(|_| self.places.is_none());
        let facts = table.and_then(|table| table.groups.get(group));
        if facts.is_some_and(|facts| !keys.may_be_in(facts, key)) {
            return Ok(None);
        }
        for batch in self.read(group, Some(&key.columns))? {
            if key.encode(&batch)?.iter().any(|row| keys.number(&row).is_some()) {
                return self.read(group, None).map(Some);
            }
        }
        Ok(None)
    }

    fn read(&self, group: usize, columns: Option<&[usize]>) -> Result<Vec<RecordBatch>, Error> {
        let Some(file) = &self.before else { return Ok(Vec::new()) };
        let unread = |error| self.unread(error);
        let Some(places) = &self.places else { return file.read(group, columns).map_err(unread) };
        file.read(group, None).map_err(unread)?.iter().map(|batch| self.place(batch, places)).collect()
    }

    fn write(self) -> Result<Written, Error> {
        let unwritten = |error| self.unwritten(error);
        let mut writer = TableWriter::new(&self.schema, self.limits).map_err(unwritten)?;
        let last = self.parts.len().saturating_sub(1);
        for (at, part) in self.parts.iter().enumerate() {
            match part {
                Part::Rows(batch) => writer.push(batch).map_err(unwritten)?,
                Part::Kept(group) => {
                    if !self.take_over(&mut writer, *group, at == last).map_err(unwritten)? {
                        self.read(*group, None)?.iter().try_for_each(|batch| writer.push(batch)).map_err(unwritten)?;
                    }
                }
            }
        }
        writer.finish().map_err(unwritten)
    }

    /// Takes over a row group as it is, if it would come out the same.
    fn take_over(&self, writer: &mut TableWriter, group: usize, last: bool) -> Result<bool, ParquetError> {
        let (Some(file), Some(table), None) = (&self.before, &self.table, &self.places) else { return Ok(false) };
        // The last group of a table was ended by the end of the rows; others by what they hold.
        match table.groups.get(group) {
            Some(facts) if last || group + 1 < table.groups.len() => writer.take_over(file, group, facts),
            _ => Ok(false),
        }
    }

    fn unread(&self, error: ParquetError) -> Error {
        Error::NotATable { path: self.path.clone(), source: Box::new(error) }
    }

    fn unwritten(&self, error: impl Into<ParquetError>) -> Error {
        Error::WriteTable { path: self.path.clone(), source: Box::new(error.into()) }
    }
}

#[cfg(test)]
pub(super) mod tests;
