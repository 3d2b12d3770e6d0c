//! The way in: rows and batches from any thread.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;

use super::batch::Columns;
use super::shard::{Shard, Shared};
use super::value::Value;
use super::windows::{BatchPlacement, Pane, Placement};
use crate::error::Error;

/// Counts rows for a [`Monitor`](super::Monitor).
///
/// One for each thread or task: a clone counts in the next shard. Recording takes one lock that nobody else wants unless there are more
/// recorders than shards, and allocates only for the first row of a pane and for unknown labels. A row is in its pane with all its
/// values or not at all.
///
/// ```
/// # use std::sync::Arc;
/// # use arrow::array::{Float64Array, RecordBatch};
/// use lineal_drift::monitor::{Monitor, MonitorReference, MonitorSettings, Placement, Value, Windows};
/// # let temp = Float64Array::from_iter_values((0..1000).map(f64::from));
/// # let batch = RecordBatch::try_from_iter([("temp", Arc::new(temp) as _)])?;
/// # let reference = MonitorReference::build(&[batch.clone()], &Default::default())?;
/// let mut monitor = Monitor::new(reference, Windows::of_rows(2_000), MonitorSettings::default())?;
/// std::thread::scope(|scope| {
///     for thread in 0..4 {
///         let recorder = monitor.recorder();
///         scope.spawn(move || (0..250).map(|i| recorder.record(&[Value::Number(f64::from(4 * i + thread))])).collect::<Vec<_>>());
///     }
/// });
/// assert!(monitor.recorder().record_batch(&batch)?.filled);
/// assert_eq!(monitor.close()?[0].rows, 2_000);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Recorder {
    shared: Arc<Shared>,
    shard: usize,
}

impl Clone for Recorder {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.shared))
    }
}

