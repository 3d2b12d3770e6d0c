use std::{collections::HashMap, sync::Arc};

use arrow::{
    array::{ArrayRef, BooleanArray, RecordBatch},
    compute::{concat_batches, filter_record_batch},
    datatypes::{FieldRef, SchemaRef},
    error::ArrowError,
    row::{RowConverter, SortField},
};
use lineal_core::{FilePath, on_cpu};

use super::{RowDiff, RowEdit, key::Key};
use crate::{Error, error::excerpt};

/// What the other side did to the rows of a table, as far as this side let it.
#[derive(Debug)]
pub(crate) struct MergedRows {
    /// What makes of the table of this side the merged one.
    pub(crate) edits: Vec<RowEdit>,
    /// Keys of the rows that both sides changed, each in another way.
    pub(crate) conflicts: RecordBatch,
}

/// Merges by key what two sides did to one table; `theirs_wins` says whose row stays where both changed it.
///
/// All tables have one schema. A row is a unit: that two sides changed different cells of it is a conflict, since nothing says that
/// the cells are independent.
pub(crate) async fn merge_rows(
    path: FilePath,
    key: Vec<String>,
    ours: RowDiff,
    theirs: RowDiff,
    theirs_wins: bool,
) -> Result<MergedRows, Error> {
    on_cpu(move || Merge::new(path, key, &theirs)?.run(&ours, &theirs, theirs_wins)).await?
}

struct Merge {
    path: FilePath,
    schema: SchemaRef,
    key: Key,
    whole: RowConverter,
}

/// What became of the rows of one side: by key, the row as it is, or nothing.
type Outcome = HashMap<Box<[u8]>, Option<Box<[u8]>>>;

impl Merge {
    fn new(path: FilePath, key: Vec<String>, theirs: &RowDiff) -> Result<Self, Error> {
        let schema = theirs.added.schema();
        let key = Key::new(&path, &schema, &key)?;
        let sorted = |field: &FieldRef| SortField::new(field.data_type().clone());
        if let Some(field) = schema.fields().iter().find(|field| !RowConverter::supports_fields(&[sorted(field)])) {
            let (column, found) = (excerpt(field.name()), field.data_type().to_string());
            return Err(Error::UnsupportedType { column, found });
        }
        let whole = RowConverter::new(schema.fields().iter().map(sorted).collect())
            .map_err(|error| Error::NotATable { path: path.clone(), source: Box::new(error) })?;
        Ok(Self { path, schema, key, whole })
    }

    fn run(&self, ours: &RowDiff, theirs: &RowDiff, theirs_wins: bool) -> Result<MergedRows, Error> {
        let ours = self.outcome(ours)?;
        let (mut edits, mut conflicts) = (Vec::new(), Vec::new());
        let put =
            concat_batches(&self.schema, [&theirs.added, &theirs.changed_new]).map_err(|error| self.flaw(error))?;
        let (put, met) = self.pick(&put, true, &ours, theirs_wins)?;
        conflicts.push(met);
        let (gone, met) = self.pick(&theirs.removed, false, &ours, theirs_wins)?;
        conflicts.push(met);
        if put.num_rows() > 0 {
            let names = self.key.columns.iter().map(|at| self.schema.field(*at).name().clone()).collect();
            edits.push(RowEdit::Update(names, vec![put]));
        }
        let keys = gone.project(&self.key.columns).map_err(|error| self.flaw(error))?;
        if keys.num_rows() > 0 {
            edits.push(RowEdit::Delete(keys));
        }
        let conflicts = concat_batches(&self.schema, &conflicts).and_then(|rows| rows.project(&self.key.columns));
        Ok(MergedRows { edits, conflicts: conflicts.map_err(|error| self.flaw(error))? })
    }

    fn outcome(&self, diff: &RowDiff) -> Result<Outcome, Error> {
        let mut outcome = Outcome::new();
        for (batch, is_there) in [(&diff.added, true), (&diff.changed_new, true), (&diff.removed, false)] {
            let (keys, rows) = (self.key.encode(batch)?, self.rows(batch)?);
            for (key, row) in keys.iter().zip(rows) {
                outcome.insert(Box::from(key.data()), is_there.then_some(row));
            }
        }
        Ok(outcome)
    }

    /// Tells apart the rows that count and those that are in conflict; what both sides did alike is neither.
    fn pick(
        &self,
        batch: &RecordBatch,
        is_there: bool,
        ours: &Outcome,
        theirs_wins: bool,
    ) -> Result<(RecordBatch, RecordBatch), Error> {
        let (keys, rows) = (self.key.encode(batch)?, self.rows(batch)?);
        let (mut counts, mut conflicts) = (Vec::new(), Vec::new());
        for (key, row) in keys.iter().zip(rows) {
            let own = ours.get(key.data());
            let alike = own.is_some_and(|own| own.as_deref() == is_there.then_some(&*row));
            conflicts.push(own.is_some() && !alike);
            counts.push(own.is_none() || (theirs_wins && !alike));
        }
        let filter = |mask: Vec<bool>| filter_record_batch(batch, &BooleanArray::from(mask));
        Ok((filter(counts).map_err(|error| self.flaw(error))?, filter(conflicts).map_err(|error| self.flaw(error))?))
    }

    /// Encodes whole rows, so that they can be compared.
    fn rows(&self, batch: &RecordBatch) -> Result<Vec<Box<[u8]>>, Error> {
        let columns: Vec<ArrayRef> = batch.columns().iter().map(Arc::clone).collect();
        let rows = self.whole.convert_columns(&columns).map_err(|error| self.flaw(error))?;
        Ok(rows.iter().map(|row| Box::from(row.data())).collect())
    }

    fn flaw(&self, error: ArrowError) -> Error {
        Error::NotATable { path: self.path.clone(), source: Box::new(error) }
    }
}
