//! One of several places to count in, and the set of them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::counts::Counts;
use super::reference::MonitorReference;
use super::report::Totals;
use super::windows::{Pane, Placement, Windows};

/// What recorders and the monitor share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) reference: MonitorReference,
    pub(crate) windows: Windows,
    shards: Vec<Line>,
    /// The shard of the next recorder.
    next: AtomicUsize,
    /// Rows that have got their place, where panes are so many rows.
    tickets: AtomicU64,
}

/// Keeps neighbours off each other's cache lines, which processors fetch in pairs.
#[derive(Debug)]
#[repr(align(128))]
struct Line(Mutex<Shard>);

/// The open panes as one recorder, or a few, have counted them.
#[derive(Debug, Default)]
pub(crate) struct Shard {
    /// Number of the first open pane.
    floor: u64,
    /// From the first open pane on; as many as rows have come for.
    panes: VecDeque<Option<Box<Counts>>>,
    /// Where the pane of the last row starts, and its number; rows that follow mostly share it.
    last: Option<(i64, u64)>,
    tally: Totals,
}

impl Shared {
    pub(crate) fn new(reference: MonitorReference, windows: Windows, shards: u32, floor: u64, tickets: u64) -> Self {
        let shard = || Line(Mutex::new(Shard { floor, ..Shard::default() }));
        let shards = (0..shards.max(1)).map(|_| shard()).collect();
        Self { reference, windows, shards, next: AtomicUsize::new(0), tickets: AtomicU64::new(tickets) }
    }

    /// Returns the number of the shard whose turn it is.
    pub(crate) fn next_shard(&self) -> usize {
        // Only which shard is taken depends on the order, and no result on the shard.
        self.next.fetch_add(1, Ordering::Relaxed) % self.shards.len().max(1)
    }

    /// Locks a shard; of a panic elsewhere nothing is left half done.
    pub(crate) fn lock(&self, shard: usize) -> Option<MutexGuard<'_, Shard>> {
        self.shards.get(shard).map(|line| line.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Locks all shards, always in the same order.
    pub(crate) fn lock_all(&self) -> Vec<MutexGuard<'_, Shard>> {
        (0..self.shards.len()).filter_map(|shard| self.lock(shard)).collect()
    }

    /// Gives so many rows their place; only under the lock of a shard, so that under all locks no row is on its way.
    pub(crate) fn take_tickets(&self, rows: u64) -> u64 {
        self.tickets.fetch_add(rows, Ordering::Relaxed)
    }

    pub(crate) fn tickets(&self) -> u64 {
        self.tickets.load(Ordering::Relaxed)
    }

    /// Returns the first pane that is not full by the number of rows.
    pub(crate) fn first_not_full(&self) -> u64 {
        match self.windows.pane {
            Pane::Rows { rows } => self.tickets().checked_div(rows).unwrap_or(0),
            _ => 0,
        }
    }
}

impl Shard {
    pub(crate) fn floor(&self) -> u64 {
        self.floor
    }

    /// Returns the pane of a time, without a division where it is that of the last row.
    #[inline]
    pub(crate) fn pane_at(&mut self, windows: &Windows, time_us: i64) -> Option<u64> {
        if let (Some((start, pane)), Pane::Time { width_us, .. }) = (self.last, windows.pane)
            && time_us >= start
            && time_us.abs_diff(start) < width_us
        {
            return Some(pane);
        }
        let pane = windows.pane_at(time_us)?;
        self.last = windows.starts_at(pane).map(|start| (start, pane));
        Some(pane)
    }

    /// Returns where rows of a pane are counted, or counts them as late or ahead.
    #[inline]
    pub(crate) fn open(&mut self, shared: &Shared, pane: Option<u64>, rows: u64) -> Result<&mut Counts, Placement> {
        let Some(behind) = pane.and_then(|pane| pane.checked_sub(self.floor)) else {
            self.tally.late = self.tally.late.saturating_add(rows);
            return Err(Placement::Late);
        };
        if behind >= u64::from(shared.windows.open_panes) {
            self.tally.ahead = self.tally.ahead.saturating_add(rows);
            return Err(Placement::Ahead);
        }
        self.tally.rows = self.tally.rows.saturating_add(rows);
        let at = usize::try_from(behind).unwrap_or(usize::MAX);
        if at >= self.panes.len() {
            self.panes.resize_with(at + 1, || None);
        }
        match self.panes.get_mut(at) {
            Some(place) => Ok(place.get_or_insert_with(|| Box::new(Counts::empty(&shared.reference)))),
            None => Err(Placement::Ahead),
        }
    }

    pub(crate) fn reject(&mut self) {
        self.tally.rejected = self.tally.rejected.saturating_add(1);
    }

    /// Takes out the panes before `floor`, which is not below the present one.
    pub(crate) fn take_before(&mut self, floor: u64) -> Vec<(u64, Box<Counts>)> {
        let due = usize::try_from(floor.saturating_sub(self.floor)).unwrap_or(usize::MAX).min(self.panes.len());
        let numbers = numbers_from(self.floor);
        let taken =
            self.panes.drain(..due).zip(numbers).filter_map(|(counts, pane)| counts.map(|c| (pane, c))).collect();
        self.floor = floor;
        taken
    }

    pub(crate) fn take_tally(&mut self) -> Totals {
        std::mem::take(&mut self.tally)
    }

    /// Forgets what was counted elsewhere already.
    pub(crate) fn forget_tally(&mut self) {
        self.tally = Totals::default();
    }

    pub(crate) fn tally(&self) -> &Totals {
        &self.tally
    }

    /// Adds the open panes to `sums`.
    pub(crate) fn add_open(&self, reference: &MonitorReference, sums: &mut BTreeMap<u64, Counts>) {
        for (counts, pane) in self.panes.iter().zip(numbers_from(self.floor)) {
            if let Some(counts) = counts {
                sums.entry(pane).or_insert_with(|| Counts::empty(reference)).merge(counts);
            }
        }
    }
}

/// Numbers of panes; the last one there is never comes to an overflow.
fn numbers_from(first: u64) -> impl Iterator<Item = u64> {
    (0..).map(move |at| first.saturating_add(at))
}
