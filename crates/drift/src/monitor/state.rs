//! What a monitor saves across restarts.

use lineal_core::Digest;
use serde::{Deserialize, Serialize};

use super::counts::PaneCounts;
use super::judge::Alarms;
use super::reference::MonitorReference;
use super::report::Totals;
use super::windows::{Pane, Windows};
use crate::error::Error;

/// The state of a [`Monitor`](super::Monitor): counts, findings and totals, without reference and settings.
///
/// Versioned; exact integers only. Nothing in it is believed: [`Monitor::restore`](super::Monitor::restore) checks it against the reference.
///
/// ```
/// # use std::sync::Arc;
/// # use arrow::array::{Float64Array, RecordBatch};
/// use lineal_drift::monitor::{Monitor, MonitorReference, MonitorSettings, MonitorState, Value, Windows};
/// # let temp = Float64Array::from_iter_values((0..1000).map(f64::from));
/// # let batch = RecordBatch::try_from_iter([("temp", Arc::new(temp) as _)])?;
/// # let reference = MonitorReference::build(&[batch], &Default::default())?;
/// let (windows, settings) = (Windows::of_chunks(), MonitorSettings::default());
/// let monitor = Monitor::new(reference.clone(), windows.clone(), settings.clone())?;
/// monitor.recorder().record(&[Value::Number(7.0)])?;
/// let saved = serde_json::to_string(&monitor.state())?;
///
/// let state: MonitorState = serde_json::from_str(&saved)?;
/// let mut monitor = Monitor::restore(reference, windows, settings, &state)?;
/// assert_eq!(monitor.close()?[0].rows, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MonitorState {
    version: u32,
    reference: Digest,
    windows: Windows,
    floor: u64,
    tickets: u64,
    open: Vec<PaneCounts>,
    ended: Vec<PaneCounts>,
    alarms: Vec<Alarms>,
    totals: Totals,
}

impl MonitorState {
    pub(crate) fn new(
        reference: &MonitorReference,
        windows: Windows,
        (floor, tickets): (u64, u64),
        (open, ended): (Vec<PaneCounts>, Vec<PaneCounts>),
        alarms: Vec<Alarms>,
        totals: Totals,
    ) -> Self {
        Self { version: VERSION, reference: reference.digest(), windows, floor, tickets, open, ended, alarms, totals }
    }

    /// Refuses a state that cannot be gone on from.
    pub(crate) fn check(&self, reference: &MonitorReference, windows: &Windows) -> Result<(), Error> {
        let saved = |reason| Err(Error::Saved { what: "state", reason });
        if self.version != VERSION {
            return saved("its version is unknown");
        }
        if self.reference != reference.digest() {
            return saved("it is of another reference");
        }
        if self.windows != *windows {
            return saved("it is of other windows");
        }
        let tickets_fit = match windows.pane {
            Pane::Rows { rows } => self.tickets.checked_div(rows).is_some_and(|pane| pane >= self.floor),
            _ => self.tickets == 0,
        };
        if !tickets_fit {
            return saved("its rows do not reach its open panes");
        }
        for pane in self.open.iter().chain(&self.ended) {
            pane.checked(reference)?;
        }
        let open_panes = u64::from(windows.open_panes);
        let is_open = |pane: &PaneCounts| pane.pane().checked_sub(self.floor).is_some_and(|at| at < open_panes);
        if !self.open.iter().all(is_open) || !ascend(&self.open, |step| step >= 1) {
            return saved("its open panes do not lie where they may");
        }
        let has_ended = |pane: &PaneCounts| pane.pane() < self.floor;
        if self.ended.len() >= windows.panes_per_window as usize
            || !self.ended.iter().all(has_ended)
            || !ascend(&self.ended, |step| step == 1)
        {
            return saved("its ended panes do not make the beginning of a window");
        }
        Ok(())
    }

    pub(crate) fn floor(&self) -> u64 {
        self.floor
    }

    pub(crate) fn tickets(&self) -> u64 {
        self.tickets
    }

    pub(crate) fn open(&self) -> &[PaneCounts] {
        &self.open
    }

    pub(crate) fn ended(&self) -> &[PaneCounts] {
        &self.ended
    }

    pub(crate) fn alarms(&self) -> &[Alarms] {
        &self.alarms
    }

    pub(crate) fn totals(&self) -> &Totals {
        &self.totals
    }
}

fn ascend(panes: &[PaneCounts], step: impl Fn(u64) -> bool) -> bool {
    let steps = |pair: &[PaneCounts]| match pair {
        [one, next] => next.pane().checked_sub(one.pane()).is_some_and(&step),
        _ => true,
    };
    panes.windows(2).all(steps)
}

const VERSION: u32 = 1;