impl Recorder {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let shard = shared.next_shard();
        Self { shared, shard }
    }

    /// Counts a row: one value for each feature, in the order of [`MonitorReference::feature_names`](super::MonitorReference::feature_names).
    ///
    /// # Errors
    /// [`Error::Rows`] for a row of another length, [`Error::Windows`] if windows are of time; nothing is counted but the rejection.
    pub fn record(&self, row: &[Value<'_>]) -> Result<Placement, Error> {
        self.checked(false, || self.require_length(row))?;
        self.add(row, |shared, shard| match shared.windows.pane {
            Pane::Rows { rows } => {
                let ticket = shared.take_tickets(1);
                (ticket.checked_div(rows), ticket.wrapping_add(1).checked_rem(rows) == Some(0))
            }
            _ => (Some(shard.floor()), false),
        })
    }

    /// Counts a row in the pane of its time, in microseconds of the origin of the windows.
    ///
    /// # Errors
    /// [`Error::Rows`] for a row of another length, [`Error::Windows`] if windows are not of time; nothing is counted but the rejection.
    pub fn record_at(&self, time_us: i64, row: &[Value<'_>]) -> Result<Placement, Error> {
        self.checked(true, || self.require_length(row))?;
        self.add(row, |shared, shard| (shard.pane_at(&shared.windows, time_us), false))
    }

    /// Counts the rows of a batch, which holds the features by name; other columns do not matter.
    ///
    /// # Errors
    /// [`Error::Columns`] if it does not hold a feature exactly once, [`Error::TypeChanged`] and [`Error::UnsupportedType`] if it
    /// does with other values than the reference, [`Error::Windows`] if windows are of time. Nothing is counted but the rejection.
    pub fn record_batch(&self, batch: &RecordBatch) -> Result<BatchPlacement, Error> {
        let columns = self.checked(false, || Columns::read(&self.shared.reference, batch))?;
        let mut placed = BatchPlacement::default();
        for rows in slices(columns.rows()) {
            let Some(mut shard) = self.shared.lock(self.shard) else { continue };
            let Pane::Rows { rows: of_pane } = self.shared.windows.pane else {
                let pane = Some(shard.floor());
                self.add_run(&mut shard, &columns, rows, pane, &mut placed);
                continue;
            };
            let mut ticket = self.shared.take_tickets(rows.len() as u64);
            let mut from = rows.start;
            while from < rows.end {
                let room = of_pane - ticket.checked_rem(of_pane).unwrap_or(0);
                let to = rows.end.min(from.saturating_add(usize::try_from(room).unwrap_or(usize::MAX)));
                self.add_run(&mut shard, &columns, from..to, ticket.checked_div(of_pane), &mut placed);
                placed.filled |= (to - from) as u64 == room;
                ticket = ticket.wrapping_add((to - from) as u64);
                from = to;
            }
        }
        Ok(placed)
    }

    /// Counts the rows of a batch, each in the pane of its time.
    ///
    /// # Errors
    /// As [`Recorder::record_batch`], and [`Error::Rows`] if there are not as many times as rows; [`Error::Windows`] if windows are not of time.
    pub fn record_batch_at(&self, times_us: &[i64], batch: &RecordBatch) -> Result<BatchPlacement, Error> {
        let columns = self.checked(true, || {
            if times_us.len() != batch.num_rows() {
                return Err(Error::Rows {
                    what: "times of a batch",
                    expected: batch.num_rows(),
                    actual: times_us.len(),
                });
            }
            Columns::read(&self.shared.reference, batch)
        })?;
        let mut placed = BatchPlacement::default();
        for rows in slices(columns.rows()) {
            let Some(mut shard) = self.shared.lock(self.shard) else { continue };
            let mut run: Option<(usize, Option<u64>)> = None;
            for (row, time_us) in rows.clone().zip(times_us.get(rows.clone()).unwrap_or_default()) {
                let pane = shard.pane_at(&self.shared.windows, *time_us);
                match run {
                    Some((_, of_run)) if of_run == pane => {}
                    _ => {
                        if let Some((from, of_run)) = run.replace((row, pane)) {
                            self.add_run(&mut shard, &columns, from..row, of_run, &mut placed);
                        }
                    }
                }
            }
            if let Some((from, pane)) = run {
                self.add_run(&mut shard, &columns, from..rows.end, pane, &mut placed);
            }
        }
        Ok(placed)
    }

    #[inline]
    fn add(
        &self,
        row: &[Value<'_>],
        place: impl FnOnce(&Shared, &mut Shard) -> (Option<u64>, bool),
    ) -> Result<Placement, Error> {
        let Some(mut shard) = self.shared.lock(self.shard) else { return Ok(Placement::Ahead) };
        let (pane, fills) = place(&self.shared, &mut shard);
        match shard.open(&self.shared, pane, 1) {
            Ok(counts) => counts.add_row(&self.shared.reference, row),
            Err(elsewhere) => return Ok(elsewhere),
        }
        Ok(if fills { Placement::Filled } else { Placement::Counted })
    }

    /// Counts neighbouring rows that share a pane.
    fn add_run(
        &self,
        shard: &mut Shard,
        columns: &Columns,
        rows: Range<usize>,
        pane: Option<u64>,
        placed: &mut BatchPlacement,
    ) {
        let number = rows.len() as u64;
        match shard.open(&self.shared, pane, number) {
            Ok(counts) => {
                columns.add_rows(&self.shared.reference, rows, counts);
                placed.counted += number;
            }
            Err(Placement::Late) => placed.late += number,
            Err(_) => placed.ahead += number,
        }
    }

    fn require_length(&self, row: &[Value<'_>]) -> Result<(), Error> {
        let expected = self.shared.reference.features().len();
        match row.len() == expected {
            true => Ok(()),
            false => Err(Error::Rows { what: "a row", expected, actual: row.len() }),
        }
    }

    /// Counts an error as a rejection.
    #[inline]
    fn checked<T>(&self, time: bool, check: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        let checked = self.shared.windows.require_time(time).and_then(|()| check());
        if checked.is_err()
            && let Some(mut shard) = self.shared.lock(self.shard)
        {
            shard.reject();
        }
        checked
    }
}

/// Cuts a batch so that whoever ends a pane does not wait for all of it.
fn slices(rows: usize) -> impl Iterator<Item = Range<usize>> {
    (0..rows).step_by(ROWS_UNDER_LOCK).map(move |from| from..rows.min(from + ROWS_UNDER_LOCK))
}

const ROWS_UNDER_LOCK: usize = 1 << 13;
