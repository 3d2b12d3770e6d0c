//! Profiles of tables, batch by batch.

use std::collections::BTreeSet;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::SchemaRef;
use rayon::prelude::*;

use super::collector::Collector;
use super::column::ColumnProfile;
use super::settings::ProfileSettings;
use super::table::TableProfile;
use crate::error::{Error, excerpt};

/// Takes the batches of one table, one after the other, and keeps only what a profile needs.
///
/// Rows are profiled in chunks of 131,072, counted from the first row on, and the chunks of a column are merged in their order. So neither
/// the number of threads nor the cut into batches can be told from the result. Batches are held until they have 2 million cells or 64 MiB,
/// so that there is work for all threads; beside them there are at most 128 KiB per column with default settings, whatever it holds.
///
/// ```
/// use std::sync::Arc;
/// use arrow::array::{Int64Array, RecordBatch};
/// use lineal_drift::profile::{ProfileSettings, TableProfiler};
///
/// let mut profiler = TableProfiler::new(ProfileSettings::default())?;
/// for day in 0..3 {
///     let rows = Int64Array::from_iter_values(day..day + 1_000);
///     profiler.add(RecordBatch::try_from_iter([("id", Arc::new(rows) as _)])?)?;
/// }
/// assert_eq!(profiler.finish()?.rows(), 3_000);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TableProfiler {
    settings: ProfileSettings,
    schema: Option<SchemaRef>,
    columns: Vec<Column>,
    /// Rows that are profiled already.
    rows: u64,
    held: Vec<RecordBatch>,
    held_cells: usize,
    held_bytes: usize,
}

/// The chunks that are complete, and the one that is not.
#[derive(Debug)]
struct Column {
    closed: Option<ColumnProfile>,
    open: Option<Collector>,
}

/// A chunk of a column, or a part of one, which runs on one thread.
struct Task {
    column: usize,
    collector: Collector,
    rows: Vec<ArrayRef>,
    /// Whether the chunk is complete with these rows.
    closes: bool,
}

impl TableProfiler {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`Error::Setting`] for a setting out of its range.
    pub fn new(settings: ProfileSettings) -> Result<Self, Error> {
        settings.check()?;
        let (schema, columns, held) = (None, Vec::new(), Vec::new());
        Ok(Self { settings, schema, columns, rows: 0, held, held_cells: 0, held_bytes: 0 })
    }

    /// Adds the rows of a batch. After an error the profiler is of no more use.
    ///
    /// # Errors
    /// [`Error::Columns`] if a name occurs twice, or the names are not those of the first batch; [`Error::TypeChanged`] if a type is not
    /// that of the first batch; [`Error::Arrow`] if Arrow cannot convert an array.
    pub fn add(&mut self, batch: RecordBatch) -> Result<(), Error> {
        self.check(batch.schema_ref())?;
        self.held_cells = self.held_cells.saturating_add(batch.num_rows().saturating_mul(batch.num_columns().max(1)));
        self.held_bytes = self.held_bytes.saturating_add(batch.get_array_memory_size());
        self.held.push(batch);
        if self.held_cells >= HELD_CELLS || self.held_bytes >= HELD_BYTES { self.flush() } else { Ok(()) }
    }

    /// Returns the profile of all rows so far.
    ///
    /// # Errors
    /// As [`TableProfiler::add`].
    pub fn finish(mut self) -> Result<TableProfile, Error> {
        self.flush()?;
        let Some(schema) = self.schema else { return Ok(TableProfile::default()) };
        let columns: Vec<ColumnProfile> = self.columns.into_par_iter().map(Column::finish).collect::<Result<_, _>>()?;
        let names = schema.fields().iter().map(|field| field.name().clone());
        Ok(TableProfile { rows: self.rows, columns: names.zip(columns).collect() })
    }

    /// Returns the memory that is kept beside the batches held, in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let column = |column: &Column| {
            column.closed.as_ref().map_or(0, ColumnProfile::size_bytes)
                + column.open.as_ref().map_or(0, Collector::size_bytes)
        };
        self.columns.iter().map(column).sum()
    }

    fn check(&mut self, schema: &SchemaRef) -> Result<(), Error> {
        let Some(first) = &self.schema else {
            let mut seen = BTreeSet::new();
            if let Some(field) = schema.fields().iter().find(|field| !seen.insert(field.name())) {
                return Err(columns(field.name(), "its name occurs twice"));
            }
            self.columns = schema.fields().iter().map(|_| Column { closed: None, open: None }).collect();
            self.schema = Some(SchemaRef::clone(schema));
            return Ok(());
        };
        let names = |schema: &SchemaRef| schema.fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>();
        if first == schema || names(first) == names(schema) {
            return Ok(());
        }
        let differing = names(schema).into_iter().find(|name| first.index_of(name).is_err());
        Err(columns(&differing.unwrap_or_default(), "the batches do not hold the same columns in the same order"))
    }

    /// Profiles the batches held.
    fn flush(&mut self) -> Result<(), Error> {
        let held = std::mem::take(&mut self.held);
        (self.held_cells, self.held_bytes) = (0, 0);
        let pieces = pieces(&held, self.rows);
        let tasks: Vec<Task> = (0..self.columns.len()).flat_map(|at| self.tasks(at, &held, &pieces)).collect();
        let done: Vec<Task> = tasks.into_par_iter().map(Task::run).collect::<Result<_, _>>()?;
        let mut by_column: Vec<Vec<Task>> = self.columns.iter().map(|_| Vec::new()).collect();
        for task in done {
            if let Some(tasks) = by_column.get_mut(task.column) {
                tasks.push(task);
            }
        }
        self.columns
            .par_iter_mut()
            .zip(by_column)
            .try_for_each(|(column, tasks)| tasks.into_iter().try_for_each(|task| column.take(task)))?;
        self.rows = self.rows.saturating_add(held.iter().map(|batch| batch.num_rows() as u64).sum());
        Ok(())
    }

    /// Returns the work on a column, one task for each chunk that has rows among the batches.
    fn tasks(&mut self, at: usize, held: &[RecordBatch], pieces: &[Piece]) -> Vec<Task> {
        let mut tasks: Vec<Task> = Vec::new();
        let mut open = self.columns.get_mut(at).and_then(|column| column.open.take());
        for piece in pieces {
            let Some(array) = held.get(piece.batch).and_then(|batch| batch.columns().get(at)) else { continue };
            let rows = array.slice(piece.start, piece.rows);
            if let Some(task) = tasks.last_mut().filter(|task| !task.closes) {
                task.rows.push(rows);
                task.closes = piece.closes;
                continue;
            }
            let name = self.schema.as_ref().and_then(|schema| schema.fields().get(at)).map_or("", |field| field.name());
            let collector =
                open.take().unwrap_or_else(|| Collector::new(array.data_type(), name, &self.settings, piece.chunk));
            tasks.push(Task { column: at, collector, rows: vec![rows], closes: piece.closes });
        }
        // Without rows the chunk stays open.
        if let Some(column) = self.columns.get_mut(at) {
            column.open = open;
        }
        tasks
    }
}

