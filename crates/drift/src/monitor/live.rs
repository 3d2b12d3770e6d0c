//! The monitor itself: ends panes, makes windows of them, and has them judged.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::counts::{Counts, PaneCounts};
use super::judge::Judge;
use super::policy::MonitorSettings;
use super::recorder::Recorder;
use super::reference::MonitorReference;
use super::report::{Totals, WindowReport};
use super::shard::Shared;
use super::state::MonitorState;
use super::windows::{Pane, Placement, Windows};
use crate::error::Error;

/// Watches rows of any number of threads against a reference, window by window.
///
/// Threads count through a [`Recorder`] each; one place owns the monitor, ends windows and reads the reports. Nothing is stored, no
/// thread runs, no clock is read. The same rows give the same report, bit for bit, however they are spread over threads and batches
/// (of windows of so many rows: if the same rows are in them).
///
/// ```
/// use std::sync::Arc;
/// use arrow::array::{Float64Array, RecordBatch};
/// use lineal_drift::monitor::{Monitor, MonitorReference, MonitorSettings, Phase, Value, Windows};
///
/// let temp = Float64Array::from_iter_values((0..10_000).map(|i| f64::from(i % 500)));
/// let batch = RecordBatch::try_from_iter([("temp", Arc::new(temp) as _)])?;
/// let reference = MonitorReference::build(&[batch], &Default::default())?;
///
/// let hour_us = 3_600_000_000;
/// let mut monitor = Monitor::new(reference, Windows::of_time(0, hour_us), MonitorSettings::default())?;
/// let recorder = monitor.recorder(); // one for each thread
/// for i in 0..1_000 {
///     recorder.record_at(i * 1_000, &[Value::Number(200.0 + (i % 500) as f64)])?;
/// }
/// let reports = monitor.close_until(hour_us as i64)?;
/// let finding = &reports[0].findings[0];
/// assert_eq!((finding.feature.as_str(), finding.phase), ("temp", Phase::Raised));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Monitor {
    shared: Arc<Shared>,
    judge: Judge,
    /// Number of the first open pane.
    floor: u64,
    /// The newest panes that ended: as many as a window has, less one.
    ended: VecDeque<PaneCounts>,
    totals: Totals,
    latest: Option<WindowReport>,
}

impl Monitor {
    /// Starts with no rows.
    ///
    /// # Errors
    /// [`Error::Setting`] for a setting out of range, [`Error::NotApplicable`] for a method that a monitor does not know or that does not go
    /// with a feature, [`Error::Columns`] for settings of a feature that the reference does not have, [`Error::TooFew`] for
    /// thresholds from chunks that the reference was not built with.
    pub fn new(reference: MonitorReference, windows: Windows, settings: MonitorSettings) -> Result<Self, Error> {
        Self::starting_at(reference, windows, settings, 0, 0)
    }

    fn starting_at(
        reference: MonitorReference,
        windows: Windows,
        settings: MonitorSettings,
        floor: u64,
        tickets: u64,
    ) -> Result<Self, Error> {
        windows.check()?;
        let shards = settings.shards;
        let judge = Judge::new(&reference, settings)?;
        let shared = Arc::new(Shared::new(reference, windows, shards, floor, tickets));
        Ok(Self { shared, judge, floor, ended: VecDeque::new(), totals: Totals::default(), latest: None })
    }

    /// Returns a handle to record with, in the next shard.
    #[must_use]
    pub fn recorder(&self) -> Recorder {
        Recorder::new(Arc::clone(&self.shared))
    }

    /// Returns the reference.
    #[must_use]
    pub fn reference(&self) -> &MonitorReference {
        &self.shared.reference
    }

    /// Returns the windows.
    #[must_use]
    pub fn windows(&self) -> &Windows {
        &self.shared.windows
    }

    /// Ends every pane that is full, or the open chunk, and reports the windows they complete.
    ///
    /// The first window of a size or reference takes the time of its simulations, some ten milliseconds for each different feature.
    ///
    /// # Errors
    /// [`Error::Windows`] if windows are of time: [`Monitor::close_until`].
    pub fn close(&mut self) -> Result<Vec<WindowReport>, Error> {
        let panes = self.take()?;
        Ok(panes.into_iter().filter_map(|pane| self.complete(pane)).collect())
    }

    /// Ends every pane that lies behind `time_us` by more than the allowed lateness, and reports the windows they complete.
    ///
    /// Windows without rows are reported, too, but at most so many as panes may be open: what a longer silence holds is skipped and counted, and
    /// sliding windows begin anew behind it. A time before that of an earlier call does nothing.
    ///
    /// # Errors
    /// [`Error::Windows`] if windows are not of time: [`Monitor::close`].
    pub fn close_until(&mut self, time_us: i64) -> Result<Vec<WindowReport>, Error> {
        let panes = self.take_until(time_us)?;
        Ok(panes.into_iter().filter_map(|pane| self.complete(pane)).collect())
    }

    /// Ends panes as [`Monitor::close`] does, and returns their counts instead of judging them.
    ///
    /// For replicas: one monitor takes the panes of all by [`Monitor::add`].
    ///
    /// # Errors
    /// [`Error::Windows`] if windows are of time.
    pub fn take(&mut self) -> Result<Vec<PaneCounts>, Error> {
        self.windows().require_time(false)?;
        Ok(self.take_before(|shared, floor| match shared.windows.pane {
            Pane::Rows { .. } => shared.first_not_full(),
            _ => floor.saturating_add(1),
        }))
    }