impl Task {
    fn run(mut self) -> Result<Self, Error> {
        for rows in std::mem::take(&mut self.rows) {
            self.collector.add(&rows)?;
        }
        Ok(self)
    }
}

impl Column {
    fn take(&mut self, task: Task) -> Result<(), Error> {
        if !task.closes {
            self.open = Some(task.collector);
            return Ok(());
        }
        self.close(task.collector)
    }

    fn close(&mut self, collector: Collector) -> Result<(), Error> {
        let chunk = collector.finish();
        match &mut self.closed {
            Some(closed) => closed.merge(&chunk),
            None => {
                self.closed = Some(chunk);
                Ok(())
            }
        }
    }

    fn finish(mut self) -> Result<ColumnProfile, Error> {
        if let Some(open) = self.open.take() {
            self.close(open)?;
        }
        Ok(self.closed.unwrap_or_else(|| ColumnProfile::empty(super::ProfileKind::Other, 128)))
    }
}

/// A run of rows of one batch within one chunk.
struct Piece {
    batch: usize,
    start: usize,
    rows: usize,
    chunk: u64,
    closes: bool,
}

/// Cuts batches, of which the first begins at row `first`, where chunks end. A batch without rows is one piece, for its types.
fn pieces(batches: &[RecordBatch], first: u64) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut row = first;
    for (at, batch) in batches.iter().enumerate() {
        let mut start = 0;
        loop {
            let to_end = usize::try_from(CHUNK_ROWS - row % CHUNK_ROWS).unwrap_or(usize::MAX);
            let rows = to_end.min(batch.num_rows() - start);
            pieces.push(Piece { batch: at, start, rows, chunk: row / CHUNK_ROWS, closes: rows == to_end });
            (start, row) = (start + rows, row + rows as u64);
            if start == batch.num_rows() {
                break;
            }
        }
    }
    pieces
}

fn columns(name: &str, problem: &'static str) -> Error {
    Error::Columns { column: excerpt(name), problem }
}

/// Part of what makes a profile: other chunks would give other coins.
const CHUNK_ROWS: u64 = 1 << 17;
const HELD_CELLS: usize = 1 << 21;
const HELD_BYTES: usize = 1 << 26;