    /// Ends panes as [`Monitor::close_until`] does, and returns their counts instead of judging them.
    ///
    /// # Errors
    /// [`Error::Windows`] if windows are not of time.
    pub fn take_until(&mut self, time_us: i64) -> Result<Vec<PaneCounts>, Error> {
        self.windows().require_time(true)?;
        Ok(self.take_before(|shared, _| {
            let pane = shared.windows.pane_at(time_us).unwrap_or(0);
            pane.saturating_sub(u64::from(shared.windows.allowed_lateness))
        }))
    }

    /// Adds the counts of a pane of a replica, as if its rows had been recorded here.
    ///
    /// Only panes of so many rows are then of another size: they end here by the rows recorded here.
    ///
    /// # Errors
    /// [`Error::Saved`] if it was counted by another reference, or holds nonsense.
    pub fn add(&mut self, pane: &PaneCounts) -> Result<Placement, Error> {
        let counts = pane.checked(&self.shared.reference)?;
        let Some(mut shard) = self.shared.lock(0) else { return Ok(Placement::Ahead) };
        match shard.open(&self.shared, Some(pane.pane()), counts.rows) {
            Ok(open) => open.merge(counts),
            Err(elsewhere) => return Ok(elsewhere),
        }
        Ok(Placement::Counted)
    }

    /// Returns what was seen so far, open panes included.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let mut totals = self.totals;
        self.shared.lock_all().iter().for_each(|shard| totals.add(shard.tally()));
        totals
    }

    /// Returns the last window reported since the monitor was made or restored.
    #[must_use]
    pub fn latest(&self) -> Option<&WindowReport> {
        self.latest.as_ref()
    }

    /// Returns all there is to save: open panes, panes of unfinished sliding windows, findings, totals.
    ///
    /// Rows recorded meanwhile are in it or not, each as a whole.
    #[must_use]
    pub fn state(&self) -> MonitorState {
        let (mut open, mut totals) = (BTreeMap::new(), self.totals);
        let shards = self.shared.lock_all();
        for shard in &shards {
            shard.add_open(&self.shared.reference, &mut open);
            totals.add(shard.tally());
        }
        let tickets = self.shared.tickets();
        drop(shards);
        let pane = |(pane, counts)| PaneCounts::new(&self.shared.reference, pane, counts);
        MonitorState::new(
            &self.shared.reference,
            self.windows().clone(),
            (self.floor, tickets),
            (open.into_iter().map(pane).collect(), self.ended.iter().cloned().collect()),
            self.judge.alarms(),
            totals,
        )
    }

    /// Goes on where a saved state ended. Settings may have changed since; windows may not.
    ///
    /// # Errors
    /// [`Error::Saved`] if the state is of another reference or of other windows, or holds nonsense; otherwise as [`Monitor::new`].
    pub fn restore(
        reference: MonitorReference,
        windows: Windows,
        settings: MonitorSettings,
        state: &MonitorState,
    ) -> Result<Self, Error> {
        state.check(&reference, &windows)?;
        let mut monitor = Self::starting_at(reference, windows, settings, state.floor(), state.tickets())?;
        monitor.judge.restore(state.alarms())?;
        for pane in state.open() {
            monitor.add(pane)?;
        }
        // What is open was counted when it was recorded.
        monitor.shared.lock_all().iter_mut().for_each(|shard| shard.forget_tally());
        (monitor.ended, monitor.totals) = (state.ended().iter().cloned().collect(), *state.totals());
        Ok(monitor)
    }

    /// Takes the panes before the one that `until` says, which sees all shards at rest.
    fn take_before(&mut self, until: impl FnOnce(&Shared, u64) -> u64) -> Vec<PaneCounts> {
        let mut shards = self.shared.lock_all();
        let (from, to) = (self.floor, until(&self.shared, self.floor).max(self.floor));
        if from == to {
            return Vec::new();
        }
        let taken: Vec<_> = shards.iter_mut().flat_map(|shard| shard.take_before(to)).collect();
        shards.iter_mut().for_each(|shard| self.totals.add(&shard.take_tally()));
        drop(shards);
        let reported = to.min(from.saturating_add(u64::from(self.shared.windows.open_panes)));
        let empty = |pane| (pane, Counts::empty(&self.shared.reference));
        let mut panes: BTreeMap<u64, Counts> = (from..reported).map(empty).collect();
        for (pane, counts) in taken {
            if let Some(sum) = panes.get_mut(&pane) {
                sum.merge(&counts);
            }
        }
        self.floor = to;
        self.totals.skipped_panes = self.totals.skipped_panes.saturating_add(to - reported);
        panes.into_iter().map(|(pane, counts)| PaneCounts::new(&self.shared.reference, pane, counts)).collect()
    }

    /// Takes a pane that ended, and reports the window it completes.
    fn complete(&mut self, pane: PaneCounts) -> Option<WindowReport> {
        let wanted = self.shared.windows.panes_per_window as usize;
        let follows = |last: &PaneCounts| last.pane().checked_add(1) == Some(pane.pane());
        if !self.ended.back().is_none_or(follows) {
            self.ended.clear();
        }
        self.ended.push_back(pane);
        if self.ended.len() < wanted {
            return None;
        }
        let (first, last) = (self.ended.front()?.pane(), self.ended.back()?.pane());
        let mut window = Counts::empty(&self.shared.reference);
        self.ended.iter().for_each(|pane| window.merge(pane.counts()));
        self.ended.pop_front();
        let bounds = self.shared.windows.bounds(first, last);
        let report = self.judge.judge(&self.shared.reference, bounds, &window, &mut self.totals);
        self.latest = Some(report.clone());
        Some(report)
    }
}
